/* This is the concurrency of one shard, as it is in src/. README.md says which step is which
 * function, what Spin checks, and how to run the searches. Each critical section is one atomic
 * step. Each read without a lock and each wake-up is a step of its own.
 *
 * The sizes are macros that -D overrides: requests, slots, drain concurrency, ticks. These options
 * add a process: -DWITH_CANCEL=<request>, -DWITH_HEALTH, -DWITH_SHUTDOWN. These options remove the
 * end of a failover by its maximum duration (-DNO_MAX_TIMER), and the end of a shutdown's grace
 * (-DNO_GRACE). The options -DBUG_... plant bugs.
 *
 * No request comes back here, goes as a probe or is overdue: retries.pml has these.
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
/* Every held request arrived by LAST_ARRIVAL, so nothing is due after this tick. */
#define LAST_TICK (LAST_ARRIVAL + MAX_DURATION)
#ifndef FAILOVERS
#define FAILOVERS 1 /* how often the health check may report the end of a failover */
#endif
#define NEVER 100
#define NONE 100

mtype = { Idle, Buffering, Draining };                 /* the shard */
mtype = { New, Held, Ready, Running, Left, Gone };     /* a request; Gone: its caller went on */
mtype = { Nothing, Retry, Retried, Failed };           /* the outcome of a request */

/* The shard. Its mutex guards these variables, so only atomic steps that begin with `lock_is_free`
 * touch them. The flag is set only where a thread holds the mutex for longer than one step. */
bool mutex_held = false;
mtype state = Idle;
bool closed = false;
bool retired = false;
byte started = 0;
byte last_now = 0;
byte retrying = 0;
byte drain_retries = 0;
chan queue = [REQUESTS] of { byte };

/* The pool and the gate. Threads read them without the mutex, too. */
byte slots_free = SLOTS;
bool gate_stops_requests = false;

/* The dispatcher. Its mutex guards these variables; no thread holds it for longer than one step. */
byte timer_due = NEVER;
byte next_poll = NEVER;
bool polling = false;
byte running = NONE;
byte wakeups = 0;                                      /* how many wake-ups are under way */
bool watched = false;                                  /* a shutdown waits for something to end */
bool something_ended = false;                          /* the shutdown was told so */
bool dispatcher_closed = false;                        /* nobody asks for wake-ups any more */
chan ready = [REQUESTS] of { byte };

/* The service thread. Only this thread acts on `sleep_until`, but check() looks at it. */
bool woken = false;
bool stopping = false;
bool thread_ended = false;
byte sleep_until = 0;

/* The requests. The mutexes guard `place` and `outcome`. `completions` only counts. */
mtype place[REQUESTS] = New;
mtype outcome[REQUESTS] = Nothing;
bool in_drain[REQUESTS];
bool cancelled[REQUESTS];
bool told[REQUESTS];                                   /* the wait has ended */
byte window_end[REQUESTS];
byte arrival[REQUESTS];                                /* the order of arrival, for checks */
byte completions[REQUESTS];
byte finished = 0;

/* These variables serve one atomic step and are no part of the state. Other variables are set back
 * to their first values when nothing reads them any more, which makes fewer states. */
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
bool waits_for_slots = false;                          /* a shutdown waits for slots */
bool slot_noticed = false;                             /* the shutdown was told of a slot */
bool shutdown_done = false;

/* Request 0 blocks a thread, the others are callbacks. */
#define blocks_thread(r) ((r) == 0)
#define QUEUE_LENGTH len(queue)
#define lock_is_free (!mutex_held)

/* A process carries these variables from one step to the next. */
#define LOCALS byte at = 0; byte to_wake = NONE; bool must_wake = false; bool saw_closed = false

/* The poller (the service thread) works, or will work in time: it sleeps no longer than until the
 * timer, or a wake-up comes. */
#define poller_is_not_blind \
  (polling || woken || wakeups > 0 || stopping || sleep_until == 0 || \
   (sleep_until <= timer_due && len(ready) == 0))

/* These assertions hold whenever a thread releases the shard's mutex. */
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
  /* The queue holds each held request and nothing else, in the order of arrival. So the window of
   * the oldest request ends first. */
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
  /* The timer is never too late. The rule says so first, and then the function of the code. */
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

/* ShardBuffer::Monotonic: the thread read the clock before it took the mutex. Once the shard is
 * closed, nothing depends on the time. */
inline monotonic() {
  if
  :: at > last_now && !closed -> last_now = at
  :: else
  fi;
  at = 0
}

/* ShardBuffer::SetState, UpdateGate */
inline update_gate() {
  gate_stops_requests = closed || state == Buffering
}

/* SlotPool::ReturnSlots(1) */
inline return_slot() { assert(slots_free < SLOTS); slots_free++ }

/* Numbers a request after those that are still held. Numbers that grew for ever would make more
 * states. */
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

