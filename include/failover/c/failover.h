/* The interface in C: for proxies in C, for plugins, and for languages that call C.
 *
 *   fo_options options = {.struct_size = sizeof options};              // zeros are the defaults
 *   fo_buffer* buffer = NULL;
 *   char error[256];
 *   if (fo_buffer_create(&options, &buffer, error, sizeof error) != FO_OK) ...
 *   fo_shard shard;
 *   fo_shard_get(buffer, "commerce", "-80", &shard);
 *
 *   // Around each query for the primary, in a program with a thread per connection:
 *   fo_retry retry = {{0, 0}};
 *   fo_result result = fo_wait_blocking(buffer, shard, NULL, FO_ATTEMPT_NONE, NULL, &retry);
 *   if (result != FO_OK) ...                            // the request could not be held
 *   fo_attempt attempt = Execute(query);
 *   fo_retry_done(&retry, attempt);
 *
 * A program with event loops has a fo_inbox per loop and uses fo_wait_start, or fo_steps, which has
 * the rules of the whole retry loop. failover/buffer.h, inbox.h, retry_steps.h and switchover.h
 * tell more of what the functions do; the names are theirs.
 *
 * The rules for all functions:
 *  - Errors: a function that can fail returns FO_OK or another fo_result. Errors are negative.
 *    fo_error_text tells in words what was wrong. A null pointer where none is allowed, a wrong
 *    struct_size and an unknown number are FO_INVALID_ARGUMENT, and nothing has happened. No
 *    exception leaves a function.
 *  - Structs: struct_size, the first field, must be the sizeof of the struct. A field that is zero
 *    has its default. A time is in milliseconds; FO_NONE stands for a time of zero where zero means
 *    the default. Reserved fields must be zero.
 *  - Threads: all functions are thread-safe unless their comment says otherwise. The functions that
 *    end an object (destroy, free) are called once, when no other call uses the object. Null is
 *    harmless for them.
 *  - Strings end with a zero byte and are copied. Callbacks must be quick, and must not throw or
 *    jump out.
 *  - Fork: create objects after the fork. Each object knows the process that created it. In another
 *    process a call returns FO_WRONG_PROCESS and touches no lock and no descriptor; what the object
 *    holds there is never freed.
 *  - ABI: names, numbers and structs of this header stay as they are as long as the library is
 *    libfailover-c.so.0. New functions may come, and new fields at the end of a struct; a library
 *    takes each size that a struct has ever had.
 */
#ifndef FAILOVER_C_FAILOVER_H_
#define FAILOVER_C_FAILOVER_H_

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define FO_EXPORT __attribute__((visibility("default")))
#else
#define FO_EXPORT
#endif

/* C has no other way to name a type. NOLINTBEGIN(modernize-use-using) */

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Results ----------------------------------------------------------------------------------*/

typedef int32_t fo_result;
enum {
  FO_OK = 0,
  FO_HELD = 1, /* the request is held; the callback will be called */

  /* The request could not be held, or not any longer (failover/errors.h). */
  FO_BUFFER_FULL = -1,
  FO_EVICTED = -2,
  FO_CANCELLED = -3,
  FO_TIMEOUT = -4,
  FO_SHARD_MISSING = -5,
  FO_WINDOW_OVER = -6,

  FO_INVALID_ARGUMENT = -20,
  FO_WRONG_PROCESS = -21, /* the object was created before a fork, by another process */
  FO_NO_MEMORY = -22,
  FO_NO_THREAD = -23,     /* the service thread, or a descriptor, could not be made */
  FO_WOULD_BLOCK = -24,   /* the call would block the thread that has to end it */
  FO_WRONG_STATE = -25,   /* the call does not fit to what came before */
  FO_NO_PRIMARY = -26,    /* no server takes writes, as far as was reported */
  FO_NOT_QUIET = -27,     /* the timeout is over, and the switchover is not quiet */
  FO_ABORTED = -28,       /* the switchover was called off */
  FO_ATTEMPT_FAILED = -29 /* the last attempt failed, so its own error is the answer */
};

/* A short text for a result; for an unknown number, too. Never NULL; lives for ever. */
FO_EXPORT const char* fo_result_text(fo_result result);

