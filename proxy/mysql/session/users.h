// This file names the users who may log in, and the accounts of the backends that they get.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_USERS_H_
#define FAILOVER_PROXY_MYSQL_SESSION_USERS_H_

#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proxy/core/users_file.h"
#include "proxy/mysql/protocol/native_password.h"

namespace mysql_proxy {

// An account on the backends.
struct BackendAccount {
  std::string user;  // empty: there is none
  std::string password;
};

// Names and passwords. Immutable, hence thread-safe.
class Users {
 public:
  // The text of a users file (proxy/core/users_file.h). A hash looks as in mysql.user: "*" and 40
  // hexadecimal digits. Behind the password there may be the name and the password of the account
  // of the backends that the sessions of the user log in with. In such a line `""` stands for an
  // empty password. All other users get the account `shared`. kInvalidArgument names the line that
  // is wrong, and no password.
  static absl::StatusOr<Users> Parse(std::string_view text, const BackendAccount& shared);
  static absl::StatusOr<Users> Load(const std::string& file, const BackendAccount& shared);

  // Whether `answer` to `scramble` is the answer of the user `name`. An unknown name takes as long
  // as a known one.
  bool Accepts(std::string_view name, std::string_view scramble, std::string_view answer) const;

  // The account of a user who may log in. Valid as long as *this.
  const BackendAccount& AccountOf(const std::string& name) const { return users_.at(name).account; }

 private:
  struct User {
    StoredPassword password;
    BackendAccount account;
  };

  Users() = default;
  absl::Status Add(const proxy::UserEntry& entry, const BackendAccount& shared);

  std::unordered_map<std::string, User> users_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_USERS_H_
