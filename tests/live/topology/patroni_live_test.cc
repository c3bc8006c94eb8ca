// A real Patroni replaces the primary, while a small router writes. The feed begins the hold, and
// the monitor of PostgreSQL ends it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/postgres/errors.h"
#include "failover/postgres/primary_monitor.h"
#include "failover/retry.h"
#include "failover/watch/monitor_hook.h"
#include "live_feed.h"
#include "support/live_etcd.h"
#include "support/live_patroni.h"
#include "support/postgres_wire_client.h"

namespace failover::test {
namespace {

using ::testing::HasSubstr;
using State = topology::PatroniState;
using postgres::WireClient;

constexpr std::uint32_t kN1 = 1;
constexpr std::uint32_t kN2 = 2;

// Tells its table first, and the Buffer then, so that a released request finds the new primary.
class Router : public HealthCheckStatsListener {
 public:
  Router(std::uint16_t port_of_n1, std::uint16_t port_of_n2, Buffer& buffer)
      : ports_{port_of_n1, port_of_n2}, buffer_(buffer), primary_port_(port_of_n1) {}

  void StatsUpdate(const TabletStats& stats) override {
    if (stats.target.tablet_type == TabletType::kPrimary && stats.serving) {
      primary_port_ = ports_.at(stats.alias.uid - kN1);
    }
    buffer_.StatsUpdate(stats);
  }
  std::uint16_t primary_port() const { return primary_port_; }

 private:
  const std::vector<std::uint16_t> ports_;
  Buffer& buffer_;
  std::atomic<std::uint16_t> primary_port_;
};

// Inserts rows over a connection that is made anew after each error and for each other primary.
class Writer {
 public:
  absl::Status Insert(std::uint16_t port, int value) {
    if (client_ == nullptr || port != port_) {
      port_ = port;
      client_ = std::make_unique<WireClient>(port);
      if (!client_->login().succeeded()) return Failed(client_->login(), /*sent=*/false);
    }
    const postgres::Reply reply =
        client_->Run("INSERT INTO t VALUES (" + std::to_string(value) + ")");
    return reply.succeeded() ? absl::OkStatus() : Failed(reply, /*sent=*/true);
  }

 private:
  absl::Status Failed(const postgres::Reply& reply, bool sent) {
    postgres::Statement statement;
    statement.send_state = sent ? SendState::kSent : SendState::kNotSent;
    statement.kind = postgres::StatementKind::kSingle;
    absl::Status status = postgres::ToStatus(reply.Error(), statement);
    client_.reset();
    return status;
  }

  std::unique_ptr<WireClient> client_;
  std::uint16_t port_ = 0;
};

class PatroniLiveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(etcd_.Start());
    n1_ = std::make_unique<LivePatroni>("n1", etcd_.port());
    n2_ = std::make_unique<LivePatroni>("n2", etcd_.port());
    ASSERT_TRUE(n1_->Start("/primary"));
    ASSERT_TRUE(n2_->Start("/replica"));
    WireClient on_n1(n1_->port());
    ASSERT_TRUE(on_n1.Run("CREATE TABLE t (i int)").succeeded());
    // A replica that Patroni calls healthy may still have to catch up.
    ASSERT_TRUE(Await([&] {
      return on_n1.Run("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
                 .field == "1";
    }));
    router_ = std::make_unique<Router>(n1_->port(), n2_->port(), *buffer_);
  }

  void StartMonitor() {
    postgres::MonitoredServer server;
    server.alias = {"local", kN1};
    server.host = "127.0.0.1";
    server.port = n1_->port();
    server.user = "postgres";
    postgres::PrimaryMonitorOptions options;
    options.shards.push_back({"ks", "0", {server}});
    server.alias.uid = kN2;
    server.port = n2_->port();
    options.shards[0].servers.push_back(server);
    options.hook = hook_;
    auto monitor = postgres::PrimaryMonitor::Create(options, router_.get());
    ASSERT_TRUE(monitor.ok()) << monitor.status();
    monitor_ = *std::move(monitor);
    ASSERT_TRUE(monitor_->Start().ok());
  }

