// What drivers of many languages need of the protocol, beside plain statements.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/mysql/protocol/codec.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/handshake.h"
#include "proxy/mysql/protocol/native_password.h"
#include "proxy/mysql/protocol/server_packets.h"
#include "proxy_test.h"
#include "support/child_process.h"
#include "support/patience.h"

namespace mysql_proxy {

using failover::test::Await;
namespace {

using testing::HasSubstr;
using testing::Not;

// Packets by hand, for what libmariadb does not send. The socket is not owned.
class Wire {
 public:
  explicit Wire(int fd) : fd_(fd) {}

  static std::string Packet(std::string_view payload, std::uint8_t sequence = 0) {
    std::string wire;
    PutPacket(payload, sequence, wire);
    return wire;
  }

  void Send(const std::string& bytes) const {
    EXPECT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  // The payload of the next packet; empty: the connection has ended.
  std::string Read() const {
    const std::string header = ReadBytes(kFrameHeaderLength);
    if (header.size() < kFrameHeaderLength) return {};
    return ReadBytes(PacketReader(header).U32() & kMaxFrameLength);
  }

 private:
  std::string ReadBytes(std::size_t count) const {
    std::string bytes(count, '\0');
    std::size_t got = 0;
    while (got < count) {
      pollfd file = {fd_, POLLIN, 0};
      const auto patience = std::chrono::milliseconds(failover::test::kPatience);
      if (poll(&file, 1, static_cast<int>(patience.count())) != 1) break;
      const ssize_t part = recv(fd_, bytes.data() + got, count - got, 0);
      if (part <= 0) break;
      got += static_cast<std::size_t>(part);
    }
    bytes.resize(got);
    return bytes;
  }

  const int fd_;
};

// A socket that has connected to the proxy and not logged in.
class PlainSocket {
 public:
  explicit PlainSocket(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~PlainSocket() { close(fd_); }
  PlainSocket(const PlainSocket&) = delete;
  PlainSocket& operator=(const PlainSocket&) = delete;

  Wire wire() const { return Wire(fd_); }

 private:
  const int fd_;
};

std::string ExecuteLast() {
  std::string execute;
  PutInteger(0x17, 1, execute);  // COM_STMT_EXECUTE
  PutInteger(0xffffffff, 4, execute);
  PutInteger(0, 1, execute);  // no cursor
  PutInteger(1, 4, execute);  // iterations
  return execute;
}

std::uint32_t NumberOf(const std::string& error) {
  const auto parsed = ParseError(error);
  const bool is_error = !error.empty() && static_cast<std::uint8_t>(error[0]) == kErrorHeader;
  return is_error && parsed.has_value() ? parsed->number : 0;
}

class DriverTest : public ProxyTest {
 protected:
  static Wire WireOf(ProxyClient& client) {
    return Wire(static_cast<int>(mysql_get_socket(client.handle())));
  }

