// The errors that clients get from the proxy itself, and what becomes of a server's. README.md
// lists them for users.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_PROXY_ERRORS_H_
#define FAILOVER_PROXY_MYSQL_SESSION_PROXY_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"
#include "failover/mysql/errors.h"

namespace mysql_proxy {

// All are Statuses of failover::mysql::ToStatus, so that they keep number and text.

// Ends the text of an error after which the client must not expect that a transaction is open.
inline constexpr char kNothingRemains[] = "; no transaction and no table lock is left";

// The statement was not executed, because of the proxy. `why` ends the sentence.
absl::Status NotExecuted(std::string_view why);
// The primary could not be reached; nothing was sent.
absl::Status CannotConnect(std::string_view server, std::string_view why);
// The connection was found dead before anything was sent on it.
absl::Status ConnectionWasGone();
// It was lost after something was sent.
absl::Status ConnectionLost(const failover::mysql::StatementState& statement);
// The transaction is gone, and nothing of it remains.
absl::Status TransactionRolledBack(std::string_view why);
// Any other error, with which no failover has to do.
absl::Status Refused(failover::mysql::MysqlError error);

// Whether the error is ConnectionWasGone's. The statement may be sent on another connection at
// once.
bool IsConnectionWasGone(const absl::Status& error);

// What the client is told. Unknown outcomes get one number for all (1158, SQLSTATE 08007); errors
// of the Buffer and those that client libraries keep for themselves another (3168). `before` is the
// error for which the Buffer was asked, or OK.
failover::mysql::MysqlError ForClient(const absl::Status& error, const absl::Status& before);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_PROXY_ERRORS_H_
