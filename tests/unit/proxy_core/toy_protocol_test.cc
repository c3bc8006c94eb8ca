// What proxy/core does for any protocol, shown with the toy protocol.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "failover/stats.h"
#include "failover/switchover.h"
#include "toy_backend.h"
#include "toy_proxy.h"

namespace proxy::test {
namespace {

// Blocks until another thread has made `condition` true, which this thread must look at by itself.
// False after a minute.
template <typename Condition>
bool Await(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

class ToyProtocolTest : public testing::Test {
 protected:
  // With the backend "a" as the primary.
  void Start(const ToyProxyOptions& options = {}) {
    proxy_ = std::make_unique<ToyProxy>(std::vector<ToyBackend*>{&a_, &b_}, options);
    proxy_->ReportPrimary(0, 1);
  }
  std::unique_ptr<ToyClient> Connect() { return std::make_unique<ToyClient>(proxy_->port()); }

  bool AwaitHeld(std::uint64_t count) {
    return Await([this, count] { return proxy_->stats().requests_held == count; });
  }
  bool AwaitConnections(int count) {
    return Await([this, count] { return proxy_->connections() == count; });
  }

  ToyBackend a_{"a"};
  ToyBackend b_{"b"};
  std::unique_ptr<ToyProxy> proxy_;
};

TEST_F(ToyProtocolTest, SessionsRunOnThePrimary) {
  Start();
  auto first = Connect();
  auto second = Connect();
  EXPECT_EQ(first->Ask("one"), "a: one");
  EXPECT_EQ(second->Ask("two"), "a: two");
  first->Send("three\nfour\nfi");
  first->Send("ve\n");
  EXPECT_EQ(first->Receive(), "a: three");
  EXPECT_EQ(first->Receive(), "a: four");
  EXPECT_EQ(first->Receive(), "a: five");
  EXPECT_EQ(proxy_->connections(), 2);
}

TEST_F(ToyProtocolTest, NobodyIsServedBeforeTheBackendsWereLookedAt) {
  proxy_ = std::make_unique<ToyProxy>(std::vector<ToyBackend*>{&a_, &b_});
  auto client = Connect();
  client->Send("early\n");
  EXPECT_EQ(proxy_->connections(), 0);
  proxy_->ReportPrimary(1, 1);
  EXPECT_EQ(client->Receive(), "b: early");
  EXPECT_EQ(proxy_->stats().starts, 0u) << "no failover was seen";
}

TEST_F(ToyProtocolTest, ClientsOverTheLimitGetTheRefusalOfTheProtocol) {
  ToyProxyOptions options;
  options.max_connections = 1;
  Start(options);
  auto first = Connect();
  EXPECT_EQ(first->Ask("one"), "a: one");
  auto second = Connect();
  EXPECT_EQ(second->Receive(), kTooMany);
  EXPECT_EQ(second->Receive(), "") << "the connection is closed";
  first->Leave();
  ASSERT_TRUE(AwaitConnections(0));
  EXPECT_EQ(Connect()->Ask("three"), "a: three");
}

TEST_F(ToyProtocolTest, StrangersDoNotKeepAnHonestClientOut) {
  ToyProxyOptions options;
  options.max_connections = 1;
  options.max_logins = 2;
  Start(options);
  std::vector<std::unique_ptr<ToyClient>> strangers;
  for (int i = 0; i < 10; ++i) strangers.push_back(Connect());
  auto client = Connect();
  EXPECT_EQ(client->Ask("one"), "a: one");
  for (int i = 0; i < 9; ++i) EXPECT_EQ(strangers[i]->Receive(), "") << i;
  EXPECT_TRUE(Await([this] { return proxy_->connections() == 2; }));
  EXPECT_EQ(proxy_->logins(), 1);
  EXPECT_EQ(strangers[9]->Ask("two"), kTooMany) << "one client has logged in";
  EXPECT_EQ(client->Ask("three"), "a: three");
}

TEST_F(ToyProtocolTest, TheSessionsOfOneUserAreLimited) {
  ToyProxyOptions options;
  options.max_user_connections = 1;
  Start(options);
  auto first = Connect();
  EXPECT_EQ(first->Ask("one"), "a: one");
  EXPECT_EQ(Connect()->Ask("two"), kTooMany);
  first->Leave();
  EXPECT_TRUE(Await([this] { return Connect()->Ask("three") == "a: three"; }));
}

TEST_F(ToyProtocolTest, AClientThatCannotBeServedEndsAlone) {
  Start();
  auto other = Connect();
  EXPECT_EQ(other->Ask("one"), "a: one");
  proxy_->protocol().SetWithoutMemory(true);
  EXPECT_EQ(Connect()->Receive(), "");
  proxy_->protocol().SetWithoutMemory(false);
  EXPECT_TRUE(AwaitConnections(1));
  EXPECT_EQ(other->Ask("two"), "a: two");
  EXPECT_EQ(Connect()->Ask("three"), "a: three");
}

TEST_F(ToyProtocolTest, ADrainLetsEndWhatIsUnderWay) {
  Start();
  auto idle = Connect();
  auto busy = Connect();
  auto in_transaction = Connect();
  EXPECT_EQ(idle->Ask("one"), "a: one");
  EXPECT_EQ(in_transaction->Ask("begin"), "a: begin");
  busy->Send("hang\n");
  a_.AwaitStatements(3);
  std::future<void> drained = proxy_->Drain(absl::Hours(1));
  EXPECT_EQ(idle->Receive(), "") << "an idle session ends at once";
  EXPECT_EQ(in_transaction->Ask("two"), "a: two");
  EXPECT_EQ(in_transaction->Ask("commit"), "a: commit");
  EXPECT_EQ(in_transaction->Receive(), "");
  a_.Release();
  EXPECT_EQ(busy->Receive(), "a: hang");
  EXPECT_EQ(busy->Receive(), "");
  drained.wait();
  EXPECT_EQ(proxy_->connections(), 0);
  EXPECT_FALSE(Connect()->connected());
}

TEST_F(ToyProtocolTest, ADrainIsLimited) {
  Start();
  auto client = Connect();
  EXPECT_EQ(client->Ask("begin"), "a: begin");
  proxy_->Drain(absl::ZeroDuration()).wait();
  EXPECT_EQ(proxy_->connections(), 1);
  proxy_.reset();
  EXPECT_EQ(client->Receive(), "") << "the end of the proxy ends the session";
}

TEST_F(ToyProtocolTest, AnExchangeWithASilentBackendIsGivenUp) {
  ToyProxyOptions options;
  options.silence_limit = absl::Milliseconds(1);
  Start(options);
  auto client = Connect();
  client->Send("hang\n");
  a_.AwaitStatements(1);
  proxy_->ReportSilent(0);
  EXPECT_EQ(client->Receive(), kOutcomeUnknown);
  EXPECT_EQ(a_.statements(), 1) << "a statement of unknown outcome is not repeated";
}

TEST_F(ToyProtocolTest, ARefusedStatementIsHeldAndRepeatedOnTheNewPrimary) {
  Start();
  auto client = Connect();
  EXPECT_EQ(client->Ask("one"), "a: one");
  a_.SetWritable(false);
  client->Send("two\n");
  ASSERT_TRUE(AwaitHeld(1));
  proxy_->ReportPrimary(1, 2);
  EXPECT_EQ(client->Receive(), "b: two");
  EXPECT_EQ(proxy_->stats().retries_succeeded, 1u);
  EXPECT_EQ(client->Ask("three"), "b: three");
}

TEST_F(ToyProtocolTest, StatementsThatComeInAFailoverAreHeld) {
  Start();
  auto first = Connect();
  auto second = Connect();
  EXPECT_EQ(first->Ask("one"), "a: one");
  ASSERT_TRUE(proxy_->buffer().StartBuffering(proxy_->shard(), "test"));
  first->Send("two\n");
  second->Send("three\n");
  ASSERT_TRUE(AwaitHeld(2));
  EXPECT_EQ(a_.statements(), 1) << "a held statement is not sent";
  ASSERT_TRUE(proxy_->buffer().StopBuffering(proxy_->shard()));
  EXPECT_EQ(first->Receive(), "a: two");
  EXPECT_EQ(second->Receive(), "a: three");
}

TEST_F(ToyProtocolTest, AClientThatLeavesGivesUpItsPlace) {
  Start();
  auto client = Connect();
  ASSERT_TRUE(proxy_->buffer().StartBuffering(proxy_->shard(), "test"));
  client->Send("one\n");
  ASSERT_TRUE(AwaitHeld(1));
  client->Leave();
  EXPECT_TRUE(AwaitHeld(0));
  EXPECT_TRUE(AwaitConnections(0));
  EXPECT_EQ(a_.statements(), 0);
}

TEST_F(ToyProtocolTest, ADrainWaitsForHeldStatements) {
  Start();
  auto client = Connect();
  ASSERT_TRUE(proxy_->buffer().StartBuffering(proxy_->shard(), "test"));
  client->Send("one\n");
  ASSERT_TRUE(AwaitHeld(1));
  std::future<void> drained = proxy_->Drain(absl::Hours(1));
  EXPECT_TRUE(Await([this] { return !Connect()->connected(); }));
  ASSERT_TRUE(proxy_->buffer().StopBuffering(proxy_->shard()));
  EXPECT_EQ(client->Receive(), "a: one");
  EXPECT_EQ(client->Receive(), "");
  drained.wait();
}

// A proxy is told twice to end. Whoever switches the servers over counts on it that nothing is
// sent.
TEST_F(ToyProtocolTest, BugEndInASwitchover_WhatIsHeldDoesNotGoToTheOldPrimary) {
  Start();
  auto client = Connect();
  absl::StatusOr<failover::Switchover> switchover =
      proxy_->buffer().BeginSwitchover(proxy_->shard(), {});
  ASSERT_TRUE(switchover.ok()) << switchover.status();
  client->Send("one\n");
  ASSERT_TRUE(AwaitHeld(1));
  proxy_->EndSessions();
  proxy_->buffer().Shutdown();
  EXPECT_EQ(client->Receive(), "");
  EXPECT_EQ(a_.statements(), 0);
}

// The old connection may lead to a server that is not the primary any more.
TEST_F(ToyProtocolTest, AConnectionFromBeforeAFailoverIsReplacedThoughThePrimaryIsTheSame) {
  Start();
  auto client = Connect();
  EXPECT_EQ(client->Ask("one"), "a: one");
  proxy_->ReportReadOnly(0, 1);
  client->Send("two\n");
  ASSERT_TRUE(AwaitHeld(1));
  proxy_->ReportPrimary(0, 1);
  EXPECT_EQ(client->Receive(), "a: two");
  EXPECT_EQ(a_.connections(), 2);
  EXPECT_EQ(client->Ask("three"), "a: three");
  EXPECT_EQ(a_.connections(), 2);
}

TEST_F(ToyProtocolTest, ATransactionKeepsItsConnectionThroughAFailover) {
  Start();
  auto client = Connect();
  auto other = Connect();
  EXPECT_EQ(client->Ask("begin"), "a: begin");
  proxy_->ReportReadOnly(0, 1);
  other->Send("one\n");
  ASSERT_TRUE(AwaitHeld(1));
  proxy_->ReportPrimary(0, 1);
  EXPECT_EQ(other->Receive(), "a: one");
  EXPECT_EQ(a_.connections(), 2);
  EXPECT_EQ(client->Ask("two"), "a: two");
  EXPECT_EQ(client->Ask("commit"), "a: commit");
  EXPECT_EQ(a_.connections(), 2);
  EXPECT_EQ(client->Ask("three"), "a: three");
  EXPECT_EQ(a_.connections(), 3) << "the transaction is over";
}

TEST_F(ToyProtocolTest, ATransactionIsNotHeld) {
  Start();
  auto client = Connect();
  EXPECT_EQ(client->Ask("begin"), "a: begin");
  a_.SetWritable(false);
  EXPECT_EQ(client->Ask("two"), std::string(kNotExecuted) + "the backend is read-only");
  EXPECT_EQ(proxy_->stats().requests_buffered, 0u);
  EXPECT_EQ(proxy_->stats().state, failover::State::kBuffering) << "the refusal is a sign";
}

TEST_F(ToyProtocolTest, AStatementWhoseConnectionWasFoundDeadIsRepeatedAtOnce) {
  Start();
  auto client = Connect();
  EXPECT_EQ(client->Ask("one"), "a: one");
  a_.CloseConnections();
  EXPECT_EQ(client->Ask("two"), "a: two");
  EXPECT_EQ(proxy_->stats().starts, 0u) << "a lost connection is no failover";
}

}  // namespace
}  // namespace proxy::test
