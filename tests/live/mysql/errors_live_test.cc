// The tests provoke errors of a real MariaDB server, one by one, and check that they are classified
// as the table says. The errors that the server cannot be made to produce (1836, 1129, 1053, ...)
// are in errors_test.cc alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "failover/errors.h"
#include "failover/mysql/errors.h"
#include "support/child_process.h"
#include "support/fake_mysql_server.h"
#include "support/live_mysql_server.h"

namespace failover::mysql {
namespace {

using testing::HasSubstr;

constexpr int kUserConnections = 6;

StatementState Sent() { return {}; }

StatementState NotSent() {
  StatementState state;
  state.send_state = SendState::kNotSent;
  return state;
}

StatementState InTransaction() {
  StatementState state;
  state.in_transaction = true;
  return state;
}

// Expects that `error` has this number, and that the Status made from it has this outcome.
void Expect(const MysqlError& error, std::uint32_t number, const StatementState& statement,
            Outcome outcome, bool held) {
  EXPECT_EQ(error.number, number) << error.text;
  const absl::Status status = ToStatus(error, statement);
  EXPECT_EQ(OutcomeOf(status), outcome) << status;
  EXPECT_EQ(CausedByFailover(status), held) << status;
}

class LiveErrorsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ =
        LiveServer::Start({"--secure-file-priv=" + std::filesystem::temp_directory_path().string(),
                           "--max-user-connections=" + std::to_string(kUserConnections),
                           "--max-connections=12"})
            .release();
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }

