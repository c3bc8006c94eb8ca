#include "proxy/mysql/session/users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/certificates.h"
#include "support/child_process.h"

namespace mysql_proxy {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kScramble = "abcdefghijklmnopqrst";

const BackendAccount kShared{"app", "shared"};

absl::StatusOr<Users> Parse(std::string_view text) { return Users::Parse(text, kShared); }

bool CanLogIn(const Users& users, std::string_view name, std::string_view password) {
  return users.Accepts(name, kScramble, ScrambledPassword(password, kScramble));
}

TEST(UsersTest, PasswordsAreGivenPlainOrHashedOrNotAtAll) {
  const auto users = Parse(
      "# comment\n"
      "\n"
      "plain  secret\n"
      "hashed\t*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19\n"
      "empty");
  ASSERT_TRUE(users.ok()) << users.status();
  EXPECT_TRUE(CanLogIn(*users, "plain", "secret"));
  EXPECT_TRUE(CanLogIn(*users, "hashed", "password"));
  EXPECT_TRUE(CanLogIn(*users, "empty", ""));
  EXPECT_FALSE(CanLogIn(*users, "plain", ""));
  EXPECT_FALSE(CanLogIn(*users, "plain", "password"));
  EXPECT_FALSE(CanLogIn(*users, "empty", "secret"));
}

TEST(UsersTest, OthersAreRefused) {
  const auto users = Parse("app secret");
  ASSERT_TRUE(users.ok());
  EXPECT_FALSE(CanLogIn(*users, "root", ""));
  EXPECT_FALSE(CanLogIn(*users, "root", "secret"));
  EXPECT_FALSE(CanLogIn(*users, "", ""));
}

TEST(UsersTest, AUserMayHaveAnAccountOfTheBackends) {
  const auto users = Parse(
      "shared secret\n"
      "alice *2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19 alice_db one\n"
      "bob \"\" bob_db \"\"\n"
      "quotes \"\"\n");
  ASSERT_TRUE(users.ok()) << users.status();
  EXPECT_EQ(users->AccountOf("shared").user, "app");
  EXPECT_EQ(users->AccountOf("shared").password, "shared");
  EXPECT_EQ(users->AccountOf("alice").user, "alice_db");
  EXPECT_EQ(users->AccountOf("alice").password, "one");
  EXPECT_TRUE(CanLogIn(*users, "alice", "password"));
  EXPECT_FALSE(CanLogIn(*users, "alice", "one"));
  EXPECT_EQ(users->AccountOf("bob").user, "bob_db");
  EXPECT_EQ(users->AccountOf("bob").password, "");
  EXPECT_TRUE(CanLogIn(*users, "bob", ""));
  EXPECT_TRUE(CanLogIn(*users, "quotes", "\"\"")) << "the line has no account";
}

TEST(UsersTest, WithoutASharedAccountEachUserNeedsAnAccount) {
  EXPECT_TRUE(Users::Parse("alice a alice_db one\n", {}).ok());
  EXPECT_THAT(Users::Parse("alice a alice_db one\nbob secret\n", {}).status().ToString(),
              AllOf(HasSubstr("line 2: bob has no account"), HasSubstr("--backend-user"),
                    Not(HasSubstr("secret"))));
}

TEST(UsersTest, MistakesNameTheirFileAndLineAndNoPassword) {
  const auto mistake = [](const std::string& line) {
    return Parse("a b\n" + line + "\n").status().ToString();
  };
  EXPECT_THAT(mistake("a secret"),
              AllOf(HasSubstr("line 2: user twice"), Not(HasSubstr("secret"))));
  EXPECT_THAT(mistake("b secret account"),
              AllOf(HasSubstr("line 2: the account of the backends has no password"),
                    Not(HasSubstr("secret"))));
  EXPECT_THAT(mistake("b secret account secret secret"),
              AllOf(HasSubstr("line 2: more than 4 words"), Not(HasSubstr("secret"))));
  EXPECT_THAT(mistake("b secret account *2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"),
              AllOf(HasSubstr("line 2"), HasSubstr("is a hash"), Not(HasSubstr("2470"))));
  EXPECT_THAT(Users::Load("/nonexistent/users", kShared).status().ToString(),
              HasSubstr("/nonexistent/users"));
  const failover::test::TemporaryFolder folder;
  failover::test::WriteTextFile(folder.path() + "/users", "a b\nb secret account\n");
  EXPECT_THAT(Users::Load(folder.path() + "/users", kShared).status().ToString(),
              AllOf(HasSubstr(folder.path() + "/users, line 2: "), Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace mysql_proxy
