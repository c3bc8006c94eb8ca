#include "proxy/postgres/session/users.h"

#include <gtest/gtest.h>

#include "proxy/postgres/protocol/md5_password.h"
#include "proxy/postgres/session/credentials.h"

namespace postgres_proxy {
namespace {

constexpr char kHash[] = "md56a422f785c9e20873908ce25d1736ae2";

TEST(Md5PasswordTest, IsThatOfPostgres) {
  EXPECT_EQ(Md5Hash("app", "secret"), kHash);
  EXPECT_EQ(Md5Answer(kHash, "\1\2\3\4"), "md5911f527656472583a006e7727877b33e");
  EXPECT_EQ(Md5Answer("", "\1\2\3\4"), "");
  EXPECT_TRUE(IsMd5Hash(kHash));
  EXPECT_FALSE(IsMd5Hash("md5"));
  EXPECT_FALSE(IsMd5Hash("secret"));
}

TEST(UsersTest, KnowsPasswordsVerifiersAndHashes) {
  const auto users = Users::Parse(
      "a secret\n"
      "b SCRAM-SHA-256$4096:j1mX16J/4VmfsXw/JoZvDw==$fw40zgudOv4KvLhqaW7i9imrgvkaulq2fPEXMnwcnjg=:"
      "GOGEpZXzlc0ju8G7WfalGvwIiKZJ2K3iIIKONV97rfk=\n"
      "c md56a422f785c9e20873908ce25d1736ae2\n"
      "d\n");
  ASSERT_TRUE(users.ok()) << users.status();
  ASSERT_NE(users->Find("a"), nullptr);
  EXPECT_EQ(users->Find("a")->password, "secret");
  EXPECT_TRUE(users->Find("a")->verifier.has_value());
  EXPECT_FALSE(users->Find("b")->password.has_value());
  EXPECT_TRUE(users->Find("b")->verifier.has_value());
  EXPECT_EQ(users->Find("c")->md5_hash, kHash);
  EXPECT_FALSE(users->Find("d")->verifier.has_value());
  EXPECT_EQ(users->Find("e"), nullptr);
}

TEST(UsersTest, AVerifierThatMakesNoSenseIsNoPassword) {
  EXPECT_FALSE(Users::Parse("a SCRAM-SHA-256$4096:x\n").ok());
}

TEST(UsersTest, ANameThatDoesNotExistHasTheSameSaltEachTime) {
  const auto users = Users::Parse("a secret\n");
  ASSERT_TRUE(users.ok());
  EXPECT_EQ(users->FakeVerifier("x").salt, users->FakeVerifier("x").salt);
  EXPECT_NE(users->FakeVerifier("x").salt, users->FakeVerifier("y").salt);
  EXPECT_EQ(users->FakeVerifier("x").salt.size(), users->Find("a")->verifier->salt.size());
}

// A salt that changes with each reload would tell those who try names which names exist.
TEST(UsersTest, AReloadChangesOnlyWhatTheFileChanges) {
  const auto before = Users::Parse("a secret\nb secret\n");
  ASSERT_TRUE(before.ok());
  const auto users = Users::Parse("a secret\nb changed\n", &*before);
  ASSERT_TRUE(users.ok());
  EXPECT_EQ(users->Find("a")->verifier->salt, before->Find("a")->verifier->salt);
  EXPECT_NE(users->Find("b")->verifier->salt, before->Find("b")->verifier->salt);
  EXPECT_EQ(users->Find("b")->password, "changed");
  EXPECT_EQ(users->FakeVerifier("x").salt, before->FakeVerifier("x").salt);
}

TEST(UsersTest, CredentialsGetWhatTheFileHasNow) {
  const auto users = Users::Parse("a secret\nc md56a422f785c9e20873908ce25d1736ae2\n");
  ASSERT_TRUE(users.ok());
  Credentials a("a");
  EXPECT_EQ(users->Equip(a), users->Find("a"));
  EXPECT_EQ(a.password(), "secret");
  Credentials c("c");
  EXPECT_EQ(users->Equip(c), users->Find("c"));
  EXPECT_EQ(c.Md5(), kHash);
  Credentials nobody("nobody");
  EXPECT_EQ(users->Equip(nobody), nullptr);
}

}  // namespace
}  // namespace postgres_proxy
