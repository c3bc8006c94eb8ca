/* The steps of a retry loop. */
#include "check.h"

typedef struct {
  fo_steps* steps;
  int ends;
  int32_t next;
  int destroy;
} Request;

static void OnEnd(void* arg) {
  Request* const request = arg;
  ++request->ends;
  if (request->destroy) {
    fo_steps_destroy(request->steps);
    request->steps = NULL;
  } else {
    request->next = fo_steps_wait_ended(request->steps, 0);
  }
}

static void PollAll(fo_buffer* buffer) {
  while (fo_poll(buffer) == 0) {
  }
}

static fo_result WaitFor(Request* request, fo_buffer* buffer, fo_shard shard) {
  return fo_steps_wait(request->steps, 0, buffer, shard, NULL, OnEnd, request);
}

/* Brings the request to its first attempt. */
static void Begin(fo_buffer* buffer, fo_shard shard, Request* request) {
  memset(request, 0, sizeof *request);
  request->steps = fo_steps_create(0);
  CHECK(fo_steps_start(request->steps, 0, NULL) == FO_STEP_WAIT);
  CHECK(WaitFor(request, buffer, shard) == FO_OK);
  CHECK(request->ends == 0);
  CHECK(fo_steps_wait_ended(request->steps, 0) == FO_STEP_ATTEMPT);
}

/* The first attempt is refused, and the request is held. */
static void Refuse(fo_buffer* buffer, fo_shard shard, Request* request) {
  CHECK(fo_steps_attempt_ended(request->steps, 0, FO_ATTEMPT_REFUSED) == FO_STEP_WAIT);
  CHECK(WaitFor(request, buffer, shard) == FO_HELD);
}

static void TestARefusedRequestSucceeds(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  Request request;
  Begin(buffer, shard, &request);
  Refuse(buffer, shard, &request);
  CHECK(fo_steps_wait_ended(request.steps, 0) == FO_WRONG_STATE);
  CHECK(WaitFor(&request, buffer, shard) == FO_WRONG_STATE);
  CHECK(fo_stop_buffering(buffer, shard) == FO_OK);
  PollAll(buffer);
  CHECK(request.ends == 1 && request.next == FO_STEP_ATTEMPT);
  CHECK(fo_steps_attempt_ended(request.steps, 0, FO_ATTEMPT_SUCCEEDED) == FO_STEP_FINISH);
  CHECK(fo_steps_result(request.steps) == FO_OK);
  fo_steps_destroy(request.steps);
  fo_buffer_destroy(buffer);
}

static void TestTheEndCancels(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  fo_shard_stats stats = {.struct_size = sizeof stats};
  Request held;
  Request ends_inside;
  Begin(buffer, shard, &held);
  Begin(buffer, shard, &ends_inside);
  Refuse(buffer, shard, &held);
  Refuse(buffer, shard, &ends_inside);
  ends_inside.destroy = 1;
  fo_steps_destroy(held.steps);
  CHECK(fo_shard_stats_get(buffer, shard, &stats) == FO_OK);
  CHECK(stats.requests_held == 1);
  CHECK(fo_stop_buffering(buffer, shard) == FO_OK);
  PollAll(buffer);
  CHECK(held.ends == 0);
  CHECK(ends_inside.ends == 1 && ends_inside.steps == NULL);
  CHECK(fo_shard_stats_get(buffer, shard, &stats) == FO_OK);
  CHECK(stats.requests_retrying == 0);
  fo_buffer_destroy(buffer);
}

static void TestTheErrorOfTheBufferIsTheResult(void) {
  fo_options options = {.struct_size = sizeof options};
  fo_buffer* buffer = NULL;
  fo_shard shard;
  Request first;
  Request second;
  options.threading = FO_MANUAL;
  options.size = 1;
  options.log = DropLine;
  CHECK(fo_buffer_create(&options, &buffer, NULL, 0) == FO_OK);
  shard = GetShard(buffer);
  Begin(buffer, shard, &first);
  Refuse(buffer, shard, &first);
  second.steps = fo_steps_create(1);
  second.ends = 0;
  second.destroy = 0;
  CHECK(fo_steps_start(second.steps, 0, NULL) == FO_STEP_WAIT);
  PollAll(buffer);
  /* The newer request evicts the older one. */
  CHECK(WaitFor(&second, buffer, shard) == FO_HELD);
  PollAll(buffer);
  CHECK(first.ends == 1 && first.next == FO_STEP_FINISH);
  CHECK(fo_steps_result(first.steps) == FO_EVICTED);
  fo_steps_destroy(second.steps);
  fo_steps_destroy(first.steps);
  fo_buffer_destroy(buffer);
}

static void TestABlockingWait(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  fo_steps* const steps = fo_steps_create(2);
  fo_request request = {.struct_size = sizeof request};
  request.timeout_ms = 1;
  request.work = FO_WORK_STATEMENT;
  CHECK(fo_steps_start(steps, 0, &request) == FO_STEP_WAIT);
  CHECK(fo_start_buffering(buffer, shard, "a test") == FO_OK);
  CHECK(fo_steps_wait(steps, 0, buffer, shard, NULL, NULL, NULL) == FO_TIMEOUT);
  CHECK(fo_steps_wait_ended(steps, 5) == FO_STEP_FINISH);
  CHECK(fo_steps_result(steps) == FO_TIMEOUT);
  CHECK(fo_steps_start(steps, 10, &request) == FO_STEP_WAIT);
  CHECK(fo_stop_buffering(buffer, shard) == FO_OK);
  CHECK(fo_steps_wait(steps, 10, buffer, shard, NULL, NULL, NULL) == FO_OK);
  CHECK(fo_steps_wait_ended(steps, 10) == FO_STEP_ATTEMPT);
  CHECK(fo_steps_attempt_ended(steps, 10, FO_ATTEMPT_UNKNOWN) == FO_STEP_FINISH);
  CHECK(fo_steps_result(steps) == FO_ATTEMPT_FAILED);
  fo_steps_destroy(steps);
  fo_buffer_destroy(buffer);
}

void TestSteps(void) {
  TestARefusedRequestSucceeds();
  TestTheEndCancels();
  TestTheErrorOfTheBufferIsTheResult();
  TestABlockingWait();
}
