/* MySQL and MariaDB in C: what an error means, and a monitor. Library failover-c-mysql.
 *
 *   fo_mysql_error error = {.struct_size = sizeof error};
 *   error.number = mysql_errno(connection);
 *   error.sqlstate = mysql_sqlstate(connection);
 *   error.text = mysql_error(connection);
 *   fo_mysql_statement statement = {.struct_size = sizeof statement};
 *   statement.in_transaction = (server_status_before & SERVER_STATUS_IN_TRANS) != 0;
 *   fo_verdict verdict = {.struct_size = sizeof verdict};
 *   fo_mysql_verdict(&error, &statement, &verdict);
 *   if (verdict.wait) ...            // fo_wait_start(..., verdict.attempt, ...), and once more
 *   if (verdict.note) fo_note_refused(buffer, shard, error.text);
 *
 * failover/mysql/errors.h and failover/mysql/primary_monitor.h tell more. The rules for all
 * functions are those of failover/c/failover.h, and failover/c/monitor.h has an example of a
 * monitor.
 */
#ifndef FAILOVER_C_MYSQL_H_
#define FAILOVER_C_MYSQL_H_

#include "failover/c/failover.h"
#include "failover/c/monitor.h"
#include "failover/c/verdict.h"

/* C has no other way to name a type. NOLINTBEGIN(modernize-use-using) */

#ifdef __cplusplus
extern "C" {
#endif

/* An error as the error packet of a server carries it, or as a client library reports it. */
typedef struct {
  size_t struct_size;
  uint32_t number; /* zero: no number is known, as for an end of file that the router read itself */
  int32_t reserved;
  const char* sqlstate; /* five characters, without a '#'. NULL: not known */
  const char* text;     /* NULL: empty */
} fo_mysql_error;

/* What the router knows about the statement that failed. A router that is not sure keeps
   `send_state` zero and sets the other fields. */
typedef struct {
  size_t struct_size;
  int32_t send_state;          /* FO_SENT, FO_NOT_SENT or FO_REPLY_STARTED */
  int32_t in_transaction;      /* a transaction was open before, or autocommit is off */
  int32_t read_only_requested; /* the client itself asked for read-only transactions */
  int32_t compound;            /* several statements, of which one may have been executed */
} fo_mysql_statement;

/* What the error means, by the default rules (failover::mysql::ToStatus). `statement` may be NULL:
   sent, alone and outside a transaction. For a COMMIT set in_transaction. */
FO_EXPORT fo_result fo_mysql_verdict(const fo_mysql_error* error,
                                     const fo_mysql_statement* statement, fo_verdict* verdict);

/* Makes a monitor and starts it. On an error *out is NULL, and `error`, if it is not NULL, gets at
   most `error_size` bytes of what fo_error_text says. The options are copied. Files that they name
   are looked at, so the call may wait for the file system. */
FO_EXPORT fo_result fo_mysql_monitor_create(fo_buffer* buffer, const fo_monitor_options* options,
                                            fo_monitor** out, char* error, size_t error_size);

#ifdef __cplusplus
} /* extern "C" */
#endif

/* NOLINTEND(modernize-use-using) */

#endif /* FAILOVER_C_MYSQL_H_ */
