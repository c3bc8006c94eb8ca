// The monitor with servers that exist only in a script: nothing here belongs to a database.
#include "failover/watch/monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "failover/clock.h"
#include "failover/log.h"
#include "failover/testing/simulated_clock.h"
#include "scripted_server.h"
#include "support/log_capture.h"
#include "support/recording_listener.h"

namespace failover::watch {
namespace {

using test::IsDown;
using test::IsPrimaryThatDoesNotServe;
using test::IsReplica;
using test::IsServingPrimary;
using Way = ScriptedServer::Way;

constexpr std::uint32_t kA = 100;
constexpr std::uint32_t kB = 101;

Observation Writable() { return {Seen::kWritable, false, ""}; }
Observation ReadOnly() { return {Seen::kReadOnly, false, ""}; }
Observation Unreachable() { return {Seen::kUnreachable, false, "no connection"}; }

// Two servers: A takes writes, B is its replica.
class MonitorTest : public testing::Test {
 protected:
  MonitorTest() {
    options_.shards.push_back(
        {"shop", "0", {{{"zone1", kA}, "a", a_.factory()}, {{"zone1", kB}, "b", b_.factory()}}});
    options_.poll_interval = absl::Milliseconds(2);
    // A check expires only in the tests that set another timeout.
    options_.timeout = absl::Hours(1);
    options_.name = "scripted monitor";
  }

