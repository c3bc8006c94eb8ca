// The requests that name a prepared statement, as clients send them and servers want them.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_EXECUTE_REQUEST_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_EXECUTE_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mysql_proxy {

// Of kStmtExecute, kStmtSendLongData, kStmtReset and kStmtClose. nullopt: malformed.
std::optional<std::uint32_t> StatementIdOf(std::string_view payload);
// Replaces it. The payload must have one.
void SetStatementId(std::uint32_t id, std::string& payload);

// Where a kStmtExecute has the types of its parameters.
struct ParameterTypes {
  // Of the byte that says whether the types follow. 0: there are no parameters.
  std::size_t flag_offset = 0;
  // Two bytes for each parameter. nullopt: not sent, the server remembers them from before.
  std::optional<std::string_view> types;
};

// nullopt: malformed.
std::optional<ParameterTypes> FindParameterTypes(std::string_view payload, std::size_t parameters);

// Adds the types to a request without them: a server that has prepared the statement afresh does
// not remember any. The request must have parameters.
void InsertParameterTypes(std::string_view types, std::size_t flag_offset, std::string& payload);

// Asks the server for all rows at once instead of a cursor, which would be lost in a failover.
// Clients must expect that: a server need not open the cursor that they ask for.
void RemoveCursorRequest(std::string& payload);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_EXECUTE_REQUEST_H_
