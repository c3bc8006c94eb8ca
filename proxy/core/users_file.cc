#include "proxy/core/users_file.h"

#include <fstream>
#include <iterator>
#include <sstream>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace proxy {

absl::StatusOr<std::vector<UserEntry>> ParseUsers(std::string_view text, std::size_t most_words) {
  std::vector<UserEntry> users;
  std::unordered_set<std::string> names;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream stream(line);
    UserEntry user;
    user.line = number;
    stream >> user.name >> user.password;
    if (user.name.empty() || user.name[0] == '#') continue;
    user.more.assign(std::istream_iterator<std::string>(stream), {});
    if (2 + user.more.size() > most_words) {
      return UsersLineError(number, absl::StrCat("more than ", most_words, " words"));
    }
    if (!names.insert(user.name).second) {
      return UsersLineError(number, absl::StrCat("user twice: ", user.name));
    }
    users.push_back(std::move(user));
  }
  return users;
}

absl::Status UsersLineError(int line, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", std::string(why)));
}

absl::StatusOr<std::string> ReadUsersFile(const std::string& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) {
    return absl::NotFoundError(absl::StrCat("cannot read ", file, ", or it is empty"));
  }
  return text.str();
}

absl::Status UsersFileError(const std::string& file, const absl::Status& error) {
  return {error.code(), absl::StrCat(file, ", ", std::string(error.message()))};
}

}  // namespace proxy
