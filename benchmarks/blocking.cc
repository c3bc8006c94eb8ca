// Measures blocked threads that drain one after the other: the time from the end of one retry to
// the start of the next retry.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "benchmark/benchmark.h"
#include "failover/buffer.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

// A word in memory on which threads sleep until somebody opens the latch.
class Latch {
 public:
  void Wait() {
    while (open_.load(std::memory_order_acquire) == 0) {
      syscall(SYS_futex, &open_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
  }
  void Open() {
    open_.store(1, std::memory_order_release);
    syscall(SYS_futex, &open_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }

 private:
  std::atomic<std::uint32_t> open_{0};
};

// Some threads that are all held at first, and then leave one after the other.
class HeldThreads {
 public:
  // Each thread calls `wait` with its own number. `wait` returns when it is the thread's turn.
  template <typename Wait>
  HeldThreads(std::size_t count, const Wait& wait) : left_(count) {
    threads_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      threads_.emplace_back([this, wait, i] {
        begun_.fetch_add(1);
        wait(i);
        if (left_.fetch_sub(1) == 1) all_left_.Open();
        // The threads end later, because the end of a thread is not part of the measurement.
        may_end_.Wait();
      });
    }
    while (begun_.load() < count) Pause();
  }
  ~HeldThreads() {
    may_end_.Open();
    for (std::thread& thread : threads_) thread.join();
  }

  void WaitUntilAllLeft() { all_left_.Wait(); }

  static void Pause() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }
  // Gives threads time to fall asleep. A thread cannot tell anybody that it sleeps.
  static void LetThemFallAsleep() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

 private:
  std::atomic<std::size_t> begun_{0};
  std::atomic<std::size_t> left_;
  Latch all_left_;
  Latch may_end_;
  std::vector<std::thread> threads_;
};

void Library(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::unique_ptr<Buffer> buffer =
      MakeBuffer(HoldingOptions(count, Threading::kServiceThread));
  const ShardHandle shard = buffer->GetShard("commerce", "-80");
  std::int64_t timestamp = 0;
  for (auto _ : state) {
    Require(buffer->StartBuffering(shard, "benchmark"), "a failover did not start");
    HeldThreads threads(count, [&buffer, shard](std::size_t) {
      // The token is destroyed at the end of this statement, which ends the retry.
      Require(buffer->WaitForFailoverEnd({}, shard, absl::OkStatus()).ok(), "a request failed");
    });
    while (buffer->Stats().slots_free > 0) HeldThreads::Pause();
    HeldThreads::LetThemFallAsleep();
    const Stopwatch stopwatch;
    buffer->StatsUpdate(ServingPrimary({"commerce", "-80"}, ++timestamp));
    threads.WaitUntilAllLeft();
    state.SetIterationTime(stopwatch.Seconds());
  }
  ReportTimePerItem(state, count);
}

// The floor: each thread sleeps on a latch of its own and wakes the next thread.
void Floor(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    std::vector<std::atomic<Latch*>> latches(count + 1);
    HeldThreads threads(count, [&latches](std::size_t i) {
      Latch latch;
      latches[i].store(&latch);
      latch.Wait();
      if (Latch* const next = latches[i + 1].load()) next->Open();
    });
    for (std::size_t i = 0; i < count; ++i) {
      while (latches[i].load() == nullptr) HeldThreads::Pause();
    }
    HeldThreads::LetThemFallAsleep();
    const Stopwatch stopwatch;
    latches[0].load()->Open();
    threads.WaitUntilAllLeft();
    state.SetIterationTime(stopwatch.Seconds());
  }
  ReportTimePerItem(state, count);
}

// The shape of another solution: all threads sleep on one condition variable, and each turn wakes
// all of them.
void OneCondition(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t turn = 0;
    HeldThreads threads(count, [&](std::size_t i) {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [&] { return turn == i + 1; });
      ++turn;
      changed.notify_all();
    });
    HeldThreads::LetThemFallAsleep();
    const Stopwatch stopwatch;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      turn = 1;
      changed.notify_all();
    }
    threads.WaitUntilAllLeft();
    state.SetIterationTime(stopwatch.Seconds());
  }
  ReportTimePerItem(state, count);
}

void Arguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("threads")->UseManualTime()->Iterations(1)->Arg(1'000);
}

BENCHMARK(Library)->Name("blocking/library")->Apply(Arguments)->Arg(10'000);
BENCHMARK(Floor)->Name("blocking/floor")->Apply(Arguments)->Arg(10'000);
BENCHMARK(OneCondition)->Name("blocking/one_condition")->Apply(Arguments);

}  // namespace
}  // namespace failover::benchmarks
