// These tests cover who may log in, and what the others are told.
#include "proxy/mysql/session/admit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "login_pair.h"
#include "proxy/core/router.h"

namespace mysql_proxy {
namespace {

using failover::mysql::MysqlError;

constexpr char kScramble[] = "abcdefghijklmnopqrst";

class AdmitTest : public LoginPairTest {
 protected:
  static Login LoginOf(const std::string& user, const std::string& password) {
    Login login;
    login.user = user;
    login.auth_answer = ScrambledPassword(password, kScramble);
    return login;
  }

  // The number of the error; 0: the client is in.
  int Try(const Login& login, bool encrypted, proxy::Admission& admission) {
    const MysqlContext context{{options_, router_, *buffer_, buffer_->GetShard("main", "0"),
                                absl::Minutes(1), failover::Clock::Steady(), tls_.get()},
                               mysql_,
                               users_,
                               sessions_,
                               primary_greeting_};
    const std::optional<MysqlError> error =
        Admit(context, login, kScramble, encrypted, admission, "10.0.0.1");
    if (error.has_value()) error_ = *error;
    return error.has_value() ? static_cast<int>(error->number) : 0;
  }
  proxy::Admission Enter() { return admissions_.Enter(io_.get_executor()); }

  const proxy::Options options_{};
  const MysqlOptions mysql_{};
  const Users users_ = *Users::Parse("app secret\nother secret\n", {"app", "secret"});
  const std::unique_ptr<failover::Buffer> buffer_ = *failover::Buffer::Create({});
  const proxy::Router router_{{}, *buffer_};
  SessionRegistry sessions_;
  PrimaryGreeting primary_greeting_;
  std::unique_ptr<proxy::Tls> tls_;
  proxy::Admissions admissions_{{10, 2, 1}};
  MysqlError error_;
};

TEST_F(AdmitTest, AClientWithThePasswordIsIn) {
  proxy::Admission admission = Enter();
  EXPECT_EQ(Try(LoginOf("app", "secret"), false, admission), 0);
  EXPECT_EQ(admissions_.logins(), 0);
}

TEST_F(AdmitTest, AWrongPasswordTakesNoPlaceOfASession) {
  proxy::Admission admission = Enter();
  EXPECT_EQ(Try(LoginOf("app", "wrong"), false, admission), 1045);
  EXPECT_EQ(error_.text, "Access denied for user 'app'@'10.0.0.1' (using password: YES)");
  EXPECT_EQ(Try(LoginOf("nobody", "secret"), false, admission), 1045);
  EXPECT_EQ(admissions_.logins(), 1);
}

TEST_F(AdmitTest, APlainClientLearnsNothingIfTlsIsRequired) {
  tls_ = ServerTls(proxy::ClientTlsMode::kRequired);
  proxy::Admission admission = Enter();
  EXPECT_EQ(Try(LoginOf("app", "secret"), false, admission), 1045);
  const std::string with_password = error_.text;
  EXPECT_EQ(Try(LoginOf("app", "wrong"), false, admission), 1045);
  EXPECT_EQ(error_.text, with_password);
  EXPECT_EQ(Try(LoginOf("app", "wrong"), true, admission), 1045);
  EXPECT_EQ(Try(LoginOf("app", "secret"), true, admission), 0);
}

TEST_F(AdmitTest, APlainClientMayComeIfTlsIsOnlyAllowed) {
  tls_ = ServerTls(proxy::ClientTlsMode::kAllowed);
  proxy::Admission admission = Enter();
  EXPECT_EQ(Try(LoginOf("app", "secret"), false, admission), 0);
}

TEST_F(AdmitTest, TheLimitsAreToldInTheWordsOfAServer) {
  proxy::Admission first = Enter();
  proxy::Admission second = Enter();
  proxy::Admission third = Enter();
  EXPECT_EQ(Try(LoginOf("app", "secret"), false, first), 0);
  EXPECT_EQ(Try(LoginOf("app", "secret"), false, second), 1203);
  EXPECT_EQ(error_.sqlstate, "42000");
  EXPECT_EQ(error_.text,
            "User app already has more than 'max_user_connections' active connections");
  EXPECT_EQ(Try(LoginOf("other", "secret"), false, second), 0);
  EXPECT_EQ(Try(LoginOf("other", "secret"), false, third), 1040);
  EXPECT_EQ(error_.sqlstate, "08004");
  EXPECT_EQ(error_.text, "Too many connections");
}

}  // namespace
}  // namespace mysql_proxy
