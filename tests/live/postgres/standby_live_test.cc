// What a hot standby refuses, what it accepts, and what changes when it is promoted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "expect.h"
#include "failover/postgres/errors.h"
#include "support/child_process.h"
#include "support/live_postgres_server.h"
#include "support/postgres_wire_client.h"

namespace failover::postgres {
namespace {

class LiveStandbyTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = LiveServer::StartStandby({"max_prepared_transactions=2"}).release();
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(server_, nullptr); }

  static LiveServer* server_;
};

LiveServer* LiveStandbyTest::server_ = nullptr;

TEST_F(LiveStandbyTest, RefusesWhatWrites) {
  WireClient client(server_->port());
  for (const char* const statement :
       {"INSERT INTO t VALUES (1)",
        "UPDATE t SET i = 2",
        "DELETE FROM t WHERE false",
        "WITH w AS (DELETE FROM t RETURNING 1) SELECT * FROM w",
        "SELECT * FROM t FOR UPDATE",
        "MERGE INTO t USING (SELECT 1 AS i) n ON t.i = n.i WHEN NOT MATCHED THEN INSERT VALUES (1)",
        "SELECT nextval('s')",
        "SELECT setval('s', 7)",
        "CREATE TABLE u (i int)",
        "DROP TABLE t",
        "ALTER TABLE t ADD j int",
        "GRANT SELECT ON t TO public",
        "TRUNCATE t",
        "CREATE TEMP TABLE u (i int)",
        "REFRESH MATERIALIZED VIEW m",
        "COPY t FROM STDIN",
        "LISTEN x",
        "NOTIFY x",
        "SELECT pg_notify('x', '')",
        "LOCK TABLE t IN ACCESS EXCLUSIVE MODE",
        "VACUUM",
        "ANALYZE",
        "REINDEX TABLE t",
        "CLUSTER t USING t_pkey",
        "CREATE DATABASE d",
        "COMMIT PREPARED 'x'",
        "SELECT txid_current()",
        "EXPLAIN ANALYZE INSERT INTO t VALUES (1)",
        "DO $$ BEGIN INSERT INTO t VALUES (1); END $$"}) {
    SCOPED_TRACE(statement);
    const Reply reply = client.Run(statement);
    ExpectWords(reply, Refusal("25006", "cannot execute"));
    EXPECT_EQ(reply.status, 'I') << "the session goes on";
    ExpectVerdict(reply, Single(), Outcome::kNotExecuted, kHeld);
    ExpectVerdict(reply, OfKind(StatementKind::kMayCommitInside), Outcome::kUnknown, kNotHeld);
  }
}

TEST_F(LiveStandbyTest, RefusesAtExecute) {
  WireClient client(server_->port());
  client.SendPipeline({"SELECT 1", "INSERT INTO t VALUES (1)", "SELECT 2"});
  const Reply reply = client.Receive();
  ExpectWords(reply, Refusal("25006", "cannot execute INSERT"));
  EXPECT_THAT(reply.tags, testing::ElementsAre("SELECT 1"));
  EXPECT_EQ(reply.status, 'I');
  ExpectVerdict(reply, ReplyBegun(OfKind(StatementKind::kPipeline)), Outcome::kNotExecuted, kHeld);
}

TEST_F(LiveStandbyTest, RefusesAPreparedTransaction) {
  WireClient client(server_->port());
  client.Run("BEGIN");
  const Reply reply = client.Run("PREPARE TRANSACTION 'p'");
  ExpectWords(reply, Refusal("25006", "cannot execute PREPARE TRANSACTION"));
  ExpectVerdict(reply, InTransaction(OfKind(StatementKind::kTwoPhase)), Outcome::kNotExecuted,
                kNotHeld);
}

// These refusals have a SQLSTATE that means many things, so their texts decide.
TEST_F(LiveStandbyTest, RefusesInWordsOfItsOwn) {
  WireClient client(server_->port());
  const Reply begin = client.Run("BEGIN READ WRITE");
  ExpectWords(begin, Refusal("0A000", "cannot set transaction read-write mode during recovery"));
  ExpectVerdict(begin, OfKind(StatementKind::kBegin), Outcome::kNotExecuted, kHeld);
  client.Run("ROLLBACK");

  client.Run("BEGIN");
  const Reply set = client.Run("SET TRANSACTION READ WRITE");
  ExpectWords(set, Refusal("0A000", "cannot set transaction read-write mode during recovery"));
  ExpectVerdict(set, InTransaction(Single()), Outcome::kNotExecuted, kNotHeld);
  client.Run("ROLLBACK");

  const Reply wal = client.Run("SELECT pg_current_wal_lsn()");
  ExpectWords(wal, Refusal("55000", "recovery is in progress"));
  ExpectVerdict(wal, Single(), Outcome::kNotExecuted, kHeld);

  const Reply object = client.Run("SELECT lo_create(0)");
  ExpectWords(object, Refusal("XX000", "cannot assign OIDs during recovery"));
  ExpectVerdict(object, Single(), Outcome::kNotExecuted, kHeld);

  client.Run("SET default_transaction_isolation = serializable");
  const Reply select = client.Run("SELECT * FROM t");
  ExpectWords(select, Refusal("0A000", "cannot use serializable mode in a hot standby"));
  ExpectVerdict(select, Single(), Outcome::kNotExecuted, kHeld);
}

