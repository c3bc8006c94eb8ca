/* One client: it is held in the access phase, is connected to the primary there, and then goes on
   with this connection to ngx_stream_proxy_module. The rules are those of a retry: a connect that
   is refused was no attempt that anybody saw, so the client may be held and may try again. */

#include "ngx_stream_failover.h"

/* How many connects there may be with no hold between them. */
enum { kMaxAttempts = 3 };

typedef enum { kHeld, kConnecting, kConnected, kFailed } SessionState;

typedef struct {
  ngx_stream_session_t* stream;
  FailoverUpstream* upstream;
  ngx_queue_t link; /* in FailoverWorker.sessions */
  SessionState state;
  ngx_int_t status;       /* for kFailed: why the client is turned away */
  ngx_uint_t attempts;    /* since the last hold */
  fo_wait* wait;          /* for kHeld */
  fo_retry retry;         /* the attempt that is under way */
  fo_retry work;          /* counts the session as work that a planned switchover waits for */
  ngx_addr_t* address;    /* of the last attempt */
  ngx_connection_t* peer; /* to the server, until ngx_stream_proxy_module has it */
} FailoverSession;

static void OnWaitEnded(void* arg, fo_result result, fo_retry retry);
static void OnPeerEvent(ngx_event_t* event);

static void Fail(FailoverSession* session, ngx_int_t status) {
  session->state = kFailed;
  session->status = status;
}

/* Asks the buffer. Returns 1 if the session may connect now. Otherwise it is held or has failed. */
static int MayPass(FailoverSession* session, fo_attempt last) {
  fo_result result;
  fo_request request;
  ngx_memzero(&request, sizeof request);
  request.struct_size = sizeof request;
  request.may_probe = 1;
  request.work = FO_WORK_TRANSACTION;
  result = fo_wait_start(failover_worker.buffer, session->upstream->shard, &request, last,
                         &session->retry, NULL, OnWaitEnded, session, &session->wait);
  if (result == FO_HELD) {
    session->state = kHeld;
    FailoverCountHeld(1);
    return 0;
  }
  if (result != FO_OK) {
    ngx_log_error(NGX_LOG_WARN, session->stream->connection->log, 0, "failover: not held: %s",
                  fo_error_text());
    Fail(session, NGX_STREAM_SERVICE_UNAVAILABLE);
    return 0;
  }
  if (session->wait != NULL) {
    fo_wait_take_token(session->wait, &session->retry);
    fo_wait_free(session->wait);
    session->wait = NULL;
  }
  return 1;
}

/* The address of the primary, or NULL. If a name has several addresses, each attempt takes the
   next. */
static ngx_addr_t* PrimaryAddress(const FailoverSession* session) {
  char primary[NGX_SOCKADDR_STRLEN + NGX_MAXHOSTNAMELEN];
  const ngx_array_t* const array = session->upstream->block->servers;
  ngx_stream_upstream_server_t* const servers = array->elts;
  if (fo_primary(failover_worker.buffer, session->upstream->shard, primary, sizeof primary) !=
      FO_OK) {
    return NULL;
  }
  for (ngx_uint_t i = 0; i < array->nelts; ++i) {
    if (servers[i].name.len == ngx_strlen(primary) &&
        ngx_memcmp(servers[i].name.data, primary, servers[i].name.len) == 0) {
      return &servers[i].addrs[session->attempts % servers[i].naddrs];
    }
  }
  return NULL;
}

/* FO_ATTEMPT_NONE: the connect is under way. */
static fo_attempt Connect(FailoverSession* session) {
  fo_attempt attempt;
  ngx_connection_t* const client = session->stream->connection;
  session->address = PrimaryAddress(session);
  if (session->address == NULL) return FO_ATTEMPT_REFUSED_AT_CONNECT;
  attempt = FailoverConnect(session->address, client->log, client->pool, OnPeerEvent, session,
                            &session->peer);
  if (attempt == FO_ATTEMPT_NONE) {
    session->state = kConnecting;
    ngx_add_timer(session->peer->write, failover_worker.settings->connect_timeout);
  }
  return attempt;
}

