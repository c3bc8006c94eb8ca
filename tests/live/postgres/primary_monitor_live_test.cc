// The monitor watches a real PostgreSQL primary and its streaming standby, alone and with a Buffer
// in a small router.
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

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "expect.h"
#include "failover/buffer.h"
#include "failover/postgres/errors.h"
#include "failover/postgres/primary_monitor.h"
#include "failover/retry.h"
#include "support/child_process.h"
#include "support/live_postgres_server.h"
#include "support/log_capture.h"
#include "support/postgres_wire_client.h"
#include "support/recording_listener.h"

namespace failover::postgres {
namespace {

using test::IsDown;
using test::IsPrimaryThatDoesNotServe;
using test::IsReplica;
using test::IsServingPrimary;
using test::RecordingListener;
using testing::HasSubstr;

constexpr std::uint32_t kA = 1;
constexpr std::uint32_t kB = 2;

bool IsNotTrusted(const TabletStats& stats) {
  return stats.up && stats.target.tablet_type == TabletType::kUnknown && !stats.serving;
}

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

// A is the primary and B its standby. The monitor logs in with a password, by SCRAM without TLS.
class LiveMonitorTest : public testing::Test {
 protected:
  void SetUp() override {
    a_ = LiveServer::Start();
    ASSERT_NE(a_, nullptr);
    a_->Run("CREATE TABLE t (i int); CREATE ROLE monitor LOGIN PASSWORD 'monitor-password'");
    a_->WriteDataFile("pg_hba.conf",
                      "host all monitor 127.0.0.1/32 scram-sha-256\n"
                      "local all monitor scram-sha-256\n"
                      "host all postgres 127.0.0.1/32 trust\n"
                      "host replication postgres 127.0.0.1/32 trust\n");
    a_->Signal(SIGHUP);
    b_ = LiveServer::StartReplicaOf(*a_);
    ASSERT_NE(b_, nullptr);
  }

  // The monitor reaches A by TCP and B through its socket.
  PrimaryMonitorOptions Options() const {
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

  void StartAndFindA(const PrimaryMonitorOptions& options) {
    Start(options, listener_);
    ASSERT_TRUE(listener_.Await(kA, IsServingPrimary));
    ASSERT_TRUE(listener_.Await(kB, IsReplica));
  }
  void StartAndFindA() { StartAndFindA(Options()); }

  // Waits until the server was asked `more` more times.
  bool AwaitReports(std::uint32_t uid, std::size_t more) const {
    const std::size_t enough = listener_.count(uid) + more;
    return test::Await([&] { return listener_.count(uid) >= enough; });
  }

  std::int64_t TermOf(std::uint32_t uid) const {
    return listener_.last(uid).tablet_externally_reparented_timestamp;
  }

  static void Stop(LiveServer& server) {
    server.Order(Shutdown::kFast);
    server.AwaitEnd();
  }
  static void Restart(LiveServer& server) {
    ASSERT_TRUE(server.Launch({}));
    ASSERT_TRUE(server.AwaitLogin());
  }

  std::unique_ptr<LiveServer> a_;
  std::unique_ptr<LiveServer> b_;
  test::LogCapture log_;
  RecordingListener listener_;
  std::unique_ptr<PrimaryMonitor> monitor_;
};

TEST_F(LiveMonitorTest, StandbyIsPromotedAfterThePrimaryWasStopped) {
  StartAndFindA();
  const std::int64_t before = TermOf(kA);
  Stop(*a_);
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  b_->Run("SELECT pg_promote()");
  ASSERT_TRUE(listener_.Await(kB, IsServingPrimary));
  const std::int64_t promoted = TermOf(kB);
  EXPECT_GT(promoted, before);

  ASSERT_TRUE(a_->CopyFrom(*b_));
  Restart(*a_);
  ASSERT_TRUE(listener_.Await(kA, IsReplica));
  EXPECT_TRUE(IsServingPrimary(listener_.last(kB)));
  EXPECT_EQ(TermOf(kB), promoted);
}

TEST_F(LiveMonitorTest, OldPrimaryThatStillTakesWritesIsNotTrusted) {
  StartAndFindA();
  b_->Run("SELECT pg_promote()");
  ASSERT_TRUE(listener_.Await(kB, IsServingPrimary));
  a_->Run("INSERT INTO t VALUES (1)");
  ASSERT_TRUE(listener_.Await(kA, IsNotTrusted));

  // The loss of the new primary does not make the old one trusted.
  Stop(*b_);
  ASSERT_TRUE(listener_.Await(kB, IsDown));
  ASSERT_TRUE(AwaitReports(kA, 5));
  EXPECT_TRUE(IsNotTrusted(listener_.last(kA)));

  // Somebody gave up the new primary.
  ASSERT_TRUE(b_->CopyFrom(*a_));
  Restart(*b_);
  ASSERT_TRUE(listener_.Await(kB, IsReplica));
  EXPECT_TRUE(listener_.Await(kA, IsServingPrimary));
}

TEST_F(LiveMonitorTest, OldPrimaryThatIsStartedAgainIsNotTrusted) {
  StartAndFindA();
  Stop(*a_);
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  b_->Run("SELECT pg_promote()");
  ASSERT_TRUE(listener_.Await(kB, IsServingPrimary));
  Restart(*a_);
  ASSERT_TRUE(listener_.Await(kA, IsNotTrusted));
  EXPECT_THAT(listener_.last(kA).last_error, HasSubstr("not trusted"));
  EXPECT_TRUE(IsServingPrimary(listener_.last(kB)));
}

TEST_F(LiveMonitorTest, RestartedPrimaryIsTheSamePrimary) {
  StartAndFindA();
  const std::int64_t before = TermOf(kA);
  Stop(*a_);
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  Restart(*a_);
  ASSERT_TRUE(listener_.Await(kA, IsServingPrimary));
  EXPECT_EQ(TermOf(kA), before);
}

TEST_F(LiveMonitorTest, FrozenPrimaryThatThawsAfterThePromotionNeverServes) {
  PrimaryMonitorOptions options = Options();
  options.timeout = absl::Seconds(2);
  StartAndFindA(options);
  a_->SignalAll(SIGSTOP);
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  b_->Run("SELECT pg_promote()");
  ASSERT_TRUE(listener_.Await(kB, IsServingPrimary));
  std::atomic<bool> served{false};
  listener_.SetHook([&] { served = served || IsServingPrimary(listener_.last(kA)); });
  a_->SignalAll(SIGCONT);
  EXPECT_TRUE(listener_.Await(kA, IsNotTrusted));
  ASSERT_TRUE(AwaitReports(kA, 5));
  monitor_->Stop();
  EXPECT_FALSE(served);
}

TEST_F(LiveMonitorTest, FrozenPrimaryThatThawsInTimeIsTheSamePrimary) {
  PrimaryMonitorOptions options = Options();
  options.timeout = absl::Seconds(2);
  StartAndFindA(options);
  const std::int64_t before = TermOf(kA);
  a_->SignalAll(SIGSTOP);
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  a_->SignalAll(SIGCONT);
  EXPECT_TRUE(listener_.Await(kA, IsServingPrimary));
  EXPECT_EQ(TermOf(kA), before);
}

TEST_F(LiveMonitorTest, ReadOnlyConfigurationCountsAndTheOneOfTheRoleDoesNot) {
  a_->Run("ALTER ROLE monitor SET default_transaction_read_only = on");
  StartAndFindA();
  a_->Run("ALTER ROLE monitor RESET default_transaction_read_only");
  monitor_->Stop();
  Start(Options(), listener_);
  // The reports of the first monitor say nothing about the second one.
  ASSERT_TRUE(AwaitReports(kA, 3));
  ASSERT_TRUE(listener_.Await(kA, IsServingPrimary));
  a_->Run("ALTER SYSTEM SET default_transaction_read_only = on");
  a_->Signal(SIGHUP);
  ASSERT_TRUE(listener_.Await(kA, IsPrimaryThatDoesNotServe));
  EXPECT_THAT(listener_.last(kA).last_error, HasSubstr("default_transaction_read_only"));
  a_->Run("ALTER SYSTEM RESET ALL");
  a_->Signal(SIGHUP);
  EXPECT_TRUE(listener_.Await(kA, IsServingPrimary));
}

TEST_F(LiveMonitorTest, TwoAddressesOfOneServerAreNoFork) {
  PrimaryMonitorOptions options = Options();
  MonitoredServer& second = options.shards[0].servers[1];
  second.unix_socket = a_->socket_path();
  Start(options, listener_);
  ASSERT_TRUE(listener_.Await(kA, IsServingPrimary));
  EXPECT_TRUE(log_.AwaitLine("is the same server as"));
  Stop(*a_);
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  Restart(*a_);
  EXPECT_TRUE(listener_.Await(kA, IsServingPrimary));
}

// A small writer of a router: one connection, made anew after each error.
class Writer {
 public:
  absl::Status Insert(std::uint16_t port, int value) {
    if (client_ == nullptr || port != port_) {
      port_ = port;
      client_ = std::make_unique<WireClient>(port);
      if (!client_->login().succeeded()) return Failed(client_->login(), NotSent());
    }
    const Reply reply = client_->Run("INSERT INTO t VALUES (" + std::to_string(value) + ")");
    return reply.succeeded() ? absl::OkStatus() : Failed(reply, Single());
  }

