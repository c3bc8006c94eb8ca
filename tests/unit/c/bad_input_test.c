/* Every function, with every pointer null, with wrong sizes, and with unknown numbers. Nothing may
   crash, and each error names what is wrong. */
#include "check.h"

static void Ignore(void* arg, fo_result result, fo_retry retry) {
  (void)arg;
  (void)result;
  fo_retry_done(&retry, FO_ATTEMPT_NONE);
}

static void IgnoreEnd(void* arg) { (void)arg; }

static void Never(void* arg) {
  (void)arg;
  CHECK(!"this function runs");
}

static void TestTexts(void) {
  fo_result result;
  CHECK(fo_version() > 0);
  for (result = -40; result <= 10; ++result) CHECK(fo_result_text(result)[0] != '\0');
  CHECK(strcmp(fo_result_text(FO_EVICTED), fo_result_text(FO_TIMEOUT)) != 0);
  CHECK(strcmp(fo_result_text(INT32_MIN), "an unknown result") == 0);
  CHECK(strcmp(fo_result_text(INT32_MAX), "an unknown result") == 0);
}

static void TestOptions(void) {
  fo_options options = {.struct_size = sizeof options};
  fo_buffer* buffer = (fo_buffer*)&options;
  char error[64];
  CHECK_ERROR(fo_buffer_create(&options, NULL, error, sizeof error), FO_INVALID_ARGUMENT, "out");
  CHECK(strcmp(error, fo_error_text()) == 0);
  options.struct_size = 0;
  CHECK_ERROR(fo_buffer_create(&options, &buffer, error, sizeof error), FO_INVALID_ARGUMENT,
              "options has the struct_size 0, it must be");
  CHECK(buffer == NULL);
  options.struct_size = sizeof options - 1;
  CHECK(fo_buffer_create(&options, &buffer, NULL, 5) == FO_INVALID_ARGUMENT);
  options.struct_size = SIZE_MAX;
  CHECK(fo_buffer_create(&options, &buffer, error, 0) == FO_INVALID_ARGUMENT);
  options.struct_size = sizeof options;
  options.reserved = 1;
  CHECK_ERROR(fo_buffer_create(&options, &buffer, error, 8), FO_INVALID_ARGUMENT,
              "options.reserved");
  CHECK(strcmp(error, "options") == 0);
  options.reserved = 0;
  options.threading = 7;
  CHECK_ERROR(fo_buffer_create(&options, &buffer, NULL, 0), FO_INVALID_ARGUMENT,
              "options.threading");
  options.threading = FO_MANUAL;
  options.window_ms = 5;
  CHECK_ERROR(fo_buffer_create(&options, &buffer, NULL, 0), FO_INVALID_ARGUMENT, "window");
  options.window_ms = INT64_MIN;
  CHECK_ERROR(fo_buffer_create(&options, &buffer, NULL, 0), FO_INVALID_ARGUMENT, "window");
  options.window_ms = 0;
  options.size = -3;
  CHECK_ERROR(fo_buffer_create(&options, &buffer, NULL, 0), FO_INVALID_ARGUMENT, "size");
  options.size = 0;
  options.shutdown_grace_ms = -2;
  CHECK_ERROR(fo_buffer_create(&options, &buffer, NULL, 0), FO_INVALID_ARGUMENT, "shutdown_grace");
  options.shutdown_grace_ms = FO_NONE;
  options.unstamped_report_delay_ms = FO_NONE;
  options.down_confirmation_ms = FO_NONE;
  options.keyspace_shards = "a/b/c";
  CHECK(fo_buffer_create(&options, &buffer, NULL, 0) == FO_INVALID_ARGUMENT);
  options.keyspace_shards = " commerce ";
  CHECK(fo_buffer_create(&options, &buffer, error, sizeof error) == FO_OK);
  CHECK(strcmp(error, "") == 0);
  fo_buffer_destroy(buffer);
  CHECK(fo_buffer_create(NULL, &buffer, NULL, 0) == FO_OK);
  CHECK(fo_wakeup_fd(buffer) == -1);
  CHECK(fo_poll(buffer) == -1);
  fo_buffer_destroy(buffer);
}

