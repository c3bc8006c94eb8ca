#include "proxy/mysql/protocol/native_password.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace mysql_proxy {
namespace {

Sha1Digest Sha1(const void* data, std::size_t size) {
  Sha1Digest digest;
  SHA1(static_cast<const unsigned char*>(data), size, digest.data());
  return digest;
}

// SHA1(scramble + stored): the client combines its answer with this digest by XOR.
Sha1Digest Mask(std::string_view scramble, const Sha1Digest& stored) {
  std::string both(scramble);
  both.append(stored.begin(), stored.end());
  return Sha1(both.data(), both.size());
}

}  // namespace

std::optional<std::string> NewScramble(std::size_t length) {
  std::string scramble(length, '\0');
  auto* const bytes = reinterpret_cast<unsigned char*>(scramble.data());
  if (RAND_bytes(bytes, static_cast<int>(length)) != 1) return std::nullopt;
  // The bytes are printable, as those of other servers are: some clients take the scramble for a C
  // string.
  for (std::size_t i = 0; i < length; ++i)
    bytes[i] = static_cast<unsigned char>('!' + bytes[i] % 94);
  return scramble;
}

StoredPassword StorePassword(std::string_view password) {
  if (password.empty()) return std::nullopt;
  const Sha1Digest once = Sha1(password.data(), password.size());
  return Sha1(once.data(), once.size());
}

std::optional<Sha1Digest> ParseStoredPassword(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
  Sha1Digest digest;
  if (text.size() != 1 + 2 * digest.size() || text[0] != '*') return std::nullopt;
  text.remove_prefix(1);
  if (text.find_first_not_of(kDigits) != std::string_view::npos) return std::nullopt;
  const std::string bytes = absl::HexStringToBytes(absl::string_view(text.data(), text.size()));
  for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<unsigned char>(bytes[i]);
  return digest;
}

std::string ScrambledPassword(std::string_view password, std::string_view scramble) {
  if (password.empty()) return {};
  const Sha1Digest once = Sha1(password.data(), password.size());
  const Sha1Digest mask = Mask(scramble, Sha1(once.data(), once.size()));
  std::string answer;
  for (std::size_t i = 0; i < once.size(); ++i) {
    answer.push_back(static_cast<char>(once[i] ^ mask[i]));
  }
  return answer;
}

bool CheckPassword(const StoredPassword& stored, std::string_view scramble,
                   std::string_view answer) {
  if (!stored.has_value()) return answer.empty();
  if (answer.size() != stored->size()) return false;
  const Sha1Digest mask = Mask(scramble, *stored);
  Sha1Digest once;
  for (std::size_t i = 0; i < once.size(); ++i) {
    once[i] = static_cast<unsigned char>(static_cast<unsigned char>(answer[i]) ^ mask[i]);
  }
  const Sha1Digest twice = Sha1(once.data(), once.size());
  return CRYPTO_memcmp(twice.data(), stored->data(), twice.size()) == 0;
}

}  // namespace mysql_proxy
