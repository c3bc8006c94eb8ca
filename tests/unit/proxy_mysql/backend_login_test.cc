// How the proxy proves its password to a backend, which has a script. No server in Debian has
// caching_sha2_password, so the script stands in for one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "failover/outcome.h"
#include "login_pair.h"
#include "packets.h"
#include "proxy/mysql/session/backend_connection.h"
#include "support/rsa_key_pair.h"

namespace mysql_proxy {
namespace {

using proxy::BackendTlsMode;
using proxy::Task;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kNonce[] = "abcdefghijklmnopqrstuvwxyzabcdef";
const std::string kFullWanted = {kMoreData, kFullProofWanted};
const std::string kFast = {kMoreData, kFastSuccess};

class BackendLoginTest : public LoginPairTest {
 protected:
  // What the backend says after the login, and whether the proxy is to answer.
  struct Line {
    std::string say;
    bool answered = false;
  };

  static Line Ok() { return {ServerOk(0, server_status::kAutocommit)}; }
  static Line SwitchTo(std::string_view plugin, const std::string& scramble) {
    return {BuildAuthSwitch({std::string(plugin), scramble}), true};
  }

  Task<> Backend(std::string_view plugin, std::vector<Line> lines) {
    proxy::Socket socket(io_.get_executor());
    std::error_code error;
    co_await acceptor_.async_accept(socket, proxy::ErrorTo(error));
    ScriptEnd end(std::move(socket));
    Greeting greeting = ServerGreeting(true);
    greeting.auth_plugin = plugin;
    const std::string greeted = Framed(0, BuildGreeting(greeting));
    co_await end.Write(greeted);
    std::uint8_t sequence = 1;
    std::string packet = co_await end.Read(sequence++);
    if (IsTlsRequest(packet)) {
      const absl::Status accepted = co_await end.stream().AcceptTls(server_tls_->clients());
      if (!accepted.ok()) co_return;
      packet = co_await end.Read(sequence++);
    }
    login_ = ParseLogin(packet);
    for (const Line& line : lines) {
      const std::string wire = Framed(sequence++, line.say);
      co_await end.Write(wire);
      if (line.answered) heard_.push_back(co_await end.Read(sequence++));
    }
  }

  Task<> Connect(BackendLogin login) {
    const proxy::Address address{"127.0.0.1", acceptor_.local_endpoint().port()};
    BackendConnection connection(io_.get_executor(), 0, 1);
    connected_ = co_await connection.Connect(address, login);
  }

  void LogIn(std::string_view plugin, std::vector<Line> lines,
             BackendTlsMode mode = BackendTlsMode::kOff, const RsaKey* key = nullptr) {
    BackendLogin login;
    login.user = "app";
    login.password = "secret";
    login.tls = ClientTls(mode);
    login.server_key = key;
    heard_.clear();
    Spawn(Backend(plugin, std::move(lines)));
    Spawn(Connect(login));
    Run();
  }

  void ExpectRefusal(const std::string& why) {
    EXPECT_FALSE(connected_.ok());
    EXPECT_THAT(connected_.ToString(), HasSubstr(why));
    EXPECT_THAT(connected_.ToString(), Not(HasSubstr("secret")));
    EXPECT_EQ(failover::AttemptOf(connected_), failover::Attempt::kFailed)
        << "to wait for the end of a failover does not help";
    for (const std::string& packet : heard_) EXPECT_THAT(packet, Not(HasSubstr("secret")));
  }