/* What was wrong with the last call of this thread that returned an error. Inside a callback that
   is given an error, the text of that error. Never NULL; lives until the next error of the
   thread. */
FO_EXPORT const char* fo_error_text(void);

/* The version of the library: 10000 * major + 100 * minor + patch. */
FO_EXPORT int fo_version(void);

/* For a time that is zero, where the number zero means the default. */
#define FO_NONE (-1)

/* ---- Buffers ----------------------------------------------------------------------------------*/

/* Holds the requests of any number of shards while their primaries fail over. */
typedef struct fo_buffer fo_buffer;

/* Names a shard. By value; needs no end; valid as long as its buffer. Zero names no shard: its
   requests pass. Any other value must come from fo_shard_get. */
typedef struct {
  uint64_t opaque;
} fo_shard;

enum { FO_STATE_IDLE = 0, FO_STATE_BUFFERING = 1, FO_STATE_DRAINING = 2 };
enum { FO_LOG_INFO = 0, FO_LOG_WARNING = 1, FO_LOG_ERROR = 2 };

/* A change of the state of a shard. The strings live as long as the call. */
typedef struct {
  size_t struct_size;
  fo_shard shard;
  const char* keyspace;
  const char* shard_name;
  const char* why;
  int32_t from; /* FO_STATE_... */
  int32_t to;
  uint64_t held;  /* how many requests the shard holds */
  uint64_t epoch; /* as fo_shard_epoch */
} fo_transition;

enum { FO_SERVICE_THREAD = 0, FO_MANUAL = 1 };

/* failover/buffer_options.h explains each option and its default. */
typedef struct {
  size_t struct_size;
  int32_t disabled; /* not zero: every request passes */
  int32_t dry_run;
  /* FO_SERVICE_THREAD: the buffer owns a thread. FO_MANUAL: the program calls fo_poll. */
  int32_t threading;
  int32_t reserved;
  int64_t window_ms;
  int64_t max_failover_duration_ms;
  int64_t min_time_between_failovers_ms;
  int64_t max_retry_time_ms;
  int64_t suspicion_ms;
  int64_t probe_after_ms;
  int64_t unstamped_report_delay_ms; /* FO_NONE: none */
  int64_t down_confirmation_ms;
  int64_t shutdown_grace_ms; /* FO_NONE: none */
  int64_t size;
  int64_t drain_concurrency;
  int64_t drain_concurrency_max;
  int64_t max_per_shard;
  int64_t max_shards;
  uint64_t max_bytes;
  const char* keyspace_shards; /* NULL: all */
  /* For FO_MANUAL: called under no lock, on any thread, when fo_poll is due earlier than it last
     said. NULL: the buffer has a descriptor for this (fo_wakeup_fd). */
  void (*wakeup)(void* arg);
  void* wakeup_arg;
  /* Takes the log lines, on any thread, under no lock. NULL: stderr. */
  void (*log)(void* arg, int32_t level, const char* line);
  void* log_arg;
  /* Is told each change of the state of a shard, under no lock. May be NULL. */
  void (*on_transition)(void* arg, const fo_transition* transition);
  void* on_transition_arg;
} fo_options;

/* Makes a buffer. `options` may be NULL for the defaults. On an error *out is NULL, and `error`, if
   it is not NULL, gets at most `error_size` bytes of what fo_error_text says. */
FO_EXPORT fo_result fo_buffer_create(const fo_options* options, fo_buffer** out, char* error,
                                     size_t error_size);

/* Shuts the buffer down, waits for the blocked callers and frees it. Retry tokens, waits and
   switchovers may be ended afterwards. Must not be called inside a callback that runs on the
   service thread or in fo_poll, nor in the `done` of fo_buffer_begin_shutdown; inside a callback of
   an inbox it may. */
FO_EXPORT void fo_buffer_destroy(fo_buffer* buffer);

/* Releases all held requests, and waits for their retries, at most shutdown_grace_ms (FO_MANUAL:
   not at all). Requests pass afterwards. */
FO_EXPORT fo_result fo_buffer_shutdown(fo_buffer* buffer);

