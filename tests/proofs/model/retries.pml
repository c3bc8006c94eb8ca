/* What happens to retries: they come back and are held again, go as probes, hang, and tell how they
 * ended. Each critical section of the shard is one atomic step, as in shard.pml. That model checks
 * that the service thread wakes in time; here the poller always does. README.md says which step is
 * which function, and which search has which question.
 *
 * These options add a process, or give it something to do: -DWITH_CANCEL=<request>,
 * -DWITH_SHUTDOWN, -DREPORTS=<how many> with -DNEW_PRIMARY, -DSERVING, -DDOWN. -DHANGS: a retry may
 * never end. -DTELLS: retries tell how they ended; with -DADAPTS some found no server. -DGUARDS:
 * StartGuard may prevent a hold. -DREPEATS: a request that came back in vain fails once more, and is
 * a new one. So it goes on for as long as it is held. -DCLOCK_GOES_ON: the clock goes on until nothing is due. The
 * options -DBUG_... plant bugs.
 */
#include "retries_shard.pml"

#ifndef RETURNS
#define RETURNS 1 /* how often a request may come back */
#endif
#ifndef LAST_ARRIVAL
#define LAST_ARRIVAL 0 /* new requests come until this tick */
#endif

byte finished = 0;

/* A process carries these variables from one step to the next. */
#define LOCALS byte at = 0; byte to_wake = NONE

/* BufferCore::Finish wakes the thread after the mutex was released. */
inline finish() {
  if
  :: to_wake != NONE -> d_step {
       assert(place[to_wake] == Left && !told[to_wake]);
       told[to_wake] = true;
       to_wake = NONE
     }
  :: else
  fi
}

/* HeldQueue::Add: at its place in the order of arrival. */
inline enqueue(r) {
  place[r] = Held;
  turn[r] = Beside;
  turn_entry[r] = 0;
#ifdef BUG_TO_THE_BACK
  queue!r;
#else
  k = QUEUE_LENGTH;
  yes = false;
  do
  :: k > 0 ->
     queue?n; k--;
     if :: !yes && arrival[n] > arrival[r] -> queue!r; yes = true :: else fi;
     queue!n
  :: else -> break
  od;
  if :: !yes -> queue!r :: else fi;
#endif
  decision = Hold
}

/* Numbers a request after those that are held or may come back. */
inline number_arrival(r) {
  before = 0;
  i = 0;
  do
  :: i < REQUESTS -> if :: arrival[i] > before -> before = arrival[i] :: else fi; i++
  :: else -> break
  od;
  arrival[r] = before + 1;
#ifdef REPEATS
  /* Only the order counts, so the numbers begin at 1. */
  best = 255;
  i = 0;
  do
  :: i < REQUESTS ->
     if :: arrival[i] > 0 && arrival[i] < best -> best = arrival[i] :: else fi;
     i++
  :: else -> break
  od;
  i = 0;
  do
  :: i < REQUESTS ->
     if :: arrival[i] > 0 -> arrival[i] = arrival[i] - (best - 1) :: else fi;
     i++
  :: else -> break
  od
#endif
}

/* ShardBuffer::HoldNew with MakeRoom */
inline hold_new(r) {
  decision = Refuse;
  if
  :: slots_free > 0 -> slots_free--; decision = Hold
  :: slots_free == 0 && QUEUE_LENGTH > 0 ->
     queue?victim;
     deliver(victim, Failed);
     decision = Hold
  :: else
  fi;
  if
  :: decision == Hold ->
     number_arrival(r);
     window_end[r] = last_now + WINDOW;
     let_go(r) = 0;
     enqueue(r)
  :: else
  fi
}

/* ShardBuffer::OnRequest without a token */
inline on_request(r) {
  decision = Pass;
  if
  :: !closed && last_now <= LAST_ARRIVAL ->
     advance();
     holds = false;
     if
     :: state == Buffering -> holds = true
     :: state == Idle && ((refused[r] && may_start) || (missed && !passes)) ->
        start(false);
        holds = true
     :: state == Draining && refused[r] -> holds = joins_drain(r)
     :: state == Draining && !refused[r] && missed && !passes -> start(false); holds = true
     :: else
     fi;
     if :: holds -> hold_new(r) :: else fi;
     if :: state == Draining -> drain() :: else fi
  :: else
  fi;
  at = 0
}

