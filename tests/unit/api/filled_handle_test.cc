// These tests cover the handle of a held request that ends the wait with kCancelled, and the
// overload that fills the handle before the callback can run.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "support/buffer_test.h"
#include "support/thread_signal.h"

namespace failover::test {
namespace {

using Result = absl::StatusOr<RetryDoneFunc>;

// ---- CancelAndComplete --------------------------------------------------------------------------

class CancelAndCompleteTest : public BufferTest {};

TEST_F(CancelAndCompleteTest, TheCallbackIsGivenKCancelledInsidePoll) {
  AsyncRequest request = Fail();
  EXPECT_TRUE(request.handle().CancelAndComplete());
  EXPECT_FALSE(request.handle());
  EXPECT_EQ(request.runs(), 0);
  EXPECT_EQ(Stats().requests_held, 0u);
  EXPECT_EQ(buffer().Stats().slots_free, 10u);
  PollAll();
  EXPECT_EQ(request.runs(), 1);
  EXPECT_EQ(request.reason(), BufferErrorReason::kCancelled);
  EXPECT_TRUE(request.callback_destroyed());
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kContextDone), 1u);
}

TEST_F(CancelAndCompleteTest, TheEndOfTheHandleTakesNothingBack) {
  std::optional<absl::Status> told;
  {
    absl::StatusOr<BufferedRequest> request = buffer().WaitForFailoverEndAsync(
        {}, shard(), FailoverError(), [&told](const Result& result) { told = result.status(); });
    ASSERT_TRUE(request.ok() && *request);
    EXPECT_TRUE(request->CancelAndComplete());
    EXPECT_FALSE(request->Cancel());
  }
  PollAll();
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(ReasonOf(*told), BufferErrorReason::kCancelled);
}

TEST_F(CancelAndCompleteTest, WhatIsReleasedAlreadyIsToldSo) {
  AsyncRequest request = Fail();
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  EXPECT_FALSE(request.handle().CancelAndComplete());
  EXPECT_FALSE(request.handle());
  PollAll();
  EXPECT_TRUE(request.released());
}

TEST_F(CancelAndCompleteTest, AfterTheCallbackItDoesNothing) {
  AsyncRequest request = Fail();
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  PollAll();
  EXPECT_FALSE(request.handle().CancelAndComplete());
  PollAll();
  EXPECT_EQ(request.runs(), 1);
}

TEST_F(CancelAndCompleteTest, AnEmptyHandleDoesNothing) {
  BufferedRequest request;
  EXPECT_FALSE(request.CancelAndComplete());
}

TEST_F(CancelAndCompleteTest, AfterTheBufferItDoesNothing) {
  AsyncRequest request = Fail();
  Destroy();
  EXPECT_FALSE(request.handle().CancelAndComplete());
  EXPECT_EQ(request.runs(), 1);
}

TEST_F(CancelAndCompleteTest, TheOthersKeepTheirPlaces) {
  AsyncRequest first = Fail();
  AsyncRequest second = Request();
  AsyncRequest third = Request();
  EXPECT_TRUE(second.handle().CancelAndComplete());
  EndFailover();
  EXPECT_TRUE(first.released());
  EXPECT_EQ(second.reason(), BufferErrorReason::kCancelled);
  EXPECT_FALSE(third.done());
  first.EndRetry();
  PollAll();
  EXPECT_TRUE(third.released());
}

TEST_F(CancelAndCompleteTest, InsideItsOwnCallbackItDoesNothing) {
  BufferedRequest handle;
  bool answer = true;
  ASSERT_TRUE(buffer()
                  .WaitForFailoverEndAsync(
                      {}, shard(), FailoverError(),
                      [&](const Result&) { answer = handle.CancelAndComplete(); }, &handle)
                  .ok());
  ASSERT_TRUE(handle);
  ASSERT_TRUE(buffer().StopBuffering(shard()));
  PollAll();
  EXPECT_FALSE(answer);
  EXPECT_FALSE(handle);
}

TEST_F(CancelAndCompleteTest, TheServiceThreadIsWoken) {
  const std::unique_ptr<Buffer> mine = *Buffer::Create(UnhurriedOptions());
  Signal told;
  // Kept instead of the Status: ThreadSanitizer sees no order between the two ends of a Status,
  // because Debian's abseil is compiled without it.
  std::optional<BufferErrorReason> reason;
  absl::StatusOr<BufferedRequest> request = mine->WaitForFailoverEndAsync(
      {}, mine->GetShard("ks", "0"), FailoverError(), [&](const Result& result) {
        reason = ReasonOf(result.status());
        told.Give();
      });
  ASSERT_TRUE(request.ok() && *request);
  EXPECT_TRUE(request->CancelAndComplete());
  ASSERT_TRUE(told.Await());
  EXPECT_EQ(reason, BufferErrorReason::kCancelled);
}

