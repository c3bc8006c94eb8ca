// These tests cover how the proxy proves a password to a server, and above all to whom the proxy
// gives the password itself.
#include "proxy/mysql/protocol/password_proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/rsa_key_pair.h"

namespace mysql_proxy {
namespace {

using Next = PasswordProof::Next;
using testing::HasSubstr;
using testing::Not;

constexpr char kScramble[] = "abcdefghijklmnopqrst";
constexpr char kFullWanted[] = {kMoreData, kFullProofWanted};
constexpr char kFast[] = {kMoreData, kFastSuccess};

std::string_view Full() { return {kFullWanted, sizeof kFullWanted}; }
std::string_view Fast() { return {kFast, sizeof kFast}; }

TEST(PasswordProofTest, EachMethodHasItsAnswer) {
  PasswordProof proof("secret", {});
  EXPECT_EQ(proof.Begin(kNativePassword, kScramble).bytes, ScrambledPassword("secret", kScramble));
  EXPECT_EQ(proof.Begin(kCachingSha2Password, kScramble).bytes, FastAnswer("secret", kScramble));
  EXPECT_EQ(proof.Begin(kClientEd25519, kScramble).bytes, Ed25519Answer("secret", kScramble));
}

TEST(PasswordProofTest, OtherMethodsAreRefused) {
  PasswordProof proof("secret", {true, nullptr});
  for (const char* const plugin :
       {"mysql_clear_password", "sha256_password", "dialog", "mysql_old_password", ""}) {
    const PasswordProof::Step step = proof.Begin(plugin, kScramble);
    EXPECT_EQ(step.next, Next::kRefuse) << plugin;
    EXPECT_THAT(step.bytes, Not(HasSubstr("secret")));
    EXPECT_EQ(proof.Feed(Full()).next, Next::kRefuse) << plugin;
  }
}

TEST(PasswordProofTest, ThePluginOfAGreetingIsTakenIfItsAnswerFitsThere) {
  EXPECT_EQ(PasswordProof::PluginFor(kCachingSha2Password), AuthPlugin::kCachingSha2);
  for (const std::string_view other :
       {kNativePassword, kClientEd25519, std::string_view("dialog")}) {
    EXPECT_EQ(PasswordProof::PluginFor(other), AuthPlugin::kNative) << other;
  }
}

TEST(PasswordProofTest, AServerThatRemembersNeedsNothingMore) {
  PasswordProof proof("secret", {});
  proof.Begin(kCachingSha2Password, kScramble);
  EXPECT_EQ(proof.Feed(Fast()).next, Next::kWait);
  EXPECT_EQ(proof.Feed(Full()).next, Next::kRefuse) << "the server has said enough";
}

TEST(PasswordProofTest, OnlyAServerThatHasProvedWhoItIsGetsThePassword) {
  PasswordProof proof("secret", {true, nullptr});
  proof.Begin(kCachingSha2Password, kScramble);
  const PasswordProof::Step step = proof.Feed(Full());
  EXPECT_EQ(step.next, Next::kSend);
  EXPECT_EQ(step.bytes, std::string("secret") + '\0');
  EXPECT_EQ(proof.Feed(Full()).next, Next::kRefuse) << "once is enough";
}

TEST(PasswordProofTest, AnyOtherServerGetsNothing) {
  PasswordProof proof("secret", {});
  proof.Begin(kCachingSha2Password, kScramble);
  const PasswordProof::Step step = proof.Feed(Full());
  EXPECT_EQ(step.next, Next::kRefuse);
  EXPECT_THAT(step.bytes, HasSubstr("--backend-server-public-key"));
  EXPECT_THAT(step.bytes, Not(HasSubstr("secret")));
}

TEST(PasswordProofTest, AServerWhoseKeyIsKnownGetsThePasswordEncrypted) {
  const failover::test::RsaKeyPair pair;
  const RsaKey key = RsaKey::ParsePublic(pair.public_pem).value();
  PasswordProof proof("secret", {false, &key});
  proof.Begin(kCachingSha2Password, kScramble);
  const PasswordProof::Step step = proof.Feed(Full());
  EXPECT_EQ(step.next, Next::kSend);
  EXPECT_EQ(RsaKey::ParsePrivate(pair.private_pem)->Decrypt(step.bytes, kScramble), "secret");
}

// The server asks for the password though another method is at hand.
TEST(PasswordProofTest, NoOtherMethodHasAFullWay) {
  for (const std::string_view plugin : {kNativePassword, kClientEd25519}) {
    PasswordProof proof("secret", {true, nullptr});
    proof.Begin(plugin, kScramble);
    EXPECT_EQ(proof.Feed(Full()).next, Next::kRefuse) << plugin;
  }
}

TEST(PasswordProofTest, NoiseIsRefused) {
  for (const std::string& packet : {std::string("\1"), std::string("\1\5"), std::string("\1\4x"),
                                    std::string("\1\3\3"), std::string(1000, '\1')}) {
    PasswordProof proof("secret", {true, nullptr});
    proof.Begin(kCachingSha2Password, kScramble);
    EXPECT_EQ(proof.Feed(packet).next, Next::kRefuse);
  }
}

}  // namespace
}  // namespace mysql_proxy
