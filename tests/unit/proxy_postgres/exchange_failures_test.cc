#include "proxy/postgres/session/exchange_failures.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "failover/errors.h"
#include "proxy/postgres/session/proxy_errors.h"

namespace postgres_proxy {
namespace {

using failover::postgres::PostgresError;
using failover::postgres::SendState;
using failover::postgres::Severity;
using failover::postgres::Source;
using failover::postgres::StatementKind;

PostgresError Fatal() {
  return {Source::kErrorResponse, Severity::kFatal, "57P01",
          "terminating connection due to administrator command", "ProcessInterrupts"};
}

PostgresError Warning() {
  return {Source::kNoticeResponse, Severity::kWarning, "57P01",
          "terminating connection due to immediate shutdown command", "quickdie"};
}

PostgresError ReadOnly() {
  return {Source::kErrorResponse, Severity::kError, "25006",
          "cannot execute INSERT in a read-only transaction", "PreventCommandIfReadOnly"};
}

PostgresError Duplicate() {
  return {Source::kErrorResponse, Severity::kError, "23505", "duplicate key", "_bt_check_unique"};
}

PostgresError NoWord() { return {Source::kConnectionLost, Severity::kUnknown, "", "lost", ""}; }

ExchangeFailure Failure(ExchangeEvent event, const PostgresError& error, StatementKind kind,
                        bool in_transaction = false) {
  ExchangeFailure failure;
  failure.event = event;
  failure.error = error;
  failure.statement.kind = kind;
  failure.statement.in_transaction = in_transaction;
  failure.statement.send_state =
      event == ExchangeEvent::kFoundDead ? SendState::kNotSent : SendState::kSent;
  return failure;
}

// What the client sees, and what happens next.
struct Verdict {
  std::string sqlstate;
  FailureRepeat repeat;
  FailureStatus status;
};

Verdict VerdictOn(const ExchangeFailure& failure) {
  const FailureRule& rule = RuleFor(failure);
  const absl::Status status = StatusFor(rule, failure);
  EXPECT_EQ(failover::CausedByFailover(status), rule.repeat == FailureRepeat::kAfterFailover);
  EXPECT_EQ(IsConnectionWasGone(status), rule.repeat == FailureRepeat::kAtOnce);
  return {ForClient(status, absl::OkStatus()).sqlstate, rule.repeat, rule.status};
}

#define EXPECT_VERDICT(failure, expected_sqlstate, expected_repeat, expected_status) \
  do {                                                                               \
    const Verdict verdict = VerdictOn(failure);                                      \
    EXPECT_EQ(verdict.sqlstate, expected_sqlstate);                                  \
    EXPECT_EQ(verdict.repeat, FailureRepeat::expected_repeat);                       \
    EXPECT_EQ(verdict.status, FailureStatus::expected_status);                       \
  } while (false)

TEST(ExchangeFailuresTest, ThereIsARowForEverything) {
  for (const ExchangeEvent event :
       {ExchangeEvent::kFoundDead, ExchangeEvent::kLost, ExchangeEvent::kMalformed,
        ExchangeEvent::kError, ExchangeEvent::kParseRefused, ExchangeEvent::kClientGone}) {
    bool always = false;
    for (const FailureRule& rule : FailureRules()) {
      if (rule.event == event) always = rule.when == FailureWhen::kAlways;
    }
    EXPECT_TRUE(always) << static_cast<int>(event);
  }
}

TEST(ExchangeFailuresTest, ADeadConnectionOutsideATransactionIsReplaced) {
  for (const StatementKind kind :
       {StatementKind::kSingle, StatementKind::kMayCommitInside, StatementKind::kCommit}) {
    EXPECT_VERDICT(Failure(ExchangeEvent::kFoundDead, NoWord(), kind), "57P03", kAtOnce, kIdle);
  }
}

TEST(ExchangeFailuresTest, ADeadConnectionInATransactionHasLostTheTransaction) {
  for (const StatementKind kind : {StatementKind::kSingle, StatementKind::kPipeline,
                                   StatementKind::kMayCommitInside, StatementKind::kTwoPhase}) {
    EXPECT_VERDICT(Failure(ExchangeEvent::kFoundDead, NoWord(), kind, true), "40001", kNever,
                   kFailed);
  }
  EXPECT_VERDICT(Failure(ExchangeEvent::kFoundDead, NoWord(), StatementKind::kCommit, true),
                 "40001", kNever, kIdle);
}

TEST(ExchangeFailuresTest, FatalProvesThatASingleStatementWasNotExecuted) {
  for (const StatementKind kind :
       {StatementKind::kSingle, StatementKind::kPipeline, StatementKind::kBegin}) {
    EXPECT_VERDICT(Failure(ExchangeEvent::kLost, Fatal(), kind), "57P03", kAfterFailover, kIdle);
  }
}

TEST(ExchangeFailuresTest, FatalProvesNothingOfAStatementThatCommitsInside) {
  EXPECT_VERDICT(Failure(ExchangeEvent::kLost, Fatal(), StatementKind::kMayCommitInside), "08007",
                 kNever, kIdle);
  EXPECT_VERDICT(Failure(ExchangeEvent::kLost, Fatal(), StatementKind::kMayCommitInside, true),
                 "08007", kNever, kIdle);
}

TEST(ExchangeFailuresTest, FatalBehindAPartOfTheAnswerProvesNothing) {
  ExchangeFailure failure = Failure(ExchangeEvent::kLost, Fatal(), StatementKind::kSingle);
  failure.passed = AnswerPassed::kWholeMessages;
  EXPECT_VERDICT(failure, "08007", kNever, kIdle);
  failure.passed = AnswerPassed::kNothing;
  failure.statement.reply_begun = true;
  EXPECT_VERDICT(failure, "08007", kNever, kIdle);
}

TEST(ExchangeFailuresTest, AWarningOrNoWordProvesNothing) {
  for (const PostgresError& error : {Warning(), NoWord()}) {
    for (const StatementKind kind : {StatementKind::kSingle, StatementKind::kPipeline,
                                     StatementKind::kMayCommitInside, StatementKind::kCommit}) {
      EXPECT_VERDICT(Failure(ExchangeEvent::kLost, error, kind), "08007", kNever, kIdle);
    }
  }
}

TEST(ExchangeFailuresTest, ABeginAloneHasNoEffect) {
  for (const PostgresError& error : {Warning(), NoWord()}) {
    EXPECT_VERDICT(Failure(ExchangeEvent::kLost, error, StatementKind::kBegin), "57P03", kAtOnce,
                   kIdle);
  }
}

TEST(ExchangeFailuresTest, ABeginWithOtherStatementsIsALostTransaction) {
  for (const PostgresError& error : {Fatal(), Warning(), NoWord()}) {
    ExchangeFailure failure = Failure(ExchangeEvent::kLost, error, StatementKind::kMayCommitInside);
    failure.begins = true;
    EXPECT_VERDICT(failure, "40001", kNever, kFailed);
  }
  ExchangeFailure refused =
      Failure(ExchangeEvent::kError, ReadOnly(), StatementKind::kMayCommitInside);
  refused.begins = true;
  EXPECT_VERDICT(refused, "40001", kNever, kAsIs);
  EXPECT_TRUE(MustBeNoted(RuleFor(refused), refused));
}

TEST(ExchangeFailuresTest, ALostTransactionIsRolledBackUnlessItMayHaveCommitted) {
  for (const PostgresError& error : {Fatal(), Warning(), NoWord()}) {
    EXPECT_VERDICT(Failure(ExchangeEvent::kLost, error, StatementKind::kSingle, true), "40001",
                   kNever, kFailed);
  }
  EXPECT_VERDICT(Failure(ExchangeEvent::kLost, Fatal(), StatementKind::kCommit, true), "40001",
                 kNever, kIdle);
  EXPECT_VERDICT(Failure(ExchangeEvent::kLost, Warning(), StatementKind::kCommit, true), "08007",
                 kNever, kIdle);
  EXPECT_VERDICT(Failure(ExchangeEvent::kLost, NoWord(), StatementKind::kCommit, true), "08007",
                 kNever, kIdle);
  EXPECT_VERDICT(Failure(ExchangeEvent::kLost, Fatal(), StatementKind::kTwoPhase, true), "08007",
                 kNever, kIdle);
}

TEST(ExchangeFailuresTest, APartOfAMessageEndsTheSession) {
  ExchangeFailure failure = Failure(ExchangeEvent::kLost, Fatal(), StatementKind::kSingle, true);
  failure.passed = AnswerPassed::kPartOfMessage;
  EXPECT_EQ(RuleFor(failure).tell, FailureTell::kNothing);
}

TEST(ExchangeFailuresTest, AStandbyRefusesAWrite) {
  EXPECT_VERDICT(Failure(ExchangeEvent::kError, ReadOnly(), StatementKind::kSingle), "25006",
                 kAfterFailover, kAsIs);
  EXPECT_VERDICT(Failure(ExchangeEvent::kError, ReadOnly(), StatementKind::kSingle, true), "40001",
                 kNever, kAsIs);
  ExchangeFailure asked = Failure(ExchangeEvent::kError, ReadOnly(), StatementKind::kSingle);
  asked.statement.read_only_requested = true;
  EXPECT_VERDICT(asked, "25006", kNever, kAsIs);
  EXPECT_FALSE(MustBeNoted(RuleFor(asked), asked));
}

TEST(ExchangeFailuresTest, TheBufferLearnsOfARefusalThatIsNotRepeated) {
  for (const ExchangeFailure& failure :
       {Failure(ExchangeEvent::kError, ReadOnly(), StatementKind::kMayCommitInside),
        Failure(ExchangeEvent::kError, ReadOnly(), StatementKind::kSingle, true)}) {
    EXPECT_TRUE(MustBeNoted(RuleFor(failure), failure));
  }
  const ExchangeFailure other = Failure(ExchangeEvent::kError, Duplicate(), StatementKind::kSingle);
  EXPECT_FALSE(MustBeNoted(RuleFor(other), other));
}

TEST(ExchangeFailuresTest, AStatementsOwnErrorIsPassedOn) {
  EXPECT_VERDICT(Failure(ExchangeEvent::kError, Duplicate(), StatementKind::kSingle), "23505",
                 kNever, kAsIs);
  EXPECT_VERDICT(Failure(ExchangeEvent::kParseRefused, Duplicate(), StatementKind::kSingle),
                 "23505", kNever, kAsIs);
}

}  // namespace
}  // namespace postgres_proxy
