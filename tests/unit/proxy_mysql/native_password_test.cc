#include "proxy/mysql/protocol/native_password.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace mysql_proxy {
namespace {

constexpr std::string_view kScramble = "abcdefghijklmnopqrst";

TEST(NativePasswordTest, TheHashIsThatOfTheServer) {
  // MariaDB 10.11 answers this to SELECT PASSWORD('password').
  EXPECT_EQ(StorePassword("password"),
            ParseStoredPassword("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"));
}

TEST(NativePasswordTest, OnlyTheRightPasswordIsAccepted) {
  const StoredPassword stored = StorePassword("secret");
  EXPECT_TRUE(CheckPassword(stored, kScramble, ScrambledPassword("secret", kScramble)));
  EXPECT_FALSE(CheckPassword(stored, kScramble, ScrambledPassword("Secret", kScramble)));
  EXPECT_FALSE(
      CheckPassword(stored, kScramble, ScrambledPassword("secret", "another scramble....")));
  EXPECT_FALSE(CheckPassword(stored, kScramble, ""));
  EXPECT_FALSE(CheckPassword(stored, kScramble, "secret"));
}

TEST(NativePasswordTest, AnEmptyPasswordHasAnEmptyAnswer) {
  EXPECT_EQ(ScrambledPassword("", kScramble), "");
  EXPECT_TRUE(CheckPassword(StorePassword(""), kScramble, ""));
  EXPECT_FALSE(CheckPassword(StorePassword(""), kScramble, ScrambledPassword("x", kScramble)));
}

TEST(NativePasswordTest, OnlyTheServersFormIsAHash) {
  EXPECT_EQ(ParseStoredPassword(""), std::nullopt);
  EXPECT_EQ(ParseStoredPassword("secret"), std::nullopt);
  EXPECT_EQ(ParseStoredPassword("2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"), std::nullopt);
  EXPECT_EQ(ParseStoredPassword("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E1"), std::nullopt);
  EXPECT_EQ(ParseStoredPassword("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E1x"), std::nullopt);
}

TEST(NativePasswordTest, ScramblesAreFreshAndWithoutZeros) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::optional<std::string> scramble = NewScramble();
    ASSERT_TRUE(scramble.has_value());
    EXPECT_EQ(scramble->size(), kScrambleLength);
    EXPECT_EQ(scramble->find('\0'), std::string::npos);
    EXPECT_TRUE(seen.insert(*scramble).second);
  }
}

}  // namespace
}  // namespace mysql_proxy
