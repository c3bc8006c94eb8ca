/* One shard's concurrency, as it is in src/. README.md says which step is which function, and how to
 * run it. Each critical section is one atomic step, each lock-free read and each wake-up its own.
 *
 * Sizes (override with -D): requests, slots, drain concurrency, ticks. What the shard lives in, one or
 * more of: -DWITH_CANCEL=<request>, -DWITH_HEALTH, -DWITH_SHUTDOWN.
 */
#ifndef REQUESTS
#define REQUESTS 3
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef DRAIN
#define DRAIN 1
#endif
#ifndef WINDOW
#define WINDOW 1
#endif
#ifndef MAX_DURATION
#define MAX_DURATION 2
#endif
#ifndef LAST_ARRIVAL
#define LAST_ARRIVAL 0 /* requests come until this tick */
#endif
/* Late enough for everything that can be due. */
#define LAST_TICK (LAST_ARRIVAL + MAX_DURATION)
#ifndef FAILOVERS
#define FAILOVERS 1 /* how often the health check reports an end */
#endif
#define NEVER 100

mtype = { Idle, Buffering, Draining };                 /* the shard */
mtype = { New, Held, Ready, Running, Left };           /* a request */
mtype = { None, Retry, Failed, Passed };               /* what it got */

/* The shard: guarded by its mutex, that is: touched only in atomic steps. */
mtype state = Idle;
bool closed = false;
bool retired = false;
byte started = 0;
byte retrying = 0;
byte drain_retries = 0;
chan queue = [REQUESTS] of { byte };

/* The pool and the gate: read without the mutex. */
byte slots_free = SLOTS;
bool gate_stops_requests = false;

/* The dispatcher: guarded by its mutex. */
byte timer_due = NEVER;
byte next_poll = NEVER;
bool polling = false;
chan ready = [REQUESTS] of { byte };
bool woken = false;                                    /* the service thread's flag */

/* The requests. `place` and `outcome` go with the mutexes; `completions` only counts. */
mtype place[REQUESTS] = New;
mtype outcome[REQUESTS] = None;
bool in_drain[REQUESTS];
bool cancelled[REQUESTS];
bool told[REQUESTS];                                   /* the wait has ended */
byte window_end[REQUESTS];
byte completions[REQUESTS];
byte finished = 0;

/* Scratch of one atomic step: no part of the state. */
hidden byte due;
hidden byte poll_due;
hidden byte head;
hidden byte victim;
hidden byte i;
hidden byte effects_ready;

byte now = 0;
bool shutdown_done = false;
bool mutex_held_by_callback_runner = false;            /* only for BUG_CALLBACK_UNDER_LOCK */

/* Request 0 blocks a thread, the others are callbacks. */
#define blocks_thread(r) ((r) == 0)
#define is_held(r) (place[r] == Held)
#define QUEUE_LENGTH len(queue)

inline check_conservation() {
  assert(slots_free + QUEUE_LENGTH + retrying == SLOTS);
  assert(state != Idle || QUEUE_LENGTH == 0);
  assert(!shutdown_done || (QUEUE_LENGTH == 0 && retrying == 0 && state == Idle))
}

inline update_gate() { gate_stops_requests = closed || state == Buffering }

/* ShardBuffer::Deliver. `to_wake` is Effects::threads: here at most one. */
inline deliver(r, what, drained) {
  outcome[r] = what;
  in_drain[r] = drained;
  if
  :: blocks_thread(r) -> place[r] = Left; to_wake = r
  :: else -> place[r] = Ready; effects_ready = true; ready!r
  fi
}

inline release(drained) {
  queue?victim;
  retrying++;
  if :: drained -> drain_retries++ :: else fi;
  deliver(victim, Retry, drained)
}

/* ShardBuffer::Drain */
inline drain() {
  do
  :: QUEUE_LENGTH > 0 && (closed || drain_retries < DRAIN) -> release(true)
  :: else -> break
  od;
  if
  :: state == Draining && QUEUE_LENGTH == 0 && drain_retries == 0 -> state = Idle
  :: else
  fi;
  update_gate()
}

/* ShardBuffer::Stop */
inline stop() {
  if
  :: state == Buffering -> state = Draining; update_gate(); drain()
  :: else
  fi
}

/* ShardBuffer::NextDue */
inline compute_due() {
  due = NEVER;
  if
  :: QUEUE_LENGTH > 0 -> queue?<head>; due = window_end[head]
  :: else
  fi;
  if
  :: state == Buffering && started + MAX_DURATION < due -> due = started + MAX_DURATION
  :: else
  fi
}

