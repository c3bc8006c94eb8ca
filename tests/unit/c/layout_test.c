/* The layout of every struct, which is a part of the ABI on machines with pointers of 64 bits. A
   row that changes breaks every program that was compiled before. A new field at the end of a
   struct gets a row, and changes the size of its struct. */
#include "check.h"
#include "failover/c/verdict.h"

static void TestNumbers(void) {
  CHECK(sizeof(fo_result) == 4 && sizeof(fo_attempt) == 4);
  CHECK(FO_OK == 0 && FO_HELD == 1);
  CHECK(FO_BUFFER_FULL == -1 && FO_EVICTED == -2 && FO_CANCELLED == -3 && FO_TIMEOUT == -4);
  CHECK(FO_SHARD_MISSING == -5 && FO_WINDOW_OVER == -6);
  CHECK(FO_INVALID_ARGUMENT == -20 && FO_WRONG_PROCESS == -21 && FO_NO_MEMORY == -22);
  CHECK(FO_NO_THREAD == -23 && FO_WOULD_BLOCK == -24 && FO_WRONG_STATE == -25);
  CHECK(FO_NO_PRIMARY == -26 && FO_NOT_QUIET == -27 && FO_ABORTED == -28);
  CHECK(FO_ATTEMPT_FAILED == -29 && FO_NONE == -1);
  CHECK(FO_ATTEMPT_NONE == 0 && FO_ATTEMPT_REFUSED == 1 && FO_ATTEMPT_REFUSED_AT_CONNECT == 2);
  CHECK(FO_ATTEMPT_FAILED_OTHERWISE == 3 && FO_ATTEMPT_SUCCEEDED == 4 && FO_ATTEMPT_UNKNOWN == 5);
  CHECK(FO_STATE_IDLE == 0 && FO_STATE_BUFFERING == 1 && FO_STATE_DRAINING == 2);
  CHECK(FO_LOG_INFO == 0 && FO_LOG_WARNING == 1 && FO_LOG_ERROR == 2);
  CHECK(FO_SERVICE_THREAD == 0 && FO_MANUAL == 1);
  CHECK(FO_WORK_UNCOUNTED == 0 && FO_WORK_STATEMENT == 1 && FO_WORK_TRANSACTION == 2);
  CHECK(FO_STEP_WAIT == 0 && FO_STEP_ATTEMPT == 1 && FO_STEP_FINISH == 2);
  CHECK(FO_ON_OVERDUE_ABORT == 0 && FO_ON_OVERDUE_PROCEED == 1);
  CHECK(FO_RELEASE_ON_NEW_PRIMARY == 0 && FO_RELEASE_ON_COMMIT == 1);
  CHECK(FO_SENT == 0 && FO_NOT_SENT == 1 && FO_REPLY_STARTED == 2);
  CHECK(FO_OUTCOME_UNKNOWN == 0 && FO_OUTCOME_NOT_EXECUTED == 1);
  CHECK(FO_OUTCOME_ROLLED_BACK == 2 && FO_OUTCOME_FAILED == 3);
  CHECK(FO_TLS_OFF == 0 && FO_TLS_REQUIRED == 1 && FO_TLS_VERIFY == 2);
}

static void TestDatabases(void) {
  SIZE(fo_verdict, 24);
  FIELD(fo_verdict, struct_size, 0);
  FIELD(fo_verdict, outcome, 8);
  FIELD(fo_verdict, attempt, 12);
  FIELD(fo_verdict, wait, 16);
  FIELD(fo_verdict, note, 20);

  SIZE(fo_monitored_server, 104);
  FIELD(fo_monitored_server, struct_size, 0);
  FIELD(fo_monitored_server, name, 8);
  FIELD(fo_monitored_server, host, 16);
  FIELD(fo_monitored_server, unix_socket, 24);
  FIELD(fo_monitored_server, port, 32);
  FIELD(fo_monitored_server, tls, 36);
  FIELD(fo_monitored_server, user, 40);
  FIELD(fo_monitored_server, password, 48);
  FIELD(fo_monitored_server, tls_ca_file, 56);
  FIELD(fo_monitored_server, tls_server_name, 64);
  FIELD(fo_monitored_server, tls_certificate_file, 72);
  FIELD(fo_monitored_server, tls_key_file, 80);
  FIELD(fo_monitored_server, server_public_key_file, 88);
  FIELD(fo_monitored_server, database, 96);

  SIZE(fo_monitored_shard, 32);
  FIELD(fo_monitored_shard, struct_size, 0);
  FIELD(fo_monitored_shard, shard, 8);
  FIELD(fo_monitored_shard, servers, 16);
  FIELD(fo_monitored_shard, server_count, 24);

  SIZE(fo_monitor_options, 72);
  FIELD(fo_monitor_options, struct_size, 0);
  FIELD(fo_monitor_options, shards, 8);
  FIELD(fo_monitor_options, shard_count, 16);
  FIELD(fo_monitor_options, poll_interval_ms, 24);
  FIELD(fo_monitor_options, timeout_ms, 32);
  FIELD(fo_monitor_options, urgent_interval_ms, 40);
  FIELD(fo_monitor_options, urgent_duration_ms, 48);
  FIELD(fo_monitor_options, hold_interval_ms, 56);
  FIELD(fo_monitor_options, jitter_percent, 64);
  FIELD(fo_monitor_options, reserved, 68);
}

