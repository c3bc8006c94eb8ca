#include "proxy/mysql/session/users.h"

#include <optional>

namespace mysql_proxy {

absl::StatusOr<Users> Users::Parse(std::string_view text) {
  const absl::StatusOr<std::vector<proxy::UserEntry>> entries = proxy::ParseUsers(text);
  if (!entries.ok()) return entries.status();
  return Users(*entries);
}

absl::StatusOr<Users> Users::Load(const std::string& file) {
  const absl::StatusOr<std::vector<proxy::UserEntry>> entries = proxy::LoadUsers(file);
  if (!entries.ok()) return entries.status();
  return Users(*entries);
}

Users::Users(const std::vector<proxy::UserEntry>& entries) {
  for (const proxy::UserEntry& entry : entries) {
    std::optional<Sha1Digest> stored = ParseStoredPassword(entry.password);
    if (!stored.has_value()) stored = StorePassword(entry.password);
    passwords_.emplace(entry.name, stored);
  }
}

bool Users::Accepts(std::string_view name, std::string_view scramble,
                    std::string_view answer) const {
  // The password of an unknown name: no answer fits it.
  static const StoredPassword kNobody = Sha1Digest{};
  const auto found = passwords_.find(std::string(name));
  return CheckPassword(found == passwords_.end() ? kNobody : found->second, scramble, answer);
}

}  // namespace mysql_proxy
