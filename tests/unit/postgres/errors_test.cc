#include "failover/postgres/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "error_rows.h"
#include "failover/errors.h"

namespace failover::postgres {
namespace {

constexpr Outcome kNotExecuted = Outcome::kNotExecuted;
constexpr Outcome kUnknown = Outcome::kUnknown;

class RowTest : public testing::TestWithParam<Row> {};

TEST_P(RowTest, IsClassified) {
  const Row& row = GetParam();
  const absl::Status sent = ToStatus(row.error, Single());
  EXPECT_EQ(OutcomeOf(sent), row.when_sent);
  EXPECT_EQ(CausedByFailover(sent), row.failover_when_sent);

  const absl::Status not_sent = ToStatus(row.error, Single(SendState::kNotSent));
  EXPECT_EQ(OutcomeOf(not_sent), kNotExecuted);
  EXPECT_EQ(CausedByFailover(not_sent), row.failover_when_not_sent);
}

INSTANTIATE_TEST_SUITE_P(Errors, RowTest, testing::ValuesIn(Rows()),
                         [](const auto& row) { return row.param.name; });

TEST(PostgresErrorsTest, NothingIsHeldAfterAPartOfItsReplyWasPassedOn) {
  for (const Row& row : Rows()) {
    const absl::Status status = ToStatus(row.error, Single(SendState::kReplyStarted));
    EXPECT_NE(OutcomeOf(status), kNotExecuted) << row.name;
    EXPECT_FALSE(CausedByFailover(status)) << row.name;
  }
}

TEST(PostgresErrorsTest, NothingIsHeldInsideATransaction) {
  for (const Row& row : Rows()) {
    for (const SendState send_state :
         {SendState::kNotSent, SendState::kSent, SendState::kReplyStarted}) {
      const Statement statement = InTransaction(Single(send_state));
      EXPECT_FALSE(CausedByFailover(ToStatus(row.error, statement))) << row.name;
    }
  }
}

TEST(PostgresErrorsTest, WhoKnowsNothingRetriesOnlyWhatWasNotSent) {
  for (const Row& row : Rows()) {
    const absl::Status sent = ToStatus(row.error, Statement());
    EXPECT_FALSE(CausedByFailover(sent)) << row.name;
    EXPECT_NE(OutcomeOf(sent), kNotExecuted) << row.name;
    Statement not_sent;
    not_sent.send_state = SendState::kNotSent;
    EXPECT_EQ(CausedByFailover(ToStatus(row.error, not_sent)), row.failover_when_not_sent)
        << row.name;
  }
}

TEST(PostgresErrorsTest, StatusKeepsTheError) {
  for (const Row& row : Rows()) {
    const absl::Status status = ToStatus(row.error, Single());
    EXPECT_FALSE(status.ok()) << row.name;
    const std::optional<PostgresError> kept = PostgresErrorOf(status);
    ASSERT_TRUE(kept.has_value()) << row.name;
    EXPECT_EQ(kept->source, row.error.source) << row.name;
    EXPECT_EQ(kept->severity, row.error.severity) << row.name;
    EXPECT_EQ(kept->sqlstate, row.error.sqlstate) << row.name;
    EXPECT_EQ(kept->text, row.error.text) << row.name;
  }
}

TEST(PostgresErrorsTest, OtherStatusesHoldNoPostgresError) {
  EXPECT_EQ(PostgresErrorOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(PostgresErrorOf(absl::UnavailableError("PostgreSQL FATAL (sqlstate 57P01): x")),
            std::nullopt);
}

TEST(PostgresErrorsTest, MessageShowsTheError) {
  EXPECT_EQ(std::string(ToStatus(Response(Severity::kFatal, "57P01", "bye"), Single()).message()),
            "PostgreSQL FATAL (sqlstate 57P01): bye");
  EXPECT_EQ(std::string(ToStatus({}, Single()).message()), "PostgreSQL error: ");
}

// The buffer's own classifier looks at texts of vttablet. An error without the mark must not count
// as a failover because of its text, and a wrapper may give the text another code.
TEST(PostgresErrorsTest, TextNeverOverrulesTheClassification) {
  for (const char* const text :
       {"operation not allowed in state NOT_SERVING", "CLUSTER_EVENT", "disallowed due to rule",
        "failover in progress (errno 1227) (sqlstate 42000)"}) {
    for (const char* const sqlstate : {"25006", "57P01", "XX000", "42601"}) {
      const PostgresError error = Response(Severity::kError, sqlstate, text);
      EXPECT_FALSE(CausedByFailover(ToStatus(error, InTransaction(Single())))) << text;
    }
  }
  for (const Row& row : Rows()) {
    const absl::Status status = ToStatus(row.error, InTransaction(Single()));
    EXPECT_FALSE(CausedByFailover(absl::InternalError(status.message()))) << row.name;
    EXPECT_FALSE(CausedByFailover(absl::FailedPreconditionError(status.message()))) << row.name;
  }
}

bool DecidesAbout(const Rule& rule, const PostgresError& error) {
  return rule.severity == error.severity && error.sqlstate.rfind(rule.sqlstate, 0) == 0 &&
         error.text.find(rule.text) != std::string::npos;
}

TEST(PostgresErrorsTest, EveryDefaultRuleDecidesAboutARow) {
  const ErrorClassifier classifier;
  std::set<std::size_t> deciding;
  for (const Row& row : Rows()) {
    std::size_t index = 0;
    while (index < classifier.rules().size() &&
           !DecidesAbout(classifier.rules()[index], row.error)) {
      ++index;
    }
    deciding.insert(index);
  }
  for (std::size_t i = 0; i < classifier.rules().size(); ++i) {
    EXPECT_EQ(deciding.count(i), 1u) << classifier.rules()[i].sqlstate;
  }
}

TEST(PostgresErrorsTest, ReadOnlyTransactionThatTheClientAskedForIsNoFailover) {
  const PostgresError error =
      Response(Severity::kError, "25006", "cannot execute INSERT in a read-only transaction");
  Statement asked = Single();
  asked.read_only_requested = true;
  const absl::Status status = ToStatus(error, asked);
  EXPECT_FALSE(CausedByFailover(status));
  EXPECT_EQ(OutcomeOf(status), kNotExecuted);
}

// A retry that succeeds after a refused write shows that the shard takes writes. A retry that
// succeeds after another refusal shows only that somebody answers.
TEST(PostgresErrorsTest, OnlyARefusedWriteIsRefusedAsAStatement) {
  const PostgresError read_only = Response(Severity::kError, "25006", "");
  EXPECT_EQ(RefusedAtOf(ToStatus(read_only, Single())), RefusedAt::kStatement);
  const absl::Status ended = ToStatus(Response(Severity::kFatal, "57P01", ""), Single());
  ASSERT_TRUE(CausedByFailover(ended));
  EXPECT_EQ(RefusedAtOf(ended), RefusedAt::kConnect);
  for (const Row& row : Rows()) {
    const absl::Status not_sent = ToStatus(row.error, Single(SendState::kNotSent));
    if (!CausedByFailover(not_sent)) continue;
    EXPECT_EQ(RefusedAtOf(not_sent), RefusedAt::kConnect) << row.name;
  }
}

TEST(PostgresErrorsTest, StatusesBecomeAttempts) {
  const PostgresError ended = Response(Severity::kFatal, "57P01", "");
  EXPECT_EQ(AttemptOf(ToStatus(ended, Single())), Attempt::kRefusedAtConnect);
  EXPECT_EQ(AttemptOf(ToStatus(ended, Single(SendState::kNotSent))), Attempt::kFailed);
  EXPECT_EQ(AttemptOf(ToStatus(ended, OfKind(StatementKind::kMayCommitInside))), Attempt::kUnknown);
  EXPECT_EQ(AttemptOf(ToStatus(ended, InTransaction(Single()))), Attempt::kFailed);
  EXPECT_EQ(AttemptOf(ToStatus(Response(Severity::kError, "25006", ""), Single())),
            Attempt::kRefused);
  EXPECT_EQ(AttemptOf(ToStatus({}, Single())), Attempt::kUnknown);
}

// The severity and the kind of the message must go together, or the error proves nothing.
TEST(PostgresErrorsTest, TheSameCodeMeansTheContraryInAnotherMessage) {
  for (const Severity severity : {Severity::kUnknown, Severity::kNotice, Severity::kWarning,
                                  Severity::kError, Severity::kPanic}) {
    EXPECT_EQ(OutcomeOf(ToStatus(Response(severity, "57P01", ""), Single())), kUnknown)
        << static_cast<int>(severity);
  }
  for (const Severity severity : {Severity::kUnknown, Severity::kNotice, Severity::kWarning,
                                  Severity::kError, Severity::kFatal, Severity::kPanic}) {
    for (const char* const sqlstate : {"57P01", "57P02", "25006"}) {
      EXPECT_EQ(OutcomeOf(ToStatus(LastNotice(severity, sqlstate, ""), Single())), kUnknown)
          << static_cast<int>(severity) << sqlstate;
    }
  }
  for (const Source source : {Source::kConnectFailed, Source::kConnectionLost}) {
    const PostgresError error = {source, Severity::kFatal, "57P01", "", ""};
    EXPECT_EQ(OutcomeOf(ToStatus(error, Single())), kUnknown);
  }
}

// In a translated server the field S says FEHLER. Only the field V may be passed on.
TEST(PostgresErrorsTest, OnlyUntranslatedSeveritiesAreKnown) {
  EXPECT_EQ(SeverityOf("ERROR"), Severity::kError);
  EXPECT_EQ(SeverityOf("FATAL"), Severity::kFatal);
  EXPECT_EQ(SeverityOf("PANIC"), Severity::kPanic);
  EXPECT_EQ(SeverityOf("WARNING"), Severity::kWarning);
  for (const char* const notice : {"NOTICE", "DEBUG", "INFO", "LOG"}) {
    EXPECT_EQ(SeverityOf(notice), Severity::kNotice) << notice;
  }
  for (const char* const other : {"", "FEHLER", "fatal", "FATAL ", "WARNUNG"}) {
    EXPECT_EQ(SeverityOf(other), Severity::kUnknown) << other;
  }
}

TEST(PostgresErrorsTest, SqlstateAndTextMayHoldAnyCharacter) {
  const std::string sqlstate("5\n7\0\n", 5);
  const std::string text("one\ntwo\0three\n", 14);
  const std::optional<PostgresError> kept =
      PostgresErrorOf(ToStatus(Response(Severity::kError, sqlstate, text), Single()));
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->sqlstate, sqlstate);
  EXPECT_EQ(kept->text, text);
}

TEST(ErrorClassifierTest, AddedRuleIsTriedFirst) {
  const PostgresError draining = Response(Severity::kError, "MTF01", "the pooler is draining");
  ErrorClassifier classifier;
  EXPECT_EQ(OutcomeOf(classifier.ToStatus(draining, Single())), Outcome::kFailed);

  classifier.Add({Severity::kError, "MTF01", "DRAINING", kNotExecuted, FailoverSign::kYes});
  EXPECT_TRUE(CausedByFailover(classifier.ToStatus(draining, Single())));
  EXPECT_FALSE(CausedByFailover(classifier.ToStatus(draining, InTransaction(Single()))));
  EXPECT_FALSE(CausedByFailover(
      classifier.ToStatus(Response(Severity::kError, "MTF01", "other"), Single())));
  EXPECT_FALSE(CausedByFailover(ToStatus(draining, Single()))) << "the default table is unchanged";
}

TEST(ErrorClassifierTest, AddedRuleOverrulesADefaultOne) {
  const PostgresError ended = Response(Severity::kFatal, "57P01", "a pooler says so");
  ErrorClassifier classifier;
  classifier.Add({Severity::kFatal, "57P01", "", kUnknown});
  EXPECT_EQ(OutcomeOf(classifier.ToStatus(ended, Single())), kUnknown);
}

}  // namespace
}  // namespace failover::postgres
