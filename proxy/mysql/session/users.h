// This file names the users who may log in.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_USERS_H_
#define FAILOVER_PROXY_MYSQL_SESSION_USERS_H_

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "proxy/core/users_file.h"
#include "proxy/mysql/protocol/native_password.h"

namespace mysql_proxy {

// Names and passwords. Immutable, hence thread-safe.
class Users {
 public:
  // The text of a users file (proxy/core/users_file.h). A hash looks as in mysql.user: "*" and 40
  // hexadecimal digits.
  static absl::StatusOr<Users> Parse(std::string_view text);
  static absl::StatusOr<Users> Load(const std::string& file);

  // Whether `answer` to `scramble` is the answer of the user `name`. An unknown name takes as long
  // as a known one.
  bool Accepts(std::string_view name, std::string_view scramble, std::string_view answer) const;

 private:
  explicit Users(const std::vector<proxy::UserEntry>& entries);

  std::unordered_map<std::string, StoredPassword> passwords_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_USERS_H_
