// Measures the whole trip of a request with a callback: the request is held, released and retried,
// and its retry ends.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

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
#include "failover/inbox.h"
#include "failover/request_context.h"
#include "floor_queue.h"
#include "harness.h"

namespace failover::benchmarks {
namespace {

// One shard that fails over again and again, in a Buffer that knows `known` shards.
class TripBuffer {
 public:
  TripBuffer(std::size_t size, std::size_t known, Threading threading)
      : names_(MakeNames(known)), buffer_(MakeBuffer(HoldingOptions(size, threading))) {
    for (const ShardName& name : names_) {
      buffer_->GetShard(name.keyspace, name.shard);
      buffer_->StatsUpdate(ServingPrimary(name, timestamp_));
    }
    shard_ = buffer_->GetShard(names_[0].keyspace, names_[0].shard);
  }

  // Begins a failover, calls `hold`, and ends the failover.
  template <typename Hold>
  void FailOver(const Hold& hold) {
    Require(buffer_->StartBuffering(shard_, "benchmark"), "a failover did not start");
    hold(*buffer_, shard_);
    buffer_->StatsUpdate(ServingPrimary(names_[0], ++timestamp_));
  }

  Buffer& buffer() { return *buffer_; }

 private:
  const std::vector<ShardName> names_;
  std::int64_t timestamp_ = 1;
  const std::unique_ptr<Buffer> buffer_;
  ShardHandle shard_;
};

// The event loop of a router, on the thread that makes the trips. It sleeps on a descriptor, which
// the inbox makes readable.
class EventLoop {
 public:
  EventLoop() : inbox_([this] { Require(eventfd_write(fd_, 1) == 0, "no wake-up"); }) {
    Require(fd_ >= 0, "no eventfd");
    inbox_.Poll();
  }
  ~EventLoop() { close(fd_); }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  Inbox* inbox() { return &inbox_; }

  // Sleeps until the inbox wakes the loop, and runs the callbacks.
  void RunOnce() {
    pollfd event = {fd_, POLLIN, 0};
    Require(poll(&event, 1, -1) == 1, "poll(2) failed");
    eventfd_t count = 0;
    Require(eventfd_read(fd_, &count) == 0, "the eventfd cannot be read");
    while (inbox_.Poll()) {
    }
  }

 private:
  const int fd_ = eventfd(0, EFD_CLOEXEC);
  Inbox inbox_;
};

enum class Handles { kKept, kDetached };

// Where the callbacks run.
enum class Home { kPoller, kServiceThread, kInbox };

// Makes the trips of `held->size()` requests. A router either keeps each handle, so that it can
// cancel when a client goes away, and drops the handle after the request came back; or the router
// detaches the handles.
void MakeTrips(TripBuffer& trips, EventLoop& loop, const absl::Status& error, Handles handles,
               Home home, std::vector<BufferedRequest>* held) {
  RequestContext context;
  if (home == Home::kInbox) context.inbox = loop.inbox();
  Returns returns;
  returns.Expect(held->size());
  trips.FailOver([&](Buffer& buffer, ShardHandle shard) {
    for (std::size_t i = 0; i < held->size(); ++i) {
      absl::StatusOr<BufferedRequest> request =
          buffer.WaitForFailoverEndAsync(context, shard, error, returns.Callback(i));
      Require(request.ok() && *request, "a request was not held");
      if (handles == Handles::kDetached) {
        request->Detach();
      } else {
        (*held)[i] = *std::move(request);
      }
    }
  });
  switch (home) {
    case Home::kPoller:
      while (returns.released() < held->size()) trips.buffer().Poll();
      break;
    case Home::kServiceThread:
      returns.Wait();
      break;
    case Home::kInbox:
      while (returns.released() < held->size()) loop.RunOnce();
      break;
  }
  for (BufferedRequest& request : *held) request = BufferedRequest();
  Require(returns.failed() == 0, "a request failed");
}

struct TripKind {
  bool failed = false;  // the requests come with the error of a failed attempt
  Handles handles = Handles::kKept;
  Home home = Home::kPoller;
};

void Library(benchmark::State& state, TripKind kind) {
  const auto held_count = static_cast<std::size_t>(state.range(0));
  const auto known_shards = static_cast<std::size_t>(state.range(1));
  EventLoop loop;
  TripBuffer trips(held_count, known_shards,
                   kind.home == Home::kPoller ? Threading::kManual : Threading::kServiceThread);
  std::vector<BufferedRequest> held(held_count);
  const absl::Status error = kind.failed ? FailoverError() : absl::OkStatus();
  for (auto _ : state) {
    const CpuStopwatch stopwatch(CpuStopwatch::Of::kAllThreads);
    MakeTrips(trips, loop, error, kind.handles, kind.home, &held);
    state.SetIterationTime(stopwatch.Seconds());
  }
  ReportTimePerItem(state, held_count);
}

void Floor(benchmark::State& state) {
  const auto held_count = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    std::size_t returned = 0;
    FloorQueue queue;
    const CpuStopwatch stopwatch;
    for (std::size_t i = 0; i < held_count; ++i) {
      FloorHold(queue, [&returned, i](bool released) { returned += released && i + 1 != 0; });
    }
    while (!queue.empty()) FloorRelease(queue, true);
    state.SetIterationTime(stopwatch.Seconds());
    Require(returned == held_count, "a request got lost");
  }
  ReportTimePerItem(state, held_count);
}

// The shape of another solution: each request has a thread that sleeps until the failover is over.
void ThreadPerRequest(benchmark::State& state) {
  const auto held_count = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    std::mutex mutex;
    std::condition_variable over;
    bool is_over = false;
    std::vector<std::thread> requests;
    requests.reserve(held_count);
    const CpuStopwatch stopwatch(CpuStopwatch::Of::kAllThreads);
    for (std::size_t i = 0; i < held_count; ++i) {
      requests.emplace_back([&] {
        std::unique_lock<std::mutex> lock(mutex);
        over.wait(lock, [&] { return is_over; });
      });
    }
    {
      const std::lock_guard<std::mutex> lock(mutex);
      is_over = true;
    }
    over.notify_all();
    for (std::thread& request : requests) request.join();
    state.SetIterationTime(stopwatch.Seconds());
  }
  ReportTimePerItem(state, held_count);
}

void Arguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"held", "shards"})->UseManualTime();
  benchmark->Args({10'000, 1})->Args({100'000, 1})->Args({10'000, 10'000});
}

constexpr TripKind kFirstAttempts;
constexpr TripKind kFailed{true, Handles::kKept, Home::kPoller};
constexpr TripKind kDetached{false, Handles::kDetached, Home::kPoller};
constexpr TripKind kServiceThread{false, Handles::kKept, Home::kServiceThread};
constexpr TripKind kInbox{false, Handles::kKept, Home::kInbox};

BENCHMARK_CAPTURE(Library, , kFirstAttempts)->Name("async_trip/library")->Apply(Arguments);
BENCHMARK_CAPTURE(Library, , kFailed)->Name("async_trip/library_failed")->Apply(Arguments);
BENCHMARK_CAPTURE(Library, , kDetached)->Name("async_trip/library_detached")->Apply(Arguments);
BENCHMARK_CAPTURE(Library, , kServiceThread)
    ->Name("async_trip/library_service_thread")
    ->Apply(Arguments);
BENCHMARK_CAPTURE(Library, , kInbox)->Name("async_trip/library_inbox")->Apply(Arguments);
BENCHMARK(Floor)
    ->Name("async_trip/floor")
    ->ArgName("held")
    ->UseManualTime()
    ->Arg(10'000)
    ->Arg(100'000);
BENCHMARK(ThreadPerRequest)
    ->Name("async_trip/thread_per_request")
    ->ArgName("held")
    ->UseManualTime()
    ->Arg(1'000)
    ->Iterations(1);

// One iteration is enough, because each has many trips.
void HeldScale(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"held", "shards"})->UseManualTime()->Iterations(1);
  benchmark->ArgsProduct({{1'000, 10'000, 100'000, 1'000'000}, {1}});
}

BENCHMARK_CAPTURE(Library, , kFirstAttempts)->Name("held_scale/library")->Apply(HeldScale);
BENCHMARK(Floor)->Name("held_scale/floor")->Apply(HeldScale);

void ShardsScale(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"held", "shards"})->UseManualTime();
  benchmark->ArgsProduct({{1'000}, {1, 10, 100, 1'000, 10'000, 100'000}});
}

BENCHMARK_CAPTURE(Library, , kFirstAttempts)->Name("shards_scale/library")->Apply(ShardsScale);
BENCHMARK(Floor)->Name("shards_scale/floor")->Apply(ShardsScale);

}  // namespace
}  // namespace failover::benchmarks
