// A monitor of the interface in C watches two real MariaDB servers.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "failover/c/mysql.h"
#include "support/c_shard.h"
#include "support/live_mysql_server.h"

namespace failover::mysql {
namespace {

constexpr std::chrono::milliseconds kOften(20);

// A takes writes and is reached by TCP. B is read-only and is reached by its socket.
class MysqlMonitorInCTest : public testing::Test {
 protected:
  void SetUp() override {
    a_ = LiveServer::Start({"--max-connections=10"});
    b_ = LiveServer::Start({"--max-connections=10", "--read-only=ON"});
    ASSERT_NE(a_, nullptr);
    ASSERT_NE(b_, nullptr);
    for (const LiveServer* server : {a_.get(), b_.get()}) {
      server->Run("CREATE USER monitor@'%' IDENTIFIED BY 'monitor-password'");
      server->Run("CREATE OR REPLACE USER monitor@localhost IDENTIFIED BY 'monitor-password'");
    }
    name_of_a_ = "127.0.0.1:" + std::to_string(a_->port());
    socket_of_b_ = b_->socket_path();
  }

  // Returns when the monitor has found A.
  void Watch(std::chrono::milliseconds poll_interval) {
    fo_monitored_server a = {};
    a.struct_size = sizeof(a);
    a.host = "127.0.0.1";
    a.port = a_->port();
    a.user = "monitor";
    a.password = "monitor-password";
    fo_monitored_server b = a;
    b.host = nullptr;
    b.port = 0;
    b.unix_socket = socket_of_b_.c_str();
    shard_.Watch(fo_mysql_monitor_create, {a, b}, poll_interval);
    ASSERT_TRUE(shard_.AwaitPrimary(name_of_a_));
  }

  std::unique_ptr<LiveServer> a_;
  std::unique_ptr<LiveServer> b_;
  std::string name_of_a_;
  std::string socket_of_b_;
  test::CShard shard_;
};

TEST_F(MysqlMonitorInCTest, SwitchoverReleasesWhatIsHeldToTheNewPrimary) {
  Watch(kOften);
  a_->Run("SET GLOBAL read_only = ON");
  ASSERT_TRUE(shard_.AwaitPrimary(""));
  shard_.Hold();
  EXPECT_TRUE(shard_.held());
  b_->Run("SET GLOBAL read_only = OFF");
  ASSERT_TRUE(shard_.AwaitPrimary(socket_of_b_));
  EXPECT_TRUE(shard_.AwaitRelease());
}

TEST_F(MysqlMonitorInCTest, CrashReleasesWhatIsHeldToTheNewPrimary) {
  Watch(kOften);
  a_->Kill();
  ASSERT_TRUE(shard_.AwaitPrimary(""));
  shard_.Hold();
  EXPECT_TRUE(shard_.held());
  b_->Run("SET GLOBAL read_only = OFF");
  ASSERT_TRUE(shard_.AwaitRelease());
  EXPECT_EQ(shard_.Primary(), socket_of_b_);
}

// The monitor learns of the hold from the buffer. Otherwise it would ask an hour later.
TEST_F(MysqlMonitorInCTest, HoldMakesTheMonitorAskAtOnce) {
  Watch(std::chrono::hours(1));
  a_->Run("SET GLOBAL read_only = ON");
  shard_.Hold();
  ASSERT_TRUE(shard_.AwaitPrimary(""));
  b_->Run("SET GLOBAL read_only = OFF");
  ASSERT_TRUE(shard_.AwaitRelease());
  EXPECT_EQ(shard_.Primary(), socket_of_b_);
}

}  // namespace
}  // namespace failover::mysql
