// The monitor watches two real MariaDB servers, alone and with a Buffer in a small router.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failover/buffer.h"
#include "failover/mysql/errors.h"
#include "failover/mysql/primary_monitor.h"
#include "failover/retry.h"
#include "support/child_process.h"
#include "support/live_mysql_server.h"
#include "support/log_capture.h"
#include "support/recording_listener.h"

namespace failover::mysql {
namespace {

using test::IsDown;
using test::IsPrimaryThatDoesNotServe;
using test::IsReplica;
using test::IsServingPrimary;
using test::RecordingListener;
using testing::HasSubstr;

constexpr std::uint32_t kA = 1;
constexpr std::uint32_t kB = 2;

// A listener that updates the router's own table first, and calls the Buffer then.
class Router : public HealthCheckStatsListener {
 public:
  Router(std::uint16_t port_of_a, std::uint16_t port_of_b, Buffer& buffer)
      : ports_{port_of_a, port_of_b}, buffer_(buffer), primary_port_(port_of_a) {}

  void StatsUpdate(const TabletStats& stats) override {
    if (IsServingPrimary(stats)) primary_port_ = ports_[stats.alias.uid - kA];
    buffer_.StatsUpdate(stats);
  }

  std::uint16_t primary_port() const { return primary_port_; }

 private:
  const std::uint16_t ports_[2];
  Buffer& buffer_;
  std::atomic<std::uint16_t> primary_port_;
};

class LiveMonitorTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    a_ = LiveServer::Start({"--max-connections=10"}).release();
    b_ = LiveServer::Start({"--max-connections=10"}).release();
  }
  static void TearDownTestSuite() {
    delete a_;
    delete b_;
  }

  void SetUp() override {
    ASSERT_NE(a_, nullptr);
    ASSERT_NE(b_, nullptr);
    for (const LiveServer* server : {a_, b_}) {
      server->Run("DELETE FROM d.t");
      server->Run("CREATE OR REPLACE USER monitor@'%' IDENTIFIED BY 'monitor-password'");
      server->Run("CREATE OR REPLACE USER monitor@localhost IDENTIFIED BY 'monitor-password'");
    }
    a_->Run("SET GLOBAL read_only = OFF");
    b_->Run("SET GLOBAL read_only = ON");
  }

  // The monitor reaches A by TCP and B through its socket.
  static PrimaryMonitorOptions Options() {
    PrimaryMonitorOptions options;
    MonitoredServer a;
    a.alias = {"local", kA};
    a.host = "127.0.0.1";
    a.port = a_->port();
    a.user = "monitor";
    a.password = "monitor-password";
    MonitoredServer b = a;
    b.alias.uid = kB;
    b.host.clear();
    b.unix_socket = b_->socket_path();
    options.shards.push_back({"commerce", "0", {a, b}});
    options.poll_interval = absl::Milliseconds(20);
    // A server that is only slow, because the machine is busy, must not look like one that hangs.
    options.timeout = absl::Hours(1);
    return options;
  }

  void Start(const PrimaryMonitorOptions& options, HealthCheckStatsListener& listener) {
    auto monitor = PrimaryMonitor::Create(options, &listener);
    ASSERT_TRUE(monitor.ok()) << monitor.status();
    monitor_ = *std::move(monitor);
    ASSERT_TRUE(monitor_->Start().ok());
  }

  void StartAndFindA() {
    Start(Options(), listener_);
    ASSERT_TRUE(listener_.Await(kA, IsServingPrimary));
    ASSERT_TRUE(listener_.Await(kB, IsReplica));
  }

  static LiveServer* a_;
  static LiveServer* b_;
  RecordingListener listener_;
  std::unique_ptr<PrimaryMonitor> monitor_;
};

LiveServer* LiveMonitorTest::a_ = nullptr;
LiveServer* LiveMonitorTest::b_ = nullptr;

TEST_F(LiveMonitorTest, Switchover) {
  StartAndFindA();
  const std::int64_t before = listener_.last(kA).tablet_externally_reparented_timestamp;
  a_->Run("SET GLOBAL read_only = ON");
  ASSERT_TRUE(listener_.Await(kA, IsPrimaryThatDoesNotServe));
  b_->Run("SET GLOBAL read_only = OFF");
  ASSERT_TRUE(listener_.Await(kB, IsServingPrimary));
  EXPECT_GT(listener_.last(kB).tablet_externally_reparented_timestamp, before);
  EXPECT_TRUE(listener_.Await(kA, IsReplica));
}

TEST_F(LiveMonitorTest, FrozenPrimaryDoesNotServeUntilItThaws) {
  PrimaryMonitorOptions options = Options();
  options.timeout = absl::Seconds(1);
  Start(options, listener_);
  ASSERT_TRUE(listener_.Await(kA, IsServingPrimary));
  const std::int64_t before = listener_.last(kA).tablet_externally_reparented_timestamp;
  a_->Signal(SIGSTOP);
  EXPECT_TRUE(listener_.Await(kA, IsDown));
  a_->Signal(SIGCONT);
  EXPECT_TRUE(listener_.Await(kA, IsServingPrimary));
  EXPECT_EQ(listener_.last(kA).tablet_externally_reparented_timestamp, before);
}

