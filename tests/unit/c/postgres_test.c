/* The interface in C for PostgreSQL: layout, bad input, and a few verdicts in the words of C. The
   rows of the whole table are compared in postgres_rows_test.cc. */
#include "failover/c/postgres.h"

#include "check.h"

static void TestStructs(void) {
  SIZE(fo_postgres_error, 48);
  FIELD(fo_postgres_error, struct_size, 0);
  FIELD(fo_postgres_error, source, 8);
  FIELD(fo_postgres_error, reserved, 12);
  FIELD(fo_postgres_error, severity, 16);
  FIELD(fo_postgres_error, sqlstate, 24);
  FIELD(fo_postgres_error, text, 32);
  FIELD(fo_postgres_error, routine, 40);

  SIZE(fo_postgres_statement, 32);
  FIELD(fo_postgres_statement, struct_size, 0);
  FIELD(fo_postgres_statement, send_state, 8);
  FIELD(fo_postgres_statement, kind, 12);
  FIELD(fo_postgres_statement, in_transaction, 16);
  FIELD(fo_postgres_statement, read_only_requested, 20);
  FIELD(fo_postgres_statement, reply_begun, 24);
  FIELD(fo_postgres_statement, reserved, 28);
}

static void TestNumbers(void) {
  CHECK(FO_POSTGRES_CONNECTION_LOST == 0 && FO_POSTGRES_CONNECT_FAILED == 1);
  CHECK(FO_POSTGRES_ERROR_RESPONSE == 2 && FO_POSTGRES_NOTICE_RESPONSE == 3);
  CHECK(FO_POSTGRES_MAY_COMMIT_INSIDE == 0 && FO_POSTGRES_SINGLE == 1);
  CHECK(FO_POSTGRES_PIPELINE == 2 && FO_POSTGRES_BEGIN == 3);
  CHECK(FO_POSTGRES_COMMIT == 4 && FO_POSTGRES_TWO_PHASE == 5);
}

static fo_postgres_error ReadOnly(void) {
  fo_postgres_error error = {.struct_size = sizeof error};
  error.source = FO_POSTGRES_ERROR_RESPONSE;
  error.severity = "ERROR";
  error.sqlstate = "25006";
  error.text = "cannot execute INSERT in a read-only transaction";
  error.routine = "PreventCommandIfReadOnly";
  return error;
}

static void TestBadVerdicts(void) {
  fo_postgres_error error = ReadOnly();
  fo_postgres_statement statement = {.struct_size = sizeof statement};
  fo_verdict verdict = {.struct_size = sizeof verdict};
  int32_t number = 0;
  CHECK_ERROR(fo_postgres_verdict(&error, NULL, NULL), FO_INVALID_ARGUMENT, "verdict is NULL");
  verdict.struct_size = 0;
  CHECK_ERROR(fo_postgres_verdict(&error, NULL, &verdict), FO_INVALID_ARGUMENT,
              "verdict has the struct_size 0");
  verdict.struct_size = sizeof verdict;
  CHECK_ERROR(fo_postgres_verdict(NULL, &statement, &verdict), FO_INVALID_ARGUMENT,
              "error is NULL");
  CHECK(verdict.wait == 0 && verdict.note == 0 && verdict.outcome == FO_OUTCOME_UNKNOWN);
  CHECK(verdict.attempt == FO_ATTEMPT_UNKNOWN);
  error.struct_size = 1;
  CHECK_ERROR(fo_postgres_verdict(&error, NULL, &verdict), FO_INVALID_ARGUMENT,
              "error has the struct_size 1");
  error.struct_size = sizeof error;
  error.reserved = -1;
  CHECK_ERROR(fo_postgres_verdict(&error, NULL, &verdict), FO_INVALID_ARGUMENT, "error.reserved");
  error.reserved = 0;
  for (number = -1; number <= 4; number += 5) {
    error.source = number;
    CHECK_ERROR(fo_postgres_verdict(&error, NULL, &verdict), FO_INVALID_ARGUMENT, "error.source");
  }
  error.source = FO_POSTGRES_ERROR_RESPONSE;
  statement.struct_size = sizeof statement + 1;
  CHECK_ERROR(fo_postgres_verdict(&error, &statement, &verdict), FO_INVALID_ARGUMENT,
              "statement has the struct_size");
  statement.struct_size = sizeof statement;
  statement.reserved = 3;
  CHECK_ERROR(fo_postgres_verdict(&error, &statement, &verdict), FO_INVALID_ARGUMENT,
              "statement.reserved");
  statement.reserved = 0;
  for (number = -1; number <= 6; number += 7) {
    statement.kind = number;
    CHECK_ERROR(fo_postgres_verdict(&error, &statement, &verdict), FO_INVALID_ARGUMENT,
                "statement.kind");
  }
  statement.kind = FO_POSTGRES_SINGLE;
  for (number = -1; number <= 3; number += 4) {
    statement.send_state = number;
    CHECK_ERROR(fo_postgres_verdict(&error, &statement, &verdict), FO_INVALID_ARGUMENT,
                "statement.send_state");
  }
  CHECK(verdict.wait == 0 && verdict.attempt == FO_ATTEMPT_UNKNOWN);
}

