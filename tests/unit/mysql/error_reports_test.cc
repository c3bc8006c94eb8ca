// Errors as real servers, proxies and cloud services send them. Each test is named after the public
// report, or the product, whose texts it holds. The names of hosts and users are made up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "failover/errors.h"
#include "failover/mysql/errors.h"

namespace failover::mysql {
namespace {

struct Seen {
  bool held = false;
  Outcome outcome = Outcome::kUnknown;
};
bool operator==(const Seen& a, const Seen& b) { return a.held == b.held && a.outcome == b.outcome; }
std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << (seen.held ? "held, " : "passed on, ") << ToString(seen.outcome);
}

constexpr Seen kHeld = {true, Outcome::kNotExecuted};
constexpr Seen kNotExecuted = {false, Outcome::kNotExecuted};
constexpr Seen kFailed = {false, Outcome::kFailed};
constexpr Seen kRolledBack = {false, Outcome::kRolledBack};
constexpr Seen kUnknown = {false, Outcome::kUnknown};

MysqlError Error(std::uint32_t number, std::string text, std::string sqlstate = "HY000") {
  return {number, std::move(sqlstate), std::move(text)};
}

Seen See(const MysqlError& error, const StatementState& state) {
  const absl::Status status = ToStatus(error, state);
  return {CausedByFailover(status), OutcomeOf(status).value()};
}

Seen Sent(const MysqlError& error) { return See(error, {}); }

Seen NotSent(const MysqlError& error) {
  StatementState state;
  state.send_state = SendState::kNotSent;
  return See(error, state);
}

Seen InTransaction(const MysqlError& error) {
  StatementState state;
  state.in_transaction = true;
  return See(error, state);
}

// ---- Offline mode, which a member that left its group enters ------------------------------------

// openark/orchestrator#995, WL#12895, and the wording of MySQL 9.0.
TEST(OfflineReportsTest, Orchestrator995_ALoginIsRefused) {
  for (const char* const text : {"The server is currently in offline mode",
                                 "(conn=12) The server is currently in offline mode",
                                 "The server is currently in offline mode since 2025-01-02 "
                                 "03:04:05, reason: the member left",
                                 "Der Server ist derzeit im Offline-Modus", ""}) {
    EXPECT_EQ(NotSent(Error(3032, text)), kHeld) << text;
  }
}

// The server ends sessions with the same error, and they may be inside a COMMIT.
TEST(OfflineReportsTest, Orchestrator995_ASessionIsEnded) {
  const MysqlError error = Error(3032, "The server is currently in offline mode");
  EXPECT_EQ(Sent(error), kUnknown);
  EXPECT_EQ(InTransaction(error), kUnknown);
}

// ---- Group Replication --------------------------------------------------------------------------

// WL#11123, BEFORE_ON_PRIMARY_FAILOVER.
TEST(GroupReplicationReportsTest, Wl11123_TheHeldStatementsOfANewPrimaryWereNotExecuted) {
  EXPECT_EQ(Sent(Error(3781,
                       "Timeout exceeded for held statement while new Group Replication primary "
                       "member is applying backlog.")),
            kHeld);
  EXPECT_EQ(Sent(Error(3782,
                       "Held statement aborted due to Group Replication plugin got shut down or "
                       "thread was killed while new primary member was applying backlog.")),
            kNotExecuted);
  const MysqlError in_error =
      Error(3783,
            "Held statement was aborted due to member being in error state, while backlog is being "
            "applied during Group Replication primary election.");
  EXPECT_EQ(Sent(in_error), kHeld);
  EXPECT_EQ(InTransaction(in_error), kNotExecuted);
}

// ---- No connection ------------------------------------------------------------------------------

// sysown/proxysql#1913, sysown/proxysql#3133, and the stages of other connectors.
TEST(HandshakeReportsTest, Proxysql1913_EveryStageOfEveryConnector) {
  for (const char* const stage :
       {"handshake: reading inital communication packet",
        "handshake: reading initial communication packet", "reading initial communication packet",
        "reading inital communication packet", "waiting for initial communication packet",
        "reading authorization packet", "handshake: reading authorization packet",
        "sending authentication information", "reading final connect information",
        "sending connection information to server", "sending password information"}) {
    for (const char* const server : {"MySQL server", "server", "MariaDB server"}) {
      for (const char* const number : {"107", "110", "0", "11", "13"}) {
        const MysqlError error = Error(2013, std::string("Lost connection to ") + server + " at '" +
                                                 stage + "', system error: " + number);
        EXPECT_EQ(NotSent(error), kHeld) << error.text;
        EXPECT_EQ(Sent(error), kUnknown) << error.text;
      }
    }
  }
}

TEST(HandshakeReportsTest, AConnectionLostLaterIsNoHandshake) {
  EXPECT_EQ(NotSent(Error(2013, "Lost connection to MySQL server during query")), kNotExecuted);
  EXPECT_EQ(NotSent(Error(2013,
                          "Lost connection to MySQL server at '10.0.0.7:3306', system error: "
                          "104 Connection reset by peer")),
            kNotExecuted);
}

// sysown/proxysql#2954: the proxy ran out of local ports, and shunned servers that were well.
TEST(LocalTroubleReportsTest, Proxysql2954_NoLocalPortOrDescriptorOrMemory) {
  for (const char* const number : {"99", "24", "23", "105", "12", "13", "1", "98", "97", "100"}) {
    const std::string in_brackets = std::string("(") + number + ")";
    for (const std::string& text :
         {"Can't connect to MySQL server on '10.0.0.7' " + in_brackets,
          "Can't connect to server on '10.0.0.7' " + in_brackets,
          "Can't connect to MySQL server on '10.0.0.7:3306' " + in_brackets,
          "Can't connect to local server through socket '/run/mysqld/mysqld.sock' " + in_brackets,
          "(conn=12) Can't connect to server on '10.0.0.7' " + in_brackets,
          "ERROR 2003 (HY000): Can't connect to MySQL server on '10.0.0.7' " + in_brackets,
          std::string("Can't connect to MySQL server on '10.0.0.7' ([Errno ") + number + "] ...)",
          std::string("Can't connect to MySQL server on '10.0.0.7' (") + number + " \"...\")"}) {
      EXPECT_EQ(NotSent(Error(2002, text)), kNotExecuted) << text;
      EXPECT_EQ(NotSent(Error(2003, text)), kNotExecuted) << text;
      EXPECT_EQ(Sent(Error(2003, text)), kUnknown) << text;
    }
    EXPECT_EQ(NotSent(Error(2001, "Can't create UNIX socket " + in_brackets)), kNotExecuted);
    EXPECT_EQ(NotSent(Error(2004, "Can't create TCP/IP socket " + in_brackets)), kNotExecuted);
  }
}

TEST(LocalTroubleReportsTest, Proxysql2954_InTheWordsOfOtherLanguages) {
  for (const char* const text :
       {// Python
        "Can't connect to MySQL server on '10.0.0.7' ([Errno 99] Cannot assign requested address)",
        "Can't connect to MySQL server on '10.0.0.7:3306' (Errno 24: Too many open files)",
        "2003: Can't connect to MySQL server on '10.0.0.7:3306' (99 Cannot assign requested "
        "address)",
        "Can't connect to MySQL server on 'db' ([Errno -3] Temporary failure in name resolution)",
        // PHP
        "Cannot assign requested address", "Too many open files", "Permission denied",
        "php_network_getaddresses: getaddrinfo failed: Temporary failure in name resolution",
        // Node
        "connect EADDRNOTAVAIL 10.0.0.7:3306 - Local (0.0.0.0:0)", "connect EMFILE 10.0.0.7:3306",
        "connect EACCES /run/mysqld/mysqld.sock", "getaddrinfo EAI_AGAIN db.example",
        // Go
        "dial tcp 10.0.0.7:3306: connect: cannot assign requested address",
        "dial tcp 10.0.0.7:3306: socket: too many open files",
        "dial tcp: lookup db.example on 10.0.0.2:53: server misbehaving",
        "dial tcp: lookup db.example on 10.0.0.2:53: read udp 10.0.0.1:4->10.0.0.2:53: i/o timeout",
        // Rust, Windows, BSD
        "Too many open files (os error 24)",
        "Can't connect to MySQL server on '10.0.0.7:3306' (10049)",
        "Can't connect to MySQL server on '10.0.0.7:3306' (10055)",
        "Can't assign requested address"}) {
    EXPECT_EQ(NotSent(Error(2002, text)), kNotExecuted) << text;
    EXPECT_EQ(NotSent(Error(2003, text)), kNotExecuted) << text;
  }
}

TEST(LocalTroubleReportsTest, ADeadServerIsNoLocalTrouble) {
  for (const char* const text :
       {"Can't connect to MySQL server on '10.0.0.7' (111)",
        "Can't connect to MySQL server on '10.0.0.99:3306' (113)",
        "Can't connect to server on '99.24.23.12' (115)", "Can't connect to server on '(99.1)' (4)",
        "Can't connect to local server through socket '/run/99.sock' (2)",
        "Can't connect to MySQL server on 'emfile' (110)", "connect ECONNREFUSED 10.0.0.7:3306",
        "connect ETIMEDOUT (1 of 3)", "connect to NOTEMFILE_1",
        "Can't connect to MySQL server on '10.0.0.7' ([Errno 111] Connection refused)",
        "Can't connect to MySQL server on '10.0.0.7' (timed out)",
        "dial tcp 10.0.0.7:3306: i/o timeout", "dial tcp: lookup db.example: no such host",
        "(3 attempts) Can't connect to MySQL server on 'db' (111 \"Connection refused\")",
        "Can't connect to MySQL server on 'db' (10061)", "Connection refused", ""}) {
    EXPECT_EQ(NotSent(Error(2002, text)), kHeld) << text;
    EXPECT_EQ(NotSent(Error(2003, text)), kHeld) << text;
  }
}

// A name that does not exist may be that of a server that is gone. A name service that does not
// answer says nothing about any server.
TEST(LocalTroubleReportsTest, ANameServiceThatDoesNotAnswerIsNoFailover) {
  for (const char* const text :
       {"Unknown server host 'db.example' (-3)", "Unknown MySQL server host 'db.example' (-3)",
        "Unknown MySQL server host 'db.example' (-4)", "Unknown server host 'db.example' (-11)",
        "Unknown MySQL server host 'db.example' (2)", "Unknown MySQL server host 'db.example' (11)",
        "Unknown MySQL server host 'db.example' (11002)",
        "Unknown MySQL server host 'db.example' (Temporary failure in name resolution)",
        "getaddrinfo EAI_AGAIN db.example",
        "Host not found (non-authoritative), try again later"}) {
    EXPECT_EQ(NotSent(Error(2005, text)), kNotExecuted) << text;
    EXPECT_EQ(Sent(Error(2005, text)), kUnknown) << text;
  }
  for (const char* const text :
       {"Unknown server host 'db.example' (-2)", "Unknown MySQL server host 'db.example' (-5)",
        "Unknown MySQL server host 'db-2.example' (1)", "Unknown MySQL server host '(3' (0)",
        "Unknown MySQL server host 'db.example' (11001)", "getaddrinfo ENOTFOUND db.example"}) {
    EXPECT_EQ(NotSent(Error(2005, text)), kHeld) << text;
  }
}

// ---- Other products that use numbers of their own -----------------------------------------------

// pingcap/tidb#11053, pingcap/tidb#52431, tikv/pd#9724.
TEST(OwnNumbersReportsTest, Tidb11053_PdServerTimeoutIsNotProxysqls9001) {
  for (const char* const text :
       {"PD server timeout", "PD server timeout: start timestamp may fall behind safe point",
        "PD server timeout%!(EXTRA string=start timestamp may fall behind safe point)", ""}) {
    EXPECT_EQ(Sent(Error(9001, text)), kUnknown) << text;
    EXPECT_EQ(NotSent(Error(9001, text)), kNotExecuted) << text;
  }
}

TEST(OwnNumbersReportsTest, TidbsOtherTroublesAreNoFailover) {
  EXPECT_EQ(Sent(Error(8501, "Global transaction result undetermined")), kUnknown);
  EXPECT_EQ(Sent(Error(9002, "TiKV server timeout")), kUnknown);
  EXPECT_EQ(Sent(Error(9003, "TiKV server is busy")), kUnknown);
  EXPECT_EQ(Sent(Error(9004, "Resolve lock timeout")), kUnknown);
  EXPECT_EQ(Sent(Error(9005, "Region is unavailable")), kUnknown);
  EXPECT_EQ(Sent(Error(8027, "Information schema is out of date")), kFailed);
  EXPECT_EQ(Sent(Error(8028,
                       "Information schema is changed during the execution of the statement"
                       "(for example, table definition may be updated by other DDL ran in "
                       "parallel). [try again later]")),
            kFailed);
}

// sysown/proxysql#1524.
TEST(OwnNumbersReportsTest, Proxysql1524_NoServerInTime) {
  for (const char* const text :
       {"Max connect timeout reached while reaching hostgroup 0 after 10016ms",
        "Max connect failure while reaching hostgroup 20",
        "(conn=7) Max connect timeout reached while reaching hostgroup 10 after 10000ms"}) {
    EXPECT_EQ(Sent(Error(9001, text)), kHeld) << text;
  }
}

// laravel/framework#35744, PeerDB-io/peerdb#3571: Aurora has rolled the transaction back.
TEST(OwnNumbersReportsTest, Laravel35744_AuroraRolledTheTransactionBack) {
  for (const char* const text :
       {"The last transaction was aborted due to Seamless Scaling. Please retry.",
        "The last transaction was aborted due to Zero Downtime Patch. Please retry.",
        "The last transaction was aborted due to Zero Downtime Restart. Please retry.",
        "(conn=3) the last transaction was aborted due to something new"}) {
    EXPECT_EQ(Sent(Error(1105, text)), kRolledBack) << text;
    EXPECT_EQ(InTransaction(Error(1105, text)), kRolledBack) << text;
  }
  EXPECT_EQ(Sent(Error(1105, "Unknown error")), kFailed);
}

// ---- The option that refused a statement --------------------------------------------------------

// vitessio/vitess#16438, MariaDB/server ee9359de89, and translations of the server.
TEST(ReadOnlyReportsTest, Vitess16438_TheOptionDecidesWhateverSurroundsIt) {
  for (const char* const text :
       {"The MySQL server is running with the --read-only option so it cannot execute this "
        "statement",
        "The MySQL server is running with the --super-read-only option so it cannot execute this "
        "statement",
        "The MariaDB server is running with the --read-only=ON option so it cannot execute this "
        "statement",
        "The MariaDB server is running with the --read-only=NO_LOCK_NO_ADMIN option so it cannot",
        "[ERROR] (conn=12) The MariaDB server is running with the --read-only option",
        "SQLSTATE[HY000]: General error: 1290 The MySQL server is running with the --read-only "
        "option",
        "(1290, 'The MySQL server is running with the --super-read-only option') [SQL: INSERT -- x",
        "Der MySQL-Server läuft mit der Option --read-only und kann diese Anweisung deswegen nicht "
        "ausführen",
        "MySQL サーバーが--read-onlyオプションで実行されているため",
        "-----\n--- `--super_read_only` ---"}) {
    EXPECT_EQ(Sent(Error(1290, text)), kHeld) << text;
    EXPECT_EQ(InTransaction(Error(1290, text)), kNotExecuted) << text;
  }
}

TEST(ReadOnlyReportsTest, AnotherOptionIsNoFailover) {
  for (const char* const text :
       {"The MySQL server is running with the --secure-file-priv option so it cannot execute this "
        "statement",
        "The MySQL server is running with the --secure-file-priv option so it cannot execute this "
        "statement [SQL: SELECT '--read-only' INTO OUTFILE 'x']",
        "The MySQL server is running with the --innodb-read-only option so it cannot",
        "The MySQL server is running with the --transaction-read-only option so it cannot",
        "The MySQL server is running with the --read-only-replica option so it cannot",
        "The MySQL server is running with the --skip-grant-tables option", "read-only", "--", "---",
        "---read-only", ""}) {
    EXPECT_EQ(Sent(Error(1290, text)), kNotExecuted) << text;
  }
}

// ---- A user's SIGNAL ----------------------------------------------------------------------------

std::vector<MysqlError> AllErrorsOfThisFile() {
  return {Error(1290, "The MySQL server is running with the --read-only option"),
          Error(1836, "Running in read-only mode"),
          Error(1792, "Cannot execute statement in a READ ONLY transaction"),
          Error(1047, "WSREP has not yet prepared node for application use"),
          Error(3783, "Held statement was aborted"),
          Error(9001, "Max connect timeout reached while reaching hostgroup 0 after 10ms"),
          Error(1105, "The last transaction was aborted due to a SIGNAL"),
          Error(1644, "The MySQL server is running with the --read-only option"),
          Error(2002, "Connection refused"),
          Error(2013, "Lost connection to server at 'reading authorization packet'"),
          Error(1213, "Deadlock found")};
}

// sysown/proxysql#2226: the text of a procedure is that of a read-only server.
TEST(SignalReportsTest, Proxysql2226_Sqlstate45000IsAlwaysAUsers) {
  for (MysqlError error : AllErrorsOfThisFile()) {
    error.sqlstate = "45000";
    EXPECT_EQ(Sent(error), kFailed) << error.number;
    EXPECT_EQ(InTransaction(error), kFailed) << error.number;
    EXPECT_EQ(NotSent(error), kNotExecuted) << error.number;
  }
}

TEST(SignalReportsTest, Proxysql2226_AWrapperMayHaveWrittenTheSqlstateIntoTheText) {
  for (MysqlError error : AllErrorsOfThisFile()) {
    const std::string text = error.text;
    for (const std::string& wrapped :
         {text + " (errno 1290) (sqlstate 45000) during query: call p()",
          "SQLSTATE[45000]: <<Unknown error>>: 1290 " + text, "SQLState: 45000, " + text,
          "ERROR 1290 (45000) at line 1: " + text, "ERROR 1290 (45000): " + text}) {
      error.text = wrapped;
      EXPECT_EQ(Sent(error), kFailed) << wrapped;
    }
  }
}

TEST(SignalReportsTest, TheSameFiguresElsewhereAreNoSqlstate) {
  const std::string text = "The MySQL server is running with the --read-only option";
  for (const std::string& harmless :
       {text + " [SQL: INSERT INTO t VALUES (45000)]", "(conn=45000) " + text,
        text + " during query: CREATE TRIGGER ... SIGNAL SQLSTATE '45000'",
        "SQLSTATE[HY000] [1290] 10.0.0.1:45000 " + text, "sqlstate 450001 " + text}) {
    EXPECT_EQ(Sent(Error(1290, harmless)), kHeld) << harmless;
  }
}

TEST(SignalReportsTest, ARuleOfTheEmbedderIsNotAskedEither) {
  ErrorClassifier classifier;
  classifier.Add({1644, "", Outcome::kNotExecuted, FailoverSign::kYes});
  EXPECT_FALSE(CausedByFailover(classifier.ToStatus(Error(1644, "the shard moves", "45000"), {})));
  EXPECT_TRUE(CausedByFailover(classifier.ToStatus(Error(1644, "the shard moves"), {})));
}

}  // namespace
}  // namespace failover::mysql
