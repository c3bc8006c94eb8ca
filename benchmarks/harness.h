// What the benchmarks share: names, errors and reports like those of a router, a Buffer to measure,
// and callbacks that do what the callback of every user does.
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

// Returns `count` different names in random order. The order is the same in each run.
std::vector<ShardName> MakeNames(std::size_t count);

// The error of a statement that met a failover, as a database proxy reports it.
absl::Status FailoverError();
// The error of a statement that failed for another reason.
absl::Status DuplicateKeyError();

// Returns the report of a serving primary that was promoted at `timestamp`.
TabletStats ServingPrimary(const ShardName& name, std::int64_t timestamp);

// Returns options with which a benchmark can hold `size` requests for as long as it needs.
BufferOptions HoldingOptions(std::size_t size, Threading threading);

// Calls Buffer::Create. The program ends if the call fails.
std::unique_ptr<Buffer> MakeBuffer(BufferOptions options);

// Ends the program with a message: a benchmark that went wrong must not print a number.
[[noreturn]] void Fail(const char* what);
inline void Require(bool condition, const char* what) {
  if (!condition) Fail(what);
}

// Counts the requests that came back. The callbacks do the least that a router must do: they look
// whether the request may be retried, and the token's destructor tells the Buffer that the retry
// has ended.
class Returns {
 public:
  // Returns a callback that is stored inside the WaitCallback, without an allocation. The callback
  // of a router is about as large: a pointer to a connection, and a number.
  WaitCallback Callback(std::size_t request) {
    return [this, request](absl::StatusOr<RetryDoneFunc> done) { Count(request, done); };
  }

  // Counts one request that came back. One thread at a time may call this function.
  void Count(std::size_t request, const absl::StatusOr<RetryDoneFunc>& done);

  std::size_t released() const { return released_.load(std::memory_order_acquire); }
  std::size_t failed() const { return failed_.load(std::memory_order_acquire); }

  // Sets how many further requests must come back before Wait returns.
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

// Measures wall time. This is the right measure for threads that wait for each other.
class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// Measures processor time of the calling thread, or of all threads together, in seconds. Other
// programs disturb processor time less than wall time. The time of all threads together is at least
// the wall time, unless all threads sleep.
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

// Makes a benchmark report the time per item. Each iteration of the benchmark handles `items`
// items.
inline void ReportTimePerItem(benchmark::State& state, std::size_t items) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(items));
}

// Returns the resident memory of this process in bytes.
std::int64_t ResidentBytes();
// Returns the number of threads of this process.
std::int64_t ThreadCount();

}  // namespace failover::benchmarks

#endif  // FAILOVER_BENCHMARKS_HARNESS_H_
