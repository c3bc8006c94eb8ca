// What a client can do through the proxy while nothing fails.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "proxy/mysql/protocol/codec.h"
#include "proxy_test.h"
#include "support/child_process.h"
#include "support/patience.h"

namespace mysql_proxy {

using failover::test::Await;
namespace {

using testing::HasSubstr;

class SessionTest : public ProxyTest {};

TEST_F(SessionTest, OnlyConfiguredUsersMayLogIn) {
  StartProxy();
  EXPECT_EQ(ProxyClient(port()).error().number, 0u);
  ProxyClientOptions wrong_password;
  wrong_password.password = "wrong";
  EXPECT_EQ(ProxyClient(port(), wrong_password).error().number, 1045u);
  ProxyClientOptions no_password;
  no_password.password = "";
  EXPECT_EQ(ProxyClient(port(), no_password).error().number, 1045u);
  ProxyClientOptions unknown_user;
  unknown_user.user = "root";
  unknown_user.password = "";
  EXPECT_EQ(ProxyClient(port(), unknown_user).error().number, 1045u);
  ProxyClientOptions unknown_schema;
  unknown_schema.schema = "nonexistent";
  EXPECT_EQ(ProxyClient(port(), unknown_schema).error().number, 1049u);
}

// The client begins with the authentication method that it prefers.
TEST_F(SessionTest, OtherAuthenticationIsSwitchedToNativePassword) {
  StartProxy();
  ProxyClient client(port());
  MYSQL* const handle = mysql_init(nullptr);
  mysql_options(handle, MYSQL_DEFAULT_AUTH, "mysql_clear_password");
  EXPECT_NE(mysql_real_connect(handle, "127.0.0.1", failover::mysql::kAppUser,
                               failover::mysql::kAppPassword, "d", port(), nullptr, 0),
            nullptr)
      << mysql_error(handle);
  mysql_close(handle);
}

TEST_F(SessionTest, SimpleCommands) {
  StartProxy();
  ProxyClient client(port());
  EXPECT_EQ(client.Ask("SELECT DATABASE()"), "d");
  EXPECT_EQ(mysql_select_db(client.handle(), "other"), 0);
  EXPECT_EQ(client.Ask("SELECT DATABASE()"), "other");
  EXPECT_EQ(mysql_select_db(client.handle(), "nonexistent"), 1);
  EXPECT_EQ(client.KeepError().number, 1049u);
  EXPECT_EQ(mysql_ping(client.handle()), 0);
  EXPECT_THAT(mysql_stat(client.handle()), HasSubstr("Uptime"));
  EXPECT_EQ(client.Run("INSERT INTO d.t VALUES (1), (2)").number, 0u);
  EXPECT_EQ(mysql_affected_rows(client.handle()), 2u);
  EXPECT_EQ(client.Run("INSERT INTO d.t VALUES (1)").number, 1062u);
  EXPECT_EQ(client.error().sqlstate, "23000");
  EXPECT_EQ(client.Ask("SELECT i FROM d.t ORDER BY i"), "1 2");
}

TEST_F(SessionTest, WhatIsNotSupportedIsRefusedAndTheSessionGoesOn) {
  StartProxy();
  ProxyClient client(port());
  EXPECT_NE(mysql_shutdown(client.handle(), SHUTDOWN_DEFAULT), 0);
  EXPECT_EQ(client.KeepError().number, 1047u);
  EXPECT_EQ(client.Ask("SELECT 1"), "1");
}

TEST_F(SessionTest, LoadDataLocalIsRefused) {
  StartProxy();
  ProxyClientOptions options;
  options.flags = CLIENT_LOCAL_FILES;
  ProxyClient client(port(), options);
  const unsigned int on = 1;
  mysql_options(client.handle(), MYSQL_OPT_LOCAL_INFILE, &on);
  EXPECT_NE(client.Run("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t").number, 0u);
  EXPECT_EQ(client.Ask("SELECT COUNT(*) FROM t"), "0");
}

TEST_F(SessionTest, SeveralStatementsAndResults) {
  StartProxy();
  ProxyClient client(port());
  EXPECT_EQ(client.Ask("SELECT 1; INSERT INTO t VALUES (5); SELECT i FROM t; SELECT 2 FROM t "
                       "WHERE FALSE; SELECT 3"),
            "1 5 3");
  EXPECT_EQ(client.Run("SELECT 1; SELECT nonsense; SELECT 3").number, 1054u);
  EXPECT_EQ(client.Ask("SELECT 4"), "4");
  client.Run("DROP PROCEDURE IF EXISTS d.p");
  EXPECT_EQ(client.Run("CREATE PROCEDURE d.p() BEGIN SELECT 1; SELECT 2; END").number, 0u);
  EXPECT_EQ(client.Ask("CALL d.p()"), "1 2");
}

TEST_F(SessionTest, PreparedStatements) {
  StartProxy();
  ProxyClient client(port());
  ProxyStatement insert(client, "INSERT INTO t VALUES (?)");
  ProxyStatement select(client, "SELECT i FROM t WHERE i = ?");
  ASSERT_EQ(insert.error().number, 0u) << insert.error().text;
  insert.Execute({"7"});
  EXPECT_EQ(insert.error().number, 0u) << insert.error().text;
  insert.Execute({"8"});
  EXPECT_EQ(insert.error().number, 0u) << "the second execution has no types with it";
  insert.Execute({"8"});
  EXPECT_EQ(insert.error().number, 1062u);
  EXPECT_EQ(select.Execute({"8"}), "8");
  EXPECT_EQ(select.Execute({"9"}), "");
  EXPECT_EQ(mysql_stmt_reset(select.handle()), 0);
  EXPECT_EQ(select.Execute({"7"}), "7");
  EXPECT_EQ(ProxyStatement(client, "SELECT 'no parameters'").Execute(), "no parameters");
  EXPECT_EQ(ProxyStatement(client, "nonsense").error().number, 1064u);
}

TEST_F(SessionTest, LongData) {
  StartProxy();
  ProxyClient client(port());
  ProxyStatement statement(client, "SELECT CONCAT(MD5(?), ' ', LENGTH(?))");
  ASSERT_EQ(mysql_stmt_param_count(statement.handle()), 2u);
  for (int round = 0; round < 2; ++round) {
    const std::string piece(1'000'000, 'x');
    for (int i = 0; i < 3; ++i) {
      ASSERT_FALSE(mysql_stmt_send_long_data(statement.handle(), 1, piece.data(), piece.size()));
    }
    EXPECT_EQ(statement.Execute({"", "ignored"}), "d41d8cd98f00b204e9800998ecf8427e 3000000");
  }
  EXPECT_EQ(statement.Execute({"", "four"}), "d41d8cd98f00b204e9800998ecf8427e 4")
      << "long data is for one execution";
}

TEST_F(SessionTest, AResetMakesTheSessionLikeNew) {
  StartProxy();
  ProxyClient client(port());
  ProxyStatement statement(client, "SELECT 1");
  client.Run("SET @x = 5, sql_mode = 'ANSI_QUOTES'; BEGIN");
  EXPECT_EQ(mysql_reset_connection(client.handle()), 0);
  EXPECT_EQ(client.Ask("SELECT CONCAT(COALESCE(@x, 'none'), @@in_transaction)"), "none0");
  EXPECT_EQ(client.Ask("SELECT @@sql_mode LIKE '%ANSI%'"), "0");
  EXPECT_EQ(client.Ask("SELECT DATABASE()"), "d");
  // After the reset the proxy still learns what changes in the session.
  EXPECT_EQ(mysql_reset_connection(client.handle()), 0);
  client.Run("SET sql_mode = 'ANSI_QUOTES'");
  FailOver();
  EXPECT_EQ(client.Ask("SELECT @@sql_mode LIKE '%ANSI%'"), "1");
}

}  // namespace
}  // namespace mysql_proxy
