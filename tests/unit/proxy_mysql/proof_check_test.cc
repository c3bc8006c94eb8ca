// These tests cover how the proxy checks the proof of a client's password.
#include "proxy/mysql/protocol/proof_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "proxy/mysql/protocol/handshake.h"
#include "support/rsa_key_pair.h"

namespace mysql_proxy {
namespace {

using Next = ProofCheck::Next;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kScramble[] = "abcdefghijklmnopqrst";
constexpr char kNonce[] = "abcdefghijklmnopqrstuvwxyzabcdef";
constexpr char kFoobar[] =
    "0x24412430303524031A69251C34295C4B35167C7F1E5A7B63091349503974624D34504B5A424679354856336868"
    "686F52485A736E4A733368786E427575516C73446469496537";
const std::string kFullWanted = {kMoreData, kFullProofWanted};
const std::string kFast = {kMoreData, kFastSuccess};

UserSecret Native(std::string_view password) {
  UserSecret secret;
  secret.native = StorePassword(password);
  return secret;
}
UserSecret Sha2(std::string_view password) {
  UserSecret secret;
  secret.plugin = AuthPlugin::kCachingSha2;
  if (!password.empty()) secret.fast = FastVerifierOf(password);
  return secret;
}
UserSecret Sha2Hash() {
  UserSecret secret;
  secret.plugin = AuthPlugin::kCachingSha2;
  secret.sha2 = ParseStoredSha2Password(kFoobar);
  return secret;
}
UserSecret Ed25519(std::string_view password) {
  UserSecret secret;
  secret.plugin = AuthPlugin::kEd25519;
  secret.ed25519 = Ed25519PublicKeyOf(password).value();
  return secret;
}

class ProofCheckTest : public testing::Test {
 protected:
  ProofCheck Check(const UserSecret& secret, bool encrypted = true) const {
    return ProofCheck({secret, exists_, remembered_, kScramble, kNonce, encrypted,
                       key_.has_value() ? &*key_ : nullptr});
  }
  static Next FeedTo(ProofCheck& check, std::string packet) { return check.Feed(packet).next; }

  // How the full way ends for this packet.
  Next FullWay(std::string packet, bool encrypted = true) {
    const UserSecret secret = Sha2Hash();
    ProofCheck check = Check(secret, encrypted);
    EXPECT_EQ(check.Begin(kCachingSha2Password, FastAnswer("foobar", kScramble), true).send,
              kFullWanted);
    const Next end = check.Feed(packet).next;
    learned_ = check.learned();
    EXPECT_EQ(learned_.has_value(), end == Next::kProved);
    return end;
  }

