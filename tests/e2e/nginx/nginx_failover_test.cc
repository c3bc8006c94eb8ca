// nginx with the module of examples/nginx in front of two real servers that fail over.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "clients.h"
#include "controller.h"
#include "nginx_process.h"
#include "support/child_process.h"
#include "support/live_mysql_server.h"

namespace nginx {
namespace {

using failover::mysql::Client;
using failover::mysql::kAppPassword;
using failover::mysql::kAppUser;
using failover::mysql::LiveServer;
using failover::test::Await;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// No limit ends a hold, however slow the machine is.
constexpr char kPatientSettings[] =
    "failover_window 30m;\n"
    "failover_max_duration 30m;\n"
    "failover_min_time_between 1h;\n";

// A machine that answers no attempt to connect, like one that has lost its power.
class SilentMachine {
 public:
  SilentMachine() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, generic, size), 0);
    EXPECT_EQ(listen(listener_, 0), 0);
    EXPECT_EQ(getsockname(listener_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
    // The kernel drops what does not fit into the queue of the listener.
    for (int& filler : fillers_) {
      filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      static_cast<void>(connect(filler, generic, size));
    }
  }
  ~SilentMachine() {
    for (const int filler : fillers_) close(filler);
    close(listener_);
  }

  SilentMachine(const SilentMachine&) = delete;
  SilentMachine& operator=(const SilentMachine&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  const int listener_;
  int fillers_[4];
  std::uint16_t port_ = 0;
};

// The servers do not replicate, so a row is on the server that took it.
class NginxTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    for (auto& server : servers_) {
      // What was acknowledged survives a SIGKILL of the server.
      server =
          LiveServer::Start({"--performance-schema=OFF", "--innodb-flush-log-at-trx-commit=2"});
      ASSERT_NE(server, nullptr);
    }
  }
  static void TearDownTestSuite() {
    for (auto& server : servers_) server.reset();
  }

  // The first server is the primary, and both have an empty table.
  void SetUp() override {
    for (auto& server : servers_) server->Run("TRUNCATE TABLE d.t");
    SetReadOnly(1, true);
    SetReadOnly(0, false);
  }

  void Start(NginxOptions options = {}) {
    options.servers = {servers_[0]->port(), servers_[1]->port()};
    options.settings = kPatientSettings + options.settings + "failover_connect_timeout 30m;\n";
    nginx_ = NginxProcess::Start(options);
    ASSERT_NE(nginx_, nullptr);
    health_check_ = std::make_unique<HealthCheck>(
        nginx_->control(), std::vector<const LiveServer*>{servers_[0].get(), servers_[1].get()});
  }

  static void SetReadOnly(int index, bool read_only) {
    servers_[index]->Run(std::string("SET GLOBAL read_only = ") + (read_only ? "ON" : "OFF"));
  }

  std::vector<std::string> Workers() const { return ControlSockets(nginx_->control()); }
  int Held() const { return SumOfStates(nginx_->control(), "held"); }
  void AwaitHeld(int sessions) const {
    EXPECT_TRUE(Await([&] { return Held() == sessions; })) << Held() << "\n" << nginx_->Output();
  }
  // Waits until all workers know this primary, or that there is none.
  void AwaitPrimary(const std::string& address) const {
    EXPECT_TRUE(Await([&] {
      for (const std::string& path : Workers()) {
        const std::string state = ControlConnection(path).Ask("state shop");
        if (state.find("primary=" + address) == std::string::npos) return false;
      }
      return true;
    })) << nginx_->Output();
  }
  static std::string Address(int index) {
    return "127.0.0.1:" + std::to_string(servers_[index]->port());
  }
  // Waits until all workers know a primary, and hold nobody.
  void AwaitIdle() const {
    AwaitPrimary("127");
    EXPECT_TRUE(Await([&] {
      for (const std::string& path : Workers()) {
        const std::string state = ControlConnection(path).Ask("state shop");
        if (state.find("state=idle") == std::string::npos) return false;
      }
      return true;
    })) << nginx_->Output();
  }
  // Waits until a reload is over.
  void AwaitOnlyNewWorkers(const std::vector<std::string>& old_workers) const {
    EXPECT_TRUE(Await([&] {
      const std::vector<std::string> workers = Workers();
      return workers.size() == 2 &&
             std::find_first_of(workers.begin(), workers.end(), old_workers.begin(),
                                old_workers.end()) == workers.end();
    })) << nginx_->Output();
  }
  // How many clients each worker holds.
  std::vector<int> HeldByWorkers() const {
    std::vector<int> held;
    for (const std::string& path : Workers()) {
      const std::string state = ControlConnection(path).Ask("state shop");
      held.push_back(std::atoi(state.c_str() + state.find("held=") + 5));
    }
    return held;
  }

