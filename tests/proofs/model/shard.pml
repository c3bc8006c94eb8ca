/* One shard's concurrency, as it is in src/. README.md says which step is which function, what is
 * checked, and how to run it. Each critical section is one atomic step; each read without a lock
 * and each wake-up is a step of its own.
 *
 * Sizes (override with -D): requests, slots, drain concurrency, ticks. What the shard lives in, any
 * of: -DWITH_CANCEL=<request>, -DWITH_HEALTH, -DWITH_SHUTDOWN. What there is not: the end by the
 * maximum duration (-DNO_MAX_TIMER), the end of a shutdown's grace (-DNO_GRACE). Planted bugs:
 * -DBUG_...
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
/* Late enough for everything that can be due: what is held arrived by LAST_ARRIVAL. */
#define LAST_TICK (LAST_ARRIVAL + MAX_DURATION)
#ifndef FAILOVERS
#define FAILOVERS 1 /* how often the health check may report an end */
#endif
#define NEVER 100
#define NONE 100

mtype = { Idle, Buffering, Draining };                 /* the shard */
mtype = { New, Held, Ready, Running, Left, Gone };     /* a request; Gone: its caller went on */
mtype = { Nothing, Retry, Retried, Failed };           /* what it got */

/* The shard. Guarded by its mutex, so touched only in atomic steps that begin with `lock_is_free`;
 * the flag is set only where the mutex is held for longer than one step. */
bool mutex_held = false;
mtype state = Idle;
bool closed = false;
bool retired = false;
byte started = 0;
byte last_now = 0;
byte retrying = 0;
byte drain_retries = 0;
chan queue = [REQUESTS] of { byte };

/* The pool and the gate: also read without the mutex. */
byte slots_free = SLOTS;
bool gate_stops_requests = false;
bool gate_stops_failures = true;

/* The dispatcher: guarded by its mutex, which nobody holds for longer than one step. */
byte timer_due = NEVER;
byte next_poll = NEVER;
bool polling = false;
byte running = NONE;
byte wakeups = 0;                                      /* under way */
bool watched = false;                                  /* a shutdown waits for something to end */
bool something_ended = false;                          /* and was told so */
chan ready = [REQUESTS] of { byte };

/* The service thread. `sleep_until` is its own: nobody else acts on it, but check() looks at it. */
bool woken = false;
bool stopping = false;
bool thread_ended = false;
byte sleep_until = 0;

/* The requests. `place` and `outcome` go with the mutexes; `completions` only counts. */
mtype place[REQUESTS] = New;
mtype outcome[REQUESTS] = Nothing;
bool in_drain[REQUESTS];
bool cancelled[REQUESTS];
bool told[REQUESTS];                                   /* the wait has ended */
byte window_end[REQUESTS];
byte arrival[REQUESTS];                                /* for checks: the order they were held in */
byte completions[REQUESTS];
byte finished = 0;

/* Scratch of one atomic step: no part of the state. Elsewhere, what nothing reads any more is set
 * back to its first value, which makes fewer states. */
hidden byte due;
hidden byte poll_due;
hidden byte head;
hidden byte victim;
hidden byte before;
hidden byte window_before;
hidden byte i;
hidden byte effects_ready;
hidden byte was_due;

byte now = 0;
bool waits_for_slots = false;                          /* the shutdown */
bool slot_noticed = false;                             /* and was told of one */
bool shutdown_done = false;

/* Request 0 blocks a thread, the others are callbacks. */
#define blocks_thread(r) ((r) == 0)
#define QUEUE_LENGTH len(queue)
#define lock_is_free (!mutex_held)

/* What a process carries from one step to the next. */
#define LOCALS byte at = 0; byte to_wake = NONE; bool must_wake = false; bool saw_closed = false

/* The poller is at work, or will be in time: it sleeps no longer, or a wake-up comes. */
#define poller_is_not_blind \
  (polling || woken || wakeups > 0 || stopping || sleep_until == 0 || \
   (sleep_until <= timer_due && len(ready) == 0))