/* Does what fo_buffer_shutdown does, but does not wait: for event loops that have to run the
   retries themselves. Releases all held requests and returns. The service thread, or fo_poll, runs
   their callbacks, and goes on until all retries have ended, at the latest shutdown_grace_ms later,
   with FO_MANUAL, too. Then it calls `done`, and the buffer has no more to do. The program may have
   more to do: failover/buffer.h (BeginShutdown) tells which of its queries may be left.

   `done` may be NULL. It runs once for each call that returns FO_OK, under no lock, and never after
   an error. It must not destroy the buffer. If the buffer is shut down already, or has no service
   thread because it was never enabled, `done` runs inside this call. A fo_buffer_shutdown or a
   fo_buffer_destroy that comes earlier waits for the rest of that time (FO_MANUAL: not at all), and
   calls `done` itself. Of several calls the first begins the grace. May be called anywhere, in a
   callback, too. */
FO_EXPORT fo_result fo_buffer_begin_shutdown(fo_buffer* buffer, void (*done)(void* arg), void* arg);

/* Changes the options while the buffer runs (failover/buffer.h, Buffer::Reconfigure): a field that
   is zero gets its default, so give all options and not only those that change. `threading` must be
   that of before; the functions stay those of fo_buffer_create, whatever is given here. What has no
   field keeps its value. On an error, which fo_error_text names, nothing has changed.
   FO_WRONG_STATE: the buffer is shut down. FO_NO_THREAD: the service thread of a buffer that was
   disabled cannot be started. */
FO_EXPORT fo_result fo_reconfigure(fo_buffer* buffer, const fo_options* options);

/* Finds a shard, or makes it known. *out is zero if that is an error, or if max_shards shards are
   known already, which is FO_BUFFER_FULL. */
FO_EXPORT fo_result fo_shard_get(fo_buffer* buffer, const char* keyspace, const char* shard,
                                 fo_shard* out);

/* The epoch of connections to the primary: drop a pooled connection whose epoch is another. The
   buffer must be alive. Costs one load. */
FO_EXPORT uint64_t fo_shard_epoch(fo_shard shard);

/* For FO_MANUAL: runs what is due, callbacks included, and returns the milliseconds until more is
   due: 0 for at once, -1 if nothing waits, and a fo_result below -1 for an error. One caller at a
   time. Clears the descriptor of fo_wakeup_fd. */
FO_EXPORT int64_t fo_poll(fo_buffer* buffer);

/* For FO_MANUAL without options.wakeup: a descriptor that is readable when fo_poll is due earlier
   than it last said. The buffer owns it. -1 if there is none. */
FO_EXPORT int fo_wakeup_fd(fo_buffer* buffer);

/* ---- What the buffer is told ------------------------------------------------------------------*/

/* One server of a shard, as a health check found it, for a feed that does not know who the primary
   is meant to be: the buffer keeps a table (failover/watch/primary_table.h has its rules).
   `writable`: the server answers and takes writes. `shard` must be a handle from fo_shard_get. */
FO_EXPORT fo_result fo_report(fo_buffer* buffer, fo_shard shard, const char* server, int reachable,
                              int writable);

/* Writes the address of the primary that the reports of fo_report tell of. FO_NO_PRIMARY: none is
   known to take writes at this moment. FO_INVALID_ARGUMENT, too, if `size` is too small. */
FO_EXPORT fo_result fo_primary(fo_buffer* buffer, fo_shard shard, char* server, size_t size);

/* A report about the primary of a shard, for a feed that knows it, with a term that grows with each
   new primary. Do not mix with fo_report for one shard. */
typedef struct {
  size_t struct_size;
  const char* server;
  int32_t serving; /* the server answers and takes writes */
  int32_t reserved;
  int64_t term;
  /* So long ago the server was asked. Zero: just now. FO_NONE: not known. */
  int64_t observed_ago_ms;
} fo_primary_report;
FO_EXPORT fo_result fo_stats_update(fo_buffer* buffer, fo_shard shard,
                                    const fo_primary_report* report);

/* A failover refused a request that cannot be repeated. `why` goes to the log; NULL is "". */
FO_EXPORT fo_result fo_note_refused(fo_buffer* buffer, fo_shard shard, const char* why);