  // The rows on both servers together.
  static std::multiset<int> Rows() {
    std::multiset<int> rows;
    for (auto& server : servers_) {
      Client root = server->Root();
      const std::string list = root.Ask("SELECT COALESCE(GROUP_CONCAT(i), '') FROM d.t");
      std::istringstream words(list);
      for (std::string word; std::getline(words, word, ',');) rows.insert(std::stoi(word));
    }
    return rows;
  }
  static std::multiset<int> AsSet(const std::vector<int>& rows) {
    return {rows.begin(), rows.end()};
  }

  // What an operator does to all workers at once.
  ControlConnections Hold() const {
    ControlConnections workers;
    FindWorkers(nginx_->control(), &workers);
    for (auto& [path, worker] : workers) EXPECT_EQ(worker->Ask("hold shop 600000"), "ok");
    return workers;
  }
  static void AwaitQuiet(const ControlConnections& workers) {
    for (auto& [path, worker] : workers) {
      std::string answer;
      EXPECT_TRUE(Await([&, &worker = worker] {
        answer = worker->Ask("quiet");
        return answer == "ok";
      })) << answer;
    }
  }
  static void Commit(const ControlConnections& workers) {
    for (auto& [path, worker] : workers) EXPECT_EQ(worker->Ask("commit"), "ok");
  }

  static std::unique_ptr<LiveServer> servers_[2];
  std::unique_ptr<NginxProcess> nginx_;
  std::unique_ptr<HealthCheck> health_check_;
};

std::unique_ptr<LiveServer> NginxTest::servers_[2];

TEST_F(NginxTest, APlannedSwitchoverCostsNoClientAnError) {
  Start();
  Clients clients(nginx_->port(), 8, Clients::kEndless);
  ASSERT_TRUE(clients.AwaitRows(40)) << nginx_->Output();

  const ControlConnections workers = Hold();
  AwaitQuiet(workers);
  AwaitHeld(8);
  SetReadOnly(0, true);
  const std::multiset<int> before = Rows();
  SetReadOnly(1, false);
  Commit(workers);
  EXPECT_TRUE(clients.AwaitRows(before.size() + 40)) << nginx_->Output();

  clients.Stop();
  EXPECT_THAT(clients.errors(), IsEmpty());
  EXPECT_EQ(Rows(), AsSet(clients.acknowledged()));
  EXPECT_GE(std::stoul(servers_[1]->Root().Ask("SELECT COUNT(*) FROM d.t")), 40u);
}

TEST_F(NginxTest, ASwitchoverWaitsForTheSessionsThatRun) {
  Start();
  AwaitPrimary(Address(0));
  auto session = std::make_unique<Client>(Client::ByPort(nginx_->port(), kAppUser, kAppPassword));
  ASSERT_EQ(session->error().number, 0u) << session->error().text;
  const ControlConnections workers = Hold();
  Clients clients(nginx_->port(), 4, 1);
  AwaitHeld(4);
  const auto busy = [&] {
    std::multiset<std::string> answers;
    for (auto& [path, worker] : workers) answers.insert(worker->Ask("quiet"));
    return answers;
  };
  EXPECT_EQ(busy(), (std::multiset<std::string>{"busy 1", "ok"}));
  EXPECT_EQ(session->Run("INSERT INTO d.t VALUES (-1)").number, 0u);
  EXPECT_EQ(busy(), (std::multiset<std::string>{"busy 1", "ok"}));
  session.reset();
  AwaitQuiet(workers);
  SetReadOnly(0, true);
  SetReadOnly(1, false);
  Commit(workers);
  clients.Join();
  EXPECT_THAT(clients.errors(), IsEmpty());
}