/* An attempt has failed. Returns 1 if the client may try again. */
static int MayRepeat(FailoverSession* session, fo_attempt attempt) {
  ++session->attempts;
  if (attempt == FO_ATTEMPT_REFUSED_AT_CONNECT && session->attempts < kMaxAttempts) return 1;
  fo_retry_done(&session->retry, attempt);
  Fail(session, NGX_STREAM_BAD_GATEWAY);
  return 0;
}

/* Attempts until the session waits for something, or has failed. */
static void Attempt(FailoverSession* session) {
  fo_attempt attempt;
  do {
    attempt = Connect(session);
    if (attempt == FO_ATTEMPT_NONE) return;
  } while (MayRepeat(session, attempt) && MayPass(session, attempt));
}

/* Goes on with the session if there is nothing to wait for. The session may be gone afterwards. */
static void Resume(FailoverSession* session) {
  if (session->state == kConnected || session->state == kFailed) {
    ngx_stream_core_run_phases(session->stream);
  }
}

static void OnWaitEnded(void* arg, fo_result result, fo_retry retry) {
  FailoverSession* const session = arg;
  FailoverCountHeld(-1);
  fo_wait_free(session->wait);
  session->wait = NULL;
  session->retry = retry;
  session->attempts = 0;
  if (failover_worker.ending) return;
  if (result == FO_OK) {
    Attempt(session);
  } else {
    ngx_log_error(NGX_LOG_WARN, session->stream->connection->log, 0, "failover: held in vain: %s",
                  fo_error_text());
    Fail(session, NGX_STREAM_SERVICE_UNAVAILABLE);
  }
  Resume(session);
}

/* The connect has ended, or took too long. */
static void OnPeerEvent(ngx_event_t* event) {
  ngx_connection_t* const peer = event->data;
  FailoverSession* const session = peer->data;
  fo_attempt attempt;
  if (session->state != kConnecting) return; /* ngx_stream_proxy_module reads the bytes */
  if (peer->close) {
    ngx_stream_finalize_session(session->stream, NGX_STREAM_OK);
    return;
  }
  attempt = FailoverConnectEnded(peer);
  if (attempt == FO_ATTEMPT_SUCCEEDED) {
    ngx_del_timer(peer->write);
    session->state = kConnected;
    ++session->upstream->connected;
    /* The retry has ended, so the next held session may go. The session itself is work until its
       end. */
    fo_retry_take_work(&session->retry, &session->work);
    fo_retry_done(&session->retry, FO_ATTEMPT_SUCCEEDED);
  } else {
    ngx_close_connection(peer);
    session->peer = NULL;
    if (MayRepeat(session, attempt) && MayPass(session, attempt)) Attempt(session);
  }
  Resume(session);
}

/* ---- The client -------------------------------------------------------------------------------*/

static int HasLeft(const ngx_connection_t* client) {
  char byte;
  ssize_t count;
  /* epoll sets pending_eof even if bytes that nobody has read come before the end. */
  if (client->read->pending_eof || client->close) return 1;
  count = recv(client->fd, &byte, 1, MSG_PEEK);
  return count == 0 || (count == -1 && ngx_socket_errno != NGX_EAGAIN);
}

static void OnClientEvent(ngx_event_t* event) {
  ngx_connection_t* const client = event->data;
  if (HasLeft(client)) {
    ngx_log_error(NGX_LOG_INFO, client->log, 0, "failover: the client has left");
    ngx_stream_finalize_session(client->data, NGX_STREAM_OK);
  }
  /* The server will read the bytes that are there. */
}

/* Sees a client that leaves while it waits. */
static ngx_int_t WatchClient(ngx_connection_t* client) {
  client->log->action = "waiting for the primary";
  client->read->handler = OnClientEvent;
  /* `ready` would keep the event from being added. If bytes are there, the event comes at once. */
  if (!client->read->active) client->read->ready = 0;
  return ngx_handle_read_event(client->read, 0) == NGX_OK ? NGX_AGAIN : NGX_ERROR;
}

/* Ends what the session has of the buffer. */
static void Release(FailoverSession* session) {
  if (session->wait != NULL) {
    FailoverCountHeld(-1);
    fo_wait_free(session->wait);
    session->wait = NULL;
  }
  fo_retry_done(&session->retry, FO_ATTEMPT_NONE);
  fo_retry_done(&session->work, FO_ATTEMPT_NONE);
}

