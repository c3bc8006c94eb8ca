// The program of ../driver_test.cc for C: libpq, with its pipeline mode.
//
// usage: driver <port> <name> features|load
//
// What a program does in which order, and what it prints, is the same in all languages.
// ../driver_test.cc has the text.

#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMostParameters = 3, kText = 200 };

static const char* port;
static const char* name;

static void Fail(PGconn* db) {
  printf("failed: %s\n", PQerrorMessage(db));
  exit(1);
}

static PGconn* Open(void) {
  char login[kText];
  snprintf(login, sizeof login, "host=127.0.0.1 port=%s user=app password=secret dbname=postgres",
           port);
  PGconn* const db = PQconnectdb(login);
  if (PQstatus(db) != CONNECTION_OK) Fail(db);
  return db;
}

static const char* SqlstateOf(const PGresult* result) {
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_PIPELINE_SYNC:
      return "none";
    default: {
      const char* const sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
      return sqlstate == NULL ? PQresultErrorMessage(result) : sqlstate;
    }
  }
}

// The SQLSTATE of a result that is not needed any more.
static const char* Ended(PGresult* result) {
  static char sqlstate[kText];
  snprintf(sqlstate, sizeof sqlstate, "%s", SqlstateOf(result));
  PQclear(result);
  return sqlstate;
}

static PGresult* Checked(PGconn* db, PGresult* result) {
  if (strcmp(SqlstateOf(result), "none") != 0) Fail(db);
  return result;
}

static void Run(PGconn* db, const char* sql) { PQclear(Checked(db, PQexec(db, sql))); }

static const char* Get(PGconn* db, const char* sql) {
  static char value[kText];
  PGresult* const result = Checked(db, PQexec(db, sql));
  snprintf(value, sizeof value, "%s", PQgetvalue(result, 0, 0));
  PQclear(result);
  return value;
}

// A row of which the second value is a number.
struct Row {
  char number[kText];
  const char* values[kMostParameters];
};

static void MakeRow(struct Row* row, int number, const char* text) {
  snprintf(row->number, sizeof row->number, "%d", number);
  row->values[0] = name;
  row->values[1] = row->number;
  row->values[2] = text;
}

static PGresult* Insert(PGconn* db, const char* sql, int number, const char* text) {
  struct Row row;
  MakeRow(&row, number, text);
  return PQexecParams(db, sql, text == NULL ? 2 : 3, NULL, row.values, NULL, NULL, 0);
}

// All that is sent before the synchronisation is one transaction.
static const char* Batch(PGconn* db, const char* sql, int begin, int end, const char* text) {
  static char first_error[kText];
  strcpy(first_error, "none");
  if (!PQenterPipelineMode(db)) Fail(db);
  for (int i = begin; i < end; ++i) {
    struct Row row;
    MakeRow(&row, i, text);
    if (!PQsendQueryParams(db, sql, text == NULL ? 2 : 3, NULL, row.values, NULL, NULL, 0)) {
      Fail(db);
    }
  }
  if (!PQpipelineSync(db)) Fail(db);
  for (bool synchronised = false; !synchronised;) {
    PGresult* const result = PQgetResult(db);
    if (result == NULL && PQstatus(db) != CONNECTION_OK) Fail(db);
    if (result == NULL) continue;
    synchronised = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    if (strcmp(first_error, "none") == 0) {
      snprintf(first_error, sizeof first_error, "%s", SqlstateOf(result));
    }
    PQclear(result);
  }
  if (!PQexitPipelineMode(db)) Fail(db);
  return first_error;
}

// The answer to the first statement is asked for before the second is sent.
static int SumOfFlushedPipeline(PGconn* db) {
  int sum = 0;
  if (!PQenterPipelineMode(db)) Fail(db);
  for (int i = 0; i < 2; ++i) {
    if (!PQsendQueryParams(db, "SELECT 21", 0, NULL, NULL, NULL, NULL, 0)) Fail(db);
    if (!(i == 0 ? PQsendFlushRequest(db) : PQpipelineSync(db)) || PQflush(db) != 0) Fail(db);
    PGresult* const result = Checked(db, PQgetResult(db));
    sum += atoi(PQgetvalue(result, 0, 0));
    PQclear(result);
    PQclear(PQgetResult(db));
  }
  PQclear(Checked(db, PQgetResult(db)));
  if (!PQexitPipelineMode(db)) Fail(db);
  return sum;
}

