// What a session keeps, and what its client is told, when the primary changes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "proxy_test.h"
#include "support/child_process.h"

namespace mysql_proxy {

using failover::test::Await;
namespace {

using testing::HasSubstr;

constexpr char kOther[] = "2";  // the @@server_id of the second server

class FailoverTest : public ProxyTest {
 protected:
  void SetUp() override {
    ProxyTest::SetUp();
    StartProxy();
  }
};

TEST_F(FailoverTest, SessionsMoveToTheNewPrimary) {
  ProxyClient client(port());
  EXPECT_EQ(client.Ask("SELECT @@server_id"), "1");
  FailOver();
  EXPECT_EQ(client.Ask("SELECT @@server_id"), kOther);
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (1)").number, 0u) << client.error().text;
  EXPECT_EQ(AskServer(1, "SELECT COUNT(*) FROM d.t"), "1");
  EXPECT_EQ(AskServer(0, "SELECT COUNT(*) FROM d.t"), "0");
}

TEST_F(FailoverTest, TheStateOfASessionIsRestored) {
  ProxyClient client(port());
  ProxyClient fresh(port());
  client.Run("USE other");
  client.Run("SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci");
  client.Run("SET autocommit = 0, sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'");
  client.Run("SET time_zone = '+05:30', long_query_time = 2.5, lc_time_names = 'de_DE'");
  client.Run("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE");
  client.Run("SET TRANSACTION READ ONLY");
  const std::string question =
      "SELECT CONCAT_WS(' ', DATABASE(), @@collation_connection, @@character_set_client, "
      "@@character_set_results, @@autocommit, @@sql_mode, @@time_zone, @@long_query_time, "
      "@@lc_time_names, @@tx_isolation)";
  const std::string before = client.Ask(question);
  EXPECT_THAT(before, HasSubstr("other utf8mb4_unicode_ci"));
  EXPECT_NE(fresh.Ask(question), before);
  FailOver();
  EXPECT_EQ(client.Ask(question), before) << client.error().text;
  EXPECT_EQ(client.Run("INSERT INTO d.t VALUES (1)").number, 1792u)
      << "the next transaction was to be read-only";
  EXPECT_EQ(client.Run("ROLLBACK; INSERT INTO d.t VALUES (1); COMMIT").number, 0u);
  EXPECT_EQ(AskServer(1, "SELECT COUNT(*) FROM d.t"), "1");
}

TEST_F(FailoverTest, PreparedStatementsArePreparedAgain) {
  ProxyClient client(port());
  ProxyStatement server_id(client, "SELECT @@server_id");
  ProxyStatement insert(client, "INSERT INTO t VALUES (?)");
  ProxyStatement never_executed(client, "SELECT CONCAT(?, '!')");
  insert.Execute({"1"});
  EXPECT_EQ(server_id.Execute(), "1");
  FailOver();
  // The proxy must send the types of the parameters, because libmariadb does not send them again.
  insert.Execute({"2"});
  EXPECT_EQ(insert.error().number, 0u) << insert.error().text;
  EXPECT_EQ(server_id.Execute(), kOther);
  EXPECT_EQ(never_executed.Execute({"hello"}), "hello!");
  insert.Execute({"3"});
  EXPECT_EQ(insert.error().number, 0u) << insert.error().text;
  EXPECT_EQ(client.Ask("SELECT i FROM t ORDER BY i"), "2 3");
}

TEST_F(FailoverTest, LongDataThatCameBeforeIsNotLost) {
  ProxyClient client(port());
  ProxyStatement statement(client, "SELECT CONCAT(LENGTH(?), ' ', @@server_id)");
  const std::string data(100'000, 'x');
  mysql_stmt_send_long_data(statement.handle(), 0, data.data(), data.size());
  FailOver();
  EXPECT_EQ(statement.Execute({""}), "100000 2");
}

TEST_F(FailoverTest, AStatementWhoseTextMayMeanSomethingElseMustBePreparedAgain) {
  ProxyClient client(port());
  ProxyStatement statement(client, "SELECT COUNT(*) FROM t");
  client.Run("USE other");
  EXPECT_EQ(statement.Execute(), "0") << "it means d.t still";
  FailOver();
  statement.Execute();
  EXPECT_EQ(statement.error().number, 1615u);
  EXPECT_EQ(client.Ask("SELECT 1"), "1");
}

// The server of the transaction is well, but it is not the primary any more.
TEST_F(FailoverTest, ATransactionIsRolledBackWithOneError) {
  ProxyClient client(port());
  client.Run("BEGIN");
  client.Run("INSERT INTO t VALUES (1)");
  FailOver();
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (2)").number, 1213u);
  EXPECT_EQ(client.error().sqlstate, "40001");
  EXPECT_THAT(client.error().text, HasSubstr("rolled back"));
  EXPECT_EQ(client.Ask("SELECT @@in_transaction"), "0");
  EXPECT_EQ(client.Run("BEGIN; INSERT INTO t VALUES (3); COMMIT").number, 0u);
  EXPECT_EQ(client.Ask("SELECT i FROM t"), "3");
  EXPECT_EQ(AskServer(0, "SELECT COUNT(*) FROM d.t"), "0");
}

TEST_F(FailoverTest, ACommitIsRefusedLikeAnyStatement) {
  ProxyClient client(port());
  client.Run("BEGIN");
  client.Run("INSERT INTO t VALUES (1)");
  FailOver();
  EXPECT_EQ(client.Run("COMMIT").number, 1213u);
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (2)").number, 0u);
  EXPECT_EQ(AskServer(0, "SELECT COUNT(*) FROM d.t"), "0");
}

TEST_F(FailoverTest, WithoutAutocommitAWriteIsNotRepeated) {
  ProxyClient client(port());
  client.Run("SET autocommit = 0");
  client.Run("INSERT INTO t VALUES (1)");
  FailOver();
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (2)").number, 1213u);
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (3); COMMIT").number, 0u) << client.error().text;
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "3");
}

TEST_F(FailoverTest, LockedTablesCountAsATransaction) {
  ProxyClient client(port());
  client.Run("LOCK TABLES t READ");
  FailOver();
  EXPECT_EQ(client.Ask("SELECT @@server_id FROM (SELECT 1) AS x"), "1") << "its locks are there";
  EXPECT_EQ(client.Run("UNLOCK TABLES").number, 0u);
  EXPECT_EQ(client.Ask("SELECT @@server_id"), kOther);
}

// These tests have procedures that stop at a gate: a user lock that the test holds.
class CallTest : public FailoverTest {
 protected:
  static constexpr char kCallAtTheGate[] =
      "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User lock'";

