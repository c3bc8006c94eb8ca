// The statement KILL, which names a connection.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_KILL_STATEMENT_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_KILL_STATEMENT_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/mysql/protocol/sql_lexer.h"

namespace mysql_proxy {

struct KillStatement {
  std::uint64_t connection_id = 0;
  // Only the statement that the connection executes is to end, not the connection.
  bool query_only = false;
};

// nullopt: the text is no KILL of a connection by its number, or another statement follows.
std::optional<KillStatement> ParseKill(std::string_view sql, const TextRules& rules);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_KILL_STATEMENT_H_
