#include "proxy/mysql/session/users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mysql_proxy {
namespace {

constexpr std::string_view kScramble = "abcdefghijklmnopqrst";

bool CanLogIn(const Users& users, std::string_view name, std::string_view password) {
  return users.Accepts(name, kScramble, ScrambledPassword(password, kScramble));
}

TEST(UsersTest, PasswordsAreGivenPlainOrHashedOrNotAtAll) {
  const auto users = Users::Parse(
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
  const auto users = Users::Parse("app secret");
  ASSERT_TRUE(users.ok());
  EXPECT_FALSE(CanLogIn(*users, "root", ""));
  EXPECT_FALSE(CanLogIn(*users, "root", "secret"));
  EXPECT_FALSE(CanLogIn(*users, "", ""));
}

TEST(UsersTest, MistakesNameTheirLine) {
  EXPECT_THAT(Users::Parse("a b\na b c").status().ToString(), testing::HasSubstr("line 2"));
  EXPECT_THAT(Users::Parse("a b\n\na c").status().ToString(), testing::HasSubstr("line 3"));
  EXPECT_THAT(Users::Load("/nonexistent/users").status().ToString(),
              testing::HasSubstr("/nonexistent/users"));
}

}  // namespace
}  // namespace mysql_proxy