/* An operator starts and stops the buffering of a shard. FO_WRONG_STATE: there was nothing to do.
 */
FO_EXPORT fo_result fo_start_buffering(fo_buffer* buffer, fo_shard shard, const char* reason);
FO_EXPORT fo_result fo_stop_buffering(fo_buffer* buffer, fo_shard shard);

/* The caller sets struct_size. failover/stats.h explains the counters. */
typedef struct {
  size_t struct_size;
  int32_t state; /* FO_STATE_... */
  int32_t reserved;
  uint64_t requests_held;
  uint64_t requests_retrying;
  uint64_t starts;
  uint64_t requests_buffered;
  uint64_t requests_drained;
  uint64_t requests_evicted;
  uint64_t requests_skipped;
  uint64_t retries_succeeded;
  uint64_t retries_failed;
} fo_shard_stats;
FO_EXPORT fo_result fo_shard_stats_get(fo_buffer* buffer, fo_shard shard, fo_shard_stats* out);

/* Calls `write` with one piece after the other of all metrics of the buffer, in Prometheus' text
   format (failover/metrics.h; docs/reference/metrics.md lists the metrics). The content type is
   "text/plain; version=0.0.4; charset=utf-8". A piece has 1 to 4096 bytes, does not end
   with a zero byte, and lives as long as the call of `write`. `write` runs on this thread and under
   no lock, and may call the buffer. On an error `write` was not called. */
FO_EXPORT fo_result fo_metrics(fo_buffer* buffer,
                               void (*write)(void* arg, const char* piece, size_t size), void* arg);

/* ---- Requests ---------------------------------------------------------------------------------*/

/* How the attempt before ended; failover/attempt.h explains the values, and when a program may say
   that a statement was refused. */
typedef int32_t fo_attempt;
enum {
  FO_ATTEMPT_NONE = 0,
  FO_ATTEMPT_REFUSED = 1,
  FO_ATTEMPT_REFUSED_AT_CONNECT = 2,
  FO_ATTEMPT_FAILED_OTHERWISE = 3,
  FO_ATTEMPT_SUCCEEDED = 4,
  FO_ATTEMPT_UNKNOWN = 5
};

enum { FO_WORK_UNCOUNTED = 0, FO_WORK_STATEMENT = 1, FO_WORK_TRANSACTION = 2 };

/* failover/request_context.h explains the fields. */
typedef struct {
  size_t struct_size;
  int64_t timeout_ms; /* zero: no timeout. FO_NONE or less: nothing is left */
  uint64_t bytes;
  int32_t may_probe;
  int32_t writes;
  int32_t work; /* FO_WORK_... */
  int32_t reserved;
} fo_request;

/* The right to retry, and what counts the work of a request. By value, but not to be copied: each
   token is ended exactly once, with fo_retry_done or by the wait that takes it as `previous`. A
   token of zeros is inert. */
typedef struct {
  uint64_t opaque[2];
} fo_retry;

/* Ends the token and zeroes it. May be called after fo_buffer_destroy, unless the request was not
   held and its work is counted. One thread at a time uses a token. */
FO_EXPORT fo_result fo_retry_done(fo_retry* retry, fo_attempt outcome);

/* Moves the work that the token counts (fo_request.work) into *work, which stays counted until
   fo_retry_done(work, FO_ATTEMPT_NONE). A router that began a transaction keeps `work` until the
   transaction has ended, and ends `retry` as soon as the attempt has. *work is zero if nothing is
   counted. A request that goes through fo_steps has fo_steps_take_work. */
FO_EXPORT fo_result fo_retry_take_work(fo_retry* retry, fo_retry* work);

/* Blocks while the request is held. FO_OK: go on, and end *retry when the attempt has ended.
   `request` may be NULL for the defaults. `previous` may be NULL; it is the token of the attempt
   that was refused, and is taken and zeroed unless the result is FO_INVALID_ARGUMENT or
   FO_WRONG_PROCESS. */
FO_EXPORT fo_result fo_wait_blocking(fo_buffer* buffer, fo_shard shard, const fo_request* request,
                                     fo_attempt last, fo_retry* previous, fo_retry* retry);

