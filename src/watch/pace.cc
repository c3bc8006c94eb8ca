#include "watch/pace.h"

#include <algorithm>

namespace failover::watch::internal {
namespace {

// A server that refuses the monitor is checked this many times less often: each check takes a new
// connection, and perhaps a line in the server's log.
constexpr int kRefusedSlowdown = 10;

// Nobody can ask for checks that follow each other faster.
constexpr absl::Duration kLeastPause = absl::Milliseconds(10);

int SlowdownOf(Seen seen) {
  const bool refused = seen == Seen::kRefused || seen == Seen::kFull;
  return refused ? kRefusedSlowdown : 1;
}

}  // namespace

Pace::Pace(const MonitorOptions& options, std::minstd_rand::result_type seed)
    : poll_interval_(options.poll_interval),
      urgent_interval_(options.urgent_interval),
      urgent_duration_(options.urgent_duration),
      hold_interval_(options.hold_interval),
      random_(seed),
      spread_(1.0 - options.jitter, 1.0 + options.jitter) {}

absl::Duration Pace::PauseAfter(Seen seen, std::optional<absl::Duration> held_for) {
  return IntervalWhen(held_for) * (spread_(random_) * SlowdownOf(seen));
}

absl::Duration Pace::LeastPauseAfter(Seen seen) const {
  return std::min({kLeastPause, urgent_interval_, poll_interval_}) * SlowdownOf(seen);
}

absl::Duration Pace::IntervalWhen(std::optional<absl::Duration> held_for) const {
  if (!held_for) return poll_interval_;
  const bool urgent = *held_for < urgent_duration_;
  return std::min(poll_interval_, urgent ? urgent_interval_ : hold_interval_);
}

}  // namespace failover::watch::internal
