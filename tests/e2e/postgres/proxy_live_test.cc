// The PostgreSQL proxy in front of real servers.
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "cluster_test.h"
#include "proxy_process.h"
#include "support/live_postgres_server.h"
#include "support/postgres_wire_client.h"

namespace postgres_proxy {
namespace {

using failover::postgres::LiveServer;
using failover::postgres::Reply;
using failover::postgres::Shutdown;
using failover::postgres::WireClient;

// One script of psql, run directly and through the proxy.
TEST_F(ClusterTest, AnswersAreTheSame) {
  const std::string script = R"(
\set VERBOSITY verbose
CREATE TABLE t (i int PRIMARY KEY, s text);
INSERT INTO t SELECT n, repeat('x', n % 100) FROM generate_series(1, 20000) n;
INSERT INTO t VALUES (1, 'twice');
SELECT * FROM t ORDER BY i LIMIT 3;
SELECT md5(string_agg(s, '' ORDER BY i)) FROM t;
SELECT length(repeat('y', 3000000));
\copy t TO '/dev/null'
COPY (SELECT i, s FROM t ORDER BY i LIMIT 2000) TO STDOUT;
COPY t FROM STDIN;
20001	one
20002	two
\.
COPY t FROM STDIN;
wrong	one
\.
SELECT 1; SELECT 2 \; SELECT 3;
SELECT $1 AS no_parameter;
SELECT i FROM t WHERE i < 5 ORDER BY i \gdesc
BEGIN;
DECLARE c CURSOR FOR SELECT i FROM t ORDER BY i;
FETCH 3 FROM c;
SELECT 1/0;
SELECT 1;
ROLLBACK;
DO $$ BEGIN RAISE NOTICE 'a notice'; END $$;
SET DateStyle TO 'German';
SELECT date '2001-02-03';
PREPARE p AS SELECT $1::int + 1;
EXECUTE p(41);
BEGIN; SAVEPOINT a; SELECT nothing; ROLLBACK TO a; SELECT 'goes on'; COMMIT;
LISTEN c;
SELECT pg_backend_pid() = pg_backend_pid();

SELECT repeat('z', 100000);
DROP TABLE t;
)";
  Program direct(Psql(primary_->port()), script);
  ASSERT_EQ(direct.Await(), 0);
  Program through(Psql(proxy_->port()), script);
  ASSERT_EQ(through.Await(), 0);
  EXPECT_NE(direct.Output().find("a notice"), std::string::npos);
  EXPECT_EQ(direct.Output(), through.Output());
}

// Statements of many clients go on over a switchover, and none is lost or done twice.
TEST_F(ClusterTest, APromotionUnderLoadCostsNoStatement) {
  primary_->Run("CREATE TABLE ledger (client int)");
  std::vector<std::unique_ptr<Program>> loads;
  for (const std::string protocol : {"simple", "extended", "prepared"}) {
    loads.push_back(std::make_unique<Program>(
        std::vector<std::string>{PGBENCH, "--no-vacuum", "--client=6", "--transactions=1500",
                                 "--protocol=" + protocol, "--file=/dev/stdin", "--host=127.0.0.1",
                                 PortFlag(proxy_->port()), "--username=postgres", "postgres"},
        "INSERT INTO ledger VALUES (:client_id);\n"));
  }
  WireClient client(primary_->port());
  ASSERT_TRUE(client.AwaitField("SELECT count(*) > 1000 FROM ledger", "t"));
  Promote();
  for (const auto& load : loads) {
    EXPECT_EQ(load->Await(), 0) << load->Output();
    EXPECT_NE(load->Output().find("actually processed: 9000/9000"), std::string::npos)
        << load->Output();
  }
  WireClient audit(replica_->port());
  EXPECT_EQ(audit.Run("SELECT count(*) FROM ledger").field, "27000");
  EXPECT_NE(proxy_->Output().find("starting buffering"), std::string::npos);
}

// A lost transaction is an error that pgbench repeats, and a COMMIT is never repeated.
TEST_F(ClusterTest, TransactionsThatAreLostAreRepeatedByTheClient) {
  Program fill({PGBENCH, "--initialize", "--quiet", "--host=127.0.0.1", PortFlag(proxy_->port()),
                "--username=postgres", "postgres"});
  ASSERT_EQ(fill.Await(), 0) << fill.Output();
  Program load({PGBENCH, "--no-vacuum", "--client=8", "--transactions=400", "--max-tries=100",
                "--protocol=extended", "--host=127.0.0.1", PortFlag(proxy_->port()),
                "--username=postgres", "postgres"});
  WireClient client(primary_->port());
  ASSERT_TRUE(client.AwaitField("SELECT count(*) > 500 FROM pgbench_history", "t"));
  Promote();
  EXPECT_EQ(load.Await(), 0) << load.Output();
  EXPECT_NE(load.Output().find("actually processed: 3200/3200"), std::string::npos)
      << load.Output();
  WireClient audit(replica_->port());
  EXPECT_EQ(audit.Run("SELECT count(*) FROM pgbench_history").field, "3200");
  EXPECT_EQ(audit
                .Run("SELECT (SELECT sum(delta) FROM pgbench_history) = (SELECT sum(abalance) "
                     "FROM pgbench_accounts)")
                .field,
            "t");
}

// failoverctl holds what is new, and waits for the transactions that are open.
TEST_F(ClusterTest, APlannedSwitchoverLosesNoTransaction) {
  const failover::test::TemporaryFolder folder;
  const std::string socket = folder.path() + "/admin.sock";
  proxy_ = StartProxy({"--admin-socket=" + socket});
  ASSERT_NE(proxy_, nullptr);
  Program fill({PGBENCH, "--initialize", "--quiet", "--host=127.0.0.1", PortFlag(proxy_->port()),
                "--username=postgres", "postgres"});
  ASSERT_EQ(fill.Await(), 0) << fill.Output();
  // pgbench repeats nothing.
  Program load({PGBENCH, "--no-vacuum", "--client=8", "--transactions=400", "--host=127.0.0.1",
                PortFlag(proxy_->port()), "--username=postgres", "postgres"});
  WireClient client(primary_->port());
  ASSERT_TRUE(client.AwaitField("SELECT count(*) > 300 FROM pgbench_history", "t"));
  SwitchOver(socket);
  EXPECT_EQ(load.Await(), 0) << load.Output();
  EXPECT_NE(load.Output().find("actually processed: 3200/3200"), std::string::npos)
      << load.Output();
  WireClient audit(replica_->port());
  EXPECT_EQ(audit.Run("SELECT count(*) FROM pgbench_history").field, "3200");
}

TEST_F(ClusterTest, ASessionGoesOnWithItsSettings) {
  WireClient client(proxy_->port());
  ASSERT_TRUE(client.login().succeeded()) << client.login().Error().text;
  client.Run("SET my.setting TO 'mine'");
  client.Run("SET DateStyle TO 'German'");
  client.Run("PREPARE p AS SELECT 'prepared'");
  Promote();
  EXPECT_EQ(client.Run("SHOW my.setting").field, "mine");
  EXPECT_EQ(client.Run("SHOW DateStyle").field, "German, DMY");
  EXPECT_EQ(client.Run("EXECUTE p").field, "prepared");
  EXPECT_EQ(client.Run("SELECT pg_is_in_recovery()").field, "f");
}

TEST_F(ClusterTest, ATemporaryTableIsLostWithAnError) {
  WireClient client(proxy_->port());
  client.Run("CREATE TEMP TABLE t (i int)");
  Promote();
  const Reply lost = client.Run("SELECT 1");
  ASSERT_TRUE(lost.error.has_value());
  EXPECT_EQ(lost.error->sqlstate, "08006");
  EXPECT_EQ(lost.status, 'I');
  EXPECT_EQ(client.Run("SELECT 1").field, "1");
}

// The texts tell neither that the function takes a lock nor that it gives the lock back.
TEST_F(ClusterTest, WhatAFunctionLeavesIsSeenByALook) {
  primary_->Run("CREATE FUNCTION take() RETURNS void AS 'SELECT pg_advisory_lock(1)' LANGUAGE sql");
  primary_->Run(
      "CREATE FUNCTION give() RETURNS bool AS 'SELECT pg_advisory_unlock(1)' LANGUAGE sql");
  primary_->Run(
      "CREATE FUNCTION make() RETURNS void AS 'CREATE TEMP TABLE t (i int)' LANGUAGE sql");
  WireClient takes(proxy_->port());
  WireClient makes(proxy_->port());
  WireClient gives(proxy_->port());
  WireClient watch(primary_->port());
  const auto looked = [&watch](const std::string& count) {
    return watch.AwaitField(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle' "
        "AND query LIKE '%pg_my_temp_schema%' AND pid <> pg_backend_pid()",
        count);
  };
  ASSERT_FALSE(takes.Run("SELECT take()").error.has_value());
  ASSERT_FALSE(makes.Run("SELECT make()").error.has_value());
  ASSERT_FALSE(gives.Run("SELECT pg_advisory_lock(2)").error.has_value());
  ASSERT_TRUE(looked("3"));
  ASSERT_FALSE(gives.Run("SELECT pg_advisory_unlock(2)").error.has_value());
  ASSERT_TRUE(looked("3"));
  // The last look has been answered to the proxy before this statement is sent.
  EXPECT_EQ(gives.Run("SELECT 1").field, "1");
  Promote();
  const Reply lock = takes.Run("SELECT 1");
  ASSERT_TRUE(lock.error.has_value());
  EXPECT_EQ(lock.error->sqlstate, "08006");
  EXPECT_NE(lock.error->text.find("advisory locks"), std::string::npos) << lock.error->text;
  const Reply table = makes.Run("SELECT 1");
  ASSERT_TRUE(table.error.has_value());
  EXPECT_NE(table.error->text.find("temporary tables"), std::string::npos) << table.error->text;
  EXPECT_EQ(gives.Run("SELECT 1").field, "1");
}

TEST_F(ClusterTest, ATransactionIsLostWithAnError) {
  WireClient client(proxy_->port());
  client.Run("BEGIN");
  Promote();
  const Reply lost = client.Run("SELECT 1");
  ASSERT_TRUE(lost.error.has_value());
  EXPECT_EQ(lost.error->sqlstate, "40001");
  EXPECT_EQ(lost.status, 'E');
  EXPECT_EQ(client.Run("ROLLBACK").tags, std::vector<std::string>{"ROLLBACK"});
  EXPECT_EQ(client.Run("SELECT 1").field, "1");
}

// The server crashes at once: nobody knows what became of the statement.
TEST_F(ClusterTest, AStatementOfUnknownFateIsNotRepeated) {
  primary_->Run("CREATE TABLE t (i int)");
  WireClient client(proxy_->port());
  client.Send("INSERT INTO t SELECT 1 FROM pg_sleep(100)");
  WireClient watch(primary_->port());
  ASSERT_TRUE(
      watch.AwaitField("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", "1"));
  primary_->Order(Shutdown::kImmediate);
  const Reply reply = client.Receive();
  ASSERT_TRUE(reply.error.has_value());
  EXPECT_EQ(reply.error->sqlstate, "08007");
  EXPECT_EQ(reply.status, 'I');
}

TEST_F(ClusterTest, ACancelReachesTheServer) {
  std::vector<std::string> command = Psql(proxy_->port());
  command.emplace_back("--command=SELECT pg_sleep(100)");
  Program psql(command);
  WireClient watch(primary_->port());
  ASSERT_TRUE(
      watch.AwaitField("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", "1"));
  psql.Signal(SIGINT);
  EXPECT_EQ(psql.Await(), 1);
  EXPECT_NE(psql.Output().find("canceling statement due to user request"), std::string::npos)
      << psql.Output();
}

TEST_F(ClusterTest, SigtermLetsATransactionEnd) {
  WireClient client(proxy_->port());
  client.Run("BEGIN");
  WireClient idle(proxy_->port());
  proxy_->Signal(SIGTERM);
  const Reply ended = idle.Receive();
  ASSERT_TRUE(ended.error.has_value());
  EXPECT_EQ(ended.error->sqlstate, "57P01");
  EXPECT_EQ(client.Run("SELECT 1").field, "1");
  EXPECT_TRUE(client.Run("COMMIT").succeeded());
  EXPECT_EQ(proxy_->AwaitExit(), 0) << proxy_->Output();
}

// The ways to log in, on both sides.
class LoginTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = LiveServer::Start();
    ASSERT_NE(server_, nullptr);
    server_->Run(
        "CREATE ROLE scram LOGIN PASSWORD 'secret'; SET password_encryption TO md5; "
        "CREATE ROLE hashed LOGIN PASSWORD 'secret'; CREATE ROLE plain LOGIN PASSWORD 'secret'");
    server_->WriteDataFile("pg_hba.conf",
                           "host all postgres 127.0.0.1/32 trust\n"
                           "host all scram 127.0.0.1/32 scram-sha-256\n"
                           "host all hashed 127.0.0.1/32 md5\n"
                           "host all plain 127.0.0.1/32 password\n");
    server_->Run("SELECT pg_reload_conf()");
  }

  std::string Stored(const std::string& role) const {
    WireClient client(server_->port());
    return client.Run("SELECT rolpassword FROM pg_authid WHERE rolname = '" + role + "'").field;
  }

  // What psql says when `user` logs in with `password`.
  std::string LogIn(const std::string& users, const std::string& user,
                    const std::string& password) const {
    const auto proxy = ProxyProcess::Start({server_->port()}, users, {});
    return proxy == nullptr ? std::string() : LogIn(*proxy, user, password);
  }
  static std::string LogIn(const ProxyProcess& proxy, const std::string& user,
                           const std::string& password) {
    std::vector<std::string> command = {"/usr/bin/env", "PGPASSWORD=" + password};
    for (const std::string& word : Psql(proxy.port(), user)) command.push_back(word);
    command.insert(command.end(), {"--tuples-only", "--no-align", "--command=SELECT current_user"});
    Program psql(command);
    psql.Await();
    return psql.Output();
  }

  std::unique_ptr<LiveServer> server_;
};

