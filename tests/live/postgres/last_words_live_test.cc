// The last words of a server that ends, in each way in which a server can end. Each test has a
// server of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>

#include "expect.h"
#include "failover/postgres/errors.h"
#include "support/child_process.h"
#include "support/live_postgres_server.h"
#include "support/postgres_wire_client.h"
#include "support/reserved_port.h"

namespace failover::postgres {
namespace {

// These statements last until their session ends.
constexpr char kSleepingInsert[] = "INSERT INTO t SELECT 7 FROM pg_sleep(600)";
constexpr char kSleepingSelect[] = "SELECT pg_sleep(600)";
constexpr char kSleeps[] = "PgSleep";

// Expects a warning without an ErrorResponse, or nothing: a server that ends at once kills after
// five seconds what has not ended by itself, and on a busy machine a session has not spoken by
// then.
void ExpectWarningOrNothing(const Reply& reply, const Words& warning) {
  EXPECT_FALSE(reply.error.has_value());
  ExpectWords(reply, reply.notices.empty() ? Nothing() : warning);
  ExpectVerdict(reply, Single(), Outcome::kUnknown, kNotHeld);
  ExpectVerdict(reply, OfKind(StatementKind::kBegin), Outcome::kNotExecuted, kNotHeld);
}

class LastWordsTest : public testing::Test {
 protected:
  void SetUp() override {
    server_ = LiveServer::Start();
    ASSERT_NE(server_, nullptr);
    server_->Run("CREATE TABLE t (i int)");
    idle_ = std::make_unique<WireClient>(server_->port());
    busy_ = std::make_unique<WireClient>(server_->port());
    busy_->Send(kSleepingInsert);
    ASSERT_TRUE(server_->AwaitWait(busy_->pid(), kSleeps));
  }

  std::unique_ptr<LiveServer> server_;
  std::unique_ptr<WireClient> idle_;
  std::unique_ptr<WireClient> busy_;
};

TEST_F(LastWordsTest, FastShutdown) {
  WireClient pipeline(server_->port());
  pipeline.SendPipeline({"INSERT INTO t VALUES (1)", kSleepingSelect});
  ASSERT_TRUE(server_->AwaitWait(pipeline.pid(), kSleeps));
  server_->Order(Shutdown::kFast);

  const Reply insert = busy_->Receive();
  ExpectWords(insert, Fatal("57P01", kTerminated));
  ExpectVerdict(insert, Single(), Outcome::kNotExecuted, kHeld);
  const Reply both = pipeline.Receive();
  ExpectWords(both, Fatal("57P01", kTerminated));
  ExpectVerdict(both, OfKind(StatementKind::kPipeline), Outcome::kNotExecuted, kHeld);
  const Reply unasked = idle_->Receive();
  ExpectWords(unasked, Fatal("57P01", kTerminated));
  ExpectVerdict(unasked, NotSent(), Outcome::kNotExecuted, kNotHeld);

  server_->AwaitEnd();
  const WireClient refused(server_->port());
  EXPECT_EQ(refused.login().Error().source, Source::kConnectFailed);
  ExpectVerdict(refused.login(), NotSent(), Outcome::kNotExecuted, kHeld);

  ASSERT_TRUE(server_->Launch({}));
  ASSERT_TRUE(server_->AwaitLogin());
  EXPECT_EQ(WireClient(server_->port()).Run("SELECT count(*) FROM t").field, "0")
      << "what was proven not executed was executed";
}

TEST_F(LastWordsTest, SmartShutdownRefusesLoginsAndLetsSessionsGoOn) {
  server_->Order(Shutdown::kSmart);
  Reply login;
  ASSERT_TRUE(test::Await([&] {
    login = WireClient(server_->port()).login();
    return !login.succeeded();
  }));
  ExpectWords(login, Fatal("57P03", "the database system is shutting down"));
  ExpectVerdict(login, NotSent(), Outcome::kNotExecuted, kHeld);
  EXPECT_TRUE(idle_->Run("INSERT INTO t VALUES (1)").succeeded());
}

TEST_F(LastWordsTest, ImmediateShutdown) {
  server_->Order(Shutdown::kImmediate);
  for (WireClient* client : {idle_.get(), busy_.get()}) {
    const Reply reply = client->Receive();
    ExpectWarningOrNothing(reply,
                           Warning("57P01", "terminating connection due to immediate shutdown"));
  }
}

// A session that is stopped keeps the server from starting again for five seconds, so that a login
// meets the server in this state. Where this test is stopped for so long, the login succeeds.
TEST_F(LastWordsTest, CrashOfAnotherSession) {
  const WireClient victim(server_->port());
  const WireClient stopped(server_->port());
  LiveServer::SignalProcess(stopped.pid(), SIGSTOP);
  LiveServer::SignalProcess(victim.pid(), SIGKILL);
  for (WireClient* client : {idle_.get(), busy_.get()}) {
    const Reply reply = client->Receive();
    ExpectWarningOrNothing(reply, Warning("57P02", "because of crash of another server process"));
  }
  const Reply login = WireClient(server_->port()).login();
  if (login.succeeded()) return;
  ExpectWords(login, Fatal("57P03", "the database system is"));
  ExpectVerdict(login, NotSent(), Outcome::kNotExecuted, kHeld);
}

TEST_F(LastWordsTest, KilledSessionSaysNothing) {
  LiveServer::SignalProcess(busy_->pid(), SIGKILL);
  const Reply reply = busy_->Receive();
  ExpectWords(reply, Nothing());
  ExpectVerdict(reply, Single(), Outcome::kUnknown, kNotHeld);
  ExpectVerdict(reply, NotSent(), Outcome::kNotExecuted, kNotHeld);
}

TEST_F(LastWordsTest, KilledPostmaster) {
  server_->Signal(SIGKILL);
  const Reply unasked = idle_->Receive();
  ExpectWords(unasked, Fatal("57P01", "terminating connection due to unexpected postmaster exit"));
  ExpectVerdict(unasked, NotSent(), Outcome::kNotExecuted, kNotHeld);
  const Reply insert = busy_->Receive();
  ExpectWords(insert, Nothing());
  ExpectVerdict(insert, Single(), Outcome::kUnknown, kNotHeld);
}

TEST(NoServerTest, RefusedConnection) {
  const test::ReservedPort port;
  const WireClient client(port.port());
  EXPECT_EQ(client.login().Error().source, Source::kConnectFailed);
  EXPECT_EQ(client.login().Error().text, "Connection refused");
  ExpectVerdict(client.login(), NotSent(), Outcome::kNotExecuted, kHeld);
}

}  // namespace
}  // namespace failover::postgres