/* Dispatcher::Collect, called under the shard's mutex. */
inline collect() {
  compute_due();
  if
  :: due < timer_due -> timer_due = due
  :: else
  fi;
  poll_due = timer_due;
  if :: effects_ready -> poll_due = 0 :: else fi;
  must_wake = false;
  if
  :: !polling && poll_due < next_poll ->
     must_wake = true;
     next_poll = poll_due
  :: else
  fi;
  effects_ready = false
}

/* BufferCore::Finish: after the mutex is released, each wake-up a step of its own. */
inline finish() {
  if
  :: to_wake != NEVER -> d_step { told[to_wake] = true; completions[to_wake]++; to_wake = NEVER }
  :: else
  fi;
  if
  :: must_wake -> d_step { woken = true; must_wake = false }
  :: else
  fi
}

#ifdef BUG_CALLBACK_UNDER_LOCK
#define can_lock (!mutex_held_by_callback_runner)
#else
#define can_lock true
#endif

/* BufferCore::EndRetry */
inline end_retry(r) {
  d_step {
    can_lock;
    if
    :: !retired ->
       assert(retrying > 0);
       retrying--;
       slots_free++;
       if
       :: in_drain[r] -> drain_retries--; drain()
       :: else
       fi
    :: else
    fi;
    collect();
    check_conservation()
  };
  finish()
}

/* What a step leaves for after the mutex. */
#define LOCALS byte to_wake = NEVER; bool must_wake = false; bool held = false

proctype Request(byte me) {
  LOCALS;
  bool failed = false;
  bool stopped = false;

  if :: failed = true :: failed = false fi;
  /* The gate, without the mutex. */
  stopped = (failed || gate_stops_requests) && now <= LAST_ARRIVAL;
  if
  :: !stopped -> goto passed
  :: else -> skip
  fi;

  /* BufferCore::Submit: ShardBuffer::OnRequest under the mutex. */
  d_step {
    can_lock;
#ifdef BUG_NO_CLOSED_RECHECK
    if :: false -> skip
#else
    if :: closed -> skip
#endif
    :: !closed && now > LAST_ARRIVAL -> skip
    :: else ->
       if
       :: state == Idle && failed -> assert(!shutdown_done);
          state = Buffering; started = now; update_gate()
       :: else
       fi;
       if
       :: state == Buffering ->
          if
          :: slots_free > 0 -> slots_free--; held = true
          :: slots_free == 0 && QUEUE_LENGTH > 0 ->
             /* Evicts the oldest, whose slot is the newcomer's. */
             queue?victim;
             deliver(victim, Failed, false);
             held = true
          :: else -> outcome[me] = Failed
          fi;
          if
          :: held -> place[me] = Held; window_end[me] = now + WINDOW; queue!me
          :: else
          fi
       :: else
       fi
    fi;
    collect();
    check_conservation()
  };
  finish();
  if
  :: held -> skip
  :: else -> goto passed
  fi;

  /* Blocked, or waiting for the callback. */
  told[me] || (cancelled[me] && !blocks_thread(me));
  if
  :: told[me] ->
     assert(!cancelled[me] || blocks_thread(me));
     if
     :: outcome[me] == Retry -> end_retry(me)
     :: else
     fi
  :: else
  fi;
  d_step { assert(completions[me] + (cancelled[me] && !blocks_thread(me)) == 1); finished++ };
  goto end;
passed:
  skip;
  d_step { if :: outcome[me] == None -> outcome[me] = Passed :: else fi; finished++ };
end:
  skip
}

/* BufferCore::Cancel; for a blocked thread CancelHook::Fire. At any moment, or never. */
proctype Canceller(byte whom) {
  LOCALS;
  if
  :: true -> goto done
  :: true -> skip
  fi;
  d_step {
    can_lock;
    if
    :: place[whom] == Held ->
#ifndef BUG_SLOT_KEPT_ON_CANCEL
       slots_free++;
#endif
       i = QUEUE_LENGTH;
       do
       :: i > 0 -> queue?victim; i--;
          if :: victim == whom -> skip :: else -> queue!victim fi
       :: else -> break
       od;
       cancelled[whom] = true;
       place[whom] = Left;
       outcome[whom] = Failed;
       if :: blocks_thread(whom) -> to_wake = whom :: else fi
    :: place[whom] == Ready ->
       /* Dispatcher::TakeBack, and the slot goes back. */
       i = len(ready);
       do
       :: i > 0 -> ready?victim; i--;
          if :: victim == whom -> skip :: else -> ready!victim fi
       :: else -> break
       od;
       cancelled[whom] = true;
       place[whom] = Left;
       if
       :: outcome[whom] == Retry && !retired ->
          retrying--;
          slots_free++;
          if :: in_drain[whom] -> drain_retries--; drain() :: else fi
       :: else
       fi
    :: else
    fi;
    collect();
    check_conservation()
  };
  finish();
done:
  skip
}