// ---- The handle is filled before the callback can run -------------------------------------------

class FilledHandleTest : public BufferTest {
 protected:
  absl::Status Wait(LastAttempt last, BufferedRequest* request) {
    return buffer().WaitForFailoverEndAsync(
        {}, shard(), std::move(last), [this](Result result) { result_ = std::move(result); },
        request);
  }

  std::optional<Result> result_;
};

TEST_F(FilledHandleTest, AHeldRequestFillsTheHandle) {
  BufferedRequest request;
  EXPECT_TRUE(Wait(FailoverError(), &request).ok());
  EXPECT_TRUE(request);
  EXPECT_TRUE(request.Cancel());
  EXPECT_EQ(Stats().requests_held, 0u);
}

TEST_F(FilledHandleTest, ARequestThatPassesLeavesItEmpty) {
  for (const absl::Status& error : {absl::OkStatus(), OtherError()}) {
    BufferedRequest request;
    EXPECT_TRUE(Wait(error, &request).ok());
    EXPECT_FALSE(request);
  }
  BufferedRequest request;
  EXPECT_TRUE(buffer()
                  .WaitForFailoverEndAsync(
                      {}, ShardHandle(), FailoverError(), [](Result) {}, &request)
                  .ok());
  EXPECT_FALSE(request);
}

TEST_F(FilledHandleTest, ARefusedRequestLeavesItEmpty) {
  BufferOptions options = ManualOptions();
  options.size = 1;
  Create(options);
  const AsyncRequest elsewhere = FailOn(Shard("1"));
  BufferedRequest request;
  EXPECT_EQ(ReasonOf(Wait(FailoverError(), &request)), BufferErrorReason::kBufferFull);
  EXPECT_FALSE(request);
  EXPECT_FALSE(result_.has_value());
}

TEST_F(FilledHandleTest, ADrainThatLetsItPassLeavesItEmpty) {
  const AsyncRequest first = Fail();
  EndFailover();
  ASSERT_EQ(Stats().state, State::kDraining);
  BufferedRequest request;
  EXPECT_TRUE(Wait(FailoverError(), &request).ok());
  EXPECT_FALSE(request);
}

TEST_F(FilledHandleTest, WhatItHeldBeforeIsCancelled) {
  BufferedRequest request;
  ASSERT_TRUE(Wait(FailoverError(), &request).ok());
  ASSERT_TRUE(Wait(FailoverError(), &request).ok());
  EXPECT_TRUE(request);
  EXPECT_EQ(Stats().requests_held, 1u);
  EXPECT_EQ(At(Stats().requests_evicted, EvictedReason::kContextDone), 1u);
}

TEST_F(FilledHandleTest, ItIsEmptiedEvenIfTheNextRequestPasses) {
  BufferedRequest request;
  ASSERT_TRUE(Wait(FailoverError(), &request).ok());
  ASSERT_TRUE(buffer()
                  .WaitForFailoverEndAsync(
                      {}, ShardHandle(), absl::OkStatus(), [](Result) {}, &request)
                  .ok());
  EXPECT_FALSE(request);
  EXPECT_EQ(Stats().requests_held, 0u);
}

TEST_F(FilledHandleTest, NullIsAnError) {
  EXPECT_EQ(Wait(FailoverError(), nullptr).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Stats().requests_held, 0u);
}

TEST_F(FilledHandleTest, AnEmptyCallbackIsAnError) {
  BufferedRequest request;
  EXPECT_EQ(
      buffer().WaitForFailoverEndAsync({}, shard(), FailoverError(), nullptr, &request).code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(request);
}

// The log line of the first request comes after it was held, and before the call returns. At that
// moment another thread runs the callback to its end.
TEST_F(FilledHandleTest, TheCallbackMayUseItBeforeTheCallReturns) {
  struct Operation {
    BufferedRequest request;
  };
  auto operation = std::make_unique<Operation>();
  std::optional<bool> was_filled;
  log_.OnLine([this] {
    log_.OnLine(nullptr);
    ASSERT_TRUE(buffer().StopBuffering(shard()));
    std::thread poller([this] { buffer().Poll(); });
    poller.join();
  });
  const absl::Status status = buffer().WaitForFailoverEndAsync(
      {}, shard(), FailoverError(),
      // The callback destroys the handle that the call fills.
      [&operation, &was_filled](const Result&) {
        was_filled = static_cast<bool>(operation->request);
        operation.reset();
      },
      &operation->request);
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(was_filled, true);
  EXPECT_EQ(operation, nullptr);
}

}  // namespace
}  // namespace failover::test
