// These tests cover RunWithFailoverRetry, the loop around a query.
#include "failover/retry.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/blocking_call.h"
#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

class RetryTest : public BufferTest {
 protected:
  RetryTest() {
    BufferOptions options = ManualOptions();
    options.wakeup = [this] { wakeup_.Give(); };
    Create(options);
  }

  // Returns an attempt that gives the answers in turn, and then repeats the last answer.
  auto Answers(std::vector<absl::Status> answers) {
    return [this, answers = std::move(answers)]() -> absl::Status {
      const auto attempt = static_cast<std::size_t>(attempts_++);
      return attempt < answers.size() ? answers[attempt] : answers.back();
    };
  }

  Signal wakeup_;
  int attempts_ = 0;
};

TEST_F(RetryTest, SuccessIsReturnedAtOnce) {
  EXPECT_TRUE(RunWithFailoverRetry(buffer(), {}, shard(), Answers({absl::OkStatus()})).ok());
  EXPECT_EQ(attempts_, 1);
}

TEST_F(RetryTest, AnErrorThatNoFailoverCausedIsReturnedAtOnce) {
  EXPECT_EQ(RunWithFailoverRetry(buffer(), {}, shard(), Answers({OtherError()})), OtherError());
  EXPECT_EQ(attempts_, 1);
}

TEST_F(RetryTest, AFailedRequestIsHeldAndThenSucceeds) {
  ReleaseWheneverHeld();
  EXPECT_TRUE(
      RunWithFailoverRetry(buffer(), {}, shard(), Answers({FailoverError(), absl::OkStatus()}))
          .ok());
  EXPECT_EQ(attempts_, 2);
  EXPECT_EQ(Stats().requests_buffered, 1u);
  EXPECT_EQ(Stats().retries_succeeded, 1u);
  EXPECT_EQ(Stats().requests_retrying, 0u);
}

TEST_F(RetryTest, ARetryThatIsRefusedIsHeldAgain) {
  ReleaseWheneverHeld();
  EXPECT_TRUE(RunWithFailoverRetry(buffer(), {}, shard(),
                                   Answers({FailoverError(), FailoverError(), FailoverError(),
                                            FailoverError(), FailoverError(), absl::OkStatus()}))
                  .ok());
  EXPECT_EQ(attempts_, 6);
  EXPECT_EQ(Stats().requests_buffered, 5u);
  EXPECT_EQ(Stats().retries_succeeded, 1u);
  EXPECT_EQ(Stats().requests_retrying, 0u);
}

// The first attempt ends after 4 s, and its request is held from then on for at most 10 s.
TEST_F(RetryTest, WhenTheWindowIsOverTheAttemptsOwnErrorIsReturned) {
  ReleaseWheneverHeld();
  const auto slow = [this]() -> absl::Status {
    ++attempts_;
    clock_.Advance(absl::Seconds(4));
    return FailoverError();
  };
  EXPECT_EQ(RunWithFailoverRetry(buffer(), {}, shard(), slow), FailoverError());
  EXPECT_EQ(attempts_, 4);
  EXPECT_EQ(Stats().requests_buffered, 3u);
  EXPECT_EQ(Stats().requests_retrying, 0u);
}

TEST_F(RetryTest, TheRequestKeepsItsSlotFromHoldToHold) {
  ReleaseWheneverHeld();
  std::vector<std::uint64_t> retrying;
  const auto attempt = [&]() -> absl::Status {
    retrying.push_back(Stats().requests_retrying);
    return retrying.size() < 4 ? FailoverError() : OtherError();
  };
  EXPECT_EQ(RunWithFailoverRetry(buffer(), {}, shard(), attempt), OtherError());
  EXPECT_EQ(retrying, (std::vector<std::uint64_t>{0, 1, 1, 1}));
  EXPECT_EQ(Stats().requests_retrying, 0u);
  EXPECT_EQ(Stats().requests_held_again, 2u);
  EXPECT_EQ(Stats().retries_failed, 3u) << "two were refused, and one failed otherwise";
}

TEST_F(RetryTest, ARetryOfUnknownFateIsNotRepeated) {
  ReleaseWheneverHeld();
  for (const absl::Status& lost : {absl::UnavailableError("the connection was lost"),
                                   absl::DeadlineExceededError("no answer in time")}) {
    attempts_ = 0;
    EXPECT_EQ(RunWithFailoverRetry(buffer(), {}, shard(),
                                   Answers({FailoverError(), lost, absl::OkStatus()})),
              lost);
    EXPECT_EQ(attempts_, 2);
    AdvanceBeyondGuards();
  }
}