/* What holds whenever the mutex is released. */
inline check() {
  assert(slots_free + QUEUE_LENGTH + retrying == SLOTS);
  assert(drain_retries <= retrying && (closed || drain_retries <= DRAIN));
  /* The states. */
  assert(state != Idle || (QUEUE_LENGTH == 0 && drain_retries == 0));
  assert(state != Buffering || (!closed && drain_retries == 0));
  assert(state != Draining || QUEUE_LENGTH > 0 || drain_retries > 0);
  assert(state != Draining || QUEUE_LENGTH == 0 || drain_retries == DRAIN);
  assert(!closed || QUEUE_LENGTH == 0);
  assert(!retired || (slots_free == SLOTS && state == Idle));
  assert(gate_stops_requests == (closed || state == Buffering));
  assert(gate_stops_failures == (closed || state != Draining));
  /* The queue: all that is held and nothing else, in the order of arrival, so that the oldest has
   * the window that ends first. */
  before = 0;
  window_before = 0;
  i = QUEUE_LENGTH;
  do
  :: i > 0 ->
     queue?victim;
     assert(place[victim] == Held);
     assert(arrival[victim] > before);
     assert(window_end[victim] >= window_before);
     before = arrival[victim];
     window_before = window_end[victim];
     queue!victim;
     i--
  :: else -> break
  od;
  i = 0;
  do
  :: i < REQUESTS -> assert(place[i] != Held || queue??[eval(i)]); i++
  :: else -> break
  od;
  /* The timer: never too late, said once by the rule and once as the code computes it. */
  if
  :: QUEUE_LENGTH > 0 -> queue?<head>; assert(timer_due <= window_end[head])
  :: else
  fi;
#ifndef NO_MAX_TIMER
  assert(state != Buffering || timer_due <= started + MAX_DURATION);
#endif
  compute_due();
  assert(timer_due <= due);
  assert(poller_is_not_blind)
}

/* ShardBuffer::Monotonic: the clock was read before the mutex was taken. Once closed, nothing
 * depends on the time. */
inline monotonic() {
  if
  :: at > last_now && !closed -> last_now = at
  :: else
  fi;
  at = 0
}

/* ShardBuffer::SetState, UpdateGate */
inline update_gate() {
  gate_stops_requests = closed || state == Buffering;
  gate_stops_failures = closed || state != Draining
}

/* SlotPool::ReturnSlots(1) */
inline return_slot() { assert(slots_free < SLOTS); slots_free++ }

/* Numbers count from what is still held, not for ever, which makes fewer states. */
inline number_arrival(r) {
  before = 0;
  i = 0;
  do
  :: i < REQUESTS ->
     if :: arrival[i] > before -> before = arrival[i] :: else fi;
     i++
  :: else -> break
  od;
  arrival[r] = before + 1
}

/* What is left in the queue cannot tell in which order the others left it. */
inline check_oldest(r) {
  i = 0;
  do
  :: i < REQUESTS -> assert(place[i] != Held || arrival[i] >= arrival[r]); i++
  :: else -> break
  od
}

/* ShardBuffer::Deliver. `to_wake` is Effects::threads: here at most one. */
inline deliver(r, what, drained) {
  check_oldest(r);
  outcome[r] = what;
  in_drain[r] = drained;
  window_end[r] = 0;
  arrival[r] = 0;
  if
  :: blocks_thread(r) -> assert(to_wake == NONE); place[r] = Left; to_wake = r
  :: else -> place[r] = Ready; effects_ready = true; ready!r
  fi
}

/* ShardBuffer::Release of the oldest */
inline release(drained) {
#ifdef BUG_NOT_FIFO
  i = QUEUE_LENGTH;
  do
  :: i > 1 -> queue?victim; queue!victim; i--
  :: else -> break
  od;
#endif
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
  :: state == Buffering -> state = Draining; started = 0; drain()
  :: else
  fi
}

/* ShardBuffer::OnRetryEnd */
inline on_retry_end(r) {
  if
  :: !retired ->
     assert(retrying > 0);
     retrying--;
     return_slot();
     if
     :: in_drain[r] -> assert(drain_retries > 0); drain_retries--; drain()
     :: else
     fi
  :: else
  fi
}

/* ShardBuffer::NextDue */
inline compute_due() {
  due = NEVER;
#ifndef BUG_WINDOW_NOT_DUE
  if
  :: QUEUE_LENGTH > 0 -> queue?<head>; due = window_end[head]
  :: else
  fi;
#endif
#ifndef NO_MAX_TIMER
  if
  :: state == Buffering && started + MAX_DURATION < due -> due = started + MAX_DURATION
  :: else
  fi
#endif
}

