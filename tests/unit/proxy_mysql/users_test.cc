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

const UserDefaults kDefaults{{"app", "shared"}};

absl::StatusOr<Users> Parse(std::string_view text) { return Users::Parse(text, kDefaults); }

bool CanLogIn(const Users& users, const std::string& name, std::string_view password) {
  const Candidate candidate = users.Find(name);
  ProofCheck check({candidate.secret, candidate.exists, candidate.remembered,
                    std::string(kScramble), std::string(kScramble), true});
  return check.Begin(kNativePassword, ScrambledPassword(password, kScramble), false).next ==
         ProofCheck::Next::kProved;
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
  EXPECT_EQ(users->AccountOf("nobody"), nullptr);
  EXPECT_EQ(users->AccountOf("shared")->user, "app");
  EXPECT_EQ(users->AccountOf("shared")->password, "shared");
  EXPECT_EQ(users->AccountOf("alice")->user, "alice_db");
  EXPECT_EQ(users->AccountOf("alice")->password, "one");
  EXPECT_TRUE(CanLogIn(*users, "alice", "password"));
  EXPECT_FALSE(CanLogIn(*users, "alice", "one"));
  EXPECT_EQ(users->AccountOf("bob")->user, "bob_db");
  EXPECT_EQ(users->AccountOf("bob")->password, "");
  EXPECT_TRUE(CanLogIn(*users, "bob", ""));
  EXPECT_TRUE(CanLogIn(*users, "quotes", "\"\"")) << "the line has no account";
}

TEST(UsersTest, AHashHasItsMethodAndAPasswordTheUsualOne) {
  constexpr char kText[] =
      "plain secret\n"
      "native *2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19\n"
      "ed25519 client_ed25519:ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY\n"
      "sha2 0x24412430303524031A69251C34295C4B35167C7F1E5A7B63091349503974624D34504B5A424679354856"
      "336868686F52485A736E4A733368786E427575516C73446469496537\n";
  for (const AuthPlugin plugin :
       {AuthPlugin::kNative, AuthPlugin::kCachingSha2, AuthPlugin::kEd25519}) {
    const auto users = Users::Parse(kText, {{"app", "shared"}, plugin});
    ASSERT_TRUE(users.ok()) << users.status();
    EXPECT_EQ(users->Find("plain").secret.plugin, plugin);
    EXPECT_EQ(users->Find("native").secret.plugin, AuthPlugin::kNative);
    EXPECT_EQ(users->Find("ed25519").secret.plugin, AuthPlugin::kEd25519);
    EXPECT_EQ(users->Find("sha2").secret.plugin, AuthPlugin::kCachingSha2);
    EXPECT_TRUE(users->Find("sha2").secret.sha2.has_value());
  }
  const auto users = Users::Parse("plain secret\n", {{"app", "shared"}, AuthPlugin::kEd25519});
  EXPECT_EQ(users->Find("plain").secret.ed25519, Ed25519PublicKeyOf("secret"));
}

// Somebody who tries names is asked for a method each time. Only some of the names exist.
TEST(UsersTest, ANameThatDoesNotExistHasTheSecretOfTheSameUserEachTime) {
  const auto users =
      Parse("a secret\nb client_ed25519:ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY\n");
  ASSERT_TRUE(users.ok()) << users.status();
  bool seen[2] = {};
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "nobody" + std::to_string(i);
    const Candidate candidate = users->Find(name);
    EXPECT_FALSE(candidate.exists);
    EXPECT_EQ(&candidate.secret, &users->Find(name).secret);
    seen[candidate.secret.plugin == AuthPlugin::kEd25519 ? 1 : 0] = true;
  }
  EXPECT_TRUE(seen[0] && seen[1]) << "each method is asked for";
  EXPECT_FALSE(Parse("# nobody\n")->Find("a").exists);
}

TEST(UsersTest, WhatALoginHasTaughtIsRemembered) {
  const auto users = Parse("a secret\nb secret\n");
  EXPECT_FALSE(users->Find("a").remembered.has_value());
  users->Remember("a", FastVerifierOf("secret"));
  EXPECT_EQ(users->Find("a").remembered, FastVerifierOf("secret"));
  EXPECT_FALSE(users->Find("b").remembered.has_value());
  EXPECT_FALSE(users->Find("c").remembered.has_value());
}

// What a login has taught may be about a password that is no longer good.
TEST(UsersTest, AReloadForgetsWhatLoginsHaveTaughtAndKeepsWhoStandsForNobody) {
  constexpr char kText[] =
      "a secret\nb client_ed25519:ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY\n";
  const auto before = Parse(kText);
  ASSERT_TRUE(before.ok()) << before.status();
  before->Remember("a", FastVerifierOf("secret"));
  const auto users = Users::Parse(kText, kDefaults, &*before);
  ASSERT_TRUE(users.ok()) << users.status();
  EXPECT_FALSE(users->Find("a").remembered.has_value());
  for (int i = 0; i < 100; ++i) {
    const std::string name = "nobody" + std::to_string(i);
    EXPECT_EQ(users->Find(name).secret.plugin, before->Find(name).secret.plugin) << name;
  }
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
  EXPECT_THAT(mistake("b client_ed25519:SECRET"),
              AllOf(HasSubstr("line 2: the hash for client_ed25519 makes no sense"),
                    Not(HasSubstr("SECRET"))));
  EXPECT_THAT(mistake("b 0x2441243030352403"),
              AllOf(HasSubstr("line 2: the hash for caching_sha2_password makes no sense"),
                    Not(HasSubstr("0x24"))));
  EXPECT_THAT(Users::Load("/nonexistent/users", kDefaults).status().ToString(),
              HasSubstr("/nonexistent/users"));
  const failover::test::TemporaryFolder folder;
  failover::test::WriteTextFile(folder.path() + "/users", "a b\nb secret account\n");
  EXPECT_THAT(Users::Load(folder.path() + "/users", kDefaults).status().ToString(),
              AllOf(HasSubstr(folder.path() + "/users, line 2: "), Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace mysql_proxy
