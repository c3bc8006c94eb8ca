/* What the files of the module share. One worker has one buffer. Everything runs on the thread of
   the worker's event loop. ngx_config.h must come first, and brings the headers of the system. */
#ifndef FAILOVER_EXAMPLES_NGINX_NGX_STREAM_FAILOVER_H_
#define FAILOVER_EXAMPLES_NGINX_NGX_STREAM_FAILOVER_H_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_stream.h>

#include "failover/c/failover.h"

/* An `upstream` block with the directive `failover`: the servers of one shard. */
typedef struct {
  ngx_stream_upstream_srv_conf_t* block;
  const char* keyspace;
  const char* shard_name;
  /* Only in a worker. */
  fo_shard shard;
  ngx_uint_t connected; /* how many sessions were given a connection, and have not ended */
} FailoverUpstream;

/* The directives of the `stream` block. */
typedef struct {
  ngx_array_t upstreams; /* of FailoverUpstream* */
  ngx_str_t control;
  ngx_int_t size;
  ngx_msec_t window;
  ngx_msec_t max_duration;
  ngx_msec_t min_time_between;
  ngx_msec_t connect_timeout;
} FailoverSettings;

/* The directives of a `server` or an `upstream` block. */
typedef struct {
  FailoverUpstream* upstream; /* `failover` */
  ngx_str_t hold_name;        /* `failover_hold`, and what it names */
  FailoverUpstream* hold;
} FailoverBlock;

extern ngx_module_t ngx_stream_failover_module;

/* ---- worker.c ---------------------------------------------------------------------------------*/

typedef struct {
  FailoverSettings* settings;
  fo_buffer* buffer; /* NULL outside of workers */
  /* The descriptor of the buffer. Its event has the timer of the buffer, too. */
  ngx_connection_t* due;
  ngx_uint_t held;      /* how many sessions wait for the buffer */
  ngx_queue_t sessions; /* all that have passed the access phase or wait in it */
  ngx_flag_t ending;
} FailoverWorker;

extern FailoverWorker failover_worker;

/* Makes a buffer with these settings, and writes what is wrong with them to `error`. */
fo_result FailoverCreateBuffer(const FailoverSettings* settings, fo_buffer** out, char* error,
                               size_t error_size);
ngx_int_t FailoverStartWorker(ngx_cycle_t* cycle);
void FailoverEndWorker(ngx_cycle_t* cycle);

/* Calls `handler` whenever the descriptor is readable. A worker that is told to quit does not wait
   for such a connection, nor complain of it. Returns NULL on an error. */
ngx_connection_t* FailoverWatch(int fd, ngx_event_handler_pt handler, void* data, ngx_log_t* log);
/* A session begins (1) or ends (-1) to wait for the buffer. A worker that is told to quit stays as
   long as one does. */
void FailoverCountHeld(int change);

/* ---- session.c --------------------------------------------------------------------------------*/

/* The handler of the access phase. */
ngx_int_t FailoverAccess(ngx_stream_session_t* s);
/* Gives the connection of the access phase to ngx_stream_proxy_module. */
ngx_int_t FailoverInitPeer(ngx_stream_session_t* s, ngx_stream_upstream_srv_conf_t* block);
/* Ends what all sessions have of the buffer. */
void FailoverReleaseSessions(void);

/* ---- connect.c --------------------------------------------------------------------------------*/

/* Begins to connect. FO_ATTEMPT_NONE: *out is the connection, and `handler` is called for its
   events. Otherwise it tells how the attempt failed. */
fo_attempt FailoverConnect(const ngx_addr_t* address, ngx_log_t* log, ngx_pool_t* pool,
                           ngx_event_handler_pt handler, void* data, ngx_connection_t** out);
/* How the attempt ended whose connection has an event: FO_ATTEMPT_SUCCEEDED, or an error. */
fo_attempt FailoverConnectEnded(ngx_connection_t* connection);

/* ---- control.c --------------------------------------------------------------------------------*/

ngx_int_t FailoverOpenControl(const FailoverSettings* settings, ngx_log_t* log);
void FailoverCloseControl(void);

#endif /* FAILOVER_EXAMPLES_NGINX_NGX_STREAM_FAILOVER_H_ */
