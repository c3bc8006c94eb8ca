/* The control socket of a worker: one line asks, one line answers (README.md). A planned switchover
   ends with the connection that began it. */

#include "ngx_stream_failover.h"

enum { kMaxLine = 512, kMaxWords = 4 };

typedef struct {
  ngx_connection_t* connection;
  size_t size; /* of what was read */
  char input[kMaxLine];
  fo_switchover* switchover; /* or NULL */
} Controller;

typedef struct {
  char text[kMaxLine];
} Answer;

static ngx_connection_t* listener;
static struct sockaddr_un listener_address;

/* ---- Commands ---------------------------------------------------------------------------------*/

static void Say(Answer* answer, const char* text) {
  (void)snprintf(answer->text, sizeof answer->text, "%.500s\n", text);
}

static void SayError(Answer* answer, const char* text) {
  (void)snprintf(answer->text, sizeof answer->text, "error %.500s\n", text);
}

static void SayResult(Answer* answer, fo_result result) {
  if (result == FO_OK) {
    Say(answer, "ok");
  } else {
    SayError(answer, fo_error_text());
  }
}

static int Equals(const ngx_str_t* text, const char* word) {
  return text->len == strlen(word) && memcmp(text->data, word, text->len) == 0;
}

static FailoverUpstream* FindUpstream(const char* name) {
  const ngx_array_t* const array = &failover_worker.settings->upstreams;
  FailoverUpstream** const upstreams = array->elts;
  for (ngx_uint_t i = 0; i < array->nelts; ++i) {
    if (Equals(&upstreams[i]->block->host, name)) return upstreams[i];
  }
  return NULL;
}

static int HasServer(const FailoverUpstream* upstream, const char* name) {
  const ngx_stream_upstream_server_t* const servers = upstream->block->servers->elts;
  for (ngx_uint_t i = 0; i < upstream->block->servers->nelts; ++i) {
    if (Equals(&servers[i].name, name)) return 1;
  }
  return 0;
}

static void Report(FailoverUpstream* upstream, char** words, Answer* answer) {
  const char* const server = words[2];
  const char* const state = words[3];
  const int writable = strcmp(state, "writable") == 0;
  const int reachable = writable || strcmp(state, "readonly") == 0;
  if (!HasServer(upstream, server)) {
    SayError(answer, "the upstream has no such server");
  } else if (!reachable && strcmp(state, "down") != 0) {
    SayError(answer, "the state must be writable, readonly or down");
  } else {
    SayResult(answer,
              fo_report(failover_worker.buffer, upstream->shard, server, reachable, writable));
  }
}

static void TellState(const FailoverUpstream* upstream, Answer* answer) {
  static const char* const kStates[] = {"idle", "buffering", "draining"};
  char primary[NGX_SOCKADDR_STRLEN + NGX_MAXHOSTNAMELEN];
  fo_shard_stats stats;
  ngx_memzero(&stats, sizeof stats);
  stats.struct_size = sizeof stats;
  if (fo_shard_stats_get(failover_worker.buffer, upstream->shard, &stats) != FO_OK) {
    SayError(answer, fo_error_text());
    return;
  }
  if (fo_primary(failover_worker.buffer, upstream->shard, primary, sizeof primary) != FO_OK) {
    (void)snprintf(primary, sizeof primary, "none");
  }
  (void)snprintf(answer->text, sizeof answer->text,
                 "ok state=%s held=%llu connected=%llu primary=%s\n", kStates[stats.state],
                 (unsigned long long)stats.requests_held, (unsigned long long)upstream->connected,
                 primary);
}

/* `grace`: for how long the sessions that run may go on, or NULL for the default. */
static void Hold(Controller* controller, FailoverUpstream* upstream, const char* grace,
                 Answer* answer) {
  fo_switchover_options options;
  ngx_memzero(&options, sizeof options);
  options.struct_size = sizeof options;
  if (grace != NULL) {
    const ngx_int_t milliseconds = ngx_atoi((u_char*)grace, strlen(grace));
    options.transaction_grace_ms = milliseconds == 0 ? FO_NONE : milliseconds;
  }
  if (grace != NULL && ngx_atoi((u_char*)grace, strlen(grace)) == NGX_ERROR) {
    SayError(answer, "the grace is no number of milliseconds");
  } else if (controller->switchover != NULL) {
    SayError(answer, "this connection holds already");
  } else {
    SayResult(answer, fo_switchover_begin(failover_worker.buffer, upstream->shard, &options,
                                          &controller->switchover));
  }
}

static void TellQuiet(Controller* controller, Answer* answer) {
  uint64_t sessions = 0;
  const fo_result result = fo_switchover_wait(controller->switchover, 0, NULL, &sessions);
  if (result == FO_NOT_QUIET) {
    (void)snprintf(answer->text, sizeof answer->text, "busy %llu\n", (unsigned long long)sessions);
  } else {
    SayResult(answer, result);
  }
}

static void EndSwitchover(Controller* controller) {
  fo_switchover_free(controller->switchover);
  controller->switchover = NULL;
}

