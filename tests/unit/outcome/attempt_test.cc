// How the outcome of a statement, or the Status of an attempt, becomes an Attempt.
#include "failover/attempt.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "failover/errors.h"
#include "failover/outcome.h"
#include "outcome/judge.h"

namespace failover::internal {
namespace {

absl::Status Judged(Outcome outcome, FailoverSign sign, const StatementState& statement = {}) {
  return Judge({"imaginary", 7, "57P01", "the server goes away"}, "imaginary error",
               {outcome, sign}, statement);
}

StatementState NotSent() {
  StatementState statement;
  statement.send_state = SendState::kNotSent;
  return statement;
}

TEST(AttemptOfTest, OnlyAStatementThatWasNotExecutedWasRefused) {
  EXPECT_EQ(AttemptOf(Outcome::kNotExecuted, RefusedAt::kStatement), Attempt::kRefused);
  EXPECT_EQ(AttemptOf(Outcome::kNotExecuted, RefusedAt::kConnect), Attempt::kRefusedAtConnect);
  for (const RefusedAt at : {RefusedAt::kStatement, RefusedAt::kConnect}) {
    EXPECT_EQ(AttemptOf(Outcome::kRolledBack, at), Attempt::kFailed);
    EXPECT_EQ(AttemptOf(Outcome::kFailed, at), Attempt::kFailed);
    EXPECT_EQ(AttemptOf(Outcome::kUnknown, at), Attempt::kUnknown);
  }
}

TEST(AttemptOfTest, WithoutAFailoverNothingWasRefused) {
  EXPECT_EQ(AttemptOf(Outcome::kNotExecuted), Attempt::kFailed);
  EXPECT_EQ(AttemptOf(Outcome::kRolledBack), Attempt::kFailed);
  EXPECT_EQ(AttemptOf(Outcome::kFailed), Attempt::kFailed);
  EXPECT_EQ(AttemptOf(Outcome::kUnknown), Attempt::kUnknown);
}

TEST(AttemptOfTest, AStatusOfAModule) {
  EXPECT_EQ(AttemptOf(Judged(Outcome::kNotExecuted, FailoverSign::kYes)), Attempt::kRefused);
  EXPECT_EQ(AttemptOf(Judged(Outcome::kNotExecuted, FailoverSign::kForAnyStatement)),
            Attempt::kRefusedAtConnect);
  EXPECT_EQ(AttemptOf(Judged(Outcome::kUnknown, FailoverSign::kYes, NotSent())),
            Attempt::kRefusedAtConnect);
  EXPECT_EQ(AttemptOf(Judged(Outcome::kUnknown, FailoverSign::kYes)), Attempt::kUnknown);
  EXPECT_EQ(AttemptOf(Judged(Outcome::kRolledBack, FailoverSign::kYes)), Attempt::kFailed);
  EXPECT_EQ(AttemptOf(Judged(Outcome::kFailed, FailoverSign::kYes)), Attempt::kFailed);
}

// The code of this Status is kUnavailable, but a module says for certain that nothing was executed.
TEST(AttemptOfTest, AConnectionThatWasFoundDeadIsNoFailoverAndNotUnknown) {
  const absl::Status status = Judged(Outcome::kUnknown, FailoverSign::kNo, NotSent());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(AttemptOf(status), Attempt::kFailed);
}

TEST(AttemptOfTest, AStatusOfNoModule) {
  EXPECT_EQ(AttemptOf(absl::OkStatus()), Attempt::kSucceeded);
  EXPECT_EQ(AttemptOf(absl::UnavailableError("x")), Attempt::kUnknown);
  EXPECT_EQ(AttemptOf(absl::DeadlineExceededError("x")), Attempt::kUnknown);
  EXPECT_EQ(AttemptOf(absl::AlreadyExistsError("x")), Attempt::kFailed);
  EXPECT_EQ(AttemptOf(MarkCausedByFailover(absl::UnavailableError("x"))), Attempt::kRefused);
  EXPECT_EQ(AttemptOf(MarkCausedByFailover(absl::InternalError("x"), RefusedAt::kConnect)),
            Attempt::kRefusedAtConnect);
}

// A mark is a promise of its author. The module knows better.
TEST(AttemptOfTest, AnUnknownOutcomeWinsOverAMark) {
  EXPECT_EQ(AttemptOf(MarkCausedByFailover(Judged(Outcome::kUnknown, FailoverSign::kNo))),
            Attempt::kUnknown);
}

// The Buffer let the request pass before the request was sent again.
TEST(AttemptOfTest, AnErrorOfABufferIsNotUnknown) {
  absl::Status full = absl::UnavailableError("the buffer is full");
  full.SetPayload("failover/reason", absl::Cord("BufferFull"));
  ASSERT_EQ(ReasonOf(full), BufferErrorReason::kBufferFull);
  EXPECT_EQ(AttemptOf(full), Attempt::kFailed);
}

}  // namespace
}  // namespace failover::internal