TEST_F(RetryTest, TheNumberOfAttemptsWithNoHoldBetweenThemIsAPolicy) {
  EXPECT_FALSE(
      RunWithFailoverRetry(buffer(), {}, ShardHandle(), Answers({FailoverError()}), RetryPolicy{5})
          .ok());
  EXPECT_EQ(attempts_, 5);
}

TEST_F(RetryTest, LessThanOneAttemptCountsAsOne) {
  for (const int max_attempts : {1, 0, -7}) {
    attempts_ = 0;
    EXPECT_EQ(RunWithFailoverRetry(buffer(), {}, shard(), Answers({FailoverError()}),
                                   RetryPolicy{max_attempts}),
              FailoverError());
    EXPECT_EQ(attempts_, 1);
  }
  EXPECT_EQ(Stats().starts, 0u) << "no request asked to be held";
}

TEST_F(RetryTest, WhileTheShardBuffersEvenTheFirstAttemptWaits) {
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  RequestContext context;
  context.timeout = absl::Seconds(5);
  std::optional<absl::Status> result;
  BlockingCall call(wakeup_, [&]() -> absl::StatusOr<RetryDoneFunc> {
    result = RunWithFailoverRetry(buffer(), context, shard(), Answers({absl::OkStatus()}));
    return RetryDoneFunc();
  });
  EXPECT_EQ(Stats().requests_held, 1u);
  EXPECT_EQ(attempts_, 0);
  EXPECT_TRUE(buffer().StopBuffering(shard()));
  EXPECT_TRUE(call.result().ok());
  EXPECT_TRUE(result->ok());
  EXPECT_EQ(attempts_, 1);
}

TEST_F(RetryTest, IfItCannotWaitThatErrorIsReturnedAndNoAttemptIsMade) {
  RequestContext context;
  context.timeout = absl::ZeroDuration();
  EXPECT_TRUE(buffer().StartBuffering(shard(), "a test"));
  const absl::Status error =
      RunWithFailoverRetry(buffer(), context, shard(), Answers({absl::OkStatus()}));
  EXPECT_EQ(ReasonOf(error), BufferErrorReason::kTimeout);
  EXPECT_EQ(attempts_, 0);
}

TEST_F(RetryTest, TheTimeoutIsForTheWholeLoop) {
  RequestContext context;
  context.timeout = absl::Seconds(3);
  const auto slow = [this]() -> absl::Status {
    ++attempts_;
    clock_.Advance(absl::Seconds(3));
    return FailoverError();
  };
  const absl::Status error = RunWithFailoverRetry(buffer(), context, shard(), slow);
  EXPECT_EQ(ReasonOf(error), BufferErrorReason::kTimeout);
  EXPECT_EQ(attempts_, 1);
}

TEST_F(RetryTest, AnAttemptAfterTheTimeoutIsNotRepeatedAfterAHold) {
  ReleaseWheneverHeld();
  RequestContext context;
  context.timeout = absl::Seconds(3);
  const auto slow = [this]() -> absl::Status {
    ++attempts_;
    clock_.Advance(absl::Seconds(2));
    return FailoverError();
  };
  EXPECT_EQ(RunWithFailoverRetry(buffer(), context, shard(), slow), FailoverError());
  EXPECT_EQ(attempts_, 2);
  EXPECT_EQ(Stats().requests_buffered, 1u);
}

TEST_F(RetryTest, WithATimeoutOfZeroItIsAttemptedOnceIfNothingHolds) {
  RequestContext context;
  context.timeout = absl::ZeroDuration();
  EXPECT_TRUE(RunWithFailoverRetry(buffer(), context, shard(), Answers({absl::OkStatus()})).ok());
  const absl::Status error =
      RunWithFailoverRetry(buffer(), context, shard(), Answers({FailoverError()}));
  EXPECT_EQ(ReasonOf(error), BufferErrorReason::kTimeout);
  EXPECT_EQ(attempts_, 2);
  EXPECT_EQ(Stats().starts, 1u) << "the Buffer learns of the failover all the same";
}