static void ExecuteOnSwitchover(Controller* controller, const char* command, Answer* answer) {
  if (controller->switchover == NULL) {
    SayError(answer, "this connection holds nothing");
  } else if (strcmp(command, "quiet") == 0) {
    TellQuiet(controller, answer);
  } else {
    SayResult(answer, strcmp(command, "commit") == 0 ? fo_switchover_commit(controller->switchover)
                                                     : fo_switchover_abort(controller->switchover));
    EndSwitchover(controller);
  }
}

static void Execute(Controller* controller, char* line, Answer* answer) {
  char* rest = NULL;
  char* words[kMaxWords + 1] = {NULL};
  size_t count = 0;
  FailoverUpstream* upstream = NULL;
  for (char* word = strtok_r(line, " \r", &rest); word != NULL && count <= kMaxWords;
       word = strtok_r(NULL, " \r", &rest)) {
    words[count++] = word;
  }
  if (count == 1 && (strcmp(words[0], "quiet") == 0 || strcmp(words[0], "commit") == 0 ||
                     strcmp(words[0], "abort") == 0)) {
    ExecuteOnSwitchover(controller, words[0], answer);
    return;
  }
  if (count >= 2) upstream = FindUpstream(words[1]);
  if (count >= 2 && upstream == NULL) {
    SayError(answer, "there is no such upstream with \"failover\"");
  } else if (count == 4 && strcmp(words[0], "report") == 0) {
    Report(upstream, words, answer);
  } else if (count == 2 && strcmp(words[0], "state") == 0) {
    TellState(upstream, answer);
  } else if ((count == 2 || count == 3) && strcmp(words[0], "hold") == 0) {
    Hold(controller, upstream, words[2], answer);
  } else {
    SayError(answer,
             "the commands are: report UPSTREAM SERVER writable|readonly|down, state UPSTREAM, "
             "hold UPSTREAM [GRACE_MS], quiet, commit, abort");
  }
}

/* ---- Connections ------------------------------------------------------------------------------*/

static void Leave(Controller* controller) {
  EndSwitchover(controller);
  ngx_close_connection(controller->connection);
  ngx_free(controller);
}

/* Returns 0 if the controller does not read its answers, or sends a line that is too long. */
static int ExecuteLines(Controller* controller) {
  char* end;
  while ((end = memchr(controller->input, '\n', controller->size)) != NULL) {
    const size_t used = (size_t)(end - controller->input) + 1;
    Answer answer;
    size_t length;
    *end = '\0';
    Execute(controller, controller->input, &answer);
    length = strlen(answer.text);
    if (send(controller->connection->fd, answer.text, length, MSG_NOSIGNAL) != (ssize_t)length)
      return 0;
    controller->size -= used;
    memmove(controller->input, controller->input + used, controller->size);
  }
  return controller->size < sizeof controller->input;
}

static void OnControllerReadable(ngx_event_t* event) {
  ngx_connection_t* const connection = event->data;
  Controller* const controller = connection->data;
  const ssize_t count = recv(connection->fd, controller->input + controller->size,
                             sizeof controller->input - controller->size, 0);
  if (count == -1 && (ngx_socket_errno == NGX_EAGAIN || ngx_socket_errno == NGX_EINTR)) return;
  if (count > 0) {
    controller->size += (size_t)count;
    if (ExecuteLines(controller)) return;
  }
  Leave(controller);
}

static void OnListenerReadable(ngx_event_t* event) {
  Controller* controller;
  ngx_connection_t* const listening = event->data;
  const int fd = accept4(listening->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd == -1) return;
  controller = ngx_calloc(sizeof *controller, event->log);
  if (controller != NULL)
    controller->connection = FailoverWatch(fd, OnControllerReadable, controller, event->log);
  if (controller == NULL || controller->connection == NULL) {
    if (controller != NULL) ngx_free(controller);
    ngx_close_socket(fd);
  }
}

/* Feeds find a socket by its name, so a socket gets this name when it listens. */
static int Listen(int fd, const struct sockaddr_un* address) {
  struct sockaddr_un early = *address;
  char* const name = strrchr(early.sun_path, '/') + 1;
  memmove(name + 1, name, strlen(name) + 1);
  *name = '.';
  /* The name has the number of this process, so such a socket is one of a dead process. */
  (void)unlink(early.sun_path);
  return bind(fd, (const struct sockaddr*)&early, sizeof early) == 0 &&
         chmod(early.sun_path, S_IRUSR | S_IWUSR) == 0 && listen(fd, 16) == 0 &&
         rename(early.sun_path, address->sun_path) == 0;
}

ngx_int_t FailoverOpenControl(const FailoverSettings* settings, ngx_log_t* log) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_un* const address = &listener_address;
  address->sun_family = AF_UNIX;
  (void)snprintf(address->sun_path, sizeof address->sun_path, "%.*s/%ld",
                 (int)settings->control.len, (const char*)settings->control.data, (long)ngx_pid);
  if (fd == -1 || !Listen(fd, address)) {
    ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                  "failover: cannot listen on \"%s\" (\"failover_control\")", address->sun_path);
    if (fd != -1) ngx_close_socket(fd);
    return NGX_ERROR;
  }
  listener = FailoverWatch(fd, OnListenerReadable, NULL, log);
  return listener != NULL ? NGX_OK : NGX_ERROR;
}

void FailoverCloseControl(void) {
  if (listener == NULL) return;
  (void)unlink(listener_address.sun_path);
  ngx_close_connection(listener);
  listener = NULL;
}
