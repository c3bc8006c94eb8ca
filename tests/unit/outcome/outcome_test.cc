// The judge and the payload without any database: an imaginary one gives the verdicts.
#include "failover/outcome.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "failover/errors.h"
#include "outcome/judge.h"
#include "outcome/status_payload.h"

namespace failover::internal {
namespace {

constexpr Outcome kAllOutcomes[] = {Outcome::kNotExecuted, Outcome::kRolledBack, Outcome::kFailed,
                                    Outcome::kUnknown};

DatabaseError Error() { return {"imaginary", 7, "57P01", "the server goes away"}; }

absl::Status JudgeError(const Verdict& verdict, const StatementState& statement) {
  return Judge(Error(), "imaginary error", verdict, statement);
}

Verdict RefusedByFailover() { return {Outcome::kNotExecuted, FailoverSign::kYes}; }

TEST(OutcomeTest, TheVerdictDecidesAboutAStatementThatWasSent) {
  for (const Outcome outcome : kAllOutcomes) {
    EXPECT_EQ(OutcomeOf(JudgeError({outcome, FailoverSign::kYes}, {})), outcome);
  }
}

TEST(OutcomeTest, AStatementThatWasNotSentWasNotExecuted) {
  StatementState not_sent;
  not_sent.send_state = SendState::kNotSent;
  for (const Outcome outcome : kAllOutcomes) {
    const absl::Status status = JudgeError({outcome, FailoverSign::kYes}, not_sent);
    EXPECT_EQ(OutcomeOf(status), Outcome::kNotExecuted);
    EXPECT_TRUE(CausedByFailover(status));
  }
}

TEST(OutcomeTest, OnlyAStatementThatWasNotExecutedIsHeld) {
  for (const Outcome outcome : kAllOutcomes) {
    EXPECT_EQ(CausedByFailover(JudgeError({outcome, FailoverSign::kYes}, {})),
              outcome == Outcome::kNotExecuted);
  }
}

TEST(OutcomeTest, NothingIsHeldInsideATransaction) {
  StatementState in_transaction;
  in_transaction.in_transaction = true;
  const absl::Status status = JudgeError(RefusedByFailover(), in_transaction);
  EXPECT_EQ(OutcomeOf(status), Outcome::kNotExecuted);
  EXPECT_FALSE(CausedByFailover(status));
}

TEST(OutcomeTest, APartOfACompoundStatementMayHaveBeenExecuted) {
  StatementState compound;
  compound.compound = true;
  StatementState replied;
  replied.send_state = SendState::kReplyStarted;
  for (const StatementState& statement : {compound, replied}) {
    const absl::Status status = JudgeError(RefusedByFailover(), statement);
    EXPECT_EQ(OutcomeOf(status), Outcome::kUnknown);
    EXPECT_FALSE(CausedByFailover(status));
  }
}

TEST(OutcomeTest, SignMayDependOnWhatTheClientAskedFor) {
  const Verdict verdict = {Outcome::kNotExecuted, FailoverSign::kUnlessReadOnlyRequested};
  StatementState asked;
  asked.read_only_requested = true;
  EXPECT_TRUE(CausedByFailover(JudgeError(verdict, {})));
  EXPECT_FALSE(CausedByFailover(JudgeError(verdict, asked)));
  EXPECT_FALSE(CausedByFailover(JudgeError({Outcome::kNotExecuted, FailoverSign::kNo}, {})));
}

TEST(OutcomeTest, CodesTellTheOutcome) {
  const auto code_of = [](Outcome outcome) {
    return JudgeError({outcome, FailoverSign::kNo}, {}).code();
  };
  EXPECT_EQ(code_of(Outcome::kNotExecuted), absl::StatusCode::kUnavailable);
  EXPECT_EQ(code_of(Outcome::kRolledBack), absl::StatusCode::kAborted);
  EXPECT_EQ(code_of(Outcome::kFailed), absl::StatusCode::kUnknown);
  EXPECT_EQ(code_of(Outcome::kUnknown), absl::StatusCode::kUnknown);
}

TEST(OutcomeTest, StatusKeepsTheErrorForItsModuleOnly) {
  const absl::Status status = JudgeError(RefusedByFailover(), {});
  EXPECT_EQ(std::string(status.message()), "imaginary error");
  const std::optional<DatabaseError> kept = KeptErrorOf(status, "imaginary");
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->number, Error().number);
  EXPECT_EQ(kept->sqlstate, Error().sqlstate);
  EXPECT_EQ(kept->text, Error().text);
  EXPECT_FALSE(KeptErrorOf(status, "another").has_value());
}

TEST(OutcomeTest, SqlstateAndTextMayHoldAnyCharacter) {
  DatabaseError error = Error();
  error.sqlstate = std::string("H\nY\0\n", 5);
  error.text = std::string("one\ntwo\0three\n", 14);
  const std::optional<DatabaseError> kept =
      KeptErrorOf(Judge(error, "imaginary error", {}, {}), "imaginary");
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->sqlstate, error.sqlstate);
  EXPECT_EQ(kept->text, error.text);
}

TEST(OutcomeTest, OtherStatusesHoldNoOutcome) {
  for (const absl::Status& status :
       {absl::OkStatus(), absl::UnknownError("x"), MarkCausedByFailover(absl::UnknownError("x"))}) {
    EXPECT_EQ(OutcomeOf(status), std::nullopt);
    EXPECT_FALSE(KeptErrorOf(status, "imaginary").has_value());
  }
}

TEST(OutcomeTest, EachOutcomeHasAName) {
  EXPECT_STREQ(ToString(Outcome::kNotExecuted), "NotExecuted");
  EXPECT_STREQ(ToString(Outcome::kRolledBack), "RolledBack");
  EXPECT_STREQ(ToString(Outcome::kFailed), "Failed");
  EXPECT_STREQ(ToString(Outcome::kUnknown), "Unknown");
}

TEST(OutcomeTest, TextIsSearchedWithoutRegardToCase) {
  EXPECT_TRUE(ContainsIgnoreCase("the --READ-only option", "--read-ONLY"));
  EXPECT_TRUE(ContainsIgnoreCase("any", ""));
  EXPECT_TRUE(ContainsIgnoreCase("", ""));
  EXPECT_FALSE(ContainsIgnoreCase("read", "read-only"));
}

}  // namespace
}  // namespace failover::internal
