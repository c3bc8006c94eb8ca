// The file that says who may log in.
#ifndef FAILOVER_PROXY_CORE_USERS_FILE_H_
#define FAILOVER_PROXY_CORE_USERS_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace proxy {

struct UserEntry {
  std::string name;
  // As the file has it: the password or a hash. The protocol knows what a hash looks like. Empty:
  // the user has an empty password.
  std::string password;
  // The words behind the password. The protocol knows what they mean.
  std::vector<std::string> more = {};
  // The number of the line, from 1.
  int line = 0;
};

// Each line has one user: the name, then blanks, then the password, and then what else the protocol
// knows. A line with a name alone means an empty password. Empty lines, and lines that begin with
// "#", are skipped. kInvalidArgument names the line that has more than `most_words` words, at least
// 2, or a name for the second time.
absl::StatusOr<std::vector<UserEntry>> ParseUsers(std::string_view text,
                                                  std::size_t most_words = 2);

// An error of a line of a users file, as kInvalidArgument. `why` must not hold a password.
absl::Status UsersLineError(int line, std::string_view why);

// The text of a users file. kNotFound: the file cannot be read, or is empty.
absl::StatusOr<std::string> ReadUsersFile(const std::string& file);

// Lets an error of the text name the file, too.
absl::Status UsersFileError(const std::string& file, const absl::Status& error);

}  // namespace proxy

#endif  // FAILOVER_PROXY_CORE_USERS_FILE_H_
