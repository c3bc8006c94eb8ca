// What the kind of a statement changes: what commits inside, what begins and what ends a
// transaction, and what the router read of the reply before the error.
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "error_rows.h"
#include "failover/errors.h"
#include "failover/postgres/errors.h"

namespace failover::postgres {
namespace {

constexpr Outcome kNotExecuted = Outcome::kNotExecuted;
constexpr Outcome kUnknown = Outcome::kUnknown;

PostgresError Ended() { return Response(Severity::kFatal, "57P01", "terminating connection"); }
PostgresError CutOff() { return LastNotice(Severity::kWarning, "57P01", "canceling the wait"); }
PostgresError ReadOnly() { return Response(Severity::kError, "25006", "cannot execute INSERT"); }
PostgresError Lost() { return {}; }

void Expect(const PostgresError& error, const Statement& statement, Outcome outcome, bool held) {
  const absl::Status status = ToStatus(error, statement);
  EXPECT_EQ(OutcomeOf(status), outcome) << status;
  EXPECT_EQ(CausedByFailover(status), held) << status;
}

TEST(StatementKindsTest, ASingleStatementIsProvenByFatalAndByAStandby) {
  Expect(Ended(), Single(), kNotExecuted, true);
  Expect(ReadOnly(), Single(), kNotExecuted, true);
  Expect(CutOff(), Single(), kUnknown, false);
  Expect(Lost(), Single(), kUnknown, false);
}

TEST(StatementKindsTest, APipelineUpToItsSyncIsOneTransaction) {
  const Statement pipeline = OfKind(StatementKind::kPipeline);
  Expect(Ended(), pipeline, kNotExecuted, true);
  Expect(ReadOnly(), pipeline, kNotExecuted, true);
  Expect(CutOff(), pipeline, kUnknown, false);
  Expect(Lost(), pipeline, kUnknown, false);
}

TEST(StatementKindsTest, WhatMayCommitInsideIsUnknown) {
  const Statement call = OfKind(StatementKind::kMayCommitInside);
  Expect(Ended(), call, kUnknown, false);
  Expect(ReadOnly(), call, kUnknown, false);
  Expect(CutOff(), call, kUnknown, false);
}

// What a procedure committed before its deadlock is not rolled back, so its caller must not repeat
// the call.
TEST(StatementKindsTest, ADeadlockUndoesOnlyWhatWasNotCommittedInside) {
  const PostgresError deadlock = Response(Severity::kError, "40P01", "deadlock detected");
  Expect(deadlock, OfKind(StatementKind::kMayCommitInside), kUnknown, false);
  Expect(deadlock, Single(), Outcome::kRolledBack, false);
  Expect(deadlock, OfKind(StatementKind::kPipeline), Outcome::kRolledBack, false);
}

TEST(StatementKindsTest, TheEndOfATransactionIsNeverHeld) {
  for (const Statement& commit :
       {OfKind(StatementKind::kCommit), InTransaction(OfKind(StatementKind::kCommit))}) {
    Expect(Ended(), commit, kNotExecuted, false);
    Expect(ReadOnly(), commit, kNotExecuted, false);
    Expect(CutOff(), commit, kUnknown, false);
    Expect(Lost(), commit, kUnknown, false);
    Statement not_sent = commit;
    not_sent.send_state = SendState::kNotSent;
    Expect(Response(Severity::kFatal, "57P03", "starting up"), not_sent, kNotExecuted, false);
  }
}

TEST(StatementKindsTest, APreparedTransactionIsProvenByAStandbyOnly) {
  const Statement prepare = OfKind(StatementKind::kTwoPhase);
  Expect(Ended(), prepare, kUnknown, false);
  Expect(CutOff(), prepare, kUnknown, false);
  Expect(Lost(), prepare, kUnknown, false);
  Expect(ReadOnly(), prepare, kNotExecuted, false);
}

TEST(StatementKindsTest, ABeginHasNoEffectWhateverBecomesOfIt) {
  const Statement begin = OfKind(StatementKind::kBegin);
  Expect(Lost(), begin, kNotExecuted, false);
  Expect(CutOff(), begin, kNotExecuted, false);
  Expect(Ended(), begin, kNotExecuted, true);
  Expect(Ended(), ReplyBegun(begin), kNotExecuted, true);
  Expect(
      Response(Severity::kError, "0A000", "cannot set transaction read-write mode during recovery"),
      begin, kNotExecuted, true);
  Expect(Response(Severity::kError, "42601", "syntax error"), begin, Outcome::kFailed, false);
  // Inside a transaction a BEGIN is a statement like others.
  Expect(Lost(), InTransaction(begin), kUnknown, false);
}

TEST(StatementKindsTest, AFatalProvesNothingAboutAReplyThatHasBegun) {
  for (const StatementKind kind : {StatementKind::kSingle, StatementKind::kPipeline,
                                   StatementKind::kCommit, StatementKind::kMayCommitInside}) {
    Expect(Ended(), ReplyBegun(OfKind(kind)), kUnknown, false);
  }
}

// The error rolls the whole pipeline back, and the replies to its first statements are void.
TEST(StatementKindsTest, ARefusalOfAStandbyVoidsAReplyThatHasBegun) {
  Expect(ReadOnly(), ReplyBegun(Single()), kNotExecuted, true);
  Expect(ReadOnly(), ReplyBegun(OfKind(StatementKind::kPipeline)), kNotExecuted, true);
}

TEST(StatementKindsTest, WhatWasNotSentWasNotExecutedWhateverItIs) {
  const PostgresError starting = Response(Severity::kFatal, "57P03", "starting up");
  for (const StatementKind kind : {StatementKind::kSingle, StatementKind::kPipeline,
                                   StatementKind::kBegin, StatementKind::kMayCommitInside}) {
    Statement statement = OfKind(kind);
    statement.send_state = SendState::kNotSent;
    Expect(starting, statement, kNotExecuted, true);
    Expect(Ended(), statement, kNotExecuted, false);
    Expect(Lost(), statement, kNotExecuted, false);
  }
}

// A kind that says more about a statement never allows a retry that kSingle forbids, but for a
// BEGIN, which has no effect.
TEST(StatementKindsTest, NoKindAllowsMoreThanASingleStatement) {
  for (const Row& row : Rows()) {
    if (CausedByFailover(ToStatus(row.error, Single()))) continue;
    for (const StatementKind kind : {StatementKind::kPipeline, StatementKind::kCommit,
                                     StatementKind::kTwoPhase, StatementKind::kMayCommitInside}) {
      EXPECT_FALSE(CausedByFailover(ToStatus(row.error, OfKind(kind)))) << row.name;
    }
  }
}

}  // namespace
}  // namespace failover::postgres