  void SetUp() override { ASSERT_NE(server_, nullptr); }
  void TearDown() override {
    server_->Run("SET GLOBAL read_only = OFF");
    server_->Run("DELETE FROM d.t");
    // A server ends a connection some time after its client has closed it, and counts it until
    // then.
    EXPECT_TRUE(server_->Root().AwaitAnswer(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE user IN ('app', 'hourly', "
        "'other', 'unauthenticated user')",
        "0"));
  }

  static LiveServer* server_;
};

LiveServer* LiveErrorsTest::server_ = nullptr;

TEST_F(LiveErrorsTest, ReadOnlyServerRefusesWrites) {
  Client app = server_->App();
  server_->Run("SET GLOBAL read_only = ON");
  for (const char* statement :
       {"INSERT INTO d.t VALUES (1)", "CREATE TABLE d.u (i INT)", "UPDATE d.t SET i = 2",
        "SELECT * FROM d.t FOR UPDATE", "DROP TABLE d.t"}) {
    SCOPED_TRACE(statement);
    Expect(app.Run(statement), 1290, Sent(), Outcome::kNotExecuted, true);
    EXPECT_THAT(app.error().text, HasSubstr("read-only"));
  }
  EXPECT_EQ(app.Ask("SELECT COUNT(*) FROM d.t"), "0");
}

TEST_F(LiveErrorsTest, ReadOnlyServerRefusesPreparedStatements) {
  Client app = server_->App();
  MYSQL_STMT* const insert = mysql_stmt_init(app.handle());
  const std::string text = "INSERT INTO d.t VALUES (1)";
  ASSERT_EQ(mysql_stmt_prepare(insert, text.data(), text.size()), 0);
  server_->Run("SET GLOBAL read_only = ON");
  ASSERT_NE(mysql_stmt_execute(insert), 0);
  Expect({mysql_stmt_errno(insert), mysql_stmt_sqlstate(insert), mysql_stmt_error(insert)}, 1290,
         Sent(), Outcome::kNotExecuted, true);
  mysql_stmt_close(insert);
}

TEST_F(LiveErrorsTest, ReadOnlyServerRefusesTheCommitOfATransaction) {
  Client app = server_->App();
  app.Run("BEGIN");
  ASSERT_EQ(app.Run("INSERT INTO d.t VALUES (1)").number, 0u);
  server_->Run("SET GLOBAL read_only = ON");
  Expect(app.Run("COMMIT"), 1290, InTransaction(), Outcome::kNotExecuted, false);
}

// This case is the reason for StatementState::compound: the first INSERT of the procedure is there
// although its CALL was refused.
TEST_F(LiveErrorsTest, ProcedureMayBeRefusedAfterAPartOfIt) {
  server_->Run(
      "CREATE OR REPLACE PROCEDURE d.p() SQL SECURITY INVOKER BEGIN INSERT INTO d.t VALUES (1); "
      "DO GET_LOCK('gate', 600); INSERT INTO d.t VALUES (2); END");
  Client root = server_->Root();
  ASSERT_EQ(root.Ask("SELECT GET_LOCK('gate', 0)"), "1");
  Client app = server_->App();
  app.Send("CALL d.p()");
  ASSERT_TRUE(root.AwaitAnswer("SELECT COUNT(*) FROM d.t", "1"));
  ASSERT_EQ(root.Run("SET GLOBAL read_only = ON").number, 0u) << root.error().text;
  root.Run("DO RELEASE_LOCK('gate')");

  StatementState call;
  call.compound = true;
  Expect(app.Receive(), 1290, call, Outcome::kUnknown, false);
  EXPECT_EQ(root.Ask("SELECT COUNT(*) FROM d.t"), "1");
}

TEST_F(LiveErrorsTest, OtherOptionsAreNoFailover) {
  Client root = server_->Root();
  Expect(root.Run("SELECT 1 INTO OUTFILE '/elsewhere'"), 1290, Sent(), Outcome::kNotExecuted,
         false);
  EXPECT_THAT(root.error().text, HasSubstr("--secure-file-priv"));
}

TEST_F(LiveErrorsTest, ReadOnlyTransaction) {
  Client app = server_->App();
  app.Run("SET SESSION tx_read_only = ON");
  Expect(app.Run("INSERT INTO d.t VALUES (1)"), 1792, Sent(), Outcome::kNotExecuted, true);
  EXPECT_EQ(app.error().sqlstate, "25006");
  StatementState asked;
  asked.read_only_requested = true;
  Expect(app.error(), 1792, asked, Outcome::kNotExecuted, false);
}

TEST_F(LiveErrorsTest, Limits) {
  server_->Run("CREATE OR REPLACE USER hourly@'%' WITH MAX_QUERIES_PER_HOUR 1");
  Client hourly = Client::ByPort(server_->port(), "hourly", "");
  hourly.Run("SELECT 1");
  Expect(hourly.Run("SELECT 1"), 1226, Sent(), Outcome::kNotExecuted, false);

  std::vector<Client> clients;
  clients.reserve(std::size_t{2} * kUserConnections);
  do {
    clients.push_back(server_->App());
  } while (clients.back().error().number == 0);
  EXPECT_EQ(clients.size(), kUserConnections + 1u);
  Expect(clients.back().error(), 1203, NotSent(), Outcome::kNotExecuted, false);

  server_->Run("CREATE OR REPLACE USER other@'%'");
  do {
    clients.push_back(Client::ByPort(server_->port(), "other", ""));
  } while (clients.back().error().number == 0);
  Expect(clients.back().error(), 1040, NotSent(), Outcome::kNotExecuted, false);
}

TEST_F(LiveErrorsTest, StatementErrors) {
  Client app = server_->App();
  app.Run("INSERT INTO d.t VALUES (1)");
  Expect(app.Run("INSERT INTO d.t VALUES (1)"), 1062, Sent(), Outcome::kFailed, false);
  Expect(app.Run("SELECT --read-only"), 1064, Sent(), Outcome::kFailed, false);
  Expect(Client::ByPort(server_->port(), kAppUser, "wrong").error(), 1045, NotSent(),
         Outcome::kNotExecuted, false);
}

TEST_F(LiveErrorsTest, KilledQuery) {
  Client app = server_->App();
  Expect(app.Run("KILL QUERY CONNECTION_ID()"), 1317, Sent(), Outcome::kFailed, false);
}

TEST_F(LiveErrorsTest, KilledConnection) {
  Client app = server_->App();
  app.Send("SELECT SLEEP(600)");
  Client root = server_->Root();
  root.Run("KILL " + std::to_string(app.id()));
  Expect(app.Receive(), 2013, Sent(), Outcome::kUnknown, false);
  // The client library knows by now that the connection is dead, so it sends nothing.
  Expect(app.Run("SELECT 1"), 2006, NotSent(), Outcome::kNotExecuted, false);
}

TEST_F(LiveErrorsTest, Deadlock) {
  server_->Run("INSERT INTO d.t VALUES (1), (2)");
  Client first = server_->App();
  Client second = server_->App();
  for (Client* client : {&first, &second}) client->Run("BEGIN");
  ASSERT_EQ(first.Run("DELETE FROM d.t WHERE i = 1").number, 0u);
  ASSERT_EQ(second.Run("DELETE FROM d.t WHERE i = 2").number, 0u);
  first.Send("DELETE FROM d.t WHERE i = 2");
  second.Send("DELETE FROM d.t WHERE i = 1");
  // The server chooses which of the two transactions it rolls back.
  first.Receive();
  if (first.error().number == 0) second.Receive();
  const MysqlError& error = first.error().number == 0 ? second.error() : first.error();
  Expect(error, 1213, InTransaction(), Outcome::kRolledBack, false);
}

TEST_F(LiveErrorsTest, NoConnection) {
  const std::unique_ptr<FakeServer> closing = std::make_unique<FakeServer>(
      FakeServer::State{FakeServer::Mode::kHangUp, "0", "0", false, true});
  const Client lost = Client::ByPort(closing->port(), kAppUser, "");
  Expect(lost.error(), 2013, NotSent(), Outcome::kNotExecuted, true);
  EXPECT_THAT(lost.error().text, HasSubstr("reading initial communication packet"));

  const std::string nowhere = server_->folder() + "/no-socket";
  Expect(Client::BySocket(nowhere, kAppUser, "").error(), 2002, NotSent(), Outcome::kNotExecuted,
         true);
}

// The test has a server of its own, because the server does not survive the test.
TEST(LiveCrashTest, StatementOfAServerThatDiesIsUnknownAndItsReconnectIsAFailover) {
  const std::unique_ptr<LiveServer> server = LiveServer::Start({});
  ASSERT_NE(server, nullptr);
  Client app = server->App();
  Client idle = server->App();
  app.Send("SELECT SLEEP(600)");
  const std::uint16_t port = server->port();
  server->Kill();
  Expect(app.Receive(), 2013, Sent(), Outcome::kUnknown, false);
  const MysqlError& idle_error = idle.Run("SELECT 1");
  EXPECT_THAT(idle_error.number, testing::AnyOf(2006u, 2013u)) << idle_error.text;
  EXPECT_FALSE(CausedByFailover(ToStatus(idle_error, Sent())));
  Expect(Client::ByPort(port, kAppUser, kAppPassword).error(), 2002, NotSent(),
         Outcome::kNotExecuted, true);
}

TEST(LiveGaleraTest, NodeThatLostItsClusterRefusesStatements) {
  const std::string provider = GALERA_PROVIDER;
  if (provider.empty()) GTEST_SKIP() << "Galera is not installed";
  const std::unique_ptr<LiveServer> node = LiveServer::Start(
      {"--wsrep-on=ON", "--wsrep-provider=" + provider, "--wsrep-cluster-address=gcomm://",
       "--wsrep-node-address=127.0.0.1", "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
       "--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:0"});
  ASSERT_NE(node, nullptr);
  Client app = node->App();
  ASSERT_EQ(app.Run("INSERT INTO d.t VALUES (1)").number, 0u);
  // The node leaves its cluster for a cluster that is not there, and waits for that one.
  Client root = node->Root();
  root.Send("SET GLOBAL wsrep_cluster_address = 'gcomm://127.0.0.1:1'");
  // The node ends the connections that it finds when it leaves, so each question comes on a new
  // connection.
  ASSERT_TRUE(test::Await([&node] {
    return node->Root().Ask(
               "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = "
               "'wsrep_ready'") == "OFF";
  }));
  MysqlError error;
  EXPECT_TRUE(test::Await([&] {
    error = node->App().Run("INSERT INTO d.t VALUES (2)");
    return error.number == 1047;
  }));
  Expect(error, 1047, Sent(), Outcome::kNotExecuted, true);
}

}  // namespace
}  // namespace failover::mysql
