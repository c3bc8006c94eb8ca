// Counts what the measured part of a program does, and can forbid it to write.
#ifndef FAILOVER_BENCHMARKS_COST_COUNTERS_H_
#define FAILOVER_BENCHMARKS_COST_COUNTERS_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "failover/clock.h"

namespace failover::benchmarks {

// By the whole process, while Measure runs.
struct Costs {
  std::size_t allocations = 0;     // malloc and its kin; operator new ends there, too
  std::size_t locks = 0;           // pthread_mutex_lock and its kin, where std::mutex ends
  std::size_t clock_readings = 0;  // of CountingClock
  std::size_t wakeups = 0;         // CountWakeup
};

// Runs `work`, and returns what it took. Callgrind counts the instructions of the function
// MeasuredPart, which is on the stack meanwhile.
Costs Measure(absl::FunctionRef<void()> work);

// The steady clock.
class CountingClock final : public Clock {
 public:
  absl::Time Now() override;
};
void CountWakeup();

// Runs `prepare`, then `work` while neither the memory that `prepare` allocated nor the global
// variables of this program can be written; what is left are the stack and the registers. Ends the
// process with a message if `work` tries.
void RunReadOnly(absl::FunctionRef<void()> prepare, absl::FunctionRef<void()> work);

}  // namespace failover::benchmarks

#endif  // FAILOVER_BENCHMARKS_COST_COUNTERS_H_
