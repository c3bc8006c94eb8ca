#include "failover/mysql/primary_monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "support/fake_mysql_server.h"
#include "support/log_capture.h"
#include "support/patience.h"
#include "support/recording_listener.h"
#include "support/reserved_port.h"

namespace failover::mysql {
namespace {

using test::IsDown;
using test::IsPrimaryThatDoesNotServe;
using test::IsReplica;
using test::IsServingPrimary;
using test::RecordingListener;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

constexpr char kPassword[] = "a-secret-nobody-may-see";
constexpr std::uint32_t kA = 100;
constexpr std::uint32_t kB = 101;

MonitoredServer ServerAt(std::uint32_t uid, const std::string& host, std::uint16_t port) {
  MonitoredServer server;
  server.alias = {"zone1", uid};
  server.host = host;
  server.port = port;
  server.user = "monitor";
  server.password = kPassword;
  return server;
}

FakeServer::State Writable() { return {}; }

FakeServer::State ReadOnly() {
  FakeServer::State state;
  state.read_only = "1";
  return state;
}

FakeServer::State Broken(FakeServer::Mode mode) {
  FakeServer::State state;
  state.mode = mode;
  return state;
}

// Two servers: A takes writes, B is its replica.
class PrimaryMonitorTest : public testing::Test {
 protected:
  PrimaryMonitorTest() {
    options_.shards.push_back({"commerce", "0", {Server(kA, a_), Server(kB, b_)}});
    options_.poll_interval = absl::Milliseconds(2);
    // A server that is only slow, because the machine is busy, must not look like one that hangs.
    options_.timeout = absl::Hours(1);
  }