  void SetUp() override {
    FailoverTest::SetUp();
    // SQL SECURITY INVOKER, because read_only does not bind root, who makes the procedures.
    RunOnBoth(
        "CREATE OR REPLACE PROCEDURE d.insert_twice() SQL SECURITY INVOKER BEGIN INSERT INTO d.t "
        "VALUES (1); DO GET_LOCK('gate', 600), RELEASE_LOCK('gate'); INSERT INTO d.t VALUES (2); "
        "END");
    RunOnBoth(
        "CREATE OR REPLACE PROCEDURE d.begin_and_fail() SQL SECURITY INVOKER BEGIN START "
        "TRANSACTION; INSERT INTO d.t VALUES (1); SIGNAL SQLSTATE '45000'; END");
    RunOnBoth(
        "CREATE OR REPLACE PROCEDURE d.insert_and_ask() SQL SECURITY INVOKER BEGIN INSERT INTO d.t "
        "VALUES (1); SELECT 'the answer'; DO GET_LOCK('gate', 600), RELEASE_LOCK('gate'); INSERT "
        "INTO d.t VALUES (2); END");
    ASSERT_EQ(gate_.Ask("SELECT GET_LOCK('gate', 0)"), "1");
  }

  // Fails over while a procedure is between its two inserts.
  void FailOverAtTheGate() {
    ASSERT_TRUE(Await([] { return AskServer(0, kCallAtTheGate) == "1"; }));
    FailOver();
    gate_.Run("DO RELEASE_LOCK('gate')");
  }

  // Runs `sql`, which inserts one row and sends one result before the failover. The rest of `sql`
  // is refused after the failover.
  void ExpectUnknownAfterAResult(ProxyClient& client, const char* sql) {
    client.Send(sql);
    FailOverAtTheGate();
    ASSERT_EQ(client.Receive().number, 0u) << client.error().text;
    EXPECT_NE(mysql_next_result(client.handle()), 0);
    EXPECT_EQ(client.KeepError().number, 1158u) << client.error().text;
    EXPECT_EQ(client.error().sqlstate, "08007");
    EXPECT_EQ(AskServer(0, "SELECT GROUP_CONCAT(i) FROM d.t"), "1");
  }

