#include "proxy/mysql/protocol/ed25519.h"

#include <sodium.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace mysql_proxy {
namespace {

using Scalar = std::array<unsigned char, crypto_core_ed25519_SCALARBYTES>;
using Digest = std::array<unsigned char, crypto_hash_sha512_BYTES>;

const unsigned char* Data(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

bool IsReady() {
  static const bool ready = sodium_init() >= 0;
  return ready;
}

// The digest of the password: the scalar of the key, and then what makes the nonces of signatures
// unpredictable. Wiped in the end.
class SecretKey {
 public:
  explicit SecretKey(std::string_view password) {
    crypto_hash_sha512(digest_.data(), Data(password), password.size());
    std::copy_n(digest_.begin(), scalar_.size(), scalar_.begin());
    scalar_[0] &= 0xf8;
    scalar_[31] = static_cast<unsigned char>((scalar_[31] & 0x7f) | 0x40);
  }
  ~SecretKey() {
    sodium_memzero(digest_.data(), digest_.size());
    sodium_memzero(scalar_.data(), scalar_.size());
  }

  SecretKey(const SecretKey&) = delete;
  SecretKey& operator=(const SecretKey&) = delete;

  const Scalar& scalar() const { return scalar_; }
  const unsigned char* prefix() const { return digest_.data() + scalar_.size(); }
  std::size_t prefix_size() const { return digest_.size() - scalar_.size(); }

 private:
  Digest digest_;
  Scalar scalar_;
};

// The digest of all pieces as a scalar.
template <typename... Pieces>
Scalar HashToScalar(const Pieces&... pieces) {
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  (crypto_hash_sha512_update(&state, Data(pieces), pieces.size()), ...);
  Digest digest;
  crypto_hash_sha512_final(&state, digest.data());
  Scalar scalar;
  crypto_core_ed25519_scalar_reduce(scalar.data(), digest.data());
  sodium_memzero(digest.data(), digest.size());
  sodium_memzero(&state, sizeof state);
  return scalar;
}

template <typename Bytes>
std::string_view View(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::optional<Ed25519PublicKey> Ed25519PublicKeyOf(std::string_view password) {
  if (!IsReady()) return std::nullopt;
  const SecretKey secret(password);
  Ed25519PublicKey key;
  if (crypto_scalarmult_ed25519_base_noclamp(key.data(), secret.scalar().data()) != 0) {
    return std::nullopt;
  }
  return key;
}

std::optional<Ed25519PublicKey> ParseEd25519PublicKey(std::string_view text) {
  Ed25519PublicKey key;
  constexpr std::size_t kCharacters = 43;
  std::string bytes;
  if (text.size() != kCharacters ||
      !absl::Base64Unescape(absl::string_view(text.data(), text.size()), &bytes) ||
      bytes.size() != key.size()) {
    return std::nullopt;
  }
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

std::optional<std::string> Ed25519Answer(std::string_view password, std::string_view nonce) {
  const std::optional<Ed25519PublicKey> key = Ed25519PublicKeyOf(password);
  if (!key.has_value()) return std::nullopt;
  const SecretKey secret(password);
  const std::string_view prefix(reinterpret_cast<const char*>(secret.prefix()),
                                secret.prefix_size());
  Scalar r = HashToScalar(prefix, nonce);
  std::array<unsigned char, crypto_core_ed25519_BYTES> point;
  if (crypto_scalarmult_ed25519_base_noclamp(point.data(), r.data()) != 0) return std::nullopt;
  const Scalar h = HashToScalar(View(point), View(*key), nonce);
  Scalar s;
  crypto_core_ed25519_scalar_mul(s.data(), h.data(), secret.scalar().data());
  crypto_core_ed25519_scalar_add(s.data(), s.data(), r.data());
  sodium_memzero(r.data(), r.size());
  return std::string(View(point)).append(View(s));
}

bool CheckEd25519Answer(const Ed25519PublicKey& key, std::string_view nonce,
                        std::string_view answer) {
  return IsReady() && answer.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(Data(answer), Data(nonce), nonce.size(), key.data()) == 0;
}

}  // namespace mysql_proxy
