// One test per row of the table of failures: an exchange that the row is for, and what follows.
#include "proxy/mysql/session/exchange_failures.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "failover/errors.h"
#include "proxy/mysql/session/proxy_errors.h"

namespace mysql_proxy {
namespace {

using failover::mysql::MysqlError;
using failover::mysql::SendState;

using Event = ExchangeEvent;
using Repeat = FailureRepeat;
using Connection = FailureConnection;

ExchangeFailure Failure(Event event) {
  ExchangeFailure failure;
  failure.event = event;
  failure.statement.send_state = SendState::kSent;
  return failure;
}

ExchangeFailure InTransaction(ExchangeFailure failure) {
  failure.statement.in_transaction = true;
  return failure;
}

ExchangeFailure Compound(ExchangeFailure failure) {
  failure.statement.compound = true;
  return failure;
}

ExchangeFailure Commit(ExchangeFailure failure) {
  failure.commits = true;
  return failure;
}

ExchangeFailure NotSent(ExchangeFailure failure) {
  failure.statement.send_state = SendState::kNotSent;
  return failure;
}

ExchangeFailure Passed(ReplyPassed passed, ExchangeFailure failure) {
  failure.passed = passed;
  failure.statement.send_state = SendState::kReplyStarted;
  return failure;
}

ExchangeFailure Answer(Event event, MysqlError error) {
  ExchangeFailure failure = Failure(event);
  failure.error = std::move(error);
  return failure;
}

MysqlError ReadOnly() {
  return {1290, "HY000",
          "The MariaDB server is running with the --read-only option so it cannot execute this "
          "statement"};
}
MysqlError ReadOnlyTransaction() {
  return {1792, "25006", "Cannot execute statement in a READ ONLY transaction"};
}
MysqlError Shutdown() { return {1053, "08S01", "Server shutdown in progress"}; }
MysqlError Deadlock() { return {1213, "40001", "Deadlock found"}; }
MysqlError DuplicateKey() { return {1062, "23000", "Duplicate entry"}; }
MysqlError NotPrepared() { return {1047, "08S01", "WSREP has not yet prepared node"}; }
MysqlError NoSuchTable() { return {1146, "42S02", "Table doesn't exist"}; }

ExchangeFailure AnswerLost() {
  ExchangeFailure failure = Failure(Event::kAnswerLost);
  failure.lost = "the last insert id";
  return failure;
}

// The client gets no error: its connection ends.
constexpr std::uint32_t kNoAnswer = 0;

struct Row {
  const char* name;
  ExchangeFailure failure;
  std::uint32_t told;
  const char* text;  // a part of what the client is told
  Repeat repeat;
  Connection connection;
};

std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

// In the order of the table.
std::vector<Row> Rows() {
  constexpr Repeat kNever = Repeat::kNever;
  constexpr Connection kKept = Connection::kKept;
  constexpr Connection kDropped = Connection::kDropped;
  constexpr Connection kTold = Connection::kDroppedAndTold;
  constexpr Connection kLeft = Connection::kLeftBehind;
  return {
      {"FoundDead", NotSent(Failure(Event::kFoundDead)), 3168, "gone", Repeat::kAtOnce, kDropped},
      {"CutOffInsideAPacket", Passed(ReplyPassed::kPartOfPacket, Failure(Event::kCutOff)),
       kNoAnswer, "", kNever, kTold},
      {"CutOffInATransaction", InTransaction(Failure(Event::kCutOff)), 1158, kNothingRemains,
       kNever, kTold},
      {"CutOff", Failure(Event::kCutOff), 1158, "unknown whether", kNever, kTold},
      {"MalformedBehindOtherPackets",
       Passed(ReplyPassed::kWholePackets, Failure(Event::kMalformed)), kNoAnswer, "", kNever,
       kTold},
      {"MalformedInATransaction", InTransaction(Failure(Event::kMalformed)), 1158, kNothingRemains,
       kNever, kTold},
      {"Malformed", Failure(Event::kMalformed), 1158, "unknown whether", kNever, kTold},
      {"UnknownInATransaction", InTransaction(Answer(Event::kErrorPacket, Shutdown())), 1158,
       kNothingRemains, kNever, kLeft},
      {"OneOfSeveralWasRefused", Compound(Answer(Event::kErrorPacket, ReadOnly())), 1158,
       kNothingRemains, kNever, kLeft},
      {"Unknown", Compound(Answer(Event::kErrorPacket, {1040, "08004", "Too many connections"})),
       1158, "unknown whether", kNever, kKept},
      {"RolledBack", InTransaction(Answer(Event::kErrorPacket, Deadlock())), 1213, "Deadlock",
       kNever, kKept},
      {"RefusedInATransaction", InTransaction(Answer(Event::kErrorPacket, ReadOnly())), 1213,
       "rolled back", kNever, kDropped},
      {"RefusedCommit", Commit(Answer(Event::kErrorPacket, ReadOnly())), 1290, "read-only", kNever,
       kKept},
      {"Refused", Answer(Event::kErrorPacket, ReadOnly()), 1290, "read-only",
       Repeat::kAfterFailover, kKept},
      {"OwnError", Answer(Event::kErrorPacket, DuplicateKey()), 1062, "Duplicate", kNever, kKept},
      {"WantsFile", Failure(Event::kWantsFile), 1148, "LOCAL", kNever, kDropped},
      {"ClientGone", Failure(Event::kClientGone), kNoAnswer, "", kNever, kKept},
      {"PrepareRefused", NotSent(Answer(Event::kPrepareRefused, NotPrepared())), 1047, "WSREP",
       Repeat::kAfterFailover, kKept},
      {"PrepareFailed", NotSent(Answer(Event::kPrepareRefused, NoSuchTable())), 1146, "exist",
       kNever, kKept},
      {"PrepareChanged", NotSent(Failure(Event::kPrepareChanged)), 1615, "prepared again", kNever,
       kKept},
      {"AnswerLost", NotSent(AnswerLost()), 3168, "lost the last insert id", kNever, kKept},
  };
}

TEST(ExchangeFailuresTest, EveryRowHasATest) {
  const std::vector<Row> rows = Rows();
  ASSERT_EQ(rows.size(), FailureRules().size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(&RuleFor(rows[i].failure), &FailureRules()[i]) << rows[i].name;
  }
}

class FailureRowTest : public testing::TestWithParam<Row> {};

TEST_P(FailureRowTest, TellsRepeatsAndDrops) {
  const Row& row = GetParam();
  const FailureRule& rule = RuleFor(row.failure);
  EXPECT_EQ(rule.repeat, row.repeat);
  EXPECT_EQ(rule.connection, row.connection);

  const absl::Status status = StatusFor(rule, row.failure);
  EXPECT_EQ(failover::CausedByFailover(status), row.repeat == Repeat::kAfterFailover) << status;
  EXPECT_EQ(IsConnectionWasGone(status), row.repeat == Repeat::kAtOnce) << status;
  EXPECT_EQ(absl::IsCancelled(status), row.told == kNoAnswer) << status;
  if (row.told == kNoAnswer) return;
  const MysqlError told = ForClient(status, absl::OkStatus());
  EXPECT_EQ(told.number, row.told) << told.text;
  EXPECT_NE(told.text.find(row.text), std::string::npos) << told.text;
}

INSTANTIATE_TEST_SUITE_P(Table, FailureRowTest, testing::ValuesIn(Rows()),
                         [](const auto& row) { return row.param.name; });

// An error behind other results may be any statement's, so that a refusal says less there.
TEST(ExchangeFailuresTest, ARefusalBehindOtherResultsIsOfUnknownOutcome) {
  const ExchangeFailure late =
      Passed(ReplyPassed::kWholePackets, Answer(Event::kErrorPacket, ReadOnly()));
  EXPECT_EQ(RuleFor(late).repeat, Repeat::kNever);
  EXPECT_EQ(RuleFor(InTransaction(late)).connection, Connection::kLeftBehind);
  EXPECT_EQ(RuleFor(Compound(late)).connection, Connection::kLeftBehind);
}

// The Buffer learns of a refusal from the next wait, unless there is none.
TEST(ExchangeFailuresTest, ARefusalThatIsNotRepeatedMustBeNoted) {
  const ExchangeFailure refused = Answer(Event::kErrorPacket, ReadOnly());
  const auto must_be_noted = [](const ExchangeFailure& failure) {
    return MustBeNoted(RuleFor(failure), failure);
  };
  EXPECT_FALSE(must_be_noted(refused));
  EXPECT_TRUE(must_be_noted(InTransaction(refused)));
  EXPECT_TRUE(must_be_noted(Compound(refused)));
  EXPECT_TRUE(must_be_noted(Commit(refused)));
  EXPECT_TRUE(must_be_noted(Passed(ReplyPassed::kWholePackets, refused)));
  EXPECT_FALSE(must_be_noted(InTransaction(Answer(Event::kErrorPacket, Deadlock()))));
  EXPECT_FALSE(must_be_noted(InTransaction(Answer(Event::kErrorPacket, DuplicateKey()))));
  EXPECT_FALSE(must_be_noted(InTransaction(Failure(Event::kCutOff))));
}

// Autocommit is off, and no transaction is open: the first statement of a transaction is held and
// repeated like any other. What is unknown of it ends the transaction that it may have begun.
TEST(ExchangeFailuresTest, WithoutAutocommitTheFirstStatementIsRepeated) {
  ExchangeFailure failure = Answer(Event::kErrorPacket, ReadOnly());
  failure.may_begin_transaction = true;
  EXPECT_EQ(RuleFor(failure).when, FailureWhen::kRefused);
  EXPECT_TRUE(failover::CausedByFailover(StatusFor(RuleFor(failure), failure)));
  failure.error = Shutdown();
  EXPECT_EQ(RuleFor(failure).connection, Connection::kLeftBehind);
  failure.event = Event::kCutOff;
  EXPECT_EQ(RuleFor(failure).tell, FailureTell::kUnknownNothingLeft);
}

// A procedure raises the error by SIGNAL, or writes in a transaction that its caller has made
// read-only. No failover ends the transaction.
TEST(ExchangeFailuresTest, ARefusalThatIsTheStatementsOwnIsPassedOn) {
  ExchangeFailure asked =
      InTransaction(Compound(Answer(Event::kErrorPacket, ReadOnlyTransaction())));
  asked.statement.read_only_requested = true;
  std::vector<ExchangeFailure> own = {asked, Passed(ReplyPassed::kWholePackets, asked)};
  for (const MysqlError& error :
       {MysqlError{1290, "HY000", "--read-only, says the procedure"},
        MysqlError{1290, "HY000",
                   "The MariaDB server is running with the --secure-file-priv option so it cannot "
                   "execute this statement"},
        MysqlError{1836, "HY000", "Running in read-only mode, says the procedure"},
        MysqlError{1792, "25006", "says the procedure"}}) {
    const ExchangeFailure answer = Answer(Event::kErrorPacket, error);
    own.insert(own.end(), {answer, Compound(answer), InTransaction(Compound(answer))});
  }
  for (const ExchangeFailure& failure : own) {
    const FailureRule& rule = RuleFor(failure);
    EXPECT_EQ(rule.tell, FailureTell::kBackendsError) << failure.error.text;
    EXPECT_EQ(rule.repeat, Repeat::kNever) << failure.error.text;
    EXPECT_EQ(rule.connection, Connection::kKept) << failure.error.text;
    EXPECT_FALSE(MustBeNoted(rule, failure)) << failure.error.text;
    EXPECT_EQ(ForClient(StatusFor(rule, failure), absl::OkStatus()).number, failure.error.number);
  }
}

// The client itself asked for a read-only transaction.
TEST(ExchangeFailuresTest, AReadOnlyTransactionOfTheClientIsNoFailover) {
  ExchangeFailure failure = InTransaction(Answer(Event::kErrorPacket, ReadOnlyTransaction()));
  EXPECT_EQ(RuleFor(failure).tell, FailureTell::kRolledBack);
  failure.statement.read_only_requested = true;
  EXPECT_EQ(RuleFor(failure).tell, FailureTell::kBackendsError);
}

}  // namespace
}  // namespace mysql_proxy
