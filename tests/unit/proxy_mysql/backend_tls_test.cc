// How the proxy encrypts its connection to a backend, which has a script.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "failover/outcome.h"
#include "login_pair.h"
#include "packets.h"
#include "proxy/mysql/session/backend_connection.h"

namespace mysql_proxy {
namespace {

using proxy::BackendTlsMode;
using proxy::Task;
using testing::HasSubstr;

class BackendTlsTest : public LoginPairTest {
 protected:
  enum class Upgrade : std::uint8_t {
    kTls,     // The backend does what TLS demands.
    kNoise,   // The backend answers with bytes that are no TLS.
    kHangUp,  // The backend closes the connection.
  };

  // The backend greets, encrypts the connection if it is asked to, and lets the proxy log in.
  // `behind_greeting` is sent together with the greeting.
  Task<> Backend(bool offers_tls, Upgrade upgrade = Upgrade::kTls,
                 std::string behind_greeting = {}) {
    proxy::Socket socket(io_.get_executor());
    std::error_code error;
    co_await acceptor_.async_accept(socket, proxy::ErrorTo(error));
    ScriptEnd end(std::move(socket));
    const std::string greeting =
        Framed(0, BuildGreeting(ServerGreeting(offers_tls))) + behind_greeting;
    co_await end.Write(greeting);
    std::string packet = co_await end.Read(1);
    int sequence = 2;
    asked_for_tls_ = IsTlsRequest(packet);
    if (asked_for_tls_ && upgrade == Upgrade::kHangUp) co_return;
    if (asked_for_tls_ && upgrade == Upgrade::kNoise) {
      const std::string noise(100, 'x');
      co_await end.Write(noise);
      plain_after_request_ = co_await end.Read(2);
      co_return;
    }
    if (asked_for_tls_) {
      const absl::Status accepted = co_await end.stream().AcceptTls(server_tls_->clients());
      if (!accepted.ok()) co_return;
      packet = co_await end.Read(2);
      sequence = 3;
    }
    login_ = ParseLogin(packet);
    encrypted_ = end.stream().encrypted();
    if (!login_.has_value()) co_return;
    const std::string ok = Framed(sequence, ServerOk(0, server_status::kAutocommit));
    co_await end.Write(ok);
  }

  Task<> Connect(proxy::BackendTls tls) {
    BackendLogin login;
    login.user = "app";
    login.password = "secret";
    login.tls = std::move(tls);
    const proxy::Address address{"127.0.0.1", acceptor_.local_endpoint().port()};
    BackendConnection connection(io_.get_executor(), 0, 1);
    connected_ = co_await connection.Connect(address, login);
  }

  void RunLogin(Task<> backend, const proxy::BackendTls& tls) {
    Spawn(std::move(backend));
    Spawn(Connect(tls));
    Run();
  }

  void ExpectRefusal(const std::string& why) {
    EXPECT_FALSE(connected_.ok());
    EXPECT_THAT(connected_.ToString(), HasSubstr(why));
    EXPECT_EQ(failover::OutcomeOf(connected_), failover::Outcome::kNotExecuted);
    EXPECT_EQ(failover::AttemptOf(connected_), failover::Attempt::kFailed)
        << "to wait for the end of a failover does not help";
    EXPECT_FALSE(login_.has_value()) << "the backend learned the name of the user";
  }

  using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, proxy::Executor>;
  Acceptor acceptor_{io_.get_executor(), {asio::ip::address_v4::loopback(), 0}};
  std::unique_ptr<proxy::Tls> server_tls_ = ServerTls(proxy::ClientTlsMode::kRequired);
  absl::Status connected_ = absl::UnknownError("no answer");
  bool asked_for_tls_ = false;
  bool encrypted_ = false;
  std::optional<Login> login_;
  std::string plain_after_request_;
};

TEST_F(BackendTlsTest, OffMeansPlainThoughTheBackendOffersTls) {
  RunLogin(Backend(true), ClientTls(BackendTlsMode::kOff));
  EXPECT_TRUE(connected_.ok()) << connected_;
  EXPECT_FALSE(asked_for_tls_);
}

TEST_F(BackendTlsTest, EveryOtherModeEncryptsIfTheBackendOffersTls) {
  for (const BackendTlsMode mode :
       {BackendTlsMode::kPreferred, BackendTlsMode::kRequired, BackendTlsMode::kVerify}) {
    login_.reset();
    RunLogin(Backend(true), ClientTls(mode));
    EXPECT_TRUE(connected_.ok()) << connected_;
    EXPECT_TRUE(encrypted_);
    ASSERT_TRUE(login_.has_value());
    EXPECT_EQ(login_->user, "app");
    EXPECT_NE(login_->capabilities & capability::kTls, 0u);
  }
}

TEST_F(BackendTlsTest, PreferredIsPlainIfTheBackendOffersNoTls) {
  RunLogin(Backend(false), ClientTls(BackendTlsMode::kPreferred));
  EXPECT_TRUE(connected_.ok()) << connected_;
  EXPECT_FALSE(encrypted_);
}

TEST_F(BackendTlsTest, RequiredRefusesABackendWithoutTls) {
  for (const BackendTlsMode mode : {BackendTlsMode::kRequired, BackendTlsMode::kVerify}) {
    RunLogin(Backend(false), ClientTls(mode));
    ExpectRefusal("offers no TLS");
  }
}

TEST_F(BackendTlsTest, PreferredDoesNotFallBackWhenTlsFails) {
  RunLogin(Backend(true, Upgrade::kNoise), ClientTls(BackendTlsMode::kPreferred));
  ExpectRefusal("TLS");
  EXPECT_EQ(plain_after_request_, "");
}

TEST_F(BackendTlsTest, VerifyRefusesACertificateForAnotherHost) {
  RunLogin(Backend(true), ClientTls(BackendTlsMode::kVerify, "db2.example"));
  ExpectRefusal("hostname mismatch");
}

// Somebody on the way could put words into the backend's mouth.
TEST_F(BackendTlsTest, WhatComesBetweenGreetingAndTlsIsRefused) {
  RunLogin(Backend(true, Upgrade::kTls, Framed(2, ServerOk(0, 0))),
           ClientTls(BackendTlsMode::kVerify));
  ExpectRefusal("before TLS");
}

TEST_F(BackendTlsTest, AConnectionThatIsLostInTheHandshakeMayBeAFailover) {
  RunLogin(Backend(true, Upgrade::kHangUp), ClientTls(BackendTlsMode::kVerify));
  EXPECT_EQ(failover::AttemptOf(connected_), failover::Attempt::kRefusedAtConnect) << connected_;
}

}  // namespace
}  // namespace mysql_proxy
