// How a server checks the proof of a client's password, packet by packet and without any I/O. The
// proxy is such a server for its clients.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_PROOF_CHECK_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_PROOF_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/mysql/protocol/auth_plugin.h"
#include "proxy/mysql/protocol/rsa_password.h"

namespace mysql_proxy {

// What a server knows of a user's password.
struct UserSecret {
  AuthPlugin plugin = AuthPlugin::kNative;
  // For kNative.
  StoredPassword native = {};
  // For kCachingSha2. With neither of them the password is empty.
  std::optional<Sha256Digest> fast = {};        // The password itself is known.
  std::optional<StoredSha2Password> sha2 = {};  // Only a hash is known.
  // For kEd25519.
  Ed25519PublicKey ed25519 = {};
};

// One login of one client.
class ProofCheck {
 public:
  struct Terms {
    // Not owned. If the user does not exist, the secret of another user, so that nobody learns who
    // exists: each step is the same as for the other user, and the end is a refusal.
    const UserSecret& secret;
    bool exists = false;
    // What the server remembers of an earlier login by UserSecret::sha2.
    std::optional<Sha256Digest> remembered = {};
    std::string scramble = {};    // of the greeting
    std::string nonce = {};       // random, for client_ed25519
    bool encrypted = false;       // The connection uses TLS.
    const RsaKey* key = nullptr;  // of the server, not owned; nullptr: there is none
  };
  enum class Next : std::uint8_t {
    kRead,     // The client sends the next packet, for Feed.
    kProved,   // The client has proved its password.
    kRefused,  // The client has not.
  };
  struct Step {
    Next next = Next::kRefused;
    std::string send = {};  // The payload of a packet to send first; empty: none.
    // What the operator or the client can do about a refusal; empty: nothing.
    std::string hint = {};
  };

  explicit ProofCheck(Terms terms) : terms_(std::move(terms)) {}

  // `plugin` is the method by which the client has answered the greeting; empty: the client names
  // none. `can_switch` tells whether the client understands a request for another method.
  Step Begin(std::string_view plugin, std::string_view answer, bool can_switch);
  // Takes the next packet of the client, and wipes what may be a password.
  Step Feed(std::string& packet);

  // Whether the client has used a password, as far as the server can see.
  bool used_password() const { return used_password_; }
  // What the server may remember from now on, after kProved.
  const std::optional<Sha256Digest>& learned() const { return learned_; }

 private:
  enum class Expected : std::uint8_t { kAnswer, kPassword, kNothing };

  Step End(bool is_right) const;
  Step Check(std::string_view answer);
  Step CheckFast(std::string_view answer);
  Step TakePassword(std::string_view packet);
  std::optional<std::string> ReadPassword(std::string_view packet) const;

  const Terms terms_;
  Expected expected_ = Expected::kNothing;
  bool key_was_sent_ = false;
  bool used_password_ = false;
  std::optional<Sha256Digest> learned_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_PROOF_CHECK_H_