/* Dispatcher::Collect, called under the shard's mutex. */
inline collect() {
  compute_due();
  if
  :: effects_ready || due < timer_due ->
     if :: due < timer_due -> timer_due = due :: else fi;
     poll_due = timer_due;
     if :: effects_ready -> poll_due = 0 :: else fi;
     if
     :: !polling && poll_due < next_poll -> next_poll = poll_due; wakeups++; must_wake = true
     :: else
     fi
  :: else
  fi;
  effects_ready = false
}

/* BufferCore::Finish: after the mutex is released, each wake-up a step of its own. */
inline finish() {
  if
  :: to_wake != NONE -> d_step {
       assert(place[to_wake] == Left);
       told[to_wake] = true;
       completions[to_wake]++;
       to_wake = NONE
     }
  :: else
  fi;
  if
  :: must_wake ->
     d_step {
       assert(!shutdown_done); /* Dispatcher::Close waits for those under way */
#ifndef BUG_NO_WAKE
       woken = !thread_ended;
#endif
       wakeups--;
       must_wake = false
     }
  :: else
  fi
}

/* Lifecycle::NoticeFreeSlot */
inline notice_free_slot() {
  if
  :: saw_closed ->
     d_step {
#ifndef BUG_SLOT_NOT_NOTICED
       slot_noticed = waits_for_slots;
#endif
       saw_closed = false
     }
  :: else
  fi
}

/* BufferCore::EndRetry: by whoever holds the token. */
inline end_retry(r) {
  d_step {
    lock_is_free;
    assert(outcome[r] == Retry);
    outcome[r] = Retried;
    on_retry_end(r);
    in_drain[r] = false;
    saw_closed = closed;
    collect();
    check()
  };
  finish();
  notice_free_slot()
}

proctype Request(byte me) {
  LOCALS;
  bool failed = false;
  bool held = false;

  if :: failed = true :: failed = false fi;
  /* The gate, without the mutex. */
  if
  :: (failed -> gate_stops_failures : gate_stops_requests) -> skip
  :: else -> goto passed
  fi;
  /* The clock, before the mutex. The bound of the model: nothing arrives after LAST_ARRIVAL. */
  at = now;
  if
  :: at > LAST_ARRIVAL -> goto passed
  :: else
  fi;

  /* BufferCore::Submit: ShardBuffer::OnRequest under the mutex. */
  d_step {
    lock_is_free;
    if
#ifndef BUG_NO_CLOSED_RECHECK
    :: closed -> skip
#endif
    :: last_now > LAST_ARRIVAL -> skip /* the bound again: it would be held from last_now on */
    :: else ->
       monotonic();
       if
       :: state == Idle && failed -> state = Buffering; started = last_now; update_gate()
       :: else
       fi;
       if
       :: state == Buffering ->
          /* MakeRoom */
          if
          :: slots_free > 0 -> slots_free--; held = true
          :: slots_free == 0 && QUEUE_LENGTH > 0 ->
             /* Evicts the oldest, whose slot is the newcomer's. */
             queue?victim;
             deliver(victim, Failed, false);
             held = true
          :: else -> outcome[me] = Failed
          fi;
          /* Enqueue */
          if
          :: held ->
             number_arrival(me);
             place[me] = Held;
             window_end[me] = last_now + WINDOW;
             queue!me
          :: else
          fi
       :: else
       fi
    fi;
    at = 0;
    collect();
    check()
  };
  finish();
  if
  :: held -> skip
  :: else -> goto passed
  fi;

  /* Blocked, or waiting for the callback. */
  told[me] || (cancelled[me] && !blocks_thread(me));
  /* The retry, if the callback left it to somebody else. */
  if
  :: outcome[me] == Retry && !cancelled[me] -> end_retry(me)
  :: else
  fi;
  d_step {
    assert(completions[me] + (cancelled[me] && !blocks_thread(me)) == 1);
    assert(outcome[me] != Retry || cancelled[me]);
    assert(place[me] == Left);
    place[me] = Gone;
    outcome[me] = Nothing;
    told[me] = false;
    cancelled[me] = false;
    completions[me] = 0;
    finished++
  };
  goto end;
passed:
  atomic {
    assert(place[me] == New && completions[me] == 0);
    place[me] = Gone;
    outcome[me] = Nothing;
    finished++
  };
end:
  skip
}

