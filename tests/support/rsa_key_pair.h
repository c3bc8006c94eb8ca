// Makes a pair of RSA keys for tests.
#ifndef FAILOVER_TESTS_SUPPORT_RSA_KEY_PAIR_H_
#define FAILOVER_TESTS_SUPPORT_RSA_KEY_PAIR_H_

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstddef>
#include <memory>
#include <string>

namespace failover::test {

// Both keys in PEM format, without a passphrase.
struct RsaKeyPair {
  explicit RsaKeyPair(unsigned int bits = 2048) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_RSA_gen(bits),
                                                                  &EVP_PKEY_free);
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
    PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    private_pem = Take(bio.get());
    PEM_write_bio_PUBKEY(bio.get(), key.get());
    public_pem = Take(bio.get());
  }

  std::string private_pem;
  std::string public_pem;

 private:
  static std::string Take(BIO* bio) {
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio, &text);
    std::string copy(text, static_cast<std::size_t>(size));
    static_cast<void>(BIO_reset(bio));
    return copy;
  }
};

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_RSA_KEY_PAIR_H_
