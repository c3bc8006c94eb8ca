// What the text of an error says beyond its number.
//
// The texts come from servers in any language, from client libraries in several versions, and
// through wrappers that put something before or behind them. So each function looks for the one
// part that stays the same. Each function reads the text once for each thing that it looks for, and
// does not allocate.
//
// Thread-safety: the functions are pure and may be called from any thread.
#ifndef FAILOVER_SRC_MYSQL_ERROR_TEXTS_H_
#define FAILOVER_SRC_MYSQL_ERROR_TEXTS_H_

#include "failover/mysql/errors.h"

namespace failover::mysql::internal {

// Whether a SIGNAL in a procedure, a trigger or a block of a user made the error. The SQLSTATE is
// 45000 then, which no server uses for an error of its own. Such an error may have any number and
// any text. The SQLSTATE also counts if a wrapper has written it into the text.
bool IsRaisedByUser(const MysqlError& error);

// Whether the option that refused the statement is --read-only or --super-read-only. A text names
// the option as it is written on a command line, in every language. The first option of the text
// decides, because a wrapper may have put the statement behind the text.
bool IsRefusedByReadOnly(const MysqlError& error);

// Whether no connection could be made because of a trouble of the machine that wanted to connect:
// no local port, descriptor or memory was free, a local rule forbade the connection, or the name
// service did not answer. Nothing is known about the server then.
bool IsTroubleOfThisMachine(const MysqlError& error);

// The same for CR_UNKNOWN_HOST, whose text holds a number of the name service and not of the
// system. A name that does not exist is no trouble of the machine: the name of a server can go away
// with the server, and a failover makes the name again.
bool IsTroubleOfNameService(const MysqlError& error);

}  // namespace failover::mysql::internal

#endif  // FAILOVER_SRC_MYSQL_ERROR_TEXTS_H_
