// Which refusals come from a server itself. A procedure, a function or a trigger can raise the same
// error numbers by SIGNAL, and may have written something before.
#ifndef FAILOVER_PROXY_MYSQL_SESSION_SERVER_REFUSALS_H_
#define FAILOVER_PROXY_MYSQL_SESSION_SERVER_REFUSALS_H_

#include "absl/status/status.h"
#include "failover/mysql/errors.h"

namespace mysql_proxy {

// Whether the number and all of the text are those of a server that takes no writes: 1290 for the
// option read-only or super-read-only, 1792 or 1836, in any language of MariaDB 10.11. The source
// of the texts are the message files of that version, and those of MySQL 8.0.
bool IsServersRefusal(const failover::mysql::MysqlError& error);

// As failover::mysql::ToStatus, for an error that a backend sent. But a 1290, 1792 or 1836 that no
// server gives, or that follows from a read-only transaction of the client, is an error of the
// statement itself, whatever the statement consists of. So is a number from 5000 to 5999, which
// means a lost connection only when a client library says it.
absl::Status StatusOfAnswer(const failover::mysql::MysqlError& error,
                            const failover::mysql::StatementState& statement);

}  // namespace mysql_proxy

#endif  // FAILOVER_PROXY_MYSQL_SESSION_SERVER_REFUSALS_H_