  static void AwaitCount(const std::string& condition, const std::string& count) {
    EXPECT_TRUE(server(0).Root().AwaitAnswer(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE " + condition, count))
        << condition;
  }
};

// --- Autocommit off ------------------------------------------------------------------------------

// Many drivers turn autocommit off by default.
TEST_F(DriverTest, WithoutAutocommitTheFirstStatementOfATransactionIsHeld) {
  StartProxy();
  ProxyClient never_written(port());
  ProxyClient between(port());
  for (ProxyClient* client : {&never_written, &between}) client->Run("SET autocommit = 0");
  between.Run("INSERT INTO t VALUES (1)");
  between.Run("COMMIT");
  AwaitPrimary(0);
  SetReadOnly(0, true);
  never_written.Send("INSERT INTO t VALUES (2)");
  between.Send("INSERT INTO t VALUES (3)");
  AwaitHeld(2);
  SetReadOnly(1, false);
  for (ProxyClient* client : {&never_written, &between}) {
    EXPECT_EQ(client->Receive().number, 0u) << client->error().text;
    EXPECT_EQ(client->Ask("SELECT @@autocommit"), "0");
    EXPECT_EQ(client->Run("COMMIT").number, 0u) << client->error().text;
  }
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i ORDER BY i) FROM d.t"), "2,3");
}

TEST_F(DriverTest, WithoutAutocommitARefusalInsideATransactionIsNotRepeatedAndBeginsAHold) {
  StartProxy({"--poll-interval=1h"});
  ProxyClient client(port());
  client.Run("SET autocommit = 0");
  client.Run("INSERT INTO t VALUES (1)");
  SetReadOnly(0, true);
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (2)").number, 1213u) << client.error().text;
  EXPECT_THAT(proxy().Output(), HasSubstr("a statement that is not repeated was refused"));
  SetReadOnly(1, false);
  AwaitPrimary(1);
  EXPECT_EQ(client.Run("INSERT INTO t VALUES (3)").number, 0u) << client.error().text;
  EXPECT_EQ(client.Run("COMMIT").number, 0u) << client.error().text;
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "3");
  EXPECT_EQ(AskServer(0, "SELECT COUNT(*) FROM d.t"), "0");
}

// --- Prepared statements -------------------------------------------------------------------------

TEST_F(DriverTest, AStatementMayBeExecutedTogetherWithItsPreparation) {
  StartProxy();
  ProxyClient client(port());
  const Wire wire = WireOf(client);
  const std::string prepare(1, '\x16');
  for (int i = 1; i <= 2; ++i) {
    wire.Send(Wire::Packet(prepare + "INSERT INTO t VALUES (" + std::to_string(i) + ")") +
              Wire::Packet(ExecuteLast()));
    EXPECT_EQ(wire.Read()[0], '\0') << "the preparation";
    EXPECT_EQ(wire.Read()[0], '\0') << "the execution";
  }
  // The execution must not hit the statement before.
  wire.Send(Wire::Packet(prepare + "nonsense") + Wire::Packet(ExecuteLast()));
  EXPECT_EQ(NumberOf(wire.Read()), 1064u);
  EXPECT_EQ(NumberOf(wire.Read()), 1243u);
  EXPECT_EQ(client.Ask("SELECT i FROM t ORDER BY i"), "1 2");
}

// Fetches all rows of all results of a statement, as the C API is used without a stored result.
std::string FetchAll(ProxyStatement& statement) {
  std::string all;
  MYSQL_STMT* const handle = statement.handle();
  int number = 0;
  MYSQL_BIND bind = {};
  bind.buffer_type = MYSQL_TYPE_LONG;
  bind.buffer = &number;
  int more = 0;
  while (more == 0) {
    if (mysql_stmt_field_count(handle) > 0) {
      mysql_stmt_bind_result(handle, &bind);
      while (mysql_stmt_fetch(handle) == 0) all += std::to_string(number) + " ";
      mysql_stmt_free_result(handle);
    }
    more = mysql_stmt_next_result(handle);
  }
  return all + (more > 0 ? statement.KeepError().text : "");
}

TEST_F(DriverTest, APreparedCallHasAllItsResults) {
  StartProxy();
  server(0).Run(
      "CREATE OR REPLACE PROCEDURE d.results(OUT o INT) BEGIN SELECT 11; SELECT 22 UNION SELECT "
      "33; SELECT 44 FROM d.t; SET o = 99; END");
  ProxyClient client(port());
  for (int round = 0; round < 3; ++round) {
    ProxyStatement call(client, "CALL d.results(?)");
    ASSERT_EQ(call.error().number, 0u) << call.error().text;
    ASSERT_EQ(mysql_stmt_execute(call.handle()), 0) << call.KeepError().text;
    EXPECT_EQ(FetchAll(call), "11 22 33 99 ");
    EXPECT_EQ(client.Ask("SELECT 5"), "5") << client.error().text;
  }
}

TEST_F(DriverTest, TheOutputParametersOfACallAreMarked) {
  StartProxy();
  server(0).Run("CREATE OR REPLACE PROCEDURE d.answer(OUT o INT) SET o = 42");
  ProxyClient client(port());
  ProxyStatement call(client, "CALL d.answer(?)");
  ASSERT_EQ(mysql_stmt_execute(call.handle()), 0) << call.KeepError().text;
  EXPECT_NE(client.handle()->server_status & SERVER_PS_OUT_PARAMS, 0u);
  EXPECT_EQ(FetchAll(call), "42 ");
}

class CursorTest : public DriverTest {
 protected:
  void SetUp() override {
    ProxyTest::SetUp();
    StartProxy();
    server(0).Run("INSERT INTO d.t VALUES (1), (2), (3), (4), (5)");
  }

