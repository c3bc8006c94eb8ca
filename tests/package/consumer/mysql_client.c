/* A program in C. It asks what an error of MySQL means, and watches a server that nobody runs. */
#include <stdio.h>

#include "failover/c/mysql.h"

int main(void) {
  fo_options options = {.struct_size = sizeof(options)};
  fo_mysql_error refused = {.struct_size = sizeof(refused)};
  fo_verdict verdict = {.struct_size = sizeof(verdict)};
  fo_monitored_server server = {.struct_size = sizeof(server)};
  fo_monitored_shard watched = {.struct_size = sizeof(watched)};
  fo_monitor_options monitor_options = {.struct_size = sizeof(monitor_options)};
  fo_buffer* buffer = NULL;
  fo_monitor* monitor = NULL;
  char error[256];
  char primary[64];

  refused.number = 1290;
  refused.text = "The MariaDB server is running with the --read-only option";
  if (fo_mysql_verdict(&refused, NULL, &verdict) != FO_OK || !verdict.wait) return 1;

  if (fo_buffer_create(&options, &buffer, error, sizeof(error)) != FO_OK) return 2;
  if (fo_shard_get(buffer, "commerce", "-80", &watched.shard) != FO_OK) return 3;
  server.unix_socket = "no-server-here.sock";
  server.user = "monitor";
  watched.servers = &server;
  watched.server_count = 1;
  monitor_options.shards = &watched;
  monitor_options.shard_count = 1;
  if (fo_mysql_monitor_create(buffer, &monitor_options, &monitor, error, sizeof(error)) != FO_OK) {
    fprintf(stderr, "mysql_client: %s\n", error);
    return 4;
  }
  if (fo_primary(buffer, watched.shard, primary, sizeof(primary)) != FO_NO_PRIMARY) return 5;
  fo_monitor_destroy(monitor);
  fo_buffer_destroy(buffer);
  puts("a program in C watched a MySQL server");
  return 0;
}