/* ShardBuffer::HoldsAgain */
inline holds_again(r) {
  holds = false;
  if
  :: !closed ->
#ifdef BUG_E8_OF_ANY_RETRY
     yes = true;
#else
     yes = let_go(r) > last_end;
#endif
     on_refused_retry(r);
     if
     :: state == Buffering -> holds = true
#ifdef BUG_E8_IN_DRAIN
     :: state == Draining -> holds = may_probe(r)
#else
     :: state == Draining && !yes -> holds = joins_drain(r)
#endif
     :: state != Buffering && yes && may_start ->
        /* Rule E8: the retry tried the primary of now. */
        assert(since_end[r]);
        start(true);
        holds = true
     :: state == Idle && !yes && may_start -> start(false); holds = true
     :: state != Buffering && yes && !may_start -> refused_in_vain = true
     :: else
     fi
  :: else
  fi
}

/* ShardBuffer::OnReturn, and Submit, which disarms the token. `stopped` is Request::cancelled. */
inline on_return(r) {
  decision = Pass;
#ifdef BUG_RETURN_AFTER_RETIRE
  if
  :: true ->
#else
  if
  :: !retired ->
#endif
     advance();
     must_hold = since_end[r] && may_start && !closed;
     assert(retrying > 0);
     retrying--;
     end_turn(r);
     probing[r] = false;
     holds_again(r);
     assert(!must_hold || state == Buffering);
     if
     :: holds ->
        if
#ifdef BUG_HELD_AFTER_WINDOW
        :: stopped -> decision = Refuse
#else
        :: last_now >= window_end[r] ->
           decision = Refuse;
#ifdef BUG_SLOT_FREED_TWICE
           return_slot()
#endif
        :: last_now < window_end[r] && stopped -> decision = Refuse
#endif
        :: else -> assert(last_now < window_end[r]); enqueue(r)
        fi
     :: else
     fi;
     if :: decision != Hold -> return_slot() :: else fi;
#ifdef BUG_DRAIN_GOES_ON
     drain()
#else
     if :: state == Draining -> drain() :: else fi
#endif
  :: else
  fi;
#ifdef BUG_TWO_OWNERS
  has_token[r] = decision == Hold;
#else
  has_token[r] = false;
#endif
  at = 0
}

/* ShardBuffer::OnSuccess (E7) */
inline on_success(r) {
  if
  :: refused[r] && let_go(r) > last_down && let_go(r) > last_end ->
     latched = false;
     refused_in_vain = false
  :: else
  fi;
  if
#ifdef BUG_E7_OF_ANY_RETRY
  :: refused[r] && state == Buffering ->
#else
  :: refused[r] && let_go(r) > last_down && state == Buffering && let_go(r) > began_event ->
#endif
     assert(since_begin[r] && since_down[r]);
     stop()
  :: else
  fi
}

/* Hold::OnProbeEnd */
inline on_probe_end(r) {
  if
  :: turn[r] == Probe && probe == let_go(r) && state == Buffering ->
     probe = 0;
     next_probe = (suspicion_ends != NEVER -> last_now + PATIENCE : after(last_now, PROBE_AFTER))
  :: else
  fi;
  probing[r] = false
}

mtype = { None, Succeeded, Refused, RefusedAtConnect, NoAnswer };

/* ShardBuffer::OnRetryEnd */
inline on_retry_end(r, how) {
  if
  :: !retired ->
     advance();
     must_hold = since_end[r] && may_start && !closed;
     assert(retrying > 0 && has_token[r]);
     retrying--;
     return_slot();
     end_turn(r);
     on_probe_end(r);
     if
     :: how == Succeeded ->
        if :: yes && may_probe(r) && concurrency < MOST -> concurrency++ :: else fi;
        on_success(r)
     :: how == RefusedAtConnect || how == NoAnswer ->
        if :: yes && may_probe(r) && concurrency > 1 -> concurrency = concurrency / 2 :: else fi
     :: else
     fi;
     if
     :: (how == Refused || how == RefusedAtConnect) && !closed ->
        on_refused_retry(r);
        if
        :: let_go(r) > last_end && state != Buffering && may_start ->
           assert(since_end[r]);
           start(true)
        :: let_go(r) > last_end && state != Buffering && !may_start -> refused_in_vain = true
        :: else
        fi;
        assert(!must_hold || state == Buffering)
     :: else
     fi;
     if :: state == Draining -> drain() :: else fi
  :: else
  fi;
  has_token[r] = false;
  at = 0
}

