#include "proxy/mysql/session/users.h"

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace mysql_proxy {
namespace {

// The name, the password, and the same of the account on the backends.
constexpr std::size_t kMostWords = 4;

std::string PasswordOf(const std::string& word) { return word == "\"\"" ? std::string() : word; }

}  // namespace

absl::StatusOr<Users> Users::Parse(std::string_view text, const BackendAccount& shared) {
  const absl::StatusOr<std::vector<proxy::UserEntry>> entries = proxy::ParseUsers(text, kMostWords);
  if (!entries.ok()) return entries.status();
  Users users;
  for (const proxy::UserEntry& entry : *entries) {
    const absl::Status added = users.Add(entry, shared);
    if (!added.ok()) return proxy::UsersLineError(entry.line, std::string(added.message()));
  }
  return users;
}

absl::StatusOr<Users> Users::Load(const std::string& file, const BackendAccount& shared) {
  const absl::StatusOr<std::string> text = proxy::ReadUsersFile(file);
  if (!text.ok()) return text.status();
  absl::StatusOr<Users> users = Parse(*text, shared);
  if (users.ok()) return users;
  return proxy::UsersFileError(file, users.status());
}

absl::Status Users::Add(const proxy::UserEntry& entry, const BackendAccount& shared) {
  User user;
  std::string password = entry.password;
  if (entry.more.empty()) {
    if (shared.user.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          entry.name, " has no account of the backends, and there is no --backend-user"));
    }
    user.account = shared;
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
  const std::optional<Sha1Digest> stored = ParseStoredPassword(password);
  user.password = stored.has_value() ? stored : StorePassword(password);
  users_.emplace(entry.name, std::move(user));
  return absl::OkStatus();
}

bool Users::Accepts(std::string_view name, std::string_view scramble,
                    std::string_view answer) const {
  // The password of an unknown name: no answer fits it.
  static const StoredPassword kNobody = Sha1Digest{};
  const auto found = users_.find(std::string(name));
  return CheckPassword(found == users_.end() ? kNobody : found->second.password, scramble, answer);
}

}  // namespace mysql_proxy
