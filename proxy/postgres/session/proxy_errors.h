// The errors that clients get from the proxy itself. The README of proxy/postgres lists them.
#ifndef FAILOVER_PROXY_POSTGRES_SESSION_PROXY_ERRORS_H_
#define FAILOVER_PROXY_POSTGRES_SESSION_PROXY_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"
#include "failover/postgres/errors.h"
#include "proxy/postgres/protocol/error_message.h"

namespace postgres_proxy {

// Each function makes its Status with failover::postgres::ToStatus. Such a Status says that the
// statement was not executed, and keeps the SQLSTATE and the text of the error.

// The primary could not be reached, so that nothing was sent. A sign of a failover.
absl::Status CannotConnect(std::string_view backend, std::string_view why);
// The connection was found dead before anything was sent on it.
absl::Status ConnectionWasGone(std::string_view why);
// The session got another connection and has lost `what`.
absl::Status SessionLost(std::string_view what);
// The transaction is gone, and nothing of it remains.
absl::Status TransactionRolledBack(std::string_view why);
// The users file was read again, and has no such user any more.
absl::Status NoLongerKnown(std::string_view user);
// Any other error that has nothing to do with a connection that was lost.
absl::Status Refused(std::string_view sqlstate, std::string_view text);
// The error of a backend that refused a login or a statement of the proxy itself.
absl::Status RefusedBy(const failover::postgres::PostgresError& error);

// Whether ConnectionWasGone made the error. The statement may be sent on another connection at
// once.
bool IsConnectionWasGone(const absl::Status& error);

// What the client is told. All unknown outcomes get 08007. Errors of the Buffer get 57P03, and so
// does a backend that could not be reached. `before` is the error for which the Buffer was asked to
// hold the statement, or OK. The severity is ERROR.
ProxyError ForClient(const absl::Status& error, const absl::Status& before);

}  // namespace postgres_proxy

#endif  // FAILOVER_PROXY_POSTGRES_SESSION_PROXY_ERRORS_H_