/* Checks that the request that leaves the queue is the oldest: later the queue could not tell. */
inline check_oldest(r) {
  i = 0;
  do
  :: i < REQUESTS -> assert(place[i] != Held || arrival[i] >= arrival[r]); i++
  :: else -> break
  od
}

/* ShardBuffer::Deliver. `to_wake` is Effects::threads, which has at most one thread here. */
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

/* ShardBuffer::Release of the oldest request */
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
     :: in_drain[r] -> assert(drain_retries > 0); drain_retries--
     :: else
     fi;
     if
     :: state == Draining -> drain()
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

/* Dispatcher::Collect, which runs under the shard's mutex. */
inline collect() {
  compute_due();
  if
  :: effects_ready || due < timer_due ->
     if :: due < timer_due -> timer_due = due :: else fi;
     poll_due = timer_due;
     if :: effects_ready -> poll_due = 0 :: else fi;
     if
     :: !polling && !dispatcher_closed && poll_due < next_poll ->
        next_poll = poll_due;
        wakeups++;
        must_wake = true
     :: else
     fi
  :: else
  fi;
  effects_ready = false
}

/* Notifies the shutdown, if it waited in the dispatcher when the critical section ended. */
inline notify_if(tell) {
  if
  :: tell -> d_step { something_ended = true; tell = false }
  :: else
  fi
}

/* BufferCore::Finish runs after the thread has released the mutex. Each wake-up is a step. After
 * that of the service thread Dispatcher::WakeupDone notifies a shutdown that waits. */
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
       assert(!retired); /* Dispatcher::Close waits for wake-ups */
#ifndef BUG_NO_WAKE
       woken = !thread_ended;
#endif
       wakeups--;
       must_wake = watched
     };
     notify_if(must_wake)
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

/* BufferCore::EndRetry, called by the thread that holds the token. */
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
  /* The request reads the gate without the mutex. */
  if
  :: failed || gate_stops_requests -> skip             /* ShardGate::kStopsFailures is always set */
  :: else -> goto passed
  fi;
  /* The request reads the clock before it takes the mutex. The model's bound is that no request
   * arrives after LAST_ARRIVAL. */
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
    :: last_now > LAST_ARRIVAL -> skip /* the bound: last_now would be its arrival */
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
             /* Evicts the oldest request. The new request takes over its slot. */
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

  /* The thread is blocked, or the caller waits for the callback. */
  told[me] || (cancelled[me] && !blocks_thread(me));
  /* The caller ends the retry, if the callback did not. */
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
/* BufferCore::Cancel, or CancelHook::Fire for a blocked thread, at any moment, or never. */
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
       :: blocks_thread(whom) -> to_wake = whom /* nothing is due earlier, so no Collect */
       :: else -> saw_closed = closed; collect()
       fi;
       check()
    :: place[whom] == Ready ->
       /* Dispatcher::TakeBack, under the dispatcher's mutex and the shard's. */
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
/* BufferCore::OnReport with a newer timestamp. The report comes at any moment, or never. */
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

/* The critical section of BufferCore::OnTimer: ShardBuffer::OnTimer, then Collect, which sets the
 * timer anew because it has fired. */
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
  /* The bug concludes: the timer fires and no window is over, so the failover must end. */
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
     /* Complete, under no mutex. The callback ends the retry itself, or its caller does later. */
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
  /* SettleFirstTimer: FirstTimer under the dispatcher's mutex, then SetTimer under both mutexes. */
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
  /* EndTurn gets the time. The service thread knows only its answer when it goes to sleep. */
  at = now;
  d_step {
    next_poll = timer_due;
    if :: len(ready) > 0 || timer_due <= at -> next_poll = 0 :: else fi;
    sleep_until = next_poll;
    at = 0;
#ifdef BUG_LOST_WAKEUP
    /* The bug makes two critical sections: a change between them wakes nobody. */
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
/* BufferCore::Shutdown */
proctype Shutdown() {
  LOCALS;
  /* CloseShards: ShardBuffer::Close under the mutex. From here on nothing depends on the time. */
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
  /* FinishShutdown: Dispatcher::Close waits until no callback is ready or runs, and then until no
   * wake-up is under way. It looks again after each notification that something ended. */
  do
  :: d_step { len(ready) == 0 && running == NONE -> dispatcher_closed = true }; break
  :: d_step { !(len(ready) == 0 && running == NONE) -> watched = true; something_ended = false };
     something_ended
  od;
  do
  :: d_step { wakeups == 0 -> watched = false; something_ended = false }; break
  :: d_step { wakeups != 0 -> watched = true; something_ended = false };
     something_ended
  od;
  /* Lifecycle::AwaitSlots waits until all slots are back, or the grace is over. It looks again
   * after each notification of a slot. */
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
  /* ServiceThread::Join */
  stopping = true;
  thread_ended;
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