/* BufferCore::OnReport with a newer timestamp: comes at any moment, or never. */
proctype Health() {
  LOCALS;
  byte reports = 0;
  do
  :: reports < FAILOVERS ->
     reports++;
     d_step {
       can_lock;
       if :: !closed -> stop() :: else fi;
       collect();
       check_conservation()
     };
     finish()
  :: break
  od
}

proctype Clock() {
  do
  :: now < LAST_TICK -> now++
  :: else -> break
  od
}

/* The service thread: PollOnce in a loop. */
proctype Poller() {
  LOCALS;
  byte running = 0;
poll:
  polling = true;
  /* RunDueTimers */
  do
  :: d_step {
       timer_due <= now ->
       can_lock;
#ifdef BUG_STALE_TIMER
       /* The timer acts because it fires, not because something is due. */
       if
       :: QUEUE_LENGTH > 0 -> queue?<head>
       :: else -> head = 0
       fi;
       if
       :: state == Buffering && (QUEUE_LENGTH == 0 || window_end[head] > now) ->
          assert(now - started >= MAX_DURATION);
          stop()
       :: else
       fi;
#endif
       do
       :: QUEUE_LENGTH > 0 ->
          queue?<head>;
          if
          :: window_end[head] <= now && to_wake == NEVER -> release(false)
          :: else -> break
          fi
       :: else -> break
       od;
       if
       :: state == Buffering && now - started >= MAX_DURATION && to_wake == NEVER -> stop()
       :: else
       fi;
       compute_due();
       timer_due = due;
       collect();
       check_conservation()
     };
     finish()
  :: timer_due > now -> break
  od;
  /* RunReady */
  do
  :: d_step {
       len(ready) > 0 -> ready?running;
       assert(place[running] == Ready && !shutdown_done);
       place[running] = Running
     };
     /* Complete: under no mutex. The callback ends the retry on the spot, or lets others do so. */
#ifdef BUG_CALLBACK_UNDER_LOCK
     mutex_held_by_callback_runner = true;
     can_lock;
#endif
     d_step { told[running] = true; completions[running]++; place[running] = Left }
#ifdef BUG_CALLBACK_UNDER_LOCK
     ; mutex_held_by_callback_runner = false
#endif
  :: len(ready) == 0 -> break
  od;
  skip;
  /* SettleFirstTimer and EndPoll */
  d_step {
    compute_due();
    timer_due = due;
    next_poll = timer_due;
    if :: len(ready) > 0 -> next_poll = 0 :: else fi;
#ifdef BUG_LOST_WAKEUP
    /* Not one step: what comes in between wakes nobody. */
  };
  d_step {
#endif
    polling = false
  };
  /* ServiceThread::Run sleeps. */
end_asleep:
  woken || now >= next_poll || shutdown_done;
  woken = false;
  if
  :: shutdown_done -> skip
  :: else -> goto poll
  fi
}

/* BufferCore::Shutdown */
proctype Shutdown() {
  LOCALS;
  d_step {
    can_lock;
    closed = true;
    stop();
    if :: state == Draining -> drain() :: else fi;
    update_gate();
    collect();
    check_conservation()
  };
  finish();
  /* Dispatcher::WaitUntilIdle: callbacks run to their end. */
  len(ready) == 0 && (place[0] != Running);
  (REQUESTS < 2 || place[1] != Running) && (REQUESTS < 3 || place[REQUESTS - 1] != Running);
  /* WaitForRetries: all ended, or the grace is over. */
  if
  :: slots_free == SLOTS
  :: true
  fi;
  /* RetireShards */
  d_step {
    retired = true;
    slots_free = slots_free + retrying;
    retrying = 0;
    drain_retries = 0;
    state = Idle;
    shutdown_done = true;
    check_conservation()
  }
}

init {
  atomic {
    i = 0;
    do
    :: i < REQUESTS -> run Request(i); i++
    :: else -> break
    od;
    run Poller();
    run Clock();
#ifdef WITH_CANCEL
    run Canceller(WITH_CANCEL);
#endif
#ifdef WITH_HEALTH
    run Health();
#endif
#ifdef WITH_SHUTDOWN
    run Shutdown();
#endif
  }
}

ltl all_requests_complete { <> (finished == REQUESTS) }
#ifdef WITH_SHUTDOWN
ltl shutdown_completes { <> shutdown_done }
ltl shutdown_is_final { [] (shutdown_done -> [] (state == Idle && slots_free == SLOTS)) }
#endif
