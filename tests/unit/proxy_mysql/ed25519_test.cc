#include "proxy/mysql/protocol/ed25519.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

namespace mysql_proxy {
namespace {

// What MariaDB has for the password "secret".
constexpr char kStored[] = "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY";
constexpr char kNonce[] = "abcdefghijklmnopqrstuvwxyzabcdef";

TEST(Ed25519Test, TheKeyIsThatOfMariadb) {
  const auto key = ParseEd25519PublicKey(kStored);
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(Ed25519PublicKeyOf("secret"), key);
  EXPECT_NE(Ed25519PublicKeyOf("wrong"), key);
  EXPECT_NE(Ed25519PublicKeyOf(""), key);
}

TEST(Ed25519Test, TheAnswerIsThatOfOtherClients) {
  EXPECT_EQ(absl::BytesToHexString(Ed25519Answer("secret", kNonce).value()),
            "822aed14cc52831d43c938d4c577f85610a72d4294de4ddda6459bc9db33b4ee"
            "ced397e7915571be79861a7e4093302dfa15830c6e57d80d5e09ea334811350f");
}

TEST(Ed25519Test, OnlyTheAnswerToTheNonceIsRight) {
  const Ed25519PublicKey key = ParseEd25519PublicKey(kStored).value();
  const std::string answer = Ed25519Answer("secret", kNonce).value();
  EXPECT_TRUE(CheckEd25519Answer(key, kNonce, answer));
  EXPECT_FALSE(CheckEd25519Answer(key, "bcdefghijklmnopqrstuvwxyzabcdefg", answer));
  EXPECT_FALSE(CheckEd25519Answer(key, kNonce, Ed25519Answer("wrong", kNonce).value()));
  EXPECT_FALSE(CheckEd25519Answer(key, kNonce, ""));
  EXPECT_FALSE(CheckEd25519Answer(key, kNonce, answer.substr(1)));
  EXPECT_FALSE(CheckEd25519Answer(key, kNonce, answer + "x"));
  EXPECT_FALSE(CheckEd25519Answer(key, kNonce, std::string(64, '\0')));
}

TEST(Ed25519Test, WhatMakesNoSenseIsNoKey) {
  const std::string good = kStored;
  for (const std::string& text :
       {std::string(), good + "=", good.substr(1), "!" + good.substr(1)}) {
    EXPECT_FALSE(ParseEd25519PublicKey(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace mysql_proxy