static int SumOfCopy(PGconn* db) {
  Run(db, "COPY copied FROM STDIN");
  for (int i = 0; i < 1000; ++i) {
    char line[kText];
    const int length = snprintf(line, sizeof line, "%s\t%d\t%0100d\n", name, i, 0);
    if (PQputCopyData(db, line, length) != 1) Fail(db);
  }
  if (PQputCopyEnd(db, NULL) != 1) Fail(db);
  PQclear(Checked(db, PQgetResult(db)));
  PQclear(PQgetResult(db));
  char sql[kText];
  snprintf(sql, sizeof sql, "COPY (SELECT i FROM copied WHERE client = '%s' ORDER BY i) TO STDOUT",
           name);
  Run(db, sql);
  int sum = 0;
  char* line = NULL;
  while (PQgetCopyData(db, &line, 0) > 0) {
    sum += atoi(line);
    PQfreemem(line);
  }
  PQclear(Checked(db, PQgetResult(db)));
  PQclear(PQgetResult(db));
  return sum;
}

static void PrintCursor(PGconn* db) {
  int count = 0;
  int sum = 0;
  Run(db, "BEGIN");
  Run(db, "DECLARE portions CURSOR FOR SELECT i FROM generate_series(1, 1000) i");
  for (int rows = -1; rows != 0; count += rows) {
    PGresult* const result = Checked(db, PQexec(db, "FETCH 100 FROM portions"));
    rows = PQntuples(result);
    for (int i = 0; i < rows; ++i) sum += atoi(PQgetvalue(result, i, 0));
    PQclear(result);
  }
  Run(db, "COMMIT");
  printf("cursor: %d %d\n", count, sum);
}

static void* CancelOnceAsleep(void* cancel) {
  PGconn* const other = Open();
  char asleep[2 * kText];
  snprintf(asleep, sizeof asleep,
           "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query = "
           "'SELECT pg_sleep(100) -- ' || '%s'",
           name);
  bool is_asleep = false;
  while (!is_asleep) {
    PGresult* const result = Checked(other, PQexec(other, asleep));
    is_asleep = strcmp(PQgetvalue(result, 0, 0), "0") != 0;
    PQclear(result);
  }
  char error[kText];
  if (!PQcancel(cancel, error, sizeof error)) printf("failed: %s\n", error);
  PQfinish(other);
  return NULL;
}

static const char* CancelOnce(void) {
  PGconn* const db = Open();
  char sleep[kText];
  snprintf(sleep, sizeof sleep, "SELECT pg_sleep(100) -- %s", name);
  PGcancel* const cancel = PQgetCancel(db);
  pthread_t thread;
  if (pthread_create(&thread, NULL, CancelOnceAsleep, cancel) != 0) exit(1);
  const char* const sqlstate = Ended(PQexec(db, sleep));
  pthread_join(thread, NULL);
  PQfreeCancel(cancel);
  PQfinish(db);
  return sqlstate;
}

// The rows come one by one.
static void PrintLarge(PGconn* db) {
  int rows = 0;
  int length = 0;
  if (!PQsendQuery(db, "SELECT repeat('x', 1000) FROM generate_series(1, 20000)")) Fail(db);
  PQsetSingleRowMode(db);
  for (PGresult* result = NULL; (result = PQgetResult(db)) != NULL; PQclear(result)) {
    if (PQresultStatus(result) != PGRES_SINGLE_TUPLE) continue;
    ++rows;
    length += PQgetlength(result, 0, 0);
  }
  printf("large: %d %d\n", rows, length);
}

