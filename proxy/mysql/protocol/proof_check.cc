#include "proxy/mysql/protocol/proof_check.h"

#include <openssl/crypto.h>

#include <utility>

#include "proxy/mysql/protocol/handshake.h"

namespace mysql_proxy {
namespace {

std::string MoreData(char what) { return {kMoreData, what}; }

// Some clients stand for an empty password with a zero byte.
bool IsEmptyAnswer(std::string_view answer) {
  return answer.empty() || (answer.size() == 1 && answer[0] == '\0');
}

}  // namespace

ProofCheck::Step ProofCheck::Begin(std::string_view plugin, std::string_view answer,
                                   bool can_switch) {
  used_password_ = !IsEmptyAnswer(answer);
  const AuthPlugin wanted = terms_.secret.plugin;
  // The nonce of client_ed25519 has no room in a greeting.
  if (wanted != AuthPlugin::kEd25519 &&
      NameOf(wanted) == (plugin.empty() ? kNativePassword : plugin)) {
    return Check(answer);
  }
  if (!can_switch) {
    return {Next::kRefused, {}, "the client does not know the method of the user"};
  }
  expected_ = Expected::kAnswer;
  return {Next::kRead,
          BuildAuthSwitch({std::string(NameOf(wanted)),
                           wanted == AuthPlugin::kEd25519 ? terms_.nonce : terms_.scramble})};
}

ProofCheck::Step ProofCheck::Feed(std::string& packet) {
  Step step;
  switch (std::exchange(expected_, Expected::kNothing)) {
    case Expected::kAnswer:
      used_password_ = !IsEmptyAnswer(packet);
      return Check(packet);
    case Expected::kPassword:
      step = TakePassword(packet);
      OPENSSL_cleanse(packet.data(), packet.size());
      return step;
    case Expected::kNothing:
      break;
  }
  return step;
}

ProofCheck::Step ProofCheck::End(bool is_right) const {
  return {is_right && terms_.exists ? Next::kProved : Next::kRefused};
}

ProofCheck::Step ProofCheck::Check(std::string_view answer) {
  switch (terms_.secret.plugin) {
    case AuthPlugin::kNative:
      return End(CheckPassword(terms_.secret.native, terms_.scramble, answer));
    case AuthPlugin::kEd25519:
      return End(CheckEd25519Answer(terms_.secret.ed25519, terms_.nonce, answer));
    case AuthPlugin::kCachingSha2:
      break;
  }
  return CheckFast(answer);
}

ProofCheck::Step ProofCheck::CheckFast(std::string_view answer) {
  const UserSecret& secret = terms_.secret;
  const bool has_password = secret.fast.has_value() || secret.sha2.has_value();
  if (!has_password || !used_password_) return End(!has_password && !used_password_);
  // No answer fits the verifier of zeros. The check is made anyway, so that its time does not tell
  // who has logged in before.
  const Sha256Digest verifier = secret.fast.value_or(terms_.remembered.value_or(Sha256Digest{}));
  const bool is_right = CheckFastAnswer(verifier, terms_.scramble, answer);
  if (is_right && terms_.exists) return {Next::kProved, MoreData(kFastSuccess)};
  if (!secret.sha2.has_value()) return End(false);
  if (!terms_.encrypted && terms_.key == nullptr) {
    return {Next::kRefused, {}, "caching_sha2_password needs TLS here"};
  }
  expected_ = Expected::kPassword;
  return {Next::kRead, MoreData(kFullProofWanted)};
}

ProofCheck::Step ProofCheck::TakePassword(std::string_view packet) {
  const bool asks_for_key = packet.size() == 1 && packet[0] == kRequestPublicKey;
  if (asks_for_key && !terms_.encrypted && !std::exchange(key_was_sent_, true)) {
    expected_ = Expected::kPassword;
    return {Next::kRead, std::string(1, kMoreData) + terms_.key->PublicPem()};
  }
  std::optional<std::string> password = ReadPassword(packet);
  if (!password.has_value()) return End(false);
  const bool is_right = CheckSha2Password(*terms_.secret.sha2, *password) && terms_.exists;
  if (is_right) learned_ = FastVerifierOf(*password);
  OPENSSL_cleanse(password->data(), password->size());
  return End(is_right);
}

std::optional<std::string> ProofCheck::ReadPassword(std::string_view packet) const {
  if (!terms_.encrypted) return terms_.key->Decrypt(packet, terms_.scramble);
  if (packet.empty() || packet.back() != '\0') return std::nullopt;
  return std::string(packet.substr(0, packet.size() - 1));
}

}  // namespace mysql_proxy
