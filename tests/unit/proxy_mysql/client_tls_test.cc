// How a client, which has a script, encrypts its connection to the proxy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "login_pair.h"
#include "packets.h"
#include "proxy/mysql/session/client_connection.h"

namespace mysql_proxy {
namespace {

using proxy::ClientTlsMode;
using proxy::Task;
using ReadEnd = ClientConnection::ReadEnd;

class ClientTlsTest : public LoginPairTest {
 protected:
  ClientTlsTest() {
    asio::ip::tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
    proxy::Socket client(io_.get_executor());
    proxy::Socket server(io_.get_executor());
    client.connect(acceptor.local_endpoint());
    acceptor.accept(server);
    client_.emplace(std::move(client));
    connection_.emplace(std::move(server));
  }

  static Login ALogin() {
    Login login;
    login.capabilities = capability::kProtocol41 | capability::kSecureConnection |
                         capability::kPluginAuth | capability::kTls;
    login.user = "app";
    login.auth_plugin = kNativePassword;
    return login;
  }

  Task<> ReadLogin(const proxy::Tls* tls) {
    end_ = co_await connection_->ReadLogin(tls);
    if (*end_ == ReadEnd::kPacket) login_ = ParseLogin(connection_->packet());
    if (*end_ != ReadEnd::kPacket) connection_->Close();
  }
  Task<> Write(std::string bytes) { co_await client_->Write(bytes); }
  Task<> LogInWithTls() {
    const std::string request = Framed(1, BuildTlsRequest(ALogin()));
    co_await client_->Write(request);
    const proxy::BackendTls tls = ClientTls(proxy::BackendTlsMode::kVerify);
    const absl::Status encrypted = co_await client_->stream().ConnectTls(tls);
    EXPECT_TRUE(encrypted.ok()) << encrypted;
    const std::string login = Framed(2, BuildLogin(ALogin()));
    co_await client_->Write(login);
  }

  std::optional<ScriptEnd> client_;
  std::optional<ClientConnection> connection_;
  std::optional<ReadEnd> end_;
  std::optional<Login> login_;
};

TEST_F(ClientTlsTest, AClientLogsInWithTls) {
  const auto tls = ServerTls(ClientTlsMode::kAllowed);
  Spawn(ReadLogin(tls.get()));
  Spawn(LogInWithTls());
  Run();
  ASSERT_EQ(end_, ReadEnd::kPacket);
  EXPECT_TRUE(connection_->encrypted());
  ASSERT_TRUE(login_.has_value());
  EXPECT_EQ(login_->user, "app");
  EXPECT_EQ(connection_->answer_sequence(), 3);
}

// A client does not wait for an answer to its request, so the first bytes of TLS often come with
// it.
TEST_F(ClientTlsTest, TheFirstBytesOfTlsMayComeWithTheRequest) {
  const auto tls = ServerTls(ClientTlsMode::kRequired);
  Spawn(LogInWithTls());
  io_.poll();  // until the client waits for the proxy
  Spawn(ReadLogin(tls.get()));
  Run();
  EXPECT_EQ(end_, ReadEnd::kPacket);
  EXPECT_TRUE(connection_->encrypted());
  EXPECT_TRUE(login_.has_value());
}

// Somebody on the way could log in with words of their own in the name of the client.
TEST_F(ClientTlsTest, APlainLoginBehindTheRequestIsNotTaken) {
  const auto tls = ServerTls(ClientTlsMode::kAllowed);
  Spawn(Write(Framed(1, BuildTlsRequest(ALogin())) + Framed(2, BuildLogin(ALogin()))));
  Spawn(ReadLogin(tls.get()));
  Run();
  EXPECT_EQ(end_, ReadEnd::kClosed);
  EXPECT_FALSE(login_.has_value());
}

TEST_F(ClientTlsTest, APlainClientIsServed) {
  const auto tls = ServerTls(ClientTlsMode::kAllowed);
  Login login = ALogin();
  login.capabilities &= ~capability::kTls;
  Spawn(Write(Framed(1, BuildLogin(login))));
  Spawn(ReadLogin(tls.get()));
  Run();
  EXPECT_EQ(end_, ReadEnd::kPacket);
  EXPECT_TRUE(login_.has_value());
  EXPECT_FALSE(connection_->encrypted());
}

TEST_F(ClientTlsTest, ARequestForTlsThatIsNotOfferedIsNoLogin) {
  const proxy::Tls off;
  for (const proxy::Tls* const tls : {&off, static_cast<const proxy::Tls*>(nullptr)}) {
    Spawn(Write(Framed(1, BuildTlsRequest(ALogin()))));
    Spawn(ReadLogin(tls));
    Run();
    EXPECT_EQ(end_, ReadEnd::kPacket);
    EXPECT_FALSE(login_.has_value());
    EXPECT_FALSE(connection_->encrypted());
  }
}

TEST_F(ClientTlsTest, ASecondRequestInsideTlsIsNoLogin) {
  const auto tls = ServerTls(ClientTlsMode::kAllowed);
  Spawn([](auto& test) -> Task<> {
    const std::string request = Framed(1, BuildTlsRequest(ALogin()));
    co_await test.client_->Write(request);
    const proxy::BackendTls required = test.ClientTls(proxy::BackendTlsMode::kRequired);
    co_await test.client_->stream().ConnectTls(required);
    const std::string again = Framed(2, BuildTlsRequest(ALogin()));
    co_await test.client_->Write(again);
  }(*this));
  Spawn(ReadLogin(tls.get()));
  Run();
  EXPECT_EQ(end_, ReadEnd::kPacket);
  EXPECT_FALSE(login_.has_value());
}

TEST_F(ClientTlsTest, WhoHasNotLoggedInMaySendALittleOnly) {
  Spawn(Write(Bytes({0x01, 0x40, 0x00, 1})));  // 16 KB and one byte are to come
  Spawn(ReadLogin(nullptr));
  Run();
  EXPECT_EQ(end_, ReadEnd::kTooLarge);
}

TEST_F(ClientTlsTest, ALongLoginIsTakenInSmallPieces) {
  Login login = ALogin();
  login.capabilities &= ~capability::kTls;
  const std::string payload = BuildLogin(login) + std::string(12'000, 'x');
  Spawn(Write(Framed(1, payload)));
  Spawn(ReadLogin(nullptr));
  Run();
  EXPECT_EQ(end_, ReadEnd::kPacket);
  EXPECT_EQ(connection_->packet(), payload);
}

}  // namespace
}  // namespace mysql_proxy
