/* Requests that are held, released and cancelled, on a buffer that the test polls. */
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

typedef struct {
  int calls;
  fo_result result;
  fo_retry retry;
  fo_wait* free_in_callback;
} Told;

static void Tell(void* arg, fo_result result, fo_retry retry) {
  Told* const told = arg;
  ++told->calls;
  told->result = result;
  told->retry = retry;
  if (told->free_in_callback != NULL) fo_wait_free(told->free_in_callback);
}

static void PollAll(fo_buffer* buffer) {
  while (fo_poll(buffer) == 0) {
  }
}

static fo_shard_stats StatsOf(fo_buffer* buffer, fo_shard shard) {
  fo_shard_stats stats = {.struct_size = sizeof stats};
  CHECK(fo_shard_stats_get(buffer, shard, &stats) == FO_OK);
  return stats;
}

static fo_result Start(fo_buffer* buffer, fo_shard shard, fo_attempt last, fo_retry* previous,
                       Told* told, fo_wait** wait) {
  return fo_wait_start(buffer, shard, NULL, last, previous, NULL, Tell, told, wait);
}

static void TestAnOpenShardLetsPass(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  const fo_shard none = {0};
  fo_retry retry = {{1, 1}};
  fo_wait* wait = NULL;
  Told told = {0};
  CHECK(fo_wait_blocking(buffer, shard, NULL, FO_ATTEMPT_NONE, NULL, &retry) == FO_OK);
  CHECK(retry.opaque[0] == 0 && retry.opaque[1] == 0);
  CHECK(fo_retry_done(&retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  CHECK(fo_wait_blocking(buffer, none, NULL, FO_ATTEMPT_REFUSED, NULL, &retry) == FO_OK);
  CHECK(Start(buffer, shard, FO_ATTEMPT_NONE, NULL, &told, &wait) == FO_OK);
  CHECK(wait == NULL);
  CHECK(Start(buffer, shard, FO_ATTEMPT_NONE, NULL, &told, NULL) == FO_OK);
  PollAll(buffer);
  CHECK(told.calls == 0);
  fo_buffer_destroy(buffer);
}

static void TestAReportReleases(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  fo_wait* wait = NULL;
  Told told = {0};
  Told detached = {0};
  char server[32];
  const uint64_t epoch = fo_shard_epoch(shard);
  CHECK(fo_wakeup_fd(buffer) >= 0);
  CHECK(fo_report(buffer, shard, "db1", 1, 1) == FO_OK);
  CHECK(fo_primary(buffer, shard, server, sizeof server) == FO_OK);
  CHECK(strcmp(server, "db1") == 0);
  CHECK(Start(buffer, shard, FO_ATTEMPT_REFUSED, NULL, &told, &wait) == FO_HELD);
  CHECK(wait != NULL);
  CHECK(fo_wait_take_token(wait, &detached.retry) == FO_WRONG_STATE);
  CHECK(Start(buffer, shard, FO_ATTEMPT_REFUSED_AT_CONNECT, NULL, &detached, NULL) == FO_HELD);
  CHECK(StatsOf(buffer, shard).state == FO_STATE_BUFFERING);
  CHECK(StatsOf(buffer, shard).requests_held == 2);
  CHECK(fo_poll(buffer) > 0);
  CHECK(fo_report(buffer, shard, "db1", 0, 0) == FO_OK);
  CHECK(fo_primary(buffer, shard, server, sizeof server) == FO_NO_PRIMARY);
  CHECK(fo_report(buffer, shard, "db2", 1, 0) == FO_OK);
  CHECK(fo_primary(buffer, shard, server, sizeof server) == FO_NO_PRIMARY);
  CHECK(told.calls == 0);
  CHECK(fo_report(buffer, shard, "db2", 1, 1) == FO_OK);
  CHECK(fo_primary(buffer, shard, server, sizeof server) == FO_OK);
  CHECK(strcmp(server, "db2") == 0);
  CHECK(fo_shard_epoch(shard) > epoch);
  PollAll(buffer);
  CHECK(told.calls == 1 && told.result == FO_OK && told.retry.opaque[0] != 0);
  CHECK(detached.calls == 1 && detached.result == FO_OK);
  CHECK(fo_wait_cancel(wait) == 0);
  fo_wait_free(wait);
  CHECK(fo_retry_done(&told.retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  CHECK(told.retry.opaque[0] == 0 && told.retry.opaque[1] == 0);
  CHECK(fo_retry_done(&told.retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  CHECK(StatsOf(buffer, shard).retries_succeeded == 1);
  fo_buffer_destroy(buffer);
  /* A token may end after its buffer. */
  CHECK(fo_retry_done(&detached.retry, FO_ATTEMPT_REFUSED) == FO_OK);
}

static void TestTermsRelease(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  fo_primary_report report = {.struct_size = sizeof report};
  Told told = {0};
  report.server = "db1";
  report.serving = 1;
  report.term = 1;
  CHECK(fo_stats_update(buffer, shard, &report) == FO_OK);
  CHECK(Start(buffer, shard, FO_ATTEMPT_REFUSED, NULL, &told, NULL) == FO_HELD);
  report.server = "db2";
  report.term = 2;
  CHECK(fo_stats_update(buffer, shard, &report) == FO_OK);
  PollAll(buffer);
  CHECK(told.calls == 1);
  CHECK(fo_retry_done(&told.retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  fo_buffer_destroy(buffer);
}

static void TestCancelAndTheEndOfAHandle(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  fo_wait* cancelled = NULL;
  fo_wait* freed = NULL;
  Told told = {0};
  CHECK(Start(buffer, shard, FO_ATTEMPT_REFUSED, NULL, &told, &cancelled) == FO_HELD);
  CHECK(Start(buffer, shard, FO_ATTEMPT_REFUSED, NULL, &told, &freed) == FO_HELD);
  CHECK(fo_wait_cancel(cancelled) == 1);
  CHECK(fo_wait_cancel(cancelled) == 1);
  fo_wait_free(freed);
  CHECK(StatsOf(buffer, shard).requests_held == 0);
  CHECK(fo_start_buffering(buffer, shard, "x") == FO_WRONG_STATE);
  CHECK(fo_stop_buffering(buffer, shard) == FO_OK);
  PollAll(buffer);
  CHECK(told.calls == 0);
  fo_wait_free(cancelled);
  fo_buffer_destroy(buffer);
}

static void TestACallbackMayFreeItsHandle(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  Told told = {0};
  CHECK(Start(buffer, shard, FO_ATTEMPT_REFUSED, NULL, &told, &told.free_in_callback) == FO_HELD);
  CHECK(fo_stop_buffering(buffer, shard) == FO_OK);
  PollAll(buffer);
  CHECK(told.calls == 1);
  CHECK(fo_retry_done(&told.retry, FO_ATTEMPT_NONE) == FO_OK);
  fo_buffer_destroy(buffer);
}

static void TestARefusedRetryComesBack(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  Told told = {0};
  CHECK(fo_start_buffering(buffer, shard, "a test") == FO_OK);
  CHECK(Start(buffer, shard, FO_ATTEMPT_NONE, NULL, &told, NULL) == FO_HELD);
  CHECK(fo_stop_buffering(buffer, shard) == FO_OK);
  PollAll(buffer);
  CHECK(told.calls == 1 && told.result == FO_OK);
  CHECK(fo_start_buffering(buffer, shard, NULL) == FO_WRONG_STATE ||
        StatsOf(buffer, shard).state == FO_STATE_BUFFERING);
  CHECK(Start(buffer, shard, FO_ATTEMPT_REFUSED, &told.retry, &told, NULL) == FO_HELD);
  CHECK(told.retry.opaque[0] == 0);
  CHECK(StatsOf(buffer, shard).requests_held == 1);
  CHECK(fo_buffer_shutdown(buffer) == FO_OK);
  CHECK(fo_buffer_shutdown(buffer) == FO_OK);
  CHECK(told.calls == 2);
  CHECK(fo_retry_done(&told.retry, FO_ATTEMPT_UNKNOWN) == FO_OK);
  fo_buffer_destroy(buffer);
}

static void TestErrorsOfTheBuffer(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  fo_request request = {.struct_size = sizeof request};
  fo_retry retry = {{0, 0}};
  Told told[11];
  int i;
  memset(told, 0, sizeof told);
  request.timeout_ms = FO_NONE;
  CHECK_ERROR(fo_wait_blocking(buffer, shard, &request, FO_ATTEMPT_REFUSED, NULL, &retry),
              FO_TIMEOUT, "timeout");
  for (i = 0; i < 11; ++i) {
    CHECK(Start(buffer, shard, FO_ATTEMPT_REFUSED, NULL, &told[i], NULL) == FO_HELD);
  }
  PollAll(buffer);
  CHECK(told[0].calls == 1 && told[0].result == FO_EVICTED);
  CHECK(strstr(fo_error_text(), "evicted") != NULL);
  CHECK(fo_retry_done(&told[0].retry, FO_ATTEMPT_NONE) == FO_OK);
  CHECK(fo_stop_buffering(buffer, shard) == FO_OK);
  PollAll(buffer);
  for (i = 1; i < 11; ++i) {
    CHECK(told[i].calls == 1 && told[i].result == FO_OK);
    CHECK(fo_retry_done(&told[i].retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  }
  fo_buffer_destroy(buffer);
}

typedef struct {
  int changes;
  int32_t last;
} Changes;

static void NoteChange(void* arg, const fo_transition* change) {
  Changes* const changes = arg;
  ++changes->changes;
  changes->last = change->to;
  CHECK(change->struct_size == sizeof *change);
  CHECK(strcmp(change->keyspace, "commerce") == 0 && strcmp(change->shard_name, "-80") == 0);
  CHECK(change->why[0] != '\0' && change->shard.opaque != 0);
}

static void TestTransitions(void) {
  fo_options options = {.struct_size = sizeof options};
  Changes changes = {0, -1};
  fo_buffer* buffer = NULL;
  fo_shard shard;
  options.threading = FO_MANUAL;
  options.log = DropLine;
  options.on_transition = NoteChange;
  options.on_transition_arg = &changes;
  CHECK(fo_buffer_create(&options, &buffer, NULL, 0) == FO_OK);
  shard = GetShard(buffer);
  CHECK(fo_start_buffering(buffer, shard, "a test") == FO_OK);
  CHECK(changes.changes == 1 && changes.last == FO_STATE_BUFFERING);
  CHECK(fo_stop_buffering(buffer, shard) == FO_OK);
  CHECK(changes.last == FO_STATE_IDLE);
  fo_buffer_destroy(buffer);
}

static void TestOtherOptionsWhileItRuns(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  fo_options options = {.struct_size = sizeof options};
  Told told[3];
  int i;
  memset(told, 0, sizeof told);
  options.threading = FO_MANUAL;
  options.drain_concurrency = 10;
  options.size = 1;
  for (i = 0; i < 2; ++i) {
    CHECK(Start(buffer, shard, FO_ATTEMPT_REFUSED, NULL, &told[i], NULL) == FO_HELD);
  }
  CHECK_ERROR(fo_reconfigure(buffer, NULL), FO_INVALID_ARGUMENT, "options is NULL");
  options.struct_size = 8;
  CHECK_ERROR(fo_reconfigure(buffer, &options), FO_INVALID_ARGUMENT, "struct_size");
  options.struct_size = sizeof options;
  options.threading = FO_SERVICE_THREAD;
  CHECK_ERROR(fo_reconfigure(buffer, &options), FO_INVALID_ARGUMENT, "threading");
  options.threading = FO_MANUAL;
  options.window_ms = 1;
  CHECK_ERROR(fo_reconfigure(buffer, &options), FO_INVALID_ARGUMENT, "window");
  options.window_ms = 0;
  CHECK(fo_reconfigure(buffer, &options) == FO_OK);
  CHECK(Start(buffer, shard, FO_ATTEMPT_REFUSED, NULL, &told[2], NULL) == FO_BUFFER_FULL);
  PollAll(buffer);
  CHECK(told[0].calls == 0 && told[1].calls == 0);
  options.keyspace_shards = "another";
  CHECK(fo_reconfigure(buffer, &options) == FO_OK);
  PollAll(buffer);
  for (i = 0; i < 2; ++i) {
    CHECK(told[i].calls == 1 && told[i].result == FO_OK);
    CHECK(fo_retry_done(&told[i].retry, FO_ATTEMPT_NONE) == FO_OK);
  }
  CHECK(Start(buffer, shard, FO_ATTEMPT_REFUSED, NULL, &told[2], NULL) == FO_OK);
  CHECK(fo_buffer_shutdown(buffer) == FO_OK);
  CHECK_ERROR(fo_reconfigure(buffer, &options), FO_WRONG_STATE, "shut down");
  fo_buffer_destroy(buffer);
}

/* Ends the process. The exit code is 0 if a buffer that needs a thread keeps its options. */
static void EnableWithoutThreads(void) {
  const struct rlimit none = {0, 0};
  fo_options options = {.struct_size = sizeof options};
  fo_buffer* buffer = NULL;
  options.disabled = 1;
  options.log = DropLine;
  CHECK(fo_buffer_create(&options, &buffer, NULL, 0) == FO_OK);
  CHECK(setrlimit(RLIMIT_NPROC, &none) == 0);
  /* Root may start any number of threads. */
  CHECK(geteuid() != 0 || setuid(65534) == 0);
  options.disabled = 0;
  CHECK(fo_reconfigure(buffer, &options) == FO_NO_THREAD);
  _exit(0);
}

static void TestOtherOptionsWithoutThreads(void) {
  int status = -1;
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) EnableWithoutThreads();
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void TestRequests(void) {
  TestAnOpenShardLetsPass();
  TestAReportReleases();
  TestTermsRelease();
  TestCancelAndTheEndOfAHandle();
  TestACallbackMayFreeItsHandle();
  TestARefusedRetryComesBack();
  TestErrorsOfTheBuffer();
  TestTransitions();
  TestOtherOptionsWhileItRuns();
  TestOtherOptionsWithoutThreads();
}
