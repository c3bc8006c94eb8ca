#include "proxy/mysql/protocol/rsa_password.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstddef>
#include <utility>

#include "absl/status/status.h"

namespace mysql_proxy {
namespace {

constexpr int kFewestBits = 2048;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

Bio BioOf(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

// Nobody is asked for a passphrase.
int NoPassphrase(char*, int, int, void*) { return 0; }

std::string Xor(std::string_view text, std::string_view scramble) {
  std::string result(text);
  for (std::size_t i = 0; i < result.size() && !scramble.empty(); ++i) {
    result[i] = static_cast<char>(result[i] ^ scramble[i % scramble.size()]);
  }
  return result;
}

// Encrypts or decrypts. OpenSSL leaves its errors on the thread, where they would confuse others.
template <typename Init, typename Apply>
std::optional<std::string> Transform(EVP_PKEY* key, std::string_view bytes, Init init,
                                     Apply apply) {
  const KeyContext context(EVP_PKEY_CTX_new(key, nullptr), &EVP_PKEY_CTX_free);
  const auto* const in = reinterpret_cast<const unsigned char*>(bytes.data());
  std::string out(static_cast<std::size_t>(EVP_PKEY_size(key)), '\0');
  std::size_t size = out.size();
  const bool done = context != nullptr && init(context.get()) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
                    apply(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, in,
                          bytes.size()) == 1;
  ERR_clear_error();
  if (!done) return std::nullopt;
  out.resize(size);
  return out;
}

}  // namespace

absl::StatusOr<RsaKey> RsaKey::Check(EVP_PKEY* key) {
  ERR_clear_error();
  RsaKey owner(std::shared_ptr<EVP_PKEY>(key, &EVP_PKEY_free));
  if (key == nullptr || EVP_PKEY_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_bits(key) < kFewestBits) {
    return absl::InvalidArgumentError("no RSA key of at least 2048 bits in PEM format");
  }
  return owner;
}

absl::StatusOr<RsaKey> RsaKey::ParsePrivate(const std::string& pem) {
  return Check(PEM_read_bio_PrivateKey(BioOf(pem).get(), nullptr, &NoPassphrase, nullptr));
}

absl::StatusOr<RsaKey> RsaKey::ParsePublic(const std::string& pem) {
  return Check(PEM_read_bio_PUBKEY(BioOf(pem).get(), nullptr, &NoPassphrase, nullptr));
}

std::string RsaKey::PublicPem() const {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  if (PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::optional<std::string> RsaKey::Encrypt(std::string_view password,
                                           std::string_view scramble) const {
  std::string plain = Xor(std::string(password).append(1, '\0'), scramble);
  std::optional<std::string> encrypted =
      Transform(key_.get(), plain, EVP_PKEY_encrypt_init, EVP_PKEY_encrypt);
  OPENSSL_cleanse(plain.data(), plain.size());
  return encrypted;
}

std::optional<std::string> RsaKey::Decrypt(std::string_view bytes,
                                           std::string_view scramble) const {
  std::optional<std::string> plain =
      Transform(key_.get(), bytes, EVP_PKEY_decrypt_init, EVP_PKEY_decrypt);
  if (!plain.has_value()) return std::nullopt;
  std::string password = Xor(*plain, scramble);
  OPENSSL_cleanse(plain->data(), plain->size());
  if (password.empty() || password.back() != '\0') {
    OPENSSL_cleanse(password.data(), password.size());
    return std::nullopt;
  }
  password.pop_back();
  return password;
}

}  // namespace mysql_proxy
