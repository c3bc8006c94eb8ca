// Clients that want too much, or that send nonsense.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "proxy/mysql/protocol/codec.h"
#include "proxy_test.h"
#include "raw_client.h"
#include "support/child_process.h"

namespace mysql_proxy {

using failover::test::Await;
namespace {

class LimitsTest : public ProxyTest {};

TEST_F(LimitsTest, LargePackets) {
  StartProxy({"--max-packet-size=40000000"});
  ProxyClient client(port());
  const std::size_t length = 33'600'000;  // makes three frames, of which the last is short
  const std::string sql = "SELECT LENGTH('" + std::string(length, 'x') + "')";
  EXPECT_EQ(client.Ask(sql), std::to_string(length));
  EXPECT_EQ(client.Ask("SELECT REPEAT('y', 33554430)").size(), 33'554'430u);
  EXPECT_EQ(client.Ask("SELECT 1"), "1");
}

TEST_F(LimitsTest, APacketThatIsTooLargeEndsItsConnectionOnly) {
  StartProxy({"--max-packet-size=100000"});
  ProxyClient other(port());
  ProxyClient client(port());
  EXPECT_NE(client.Run("SELECT '" + std::string(100'000, 'x') + "'").number, 0u);
  EXPECT_NE(client.Run("SELECT 1").number, 0u) << "the connection is closed";
  EXPECT_EQ(other.Ask("SELECT 1"), "1");
}

TEST_F(LimitsTest, ConnectionsAreLimited) {
  StartProxy({"--max-connections=2"});
  ProxyClient first(port());
  auto second = std::make_unique<ProxyClient>(port());
  EXPECT_EQ(second->error().number, 0u);
  EXPECT_EQ(ProxyClient(port()).error().number, 1040u);
  second.reset();
  EXPECT_TRUE(Await([this] { return ProxyClient(port()).error().number == 0; }));
  EXPECT_EQ(first.Ask("SELECT 1"), "1");
}

// A slow client asks for 300 MB of rows. The proxy must not collect them.
TEST_F(LimitsTest, ResultsAreNotCollected) {
  StartProxy();
  ProxyClient client(port());
  const std::string sql = "SELECT REPEAT('x', 100000) FROM seq_1_to_3000";
  const std::size_t before = proxy().MemoryInUse();
  ASSERT_EQ(mysql_real_query(client.handle(), sql.data(), sql.size()), 0)
      << mysql_error(client.handle());
  MYSQL_RES* const rows = mysql_use_result(client.handle());
  // A proxy that collects rows needs some time. The test looks ten times, because a busy machine
  // may be slow.
  std::size_t most = before;
  for (int look = 0; look < 10; ++look) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    most = std::max(most, proxy().MemoryInUse());
  }
  std::size_t count = 0;
  while (mysql_fetch_row(rows) != nullptr) {
    if (++count % 100 == 0) most = std::max(most, proxy().MemoryInUse());
  }
  mysql_free_result(rows);
  EXPECT_EQ(count, 3000u);
  EXPECT_LT(most - before, std::size_t{8} << 20);
}

TEST_F(LimitsTest, ASessionThatGetsNoMemoryEndsAlone) {
  StartProxy({"--max-packet-size=4000000000", "--threads=1"});
  ProxyClient other(port());
  ProxyClient greedy(port());
  proxy().LimitMemory(std::size_t{100} << 20);
  const std::string piece(std::size_t{0xffffff}, 'x');
  const int fd = static_cast<int>(mysql_get_socket(greedy.handle()));
  bool sent = true;
  for (std::uint8_t sequence = 0; sent && sequence < 30;) {
    std::string frame;
    PutInteger(piece.size(), 3, frame);
    PutInteger(sequence++, 1, frame);
    frame += piece;
    for (std::size_t at = 0; sent && at < frame.size();) {
      const ssize_t count = send(fd, frame.data() + at, frame.size() - at, MSG_NOSIGNAL);
      sent = count > 0;
      if (sent) at += static_cast<std::size_t>(count);
    }
  }
  EXPECT_FALSE(sent);
  EXPECT_EQ(other.Ask("SELECT 1"), "1") << other.error().text;
  EXPECT_EQ(proxy().State("connections"), "1");
  // The event loop has forgotten the session that ended, so that the drain finds the others only.
  proxy().Signal(SIGTERM);
  EXPECT_EQ(proxy().AwaitExit(), 0);
}

TEST_F(LimitsTest, WhoHasNotLoggedInMaySendALittleOnly) {
  StartProxy();
  for (const std::size_t length : {std::size_t{0xffffff}, std::size_t{64 * 1024 + 1}}) {
    RawClient client(port());
    std::string header;
    PutInteger(length, 3, header);
    PutInteger(1, 1, header);
    client.Send(header);
    EXPECT_TRUE(client.AwaitEnd()) << length;
  }
}

TEST_F(LimitsTest, NonsenseEndsItsConnectionOnly) {
  StartProxy();
  ProxyClient other(port());
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> byte(0, 255);
    std::string payload(random() % 200, '\0');
    for (char& c : payload) c = static_cast<char>(byte(random));
    std::string wire = payload;
    if (seed % 2 == 0) {  // the nonsense is in a frame, as an answer to the greeting
      std::uint8_t sequence = 1;
      wire.clear();
      PutPacket(payload, sequence, wire);
    }
    RawClient client(port());
    ASSERT_TRUE(client.connected());
    client.Send(wire);
    EXPECT_TRUE(client.ReadToEnd()) << seed;
  }
  EXPECT_EQ(other.Ask("SELECT 1"), "1");
}

// A client that has logged in sends damaged commands. They may do what they say, but nothing else.
TEST_F(LimitsTest, DamagedCommandsDoNoHarm) {
  StartProxy();
  ProxyClient other(port());
  for (unsigned seed = 0; seed < 200; ++seed) {
    ProxyClient client(port());
    ASSERT_EQ(client.error().number, 0u) << seed;
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> byte(0, 255);
    static constexpr int kCommands[] = {0x02, 0x03, 0x09, 0x0e, 0x11, 0x16, 0x17,
                                        0x18, 0x19, 0x1a, 0x1c, 0x1f, 0xfa};
    std::string wire;
    for (int i = 0; i < 3; ++i) {
      std::string payload(1 + random() % 30, '\0');
      for (char& c : payload) c = static_cast<char>(byte(random) % 4);
      payload[0] = static_cast<char>(kCommands[random() % std::size(kCommands)]);
      std::uint8_t sequence = 0;
      PutPacket(payload, sequence, wire);
    }
    if (random() % 2 == 0) wire[random() % wire.size()] ^= static_cast<char>(1 << random() % 8);
    const int fd = static_cast<int>(mysql_get_socket(client.handle()));
    send(fd, wire.data(), wire.size(), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    char bytes[4096];
    while (recv(fd, bytes, sizeof bytes, 0) > 0) {
    }
  }
  EXPECT_EQ(other.Ask("SELECT 1"), "1");
  EXPECT_TRUE(Await([this] { return proxy().State("connections") == "1"; }));
}

}  // namespace
}  // namespace mysql_proxy
