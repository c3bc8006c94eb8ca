/* Monitors of any database: wrong options, forked processes, the report of a server that is down.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { kServers = 2 };

/* Options that are right, and that a test makes wrong. */
typedef struct {
  fo_buffer* buffer;
  fo_monitored_server servers[kServers];
  fo_monitored_shard shard;
  fo_monitor_options options;
} Watched;

static void Reset(Watched* watched, fo_buffer* buffer) {
  int i = 0;
  memset(watched, 0, sizeof *watched);
  watched->buffer = buffer;
  for (i = 0; i < kServers; ++i) {
    fo_monitored_server* const server = &watched->servers[i];
    server->struct_size = sizeof *server;
    server->host = "127.0.0.1";
    server->port = i + 1;
    server->user = "monitor";
  }
  watched->shard.struct_size = sizeof watched->shard;
  watched->shard.shard = GetShard(buffer);
  watched->shard.servers = watched->servers;
  watched->shard.server_count = kServers;
  watched->options.struct_size = sizeof watched->options;
  watched->options.shards = &watched->shard;
  watched->options.shard_count = 1;
}

/* Checks that the options are wrong, and makes them right again. */
static void CheckWrong(CreateMonitor create, Watched* watched, const char* text) {
  fo_monitor* monitor = (fo_monitor*)watched;
  char error[16];
  memset(error, 'x', sizeof error);
  CHECK_ERROR(create(watched->buffer, &watched->options, &monitor, error, sizeof error),
              FO_INVALID_ARGUMENT, text);
  CHECK(monitor == NULL);
  CHECK(strlen(error) == 15 && strncmp(error, fo_error_text(), 15) == 0);
  Reset(watched, watched->buffer);
}

static void TestShards(CreateMonitor create, Watched* watched) {
  fo_buffer* const other = MakeManualBuffer();
  watched->options.struct_size = 8;
  CheckWrong(create, watched, "options has the struct_size 8, it must be");
  watched->options.reserved = 1;
  CheckWrong(create, watched, "options.reserved is not zero");
  watched->options.shards = NULL;
  CheckWrong(create, watched, "options.shards is NULL");
  watched->options.shard_count = 0;
  CheckWrong(create, watched, "options.shards is NULL, or shard_count is zero");
  watched->options.jitter_percent = 100;
  CheckWrong(create, watched, "options.jitter_percent");
  watched->options.jitter_percent = -2;
  CheckWrong(create, watched, "options.jitter_percent");
  watched->options.poll_interval_ms = FO_NONE;
  CheckWrong(create, watched, "poll_interval must be from 1ms to 1h");
  watched->options.timeout_ms = INT64_MAX;
  CheckWrong(create, watched, "timeout must be");
  watched->options.urgent_interval_ms = INT64_MIN;
  CheckWrong(create, watched, "urgent_interval must be");
  watched->options.urgent_duration_ms = -2;
  CheckWrong(create, watched, "urgent_duration must be");
  watched->options.hold_interval_ms = -3;
  CheckWrong(create, watched, "hold_interval must be");
  watched->shard.struct_size = 5;
  CheckWrong(create, watched, "shards[0] has the struct_size 5, it must be");
  watched->shard.shard.opaque = 0;
  CheckWrong(create, watched, "shards[0].shard did not come from fo_shard_get");
  watched->shard.shard = GetShard(other);
  CheckWrong(create, watched, "shards[0].shard did not come from fo_shard_get");
  watched->shard.servers = NULL;
  CheckWrong(create, watched, "shards[0].servers is NULL");
  watched->shard.server_count = 0;
  CheckWrong(create, watched, "shards[0].servers is NULL, or server_count is zero");
  fo_buffer_destroy(other);
}

