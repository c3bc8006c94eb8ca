// The PostgreSQL proxy in front of a cluster of Patroni, with three members that replicate
// synchronously. The proxy learns from etcd what Patroni is about to do.
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "failover/postgres/errors.h"
#include "proxy_process.h"
#include "support/child_process.h"
#include "support/live_etcd.h"
#include "support/live_patroni.h"
#include "support/postgres_wire_client.h"

namespace postgres_proxy {
namespace {

using failover::postgres::Reply;
using failover::postgres::WireClient;
using failover::test::Await;
using failover::test::LiveEtcd;
using failover::test::LivePatroni;
using failover::test::Replication;

constexpr std::size_t kMembers = 3;
constexpr char kStreaming[] = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";

class PatroniTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(etcd_.Start());
    for (std::size_t i = 0; i < kMembers; ++i) {
      members_.at(i) = std::make_unique<LivePatroni>(absl::StrCat("n", i), etcd_.port(),
                                                     Replication::kSynchronous);
      ASSERT_TRUE(members_.at(i)->Start(i == 0 ? "/primary" : "/replica"));
    }
    AwaitReplicas();
    std::vector<std::uint16_t> ports;
    for (const auto& member : members_) ports.push_back(member->port());
    // Clients wait longest while etcd is gone, and after a crash.
    proxy_ = ProxyProcess::Start(
        ports, "postgres\n",
        {"--client-auth=trust", "--enable-buffer", "--buffer-window=30s",
         "--buffer-max-failover-duration=60s", "--buffer-min-time-between-failovers=2m",
         absl::StrCat("--etcd=", etcd_.url()), "--patroni-scope=batman",
         absl::StrCat("--admin-socket=", folder_.path(), "/admin.sock")});
    ASSERT_NE(proxy_, nullptr);
    ASSERT_TRUE(Await([&] { return LogHas("Patroni's leader of batman is n0"); }));
  }

  bool LogHas(const std::string& text) const { return absl::StrContains(proxy_->Output(), text); }

  // Both replicas stream, and one of them is the synchronous one, so Patroni can switch over.
  void AwaitReplicas() const {
    WireClient client(primary().port());
    ASSERT_TRUE(client.AwaitField(kStreaming, std::to_string(kMembers - 1)));
    ASSERT_TRUE(
        client.AwaitField("SELECT count(*) FROM pg_stat_replication WHERE sync_state = "
                          "'sync'",
                          "1"));
    // Patroni has written that into etcd, too.
    ASSERT_TRUE(Await([&] {
      for (const auto& member : members_) {
        if (absl::StrContains(member->Ask("GET", "/synchronous", ""), " 200 ")) return true;
      }
      return false;
    }));
  }

  const LivePatroni& primary() const { return *members_.at(leader_); }

  std::string PatroniUrl() const {
    return absl::StrCat("http://127.0.0.1:", primary().rest_port());
  }

  // Finds out who leads, after a change.
  void FindLeader() {
    const std::size_t before = leader_;
    ASSERT_TRUE(Await([&] {
      for (std::size_t i = 0; i < kMembers; ++i) {
        if (i != before && absl::StrContains(members_.at(i)->Ask("GET", "/primary", ""), " 200 ")) {
          leader_ = i;
          return true;
        }
      }
      return false;
    }));
  }

  std::unique_ptr<Program> Bench(std::vector<std::string> options,
                                 const std::string& script = "") const {
    options.insert(options.begin(), {"--no-vacuum", "--client=16", "--jobs=2"});
    return RunBench(options, script);
  }

  std::unique_ptr<Program> RunBench(const std::vector<std::string>& options,
                                    const std::string& script = "") const {
    std::vector<std::string> command = {PGBENCH};
    command.insert(command.end(), options.begin(), options.end());
    command.insert(command.end(), {"--host=127.0.0.1", absl::StrCat("--port=", proxy_->port()),
                                   "--username=postgres", "postgres"});
    return std::make_unique<Program>(command, script);
  }

  std::string Field(const std::string& query) const {
    WireClient client(primary().port());
    return client.Run(query).field;
  }

  const failover::test::TemporaryFolder folder_;
  LiveEtcd etcd_;
  std::array<std::unique_ptr<LivePatroni>, kMembers> members_;
  std::size_t leader_ = 0;
  std::unique_ptr<ProxyProcess> proxy_;
};

