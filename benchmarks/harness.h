// What the benchmarks share: names, errors and reports as a router has them, a Buffer to measure,
// and callbacks that do what every user's callback does.
#ifndef FAILOVER_BENCHMARKS_HARNESS_H_
#define FAILOVER_BENCHMARKS_HARNESS_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmark/benchmark.h"
#include "failover/buffer.h"

namespace failover::benchmarks {

struct ShardName {
  std::string keyspace;
  std::string shard;
};

// `count` different names, in no order, but always the same.
std::vector<ShardName> MakeNames(std::size_t count);

// What a database proxy reports for a statement that met a failover, and for one that did not.
absl::Status FailoverError();
absl::Status DuplicateKeyError();

// The report of a serving primary that was promoted at `timestamp`.
TabletStats ServingPrimary(const ShardName& name, std::int64_t timestamp);

// Options that let a benchmark hold `size` requests for as long as it likes.
BufferOptions HoldingOptions(std::size_t size, Threading threading);

// Create, which must succeed.
std::unique_ptr<Buffer> MakeBuffer(BufferOptions options);

// Stops the program: a benchmark that went wrong must not be printed as a number.
[[noreturn]] void Fail(const char* what);
inline void Require(bool condition, const char* what) {
  if (!condition) Fail(what);
}

// Counts the requests that came back. Its callbacks do the least that a router must: look whether
// the request may be retried, and tell the Buffer when the retry ended (the token's destructor).
class Returns {
 public:
  // Small enough to be stored inside the WaitCallback, as a pointer to a connection and a number
  // are.
  WaitCallback Callback(std::size_t request) {
    return [this, request](absl::StatusOr<RetryDoneFunc> done) { Count(request, done); };
  }

  // Called by one thread at a time.
  void Count(std::size_t request, const absl::StatusOr<RetryDoneFunc>& done);

  std::size_t released() const { return released_.load(std::memory_order_acquire); }
  std::size_t failed() const { return failed_.load(std::memory_order_acquire); }

  // From then on Wait returns after `requests` more have come back.
  void Expect(std::size_t requests);
  void Wait();

 private:
  void Bump(std::atomic<std::size_t>* counter) {
    counter->store(counter->load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  std::atomic<std::size_t> released_{0};
  std::atomic<std::size_t> failed_{0};
  std::size_t request_numbers_ = 0;
  std::size_t expected_ = 0;
  std::mutex mutex_;
  std::condition_variable all_here_;
  bool done_ = false;
};

// Measures wall time: for threads that wait for each other.
class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// Measures processor time, so that other programs matter less: of the calling thread, or of all
// threads together, which is no less than the wall time unless all of them sleep.
class CpuStopwatch {
 public:
  enum class Of { kThisThread, kAllThreads };

  explicit CpuStopwatch(Of of = Of::kThisThread) : of_(of), begin_(Now(of)) {}
  double Seconds() const { return Now(of_) - begin_; }

 private:
  static double Now(Of of);

  const Of of_;
  const double begin_;
};

// For a benchmark whose iterations handle `items` each: makes it report the time per item.
inline void ReportTimePerItem(benchmark::State& state, std::size_t items) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(items));
}

// The resident memory of this process.
std::int64_t ResidentBytes();
// How many threads this process has.
std::int64_t ThreadCount();

}  // namespace failover::benchmarks

#endif  // FAILOVER_BENCHMARKS_HARNESS_H_
