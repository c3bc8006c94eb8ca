// What the packets of a hostile client or server must not achieve in a login.
#ifndef FAILOVER_TESTS_PROOFS_FUZZ_LOGIN_EXCHANGE_H_
#define FAILOVER_TESTS_PROOFS_FUZZ_LOGIN_EXCHANGE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz_input.h"
#include "proxy/mysql/protocol/handshake.h"
#include "proxy/mysql/protocol/password_proof.h"
#include "proxy/mysql/protocol/proof_check.h"
#include "support/rsa_key_pair.h"

namespace mysql_proxy {

// No input contains this by chance, and no fuzzer finds a proof of it.
inline constexpr std::string_view kUnknownPassword = "4f0c5b1e-nobody-guesses-this";
inline constexpr std::string_view kFuzzScramble = "abcdefghijklmnopqrst";
inline constexpr std::string_view kFuzzNonce = "abcdefghijklmnopqrstuvwxyzabcdef";

inline const RsaKey& FuzzKey() {
  static const RsaKey* const key =
      new RsaKey(RsaKey::ParsePrivate(failover::test::RsaKeyPair().private_pem).value());
  return *key;
}

// The secret of a user with kUnknownPassword, in one of four forms.
inline UserSecret FuzzSecret(std::size_t form) {
  UserSecret secret;
  switch (form) {
    case 0:
      secret.native = StorePassword(kUnknownPassword);
      break;
    case 1:
      secret.plugin = AuthPlugin::kEd25519;
      secret.ed25519 = Ed25519PublicKeyOf(kUnknownPassword).value();
      break;
    case 2:
      secret.plugin = AuthPlugin::kCachingSha2;
      secret.fast = FastVerifierOf(kUnknownPassword);
      break;
    default:
      secret.plugin = AuthPlugin::kCachingSha2;
      // One round, because a fuzzer has no time for more.
      secret.sha2 = StoredSha2Password{1, "salt", Sha256Crypt(kUnknownPassword, "salt", 1)};
  }
  return secret;
}

// A client says the lines of the input. It must not come in, and must not keep the server busy.
inline void CheckHostileClient(failover::fuzz::FuzzInput& input) {
  using failover::fuzz::Require;
  using Next = ProofCheck::Next;
  static const UserSecret secrets[] = {FuzzSecret(0), FuzzSecret(1), FuzzSecret(2), FuzzSecret(3)};
  const UserSecret& secret = secrets[input.Below(4)];
  const bool exists = input.Bool();
  const bool encrypted = input.Bool();
  const bool has_key = input.Bool();
  const bool can_switch = input.Bool();
  ProofCheck check({secret,
                    exists,
                    {},
                    std::string(kFuzzScramble),
                    std::string(kFuzzNonce),
                    encrypted,
                    has_key ? &FuzzKey() : nullptr});
  const std::string plugin = input.Line();
  ProofCheck::Step step = check.Begin(plugin, input.Line(), can_switch);
  int packets = 0;
  while (step.next == Next::kRead) {
    Require(!step.send.empty(), "the server asks before it waits");
    Require(++packets <= 3, "a login takes few packets");
    const bool full = step.send == std::string{kMoreData, kFullProofWanted};
    Require(!full || encrypted || has_key, "no password is asked for in clear text");
    std::string packet = input.Line();
    step = check.Feed(packet);
  }
  Require(step.next == Next::kRefused, "nobody comes in without the password");
  Require(!check.learned().has_value(), "nobody teaches the server a password");
  std::string packet = input.Rest();
  Require(check.Feed(packet).next == Next::kRefused, "nothing follows a refusal");
}

// A server says the lines of the input. It must not get the password.
inline void CheckHostileServer(failover::fuzz::FuzzInput& input) {
  using failover::fuzz::Require;
  using Next = PasswordProof::Next;
  const bool verified = input.Bool();
  const bool has_key = input.Bool();
  PasswordProof proof(kUnknownPassword, {verified, has_key ? &FuzzKey() : nullptr});
  bool asked = false;
  for (int packets = 0; packets < 8; ++packets) {
    const std::string packet = input.Line();
    PasswordProof::Step step;
    if (!packet.empty() && packet[0] == kMoreData) {
      step = proof.Feed(packet);
      Require(step.next == Next::kRefuse || asked, "nobody answers before the method is known");
    } else if (const std::optional<AuthSwitch> request = ParseAuthSwitch(packet)) {
      step = proof.Begin(request->plugin, request->scramble);
      asked = step.next == Next::kSend;
    }
    Require(verified || step.bytes.find(kUnknownPassword) == std::string::npos,
            "only a server that has proved who it is gets the password");
    if (step.next == Next::kRefuse) return;
  }
}

// Reads a line of a users file in the forms of all hashes.
inline void CheckStoredPasswords(const std::string& text) {
  using failover::fuzz::Require;
  if (const std::optional<StoredSha2Password> stored = ParseStoredSha2Password(text)) {
    Require(stored->rounds > 0 && stored->salt.size() == 20 && stored->hash.size() == 43,
            "a stored password has all its parts");
  }
  const bool is_sha1 = ParseStoredPassword(text).has_value();
  const bool is_key = ParseEd25519PublicKey(text).has_value();
  Require(!is_sha1 || !is_key, "no text is a hash of two methods");
  static_cast<void>(RsaKey::ParsePublic(text));
  static_cast<void>(RsaKey::ParsePrivate(text));
  static_cast<void>(FuzzKey().Decrypt(text, kFuzzScramble));
}

}  // namespace mysql_proxy

#endif  // FAILOVER_TESTS_PROOFS_FUZZ_LOGIN_EXCHANGE_H_
