// What a backend reports about changes of a session's state (session tracking).
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_SESSION_TRACK_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_SESSION_TRACK_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mysql_proxy {

// The changes that one OK packet reports. A field is empty or nullopt if nothing reports a change.
struct SessionChanges {
  // Names and new values of system variables.
  std::vector<std::pair<std::string, std::string>> variables;
  std::optional<std::string> schema;
  // Something changed: a variable, the schema, or something without a report of its own. User
  // variables, temporary tables and the statements of PREPARE have no report of their own.
  bool state = false;
  // Statements. They give a new session the characteristics of the open transaction, or else of the
  // next transaction.
  std::optional<std::string> transaction_characteristics;
  // Whether LOCK TABLES is in effect.
  std::optional<bool> tables_locked;
};

// The part of a report that a client with kSessionTrack gets: the schema, and the variables that
// servers report unless the client asks for others. The proxy itself asks for more than that.
// Empty: there is nothing for the client, or the report is malformed.
std::string ChangesForClient(std::string_view bytes);

// nullopt: the report is malformed.
std::optional<SessionChanges> ParseSessionChanges(std::string_view bytes);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_SESSION_TRACK_H_
