/* What a forked process may do with the objects of its parent: nothing, and it is told so. */
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void Forget(void* arg, fo_result result, fo_retry retry) {
  (void)result;
  *(fo_retry*)arg = retry;
}

static void Write(void* arg, const char* piece, size_t size) {
  (void)arg;
  (void)piece;
  (void)size;
  CHECK(0);
}

static void NeverDone(void* arg) {
  (void)arg;
  CHECK(0);
}

static void Child(fo_buffer* buffer, fo_shard shard, fo_inbox* inbox, fo_wait* wait,
                  fo_retry* retry, fo_steps* steps, fo_switchover* switchover) {
  fo_retry out = {{0, 0}};
  fo_wait* started = NULL;
  fo_buffer* own = NULL;
  char server[8];
  CHECK_ERROR(fo_buffer_shutdown(buffer), FO_WRONG_PROCESS, "another process");
  CHECK_ERROR(fo_buffer_begin_shutdown(buffer, NeverDone, NULL), FO_WRONG_PROCESS,
              "another process");
  CHECK_ERROR(fo_reconfigure(buffer, NULL), FO_WRONG_PROCESS, "another process");
  CHECK(fo_shard_get(buffer, "a", "b", &shard) == FO_WRONG_PROCESS);
  CHECK(fo_poll(buffer) == FO_WRONG_PROCESS);
  CHECK(fo_wakeup_fd(buffer) == -1);
  CHECK(fo_report(buffer, shard, "a", 1, 1) == FO_WRONG_PROCESS);
  CHECK(fo_primary(buffer, shard, server, sizeof server) == FO_WRONG_PROCESS);
  CHECK(fo_note_refused(buffer, shard, NULL) == FO_WRONG_PROCESS);
  CHECK(fo_metrics(buffer, Write, NULL) == FO_WRONG_PROCESS);
  CHECK(fo_stop_buffering(buffer, shard) == FO_WRONG_PROCESS);
  CHECK(fo_wait_blocking(buffer, shard, NULL, FO_ATTEMPT_NONE, NULL, &out) == FO_WRONG_PROCESS);
  CHECK(fo_wait_start(buffer, shard, NULL, FO_ATTEMPT_NONE, NULL, inbox, Forget, &out, &started) ==
        FO_WRONG_PROCESS);
  CHECK(fo_inbox_poll(inbox, 10) == FO_WRONG_PROCESS);
  CHECK(fo_inbox_fd(inbox) == -1);
  CHECK(fo_wait_cancel(wait) == FO_WRONG_PROCESS);
  CHECK(fo_retry_done(retry, FO_ATTEMPT_SUCCEEDED) == FO_WRONG_PROCESS);
  CHECK(fo_retry_take_work(retry, &out) == FO_WRONG_PROCESS);
  CHECK(fo_steps_start(steps, 0, NULL) == FO_WRONG_PROCESS);
  CHECK(fo_steps_take_work(steps, &out) == FO_WRONG_PROCESS);
  CHECK(fo_switchover_abort(switchover) == FO_WRONG_PROCESS);
  fo_wait_free(wait);
  fo_steps_destroy(steps);
  fo_switchover_free(switchover);
  fo_inbox_destroy(inbox);
  fo_buffer_destroy(buffer);
  /* What the child makes itself works. */
  CHECK(fo_buffer_create(NULL, &own, NULL, 0) == FO_OK);
  CHECK(fo_buffer_shutdown(own) == FO_OK);
  fo_buffer_destroy(own);
}

void TestFork(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  fo_inbox* const inbox = fo_inbox_create(NULL, NULL);
  fo_steps* const steps = fo_steps_create(0);
  fo_switchover* switchover = NULL;
  fo_wait* wait = NULL;
  fo_shard other;
  fo_retry retry = {{0, 0}};
  int status = -1;
  pid_t child = 0;
  CHECK(fo_wait_start(buffer, shard, NULL, FO_ATTEMPT_REFUSED, NULL, NULL, Forget, &retry, NULL) ==
        FO_HELD);
  CHECK(fo_stop_buffering(buffer, shard) == FO_OK);
  while (fo_poll(buffer) == 0) {
  }
  CHECK(retry.opaque[0] != 0);
  CHECK(fo_shard_get(buffer, "commerce", "80-", &other) == FO_OK);
  CHECK(fo_wait_start(buffer, other, NULL, FO_ATTEMPT_REFUSED, NULL, inbox, Forget, &retry,
                      &wait) == FO_HELD);
  CHECK(fo_shard_get(buffer, "commerce", "switched", &other) == FO_OK);
  CHECK(fo_switchover_begin(buffer, other, NULL, &switchover) == FO_OK);
  fflush(NULL);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    Child(buffer, shard, inbox, wait, &retry, steps, switchover);
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  /* The parent has lost nothing. */
  CHECK(fo_wait_cancel(wait) == 1);
  fo_wait_free(wait);
  CHECK(fo_retry_done(&retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  fo_switchover_free(switchover);
  fo_steps_destroy(steps);
  fo_inbox_destroy(inbox);
  fo_buffer_destroy(buffer);
}
