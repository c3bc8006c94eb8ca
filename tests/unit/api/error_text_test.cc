// These tests cover the errors of a Buffer: their code, their reason, and what they tell a person.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "support/buffer_test.h"

namespace failover::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Lt;
using ::testing::Not;
using ::testing::SizeIs;

class ErrorTextTest : public BufferTest {
 protected:
  static std::string Text(const absl::Status& status) { return std::string(status.message()); }

  void CreateWithSize(std::int64_t size) {
    BufferOptions options = ManualOptions();
    options.size = size;
    Create(options);
  }
};

TEST_F(ErrorTextTest, Evicted) {
  CreateWithSize(1);
  const AsyncRequest request = Fail();
  const AsyncRequest newer = Request();
  PollAll();
  EXPECT_EQ(request.error().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(request.reason(), BufferErrorReason::kEvicted);
  EXPECT_THAT(Text(request.error()), AllOf(HasSubstr("ks/0"), HasSubstr("evicted for a newer one"),
                                           HasSubstr("original error: FAILED_PRECONDITION: The "
                                                     "MariaDB server is running")));
}

TEST_F(ErrorTextTest, TheCallersTimeout) {
  RequestContext context;
  context.timeout = absl::Seconds(1);
  const AsyncRequest request = Fail(context);
  Advance(absl::Seconds(1));
  EXPECT_EQ(request.error().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(request.reason(), BufferErrorReason::kTimeout);
  EXPECT_THAT(Text(request.error()), AllOf(HasSubstr("ks/0"), HasSubstr("timeout was over"),
                                           HasSubstr("original error: FAILED_PRECONDITION")));
}

TEST_F(ErrorTextTest, ATimeoutThatWasOverBefore) {
  RequestContext context;
  context.timeout = absl::ZeroDuration();
  const AsyncRequest request = Fail(context);
  EXPECT_EQ(request.refusal().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReasonOf(request.refusal()), BufferErrorReason::kTimeout);
  EXPECT_THAT(Text(request.refusal()), AllOf(HasSubstr("ks/0"), HasSubstr("timeout was over"),
                                             HasSubstr("original error: FAILED_PRECONDITION")));
}

TEST_F(ErrorTextTest, AWindowThatIsOver) {
  AsyncRequest request = Fail();
  Advance(absl::Seconds(10));
  ASSERT_TRUE(request.released());
  const AsyncRequest again(buffer(), shard(),
                           LastAttempt(FailoverError()).After(std::move(request.token())), {});
  EXPECT_EQ(again.refusal().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReasonOf(again.refusal()), BufferErrorReason::kWindowOver);
  EXPECT_THAT(Text(again.refusal()), AllOf(HasSubstr("ks/0"), HasSubstr("the end of its window"),
                                           HasSubstr("original error: FAILED_PRECONDITION")));
}

TEST_F(ErrorTextTest, CancelledBefore) {
  Cancellation cancellation;
  cancellation.Cancel();
  RequestContext context;
  context.cancellation = &cancellation;
  const absl::Status error =
      buffer().WaitForFailoverEnd(context, shard(), FailoverError()).status();
  EXPECT_EQ(error.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(ReasonOf(error), BufferErrorReason::kCancelled);
  EXPECT_THAT(Text(error), AllOf(HasSubstr("ks/0"), HasSubstr("cancelled"),
                                 HasSubstr("original error: FAILED_PRECONDITION")));
}

TEST_F(ErrorTextTest, TheShardIsGone) {
  const AsyncRequest request = Fail();
  buffer().HandleKeyspaceEvent(
      {"ks", {{{}, {"ks", "0", TabletType::kPrimary}, false}}, MoveTablesState::kUnknown});
  PollAll();
  EXPECT_EQ(request.error().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(request.reason(), BufferErrorReason::kShardMissing);
  EXPECT_THAT(Text(request.error()), AllOf(HasSubstr("ks/0"), HasSubstr("resharding"),
                                           HasSubstr("original error: FAILED_PRECONDITION")));
}

TEST_F(ErrorTextTest, NoSlotTellsTheSize) {
  CreateWithSize(1);
  const AsyncRequest elsewhere = FailOn(Shard("1"));
  const AsyncRequest request = Fail();
  EXPECT_EQ(request.refusal().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(request.refusal()), BufferErrorReason::kBufferFull);
  EXPECT_THAT(Text(request.refusal()), AllOf(HasSubstr("ks/0"), HasSubstr("full (size 1)"),
                                             HasSubstr("original error: FAILED_PRECONDITION")));
}

TEST_F(ErrorTextTest, NoBytesTellsTheLimitAndTheWish) {
  BufferOptions options = ManualOptions();
  options.max_bytes = 100;
  Create(options);
  RequestContext context;
  context.bytes = 60;
  const AsyncRequest elsewhere = FailOn(Shard("1"), context);
  const AsyncRequest request = Fail(context);
  EXPECT_EQ(request.refusal().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(request.refusal()), BufferErrorReason::kBufferFull);
  EXPECT_THAT(Text(request.refusal()),
              AllOf(HasSubstr("ks/0"), HasSubstr("max_bytes 100"), HasSubstr("60 bytes"),
                    HasSubstr("original error: FAILED_PRECONDITION")));
}

TEST_F(ErrorTextTest, ARequestThatIsTooLargeTellsBothNumbers) {
  BufferOptions options = ManualOptions();
  options.max_bytes = 100;
  Create(options);
  RequestContext context;
  context.bytes = 101;
  const AsyncRequest request = Fail(context);
  EXPECT_EQ(request.refusal().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(request.refusal()), BufferErrorReason::kBufferFull);
  EXPECT_THAT(Text(request.refusal()),
              AllOf(HasSubstr("ks/0"), HasSubstr("101 bytes"), HasSubstr("(100)"),
                    HasSubstr("original error: FAILED_PRECONDITION")));
}

TEST_F(ErrorTextTest, ARequestThatHadNotFailedHasNoOriginalError) {
  const AsyncRequest first = Fail();
  RequestContext context;
  context.timeout = absl::Seconds(1);
  const AsyncRequest request = Request(context);
  Advance(absl::Seconds(1));
  EXPECT_THAT(Text(request.error()), Not(HasSubstr("original error")));
}

TEST_F(ErrorTextTest, OfAHeldRequestsErrorOnlyTheBeginningIsKept) {
  const std::string long_text =
      std::string("operation not allowed in state NOT_SERVING: ") + std::string(100000, 'x');
  RequestContext context;
  context.timeout = absl::Seconds(1);
  const AsyncRequest request(buffer(), shard(), absl::FailedPreconditionError(long_text), context);
  Advance(absl::Seconds(1));
  EXPECT_THAT(Text(request.error()), HasSubstr("operation not allowed in state NOT_SERVING: xxx"));
  EXPECT_THAT(Text(request.error()), SizeIs(Lt(1000u)));
}

TEST_F(ErrorTextTest, OfARefusedRequestsErrorOnlyTheBeginningIsKeptToo) {
  const absl::Status error = absl::FailedPreconditionError(
      "operation not allowed in state NOT_SERVING: " + std::string(100000, 'x'));
  RequestContext context;
  context.timeout = absl::ZeroDuration();
  const AsyncRequest async(buffer(), shard(), error, context);
  const absl::Status blocking = buffer().WaitForFailoverEnd(context, shard(), error).status();
  for (const absl::Status& refusal : {async.refusal(), blocking}) {
    EXPECT_THAT(Text(refusal), HasSubstr("operation not allowed in state NOT_SERVING: xxx"));
    EXPECT_THAT(Text(refusal), SizeIs(Lt(1000u)));
  }
}

TEST_F(ErrorTextTest, ABuffersErrorIsNotTakenForAFailover) {
  CreateWithSize(1);
  const AsyncRequest request = Fail();
  const AsyncRequest newer = Request();
  PollAll();
  EXPECT_FALSE(CausedByFailover(request.error()));
}

}  // namespace
}  // namespace failover::test