TEST_F(NginxTest, AControllerThatGoesCallsItsSwitchoverOff) {
  Start();
  AwaitPrimary(Address(0));
  ControlConnections workers = Hold();
  Clients clients(nginx_->port(), 4, 1);
  AwaitHeld(4);
  workers.clear();
  clients.Join();
  EXPECT_THAT(clients.errors(), IsEmpty());
  EXPECT_EQ(servers_[0]->Root().Ask("SELECT COUNT(*) FROM d.t"), "4");
}

TEST_F(NginxTest, ASwitchoverThatTakesTooLongIsCalledOff) {
  Start();
  AwaitPrimary(Address(0));
  Client session = Client::ByPort(nginx_->port(), kAppUser, kAppPassword);
  ASSERT_EQ(session.error().number, 0u) << session.error().text;
  ControlConnections workers;
  FindWorkers(nginx_->control(), &workers);
  for (auto& [path, worker] : workers) EXPECT_EQ(worker->Ask("hold shop 1"), "ok");
  EXPECT_TRUE(Await([&] {
    std::multiset<std::string> answers;
    for (auto& [path, worker] : workers) answers.insert(worker->Ask("quiet").substr(0, 5));
    return answers == std::multiset<std::string>{"error", "ok"};
  })) << nginx_->Output();
  // The worker that was quiet is called off, too, because its controller leaves.
  workers.clear();
  Clients clients(nginx_->port(), 8, 1);
  clients.Join();
  EXPECT_THAT(clients.errors(), IsEmpty());
  EXPECT_EQ(session.Run("INSERT INTO d.t VALUES (-1)").number, 0u);
}

TEST_F(NginxTest, ACrashIsWaitedOutByNewClients) {
  Start();
  Clients before(nginx_->port(), 4, 5);
  before.Join();
  EXPECT_THAT(before.errors(), IsEmpty());

  servers_[0]->Kill();
  // The workers may not know yet that the primary is gone: then its machine refuses the connects.
  Clients during(nginx_->port(), 40, 1);
  AwaitHeld(40);
  for (const int held : HeldByWorkers()) EXPECT_GT(held, 0);
  SetReadOnly(1, false);
  during.Join();
  EXPECT_THAT(during.errors(), IsEmpty());

  ASSERT_TRUE(servers_[0]->Restart());
  std::multiset<int> rows = AsSet(before.acknowledged());
  for (const int row : during.acknowledged()) rows.insert(row);
  EXPECT_EQ(Rows(), rows);
}

TEST_F(NginxTest, AConnectThatGetsNoAnswerIsHeldAgain) {
  const SilentMachine silent;
  NginxOptions options;
  options.servers = {silent.port(), servers_[0]->port()};
  options.workers = 1;
  options.settings = std::string(kPatientSettings) + "failover_connect_timeout 20ms;\n";
  nginx_ = NginxProcess::Start(options);
  ASSERT_NE(nginx_, nullptr);
  ControlConnection worker(Workers().front());
  const std::string primary = "report shop 127.0.0.1:" + std::to_string(silent.port());
  ASSERT_EQ(worker.Ask(primary + " writable"), "ok");
  Clients clients(nginx_->port(), 4, 1);
  AwaitHeld(4);
  ASSERT_EQ(worker.Ask(primary + " down"), "ok");
  ASSERT_EQ(worker.Ask("report shop " + Address(0) + " writable"), "ok");
  clients.Join();
  EXPECT_THAT(clients.errors(), IsEmpty());
}

