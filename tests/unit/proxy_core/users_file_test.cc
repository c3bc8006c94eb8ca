#include "proxy/core/users_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace proxy {
namespace {

using testing::HasSubstr;

TEST(UsersFileTest, EachLineHasOneUser) {
  const auto users = ParseUsers("# comment\n\nplain  secret\nhashed\t*00\nempty");
  ASSERT_TRUE(users.ok()) << users.status();
  ASSERT_EQ(users->size(), 3u);
  EXPECT_EQ((*users)[0].name, "plain");
  EXPECT_EQ((*users)[0].password, "secret");
  EXPECT_EQ((*users)[1].password, "*00");
  EXPECT_EQ((*users)[2].name, "empty");
  EXPECT_EQ((*users)[2].password, "");
}

TEST(UsersFileTest, MistakesNameTheirLine) {
  EXPECT_THAT(ParseUsers("a b\na b c").status().ToString(), HasSubstr("line 2"));
  EXPECT_THAT(ParseUsers("a b\n\na c").status().ToString(), HasSubstr("line 3"));
  EXPECT_THAT(LoadUsers("/nonexistent/users").status().ToString(), HasSubstr("/nonexistent/users"));
}

}  // namespace
}  // namespace proxy
