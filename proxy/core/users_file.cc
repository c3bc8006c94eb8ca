#include "proxy/core/users_file.h"

#include <fstream>
#include <sstream>
#include <unordered_set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace proxy {

absl::StatusOr<std::vector<UserEntry>> ParseUsers(std::string_view text) {
  std::vector<UserEntry> users;
  std::unordered_set<std::string> names;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line);
    UserEntry user;
    std::string rest;
    words >> user.name >> user.password >> rest;
    if (user.name.empty() || user.name[0] == '#') continue;
    if (!rest.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": more than two words"));
    }
    if (!names.insert(user.name).second) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": user twice: ", user.name));
    }
    users.push_back(std::move(user));
  }
  return users;
}

absl::StatusOr<std::vector<UserEntry>> LoadUsers(const std::string& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) {
    return absl::NotFoundError(absl::StrCat("cannot read ", file, ", or it is empty"));
  }
  absl::StatusOr<std::vector<UserEntry>> users = ParseUsers(text.str());
  if (users.ok()) return users;
  return absl::InvalidArgumentError(
      absl::StrCat(file, ", ", std::string(users.status().message())));
}

}  // namespace proxy