 private:
  absl::Status Failed(const Reply& reply, const Statement& statement) {
    absl::Status status = ToStatus(reply.Error(), statement);
    client_.reset();
    return status;
  }

  std::unique_ptr<WireClient> client_;
  std::uint16_t port_ = 0;
};

// The purpose of the library: no client notices a planned switchover.
TEST_F(LiveMonitorTest, WritesAreHeldUntilTheStandbyIsThePrimary) {
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
  std::thread thread([&] {
    Writer writer;
    const auto write_next = [&] { return writer.Insert(router.primary_port(), written); };
    while (!enough) {
      const absl::Status status = RunWithFailoverRetry(*buffer, {}, shard, write_next);
      EXPECT_TRUE(status.ok()) << status;
      if (!status.ok()) return;
      ++written;
    }
  });

  EXPECT_TRUE(test::Await([&] { return written > 20; }));
  Stop(*a_);
  // The writer must have been refused before there is a new primary, or it is never held.
  EXPECT_TRUE(test::Await([&] {
    const std::optional<ShardStats> stats = buffer->GetShardStats("commerce", "0");
    return stats.has_value() && stats->requests_held == 1;
  }));
  const int before = written;
  b_->Run("SELECT pg_promote()");
  EXPECT_TRUE(test::Await([&] { return written > before + 20; }));
  enough = true;
  thread.join();

  WireClient on_b(b_->port());
  EXPECT_EQ(on_b.Run("SELECT count(*) FROM t").field, std::to_string(written));
  EXPECT_EQ(on_b.Run("SELECT count(DISTINCT i) FROM t").field, std::to_string(written));
  const std::optional<ShardStats> stats = buffer->GetShardStats("commerce", "0");
  ASSERT_TRUE(stats.has_value());
  // The sessions of a server that stops do not end at the same instant. So the monitor may find
  // that the server takes writes when the writer was refused already, and the writer is held twice.
  EXPECT_GE(stats->starts, 1u);
  monitor_->Stop();
}

}  // namespace
}  // namespace failover::postgres