  static MonitoredServer Server(std::uint32_t uid, const FakeServer& fake) {
    return ServerAt(uid, "127.0.0.1", fake.port());
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

  std::size_t reports() const { return listener_.count(kA) + listener_.count(kB); }

  test::LogCapture log_;
  FakeServer a_{Writable()};
  FakeServer b_{ReadOnly()};
  PrimaryMonitorOptions options_;
  RecordingListener listener_;
  std::unique_ptr<PrimaryMonitor> monitor_;
};

TEST_F(PrimaryMonitorTest, FindsThePrimaryAndItsReplica) {
  StartAndFindA();
  const TabletStats primary = listener_.last(kA);
  EXPECT_EQ(primary.alias.cell, "zone1");
  EXPECT_EQ(primary.target.keyspace, "commerce");
  EXPECT_EQ(primary.target.shard, "0");
  EXPECT_GT(primary.tablet_externally_reparented_timestamp, 0);
}

TEST_F(PrimaryMonitorTest, ReportsEachPollAndKeepsItsConnections) {
  StartAndFindA();
  // The monitor logs the result of a poll before the next poll begins.
  ASSERT_TRUE(a_.AwaitQueries(2));
  ASSERT_TRUE(b_.AwaitQueries(2));
  const std::size_t before = reports();
  const std::size_t lines = log_.lines().size();
  ASSERT_TRUE(a_.AwaitQueries(20));
  ASSERT_TRUE(b_.AwaitQueries(20));
  EXPECT_GE(reports(), before + 36) << "all but the last polls of each server";
  EXPECT_EQ(log_.lines().size(), lines);
  EXPECT_EQ(a_.connections(), 1);
  EXPECT_EQ(b_.connections(), 1);
}

TEST_F(PrimaryMonitorTest, Switchover) {
  StartAndFindA();
  const std::int64_t before = listener_.last(kA).tablet_externally_reparented_timestamp;
  a_.Set(ReadOnly());
  ASSERT_TRUE(listener_.Await(kA, IsPrimaryThatDoesNotServe));
  b_.Set(Writable());
  ASSERT_TRUE(listener_.Await(kB, IsServingPrimary));
  EXPECT_GT(listener_.last(kB).tablet_externally_reparented_timestamp, before);
  ASSERT_TRUE(listener_.Await(kA, IsReplica));
}

TEST_F(PrimaryMonitorTest, InnoDbReadOnlyTakesNoWrites) {
  StartAndFindA();
  FakeServer::State state;
  state.innodb_read_only = "ON";
  a_.Set(state);
  EXPECT_TRUE(listener_.Await(kA, IsPrimaryThatDoesNotServe));
}

TEST_F(PrimaryMonitorTest, ReadOnlyWithASpecialValueTakesNoWrites) {
  StartAndFindA();
  FakeServer::State state;
  state.read_only = "NO_LOCK";
  a_.Set(state);
  EXPECT_TRUE(listener_.Await(kA, IsPrimaryThatDoesNotServe));
}

TEST_F(PrimaryMonitorTest, GaleraNodeThatIsNotReadyTakesNoWrites) {
  FakeServer::State node;
  node.galera = true;
  a_.Set(node);
  b_.Set(node);
  Start();
  ASSERT_TRUE(listener_.Await(kA, IsServingPrimary));
  ASSERT_TRUE(listener_.Await(kB, IsReplica));
  node.wsrep_ready = false;
  a_.Set(node);
  ASSERT_TRUE(listener_.Await(kB, IsServingPrimary));
  ASSERT_TRUE(listener_.Await(kA, [](const TabletStats& stats) {
    return stats.up && !stats.serving && stats.last_error == "wsrep_ready is off";
  }));
}

TEST_F(PrimaryMonitorTest, ServerThatHangsInItsGreetingDoesNotServe) {
  options_.timeout = absl::Milliseconds(50);
  a_.Set(Broken(FakeServer::Mode::kHang));
  Start();
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  EXPECT_EQ(listener_.last(kA).last_error, "no answer in time");
}

TEST_F(PrimaryMonitorTest, PrimaryThatHangsIsLoggedOnceAndReturns) {
  options_.timeout = absl::Milliseconds(200);
  StartAndFindA();
  a_.Set(Broken(FakeServer::Mode::kHang));
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  EXPECT_EQ(listener_.last(kA).last_error, "does not answer: no answer in time");
  // What there is to log about the hang is logged before the next connection is made. On a busy
  // machine A, and B at any time, may have been slow for so long before, too.
  ASSERT_TRUE(a_.AwaitConnections(1));
  const std::string hangs =
      "zone1-100 (127.0.0.1:" + std::to_string(a_.port()) + ") does not answer: ";
  const std::size_t lines_before = log_.Count(hangs);
  const std::size_t no_primary_before = log_.Count("there is no primary");
  EXPECT_GE(lines_before, 1u);
  EXPECT_GE(no_primary_before, 1u);
  ASSERT_TRUE(a_.AwaitConnections(3));
  EXPECT_EQ(log_.Count(hangs), lines_before);
  EXPECT_EQ(log_.Count("there is no primary"), no_primary_before);
  a_.Set(Writable());
  EXPECT_TRUE(listener_.Await(kA, IsServingPrimary));
}

TEST_F(PrimaryMonitorTest, ServerThatHangsDoesNotDelayTheOthers) {
  options_.timeout = absl::Hours(1);
  a_.Set(Broken(FakeServer::Mode::kHang));
  Start();
  EXPECT_TRUE(b_.AwaitQueries(20));
  EXPECT_EQ(listener_.count(kA), 0u);
}

TEST_F(PrimaryMonitorTest, ServerThatIsNotThereCannotBeReached) {
  const test::ReservedPort nobody;
  options_.shards[0].servers[0].port = nobody.port();
  Start();
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  EXPECT_THAT(listener_.last(kA).last_error, HasSubstr("2002 Can't connect"));
  ASSERT_TRUE(b_.AwaitQueries(20));
  EXPECT_EQ(log_.Count("2002 Can't connect"), 1u);
}

TEST_F(PrimaryMonitorTest, ServerThatHangsUpCannotBeReached) {
  StartAndFindA();
  a_.Set(Broken(FakeServer::Mode::kHangUp));
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  EXPECT_THAT(listener_.last(kA).last_error, HasSubstr("2013 Lost connection"));
}

// A KILL, or an idle time-out of the server, says nothing about who is the primary.
TEST_F(PrimaryMonitorTest, LostConnectionIsReplacedUnseen) {
  StartAndFindA();
  for (int i = 2; i < 6; ++i) {
    a_.DropConnection();
    ASSERT_TRUE(a_.AwaitQueries(5));
    EXPECT_EQ(a_.connections(), i);
  }
  EXPECT_TRUE(listener_.last(kA).serving);
  EXPECT_EQ(log_.Count("there is no primary"), 0u);
}

TEST_F(PrimaryMonitorTest, WrongCredentials) {
  a_.Set(Broken(FakeServer::Mode::kRefuseLogin));
  Start();
  EXPECT_TRUE(log_.AwaitLine("refuses the monitor: 1045 Access denied for user 'monitor'"));
  ASSERT_TRUE(b_.AwaitQueries(100));
  EXPECT_EQ(listener_.count(kA), 0u) << "it says neither yes nor no";
  EXPECT_EQ(log_.Count("refuses the monitor: 1045 Access denied"), 1u);
  a_.Set(Writable());
  EXPECT_TRUE(listener_.Await(kA, IsServingPrimary));
}

TEST_F(PrimaryMonitorTest, ConnectionLimit) {
  StartAndFindA();
  a_.Set(Broken(FakeServer::Mode::kFull));
  a_.DropConnection();
  EXPECT_TRUE(log_.AwaitLine("1040 Too many connections"));
  EXPECT_TRUE(listener_.last(kA).serving) << "the last report stands";
  const std::size_t before = listener_.count(kA);
  a_.Set(Writable());
  ASSERT_TRUE(a_.AwaitQueries(5));
  EXPECT_GT(listener_.count(kA), before);
  EXPECT_TRUE(listener_.last(kA).serving);
}

TEST_F(PrimaryMonitorTest, ServerThatRefusesTheQuestionTellsNothing) {
  StartAndFindA();
  a_.Set(Broken(FakeServer::Mode::kRefuseQueries));
  EXPECT_TRUE(log_.AwaitLine("1226 User 'monitor' has exceeded"));
  EXPECT_TRUE(listener_.last(kA).serving) << "the last report stands";
}

TEST_F(PrimaryMonitorTest, AnswerThatMakesNoSenseIsNotTakenForAnAnswer) {
  StartAndFindA();
  a_.Set(Broken(FakeServer::Mode::kNonsense));
  EXPECT_TRUE(log_.AwaitLine("does not tell whether it is read-only"));
  EXPECT_TRUE(listener_.last(kA).serving) << "the last report stands";
}

TEST_F(PrimaryMonitorTest, PasswordIsNeverSentInTheClear) {
  a_.Set(Broken(FakeServer::Mode::kAskClearPassword));
  Start();
  EXPECT_TRUE(log_.AwaitLine("refuses the monitor"));
  EXPECT_EQ(listener_.count(kA), 0u);
  EXPECT_THAT(a_.received(), HasSubstr("monitor"));
  EXPECT_THAT(a_.received(), Not(HasSubstr(kPassword)));
}

TEST_F(PrimaryMonitorTest, PasswordIsNeverLogged) {
  StartAndFindA();
  for (const FakeServer::Mode mode :
       {FakeServer::Mode::kRefuseLogin, FakeServer::Mode::kHangUp, FakeServer::Mode::kFull}) {
    a_.Set(Broken(mode));
    log_.Clear();
    a_.DropConnection();
    EXPECT_TRUE(log_.AwaitLine("zone1-100"));
    a_.Set(Writable());
    ASSERT_TRUE(a_.AwaitQueries(2));
    ASSERT_TRUE(listener_.Await(kA, IsServingPrimary));
    EXPECT_THAT(log_.lines(), Each(Not(HasSubstr(kPassword))));
  }
}

// The name localhost often has an IPv6 address, too. Nobody listens there.
TEST_F(PrimaryMonitorTest, HostNameIsLookedUpAndEachAddressTried) {
  options_.shards[0].servers[0].host = "localhost";
  StartAndFindA();
}

TEST_F(PrimaryMonitorTest, HostNameThatIsNotFoundIsDown) {
  // RFC 6761 reserves the domain "invalid" for names that do not exist.
  options_.shards[0].servers[0].host = "no-such-host.invalid";
  // Without a name service the look-up itself may take longer than any test.
  options_.timeout = PrimaryMonitorOptions().timeout;
  Start();
  ASSERT_TRUE(listener_.Await(kA, IsDown));
  EXPECT_THAT(listener_.last(kA).last_error, HasSubstr("its address was not found"));
}

TEST_F(PrimaryMonitorTest, EachShardHasItsOwnPrimary) {
  FakeServer other(Writable());
  options_.shards.push_back({"commerce", "1", {Server(200, other), Server(201, b_)}});
  // The fake server B serves one connection at a time, so only one shard may hold B.
  options_.shards[0].servers.pop_back();
  Start();
  ASSERT_TRUE(listener_.Await(kA, IsServingPrimary));
  ASSERT_TRUE(listener_.Await(200, IsServingPrimary));
  EXPECT_EQ(listener_.last(200).target.shard, "1");
  EXPECT_EQ(listener_.last(kA).target.shard, "0");
}

TEST_F(PrimaryMonitorTest, NothingIsReportedAfterStop) {
  StartAndFindA();
  monitor_->Stop();
  const std::size_t before = reports();
  a_.Set(ReadOnly());
  monitor_->Stop();
  EXPECT_EQ(reports(), before);
}

TEST_F(PrimaryMonitorTest, StopDoesNotWaitForAServerThatHangs) {
  options_.timeout = absl::Hours(1);
  a_.Set(Broken(FakeServer::Mode::kHang));
  Start();
  ASSERT_TRUE(b_.AwaitQueries(5));
  monitor_->Stop();
}

TEST_F(PrimaryMonitorTest, StopInsideTheListenerIsTheEnd) {
  std::mutex mutex;
  std::condition_variable changed;
  int calls = 0;
  auto monitor = PrimaryMonitor::Create(options_, &listener_);
  ASSERT_TRUE(monitor.ok());
  listener_.SetHook([&] {
    (*monitor)->Stop();
    const std::lock_guard<std::mutex> lock(mutex);
    ++calls;
    changed.notify_all();
  });
  ASSERT_TRUE((*monitor)->Start().ok());
  {
    std::unique_lock<std::mutex> lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, test::kPatience, [&] { return calls > 0; }));
  }
  (*monitor)->Stop();
  const std::lock_guard<std::mutex> lock(mutex);
  EXPECT_EQ(calls, 1);
}

TEST_F(PrimaryMonitorTest, StartsOnce) {
  Start();
  EXPECT_EQ(monitor_->Start().code(), absl::StatusCode::kFailedPrecondition);
  monitor_->Stop();
  EXPECT_EQ(monitor_->Start().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(PrimaryMonitorTest, NeedNotBeStarted) {
  auto monitor = PrimaryMonitor::Create(options_, &listener_);
  ASSERT_TRUE(monitor.ok());
  (*monitor)->Stop();
  EXPECT_EQ((*monitor)->Start().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(reports(), 0u);
}

TEST_F(PrimaryMonitorTest, NeedsAListenerAndValidOptions) {
  EXPECT_THAT(std::string(PrimaryMonitor::Create(options_, nullptr).status().message()),
              HasSubstr("listener"));
  options_.jitter = 1.0;
  EXPECT_THAT(std::string(PrimaryMonitor::Create(options_, &listener_).status().message()),
              HasSubstr("jitter"));
}

}  // namespace
}  // namespace failover::mysql
