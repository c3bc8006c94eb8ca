// In these tests memory runs out in the middle of a call. Each allocation of the call fails in
// turn, alone or together with all that follow. Whatever the call answers, nothing may leak, the
// laws of the counters must hold, and the Buffer must go on working.
#include <gtest/gtest.h>

#include <atomic>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "allocation_failures.h"
#include "failover/block_on.h"
#include "failover/buffer.h"
#include "failover/coroutine.h"
#include "failover/switchover.h"
#include "failover/testing/simulated_clock.h"
#include "spdlog/sinks/null_sink.h"
#include "spdlog/spdlog.h"
#include "support/buffer_test.h"

namespace failover::test {
namespace {

// This number is far larger than the allocations of any call.
constexpr int kMostAllocations = 200;
// The name is too long to fit into a std::string without an allocation.
constexpr char kLongCell[] = "a cell whose name is so long that it does not fit into the string";

// The frame of this coroutine is allocated before the coroutine begins. An allocation that fails
// after that is one of the library.
class Coroutine {
 public:
  struct promise_type {
    Coroutine get_return_object() {
      return Coroutine(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };

  explicit Coroutine(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  ~Coroutine() { handle_.destroy(); }

  Coroutine(const Coroutine&) = delete;
  Coroutine& operator=(const Coroutine&) = delete;

  void Begin() { handle_.resume(); }
  bool ended() const { return handle_.done(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

// All arguments must outlive the coroutine.
Coroutine Await(Buffer& buffer, const RequestContext& context, ShardHandle shard,
                const absl::Status& error, absl::StatusOr<RetryDoneFunc>* answer) {
  *answer = co_await AwaitFailoverEnd(buffer, context, shard, error);
}
Coroutine AwaitOrStop(Buffer& buffer, const RequestContext& context, ShardHandle shard,
                      const absl::Status& error, std::stop_token stop,
                      absl::StatusOr<RetryDoneFunc>* answer) {
  *answer = co_await AwaitFailoverEnd(buffer, context, shard, error, std::move(stop));
}

// While the fiber of this baton is parked, its thread ends the failover.
class ReleasingBaton {
 public:
  void Post() { posted_ = true; }
  void Wait() {
    EXPECT_TRUE(buffer->StopBuffering(shard));
    EXPECT_TRUE(posted_);
  }

  static Buffer* buffer;
  static ShardHandle shard;

 private:
  bool posted_ = false;
};
Buffer* ReleasingBaton::buffer = nullptr;
ShardHandle ReleasingBaton::shard;

class OutOfMemoryTest : public ::testing::TestWithParam<FailAllocations::Which> {
 protected:
  // The logger allocates everything that a log line needs, but writes nothing.
  OutOfMemoryTest() {
    spdlog::drop("failover");
    spdlog::register_logger(std::make_shared<spdlog::logger>(
        "failover", std::make_shared<spdlog::sinks::null_sink_mt>()));
    Create();
    buffer_.reset();
  }
  ~OutOfMemoryTest() override { spdlog::drop("failover"); }

  void Create() {
    BufferOptions options;
    options.size = 2;
    options.threading = Threading::kManual;
    options.clock = &clock_;
    options.enabled = !dry_run_;
    options.dry_run = dry_run_;
    buffer_ = *Buffer::Create(std::move(options));
  }
  Buffer& buffer() { return *buffer_; }
  ShardHandle shard() { return buffer_->GetShard("ks", "0"); }
  ShardStats Stats() { return buffer_->GetShardStats("ks", "0").value_or(ShardStats()); }

  // Runs `trial` on a fresh Buffer once for each allocation of the call in it, until no allocation
  // is left that could fail.
  void ForEachAllocation(const std::function<void()>& trial) {
    for (successes_ = 0; successes_ < kMostAllocations; ++successes_) {
      SCOPED_TRACE("after " + std::to_string(successes_) + " allocations");
      const std::int64_t live_before = LiveAllocations();
      any_failed_ = false;
      Create();
      trial();
      ExpectItStillWorks();
      buffer_.reset();
      EXPECT_EQ(LiveAllocations(), live_before) << "something leaks";
      if (!any_failed_) return;
    }
    FAIL() << "there is always one more allocation that fails";
  }

  // Runs the call under test. Returns false if the call threw std::bad_alloc.
  bool RunShortOfMemory(const std::function<void()>& call) {
    bool threw = false;
    {
      const FailAllocations failures(GetParam(), successes_);
      try {
        call();
      } catch (const std::bad_alloc&) {
        threw = true;
      }
      any_failed_ = failures.any();
    }
    return !threw;
  }
  bool any_failed() const { return any_failed_; }

  // Checks the error of a request for which there was no memory.
  void ExpectRefusedForMemory(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    // If all allocations fail, there is no memory for the text of the error either.
    if (GetParam() == FailAllocations::Which::kRest) return;
    EXPECT_EQ(ReasonOf(status), BufferErrorReason::kBufferFull) << status;
    EXPECT_NE(status.message().find("memory"), absl::string_view::npos) << status;
  }

  // Checks a blocking and an asynchronous request, both with the error of a failover.
  void ExpectEveryRequestPasses() {
    const ShardHandle known = shard();
    const absl::Status error = FailoverError();
    WaitCallback callback = [](const absl::StatusOr<RetryDoneFunc>&) {};
    absl::StatusOr<RetryDoneFunc> blocking;
    absl::StatusOr<BufferedRequest> asynchronous;
    EXPECT_TRUE(RunShortOfMemory([&] {
      blocking = buffer().WaitForFailoverEnd({}, known, error);
      asynchronous = buffer().WaitForFailoverEndAsync({}, known, error, std::move(callback));
    })) << "the call threw";
    EXPECT_TRUE(blocking.ok()) << blocking.status();
    EXPECT_TRUE(asynchronous.ok()) << asynchronous.status();
  }

  // Lets counted work pass while memory is short, enables the shard, and begins a switchover.
  void ExpectWorkPassesAndIsCounted(ShardHandle known) {
    RequestContext context;
    context.work = Work::kStatement;
    const absl::Status error = FailoverError();
    WaitCallback callback = [](const absl::StatusOr<RetryDoneFunc>&) {};
    absl::StatusOr<RetryDoneFunc> first;
    absl::StatusOr<RetryDoneFunc> second;
    absl::StatusOr<BufferedRequest> third;
    EXPECT_TRUE(RunShortOfMemory([&] {
      first = buffer().WaitForFailoverEnd(context, known, absl::OkStatus());
      second = buffer().WaitForFailoverEnd(context, known, error);
      third = buffer().WaitForFailoverEndAsync(context, known, error, std::move(callback));
    })) << "the call threw";
    ASSERT_TRUE(first.ok() && second.ok() && third.ok());
    // What a dry run has counted would be a hold.
    buffer().StopBuffering(known);
    BufferOptions options = buffer().options();
    options.enabled = true;
    options.dry_run = false;
    options.keyspace_shards.clear();
    ASSERT_TRUE(buffer().Reconfigure(options).ok());
    absl::StatusOr<Switchover> switchover = buffer().BeginSwitchover(known, {});
    ASSERT_TRUE(switchover.ok()) << switchover.status();
    EXPECT_EQ(switchover->progress().in_flight.statements, 3u);
    EXPECT_FALSE(switchover->progress().quiet);
    first = RetryDoneFunc();
    second = RetryDoneFunc();
    third = BufferedRequest();
    EXPECT_TRUE(switchover->progress().quiet);
  }

  SimulatedClock clock_;
  bool dry_run_ = false;
  // This flag says whether a request can be held after the trial.
  bool may_hold_ = true;

 private:
  void ExpectItStillWorks() {
    ExpectLaws();
    if (!may_hold_) return;
    buffer_->StopBuffering(shard());
    while (buffer_->Poll() == absl::ZeroDuration()) {
    }
    clock_.Advance(absl::Hours(1));
    int runs = 0;
    const BufferedRequest handle = *buffer_->WaitForFailoverEndAsync(
        {}, shard(), FailoverError(), [&runs](const absl::StatusOr<RetryDoneFunc>&) { ++runs; });
    EXPECT_TRUE(handle) << "no failover can be begun any more";
    buffer_->Shutdown();
    EXPECT_EQ(runs, 1);
    ExpectLaws();
    EXPECT_EQ(buffer_->Stats().slots_free, buffer_->Stats().size);
    EXPECT_EQ(buffer_->Stats().bytes_held, 0u);
  }

  void ExpectLaws() {
    const BufferStats stats = buffer_->Stats();
    std::uint64_t taken = 0;
    for (const ShardStats& shard : stats.shards) {
      taken += shard.requests_held + shard.requests_retrying;
      EXPECT_EQ(shard.requests_buffered,
                shard.requests_drained + Sum(shard.requests_evicted) + shard.requests_held);
    }
    EXPECT_EQ(stats.slots_free + taken, stats.size);
  }

  std::unique_ptr<Buffer> buffer_;
  int successes_ = 0;
  bool any_failed_ = false;
};

INSTANTIATE_TEST_SUITE_P(All, OutOfMemoryTest,
                         ::testing::Values(FailAllocations::Which::kOne,
                                           FailAllocations::Which::kRest),
                         [](const auto& which) {
                           return which.param == FailAllocations::Which::kOne ? "One" : "Rest";
                         });

TEST_P(OutOfMemoryTest, AnAsynchronousRequestIsHeldOrRefusedAndItsCallbackRunsOnceOrNever) {
  ForEachAllocation([this] {
    const ShardHandle known = shard();
    const absl::Status error = FailoverError();
    RequestContext context;
    context.timeout = absl::Seconds(1);
    int runs = 0;
    auto witness = std::make_shared<int>(0);
    WaitCallback callback = [&runs, witness](const absl::StatusOr<RetryDoneFunc>&) { ++runs; };
    absl::StatusOr<BufferedRequest> answer;
    EXPECT_TRUE(RunShortOfMemory([&] {
      answer = buffer().WaitForFailoverEndAsync(context, known, error, std::move(callback));
    })) << "the call threw";
    callback = nullptr;
    if (!answer.ok()) {
      ExpectRefusedForMemory(answer.status());
      EXPECT_EQ(witness.use_count(), 1) << "the callback was not destroyed";
      return;
    }
    EXPECT_TRUE(*answer) << "the request is neither held nor refused";
    EXPECT_EQ(Stats().requests_held, 1u);
    buffer().StopBuffering(known);
    buffer().Poll();
    EXPECT_EQ(runs, 1);
  });
}

// A planned switchover that begins after the shard was enabled waits for such work.
TEST_P(OutOfMemoryTest, BugUncountedWork_WhatPassesADisabledShardWithoutMemoryIsCounted) {
  ForEachAllocation([this] {
    const ShardHandle known = shard();
    BufferOptions options = buffer().options();
    options.keyspace_shards = "another";
    ASSERT_TRUE(buffer().Reconfigure(options).ok());
    ExpectWorkPassesAndIsCounted(known);
  });
}

TEST_P(OutOfMemoryTest, BugUncountedWork_WhatPassesADryRunWithoutMemoryIsCounted) {
  dry_run_ = true;
  ForEachAllocation([this] { ExpectWorkPassesAndIsCounted(shard()); });
}

TEST_P(OutOfMemoryTest, ARequestThatIsNotHeldPassesAllTheSame) {
  ForEachAllocation([this] {
    // A failover has just ended, so the next one is skipped, and the log says so.
    const ShardHandle known = shard();
    buffer().StartBuffering(known, "a test");
    buffer().StopBuffering(known);
    const absl::Status error = FailoverError();
    WaitCallback callback = [](const absl::StatusOr<RetryDoneFunc>&) {};
    absl::StatusOr<BufferedRequest> answer;
    EXPECT_TRUE(RunShortOfMemory([&] {
      answer = buffer().WaitForFailoverEndAsync({}, known, error, std::move(callback));
    })) << "the call threw";
    if (!answer.ok()) {
      ExpectRefusedForMemory(answer.status());
    } else {
      EXPECT_FALSE(*answer);
    }
  });
}

TEST_P(OutOfMemoryTest, ABlockingRequestWhoseTimeIsOverIsRefused) {
  // The timeout is over before the call, so that the call cannot block.
  ForEachAllocation([this] {
    const ShardHandle known = shard();
    const absl::Status error = FailoverError();
    RequestContext context;
    context.timeout = absl::ZeroDuration();
    absl::StatusOr<RetryDoneFunc> answer;
    EXPECT_TRUE(RunShortOfMemory([&] {
      answer = buffer().WaitForFailoverEnd(context, known, error);
    })) << "the call threw";
    EXPECT_FALSE(answer.ok());
    EXPECT_TRUE(answer.status().code() == absl::StatusCode::kDeadlineExceeded ||
                answer.status().code() == absl::StatusCode::kUnavailable)
        << answer.status();
  });
}

TEST_P(OutOfMemoryTest, ADryRunFailsNoRequest) {
  dry_run_ = true;
  may_hold_ = false;
  ForEachAllocation([this] { ExpectEveryRequestPasses(); });
}

TEST_P(OutOfMemoryTest, AfterAShutdownEveryRequestPasses) {
  may_hold_ = false;
  ForEachAllocation([this] {
    shard();  // The Buffer must know the shard before the shutdown.
    buffer().Shutdown();
    ExpectEveryRequestPasses();
  });
}

TEST_P(OutOfMemoryTest, ABlockingRequestThatIsHeldIsToldThatItIsEvictedOrTimesOut) {
  for (const bool evicted : {false, true}) {
    int told_without_memory = 0;
    ForEachAllocation([&] {
      const ShardHandle known = shard();
      const absl::Status error = FailoverError();
      RequestContext context;
      context.timeout = absl::Seconds(1);
      absl::StatusOr<RetryDoneFunc> answer;
      std::atomic<bool> returned{false};
      bool threw = false;
      std::thread blocked([&] {
        threw =
            !RunShortOfMemory([&] { answer = buffer().WaitForFailoverEnd(context, known, error); });
        returned = true;
      });
      while (!returned && Stats().requests_held == 0) std::this_thread::yield();
      const bool held = Stats().requests_held == 1;
      const auto drop = [](const absl::StatusOr<RetryDoneFunc>&) {};
      std::optional<BufferedRequest> second;
      std::optional<BufferedRequest> third;
      if (evicted) {
        second = *buffer().WaitForFailoverEndAsync({}, known, error, drop);
        third = *buffer().WaitForFailoverEndAsync({}, known, error, drop);
      } else {
        clock_.Advance(context.timeout);
        buffer().Poll();
      }
      blocked.join();
      EXPECT_FALSE(threw);
      EXPECT_FALSE(answer.ok());
      if (!held) {
        ExpectRefusedForMemory(answer.status());
        return;
      }
      EXPECT_EQ(answer.status().code(),
                evicted ? absl::StatusCode::kUnavailable : absl::StatusCode::kDeadlineExceeded);
      if (any_failed()) ++told_without_memory;
    });
    EXPECT_GT(told_without_memory, 0) << "the request was always refused at once";
  }
}

TEST_P(OutOfMemoryTest, ACoroutineIsHeldOrRefused) {
  ForEachAllocation([this] {
    const ShardHandle known = shard();
    const absl::Status error = FailoverError();
    RequestContext context;
    context.timeout = absl::Seconds(1);
    absl::StatusOr<RetryDoneFunc> answer;
    Coroutine coroutine = Await(buffer(), context, known, error, &answer);
    EXPECT_TRUE(RunShortOfMemory([&] { coroutine.Begin(); })) << "the call threw";
    if (coroutine.ended()) {
      ExpectRefusedForMemory(answer.status());
      return;
    }
    EXPECT_EQ(Stats().requests_held, 1u);
    buffer().StopBuffering(known);
    buffer().Poll();
    EXPECT_TRUE(coroutine.ended());
    EXPECT_TRUE(answer.ok()) << answer.status();
  });
}

TEST_P(OutOfMemoryTest, ACoroutineIsToldOfItsEndWithoutMemory) {
  ForEachAllocation([this] {
    const ShardHandle known = shard();
    const absl::Status error = FailoverError();
    RequestContext context;
    context.timeout = absl::Seconds(1);
    absl::StatusOr<RetryDoneFunc> answer;
    Coroutine coroutine = Await(buffer(), context, known, error, &answer);
    coroutine.Begin();
    clock_.Advance(context.timeout);
    EXPECT_TRUE(RunShortOfMemory([&] { buffer().Poll(); })) << "the call threw";
    EXPECT_TRUE(coroutine.ended());
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kDeadlineExceeded) << answer.status();
  });
}

TEST_P(OutOfMemoryTest, ARequestByNameIsRefusedIfItsShardCannotBeMade) {
  ForEachAllocation([this] {
    const absl::Status error = FailoverError();
    WaitCallback callback = [](const absl::StatusOr<RetryDoneFunc>&) {};
    absl::StatusOr<BufferedRequest> answer;
    EXPECT_TRUE(RunShortOfMemory([&] {
      answer =
          buffer().WaitForFailoverEndAsync({}, kLongCell, kLongCell, error, std::move(callback));
    })) << "the call threw";
    if (!answer.ok()) {
      ExpectRefusedForMemory(answer.status());
    } else {
      EXPECT_TRUE(*answer);
      answer->Cancel();
    }
  });
}

TEST_P(OutOfMemoryTest, AShardThatCannotBeMadeIsMadeByTheNextCall) {
  ForEachAllocation([this] {
    ShardHandle made;
    RunShortOfMemory([&] { made = buffer().GetShard("ks", kLongCell); });
    EXPECT_LE(buffer().Stats().shards.size(), 1u);
    EXPECT_TRUE(buffer().GetShard("ks", kLongCell));
  });
}

TEST_P(OutOfMemoryTest, AReportThatCouldNotBeTakenInCanBeRepeated) {
  ForEachAllocation([this] {
    const ShardHandle known = shard();
    TabletStats before = PrimaryReport(1, true, 1);
    before.alias.cell = kLongCell;
    buffer().StatsUpdate(before);
    buffer().StartBuffering(known, "a test");
    TabletStats after = PrimaryReport(2, true, 2);
    after.alias.cell = std::string("not ") + kLongCell;
    if (!RunShortOfMemory([&] { buffer().StatsUpdate(after); })) buffer().StatsUpdate(after);
    EXPECT_EQ(Stats().state, State::kIdle) << "the end of the failover was not noticed";
    EXPECT_EQ(At(Stats().stops, StopReason::kNewPrimarySeen), 1u);
  });
}

TEST_P(OutOfMemoryTest, AKeyspaceEventThatCouldNotBeTakenInCanBeRepeated) {
  ForEachAllocation([this] {
    const ShardHandle known = shard();
    TabletStats before = PrimaryReport(1, true, 1);
    before.alias.cell = kLongCell;
    buffer().StatsUpdate(before);
    buffer().StartBuffering(known, "a test");
    KeyspaceEvent event;
    event.keyspace = "ks";
    event.shards.push_back(
        {{std::string("not ") + kLongCell, 2}, {"ks", "0", TabletType::kPrimary}, true});
    if (!RunShortOfMemory([&] { buffer().HandleKeyspaceEvent(event); })) {
      buffer().HandleKeyspaceEvent(event);
    }
    EXPECT_EQ(Stats().state, State::kIdle);
  });
}

TEST_P(OutOfMemoryTest, TheEndsOfRequestsNeedNoMemory) {
  ForEachAllocation([this] {
    const ShardHandle known = shard();
    const absl::Status error = FailoverError();
    RetryDoneFunc token;
    const auto take = [&token](absl::StatusOr<RetryDoneFunc> result) {
      if (result.ok()) token = *std::move(result);
    };
    const auto drop = [](const absl::StatusOr<RetryDoneFunc>&) {};
    const BufferedRequest first = *buffer().WaitForFailoverEndAsync({}, known, error, take);
    BufferedRequest second = *buffer().WaitForFailoverEndAsync({}, known, error, drop);
    EXPECT_TRUE(RunShortOfMemory([&] {
      buffer().StopBuffering(known);
      buffer().Poll();
      EXPECT_TRUE(second.Cancel());
      token();
    })) << "the call threw";
  });
}

TEST_P(OutOfMemoryTest, ARequestThatFailsIsToldSoWithoutMemory) {
  ForEachAllocation([this] {
    const ShardHandle known = shard();
    const absl::Status error = FailoverError();
    RequestContext context;
    context.timeout = absl::Seconds(1);
    std::optional<absl::Status> told;
    const BufferedRequest handle = *buffer().WaitForFailoverEndAsync(
        context, known, error,
        [&told](const absl::StatusOr<RetryDoneFunc>& result) { told = result.status(); });
    clock_.Advance(absl::Seconds(1));
    EXPECT_TRUE(RunShortOfMemory([&] { buffer().Poll(); })) << "the call threw";
    ASSERT_TRUE(told.has_value());
    EXPECT_EQ(told->code(), absl::StatusCode::kDeadlineExceeded);
  });
}

TEST_P(OutOfMemoryTest, ATokenThatCannotBeReleasedStaysAsItWas) {
  ForEachAllocation([this] {
    const ShardHandle known = shard();
    RetryDoneFunc token;
    const BufferedRequest handle = *buffer().WaitForFailoverEndAsync(
        {}, known, FailoverError(),
        [&token](absl::StatusOr<RetryDoneFunc> result) { token = *std::move(result); });
    buffer().StopBuffering(known);
    buffer().Poll();
    OpaqueRetry opaque;
    if (RunShortOfMemory([&] { opaque = token.Release(); })) {
      EXPECT_FALSE(token);
      token = RetryDoneFunc::Adopt(opaque);
    }
    EXPECT_TRUE(token);
    EXPECT_EQ(Stats().requests_retrying, 1u);
    token();
    EXPECT_EQ(Stats().requests_retrying, 0u);
  });
}

TEST_P(OutOfMemoryTest, ACancelThatCompletesNeedsNoMemory) {
  ForEachAllocation([this] {
    const ShardHandle known = shard();
    std::optional<absl::Status> told;
    BufferedRequest handle = *buffer().WaitForFailoverEndAsync(
        {}, known, FailoverError(),
        [&told](const absl::StatusOr<RetryDoneFunc>& result) { told = result.status(); });
    EXPECT_TRUE(RunShortOfMemory([&] {
      EXPECT_TRUE(handle.CancelAndComplete());
      buffer().Poll();
    })) << "the call threw";
    ASSERT_TRUE(told.has_value());
    EXPECT_EQ(told->code(), absl::StatusCode::kCancelled);
  });
}

TEST_P(OutOfMemoryTest, ACoroutineWithAStopTokenIsHeldOrRefused) {
  ForEachAllocation([this] {
    const ShardHandle known = shard();
    const absl::Status error = FailoverError();
    const RequestContext context;
    std::stop_source stop;
    absl::StatusOr<RetryDoneFunc> answer;
    Coroutine coroutine = AwaitOrStop(buffer(), context, known, error, stop.get_token(), &answer);
    EXPECT_TRUE(RunShortOfMemory([&] { coroutine.Begin(); })) << "the call threw";
    if (coroutine.ended()) {
      if (!answer.ok()) ExpectRefusedForMemory(answer.status());
      return;
    }
    stop.request_stop();
    buffer().Poll();
    ASSERT_TRUE(coroutine.ended());
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kCancelled);
  });
}

// The first request of a shard allocates what the shard keeps, so the second is looked at.
TEST_P(OutOfMemoryTest, AFiberIsHeldAndReleasedWithoutAnAllocation) {
  spdlog::get("failover")->set_level(spdlog::level::off);
  Create();
  ReleasingBaton::buffer = &buffer();
  ReleasingBaton::shard = shard();
  for (int request = 0; request < 2; ++request) {
    ASSERT_TRUE(buffer().StartBuffering(shard(), "a test"));
    const ShardHandle known = shard();
    std::optional<absl::StatusOr<RetryDoneFunc>> result;
    bool allocated = false;
    {
      std::optional<FailAllocations> failures;
      if (request == 1) failures.emplace(FailAllocations::Which::kRest, 0);
      result.emplace(WaitForFailoverEndOn<ReleasingBaton>(buffer(), {}, known, absl::OkStatus()));
      allocated = failures.has_value() && failures->any();
    }
    EXPECT_FALSE(allocated);
    ASSERT_TRUE(result->ok()) << result->status();
    EXPECT_TRUE(**result);
    EXPECT_EQ((*result)->released_by(), StopReason::kManual);
    result.reset();
  }
}

TEST_P(OutOfMemoryTest, BugReloadAdoptedHalf_FailedCallChangesNothing) {
  ForEachAllocation([this] {
    const BufferedRequest held = *buffer().WaitForFailoverEndAsync(
        {}, shard(), FailoverError(), [](const absl::StatusOr<RetryDoneFunc>&) {});
    BufferOptions next = buffer().options();
    next.size = 7;
    next.window = absl::Seconds(3);
    next.enabled = false;
    absl::Status status;
    EXPECT_TRUE(RunShortOfMemory([&] { status = buffer().Reconfigure(next); })) << "the call threw";
    if (!status.ok()) {
      EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
      EXPECT_EQ(buffer().options().size, 2);
      EXPECT_EQ(buffer().options().window, absl::Seconds(10));
      EXPECT_EQ(buffer().Stats().size, 2u);
      EXPECT_EQ(Stats().state, State::kBuffering);
      EXPECT_EQ(buffer().Reconfigure(next), absl::OkStatus());
    }
    // Whichever call it was: all of it has happened.
    EXPECT_EQ(Stats().state, State::kDraining);
    EXPECT_EQ(buffer().Stats().size, 7u);
    while (buffer().Poll() == absl::ZeroDuration()) {
    }
    EXPECT_EQ(Stats().state, State::kIdle);
    next.enabled = true;
    EXPECT_EQ(buffer().Reconfigure(next), absl::OkStatus());
  });
}

TEST_P(OutOfMemoryTest, BugListWasNotParsedSafely) {
  ForEachAllocation([this] {
    BufferOptions next = buffer().options();
    next.keyspace_shards = "ks/0, another keyspace with a long name, and/a shard with a long name";
    absl::Status status;
    EXPECT_TRUE(RunShortOfMemory([&] { status = buffer().Reconfigure(next); })) << "the call threw";
    if (status.ok()) return;
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_EQ(buffer().options().keyspace_shards, "");
  });
}

TEST_P(OutOfMemoryTest, BugShutdownNeededMemory) {
  ForEachAllocation([this] {
    BufferOptions options;
    options.keyspace_shards = "ks/a shard whose name is so long that a copy of it needs memory";
    std::unique_ptr<Buffer> mine = *Buffer::Create(std::move(options));
    EXPECT_TRUE(RunShortOfMemory([&] { mine->Shutdown(); })) << "the call threw";
    mine = *Buffer::Create(options);
    EXPECT_TRUE(RunShortOfMemory([&] { mine.reset(); })) << "the destructor threw";
  });
}

TEST_P(OutOfMemoryTest, AShutdownThatCouldNotBeginCanBeBegunAgain) {
  may_hold_ = false;
  ForEachAllocation([this] {
    const BufferedRequest held = *buffer().WaitForFailoverEndAsync(
        {}, shard(), FailoverError(), [](const absl::StatusOr<RetryDoneFunc>&) {});
    int done = 0;
    const std::function<void()> function = [&done] { ++done; };
    if (!RunShortOfMemory([&] { buffer().BeginShutdown(function); })) {
      EXPECT_EQ(Stats().requests_held, 1u);
      buffer().BeginShutdown(function);
    }
    while (buffer().Poll() == absl::ZeroDuration()) {
    }
    EXPECT_EQ(done, 1);
  });
}

}  // namespace
}  // namespace failover::test
