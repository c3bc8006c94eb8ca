/* A router that forks workers, as nginx and HAProxy do, with the interface in C. Each worker makes
   its buffer after the fork: an object of the parent answers FO_WRONG_PROCESS in a worker. Each
   worker has its own event loop, here poll(2), and hears of the primary itself. */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failover/c/failover.h"
#include "toy_primary_c.h"

enum { kWorkers = 4, kClientsOfWorker = 25, kHangUpsOfWorker = 5 };
enum { kAnswersOfWorker = kClientsOfWorker - kHangUpsOfWorker };

typedef struct Worker Worker;

/* The query of one client. */
typedef struct {
  Worker* worker;
  fo_steps* steps;
} Query;

struct Worker {
  fo_buffer* buffer;
  fo_shard shard;
  Primary primary; /* as this worker knows it */
  Query queries[kClientsOfWorker];
  int answers;
  int errors;
};

static void GoOn(Query* query, int32_t step);

static void OnWaitEnded(void* arg) {
  Query* const query = arg;
  GoOn(query, fo_steps_wait_ended(query->steps, Now()));
}

static void GoOn(Query* query, int32_t step) {
  Worker* const worker = query->worker;
  while (step != FO_STEP_FINISH) {
    if (step == FO_STEP_WAIT) {
      /* One loop per buffer needs no inbox: the callbacks run in fo_poll. */
      if (fo_steps_wait(query->steps, Now(), worker->buffer, worker->shard, NULL, OnWaitEnded,
                        query) == FO_HELD) {
        return;
      }
      step = fo_steps_wait_ended(query->steps, Now());
    } else if (step == FO_STEP_ATTEMPT) {
      step = fo_steps_attempt_ended(query->steps, Now(), Execute(&worker->primary));
    } else {
      fprintf(stderr, "misuse: %s\n", fo_error_text());
      exit(1);
    }
  }
  ++worker->answers;
  if (fo_steps_result(query->steps) != FO_OK) ++worker->errors;
}

/* Returns how the worker exits: 0 if every query succeeded. */
static int RunWorker(fo_buffer* of_parent) {
  fo_options options = {.struct_size = sizeof options};
  struct pollfd wakeup = {.events = POLLIN};
  Worker worker = {0};
  options.threading = FO_MANUAL;
  if (fo_poll(of_parent) != FO_WRONG_PROCESS) return 1;
  if (fo_buffer_create(&options, &worker.buffer, NULL, 0) != FO_OK) return 1;
  if (fo_shard_get(worker.buffer, "commerce", "-80", &worker.shard) != FO_OK) return 1;
  wakeup.fd = fo_wakeup_fd(worker.buffer);

  worker.primary.server = "10.0.0.1:3306";
  fo_report(worker.buffer, worker.shard, worker.primary.server, 1, 1);
  worker.primary.is_replaced = 1;
  for (int i = 0; i < kClientsOfWorker; ++i) {
    Query* const query = &worker.queries[i];
    query->worker = &worker;
    query->steps = fo_steps_create(0);
    if (query->steps == NULL) return 1;
    GoOn(query, fo_steps_start(query->steps, Now(), NULL));
  }
  /* Some clients hang up while their queries are held. */
  for (int i = 0; i < kHangUpsOfWorker; ++i) fo_steps_destroy(worker.queries[i].steps);
  /* The failover ends: the old primary is gone, and another server takes writes. */
  fo_report(worker.buffer, worker.shard, worker.primary.server, 0, 0);
  worker.primary.server = "10.0.0.2:3306";
  worker.primary.is_replaced = 0;
  fo_report(worker.buffer, worker.shard, worker.primary.server, 1, 1);

  while (worker.answers < kAnswersOfWorker) {
    const int64_t idle_ms = fo_poll(worker.buffer);
    if (worker.answers < kAnswersOfWorker) {
      poll(&wakeup, 1, idle_ms < 0 || idle_ms > 1000 ? 1000 : (int)idle_ms);
    }
  }
  for (int i = kHangUpsOfWorker; i < kClientsOfWorker; ++i) {
    fo_steps_destroy(worker.queries[i].steps);
  }
  fo_buffer_destroy(worker.buffer);
  return worker.errors == 0 ? 0 : 1;
}

int main(void) {
  fo_options options = {.struct_size = sizeof options};
  fo_buffer* buffer = NULL;
  int failed = 0;
  options.threading = FO_MANUAL;
  if (fo_buffer_create(&options, &buffer, NULL, 0) != FO_OK) return 1;
  for (int i = 0; i < kWorkers; ++i) {
    const pid_t worker = fork();
    if (worker < 0) return 1;
    if (worker == 0) _exit(RunWorker(buffer));
  }
  for (int i = 0; i < kWorkers; ++i) {
    int status = 0;
    if (wait(&status) < 0 || status != 0) ++failed;
  }
  fo_buffer_destroy(buffer);
  printf("%d queries succeeded in %d workers, %d clients hung up, %d workers failed\n",
         kAnswersOfWorker * (kWorkers - failed), kWorkers, kHangUpsOfWorker * kWorkers, failed);
  return failed == 0 ? 0 : 1;
}