 private:
  failover::mysql::Client gate_ = server(0).Root();
};

// MariaDB skips executable comments with the numbers 50700 to 99999. A proxy that does not skip the
// comment takes the statement for a SELECT.
TEST_F(CallTest, ACallBehindAnExecutableCommentIsNotRepeated) {
  ProxyClient client(port());
  client.Send("/*!99999 SELECT */ CALL insert_twice()");
  FailOverAtTheGate();
  EXPECT_EQ(client.Receive().number, 1158u) << client.error().text;
  EXPECT_EQ(AskServer(0, "SELECT GROUP_CONCAT(i) FROM d.t"), "1");
  EXPECT_EQ(AskServer(1, "SELECT COUNT(*) FROM d.t"), "0");
}

TEST_F(CallTest, AfterACallThatWasRefusedTheSessionGoesOn) {
  ProxyClient client(port());
  client.Send("CALL insert_twice()");
  FailOverAtTheGate();
  EXPECT_EQ(client.Receive().number, 1158u) << client.error().text;
  EXPECT_EQ(client.Run("CALL insert_twice()").number, 0u) << client.error().text;
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "1,2");
}

TEST_F(CallTest, AfterACallThatWasRefusedLateTheSessionGoesOn) {
  ProxyClient client(port());
  ExpectUnknownAfterAResult(client, "DO 1; CALL insert_twice()");
  EXPECT_EQ(client.Run("CALL insert_twice()").number, 0u) << client.error().text;
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "1,2");
}

// Rows that came before the refusal do not make the outcome of the call more certain.
TEST_F(CallTest, ACallThatWasRefusedAfterRowsIsOfUnknownOutcome) {
  ProxyClient client(port());
  ExpectUnknownAfterAResult(client, "CALL insert_and_ask()");
  EXPECT_EQ(client.Ask("SELECT @@server_id"), kOther) << client.error().text;
}

TEST_F(CallTest, AnErrorOfTheStatementItselfIsPassedOnEvenIfItComesLate) {
  ProxyClient client(port());
  client.Run("INSERT INTO t VALUES (1)");
  EXPECT_EQ(client.Run("SELECT 1; INSERT INTO t VALUES (1)").number, 1062u);
  EXPECT_EQ(client.error().sqlstate, "23000");
}

TEST_F(CallTest, ATransactionWhoseCallWasRefusedIsOverWithThatError) {
  ProxyClient client(port());
  client.Run("BEGIN");
  client.Send("CALL insert_twice()");
  FailOverAtTheGate();
  EXPECT_EQ(client.Receive().number, 1158u) << client.error().text;
  EXPECT_THAT(client.error().text, HasSubstr("no transaction"));
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (3)").number, 0u) << client.error().text;
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "3");
  EXPECT_EQ(AskServer(0, "SELECT COUNT(*) FROM d.t"), "0");
}

// The client is not told later that the transaction was rolled back, because the COMMIT may have
// been executed.
TEST_F(FailoverTest, ACommitThatWasKilledIsOfUnknownOutcome) {
  ProxyClient client(port());
  const std::string connection = client.Ask("SELECT CONNECTION_ID()");
  client.Run("BEGIN");
  client.Run("INSERT INTO t VALUES (1)");
  failover::mysql::Client root = server(0).Root();
  ASSERT_EQ(root.Run("FLUSH TABLES WITH READ LOCK").number, 0u);
  client.Send("COMMIT");
  ASSERT_TRUE(root.AwaitAnswer(
      "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'COMMIT' AND state LIKE "
      "'Waiting for%' AND id = " +
          connection,
      "1"));
  root.Run("KILL " + connection);
  EXPECT_EQ(client.Receive().number, 1158u) << client.error().text;
  EXPECT_THAT(client.error().text, HasSubstr("no transaction"));
  root.Run("UNLOCK TABLES");
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (2)").number, 0u) << client.error().text;
}

TEST_F(FailoverTest, ATransactionThatADeadlockEndedIsOver) {
  ProxyClient heavy(port());
  ProxyClient victim(port());
  heavy.Run("INSERT INTO t VALUES (1), (2)");
  heavy.Run("BEGIN");
  heavy.Run("INSERT INTO t VALUES (11), (12), (13), (14), (15)");
  heavy.Run("UPDATE t SET i = 1 WHERE i = 1");
  heavy.Run("DELETE FROM t WHERE i = 1");
  victim.Run("BEGIN");
  victim.Run("DELETE FROM t WHERE i = 2");
  heavy.Send("DELETE FROM t WHERE i = 2");
  // The server computes this status variable for each question. It answers questions about
  // information_schema.innodb_trx from a copy that it renews only if nobody has read the copy for
  // 0.1 s, so a test that asks more often sees the first answer for ever.
  ASSERT_TRUE(Await([] {
    return AskServer(0,
                     "SELECT variable_value FROM information_schema.global_status WHERE "
                     "variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'") == "1";
  }));
  ASSERT_EQ(victim.Run("DELETE FROM t WHERE i = 1").number, 1213u) << victim.error().text;
  EXPECT_EQ(heavy.Receive().number, 0u) << heavy.error().text;
  heavy.Run("ROLLBACK");
  FailOver();
  EXPECT_EQ(victim.Run("INSERT INTO t VALUES (3)").number, 0u) << victim.error().text;
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "3");
}

