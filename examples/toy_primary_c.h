/* What stands in for a database in the examples in C: a primary that refuses everything while it is
   replaced. Not thread-safe. */
#ifndef FAILOVER_EXAMPLES_TOY_PRIMARY_C_H_
#define FAILOVER_EXAMPLES_TOY_PRIMARY_C_H_

#include <stdint.h>
#include <time.h>

#include "failover/c/failover.h"

typedef struct {
  const char* server;
  int is_replaced;
} Primary;

/* A refused statement was certainly not executed. Say so of no other error. */
static inline fo_attempt Execute(const Primary* primary) {
  return primary->is_replaced ? FO_ATTEMPT_REFUSED : FO_ATTEMPT_SUCCEEDED;
}

/* The time of the steady clock, in milliseconds. */
static inline int64_t Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif /* FAILOVER_EXAMPLES_TOY_PRIMARY_C_H_ */
