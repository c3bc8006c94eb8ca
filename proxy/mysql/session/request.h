// One command of a client, on its way to a server.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_REQUEST_H_
#define FAILOVER_PROXY_MYSQL_SESSION_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/mysql/protocol/constants.h"
#include "proxy/mysql/protocol/reply_stream.h"
#include "proxy/mysql/protocol/sql_scan.h"
#include "proxy/mysql/session/prepared_statements.h"

namespace mysql_proxy {

struct Request {
  Command command = Command::kQuery;
  // The whole packet. Changed for the server in kStmtExecute; not owned.
  std::string* payload = nullptr;
  // Refers to the payload or to the prepared statement; empty for other commands.
  std::string_view sql;
  SqlTraits traits;
  // Of kStmtExecute. Not owned.
  PreparedStatement* statement = nullptr;

  ReplyKind reply_kind = ReplyKind::kResults;
  // Of the reply.
  std::uint8_t client_sequence = 1;
  // That a kStmtPrepare makes.
  std::uint32_t client_statement_id = 0;

  // What it keeps in memory.
  std::size_t bytes() const {
    std::size_t sum = payload->size();
    if (statement != nullptr) {
      for (const auto& [parameter, data] : statement->long_data) sum += data.size();
    }
    return sum;
  }
};

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_REQUEST_H_
