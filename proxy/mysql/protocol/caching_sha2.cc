#include "proxy/mysql/protocol/caching_sha2.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <initializer_list>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace mysql_proxy {
namespace {

constexpr std::string_view kStoredStart = "$A$";
constexpr std::size_t kRoundsDigits = 3;
constexpr std::uint32_t kRoundsUnit = 1000;
constexpr std::size_t kSaltLength = 20;
constexpr std::size_t kHashLength = 43;

std::string_view View(const Sha256Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Sha256Digest Sha256(std::initializer_list<std::string_view> pieces) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  for (const std::string_view piece : pieces) {
    EVP_DigestUpdate(context.get(), piece.data(), piece.size());
  }
  Sha256Digest digest;
  EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
  return digest;
}

Sha256Digest Xor(const Sha256Digest& a, const Sha256Digest& b) {
  Sha256Digest both;
  std::transform(a.begin(), a.end(), b.begin(), both.begin(),
                 [](unsigned char x, unsigned char y) { return x ^ y; });
  return both;
}

// `bytes` again and again, `length` bytes in all.
std::string Repeat(const Sha256Digest& bytes, std::size_t length) {
  std::string text;
  while (text.size() < length) text.append(View(bytes));
  text.resize(length);
  return text;
}

std::string Repeat(std::string_view bytes, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text.append(bytes);
  return text;
}

// The digest with which the rounds begin.
Sha256Digest FirstDigest(std::string_view password, std::string_view salt) {
  const Sha256Digest inner = Sha256({password, salt, password});
  std::string input = std::string(password).append(salt) + Repeat(inner, password.size());
  for (std::size_t bits = password.size(); bits > 0; bits >>= 1) {
    input.append((bits & 1) != 0 ? View(inner) : password);
  }
  const Sha256Digest first = Sha256({input});
  OPENSSL_cleanse(input.data(), input.size());
  return first;
}

// Three bytes of the digest become four characters, in an order of the scheme's own.
std::string EncodeCrypt(const Sha256Digest& digest) {
  static constexpr char kCharacters[] =
      "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string text;
  const auto put = [&text](std::uint32_t bits, int characters) {
    for (; characters > 0; --characters, bits >>= 6) text.push_back(kCharacters[bits & 63]);
  };
  // Each of the three positions goes up by 21 modulo 30 from one group to the next.
  for (std::size_t i = 0, at = 0; i < 10; ++i, at = (at + 21) % 30) {
    put(std::uint32_t{digest[at]} << 16 | std::uint32_t{digest[(at + 10) % 30]} << 8 |
            digest[(at + 20) % 30],
        4);
  }
  put(std::uint32_t{digest[31]} << 8 | digest[30], 3);
  return text;
}

}  // namespace

Sha256Digest FastVerifierOf(std::string_view password) {
  const Sha256Digest once = Sha256({password});
  return Sha256({View(once)});
}

std::string FastAnswer(std::string_view password, std::string_view scramble) {
  if (password.empty()) return {};
  const Sha256Digest once = Sha256({password});
  const Sha256Digest twice = Sha256({View(once)});
  return std::string(View(Xor(once, Sha256({View(twice), scramble}))));
}

bool CheckFastAnswer(const Sha256Digest& verifier, std::string_view scramble,
                     std::string_view answer) {
  Sha256Digest given;
  if (answer.size() != given.size()) return false;
  std::copy(answer.begin(), answer.end(), given.begin());
  const Sha256Digest once = Xor(given, Sha256({View(verifier), scramble}));
  const Sha256Digest twice = Sha256({View(once)});
  return CRYPTO_memcmp(twice.data(), verifier.data(), twice.size()) == 0;
}

std::optional<StoredSha2Password> ParseStoredSha2Password(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
  constexpr std::size_t kLength =
      kStoredStart.size() + kRoundsDigits + 1 + kSaltLength + kHashLength;
  if (text.size() != 2 + 2 * kLength || text.substr(0, 2) != "0x") return std::nullopt;
  text.remove_prefix(2);
  if (text.find_first_not_of(kDigits) != std::string_view::npos) return std::nullopt;
  const std::string bytes = absl::HexStringToBytes(absl::string_view(text.data(), text.size()));
  std::string_view rest = bytes;
  if (rest.substr(0, kStoredStart.size()) != kStoredStart) return std::nullopt;
  rest.remove_prefix(kStoredStart.size());
  StoredSha2Password stored;
  for (const char digit : rest.substr(0, kRoundsDigits)) {
    const std::size_t value = kDigits.find(digit);
    if (value == std::string_view::npos) return std::nullopt;
    stored.rounds = stored.rounds * 16 + static_cast<std::uint32_t>(value < 16 ? value : value - 6);
  }
  stored.rounds *= kRoundsUnit;
  if (stored.rounds == 0 || rest[kRoundsDigits] != '$') return std::nullopt;
  rest.remove_prefix(kRoundsDigits + 1);
  stored.salt = rest.substr(0, kSaltLength);
  stored.hash = rest.substr(kSaltLength);
  return stored;
}

bool CheckSha2Password(const StoredSha2Password& stored, std::string_view password) {
  if (password.size() > kLongestSha2Password) return false;
  const std::string hash = Sha256Crypt(password, stored.salt, stored.rounds);
  return hash.size() == stored.hash.size() &&
         CRYPTO_memcmp(hash.data(), stored.hash.data(), hash.size()) == 0;
}

std::string Sha256Crypt(std::string_view password, std::string_view salt, std::uint32_t rounds) {
  Sha256Digest digest = FirstDigest(password, salt);
  std::string repeated = Repeat(password, password.size());
  std::string p = Repeat(Sha256({repeated}), password.size());
  const std::string s = Repeat(Sha256({Repeat(salt, std::size_t{16} + digest[0])}), salt.size());
  for (std::uint32_t i = 0; i < rounds; ++i) {
    const std::string_view previous = View(digest);
    const std::string_view nothing;
    const bool odd = (i & 1) != 0;
    digest =
        Sha256({odd ? std::string_view(p) : previous, i % 3 != 0 ? std::string_view(s) : nothing,
                i % 7 != 0 ? std::string_view(p) : nothing, odd ? previous : std::string_view(p)});
  }
  OPENSSL_cleanse(repeated.data(), repeated.size());
  OPENSSL_cleanse(p.data(), p.size());
  return EncodeCrypt(digest);
}

}  // namespace mysql_proxy
