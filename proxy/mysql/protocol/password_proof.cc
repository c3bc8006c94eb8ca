#include "proxy/mysql/protocol/password_proof.h"

#include <openssl/crypto.h>

#include <utility>

namespace mysql_proxy {

void Wipe(std::string& secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

PasswordProof::~PasswordProof() { Wipe(password_); }

AuthPlugin PasswordProof::PluginFor(std::string_view greeting_plugin) {
  // The nonce of client_ed25519 has no room in a greeting.
  return greeting_plugin == kCachingSha2Password ? AuthPlugin::kCachingSha2 : AuthPlugin::kNative;
}

PasswordProof::Step PasswordProof::Begin(std::string_view plugin, std::string_view scramble) {
  plugin_ = ParseAuthPlugin(plugin);
  scramble_ = scramble;
  answered_ = false;
  if (!plugin_.has_value()) {
    return {Next::kRefuse,
            "accounts of the proxy must use mysql_native_password, client_ed25519 or "
            "caching_sha2_password"};
  }
  switch (*plugin_) {
    case AuthPlugin::kNative:
      return {Next::kSend, ScrambledPassword(password_, scramble_)};
    case AuthPlugin::kCachingSha2:
      return {Next::kSend, FastAnswer(password_, scramble_)};
    case AuthPlugin::kEd25519:
      break;
  }
  std::optional<std::string> answer = Ed25519Answer(password_, scramble_);
  if (!answer.has_value()) return {Next::kRefuse, "client_ed25519 needs libsodium"};
  return {Next::kSend, *std::move(answer)};
}

PasswordProof::Step PasswordProof::Feed(std::string_view packet) {
  const bool again = std::exchange(answered_, true);
  if (plugin_ == AuthPlugin::kCachingSha2 && !again && packet.size() == 2) {
    if (packet[1] == kFastSuccess) return {Next::kWait};
    if (packet[1] == kFullProofWanted) return SendPassword();
  }
  return {Next::kRefuse, "the answer of the backend to the login makes no sense"};
}

PasswordProof::Step PasswordProof::SendPassword() const {
  if (channel_.verified) return {Next::kSend, password_ + '\0'};
  if (channel_.server_key == nullptr) {
    return {Next::kRefuse,
            "the backend wants the whole password, so caching_sha2_password needs "
            "--backend-ssl-mode=verify or --backend-server-public-key"};
  }
  std::optional<std::string> encrypted = channel_.server_key->Encrypt(password_, scramble_);
  if (!encrypted.has_value()) {
    return {Next::kRefuse, "the password is too long for the key of the backend"};
  }
  return {Next::kSend, *std::move(encrypted)};
}

}  // namespace mysql_proxy
