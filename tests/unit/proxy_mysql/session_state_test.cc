#include "proxy/mysql/session/session_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "packets.h"
#include "proxy/mysql/protocol/constants.h"

namespace mysql_proxy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using failover::Outcome;

constexpr std::uint16_t kAutocommit = server_status::kAutocommit;
constexpr std::uint16_t kInTransaction = server_status::kInTransaction | kAutocommit;

class SessionStateTest : public testing::Test {
 protected:
  SessionStateTest() { state_.Connected(kAutocommit); }

  void Learn(std::string_view sql, const std::string& changes, std::uint16_t status = kAutocommit,
             std::uint64_t insert_id = 0) {
    OkPacket ok;
    ok.status = status;
    ok.insert_id = insert_id;
    ok.session_changes = changes;
    ASSERT_TRUE(state_.Learn(ok, sql, Traits(sql)));
    state_.StatementEnded();
  }

  void Fail(const SqlTraits& traits, Outcome outcome = Outcome::kFailed) {
    state_.StatementFailed(traits, outcome);
  }

  static SqlTraits Traits(std::string_view sql) { return ScanSql(sql, TextRules{}); }

  // The statements that restore the session, without the first one, which turns tracking on.
  std::vector<std::string> Restored() const {
    std::vector<std::string> statements = state_.RestoreStatements();
    EXPECT_THAT(statements.at(0), HasSubstr("session_track_system_variables='*'"));
    statements.erase(statements.begin());
    return statements;
  }

  SessionState state_{"shop", kDefaultCollation};
};