TEST_F(LoginTest, AVerifierIsEnough) {
  const std::string users = "scram " + Stored("scram") + "\n";
  EXPECT_EQ(LogIn(users, "scram", "secret"), "scram\n");
  EXPECT_NE(LogIn(users, "scram", "wrong").find("password authentication failed"),
            std::string::npos);
  EXPECT_NE(LogIn(users, "nobody", "secret").find("password authentication failed"),
            std::string::npos);
}

TEST_F(LoginTest, AReloadLetsOtherUsersIn) {
  const auto proxy = ProxyProcess::Start({server_->port()}, "scram secret\n", {});
  ASSERT_NE(proxy, nullptr);
  EXPECT_EQ(LogIn(*proxy, "scram", "secret"), "scram\n");
  const auto reload = [&](const std::string& users, const std::string& line) {
    proxy->WriteUsers(users);
    proxy->Signal(SIGHUP);
    EXPECT_TRUE(failover::test::Await([&] {
      return proxy->Output().find(line) != std::string::npos;
    })) << proxy->Output();
  };
  reload("hashed secret\n", "the users were read again");
  EXPECT_EQ(LogIn(*proxy, "hashed", "secret"), "hashed\n");
  EXPECT_NE(LogIn(*proxy, "scram", "secret").find("password authentication failed"),
            std::string::npos);
  reload("scram secret\nscram secret\n", "the users stay as they were: ");
  EXPECT_NE(proxy->Output().find("line 2: user twice"), std::string::npos) << proxy->Output();
  EXPECT_EQ(LogIn(*proxy, "hashed", "secret"), "hashed\n");
}

TEST_F(LoginTest, APasswordServesScramAndMd5) {
  EXPECT_EQ(LogIn("scram secret\n", "scram", "secret"), "scram\n");
  EXPECT_EQ(LogIn("hashed secret\n", "hashed", "secret"), "hashed\n");
}

TEST_F(LoginTest, AnMd5HashIsEnough) {
  const std::string users = "hashed " + Stored("hashed") + "\n";
  EXPECT_EQ(LogIn(users, "hashed", "secret"), "hashed\n");
  EXPECT_NE(LogIn(users, "hashed", "wrong").find("password authentication failed"),
            std::string::npos);
}

TEST_F(LoginTest, AVerifierThatTheServerDoesNotHaveIsNotEnough) {
  const std::string users = "scram " + Stored("scram") + "\n";
  server_->Run("ALTER ROLE scram PASSWORD 'secret'");
  EXPECT_NE(LogIn(users, "scram", "secret").find("the SCRAM verifier of the user is not the one"),
            std::string::npos);
}

TEST_F(LoginTest, NoPasswordIsSentInClearText) {
  EXPECT_NE(LogIn("plain secret\n", "plain", "secret").find("in clear text"), std::string::npos);
}

}  // namespace
}  // namespace postgres_proxy
