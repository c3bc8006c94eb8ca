#include "proxy_test.h"

#include "support/child_process.h"

namespace mysql_proxy {

using failover::test::Await;

std::unique_ptr<LiveServer> ProxyTest::servers_[2];

void ProxyTest::SetUpTestSuite() {
  for (int i = 0; i < 2; ++i) {
    if (servers_[i] != nullptr) continue;
    servers_[i] = LiveServer::Start({"--server-id=" + std::to_string(i + 1),
                                     "--performance-schema=OFF", "--max-allowed-packet=64M"});
    ASSERT_NE(servers_[i], nullptr);
    server(i).Run(
        "GRANT CREATE TEMPORARY TABLES, LOCK TABLES, CREATE ROUTINE, ALTER ROUTINE ON *.* "
        "TO app@'%'");
    server(i).Run("CREATE DATABASE other");
  }
}

void ProxyTest::TearDownTestSuite() {
  for (auto& server : servers_) server.reset();
}

void ProxyTest::SetUp() {
  RunOnBoth("TRUNCATE TABLE d.t");
  SetReadOnly(1, true);
  SetReadOnly(0, false);
}

void ProxyTest::StartProxy(const std::vector<std::string>& flags) {
  // What is not tested takes as long as it takes on a busy machine.
  std::vector<std::string> all = {"--enable-buffer",
                                  "--buffer-window=1h",
                                  "--buffer-max-failover-duration=1h",
                                  "--buffer-min-time-between-failovers=2h",
                                  "--buffer-drain-concurrency=10",
                                  "--poll-timeout=1h",
                                  "--connect-timeout=1h",
                                  "--login-timeout=1h",
                                  "--silence-limit=1h",
                                  "--drain-timeout=1h"};
  all.insert(all.end(), flags.begin(), flags.end());
  proxy_ = ProxyProcess::Start({server(0).port(), server(1).port()}, all);
  ASSERT_NE(proxy_, nullptr);
}

void ProxyTest::RunOnBoth(const std::string& sql) {
  for (int i = 0; i < 2; ++i) server(i).Run(sql);
}

std::string ProxyTest::AskServer(int index, const std::string& sql) {
  return server(index).Root().Ask(sql);
}

void ProxyTest::SetReadOnly(int index, bool read_only) {
  server(index).Run(std::string("SET GLOBAL read_only = ") + (read_only ? "ON" : "OFF"));
}

void ProxyTest::AwaitPrimary(int index) {
  const std::string address = "127.0.0.1:" + std::to_string(server(index).port());
  EXPECT_TRUE(Await([&] { return proxy().State("primary") == address; })) << proxy().Output();
}

void ProxyTest::AwaitNoPrimary() {
  // In the log, because State names the last primary until there is another. A primary that was
  // slow once, and then returned, is not meant.
  EXPECT_TRUE(Await([&] {
    const std::string log = proxy().Output();
    const std::size_t gone = log.rfind("there is no primary");
    return gone != std::string::npos && log.find("is the primary", gone) == std::string::npos;
  })) << proxy().Output();
}

void ProxyTest::FailOver() {
  AwaitPrimary(0);
  SetReadOnly(0, true);
  SetReadOnly(1, false);
  AwaitPrimary(1);
}

void ProxyTest::AwaitHeld(int requests) {
  EXPECT_TRUE(Await([&] { return proxy().State("held") == std::to_string(requests); }))
      << proxy().Output();
}

}  // namespace mysql_proxy
