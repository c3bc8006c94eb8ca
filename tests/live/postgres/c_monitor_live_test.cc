// A monitor of the interface in C watches a real PostgreSQL primary and its standby.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <vector>

#include "failover/c/postgres.h"
#include "support/c_shard.h"
#include "support/live_postgres_server.h"

namespace failover::postgres {
namespace {

TEST(PostgresMonitorInCTest, PromotionReleasesWhatIsHeldToTheNewPrimary) {
  const std::unique_ptr<LiveServer> a = LiveServer::Start();
  ASSERT_NE(a, nullptr);
  a->Run("CREATE ROLE monitor LOGIN PASSWORD 'monitor-password'");
  a->Run("CREATE DATABASE watched");
  a->WriteDataFile("pg_hba.conf",
                   "host watched monitor 127.0.0.1/32 scram-sha-256\n"
                   "host all postgres 127.0.0.1/32 trust\n"
                   "host replication postgres 127.0.0.1/32 trust\n");
  a->Signal(SIGHUP);
  const std::unique_ptr<LiveServer> b = LiveServer::StartReplicaOf(*a);
  ASSERT_NE(b, nullptr);

  test::CShard shard;
  fo_monitored_server server = {};
  server.struct_size = sizeof(server);
  server.host = "127.0.0.1";
  server.user = "monitor";
  server.password = "monitor-password";
  server.database = "watched";
  std::vector<fo_monitored_server> servers(2, server);
  servers[0].name = "a";
  servers[0].port = a->port();
  servers[1].name = "b";
  servers[1].port = b->port();
  shard.Watch(fo_postgres_monitor_create, servers, std::chrono::milliseconds(20));
  ASSERT_TRUE(shard.AwaitPrimary("a"));

  a->Order(Shutdown::kFast);
  a->AwaitEnd();
  ASSERT_TRUE(shard.AwaitPrimary(""));
  shard.Hold();
  EXPECT_TRUE(shard.held());
  b->Run("SELECT pg_promote()");
  ASSERT_TRUE(shard.AwaitRelease());
  EXPECT_EQ(shard.Primary(), "b");
}

}  // namespace
}  // namespace failover::postgres