TEST_F(RetryTest, WhatIsLeftOfTheTimeoutLimitsTheWait) {
  BufferOptions options = ManualOptions();
  options.probe_after = absl::Seconds(10);
  Create(options);
  RequestContext context;
  context.timeout = absl::Seconds(5);
  absl::Duration poll_is_due;
  log_.OnLine([&] {
    log_.OnLine(nullptr);
    poll_is_due = buffer().Poll();
    buffer().StopBuffering(shard());
  });
  const auto slow = [this]() -> absl::Status {
    clock_.Advance(absl::Seconds(2));
    return ++attempts_ == 1 ? FailoverError() : absl::OkStatus();
  };
  EXPECT_TRUE(RunWithFailoverRetry(buffer(), context, shard(), slow).ok());
  EXPECT_EQ(poll_is_due, absl::Seconds(3));
}

TEST_F(RetryTest, AFullBufferEndsTheLoop) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  Create(options);
  const AsyncRequest elsewhere = FailOn(Shard("1"));
  const absl::Status error =
      RunWithFailoverRetry(buffer(), {}, shard(), Answers({FailoverError()}));
  EXPECT_EQ(ReasonOf(error), BufferErrorReason::kBufferFull);
  EXPECT_EQ(attempts_, 1);
}

TEST_F(RetryTest, IfItNeedNotBeHeldItIsRetriedAtOnce) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  Create(options);
  EXPECT_TRUE(RunWithFailoverRetry(buffer(), {}, shard(),
                                   Answers({FailoverError(), FailoverError(), absl::OkStatus()}))
                  .ok());
  EXPECT_EQ(attempts_, 3);
  EXPECT_EQ(Stats().requests_buffered, 0u);
  EXPECT_EQ(At(Stats().requests_skipped, SkippedReason::kDisabled), 3u);
}

TEST_F(RetryTest, AnInertHandleRetriesToo) {
  EXPECT_TRUE(RunWithFailoverRetry(buffer(), {}, ShardHandle(),
                                   Answers({FailoverError(), absl::OkStatus()}))
                  .ok());
  EXPECT_EQ(attempts_, 2);
}

TEST_F(RetryTest, TheBuffersClassifierDecides) {
  BufferOptions options = ManualOptions();
  options.caused_by_failover = [](const absl::Status& error) {
    return error.code() == absl::StatusCode::kAborted;
  };
  options.enabled = false;
  Create(options);
  EXPECT_EQ(RunWithFailoverRetry(buffer(), {}, shard(), Answers({FailoverError()})),
            FailoverError());
  EXPECT_EQ(attempts_, 1);
  attempts_ = 0;
  EXPECT_TRUE(RunWithFailoverRetry(buffer(), {}, shard(),
                                   Answers({absl::AbortedError("mine"), absl::OkStatus()}))
                  .ok());
  EXPECT_EQ(attempts_, 2);
}

TEST_F(RetryTest, ItReturnsWhatTheAttemptReturns) {
  const auto attempt = []() -> absl::StatusOr<std::string> { return "rows"; };
  const absl::StatusOr<std::string> rows = RunWithFailoverRetry(buffer(), {}, shard(), attempt);
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(*rows, "rows");
}

TEST_F(RetryTest, ResultsNeedOnlyBeMovable) {
  ReleaseWheneverHeld();
  const auto attempt = [this]() -> absl::StatusOr<std::unique_ptr<int>> {
    if (++attempts_ == 1) return FailoverError();
    return std::make_unique<int>(42);
  };
  const absl::StatusOr<std::unique_ptr<int>> result =
      RunWithFailoverRetry(buffer(), {}, shard(), attempt);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(**result, 42);
}

TEST_F(RetryTest, TheAttemptNeedNotBeCopiedOrConst) {
  struct Attempt {
    Attempt() = default;
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;
    absl::Status operator()() {
      ++calls;
      return absl::OkStatus();
    }
    int calls = 0;
  };
  Attempt attempt;
  EXPECT_TRUE(RunWithFailoverRetry(buffer(), {}, shard(), attempt).ok());
  EXPECT_EQ(attempt.calls, 1);
}

TEST_F(RetryTest, AnExceptionOfTheAttemptEndsTheRetry) {
  ReleaseWheneverHeld();
  const auto attempt = [this]() -> absl::Status {
    if (++attempts_ == 1) return FailoverError();
    throw std::runtime_error("the connection is broken");
  };
  EXPECT_THROW(RunWithFailoverRetry(buffer(), {}, shard(), attempt).IgnoreError(),
               std::runtime_error);
  EXPECT_EQ(Stats().requests_retrying, 0u);
}

}  // namespace
}  // namespace failover::test
