// The monitor with scripted servers: which of them it reports as the primary.
#include "failover/postgres/primary_monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "support/fake_postgres_server.h"
#include "support/log_capture.h"
#include "support/recording_listener.h"

namespace failover::postgres {
namespace {

using test::IsDown;
using test::IsPrimaryThatDoesNotServe;
using test::IsReplica;
using test::IsServingPrimary;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

constexpr char kPassword[] = "a-secret-nobody-may-see";
constexpr std::uint32_t kA = 100;
constexpr std::uint32_t kB = 101;

// `start` is the time when the server was started, which tells the servers apart.
FakeServer::Script Primary(const std::string& timeline, const std::string& start,
                           const std::string& system = "7001") {
  return {{LoggedIn(), Answer({"f", timeline, system, start, "5432", ""})}};
}
FakeServer::Script Standby(const std::string& start) {
  return {{LoggedIn(), Answer({"t", std::nullopt, "7001", start, "5432", ""})}};
}

bool IsNotTrusted(const TabletStats& stats) {
  return stats.target.tablet_type == TabletType::kUnknown && stats.up && !stats.serving;
}

// Two servers: A is the primary on timeline 1, B is its standby.
class PrimaryMonitorTest : public testing::Test {
 protected:
  PrimaryMonitorTest() {
    options_.shards.push_back({"commerce", "0", {Server(kA, a_), Server(kB, b_)}});
    options_.poll_interval = absl::Milliseconds(2);
    // A server that is only slow, because the machine is busy, must not look like one that hangs.
    options_.timeout = absl::Hours(1);
  }

  static MonitoredServer Server(std::uint32_t uid, const FakeServer& fake) {
    MonitoredServer server;
    server.alias = {"zone1", uid};
    server.host = "127.0.0.1";
    server.port = fake.port();
    server.user = "monitor";
    server.password = kPassword;
    return server;
  }

  void Start() {
    auto monitor = PrimaryMonitor::Create(options_, &listener_);
    ASSERT_TRUE(monitor.ok()) << monitor.status();
    monitor_ = *std::move(monitor);
    const absl::Status started = monitor_->Start();
    ASSERT_TRUE(started.ok()) << started;
  }

  void StartAndFindA() {
    Start();
    ASSERT_TRUE(listener_.Await(kA, IsServingPrimary));
    ASSERT_TRUE(listener_.Await(kB, IsReplica));
  }

  std::int64_t TermOf(std::uint32_t uid) const {
    return listener_.last(uid).tablet_externally_reparented_timestamp;
  }

  test::LogCapture log_;
  FakeServer a_{Primary("00000001", "1.5")};
  FakeServer b_{Standby("2.5")};
  PrimaryMonitorOptions options_;
  test::RecordingListener listener_;
  std::unique_ptr<PrimaryMonitor> monitor_;
};

TEST_F(PrimaryMonitorTest, FindsThePrimaryAndItsReplica) {
  StartAndFindA();
  const TabletStats primary = listener_.last(kA);
  EXPECT_EQ(primary.target.keyspace, "commerce");
  EXPECT_EQ(primary.target.shard, "0");
  EXPECT_GT(primary.tablet_externally_reparented_timestamp, 0);
  EXPECT_TRUE(monitor_->CheckNow("commerce", "0"));
  EXPECT_FALSE(monitor_->CheckNow("commerce", "1"));
  monitor_->Stop();
  EXPECT_THAT(log_.lines(), Each(Not(HasSubstr(kPassword))));
}

TEST_F(PrimaryMonitorTest, HigherTimelineReplacesAnOldPrimaryThatTakesWrites) {
  StartAndFindA();
  const std::int64_t before = TermOf(kA);
  b_.Set(Primary("00000002", "2.5"));
  ASSERT_TRUE(listener_.Await(kB, IsServingPrimary));
  EXPECT_GT(TermOf(kB), before);
  EXPECT_TRUE(listener_.Await(kA, IsNotTrusted));
  EXPECT_TRUE(log_.AwaitLine("another server was promoted after it"));
}

TEST_F(PrimaryMonitorTest, EqualTimelinesAreAForkAndNoneServes) {
  StartAndFindA();
  b_.Set(Primary("00000001", "2.5"));
  ASSERT_TRUE(listener_.Await(kA, IsPrimaryThatDoesNotServe));
  EXPECT_TRUE(log_.AwaitLine("more than one server takes writes"));
  b_.Set(Standby("2.5"));
  EXPECT_TRUE(listener_.Await(kA, IsServingPrimary));
}

TEST_F(PrimaryMonitorTest, RestartedPrimaryKeepsItsTerm) {
  StartAndFindA();
  const std::int64_t before = TermOf(kA);
  a_.Set({{ErrorMessage("FATAL", "57P03", "the database system is starting up")}, 1});
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  a_.Set(Primary("00000001", "9.5"));
  ASSERT_TRUE(listener_.Await(kA, IsServingPrimary));
  EXPECT_EQ(TermOf(kA), before);
}

TEST_F(PrimaryMonitorTest, OtherSystemIsNotTrusted) {
  StartAndFindA();
  b_.Set(Primary("00000009", "2.5", "7002"));
  ASSERT_TRUE(listener_.Await(kB, IsNotTrusted));
  EXPECT_TRUE(log_.AwaitLine("its data are not those of the other servers"));
  EXPECT_TRUE(IsServingPrimary(listener_.last(kA)));
}

TEST_F(PrimaryMonitorTest, ServerThatAsksForThePasswordInClearTextIsWarnedOf) {
  a_.Set({{Authentication(3)}});
  Start();
  EXPECT_TRUE(log_.AwaitLine("it asks for the password in clear text"));
  monitor_->Stop();
  EXPECT_EQ(listener_.count(kA), 0u) << "a refusal says nothing about the server";
  EXPECT_THAT(a_.received(), Each(Not(HasSubstr(kPassword))));
}

TEST_F(PrimaryMonitorTest, BadOptionsAreNamed) {
  options_.shards[0].servers[1].user.clear();
  const auto monitor = PrimaryMonitor::Create(options_, &listener_);
  EXPECT_EQ(monitor.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(monitor.status().message()), "shards[0].servers[1].user must not be empty");
}

TEST_F(PrimaryMonitorTest, NeedsAListener) {
  EXPECT_EQ(PrimaryMonitor::Create(options_, nullptr).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace failover::postgres
