/* Shutdowns that are begun, and that the program's own loop, or the service thread, finishes. */
#include <poll.h>
#include <pthread.h>
#include <time.h>

#include "check.h"

typedef struct {
  fo_buffer* buffer;
  int calls;
  fo_retry retry;
  int begins_shutdown;
} Told;

static void Count(void* arg) { ++*(int*)arg; }

static void KeepToken(void* arg, fo_result result, fo_retry retry) {
  Told* const told = arg;
  CHECK(result == FO_OK);
  ++told->calls;
  told->retry = retry;
  if (told->begins_shutdown) {
    CHECK(fo_buffer_begin_shutdown(told->buffer, Count, &told->begins_shutdown) == FO_OK);
  }
}

static void PollAll(fo_buffer* buffer) {
  while (fo_poll(buffer) == 0) {
  }
}

static void Hold(fo_buffer* buffer, fo_shard shard, Told* told) {
  told->buffer = buffer;
  CHECK(fo_wait_start(buffer, shard, NULL, FO_ATTEMPT_REFUSED, NULL, NULL, KeepToken, told, NULL) ==
        FO_HELD);
}

static int IsReadable(int fd) {
  struct pollfd event = {0};
  event.fd = fd;
  event.events = POLLIN;
  return poll(&event, 1, 0) == 1;
}