inline remove_from(list, r) {
  i = len(list);
  do
  :: i > 0 -> list?victim; i--;
     if :: victim == r -> skip :: else -> list!victim fi
  :: else -> break
  od
}

#ifdef WITH_CANCEL
/* BufferCore::Cancel; for a blocked thread CancelHook::Fire. At any moment, or never. */
proctype Canceller(byte whom) {
  LOCALS;
  bool took_back = false;
  if
  :: true -> goto end
  :: true -> skip
  fi;
  d_step {
    lock_is_free;
    if
    :: place[whom] == Held ->
       /* ShardBuffer::OnCancel */
#ifndef BUG_SLOT_KEPT_ON_CANCEL
       return_slot();
#endif
       remove_from(queue, whom);
       cancelled[whom] = true;
       place[whom] = Left;
       outcome[whom] = Failed;
       window_end[whom] = 0;
       arrival[whom] = 0;
       if
       :: blocks_thread(whom) -> to_wake = whom /* and no Collect: nothing is due earlier */
       :: else -> saw_closed = closed; collect()
       fi;
       check()
    :: place[whom] == Ready ->
       /* Dispatcher::TakeBack: a section of the dispatcher's within that of the shard's. */
       remove_from(ready, whom);
       mutex_held = true;
       took_back = true
    :: else
    fi
  };
  if
  :: took_back ->
     d_step {
       cancelled[whom] = true;
       place[whom] = Left;
       if
       :: outcome[whom] == Retry -> on_retry_end(whom)
       :: else
       fi;
       in_drain[whom] = false;
       saw_closed = closed;
       collect();
       mutex_held = false;
       took_back = false;
       check()
     }
  :: else
  fi;
  finish();
  notice_free_slot();
end:
  skip
}
#endif

#ifdef WITH_HEALTH
/* BufferCore::OnReport with a newer timestamp: comes at any moment, or never. */
proctype Health() {
  LOCALS;
  byte reports = 0;
  do
  :: reports < FAILOVERS ->
     at = now;
     d_step {
       lock_is_free;
       reports++;
       monotonic();
       if :: !closed -> stop() :: else fi;
       collect();
       check()
     };
     finish()
  :: break
  od
}
#endif

proctype Clock() {
  do
  :: now < LAST_TICK -> now++
  :: else -> break
  od
}

/* BufferCore::OnTimer: ShardBuffer::OnTimer and Collect, under the mutex. */
inline on_timer() {
  was_due = false;
  if
  :: at > last_now && !closed -> last_now = at
  :: else
  fi;
  do
  :: QUEUE_LENGTH > 0 ->
     queue?<head>;
     if
     :: window_end[head] <= last_now -> was_due = true; release(false)
     :: else -> break
     fi
  :: else -> break
  od;
#ifndef NO_MAX_TIMER
  if
#ifdef BUG_STALE_TIMER
  /* It fires and no window is over, so it must be the end of the failover. */
  :: state == Buffering && !was_due ->
#else
  :: state == Buffering && last_now >= started + MAX_DURATION ->
#endif
     assert(last_now >= started + MAX_DURATION);
     stop()
  :: else
  fi;
#endif
  compute_due();
  timer_due = due;
  collect();
  check()
}

/* Tells a shutdown that waits in the dispatcher, if one did when the section ended. */
inline notify_if(tell) {
  if
  :: tell -> d_step { something_ended = true; tell = false }
  :: else
  fi
}

