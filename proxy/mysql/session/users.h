// Who may log in.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_USERS_H_
#define FAILOVER_PROXY_MYSQL_SESSION_USERS_H_

#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "proxy/mysql/protocol/native_password.h"

namespace mysql_proxy {

// Names and passwords. Immutable, so thread-safe.
class Users {
 public:
  // One user per line: the name, then blanks, then the password or, as in mysql.user, "*" and the
  // 40 hexadecimal digits of its hash; a name alone has an empty password. Lines that are empty or
  // begin with "#" do not count.
  static absl::StatusOr<Users> Parse(std::string_view text);
  static absl::StatusOr<Users> Load(const std::string& file);

  // Whether `answer` to `scramble` is that of a user with this name. Takes as long for unknown
  // names as for known ones.
  bool Accepts(std::string_view name, std::string_view scramble, std::string_view answer) const;

 private:
  std::unordered_map<std::string, StoredPassword> passwords_;
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_USERS_H_
