#include "proxy/mysql/protocol/handshake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "packets.h"
#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/native_password.h"

namespace mysql_proxy {
namespace {

Greeting SomeGreeting() {
  Greeting greeting;
  greeting.server_version = "10.11.0-proxy";
  greeting.connection_id = 0x80000001;
  greeting.scramble = "abcdefghijklmnopqrst";
  greeting.capabilities =
      capability::kProtocol41 | capability::kSecureConnection | capability::kPluginAuth;
  greeting.status = server_status::kAutocommit;
  greeting.collation = kDefaultCollation;
  greeting.auth_plugin = kNativePassword;
  return greeting;
}

Login SomeLogin() {
  Login login;
  login.capabilities = capability::kProtocol41 | capability::kSecureConnection |
                       capability::kPluginAuth | capability::kConnectWithDatabase;
  login.max_packet = 1 << 24;
  login.collation = kDefaultCollation;
  login.user = "app";
  login.auth_answer = std::string(20, 'x');
  login.database = "shop";
  login.auth_plugin = kNativePassword;
  return login;
}

TEST(TlsRequestTest, IsTheStartOfALogin) {
  Login login = SomeLogin();
  login.capabilities |= capability::kTls;
  const std::string request = BuildTlsRequest(login);
  EXPECT_EQ(request.size(), 32u);
  EXPECT_EQ(request, BuildLogin(login).substr(0, 32));
  EXPECT_TRUE(IsTlsRequest(request));
  EXPECT_FALSE(ParseLogin(request).has_value()) << "nobody logs in with it";
}

TEST(TlsRequestTest, NothingElseIsOne) {
  Login login = SomeLogin();
  EXPECT_FALSE(IsTlsRequest(BuildTlsRequest(login))) << "TLS is not wanted";
  login.capabilities |= capability::kTls;
  EXPECT_FALSE(IsTlsRequest(BuildLogin(login)));
  EXPECT_FALSE(IsTlsRequest(BuildTlsRequest(login).substr(0, 31)));
  EXPECT_FALSE(IsTlsRequest(""));
  login.capabilities = capability::kTls;
  EXPECT_FALSE(IsTlsRequest(BuildTlsRequest(login))) << "a protocol before 4.1";
}

TEST(GreetingTest, ComesBackAsItWasBuilt) {
  const Greeting sent = SomeGreeting();
  const std::optional<Greeting> read = ParseGreeting(BuildGreeting(sent));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->server_version, sent.server_version);
  EXPECT_EQ(read->connection_id, sent.connection_id);
  EXPECT_EQ(read->scramble, sent.scramble);
  EXPECT_EQ(read->capabilities, sent.capabilities);
  EXPECT_EQ(read->status, sent.status);
  EXPECT_EQ(read->collation, sent.collation);
  EXPECT_EQ(read->auth_plugin, sent.auth_plugin);
}

// MariaDB 10.11 sent this packet.
TEST(GreetingTest, OfARealServer) {
  const std::string payload =
      Bytes({10}) + std::string("5.5.5-10.11.19-MariaDB-0+deb12u1") +
      Bytes({0,  21, 0, 0,    0,    '@', 'k', 'y', 'S', 'g', 'y', 'w', 'i',  0, 0xfe, 0xf7,
             45, 2,  0, 0xff, 0x81, 21,  0,   0,   0,   0,   0,   0,   0x1d, 0, 0,    0}) +
      "1234567890ab" + Bytes({0}) + "mysql_native_password" + Bytes({0});
  const std::optional<Greeting> read = ParseGreeting(payload);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->scramble, "@kySgywi1234567890ab");
  EXPECT_EQ(read->auth_plugin, kNativePassword);
  EXPECT_NE(read->capabilities & capability::kDeprecateEof, 0u);
}

TEST(GreetingTest, EveryBeginningOfItIsMalformed) {
  Greeting greeting = SomeGreeting();
  greeting.auth_plugin.clear();
  greeting.capabilities &= ~capability::kPluginAuth;
  const std::string payload = BuildGreeting(greeting);
  for (std::size_t length = 0; length + 1 < payload.size(); ++length) {
    EXPECT_FALSE(ParseGreeting(payload.substr(0, length)).has_value()) << length;
  }
}

TEST(LoginTest, ComesBackAsItWasBuilt) {
  const Login sent = SomeLogin();
  const std::optional<Login> read = ParseLogin(BuildLogin(sent));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->capabilities, sent.capabilities);
  EXPECT_EQ(read->max_packet, sent.max_packet);
  EXPECT_EQ(read->collation, sent.collation);
  EXPECT_EQ(read->user, sent.user);
  EXPECT_EQ(read->auth_answer, sent.auth_answer);
  EXPECT_EQ(read->database, sent.database);
  EXPECT_EQ(read->auth_plugin, sent.auth_plugin);
}

TEST(LoginTest, EveryBeginningOfItIsMalformedUpToTheAnswer) {
  Login login = SomeLogin();
  login.capabilities &= ~(capability::kPluginAuth | capability::kConnectWithDatabase);
  const std::string payload = BuildLogin(login);
  for (std::size_t length = 0; length < payload.size(); ++length) {
    EXPECT_FALSE(ParseLogin(payload.substr(0, length)).has_value()) << length;
  }
}

TEST(LoginTest, OlderProtocolsAreRefused) {
  Login login = SomeLogin();
  login.capabilities &= ~capability::kProtocol41;
  EXPECT_FALSE(ParseLogin(BuildLogin(login)).has_value());
}

TEST(ChangeUserTest, IsReadAsALogin) {
  const std::string name = Bytes({0x11}) + "app" + Bytes({0, 20}) + std::string(20, 'x');
  const std::uint32_t capabilities = capability::kSecureConnection | capability::kPluginAuth;
  std::optional<Login> login = ParseChangeUser(
      name + "shop" + Bytes({0, 8, 0}) + "mysql_native_password" + Bytes({0}), capabilities);
  ASSERT_TRUE(login.has_value());
  EXPECT_EQ(login->user, "app");
  EXPECT_EQ(login->auth_answer, std::string(20, 'x'));
  EXPECT_EQ(login->database, "shop");
  EXPECT_EQ(login->collation, 8);
  EXPECT_EQ(login->auth_plugin, kNativePassword);
  EXPECT_EQ(login->capabilities, capabilities);

  login = ParseChangeUser(name + Bytes({0}), capabilities);
  ASSERT_TRUE(login.has_value()) << "the fields behind the schema may be missing";
  EXPECT_EQ(login->database, "");
  EXPECT_EQ(login->collation, kDefaultCollation);
  login = ParseChangeUser(name + Bytes({0, 0x01, 0x08}), capabilities);
  ASSERT_TRUE(login.has_value());
  EXPECT_EQ(login->collation, kDefaultCollation) << "a login has no room for this number";
  for (std::size_t length = 0; length < name.size(); ++length) {
    EXPECT_FALSE(ParseChangeUser(name.substr(0, length), capabilities).has_value()) << length;
  }
}

TEST(AuthSwitchTest, ComesBackAsItWasBuilt) {
  const AuthSwitch sent{std::string(kNativePassword), "abcdefghijklmnopqrst"};
  const std::optional<AuthSwitch> read = ParseAuthSwitch(BuildAuthSwitch(sent));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->plugin, sent.plugin);
  EXPECT_EQ(read->scramble, sent.scramble);
}

}  // namespace
}  // namespace mysql_proxy
