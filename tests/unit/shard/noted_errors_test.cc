// These tests cover errors whose requests are not held: refusals that cannot be repeated
// (NoteRefused), errors that slip past while a shard holds or drains, and inert handles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/evidence_test.h"

namespace failover::test {
namespace {

using ::testing::HasSubstr;

class NotedErrorsTest : public EvidenceTest {
 protected:
  AsyncRequest FailOtherwise() { return AsyncRequest(buffer(), shard(), OtherError(), {}); }
};

// ---- NoteRefused --------------------------------------------------------------------------------

TEST_F(NotedErrorsTest, ANotedRefusalBeginsAHoldAndHoldsNothing) {
  buffer().NoteRefused(shard(), "refused inside a transaction");
  EXPECT_EQ(state(), State::kBuffering);
  EXPECT_EQ(Stats().requests_held, 0u);
  EXPECT_EQ(Stats().requests_buffered, 0u);
  EXPECT_TRUE(Request().held());
  EXPECT_THAT(log_.LinesWith("starting buffering").front(),
              HasSubstr("because of: refused inside a transaction"));
}

TEST_F(NotedErrorsTest, ANotedRefusalMeetsTheGuards) {
  FailOverToServer2();
  buffer().NoteRefused(shard(), "refused");
  EXPECT_EQ(state(), State::kIdle);
  EXPECT_EQ(Skipped(SkippedReason::kLastFailoverTooRecent), 1u);
}

TEST_F(NotedErrorsTest, ANotedRefusalChangesNoHoldAndNoDrain) {
  AsyncRequest request = Fail();
  buffer().NoteRefused(shard(), "refused");
  EXPECT_EQ(Stats().starts, 1u);
  EndFailover();
  ASSERT_EQ(state(), State::kDraining);
  buffer().NoteRefused(shard(), "refused");
  EXPECT_EQ(state(), State::kDraining);
}

TEST_F(NotedErrorsTest, ANotedRefusalOfADisabledShardDoesNothing) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  Create(options);
  buffer().NoteRefused(shard(), "refused");
  EXPECT_EQ(state(), State::kIdle);
}

TEST_F(NotedErrorsTest, ANotedRefusalAfterAShutdownDoesNothing) {
  const ShardHandle handle = shard();
  buffer().Shutdown();
  buffer().NoteRefused(handle, "refused");
  EXPECT_EQ(state(), State::kIdle);
}

TEST_F(NotedErrorsTest, ANotedRefusalWithAnInertHandleDoesNothing) {
  buffer().NoteRefused(ShardHandle(), "refused");
  EXPECT_EQ(buffer().Stats().shards.size(), 0u);
}

TEST_F(NotedErrorsTest, ADryRunCountsANotedRefusal) {
  BufferOptions options = ManualOptions();
  options.enabled = false;
  options.dry_run = true;
  Create(options);
  buffer().NoteRefused(shard(), "refused");
  EXPECT_EQ(Stats().starts, 1u);
  EXPECT_TRUE(Request().passed());
}

// ---- Errors that slip past ----------------------------------------------------------------------

TEST_F(NotedErrorsTest, AnErrorInAHoldIsCountedWithItsCode) {
  const AsyncRequest request = Fail();
  EXPECT_TRUE(FailOtherwise().passed());
  EXPECT_EQ(Stats().requests_slipped_past, 1u);
  EXPECT_EQ(Stats().last_code_slipped_past, static_cast<int>(absl::StatusCode::kAlreadyExists));
  const absl::Status lost = absl::UnavailableError("lost connection");
  EXPECT_TRUE(AsyncRequest(buffer(), shard(), lost, {}).passed());
  EXPECT_EQ(Stats().requests_slipped_past, 2u);
  EXPECT_EQ(Stats().last_code_slipped_past, static_cast<int>(absl::StatusCode::kUnavailable));
}

TEST_F(NotedErrorsTest, AnErrorInADrainIsCounted) {
  AsyncRequest request = Fail();
  EndFailover();
  EXPECT_TRUE(FailOtherwise().passed());
  EXPECT_EQ(Stats().requests_slipped_past, 1u);
}

TEST_F(NotedErrorsTest, AnErrorInIdleIsNotCounted) {
  EXPECT_TRUE(FailOtherwise().passed());
  { const AsyncRequest request = Fail(); }
  EndFailover();
  ASSERT_EQ(state(), State::kIdle);
  EXPECT_TRUE(FailOtherwise().passed());
  EXPECT_EQ(Stats().requests_slipped_past, 0u);
}

TEST_F(NotedErrorsTest, ARefusalDoesNotSlipPast) {
  const AsyncRequest first = Fail();
  const AsyncRequest second = Fail();
  const AsyncRequest third = Request();
  EXPECT_EQ(Stats().requests_slipped_past, 0u);
}

TEST_F(NotedErrorsTest, AnErrorThatComesBackWithATokenIsCounted) {
  AsyncRequest request = Fail();
  EndFailover();
  AsyncRequest second(buffer(), shard(),
                      LastAttempt(OtherError()).After(std::move(request.token())), {});
  EXPECT_TRUE(second.passed());
  EXPECT_EQ(Stats().retries_failed, 1u);
}

// ---- Inert handles ------------------------------------------------------------------------------

TEST_F(NotedErrorsTest, AnInertHandleIsLoggedOnce) {
  for (int i = 0; i < 3; ++i) {
    const absl::StatusOr<RetryDoneFunc> done =
        buffer().WaitForFailoverEnd({}, ShardHandle(), FailoverError());
    ASSERT_TRUE(done.ok());
    EXPECT_FALSE(*done);
    EXPECT_TRUE(AsyncRequest(buffer(), ShardHandle(), FailoverError(), {}).passed());
  }
  EXPECT_EQ(log_.Count("inert ShardHandle"), 1u);
}

// ---- One shard must not take all
// ------------------------------------------------------------------

class MaxPerShardTest : public EvidenceTest {
 protected:
  void SetUp() override {
    BufferOptions options = ManualOptions();
    options.max_per_shard = 2;
    Create(options);
  }
};

TEST_F(MaxPerShardTest, AShardThatHasItsShareEvictsItsOwnOldest) {
  const AsyncRequest first = Fail();
  const AsyncRequest second = Fail();
  const AsyncRequest third = Fail();
  PollAll();
  EXPECT_TRUE(third.held());
  EXPECT_EQ(first.reason(), BufferErrorReason::kEvicted);
  EXPECT_EQ(buffer().Stats().slots_free, 8u);
}

TEST_F(MaxPerShardTest, OtherShardsHaveTheirOwnShare) {
  const AsyncRequest first = Fail();
  const AsyncRequest second = Fail();
  EXPECT_TRUE(FailOn(Shard("1")).held());
  PollAll();
  EXPECT_FALSE(first.done());
}

TEST_F(MaxPerShardTest, RetriesCount) {
  AsyncRequest first = Fail();
  AsyncRequest second = Fail();
  Pass(absl::Seconds(10), absl::Seconds(1));
  ASSERT_TRUE(second.released());
  const AsyncRequest third = Fail();
  ASSERT_TRUE(third.refused());
  EXPECT_EQ(ReasonOf(third.refusal()), BufferErrorReason::kBufferFull);
  EXPECT_EQ(Skipped(SkippedReason::kBufferFull), 1u);
  EXPECT_THAT(std::string(third.refusal().message()), HasSubstr("(size 10, max_per_shard 2)"));
  first.EndRetry();
  EXPECT_TRUE(Fail().held());
}

TEST_F(MaxPerShardTest, ARequestThatComesBackHasItsPlace) {
  AsyncRequest first = FailReturning();
  const AsyncRequest second = Fail();
  Advance(absl::Seconds(1));
  EXPECT_TRUE(Return(first).held());
  PollAll();
  EXPECT_FALSE(second.done());
}

TEST_F(MaxPerShardTest, ZeroIsNoLimit) {
  Create(ManualOptions());
  std::vector<AsyncRequest> requests;
  for (int i = 0; i < 10; ++i) requests.push_back(Fail());
  PollAll();
  EXPECT_FALSE(requests.front().done());
}

}  // namespace
}  // namespace failover::test
