/* A program in C. It asks what an error of PostgreSQL means, and watches a server that nobody runs.
 */
#include <stdio.h>

#include "failover/c/postgres.h"

int main(void) {
  fo_options options = {.struct_size = sizeof(options)};
  fo_postgres_error refused = {.struct_size = sizeof(refused)};
  fo_postgres_statement statement = {.struct_size = sizeof(statement)};
  fo_verdict verdict = {.struct_size = sizeof(verdict)};
  fo_monitored_server server = {.struct_size = sizeof(server)};
  fo_monitored_shard watched = {.struct_size = sizeof(watched)};
  fo_monitor_options monitor_options = {.struct_size = sizeof(monitor_options)};
  fo_buffer* buffer = NULL;
  fo_monitor* monitor = NULL;
  char error[256];
  char primary[64];

  refused.source = FO_POSTGRES_ERROR_RESPONSE;
  refused.severity = "ERROR";
  refused.sqlstate = "25006";
  statement.kind = FO_POSTGRES_SINGLE;
  if (fo_postgres_verdict(&refused, &statement, &verdict) != FO_OK || !verdict.wait) return 1;

  if (fo_buffer_create(&options, &buffer, error, sizeof(error)) != FO_OK) return 2;
  if (fo_shard_get(buffer, "commerce", "-80", &watched.shard) != FO_OK) return 3;
  server.unix_socket = "/no-server-here/.s.PGSQL.5432";
  server.user = "monitor";
  watched.servers = &server;
  watched.server_count = 1;
  monitor_options.shards = &watched;
  monitor_options.shard_count = 1;
  if (fo_postgres_monitor_create(buffer, &monitor_options, &monitor, error, sizeof(error)) !=
      FO_OK) {
    fprintf(stderr, "postgres_client: %s\n", error);
    return 4;
  }
  if (fo_primary(buffer, watched.shard, primary, sizeof(primary)) != FO_NO_PRIMARY) return 5;
  fo_monitor_destroy(monitor);
  fo_buffer_destroy(buffer);
  puts("a program in C watched a PostgreSQL server");
  return 0;
}
