/* Connects to a server. ngx_event_connect_peer would do it in fewer lines, but does not tell a
   server that refuses from a machine that has no descriptor or no port left. The buffer must not
   take the second for a failover. */

#include "ngx_stream_failover.h"

static fo_attempt AttemptOf(ngx_err_t error) {
  switch (error) {
    case 0:
      return FO_ATTEMPT_SUCCEEDED;
    case NGX_ECONNREFUSED:
    case NGX_ECONNRESET:
    case NGX_ECONNABORTED:
    case NGX_ETIMEDOUT:
    case NGX_EHOSTDOWN:
    case NGX_EHOSTUNREACH:
    case NGX_ENETUNREACH:
    case NGX_ENOENT: /* the socket of a server on this machine */
      return FO_ATTEMPT_REFUSED_AT_CONNECT;
    default:
      return FO_ATTEMPT_FAILED_OTHERWISE;
  }
}

static ngx_connection_t* MakeConnection(const ngx_addr_t* address, ngx_log_t* log) {
  ngx_connection_t* connection;
  const ngx_socket_t fd = ngx_socket(address->sockaddr->sa_family, SOCK_STREAM, 0);
  if (fd == (ngx_socket_t)-1) {
    ngx_log_error(NGX_LOG_ALERT, log, ngx_socket_errno, ngx_socket_n " failed");
    return NULL;
  }
  connection = ngx_get_connection(fd, log);
  if (connection == NULL || ngx_nonblocking(fd) == -1) {
    ngx_log_error(NGX_LOG_ALERT, log, ngx_socket_errno, "no connection for \"%V\"", &address->name);
    if (connection != NULL) ngx_free_connection(connection);
    ngx_close_socket(fd);
    return NULL;
  }
  return connection;
}

/* As a connection that nginx has made itself. */
static void Prepare(ngx_connection_t* connection, int family, ngx_log_t* log, ngx_pool_t* pool) {
  connection->type = SOCK_STREAM;
  connection->recv = ngx_recv;
  connection->send = ngx_send;
  connection->recv_chain = ngx_recv_chain;
  connection->send_chain = ngx_send_chain;
  connection->log_error = NGX_ERROR_ERR;
  connection->log = log;
  connection->read->log = log;
  connection->write->log = log;
  connection->pool = pool;
  connection->start_time = ngx_current_msec;
  connection->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
  if (family == AF_UNIX) {
    connection->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    connection->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;
  }
}

fo_attempt FailoverConnect(const ngx_addr_t* address, ngx_log_t* log, ngx_pool_t* pool,
                           ngx_event_handler_pt handler, void* data, ngx_connection_t** out) {
  ngx_err_t error = 0;
  ngx_connection_t* const connection = MakeConnection(address, log);
  *out = NULL;
  if (connection == NULL) return FO_ATTEMPT_FAILED_OTHERWISE;
  Prepare(connection, address->sockaddr->sa_family, log, pool);
  connection->data = data;
  connection->read->handler = handler;
  connection->write->handler = handler;

  if (connect(connection->fd, address->sockaddr, address->socklen) == -1) error = ngx_socket_errno;
  if (error != 0 && error != NGX_EINPROGRESS) {
    ngx_log_error(NGX_LOG_ERR, log, error, "connect() to %V failed", &address->name);
    ngx_close_connection(connection);
    return AttemptOf(error);
  }
  /* If the connection is there already, the events come at once. */
  if (ngx_handle_read_event(connection->read, 0) != NGX_OK ||
      ngx_handle_write_event(connection->write, 0) != NGX_OK) {
    ngx_close_connection(connection);
    return FO_ATTEMPT_FAILED_OTHERWISE;
  }
  *out = connection;
  return FO_ATTEMPT_NONE;
}

fo_attempt FailoverConnectEnded(ngx_connection_t* connection) {
  int error = 0;
  socklen_t size = sizeof error;
  if (connection->write->timedout) error = NGX_ETIMEDOUT;
  if (error == 0 && getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1) {
    error = ngx_socket_errno;
  }
  if (error != 0) ngx_log_error(NGX_LOG_ERR, connection->log, error, "connect() failed");
  return AttemptOf(error);
}