proctype Request(byte me) {
  LOCALS;
  mtype decision = Pass;
  byte returns = 0;
  bool passes = false;                                 /* what StartGuard says */
  bool stopped = false;
  bool came_back = false;
  mtype how = None;

  if :: refused[me] = true :: true fi;
#ifdef GUARDS
  if :: passes = true :: true fi;
#endif
  if
  :: refused[me] || closed || state == Buffering || missed -> skip
  :: else -> goto done
  fi;
  at = now;
  if :: at > LAST_ARRIVAL -> at = 0; goto done :: else fi;
  d_step { lock_is_free; on_request(me); check() };
  finish();
wait:
  if
  :: decision == Hold -> came_back = false
#ifdef REPEATS
  :: decision == Pass && came_back ->
     came_back = false;
     at = now;
     d_step { lock_is_free; arrival[me] = 0; on_request(me); check() };
     finish();
     goto wait
#endif
  :: else -> goto done
  fi;
  told[me] || (cancelled[me] && !blocks_thread(me));
  if
  :: outcome[me] == Retry && has_token[me] -> skip
  :: else -> goto done
  fi;
  told[me] = false;
  /* The retry is under way. */
  if
#ifdef HANGS
  :: true ->
end_hangs:
     false
#endif
  :: returns < RETURNS ->
#ifdef REPEATS
     came_back = true;
#else
     returns++;
#endif
     stopped = cancelled[me];
     at = now;
     d_step {
       lock_is_free;
       assert(place[me] == Left);
       refused[me] = true;
       outcome[me] = Nothing;
       on_return(me);
       stopped = false;
       check()
     };
     finish();
     goto wait
#ifdef TELLS
  :: how = Succeeded
  :: how = Refused
#ifdef ADAPTS
  :: how = RefusedAtConnect
#endif
#else
  :: true
#endif
  fi;
  /* BufferCore::EndRetry */
  at = now;
  d_step { lock_is_free; on_retry_end(me, how); check() };
  finish();
done:
  true;
  d_step {
    assert(place[me] != Held && !has_token[me]);
    how = None;
    decision = Pass;
    passes = false;
    returns = 0;
    came_back = false;
    place[me] = Gone;
    outcome[me] = Nothing;
    refused[me] = false;
    told[me] = false;
    cancelled[me] = false;
    arrival[me] = 0;
    window_end[me] = 0;
    turn[me] = Beside;
    turn_entry[me] = 0;
    let_go(me) = 0;
    since_begin[me] = false;
    since_end[me] = false;
    since_down[me] = false;
    counts_until[me] = 0;
    in_turn_until[me] = 0;
    probing_until[me] = 0;
    renumber();
    finished++
  }
}

#ifdef WITH_CANCEL
/* BufferCore::Cancel, or CancelHook::Fire for a blocked thread, at any moment, or never. */
proctype Canceller(byte whom) {
  LOCALS;
  bool took_back = false;
  bool passes = false;
  true;
  d_step {
    lock_is_free;
    if
    :: place[whom] == Held ->
       /* ShardBuffer::OnCancel */
       return_slot();
       remove_from(queue, whom);
       cancelled[whom] = true;
       place[whom] = Left;
       outcome[whom] = Failed;
       if :: blocks_thread(whom) -> to_wake = whom :: else fi;
       check()
    :: place[whom] == Ready ->
       /* Dispatcher::TakeBack, under both mutexes. */
       remove_from(ready, whom);
       mutex_held = true;
       took_back = true
    /* A Cancellation that has fired refuses the next hold of the thread. */
    :: else -> cancelled[whom] = blocks_thread(whom)
    fi
  };
  if
  :: took_back ->
     d_step {
       cancelled[whom] = true;
       place[whom] = Left;
       if
       :: outcome[whom] == Retry -> on_retry_end(whom, None)
       :: else
       fi;
       outcome[whom] = Nothing;
       mutex_held = false;
       took_back = false;
       check()
     }
  :: else
  fi;
  finish()
}
#endif

