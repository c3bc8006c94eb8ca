// Checks that other threads want from the monitor: at once, and more often while a shard holds
// requests. Without a reason the monitor checks a server once an hour in these tests, so each
// further check has a reason.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "failover/transition.h"
#include "failover/watch/monitor.h"
#include "failover/watch/monitor_hook.h"
#include "scripted_server.h"
#include "support/log_capture.h"
#include "support/recording_listener.h"

namespace failover::watch {
namespace {

using Way = ScriptedServer::Way;

constexpr std::uint32_t kA = 100;
constexpr std::uint32_t kOther = 200;

Transition From(State from, State to, std::string_view shard = "0") {
  Transition transition;
  transition.keyspace = "shop";
  transition.shard_name = shard;
  transition.from = from;
  transition.to = to;
  return transition;
}
Transition HoldBegins(std::string_view shard = "0") {
  return From(State::kIdle, State::kBuffering, shard);
}
Transition HoldEnds(std::string_view shard = "0") {
  return From(State::kBuffering, State::kDraining, shard);
}

// Two shards of one server each.
class CheckNowTest : public testing::Test {
 protected:
  CheckNowTest() {
    options_.shards.push_back({"shop", "0", {{{"zone1", kA}, "a", a_.factory()}}});
    options_.shards.push_back({"shop", "1", {{{"zone1", kOther}, "other", other_.factory()}}});
    options_.poll_interval = absl::Hours(1);
    options_.urgent_interval = absl::Milliseconds(1);
    options_.timeout = absl::Hours(1);
    options_.hook = hook_;
  }

  void Start() {
    auto monitor = Monitor::Create(options_, &listener_);
    ASSERT_TRUE(monitor.ok()) << monitor.status();
    monitor_ = *std::move(monitor);
    ASSERT_TRUE(monitor_->Start().ok());
    ASSERT_TRUE(a_.AwaitBegun(1));
    ASSERT_TRUE(other_.AwaitBegun(1));
  }

