// Clients that connect and do not log in must not keep others out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "proxy/mysql/protocol/codec.h"
#include "proxy_test.h"
#include "raw_client.h"
#include "support/child_process.h"

namespace mysql_proxy {

using failover::test::Await;
using testing::HasSubstr;

namespace {

class StrangersTest : public ProxyTest {
 protected:
  // This process needs a file descriptor for each stranger.
  static void AllowFiles() {
    rlimit limit = {};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  void Connect(int count) {
    for (int i = 0; i < count; ++i) {
      strangers_.push_back(std::make_unique<RawClient>(port()));
      ASSERT_TRUE(strangers_.back()->connected()) << strangers_.size();
    }
  }
  std::size_t Ended() const {
    return static_cast<std::size_t>(
        std::count_if(strangers_.begin(), strangers_.end(),
                      [](const auto& stranger) { return stranger->HasEnded(); }));
  }

  std::vector<std::unique_ptr<RawClient>> strangers_;
};

TEST_F(StrangersTest, FiveThousandOfThemDoNotKeepAnHonestClientOut) {
  AllowFiles();
  StartProxy({"--max-connections=2", "--max-logins=1000"});
  ProxyClient first(port());
  ASSERT_EQ(first.error().number, 0u) << first.error().text;
  [[maybe_unused]] const std::size_t before = proxy().MemoryInUse();
  for (int i = 0; i < 10; ++i) {
    Connect(500);
    ProxyClient honest(port());
    EXPECT_EQ(honest.Ask("SELECT 1"), "1") << honest.error().text;
    EXPECT_EQ(first.Ask("SELECT 2"), "2");
  }
  // Each honest client has taken the place of a stranger while it logged in.
  EXPECT_TRUE(Await([this] { return Ended() >= 4000; })) << Ended();
  EXPECT_LE(Ended(), 4010u);
  EXPECT_LE(std::stoi(proxy().State("logins")), 1000);
#ifndef FAILOVER_SANITIZED
  EXPECT_LT(proxy().MemoryInUse() - before, std::size_t{40} << 20);
#endif
  strangers_.clear();
  EXPECT_TRUE(Await([this] { return proxy().State("connections") == "1"; }));
  EXPECT_EQ(proxy().State("logins"), "0");
}

TEST_F(StrangersTest, TheyDoNotCountAsConnections) {
  StartProxy({"--max-connections=1"});
  Connect(10);
  EXPECT_TRUE(Await([this] { return proxy().State("logins") == "10"; }));
  EXPECT_EQ(ProxyClient(port()).Ask("SELECT 1"), "1");
}

TEST_F(StrangersTest, TheyGoWhenTheirTimeIsOver) {
  StartProxy({"--login-timeout=50ms"});
  Connect(3);
  for (const auto& stranger : strangers_) EXPECT_TRUE(stranger->AwaitEnd());
  EXPECT_TRUE(Await([this] { return proxy().State("connections") == "0"; }));
}

TEST_F(StrangersTest, WhenFilesAreMissingTheyGoAndTheLogStaysShort) {
  const auto start = std::chrono::steady_clock::now();
  StartProxy();
  ProxyClient first(port());
  ASSERT_EQ(first.error().number, 0u) << first.error().text;
  proxy().LimitFiles(20);
  Connect(200);
  EXPECT_TRUE(Await([this] { return ProxyClient(port()).Ask("SELECT 1") == "1"; }));
  EXPECT_EQ(first.Ask("SELECT 2"), "2");
  // The proxy must have failed to accept at least ten times, because it lets 16 strangers in at a
  // time.
  EXPECT_GE(Ended(), 160u);
  const std::string log = proxy().Output();
  std::size_t lines = 0;
  for (std::size_t at = log.find("cannot accept"); at != std::string::npos;
       at = log.find("cannot accept", at + 1)) {
    ++lines;
  }
  EXPECT_GE(lines, 1u) << "no file descriptor was missing";
  const auto elapsed = std::chrono::steady_clock::now() - start;
  EXPECT_LE(lines, 1u + static_cast<std::size_t>(elapsed / std::chrono::seconds(10))) << log;
}

TEST_F(StrangersTest, TheSessionsOfOneUserAreLimited) {
  StartProxy({"--max-user-connections=2"});
  ProxyClient first(port());
  auto second = std::make_unique<ProxyClient>(port());
  const MysqlError error = ProxyClient(port()).error();
  EXPECT_EQ(error.number, 1203u);
  EXPECT_EQ(error.sqlstate, "42000");
  EXPECT_EQ(error.text, "User app already has more than 'max_user_connections' active connections");
  second.reset();
  EXPECT_TRUE(Await([this] { return ProxyClient(port()).error().number == 0; }));
}

}  // namespace
}  // namespace mysql_proxy
