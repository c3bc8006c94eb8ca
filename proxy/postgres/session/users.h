// The users that may log in, and what the proxy needs to log in to a backend as each of them.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_USERS_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_USERS_H_

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "proxy/core/users_file.h"
#include "proxy/postgres/protocol/scram.h"

namespace postgres_proxy {

class Credentials;

// What the users file has of a user.
struct User {
  // The password, if the file has it. nullopt: the file has a verifier or a hash, or nothing.
  std::optional<std::string> password = {};
  // For the method SCRAM-SHA-256.
  std::optional<ScramVerifier> verifier = {};
  // For the method md5; empty: there is none.
  std::string md5_hash = {};
};

// Immutable, hence thread-safe.
class Users {
 public:
  // The text of a users file (proxy/core/users_file.h). What stands behind the name is a SCRAM
  // verifier or an md5 hash, each as in pg_authid, or else the password itself. A password takes
  // some milliseconds, but for one that `before` has as well. `before` is what the users replace,
  // or nullptr. Whoever tries names sees no difference between the two.
  static absl::StatusOr<Users> Parse(std::string_view text, const Users* before = nullptr);
  static absl::StatusOr<Users> Load(const std::string& file, const Users* before = nullptr);

  // nullptr: there is no such user. Valid as long as *this.
  const User* Find(std::string_view name) const;
  // As Find for the user of the credentials, which also get the secrets that the file has.
  const User* Equip(Credentials& credentials) const;
  // For the exchange with somebody who names a user that does not exist.
  ScramVerifier FakeVerifier(std::string_view name) const;

 private:
  Users() = default;
  static absl::StatusOr<Users> Make(const std::vector<proxy::UserEntry>& entries,
                                    const Users* before);

  std::unordered_map<std::string, User> users_;
  std::string secret_;  // random, for FakeVerifier
};

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_USERS_H_