static void TestTheLoopRunsTheRetriesAndFinishes(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  Told told[2];
  int done = 0;
  memset(told, 0, sizeof told);
  Hold(buffer, shard, &told[0]);
  Hold(buffer, shard, &told[1]);
  CHECK(fo_buffer_begin_shutdown(buffer, Count, &done) == FO_OK);
  CHECK(told[0].calls == 0 && done == 0);
  PollAll(buffer);
  CHECK(told[0].calls == 1 && told[1].calls == 1);
  CHECK(fo_poll(buffer) > 1);
  CHECK(done == 0);
  CHECK(fo_retry_done(&told[0].retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  CHECK(!IsReadable(fo_wakeup_fd(buffer)));
  CHECK(fo_retry_done(&told[1].retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  /* Not inside the end of a retry. */
  CHECK(done == 0 && IsReadable(fo_wakeup_fd(buffer)));
  PollAll(buffer);
  CHECK(done == 1);
  CHECK(fo_poll(buffer) == -1);
  /* Requests pass, and who comes late is told at once. */
  CHECK(fo_wait_start(buffer, shard, NULL, FO_ATTEMPT_REFUSED, NULL, NULL, KeepToken, told, NULL) ==
        FO_OK);
  CHECK(fo_buffer_begin_shutdown(buffer, Count, &done) == FO_OK);
  CHECK(done == 2);
  CHECK(fo_buffer_begin_shutdown(buffer, NULL, NULL) == FO_OK);
  fo_buffer_destroy(buffer);
  CHECK(done == 2);
}

static void TestWithoutAGraceNobodyWaitsForARetry(void) {
  fo_options options = {.struct_size = sizeof options};
  fo_buffer* buffer = NULL;
  Told told = {0};
  int done = 0;
  options.threading = FO_MANUAL;
  options.shutdown_grace_ms = FO_NONE;
  options.log = DropLine;
  CHECK(fo_buffer_create(&options, &buffer, NULL, 0) == FO_OK);
  Hold(buffer, GetShard(buffer), &told);
  CHECK(fo_buffer_begin_shutdown(buffer, Count, &done) == FO_OK);
  PollAll(buffer);
  CHECK(told.calls == 1 && done == 1);
  CHECK(fo_retry_done(&told.retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  fo_buffer_destroy(buffer);
}

static void TestEachCallsFunctionRunsOnce(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  Told told = {0};
  int first = 0;
  int second = 0;
  Hold(buffer, GetShard(buffer), &told);
  CHECK(fo_buffer_begin_shutdown(buffer, Count, &first) == FO_OK);
  CHECK(fo_buffer_begin_shutdown(buffer, NULL, &first) == FO_OK);
  CHECK(fo_buffer_begin_shutdown(buffer, Count, &second) == FO_OK);
  PollAll(buffer);
  CHECK(first == 0 && second == 0);
  CHECK(fo_retry_done(&told.retry, FO_ATTEMPT_REFUSED) == FO_OK);
  PollAll(buffer);
  CHECK(first == 1 && second == 1);
  fo_buffer_destroy(buffer);
  CHECK(first == 1 && second == 1);
}

static void TestAnEarlierEndFinishes(void) {
  fo_buffer* const shut_down = MakeManualBuffer();
  fo_buffer* const destroyed = MakeManualBuffer();
  Told told[2];
  int done[2] = {0, 0};
  memset(told, 0, sizeof told);
  Hold(shut_down, GetShard(shut_down), &told[0]);
  Hold(destroyed, GetShard(destroyed), &told[1]);
  CHECK(fo_buffer_begin_shutdown(shut_down, Count, &done[0]) == FO_OK);
  CHECK(fo_buffer_begin_shutdown(destroyed, Count, &done[1]) == FO_OK);
  CHECK(fo_buffer_shutdown(shut_down) == FO_OK);
  CHECK(told[0].calls == 1 && done[0] == 1);
  fo_buffer_destroy(destroyed);
  CHECK(told[1].calls == 1 && done[1] == 1);
  CHECK(fo_retry_done(&told[0].retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  PollAll(shut_down);
  fo_buffer_destroy(shut_down);
  CHECK(done[0] == 1);
  /* A token may end after its buffer. */
  CHECK(fo_retry_done(&told[1].retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
}

static void TestACallbackMayBegin(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  fo_shard other_shard;
  Told begins = {0};
  Told other = {0};
  CHECK(fo_shard_get(buffer, "commerce", "80-", &other_shard) == FO_OK);
  begins.begins_shutdown = 1;
  Hold(buffer, shard, &begins);
  Hold(buffer, other_shard, &other);
  CHECK(fo_stop_buffering(buffer, shard) == FO_OK);
  PollAll(buffer);
  CHECK(begins.calls == 1 && other.calls == 1 && begins.begins_shutdown == 1);
  CHECK(fo_retry_done(&begins.retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  CHECK(fo_retry_done(&other.retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  PollAll(buffer);
  CHECK(begins.begins_shutdown == 2);
  fo_buffer_destroy(buffer);
}

static void UseTheBuffer(void* arg) {
  Told* const told = arg;
  fo_shard shard;
  ++told->calls;
  CHECK(fo_shard_get(told->buffer, "commerce", "-80", &shard) == FO_OK);
  CHECK(fo_poll(told->buffer) == -1);
  CHECK(fo_buffer_shutdown(told->buffer) == FO_OK);
  CHECK(fo_buffer_begin_shutdown(told->buffer, Count, &told->begins_shutdown) == FO_OK);
}

static void TestTheFunctionMayUseTheBuffer(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  Told told = {0};
  GetShard(buffer);
  told.buffer = buffer;
  CHECK(fo_buffer_begin_shutdown(buffer, UseTheBuffer, &told) == FO_OK);
  CHECK(told.calls == 0);
  PollAll(buffer);
  CHECK(told.calls == 1 && told.begins_shutdown == 1);
  fo_buffer_destroy(buffer);
  CHECK(told.calls == 1 && told.begins_shutdown == 1);
}

static void TestABufferThatWasNeverEnabled(void) {
  fo_options options = {.struct_size = sizeof options};
  fo_buffer* buffer = NULL;
  int done = 0;
  options.disabled = 1;
  options.log = DropLine;
  CHECK(fo_buffer_create(&options, &buffer, NULL, 0) == FO_OK);
  CHECK(fo_buffer_begin_shutdown(buffer, Count, &done) == FO_OK);
  CHECK(done == 1);
  fo_buffer_destroy(buffer);
}

/* What the service thread of a buffer tells the thread of a test. */
typedef struct {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int released;
  int done;
  fo_retry retry;
  pthread_t thread;
} Shared;

static void ShareToken(void* arg, fo_result result, fo_retry retry) {
  Shared* const shared = arg;
  CHECK(result == FO_OK);
  pthread_mutex_lock(&shared->mutex);
  shared->retry = retry;
  shared->released = 1;
  pthread_cond_signal(&shared->changed);
  pthread_mutex_unlock(&shared->mutex);
}

static void ShareDone(void* arg) {
  Shared* const shared = arg;
  pthread_mutex_lock(&shared->mutex);
  ++shared->done;
  shared->thread = pthread_self();
  pthread_cond_signal(&shared->changed);
  pthread_mutex_unlock(&shared->mutex);
}

/* Waits until *flag is set, at most for a minute. The mutex must be held. */
static void Await(Shared* shared, const int* flag) {
  struct timespec deadline;
  CHECK(clock_gettime(CLOCK_REALTIME, &deadline) == 0);
  deadline.tv_sec += 60;
  while (!*flag) {
    CHECK(pthread_cond_timedwait(&shared->changed, &shared->mutex, &deadline) == 0);
  }
}

static void TestTheServiceThreadFinishes(void) {
  fo_options options = {.struct_size = sizeof options};
  fo_buffer* buffer = NULL;
  Shared shared = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  options.log = DropLine;
  /* Only the end of the retry can end the shutdown. */
  options.shutdown_grace_ms = INT64_C(24) * 3600 * 1000;
  CHECK(fo_buffer_create(&options, &buffer, NULL, 0) == FO_OK);
  CHECK(fo_wait_start(buffer, GetShard(buffer), NULL, FO_ATTEMPT_REFUSED, NULL, NULL, ShareToken,
                      &shared, NULL) == FO_HELD);
  CHECK(fo_buffer_begin_shutdown(buffer, ShareDone, &shared) == FO_OK);
  pthread_mutex_lock(&shared.mutex);
  Await(&shared, &shared.released);
  CHECK(shared.done == 0);
  CHECK(fo_retry_done(&shared.retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  Await(&shared, &shared.done);
  CHECK(shared.done == 1 && !pthread_equal(shared.thread, pthread_self()));
  pthread_mutex_unlock(&shared.mutex);
  fo_buffer_destroy(buffer);
  CHECK(shared.done == 1);
}

void TestShutdown(void) {
  TestTheLoopRunsTheRetriesAndFinishes();
  TestWithoutAGraceNobodyWaitsForARetry();
  TestEachCallsFunctionRunsOnce();
  TestAnEarlierEndFinishes();
  TestACallbackMayBegin();
  TestTheFunctionMayUseTheBuffer();
  TestABufferThatWasNeverEnabled();
  TestTheServiceThreadFinishes();
}
