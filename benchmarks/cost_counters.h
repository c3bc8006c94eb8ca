// Counts what the measured part of a program does, and can forbid that part to write to memory.
#ifndef FAILOVER_BENCHMARKS_COST_COUNTERS_H_
#define FAILOVER_BENCHMARKS_COST_COUNTERS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "failover/clock.h"

namespace failover::benchmarks {

// What the whole process did while Measure ran.
struct Costs {
  std::size_t allocations = 0;     // calls of malloc and its kin, also those by operator new
  std::size_t bytes = 0;           // that these allocations asked for
  std::size_t locks = 0;           // calls of pthread_mutex_lock and its kin, also by std::mutex
  std::size_t clock_readings = 0;  // calls of CountingClock::Now
  std::size_t wakeups = 0;         // calls of CountWakeup
};

// Runs `work` and returns what `work` took. The function MeasuredPart is on the stack meanwhile, so
// that callgrind can count the instructions inside MeasuredPart.
Costs Measure(absl::FunctionRef<void()> work);

// A clock that counts its readings, and moves on by a microsecond with each. Real time would make
// the counts depend on how busy the machine is: a longer hold is searched for longer in the
// histogram of holds. Thread-safe.
class CountingClock : public Clock {
 public:
  absl::Time Now() override;

 private:
  std::atomic<std::int64_t> microseconds_{0};
};

// Counts one wake-up. Meant for BufferOptions::wakeup, and for that of an Inbox.
void CountWakeup();

// Runs `prepare`, and then `work`. While `work` runs, nobody can write to the memory that `prepare`
// allocated, nor to the global variables of this program. Only the stack and the registers are
// left. A write by `work` ends the process with a message.
void RunReadOnly(absl::FunctionRef<void()> prepare, absl::FunctionRef<void()> work);

}  // namespace failover::benchmarks

#endif  // FAILOVER_BENCHMARKS_COST_COUNTERS_H_
