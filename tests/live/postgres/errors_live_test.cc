// The tests provoke errors of one real PostgreSQL server that takes writes, one by one, and check
// what the errors say and how they are classified.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "expect.h"
#include "failover/postgres/errors.h"
#include "support/live_postgres_server.h"
#include "support/postgres_wire_client.h"

namespace failover::postgres {
namespace {

// Statements that last until their session ends, with the event that they wait for.
constexpr char kSleepingInsert[] = "INSERT INTO t SELECT 7 FROM pg_sleep(600)";
constexpr char kSleepingSelect[] = "SELECT pg_sleep(600)";
constexpr char kSleeps[] = "PgSleep";

class LiveErrorsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    // A commit waits for a standby that is not there, if its session asks for that.
    server_ = LiveServer::Start({"max_prepared_transactions=2", "synchronous_commit=local",
                                 "synchronous_standby_names=nobody"})
                  .release();
    if (server_ == nullptr) return;
    // The checkpointer tells the sessions of the name of the standby, before it does anything else.
    server_->Run("CHECKPOINT");
    server_->Run("CREATE TABLE t (i int PRIMARY KEY); CREATE ROLE full LOGIN CONNECTION LIMIT 0");
    // This trigger makes the COMMIT of an INSERT last until its session ends.
    server_->Run(
        "CREATE TABLE slow (i int);"
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$;"
        "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION wait()");
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }

  void SetUp() override { ASSERT_NE(server_, nullptr); }
  void TearDown() override { server_->Run("DELETE FROM t"); }

  // Waits until the session of `client` waits for `event`, and ends the session.
  static void TerminateAt(const std::string& event, const WireClient& client) {
    ASSERT_TRUE(server_->AwaitWait(client.pid(), event));
    server_->Run("SELECT pg_terminate_backend(" + std::to_string(client.pid()) + ")");
  }

  static std::string Ask(const std::string& query) {
    return WireClient(server_->port()).Run(query).field;
  }
  static std::string RowsOfT() { return Ask("SELECT count(*) FROM t"); }

  static LiveServer* server_;
};

LiveServer* LiveErrorsTest::server_ = nullptr;

TEST_F(LiveErrorsTest, StatementErrors) {
  WireClient client(server_->port());
  client.Run("INSERT INTO t VALUES (1)");
  Reply reply = client.Run("INSERT INTO t VALUES (1)");
  ExpectWords(reply, Refusal("23505", "duplicate key"));
  ExpectVerdict(reply, Single(), Outcome::kFailed, kNotHeld);
  reply = client.Run("SELEC 1 /* recovery is in progress */");
  ExpectWords(reply, Refusal("42601", "syntax error"));
  ExpectVerdict(reply, Single(), Outcome::kFailed, kNotHeld);
  client.Run("BEGIN; SELECT 1/0");
  reply = client.Run("SELECT 1");
  ExpectWords(reply, Refusal("25P02", "current transaction is aborted"));
  ExpectVerdict(reply, InTransaction(Single()), Outcome::kFailed, kNotHeld);
}

TEST_F(LiveErrorsTest, RefusedLogins) {
  for (const auto& [parameters, words] :
       {std::pair{WireClient::Parameters{{"user", "nobody"}, {"database", "postgres"}},
                  Fatal("28000", "role \"nobody\" does not exist")},
        std::pair{WireClient::Parameters{{"user", "postgres"}, {"database", "nowhere"}},
                  Fatal("3D000", "database \"nowhere\" does not exist")},
        std::pair{WireClient::Parameters{{"user", "full"}, {"database", "postgres"}},
                  Fatal("53300", "too many connections")},
        std::pair{WireClient::Parameters{{"user", "postgres"}, {"nonsense", "1"}},
                  Fatal("42704", "unrecognized configuration parameter")}}) {
    const WireClient client(server_->port(), parameters);
    ExpectWords(client.login(), words);
    ExpectVerdict(client.login(), NotSent(), Outcome::kNotExecuted, kNotHeld);
  }
}

TEST_F(LiveErrorsTest, ReadOnlyTransactionOnAPrimary) {
  WireClient client(server_->port());
  client.Run("SET default_transaction_read_only = on");
  const Reply reply = client.Run("INSERT INTO t VALUES (1)");
  ExpectWords(reply, Refusal("25006", "cannot execute INSERT in a read-only transaction"));
  EXPECT_EQ(reply.Error().routine, "PreventCommandIfReadOnly");
  ExpectVerdict(reply, Single(), Outcome::kNotExecuted, kHeld);
  Statement asked = Single();
  asked.read_only_requested = true;
  ExpectVerdict(reply, asked, Outcome::kNotExecuted, kNotHeld);
}

