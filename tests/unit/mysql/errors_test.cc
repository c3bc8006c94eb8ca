#include "failover/mysql/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "failover/errors.h"

namespace failover::mysql {
namespace {

constexpr Outcome kNotExecuted = Outcome::kNotExecuted;
constexpr Outcome kRolledBack = Outcome::kRolledBack;
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

// One row of the table: an error as a server or a client library words it, and what it means for
// an autocommit statement.
struct Row {
  std::string name;
  MysqlError error;
  Outcome when_sent;
  bool failover_when_sent;
  bool failover_when_not_sent;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

constexpr bool kHeld = true;
constexpr bool kNotHeld = false;

// The texts of MariaDB 10.11 and its client library where these know the error; otherwise of MySQL
// 8.0, Galera and ProxySQL.
const std::vector<Row>& Rows() {
  static const auto* const rows = new std::vector<Row>{
      {"ReadOnlyMariaDb",
       {1290, "HY000",
        "The MariaDB server is running with the --read-only option so it cannot execute this "
        "statement"},
       kNotExecuted,
       kHeld,
       kHeld},
      {"ReadOnlyMySql",
       {1290, "HY000",
        "The MySQL server is running with the --read-only option so it cannot execute this "
        "statement"},
       kNotExecuted,
       kHeld,
       kHeld},
      {"ReadOnlyWithValue",
       {1290, "HY000",
        "The MariaDB server is running with the --read-only=ON option so it cannot execute this "
        "statement"},
       kNotExecuted,
       kHeld,
       kHeld},
      {"SuperReadOnly",
       {1290, "HY000",
        "The MySQL server is running with the --super-read-only option so it cannot execute this "
        "statement"},
       kNotExecuted,
       kHeld,
       kHeld},
      {"ReadOnlyInCapitals", {1290, "HY000", "--READ-ONLY"}, kNotExecuted, kHeld, kHeld},
      {"SecureFilePriv",
       {1290, "HY000",
        "The MariaDB server is running with the --secure-file-priv option so it cannot execute "
        "this statement"},
       kNotExecuted,
       kNotHeld,
       kNotHeld},
      {"OptionWithoutText", {1290, "HY000", ""}, kNotExecuted, kNotHeld, kNotHeld},
      {"ReadOnlyMode", {1836, "HY000", "Running in read-only mode"}, kNotExecuted, kHeld, kHeld},
      {"ReadOnlyTransaction",
       {1792, "25006", "Cannot execute statement in a READ ONLY transaction"},
       kNotExecuted,
       kHeld,
       kHeld},
      {"Wsrep",
       {1047, "08S01", "WSREP has not yet prepared node for application use"},
       kNotExecuted,
       kHeld,
       kHeld},
      {"UnknownCommand", {1047, "08S01", "Unknown command"}, kNotExecuted, kNotHeld, kNotHeld},
      {"ConnectLocal",
       {2002, "HY000", "Can't connect to local server through socket '/run/mysqld.sock' (2)"},
       kUnknown,
       kNotHeld,
       kHeld},
      {"ConnectTcp",
       {2002, "HY000", "Can't connect to server on '127.0.0.1' (115)"},
       kUnknown,
       kNotHeld,
       kHeld},
      {"ConnectHost",
       {2003, "HY000", "Can't connect to MySQL server on '127.0.0.1:3306' (111)"},
       kUnknown,
       kNotHeld,
       kHeld},
      {"UnknownHost",
       {2005, "HY000", "Unknown server host 'db.example' (-2)"},
       kUnknown,
       kNotHeld,
       kHeld},
      {"Handshake", {2012, "HY000", "Error in server handshake"}, kUnknown, kNotHeld, kHeld},
      {"LostInHandshake",
       {2013, "HY000",
        "Lost connection to server at 'handshake: reading initial communication packet', system "
        "error: 11"},
       kUnknown,
       kNotHeld,
       kHeld},
      {"LostInHandshakeMySql",
       {2013, "HY000",
        "Lost connection to MySQL server at 'reading initial communication packet', system error: "
        "0"},
       kUnknown,
       kNotHeld,
       kHeld},
      {"LostSendingAuthentication",
       {2013, "HY000",
        "Lost connection to server at 'sending authentication information', system error: 32"},
       kUnknown,
       kNotHeld,
       kHeld},
      {"LostInAuthorization",
       {2013, "HY000",
        "Lost connection to server at 'handshake: reading authorization packet', system error: "
        "104"},
       kUnknown,
       kNotHeld,
       kHeld},
      {"ProxySqlConnectTimeout",
       {9001, "HY000", "Max connect timeout reached while reaching hostgroup 0 after 10000ms"},
       kNotExecuted,
       kHeld,
       kHeld},
      {"Shutdown", {1053, "08S01", "Server shutdown in progress"}, kUnknown, kNotHeld, kHeld},
      {"GoneAway", {2006, "HY000", "Server has gone away"}, kUnknown, kNotHeld, kNotHeld},
      {"LostInQuery",
       {2013, "HY000", "Lost connection to server during query"},
       kUnknown,
       kNotHeld,
       kNotHeld},
      {"OutOfSync", {2014, "HY000", "Commands out of sync"}, kUnknown, kNotHeld, kNotHeld},
      {"PacketTooLarge",
       {2020, "HY000", "Got packet bigger than 'max_allowed_packet' bytes"},
       kUnknown,
       kNotHeld,
       kNotHeld},
      {"Tls", {2026, "HY000", "TLS/SSL error: Connection reset"}, kUnknown, kNotHeld, kNotHeld},
      {"Malformed", {2027, "HY000", "Received malformed packet"}, kUnknown, kNotHeld, kNotHeld},
      {"NetRead",
       {1158, "08S01", "Got an error reading communication packets"},
       kUnknown,
       kNotHeld,
       kNotHeld},
      {"NetReadTimeout",
       {1159, "08S01", "Got timeout reading communication packets"},
       kUnknown,
       kNotHeld,
       kNotHeld},
      {"NetWrite",
       {1160, "08S01", "Got an error writing communication packets"},
       kUnknown,
       kNotHeld,
       kNotHeld},
      {"NetWriteTimeout",
       {1161, "08S01", "Got timeout writing communication packets"},
       kUnknown,
       kNotHeld,
       kNotHeld},
      {"GotSignal",
       {1078, "HY000", "mariadbd: Got signal 15. Aborting!"},
       kUnknown,
       kNotHeld,
       kNotHeld},
      {"ForcingClose",
       {1080, "08S01", "mariadbd: Forcing close of thread 7  user: 'app'"},
       kUnknown,
       kNotHeld,
       kNotHeld},
      {"AbortingConnection",
       {1152, "08S01", "Aborted connection 7 to db: 'd' user: 'app' (Got timeout)"},
       kUnknown,
       kNotHeld,
       kNotHeld},
      {"ConnectionKilled", {1927, "70100", "Connection was killed"}, kUnknown, kNotHeld, kNotHeld},
      {"SessionKilled", {3169, "HY000", "Session was killed"}, kUnknown, kNotHeld, kNotHeld},
      {"InteractionTimeout",
       {4031, "HY000",
        "The client was disconnected by the server because of inactivity. See wait_timeout and "
        "interactive_timeout for configuring this behavior."},
       kNotExecuted,
       kNotHeld,
       kNotHeld},
      {"TriggerMissingMariaDb",
       {4031, "HY000",
        "Referenced trigger 'x' for the given action time and event type does not exist"},
       kFailed,
       kNotHeld,
       kNotHeld},
      {"TooManyConnections",
       {1040, "08004", "Too many connections"},
       kNotExecuted,
       kNotHeld,
       kNotHeld},
      {"TooManyUserConnections",
       {1203, "42000", "User app already has more than 'max_user_connections' active connections"},
       kNotExecuted,
       kNotHeld,
       kNotHeld},
      {"UserLimit",
       {1226, "42000",
        "User 'app' has exceeded the 'max_queries_per_hour' resource (current value: 2)"},
       kNotExecuted,
       kNotHeld,
       kNotHeld},
      {"HostBlocked",
       {1129, "HY000",
        "Host 'a' is blocked because of many connection errors; unblock with 'mariadb-admin "
        "flush-hosts'"},
       kNotExecuted,
       kNotHeld,
       kNotHeld},
      {"InnoDbReadOnly",
       {1874, "HY000", "InnoDB is in read only mode"},
       kNotExecuted,
       kNotHeld,
       kNotHeld},
      {"ServerNotAvailable",
       {3168, "HY000", "Server isn't available"},
       kNotExecuted,
       kNotHeld,
       kNotHeld},
      {"OfflineMode",
       {3032, "HY000", "The server is currently in offline mode"},
       kUnknown,
       kNotHeld,
       kNotHeld},
      {"Deadlock",
       {1213, "40001", "Deadlock found when trying to get lock; try restarting transaction"},
       kRolledBack,
       kNotHeld,
       kNotHeld},
      {"RolledBackInCommit",
       {3101, "40000", "Plugin instructed the server to rollback the current transaction."},
       kRolledBack,
       kNotHeld,
       kNotHeld},
      {"HookBeforeCommit",
       {3100, "HY000", "Error on observer while running replication hook 'before_commit'."},
       kRolledBack,
       kNotHeld,
       kNotHeld},
      {"HookAfterCommit",
       {3100, "HY000", "Error on observer while running replication hook 'after_commit'."},
       kUnknown,
       kNotHeld,
       kNotHeld},
      {"ErrorDuringCommit",
       {1180, "HY000", "Got error 149 \"Lock deadlock; Retry transaction\" during COMMIT"},
       kUnknown,
       kNotHeld,
       kNotHeld},
      {"QueryInterrupted",
       {1317, "70100", "Query execution was interrupted"},
       kFailed,
       kNotHeld,
       kNotHeld},
      // Rows that no rule names.
      {"DuplicateKey",
       {1062, "23000", "Duplicate entry '1' for key 'PRIMARY'"},
       kFailed,
       kNotHeld,
       kNotHeld},
      {"TextOfAnotherNumber",
       {1064, "42000", "You have an error in your SQL syntax near '--read-only WSREP'"},
       kFailed,
       kNotHeld,
       kNotHeld},
      {"EndOfFile", {0, "", "end of file"}, kUnknown, kNotHeld, kNotHeld},
      {"ClientNetRead", {5013, "HY000", "Read error"}, kUnknown, kNotHeld, kNotHeld},
      {"ClientUnlisted", {2999, "HY000", ""}, kUnknown, kNotHeld, kNotHeld},
  };
  return *rows;
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

// A Status of another code with the same text, as a wrapper may make it, is no failover either.
TEST(MysqlErrorsTest, MessageAloneIsNoFailover) {
  for (const Row& row : Rows()) {
    const absl::Status status = ToStatus(row.error, InTransaction(Sent()));
    EXPECT_FALSE(CausedByFailover(absl::InternalError(status.message()))) << row.name;
    EXPECT_FALSE(CausedByFailover(absl::FailedPreconditionError(status.message()))) << row.name;
  }
}

// The rule that decides about an error whose text is in the same case as the rule's.
std::size_t IndexOfFirstFit(const std::vector<Rule>& rules, const MysqlError& error) {
  std::size_t index = 0;
  for (; index < rules.size(); ++index) {
    const Rule& rule = rules[index];
    if (rule.number == error.number && error.text.find(rule.text) != std::string::npos) break;
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

TEST(MysqlErrorsTest, CodesTellTheOutcome) {
  EXPECT_EQ(ToStatus({1040, "08004", "Too many connections"}, Sent()).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(ToStatus({1213, "40001", "Deadlock found"}, Sent()).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ToStatus({1062, "23000", "Duplicate entry"}, Sent()).code(),
            absl::StatusCode::kUnknown);
  EXPECT_EQ(ToStatus({2013, "HY000", "Lost connection"}, Sent()).code(),
            absl::StatusCode::kUnknown);
}

// failover::CausedByFailover also knows the texts of vttablet. What the mark denies, they must not
// allow.
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

// Found by a fuzzer: the text began with the rest of the SQLSTATE.
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

TEST(ErrorClassifierTest, AddedRuleOverrulesADefaultOne) {
  const MysqlError gone{2006, "HY000", "Server has gone away"};
  ErrorClassifier classifier;
  classifier.Add({2006, "", kUnknown, FailoverSign::kYes});
  EXPECT_TRUE(CausedByFailover(classifier.ToStatus(gone, NotSent())));
  EXPECT_FALSE(CausedByFailover(classifier.ToStatus(gone, Sent())));
}

}  // namespace
}  // namespace failover::mysql
