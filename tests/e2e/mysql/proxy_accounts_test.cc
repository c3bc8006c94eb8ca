// Users with accounts of their own on the backends: grants work as without a proxy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proxy_test.h"
#include "support/certificates.h"
#include "support/child_process.h"

namespace mysql_proxy {

using failover::test::WriteTextFile;

namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// On the backends alice_db may read and bob_db may write. The users of the proxy have other names
// and other passwords, so that nothing works by chance.
class AccountsTest : public ProxyTest {
 protected:
  static void SetUpTestSuite() {
    ProxyTest::SetUpTestSuite();
    RunOnBoth("CREATE OR REPLACE USER alice_db@'%' IDENTIFIED BY 'one'");
    RunOnBoth("CREATE OR REPLACE USER bob_db@'%' IDENTIFIED BY 'two'");
    RunOnBoth("GRANT SELECT ON d.* TO alice_db@'%'");
    RunOnBoth("GRANT INSERT ON d.* TO bob_db@'%'");
  }

  void SetUp() override {
    ProxyTest::SetUp();
    users_ = WriteTextFile(folder_.path() + "/users",
                           "alice a alice_db one\n"
                           "bob b bob_db two\n"
                           "wrong w alice_db outdated\n"
                           "app app-password\n");
  }

  static ProxyClientOptions As(const std::string& user, const std::string& password) {
    ProxyClientOptions options;
    options.user = user;
    options.password = password;
    return options;
  }
  // What a statement is told directly, without a proxy.
  static MysqlError Directly(const std::string& user, const std::string& password,
                             const std::string& sql) {
    return ProxyClient(server(0).port(), As(user, password)).Run(sql);
  }

