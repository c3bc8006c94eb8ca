#include "mysql/probe_errors.h"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>

#include <cerrno>
#include <cstddef>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace failover::mysql::internal {
namespace {

using watch::Seen;

// MariaDB Connector/C has no name for this error of MySQL.
constexpr unsigned int kServerOfflineMode = 3032;

// Whether the system's error tells of the machine of the router, and not of the server.
bool IsOwnError(int error) {
  switch (error) {
    case EMFILE:         // too many descriptors of the process
    case ENFILE:         // too many descriptors of the system
    case ENOBUFS:        // no memory for a socket
    case ENOMEM:         // the same
    case EADDRNOTAVAIL:  // no local port is left
    case EADDRINUSE:     // the same
    case EACCES:         // a rule of the local system forbids the connection
    case EPERM:          // the same
    case ENETDOWN:       // the local interface is down
      return true;
    default:
      return false;
  }
}

// The number of the system's error that ends libmariadb's text, as in "... on '10.0.0.1' (111)"; 0
// if there is none.
int SystemError(absl::string_view text) {
  const std::size_t open = text.rfind('(');
  const std::size_t close = text.rfind(')');
  if (open == absl::string_view::npos || close == absl::string_view::npos || close < open) return 0;
  const absl::string_view digits = text.substr(open + 1, close - open - 1);
  int number = 0;
  if (!absl::SimpleAtoi(digits, &number)) return 0;
  return number;
}

bool TellsSystemError(unsigned int number) {
  return number == CR_SOCKET_CREATE_ERROR || number == CR_CONNECTION_ERROR ||
         number == CR_CONN_HOST_ERROR || number == CR_IPSOCK_ERROR;
}

bool IsOwnError(unsigned int number, absl::string_view text) {
  if (number == CR_OUT_OF_MEMORY) return true;
  return TellsSystemError(number) && IsOwnError(SystemError(text));
}

Seen SeenFromError(unsigned int number) {
  switch (number) {
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_USER_LIMIT_REACHED:
      return Seen::kFull;
    // The server will be gone soon. The server counts as unreachable and not as refusing, because a
    // server that refuses is checked less often.
    case ER_SERVER_SHUTDOWN:
      return Seen::kUnreachable;
    // A Galera node answers with the first error while it is not part of its cluster. A server in
    // offline mode answers with the second: an operator took the server out of service.
    case ER_UNKNOWN_COM_ERROR:
    case kServerOfflineMode:
      return Seen::kNotReady;
    // The client library makes these errors, but from an answer of the server.
    case CR_AUTH_PLUGIN_CANNOT_LOAD:
    case CR_AUTH_PLUGIN_ERR:
    case CR_PLUGIN_NOT_ALLOWED:
    case CR_SSL_CONNECTION_ERROR:
      return Seen::kRefused;
    default:
      break;
  }
  const bool from_client = IS_MYSQL_ERROR(number) || IS_MARIADB_ERROR(number);
  return from_client ? Seen::kUnreachable : Seen::kRefused;
}

// The plugin that a server asks for: the payload of the packet is 0xfe, the name, and 0. Empty if
// the packet does not begin like that. libmariadb's own text about the plugin names another one.
absl::string_view AskedPlugin(absl::string_view packet) {
  constexpr std::size_t kHeader = 4;
  if (packet.size() <= kHeader || packet[kHeader] != '\xfe') return {};
  const absl::string_view name = packet.substr(kHeader + 1);
  return name.substr(0, name.find('\0'));
}

}  // namespace

Finding FindingFromError(unsigned int number, absl::string_view text,
                         absl::string_view last_packets) {
  std::string problem = absl::StrCat(number, " ", Printable(text));
  if (IsOwnError(number, text)) return OwnTrouble(problem);
  if (number == CR_PLUGIN_NOT_ALLOWED) {
    const std::string name = Printable(AskedPlugin(last_packets));
    const std::string what = name.empty() ? "an authentication plugin"
                                          : absl::StrCat("the authentication plugin '", name, "'");
    problem = absl::StrCat("it asks for ", what, ", which could give the password away");
  }
  return {SeenFromError(number), problem};
}

}  // namespace failover::mysql::internal
