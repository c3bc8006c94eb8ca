// What a client can do through the proxy while nothing fails.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "proxy/mysql/protocol/codec.h"
#include "proxy_test.h"
#include "support/child_process.h"
#include "support/patience.h"

namespace mysql_proxy {

using failover::test::Await;
namespace {

using testing::HasSubstr;

class SessionTest : public ProxyTest {};

TEST_F(SessionTest, OnlyConfiguredUsersMayLogIn) {
  StartProxy();
  EXPECT_EQ(ProxyClient(port()).error().number, 0u);
  ProxyClientOptions wrong_password;
  wrong_password.password = "wrong";
  EXPECT_EQ(ProxyClient(port(), wrong_password).error().number, 1045u);
  ProxyClientOptions no_password;
  no_password.password = "";
  EXPECT_EQ(ProxyClient(port(), no_password).error().number, 1045u);
  ProxyClientOptions unknown_user;
  unknown_user.user = "root";
  unknown_user.password = "";
  EXPECT_EQ(ProxyClient(port(), unknown_user).error().number, 1045u);
  ProxyClientOptions unknown_schema;
  unknown_schema.schema = "nonexistent";
  EXPECT_EQ(ProxyClient(port(), unknown_schema).error().number, 1049u);
}

// As a client does whose favourite is another method.
TEST_F(SessionTest, OtherAuthenticationIsSwitchedToNativePassword) {
  StartProxy();
  ProxyClient client(port());
  MYSQL* const handle = mysql_init(nullptr);
  mysql_options(handle, MYSQL_DEFAULT_AUTH, "mysql_clear_password");
  EXPECT_NE(mysql_real_connect(handle, "127.0.0.1", failover::mysql::kAppUser,
                               failover::mysql::kAppPassword, "d", port(), nullptr, 0),
            nullptr)
      << mysql_error(handle);
  mysql_close(handle);
}

TEST_F(SessionTest, SimpleCommands) {
  StartProxy();
  ProxyClient client(port());
  EXPECT_EQ(client.Ask("SELECT DATABASE()"), "d");
  EXPECT_EQ(mysql_select_db(client.handle(), "other"), 0);
  EXPECT_EQ(client.Ask("SELECT DATABASE()"), "other");
  EXPECT_EQ(mysql_select_db(client.handle(), "nonexistent"), 1);
  EXPECT_EQ(client.KeepError().number, 1049u);
  EXPECT_EQ(mysql_ping(client.handle()), 0);
  EXPECT_THAT(mysql_stat(client.handle()), HasSubstr("Uptime"));
  EXPECT_EQ(client.Run("INSERT INTO d.t VALUES (1), (2)").number, 0u);
  EXPECT_EQ(mysql_affected_rows(client.handle()), 2u);
  EXPECT_EQ(client.Run("INSERT INTO d.t VALUES (1)").number, 1062u);
  EXPECT_EQ(client.error().sqlstate, "23000");
  EXPECT_EQ(client.Ask("SELECT i FROM d.t ORDER BY i"), "1 2");
}

TEST_F(SessionTest, WhatIsNotSupportedIsRefusedAndTheSessionGoesOn) {
  StartProxy();
  ProxyClient client(port());
  EXPECT_NE(mysql_set_server_option(client.handle(), MYSQL_OPTION_MULTI_STATEMENTS_OFF), 0);
  EXPECT_EQ(client.KeepError().number, 1047u);
  EXPECT_EQ(client.Ask("SELECT 1"), "1");
  EXPECT_NE(mysql_change_user(client.handle(), "app", failover::mysql::kAppPassword, "d"), 0);
  EXPECT_EQ(client.KeepError().number, 1047u);
}

TEST_F(SessionTest, LoadDataLocalIsRefused) {
  StartProxy();
  ProxyClientOptions options;
  options.flags = CLIENT_LOCAL_FILES;
  ProxyClient client(port(), options);
  const unsigned int on = 1;
  mysql_options(client.handle(), MYSQL_OPT_LOCAL_INFILE, &on);
  EXPECT_NE(client.Run("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t").number, 0u);
  EXPECT_EQ(client.Ask("SELECT COUNT(*) FROM t"), "0");
}

TEST_F(SessionTest, SeveralStatementsAndResults) {
  StartProxy();
  ProxyClient client(port());
  EXPECT_EQ(client.Ask("SELECT 1; INSERT INTO t VALUES (5); SELECT i FROM t; SELECT 2 FROM t "
                       "WHERE FALSE; SELECT 3"),
            "1 5 3");
  EXPECT_EQ(client.Run("SELECT 1; SELECT nonsense; SELECT 3").number, 1054u);
  EXPECT_EQ(client.Ask("SELECT 4"), "4");
  client.Run("DROP PROCEDURE IF EXISTS d.p");
  EXPECT_EQ(client.Run("CREATE PROCEDURE d.p() BEGIN SELECT 1; SELECT 2; END").number, 0u);
  EXPECT_EQ(client.Ask("CALL d.p()"), "1 2");
}

TEST_F(SessionTest, PreparedStatements) {
  StartProxy();
  ProxyClient client(port());
  ProxyStatement insert(client, "INSERT INTO t VALUES (?)");
  ProxyStatement select(client, "SELECT i FROM t WHERE i = ?");
  ASSERT_EQ(insert.error().number, 0u) << insert.error().text;
  insert.Execute({"7"});
  EXPECT_EQ(insert.error().number, 0u) << insert.error().text;
  insert.Execute({"8"});
  EXPECT_EQ(insert.error().number, 0u) << "the second execution has no types with it";
  insert.Execute({"8"});
  EXPECT_EQ(insert.error().number, 1062u);
  EXPECT_EQ(select.Execute({"8"}), "8");
  EXPECT_EQ(select.Execute({"9"}), "");
  EXPECT_EQ(mysql_stmt_reset(select.handle()), 0);
  EXPECT_EQ(select.Execute({"7"}), "7");
  EXPECT_EQ(ProxyStatement(client, "SELECT 'no parameters'").Execute(), "no parameters");
  EXPECT_EQ(ProxyStatement(client, "nonsense").error().number, 1064u);
}

TEST_F(SessionTest, LongData) {
  StartProxy();
  ProxyClient client(port());
  ProxyStatement statement(client, "SELECT CONCAT(MD5(?), ' ', LENGTH(?))");
  ASSERT_EQ(mysql_stmt_param_count(statement.handle()), 2u);
  for (int round = 0; round < 2; ++round) {
    const std::string piece(1'000'000, 'x');
    for (int i = 0; i < 3; ++i) {
      ASSERT_FALSE(mysql_stmt_send_long_data(statement.handle(), 1, piece.data(), piece.size()));
    }
    EXPECT_EQ(statement.Execute({"", "ignored"}), "d41d8cd98f00b204e9800998ecf8427e 3000000");
  }
  EXPECT_EQ(statement.Execute({"", "four"}), "d41d8cd98f00b204e9800998ecf8427e 4")
      << "long data is for one execution";
}

// Sent by hand, because libmariadb takes rows instead of a cursor for an error of its user.
TEST_F(SessionTest, ACursorIsAnsweredWithAllRows) {
  StartProxy();
  ProxyClient client(port());
  ProxyStatement statement(client, "SELECT 'first row' UNION SELECT 'last row'");
  std::string execute;
  PutInteger(0x17, 1, execute);  // COM_STMT_EXECUTE
  PutInteger(statement.handle()->stmt_id, 4, execute);
  PutInteger(CURSOR_TYPE_READ_ONLY, 1, execute);
  PutInteger(1, 4, execute);  // iterations
  std::string wire;
  std::uint8_t sequence = 0;
  PutPacket(execute, sequence, wire);
  const int fd = static_cast<int>(mysql_get_socket(client.handle()));
  ASSERT_EQ(send(fd, wire.data(), wire.size(), MSG_NOSIGNAL), static_cast<ssize_t>(wire.size()));
  std::string reply;
  EXPECT_TRUE(Await([&] {
    char bytes[4096];
    const ssize_t count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count > 0) reply.append(bytes, static_cast<std::size_t>(count));
    return reply.find("last row") != std::string::npos;
  }));
  EXPECT_THAT(reply, HasSubstr("first row"));
}

TEST_F(SessionTest, AResetMakesTheSessionLikeNew) {
  StartProxy();
  ProxyClient client(port());
  ProxyStatement statement(client, "SELECT 1");
  client.Run("SET @x = 5, sql_mode = 'ANSI_QUOTES'; BEGIN");
  EXPECT_EQ(mysql_reset_connection(client.handle()), 0);
  EXPECT_EQ(client.Ask("SELECT CONCAT(COALESCE(@x, 'none'), @@in_transaction)"), "none0");
  EXPECT_EQ(client.Ask("SELECT @@sql_mode LIKE '%ANSI%'"), "0");
  EXPECT_EQ(client.Ask("SELECT DATABASE()"), "d");
  // Tracking works as before.
  EXPECT_EQ(mysql_reset_connection(client.handle()), 0);
  client.Run("SET sql_mode = 'ANSI_QUOTES'");
  FailOver();
  EXPECT_EQ(client.Ask("SELECT @@sql_mode LIKE '%ANSI%'"), "1");
}

TEST_F(SessionTest, LargePackets) {
  StartProxy({"--max-packet-size=40000000"});
  ProxyClient client(port());
  const std::size_t length = 33'600'000;  // three frames, of which the last is short
  const std::string sql = "SELECT LENGTH('" + std::string(length, 'x') + "')";
  EXPECT_EQ(client.Ask(sql), std::to_string(length));
  EXPECT_EQ(client.Ask("SELECT REPEAT('y', 33554430)").size(), 33'554'430u);
  EXPECT_EQ(client.Ask("SELECT 1"), "1");
}

TEST_F(SessionTest, APacketThatIsTooLargeEndsItsConnectionOnly) {
  StartProxy({"--max-packet-size=100000"});
  ProxyClient other(port());
  ProxyClient client(port());
  EXPECT_NE(client.Run("SELECT '" + std::string(100'000, 'x') + "'").number, 0u);
  EXPECT_NE(client.Run("SELECT 1").number, 0u) << "the connection is closed";
  EXPECT_EQ(other.Ask("SELECT 1"), "1");
}

TEST_F(SessionTest, ConnectionsAreLimited) {
  StartProxy({"--max-connections=2"});
  ProxyClient first(port());
  auto second = std::make_unique<ProxyClient>(port());
  EXPECT_EQ(second->error().number, 0u);
  EXPECT_EQ(ProxyClient(port()).error().number, 1040u);
  second.reset();
  EXPECT_TRUE(Await([this] { return ProxyClient(port()).error().number == 0; }));
  EXPECT_EQ(first.Ask("SELECT 1"), "1");
}

// 300 MB of rows for a client that takes its time: the proxy must not collect them.
TEST_F(SessionTest, ResultsAreNotCollected) {
  StartProxy();
  ProxyClient client(port());
  const std::string sql = "SELECT REPEAT('x', 100000) FROM seq_1_to_3000";
  const std::size_t before = proxy().MemoryInUse();
  ASSERT_EQ(mysql_real_query(client.handle(), sql.data(), sql.size()), 0)
      << mysql_error(client.handle());
  MYSQL_RES* const rows = mysql_use_result(client.handle());
  // The time to collect them all. More than one look, because a busy machine may be slow.
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

TEST_F(SessionTest, ASessionThatGetsNoMemoryEndsAlone) {
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
  // The loop knows it no more: what looks at all of its sessions finds those that are there.
  proxy().Signal(SIGTERM);
  EXPECT_EQ(proxy().AwaitExit(), 0);
}

// A connection of our own, to say what no client library says.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    const timeval timeout = {failover::test::kPatience.count(), 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  }
  ~RawClient() { close(socket_); }

  bool connected() const { return connected_; }
  void Send(const std::string& bytes) const {
    send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // Says that no more will come, and reads until the proxy closes the connection. False: it did
  // not.
  bool ReadToEnd() const {
    shutdown(socket_, SHUT_WR);
    return AwaitEnd();
  }
  // Reads until the proxy closes the connection by itself. False: it did not.
  bool AwaitEnd() const {
    char bytes[4096];
    ssize_t count;
    do {
      count = recv(socket_, bytes, sizeof bytes, 0);
    } while (count > 0);
    return count == 0 || errno == ECONNRESET;
  }

 private:
  const int socket_;
  bool connected_ = false;
};

TEST_F(SessionTest, WhoHasNotLoggedInMaySendALittleOnly) {
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

TEST_F(SessionTest, NonsenseEndsItsConnectionOnly) {
  StartProxy();
  ProxyClient other(port());
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> byte(0, 255);
    std::string payload(random() % 200, '\0');
    for (char& c : payload) c = static_cast<char>(byte(random));
    std::string wire = payload;
    if (seed % 2 == 0) {  // in a frame, as an answer to the greeting
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

// Commands of a client that has logged in. Damaged ones may do what they say, but nothing else.
TEST_F(SessionTest, DamagedCommandsDoNoHarm) {
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

TEST_F(SessionTest, SigtermLetsWhatIsUnderWayEnd) {
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

// How many inserts that affected one row are answered before the proxy closes the connection.
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

// Clients that do not wait for answers have always a command on its way when the end is decided:
// each is executed and answered, or neither. They are longer than what the proxy reads at once.
TEST_F(SessionTest, WhatIsExecutedInADrainIsAnswered) {
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
      // What the socket does not take is not needed.
      send(static_cast<int>(mysql_get_socket(clients[i]->handle())), wire.data(), wire.size(),
           MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    proxy().Signal(SIGTERM);
    std::size_t answered = 0;
    for (auto& client : clients) answered += CountInsertsAnswered(*client);
    EXPECT_EQ(proxy().AwaitExit(), 0);
    EXPECT_EQ(AskServer(0, "SELECT COUNT(*) FROM d.t"), std::to_string(answered));
  }
}

TEST_F(SessionTest, TheDrainIsLimited) {
  StartProxy({"--drain-timeout=300ms"});
  ProxyClient client(port());
  client.Run("BEGIN");
  proxy().Signal(SIGTERM);
  EXPECT_EQ(proxy().AwaitExit(), 0);
  EXPECT_NE(client.Run("COMMIT").number, 0u);
}

TEST_F(SessionTest, ADrainMustEndSomeDay) {
  for (const char* timeout : {"inf", "25h", "-1s"}) {
    std::string output;
    EXPECT_EQ(ProxyProcess::Run({"--servers=127.0.0.1:1", "--users-file=users",
                                 "--backend-user=app", std::string("--drain-timeout=") + timeout},
                                &output),
              2);
    EXPECT_THAT(output, HasSubstr("--drain_timeout: must be")) << timeout;
  }
}

// So that whoever sees the primary's line knows the port, and may send signals.
TEST_F(SessionTest, ItListensBeforeItLooksForThePrimary) {
  for (int i = 0; i < 5; ++i) {
    StartProxy();
    AwaitPrimary(0);
    const std::string output = proxy().Output();
    EXPECT_LT(output.find("listening on"), output.find("takes writes")) << output;
  }
}

}  // namespace
}  // namespace mysql_proxy