TEST_F(LiveErrorsTest, TimeOutOfAStatement) {
  WireClient client(server_->port());
  client.Run("SET statement_timeout = 1");
  const Reply reply = client.Run(kSleepingInsert);
  ExpectWords(reply, Refusal("57014", "canceling statement due to statement timeout"));
  ExpectVerdict(reply, Single(), Outcome::kFailed, kNotHeld);
}

TEST_F(LiveErrorsTest, TimeOutsOfASession) {
  WireClient idle(server_->port());
  idle.Send("SET idle_session_timeout = 1");
  idle.Receive();
  Reply reply = idle.Receive();
  ExpectWords(reply, Fatal("57P05", "terminating connection due to idle-session timeout"));
  ExpectVerdict(reply, NotSent(), Outcome::kNotExecuted, kNotHeld);

  WireClient in_transaction(server_->port());
  in_transaction.Run("SET idle_in_transaction_session_timeout = 1");
  in_transaction.Run("BEGIN");
  reply = in_transaction.Receive();
  ExpectWords(reply, Fatal("25P03", "terminating connection due to idle-in-transaction timeout"));
  ExpectVerdict(reply, InTransaction(NotSent()), Outcome::kNotExecuted, kNotHeld);
}

TEST_F(LiveErrorsTest, Deadlock) {
  server_->Run("INSERT INTO t VALUES (1), (2)");
  WireClient first(server_->port());
  WireClient second(server_->port());
  first.Run("BEGIN; SET LOCAL deadlock_timeout = 10; DELETE FROM t WHERE i = 1");
  second.Run("BEGIN; SET LOCAL deadlock_timeout = '1h'; DELETE FROM t WHERE i = 2");
  second.Send("DELETE FROM t WHERE i = 1");
  ASSERT_TRUE(server_->AwaitWait(second.pid(), "transactionid"));
  const Reply reply = first.Run("DELETE FROM t WHERE i = 2");
  ExpectWords(reply, Refusal("40P01", "deadlock detected"));
  ExpectVerdict(reply, InTransaction(Single()), Outcome::kRolledBack, kNotHeld);
  EXPECT_TRUE(second.Receive().succeeded());
}

TEST_F(LiveErrorsTest, SerializationFailure) {
  server_->Run("INSERT INTO t VALUES (1)");
  WireClient client(server_->port());
  client.Run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM t");
  server_->Run("UPDATE t SET i = 2");
  const Reply reply = client.Run("UPDATE t SET i = 3");
  ExpectWords(reply, Refusal("40001", "could not serialize access"));
  ExpectVerdict(reply, InTransaction(Single()), Outcome::kRolledBack, kNotHeld);
}

TEST_F(LiveErrorsTest, TerminatedStatementWasNotExecuted) {
  WireClient client(server_->port());
  client.Send(kSleepingInsert);
  TerminateAt(kSleeps, client);
  const Reply reply = client.Receive();
  ExpectWords(reply, Fatal("57P01", kTerminated));
  EXPECT_EQ(reply.Error().routine, "ProcessInterrupts");
  EXPECT_EQ(reply.status, ' ') << "the session has ended";
  ExpectVerdict(reply, Single(), Outcome::kNotExecuted, kHeld);
  EXPECT_EQ(RowsOfT(), "0");
}

// A session that was ended alone is no failover, and the next statement has another connection.
TEST_F(LiveErrorsTest, TerminatedIdleSession) {
  WireClient client(server_->port());
  TerminateAt("ClientRead", client);
  const Reply reply = client.Receive();
  ExpectWords(reply, Fatal("57P01", kTerminated));
  ExpectVerdict(reply, NotSent(), Outcome::kNotExecuted, kNotHeld);
}

TEST_F(LiveErrorsTest, TerminatedPipelineWasRolledBackThoughItsFirstStatementWasAnswered) {
  WireClient client(server_->port());
  client.SendPipeline({"INSERT INTO t VALUES (1)", kSleepingSelect});
  TerminateAt(kSleeps, client);
  const Reply reply = client.Receive();
  ExpectWords(reply, Fatal("57P01", kTerminated));
  EXPECT_THAT(reply.tags, testing::ElementsAre("INSERT 0 1"));
  EXPECT_EQ(RowsOfT(), "0");
  ExpectVerdict(reply, OfKind(StatementKind::kPipeline), Outcome::kNotExecuted, kHeld);
  ExpectVerdict(reply, ReplyBegun(OfKind(StatementKind::kPipeline)), Outcome::kUnknown, kNotHeld);
}

