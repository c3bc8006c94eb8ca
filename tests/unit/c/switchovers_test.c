/* Planned switchovers, and the work that they wait for. */
#include "check.h"

static void Never(void* arg, fo_result result, fo_retry retry) {
  (void)arg;
  (void)result;
  fo_retry_done(&retry, FO_ATTEMPT_NONE);
  CHECK(!"this callback runs");
}

static void TestASwitchoverWaitsForCountedWork(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  fo_request request = {.struct_size = sizeof request};
  fo_switchover_options options = {.struct_size = sizeof options};
  fo_switchover* switchover = NULL;
  fo_switchover* second = NULL;
  fo_wait* wait = NULL;
  fo_retry statement = {{0, 0}};
  fo_retry transaction = {{0, 0}};
  fo_retry work = {{0, 0}};
  uint64_t statements = 0;
  uint64_t transactions = 0;
  CHECK(fo_report(buffer, shard, "db1", 1, 1) == FO_OK);
  request.work = FO_WORK_STATEMENT;
  CHECK(fo_wait_start(buffer, shard, &request, FO_ATTEMPT_NONE, NULL, NULL, Never, NULL, &wait) ==
        FO_OK);
  CHECK(wait != NULL);
  CHECK(fo_wait_take_token(wait, NULL) == FO_INVALID_ARGUMENT);
  CHECK(fo_wait_take_token(wait, &statement) == FO_OK);
  CHECK(statement.opaque[0] != 0);
  fo_wait_free(wait);
  request.work = FO_WORK_TRANSACTION;
  CHECK(fo_wait_blocking(buffer, shard, &request, FO_ATTEMPT_NONE, NULL, &transaction) == FO_OK);
  CHECK(fo_retry_take_work(&transaction, &work) == FO_OK);
  CHECK(work.opaque[0] != 0);
  CHECK(fo_retry_done(&transaction, FO_ATTEMPT_SUCCEEDED) == FO_OK);

  options.release = FO_RELEASE_ON_COMMIT;
  CHECK(fo_switchover_begin(buffer, shard, &options, &switchover) == FO_OK);
  CHECK(fo_switchover_begin(buffer, shard, NULL, &second) == FO_WRONG_STATE);
  CHECK(second == NULL);
  CHECK_ERROR(fo_switchover_wait(switchover, 0, &statements, &transactions), FO_NOT_QUIET, "");
  CHECK(statements == 1 && transactions == 1);
  CHECK(fo_retry_done(&work, FO_ATTEMPT_NONE) == FO_OK);
  CHECK(fo_switchover_wait(switchover, -1, NULL, NULL) == FO_NOT_QUIET);
  CHECK(fo_retry_done(&statement, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  CHECK(fo_switchover_wait(switchover, 0, &statements, &transactions) == FO_OK);
  CHECK(statements == 0 && transactions == 0);
  CHECK(fo_report(buffer, shard, "db1", 0, 0) == FO_OK);
  CHECK(fo_report(buffer, shard, "db2", 1, 1) == FO_OK);
  CHECK(fo_switchover_commit(switchover) == FO_OK);
  CHECK(fo_switchover_abort(switchover) == FO_WRONG_STATE);
  fo_switchover_free(switchover);
  fo_buffer_destroy(buffer);
}

static void TestASwitchoverIsCalledOff(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  fo_switchover* switchover = NULL;
  CHECK(fo_switchover_begin(buffer, shard, NULL, &switchover) == FO_OK);
  CHECK(fo_switchover_abort(switchover) == FO_OK);
  CHECK(fo_switchover_commit(switchover) == FO_ABORTED);
  fo_switchover_free(switchover);
  CHECK(fo_switchover_begin(buffer, shard, NULL, &switchover) == FO_OK);
  fo_buffer_destroy(buffer);
  /* A switchover may end after its buffer. */
  CHECK(fo_switchover_abort(switchover) == FO_WRONG_STATE);
  fo_switchover_free(switchover);
}

typedef struct {
  fo_steps* steps;
  int32_t next;
} Request;

static void OnEnd(void* arg) {
  Request* const request = arg;
  request->next = fo_steps_wait_ended(request->steps, 0);
}

/* Brings a transaction to its first attempt. */
static void BeginTransaction(fo_buffer* buffer, fo_shard shard, Request* request) {
  fo_request transaction = {.struct_size = sizeof transaction};
  transaction.work = FO_WORK_TRANSACTION;
  CHECK(fo_steps_start(request->steps, 0, &transaction) == FO_STEP_WAIT);
  CHECK(fo_steps_wait(request->steps, 0, buffer, shard, NULL, OnEnd, request) == FO_OK);
  CHECK(fo_steps_wait_ended(request->steps, 0) == FO_STEP_ATTEMPT);
}

/* How many transactions are counted now. A switchover says so, and is called off. */
static uint64_t Counted(fo_buffer* buffer, fo_shard shard) {
  fo_switchover* switchover = NULL;
  uint64_t statements = 0;
  uint64_t transactions = 0;
  fo_result result = FO_OK;
  CHECK(fo_switchover_begin(buffer, shard, NULL, &switchover) == FO_OK);
  result = fo_switchover_wait(switchover, 0, &statements, &transactions);
  CHECK(result == (transactions == 0 ? FO_OK : FO_NOT_QUIET));
  CHECK(statements == 0);
  fo_switchover_free(switchover);
  while (fo_poll(buffer) == 0) {
  }
  return transactions;
}

static void TestATransactionOfStepsIsCountedUntilItEnds(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  Request request = {fo_steps_create(0), 0};
  fo_retry work = {{0, 0}};
  CHECK(fo_report(buffer, shard, "db1", 1, 1) == FO_OK);
  /* Nobody takes the work, so the end of the attempt ends it. */
  BeginTransaction(buffer, shard, &request);
  CHECK(Counted(buffer, shard) == 1);
  CHECK(fo_steps_attempt_ended(request.steps, 0, FO_ATTEMPT_SUCCEEDED) == FO_STEP_FINISH);
  CHECK(Counted(buffer, shard) == 0);
  /* The program takes the work, and ends it with the transaction. */
  BeginTransaction(buffer, shard, &request);
  CHECK(fo_steps_take_work(request.steps, &work) == FO_OK);
  CHECK(work.opaque[0] != 0);
  CHECK(fo_steps_attempt_ended(request.steps, 0, FO_ATTEMPT_SUCCEEDED) == FO_STEP_FINISH);
  CHECK(fo_steps_result(request.steps) == FO_OK);
  fo_steps_destroy(request.steps);
  CHECK(Counted(buffer, shard) == 1);
  CHECK(fo_retry_done(&work, FO_ATTEMPT_NONE) == FO_OK);
  CHECK(Counted(buffer, shard) == 0);
  fo_buffer_destroy(buffer);
}

static void TestTheWorkOfStepsIsTakenOnce(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  Request request = {fo_steps_create(0), 0};
  fo_retry work = {{0, 0}};
  fo_retry again = {{1, 1}};
  BeginTransaction(buffer, shard, &request);
  CHECK(fo_steps_take_work(request.steps, &work) == FO_OK);
  CHECK(fo_steps_take_work(request.steps, &again) == FO_OK);
  CHECK(work.opaque[0] != 0 && again.opaque[0] == 0 && again.opaque[1] == 0);
  CHECK(fo_retry_done(&work, FO_ATTEMPT_NONE) == FO_OK);
  CHECK(Counted(buffer, shard) == 0);
  CHECK(fo_steps_attempt_ended(request.steps, 0, FO_ATTEMPT_SUCCEEDED) == FO_STEP_FINISH);
  /* Nothing is counted. */
  CHECK(fo_steps_start(request.steps, 0, NULL) == FO_STEP_WAIT);
  CHECK(fo_steps_wait(request.steps, 0, buffer, shard, NULL, NULL, NULL) == FO_OK);
  CHECK(fo_steps_wait_ended(request.steps, 0) == FO_STEP_ATTEMPT);
  CHECK(fo_steps_take_work(request.steps, &work) == FO_OK);
  CHECK(work.opaque[0] == 0);
  fo_steps_destroy(request.steps);
  fo_buffer_destroy(buffer);
}

static void TestATransactionThatWasHeldIsCounted(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  Request request = {fo_steps_create(0), 0};
  fo_retry work = {{0, 0}};
  CHECK(fo_report(buffer, shard, "db1", 1, 1) == FO_OK);
  BeginTransaction(buffer, shard, &request);
  CHECK(fo_steps_attempt_ended(request.steps, 0, FO_ATTEMPT_REFUSED) == FO_STEP_WAIT);
  CHECK(fo_steps_wait(request.steps, 0, buffer, shard, NULL, OnEnd, &request) == FO_HELD);
  CHECK_ERROR(fo_steps_take_work(request.steps, &work), FO_WRONG_STATE, "does not fit to the step");
  CHECK(fo_stop_buffering(buffer, shard) == FO_OK);
  while (fo_poll(buffer) == 0) {
  }
  CHECK(request.next == FO_STEP_ATTEMPT);
  CHECK(fo_steps_take_work(request.steps, &work) == FO_OK);
  CHECK(work.opaque[0] != 0);
  CHECK(fo_steps_attempt_ended(request.steps, 0, FO_ATTEMPT_SUCCEEDED) == FO_STEP_FINISH);
  CHECK(Counted(buffer, shard) == 1);
  fo_steps_destroy(request.steps);
  fo_buffer_destroy(buffer);
  /* The work of a request that was held may end after the buffer. */
  CHECK(fo_retry_done(&work, FO_ATTEMPT_NONE) == FO_OK);
}

void TestSwitchovers(void) {
  TestASwitchoverWaitsForCountedWork();
  TestATransactionOfStepsIsCountedUntilItEnds();
  TestTheWorkOfStepsIsTakenOnce();
  TestATransactionThatWasHeldIsCounted();
  TestASwitchoverIsCalledOff();
}
