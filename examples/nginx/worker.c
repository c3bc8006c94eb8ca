/* The buffer of a worker, and how the worker's event loop drives it. */

#include "ngx_stream_failover.h"

FailoverWorker failover_worker;

static void Log(void* arg, int32_t level, const char* line) {
  ngx_uint_t nginx_level = NGX_LOG_NOTICE;
  (void)arg;
  if (ngx_process != NGX_PROCESS_WORKER) return; /* the buffer is there only to check the options */
  if (level == FO_LOG_WARNING) nginx_level = NGX_LOG_WARN;
  if (level == FO_LOG_ERROR) nginx_level = NGX_LOG_ERR;
  ngx_log_error(nginx_level, ngx_cycle->log, 0, "failover: %s", line);
}

fo_result FailoverCreateBuffer(const FailoverSettings* settings, fo_buffer** out, char* error,
                               size_t error_size) {
  fo_options options;
  ngx_memzero(&options, sizeof options);
  options.struct_size = sizeof options;
  options.threading = FO_MANUAL;
  options.size = settings->size;
  options.window_ms = (int64_t)settings->window;
  options.max_failover_duration_ms = (int64_t)settings->max_duration;
  options.min_time_between_failovers_ms = (int64_t)settings->min_time_between;
  options.log = Log;
  return fo_buffer_create(&options, out, error, error_size);
}

ngx_connection_t* FailoverWatch(int fd, ngx_event_handler_pt handler, void* data, ngx_log_t* log) {
  ngx_connection_t* const connection = ngx_get_connection(fd, log);
  if (connection == NULL) return NULL;
  connection->data = data;
  connection->log = log;
  connection->read->log = log;
  connection->write->log = log;
  connection->read->handler = handler;
  connection->read->channel = 1;
  connection->write->channel = 1;
  if (ngx_add_event(connection->read, NGX_READ_EVENT, 0) != NGX_OK) {
    ngx_free_connection(connection);
    return NULL;
  }
  return connection;
}

void FailoverCountHeld(int change) {
  ngx_event_t* const due = failover_worker.due->read;
  failover_worker.held += (ngx_uint_t)change;
  /* A worker that is told to quit waits for each timer that is not cancelable. */
  due->cancelable = failover_worker.held == 0;
  if (failover_worker.held > 0 && !due->timer_set) ngx_add_timer(due, 1);
}

/* The descriptor is readable, or the timer has expired. */
static void OnDue(ngx_event_t* due) {
  const int64_t idle_ms = fo_poll(failover_worker.buffer);
  due->timedout = 0;
  /* nginx keeps a timer that is moved by less than 0.3 s, so the timer is set anew. */
  if (due->timer_set) ngx_del_timer(due);
  if (idle_ms >= 0) ngx_add_timer(due, (ngx_msec_t)idle_ms);
  if (idle_ms < -1) ngx_log_error(NGX_LOG_ALERT, due->log, 0, "failover: %s", fo_error_text());
}

static ngx_int_t FindShards(const FailoverSettings* settings, ngx_log_t* log) {
  FailoverUpstream** const upstreams = settings->upstreams.elts;
  for (ngx_uint_t i = 0; i < settings->upstreams.nelts; ++i) {
    FailoverUpstream* const upstream = upstreams[i];
    if (fo_shard_get(failover_worker.buffer, upstream->keyspace, upstream->shard_name,
                     &upstream->shard) != FO_OK) {
      ngx_log_error(NGX_LOG_EMERG, log, 0, "failover: upstream \"%V\": %s", &upstream->block->host,
                    fo_error_text());
      return NGX_ERROR;
    }
  }
  return NGX_OK;
}

ngx_int_t FailoverStartWorker(ngx_cycle_t* cycle) {
  char error[256];
  FailoverSettings* const settings =
      ngx_stream_cycle_get_module_main_conf(cycle, ngx_stream_failover_module);
  if (settings == NULL || settings->upstreams.nelts == 0) return NGX_OK;
  if (ngx_process == NGX_PROCESS_SINGLE) {
    /* nginx does not say when such a process has another configuration. */
    ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "failover: needs \"master_process on\"");
    return NGX_ERROR;
  }
  if (ngx_process != NGX_PROCESS_WORKER) return NGX_OK;

  failover_worker.settings = settings;
  ngx_queue_init(&failover_worker.sessions);
  if (FailoverCreateBuffer(settings, &failover_worker.buffer, error, sizeof error) != FO_OK) {
    ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "failover: no buffer: %s", error);
    return NGX_ERROR;
  }
  failover_worker.due =
      FailoverWatch(fo_wakeup_fd(failover_worker.buffer), OnDue, NULL, cycle->log);
  if (failover_worker.due == NULL) return NGX_ERROR;
  failover_worker.due->read->cancelable = 1;
  if (FindShards(settings, cycle->log) != NGX_OK) return NGX_ERROR;
  return FailoverOpenControl(settings, cycle->log);
}

void FailoverEndWorker(ngx_cycle_t* cycle) {
  (void)cycle;
  if (failover_worker.buffer == NULL) return;
  failover_worker.ending = 1;
  FailoverCloseControl();
  /* The token of a session that was not held must end before the buffer. */
  FailoverReleaseSessions();
  fo_buffer_destroy(failover_worker.buffer);
  failover_worker.buffer = NULL;
}
