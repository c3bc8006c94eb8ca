// The errors that clients get from the proxy itself, and what becomes of an error of a backend. The
// README of proxy/mysql lists these errors for users.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_PROXY_ERRORS_H_
#define FAILOVER_PROXY_MYSQL_SESSION_PROXY_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"
#include "failover/mysql/errors.h"

namespace mysql_proxy {

// Every function here that returns a Status makes the Status with failover::mysql::ToStatus. Such a
// Status keeps the number and the text of the error.

// An error text that ends with these words tells the client that no transaction is open any more.
inline constexpr char kNothingRemains[] = "; no transaction and no table lock is left";

// The proxy did not let the statement be executed. `why` ends the sentence.
absl::Status NotExecuted(std::string_view why);
// The primary could not be reached, so that nothing was sent.
absl::Status CannotConnect(std::string_view backend, std::string_view why);
// The connection was found dead before anything was sent on it.
absl::Status ConnectionWasGone();
// The transaction is gone, and nothing of it remains.
absl::Status TransactionRolledBack(std::string_view why);
// The users file was read again, and has no such user any more.
absl::Status NoLongerKnown(std::string_view user);
// Any other error that has nothing to do with a connection that was lost.
absl::Status Refused(const failover::mysql::MysqlError& error);

// Whether ConnectionWasGone made the error. The statement may be sent on another connection at
// once.
bool IsConnectionWasGone(const absl::Status& error);

// What the client is told. All unknown outcomes get the number 1158 and the SQLSTATE 08007. Errors
// of the Buffer, and errors with numbers that client libraries keep for themselves, get the number
// 3168. `before` is the error for which the Buffer was asked to hold the statement, or OK.
failover::mysql::MysqlError ForClient(const absl::Status& error, const absl::Status& before);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_PROXY_ERRORS_H_
