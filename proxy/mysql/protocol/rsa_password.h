// A password on its way to a server without TLS, encrypted with the server's RSA key, as
// caching_sha2_password has it: (password + zero byte) XOR scramble, with the padding OAEP.
//
// This keeps out somebody who can read packets. Somebody who can change packets can put another key
// in place of the server's, unless the client has got the key by another way.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_RSA_PASSWORD_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_RSA_PASSWORD_H_

#include <openssl/evp.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mysql_proxy {

// One half of a pair of keys, or both halves. Immutable, hence thread-safe.
class RsaKey {
 public:
  // Reads a key in PEM format, the private one or the public one. A private key has no passphrase.
  // kInvalidArgument: the text holds no such key of at least 2048 bits. The error has no word of
  // the text.
  static absl::StatusOr<RsaKey> ParsePrivate(const std::string& pem);
  static absl::StatusOr<RsaKey> ParsePublic(const std::string& pem);

  // The public half in PEM format.
  std::string PublicPem() const;
  // nullopt: the password is too long for the key.
  std::optional<std::string> Encrypt(std::string_view password, std::string_view scramble) const;
  // Needs the private half. nullopt: `bytes` are no password that was encrypted for this key.
  std::optional<std::string> Decrypt(std::string_view bytes, std::string_view scramble) const;

 private:
  explicit RsaKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}
  static absl::StatusOr<RsaKey> Check(EVP_PKEY* key);

  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_RSA_PASSWORD_H_
