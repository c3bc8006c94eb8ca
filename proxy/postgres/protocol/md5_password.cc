#include "proxy/postgres/protocol/md5_password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "absl/strings/escaping.h"

namespace postgres_proxy {
namespace {

constexpr std::string_view kPrefix = "md5";
constexpr std::size_t kDigits = 32;

std::string Hash(const std::string& text) {
  unsigned char digest[EVP_MAX_MD_SIZE] = {};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_md5(), nullptr) != 1) return {};
  const std::string bytes(reinterpret_cast<const char*>(digest), size);
  return std::string(kPrefix) + absl::BytesToHexString(bytes);
}

}  // namespace

bool IsMd5Hash(std::string_view text) {
  return text.size() == kPrefix.size() + kDigits && text.substr(0, kPrefix.size()) == kPrefix &&
         text.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
}

std::string Md5Hash(std::string_view user, std::string_view password) {
  return Hash(std::string(password).append(user));
}

std::string Md5Answer(std::string_view hash, std::string_view salt) {
  if (!IsMd5Hash(hash)) return {};
  return Hash(std::string(hash.substr(kPrefix.size())).append(salt));
}

bool SameText(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace postgres_proxy
