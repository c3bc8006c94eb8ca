// This file names the users who may log in, and the accounts of the backends that they get.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_USERS_H_
#define FAILOVER_PROXY_MYSQL_SESSION_USERS_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proxy/core/mutex.h"
#include "proxy/core/users_file.h"
#include "proxy/mysql/protocol/auth_plugin.h"
#include "proxy/mysql/protocol/proof_check.h"

namespace mysql_proxy {

// An account on the backends.
struct BackendAccount {
  std::string user;  // empty: there is none
  std::string password;
};

// What holds for all users of whom their lines do not say otherwise.
struct UserDefaults {
  BackendAccount account = {};
  // How a user logs in whose password the file has.
  AuthPlugin plugin = AuthPlugin::kNative;
};

// What is needed to check the proof of somebody who names a user.
struct Candidate {
  const UserSecret& secret;  // valid as long as the Users
  // False: `secret` is that of another user, and nobody may come in.
  bool exists = false;
  // What earlier logins have taught (ProofCheck::learned).
  std::optional<Sha256Digest> remembered = {};
};

// Names and passwords. Thread-safe.
class Users {
 public:
  // The text of a users file (proxy/core/users_file.h). Behind the name there is the password, or a
  // hash: "*" and 40 hexadecimal digits, as in mysql.user; "client_ed25519:" and what
  // mysql.global_priv has for ed25519; or what ParseStoredSha2Password reads. Behind that there may
  // be the name and the password of the account of the backends that the sessions of the user log
  // in with. In such a line `""` stands for an empty password. kInvalidArgument names the line that
  // is wrong, and no password. `before` is what the users replace, or nullptr. Whoever tries names
  // sees no difference between the two. What earlier logins have taught is forgotten.
  static absl::StatusOr<Users> Parse(std::string_view text, const UserDefaults& defaults,
                                     const Users* before = nullptr);
  static absl::StatusOr<Users> Load(const std::string& file, const UserDefaults& defaults,
                                    const Users* before = nullptr);

  // For a name that does not exist, the same other user each time: whoever tries names is asked for
  // the methods that the users have, as by MariaDB.
  Candidate Find(const std::string& name) const;
  // Remembers what a login of a user who exists has taught.
  void Remember(const std::string& name, const Sha256Digest& learned) const;

  // The account of a user who may log in. nullptr: there is no such user. Valid as long as *this.
  const BackendAccount* AccountOf(const std::string& name) const;

 private:
  struct User {
    UserSecret secret;
    BackendAccount account;
  };
  struct Memory {
    proxy::Mutex mutex;
    std::unordered_map<std::string, Sha256Digest> verifiers ABSL_GUARDED_BY(mutex);
  };

  Users() = default;
  absl::Status Add(const proxy::UserEntry& entry, const UserDefaults& defaults);
  const UserSecret& SecretOfAnother(std::string_view name) const;

  // Constant after Parse.
  std::unordered_map<std::string, User> users_;
  std::vector<std::string> names_;  // in the order of the file
  std::string key_;                 // random, decides which user stands for one that does not exist

  // Has its own synchronisation.
  std::unique_ptr<Memory> memory_ = std::make_unique<Memory>();
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_USERS_H_