typedef struct fo_inbox fo_inbox;
typedef struct fo_wait fo_wait;

/* Is called once when a wait that was held has ended. FO_OK: retry now. The receiver must end
   `retry`, whatever the result is. */
typedef void (*fo_callback)(void* arg, fo_result result, fo_retry retry);

/* The same without blocking.
     FO_HELD: the callback is called once, never inside this call: in fo_inbox_poll if there is an
       inbox, and otherwise on the service thread or in fo_poll. If fo_wait_cancel or fo_wait_free
       comes first, it is never called. *out is the handle.
     FO_OK: the request was not held; go on. The callback is never called, and *out is NULL, unless
       the work of the request is counted: then *out is a handle for fo_wait_take_token.
     Others: the request could not be held. The callback is never called, and *out is NULL.
   *out is set before the callback can run. `out` may be NULL: then the request cannot be cancelled,
   and its work must not be counted. `inbox` may be NULL. */
FO_EXPORT fo_result fo_wait_start(fo_buffer* buffer, fo_shard shard, const fo_request* request,
                                  fo_attempt last, fo_retry* previous, fo_inbox* inbox,
                                  fo_callback callback, void* arg, fo_wait** out);

/* 1: the callback will never be called. 0: it was called, or is being called. Otherwise an error.
   Does not free the handle. */
FO_EXPORT int fo_wait_cancel(fo_wait* wait);

/* If the request was not held, moves the token that counts its work into *retry. */
FO_EXPORT fo_result fo_wait_take_token(fo_wait* wait, fo_retry* retry);

/* Cancels and frees. Exactly once for each handle; the callback may do it. Waits for a callback
   that runs on another thread. */
FO_EXPORT void fo_wait_free(fo_wait* wait);

/* ---- Inboxes ----------------------------------------------------------------------------------*/

/* The mailbox of an event loop; failover/inbox.h has its rules. `wakeup` makes the loop call
   fo_inbox_poll: it runs on any thread, at most once between two polls, and must not call the
   inbox. With NULL the inbox has a descriptor for this (fo_inbox_fd). Returns NULL on an error
   (fo_error_text). */
FO_EXPORT fo_inbox* fo_inbox_create(void (*wakeup)(void* arg), void* arg);

/* A descriptor that is readable when fo_inbox_poll is due, which clears it. The inbox owns it. -1
   if there is none. */
FO_EXPORT int fo_inbox_fd(fo_inbox* inbox);

/* On the inbox's thread: runs at most `max` callbacks. 1: there is more, and no wake-up is due for
   it: call again. 0: nothing is left. Otherwise an error. */
FO_EXPORT int fo_inbox_poll(fo_inbox* inbox, int max);

/* On the inbox's thread, a callback of the inbox included: cancels what is held with it. */
FO_EXPORT void fo_inbox_destroy(fo_inbox* inbox);

/* ---- The steps of a retry loop ----------------------------------------------------------------*/

/* The rules of one request: wait, attempt, wait again if a failover made the attempt fail, and so
   on (failover/retry_steps.h). One thread at a time. `now_ms` is any monotonic clock.

     int32_t step = fo_steps_start(steps, now, NULL);
     while (step != FO_STEP_FINISH) {
       if (step == FO_STEP_WAIT) {
         if (fo_steps_wait(steps, now, buffer, shard, inbox, on_ended, arg) == FO_HELD) return;
         step = fo_steps_wait_ended(steps, now);     // on_ended does this if the request was held
       } else {
         step = fo_steps_attempt_ended(steps, now, Execute(query));
       }
     } */
typedef struct fo_steps fo_steps;
enum { FO_STEP_WAIT = 0, FO_STEP_ATTEMPT = 1, FO_STEP_FINISH = 2 };

/* `max_attempts`: how many attempts there may be with no hold between them; zero is 3. Returns NULL
   on an error (fo_error_text). */
FO_EXPORT fo_steps* fo_steps_create(int max_attempts);

/* These three return the next FO_STEP_..., or a negative fo_result. A call that does not fit to the
   step is FO_WRONG_STATE and changes nothing. `request` may be NULL. */
