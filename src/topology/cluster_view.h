// What the keys of one cluster say, after all that was read and watched. The order of what arrives
// does not matter: revisions tell what is newer.
#ifndef FAILOVER_SRC_TOPOLOGY_CLUSTER_VIEW_H_
#define FAILOVER_SRC_TOPOLOGY_CLUSTER_VIEW_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "failover/topology/patroni_feed.h"
#include "topology/etcd_messages.h"

namespace failover::topology::internal {

struct Leader {
  // Empty: nobody leads.
  std::string name;
  // The term of the last leader. 0: there was none.
  std::int64_t term = 0;
};

struct Announced {
  PatroniSwitchover switchover;
  // The revision of the key. With the numbering, it tells two announcements apart.
  std::int64_t revision = 0;
};

// Not thread-safe.
class ClusterView {
 public:
  // `prefix` as PrefixOf gives it.
  explicit ClusterView(std::string prefix) : prefix_(std::move(prefix)) {}

  const std::string& prefix() const { return prefix_; }

  // All keys of the cluster. Ignored if something newer was seen.
  void TakeRange(const RangeReply& reply);
  // One line of the watch.
  void TakeWatch(const WatchReply& reply);
  // The revisions that follow are those of another store, and may be lower. What is known stays
  // until the next TakeRange.
  void BeginNewNumbering();

  bool known() const { return known_; }
  const Leader& leader() const { return leader_; }
  const std::optional<Announced>& announced() const { return announced_; }
  std::vector<PatroniMember> Members() const;
  // How many stores were seen before the present one.
  std::uint64_t numbering() const { return numbering_; }
  // Everything up to this revision is taken in.
  std::int64_t revision() const { return revision_; }

  // Returns whether something that State tells has changed since the last call.
  bool TakeChanged();
  // Returns what could not be read since the last call, as lines for the log.
  std::vector<std::string> TakeProblems();

 private:
  void Put(const EtcdKey& key);
  void Delete(absl::string_view name);
  void SetLeader(const EtcdKey& key);
  void PutMember(absl::string_view name, const std::string& value);
  void SetAnnouncement(const EtcdKey& key);
  // The name of a key below the prefix. Empty: the key lies elsewhere.
  absl::string_view NameOf(const EtcdKey& key) const;
  void DeleteAllBut(const RangeReply& reply);
  void NoteProblem(absl::string_view name, const absl::Status& problem);

  const std::string prefix_;
  bool known_ = false;
  Leader leader_;
  // When the key of the leader was made, by its store.
  std::int64_t leader_created_ = 0;
  std::map<std::string, PatroniMember, std::less<>> members_;
  std::optional<Announced> announced_;
  std::int64_t revision_ = 0;
  std::uint64_t numbering_ = 0;
  // Is added to the revisions of the present store, so that terms grow from store to store.
  std::int64_t terms_before_ = 0;
  bool new_numbering_ = false;
  bool changed_ = false;
  std::vector<std::string> problems_;
  // The problem of each key, so that each is told once.
  std::map<std::string, std::string, std::less<>> told_;
};

}  // namespace failover::topology::internal

#endif  // FAILOVER_SRC_TOPOLOGY_CLUSTER_VIEW_H_
