#include "failover/mysql/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "error_rows.h"
#include "failover/errors.h"

namespace failover::mysql {
namespace {

constexpr Outcome kNotExecuted = Outcome::kNotExecuted;
constexpr Outcome kFailed = Outcome::kFailed;
constexpr Outcome kUnknown = Outcome::kUnknown;

StatementState Sent() { return {}; }

StatementState NotSent() {
  StatementState state;
  state.send_state = SendState::kNotSent;
  return state;
}

StatementState ReplyStarted() {
  StatementState state;
  state.send_state = SendState::kReplyStarted;
  return state;
}

StatementState InTransaction(StatementState state) {
  state.in_transaction = true;
  return state;
}

StatementState Compound(StatementState state) {
  state.compound = true;
  return state;
}

class RowTest : public testing::TestWithParam<Row> {};

TEST_P(RowTest, IsClassified) {
  const Row& row = GetParam();
  const absl::Status sent = ToStatus(row.error, Sent());
  EXPECT_EQ(OutcomeOf(sent), row.when_sent);
  EXPECT_EQ(CausedByFailover(sent), row.failover_when_sent);

  const absl::Status not_sent = ToStatus(row.error, NotSent());
  EXPECT_EQ(OutcomeOf(not_sent), kNotExecuted);
  EXPECT_EQ(CausedByFailover(not_sent), row.failover_when_not_sent);
}

INSTANTIATE_TEST_SUITE_P(Errors, RowTest, testing::ValuesIn(Rows()),
                         [](const auto& row) { return row.param.name; });

TEST(MysqlErrorsTest, NothingIsHeldAfterItsReplyStarted) {
  for (const Row& row : Rows()) {
    const absl::Status status = ToStatus(row.error, ReplyStarted());
    EXPECT_NE(OutcomeOf(status), kNotExecuted) << row.name;
    EXPECT_FALSE(CausedByFailover(status)) << row.name;
  }
}

TEST(MysqlErrorsTest, NothingIsHeldInsideATransaction) {
  for (const Row& row : Rows()) {
    for (const StatementState& state : {Sent(), NotSent(), ReplyStarted()}) {
      EXPECT_FALSE(CausedByFailover(ToStatus(row.error, InTransaction(state)))) << row.name;
    }
  }
}

TEST(MysqlErrorsTest, CompoundStatementIsHeldOnlyIfNotSent) {
  for (const Row& row : Rows()) {
    const absl::Status sent = ToStatus(row.error, Compound(Sent()));
    EXPECT_FALSE(CausedByFailover(sent)) << row.name;
    EXPECT_NE(OutcomeOf(sent), kNotExecuted) << row.name;
    const absl::Status not_sent = ToStatus(row.error, Compound(NotSent()));
    EXPECT_EQ(CausedByFailover(not_sent), row.failover_when_not_sent) << row.name;
  }
}

TEST(MysqlErrorsTest, StatusKeepsTheError) {
  for (const Row& row : Rows()) {
    const absl::Status status = ToStatus(row.error, Sent());
    EXPECT_FALSE(status.ok()) << row.name;
    const std::optional<MysqlError> kept = MysqlErrorOf(status);
    ASSERT_TRUE(kept.has_value()) << row.name;
    EXPECT_EQ(kept->number, row.error.number) << row.name;
    EXPECT_EQ(kept->sqlstate, row.error.sqlstate) << row.name;
    EXPECT_EQ(kept->text, row.error.text) << row.name;
  }
}

TEST(MysqlErrorsTest, MessageShowsTheError) {
  EXPECT_EQ(std::string(ToStatus({1836, "HY000", "Running in read-only mode"}, Sent()).message()),
            "MySQL error (errno 1836) (sqlstate HY000): Running in read-only mode");
  EXPECT_EQ(std::string(ToStatus({0, "", "end of file"}, Sent()).message()),
            "MySQL error (errno 0): end of file");
}

// A wrapper may make a Status of another code with the same text. Such a Status is no failover
// either.
TEST(MysqlErrorsTest, MessageAloneIsNoFailover) {
  for (const Row& row : Rows()) {
    const absl::Status status = ToStatus(row.error, InTransaction(Sent()));
    EXPECT_FALSE(CausedByFailover(absl::InternalError(status.message()))) << row.name;
    EXPECT_FALSE(CausedByFailover(absl::FailedPreconditionError(status.message()))) << row.name;
  }
}

// The index of the rule that decides about `error`. The text of the error must be in the same case
// as the text of the rule.
std::size_t IndexOfFirstFit(const std::vector<Rule>& rules, const MysqlError& error) {
  std::size_t index = 0;
  for (; index < rules.size(); ++index) {
    const Rule& rule = rules[index];
    if (rule.number != error.number || error.text.find(rule.text) == std::string::npos) continue;
    if (rule.fits == nullptr || rule.fits(error)) break;
  }
  return index;
}

TEST(MysqlErrorsTest, EveryDefaultRuleDecidesAboutARow) {
  const ErrorClassifier classifier;
  std::set<std::size_t> deciding;
  for (const Row& row : Rows()) deciding.insert(IndexOfFirstFit(classifier.rules(), row.error));
  for (std::size_t i = 0; i < classifier.rules().size(); ++i) {
    EXPECT_EQ(deciding.count(i), 1u) << classifier.rules()[i].number;
  }
}

TEST(MysqlErrorsTest, ReadOnlyTransactionThatTheClientAskedForIsNoFailover) {
  const MysqlError error{1792, "25006", "Cannot execute statement in a READ ONLY transaction"};
  StatementState state = Sent();
  state.read_only_requested = true;
  const absl::Status status = ToStatus(error, state);
  EXPECT_FALSE(CausedByFailover(status));
  EXPECT_EQ(OutcomeOf(status), kNotExecuted);
}

TEST(MysqlErrorsTest, ReadOnlyServerIsAFailoverEvenIfTheClientAskedForReadOnly) {
  StatementState state = Sent();
  state.read_only_requested = true;
  EXPECT_TRUE(CausedByFailover(ToStatus({1836, "HY000", "Running in read-only mode"}, state)));
}

// A retry that succeeds after a refused write shows that the shard takes writes. A retry that
// succeeds after another refusal shows only that somebody answers.
TEST(MysqlErrorsTest, OnlyARefusedWriteIsRefusedAsAStatement) {
  const MysqlError read_only{1290, "HY000", "--read-only"};
  EXPECT_EQ(RefusedAtOf(ToStatus(read_only, Sent())), RefusedAt::kStatement);
  EXPECT_EQ(RefusedAtOf(ToStatus(read_only, NotSent())), RefusedAt::kConnect);
  for (const Row& row : Rows()) {
    const absl::Status not_sent = ToStatus(row.error, NotSent());
    if (!CausedByFailover(not_sent)) continue;
    EXPECT_EQ(RefusedAtOf(not_sent), RefusedAt::kConnect) << row.name;
  }
  for (const MysqlError& error :
       {MysqlError{9001, "HY000", "Max connect timeout reached while reaching hostgroup 0"},
        MysqlError{1047, "08S01", "WSREP has not yet prepared node for application use"},
        MysqlError{3783, "HY000", "Held statement was aborted"}}) {
    EXPECT_TRUE(CausedByFailover(ToStatus(error, Sent()))) << error.number;
    EXPECT_EQ(RefusedAtOf(ToStatus(error, Sent())), RefusedAt::kConnect) << error.number;
  }
}

TEST(MysqlErrorsTest, StatusesBecomeAttempts) {
  const MysqlError read_only{1290, "HY000", "--read-only"};
  const MysqlError lost{2013, "HY000", "Lost connection to server during query"};
  EXPECT_EQ(AttemptOf(ToStatus(read_only, Sent())), Attempt::kRefused);
  EXPECT_EQ(AttemptOf(ToStatus(read_only, NotSent())), Attempt::kRefusedAtConnect);
  EXPECT_EQ(AttemptOf(ToStatus(read_only, InTransaction(Sent()))), Attempt::kFailed);
  EXPECT_EQ(AttemptOf(ToStatus(read_only, Compound(Sent()))), Attempt::kUnknown);
  EXPECT_EQ(AttemptOf(ToStatus(lost, Sent())), Attempt::kUnknown);
  EXPECT_EQ(AttemptOf(ToStatus(lost, NotSent())), Attempt::kFailed);
}

TEST(MysqlErrorsTest, CodesTellTheOutcome) {
  EXPECT_EQ(ToStatus({1040, "08004", "Too many connections"}, Sent()).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(ToStatus({1213, "40001", "Deadlock found"}, Sent()).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ToStatus({1062, "23000", "Duplicate entry"}, Sent()).code(),
            absl::StatusCode::kUnknown);
  EXPECT_EQ(ToStatus({2013, "HY000", "Lost connection"}, Sent()).code(),
            absl::StatusCode::kUnknown);
}

// failover::CausedByFailover also knows the texts of vttablet. An error without the mark must not
// count as a failover because of its text.
TEST(MysqlErrorsTest, TextNeverOverrulesTheClassification) {
  const std::array<std::string, 5> texts = {
      "operation not allowed in state NOT_SERVING",
      "failover in progress (errno 1227) (sqlstate 42000)", "disallowed due to rule",
      "CLUSTER_EVENT",
      "The MariaDB server is running with the --read-only option so it cannot execute this "
      "statement (errno 1290) (sqlstate HY000)"};
  for (const std::string& text : texts) {
    for (const std::uint32_t number : {0u, 17u, 1064u, 1213u, 1290u, 2013u}) {
      EXPECT_FALSE(CausedByFailover(ToStatus({number, "HY000", text}, InTransaction(Sent()))))
          << number << " " << text;
    }
  }
}

TEST(MysqlErrorsTest, TextMayHoldAnyCharacter) {
  const std::string text("one\ntwo\0three\n", 14);
  const std::optional<MysqlError> kept = MysqlErrorOf(ToStatus({1105, "", text}, Sent()));
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->number, 1105u);
  EXPECT_EQ(kept->sqlstate, "");
  EXPECT_EQ(kept->text, text);
}

// A fuzzer found this bug: the text began with the rest of the SQLSTATE.
TEST(MysqlErrorsTest, SqlstateMayHoldAnyCharacterToo) {
  const std::string sqlstate("H\nY\0\n", 5);
  const std::optional<MysqlError> kept = MysqlErrorOf(ToStatus({1105, sqlstate, "text"}, Sent()));
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->sqlstate, sqlstate);
  EXPECT_EQ(kept->text, "text");
}

TEST(MysqlErrorsTest, OtherStatusesHoldNoMysqlError) {
  EXPECT_EQ(MysqlErrorOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(MysqlErrorOf(absl::UnavailableError("MySQL error 1290 (HY000): x")), std::nullopt);
  EXPECT_EQ(OutcomeOf(absl::UnknownError("x")), std::nullopt);
}

TEST(ErrorClassifierTest, AddedRuleIsTriedFirst) {
  const MysqlError draining{1105, "HY000", "vttablet: the tablet is DRAINING"};
  ErrorClassifier classifier;
  EXPECT_EQ(OutcomeOf(classifier.ToStatus(draining, Sent())), kFailed);

  classifier.Add({1105, "is draining", kNotExecuted, FailoverSign::kYes});
  EXPECT_TRUE(CausedByFailover(classifier.ToStatus(draining, Sent())));
  EXPECT_FALSE(CausedByFailover(classifier.ToStatus(draining, InTransaction(Sent()))));
  EXPECT_FALSE(CausedByFailover(classifier.ToStatus({1105, "HY000", "other"}, Sent())));
  EXPECT_FALSE(CausedByFailover(ToStatus(draining, Sent()))) << "the default table is unchanged";
}

TEST(ErrorClassifierTest, AddedRuleMayAskAFunction) {
  ErrorClassifier classifier;
  classifier.Add({1105, "", kNotExecuted, FailoverSign::kYes,
                  [](const MysqlError& error) { return error.sqlstate == "HY001"; }});
  EXPECT_TRUE(CausedByFailover(classifier.ToStatus({1105, "HY001", "x"}, Sent())));
  EXPECT_FALSE(CausedByFailover(classifier.ToStatus({1105, "HY000", "x"}, Sent())));
}

TEST(ErrorClassifierTest, AddedRuleOverrulesADefaultOne) {
  const MysqlError gone{2006, "HY000", "Server has gone away"};
  ErrorClassifier classifier;
  classifier.Add({2006, "", kUnknown, FailoverSign::kYes});
  EXPECT_TRUE(CausedByFailover(classifier.ToStatus(gone, NotSent())));
  EXPECT_FALSE(CausedByFailover(classifier.ToStatus(gone, Sent())));
}

}  // namespace
}  // namespace failover::mysql