  const failover::test::TemporaryFolder folder_;
  std::string users_;
};

TEST_F(AccountsTest, EachUserGetsTheErrorsOfTheOwnAccount) {
  StartProxy({"--users-file=" + users_});
  ProxyClient alice(port(), As("alice", "a"));
  ProxyClient bob(port(), As("bob", "b"));
  ProxyClient app(port());
  EXPECT_EQ(alice.Ask("SELECT CURRENT_USER()"), "alice_db@%") << alice.error().text;
  EXPECT_EQ(bob.Ask("SELECT CURRENT_USER()"), "bob_db@%") << bob.error().text;
  EXPECT_EQ(app.Ask("SELECT CURRENT_USER()"), "app@%") << "the shared account";

  EXPECT_EQ(bob.Run("INSERT INTO d.t VALUES (1)").number, 0u) << bob.error().text;
  EXPECT_EQ(alice.Ask("SELECT i FROM d.t"), "1") << alice.error().text;
  const MysqlError no_insert = Directly("alice_db", "one", "INSERT INTO d.t VALUES (2)");
  EXPECT_EQ(no_insert.number, 1142u);
  alice.Run("INSERT INTO d.t VALUES (2)");
  EXPECT_EQ(alice.error().number, no_insert.number);
  EXPECT_EQ(alice.error().text, no_insert.text);
  EXPECT_EQ(alice.error().sqlstate, no_insert.sqlstate);
  const MysqlError no_select = Directly("bob_db", "two", "SELECT * FROM d.t");
  EXPECT_EQ(no_select.number, 1142u);
  EXPECT_EQ(bob.Run("SELECT * FROM d.t").text, no_select.text);
  EXPECT_EQ(alice.Ask("SELECT COUNT(*) FROM d.t"), "1");
}

TEST_F(AccountsTest, AFailoverKeepsTheAccount) {
  StartProxy({"--users-file=" + users_});
  ProxyClient alice(port(), As("alice", "a"));
  ProxyClient bob(port(), As("bob", "b"));
  FailOver();
  EXPECT_EQ(alice.Ask("SELECT CONCAT(CURRENT_USER(), @@server_id)"), "alice_db@%2")
      << alice.error().text;
  EXPECT_EQ(alice.Run("INSERT INTO d.t VALUES (1)").number, 1142u);
  EXPECT_EQ(bob.Run("INSERT INTO d.t VALUES (1)").number, 0u) << bob.error().text;
  EXPECT_EQ(AskServer(1, "SELECT COUNT(*) FROM d.t"), "1");
}

TEST_F(AccountsTest, AChangeOfTheUserChangesTheAccount) {
  StartProxy({"--users-file=" + users_});
  ProxyClient client(port(), As("alice", "a"));
  EXPECT_EQ(client.Run("INSERT INTO d.t VALUES (1)").number, 1142u);
  ASSERT_EQ(mysql_change_user(client.handle(), "bob", "b", "d"), 0) << client.KeepError().text;
  EXPECT_EQ(client.Ask("SELECT CURRENT_USER()"), "bob_db@%");
  EXPECT_EQ(client.Run("INSERT INTO d.t VALUES (1)").number, 0u) << client.error().text;
  EXPECT_NE(mysql_change_user(client.handle(), "alice", "b", "d"), 0);
  EXPECT_EQ(client.KeepError().number, 1045u) << client.error().text;
}

TEST_F(AccountsTest, AKillNeedsNoPrivilegeButTheOwnAccount) {
  StartProxy({"--users-file=" + users_});
  ProxyClient victim(port(), As("bob", "b"));
  ProxyClient killer(port(), As("bob", "b"));
  ProxyClient stranger(port(), As("alice", "a"));
  const std::string kill = "KILL QUERY " + std::to_string(mysql_thread_id(victim.handle()));
  victim.Send("SELECT SLEEP(3600)");
  EXPECT_TRUE(failover::test::Await([&] {
    return AskServer(0,
                     "SELECT COUNT(*) FROM information_schema.processlist "
                     "WHERE user = 'bob_db' AND info LIKE '%SLEEP(3600)%'") == "1";
  }));
  EXPECT_EQ(stranger.Run(kill).number, 1095u) << stranger.error().text;
  EXPECT_EQ(killer.Run(kill).number, 0u) << killer.error().text;
  // SLEEP that was interrupted returns 1, or its statement the error 1317.
  const MysqlError& error = victim.Receive();
  EXPECT_TRUE(error.number == 0 || error.number == 1317) << error.text;
}

TEST_F(AccountsTest, AWrongPasswordOfTheAccountIsTheServersError) {
  StartProxy({"--users-file=" + users_});
  ProxyClient client(port(), As("wrong", "w"));
  EXPECT_EQ(client.error().number, 1045u);
  EXPECT_EQ(client.error().text,
            ProxyClient(server(0).port(), As("alice_db", "outdated")).error().text);
  EXPECT_THAT(proxy().Output(), Not(HasSubstr("outdated")));
}

TEST_F(AccountsTest, WithoutASharedAccountTheHealthChecksHaveOne) {
  const std::string file =
      WriteTextFile(folder_.path() + "/only-accounts", "alice a alice_db one\n");
  const std::string password = WriteTextFile(folder_.path() + "/monitor", "app-password\n");
  StartProxy({"--users-file=" + file, "--backend-user=", "--monitor-user=app",
              "--monitor-password-file=" + password});
  AwaitPrimary(0);
  ProxyClient alice(port(), As("alice", "a"));
  EXPECT_EQ(alice.Ask("SELECT CURRENT_USER()"), "alice_db@%") << alice.error().text;
  EXPECT_EQ(std::string(mysql_get_server_info(alice.handle())), AskServer(0, "SELECT VERSION()"))
      << "the first client already is greeted as by the primary";
}

TEST_F(AccountsTest, AMalformedLineIsNamedWithoutItsPassword) {
  const std::string file =
      WriteTextFile(folder_.path() + "/malformed", "alice a alice_db one\nbob hush bob_db\n");
  std::string output;
  EXPECT_EQ(ProxyProcess::Run(
                {"--servers=127.0.0.1:1", "--users-file=" + file, "--backend-user=app"}, &output),
            2);
  EXPECT_THAT(output, AllOf(HasSubstr(file + ", line 2: "), HasSubstr("has no password"),
                            Not(HasSubstr("hush"))));
}

}  // namespace
}  // namespace mysql_proxy