static void TestServers(CreateMonitor create, Watched* watched,
                        const char* (*forbid)(fo_monitored_server* server)) {
  fo_monitored_server* const server = &watched->servers[1];
  char text[100];
  server->struct_size = 7;
  CheckWrong(create, watched, "shards[0].servers[1] has the struct_size 7, it must be");
  server->port = -1;
  CheckWrong(create, watched, "shards[0].servers[1].port must be from 1 to 65535");
  server->port = 65536;
  CheckWrong(create, watched, "shards[0].servers[1].port must be from 1 to 65535");
  server->tls = 3;
  CheckWrong(create, watched, "shards[0].servers[1].tls is no FO_TLS_");
  server->tls = -1;
  CheckWrong(create, watched, "shards[0].servers[1].tls is no FO_TLS_");
  server->tls = FO_TLS_VERIFY;
  CheckWrong(create, watched, "shards[0].servers[1].tls.ca_file must not be empty");
  server->tls = FO_TLS_VERIFY;
  server->tls_ca_file = "/nowhere/ca.pem";
  CheckWrong(create, watched, "shards[0].servers[1].tls.ca_file is not a file");
  server->tls = FO_TLS_REQUIRED;
  server->tls_server_name = "db.example";
  CheckWrong(create, watched, "shards[0].servers[1].tls.server_name needs kVerify");
  server->tls = FO_TLS_REQUIRED;
  server->tls_certificate_file = "/nowhere/cert.pem";
  CheckWrong(create, watched, "shards[0].servers[1].tls.certificate_file and key_file");
  server->tls_key_file = "/nowhere/key.pem";
  CheckWrong(create, watched, "shards[0].servers[1].tls.mode must not be kOff");
  server->name = "";
  CheckWrong(create, watched, "shards[0].servers[1].name is empty");
  server->name = "127.0.0.1:1"; /* the first server has this name without being given one */
  CheckWrong(create, watched, "shards[0].servers[1].alias occurs twice");
  server->name = "again";
  server->port = 1;
  CheckWrong(create, watched, "shards[0].servers[1] has the address of another server");
  server->user = NULL;
  CheckWrong(create, watched, "shards[0].servers[1].user must not be empty");
  server->host = NULL;
  CheckWrong(create, watched, "shards[0].servers[1] must have either a host or a unix_socket");
  server->unix_socket = "/nowhere/.s.PGSQL.1";
  CheckWrong(create, watched, "shards[0].servers[1] must have either a host or a unix_socket");
  snprintf(text, sizeof text, "shards[0].servers[1].%s is for another database", forbid(server));
  CheckWrong(create, watched, text);
}

static void TestPointers(CreateMonitor create, Watched* watched) {
  fo_monitor* monitor = (fo_monitor*)watched;
  char error[64];
  CHECK_ERROR(create(watched->buffer, &watched->options, NULL, NULL, 0), FO_INVALID_ARGUMENT,
              "out is NULL");
  CHECK_ERROR(create(NULL, &watched->options, &monitor, NULL, 5), FO_INVALID_ARGUMENT,
              "buffer is NULL");
  CHECK(monitor == NULL);
  CHECK_ERROR(create(watched->buffer, NULL, &monitor, error, 0), FO_INVALID_ARGUMENT,
              "options is NULL");
  fo_monitor_destroy(NULL);
}

/* A monitor of servers that nobody runs finds no primary, and can be replaced by another one. */
static void TestDownServers(CreateMonitor create, Watched* watched) {
  fo_monitor* monitor = NULL;
  char error[64] = "x";
  char primary[32];
  int i = 0;
  for (i = 0; i < 3; ++i) {
    watched->servers[0].name = i == 0 ? "a" : NULL;
    watched->options.jitter_percent = i == 0 ? FO_NONE : 50;
    watched->options.urgent_duration_ms = i == 0 ? FO_NONE : 10;
    CHECK(create(watched->buffer, &watched->options, &monitor, error, sizeof error) == FO_OK);
    CHECK(monitor != NULL && strcmp(error, "") == 0);
    CHECK(fo_primary(watched->buffer, watched->shard.shard, primary, sizeof primary) ==
          FO_NO_PRIMARY);
    fo_monitor_destroy(monitor);
  }
}

static void TestForks(CreateMonitor create, Watched* watched) {
  fo_monitor* monitor = NULL;
  int status = -1;
  pid_t child = 0;
  CHECK(create(watched->buffer, &watched->options, &monitor, NULL, 0) == FO_OK);
  fflush(NULL);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    fo_monitor* own = NULL;
    fo_monitor_destroy(monitor);
    CHECK_ERROR(create(watched->buffer, &watched->options, &own, NULL, 0), FO_WRONG_PROCESS,
                "another process");
    CHECK(own == NULL);
#if !defined(__SANITIZE_THREAD__)
    /* What the child makes itself works. ThreadSanitizer supports no thread that begins in a child
       of a process with several threads. */
    Reset(watched, MakeManualBuffer());
    CHECK(create(watched->buffer, &watched->options, &own, NULL, 0) == FO_OK);
    fo_monitor_destroy(own);
    fo_buffer_destroy(watched->buffer);
#endif
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  fo_monitor_destroy(monitor);
}

void TestMonitors(CreateMonitor create, const char* (*forbid)(fo_monitored_server* server)) {
  fo_buffer* const buffer = MakeManualBuffer();
  Watched watched;
  Reset(&watched, buffer);
  TestPointers(create, &watched);
  TestShards(create, &watched);
  TestServers(create, &watched, forbid);
  TestDownServers(create, &watched);
  TestForks(create, &watched);
  fo_buffer_destroy(buffer);
}
