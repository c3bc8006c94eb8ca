// Two PostgreSQL servers and the proxy in front of them, for tests.
#ifndef FAILOVER_TESTS_E2E_POSTGRES_CLUSTER_TEST_H_
#define FAILOVER_TESTS_E2E_POSTGRES_CLUSTER_TEST_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy_process.h"
#include "support/live_postgres_server.h"
#include "support/postgres_wire_client.h"

namespace postgres_proxy {

inline std::string PortFlag(std::uint16_t port) { return "--port=" + std::to_string(port); }

inline std::vector<std::string> Psql(std::uint16_t port, const std::string& user = "postgres") {
  return {PSQL,           "--no-psqlrc",        "--no-password",    "--host=127.0.0.1",
          PortFlag(port), "--username=" + user, "--dbname=postgres"};
}

// Flags of a proxy that holds, and that gives up nothing because the machine is slow.
inline std::vector<std::string> Patient() {
  return {"--enable-buffer",
          "--buffer-window=1h",
          "--buffer-max-failover-duration=1h",
          "--buffer-min-time-between-failovers=2h",
          "--poll-timeout=1h",
          "--connect-timeout=1h",
          "--login-timeout=1h",
          "--silence-limit=1h"};
}

// A primary, a replica that streams from it, and a proxy that lets everybody in.
class ClusterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    primary_ = failover::postgres::LiveServer::Start();
    ASSERT_NE(primary_, nullptr);
    replica_ = failover::postgres::LiveServer::StartReplicaOf(*primary_);
    ASSERT_NE(replica_, nullptr);
    failover::postgres::WireClient client(primary_->port());
    ASSERT_TRUE(
        client.AwaitField("SELECT string_agg(state, ',') FROM pg_stat_replication", "streaming"));
    proxy_ = StartProxy({});
    ASSERT_NE(proxy_, nullptr);
  }

  virtual std::unique_ptr<ProxyProcess> StartProxy(std::vector<std::string> flags) const {
    const std::vector<std::string> patient = Patient();
    flags.insert(flags.end(), patient.begin(), patient.end());
    flags.emplace_back("--client-auth=trust");
    return ProxyProcess::Start({primary_->port(), replica_->port()}, "postgres\n", flags);
  }

  // Ends the primary in order, and makes the replica the primary.
  void Promote() const {
    primary_->Order(failover::postgres::Shutdown::kFast);
    primary_->AwaitEnd();
    replica_->Run("SELECT pg_promote()");
  }

  // Lets failoverctl hold what is new, wait for the rest, and promote the replica. `socket` is the
  // admin socket of the proxy.
  void SwitchOver(const std::string& socket) const;

  std::unique_ptr<failover::postgres::LiveServer> primary_;
  std::unique_ptr<failover::postgres::LiveServer> replica_;
  std::unique_ptr<ProxyProcess> proxy_;
};

}  // namespace postgres_proxy

#endif  // FAILOVER_TESTS_E2E_POSTGRES_CLUSTER_TEST_H_