  void Start() {
    auto monitor = Monitor::Create(options_, &listener_);
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

  std::size_t reports() const { return listener_.count(kA) + listener_.count(kB); }

  test::LogCapture log_;
  ScriptedServer a_{Writable()};
  ScriptedServer b_{ReadOnly()};
  MonitorOptions options_;
  test::RecordingListener listener_;
  std::unique_ptr<Monitor> monitor_;
};

TEST_F(MonitorTest, FindsThePrimaryAndItsReplica) {
  StartAndFindA();
  const TabletStats primary = listener_.last(kA);
  EXPECT_EQ(primary.alias.cell, "zone1");
  EXPECT_EQ(primary.target.keyspace, "shop");
  EXPECT_EQ(primary.target.shard, "0");
  EXPECT_GT(primary.tablet_externally_reparented_timestamp, 0);
  // The monitor logs the result of a check before the next check begins.
  ASSERT_TRUE(a_.AwaitChecks(2));
  ASSERT_TRUE(b_.AwaitChecks(2));
  EXPECT_EQ(log_.Count("scripted monitor, shard shop/0: zone1-100 (a) is the primary"), 1u);
}

TEST_F(MonitorTest, ItsFunctionGetsTheLinesAndTheLoggerNone) {
  // Only the monitor's thread writes until the monitor has stopped.
  const auto lines = std::make_shared<std::vector<std::string>>();
  options_.log = [lines](LogLevel level, std::string_view line) {
    lines->push_back(std::string(ToString(level)) + ": " + std::string(line));
  };
  StartAndFindA();
  // The monitor logs the result of a check before the next check begins.
  ASSERT_TRUE(a_.AwaitChecks(2));
  ASSERT_TRUE(b_.AwaitChecks(2));
  monitor_->Stop();
  EXPECT_THAT(*lines, ::testing::Contains(
                          "info: scripted monitor, shard shop/0: zone1-100 (a) is the primary"));
  EXPECT_TRUE(log_.lines().empty());
}

TEST_F(MonitorTest, ReportsEachCheckAndLogsChangesOnly) {
  StartAndFindA();
  // The monitor logs the result of a check before the next check begins.
  ASSERT_TRUE(a_.AwaitChecks(2));
  ASSERT_TRUE(b_.AwaitChecks(2));
  const std::size_t lines = log_.lines().size();
  const std::size_t before_a = listener_.count(kA);
  const std::size_t before_b = listener_.count(kB);
  // A check is reported before the next check of the same server begins.
  ASSERT_TRUE(a_.AwaitChecks(20));
  ASSERT_TRUE(b_.AwaitChecks(20));
  EXPECT_GE(listener_.count(kA), before_a + 19);
  EXPECT_GE(listener_.count(kB), before_b + 19);
  EXPECT_EQ(log_.lines().size(), lines);
}

TEST_F(MonitorTest, RefusalOfTheMonitorIsNotReported) {
  StartAndFindA();
  a_.Set({Seen::kFull, false, "1040 Too many connections"});
  ASSERT_TRUE(a_.AwaitChecks(2));
  const std::size_t before = listener_.count(kA);
  ASSERT_TRUE(a_.AwaitChecks(3));
  EXPECT_EQ(listener_.count(kA), before);
  EXPECT_TRUE(listener_.last(kA).serving) << "the last report stands";
  EXPECT_EQ(log_.Count("1040 Too many connections"), 1u);
}

TEST_F(MonitorTest, TwoAddressesOfOneServerAreOneServer) {
  a_.Set({Seen::kWritable, false, "", "the server"});
  b_.Set({Seen::kWritable, false, "", "the server"});
  Start();
  ASSERT_TRUE(listener_.Await(kA, IsServingPrimary));
  ASSERT_TRUE(a_.AwaitChecks(5));
  ASSERT_TRUE(b_.AwaitChecks(5));
  EXPECT_TRUE(listener_.last(kA).serving);
  EXPECT_EQ(listener_.last(kB).target.tablet_type, TabletType::kUnknown);
  EXPECT_EQ(log_.Count("is the same server as"), 1u);
}

// The stamp must not be later than the moment when the server was asked.
TEST_F(MonitorTest, ReportIsStampedWithTheTimeWhenItsCheckBegan) {
  SimulatedClock clock(absl::FromUnixSeconds(100));
  options_.clock = &clock;
  a_.Set(Way::kNever);
  Start();
  ASSERT_TRUE(a_.AwaitHangingCheck());
  ASSERT_TRUE(b_.AwaitChecks(1));
  clock.Advance(absl::Seconds(50));
  a_.Answer();
  ASSERT_TRUE(listener_.Await(kA, IsServingPrimary));
  EXPECT_EQ(listener_.last(kA).observed_at, absl::FromUnixSeconds(100));
  a_.Set(Way::kByEvent);
  a_.Answer();
  EXPECT_TRUE(listener_.Await(kA, [](const TabletStats& stats) {
    return stats.observed_at == absl::FromUnixSeconds(150);
  }));
}

TEST_F(MonitorTest, StampsAreOfTheSteadyClockUnlessAnotherIsGiven) {
  const absl::Time before = Clock::Steady().Now();
  StartAndFindA();
  const absl::Time observed_at = listener_.last(kA).observed_at;
  EXPECT_GE(observed_at, before);
  EXPECT_LE(observed_at, Clock::Steady().Now());
}

TEST_F(MonitorTest, Switchover) {
  StartAndFindA();
  const std::int64_t before = listener_.last(kA).tablet_externally_reparented_timestamp;
  a_.Set(ReadOnly());
  ASSERT_TRUE(listener_.Await(kA, IsPrimaryThatDoesNotServe));
  b_.Set(Writable());
  ASSERT_TRUE(listener_.Await(kB, IsServingPrimary));
  EXPECT_GT(listener_.last(kB).tablet_externally_reparented_timestamp, before);
  EXPECT_TRUE(listener_.Await(kA, IsReplica));
}

TEST_F(MonitorTest, PrimaryThatFailsIsReplacedByAPromotedServer) {
  StartAndFindA();
  a_.Set(Unreachable());
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  EXPECT_EQ(listener_.last(kA).last_error, "cannot be reached: no connection");
  b_.Set(Writable());
  EXPECT_TRUE(listener_.Await(kB, IsServingPrimary));
}

TEST_F(MonitorTest, NodeOfAMultiWriterClusterReplacesThePrimary) {
  a_.Set({Seen::kWritable, true, ""});
  b_.Set({Seen::kWritable, true, ""});
  StartAndFindA();
  a_.Set({Seen::kNotReady, true, "out of its cluster"});
  EXPECT_TRUE(listener_.Await(kB, IsServingPrimary));
}

TEST_F(MonitorTest, CheckMayEndAtOnce) {
  a_.Set(Way::kAtOnce);
  b_.Set(Way::kAtOnce);
  StartAndFindA();
  EXPECT_TRUE(a_.AwaitChecks(5));
}

TEST_F(MonitorTest, CheckWithoutADescriptorGoesOnWhenItsProbeWakesTheMonitor) {
  options_.poll_interval = absl::Hours(1);
  a_.Set(Way::kByWakeUp);
  b_.Set(Way::kByWakeUp);
  StartAndFindA();
}

TEST_F(MonitorTest, ServerThatHangsDoesNotDelayTheOthers) {
  a_.Set(Way::kNever);
  Start();
  ASSERT_TRUE(a_.AwaitHangingCheck());
  EXPECT_TRUE(b_.AwaitChecks(20));
  EXPECT_EQ(a_.checks(), 0);
  EXPECT_EQ(listener_.count(kA), 0u);
}

TEST_F(MonitorTest, SlowAnswerIsStillAnAnswer) {
  a_.Set(Way::kNever);
  Start();
  ASSERT_TRUE(a_.AwaitHangingCheck());
  ASSERT_TRUE(b_.AwaitChecks(5));
  a_.Answer();
  EXPECT_TRUE(listener_.Await(kA, IsServingPrimary));
  EXPECT_EQ(a_.expired(), 0);
}

TEST_F(MonitorTest, PrimaryThatHangsIsLoggedOnceAndReturns) {
  StartAndFindA();
  monitor_.reset();
  options_.timeout = absl::Milliseconds(20);
  a_.Set(Way::kNever);
  Start();
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  EXPECT_EQ(listener_.last(kA).last_error, "the script does not answer");
  ASSERT_TRUE(a_.AwaitChecks(3));
  EXPECT_EQ(log_.Count("the script does not answer"), 1u);
  EXPECT_GE(a_.expired(), 3);
  a_.Set(Way::kByEvent);
  EXPECT_TRUE(listener_.Await(kA, IsServingPrimary));
}

// The interval is an hour, so a second check of a server would need a reason.
TEST_F(MonitorTest, FirstAnswerOfAServerIsNoReasonToCheckTheOthers) {
  options_.poll_interval = absl::Hours(1);
  b_.Set(Way::kNever);
  ScriptedServer c(ReadOnly());
  options_.shards[0].servers.push_back({{"zone1", 102}, "c", c.factory()});
  Start();
  ASSERT_TRUE(listener_.Await(102, IsReplica));
  ASSERT_TRUE(b_.AwaitHangingCheck());
  EXPECT_EQ(a_.checks(), 1);
  EXPECT_EQ(c.checks(), 1);
  b_.Answer();
  EXPECT_TRUE(listener_.Await(kB, IsReplica));
  EXPECT_TRUE(listener_.Await(kA, IsServingPrimary));
  EXPECT_EQ(a_.checks(), 1);
}

TEST_F(MonitorTest, EachShardHasItsOwnPrimary) {
  ScriptedServer other(Writable());
  options_.shards.push_back({"shop", "1", {{{"zone1", 200}, "other", other.factory()}}});
  StartAndFindA();
  ASSERT_TRUE(listener_.Await(200, IsServingPrimary));
  EXPECT_EQ(listener_.last(200).target.shard, "1");
  EXPECT_EQ(listener_.last(kA).target.shard, "0");
}

TEST_F(MonitorTest, NothingIsCheckedOrReportedAfterStop) {
  StartAndFindA();
  monitor_->Stop();
  EXPECT_FALSE(a_.has_probe());
  EXPECT_FALSE(b_.has_probe());
  const std::size_t before = reports();
  const int checks = a_.checks();
  a_.Set(ReadOnly());
  monitor_->Stop();
  EXPECT_EQ(reports(), before);
  EXPECT_EQ(a_.checks(), checks);
}

TEST_F(MonitorTest, StopDoesNotWaitForAServerThatHangs) {
  a_.Set(Way::kNever);
  Start();
  ASSERT_TRUE(a_.AwaitHangingCheck());
  monitor_->Stop();
  EXPECT_FALSE(a_.has_probe());
  EXPECT_EQ(a_.expired(), 0);
}

TEST_F(MonitorTest, BugLogOrder_ItLogsBeforeTheListenerIsTold) {
  // Only the monitor's thread writes until the monitor has stopped.
  std::vector<std::size_t> lines;
  listener_.SetHook([&] {
    if (!IsServingPrimary(listener_.last(kA))) return;
    lines.push_back(log_.Count("zone1-100 (a) is the primary"));
  });
  StartAndFindA();
  monitor_->Stop();
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.front(), 1u);
}

TEST_F(MonitorTest, StopInsideTheListenerIsTheEnd) {
  auto monitor = Monitor::Create(options_, &listener_);
  ASSERT_TRUE(monitor.ok());
  std::promise<void> called;
  listener_.SetHook([&] {
    (*monitor)->Stop();
    called.set_value();
  });
  ASSERT_TRUE((*monitor)->Start().ok());
  ASSERT_EQ(called.get_future().wait_for(test::kPatience), std::future_status::ready);
  (*monitor)->Stop();
  EXPECT_EQ(reports(), 1u);
}

TEST_F(MonitorTest, ProbeMayWakeUpAMonitorThatIsGone) {
  std::function<void()> wake_up;
  options_.shards[0].servers[0].make_probe =
      [&wake_up, make = a_.factory()](const std::function<void()>& its_wake_up) {
        wake_up = its_wake_up;
        return make(its_wake_up);
      };
  StartAndFindA();
  monitor_.reset();
  wake_up();
}

std::string StateOf(const Monitor& monitor, std::size_t server) {
  return std::string(ToString(monitor.Servers()[server].state));
}

TEST_F(MonitorTest, TellsWhatItKnowsOfEachServer) {
  SimulatedClock clock(absl::FromUnixSeconds(100));
  options_.clock = &clock;
  ScriptedServer other(ReadOnly());
  options_.shards.push_back({"shop", "1", {{{"zone1", 200}, "other", other.factory()}}});
  auto monitor = Monitor::Create(options_, &listener_);
  ASSERT_TRUE(monitor.ok());
  EXPECT_EQ(StateOf(**monitor, 2), "NotChecked") << "it was not started";
  monitor->reset();
  StartAndFindA();
  ASSERT_TRUE(other.AwaitChecks(2));
  EXPECT_EQ(StateOf(*monitor_, 0), "Primary");
  EXPECT_EQ(StateOf(*monitor_, 1), "Replica");
  EXPECT_EQ(StateOf(*monitor_, 2), "Replica");
  EXPECT_EQ(monitor_->Servers()[2].shard, "1");
  EXPECT_EQ(monitor_->Servers()[0].answered_at, absl::FromUnixSeconds(100));

  b_.Set({Seen::kRefused, false, "4151 locked"});
  ASSERT_TRUE(b_.AwaitChecks(2));
  EXPECT_EQ(StateOf(*monitor_, 1), "Refused");
  EXPECT_THAT(monitor_->Servers()[1].reason, testing::HasSubstr("4151 locked"));
  monitor_->Stop();
  EXPECT_EQ(StateOf(*monitor_, 1), "Refused") << "the last knowledge stays";
}

TEST_F(MonitorTest, ListenerMayAskForTheServersWhileOthersDo) {
  std::promise<std::string> seen;
  std::atomic<bool> told{false};
  listener_.SetHook([&] {
    const std::string state = StateOf(*monitor_, 0);
    if (state == "Primary" && !told.exchange(true)) seen.set_value(state);
  });
  auto monitor = Monitor::Create(options_, &listener_);
  ASSERT_TRUE(monitor.ok());
  monitor_ = *std::move(monitor);
  ASSERT_TRUE(monitor_->Start().ok());
  std::future<std::string> state = seen.get_future();
  const auto patient_until = std::chrono::steady_clock::now() + test::kPatience;
  while (!told && std::chrono::steady_clock::now() < patient_until) {
    ASSERT_EQ(monitor_->Servers().size(), 2u);
  }
  ASSERT_EQ(state.wait_for(test::kPatience), std::future_status::ready);
  monitor_->Stop();
}

TEST_F(MonitorTest, StartsOnce) {
  Start();
  EXPECT_EQ(monitor_->Start().code(), absl::StatusCode::kFailedPrecondition);
  monitor_->Stop();
  EXPECT_EQ(monitor_->Start().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MonitorTest, NeedNotBeStarted) {
  auto monitor = Monitor::Create(options_, &listener_);
  ASSERT_TRUE(monitor.ok());
  EXPECT_TRUE(a_.has_probe());
  (*monitor)->Stop();
  EXPECT_EQ((*monitor)->Start().code(), absl::StatusCode::kFailedPrecondition);
  monitor->reset();
  EXPECT_FALSE(a_.has_probe());
  EXPECT_EQ(reports(), 0u);
}

TEST_F(MonitorTest, NeedsAListenerAndValidOptions) {
  EXPECT_THAT(std::string(Monitor::Create(options_, nullptr).status().message()),
              testing::HasSubstr("listener"));
  options_.jitter = 1.0;
  EXPECT_THAT(std::string(Monitor::Create(options_, &listener_).status().message()),
              testing::HasSubstr("jitter"));
}

}  // namespace
}  // namespace failover::watch
