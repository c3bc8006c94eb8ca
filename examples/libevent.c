/* A router in C on libevent, with the interface in C. The loop waits for the descriptor of its
   inbox, in which the ends of the waits arrive; the buffer has a thread of its own, which ends
   windows and timeouts. A router with several loops has an inbox for each. A client that hangs up
   destroys its query, and so frees its slot at once. */

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "failover/c/failover.h"
#include "toy_primary_c.h"

enum { kClients = 100, kHangUps = 10 };

typedef struct Router Router;

/* The query of one client. */
typedef struct {
  Router* router;
  fo_steps* steps;
} Query;

struct Router {
  struct event_base* loop;
  fo_buffer* buffer;
  fo_shard shard;
  fo_inbox* inbox;
  Primary primary;
  Query queries[kClients];
  int answers;
  int errors;
};

static void GoOn(Query* query, int32_t step);

static void OnWaitEnded(void* arg) {
  Query* const query = arg;
  GoOn(query, fo_steps_wait_ended(query->steps, Now()));
}

static void GoOn(Query* query, int32_t step) {
  Router* const router = query->router;
  while (step != FO_STEP_FINISH) {
    if (step == FO_STEP_WAIT) {
      if (fo_steps_wait(query->steps, Now(), router->buffer, router->shard, router->inbox,
                        OnWaitEnded, query) == FO_HELD) {
        return;
      }
      step = fo_steps_wait_ended(query->steps, Now());
    } else if (step == FO_STEP_ATTEMPT) {
      step = fo_steps_attempt_ended(query->steps, Now(), Execute(&router->primary));
    } else {
      fprintf(stderr, "misuse: %s\n", fo_error_text());
      exit(1);
    }
  }
  if (fo_steps_result(query->steps) != FO_OK) {
    fprintf(stderr, "a query failed: %s\n", fo_error_text());
    ++router->errors;
  }
  if (++router->answers == kClients - kHangUps) event_base_loopbreak(router->loop);
}

static void OnInbox(evutil_socket_t fd, short what, void* arg) {
  Router* const router = arg;
  (void)fd;
  (void)what;
  while (fo_inbox_poll(router->inbox, 1024) == 1) {
  }
}

/* The failover ends: the old primary is gone, and another server takes writes. */
static void OnHealthCheck(evutil_socket_t fd, short what, void* arg) {
  Router* const router = arg;
  (void)fd;
  (void)what;
  fo_report(router->buffer, router->shard, router->primary.server, 0, 0);
  router->primary.server = "10.0.0.2:3306";
  router->primary.is_replaced = 0;
  fo_report(router->buffer, router->shard, router->primary.server, 1, 1);
}

int main(void) {
  const struct timeval soon = {0, 10000};
  Router router = {0};
  struct event* inbox_event = NULL;
  char error[256];
  if (fo_buffer_create(NULL, &router.buffer, error, sizeof error) != FO_OK) {
    fprintf(stderr, "no buffer: %s\n", error);
    return 1;
  }
  router.loop = event_base_new();
  router.inbox = fo_inbox_create(NULL, NULL);
  if (router.loop == NULL || router.inbox == NULL ||
      fo_shard_get(router.buffer, "commerce", "-80", &router.shard) != FO_OK) {
    return 1;
  }
  inbox_event =
      event_new(router.loop, fo_inbox_fd(router.inbox), EV_READ | EV_PERSIST, OnInbox, &router);
  if (inbox_event == NULL || event_add(inbox_event, NULL) != 0) return 1;
  /* The first poll says which thread is the inbox's own. */
  fo_inbox_poll(router.inbox, 1024);

  router.primary.server = "10.0.0.1:3306";
  fo_report(router.buffer, router.shard, router.primary.server, 1, 1);
  router.primary.is_replaced = 1;
  for (int i = 0; i < kClients; ++i) {
    Query* const query = &router.queries[i];
    query->router = &router;
    query->steps = fo_steps_create(0);
    if (query->steps == NULL) return 1;
    GoOn(query, fo_steps_start(query->steps, Now(), NULL));
  }
  /* Some clients hang up while their queries are held. */
  for (int i = 0; i < kHangUps; ++i) fo_steps_destroy(router.queries[i].steps);
  if (event_base_once(router.loop, -1, EV_TIMEOUT, OnHealthCheck, &router, &soon) != 0) return 1;
  event_base_dispatch(router.loop);

  for (int i = kHangUps; i < kClients; ++i) fo_steps_destroy(router.queries[i].steps);
  event_free(inbox_event);
  fo_inbox_destroy(router.inbox);
  fo_buffer_destroy(router.buffer);
  event_base_free(router.loop);
  printf("%d queries succeeded, %d failed, %d clients hung up\n", router.answers - router.errors,
         router.errors, kHangUps);
  return router.errors == 0 && router.answers == kClients - kHangUps ? 0 : 1;
}
