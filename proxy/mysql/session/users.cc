#include "proxy/mysql/session/users.h"

#include <fstream>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace mysql_proxy {

absl::StatusOr<Users> Users::Parse(std::string_view text) {
  Users users;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line);
    std::string name, password, rest;
    words >> name >> password >> rest;
    if (name.empty() || name[0] == '#') continue;
    if (!rest.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": more than two words"));
    }
    std::optional<Sha1Digest> stored = ParseStoredPassword(password);
    if (!stored.has_value()) stored = StorePassword(password);
    if (!users.passwords_.emplace(name, stored).second) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": user twice: ", name));
    }
  }
  return users;
}

absl::StatusOr<Users> Users::Load(const std::string& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) {
    return absl::NotFoundError(absl::StrCat("cannot read ", file, ", or it is empty"));
  }
  absl::StatusOr<Users> users = Parse(text.str());
  if (users.ok()) return users;
  return absl::InvalidArgumentError(
      absl::StrCat(file, ", ", std::string(users.status().message())));
}

bool Users::Accepts(std::string_view name, std::string_view scramble,
                    std::string_view answer) const {
  // For nobody: no answer fits it.
  static const StoredPassword kNobody = Sha1Digest{};
  const auto found = passwords_.find(std::string(name));
  return CheckPassword(found == passwords_.end() ? kNobody : found->second, scramble, answer);
}

}  // namespace mysql_proxy
