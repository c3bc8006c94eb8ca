#include "proxy/core/users_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace proxy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(UsersFileTest, EachLineHasOneUser) {
  const auto users = ParseUsers("# comment\n\nplain  secret\nhashed\t*00\nempty");
  ASSERT_TRUE(users.ok()) << users.status();
  ASSERT_EQ(users->size(), 3u);
  EXPECT_EQ((*users)[0].name, "plain");
  EXPECT_EQ((*users)[0].password, "secret");
  EXPECT_EQ((*users)[0].line, 3);
  EXPECT_THAT((*users)[0].more, IsEmpty());
  EXPECT_EQ((*users)[1].password, "*00");
  EXPECT_EQ((*users)[2].name, "empty");
  EXPECT_EQ((*users)[2].password, "");
  EXPECT_EQ((*users)[2].line, 5);
}

TEST(UsersFileTest, AProtocolMayHaveMoreWords) {
  const auto users = ParseUsers("a b\nc d  e\tf ", 4);
  ASSERT_TRUE(users.ok()) << users.status();
  EXPECT_THAT((*users)[0].more, IsEmpty());
  EXPECT_THAT((*users)[1].more, ElementsAre("e", "f"));
  EXPECT_THAT(ParseUsers("a b c d e", 4).status().ToString(), HasSubstr("line 1: more than 4"));
}

TEST(UsersFileTest, MistakesNameTheirLineAndNoPassword) {
  EXPECT_THAT(ParseUsers("a b\na secret pass").status().ToString(), HasSubstr("line 2"));
  EXPECT_THAT(ParseUsers("a b\na secret pass").status().ToString(), Not(HasSubstr("secret")));
  EXPECT_THAT(ParseUsers("a b\n\na secret").status().ToString(), HasSubstr("line 3"));
  EXPECT_THAT(ParseUsers("a b\n\na secret").status().ToString(), Not(HasSubstr("secret")));
  EXPECT_THAT(UsersFileError("users", UsersLineError(7, "why")).ToString(),
              HasSubstr("users, line 7: why"));
  EXPECT_THAT(ReadUsersFile("/nonexistent/users").status().ToString(),
              HasSubstr("/nonexistent/users"));
}

}  // namespace
}  // namespace proxy
