/* The interface in C for MySQL: layout, bad input, and a few verdicts in the words of C. The rows
   of the whole table are compared in mysql_rows_test.cc. */
#include "failover/c/mysql.h"

#include "check.h"

static void TestStructs(void) {
  SIZE(fo_mysql_error, 32);
  FIELD(fo_mysql_error, struct_size, 0);
  FIELD(fo_mysql_error, number, 8);
  FIELD(fo_mysql_error, reserved, 12);
  FIELD(fo_mysql_error, sqlstate, 16);
  FIELD(fo_mysql_error, text, 24);

  SIZE(fo_mysql_statement, 24);
  FIELD(fo_mysql_statement, struct_size, 0);
  FIELD(fo_mysql_statement, send_state, 8);
  FIELD(fo_mysql_statement, in_transaction, 12);
  FIELD(fo_mysql_statement, read_only_requested, 16);
  FIELD(fo_mysql_statement, compound, 20);
}

static fo_mysql_error ReadOnly(void) {
  fo_mysql_error error = {.struct_size = sizeof error};
  error.number = 1290;
  error.sqlstate = "HY000";
  error.text = "The MariaDB server is running with the --read-only option";
  return error;
}

static void TestBadVerdicts(void) {
  fo_mysql_error error = ReadOnly();
  fo_mysql_statement statement = {.struct_size = sizeof statement};
  fo_verdict verdict = {.struct_size = sizeof verdict};
  CHECK_ERROR(fo_mysql_verdict(&error, NULL, NULL), FO_INVALID_ARGUMENT, "verdict is NULL");
  verdict.struct_size = 4;
  verdict.wait = 7;
  CHECK_ERROR(fo_mysql_verdict(&error, NULL, &verdict), FO_INVALID_ARGUMENT,
              "verdict has the struct_size 4");
  CHECK(verdict.wait == 7);
  verdict.struct_size = sizeof verdict;
  CHECK_ERROR(fo_mysql_verdict(NULL, NULL, &verdict), FO_INVALID_ARGUMENT, "error is NULL");
  CHECK(verdict.wait == 0 && verdict.note == 0 && verdict.outcome == FO_OUTCOME_UNKNOWN);
  CHECK(verdict.attempt == FO_ATTEMPT_UNKNOWN);
  error.struct_size = SIZE_MAX;
  CHECK_ERROR(fo_mysql_verdict(&error, NULL, &verdict), FO_INVALID_ARGUMENT,
              "error has the struct_size");
  error.struct_size = sizeof error;
  error.reserved = 1;
  CHECK_ERROR(fo_mysql_verdict(&error, NULL, &verdict), FO_INVALID_ARGUMENT, "error.reserved");
  error.reserved = 0;
  statement.struct_size = 0;
  CHECK_ERROR(fo_mysql_verdict(&error, &statement, &verdict), FO_INVALID_ARGUMENT,
              "statement has the struct_size 0");
  statement.struct_size = sizeof statement;
  statement.send_state = 3;
  CHECK_ERROR(fo_mysql_verdict(&error, &statement, &verdict), FO_INVALID_ARGUMENT,
              "statement.send_state");
  statement.send_state = -1;
  CHECK_ERROR(fo_mysql_verdict(&error, &statement, &verdict), FO_INVALID_ARGUMENT,
              "statement.send_state");
  CHECK(verdict.wait == 0 && verdict.attempt == FO_ATTEMPT_UNKNOWN);
}

static void TestVerdicts(void) {
  fo_mysql_error error = ReadOnly();
  fo_mysql_statement statement = {.struct_size = sizeof statement};
  fo_verdict verdict = {.struct_size = sizeof verdict};
  CHECK(fo_mysql_verdict(&error, NULL, &verdict) == FO_OK);
  CHECK(verdict.outcome == FO_OUTCOME_NOT_EXECUTED && verdict.attempt == FO_ATTEMPT_REFUSED);
  CHECK(verdict.wait != 0 && verdict.note == 0);
  statement.in_transaction = 1;
  CHECK(fo_mysql_verdict(&error, &statement, &verdict) == FO_OK);
  CHECK(verdict.outcome == FO_OUTCOME_NOT_EXECUTED);
  CHECK(verdict.attempt == FO_ATTEMPT_FAILED_OTHERWISE);
  CHECK(verdict.wait == 0 && verdict.note != 0);
  /* Texts that are missing are empty: nobody knows which option refused the statement. */
  error.text = NULL;
  error.sqlstate = NULL;
  CHECK(fo_mysql_verdict(&error, NULL, &verdict) == FO_OK);
  CHECK(verdict.wait == 0 && verdict.note == 0);
  /* The connection was lost. */
  error.number = 0;
  CHECK(fo_mysql_verdict(&error, NULL, &verdict) == FO_OK);
  CHECK(verdict.outcome == FO_OUTCOME_UNKNOWN && verdict.attempt == FO_ATTEMPT_UNKNOWN);
  CHECK(verdict.wait == 0 && verdict.note == 0);
  /* No server listens. */
  error.number = 2002;
  statement.in_transaction = 0;
  statement.send_state = FO_NOT_SENT;
  error.text = "Can't connect to server on '10.0.0.1' (111)";
  CHECK(fo_mysql_verdict(&error, &statement, &verdict) == FO_OK);
  CHECK(verdict.wait != 0 && verdict.attempt == FO_ATTEMPT_REFUSED_AT_CONNECT);
  /* A duplicate key. */
  error.number = 1062;
  error.text = "Duplicate entry '1' for key 'PRIMARY'";
  CHECK(fo_mysql_verdict(&error, NULL, &verdict) == FO_OK);
  CHECK(verdict.outcome == FO_OUTCOME_FAILED && verdict.wait == 0 && verdict.note == 0);
  /* A deadlock. */
  error.number = 1213;
  CHECK(fo_mysql_verdict(&error, NULL, &verdict) == FO_OK);
  CHECK(verdict.outcome == FO_OUTCOME_ROLLED_BACK && verdict.wait == 0);
}

static const char* SetDatabase(fo_monitored_server* server) {
  server->database = "commerce";
  return "database";
}

static void TestPublicKey(void) {
  fo_buffer* const buffer = MakeManualBuffer();
  fo_monitored_server server = {.struct_size = sizeof server};
  fo_monitored_shard shard = {sizeof shard, GetShard(buffer), &server, 1};
  fo_monitor_options options = {.struct_size = sizeof options};
  fo_monitor* monitor = NULL;
  server.host = "127.0.0.1";
  server.user = "monitor";
  server.server_public_key_file = "/nowhere/public_key.pem";
  options.shards = &shard;
  options.shard_count = 1;
  CHECK_ERROR(fo_mysql_monitor_create(buffer, &options, &monitor, NULL, 0), FO_INVALID_ARGUMENT,
              "shards[0].servers[0].server_public_key_file is not a file");
  fo_buffer_destroy(buffer);
}

int main(void) {
  if (sizeof(void*) == 8) TestStructs();
  TestBadVerdicts();
  TestVerdicts();
  TestMonitors(fo_mysql_monitor_create, SetDatabase);
  TestPublicKey();
  puts("all tests in C of MySQL passed");
  return 0;
}