TEST_F(LiveStandbyTest, AcceptsWhatReads) {
  WireClient client(server_->port());
  for (const char* const statement :
       {"SELECT * FROM t", "BEGIN; COMMIT", "BEGIN READ ONLY; COMMIT",
        "PREPARE w AS INSERT INTO t VALUES (1)", "SET default_transaction_read_only = off",
        "DISCARD ALL",
        "DO $$ BEGIN INSERT INTO t VALUES (1); EXCEPTION WHEN others THEN NULL; END $$"}) {
    const Reply reply = client.Run(statement);
    EXPECT_TRUE(reply.succeeded()) << statement << ": " << reply.Error().text;
  }
}

TEST(LivePromotionTest, ATransactionFromBeforeStaysReadOnly) {
  const std::unique_ptr<LiveServer> server = LiveServer::StartStandby();
  ASSERT_NE(server, nullptr);
  WireClient before(server->port());
  before.Run("BEGIN");
  before.Run("SELECT 1");
  WireClient other(server->port());
  ASSERT_TRUE(other.Run("SELECT pg_promote()").succeeded());
  ASSERT_TRUE(other.AwaitField("SELECT pg_is_in_recovery()", "f"));
  EXPECT_TRUE(other.Run("INSERT INTO t VALUES (1)").succeeded());

  const Reply reply = before.Run("INSERT INTO t VALUES (2)");
  ExpectWords(reply, Refusal("25006", "cannot execute INSERT in a read-only transaction"));
  ExpectVerdict(reply, InTransaction(Single()), Outcome::kNotExecuted, kNotHeld);
  before.Run("ROLLBACK");
  EXPECT_TRUE(before.Run("INSERT INTO t VALUES (2)").succeeded());
}

TEST(LiveLoginTest, AStandbyThatIsNotHotRefusesLogins) {
  const std::unique_ptr<LiveServer> server = LiveServer::Start();
  ASSERT_NE(server, nullptr);
  server->Order(Shutdown::kFast);
  server->AwaitEnd();
  server->BecomeStandby();
  ASSERT_TRUE(server->Launch({"hot_standby=off"}));
  Reply login;
  ASSERT_TRUE(test::Await([&] {
    login = WireClient(server->port()).login();
    return login.Error().source == Source::kErrorResponse;
  }));
  ExpectWords(login, Fatal("57P03", "the database system is"));
  ExpectVerdict(login, NotSent(), Outcome::kNotExecuted, kHeld);
}

// Only the texts change with the language. The field V stays, and so does the verdict, but for the
// refusals that are known by their texts.
TEST(LiveLanguageTest, TranslatedTextsDecideNothing) {
  if (!HAS_GERMAN_MESSAGES) GTEST_SKIP() << "the German messages of the server are not installed";
  const std::unique_ptr<LiveServer> server = LiveServer::StartStandby();
  ASSERT_NE(server, nullptr);
  server->Order(Shutdown::kFast);
  server->AwaitEnd();
  ASSERT_TRUE(server->Launch({}, "de"));
  ASSERT_TRUE(server->AwaitLogin());
  WireClient client(server->port());
  const Reply insert = client.Run("INSERT INTO t VALUES (1)");
  EXPECT_EQ(insert.translated_severity, "FEHLER");
  ExpectWords(insert, Refusal("25006", "kann nicht"));
  ExpectVerdict(insert, Single(), Outcome::kNotExecuted, kHeld);

  const Reply begin = client.Run("BEGIN READ WRITE");
  EXPECT_EQ(begin.Error().sqlstate, "0A000");
  ExpectVerdict(begin, OfKind(StatementKind::kBegin), Outcome::kFailed, kNotHeld);

  WireClient busy(server->port());
  busy.Send("SELECT pg_sleep(600)");
  ASSERT_TRUE(server->AwaitWait(busy.pid(), "PgSleep"));
  server->Order(Shutdown::kFast);
  const Reply ended = busy.Receive();
  ExpectWords(ended, Fatal("57P01", "Verbindung wird abgebrochen"));
  ExpectVerdict(ended, Single(), Outcome::kNotExecuted, kHeld);
}

}  // namespace
}  // namespace failover::postgres
