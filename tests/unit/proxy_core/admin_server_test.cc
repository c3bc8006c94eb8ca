// The admin interface with peers that do what they should, and with peers that do not.
#include "proxy/core/admin_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "failover/work.h"
#include "support/admin_server.h"

namespace proxy::test {
namespace {

using failover::State;
using failover::Work;
using testing::HasSubstr;
using testing::StartsWith;

TEST_F(AdminServerTest, Status) {
  Start();
  auto client = Connect();
  client->Send("status\n");
  EXPECT_EQ(client->Receive(),
            "INFO shard=main/0 state=Idle primary=127.0.0.1:1 held=0 draining=0");
  EXPECT_EQ(client->Receive(), "INFO switchover none");
  EXPECT_EQ(client->Receive(), "OK");
}

TEST_F(AdminServerTest, ASwitchoverFromItsBeginningToItsEnd) {
  Start();
  auto client = Connect();
  EXPECT_EQ(client->Ask("switchover begin"),
            "OK begun shard=main/0 primary=127.0.0.1:1 hold_timeout_ms=60000");
  EXPECT_EQ(client->Ask("wait-quiet"), "OK quiet statements=0 transactions=0");
  std::future<bool> held = Hold();
  EXPECT_TRUE(failover::test::Await(
      [this] { return buffer_->GetShardStats("main", "0")->requests_held == 1; }));
  EXPECT_THAT(client->Ask("wait-primary 0s"), StartsWith("ERR TIMEOUT "));
  Report(1, 2);
  EXPECT_EQ(client->Ask("wait-primary"), "OK primary=127.0.0.1:2");
  EXPECT_TRUE(held.get());
  EXPECT_EQ(client->Ask("commit"), "OK committed primary=127.0.0.1:2");
  EXPECT_TRUE(AwaitState(State::kIdle));
  EXPECT_THAT(client->Ask("switchover begin main/0"), StartsWith("OK ")) << "and another one";
}

TEST_F(AdminServerTest, OtherConnectionsSeeTheSwitchover) {
  Start();
  auto client = Connect();
  failover::RetryDoneFunc transaction = Pass(Work::kTransaction);
  ASSERT_THAT(client->Ask("switchover begin --grace 1m"), StartsWith("OK "));
  auto other = Connect();
  other->Send("status\n");
  EXPECT_THAT(other->Receive(), HasSubstr("state=Buffering"));
  EXPECT_EQ(other->Receive(),
            "INFO switchover stage=TransactionsEnd quiet=0 statements=0 transactions=1 held=0");
  EXPECT_EQ(other->Receive(), "OK");
  EXPECT_THAT(other->Ask("switchover begin"), StartsWith("ERR FAILED "));
  EXPECT_THAT(other->Ask("abort"), StartsWith("ERR FAILED "))
      << "it is not that of this connection";
}

TEST_F(AdminServerTest, QuietWaitsForTransactionsAndTellsWhatGoesOn) {
  Start();
  auto client = Connect();
  failover::RetryDoneFunc transaction = Pass(Work::kTransaction);
  ASSERT_THAT(client->Ask("switchover begin --grace 1m"), StartsWith("OK "));
  client->Send("wait-quiet\n");
  EXPECT_EQ(client->Receive(),
            "PROGRESS stage=TransactionsEnd quiet=0 statements=0 transactions=1 held=0");
  transaction();
  EXPECT_EQ(client->Answer(), "OK quiet statements=0 transactions=0");
}

TEST_F(AdminServerTest, QuietWaitsForWhatTheBufferDoesNotCount) {
  Start();
  auto client = Connect();
  {
    const UncountedWork::Entry attempt(&uncounted_);
    ASSERT_TRUE(attempt.may_run());
    ASSERT_THAT(client->Ask("switchover begin"), StartsWith("OK "));
    EXPECT_THAT(client->Ask("wait-quiet 0s"), StartsWith("ERR TIMEOUT "));
    EXPECT_FALSE(UncountedWork::Entry(&uncounted_).may_run());
  }
  EXPECT_EQ(client->Ask("wait-quiet"), "OK quiet statements=0 transactions=0");
}

TEST_F(AdminServerTest, OverdueTransactionsCallTheSwitchoverOff) {
  Start();
  auto client = Connect();
  failover::RetryDoneFunc transaction = Pass(Work::kTransaction);
  ASSERT_THAT(client->Ask("switchover begin --grace 1ms"), StartsWith("OK "));
  EXPECT_THAT(client->Ask("wait-quiet"), StartsWith("ERR ABORTED "));
  EXPECT_THAT(client->Ask("commit"), StartsWith("ERR ABORTED "));
  EXPECT_TRUE(AwaitState(State::kIdle));
}

TEST_F(AdminServerTest, OverdueTransactionsMayBeGivenUp) {
  Start();
  auto client = Connect();
  failover::RetryDoneFunc transaction = Pass(Work::kTransaction);
  ASSERT_THAT(client->Ask("switchover begin --grace 1ms --overdue proceed"), StartsWith("OK "));
  EXPECT_EQ(client->Ask("wait-quiet"), "OK quiet statements=0 transactions=1");
}

TEST_F(AdminServerTest, TheHoldTimeoutBoundsASilentPeer) {
  Start(absl::Seconds(1));
  auto client = Connect();
  ASSERT_THAT(client->Ask("switchover begin"), StartsWith("OK "));
  EXPECT_TRUE(Hold().get());
  EXPECT_TRUE(AwaitState(State::kIdle));
  EXPECT_EQ(client->Ask("wait-primary"), "ERR ABORTED the switchover has ended: TimedOut");
}

TEST_F(AdminServerTest, CommitWithoutANewPrimaryHoldsOn) {
  Start();
  auto client = Connect();
  ASSERT_THAT(client->Ask("switchover begin"), StartsWith("OK "));
  EXPECT_THAT(client->Ask("commit"), StartsWith("OK committed, requests are held"));
  client->Leave();
  EXPECT_EQ(buffer_->GetShardStats("main", "0")->state, State::kBuffering);
  Report(1, 2);
  EXPECT_TRUE(AwaitState(State::kIdle));
}

TEST_F(AdminServerTest, CommandsWithoutASwitchover) {
  Start();
  auto client = Connect();
  for (const char* command : {"wait-quiet", "wait-primary", "commit", "abort"}) {
    EXPECT_THAT(client->Ask(command), StartsWith("ERR FAILED no switchover")) << command;
  }
}

TEST_F(AdminServerTest, WhatTheBufferRefusesIsSaid) {
  Start();
  auto client = Connect();
  EXPECT_THAT(client->Ask("switchover begin elsewhere"), HasSubstr("there is main/0"));
  ASSERT_TRUE(buffer_->StartBuffering(context_->shard, "test"));
  EXPECT_THAT(client->Ask("switchover begin"), StartsWith("ERR FAILED "));
  EXPECT_TRUE(UncountedWork::Entry(&uncounted_).may_run()) << "no switchover is under way";
}

// ---- Connections that end -----------------------------------------------------------------------

TEST_F(AdminServerTest, AConnectionThatBreaksCallsTheSwitchoverOff) {
  Start();
  auto client = Connect();
  ASSERT_THAT(client->Ask("switchover begin"), StartsWith("OK "));
  ASSERT_EQ(client->Ask("wait-quiet"), "OK quiet statements=0 transactions=0");
  std::future<bool> held = Hold();
  client->Leave();
  EXPECT_TRUE(held.get());
  EXPECT_TRUE(AwaitState(State::kIdle));
  // The session lets other attempts go only behind the end of its switchover.
  EXPECT_TRUE(
      failover::test::Await([this] { return UncountedWork::Entry(&uncounted_).may_run(); }));
}

TEST_F(AdminServerTest, AConnectionThatBreaksInAWaitCallsTheSwitchoverOff) {
  for (const char* wait : {"wait-quiet\n", "wait-primary\n"}) {
    if (server_ == nullptr) Start();
    auto client = Connect();
    failover::RetryDoneFunc transaction = Pass(Work::kTransaction);
    ASSERT_THAT(client->Ask("switchover begin --grace 1m"), StartsWith("OK ")) << wait;
    client->Send(wait);
    EXPECT_THAT(client->Receive(), StartsWith("PROGRESS ")) << wait;
    client->Leave();
    EXPECT_TRUE(AwaitState(State::kIdle)) << wait;
  }
}

// Nobody is there any more to say whether the servers have changed roles. A commit would hold on.
TEST_F(AdminServerTest, NothingBehindABrokenWaitIsExecuted) {
  Start();
  auto client = Connect();
  failover::RetryDoneFunc transaction = Pass(Work::kTransaction);
  client->Send("switchover begin --grace 1m\nwait-quiet\ncommit\n");
  client->EndSending();
  EXPECT_THAT(client->Answer(), StartsWith("OK begun"));
  ASSERT_EQ(client->Answer(), "");
  EXPECT_TRUE(AwaitState(State::kIdle));
}

TEST_F(AdminServerTest, AbortEndsAWait) {
  Start();
  auto client = Connect();
  failover::RetryDoneFunc transaction = Pass(Work::kTransaction);
  ASSERT_THAT(client->Ask("switchover begin --grace 1m"), StartsWith("OK "));
  client->Send("wait-quiet\n");
  EXPECT_THAT(client->Receive(), StartsWith("PROGRESS "));
  client->Send("abort\n");
  EXPECT_EQ(client->Answer(), "ERR ABORTED the next command ends the wait");
  EXPECT_EQ(client->Answer(), "OK aborted");
  EXPECT_TRUE(AwaitState(State::kIdle));
}

// ---- Bad peers ----------------------------------------------------------------------------------

TEST_F(AdminServerTest, BadLinesAreAnswered) {
  Start();
  auto client = Connect();
  EXPECT_THAT(client->Ask("nonsense"), StartsWith("ERR BAD unknown command 'nonsense'"));
  EXPECT_THAT(client->Ask(std::string("\0\xff\r\t", 4)), StartsWith("ERR BAD "));
  EXPECT_THAT(client->Ask(""), StartsWith("ERR BAD "));
  EXPECT_THAT(client->Ask("switchover begin --grace 1y"), StartsWith("ERR BAD "));
  EXPECT_EQ(client->Ask("status\r"), "OK") << "the end of a line may be that of a terminal";
}

TEST_F(AdminServerTest, LongLinesEndTheConnection) {
  Start();
  for (const bool with_end : {true, false}) {
    auto client = Connect();
    ASSERT_THAT(client->Ask("switchover begin"), StartsWith("OK ")) << with_end;
    client->Send(std::string(kMaxAdminLine, 'x') + (with_end ? "\n" : ""));
    EXPECT_EQ(client->Receive(), "ERR BAD a line, or the input, is too long");
    EXPECT_EQ(client->Receive(), "");
    EXPECT_TRUE(AwaitState(State::kIdle)) << "the switchover is off";
  }
}

TEST_F(AdminServerTest, TheLongestLineIsRead) {
  Start();
  EXPECT_THAT(Connect()->Ask(std::string(kMaxAdminLine - 1, 'x')), HasSubstr("unknown command"));
}

TEST_F(AdminServerTest, TooMuchInputDuringAWaitEndsTheConnection) {
  Start();
  auto client = Connect();
  failover::RetryDoneFunc transaction = Pass(Work::kTransaction);
  ASSERT_THAT(client->Ask("switchover begin --grace 1m"), StartsWith("OK "));
  client->Send("wait-quiet\n");
  EXPECT_THAT(client->Receive(), StartsWith("PROGRESS "));
  for (int i = 0; i < 500; ++i) client->Send("status\n");
  std::string last;
  for (std::string line = client->Receive(); !line.empty(); line = client->Receive()) last = line;
  EXPECT_EQ(last, "ERR BAD a line, or the input, is too long");
  EXPECT_TRUE(AwaitState(State::kIdle));
}

TEST_F(AdminServerTest, CommandsMayComeInPieces) {
  Start();
  auto client = Connect();
  client->Send("sta");
  client->Send("tus\nstat");
  EXPECT_EQ(client->Answer(), "OK");
  client->Send("us\n");
  EXPECT_EQ(client->Answer(), "OK");
}

TEST_F(AdminServerTest, PeersOverTheLimitAreToldSo) {
  AdminLimits limits;
  limits.connections = 2;
  Start(absl::Minutes(1), limits);
  auto first = Connect();
  auto second = Connect();
  AdminClient third(path());
  EXPECT_EQ(third.Receive(), "ERR FAILED too many connections");
  EXPECT_EQ(third.Receive(), "");
  first->Leave();
  EXPECT_TRUE(failover::test::Await(
      [this] { return AdminClient(path()).Receive() == "INFO failover-admin 1"; }));
  EXPECT_EQ(second->Ask("status"), "OK");
}

TEST_F(AdminServerTest, AnIdlePeerGoes) {
  AdminLimits limits;
  limits.times.idle = absl::Milliseconds(20);
  Start(absl::Minutes(1), limits);
  EXPECT_EQ(Connect()->Receive(), "");
}

TEST_F(AdminServerTest, BugSilentPeer_TheEndOfItsSwitchoverLetsUncountedAttemptsRun) {
  Start(absl::Seconds(1));
  auto client = Connect();
  ASSERT_THAT(client->Ask("switchover begin"), StartsWith("OK "));
  ASSERT_FALSE(UncountedWork::Entry(&uncounted_).may_run());
  EXPECT_TRUE(
      failover::test::Await([this] { return UncountedWork::Entry(&uncounted_).may_run(); }));
}

TEST_F(AdminServerTest, BugSilentPeer_APeerIsIdleWhenItsSwitchoverHasEnded) {
  AdminLimits limits;
  limits.times.idle = absl::Milliseconds(20);
  Start(absl::Seconds(1), limits);
  auto client = Connect();
  ASSERT_THAT(client->Ask("switchover begin"), StartsWith("OK "));
  EXPECT_EQ(client->Receive(), "");
}

// ---- The end of the program ---------------------------------------------------------------------

TEST_F(AdminServerTest, ADrainLetsASwitchoverEnd) {
  Start();
  auto idle = Connect();
  auto client = Connect();
  ASSERT_THAT(client->Ask("switchover begin"), StartsWith("OK "));
  std::promise<void> ended;
  OnServer([&] {
    server_->Drain();
    asio::co_spawn(
        io_.get_executor(),
        [this]() -> Task<> { co_await server_->AwaitSwitchovers(absl::Minutes(1)); },
        [&ended](const std::exception_ptr&) { ended.set_value(); });
  });
  EXPECT_EQ(idle->Receive(), "") << "it is told to go";
  EXPECT_FALSE(AdminClient(path()).connected());
  EXPECT_THAT(client->Ask("switchover begin"), StartsWith("ERR FAILED "));
  EXPECT_EQ(client->Ask("wait-quiet"), "OK quiet statements=0 transactions=0");
  Report(1, 2);
  EXPECT_EQ(client->Ask("wait-primary"), "OK primary=127.0.0.1:2");
  EXPECT_EQ(client->Ask("commit"), "OK committed primary=127.0.0.1:2");
  EXPECT_EQ(client->Receive(), "") << "the switchover has ended";
  ended.get_future().wait();
}

TEST_F(AdminServerTest, ADrainDoesNotWaitForEver) {
  Start();
  auto client = Connect();
  ASSERT_THAT(client->Ask("switchover begin"), StartsWith("OK "));
  std::promise<void> ended;
  OnServer([&] {
    server_->Drain();
    asio::co_spawn(
        io_.get_executor(),
        [this]() -> Task<> { co_await server_->AwaitSwitchovers(absl::Milliseconds(50)); },
        [&ended](const std::exception_ptr&) { ended.set_value(); });
  });
  ended.get_future().wait();
  EXPECT_EQ(client->Ask("status"), "OK");
}

}  // namespace
}  // namespace proxy::test
