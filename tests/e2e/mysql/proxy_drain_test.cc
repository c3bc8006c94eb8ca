// The beginning and the end of a proxy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/mysql/protocol/codec.h"
#include "proxy_test.h"
#include "support/child_process.h"

namespace mysql_proxy {

using failover::test::Await;
namespace {

using testing::HasSubstr;

class DrainTest : public ProxyTest {};

TEST_F(DrainTest, SigtermLetsWhatIsUnderWayEnd) {
  StartProxy();
  ProxyClient idle(port());
  ProxyClient busy(port());
  ProxyClient in_transaction(port());
  in_transaction.Run("BEGIN; INSERT INTO t VALUES (1)");
  auto gate = server(0).Root();
  ASSERT_EQ(gate.Ask("SELECT GET_LOCK('gate', 0)"), "1");
  busy.Send("SELECT GET_LOCK('gate', 600)");
  ASSERT_TRUE(Await([] {
    return AskServer(0,
                     "SELECT COUNT(*) FROM information_schema.processlist WHERE state = "
                     "'User lock'") == "1";
  }));
  proxy().Signal(SIGTERM);
  EXPECT_TRUE(Await([&] { return ProxyClient(port()).error().number != 0; }))
      << "new clients are refused";
  EXPECT_TRUE(Await([&] { return idle.HasNews(); })) << "an idle session ends";
  EXPECT_NE(idle.Run("INSERT INTO t VALUES (2)").number, 0u);
  gate.Run("DO RELEASE_LOCK('gate')");
  EXPECT_EQ(busy.Receive().number, 0u) << busy.error().text;
  EXPECT_EQ(in_transaction.Run("COMMIT").number, 0u) << in_transaction.error().text;
  EXPECT_EQ(proxy().AwaitExit(), 0);
  EXPECT_EQ(AskServer(0, "SELECT GROUP_CONCAT(i) FROM d.t"), "1");
}

// Returns how many inserts of one row are answered before the proxy closes the connection.
std::size_t CountInsertsAnswered(ProxyClient& client) {
  constexpr std::size_t kAnswerLength = 11;
  const int fd = static_cast<int>(mysql_get_socket(client.handle()));
  std::size_t bytes = 0;
  char buffer[4096];
  for (ssize_t count; (count = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
    bytes += static_cast<std::size_t>(count);
  }
  EXPECT_EQ(bytes % kAnswerLength, 0u);
  return bytes / kAnswerLength;
}

// Clients that do not wait for answers always have a command on its way when the drain begins. Each
// command must be both executed and answered, or neither. The commands are longer than what the
// proxy reads at once.
TEST_F(DrainTest, WhatIsExecutedInADrainIsAnswered) {
  constexpr int kClients = 40;
  constexpr int kCommands = 20;
  const std::string padding = " /* " + std::string(20'000, 'x') + " */";
  for (int round = 0; round < 3; ++round) {
    RunOnBoth("TRUNCATE TABLE d.t");
    StartProxy({"--threads=1"});
    std::vector<std::unique_ptr<ProxyClient>> clients;
    for (int i = 0; i < kClients; ++i) clients.push_back(std::make_unique<ProxyClient>(port()));
    for (int i = 0; i < kClients; ++i) {
      std::string wire;
      for (int command = 0; command < kCommands; ++command) {
        std::uint8_t sequence = 0;
        PutPacket(
            "\x03INSERT INTO t VALUES (" + std::to_string(i * kCommands + command) + ")" + padding,
            sequence, wire);
      }
      // The test does not need the commands that the socket does not take.
      send(static_cast<int>(mysql_get_socket(clients[static_cast<std::size_t>(i)]->handle())),
           wire.data(), wire.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    proxy().Signal(SIGTERM);
    std::size_t answered = 0;
    for (auto& client : clients) answered += CountInsertsAnswered(*client);
    EXPECT_EQ(proxy().AwaitExit(), 0);
    EXPECT_EQ(AskServer(0, "SELECT COUNT(*) FROM d.t"), std::to_string(answered));
  }
}

TEST_F(DrainTest, TheDrainIsLimited) {
  StartProxy({"--drain-timeout=300ms"});
  ProxyClient client(port());
  client.Run("BEGIN");
  proxy().Signal(SIGTERM);
  EXPECT_EQ(proxy().AwaitExit(), 0);
  EXPECT_NE(client.Run("COMMIT").number, 0u);
}

TEST_F(DrainTest, ADrainMustEndSomeDay) {
  for (const char* timeout : {"inf", "25h", "-1s"}) {
    std::string output;
    EXPECT_EQ(ProxyProcess::Run({"--servers=127.0.0.1:1", "--users-file=users",
                                 "--backend-user=app", std::string("--drain-timeout=") + timeout},
                                &output),
              2);
    EXPECT_THAT(output, HasSubstr("--drain_timeout: must be")) << timeout;
  }
}

// A test that sees the line about the primary must know the port and may send signals.
TEST_F(DrainTest, ItListensBeforeItLooksForThePrimary) {
  for (int i = 0; i < 5; ++i) {
    StartProxy();
    AwaitPrimary(0);
    const std::string output = proxy().Output();
    EXPECT_LT(output.find("listening on"), output.find("takes writes")) << output;
  }
}

}  // namespace
}  // namespace mysql_proxy
