// The file that says who may log in.
#ifndef FAILOVER_PROXY_CORE_USERS_FILE_H_
#define FAILOVER_PROXY_CORE_USERS_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace proxy {

struct UserEntry {
  std::string name;
  // As the file has it: the password or a hash. The protocol knows what a hash looks like. Empty:
  // the user has an empty password.
  std::string password;
};

// Each line has one user: the name, then blanks, then the password. A line with a name alone means
// an empty password. Empty lines, and lines that begin with "#", are skipped. kInvalidArgument
// names the line that has too many words or a name for the second time.
absl::StatusOr<std::vector<UserEntry>> ParseUsers(std::string_view text);

// The same from a file. kNotFound: the file cannot be read, or is empty.
absl::StatusOr<std::vector<UserEntry>> LoadUsers(const std::string& file);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_USERS_FILE_H_
