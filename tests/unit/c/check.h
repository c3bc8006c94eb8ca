/* What the tests in C share. */
#ifndef FAILOVER_TESTS_UNIT_C_CHECK_H_
#define FAILOVER_TESTS_UNIT_C_CHECK_H_

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failover/c/failover.h"
#include "failover/c/monitor.h"

/* Ends the test program with a message if the condition does not hold. */
#define CHECK(condition)                                                                   \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      fprintf(stderr, "%s:%d: %s does not hold; the last error: %s\n", __FILE__, __LINE__, \
              #condition, fo_error_text());                                                \
      exit(1);                                                                             \
    }                                                                                      \
  } while (0)

/* Checks that the call failed so, and that the text of the error contains `text`. */
#define CHECK_ERROR(call, result, text)             \
  do {                                              \
    CHECK((call) == (result));                      \
    CHECK(strstr(fo_error_text(), (text)) != NULL); \
  } while (0)

/* The layout of a struct. */
#define SIZE(type, size) CHECK(sizeof(type) == (size))
#define FIELD(type, field, offset) CHECK(offsetof(type, field) == (offset))

void DropLine(void* arg, int32_t level, const char* line);

/* Makes a buffer that the test polls, with a descriptor, that logs nothing. */
fo_buffer* MakeManualBuffer(void);
fo_shard GetShard(fo_buffer* buffer);

/* The tests, one function per file. */
void TestLayout(void);
void TestBadInput(void);
void TestRequests(void);
void TestShutdown(void);
void TestInboxes(void);
void TestSteps(void);
void TestSwitchovers(void);
void TestFork(void);
void TestMetrics(void);

/* The tests of a monitor, for the programs that test a database. */
typedef fo_result (*CreateMonitor)(fo_buffer* buffer, const fo_monitor_options* options,
                                   fo_monitor** out, char* error, size_t error_size);
/* `forbid` sets the field of a server that is for another database, and returns its name. */
void TestMonitors(CreateMonitor create, const char* (*forbid)(fo_monitored_server* server));

#endif /* FAILOVER_TESTS_UNIT_C_CHECK_H_ */