FO_EXPORT int32_t fo_steps_start(fo_steps* steps, int64_t now_ms, const fo_request* request);
FO_EXPORT int32_t fo_steps_attempt_ended(fo_steps* steps, int64_t now_ms, fo_attempt attempt);
FO_EXPORT int32_t fo_steps_wait_ended(fo_steps* steps, int64_t now_ms);

/* For FO_STEP_WAIT. FO_HELD: `ended` is called once, where a fo_callback is called, and then
   fo_steps_wait_ended is due. Other results, errors of the Buffer among them: fo_steps_wait_ended
   is due at once. Only FO_INVALID_ARGUMENT, FO_WRONG_PROCESS and FO_WRONG_STATE have changed
   nothing. With an `ended` that is NULL the call blocks while the request is held. */
FO_EXPORT fo_result fo_steps_wait(fo_steps* steps, int64_t now_ms, fo_buffer* buffer,
                                  fo_shard shard, fo_inbox* inbox, void (*ended)(void* arg),
                                  void* arg);

/* For FO_STEP_ATTEMPT. Moves the work of the request (fo_request.work) into *work, which stays
   counted until fo_retry_done(work, FO_ATTEMPT_NONE). A router that began a transaction with this
   attempt calls this before fo_steps_attempt_ended, and keeps `work` until the transaction has
   ended. Otherwise fo_steps_attempt_ended ends the work. If the attempt is refused, end `work`
   first. *work is zero if nothing is counted, and after an error. FO_NO_MEMORY: the work stays
   counted until the attempt ends. */
FO_EXPORT fo_result fo_steps_take_work(fo_steps* steps, fo_retry* work);

/* For FO_STEP_FINISH: FO_OK if the last attempt succeeded, FO_ATTEMPT_FAILED if its own error is
   the answer, and otherwise why the Buffer did not hold the request. */
FO_EXPORT fo_result fo_steps_result(fo_steps* steps);

/* Cancels a wait that is under way, and frees. `ended` may do it. */
FO_EXPORT void fo_steps_destroy(fo_steps* steps);

/* ---- Planned switchovers ----------------------------------------------------------------------*/

/* failover/switchover.h has the rules. The work that a switchover waits for says so
   (fo_request.work). */
typedef struct fo_switchover fo_switchover;

enum { FO_ON_OVERDUE_ABORT = 0, FO_ON_OVERDUE_PROCEED = 1 };
enum { FO_RELEASE_ON_NEW_PRIMARY = 0, FO_RELEASE_ON_COMMIT = 1 };

typedef struct {
  size_t struct_size;
  int64_t transaction_grace_ms; /* FO_NONE: none */
  int64_t hold_timeout_ms;
  int32_t on_overdue; /* FO_ON_OVERDUE_... */
  int32_t release;    /* FO_RELEASE_... */
} fo_switchover_options;

/* `options` may be NULL. FO_WRONG_STATE: the shard does not buffer, or is in a failover. */
FO_EXPORT fo_result fo_switchover_begin(fo_buffer* buffer, fo_shard shard,
                                        const fo_switchover_options* options, fo_switchover** out);

/* Blocks until nothing that is counted is in flight. A timeout of zero or less only looks.
   `statements` and `transactions`, which may be NULL, get what is in flight. FO_NOT_QUIET: the
   timeout is over. FO_ABORTED: the switchover ended before it was quiet. */
FO_EXPORT fo_result fo_switchover_wait(fo_switchover* switchover, int64_t timeout_ms,
                                       uint64_t* statements, uint64_t* transactions);

/* The primary has been replaced. FO_ABORTED: the switchover was called off before. */
FO_EXPORT fo_result fo_switchover_commit(fo_switchover* switchover);

/* Releases everything to the old primary. FO_WRONG_STATE: the switchover had ended. */
FO_EXPORT fo_result fo_switchover_abort(fo_switchover* switchover);

/* Calls the switchover off, unless it has ended, and frees. */
FO_EXPORT void fo_switchover_free(fo_switchover* switchover);

#ifdef __cplusplus
} /* extern "C" */
#endif

/* NOLINTEND(modernize-use-using) */

#endif /* FAILOVER_C_FAILOVER_H_ */
