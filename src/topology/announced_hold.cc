#include "topology/announced_hold.h"

#include <algorithm>

namespace failover::topology::internal {
namespace {

// A shard that holds or drains already is asked again after so long.
constexpr std::chrono::milliseconds kTryAgain(10);
// The key of a leader is up to 0.6 s early. Reports of the server should come before this is over.
constexpr std::chrono::seconds kKeyIsEarly(1);
// A scheduled time may be far away, and the wall clock may be set meanwhile.
constexpr absl::Duration kLookAgain = absl::Seconds(1);

// Whether the announcement is about the leader of now.
bool Concerns(const Announced& announced, const Leader& leader) {
  const PatroniSwitchover& switchover = announced.switchover;
  if (leader.name.empty() || switchover.candidate == leader.name) return false;
  return switchover.leader.empty() || switchover.leader == leader.name;
}

absl::Duration UntilDue(const Announced& announced, absl::Time wall) {
  const std::optional<absl::Time>& at = announced.switchover.scheduled_at;
  return at.has_value() ? *at - wall : absl::ZeroDuration();
}

bool IsDue(const Announced& announced, absl::Time wall) {
  return UntilDue(announced, wall) <= absl::ZeroDuration();
}

}  // namespace

HoldStep AnnouncedHold::Next(const ClusterView& view, absl::Time wall, Time now) {
  due_ = Time::max();
  switch (stage_) {
    case Stage::kIdle:
      return NextIdle(view, wall, now);
    case Stage::kBeginning:
      return NextBeginning(view, wall, now);
    case Stage::kHolding:
      return NextHolding(view, wall, now);
  }
  return HoldStep::kNone;
}

void AnnouncedHold::NotNow(bool again, Time now) {
  if (again) {
    due_ = now + kTryAgain;
  } else {
    stage_ = Stage::kIdle;
  }
}

HoldStep AnnouncedHold::NextIdle(const ClusterView& view, absl::Time wall, Time now) {
  const std::optional<Announced>& announced = view.announced();
  if (!announced.has_value() || !Concerns(*announced, view.leader())) return HoldStep::kNone;
  if (view.numbering() == seen_numbering_ && announced->revision == seen_revision_) {
    return HoldStep::kNone;
  }
  const absl::Duration until = UntilDue(*announced, wall);
  if (until > absl::ZeroDuration()) {
    due_ = now + absl::ToChronoNanoseconds(std::min(until, kLookAgain));
    return HoldStep::kNone;
  }
  seen_numbering_ = view.numbering();
  seen_revision_ = announced->revision;
  if (until < -longest_) return HoldStep::kNone;
  stage_ = Stage::kBeginning;
  numbering_ = view.numbering();
  leader_ = view.leader();
  give_up_ = now + absl::ToChronoNanoseconds(longest_);
  back_since_.reset();
  return HoldStep::kBegin;
}

HoldStep AnnouncedHold::NextBeginning(const ClusterView& view, absl::Time wall, Time now) {
  const bool stands = view.announced().has_value() && IsDue(*view.announced(), wall);
  if (now >= give_up_ || view.numbering() != numbering_ || LeaderReplaced(view) || !stands) {
    stage_ = Stage::kIdle;
    return NextIdle(view, wall, now);
  }
  return HoldStep::kBegin;
}

HoldStep AnnouncedHold::NextHolding(const ClusterView& view, absl::Time wall, Time now) {
  // Another store of etcd knows nothing of this switchover. Reports and the bound end the hold.
  if (view.numbering() != numbering_) return HoldStep::kNone;
  if (LeaderReplaced(view)) return End(HoldStep::kCommit);
  // As long as nobody leads, the switchover is under way, whatever became of the announcement.
  if (view.leader().name.empty()) {
    back_since_.reset();
    return HoldStep::kNone;
  }
  const std::optional<Announced>& announced = view.announced();
  if (announced.has_value() && Concerns(*announced, view.leader()) && IsDue(*announced, wall)) {
    return HoldStep::kNone;
  }
  if (view.leader().term == leader_.term) return End(HoldStep::kAbort);
  if (!back_since_.has_value()) back_since_ = now;
  if (now >= *back_since_ + kKeyIsEarly) return End(HoldStep::kAbort);
  due_ = *back_since_ + kKeyIsEarly;
  return HoldStep::kNone;
}

bool AnnouncedHold::LeaderReplaced(const ClusterView& view) const {
  const std::string& name = view.leader().name;
  return !name.empty() && name != leader_.name;
}

HoldStep AnnouncedHold::End(HoldStep step) {
  stage_ = Stage::kIdle;
  return step;
}

}  // namespace failover::topology::internal
