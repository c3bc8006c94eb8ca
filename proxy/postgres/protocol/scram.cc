#include "proxy/postgres/protocol/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <charconv>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace postgres_proxy {
namespace {

constexpr std::size_t kNonceBytes = 18;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kMostSaltBytes = 1024;

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

std::string Base64(std::string_view bytes) { return absl::Base64Escape(Absl(bytes)); }

std::string_view Bytes(const ScramKey& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

ScramKey Hmac(const ScramKey& key, std::string_view data) {
  ScramKey result = {};
  unsigned int size = result.size();
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(data.data()), data.size(), result.data(), &size);
  return result;
}

ScramKey Hash(const ScramKey& key) {
  ScramKey result = {};
  SHA256(key.data(), key.size(), result.data());
  return result;
}

ScramKey Xor(const ScramKey& a, const ScramKey& b) {
  ScramKey result = {};
  for (std::size_t i = 0; i < a.size(); ++i) {
    result[i] = static_cast<unsigned char>(a[i] ^ b[i]);
  }
  return result;
}

bool Same(const ScramKey& a, const ScramKey& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<std::string> FromBase64(std::string_view text) {
  std::string bytes;
  if (!absl::Base64Unescape(Absl(text), &bytes)) return std::nullopt;
  return bytes;
}

std::optional<ScramKey> KeyFromBase64(std::string_view text) {
  const std::optional<std::string> bytes = FromBase64(text);
  ScramKey key = {};
  if (!bytes.has_value() || bytes->size() != key.size()) return std::nullopt;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<unsigned char>((*bytes)[i]);
  return key;
}

std::optional<int> ParseIterations(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value < 1 || value > kMostIterations) return std::nullopt;
  return value;
}

// The value of an attribute such as "r=...". nullopt: `part` is another attribute.
std::optional<std::string_view> Attribute(std::string_view part, char name) {
  if (part.size() < 2 || part[0] != name || part[1] != '=') return std::nullopt;
  return part.substr(2);
}

std::vector<std::string> Split(std::string_view text) { return absl::StrSplit(Absl(text), ','); }

// What both sides sign: client-first-bare, server-first, client-final without its proof.
std::string AuthMessage(std::string_view client_first_bare, std::string_view server_first,
                        std::string_view client_final_without_proof) {
  return absl::StrCat(Absl(client_first_bare), ",", Absl(server_first), ",",
                      Absl(client_final_without_proof));
}

}  // namespace

std::optional<ScramKeys> DeriveKeys(std::string_view password, std::string_view salt,
                                    int iterations) {
  ScramKey salted = {};
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                        reinterpret_cast<const unsigned char*>(salt.data()),
                        static_cast<int>(salt.size()), iterations, EVP_sha256(),
                        static_cast<int>(salted.size()), salted.data()) != 1) {
    return std::nullopt;
  }
  ScramKeys keys;
  keys.iterations = iterations;
  keys.salt = salt;
  keys.client_key = Hmac(salted, "Client Key");
  keys.server_key = Hmac(salted, "Server Key");
  OPENSSL_cleanse(salted.data(), salted.size());
  return keys;
}

ScramVerifier VerifierOf(const ScramKeys& keys) {
  return {keys.iterations, keys.salt, Hash(keys.client_key), keys.server_key};
}

std::optional<ScramVerifier> ParseVerifier(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(Absl(text), '$');
  if (parts.size() != 3 || parts[0] != kScramMechanism) return std::nullopt;
  const std::vector<std::string> first = absl::StrSplit(parts[1], ':');
  const std::vector<std::string> keys = absl::StrSplit(parts[2], ':');
  if (first.size() != 2 || keys.size() != 2) return std::nullopt;
  const std::optional<int> iterations = ParseIterations(first[0]);
  const std::optional<std::string> salt = FromBase64(first[1]);
  const std::optional<ScramKey> stored_key = KeyFromBase64(keys[0]);
  const std::optional<ScramKey> server_key = KeyFromBase64(keys[1]);
  if (!iterations || !salt || salt->empty() || !stored_key || !server_key) return std::nullopt;
  return ScramVerifier{*iterations, *salt, *stored_key, *server_key};
}

std::optional<std::string> RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    return std::nullopt;
  }
  return bytes;
}

std::optional<std::string> NewNonce() {
  const std::optional<std::string> bytes = RandomBytes(kNonceBytes);
  if (!bytes.has_value()) return std::nullopt;
  return Base64(*bytes);
}

