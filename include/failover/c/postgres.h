/* PostgreSQL in C: what an error means, and a monitor. Library failover-c-postgres.
 *
 *   fo_postgres_error error = {.struct_size = sizeof error};
 *   error.source = FO_POSTGRES_ERROR_RESPONSE;                          // the message 'E'
 *   error.severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
 *   error.sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
 *   error.text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
 *   error.routine = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
 *   fo_postgres_statement statement = {.struct_size = sizeof statement};
 *   statement.kind = FO_POSTGRES_SINGLE;
 *   statement.in_transaction = transaction_status_before != 'I';
 *   fo_verdict verdict = {.struct_size = sizeof verdict};
 *   fo_postgres_verdict(&error, &statement, &verdict);
 *   if (verdict.wait) ...            // fo_wait_start(..., verdict.attempt, ...), and once more
 *   if (verdict.note) fo_note_refused(buffer, shard, error.text);
 *
 * failover/postgres/errors.h and failover/postgres/primary_monitor.h tell more. The rules for all
 * functions are those of failover/c/failover.h, and failover/c/monitor.h has an example of a
 * monitor.
 */
#ifndef FAILOVER_C_POSTGRES_H_
#define FAILOVER_C_POSTGRES_H_

#include "failover/c/failover.h"
#include "failover/c/monitor.h"
#include "failover/c/verdict.h"

/* C has no other way to name a type. NOLINTBEGIN(modernize-use-using) */

#ifdef __cplusplus
extern "C" {
#endif

/* Where an error comes from. Zero proves nothing. */
enum {
  /* An established connection ended, or stayed silent, without a last word of the server. */
  FO_POSTGRES_CONNECTION_LOST = 0,
  FO_POSTGRES_CONNECT_FAILED = 1, /* no connection came about, and no message of a server did */
  FO_POSTGRES_ERROR_RESPONSE = 2, /* the message 'E', in the login, too */
  FO_POSTGRES_NOTICE_RESPONSE =
      3 /* the message 'N', if the connection ended after it without 'E' */
};

/* An error as the message of a server carries it, or as a client makes it when a connection fails.
   A text that is NULL is empty. */
typedef struct {
  size_t struct_size;
  int32_t source; /* FO_POSTGRES_CONNECTION_LOST and so on */
  int32_t reserved;
  const char* severity; /* the field V, which is never translated; not the field S */
  const char* sqlstate; /* the field C: five characters */
  const char* text;     /* the field M, or the text of the client */
  const char* routine;  /* the field R: tells errors that a user raised from those of the server */
} fo_postgres_error;

/* What a statement may do to the transaction that it runs in; failover::postgres::StatementKind
   explains the values. Zero never allows too many retries. */
enum {
  FO_POSTGRES_MAY_COMMIT_INSIDE = 0, /* CALL, DO, VACUUM and the like; also if nobody is sure */
  FO_POSTGRES_SINGLE = 1,
  FO_POSTGRES_PIPELINE = 2,
  FO_POSTGRES_BEGIN = 3,
  FO_POSTGRES_COMMIT = 4,
  FO_POSTGRES_TWO_PHASE = 5
};

/* What the router knows about the statement that failed. A router that is not sure keeps
   `send_state` and `kind` zero and sets the other fields. */
typedef struct {
  size_t struct_size;
  int32_t send_state;          /* FO_SENT, FO_NOT_SENT or FO_REPLY_STARTED */
  int32_t kind;                /* FO_POSTGRES_MAY_COMMIT_INSIDE and so on */
  int32_t in_transaction;      /* the last ReadyForQuery before said T or E */
  int32_t read_only_requested; /* the client itself asked for read-only transactions */
  int32_t reply_begun;         /* a row, or the end of a statement, came before the error */
  int32_t reserved;
} fo_postgres_statement;

/* What the error means, by the default rules (failover::postgres::ToStatus). `statement` may be
   NULL: all zero. */
FO_EXPORT fo_result fo_postgres_verdict(const fo_postgres_error* error,
                                        const fo_postgres_statement* statement,
                                        fo_verdict* verdict);

/* Makes a monitor and starts it. On an error *out is NULL, and `error`, if it is not NULL, gets at
   most `error_size` bytes of what fo_error_text says. The options are copied. Files that they name
   are looked at, so the call may wait for the file system. */
FO_EXPORT fo_result fo_postgres_monitor_create(fo_buffer* buffer, const fo_monitor_options* options,
                                               fo_monitor** out, char* error, size_t error_size);

#ifdef __cplusplus
} /* extern "C" */
#endif

/* NOLINTEND(modernize-use-using) */

#endif /* FAILOVER_C_POSTGRES_H_ */