  using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, proxy::Executor>;
  Acceptor acceptor_{io_.get_executor(), {asio::ip::address_v4::loopback(), 0}};
  std::unique_ptr<proxy::Tls> server_tls_ = ServerTls(proxy::ClientTlsMode::kRequired);
  const std::string scramble_ = ServerGreeting(false).scramble;
  absl::Status connected_ = absl::UnknownError("no answer");
  std::optional<Login> login_;
  std::vector<std::string> heard_;
};

TEST_F(BackendLoginTest, AGreetingIsAnsweredByTheMethodThatItNames) {
  LogIn(kCachingSha2Password, {{kFast}, Ok()});
  EXPECT_TRUE(connected_.ok()) << connected_;
  EXPECT_EQ(login_->auth_plugin, kCachingSha2Password);
  EXPECT_EQ(login_->auth_answer, FastAnswer("secret", scramble_));
  for (const std::string_view other : {kNativePassword, std::string_view("dialog")}) {
    LogIn(other, {Ok()});
    EXPECT_TRUE(connected_.ok()) << connected_;
    EXPECT_EQ(login_->auth_plugin, kNativePassword);
    EXPECT_EQ(login_->auth_answer, ScrambledPassword("secret", scramble_));
  }
}

TEST_F(BackendLoginTest, ABackendMayAskForAnotherMethod) {
  const std::string other = "bcdefghijklmnopqrstu";
  LogIn(kNativePassword, {SwitchTo(kClientEd25519, kNonce), Ok()});
  EXPECT_TRUE(connected_.ok()) << connected_;
  EXPECT_THAT(heard_, ElementsAre(Ed25519Answer("secret", kNonce).value()));
  LogIn(kNativePassword, {SwitchTo(kCachingSha2Password, other), {kFast}, Ok()});
  EXPECT_TRUE(connected_.ok()) << connected_;
  EXPECT_THAT(heard_, ElementsAre(FastAnswer("secret", other)));
  LogIn(kCachingSha2Password, {SwitchTo(kNativePassword, other), Ok()});
  EXPECT_TRUE(connected_.ok()) << connected_;
  EXPECT_THAT(heard_, ElementsAre(ScrambledPassword("secret", other)));
}

TEST_F(BackendLoginTest, AVerifiedBackendGetsThePassword) {
  LogIn(kCachingSha2Password, {{kFullWanted, true}, Ok()}, BackendTlsMode::kVerify);
  EXPECT_TRUE(connected_.ok()) << connected_;
  EXPECT_THAT(heard_, ElementsAre(std::string("secret") + '\0'));
}

TEST_F(BackendLoginTest, ABackendThatMayBeAnybodyDoesNot) {
  for (const BackendTlsMode mode :
       {BackendTlsMode::kOff, BackendTlsMode::kPreferred, BackendTlsMode::kRequired}) {
    LogIn(kCachingSha2Password, {{kFullWanted, true}, Ok()}, mode);
    ExpectRefusal("--backend-server-public-key");
    EXPECT_THAT(heard_, ElementsAre("")) << "the connection is over";
  }
}

TEST_F(BackendLoginTest, TheKnownKeyOfTheBackendEncryptsThePassword) {
  const failover::test::RsaKeyPair pair;
  const RsaKey key = RsaKey::ParsePublic(pair.public_pem).value();
  LogIn(kCachingSha2Password, {{kFullWanted, true}, Ok()}, BackendTlsMode::kOff, &key);
  EXPECT_TRUE(connected_.ok()) << connected_;
  ASSERT_EQ(heard_.size(), 1u);
  EXPECT_EQ(RsaKey::ParsePrivate(pair.private_pem)->Decrypt(heard_[0], scramble_), "secret");
}

TEST_F(BackendLoginTest, AHostileBackendLearnsNothing) {
  LogIn(kNativePassword, {SwitchTo("mysql_clear_password", ""), Ok()}, BackendTlsMode::kVerify);
  ExpectRefusal("must use mysql_native_password");
  LogIn(kNativePassword, {{kFullWanted, true}, Ok()}, BackendTlsMode::kVerify);
  ExpectRefusal("makes no sense");
  LogIn(kNativePassword,
        {SwitchTo(kClientEd25519, kNonce), SwitchTo(kCachingSha2Password, scramble_), Ok()});
  ExpectRefusal("makes no sense");
  LogIn(kCachingSha2Password, {{kFast}, {kFast}, Ok()});
  ExpectRefusal("makes no sense");
  LogIn(kCachingSha2Password, {{std::string(100'000, '\1'), true}});
  ExpectRefusal("makes no sense");
  LogIn(kCachingSha2Password, {{"\xfe", true}});
  ExpectRefusal("makes no sense");
}

TEST_F(BackendLoginTest, ABackendThatVanishesInTheExchangeMayBeInAFailover) {
  for (const std::vector<Line>& lines : {std::vector<Line>{}, std::vector<Line>{{kFast}},
                                         std::vector<Line>{SwitchTo(kClientEd25519, kNonce)}}) {
    LogIn(kCachingSha2Password, lines);
    EXPECT_EQ(failover::AttemptOf(connected_), failover::Attempt::kRefusedAtConnect) << connected_;
  }
}

}  // namespace
}  // namespace mysql_proxy
