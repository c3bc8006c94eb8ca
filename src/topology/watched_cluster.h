// One cluster that a feed watches: what its keys say, what the Buffer is told of them, and what the
// users of the feed see.
#ifndef FAILOVER_SRC_TOPOLOGY_WATCHED_CLUSTER_H_
#define FAILOVER_SRC_TOPOLOGY_WATCHED_CLUSTER_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/mutex.h"
#include "failover/handles.h"
#include "failover/switchover.h"
#include "failover/topology/patroni_feed.h"
#include "topology/announced_hold.h"
#include "topology/cluster_view.h"
#include "topology/etcd_watcher.h"

namespace failover::topology::internal {

// Belongs to the thread of its feed, but for State. The options and the logger must outlive it.
class WatchedCluster final : public EtcdListener {
 public:
  WatchedCluster(const PatroniFeedOptions& options, const PatroniShard& shard,
                 const failover::internal::Logger& logger);

  WatchedCluster(const WatchedCluster&) = delete;
  WatchedCluster& operator=(const WatchedCluster&) = delete;

  const PatroniShard& shard() const { return shard_; }
  const std::string& prefix() const { return view_.prefix(); }

  // Does with the Buffer what the keys say by now, and tells what has changed. Must be called after
  // the watcher has gone on, and when it is due.
  void Step(AnnouncedHold::Time now);
  AnnouncedHold::Time due() const;
  // Calls off the switchover that is under way, if there is one.
  void End();

  // Thread-safe.
  PatroniState State() const;

  void OnRange(const RangeReply& reply) override { view_.TakeRange(reply); }
  void OnWatch(const WatchReply& reply) override { view_.TakeWatch(reply); }
  void OnNewNumbering(absl::string_view why) override;
  void OnConnected(absl::string_view endpoint) override;
  void OnTrouble(const absl::Status& problem) override;
  std::int64_t revision() const override { return view_.revision(); }

 private:
  void StepHold(AnnouncedHold::Time now);
  void Begin(AnnouncedHold::Time now);
  void Commit();
  void Abort(absl::string_view why);
  void NoteEndOfHold();
  void Publish();
  void Log(LogLevel level, absl::string_view text) const;

  const PatroniFeedOptions& options_;
  const PatroniShard shard_;
  const failover::internal::Logger& logger_;
  ClusterView view_;
  AnnouncedHold hold_;
  ShardHandle handle_;  // inert without a Buffer
  std::optional<Switchover> switchover_;
  bool connected_ = false;
  absl::Status last_error_;
  // The problems that were logged since the watch stood.
  std::set<std::string> told_;
  bool dirty_ = false;  // something beside the view has changed

  mutable failover::internal::Mutex mutex_;
  PatroniState state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace failover::topology::internal

#endif  // FAILOVER_SRC_TOPOLOGY_WATCHED_CLUSTER_H_
