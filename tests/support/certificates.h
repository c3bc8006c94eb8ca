// Makes authorities and certificates for tests of TLS.
#ifndef FAILOVER_TESTS_SUPPORT_CERTIFICATES_H_
#define FAILOVER_TESTS_SUPPORT_CERTIFICATES_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace failover::test {

// A certificate and its private key, in PEM format.
struct Certificate {
  std::string certificate;
  std::string key;
};

struct CertificateOptions {
  // The names that the certificate is for, as OpenSSL writes them: "DNS:db.example,IP:127.0.0.1".
  std::string names = "DNS:db.example";
  bool expired = false;
};

// An authority that signs certificates. Not thread-safe.
class Authority {
 public:
  explicit Authority(const std::string& name);

  // The certificate of the authority, in PEM format.
  std::string certificate() const;
  Certificate Issue(const std::string& name, const CertificateOptions& options = {});

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
  };
  using Key = std::unique_ptr<EVP_PKEY, Free>;
  using X509Owner = std::unique_ptr<X509, Free>;

  X509Owner Make(const std::string& name, EVP_PKEY* key, bool expired) const;

  const Key key_;
  X509Owner certificate_;
  long serial_ = 1;
};

// Writes `text` to `path`, and returns `path`. If the file cannot be written, the test fails.
std::string WriteTextFile(const std::string& path, const std::string& text);

}  // namespace failover::test

#endif  // FAILOVER_TESTS_SUPPORT_CERTIFICATES_H_
