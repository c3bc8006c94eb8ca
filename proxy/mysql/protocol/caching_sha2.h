// Implements both sides of the authentication method caching_sha2_password of MySQL 8.
//
// The client answers a scramble with SHA256(password) XOR SHA256(SHA256(SHA256(password)) +
// scramble). A server that remembers SHA256(SHA256(password)) can check this answer: the fast way.
// What a server stores is a salted hash of many rounds, with which it can check the password only:
// the full way. The client then sends the password through TLS, or encrypted with the server's
// public key (rsa_password.h).
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_CACHING_SHA2_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_CACHING_SHA2_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mysql_proxy {

inline constexpr std::string_view kCachingSha2Password = "caching_sha2_password";

// The packets of the full way. A server's packets begin with kMoreData.
inline constexpr char kMoreData = '\x01';
inline constexpr char kRequestPublicKey = '\x02';  // of a client
inline constexpr char kFastSuccess = '\x03';       // behind kMoreData
inline constexpr char kFullProofWanted = '\x04';   // behind kMoreData

// A longer password is refused, because each check would take a long time. MySQL has this limit.
inline constexpr std::size_t kLongestSha2Password = 256;

using Sha256Digest = std::array<unsigned char, 32>;

// SHA256(SHA256(password))
Sha256Digest FastVerifierOf(std::string_view password);

// The answer of a client to `scramble`. The answer is empty if the password is empty.
std::string FastAnswer(std::string_view password, std::string_view scramble);

// Whether the answer is right. The time tells nothing about the password.
bool CheckFastAnswer(const Sha256Digest& verifier, std::string_view scramble,
                     std::string_view answer);

// What a server stores of a password.
struct StoredSha2Password {
  std::uint32_t rounds = 0;
  std::string salt;
  std::string hash;
};

// Reads what SHOW CREATE USER of MySQL shows with print_identified_with_as_hex: "0x" and the
// hexadecimal digits of "$A$005$", of 20 bytes of salt and of 43 bytes of hash. nullopt: `text` has
// another form.
std::optional<StoredSha2Password> ParseStoredSha2Password(std::string_view text);

// Whether `password` is the password. Takes some milliseconds, whatever the answer is.
bool CheckSha2Password(const StoredSha2Password& stored, std::string_view password);

// The hash of the scheme SHA-crypt ("$5$" of crypt(3)) with a salt of any length: 43 characters.
std::string Sha256Crypt(std::string_view password, std::string_view salt, std::uint32_t rounds);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_CACHING_SHA2_H_
