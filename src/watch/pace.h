// How long the monitor pauses between two checks of a server.
#ifndef FAILOVER_SRC_WATCH_PACE_H_
#define FAILOVER_SRC_WATCH_PACE_H_

#include <optional>
#include <random>

#include "absl/time/time.h"
#include "failover/watch/monitor.h"
#include "failover/watch/server_probe.h"

namespace failover::watch::internal {

// Not thread-safe.
class Pace {
 public:
  Pace(const MonitorOptions& options, std::minstd_rand::result_type seed);

  // The time from the begin of a check, which has found `seen`, to the begin of the next one.
  // `held_for`: for how long the shard has held requests; nullopt if the shard holds none.
  absl::Duration PauseAfter(Seen seen, std::optional<absl::Duration> held_for);

  // The same for the next check that somebody asks for. Whoever asks all the time must not hammer
  // the server.
  absl::Duration LeastPauseAfter(Seen seen) const;

 private:
  absl::Duration IntervalWhen(std::optional<absl::Duration> held_for) const;

  const absl::Duration poll_interval_;
  const absl::Duration urgent_interval_;
  const absl::Duration urgent_duration_;
  const absl::Duration hold_interval_;
  std::minstd_rand random_;
  std::uniform_real_distribution<double> spread_;
};

}  // namespace failover::watch::internal

#endif  // FAILOVER_SRC_WATCH_PACE_H_