static void TestVerdicts(void) {
  fo_postgres_error error = ReadOnly();
  fo_postgres_statement statement = {.struct_size = sizeof statement};
  fo_verdict verdict = {.struct_size = sizeof verdict};
  statement.kind = FO_POSTGRES_SINGLE;
  CHECK(fo_postgres_verdict(&error, &statement, &verdict) == FO_OK);
  CHECK(verdict.outcome == FO_OUTCOME_NOT_EXECUTED && verdict.attempt == FO_ATTEMPT_REFUSED);
  CHECK(verdict.wait != 0 && verdict.note == 0);
  /* Who says nothing of the statement gets no retry, but tells the buffer. */
  CHECK(fo_postgres_verdict(&error, NULL, &verdict) == FO_OK);
  CHECK(verdict.outcome == FO_OUTCOME_UNKNOWN && verdict.wait == 0 && verdict.note != 0);
  statement.in_transaction = 1;
  CHECK(fo_postgres_verdict(&error, &statement, &verdict) == FO_OK);
  CHECK(verdict.wait == 0 && verdict.note != 0);
  statement.in_transaction = 0;
  statement.read_only_requested = 1;
  CHECK(fo_postgres_verdict(&error, &statement, &verdict) == FO_OK);
  CHECK(verdict.wait == 0 && verdict.note == 0);
  statement.read_only_requested = 0;
  /* A translated word of the field S proves nothing. */
  error.severity = "FEHLER";
  CHECK(fo_postgres_verdict(&error, &statement, &verdict) == FO_OK);
  CHECK(verdict.outcome == FO_OUTCOME_UNKNOWN && verdict.wait == 0);
  /* The last words of a server that is shut down, before and after a row was read. */
  error.severity = "FATAL";
  error.sqlstate = "57P01";
  error.text = "terminating connection due to administrator command";
  error.routine = NULL;
  CHECK(fo_postgres_verdict(&error, &statement, &verdict) == FO_OK);
  CHECK(verdict.outcome == FO_OUTCOME_NOT_EXECUTED && verdict.wait != 0);
  statement.reply_begun = 1;
  CHECK(fo_postgres_verdict(&error, &statement, &verdict) == FO_OK);
  CHECK(verdict.outcome == FO_OUTCOME_UNKNOWN && verdict.attempt == FO_ATTEMPT_UNKNOWN);
  CHECK(verdict.wait == 0 && verdict.note != 0);
  statement.reply_begun = 0;
  /* A connection that was lost. */
  memset(&error, 0, sizeof error);
  error.struct_size = sizeof error;
  CHECK(fo_postgres_verdict(&error, &statement, &verdict) == FO_OK);
  CHECK(verdict.outcome == FO_OUTCOME_UNKNOWN && verdict.wait == 0 && verdict.note == 0);
  /* No server listens. */
  error.source = FO_POSTGRES_CONNECT_FAILED;
  statement.send_state = FO_NOT_SENT;
  CHECK(fo_postgres_verdict(&error, &statement, &verdict) == FO_OK);
  CHECK(verdict.wait != 0 && verdict.attempt == FO_ATTEMPT_REFUSED_AT_CONNECT);
}

static const char* SetPublicKey(fo_monitored_server* server) {
  server->server_public_key_file = "public_key.pem";
  return "server_public_key_file";
}

int main(void) {
  if (sizeof(void*) == 8) TestStructs();
  TestNumbers();
  TestBadVerdicts();
  TestVerdicts();
  TestMonitors(fo_postgres_monitor_create, SetPublicKey);
  puts("all tests in C of PostgreSQL passed");
  return 0;
}
