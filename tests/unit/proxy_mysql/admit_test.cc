// These tests cover who may log in, and what the others are told.
#include "proxy/mysql/session/admit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "login_pair.h"
#include "proxy/core/router.h"

namespace mysql_proxy {
namespace {

using failover::mysql::MysqlError;

class AdmitTest : public LoginPairTest {
 protected:
  // The number of the error; 0: there is none.
  int NumberOf(const std::optional<MysqlError>& error) {
    if (error.has_value()) error_ = *error;
    return error.has_value() ? static_cast<int>(error->number) : 0;
  }
  int Try(const std::string& user, proxy::Admission& admission) {
    return NumberOf(Admit(user, admission));
  }
  int TryTls(const Applicant& applicant, bool encrypted) {
    const MysqlContext context{{options_, router_, *buffer_, buffer_->GetShard("main", "0"),
                                absl::Minutes(1), failover::Clock::Steady(), tls_.get()},
                               mysql_,
                               users_,
                               sessions_,
                               primary_greeting_};
    return NumberOf(RefuseWithoutTls(context, applicant, encrypted));
  }
  proxy::Admission Enter() { return admissions_.Enter(io_.get_executor()); }

  const proxy::Options options_{};
  const MysqlOptions mysql_{};
  const proxy::Reloadable<Users> users_{*Users::Parse("app secret\n", {{"app", "secret"}})};
  const std::unique_ptr<failover::Buffer> buffer_ = *failover::Buffer::Create({});
  const proxy::Router router_{{}, *buffer_};
  SessionRegistry sessions_;
  PrimaryGreeting primary_greeting_;
  std::unique_ptr<proxy::Tls> tls_;
  proxy::Admissions admissions_{{10, 2, 1}};
  MysqlError error_;
};

TEST_F(AdmitTest, ARefusalHasTheWordsOfAServer) {
  EXPECT_EQ(AccessDenied({"app", "10.0.0.1", true}).text,
            "Access denied for user 'app'@'10.0.0.1' (using password: YES)");
  EXPECT_EQ(AccessDenied({"", "10.0.0.1", false}, "a hint").text,
            "Access denied for user ''@'10.0.0.1' (using password: NO): a hint");
}

TEST_F(AdmitTest, APlainClientIsRefusedIfTlsIsRequired) {
  const Applicant app{"app", "10.0.0.1", true};
  EXPECT_EQ(TryTls(app, false), 0);
  tls_ = ServerTls(proxy::ClientTlsMode::kAllowed);
  EXPECT_EQ(TryTls(app, false), 0);
  tls_ = ServerTls(proxy::ClientTlsMode::kRequired);
  EXPECT_EQ(TryTls(app, true), 0);
  EXPECT_EQ(TryTls(app, false), 1045);
  EXPECT_EQ(error_.text, AccessDenied(app).text) << "as for a wrong password";
}

TEST_F(AdmitTest, TheLimitsAreToldInTheWordsOfAServer) {
  proxy::Admission first = Enter();
  proxy::Admission second = Enter();
  proxy::Admission third = Enter();
  EXPECT_EQ(Try("app", first), 0);
  EXPECT_EQ(admissions_.logins(), 2);
  EXPECT_EQ(Try("app", second), 1203);
  EXPECT_EQ(error_.sqlstate, "42000");
  EXPECT_EQ(error_.text,
            "User app already has more than 'max_user_connections' active connections");
  EXPECT_EQ(Try("other", second), 0);
  EXPECT_EQ(Try("other", third), 1040);
  EXPECT_EQ(error_.sqlstate, "08004");
  EXPECT_EQ(error_.text, "Too many connections");
}

}  // namespace
}  // namespace mysql_proxy
