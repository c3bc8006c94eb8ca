/* Inboxes: a buffer with its own thread, and callbacks on the thread of the test only. */
#include <poll.h>
#include <pthread.h>

#include "check.h"

typedef struct {
  pthread_t thread;
  int calls;
  fo_result result;
  fo_retry retry;
  fo_inbox* destroy;
} Told;

static void Tell(void* arg, fo_result result, fo_retry retry) {
  Told* const told = arg;
  told->thread = pthread_self();
  ++told->calls;
  told->result = result;
  told->retry = retry;
  if (told->destroy != NULL) fo_inbox_destroy(told->destroy);
}

static int IsReadable(int fd) {
  struct pollfd descriptor;
  descriptor.fd = fd;
  descriptor.events = POLLIN;
  return poll(&descriptor, 1, 0) == 1;
}

static fo_buffer* MakeBuffer(void) {
  fo_options options = {.struct_size = sizeof options};
  fo_buffer* buffer = NULL;
  options.drain_concurrency = 10;
  options.log = DropLine;
  /* No test may wait so long. */
  options.shutdown_grace_ms = 24 * 60 * 60 * 1000;
  CHECK(fo_buffer_create(&options, &buffer, NULL, 0) == FO_OK);
  return buffer;
}

static void* PollElsewhere(void* inbox) {
  CHECK_ERROR(fo_inbox_poll(inbox, 10), FO_WRONG_STATE, "another thread");
  return NULL;
}

static void* Release(void* arg) {
  fo_buffer* const buffer = arg;
  CHECK(fo_stop_buffering(buffer, GetShard(buffer)) == FO_OK);
  return NULL;
}

static void RunElsewhere(void* (*function)(void*), void* arg) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, function, arg) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
}

static void TestCallbacksComeHome(void) {
  fo_buffer* const buffer = MakeBuffer();
  fo_inbox* const inbox = fo_inbox_create(NULL, NULL);
  const fo_shard shard = GetShard(buffer);
  Told told[3];
  int i;
  memset(told, 0, sizeof told);
  CHECK(fo_inbox_poll(inbox, 10) == 0);
  CHECK(fo_inbox_fd(inbox) >= 0);
  for (i = 0; i < 3; ++i) {
    CHECK(fo_wait_start(buffer, shard, NULL, FO_ATTEMPT_REFUSED, NULL, inbox, Tell, &told[i],
                        NULL) == FO_HELD);
  }
  CHECK(!IsReadable(fo_inbox_fd(inbox)));
  RunElsewhere(Release, buffer);
  CHECK(IsReadable(fo_inbox_fd(inbox)));
  RunElsewhere(PollElsewhere, inbox);
  CHECK(IsReadable(fo_inbox_fd(inbox)));
  CHECK(fo_inbox_poll(inbox, 0) == 1);
  CHECK(fo_inbox_poll(inbox, 2) == 1);
  CHECK(told[2].calls == 0);
  CHECK(fo_inbox_poll(inbox, 2) == 0);
  for (i = 0; i < 3; ++i) {
    CHECK(told[i].calls == 1 && told[i].result == FO_OK);
    CHECK(pthread_equal(told[i].thread, pthread_self()));
    CHECK(fo_retry_done(&told[i].retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  }
  CHECK(!IsReadable(fo_inbox_fd(inbox)));
  fo_inbox_destroy(inbox);
  fo_buffer_destroy(buffer);
}

static void TestEitherMayGoFirst(void) {
  fo_buffer* const buffer = MakeBuffer();
  fo_inbox* const gone = fo_inbox_create(NULL, NULL);
  fo_inbox* const last = fo_inbox_create(NULL, NULL);
  const fo_shard shard = GetShard(buffer);
  Told cancelled = {0};
  Told released = {0};
  Told behind = {0};
  CHECK(fo_inbox_poll(last, 1) == 0);
  CHECK(fo_wait_start(buffer, shard, NULL, FO_ATTEMPT_REFUSED, NULL, gone, Tell, &cancelled,
                      NULL) == FO_HELD);
  CHECK(fo_wait_start(buffer, shard, NULL, FO_ATTEMPT_REFUSED, NULL, last, Tell, &released, NULL) ==
        FO_HELD);
  CHECK(fo_wait_start(buffer, shard, NULL, FO_ATTEMPT_REFUSED, NULL, last, Tell, &behind, NULL) ==
        FO_HELD);
  fo_inbox_destroy(gone);
  fo_buffer_destroy(buffer);
  CHECK(cancelled.calls == 0 && released.calls == 0);
  released.destroy = last;
  CHECK(fo_inbox_poll(last, 10) == 0);
  CHECK(released.calls == 1 && behind.calls == 0);
  CHECK(fo_retry_done(&released.retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
}

static void Count(void* arg) { ++*(int*)arg; }

static void TestAFunctionInPlaceOfTheDescriptor(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  int wakes = 0;
  fo_inbox* const inbox = fo_inbox_create(Count, &wakes);
  Told told = {0};
  CHECK(fo_inbox_fd(inbox) == -1);
  CHECK(fo_wait_start(buffer, shard, NULL, FO_ATTEMPT_REFUSED, NULL, inbox, Tell, &told, NULL) ==
        FO_HELD);
  CHECK(fo_stop_buffering(buffer, shard) == FO_OK);
  CHECK(wakes == 1);
  CHECK(fo_inbox_poll(inbox, 10) == 0);
  CHECK(told.calls == 1);
  CHECK(fo_retry_done(&told.retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  fo_inbox_destroy(inbox);
  fo_buffer_destroy(buffer);
}

void TestInboxes(void) {
  TestCallbacksComeHome();
  TestEitherMayGoFirst();
  TestAFunctionInPlaceOfTheDescriptor();
}
