// Two real servers, which are the backends of a proxy.
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

// The servers do not replicate. A test that needs something on both servers makes it on both.
class ProxyTest : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();

  // The first server is the primary, and both have an empty table d.t (i INT PRIMARY KEY).
  void SetUp() override;

  // The proxy has a buffer. No limit of the proxy ends anything, unless the flags say otherwise.
  void StartProxy(const std::vector<std::string>& flags = {});
  ProxyProcess& proxy() { return *proxy_; }
  std::uint16_t port() const { return proxy_->port(); }

  static LiveServer& server(int index) { return *servers_[index]; }
  static void RunOnBoth(const std::string& sql);
  // Asks a server directly, as root. Returns the first field of the first row.
  static std::string AskServer(int index, const std::string& sql);

  static void SetReadOnly(int index, bool read_only);
  // Waits until the proxy takes this server for the primary.
  void AwaitPrimary(int index);
  // Waits until the proxy has seen that no server takes writes.
  void AwaitNoPrimary();
  // Makes a planned failover from the first server to the second.
  void FailOver();
  // Waits until the proxy holds so many requests.
  void AwaitHeld(int requests);

 private:
  static std::unique_ptr<LiveServer> servers_[2];
  std::unique_ptr<ProxyProcess> proxy_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_TESTS_E2E_MYSQL_PROXY_TEST_H_