TEST_F(PatroniTest, NoClientNoticesASwitchover) {
  Field("CREATE TABLE ledger (client int)");
  const char* const many = std::getenv("SWITCHOVERS");
  const int switchovers = many == nullptr ? 2 : std::atoi(many);
  constexpr int kRowsOfClient = 300;
  for (int i = 1; i <= switchovers; ++i) {
    const auto load =
        Bench({absl::StrCat("--transactions=", kRowsOfClient), "--rate=400", "--file=/dev/stdin"},
              "INSERT INTO ledger VALUES (:client_id);\n");
    const int before = (i - 1) * 16 * kRowsOfClient;
    WireClient client(primary().port());
    ASSERT_TRUE(
        client.AwaitField(absl::StrCat("SELECT count(*) > ", before + 500, " FROM ledger"), "t"));
    Program switchover(
        {FAILOVERCTL, "patroni-switchover", absl::StrCat("--patroni=", PatroniUrl())});
    EXPECT_EQ(switchover.Await(), 0) << switchover.Output();
    FindLeader();
    EXPECT_EQ(load->Await(), 0) << load->Output() << proxy_->Output();
    EXPECT_TRUE(absl::StrContains(load->Output(),
                                  absl::StrCat("actually processed: ", 16 * kRowsOfClient, "/")))
        << load->Output();
    EXPECT_EQ(Field("SELECT count(*) FROM ledger"), std::to_string(before + 16 * kRowsOfClient));
    AwaitReplicas();
  }
}

// The transactions that are open have the time to end, because failoverctl holds before Patroni
// hears of the switchover.
TEST_F(PatroniTest, APlannedSwitchoverByFailoverctlLosesNoTransaction) {
  const auto fill = RunBench({"--initialize", "--quiet"});
  ASSERT_EQ(fill->Await(), 0) << fill->Output();
  // pgbench repeats nothing.
  const auto load = Bench({"--transactions=200", "--rate=200"});
  WireClient client(primary().port());
  ASSERT_TRUE(client.AwaitField("SELECT count(*) > 400 FROM pgbench_history", "t"));
  const std::vector<std::string> command = {
      FAILOVERCTL, absl::StrCat("--socket=", folder_.path(), "/admin.sock"), "switchover",
      absl::StrCat("--patroni=", PatroniUrl())};
  std::vector<std::string> wrong_command = command;
  wrong_command.emplace_back("--candidate=nobody");
  Program wrong(wrong_command);
  constexpr int kCommandFailed = 4;
  EXPECT_EQ(wrong.Await(), kCommandFailed) << wrong.Output();
  Program switchover(command);
  EXPECT_EQ(switchover.Await(), 0) << switchover.Output() << proxy_->Output();
  FindLeader();
  EXPECT_EQ(load->Await(), 0) << load->Output() << proxy_->Output();
  EXPECT_TRUE(absl::StrContains(load->Output(), "actually processed: 3200/3200")) << load->Output();
  EXPECT_EQ(Field("SELECT count(*) FROM pgbench_history"), "3200");
}

// Without etcd, Patroni makes its primary a replica. Clients wait until somebody leads again.
TEST_F(PatroniTest, ClientsWaitWhileEtcdIsGone) {
  Field("CREATE TABLE ledger (i int)");
  WireClient client(proxy_->port());
  ASSERT_TRUE(client.Run("INSERT INTO ledger VALUES (0)").succeeded());
  etcd_.Stop();
  ASSERT_TRUE(
      Await([&] { return !absl::StrContains(primary().Ask("GET", "/primary", ""), " 200 "); }));
  client.Send("INSERT INTO ledger VALUES (1)");
  ASSERT_TRUE(Await([&] { return LogHas("starting buffering"); }));
  ASSERT_TRUE(etcd_.Start());
  const Reply reply = client.Receive();
  EXPECT_TRUE(reply.succeeded()) << reply.Error().text << proxy_->Output();
  WireClient audit(proxy_->port());
  EXPECT_EQ(audit.Run("SELECT count(DISTINCT i) FROM ledger").field, "2");
  EXPECT_EQ(audit.Run("SELECT count(*) FROM ledger").field, "2");
}

// The server dies at once. What was in flight has an unknown fate, and the client is told so.
TEST_F(PatroniTest, ACrashCostsOnlyWhatWasInFlight) {
  Field("CREATE TABLE ledger (i int)");
  Field("CREATE TABLE slow (i int)");
  WireClient in_flight(proxy_->port());
  in_flight.Send("INSERT INTO slow SELECT 1 FROM pg_sleep(100)");
  WireClient idle(proxy_->port());
  ASSERT_TRUE(idle.Run("INSERT INTO ledger VALUES (0)").succeeded());
  WireClient watch(primary().port());
  ASSERT_TRUE(
      watch.AwaitField("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", "1"));
  members_.at(leader_)->Kill();
  const Reply lost = in_flight.Receive();
  ASSERT_TRUE(lost.error.has_value());
  EXPECT_EQ(lost.error->sqlstate, "08007");
  const Reply next = idle.Run("INSERT INTO ledger VALUES (1)");
  EXPECT_TRUE(next.succeeded()) << next.Error().text << proxy_->Output();
  FindLeader();
  EXPECT_EQ(Field("SELECT count(*) FROM ledger"), "2");
  EXPECT_EQ(Field("SELECT count(*) FROM slow"), "0");
}

}  // namespace
}  // namespace postgres_proxy
