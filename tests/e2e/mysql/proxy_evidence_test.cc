// What a session notices of a failover that ends as it began: with the same primary. And the
// account of the health checks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "proxy_test.h"
#include "support/child_process.h"

namespace mysql_proxy {

using failover::test::Await;
namespace {

using testing::HasSubstr;

class EvidenceTest : public ProxyTest {
 protected:
  // The first server refuses writes for a while, one client notices and is held, and the first
  // server is the primary again.
  void Blip() {
    AwaitPrimary(0);
    ProxyClient writer(port());
    SetReadOnly(0, true);
    AwaitNoPrimary();
    writer.Send("INSERT INTO t VALUES (" + std::to_string(++rows_) + ")");
    AwaitHeld(1);
    SetReadOnly(0, false);
    EXPECT_EQ(writer.Receive().number, 0u) << writer.error().text;
  }

 private:
  int rows_ = 100;
};

TEST_F(EvidenceTest, ABlipReplacesTheConnectionOfASessionThatLosesNothing) {
  StartProxy();
  ProxyClient client(port());
  const std::string before = client.Ask("SELECT CONNECTION_ID()");
  Blip();
  const std::string after = client.Ask("SELECT CONNECTION_ID()");
  EXPECT_EQ(client.error().number, 0u) << client.error().text;
  EXPECT_NE(after, before);
  EXPECT_EQ(client.Ask("SELECT CONNECTION_ID()"), after);
}

TEST_F(EvidenceTest, ABlipTakesNothingFromASession) {
  StartProxy();
  ProxyClient client(port());
  ProxyClient with_insert_id(port());
  ProxyClient with_statement(port());
  client.Run("SET @a = 7");
  with_insert_id.Run("CREATE OR REPLACE TABLE counted (i INT AUTO_INCREMENT PRIMARY KEY)");
  with_insert_id.Run("INSERT INTO counted VALUES (5)");
  with_insert_id.Run("INSERT INTO counted VALUES ()");
  ProxyStatement statement(with_statement, "SELECT COUNT(*) FROM t");
  with_statement.Run("USE other");
  Blip();
  Blip();
  EXPECT_EQ(client.Ask("SELECT @a"), "7") << client.error().text;
  EXPECT_EQ(with_insert_id.Ask("SELECT LAST_INSERT_ID()"), "6") << with_insert_id.error().text;
  EXPECT_EQ(statement.Execute(), "2") << statement.error().text;
}

TEST_F(EvidenceTest, ATransactionKeepsItsConnectionThroughABlip) {
  StartProxy();
  ProxyClient client(port());
  client.Run("BEGIN");
  client.Run("INSERT INTO t VALUES (1)");
  Blip();
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (2)").number, 0u) << client.error().text;
  EXPECT_EQ(client.Run("COMMIT").number, 0u) << client.error().text;
  EXPECT_EQ(AskServer(0, "SELECT COUNT(*) FROM d.t WHERE i < 100"), "2");
}

TEST_F(EvidenceTest, APingIsAnsweredWhileItsBackendLives) {
  StartProxy();
  ProxyClient client(port());
  ProxyClient writer(port());
  SetReadOnly(0, true);
  AwaitNoPrimary();
  writer.Send("INSERT INTO t VALUES (1)");
  AwaitHeld(1);
  EXPECT_EQ(mysql_ping(client.handle()), 0) << client.KeepError().text;
  EXPECT_EQ(proxy().State("held"), "1");
  SetReadOnly(1, false);
  EXPECT_EQ(writer.Receive().number, 0u) << writer.error().text;
}

// Nobody is held, because the clients that write do so in transactions.
TEST_F(EvidenceTest, ARefusalInATransactionBeginsAHold) {
  StartProxy({"--poll-interval=1h", "--buffer-max-failover-duration=1h"});
  ProxyClient client(port());
  client.Run("BEGIN");
  client.Run("INSERT INTO t VALUES (1)");
  SetReadOnly(0, true);
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (2)").number, 1213u);
  EXPECT_THAT(proxy().Output(), HasSubstr("a statement that is not repeated was refused"));
  SetReadOnly(1, false);
  AwaitPrimary(1);
}

TEST_F(EvidenceTest, TheHealthChecksMayHaveAnAccountOfTheirOwn) {
  const failover::test::TemporaryFolder folder;
  const std::string file = folder.path() + "/password";
  std::ofstream(file) << "watcher-password\n";
  RunOnBoth("CREATE OR REPLACE USER watcher@'%' IDENTIFIED BY 'watcher-password'");
  StartProxy({"--monitor-user=watcher", "--monitor-password-file=" + file});
  ProxyClient client(port());
  EXPECT_EQ(client.Ask("SELECT @@server_id"), "1");
  EXPECT_EQ(AskServer(1,
                      "SELECT GROUP_CONCAT(DISTINCT user) FROM information_schema.processlist "
                      "WHERE user IN ('app', 'watcher')"),
            "watcher");
}

TEST_F(EvidenceTest, AWrongFlagOfTheHealthChecksIsNamed) {
  struct Case {
    std::vector<std::string> flags;
    const char* told;
  };
  const Case cases[] = {
      {{"--monitor-password-file=none"}, "--monitor_password_file: needs --monitor_user"},
      {{"--monitor-user=w", "--monitor-password-file=/none"},
       "--monitor_password_file: cannot read /none"},
      {{"--monitor-ssl-mode=maybe"}, "--monitor_ssl_mode: must be off, required or verify"},
      {{"--monitor-ssl-mode=verify"}, "--monitor_ssl_ca: is needed"},
      {{"--monitor-ssl-mode=verify", "--monitor-ssl-ca=/none"}, "--monitor_ssl_ca: cannot read"},
      {{"--monitor-ssl-ca=/none"}, "--monitor_ssl_ca: needs --monitor_ssl_mode=verify"},
      {{"--monitor-ssl-server-name=db"}, "--monitor_ssl_server_name: needs"},
      {{"--monitor-ssl-mode=required", "--monitor-ssl-cert=c"}, "--monitor_ssl_key: is needed"},
      {{"--monitor-ssl-mode=required", "--monitor-ssl-key=k"}, "--monitor_ssl_cert: is needed"},
      {{"--monitor-ssl-cert=c", "--monitor-ssl-key=k"}, "--monitor_ssl_cert: needs"},
      {{"--monitor-server-public-key=/none"}, "--monitor_server_public_key: cannot read"},
      {{"--monitor-server-public-key=k", "--monitor-ssl-mode=required"},
       "--monitor_server_public_key: needs --monitor_ssl_mode=off"},
      {{"--buffer-drain-concurrency-max=0"}, "--buffer_drain_concurrency_max"},
      {{"--buffer-max-per-shard=-1"}, "--buffer_max_per_shard"},
      {{"--buffer-down-confirmation=-1s"}, "--buffer_down_confirmation"},
  };
  for (const Case& wrong : cases) {
    std::vector<std::string> flags = {"--servers=127.0.0.1:1", "--users-file=users",
                                      "--backend-user=app"};
    flags.insert(flags.end(), wrong.flags.begin(), wrong.flags.end());
    std::string output;
    EXPECT_EQ(ProxyProcess::Run(flags, &output), 2) << wrong.flags.front();
    EXPECT_THAT(output, HasSubstr(wrong.told)) << wrong.flags.front();
  }
}

}  // namespace
}  // namespace mysql_proxy
