#include "proxy/mysql/session/users.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mysql_proxy {
namespace {

// The name, the password, and the same of the account on the backends.
constexpr std::size_t kMostWords = 4;
constexpr std::string_view kEd25519Prefix = "client_ed25519:";
constexpr std::size_t kKeySize = 32;

std::string PasswordOf(const std::string& word) { return word == "\"\"" ? std::string() : word; }

// A mistake in a hash would make the hash a password that somebody could use.
absl::Status MakesNoSense(std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the hash for ", std::string(what), " makes no sense"));
}

absl::StatusOr<UserSecret> SecretOfPassword(std::string_view password, AuthPlugin plugin) {
  UserSecret secret;
  secret.plugin = plugin;
  switch (plugin) {
    case AuthPlugin::kNative:
      secret.native = StorePassword(password);
      break;
    case AuthPlugin::kCachingSha2:
      if (!password.empty()) secret.fast = FastVerifierOf(password);
      break;
    case AuthPlugin::kEd25519:
      const std::optional<Ed25519PublicKey> key = Ed25519PublicKeyOf(password);
      if (!key.has_value()) return absl::InternalError("libsodium cannot be used");
      secret.ed25519 = *key;
      break;
  }
  return secret;
}

absl::StatusOr<UserSecret> SecretOf(std::string_view word, AuthPlugin plugin) {
  UserSecret secret;
  if (const std::optional<Sha1Digest> stored = ParseStoredPassword(word)) {
    secret.native = stored;
    return secret;
  }
  if (word.substr(0, kEd25519Prefix.size()) == kEd25519Prefix) {
    const auto key = ParseEd25519PublicKey(word.substr(kEd25519Prefix.size()));
    if (!key.has_value()) return MakesNoSense(kClientEd25519);
    secret.plugin = AuthPlugin::kEd25519;
    secret.ed25519 = *key;
    return secret;
  }
  constexpr std::string_view kSha2Prefix = "0x244124";  // "$A$" in hexadecimal digits
  if (word.substr(0, kSha2Prefix.size()) == kSha2Prefix) {
    secret.sha2 = ParseStoredSha2Password(word);
    if (!secret.sha2.has_value()) return MakesNoSense(kCachingSha2Password);
    secret.plugin = AuthPlugin::kCachingSha2;
    return secret;
  }
  return SecretOfPassword(word, plugin);
}

}  // namespace

absl::StatusOr<Users> Users::Parse(std::string_view text, const UserDefaults& defaults,
                                   const Users* before) {
  const absl::StatusOr<std::vector<proxy::UserEntry>> entries = proxy::ParseUsers(text, kMostWords);
  if (!entries.ok()) return entries.status();
  Users users;
  const std::optional<std::string> key = before == nullptr ? NewScramble(kKeySize) : before->key_;
  if (!key.has_value()) return absl::InternalError("OpenSSL has no random bytes");
  users.key_ = *key;
  for (const proxy::UserEntry& entry : *entries) {
    const absl::Status added = users.Add(entry, defaults);
    if (!added.ok()) return proxy::UsersLineError(entry.line, std::string(added.message()));
  }
  return users;
}

absl::StatusOr<Users> Users::Load(const std::string& file, const UserDefaults& defaults,
                                  const Users* before) {
  const absl::StatusOr<std::string> text = proxy::ReadUsersFile(file);
  if (!text.ok()) return text.status();
  absl::StatusOr<Users> users = Parse(*text, defaults, before);
  if (users.ok()) return users;
  return proxy::UsersFileError(file, users.status());
}

absl::Status Users::Add(const proxy::UserEntry& entry, const UserDefaults& defaults) {
  User user;
  std::string password = entry.password;
  if (entry.more.empty()) {
    if (defaults.account.user.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          entry.name, " has no account of the backends, and there is no --backend-user"));
    }
    user.account = defaults.account;
  } else {
    if (entry.more.size() == 1) {
      return absl::InvalidArgumentError(
          "the account of the backends has no password; an empty one is written as \"\"");
    }
    if (ParseStoredPassword(entry.more[1]).has_value()) {
      return absl::InvalidArgumentError(
          "the password of the account of the backends is a hash, with which nobody can log in");
    }
    password = PasswordOf(password);
    user.account = {entry.more[0], PasswordOf(entry.more[1])};
  }
  absl::StatusOr<UserSecret> secret = SecretOf(password, defaults.plugin);
  if (!secret.ok()) return secret.status();
  user.secret = *std::move(secret);
  users_.emplace(entry.name, std::move(user));
  names_.push_back(entry.name);
  return absl::OkStatus();
}

Candidate Users::Find(const std::string& name) const {
  const auto found = users_.find(name);
  if (found == users_.end()) return {SecretOfAnother(name)};
  Candidate candidate{found->second.secret, true};
  const proxy::MutexLock lock(memory_->mutex);
  const auto verifier = memory_->verifiers.find(name);
  if (verifier != memory_->verifiers.end()) candidate.remembered = verifier->second;
  return candidate;
}

const UserSecret& Users::SecretOfAnother(std::string_view name) const {
  static const UserSecret* const nobody = new UserSecret;
  if (names_.empty()) return *nobody;
  const Sha256Digest digest = FastVerifierOf(absl::StrCat(key_, std::string(name)));
  std::uint64_t number = 0;
  std::memcpy(&number, digest.data(), sizeof number);
  return users_.at(names_[number % names_.size()]).secret;
}

const BackendAccount* Users::AccountOf(const std::string& name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : &found->second.account;
}

void Users::Remember(const std::string& name, const Sha256Digest& learned) const {
  const proxy::MutexLock lock(memory_->mutex);
  memory_->verifiers[name] = learned;
}

}  // namespace mysql_proxy
