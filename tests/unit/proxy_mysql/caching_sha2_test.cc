#include "proxy/mysql/protocol/caching_sha2.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

namespace mysql_proxy {
namespace {

constexpr char kScramble[] = "abcdefghijklmnopqrst";

// From a MySQL 8 server: CREATE USER ... IDENTIFIED BY 'foobar'.
constexpr char kStored[] =
    "0x24412430303524031A69251C34295C4B35167C7F1E5A7B63091349503974624D34504B5A424679354856336868"
    "686F52485A736E4A733368786E427575516C73446469496537";

TEST(CachingSha2Test, TheFastAnswerIsThatOfOtherClients) {
  EXPECT_EQ(absl::BytesToHexString(FastAnswer("secret", kScramble)),
            "c76e2898612a4cf042c77fa8c4702c4c64c0c2c557c53c4d75595aaa6abae809");
  EXPECT_EQ(FastAnswer("", kScramble), "");
}

TEST(CachingSha2Test, OnlyTheFastAnswerToTheScrambleIsRight) {
  const Sha256Digest verifier = FastVerifierOf("secret");
  const std::string answer = FastAnswer("secret", kScramble);
  EXPECT_TRUE(CheckFastAnswer(verifier, kScramble, answer));
  EXPECT_FALSE(CheckFastAnswer(verifier, "another scramble....", answer));
  EXPECT_FALSE(CheckFastAnswer(verifier, kScramble, FastAnswer("wrong", kScramble)));
  EXPECT_FALSE(CheckFastAnswer(verifier, kScramble, ""));
  EXPECT_FALSE(CheckFastAnswer(verifier, kScramble, answer.substr(1)));
  EXPECT_FALSE(CheckFastAnswer(verifier, kScramble, answer + "x"));
}

TEST(CachingSha2Test, AStoredPasswordIsThatOfMysql) {
  const auto stored = ParseStoredSha2Password(kStored);
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->rounds, 5000u);
  EXPECT_EQ(stored->salt.size(), 20u);
  EXPECT_TRUE(CheckSha2Password(*stored, "foobar"));
  EXPECT_FALSE(CheckSha2Password(*stored, "foobaz"));
  EXPECT_FALSE(CheckSha2Password(*stored, ""));
  EXPECT_FALSE(CheckSha2Password(*stored, std::string(kLongestSha2Password + 1, 'x')));
}

TEST(CachingSha2Test, WhatMakesNoSenseIsNoStoredPassword) {
  const std::string good = kStored;
  for (const std::string& text :
       {std::string(), std::string("0x"), good.substr(2), good.substr(0, good.size() - 2),
        good + "00", "0y" + good.substr(2), "0x25" + good.substr(4),
        good.substr(0, good.size() - 1) + "g",
        std::string(good).replace(8, 6, "303030"),  // no rounds
        std::string(good).replace(8, 6, "3030FF"),  // no digit
        std::string(good).replace(14, 2, "25")}) {  // no "$" in front of the salt
    EXPECT_FALSE(ParseStoredSha2Password(text).has_value()) << text;
  }
}

// What crypt(3) says.
TEST(CachingSha2Test, TheHashIsThatOfCrypt) {
  EXPECT_EQ(Sha256Crypt("Hello world!", "saltstring", 5000),
            "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5");
  EXPECT_EQ(Sha256Crypt("Hello world!", "saltstringsaltst", 10000),
            "3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA");
  EXPECT_EQ(
      Sha256Crypt("a password that is longer than one block of the digest, of 64 bytes", "s", 1000),
      "Qi0JC2cv5I.jVmRRwHErVRImMsQc1ulQfoa4/JeSsY/");
}

}  // namespace
}  // namespace mysql_proxy
