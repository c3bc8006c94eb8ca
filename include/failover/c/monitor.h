/* Monitors, which watch the servers of shards and tell a buffer which of them is the primary.
 *
 *   fo_monitored_server servers[2] = {{.struct_size = sizeof servers[0]},
 *                                     {.struct_size = sizeof servers[0]}};
 *   servers[0].host = "10.0.0.1";
 *   servers[0].user = "monitor";
 *   servers[0].password = password;
 *   ...
 *   fo_monitored_shard watched = {sizeof watched, shard, servers, 2};
 *   fo_monitor_options options = {.struct_size = sizeof options};
 *   options.shards = &watched;
 *   options.shard_count = 1;
 *   fo_monitor* monitor = NULL;
 *   if (fo_mysql_monitor_create(buffer, &options, &monitor, error, sizeof error) != FO_OK) ...
 *   ...
 *   fo_monitor_destroy(monitor);
 *   fo_buffer_destroy(buffer);
 *
 * The monitors of a database are made by failover/c/mysql.h or failover/c/postgres.h. Their rules
 * are those of failover/mysql/primary_monitor.h and failover/postgres/primary_monitor.h: a primary
 * is replaced only by a server that was promoted, so replicas must be read-only, and nobody but the
 * true server learns the password. A monitor has one thread and one connection to each server.
 * While a shard holds requests, its servers are asked at once and more often.
 *
 * What a monitor finds goes to the buffer and to fo_primary. Do not tell fo_report or
 * fo_stats_update of a shard that a monitor watches.
 */
#ifndef FAILOVER_C_MONITOR_H_
#define FAILOVER_C_MONITOR_H_

#include "failover/c/failover.h"

/* C has no other way to name a type. NOLINTBEGIN(modernize-use-using) */

#ifdef __cplusplus
extern "C" {
#endif

/* How much the TLS of a connection proves (failover/watch/server_tls.h). */
enum {
  FO_TLS_OFF = 0,
  FO_TLS_REQUIRED = 1, /* encrypted, and nobody checks who the server is */
  FO_TLS_VERIFY = 2    /* encrypted, and the certificate proves who the server is */
};

/* One server, and how to reach it: by `host` and `port`, or by `unix_socket`. A text that is NULL
   is empty, unless something else is said. failover/mysql/monitored_server.h and
   failover/postgres/monitored_server.h explain the fields. */
typedef struct {
  size_t struct_size;
  /* What fo_primary and the log call the server; unique within the shard. NULL: "host:port", or the
     path of the socket. */
  const char* name;
  const char* host;
  const char* unix_socket;
  int32_t port; /* zero: 3306 for MySQL, 5432 for PostgreSQL */
  int32_t tls;  /* FO_TLS_... */
  const char* user;
  const char* password;
  const char* tls_ca_file;
  const char* tls_server_name;
  const char* tls_certificate_file;
  const char* tls_key_file;
  const char* server_public_key_file; /* for MySQL only */
  const char* database;               /* for PostgreSQL only. NULL: "postgres" */
} fo_monitored_server;

/* The servers that may become the primary of a shard of the buffer. */
typedef struct {
  size_t struct_size;
  fo_shard shard;
  const fo_monitored_server* servers;
  size_t server_count;
} fo_monitored_shard;

/* failover/watch/monitor.h explains the intervals and their defaults. */
typedef struct {
  size_t struct_size;
  const fo_monitored_shard* shards;
  size_t shard_count;
  int64_t poll_interval_ms;
  int64_t timeout_ms; /* for one check of one server */
  int64_t urgent_interval_ms;
  int64_t urgent_duration_ms; /* FO_NONE: none */
  int64_t hold_interval_ms;
  int32_t jitter_percent; /* zero: 20. FO_NONE: none */
  int32_t reserved;
} fo_monitor_options;

/* Watches any number of shards of one buffer. The log lines go where those of the buffer go, and
   hold no password. */
typedef struct fo_monitor fo_monitor;

/* Ends the thread and the connections, and waits for both, which takes no longer than the functions
   of the program that the buffer calls on this thread. Destroy each monitor before its buffer.
   Must not be called inside fo_options.log and fo_options.on_transition. */
FO_EXPORT void fo_monitor_destroy(fo_monitor* monitor);

#ifdef __cplusplus
} /* extern "C" */
#endif

/* NOLINTEND(modernize-use-using) */

#endif /* FAILOVER_C_MONITOR_H_ */
