// One command of a client, on its way to a backend.
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
  // The whole packet, which is not owned. A kStmtExecute is changed for the backend.
  std::string* payload = nullptr;
  // The text of the statement: a part of the payload or of the prepared statement. Empty for other
  // commands.
  std::string_view sql;
  SqlTraits traits;
  // The prepared statement of a kStmtExecute, which is not owned.
  PreparedStatement* statement = nullptr;

  ReplyKind reply_kind = ReplyKind::kResults;
  // The sequence number with which the reply begins for the client.
  std::uint8_t client_sequence = 1;
  // The id of the statement that a kStmtPrepare makes.
  std::uint32_t client_statement_id = 0;

  // How many bytes of memory the request keeps.
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