TEST_F(SessionStateTest, AFreshSessionNeedsNothing) {
  EXPECT_EQ(state_.schema(), "shop");
  EXPECT_THAT(Restored(), ElementsAre());
  EXPECT_FALSE(state_.transaction_open());
  EXPECT_EQ(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, TheClientsCharacterSetTellsHowItsTextsAreRead) {
  for (const char* name : {"big5", "cp932", "gb18030", "gbk", "sjis"}) {
    EXPECT_FALSE(state_.text_rules().characters_hide_ascii);
    Learn("SET NAMES ...", VariableReport("character_set_client", name) + StateReport());
    EXPECT_TRUE(state_.text_rules().characters_hide_ascii) << name;
    Learn("SET NAMES latin1", VariableReport("character_set_client", "latin1") + StateReport());
  }
  Learn("SET STATEMENT max_statement_time=1 FOR CALL p()",
        VariableReport("character_set_client", "gbk") + StateReport());
  EXPECT_TRUE(state_.text_rules().characters_hide_ascii) << "p set it";
}

TEST_F(SessionStateTest, TheLoginTellsTheFirstCharacterSet) {
  constexpr std::uint8_t kHiding[] = {1, 84, 95, 96, 248, 249, 250, 28, 87, 13, 88};
  constexpr std::uint8_t kOthers[] = {8, 33, 45, 63, 224, 255};
  for (const std::uint8_t collation : kHiding) {
    SessionState state("", collation);
    EXPECT_TRUE(state.text_rules().characters_hide_ascii) << int{collation};
    state.Reset();
    EXPECT_TRUE(state.text_rules().characters_hide_ascii) << int{collation};
  }
  for (const std::uint8_t collation : kOthers) {
    EXPECT_FALSE(SessionState("", collation).text_rules().characters_hide_ascii) << int{collation};
  }
}

TEST_F(SessionStateTest, ACallThatFailedMayHaveChangedTheCharacterSet) {
  Fail(Traits("CALL p()"));
  EXPECT_TRUE(state_.text_rules().characters_hide_ascii);
  Learn("DO 1", "");
  EXPECT_FALSE(state_.text_rules().characters_hide_ascii);
}

TEST_F(SessionStateTest, SchemaAndVariablesAreRestored) {
  Learn("USE other", SchemaReport("other") + StateReport());
  Learn("SET sql_mode='ANSI_QUOTES'", VariableReport("sql_mode", "ANSI_QUOTES") + StateReport());
  Learn("SET long_query_time=1.5", VariableReport("long_query_time", "1.500000") + StateReport());
  Learn("SET autocommit=0", VariableReport("autocommit", "OFF") + StateReport(), 0);
  EXPECT_EQ(state_.schema(), "other");
  EXPECT_THAT(Restored(), ElementsAre("SET SESSION autocommit='OFF', SESSION "
                                      "long_query_time=1.500000, SESSION sql_mode='ANSI_QUOTES'"));
  EXPECT_EQ(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, ValuesAreQuoted) {
  Learn("SET a", VariableReport("a", "it's") + VariableReport("b", "") + VariableReport("c", "-5") +
                     VariableReport("d", "1.2.3") + VariableReport("character_set_results", "") +
                     StateReport());
  EXPECT_THAT(Restored(), ElementsAre("SET SESSION a='it''s', SESSION b='', SESSION c=-5, SESSION "
                                      "character_set_results=NULL, SESSION d='1.2.3'"));
}

TEST_F(SessionStateTest, CharacterSetsComeInTheRightOrder) {
  Learn("SET collation_connection=latin1_bin",
        VariableReport("collation_connection", "latin1_bin") + StateReport());
  Learn("SET NAMES utf8mb4", VariableReport("character_set_connection", "utf8mb4") + StateReport());
  EXPECT_THAT(Restored(), ElementsAre("SET SESSION character_set_connection='utf8mb4'"))
      << "the collation was reset by SET NAMES";
  Learn("SET collation_connection=utf8mb4_bin",
        VariableReport("collation_connection", "utf8mb4_bin") + StateReport());
  EXPECT_THAT(Restored(), ElementsAre("SET SESSION character_set_connection='utf8mb4', SESSION "
                                      "collation_connection='utf8mb4_bin'"));
}

TEST_F(SessionStateTest, ACollationOfSetNamesIsRestoredByTheStatement) {
  const std::string sql = "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci";
  Learn(sql, VariableReport("character_set_client", "utf8mb4") +
                 VariableReport("character_set_connection", "utf8mb4") +
                 VariableReport("character_set_results", "utf8mb4") + StateReport());
  EXPECT_THAT(Restored(), ElementsAre(sql));
  Learn("SET character_set_results=latin1",
        VariableReport("character_set_results", "latin1") + StateReport());
  EXPECT_THAT(Restored(), ElementsAre(sql, "SET SESSION character_set_results='latin1'"));
}

TEST_F(SessionStateTest, TemporaryVariablesAreNotRestored) {
  Learn("SET STATEMENT max_statement_time=1 FOR SELECT 1",
        VariableReport("max_statement_time", "1.000000") + StateReport());
  EXPECT_THAT(Restored(), ElementsAre());
  EXPECT_EQ(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, WhatSetStatementMayLeaveIsLost) {
  Learn("SET STATEMENT max_statement_time=1 FOR CREATE TEMPORARY TABLE t (a INT)",
        VariableReport("max_statement_time", "1.000000") + StateReport());
  EXPECT_THAT(Restored(), ElementsAre());
  EXPECT_THAT(state_.LoseConnection(), HasSubstr("temporary tables"));
  Learn("SELECT 1; SET STATEMENT sql_mode='ANSI' FOR SELECT 2",
        VariableReport("sql_mode", "ANSI") + StateReport());
  EXPECT_THAT(Restored(), ElementsAre());
  EXPECT_NE(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, ACollationAmongOtherThingsIsLost) {
  for (const char* sql : {"SET NAMES utf8mb4 COLLATE utf8mb4_bin, SESSION sql_mode=''",
                          "SET NAMES utf8mb4 COLLATE utf8mb4_bin; SELECT 1"}) {
    Learn(sql, VariableReport("character_set_client", "utf8mb4") +
                   VariableReport("character_set_connection", "utf8mb4") +
                   VariableReport("character_set_results", "utf8mb4") + StateReport());
    EXPECT_NE(state_.LoseConnection(), "") << sql;
  }
}

TEST_F(SessionStateTest, TheGtidOfAWriteIsNoState) {
  Learn("INSERT INTO t VALUES (1)", VariableReport("last_gtid", "0-1-5"));
  EXPECT_THAT(Restored(), ElementsAre());
  EXPECT_EQ(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, ALossIsToldOnce) {
  Learn("CREATE TEMPORARY TABLE t (a INT)", StateReport());
  EXPECT_THAT(state_.LoseConnection(), HasSubstr("temporary tables"));
  EXPECT_EQ(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, UserVariablesAreLostEvenIfOtherChangesAreReportedWithThem) {
  Learn("SET @a=2, sql_mode=''", VariableReport("sql_mode", "") + StateReport());
  EXPECT_NE(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, OneReportOfABlockMayBeAboutMoreThanItsVariables) {
  Learn("CALL p()", VariableReport("sql_mode", "ANSI") + StateReport());
  EXPECT_NE(state_.LoseConnection(), "");
  Learn("SET sql_mode='ANSI'", VariableReport("sql_mode", "ANSI") + StateReport());
  EXPECT_EQ(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, LocksAreLostThoughNothingReportsThem) {
  Learn("SELECT GET_LOCK('x', 1)", "");
  EXPECT_NE(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, VariablesThatCannotBeSetBackAreLost) {
  Learn("SET timestamp=DEFAULT", VariableReport("timestamp", "100.000000") + StateReport());
  EXPECT_THAT(Restored(), ElementsAre());
  EXPECT_NE(state_.LoseConnection(), "");
  Learn("SET x", VariableReport("init_connect", "a\\b") + StateReport());
  EXPECT_NE(state_.LoseConnection(), "") << "a backslash";
  Learn("SET session_track_schema=OFF", VariableReport("session_track_schema", "OFF"));
  EXPECT_NE(state_.LoseConnection(), "") << "the proxy went blind";
}

TEST_F(SessionStateTest, TransactionsAreSeen) {
  Learn("BEGIN", TransactionReport("T_______") + CharacteristicsReport("START TRANSACTION;"),
        kInTransaction);
  EXPECT_TRUE(state_.transaction_open());
  EXPECT_TRUE(state_.transaction_is_certain());
  EXPECT_TRUE(state_.transaction_open());
  EXPECT_EQ(state_.LoseConnection(), "") << "the transaction is told of by others";
  EXPECT_FALSE(state_.transaction_open());
  EXPECT_THAT(Restored(), ElementsAre()) << "an open transaction must not be opened again";
}

TEST_F(SessionStateTest, WithoutAutocommitOnlyAnOpenTransactionCounts) {
  Learn("SET autocommit=0", VariableReport("autocommit", "OFF") + StateReport(), 0);
  EXPECT_TRUE(state_.autocommit_is_off());
  EXPECT_FALSE(state_.transaction_open());
  Learn("INSERT INTO t VALUES (1)", "", server_status::kInTransaction);
  EXPECT_TRUE(state_.transaction_is_certain());
  Learn("COMMIT", "", 0);
  EXPECT_FALSE(state_.transaction_open());
}

TEST_F(SessionStateTest, WithoutAutocommitAStatementThatFailedMayHaveBegunATransaction) {
  Learn("SET autocommit=0", VariableReport("autocommit", "OFF") + StateReport(), 0);
  Fail(Traits("INSERT INTO t VALUES (1)"), Outcome::kNotExecuted);
  EXPECT_FALSE(state_.transaction_open()) << "the server refused to execute it";
  Fail(Traits("INSERT INTO t VALUES (1)"), Outcome::kRolledBack);
  EXPECT_FALSE(state_.transaction_open());
  Fail(Traits("INSERT INTO t VALUES (1)"), Outcome::kFailed);
  EXPECT_TRUE(state_.transaction_open());
  EXPECT_FALSE(state_.transaction_is_certain());
  Learn("ROLLBACK", "", 0);
  EXPECT_FALSE(state_.transaction_open());
  Fail(Traits("INSERT INTO t VALUES (1)"), Outcome::kFailed);
  EXPECT_THAT(state_.LoseConnection(), HasSubstr("may have been open"));
  EXPECT_FALSE(state_.transaction_open());
}

// A client that believed in a rollback would repeat what was committed.
TEST_F(SessionStateTest, BugFailedDefinition_ItMayHaveCommittedTheTransaction) {
  for (const char* sql : {"CREATE TABLE t (i INT)", "alter table t add b int", "SET x = 1"}) {
    Learn("INSERT INTO t VALUES (1)", "", kInTransaction);
    Fail(Traits(sql), Outcome::kFailed);
    EXPECT_FALSE(state_.transaction_is_certain()) << sql;
    EXPECT_THAT(state_.LoseConnection(), HasSubstr("may have been open")) << sql;
  }
  Learn("INSERT INTO t VALUES (1)", "", kInTransaction);
  Fail(Traits("INSERT INTO t VALUES (1)"), Outcome::kFailed);
  EXPECT_TRUE(state_.transaction_is_certain());
  Fail(Traits("CREATE TABLE t (i INT)"), Outcome::kNotExecuted);
  EXPECT_TRUE(state_.transaction_is_certain());
}

TEST_F(SessionStateTest, APreparedXaTransactionIsNotCalledRolledBack) {
  Learn("XA START 'x'", "", kInTransaction);
  EXPECT_TRUE(state_.transaction_is_certain());
  Learn("XA PREPARE 'x'", "", kInTransaction);
  EXPECT_TRUE(state_.transaction_open());
  EXPECT_FALSE(state_.transaction_is_certain());
  EXPECT_THAT(state_.LoseConnection(), HasSubstr("XA RECOVER"));
  EXPECT_FALSE(state_.transaction_open());

  Learn("XA PREPARE 'x'", "", kInTransaction);
  Learn("XA COMMIT 'x'", "");
  EXPECT_EQ(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, AnyConnectionMayEndAPreparedXaTransaction) {
  for (const char* sql : {"XA COMMIT 'x'", "xa rollback 'x'"}) {
    Learn("XA PREPARE 'x'", "", kInTransaction);
    EXPECT_EQ(state_.LoseConnection(Traits(sql)), "") << sql;
  }
}

TEST_F(SessionStateTest, WhatLocksForABackupIsLost) {
  for (const char* sql : {"FLUSH TABLES WITH READ LOCK", "flush table t for export",
                          "BACKUP STAGE START", "backup lock t"}) {
    Learn(sql, "");
    EXPECT_NE(state_.LoseConnection(), "") << sql;
  }
  Learn("FLUSH TABLES", "");
  EXPECT_EQ(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, TheLastValuesOfSequencesAreLost) {
  for (const char* sql : {"SELECT LASTVAL(s)", "SELECT PREVIOUS VALUE FOR s"}) {
    Learn("SELECT NEXTVAL(s)", "");
    EXPECT_EQ(state_.LoseAnswer(Traits(sql)), "") << sql;
    state_.LoseConnection();
    Learn("DO 1", "");
    EXPECT_THAT(state_.LoseAnswer(Traits(sql)), HasSubstr("sequences")) << sql;
    EXPECT_EQ(state_.LoseAnswer(Traits(sql)), "") << "told once";
  }
}

TEST_F(SessionStateTest, TheLastGtidIsLost) {
  const char* const sql = "SELECT @@last_gtid";
  Learn("INSERT INTO t VALUES (1)", VariableReport("last_gtid", "0-1-5"));
  EXPECT_EQ(state_.LoseAnswer(Traits(sql)), "");
  state_.LoseConnection();
  EXPECT_THAT(state_.LoseAnswer(Traits(sql)), HasSubstr("GTID"));
  EXPECT_EQ(state_.LoseAnswer(Traits(sql)), "") << "told once";
  state_.LoseConnection();
  Learn("INSERT INTO t VALUES (1)", VariableReport("last_gtid", "0-1-6"));
  EXPECT_EQ(state_.LoseAnswer(Traits(sql)), "");
}

TEST_F(SessionStateTest, AProcedureMayHaveMadeAnInsertIdThatNoResultTells) {
  for (const char* sql :
       {"CALL p()", "DO 1; INSERT INTO t VALUES ()", "SELECT LAST_INSERT_ID(5)"}) {
    Learn(sql, "");
    state_.LoseConnection();
    EXPECT_THAT(state_.LoseAnswer(Traits("SELECT LAST_INSERT_ID()")), HasSubstr("insert id"))
        << sql;
  }
}

TEST_F(SessionStateTest, AnErrorOfSeveralStatementsMayLeaveATransactionUntilTheNextResult) {
  Fail(Traits("INSERT INTO t VALUES (1)"));
  EXPECT_FALSE(state_.transaction_open());
  Fail(Traits("CALL p()"));
  EXPECT_TRUE(state_.transaction_open());
  EXPECT_TRUE(state_.transaction_open());
  Fail(Traits("nonsense"));
  EXPECT_TRUE(state_.transaction_open());
  Learn("DO 1", "");
  EXPECT_FALSE(state_.transaction_open());

  Fail(Traits("CALL p()"));
  Learn("DO 1", "", kInTransaction);
  EXPECT_TRUE(state_.transaction_open());
}

TEST_F(SessionStateTest, WhatMayBeATransactionEndsWithItsConnection) {
  Fail(Traits("CALL p()"));
  EXPECT_FALSE(state_.transaction_is_certain());
  EXPECT_THAT(state_.LoseConnection(), HasSubstr("may have been open"));
  EXPECT_FALSE(state_.transaction_open());
  Fail(Traits("CALL p()"));
  state_.Reset();
  EXPECT_FALSE(state_.transaction_open());
}

TEST_F(SessionStateTest, ATransactionIsNotCertainAfterAnErrorThatMayHaveEndedIt) {
  Learn("BEGIN", TransactionReport("T_______"), kInTransaction);
  Fail(Traits("CALL p()"));
  EXPECT_TRUE(state_.transaction_open());
  EXPECT_FALSE(state_.transaction_is_certain());
}

TEST_F(SessionStateTest, ATransactionThatTheServerRolledBackIsOver) {
  Learn("START TRANSACTION READ ONLY",
        TransactionReport("T_______") + CharacteristicsReport("START TRANSACTION READ ONLY;"),
        kInTransaction);
  Fail(Traits("SELECT 1"));
  state_.RolledBack();
  EXPECT_FALSE(state_.transaction_open());
  EXPECT_THAT(Restored(), ElementsAre());
  Fail(Traits("CALL p()"));
  state_.RolledBack();
  EXPECT_TRUE(state_.transaction_open()) << "it may have begun another";
}

TEST_F(SessionStateTest, ATransactionThatTheClientTakesForEndedIsNotToldOfAgain) {
  Learn("LOCK TABLES t WRITE", TransactionReport("_______L"));
  Fail(Traits("CALL p()"));
  state_.TransactionEnded();
  EXPECT_FALSE(state_.transaction_open());
  EXPECT_EQ(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, AnErrorOfSeveralStatementsDoesNotUndoWhatTheyDid) {
  Fail(Traits("BEGIN NOT ATOMIC SET @a=1; SIGNAL SQLSTATE '45000'; END"));
  Learn("DO 1", "");
  EXPECT_NE(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, AnErrorIsAnAnswer) {
  state_.LoseConnection();
  Fail(Traits("SELECT 1/nonsense"));
  EXPECT_EQ(state_.LoseAnswer(Traits("SHOW WARNINGS")), "");
}

TEST_F(SessionStateTest, LockedTablesCountAsATransaction) {
  Learn("LOCK TABLES t WRITE", TransactionReport("_______L"));
  EXPECT_TRUE(state_.transaction_open());
  Learn("UNLOCK TABLES", TransactionReport("________"));
  EXPECT_FALSE(state_.transaction_open());
  Learn("LOCK TABLES t WRITE", TransactionReport("_______L"));
  EXPECT_FALSE(state_.transaction_is_certain()) << "what was written is committed";
  EXPECT_THAT(state_.LoseConnection(), HasSubstr("table locks"));
  EXPECT_FALSE(state_.transaction_open());
}

TEST_F(SessionStateTest, CharacteristicsOfTheNextTransactionAreRestored) {
  Learn("SET TRANSACTION READ ONLY",
        CharacteristicsReport(
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET TRANSACTION READ ONLY;"));
  EXPECT_TRUE(state_.read_only_requested());
  EXPECT_EQ(state_.LoseConnection(), "");
  EXPECT_THAT(Restored(), ElementsAre("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
                                      "SET TRANSACTION READ ONLY"));
  Learn("SELECT 1 FROM t", CharacteristicsReport(""));
  EXPECT_FALSE(state_.read_only_requested());
  EXPECT_THAT(Restored(), ElementsAre());
}

TEST_F(SessionStateTest, ReadOnlySessionsAreSeen) {
  Learn("SET SESSION TRANSACTION READ ONLY", VariableReport("tx_read_only", "ON") + StateReport());
  EXPECT_TRUE(state_.read_only_requested());
  Learn("SET SESSION TRANSACTION READ WRITE",
        VariableReport("tx_read_only", "OFF") + StateReport());
  EXPECT_FALSE(state_.read_only_requested());
}

TEST_F(SessionStateTest, AnInsertIdIsLostUntilThereIsANewOne) {
  EXPECT_EQ(state_.LoseAnswer(Traits("SELECT LAST_INSERT_ID()")), "");
  Learn("INSERT INTO t VALUES ()", "", kAutocommit, 7);
  EXPECT_EQ(state_.LoseAnswer(Traits("SELECT LAST_INSERT_ID()")), "");
  EXPECT_EQ(state_.LoseConnection(), "");
  Learn("UPDATE t SET v=1", "");
  EXPECT_EQ(state_.LoseAnswer(Traits("SELECT 1")), "");
  EXPECT_THAT(state_.LoseAnswer(Traits("SELECT LAST_INSERT_ID()")), HasSubstr("insert id"));
  EXPECT_EQ(state_.LoseAnswer(Traits("SELECT LAST_INSERT_ID()")), "") << "told once";
  state_.LoseConnection();
  Learn("INSERT INTO t VALUES ()", "", kAutocommit, 8);
  EXPECT_EQ(state_.LoseAnswer(Traits("SELECT LAST_INSERT_ID()")), "");
}

TEST_F(SessionStateTest, TheLastResultIsLostForTheNextStatementOnly) {
  EXPECT_EQ(state_.LoseAnswer(Traits("SHOW WARNINGS")), "");
  state_.LoseConnection();
  EXPECT_NE(state_.LoseAnswer(Traits("SHOW WARNINGS")), "");
  state_.LoseConnection();
  Learn("DO 1", "");
  EXPECT_EQ(state_.LoseAnswer(Traits("SHOW WARNINGS")), "");
}

TEST_F(SessionStateTest, AResetLeavesTheSchema) {
  Learn("USE other", SchemaReport("other"));
  Learn("SET @a=1, sql_mode='ANSI'", VariableReport("sql_mode", "ANSI") + StateReport());
  Learn("SET autocommit=0", VariableReport("autocommit", "OFF") + StateReport(), 0);
  state_.Reset();
  EXPECT_EQ(state_.schema(), "other");
  EXPECT_EQ(state_.status(), kAutocommit);
  EXPECT_THAT(Restored(), ElementsAre());
  EXPECT_EQ(state_.LoseConnection(), "");
}

TEST_F(SessionStateTest, TheContextOfAPreparedStatementTellsWhetherItsTextMeansTheSame) {
  const std::string before = state_.ParseContext();
  Learn("SET long_query_time=1", VariableReport("long_query_time", "1") + StateReport());
  EXPECT_EQ(state_.ParseContext(), before);
  Learn("USE other", SchemaReport("other"));
  const std::string in_other = state_.ParseContext();
  EXPECT_NE(in_other, before);
  Learn("SET sql_mode=ANSI", VariableReport("sql_mode", "ANSI") + StateReport());
  EXPECT_NE(state_.ParseContext(), in_other);
}

TEST_F(SessionStateTest, AMalformedReportIsFound) {
  OkPacket ok;
  ok.session_changes = "\x01";
  EXPECT_FALSE(state_.Learn(ok, "DO 1", {}));
}

}  // namespace
}  // namespace mysql_proxy