  // A member writes its key some time after its REST interface tells the same.
  void AwaitMembers() {
    ASSERT_TRUE(feed_.Await([](const State& state) {
      return state.leader == "n1" && state.members.size() == 2 &&
             state.members[1].role == "replica" && state.members[1].state == "running";
    }));
  }

  std::unique_ptr<Buffer> MakeBuffer() {
    BufferOptions options = PatientOptions();
    options.on_transition = hook_;
    return Buffer::Create(options).value();
  }

  watch::MonitorHook hook_;
  LiveEtcd etcd_;
  std::unique_ptr<LivePatroni> n1_;
  std::unique_ptr<LivePatroni> n2_;
  const std::unique_ptr<Buffer> buffer_ = MakeBuffer();
  std::unique_ptr<Router> router_;
  std::unique_ptr<postgres::PrimaryMonitor> monitor_;
  LiveFeed feed_{buffer_.get()};
};

TEST_F(PatroniLiveTest, NobodyNoticesAnAnnouncedSwitchover) {
  StartMonitor();
  feed_.options.etcd.endpoints = {etcd_.url()};
  feed_.Start();
  AwaitMembers();
  const State before = feed_.Now();
  const auto address = topology::AddressOf(before.members[0]);
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->host, "127.0.0.1");
  EXPECT_EQ(address->port, n1_->port());

  const ShardHandle shard = buffer_->GetShard("ks", "0");
  std::atomic<int> written{0};
  std::atomic<bool> enough{false};
  std::thread writing([&] {
    Writer writer;
    while (!enough) {
      const absl::Status status = RunWithFailoverRetry(
          *buffer_, {}, shard, [&] { return writer.Insert(router_->primary_port(), written); });
      EXPECT_TRUE(status.ok()) << status;
      if (!status.ok()) return;
      ++written;
    }
  });
  EXPECT_TRUE(Await([&] { return written > 20; }));
  EXPECT_THAT(n1_->Ask("POST", "/switchover", R"({"leader":"n1","candidate":"n2"})"),
              HasSubstr(" 200 "));
  const int after = written;
  EXPECT_TRUE(Await([&] { return written > after + 20; }));
  enough = true;
  writing.join();

  EXPECT_TRUE(feed_.AwaitLeader("n2"));
  EXPECT_GT(feed_.Now().term, before.term);
  EXPECT_EQ(router_->primary_port(), n2_->port());
  const ShardStats stats = buffer_->GetShardStats("ks", "0").value();
  EXPECT_EQ(stats.starts, 1u) << "the announcement began the only hold";
  EXPECT_EQ(stats.stops[StopReason::kNewPrimarySeen], 1u) << "a report of n2 has ended it";
  WireClient on_n2(n2_->port());
  EXPECT_EQ(on_n2.Run("SELECT count(*) FROM t").field, std::to_string(written));
  EXPECT_EQ(on_n2.Run("SELECT count(DISTINCT i) FROM t").field, std::to_string(written));
  feed_.Stop();
  monitor_->Stop();
}

TEST_F(PatroniLiveTest, AScheduledSwitchoverHoldsNothingBeforeItIsDue) {
  feed_.options.etcd.endpoints = {etcd_.url()};
  feed_.Start();
  AwaitMembers();
  const absl::Time due = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) + 3600);
  const std::string time = absl::FormatTime(absl::RFC3339_sec, due, absl::UTCTimeZone());
  EXPECT_THAT(n1_->Ask("POST", "/switchover",
                       R"({"leader":"n1","candidate":"n2","scheduled_at":")" + time + "\"}"),
              HasSubstr(" 202 "));
  ASSERT_TRUE(feed_.Await([](const State& state) { return state.announced.has_value(); }));
  EXPECT_EQ(feed_.Now().announced->scheduled_at, due);
  EXPECT_EQ(feed_.Now().announced->candidate, "n2");
  EXPECT_THAT(n1_->Ask("DELETE", "/switchover", ""), HasSubstr(" 200 "));
  ASSERT_TRUE(feed_.Await([](const State& state) { return !state.announced.has_value(); }));
  EXPECT_FALSE(feed_.Now().holding);
  EXPECT_EQ(buffer_->GetShardStats("ks", "0").value().starts, 0u);
  feed_.Stop();
}

}  // namespace
}  // namespace failover::test
