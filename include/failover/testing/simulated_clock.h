// A clock that moves only when a test says so.
//
//   failover::SimulatedClock clock;
//   options.clock = &clock;
//   options.threading = failover::Threading::kManual;
//   ...
//   clock.Advance(absl::Seconds(10));
//   buffer->Poll();  // runs what became due
//
// Thread-safety: thread-safe. Lifetime: must outlive every Buffer that uses it.
// Belongs with Threading::kManual: a service thread sleeps in real time and does not notice
// Advance() before its sleep is over.
#ifndef FAILOVER_TESTING_SIMULATED_CLOCK_H_
#define FAILOVER_TESTING_SIMULATED_CLOCK_H_

#include <mutex>

#include "absl/time/time.h"
#include "failover/clock.h"

namespace failover {

class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(absl::Time start = absl::UnixEpoch()) : now_(start) {}

  absl::Time Now() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return now_;
  }

  // A negative duration is ignored: the clock is monotonic.
  void Advance(absl::Duration by) {
    if (by <= absl::ZeroDuration()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    now_ += by;
  }

 private:
  std::mutex mutex_;
  absl::Time now_;
};

}  // namespace failover

#endif  // FAILOVER_TESTING_SIMULATED_CLOCK_H_