TEST_F(LiveErrorsTest, TerminatedCommitWasNotExecuted) {
  WireClient client(server_->port());
  client.Run("BEGIN");
  client.Run("INSERT INTO slow VALUES (1)");
  client.Send("COMMIT");
  TerminateAt(kSleeps, client);
  const Reply reply = client.Receive();
  ExpectWords(reply, Fatal("57P01", kTerminated));
  ExpectVerdict(reply, InTransaction(OfKind(StatementKind::kCommit)), Outcome::kNotExecuted,
                kNotHeld);
  EXPECT_EQ(Ask("SELECT count(*) FROM slow"), "0");
}

// This case is the reason for StatementKind::kMayCommitInside: the row is there although the CALL
// got the error that proves of other statements that they were not executed.
TEST_F(LiveErrorsTest, TerminatedProcedureHasCommittedAPartOfIt) {
  server_->Run(
      "CREATE PROCEDURE p() LANGUAGE plpgsql AS "
      "$$ BEGIN INSERT INTO t VALUES (1); COMMIT; PERFORM pg_sleep(600); END $$");
  WireClient client(server_->port());
  client.Send("CALL p()");
  TerminateAt(kSleeps, client);
  const Reply reply = client.Receive();
  ExpectWords(reply, Fatal("57P01", kTerminated));
  EXPECT_EQ(RowsOfT(), "1");
  ExpectVerdict(reply, OfKind(StatementKind::kMayCommitInside), Outcome::kUnknown, kNotHeld);
}

TEST_F(LiveErrorsTest, RefusalInAPipelineUndoesItsOtherStatements) {
  WireClient client(server_->port());
  client.SendPipeline({"INSERT INTO t VALUES (1)", "SET transaction_read_only = on",
                       "INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (3)"});
  const Reply reply = client.Receive();
  ExpectWords(reply, Refusal("25006", "cannot execute INSERT in a read-only transaction"));
  EXPECT_EQ(reply.tags.size(), 2u);
  EXPECT_EQ(reply.status, 'I');
  EXPECT_EQ(RowsOfT(), "0");
  ExpectVerdict(reply, ReplyBegun(OfKind(StatementKind::kPipeline)), Outcome::kNotExecuted, kHeld);
}

// The COMMIT takes the first INSERT out of what the error rolls back.
TEST_F(LiveErrorsTest, RefusalBehindACommitLeavesWhatWasCommitted) {
  WireClient client(server_->port());
  client.SendPipeline(
      {"INSERT INTO t VALUES (1)", "COMMIT", "BEGIN READ ONLY", "INSERT INTO t VALUES (2)"});
  const Reply reply = client.Receive();
  ExpectWords(reply, Refusal("25006", "cannot execute INSERT in a read-only transaction"));
  EXPECT_EQ(RowsOfT(), "1");
  ExpectVerdict(reply, OfKind(StatementKind::kMayCommitInside), Outcome::kUnknown, kNotHeld);

  client.Run("ROLLBACK");
  const Reply simple =
      client.Run("INSERT INTO t VALUES (3); COMMIT; BEGIN READ ONLY; INSERT INTO t VALUES (4)");
  ExpectWords(simple, Refusal("25006", "cannot execute INSERT in a read-only transaction"));
  EXPECT_EQ(RowsOfT(), "2");
}

TEST_F(LiveErrorsTest, UserRaisesTheErrorOfAStandby) {
  server_->Run(
      "CREATE FUNCTION lie() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
      "'cannot execute INSERT in a read-only transaction' USING ERRCODE = '25006'; END $$");
  WireClient client(server_->port());
  const Reply reply = client.Run("SELECT lie()");
  ExpectWords(reply, Refusal("25006", "cannot execute INSERT in a read-only transaction"));
  EXPECT_EQ(reply.Error().routine, "exec_stmt_raise");
  ExpectVerdict(reply, Single(), Outcome::kFailed, kNotHeld);
}