/* The service thread: Dispatcher::Poll in the loop of ServiceThread::Run. */
proctype Poller() {
  LOCALS;
  bool tell = false;
  bool settled = false;
poll:
  polling = true;                                      /* BeginTurn */
  at = now;
  /* FireDueTimers: FirstTimer under the dispatcher's mutex, then OnTimer under the shard's. */
  do
  :: timer_due <= at ->
     d_step { lock_is_free; on_timer() };
     finish()
  :: else -> at = 0; break
  od;
  /* RunReady */
  do
  :: d_step {
       len(ready) > 0 ->
       tell = running != NONE && watched;
       ready?running;
       assert(place[running] == Ready && !cancelled[running] && !retired);
       place[running] = Running
     };
     notify_if(tell);
     /* Complete, under no mutex. The callback ends the retry on the spot, or lets others do so. */
#ifdef BUG_CALLBACK_UNDER_LOCK
     d_step { lock_is_free; mutex_held = true };
#endif
     if
     :: outcome[running] == Retry -> end_retry(running)
     :: true
     fi;
     d_step {
#ifdef BUG_CALLBACK_UNDER_LOCK
       mutex_held = false;
#endif
       assert(place[running] == Running);
       told[running] = true;
       completions[running]++;
       place[running] = Left
     }
  :: d_step { len(ready) == 0 -> tell = running != NONE && watched; running = NONE };
     notify_if(tell);
     break
  od;
  /* SettleFirstTimer: FirstTimer under the dispatcher's mutex, then SetTimer under both. */
  do
  :: timer_due == NEVER -> break
  :: timer_due != NEVER ->
     d_step {
       lock_is_free;
       compute_due();
       settled = due == timer_due;
       timer_due = due;
       check()
     };
     if
     :: settled -> settled = false; break
     :: else
     fi
  od;
  /* EndTurn, told the time. Its answer is all that the thread knows when it sleeps. */
  at = now;
  d_step {
    next_poll = timer_due;
    if :: len(ready) > 0 || timer_due <= at -> next_poll = 0 :: else fi;
    sleep_until = next_poll;
    at = 0;
#ifdef BUG_LOST_WAKEUP
    /* Not one section: what comes in between wakes nobody. */
  };
  d_step {
#endif
#ifndef BUG_NO_NOTIFY
    tell = watched;
#endif
    polling = false
  };
  notify_if(tell);
  /* ServiceThread::Run sleeps. */
#ifdef BUG_WOKEN_CLEARED
  woken = false;
#endif
end_asleep:
  d_step {
    woken || now >= sleep_until || stopping;
    woken = false;
    sleep_until = 0
  };
  if
  :: stopping -> thread_ended = true
  :: else -> goto poll
  fi
}

#ifdef WITH_SHUTDOWN
/* BufferCore::CloseShards and FinishShutdown */
proctype Shutdown() {
  LOCALS;
  /* CloseShards: ShardBuffer::Close under the mutex. Afterwards nothing depends on the time. */
  d_step {
    lock_is_free;
    closed = true;
    last_now = 0;
    at = 0;
    stop();
    if :: state == Draining -> drain() :: else fi;
    update_gate();
    collect();
    check()
  };
  finish();
  /* Dispatcher::Close: looks, and looks again whenever it is told that something ended. */
  do
  :: d_step { len(ready) == 0 && running == NONE -> watched = false; something_ended = false };
     break
  :: d_step { !(len(ready) == 0 && running == NONE) -> watched = true; something_ended = false };
     something_ended
  od;
  /* Lifecycle::AwaitSlots: until all slots are back, looked at anew when told, or the grace is over. */
  do
  :: slots_free == SLOTS -> break
  :: d_step { slots_free != SLOTS -> waits_for_slots = true; slot_noticed = false };
     if
     :: slot_noticed
#ifndef NO_GRACE
     :: break
#endif
     fi
  od;
  /* ShardBuffer::Retire */
  skip;
  d_step {
    lock_is_free;
    assert(closed && QUEUE_LENGTH == 0);
    retired = true;
    slots_free = slots_free + retrying;
    retrying = 0;
    drain_retries = 0;
    state = Idle;
    update_gate();
    waits_for_slots = false;
    slot_noticed = false;
    check()
  };
  /* ServiceThread::Join; the wake-ups that Dispatcher::Close waits for. */
  stopping = true;
  thread_ended;
  wakeups == 0;
  shutdown_done = true
}
#endif

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

#define nothing_is_left \
  (state == Idle && slots_free == SLOTS && len(queue) == 0 && len(ready) == 0 && running == NONE)

ltl all_requests_complete { <> (finished == REQUESTS) }
#ifdef WITH_SHUTDOWN
ltl shutdown_completes { <> shutdown_done }
ltl shutdown_is_final { [] (shutdown_done -> [] nothing_is_left) }
#endif