  test::LogCapture log_;
  ScriptedServer a_{{Seen::kWritable, false, ""}};
  ScriptedServer other_{{Seen::kWritable, false, ""}};
  MonitorOptions options_;
  std::optional<MonitorHook> hook_{MonitorHook()};
  test::RecordingListener listener_;
  std::unique_ptr<Monitor> monitor_;
};

TEST_F(CheckNowTest, ChecksTheServersOfTheShardOnly) {
  Start();
  EXPECT_TRUE(monitor_->CheckNow("shop", "0"));
  EXPECT_TRUE(a_.AwaitBegun(2));
  EXPECT_TRUE(monitor_->CheckNow("shop", "1"));
  EXPECT_TRUE(other_.AwaitBegun(2));
  EXPECT_EQ(a_.begun(), 2);
}

TEST_F(CheckNowTest, ShardThatIsNotWatchedIsNotChecked) {
  Start();
  EXPECT_FALSE(monitor_->CheckNow("shop", "2"));
  EXPECT_FALSE(monitor_->CheckNow("bank", "0"));
  EXPECT_FALSE(monitor_->CheckNow("", ""));
}

// What the check under way finds may be older than the call.
TEST_F(CheckNowTest, CheckThatIsUnderWayDoesNotCount) {
  a_.Set(Way::kNever);
  Start();
  ASSERT_TRUE(a_.AwaitHangingCheck());
  EXPECT_TRUE(monitor_->CheckNow("shop", "0"));
  // The monitor has read the note when it has checked the other shard, too.
  EXPECT_TRUE(monitor_->CheckNow("shop", "1"));
  ASSERT_TRUE(other_.AwaitBegun(2));
  EXPECT_EQ(a_.begun(), 1);
  a_.Answer();
  EXPECT_TRUE(a_.AwaitBegun(2));
}

TEST_F(CheckNowTest, MayBeCalledInsideTheListener) {
  std::atomic<bool> first{true};
  listener_.SetHook([&] {
    if (first.exchange(false)) monitor_->CheckNow("shop", "0");
  });
  Start();
  EXPECT_TRUE(a_.AwaitBegun(2));
}

TEST_F(CheckNowTest, BugHammer_AListenerThatAlwaysCallsItDoesNotHammerTheServer) {
  options_.urgent_interval = absl::Hours(1);
  listener_.SetHook([&] { monitor_->CheckNow("shop", "0"); });
  const absl::Time before = absl::Now();
  Start();
  ASSERT_TRUE(a_.AwaitBegun(11));
  EXPECT_GE(absl::Now() - before, 10 * absl::Milliseconds(10));
  monitor_->Stop();
}

TEST_F(CheckNowTest, IsHarmlessBeforeStartAndAfterStop) {
  auto monitor = Monitor::Create(options_, &listener_);
  ASSERT_TRUE(monitor.ok());
  EXPECT_TRUE((*monitor)->CheckNow("shop", "0"));
  (*monitor)->OnTransition(HoldBegins());
  (*monitor)->Stop();
  EXPECT_TRUE((*monitor)->CheckNow("shop", "0"));
  (*monitor)->OnTransition(HoldEnds());
  EXPECT_EQ(a_.begun(), 0);
}

TEST_F(CheckNowTest, ShardThatHoldsRequestsIsCheckedAgainAndAgain) {
  Start();
  (*hook_)(HoldBegins());
  EXPECT_TRUE(a_.AwaitBegun(20));
  EXPECT_EQ(other_.begun(), 1);
}

TEST_F(CheckNowTest, MonitorMayBeToldDirectly) {
  Start();
  monitor_->OnTransition(HoldBegins());
  EXPECT_TRUE(a_.AwaitBegun(20));
}

// The checks of the other shard tell how much time has passed.
TEST_F(CheckNowTest, HurryEndsWithTheHold) {
  Start();
  (*hook_)(HoldBegins());
  ASSERT_TRUE(a_.AwaitBegun(5));
  (*hook_)(HoldEnds());
  const int begun = a_.begun();
  (*hook_)(HoldBegins("1"));
  ASSERT_TRUE(other_.AwaitBegun(50));
  EXPECT_LE(a_.begun(), begun + 2) << "a check may have been due, and another under way";
}

TEST_F(CheckNowTest, HurryBeginsAgainWithTheNextHold) {
  options_.urgent_duration = absl::ZeroDuration();
  options_.hold_interval = absl::Hours(1);
  Start();
  for (int hold = 1; hold <= 5; ++hold) {
    (*hook_)(HoldBegins());
    ASSERT_TRUE(a_.AwaitBegun(1 + hold)) << "the first check of a hold comes at once";
    (*hook_)(HoldEnds());
  }
}

TEST_F(CheckNowTest, OtherTransitionsMeanNothing) {
  Start();
  (*hook_)(From(State::kDraining, State::kIdle));
  (*hook_)(HoldBegins("7"));
  EXPECT_TRUE(monitor_->CheckNow("shop", "1"));
  ASSERT_TRUE(other_.AwaitBegun(2));
  EXPECT_EQ(a_.begun(), 1);
}

TEST_F(CheckNowTest, MonitorLearnsOfAHoldThatBeganBeforeIt) {
  (*hook_)(HoldBegins());
  (*hook_)(HoldBegins("1"));
  (*hook_)(HoldEnds("1"));
  Start();
  EXPECT_TRUE(a_.AwaitBegun(20));
  EXPECT_EQ(other_.begun(), 1);
}

TEST_F(CheckNowTest, HookMayOutliveTheMonitorAndTheOtherWayRound) {
  Start();
  monitor_.reset();
  (*hook_)(HoldBegins());
  Start();  // another monitor, which learns of the hold
  EXPECT_TRUE(a_.AwaitBegun(20));
  options_.hook.reset();
  hook_.reset();
  EXPECT_TRUE(a_.AwaitChecks(20));
}

TEST_F(CheckNowTest, CopiesOfAHookAreOneHookAndServeSeveralMonitors) {
  ScriptedServer third({Seen::kWritable, false, ""});
  MonitorOptions options = options_;
  options.shards = {{"shop", "0", {{{"zone1", 300}, "third", third.factory()}}}};
  Start();
  auto second = Monitor::Create(options, &listener_);
  ASSERT_TRUE(second.ok());
  ASSERT_TRUE((*second)->Start().ok());
  const MonitorHook copy = *hook_;
  copy(HoldBegins());
  EXPECT_TRUE(a_.AwaitBegun(20));
  EXPECT_TRUE(third.AwaitBegun(20));
}

}  // namespace
}  // namespace failover::watch
