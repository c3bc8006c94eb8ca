// What a client is answered between the moment at which it learns that its transaction is lost, and
// its ROLLBACK. A server answers the same in a transaction that has failed.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_LOST_TRANSACTION_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_LOST_TRANSACTION_H_

#include <string>

#include "proxy/postgres/protocol/error_message.h"
#include "proxy/postgres/session/prepared_statements.h"
#include "proxy/postgres/session/request.h"

namespace postgres_proxy {

// Whether the request ends the transaction, and nothing else.
bool EndsLostTransaction(const Request& request);

// The answer to a request that ends the transaction: that of a server to ROLLBACK. What the client
// takes for parsed and closed then becomes so in `statements`.
std::string AnswerToEnd(const Request& request, PreparedStatements& statements);
// The error that any other request gets: 25P02.
ProxyError InLostTransaction();

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_LOST_TRANSACTION_H_
