// Implements both sides of MariaDB's authentication method ed25519, which clients call
// client_ed25519.
//
// The server stores a public key, whose secret key follows from the password, and sends a nonce.
// The client answers with a signature of the nonce. The secret key is the SHA-512 digest of the
// password itself. The standard lets a seed of 32 bytes stand there, so OpenSSL can check such a
// signature, but cannot make one.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_ED25519_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_ED25519_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mysql_proxy {

inline constexpr std::string_view kClientEd25519 = "client_ed25519";
inline constexpr std::size_t kEd25519NonceLength = 32;

using Ed25519PublicKey = std::array<unsigned char, 32>;

// nullopt: libsodium cannot be used.
std::optional<Ed25519PublicKey> Ed25519PublicKeyOf(std::string_view password);
// Reads the form of the table mysql.global_priv: 43 characters of base 64. nullopt: `text` has
// another form.
std::optional<Ed25519PublicKey> ParseEd25519PublicKey(std::string_view text);

// The answer of a client to `nonce`. nullopt: libsodium cannot be used.
std::optional<std::string> Ed25519Answer(std::string_view password, std::string_view nonce);

// Whether the answer is right. The time tells nothing that is not public.
bool CheckEd25519Answer(const Ed25519PublicKey& key, std::string_view nonce,
                        std::string_view answer);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_ED25519_H_
