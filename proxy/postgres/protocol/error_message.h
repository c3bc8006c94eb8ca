// The bodies of ErrorResponse and NoticeResponse.
#ifndef FAILOVER_PROXY_POSTGRES_PROTOCOL_ERROR_MESSAGE_H_
#define FAILOVER_PROXY_POSTGRES_PROTOCOL_ERROR_MESSAGE_H_

#include <string>
#include <string_view>

#include "failover/postgres/errors.h"

namespace postgres_proxy {

// Reads the fields that matter. `source` is kErrorResponse or kNoticeResponse. A body that makes no
// sense gives an error that proves nothing.
failover::postgres::PostgresError ParseError(failover::postgres::Source source,
                                             std::string_view body);

// An ErrorResponse of the proxy itself. `severity` is ERROR or FATAL.
struct ProxyError {
  std::string severity = "ERROR";
  std::string sqlstate;
  std::string text;
};

void PutError(const ProxyError& error, std::string& out);

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_PROTOCOL_ERROR_MESSAGE_H_