  static void Open(ProxyStatement& statement, unsigned long rows_at_once) {
    const unsigned long type = CURSOR_TYPE_READ_ONLY;
    mysql_stmt_attr_set(statement.handle(), STMT_ATTR_CURSOR_TYPE, &type);
    mysql_stmt_attr_set(statement.handle(), STMT_ATTR_PREFETCH_ROWS, &rows_at_once);
    ASSERT_EQ(mysql_stmt_execute(statement.handle()), 0) << statement.KeepError().text;
  }
};

TEST_F(CursorTest, RowsComeAsTheyAreFetched) {
  ProxyClient client(port());
  ProxyStatement statement(client, "SELECT i FROM t ORDER BY i");
  for (int round = 0; round < 2; ++round) {
    Open(statement, 2);
    EXPECT_EQ(client.Ask("SELECT 9"), "9") << "other statements may come between";
    EXPECT_EQ(FetchAll(statement), "1 2 3 4 5 ");
  }
  Open(statement, 1);
  EXPECT_EQ(mysql_stmt_reset(statement.handle()), 0) << statement.KeepError().text;
  EXPECT_NE(mysql_stmt_fetch(statement.handle()), 0);
  EXPECT_EQ(client.Ask("SELECT 9"), "9") << client.error().text;
}

TEST_F(CursorTest, ACursorIsLostWithItsConnection) {
  ProxyClient client(port());
  ProxyStatement statement(client, "SELECT i FROM t ORDER BY i");
  Open(statement, 1);
  int number = 0;
  MYSQL_BIND bind = {};
  bind.buffer_type = MYSQL_TYPE_LONG;
  bind.buffer = &number;
  mysql_stmt_bind_result(statement.handle(), &bind);
  ASSERT_EQ(mysql_stmt_fetch(statement.handle()), 0) << statement.KeepError().text;
  EXPECT_EQ(number, 1);
  FailOver();
  EXPECT_EQ(client.Ask("SELECT @@server_id"), "2");
  EXPECT_EQ(mysql_stmt_fetch(statement.handle()), 1);
  EXPECT_EQ(statement.KeepError().number, 3168u) << statement.error().text;
  EXPECT_THAT(statement.error().text, HasSubstr("the cursor of the statement"));
  EXPECT_EQ(client.Ask("SELECT @@server_id"), "2");
}

// --- Commands ------------------------------------------------------------------------------------

TEST_F(DriverTest, SeveralStatementsAtOnceMayBeTurnedOffAndOn) {
  StartProxy();
  ProxyClientOptions options;
  options.flags = 0;
  ProxyClient client(port(), options);
  const auto switch_to = [&client](enum_mysql_set_option option) {
    EXPECT_EQ(mysql_set_server_option(client.handle(), option), 0) << client.KeepError().text;
  };
  EXPECT_EQ(client.Run("SELECT 1; SELECT 2").number, 1064u);
  switch_to(MYSQL_OPTION_MULTI_STATEMENTS_ON);
  EXPECT_EQ(client.Ask("SELECT 1; SELECT 2"), "1 2");
  FailOver();
  EXPECT_EQ(client.Ask("SELECT 1; SELECT @@server_id"), "1 2") << client.error().text;
  switch_to(MYSQL_OPTION_MULTI_STATEMENTS_OFF);
  EXPECT_EQ(client.Run("SELECT 1; SELECT 2").number, 1064u);
  SetReadOnly(1, true);
  SetReadOnly(0, false);
  AwaitPrimary(0);
  EXPECT_EQ(client.Run("SELECT 1; SELECT 2").number, 1064u) << "restored on the new primary";
}

TEST_F(DriverTest, CommandsOfAdministration) {
  StartProxy();
  ProxyClient client(port());
  MYSQL* const handle = client.handle();
  MYSQL_RES* fields = mysql_list_fields(handle, "t", nullptr);
  ASSERT_NE(fields, nullptr) << client.KeepError().text;
  EXPECT_EQ(mysql_num_fields(fields), 1u);
  EXPECT_STREQ(mysql_fetch_field(fields)->name, "i");
  mysql_free_result(fields);
  EXPECT_EQ(mysql_list_fields(handle, "nonexistent", nullptr), nullptr);
  EXPECT_EQ(client.KeepError().number, 1146u);

  MYSQL_RES* const processes = mysql_list_processes(handle);
  ASSERT_NE(processes, nullptr) << client.KeepError().text;
  EXPECT_GT(mysql_num_rows(processes), 0u);
  mysql_free_result(processes);

  EXPECT_NE(mysql_refresh(handle, REFRESH_TABLES), 0);
  EXPECT_EQ(client.KeepError().number, 1227u) << "the account has not the privilege";
  EXPECT_NE(mysql_dump_debug_info(handle), 0);
  EXPECT_EQ(client.KeepError().number, 1227u);
  EXPECT_EQ(client.Ask("SELECT 1"), "1");
}

TEST_F(DriverTest, AChangeOfTheUserMakesTheSessionLikeNew) {
  StartProxy();
  ProxyClient client(port());
  client.Run("SET @x = 5, sql_mode = 'ANSI_QUOTES'; BEGIN; INSERT INTO t VALUES (1)");
  ASSERT_EQ(mysql_change_user(client.handle(), failover::mysql::kAppUser,
                              failover::mysql::kAppPassword, "other"),
            0)
      << client.KeepError().text;
  EXPECT_EQ(client.Ask("SELECT CONCAT(DATABASE(), COALESCE(@x, 'none'), @@in_transaction)"),
            "othernone0");
  EXPECT_EQ(client.Ask("SELECT @@sql_mode LIKE '%ANSI%'"), "0");
  EXPECT_EQ(client.Ask("SELECT COUNT(*) FROM d.t"), "0");
  // The question about a user variable counts as something that the session may lose.
  ASSERT_EQ(mysql_change_user(client.handle(), failover::mysql::kAppUser,
                              failover::mysql::kAppPassword, "other"),
            0)
      << client.KeepError().text;
  FailOver();
  EXPECT_EQ(client.Ask("SELECT DATABASE()"), "other") << "restored on the new primary";
}

TEST_F(DriverTest, AChangeOfTheUserNeedsThePassword) {
  StartProxy();
  ProxyClient client(port());
  EXPECT_NE(mysql_change_user(client.handle(), failover::mysql::kAppUser, "wrong", "d"), 0);
  EXPECT_EQ(client.KeepError().number, 1045u) << client.error().text;
  EXPECT_NE(client.Run("SELECT 1").number, 0u) << "nobody has logged in";
}

// --- Login ---------------------------------------------------------------------------------------

TEST_F(DriverTest, AWrongPasswordIsToldInTheWordsOfAServer) {
  StartProxy();
  ProxyClientOptions options;
  options.password = "wrong";
  EXPECT_THAT(ProxyClient(port(), options).error().text,
              HasSubstr("Access denied for user 'app'@'127.0.0.1' (using password: YES)"));
  options.password = "";
  EXPECT_THAT(ProxyClient(port(), options).error().text,
              HasSubstr("Access denied for user 'app'@'127.0.0.1' (using password: NO)"));
}

// The proxy and such a client would wait for each other.
TEST_F(DriverTest, AClientThatCompressesWithoutHavingBeenOfferedItIsRefused) {
  StartProxy();
  for (const std::uint32_t form : {capability::kCompress, capability::kZstdCompress}) {
    const PlainSocket socket(port());
    const std::optional<Greeting> greeting = ParseGreeting(socket.wire().Read());
    ASSERT_TRUE(greeting.has_value());
    EXPECT_EQ(greeting->capabilities & form, 0u);
    Login login;
    login.capabilities = capability::kProtocol41 | capability::kSecureConnection | form;
    login.collation = kDefaultCollation;
    login.user = failover::mysql::kAppUser;
    login.auth_answer = ScrambledPassword(failover::mysql::kAppPassword, greeting->scramble);
    socket.wire().Send(Wire::Packet(BuildLogin(login), 1));
    EXPECT_EQ(NumberOf(socket.wire().Read()), 1043u);
    EXPECT_EQ(socket.wire().Read(), "") << "the connection ends";
  }
}

// Drivers choose their character set, and what they ask of the server, by the greeting.
TEST_F(DriverTest, TheProxyGreetsLikeThePrimary) {
  const auto latin1 =
      LiveServer::Start({"--character-set-server=latin1", "--performance-schema=OFF"});
  ASSERT_NE(latin1, nullptr);
  const auto proxy = ProxyProcess::Start({latin1->port()}, {"--enable-buffer"});
  ASSERT_NE(proxy, nullptr);
  const PlainSocket direct(latin1->port());
  const std::optional<Greeting> servers = ParseGreeting(direct.wire().Read());
  ASSERT_TRUE(servers.has_value());
  EXPECT_NE(servers->collation, kDefaultCollation);
  for (int i = 0; i < 2; ++i) {
    const PlainSocket socket(proxy->port());
    const std::optional<Greeting> greeting = ParseGreeting(socket.wire().Read());
    ASSERT_TRUE(greeting.has_value());
    EXPECT_EQ(greeting->server_version, servers->server_version);
    EXPECT_EQ(greeting->collation, servers->collation);
  }
}

// --- Errors --------------------------------------------------------------------------------------

TEST_F(DriverTest, AWriteInTheClientsOwnReadOnlyTransactionIsNoFailover) {
  StartProxy();
  server(0).Run(
      "CREATE OR REPLACE PROCEDURE d.write_it() SQL SECURITY INVOKER INSERT INTO d.t VALUES (1)");
  ProxyClient client(port());
  client.Run("START TRANSACTION READ ONLY");
  for (const char* sql : {"CALL d.write_it()", "BEGIN NOT ATOMIC INSERT INTO t VALUES (1); END",
                          "SELECT 1; INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1)"}) {
    EXPECT_EQ(client.Run(sql).number, 1792u) << sql << ": " << client.error().text;
    EXPECT_EQ(client.Ask("SELECT @@in_transaction"), "1") << sql;
  }
  client.Run("ROLLBACK");
  EXPECT_EQ(client.Run("START TRANSACTION READ ONLY; INSERT INTO t VALUES (1)").number, 1792u)
      << client.error().text;
  EXPECT_EQ(proxy().State("failovers"), "0");
}

// A function that is not the server's own refusal may have written something.
TEST_F(DriverTest, ARefusalThatAProcedureRaisesIsNotRepeated) {
  StartProxy();
  server(0).Run("CREATE OR REPLACE TABLE d.log (i INT) ENGINE=MyISAM");
  server(0).Run(
      "CREATE OR REPLACE FUNCTION d.raise() RETURNS INT BEGIN INSERT INTO d.log VALUES (1); SIGNAL "
      "SQLSTATE 'HY000' SET MYSQL_ERRNO = 1290, MESSAGE_TEXT = 'no --read-only today'; RETURN 1; "
      "END");
  ProxyClient client(port());
  EXPECT_EQ(client.Run("SELECT d.raise()").number, 1290u) << client.error().text;
  EXPECT_EQ(client.Ask("SELECT COUNT(*) FROM d.log"), "1");
  client.Run("BEGIN");
  EXPECT_EQ(client.Run("BEGIN NOT ATOMIC DECLARE x INT; SET x = d.raise(); END").number, 1290u)
      << client.error().text;
  EXPECT_EQ(client.Ask("SELECT @@in_transaction"), "1");
  EXPECT_EQ(proxy().State("failovers"), "0");
}

// --- The end of statements and of sessions -------------------------------------------------------

TEST_F(DriverTest, AStatementIsCancelledByTheIdOfTheGreeting) {
  StartProxy();
  ProxyClient victim(port());
  ProxyClient other(port());
  const unsigned long id = mysql_thread_id(victim.handle());
  EXPECT_GE(id, 0x80000000u);
  const std::vector<std::string> statements = {"KILL QUERY " + std::to_string(id),
                                               "kill soft query " + std::to_string(id) + ";"};
  for (const std::string& sql : statements) {
    victim.Send("SELECT SLEEP(600) FROM t");
    victim.Receive();
    victim.Send("SELECT SLEEP(600)");
    AwaitCount("info LIKE 'SELECT SLEEP%'", "1");
    EXPECT_EQ(other.Run(sql).number, 0u) << other.error().text;
    // MariaDB ends SLEEP with a result.
    victim.Receive();
    AwaitCount("info LIKE 'SELECT SLEEP%'", "0");
  }
  EXPECT_EQ(victim.Ask("SELECT 1"), "1") << victim.error().text;
  EXPECT_EQ(other.Run("KILL QUERY 4294967290").number, 1094u) << other.error().text;
}

TEST_F(DriverTest, ASessionIsKilledByTheIdOfTheGreeting) {
  StartProxy();
  ProxyClient by_text(port());
  ProxyClient by_command(port());
  ProxyClient other(port());
  by_text.Send("SELECT SLEEP(600)");
  AwaitCount("info LIKE 'SELECT SLEEP%'", "1");
  EXPECT_EQ(other.Run("KILL " + std::to_string(mysql_thread_id(by_text.handle()))).number, 0u)
      << other.error().text;
  EXPECT_NE(by_text.Receive().number, 0u);
  AwaitCount("info LIKE 'SELECT SLEEP%'", "0");
  EXPECT_EQ(mysql_kill(other.handle(), mysql_thread_id(by_command.handle())), 0)
      << other.KeepError().text;
  EXPECT_TRUE(Await([&] { return by_command.HasNews(); }));
  EXPECT_NE(by_command.Run("SELECT 1").number, 0u);
  EXPECT_EQ(other.Ask("SELECT 1"), "1");
}

TEST_F(DriverTest, AKilledSessionDoesNotExecuteWhatIsHeld) {
  StartProxy();
  ProxyClient victim(port());
  ProxyClient other(port());
  AwaitPrimary(0);
  SetReadOnly(0, true);
  victim.Send("INSERT INTO t VALUES (1)");
  AwaitHeld(1);
  EXPECT_EQ(other.Run("KILL " + std::to_string(mysql_thread_id(victim.handle()))).number, 0u)
      << other.error().text;
  SetReadOnly(1, false);
  EXPECT_NE(victim.Receive().number, 0u);
  EXPECT_TRUE(Await([this] { return proxy().State("connections") == "1"; })) << proxy().Output();
  EXPECT_EQ(AskServer(1, "SELECT COUNT(*) FROM d.t"), "0");
}

TEST_F(DriverTest, AHeldStatementIsCancelledByTheIdOfTheGreeting) {
  StartProxy();
  ProxyClient victim(port());
  ProxyClient other(port());
  AwaitPrimary(0);
  SetReadOnly(0, true);
  victim.Send("INSERT INTO t VALUES (1)");
  AwaitHeld(1);
  EXPECT_EQ(other.Run("KILL QUERY " + std::to_string(mysql_thread_id(victim.handle()))).number, 0u)
      << other.error().text;
  EXPECT_EQ(victim.Receive().number, 1317u) << victim.error().text;
  AwaitHeld(0);
  SetReadOnly(1, false);
  AwaitPrimary(1);
  EXPECT_EQ(victim.Run("INSERT INTO t VALUES (2)").number, 0u) << victim.error().text;
  EXPECT_EQ(AskServer(1, "SELECT GROUP_CONCAT(i) FROM d.t"), "2");
}

// What the client has locked must not stay locked.
TEST_F(DriverTest, AClientThatVanishesTakesItsStatementWithIt) {
  StartProxy();
  auto client = std::make_unique<ProxyClient>(port());
  client->Run("BEGIN");
  client->Run("INSERT INTO t VALUES (1)");
  client->Send("SELECT SLEEP(600)");
  AwaitCount("info LIKE 'SELECT SLEEP%'", "1");
  shutdown(static_cast<int>(mysql_get_socket(client->handle())), SHUT_RDWR);
  AwaitCount("info LIKE 'SELECT SLEEP%'", "0");
  ProxyClient other(port());
  EXPECT_EQ(other.Run("INSERT INTO t VALUES (1)").number, 0u) << other.error().text;
}

TEST_F(DriverTest, TheProxyTakesLeaveOfItsBackends) {
  StartProxy();
  const auto aborted = [](int index) {
    return AskServer(index,
                     "SELECT variable_value FROM information_schema.global_status WHERE "
                     "variable_name = 'ABORTED_CLIENTS'");
  };
  const std::string before[] = {aborted(0), aborted(1)};
  {
    ProxyClient quits(port());
    quits.Run("SELECT 1");
    ProxyClient in_transaction(port());
    in_transaction.Run("BEGIN; INSERT INTO t VALUES (1)");
    ProxyClient closes(port());
    closes.Run("SELECT 1");
    shutdown(static_cast<int>(mysql_get_socket(closes.handle())), SHUT_RDWR);
    ProxyClient moves(port());
    moves.Run("SELECT 1");
    FailOver();
    EXPECT_EQ(moves.Ask("SELECT @@server_id"), "2");
  }
  AwaitCount("user = 'app' AND command <> 'Sleep'", "0");
  EXPECT_TRUE(Await([this] { return proxy().State("connections") == "0"; })) << proxy().Output();
  EXPECT_EQ(aborted(0), before[0]);
  EXPECT_EQ(aborted(1), before[1]);
}

}  // namespace
}  // namespace mysql_proxy
