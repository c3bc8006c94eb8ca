/* What an error of a database means for the statement that failed: the part that is the same for
 * every database. failover/c/mysql.h and failover/c/postgres.h have the functions, and
 * failover/outcome.h tells more of the words. The rules are those of failover/c/failover.h.
 */
#ifndef FAILOVER_C_VERDICT_H_
#define FAILOVER_C_VERDICT_H_

#include "failover/c/failover.h"

/* C has no other way to name a type. NOLINTBEGIN(modernize-use-using) */

/* How far the statement got before it failed. Zero never allows too many retries. */
enum {
  FO_SENT = 0,         /* a part of the statement was sent, or all of it, or nobody is sure */
  FO_NOT_SENT = 1,     /* certainly no byte of the statement reached the server */
  FO_REPLY_STARTED = 2 /* a part of the reply was passed on to the client */
};

/* Whether the statement was executed. */
enum {
  FO_OUTCOME_UNKNOWN = 0,      /* nobody knows, and a retry may execute the statement twice */
  FO_OUTCOME_NOT_EXECUTED = 1, /* certainly not */
  FO_OUTCOME_ROLLED_BACK = 2,  /* it was rolled back together with its whole transaction */
  FO_OUTCOME_FAILED = 3        /* the server answered with an error of the statement itself */
};

/* The caller sets struct_size. On an error the other fields are zero, but for `attempt`, which is
   FO_ATTEMPT_UNKNOWN. */
typedef struct {
  size_t struct_size;
  int32_t outcome; /* FO_OUTCOME_... */
  /* What the next wait and fo_retry_done are told of this attempt. */
  fo_attempt attempt;
  /* Not zero: a failover refused the statement, and a retry cannot execute it twice. So wait
     (fo_wait_start and the like), and repeat the statement. */
  int32_t wait;
  /* Not zero: the error is a sign of a failover, but the statement must not be repeated. So tell
     the buffer (fo_note_refused), and pass the error on. */
  int32_t note;
} fo_verdict;

/* NOLINTEND(modernize-use-using) */

#endif /* FAILOVER_C_VERDICT_H_ */