TEST_F(NginxTest, AReloadLeavesHeldClientsToTheOldWorkers) {
  Start();
  AwaitPrimary(Address(0));
  SetReadOnly(0, true);
  AwaitPrimary("none");
  const std::vector<std::string> old_workers = Workers();
  Clients before(nginx_->port(), 10, 1);
  AwaitHeld(10);

  nginx_->Signal(SIGHUP);
  EXPECT_TRUE(Await([&] { return Workers().size() == 4; })) << nginx_->Output();
  // The listening sockets are those of before, and the old workers take nobody from them any more.
  EXPECT_TRUE(Await([&] {
    const std::string output = nginx_->Output();
    std::size_t count = 0;
    for (std::size_t at = 0;
         (at = output.find("gracefully shutting down", at)) != std::string::npos; ++at) {
      ++count;
    }
    return count == 2;
  })) << nginx_->Output();
  Clients after(nginx_->port(), 10, 1);
  AwaitHeld(20);

  SetReadOnly(1, false);
  before.Join();
  after.Join();
  EXPECT_THAT(before.errors(), IsEmpty());
  EXPECT_THAT(after.errors(), IsEmpty());
  AwaitOnlyNewWorkers(old_workers);
}

TEST_F(NginxTest, AReloadUnderLoadAndThenASwitchoverCostNoClientAnError) {
  Start();
  Clients clients(nginx_->port(), 8, Clients::kEndless);
  ASSERT_TRUE(clients.AwaitRows(40)) << nginx_->Output();
  const std::vector<std::string> old_workers = Workers();
  nginx_->Signal(SIGHUP);
  AwaitOnlyNewWorkers(old_workers);
  AwaitIdle();

  const ControlConnections workers = Hold();
  AwaitQuiet(workers);
  AwaitHeld(8);
  SetReadOnly(0, true);
  SetReadOnly(1, false);
  Commit(workers);
  EXPECT_TRUE(clients.AwaitRows(clients.rows() + 40)) << nginx_->Output();
  clients.Stop();
  EXPECT_THAT(clients.errors(), IsEmpty());
  EXPECT_EQ(Rows(), AsSet(clients.acknowledged()));
}

TEST_F(NginxTest, AWorkerThatMustEndTurnsHeldClientsAway) {
  NginxOptions options;
  options.main = "worker_shutdown_timeout 1ms;\n";
  Start(options);
  AwaitPrimary(Address(0));
  SetReadOnly(0, true);
  AwaitPrimary("none");
  std::deque<SilentClient> clients;
  for (int i = 0; i < 10; ++i) clients.emplace_back(nginx_->port());
  AwaitHeld(10);
  const std::vector<std::string> old_workers = Workers();
  nginx_->Signal(SIGHUP);
  for (const SilentClient& client : clients) EXPECT_TRUE(client.AwaitEnd());
  AwaitOnlyNewWorkers(old_workers);
}

TEST_F(NginxTest, ClientsThatLeaveWhileTheyAreHeldFreeTheirPlaces) {
  Start();
  AwaitPrimary(Address(0));
  SetReadOnly(0, true);
  AwaitPrimary("none");
  std::deque<SilentClient> clients;
  for (std::size_t i = 0; i < 20; ++i) clients.emplace_back(nginx_->port());
  AwaitHeld(20);
  for (std::size_t i = 0; i < 10; ++i) clients[i].Send("bytes that nobody reads");
  for (std::size_t i = 5; i < 15; ++i) clients[i].Leave();
  AwaitHeld(10);
  for (std::size_t i = 0; i < 5; ++i) clients[i].Reset();
  AwaitHeld(5);
  Clients others(nginx_->port(), 4, 1);
  AwaitHeld(9);
  SetReadOnly(1, false);
  others.Join();
  EXPECT_THAT(others.errors(), IsEmpty());
}

TEST_F(NginxTest, TheLimitsAreThoseOfAWorker) {
  NginxOptions options;
  options.workers = 1;
  options.settings = "failover_size 2;\n";
  Start(options);
  AwaitPrimary(Address(0));
  SetReadOnly(0, true);
  AwaitPrimary("none");
  std::deque<SilentClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(nginx_->port());
    AwaitHeld(std::min(i + 1, 2));
  }
  // The oldest has made room.
  EXPECT_TRUE(clients[0].AwaitEnd());
  AwaitHeld(2);
}

TEST_F(NginxTest, WhoMustNotPassIsNotHeld) {
  Start();
  AwaitPrimary(Address(0));
  SetReadOnly(0, true);
  AwaitPrimary("none");
  EXPECT_TRUE(SilentClient(nginx_->denied_port()).AwaitEnd());
  EXPECT_EQ(Held(), 0);
}