#ifdef REPORTS
/* BufferCore::OnReport at any moment, or never. A report was observed when it is reported. */
proctype Health() {
  LOCALS;
  byte reports = 0;
  do
  :: reports < REPORTS ->
     reports++;
     at = now;
     if
#ifdef NEW_PRIMARY
     :: d_step {                                       /* E3, E4 */
          lock_is_free;
          advance();
          is_down = false;
          is_missed = false;
          latched = false;
          refused_in_vain = false;
          if :: !closed -> stop() :: else fi;
          check()
        }
#endif
#ifdef SERVING
     :: d_step {                                       /* E5, E6: Hold::EndsByServing */
          lock_is_free;
          head = at;
          advance();
          yes = is_down && evidence_from == began;
          is_down = false;
          is_missed = false;
          latched = false;
          refused_in_vain = false;
          if :: !closed && state == Buffering && (yes || head > evidence_from) -> stop() :: else fi;
          check()
        }
#endif
#ifdef DOWN
     :: d_step {                                       /* E2 */
          lock_is_free;
          advance();
          next_event();
          last_down = last_event;
          i = 0;
          do
          :: i < REQUESTS -> since_down[i] = false; i++
          :: else -> break
          od;
          is_down = true;
          is_missed = true;
          down_in_drain = state == Draining;
          if :: state == Buffering -> suspicion_ends = NEVER :: else fi;
#ifndef BUG_DOWN_IN_DRAIN
          if :: state == Draining && !closed && missed -> start(false) :: else fi;
#endif
          check()
        }
#endif
     fi;
     finish()
  :: break
  od
}
#endif

proctype Clock() {
end_idle:
  do
  :: now < LAST_TICK -> now++
#ifdef CLOCK_GOES_ON
  :: timer_due != NEVER && now < timer_due -> now++
#endif
#ifndef CLOCK_GOES_ON
  :: else -> break
#endif
  od
}

/* ShardBuffer::OnTimer */
inline on_timer() {
  monotonic();
  do
  :: QUEUE_LENGTH > 0 ->
     queue?<head>;
     if
     :: window_end[head] <= last_now ->
        check_oldest(head);
        next_event();
        let_go(head) = last_event;
        release(head, Beside)
     :: else -> break
     fi
  :: else -> break
  od;
  if :: state == Draining -> expire_turns() :: else fi;
  if
  :: state == Buffering ->
     find_probe();
     if :: head != NONE && !is_down && next_probe <= last_now -> let_probe_go(head) :: else fi;
     /* EndLongHold: only the longest duration latches the shard (E9). */
     if
     :: hold_end <= last_now ->
        if
        :: last_now >= after(began, MAX_DURATION) -> latched = true; is_missed = false
        :: else
        fi;
        stop()
     :: else
     fi
  :: else
  fi
}

/* Dispatcher::Poll */
proctype Poller() {
  LOCALS;
end_idle:
  do
  :: timer_due <= now ->
     at = now;
     d_step { lock_is_free; on_timer(); check() };
     finish()
  :: d_step { len(ready) > 0 -> ready?running; place[running] = Running };
     d_step {
       assert(place[running] == Running && !told[running]);
       told[running] = true;
       place[running] = Left;
       running = NONE
     }
  od
}

#ifdef WITH_SHUTDOWN
/* BufferCore::Shutdown at any moment. */
proctype Shutdown() {
  LOCALS;
  at = now;
  d_step {                                             /* ShardBuffer::Close */
    lock_is_free;
    monotonic();
    closed = true;
#if !TIME_LIMITS_RETRIES
    last_now = 0;
#endif
    stop();
    if :: state == Draining -> drain() :: else fi;
    check()
  };
  finish();
  len(ready) == 0 && running == NONE;                  /* Dispatcher::Close */
  if                                                   /* Lifecycle::AwaitSlots, or its grace */
  :: slots_free == SLOTS
  :: true
  fi;
  d_step {                                             /* ShardBuffer::Retire */
    lock_is_free;
    assert(closed && QUEUE_LENGTH == 0);
    retired = true;
    slots_free = slots_free + retrying;
    retrying = 0;
    begin_turns();
    state = Idle;
    check()
  }
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
#ifdef REPORTS
    run Health();
#endif
#ifdef WITH_SHUTDOWN
    run Shutdown();
#endif
  }
}

ltl all_requests_complete { <> (finished == REQUESTS) }
/* A retry that hangs keeps its shard neither in Draining nor in a hold. */
ltl drain_ends { [] (state == Draining -> <> (state != Draining)) }
