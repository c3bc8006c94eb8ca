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

void TestSwitchovers(void) {
  TestASwitchoverWaitsForCountedWork();
  TestASwitchoverIsCalledOff();
}
