// Two real servers and a proxy in front of them.
#ifndef FAILOVER_TESTS_E2E_MYSQL_PROXY_TEST_H_
#define FAILOVER_TESTS_E2E_MYSQL_PROXY_TEST_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy_client.h"
#include "proxy_process.h"
#include "support/live_mysql_server.h"

namespace mysql_proxy {

using failover::mysql::LiveServer;

// The servers do not replicate: what a test needs on both it makes on both.
class ProxyTest : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();

  // The first server is the primary, and both have an empty table d.t (i INT PRIMARY KEY).
  void SetUp() override;

  // With a buffer. Nothing of the proxy ends by time, unless the flags say otherwise.
  void StartProxy(const std::vector<std::string>& flags = {});
  ProxyProcess& proxy() { return *proxy_; }
  std::uint16_t port() const { return proxy_->port(); }

  static LiveServer& server(int index) { return *servers_[index]; }
  static void RunOnBoth(const std::string& sql);
  // The first field of its first row, as root.
  static std::string AskServer(int index, const std::string& sql);

  static void SetReadOnly(int index, bool read_only);
  // Until the proxy has seen that this server takes writes, alone.
  void AwaitPrimary(int index);
  // Until the proxy has seen that no server takes writes.
  void AwaitNoPrimary();
  // A planned one, from the first server to the second.
  void FailOver();
  // Until so many requests are held.
  void AwaitHeld(int requests);

 private:
  static std::unique_ptr<LiveServer> servers_[2];
  std::unique_ptr<ProxyProcess> proxy_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_TESTS_E2E_MYSQL_PROXY_TEST_H_
