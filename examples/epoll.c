/* A router in C on an event loop (epoll), with the interface in C. The loop waits on two
   descriptors: that of the buffer, whose timers the loop drives itself (FO_MANUAL), and that of its
   inbox, in which the ends of the waits arrive. A program with several loops has an inbox for each,
   and lets the buffer have a thread of its own (FO_SERVICE_THREAD). The table of reports says where
   a statement goes. Clients hang up, and the shutdown waits for the last answers. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "failover/c/failover.h"
#include "toy_primary_c.h"

enum { kClients = 100, kHangUps = 10 };

typedef struct Router Router;

/* The query of one client. */
typedef struct {
  Router* router;
  fo_steps* steps;
  int answered;
} Query;

struct Router {
  fo_buffer* buffer;
  fo_shard shard;
  fo_inbox* inbox;
  Primary primary;
  Query queries[kClients];
  int answers;
  int errors;
  int is_shut_down;
};

static void GoOn(Query* query, int32_t step);

static void OnWaitEnded(void* arg) {
  Query* const query = arg;
  GoOn(query, fo_steps_wait_ended(query->steps, Now()));
}

/* Sends a statement to the server that the reports call the primary. */
static fo_attempt Send(const Router* router) {
  char server[64];
  if (fo_primary(router->buffer, router->shard, server, sizeof server) != FO_OK) {
    return FO_ATTEMPT_REFUSED_AT_CONNECT; /* nothing was sent */
  }
  if (strcmp(server, router->primary.server) != 0) return FO_ATTEMPT_REFUSED;
  return Execute(&router->primary);
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
      step = fo_steps_attempt_ended(query->steps, Now(), Send(router));
    } else {
      fprintf(stderr, "misuse: %s\n", fo_error_text());
      exit(1);
    }
  }
  query->answered = 1;
  ++router->answers;
  if (fo_steps_result(query->steps) != FO_OK) {
    fprintf(stderr, "a query failed: %s\n", fo_error_text());
    ++router->errors;
  }
}

static void OnShutDown(void* arg) { ((Router*)arg)->is_shut_down = 1; }

/* Waits until something is due, and runs it. Returns for how long nothing will be due. */
static int RunOnce(Router* router, int epoll, int idle_ms) {
  struct epoll_event events[2];
  /* Both descriptors lead to the same two polls, so nobody looks which of them is ready. */
  epoll_wait(epoll, events, 2, idle_ms);
  const int64_t next_ms = fo_poll(router->buffer);
  if (fo_inbox_poll(router->inbox, 1024) == 1) return 0;
  return next_ms < 0 || next_ms > 1000 ? 1000 : (int)next_ms;
}

static void Watch(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) exit(1);
}

int main(void) {
  fo_options options = {.struct_size = sizeof options, .threading = FO_MANUAL};
  char error[256];
  Router router = {0};
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (fo_buffer_create(&options, &router.buffer, error, sizeof error) != FO_OK) {
    fprintf(stderr, "no buffer: %s\n", error);
    return 1;
  }
  router.inbox = fo_inbox_create(NULL, NULL);
  if (epoll < 0 || router.inbox == NULL ||
      fo_shard_get(router.buffer, "commerce", "-80", &router.shard) != FO_OK) {
    return 1;
  }
  Watch(epoll, fo_wakeup_fd(router.buffer));
  Watch(epoll, fo_inbox_fd(router.inbox));

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
  for (int i = 0; i < kHangUps; ++i) {
    fo_steps_destroy(router.queries[i].steps);
    router.queries[i].steps = NULL;
  }
  /* The failover ends: the old primary is gone, and another server takes writes. */
  fo_report(router.buffer, router.shard, router.primary.server, 0, 0);
  router.primary.server = "10.0.0.2:3306";
  router.primary.is_replaced = 0;
  fo_report(router.buffer, router.shard, router.primary.server, 1, 1);

  /* Releases what is left. A retry that is refused again goes on after the shutdown, and a retry
     may hang. So the router waits for its last query, but only until a deadline. */
  if (fo_buffer_begin_shutdown(router.buffer, OnShutDown, &router) != FO_OK) return 1;
  const int64_t deadline = Now() + 60000;
  int idle_ms = 0;
  while ((!router.is_shut_down || router.answers + kHangUps < kClients) && Now() < deadline) {
    idle_ms = RunOnce(&router, epoll, idle_ms);
  }
  for (int i = kHangUps; i < kClients; ++i) fo_steps_destroy(router.queries[i].steps);
  fo_inbox_destroy(router.inbox);
  fo_buffer_destroy(router.buffer);
  close(epoll);
  printf("%d queries succeeded, %d failed, %d clients hung up\n", router.answers - router.errors,
         router.errors, kHangUps);
  return router.is_shut_down && router.answers + kHangUps == kClients && router.errors == 0 ? 0 : 1;
}
