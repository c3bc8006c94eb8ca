// Decides when an announced switchover of a cluster begins a hold, and how the hold ends. Knows
// neither etcd nor the Buffer, and no clock.
#ifndef FAILOVER_SRC_TOPOLOGY_ANNOUNCED_HOLD_H_
#define FAILOVER_SRC_TOPOLOGY_ANNOUNCED_HOLD_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "topology/cluster_view.h"

namespace failover::topology::internal {

// What shall be done with the shard.
enum class HoldStep : std::uint8_t {
  kNone,
  kBegin,   // try to begin the hold, and tell Begun or NotNow
  kAbort,   // call the hold off
  kCommit,  // the leader was replaced
};

// Not thread-safe.
class AnnouncedHold {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit AnnouncedHold(absl::Duration longest) : longest_(longest) {}

  // Must be called after each change of the view, and when it is due. `wall` is the wall clock,
  // with which scheduled times compare.
  HoldStep Next(const ClusterView& view, absl::Time wall, Time now);

  // The hold that kBegin asked for has begun.
  void Begun() { stage_ = Stage::kHolding; }
  // The shard cannot hold at the moment, or never (`again` is false).
  void NotNow(bool again, Time now);
  // The hold has ended without the feed.
  void Ended() { stage_ = Stage::kIdle; }

  bool holding() const { return stage_ == Stage::kHolding; }
  // When Next must be called at the latest.
  Time due() const { return due_; }

 private:
  enum class Stage : std::uint8_t { kIdle, kBeginning, kHolding };

  HoldStep NextIdle(const ClusterView& view, absl::Time wall, Time now);
  HoldStep NextBeginning(const ClusterView& view, absl::Time wall, Time now);
  HoldStep NextHolding(const ClusterView& view, absl::Time wall, Time now);
  bool LeaderReplaced(const ClusterView& view) const;
  HoldStep End(HoldStep step);

  const absl::Duration longest_;
  Stage stage_ = Stage::kIdle;
  Time due_ = Time::max();
  // The newest announcement that has led to a hold, or was found too old for one.
  std::uint64_t seen_numbering_ = 0;
  std::int64_t seen_revision_ = 0;
  // These describe the announcement that the stage is about.
  std::uint64_t numbering_ = 0;
  Leader leader_;
  Time give_up_;
  // When the leader of before was seen to have its key again. nullopt: it has not.
  std::optional<Time> back_since_;
};

}  // namespace failover::topology::internal

#endif  // FAILOVER_SRC_TOPOLOGY_ANNOUNCED_HOLD_H_