static void Features(PGconn* db) {
  const char* const insert = "INSERT INTO item VALUES ($1, $2, $3)";
  char count[kText];
  snprintf(count, sizeof count, "SELECT count(*) FROM item WHERE client = '%s'", name);
  printf("simple: %s\n", Get(db, "SELECT 1"));
  const char* const values[] = {"42", "it's", NULL};
  PGresult* result =
      Checked(db, PQexecParams(db, "SELECT $1::int, $2::text, ($3::text IS NULL)::int", 3, NULL,
                               values, NULL, NULL, 0));
  printf("parameters: %s %s %s\n", PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1),
         PQgetvalue(result, 0, 2));
  PQclear(result);
  PQclear(Checked(db, PQprepare(db, "next", "SELECT $1::int + 1", 1, NULL)));
  printf("prepared:");
  for (int i = 0; i < 8; ++i) {
    char number[kText];
    snprintf(number, sizeof number, "%d", i);
    const char* const parameter = number;
    result = Checked(db, PQexecPrepared(db, "next", 1, &parameter, NULL, NULL, 0));
    printf(" %s", PQgetvalue(result, 0, 0));
    PQclear(result);
  }
  Run(db, "BEGIN");
  PQclear(Checked(db, Insert(db, insert, 1, "one")));
  Run(db, "ROLLBACK");
  printf("\nrolled back: %s\n", Get(db, count));
  Run(db, "BEGIN");
  PQclear(Checked(db, Insert(db, insert, 1, "one")));
  PQclear(Checked(db, Insert(db, insert, 2, "two")));
  Run(db, "COMMIT");
  printf("committed: %s\n", Get(db, count));
  printf("duplicate: %s\n", Ended(Insert(db, insert, 1, "twice")));
  Run(db, "BEGIN");
  printf("duplicate in a transaction: %s", Ended(Insert(db, insert, 2, "twice")));
  printf(" %s\n", Ended(PQexec(db, "SELECT 1")));
  Run(db, "ROLLBACK");
  if (SumOfFlushedPipeline(db) != 42) Fail(db);
  Batch(db, insert, 100, 200, "batch");
  printf("batch: %s\n", Get(db, count));
  printf("duplicate in a batch: %s\n", Batch(db, insert, 0, 2, ""));
  printf("copied: %d\n", SumOfCopy(db));
  PrintCursor(db);
  printf("cancelled: %s\n", CancelOnce());
  PrintLarge(db);
  printf("at the end: %s\n", Get(db, "SELECT 1"));
}

// The SQLSTATE of the first statement that failed.
static const char* InsertTwo(PGconn* db, const char* insert, int first) {
  const char* sqlstate = Ended(PQexec(db, "BEGIN"));
  for (int i = first; i < first + 2 && strcmp(sqlstate, "none") == 0; ++i) {
    sqlstate = Ended(Insert(db, insert, i, NULL));
  }
  return strcmp(sqlstate, "none") == 0 ? Ended(PQexec(db, "COMMIT")) : sqlstate;
}

static void Load(PGconn* db) {
  const char* const where = "SELECT inet_server_port()";
  const int start = atoi(Get(db, where));
  const char* const insert = "INSERT INTO ledger VALUES ($1, $2)";
  PQclear(Checked(db, PQprepare(db, "insert", insert, 2, NULL)));
  int rows = 0;
  int repeated = 0;
  for (int rounds_after = 0; rounds_after < 20;) {
    char sql[kText];
    snprintf(sql, sizeof sql, "INSERT INTO ledger VALUES ('%s', %d)", name, rows);
    Run(db, sql);
    PQclear(Checked(db, Insert(db, insert, rows + 1, NULL)));
    struct Row row;
    MakeRow(&row, rows + 2, NULL);
    PQclear(Checked(db, PQexecPrepared(db, "insert", 2, row.values, NULL, NULL, 0)));
    if (strcmp(Batch(db, insert, rows + 3, rows + 8, NULL), "none") != 0) Fail(db);
    rows += 8;
    while (true) {
      const char* const sqlstate = InsertTwo(db, insert, rows);
      if (strcmp(sqlstate, "none") == 0) break;
      if (strcmp(sqlstate, "40001") != 0) Fail(db);
      // A COMMIT that failed has ended the transaction, and another end gets a warning.
      if (PQtransactionStatus(db) != PQTRANS_IDLE) Run(db, "ROLLBACK");
      ++repeated;
    }
    rows += 2;
    if (atoi(Get(db, where)) != start) ++rounds_after;
  }
  printf("rows %d repeated %d\n", rows, repeated);
}

int main(int count, char** arguments) {
  if (count != 4) return 2;
  port = arguments[1];
  name = arguments[2];
  PGconn* const db = Open();
  Features(db);
  if (strcmp(arguments[3], "load") == 0) Load(db);
  PQfinish(db);
  return 0;
}