std::string FakeSalt(std::string_view secret, std::string_view user) {
  unsigned char digest[SHA256_DIGEST_LENGTH] = {};
  unsigned int size = sizeof digest;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(user.data()), user.size(), digest, &size);
  return {reinterpret_cast<const char*>(digest), kSaltBytes};
}

// --- The server's side ---------------------------------------------------------------------------

std::optional<std::string> ScramServer::First(std::string_view client_first) {
  // "n,," or "y,,", then the bare message. An authorization identity is not allowed.
  const std::string_view header = client_first.substr(0, 3);
  if (header != "n,," && header != "y,,") return std::nullopt;
  client_first_bare_ = client_first.substr(header.size());
  binding_ = Base64(header);
  const std::vector<std::string> parts = Split(client_first_bare_);
  if (parts.size() < 2 || !Attribute(parts[0], 'n').has_value()) return std::nullopt;
  const std::optional<std::string_view> nonce = Attribute(parts[1], 'r');
  if (!nonce.has_value() || nonce->empty()) return std::nullopt;
  whole_nonce_ = std::string(*nonce) + nonce_;
  server_first_ =
      absl::StrCat("r=", whole_nonce_, ",s=", Base64(verifier_.salt), ",i=", verifier_.iterations);
  return server_first_;
}

std::optional<std::string> ScramServer::Last(std::string_view client_final) {
  const std::size_t proof_at = client_final.rfind(",p=");
  if (proof_at == std::string_view::npos) return std::nullopt;
  const std::string_view without_proof = client_final.substr(0, proof_at);
  if (without_proof != absl::StrCat("c=", binding_, ",r=", whole_nonce_)) return std::nullopt;
  const std::optional<ScramKey> proof = KeyFromBase64(client_final.substr(proof_at + 3));
  if (!proof.has_value()) return std::nullopt;
  const std::string message = AuthMessage(client_first_bare_, server_first_, without_proof);
  keys_ = {verifier_.iterations, verifier_.salt, Xor(*proof, Hmac(verifier_.stored_key, message)),
           verifier_.server_key};
  const bool same = Same(Hash(keys_.client_key), verifier_.stored_key);
  if (!same || !known_) return std::nullopt;
  return absl::StrCat("v=", Base64(Bytes(Hmac(verifier_.server_key, message))));
}

// --- The client's side ---------------------------------------------------------------------------

// Servers take the name of the user from the start-up packet, and ignore this one.
std::string ScramClient::Bare() const { return "n=,r=" + nonce_; }

std::string ScramClient::First() const { return "n,," + Bare(); }

std::optional<ScramClient::Challenge> ScramClient::ReadFirst(std::string_view server_first) {
  const std::vector<std::string> parts = Split(server_first);
  if (parts.size() < 3) return std::nullopt;
  const std::optional<std::string_view> nonce = Attribute(parts[0], 'r');
  const std::optional<std::string_view> salt_text = Attribute(parts[1], 's');
  const std::optional<std::string_view> iterations_text = Attribute(parts[2], 'i');
  if (!nonce || !salt_text || !iterations_text) return std::nullopt;
  // A server that does not add to the nonce repeats an old login.
  if (nonce->size() <= nonce_.size() || nonce->substr(0, nonce_.size()) != nonce_) {
    return std::nullopt;
  }
  const std::optional<std::string> salt = FromBase64(*salt_text);
  const std::optional<int> iterations = ParseIterations(*iterations_text);
  if (!salt || salt->empty() || salt->size() > kMostSaltBytes || !iterations) return std::nullopt;
  server_first_ = server_first;
  return Challenge{std::string(*nonce), *salt, *iterations};
}

std::string ScramClient::Final(const Challenge& challenge, const ScramKeys& keys) {
  const std::string without_proof = absl::StrCat("c=", Base64("n,,"), ",r=", challenge.nonce);
  const std::string message = AuthMessage(Bare(), server_first_, without_proof);
  const ScramKey proof = Xor(keys.client_key, Hmac(Hash(keys.client_key), message));
  server_signature_ = Base64(Bytes(Hmac(keys.server_key, message)));
  return absl::StrCat(without_proof, ",p=", Base64(Bytes(proof)));
}

bool ScramClient::Proves(std::string_view server_final) const {
  const std::string expected = "v=" + server_signature_;
  return !server_signature_.empty() && server_final.size() == expected.size() &&
         CRYPTO_memcmp(server_final.data(), expected.data(), expected.size()) == 0;
}

}  // namespace postgres_proxy
