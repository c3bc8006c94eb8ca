// The PostgreSQL proxy in front of a cluster of Patroni, with three members that replicate
// synchronously. The proxy learns from etcd what Patroni is about to do.
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
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

// The number that a variable of the environment has, or else `otherwise`. Long runs ask for more.
int FromEnvironment(const char* name, int otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

// A client that inserts rows of its own into `ledger`, one by one, on a thread of its own. It goes
// on after an outcome that is unknown, and ends after any other error.
class Writer {
 public:
  Writer(std::uint16_t port, int number) : thread_([this, port, number] { Run(port, number); }) {}
  ~Writer() { Stop(); }

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  int acknowledged() const { return acknowledged_; }

  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  // These are valid after Stop.
  const std::vector<int>& rows() const { return rows_; }
  const std::vector<int>& unknown() const { return unknown_; }
  const std::string& error() const { return error_; }

 private:
  void Run(std::uint16_t port, int number) {
    constexpr int kRowsOfClient = 1'000'000;
    WireClient client(port);
    for (int row = number * kRowsOfClient; !stop_ && error_.empty(); ++row) {
      const Reply reply = client.Run(absl::StrCat("INSERT INTO ledger VALUES (", row, ")"));
      if (reply.succeeded()) {
        rows_.push_back(row);
        ++acknowledged_;
      } else if (reply.Error().sqlstate == "08007") {
        unknown_.push_back(row);
      } else {
        error_ = absl::StrCat(reply.Error().sqlstate, " ", reply.Error().text);
      }
      // The rows of a long run must fit into one answer of the audit.
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  std::atomic<bool> stop_{false};
  std::atomic<int> acknowledged_{0};
  std::vector<int> rows_;
  std::vector<int> unknown_;
  std::string error_;
  std::thread thread_;
};

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
    // Clients wait longest while etcd is gone, and after a crash.
    StartProxy({"--buffer-max-failover-duration=60s", "--buffer-min-time-between-failovers=2m"});
  }

  void StartProxy(std::vector<std::string> flags) {
    std::vector<std::uint16_t> ports;
    for (const auto& member : members_) ports.push_back(member->port());
    flags.insert(flags.end(), {"--client-auth=trust", "--enable-buffer", "--buffer-window=30s",
                               absl::StrCat("--etcd=", etcd_.url()), "--patroni-scope=batman",
                               absl::StrCat("--admin-socket=", folder_.path(), "/admin.sock")});
    proxy_.reset();
    proxy_ = ProxyProcess::Start(ports, "postgres\n", flags);
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
  const int switchovers = FromEnvironment("SWITCHOVERS", 2);
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

// Without etcd, Patroni makes its primary a replica. Clients wait until somebody leads again, or
// until their window is over.
TEST_F(PatroniTest, ClientsWaitWhileEtcdIsGone) {
  Field("CREATE TABLE ledger (i int)");
  WireClient client(proxy_->port());
  ASSERT_TRUE(client.Run("INSERT INTO ledger VALUES (0)").succeeded());
  const std::chrono::seconds gone_for(FromEnvironment("ETCD_GONE_SECONDS", 0));
  const auto gone = std::chrono::steady_clock::now();
  etcd_.Stop();
  ASSERT_TRUE(
      Await([&] { return !absl::StrContains(primary().Ask("GET", "/primary", ""), " 200 "); }));
  client.Send("INSERT INTO ledger VALUES (1)");
  ASSERT_TRUE(Await([&] { return LogHas("starting buffering"); }));
  std::this_thread::sleep_until(gone + gone_for);
  ASSERT_TRUE(etcd_.Start());
  const Reply reply = client.Receive();
  if (gone_for.count() > 0) {
    std::cout << "etcd was gone for " << gone_for.count() << " s, and a statement "
              << (reply.succeeded() ? "waited and succeeded" : "was refused") << "\n";
  }
  if (gone_for.count() > 0 && !reply.succeeded()) {
    EXPECT_EQ(reply.Error().sqlstate, "57P03") << reply.Error().text << proxy_->Output();
    ASSERT_TRUE(Await([&] { return client.Run("INSERT INTO ledger VALUES (1)").succeeded(); }));
  } else {
    EXPECT_TRUE(reply.succeeded()) << reply.Error().text << proxy_->Output();
  }
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

// Each client has at most one statement in flight. So it has at most one unknown outcome per crash,
// and no other error.
TEST_F(PatroniTest, CrashesUnderLoadDoubleNothing) {
  const int crashes = FromEnvironment("CRASHES", 1);
  constexpr std::chrono::seconds kBetweenFailovers(60);
  StartProxy(
      {"--buffer-max-failover-duration=30s",
       absl::StrCat("--buffer-min-time-between-failovers=", kBetweenFailovers.count(), "s")});
  Field("CREATE TABLE ledger (row int)");
  std::vector<std::unique_ptr<Writer>> writers;
  constexpr int kWriters = 8;
  for (int i = 0; i < kWriters; ++i) {
    writers.push_back(std::make_unique<Writer>(proxy_->port(), i));
  }
  const auto await_more_rows = [&](const Writer& writer) {
    const int before = writer.acknowledged();
    return Await([&] { return writer.acknowledged() > before + 20; });
  };
  for (int crash = 0; crash < crashes; ++crash) {
    for (const auto& writer : writers) ASSERT_TRUE(await_more_rows(*writer)) << proxy_->Output();
    const std::size_t dead = leader_;
    members_.at(dead)->Kill();
    FindLeader();
    for (const auto& writer : writers) ASSERT_TRUE(await_more_rows(*writer)) << proxy_->Output();
    const auto over = std::chrono::steady_clock::now();
    if (crash + 1 == crashes) break;
    // A crashed primary may hold writes that were acknowledged to no client.
    members_.at(dead)->Forget();
    ASSERT_TRUE(members_.at(dead)->Start("/replica"));
    AwaitReplicas();
    // The proxy holds nothing in a failover that comes sooner.
    std::this_thread::sleep_until(over + kBetweenFailovers);
  }
  for (const auto& writer : writers) writer->Stop();

  std::multiset<int> table;
  for (const absl::string_view row :
       absl::StrSplit(Field("SELECT string_agg(row::text, ' ') FROM ledger"), ' ')) {
    int number = 0;
    ASSERT_TRUE(absl::SimpleAtoi(row, &number)) << row;
    table.insert(number);
  }
  std::size_t acknowledged = 0;
  std::size_t unknown = 0;
  for (const auto& writer : writers) {
    EXPECT_EQ(writer->error(), "") << proxy_->Output();
    EXPECT_LE(writer->unknown().size(), static_cast<std::size_t>(crashes));
    for (const int row : writer->rows()) EXPECT_EQ(table.count(row), 1U) << row;
    for (const int row : writer->unknown()) EXPECT_LE(table.count(row), 1U) << row;
    for (const int row : writer->rows()) table.erase(row);
    for (const int row : writer->unknown()) table.erase(row);
    acknowledged += writer->rows().size();
    unknown += writer->unknown().size();
  }
  EXPECT_TRUE(table.empty()) << table.size() << " rows that nobody was told of";
  std::cout << crashes << " crashes: " << acknowledged << " rows acknowledged, " << unknown
            << " of unknown fate\n";
}

}  // namespace
}  // namespace postgres_proxy