TEST_F(LiveErrorsTest, AnotherServerRefuses) {
  const std::string port = std::to_string(server_->port());
  server_->Run(
      "CREATE EXTENSION dblink; CREATE EXTENSION postgres_fdw;"
      "CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '" +
      port +
      "', options '-cdefault_transaction_read_only=on', dbname 'postgres');"
      "CREATE USER MAPPING FOR postgres SERVER other OPTIONS (user 'postgres');"
      "CREATE FUNCTION remote() RETURNS int LANGUAGE sql AS $$ INSERT INTO public.t VALUES (8) "
      "RETURNING i $$;"
      "CREATE VIEW v AS SELECT remote() AS i;"
      "CREATE FOREIGN TABLE f (i int) SERVER other OPTIONS (table_name 'v')");
  WireClient client(server_->port());
  const Reply dblink =
      client.Run("SELECT dblink_exec('host=127.0.0.1 user=postgres dbname=postgres port=" + port +
                 " options=-cdefault_transaction_read_only=on', 'INSERT INTO t VALUES (1)')");
  ExpectWords(dblink, Refusal("25006", "cannot execute INSERT in a read-only transaction"));
  EXPECT_EQ(dblink.Error().routine, "dblink_res_error");
  ExpectVerdict(dblink, Single(), Outcome::kFailed, kNotHeld);

  const Reply foreign = client.Run("SELECT * FROM f");
  ExpectWords(foreign, Refusal("25006", "cannot execute INSERT in a read-only transaction"));
  EXPECT_EQ(foreign.Error().routine, "pgfdw_report_error");
  ExpectVerdict(foreign, Single(), Outcome::kFailed, kNotHeld);
}

// The clients of these tests wait for a synchronous standby, and there is none.
class LiveSynchronousTest : public LiveErrorsTest {
 protected:
  static std::unique_ptr<WireClient> WaitingClient() {
    auto client = std::make_unique<WireClient>(server_->port());
    EXPECT_TRUE(client->Run("SET synchronous_commit = on").succeeded());
    return client;
  }

  static constexpr char kWaits[] = "SyncRep";
  static constexpr char kCutOff[] =
      "canceling the wait for synchronous replication and terminating connection";
};

TEST_F(LiveSynchronousTest, CutOffWaitIsUnknownAndTheRowIsThere) {
  for (const char* const statement : {"INSERT INTO t VALUES (1)", "COMMIT"}) {
    SCOPED_TRACE(statement);
    const std::unique_ptr<WireClient> client = WaitingClient();
    Statement state = Single();
    if (std::string(statement) == "COMMIT") {
      client->Run("BEGIN");
      client->Run("INSERT INTO t VALUES (2)");
      state = InTransaction(OfKind(StatementKind::kCommit));
    }
    client->Send(statement);
    TerminateAt(kWaits, *client);
    const Reply reply = client->Receive();
    ExpectWords(reply, Warning("57P01", kCutOff));
    EXPECT_FALSE(reply.error.has_value());
    ExpectVerdict(reply, state, Outcome::kUnknown, kNotHeld);
  }
  EXPECT_EQ(RowsOfT(), "2");
}

TEST_F(LiveSynchronousTest, CutOffPipelineIsUnknown) {
  const std::unique_ptr<WireClient> client = WaitingClient();
  client->SendPipeline({"INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)"});
  TerminateAt(kWaits, *client);
  const Reply reply = client->Receive();
  ExpectWords(reply, Warning("57P01", kCutOff));
  ExpectVerdict(reply, OfKind(StatementKind::kPipeline), Outcome::kUnknown, kNotHeld);
  EXPECT_EQ(RowsOfT(), "2");
}

TEST_F(LiveSynchronousTest, CutOffPreparedTransactionIsPrepared) {
  const std::unique_ptr<WireClient> client = WaitingClient();
  client->Run("BEGIN");
  client->Run("INSERT INTO t VALUES (1)");
  client->Send("PREPARE TRANSACTION 'p'");
  TerminateAt(kWaits, *client);
  const Reply reply = client->Receive();
  ExpectWords(reply, Warning("57P01", kCutOff));
  ExpectVerdict(reply, InTransaction(OfKind(StatementKind::kTwoPhase)), Outcome::kUnknown,
                kNotHeld);
  EXPECT_EQ(Ask("SELECT gid FROM pg_prepared_xacts"), "p");
  server_->Run("ROLLBACK PREPARED 'p'");
}

// A cancelled wait is a success, and its warning must not be taken for a last word.
TEST_F(LiveSynchronousTest, CancelledWaitSucceeds) {
  const std::unique_ptr<WireClient> client = WaitingClient();
  client->Send("INSERT INTO t VALUES (1)");
  ASSERT_TRUE(server_->AwaitWait(client->pid(), kWaits));
  server_->Run("SELECT pg_cancel_backend(" + std::to_string(client->pid()) + ")");
  const Reply reply = client->Receive();
  EXPECT_TRUE(reply.succeeded());
  ASSERT_EQ(reply.notices.size(), 1u);
  EXPECT_EQ(reply.notices[0].severity, Severity::kWarning);
  EXPECT_EQ(reply.notices[0].sqlstate, "01000");
}

}  // namespace
}  // namespace failover::postgres