static void TestNullObjects(void) {
  const fo_shard none = {0};
  fo_retry retry = {{0, 0}};
  fo_wait* wait = (fo_wait*)&retry;
  fo_switchover* switchover = (fo_switchover*)&retry;
  fo_shard_stats stats = {.struct_size = sizeof stats};
  fo_primary_report report = {.struct_size = sizeof report};
  fo_shard shard = {1};
  char server[8];
  report.server = "a";
  fo_buffer_destroy(NULL);
  fo_inbox_destroy(NULL);
  fo_wait_free(NULL);
  fo_steps_destroy(NULL);
  fo_switchover_free(NULL);
  CHECK_ERROR(fo_buffer_shutdown(NULL), FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK_ERROR(fo_buffer_begin_shutdown(NULL, Never, NULL), FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK_ERROR(fo_reconfigure(NULL, NULL), FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK_ERROR(fo_shard_get(NULL, "a", "b", &shard), FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK(shard.opaque == 0);
  CHECK(fo_shard_epoch(none) == 0);
  CHECK(fo_poll(NULL) == FO_INVALID_ARGUMENT);
  CHECK(fo_wakeup_fd(NULL) == -1);
  CHECK_ERROR(fo_report(NULL, none, "a", 1, 1), FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK_ERROR(fo_primary(NULL, none, server, sizeof server), FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK_ERROR(fo_stats_update(NULL, none, &report), FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK_ERROR(fo_metrics(NULL, NULL, NULL), FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK_ERROR(fo_note_refused(NULL, none, "why"), FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK_ERROR(fo_start_buffering(NULL, none, "why"), FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK_ERROR(fo_stop_buffering(NULL, none), FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK_ERROR(fo_shard_stats_get(NULL, none, &stats), FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK_ERROR(fo_wait_blocking(NULL, none, NULL, FO_ATTEMPT_NONE, NULL, &retry),
              FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK_ERROR(fo_wait_start(NULL, none, NULL, FO_ATTEMPT_NONE, NULL, NULL, Ignore, NULL, &wait),
              FO_INVALID_ARGUMENT, "buffer is NULL");
  CHECK(wait == NULL);
  CHECK_ERROR(fo_wait_cancel(NULL), FO_INVALID_ARGUMENT, "wait is NULL");
  CHECK_ERROR(fo_wait_take_token(NULL, &retry), FO_INVALID_ARGUMENT, "wait is NULL");
  CHECK_ERROR(fo_retry_done(NULL, FO_ATTEMPT_NONE), FO_INVALID_ARGUMENT, "retry is NULL");
  CHECK_ERROR(fo_retry_take_work(NULL, &retry), FO_INVALID_ARGUMENT, "retry is NULL");
  CHECK_ERROR(fo_retry_take_work(&retry, NULL), FO_INVALID_ARGUMENT, "work is NULL");
  CHECK_ERROR(fo_retry_take_work(&retry, &retry), FO_INVALID_ARGUMENT, "work is");
  CHECK_ERROR(fo_inbox_poll(NULL, 1), FO_INVALID_ARGUMENT, "inbox is NULL");
  CHECK(fo_inbox_fd(NULL) == -1);
  CHECK_ERROR(fo_steps_start(NULL, 0, NULL), FO_INVALID_ARGUMENT, "steps is NULL");
  CHECK_ERROR(fo_steps_attempt_ended(NULL, 0, FO_ATTEMPT_SUCCEEDED), FO_INVALID_ARGUMENT, "steps");
  CHECK_ERROR(fo_steps_wait_ended(NULL, 0), FO_INVALID_ARGUMENT, "steps is NULL");
  CHECK_ERROR(fo_steps_wait(NULL, 0, NULL, none, NULL, IgnoreEnd, NULL), FO_INVALID_ARGUMENT,
              "steps is NULL");
  retry.opaque[0] = 1;
  CHECK_ERROR(fo_steps_take_work(NULL, &retry), FO_INVALID_ARGUMENT, "steps is NULL");
  CHECK(retry.opaque[0] == 0);
  CHECK_ERROR(fo_steps_result(NULL), FO_INVALID_ARGUMENT, "steps is NULL");
  CHECK_ERROR(fo_switchover_begin(NULL, none, NULL, &switchover), FO_INVALID_ARGUMENT, "buffer");
  CHECK(switchover == NULL);
  CHECK_ERROR(fo_switchover_wait(NULL, 0, NULL, NULL), FO_INVALID_ARGUMENT, "switchover is NULL");
  CHECK_ERROR(fo_switchover_commit(NULL), FO_INVALID_ARGUMENT, "switchover is NULL");
  CHECK_ERROR(fo_switchover_abort(NULL), FO_INVALID_ARGUMENT, "switchover is NULL");
}

static void TestRestOfArguments(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  fo_buffer* const other = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  const fo_shard foreign = GetShard(other);
  const fo_shard unknown = {0};
  fo_shard found = {1};
  fo_retry retry = {{0, 0}};
  fo_wait* wait = NULL;
  fo_request request = {.struct_size = sizeof request};
  fo_shard_stats stats = {.struct_size = sizeof stats};
  fo_primary_report report = {.struct_size = sizeof report};
  char server[8];
  char long_name[300];
  memset(long_name, 'x', sizeof long_name);
  long_name[sizeof long_name - 1] = '\0';

  CHECK_ERROR(fo_shard_get(buffer, NULL, "b", &found), FO_INVALID_ARGUMENT, "keyspace is NULL");
  CHECK_ERROR(fo_shard_get(buffer, "a", NULL, &found), FO_INVALID_ARGUMENT, "shard is NULL");
  CHECK_ERROR(fo_shard_get(buffer, "a", "b", NULL), FO_INVALID_ARGUMENT, "out is NULL");
  CHECK_ERROR(fo_shard_get(buffer, "", "b", &found), FO_INVALID_ARGUMENT, "keyspace must have");
  CHECK_ERROR(fo_shard_get(buffer, "a", long_name, &found), FO_INVALID_ARGUMENT, "shard must have");
  CHECK(found.opaque == 0);

  CHECK_ERROR(fo_report(buffer, shard, NULL, 1, 1), FO_INVALID_ARGUMENT, "server is NULL");
  CHECK_ERROR(fo_report(buffer, shard, "", 1, 1), FO_INVALID_ARGUMENT, "");
  CHECK_ERROR(fo_report(buffer, unknown, "a", 1, 1), FO_INVALID_ARGUMENT, "shard did not come");
  CHECK_ERROR(fo_report(buffer, foreign, "a", 1, 1), FO_INVALID_ARGUMENT, "shard did not come");
  CHECK_ERROR(fo_primary(buffer, shard, NULL, 3), FO_INVALID_ARGUMENT, "server is NULL");
  CHECK_ERROR(fo_primary(buffer, shard, server, 0), FO_INVALID_ARGUMENT, "size is zero");
  CHECK_ERROR(fo_primary(buffer, unknown, server, 8), FO_INVALID_ARGUMENT, "shard did not come");
  CHECK(fo_primary(buffer, shard, server, sizeof server) == FO_NO_PRIMARY);
  CHECK(fo_report(buffer, shard, "10.0.0.1:3306", 1, 1) == FO_OK);
  CHECK_ERROR(fo_primary(buffer, shard, server, sizeof server), FO_INVALID_ARGUMENT, "too small");

  CHECK_ERROR(fo_stats_update(buffer, shard, NULL), FO_INVALID_ARGUMENT, "report is NULL");
  CHECK_ERROR(fo_stats_update(buffer, shard, &report), FO_INVALID_ARGUMENT, "report.server");
  report.server = "a";
  report.struct_size = 1;
  CHECK_ERROR(fo_stats_update(buffer, shard, &report), FO_INVALID_ARGUMENT, "struct_size 1,");
  report.struct_size = sizeof report;
  report.term = -1;
  CHECK_ERROR(fo_stats_update(buffer, shard, &report), FO_INVALID_ARGUMENT, "report.term");
  report.term = 1;
  report.reserved = 1;
  CHECK_ERROR(fo_stats_update(buffer, shard, &report), FO_INVALID_ARGUMENT, "report.reserved");
  report.reserved = 0;
  report.observed_ago_ms = -2;
  CHECK_ERROR(fo_stats_update(buffer, shard, &report), FO_INVALID_ARGUMENT, "observed_ago_ms");
  report.observed_ago_ms = FO_NONE;
  CHECK_ERROR(fo_stats_update(buffer, unknown, &report), FO_INVALID_ARGUMENT, "shard did not");
  CHECK(fo_stats_update(buffer, shard, &report) == FO_OK);

  CHECK(fo_note_refused(buffer, shard, NULL) == FO_OK);
  CHECK(fo_note_refused(buffer, unknown, "why") == FO_OK);
  CHECK_ERROR(fo_note_refused(buffer, foreign, NULL), FO_INVALID_ARGUMENT, "another buffer");
  CHECK_ERROR(fo_start_buffering(buffer, foreign, NULL), FO_INVALID_ARGUMENT, "another buffer");
  CHECK(fo_start_buffering(buffer, unknown, NULL) == FO_WRONG_STATE);
  CHECK_ERROR(fo_stop_buffering(buffer, foreign), FO_INVALID_ARGUMENT, "another buffer");
  CHECK(fo_stop_buffering(buffer, shard) == FO_OK);
  CHECK(fo_stop_buffering(buffer, shard) == FO_WRONG_STATE);
  CHECK_ERROR(fo_shard_stats_get(buffer, shard, NULL), FO_INVALID_ARGUMENT, "out is NULL");
  stats.struct_size = 3;
  CHECK_ERROR(fo_shard_stats_get(buffer, shard, &stats), FO_INVALID_ARGUMENT, "struct_size 3,");
  stats.struct_size = sizeof stats;
  CHECK_ERROR(fo_shard_stats_get(buffer, foreign, &stats), FO_INVALID_ARGUMENT, "did not come");
  CHECK_ERROR(fo_metrics(buffer, NULL, &stats), FO_INVALID_ARGUMENT, "write is NULL");

  CHECK_ERROR(fo_wait_blocking(buffer, shard, NULL, FO_ATTEMPT_NONE, NULL, NULL),
              FO_INVALID_ARGUMENT, "retry is NULL");
  CHECK_ERROR(fo_wait_blocking(buffer, shard, NULL, FO_ATTEMPT_NONE, &retry, &retry),
              FO_INVALID_ARGUMENT, "retry is");
  CHECK_ERROR(fo_wait_blocking(buffer, foreign, NULL, FO_ATTEMPT_NONE, NULL, &retry),
              FO_INVALID_ARGUMENT, "another buffer");
  CHECK_ERROR(fo_wait_blocking(buffer, shard, NULL, 99, NULL, &retry), FO_INVALID_ARGUMENT,
              "the attempt");
  CHECK_ERROR(fo_wait_blocking(buffer, shard, NULL, -1, NULL, &retry), FO_INVALID_ARGUMENT,
              "the attempt");
  request.struct_size = 8;
  CHECK_ERROR(fo_wait_blocking(buffer, shard, &request, FO_ATTEMPT_NONE, NULL, &retry),
              FO_INVALID_ARGUMENT, "request has the struct_size 8");
  request.struct_size = sizeof request;
  request.reserved = 5;
  CHECK_ERROR(fo_wait_blocking(buffer, shard, &request, FO_ATTEMPT_NONE, NULL, &retry),
              FO_INVALID_ARGUMENT, "request.reserved");
  request.reserved = 0;
  request.work = 3;
  CHECK_ERROR(
      fo_wait_start(buffer, shard, &request, FO_ATTEMPT_NONE, NULL, NULL, Ignore, NULL, &wait),
      FO_INVALID_ARGUMENT, "request.work");
  request.work = FO_WORK_STATEMENT;
  CHECK_ERROR(
      fo_wait_start(buffer, shard, &request, FO_ATTEMPT_NONE, NULL, NULL, Ignore, NULL, NULL),
      FO_INVALID_ARGUMENT, "out is NULL, but");
  CHECK_ERROR(fo_wait_start(buffer, shard, NULL, FO_ATTEMPT_NONE, NULL, NULL, NULL, NULL, &wait),
              FO_INVALID_ARGUMENT, "callback is NULL");
  CHECK_ERROR(
      fo_wait_start(buffer, foreign, NULL, FO_ATTEMPT_NONE, NULL, NULL, Ignore, NULL, &wait),
      FO_INVALID_ARGUMENT, "another buffer");
  CHECK_ERROR(fo_retry_done(&retry, 6), FO_INVALID_ARGUMENT, "the attempt");
  CHECK(fo_retry_done(&retry, FO_ATTEMPT_SUCCEEDED) == FO_OK);
  fo_buffer_destroy(other);
  fo_buffer_destroy(buffer);
}

static void TestStepsAndSwitchovers(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  const fo_shard shard = GetShard(buffer);
  const fo_shard unknown = {0};
  fo_steps* const steps = fo_steps_create(0);
  fo_switchover_options options = {.struct_size = sizeof options};
  fo_switchover* switchover = NULL;
  fo_request request = {.struct_size = 1};
  fo_retry work = {{1, 0}};
  CHECK(steps != NULL);
  CHECK(fo_steps_create(-1) == NULL);
  CHECK_ERROR(fo_steps_take_work(steps, &work), FO_WRONG_STATE, "does not fit to the step");
  CHECK(work.opaque[0] == 0);
  CHECK(fo_steps_attempt_ended(steps, 0, FO_ATTEMPT_SUCCEEDED) == FO_WRONG_STATE);
  CHECK(fo_steps_wait_ended(steps, 0) == FO_WRONG_STATE);
  CHECK(fo_steps_wait(steps, 0, buffer, shard, NULL, IgnoreEnd, NULL) == FO_WRONG_STATE);
  CHECK_ERROR(fo_steps_start(steps, 0, &request), FO_INVALID_ARGUMENT, "struct_size 1,");
  CHECK(fo_steps_start(steps, INT64_MIN, NULL) == FO_STEP_WAIT);
  CHECK(fo_steps_start(steps, 0, NULL) == FO_WRONG_STATE);
  CHECK(fo_steps_result(steps) == FO_WRONG_STATE);
  CHECK_ERROR(fo_steps_take_work(steps, &work), FO_WRONG_STATE, "does not fit to the step");
  CHECK_ERROR(fo_steps_wait(steps, 0, NULL, shard, NULL, IgnoreEnd, NULL), FO_INVALID_ARGUMENT,
              "buffer is NULL");
  CHECK(fo_steps_wait(steps, INT64_MAX, buffer, shard, NULL, IgnoreEnd, NULL) == FO_OK);
  CHECK(fo_steps_wait(steps, 0, buffer, shard, NULL, IgnoreEnd, NULL) == FO_WRONG_STATE);
  CHECK(fo_steps_wait_ended(steps, 0) == FO_STEP_ATTEMPT);
  CHECK(fo_steps_wait_ended(steps, 0) == FO_WRONG_STATE);
  CHECK_ERROR(fo_steps_attempt_ended(steps, 0, FO_ATTEMPT_NONE), FO_INVALID_ARGUMENT, "attempt");
  CHECK_ERROR(fo_steps_attempt_ended(steps, 0, 17), FO_INVALID_ARGUMENT, "attempt");
  CHECK_ERROR(fo_steps_take_work(steps, NULL), FO_INVALID_ARGUMENT, "work is NULL");
  CHECK(fo_steps_attempt_ended(steps, 0, FO_ATTEMPT_FAILED_OTHERWISE) == FO_STEP_FINISH);
  CHECK(fo_steps_result(steps) == FO_ATTEMPT_FAILED);
  CHECK_ERROR(fo_steps_take_work(steps, &work), FO_WRONG_STATE, "does not fit to the step");
  fo_steps_destroy(steps);

  CHECK_ERROR(fo_switchover_begin(buffer, shard, NULL, NULL), FO_INVALID_ARGUMENT, "out is NULL");
  CHECK(fo_switchover_begin(buffer, unknown, NULL, &switchover) == FO_INVALID_ARGUMENT);
  options.struct_size = 2;
  CHECK_ERROR(fo_switchover_begin(buffer, shard, &options, &switchover), FO_INVALID_ARGUMENT,
              "struct_size 2,");
  options.struct_size = sizeof options;
  options.on_overdue = 2;
  CHECK_ERROR(fo_switchover_begin(buffer, shard, &options, &switchover), FO_INVALID_ARGUMENT,
              "options.on_overdue");
  options.on_overdue = 0;
  options.release = -1;
  CHECK_ERROR(fo_switchover_begin(buffer, shard, &options, &switchover), FO_INVALID_ARGUMENT,
              "options.release");
  options.release = 0;
  options.hold_timeout_ms = -5;
  CHECK_ERROR(fo_switchover_begin(buffer, shard, &options, &switchover), FO_INVALID_ARGUMENT,
              "hold_timeout");
  CHECK(switchover == NULL);
  fo_buffer_destroy(buffer);
}

void TestBadInput(void) {
  TestTexts();
  TestOptions();
  TestNullObjects();
  TestRestOfArguments();
  TestStepsAndSwitchovers();
}
