#include "proxy/postgres/session/users.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proxy/postgres/protocol/md5_password.h"
#include "proxy/postgres/session/credentials.h"

namespace postgres_proxy {
namespace {

constexpr std::size_t kSecretSize = 32;
constexpr std::size_t kSaltSize = 16;

absl::StatusOr<User> UserOf(const proxy::UserEntry& entry) {
  User user;
  if (IsMd5Hash(entry.password)) {
    user.md5_hash = entry.password;
    return user;
  }
  user.verifier = ParseVerifier(entry.password);
  if (user.verifier.has_value()) return user;
  if (entry.password.rfind("SCRAM-SHA-256$", 0) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the SCRAM verifier of ", entry.name, " makes no sense"));
  }
  // Nobody can log in with an empty password, as with PostgreSQL itself. With --client-auth=trust
  // nobody needs one.
  if (entry.password.empty()) return user;
  const std::optional<std::string> salt = RandomBytes(kSaltSize);
  if (!salt.has_value()) return absl::InternalError("OpenSSL has no random bytes");
  const std::optional<ScramKeys> keys =
      DeriveKeys(entry.password, *salt, ScramVerifier().iterations);
  if (!keys.has_value()) return absl::InternalError("OpenSSL cannot derive keys");
  user.password = entry.password;
  user.verifier = VerifierOf(*keys);
  return user;
}

}  // namespace

absl::StatusOr<Users> Users::Parse(std::string_view text, const Users* before) {
  const absl::StatusOr<std::vector<proxy::UserEntry>> entries = proxy::ParseUsers(text);
  if (!entries.ok()) return entries.status();
  return Make(*entries, before);
}

absl::StatusOr<Users> Users::Load(const std::string& file, const Users* before) {
  const absl::StatusOr<std::string> text = proxy::ReadUsersFile(file);
  if (!text.ok()) return text.status();
  absl::StatusOr<Users> users = Parse(*text, before);
  if (users.ok()) return users;
  return proxy::UsersFileError(file, users.status());
}

absl::StatusOr<Users> Users::Make(const std::vector<proxy::UserEntry>& entries,
                                  const Users* before) {
  Users users;
  const std::optional<std::string> secret =
      before == nullptr ? RandomBytes(kSecretSize) : before->secret_;
  if (!secret.has_value()) return absl::InternalError("OpenSSL has no random bytes");
  users.secret_ = *secret;
  for (const proxy::UserEntry& entry : entries) {
    const User* const known = before == nullptr ? nullptr : before->Find(entry.name);
    if (known != nullptr && known->password == entry.password) {
      users.users_.emplace(entry.name, *known);
      continue;
    }
    absl::StatusOr<User> user = UserOf(entry);
    if (!user.ok()) return user.status();
    users.users_.emplace(entry.name, *std::move(user));
  }
  return users;
}

const User* Users::Find(std::string_view name) const {
  const auto found = users_.find(std::string(name));
  return found == users_.end() ? nullptr : &found->second;
}

const User* Users::Equip(Credentials& credentials) const {
  const User* const user = Find(credentials.user());
  if (user == nullptr) return nullptr;
  if (user->password.has_value()) credentials.SetPassword(*user->password);
  credentials.SetMd5Hash(user->md5_hash);
  return user;
}

ScramVerifier Users::FakeVerifier(std::string_view name) const {
  ScramVerifier verifier;
  verifier.salt = FakeSalt(secret_, name);
  return verifier;
}

}  // namespace postgres_proxy