  bool exists_ = true;
  std::optional<Sha256Digest> remembered_;
  std::optional<RsaKey> key_;
  std::optional<Sha256Digest> learned_;
};

TEST_F(ProofCheckTest, TheAnswerToTheGreetingIsEnoughIfTheMethodIsRight) {
  const UserSecret native = Native("secret");
  for (const std::string_view plugin : {kNativePassword, std::string_view()}) {
    ProofCheck right = Check(native);
    EXPECT_EQ(right.Begin(plugin, ScrambledPassword("secret", kScramble), false).next,
              Next::kProved);
    EXPECT_TRUE(right.used_password());
    ProofCheck wrong = Check(native);
    EXPECT_EQ(wrong.Begin(plugin, ScrambledPassword("wrong", kScramble), false).next,
              Next::kRefused);
  }
  const UserSecret sha2 = Sha2("secret");
  ProofCheck right = Check(sha2);
  const ProofCheck::Step step =
      right.Begin(kCachingSha2Password, FastAnswer("secret", kScramble), true);
  EXPECT_EQ(step.next, Next::kProved);
  EXPECT_EQ(step.send, kFast);
  ProofCheck wrong = Check(sha2);
  EXPECT_EQ(wrong.Begin(kCachingSha2Password, FastAnswer("wrong", kScramble), true).next,
            Next::kRefused);
}

TEST_F(ProofCheckTest, AClientOfAnotherMethodIsAskedAgain) {
  const std::string answer = ScrambledPassword("secret", kScramble);
  const UserSecret sha2 = Sha2("secret");
  ProofCheck check = Check(sha2);
  ProofCheck::Step step = check.Begin(kNativePassword, answer, true);
  EXPECT_EQ(step.next, Next::kRead);
  EXPECT_EQ(step.send, std::string("\xfe") + "caching_sha2_password" + '\0' + kScramble + '\0');
  EXPECT_EQ(FeedTo(check, FastAnswer("secret", kScramble)), Next::kProved);

  const UserSecret native = Native("secret");
  ProofCheck back = Check(native);
  step = back.Begin(kCachingSha2Password, FastAnswer("secret", kScramble), true);
  EXPECT_EQ(step.send, std::string("\xfe") + "mysql_native_password" + '\0' + kScramble + '\0');
  EXPECT_EQ(FeedTo(back, answer), Next::kProved);

  ProofCheck old = Check(sha2);
  step = old.Begin({}, answer, false);
  EXPECT_EQ(step.next, Next::kRefused);
  EXPECT_THAT(step.hint, HasSubstr("does not know the method"));
}

TEST_F(ProofCheckTest, Ed25519HasANonceOfItsOwn) {
  const UserSecret secret = Ed25519("secret");
  for (const std::string_view plugin : {kNativePassword, kClientEd25519}) {
    ProofCheck check = Check(secret);
    const ProofCheck::Step step = check.Begin(plugin, "", true);
    EXPECT_EQ(step.send, std::string("\xfe") + "client_ed25519" + '\0' + kNonce);
    EXPECT_EQ(FeedTo(check, Ed25519Answer("secret", kNonce).value()), Next::kProved);
    EXPECT_TRUE(check.used_password());
  }
  for (const std::string& wrong :
       {Ed25519Answer("wrong", kNonce).value(), Ed25519Answer("secret", kScramble).value(),
        std::string(), std::string(64, 'x'), std::string(10'000, 'x')}) {
    ProofCheck check = Check(secret);
    check.Begin(kClientEd25519, "", true);
    EXPECT_EQ(FeedTo(check, wrong), Next::kRefused);
  }
}

TEST_F(ProofCheckTest, AnEmptyPasswordIsAnEmptyAnswer) {
  const UserSecret empty = Sha2("");
  for (const std::string& answer : {std::string(), std::string(1, '\0')}) {
    ProofCheck check = Check(empty);
    EXPECT_EQ(check.Begin(kCachingSha2Password, answer, true).next, Next::kProved);
    EXPECT_FALSE(check.used_password());
    const UserSecret secret = Sha2("secret");
    ProofCheck other = Check(secret);
    EXPECT_EQ(other.Begin(kCachingSha2Password, answer, true).next, Next::kRefused);
    const UserSecret hash = Sha2Hash();
    ProofCheck third = Check(hash);
    EXPECT_EQ(third.Begin(kCachingSha2Password, answer, true).next, Next::kRefused);
  }
  ProofCheck check = Check(empty);
  EXPECT_EQ(check.Begin(kCachingSha2Password, FastAnswer("x", kScramble), true).next,
            Next::kRefused);
}

TEST_F(ProofCheckTest, WhoIsKnownByAHashSendsThePasswordOnce) {
  EXPECT_EQ(FullWay(std::string("foobar") + '\0'), Next::kProved);
  ASSERT_TRUE(learned_.has_value());
  remembered_ = learned_;
  const UserSecret secret = Sha2Hash();
  ProofCheck check = Check(secret, false);
  const ProofCheck::Step step =
      check.Begin(kCachingSha2Password, FastAnswer("foobar", kScramble), true);
  EXPECT_EQ(step.next, Next::kProved);
  EXPECT_EQ(step.send, kFast);
  ProofCheck wrong = Check(secret);
  EXPECT_EQ(wrong.Begin(kCachingSha2Password, FastAnswer("wrong", kScramble), true).send,
            kFullWanted)
      << "as before the first login, so that nobody learns who has logged in";
}

TEST_F(ProofCheckTest, AWrongPasswordOnTheFullWayIsRefused) {
  EXPECT_EQ(FullWay(std::string("wrong") + '\0'), Next::kRefused);
  EXPECT_EQ(FullWay("foobar"), Next::kRefused) << "no zero byte";
  EXPECT_EQ(FullWay(std::string("foobar") + '\0' + '\0'), Next::kRefused);
  EXPECT_EQ(FullWay(""), Next::kRefused);
  EXPECT_EQ(FullWay(std::string(1, '\0')), Next::kRefused);
  EXPECT_EQ(FullWay(std::string(1, kRequestPublicKey)), Next::kRefused) << "TLS needs no key";
  EXPECT_EQ(FullWay(std::string(10'000, '\0')), Next::kRefused);
}

TEST_F(ProofCheckTest, ThePasswordIsWipedFromThePacket) {
  const UserSecret secret = Sha2Hash();
  ProofCheck check = Check(secret);
  check.Begin(kCachingSha2Password, FastAnswer("foobar", kScramble), true);
  std::string packet = std::string("foobar") + '\0';
  EXPECT_EQ(check.Feed(packet).next, Next::kProved);
  EXPECT_EQ(packet, std::string(7, '\0'));
}

TEST_F(ProofCheckTest, WithoutTlsAndWithoutAKeyThereIsNoFullWay) {
  const UserSecret secret = Sha2Hash();
  ProofCheck check = Check(secret, false);
  const ProofCheck::Step step =
      check.Begin(kCachingSha2Password, FastAnswer("foobar", kScramble), true);
  EXPECT_EQ(step.next, Next::kRefused);
  EXPECT_EQ(step.send, "") << "the client must not send its password";
  EXPECT_THAT(step.hint, HasSubstr("TLS"));
}

TEST_F(ProofCheckTest, WithoutTlsThePasswordIsEncryptedWithTheKey) {
  const failover::test::RsaKeyPair pair;
  key_ = RsaKey::ParsePrivate(pair.private_pem).value();
  const RsaKey client = RsaKey::ParsePublic(pair.public_pem).value();
  EXPECT_EQ(FullWay(client.Encrypt("foobar", kScramble).value(), false), Next::kProved);
  EXPECT_EQ(FullWay(client.Encrypt("wrong", kScramble).value(), false), Next::kRefused);
  EXPECT_EQ(FullWay(client.Encrypt("foobar", "another scramble....").value(), false),
            Next::kRefused);
  EXPECT_EQ(FullWay(std::string("foobar") + '\0', false), Next::kRefused) << "in clear text";
  EXPECT_EQ(FullWay(std::string(256, 'x'), false), Next::kRefused);

  const UserSecret secret = Sha2Hash();
  ProofCheck check = Check(secret, false);
  check.Begin(kCachingSha2Password, FastAnswer("foobar", kScramble), true);
  std::string request(1, kRequestPublicKey);
  const ProofCheck::Step step = check.Feed(request);
  EXPECT_EQ(step.next, Next::kRead);
  EXPECT_EQ(step.send, kMoreData + pair.public_pem);
  EXPECT_EQ(FeedTo(check, client.Encrypt("foobar", kScramble).value()), Next::kProved);

  ProofCheck again = Check(secret, false);
  again.Begin(kCachingSha2Password, FastAnswer("foobar", kScramble), true);
  FeedTo(again, std::string(1, kRequestPublicKey));
  EXPECT_EQ(FeedTo(again, std::string(1, kRequestPublicKey)), Next::kRefused)
      << "nobody needs the key twice";
}

// Somebody who tries names must not see which of them exist.
TEST_F(ProofCheckTest, WhoDoesNotExistGoesTheSameWayToARefusal) {
  exists_ = false;
  const UserSecret native = Native("secret");
  EXPECT_EQ(Check(native).Begin(kNativePassword, ScrambledPassword("secret", kScramble), true).next,
            Next::kRefused);
  const UserSecret empty = Native("");
  EXPECT_EQ(Check(empty).Begin(kNativePassword, "", true).next, Next::kRefused);
  const UserSecret sha2 = Sha2("secret");
  const ProofCheck::Step step =
      Check(sha2).Begin(kCachingSha2Password, FastAnswer("secret", kScramble), true);
  EXPECT_EQ(step.next, Next::kRefused);
  EXPECT_EQ(step.send, "");
  const UserSecret ed25519 = Ed25519("secret");
  ProofCheck check = Check(ed25519);
  EXPECT_THAT(check.Begin(kNativePassword, "", true).send, StartsWith("\xfe"
                                                                      "client_ed25519"));
  EXPECT_EQ(FeedTo(check, Ed25519Answer("secret", kNonce).value()), Next::kRefused);
  EXPECT_EQ(FullWay(std::string("foobar") + '\0'), Next::kRefused);
}

TEST_F(ProofCheckTest, NothingFollowsTheEnd) {
  const UserSecret secret = Native("secret");
  ProofCheck check = Check(secret);
  EXPECT_EQ(FeedTo(check, ScrambledPassword("secret", kScramble)), Next::kRefused);
  check.Begin(kNativePassword, "wrong", true);
  EXPECT_EQ(FeedTo(check, ScrambledPassword("secret", kScramble)), Next::kRefused);
}

}  // namespace
}  // namespace mysql_proxy
