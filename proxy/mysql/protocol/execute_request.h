// The requests that name a prepared statement: kStmtExecute, kStmtFetch, kStmtSendLongData,
// kStmtReset and kStmtClose. The proxy changes a client's request into the one that a backend
// wants.
#ifndef FAILOVER_PROXY_MYSQL_PROTOCOL_EXECUTE_REQUEST_H_
#define FAILOVER_PROXY_MYSQL_PROTOCOL_EXECUTE_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mysql_proxy {

// The id of the statement that the request names. nullopt: the request is malformed.
std::optional<std::uint32_t> StatementIdOf(std::string_view payload);
// Replaces the id of the statement. StatementIdOf(payload) must not be nullopt.
void SetStatementId(std::uint32_t id, std::string& payload);

// Where a kStmtExecute holds the types of its parameters.
struct ParameterTypes {
  // The offset of the byte that says whether the types follow. 0: there are no parameters.
  std::size_t flag_offset = 0;
  // Two bytes for each parameter. nullopt: the client left the types out, because the server
  // remembers them from an earlier request. The text refers to the payload.
  std::optional<std::string_view> types;
};

// nullopt: the request is malformed, or has not `parameters` parameters.
std::optional<ParameterTypes> FindParameterTypes(std::string_view payload, std::size_t parameters);

// Adds the types to a request without types. A backend that has prepared the statement afresh
// remembers no types. The request must have parameters.
void InsertParameterTypes(std::string_view types, std::size_t flag_offset, std::string& payload);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_PROTOCOL_EXECUTE_REQUEST_H_