TEST_F(LiveMonitorTest, CrashedPrimaryThatReturnsTakingWritesIsNotTrusted) {
  StartAndFindA();
  a_->Kill();
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  b_->Run("SET GLOBAL read_only = OFF");
  ASSERT_TRUE(listener_.Await(kB, IsServingPrimary));
  const std::int64_t promoted = listener_.last(kB).tablet_externally_reparented_timestamp;

  ASSERT_TRUE(a_->Restart());
  ASSERT_TRUE(listener_.Await(kA, [](const TabletStats& stats) {
    return stats.up && stats.target.tablet_type == TabletType::kUnknown && !stats.serving;
  }));
  EXPECT_THAT(listener_.last(kA).last_error, HasSubstr("not trusted"));
  a_->Run("SET GLOBAL read_only = ON");
  ASSERT_TRUE(listener_.Await(kA, IsReplica));
  EXPECT_TRUE(listener_.last(kB).serving);
  EXPECT_EQ(listener_.last(kB).tablet_externally_reparented_timestamp, promoted);
}

TEST_F(LiveMonitorTest, WrongPassword) {
  PrimaryMonitorOptions options = Options();
  options.shards[0].servers[0].password = "wrong";
  const test::LogCapture log;
  Start(options, listener_);
  // A refusal says nothing about the server, so the monitor reports nothing, and warns.
  EXPECT_TRUE(log.AwaitLine("1045 Access denied for user 'monitor'"));
}

TEST_F(LiveMonitorTest, ConnectionLimitIsReached) {
  const test::LogCapture log;
  StartAndFindA();
  Client root = a_->Root();
  std::vector<Client> clients;
  do {
    clients.push_back(a_->App());
  } while (clients.back().error().number == 0);
  ASSERT_EQ(clients.back().error().number, 1040u);
  clients.pop_back();
  // The monitor's connection is killed again and again, until another client takes its place before
  // the monitor connects anew.
  EXPECT_TRUE(test::Await([&] {
    root.Run("KILL USER monitor");
    clients.push_back(a_->App());
    if (clients.back().error().number == 0) return true;
    clients.pop_back();
    return false;
  }));
  // The monitor learns first that its connection is lost, and then why it gets no other one.
  ASSERT_TRUE(test::Await([&] { return log.Count("1040 Too many connections") > 0; }));
  clients.clear();
  EXPECT_TRUE(listener_.Await(kA, IsServingPrimary));
}

// The purpose of the library: no client notices a planned switchover.
TEST_F(LiveMonitorTest, WritesAreHeldThroughASwitchover) {
  BufferOptions buffer_options;
  // Longer than this test takes on a busy machine.
  buffer_options.window = absl::Minutes(10);
  buffer_options.max_failover_duration = absl::Minutes(10);
  buffer_options.min_time_between_failovers = absl::Minutes(20);
  auto created = Buffer::Create(buffer_options);
  ASSERT_TRUE(created.ok());
  const std::unique_ptr<Buffer> buffer = *std::move(created);
  const ShardHandle shard = buffer->GetShard("commerce", "0");
  Router router(a_->port(), b_->port(), *buffer);
  Start(Options(), router);

  std::atomic<int> written{0};
  std::atomic<bool> enough{false};
  std::thread writer([&] {
    std::optional<Client> client;
    std::uint16_t port = 0;
    const auto write_next = [&] {
      if (port != router.primary_port()) {
        port = router.primary_port();
        client.emplace(Client::ByPort(port, kAppUser, kAppPassword));
      }
      const MysqlError& error =
          client->Run("INSERT INTO d.t VALUES (" + std::to_string(written.load()) + ")");
      return error.number == 0 ? absl::OkStatus() : ToStatus(error, {});
    };
    while (!enough) {
      const absl::Status status = RunWithFailoverRetry(*buffer, {}, shard, write_next);
      EXPECT_TRUE(status.ok()) << status;
      if (!status.ok()) return;
      ++written;
    }
  });

  Client on_a = a_->Root();
  Client on_b = b_->Root();
  EXPECT_TRUE(on_a.AwaitAnswer("SELECT COUNT(*) > 20 FROM d.t", "1"));
  a_->Run("SET GLOBAL read_only = ON");
  // A slow writer could otherwise miss that there was no primary, and would never be held.
  EXPECT_TRUE(test::Await([&] {
    const std::optional<ShardStats> stats = buffer->GetShardStats("commerce", "0");
    return stats.has_value() && stats->requests_held == 1;
  }));
  const std::string at_switch = on_a.Ask("SELECT COUNT(*) FROM d.t");
  b_->Run("SET GLOBAL read_only = OFF");
  EXPECT_TRUE(on_b.AwaitAnswer("SELECT COUNT(*) > 20 FROM d.t", "1"));
  enough = true;
  writer.join();

  EXPECT_EQ(on_a.Ask("SELECT COUNT(*) FROM d.t"), at_switch);
  EXPECT_EQ(on_b.Ask("SELECT MIN(i) FROM d.t"), at_switch);
  EXPECT_EQ(on_b.Ask("SELECT COUNT(*) + " + at_switch + " FROM d.t"),
            std::to_string(written.load()));
  const std::optional<ShardStats> stats = buffer->GetShardStats("commerce", "0");
  ASSERT_TRUE(stats.has_value());
  EXPECT_EQ(stats->starts, 1u);
  monitor_->Stop();
}

}  // namespace
}  // namespace failover::mysql
