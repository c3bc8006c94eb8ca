#include "proxy/mysql/protocol/rsa_password.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/rsa_key_pair.h"

namespace mysql_proxy {
namespace {

using failover::test::RsaKeyPair;

constexpr char kScramble[] = "abcdefghijklmnopqrst";

TEST(RsaPasswordTest, APasswordComesThrough) {
  const RsaKeyPair pair;
  const RsaKey server = RsaKey::ParsePrivate(pair.private_pem).value();
  EXPECT_EQ(server.PublicPem(), pair.public_pem);
  const RsaKey client = RsaKey::ParsePublic(server.PublicPem()).value();
  for (const std::string& password :
       {std::string(), std::string("secret"), std::string(200, 'x')}) {
    const auto encrypted = client.Encrypt(password, kScramble);
    ASSERT_TRUE(encrypted.has_value());
    EXPECT_EQ(server.Decrypt(*encrypted, kScramble), password);
    EXPECT_FALSE(client.Decrypt(*encrypted, kScramble).has_value()) << "only the server can";
  }
  EXPECT_FALSE(client.Encrypt(std::string(1000, 'x'), kScramble).has_value());
}

TEST(RsaPasswordTest, NoiseIsNoPassword) {
  const RsaKeyPair pair;
  const RsaKey server = RsaKey::ParsePrivate(pair.private_pem).value();
  const std::string good = server.Encrypt("secret", kScramble).value();
  EXPECT_NE(server.Decrypt(good, "another scramble...."), "secret");
  std::string changed = good;
  changed[100] = static_cast<char>(changed[100] ^ 1);
  for (const std::string& bytes : {std::string(), std::string("x"), std::string(256, '\xff'),
                                   std::string(10'000, 'x'), good.substr(1), good + "x", changed}) {
    EXPECT_FALSE(server.Decrypt(bytes, kScramble).has_value());
  }
}

TEST(RsaPasswordTest, WhatIsNoKeyIsNamedWithoutItsText) {
  const RsaKeyPair pair;
  const RsaKeyPair small(1024);
  for (const std::string& pem : {std::string(), std::string("secret"), pair.public_pem,
                                 small.private_pem, pair.private_pem.substr(0, 500)}) {
    const auto key = RsaKey::ParsePrivate(pem);
    EXPECT_FALSE(key.ok());
    EXPECT_THAT(key.status().ToString(), testing::Not(testing::HasSubstr("secret")));
  }
  EXPECT_FALSE(RsaKey::ParsePublic(pair.private_pem).ok());
}

}  // namespace
}  // namespace mysql_proxy