TEST_F(CallTest, ATransactionThatAFailedCallLeftIsNotLostSilently) {
  for (const char* sql : {"CALL begin_and_fail()", "SELECT 1; CALL begin_and_fail()"}) {
    ProxyTest::SetUp();
    AwaitPrimary(0);
    ProxyClient client(port());
    ASSERT_EQ(client.Run(sql).number, 1644u) << client.error().text;
    FailOver();
    EXPECT_EQ(client.Run("INSERT INTO t VALUES (2)").number, 3168u) << sql;
    EXPECT_THAT(client.error().text, HasSubstr("a transaction that may have been open")) << sql;
    EXPECT_EQ(AskServer(1, "SELECT COUNT(*) FROM d.t"), "0") << sql;
    EXPECT_EQ(client.Run("INSERT INTO t VALUES (3)").number, 0u) << client.error().text;
    EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "3") << sql;
  }
}

TEST_F(CallTest, AFailedCallIsNoTransactionOnceTheServerSaysSo) {
  ProxyClient client(port());
  ASSERT_EQ(client.Run("CALL begin_and_fail()").number, 1644u) << client.error().text;
  EXPECT_EQ(client.Run("ROLLBACK").number, 0u) << client.error().text;
  FailOver();
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (2)").number, 0u) << client.error().text;
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "2");
}

TEST_F(FailoverTest, WhatCannotBeRestoredIsToldOnce) {
  RunOnBoth(
      "CREATE OR REPLACE PROCEDURE d.set_two() BEGIN SET @x = 1; SET SESSION long_query_time = 3; "
      "END");
  for (const char* sql :
       {"SET @x = 1", "SELECT @y := 1", "CREATE TEMPORARY TABLE tmp (a INT)",
        "PREPARE s FROM 'SELECT 1'", "SELECT GET_LOCK('l', 1)", "CALL set_two()",
        "SET STATEMENT max_statement_time = 9 FOR CREATE TEMPORARY TABLE tmp (a INT)",
        "SET STATEMENT max_statement_time = 9 FOR PREPARE s FROM 'SELECT 1'",
        "SET STATEMENT max_statement_time = 9 FOR SELECT 1; CREATE TEMPORARY TABLE tmp (a INT)",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin, SESSION sql_mode = ''",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin; SELECT 1"}) {
    SetReadOnly(1, true);
    SetReadOnly(0, false);
    AwaitPrimary(0);
    ProxyClient client(port());
    ASSERT_EQ(client.Run(sql).number, 0u) << sql << ": " << client.error().text;
    FailOver();
    EXPECT_EQ(client.Run("INSERT INTO t VALUES (1)").number, 3168u) << sql;
    EXPECT_THAT(client.error().text, HasSubstr("lost its user variables")) << sql;
    EXPECT_EQ(AskServer(1, "SELECT COUNT(*) FROM d.t"), "0") << sql;
    EXPECT_EQ(client.Ask("SELECT @@server_id"), kOther) << sql;
  }
}

TEST_F(FailoverTest, AnInsertIdIsNotForgottenSilently) {
  RunOnBoth("CREATE OR REPLACE TABLE d.numbered (i INT AUTO_INCREMENT PRIMARY KEY)");
  ProxyClient client(port());
  client.Run("INSERT INTO numbered VALUES ()");
  EXPECT_EQ(client.Ask("SELECT LAST_INSERT_ID()"), "1");
  FailOver();
  EXPECT_EQ(client.Run("SELECT 1").number, 0u);
  EXPECT_EQ(client.Run("SELECT LAST_INSERT_ID()").number, 3168u);
  EXPECT_THAT(client.error().text, HasSubstr("last insert id"));
  client.Run("INSERT INTO numbered VALUES ()");
  EXPECT_EQ(client.Ask("SELECT LAST_INSERT_ID()"), "1");
}

TEST_F(FailoverTest, WarningsAreNotForgottenSilently) {
  ProxyClient client(port());
  client.Run("SELECT 1/0");
  FailOver();
  EXPECT_EQ(client.Run("SHOW WARNINGS").number, 3168u);
  EXPECT_EQ(client.Run("SHOW WARNINGS").number, 0u);
}

}  // namespace
}  // namespace mysql_proxy