void TestLayout(void) {
  TestNumbers();
  if (sizeof(void*) != 8) return;
  TestDatabases();
  SIZE(fo_shard, 8);
  FIELD(fo_shard, opaque, 0);

  SIZE(fo_transition, 64);
  FIELD(fo_transition, struct_size, 0);
  FIELD(fo_transition, shard, 8);
  FIELD(fo_transition, keyspace, 16);
  FIELD(fo_transition, shard_name, 24);
  FIELD(fo_transition, why, 32);
  FIELD(fo_transition, from, 40);
  FIELD(fo_transition, to, 44);
  FIELD(fo_transition, held, 48);
  FIELD(fo_transition, epoch, 56);

  SIZE(fo_options, 200);
  FIELD(fo_options, struct_size, 0);
  FIELD(fo_options, disabled, 8);
  FIELD(fo_options, dry_run, 12);
  FIELD(fo_options, threading, 16);
  FIELD(fo_options, reserved, 20);
  FIELD(fo_options, window_ms, 24);
  FIELD(fo_options, max_failover_duration_ms, 32);
  FIELD(fo_options, min_time_between_failovers_ms, 40);
  FIELD(fo_options, max_retry_time_ms, 48);
  FIELD(fo_options, suspicion_ms, 56);
  FIELD(fo_options, probe_after_ms, 64);
  FIELD(fo_options, unstamped_report_delay_ms, 72);
  FIELD(fo_options, down_confirmation_ms, 80);
  FIELD(fo_options, shutdown_grace_ms, 88);
  FIELD(fo_options, size, 96);
  FIELD(fo_options, drain_concurrency, 104);
  FIELD(fo_options, drain_concurrency_max, 112);
  FIELD(fo_options, max_per_shard, 120);
  FIELD(fo_options, max_shards, 128);
  FIELD(fo_options, max_bytes, 136);
  FIELD(fo_options, keyspace_shards, 144);
  FIELD(fo_options, wakeup, 152);
  FIELD(fo_options, wakeup_arg, 160);
  FIELD(fo_options, log, 168);
  FIELD(fo_options, log_arg, 176);
  FIELD(fo_options, on_transition, 184);
  FIELD(fo_options, on_transition_arg, 192);

  SIZE(fo_primary_report, 40);
  FIELD(fo_primary_report, struct_size, 0);
  FIELD(fo_primary_report, server, 8);
  FIELD(fo_primary_report, serving, 16);
  FIELD(fo_primary_report, reserved, 20);
  FIELD(fo_primary_report, term, 24);
  FIELD(fo_primary_report, observed_ago_ms, 32);

  SIZE(fo_shard_stats, 88);
  FIELD(fo_shard_stats, struct_size, 0);
  FIELD(fo_shard_stats, state, 8);
  FIELD(fo_shard_stats, reserved, 12);
  FIELD(fo_shard_stats, requests_held, 16);
  FIELD(fo_shard_stats, requests_retrying, 24);
  FIELD(fo_shard_stats, starts, 32);
  FIELD(fo_shard_stats, requests_buffered, 40);
  FIELD(fo_shard_stats, requests_drained, 48);
  FIELD(fo_shard_stats, requests_evicted, 56);
  FIELD(fo_shard_stats, requests_skipped, 64);
  FIELD(fo_shard_stats, retries_succeeded, 72);
  FIELD(fo_shard_stats, retries_failed, 80);

  SIZE(fo_request, 40);
  FIELD(fo_request, struct_size, 0);
  FIELD(fo_request, timeout_ms, 8);
  FIELD(fo_request, bytes, 16);
  FIELD(fo_request, may_probe, 24);
  FIELD(fo_request, writes, 28);
  FIELD(fo_request, work, 32);
  FIELD(fo_request, reserved, 36);

  SIZE(fo_retry, 16);
  FIELD(fo_retry, opaque, 0);

  SIZE(fo_switchover_options, 32);
  FIELD(fo_switchover_options, struct_size, 0);
  FIELD(fo_switchover_options, transaction_grace_ms, 8);
  FIELD(fo_switchover_options, hold_timeout_ms, 16);
  FIELD(fo_switchover_options, on_overdue, 24);
  FIELD(fo_switchover_options, release, 28);
}
