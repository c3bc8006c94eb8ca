// What a server reports about changes of a session's state (session tracking).
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_SESSION_TRACK_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_SESSION_TRACK_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mysql_proxy {

// The changes that one OK packet reports. What did not change is empty or nullopt.
struct SessionChanges {
  // System variables, with their new values.
  std::vector<std::pair<std::string, std::string>> variables;
  std::optional<std::string> schema;
  // Something changed: one of the above, or what has no report of its own, such as user
  // variables, temporary tables and statements of PREPARE.
  bool state = false;
  // The statements that give a new session the characteristics of the current, or the next,
  // transaction.
  std::optional<std::string> transaction_characteristics;
  // LOCK TABLES is in effect.
  std::optional<bool> tables_locked;
};

// nullopt: malformed.
std::optional<SessionChanges> ParseSessionChanges(std::string_view bytes);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_SESSION_TRACK_H_