void FailoverReleaseSessions(void) {
  ngx_queue_t* const sessions = &failover_worker.sessions;
  for (ngx_queue_t* link = ngx_queue_head(sessions); link != ngx_queue_sentinel(sessions);
       link = ngx_queue_next(link)) {
    Release(ngx_queue_data(link, FailoverSession, link));
  }
}

static void OnSessionEnd(void* data) {
  FailoverSession* const session = data;
  Release(session);
  if (session->state == kConnected) --session->upstream->connected;
  if (session->peer != NULL) ngx_close_connection(session->peer);
  ngx_queue_remove(&session->link);
}

static FailoverSession* MakeSession(ngx_stream_session_t* s, FailoverUpstream* upstream) {
  ngx_pool_t* const pool = s->connection->pool;
  FailoverSession* const session = ngx_pcalloc(pool, sizeof *session);
  ngx_pool_cleanup_t* const cleanup = ngx_pool_cleanup_add(pool, 0);
  if (session == NULL || cleanup == NULL) return NULL;
  session->stream = s;
  session->upstream = upstream;
  ngx_queue_insert_tail(&failover_worker.sessions, &session->link);
  cleanup->handler = OnSessionEnd;
  cleanup->data = session;
  ngx_stream_set_ctx(s, session, ngx_stream_failover_module);
  return session;
}

ngx_int_t FailoverAccess(ngx_stream_session_t* s) {
  const FailoverBlock* const block = ngx_stream_get_module_srv_conf(s, ngx_stream_failover_module);
  FailoverSession* session = ngx_stream_get_module_ctx(s, ngx_stream_failover_module);
  if (block->hold == NULL || s->connection->type != SOCK_STREAM) return NGX_DECLINED;
  if (session == NULL) {
    session = MakeSession(s, block->hold);
    if (session == NULL) return NGX_ERROR;
    if (MayPass(session, FO_ATTEMPT_NONE)) Attempt(session);
  }
  /* NGX_OK would skip the other handlers of the phase, such as `deny`. */
  if (session->state == kConnected) return NGX_DECLINED;
  if (session->state == kFailed) return session->status;
  return WatchClient(s->connection);
}

/* ---- What ngx_stream_proxy_module asks for ----------------------------------------------------*/

static ngx_int_t GetPeer(ngx_peer_connection_t* peer, void* data) {
  FailoverSession* const session = data;
  if (session->peer == NULL) return NGX_BUSY;
  peer->sockaddr = session->address->sockaddr;
  peer->socklen = session->address->socklen;
  peer->name = &session->address->name;
  peer->connection = session->peer;
  peer->cached = 1;
  session->peer = NULL;
  return NGX_DONE; /* it is connected */
}

static void FreePeer(ngx_peer_connection_t* peer, void* data, ngx_uint_t state) {
  (void)data;
  (void)state;
  peer->tries = 0;
}

static ngx_int_t SetTlsSession(ngx_peer_connection_t* peer, void* data) {
  (void)peer;
  (void)data;
  return NGX_OK;
}

static void SaveTlsSession(ngx_peer_connection_t* peer, void* data) {
  (void)peer;
  (void)data;
}

ngx_int_t FailoverInitPeer(ngx_stream_session_t* s, ngx_stream_upstream_srv_conf_t* block) {
  FailoverSession* const session = ngx_stream_get_module_ctx(s, ngx_stream_failover_module);
  ngx_peer_connection_t* const peer = &s->upstream->peer;
  if (session == NULL || session->upstream->block != block) {
    ngx_log_error(NGX_LOG_ERR, s->connection->log, 0,
                  "failover: \"proxy_pass %V\" needs \"failover_hold %V\" in the same server, and "
                  "TCP",
                  &block->host, &block->host);
    return NGX_ERROR;
  }
  peer->data = session;
  peer->get = GetPeer;
  peer->free = FreePeer;
  peer->tries = 1;
  peer->set_session = SetTlsSession;
  peer->save_session = SaveTlsSession;
  return NGX_OK;
}