TEST_F(NginxTest, TheControlSocketNamesWhatIsWrong) {
  Start();
  AwaitPrimary(Address(0));
  ControlConnection worker(Workers().front());
  for (const auto& [line, error] : std::vector<std::pair<std::string, std::string>>{
           {"", "the commands are"},
           {"state", "the commands are"},
           {"state shop too many words at all", "the commands are"},
           {"state shpo", "no such upstream"},
           {"report shop 127.0.0.1:1 writable", "no such server"},
           {"report shop " + Address(0) + " fine", "writable, readonly or down"},
           {"quiet", "holds nothing"},
           {"commit", "holds nothing"},
           {"hold shop soon", "no number"}}) {
    EXPECT_THAT(worker.Ask(line), AllOf(StartsWith("error "), HasSubstr(error))) << line;
  }
  EXPECT_EQ(worker.Ask("hold shop"), "ok");
  EXPECT_THAT(worker.Ask("hold shop"), HasSubstr("holds already"));
  EXPECT_EQ(worker.Ask("abort"), "ok");
  EXPECT_EQ(worker.Ask(std::string(600, 'x')), "");
}

// The comparison: what the same clients see without the module.
TEST_F(NginxTest, WithoutTheModuleClientsSeeTheFailover) {
  Start();
  SetReadOnly(0, true);
  Clients switchover(nginx_->plain_port(), 4, 1);
  switchover.Join();
  EXPECT_EQ(switchover.errors().size(), 4u);
  for (const std::string& error : switchover.errors()) EXPECT_THAT(error, StartsWith("1290 "));

  servers_[0]->Kill();
  Clients crash(nginx_->plain_port(), 4, 1);
  crash.Join();
  EXPECT_EQ(crash.errors().size(), 4u);
  for (const std::string& error : crash.errors()) EXPECT_THAT(error, StartsWith("2013 "));
  ASSERT_TRUE(servers_[0]->Restart());
}

TEST(NginxConfigurationTest, ErrorsNameWhatIsWrong) {
  const std::string shop = "upstream shop { failover d 0; server 127.0.0.1:3306; }\n";
  const std::string control = "failover_control FOLDER/control;\n";
  const std::string both = control + shop;
  std::string output;
  EXPECT_EQ(NginxProcess::Check(both, &output), 0) << output;
  EXPECT_EQ(NginxProcess::Check("", &output), 0) << output;
  for (const auto& [stream, error] : std::vector<std::pair<std::string, std::string>>{
           {shop, "\"failover_control\" is missing"},
           {shop + "failover_control FOLDER/nothing;", "/nothing\" is no directory"},
           {"failover_control " + std::string(120, 'x') + ";\n" + shop, "the path is too long"},
           {both + "failover_size 0;", "\"failover_size\" directive must not be zero"},
           {both + "failover_window 0s;", "\"failover_window\" directive must not be zero"},
           {both + "failover_window 30s; failover_max_duration 20s;", "window"},
           {both + "upstream twin { failover d 0; server 127.0.0.1:3307; }",
            "the upstreams \"shop\" and \"twin\" are one shard"},
           {both + "server { listen 127.0.0.1:1; failover_hold shpo; proxy_pass shop; }",
            "\"failover_hold shpo\""},
           {"upstream shop { server 127.0.0.1:3306; }\n"
            "server { listen 127.0.0.1:1; failover_hold shop; proxy_pass shop; }",
            "\"failover_hold shop\""},
           {control + "upstream shop { server 127.0.0.1:3306; failover d 0; }",
            "must come before each \"server\""},
           {control + "upstream shop { failover d 0; server 127.0.0.1:3306 backup; }", "backup"},
           {control + "upstream shop { failover d; server 127.0.0.1:3306; }",
            "invalid number of arguments in \"failover\""},
           {control + "upstream shop { hash $remote_addr; failover d 0; server 127.0.0.1:3306; }",
            "comes with another balancing method"}}) {
    EXPECT_NE(NginxProcess::Check(stream, &output), 0) << stream;
    EXPECT_THAT(output, HasSubstr(error)) << stream;
  }
}

}  // namespace
}  // namespace nginx
