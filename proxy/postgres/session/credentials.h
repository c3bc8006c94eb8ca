// What it takes to log in to a backend as the client.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_CREDENTIALS_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_CREDENTIALS_H_

#include <openssl/crypto.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/postgres/protocol/md5_password.h"
#include "proxy/postgres/protocol/scram.h"

namespace postgres_proxy {

// A session keeps these as long as it lives, because each failover needs a new login. The
// destructor wipes the keys.
class Credentials {
 public:
  Credentials() = default;
  explicit Credentials(std::string user) : user_(std::move(user)) {}
  ~Credentials() {
    if (keys_.has_value()) OPENSSL_cleanse(keys_->client_key.data(), keys_->client_key.size());
    if (password_.has_value()) Wipe(*password_);
    Wipe(md5_hash_);
  }

  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  const std::string& user() const { return user_; }

  void SetPassword(std::string_view password) { password_ = std::string(password); }
  void SetMd5Hash(std::string_view hash) { md5_hash_ = std::string(hash); }
  // What the client's login has shown, or what was derived from its password.
  void SetKeys(const ScramKeys& keys) { keys_ = keys; }

  // The password, for a backend that asks for it in clear text. nullopt: nobody knows it.
  const std::optional<std::string>& password() const { return password_; }

  // The md5 hash of the password; empty: it is not known.
  std::string Md5() const {
    if (!md5_hash_.empty() || !password_.has_value()) return md5_hash_;
    return Md5Hash(user_, *password_);
  }

  // The keys for this salt and number of iterations. nullptr: they are not known. May take some
  // milliseconds for the first call.
  const ScramKeys* KeysFor(std::string_view salt, int iterations) {
    if (keys_.has_value() && keys_->salt == salt && keys_->iterations == iterations) {
      return &*keys_;
    }
    if (!password_.has_value()) return nullptr;
    keys_ = DeriveKeys(*password_, salt, iterations);
    return keys_.has_value() ? &*keys_ : nullptr;
  }

 private:
  static void Wipe(std::string& text) { OPENSSL_cleanse(&text[0], text.size()); }

  std::string user_;
  std::optional<std::string> password_;
  std::string md5_hash_;
  std::optional<ScramKeys> keys_;
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_CREDENTIALS_H_
