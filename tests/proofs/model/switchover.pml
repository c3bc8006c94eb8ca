/* A planned switchover of one shard, and the count of the work that is in flight. README.md says
 * which step is which function, and which search has which question.
 *
 * A worker is a statement or a transaction that is counted. It arrives, is in flight or is held, and
 * ends. Each kind of work (a lane) has two stripes to count in. Each access to a stripe or to the
 * gate is a step of its own, also within a critical section. All else that happens under the mutex
 * is one step. There is no clock: whatever may become due comes at any moment, or never.
 *
 * Spin's steps are sequentially consistent. So the store buffer of the thread that closes the gate
 * is a variable of its own (`written`). An order of memory that lets a load of the gate overtake the
 * write before it is a planted bug, which swaps the two steps.
 *
 * The options: -DWORKERS=<how many> with -DTRANSACTIONS=<the bits of those that are transactions>,
 * -DSWITCHOVERS=<how many>, -DTIMES (the grace and hold_timeout may be over) with -DPROCEEDS
 * (on_overdue is kProceed), -DRETURNS=<how often a retry comes back>, -DREFUSES (the buffer may be
 * full), -DCANCELS, -DIMPATIENT (the switchover may be ended before quiet), -DLATE (the first handle
 * commits at any moment), -DREPORTS=<how many> with -DON_COMMIT (release is kCommit),
 * -DWITH_SHUTDOWN. The options -DBUG_... plant bugs.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef TRANSACTIONS
#define TRANSACTIONS 2
#endif
#ifndef SWITCHOVERS
#define SWITCHOVERS 1
#endif
#ifndef RETURNS
#define RETURNS 0
#endif
#define STATEMENT 0
#define TRANSACTION 1
#define lane(w) ((TRANSACTIONS >> (w)) & 1)

/* Holding is a hold without a switchover: what a commit leaves if no new primary is known. */
mtype = { Idle, StageOne, StageTwo, Holding };         /* the shard */
/* Ready: the worker was released, and its callback has not run. */
mtype = { Away, InFlight, Held, Ready, Refused };      /* a worker */
mtype = { ByCommit, ByAbort, ByTimeout, ByReport, ByWindow, ByShutdown };

/* The mutex of the shard guards these variables. */
bool mutex_held = false;
mtype state = Idle;
bool quiet = false;
bool closed = false;
byte generation = 0;                                   /* of the last switchover that began */
bool new_primary = false;                              /* another primary is believed */
bool old_down = false;                                 /* the old one counts as down */
mtype place[WORKERS] = Away;
bool short_window[WORKERS];                            /* it may end before hold_timeout */

/* Shared memory without a mutex. A stripe may be negative: work may end on another one. */
bool made = false;                                     /* the stripes, at first use */
short stripe[4];                                       /* two of statements, two of transactions */
byte gate = 0;
/* The gate as the thread that has the mutex wrote it last. */
byte written = 0;

/* The bits of the gate: which lanes it stops, and whose ends somebody waits for. */
#define stops(bits, w) (((bits) >> lane(w)) & 1)
#define awaits(bits, w) (((bits) >> (2 + lane(w))) & 1)
#define GATE_IDLE 0
#define GATE_ONE (2 + 8)
#define GATE_TWO (3 + 12)
#define GATE_HOLDS 3

/* The rules say the same in another way. No function of the shard reads these variables. */
byte flying[2];                                        /* what is in flight, by lane */
bool was_quiet = false;                                /* quiet, until everything is released */

byte finished = 0;

/* These variables serve one critical section. */
short sum = 0;
bool found = false;                                    /* the stripes */
hidden byte i;

#define lock_is_free (!mutex_held)
#define switching (state == StageOne || state == StageTwo)
#define nothing_flies (flying[STATEMENT] == 0 && flying[TRANSACTION] == 0)

inline lock() { d_step { lock_is_free -> mutex_held = true } }
/* The thread that takes the mutex next sees all that was written under the mutex. */
inline unlock() {
  d_step { assert(mutex_held); gate = written; sum = 0; found = false; check(); mutex_held = false }
}

/* These assertions hold whenever a thread releases the shard's mutex. */
inline check() {
  assert(written ==
         (state == Idle -> GATE_IDLE :
          (state == StageOne -> GATE_ONE :
           (state == StageTwo && !quiet -> GATE_TWO : GATE_HOLDS))));
  assert(!quiet || (state == StageTwo && nothing_flies));
  assert(state == Idle || !closed);
  i = 0;
  do
  :: i < WORKERS -> assert(place[i] != Held || state != Idle); i++
  :: else -> break
  od;
  i = 0
}

/* ---- Counting -------------------------------------------------------------------------------- */

/* Work takes off when it has passed, or has got the right to retry. */
inline take_off(w) { assert(!quiet); flying[lane(w)]++ }
inline land(w) { flying[lane(w)]-- }

/* ShardBuffer::CountWork: under the mutex, before anybody can know of the release. */
inline join(w) { made = true; stripe[2 * lane(w)]++ }
inline leave_under_mutex(w) { stripe[2 * lane(w)]-- }

/* ShardGate::Set. Only seq_cst empties the store buffer before the next load. */
inline set_gate(bits) {
  d_step {
    written = bits;
#ifndef BUG_RELEASE_STORE
    gate = written
#endif
  }
}

/* WorkCount::Sum. Without stripes no work was ever counted. */
inline add_up(l) {
#ifndef BUG_STRIPES_FOUND_EARLY
  found = made;
#endif
  if :: found -> sum = sum + stripe[2 * (l)]; sum = sum + stripe[2 * (l) + 1] :: else fi
}

inline add_up_all() {
#ifndef BUG_STATEMENTS_ONLY
  add_up(TRANSACTION);
#endif
  add_up(STATEMENT)
}

/* The sum decides whether everything is quiet. */
inline note_in_flight() {
  d_step {
    if
    :: sum == 0 -> assert(nothing_flies); quiet = true; was_quiet = true; written = GATE_HOLDS
    :: else
    fi;
    sum = 0
  }
}

/* ShardBuffer::HoldAll, and the sum after it. */
inline hold_all() {
  d_step { state = StageTwo; sum = 0 };
#ifdef BUG_SUM_BEFORE_CLOSE
  add_up_all();
  set_gate(GATE_TWO);
#else
  set_gate(GATE_TWO);
  add_up_all();
#endif
  note_in_flight()
}

/* ShardBuffer::LookForQuiet. The mutex is held. */
inline look() {
  if
  :: state == StageOne ->
     add_up(TRANSACTION);
     if
     :: sum == 0 -> assert(flying[TRANSACTION] == 0); hold_all()
     :: else
     fi
  :: state == StageTwo && !quiet -> add_up_all(); note_in_flight()
  :: else
  fi
}

/* LeaveWork. `landed` says that the work was in flight. */
inline leave(w, landed) {
#ifdef BUG_LOAD_BEFORE_SUBTRACT
  seen = gate;
#endif
  d_step {
#ifdef BUG_OTHER_STRIPE
    if :: !landed -> mine = 4 * lane(w) + 1 - mine :: else fi;
#endif
    stripe[mine]--;
    mine = 0;
    if :: landed -> land(w); place[w] = Away :: else fi
  };
#ifndef BUG_LOAD_BEFORE_SUBTRACT
  seen = gate;
#endif
#ifdef BUG_NO_SECOND_LOOK
  if :: awaits(seen, w) && landed -> seen = 0; lock(); look(); unlock() :: else -> seen = 0 fi
#else
  if :: awaits(seen, w) -> seen = 0; lock(); look(); unlock() :: else -> seen = 0 fi
#endif
}

/* ---- The ways out ---------------------------------------------------------------------------- */

/* ShardBuffer::Release */
inline release(w) {
  assert(place[w] == Held);
  place[w] = Ready;
#ifndef BUG_JOIN_AFTER_RELEASE
  join(w);
#endif
  take_off(w)
}

/* ShardBuffer::Stop ends the switchover, or the hold that a commit left, and releases all. */
inline end(why) {
  assert(state != Idle);
  /* The old primary gets no more work once it was quiet, unless the switchover was called off. */
  assert(why == ByAbort || why == ByTimeout || why == ByShutdown ||
         (why == ByWindow && state == Holding) || new_primary || !was_quiet);
  quiet = false;
  was_quiet = false;
  state = Idle;
  written = GATE_IDLE;
  gate = GATE_IDLE;
  i = 0;
  do
  :: i < WORKERS -> if :: place[i] == Held -> release(i) :: else fi; i++
  :: else -> break
  od;
  i = 0
}

inline release_at_window(w) {
  assert(new_primary || state == Holding || !was_quiet);
  release(w)
}

/* While a switchover holds everything, a window ends with an error. */
inline end_window(w) {
  if
#ifndef BUG_WINDOW_RELEASES
  :: state == StageTwo -> place[w] = Refused
#endif
  :: else -> release_at_window(w)
  fi
}

/* ---- The work -------------------------------------------------------------------------------- */

proctype Worker(byte me) {
  byte mine = 0;                                       /* the stripe of the thread */
  byte seen = 0;
  byte returns = 0;
#ifdef BUG_PASSES_UNCOUNTED
  bool uncounted = false;
#endif

  /* ShardGate::EnsureWorkCount */
  if
  :: made -> skip
  :: else ->
     d_step {
#ifdef BUG_STRIPES_MADE_TWICE
       stripe[0] = 0; stripe[1] = 0; stripe[2] = 0; stripe[3] = 0;
#endif
       made = true
     }
  fi;
  /* EnterWork */
  if :: mine = 2 * lane(me) :: mine = 2 * lane(me) + 1 fi;
#ifdef BUG_LOAD_BEFORE_ADD
  seen = gate;
#endif
  stripe[mine]++;
  d_step {
#ifndef BUG_LOAD_BEFORE_ADD
    seen = gate;
#endif
    if :: !stops(seen, me) -> take_off(me); place[me] = InFlight :: else fi
  };
  if
  :: place[me] == InFlight -> goto flies
  :: else
  fi;
  leave(me, false);
  /* ShardBuffer::OnRequest */
  if
  :: d_step { lock_is_free && stops(written, me) -> place[me] = Held; short_window[me] = false }
#ifdef REFUSES
  :: d_step { lock_is_free && stops(written, me) -> place[me] = Refused }
#endif
  :: d_step {
       lock_is_free && !stops(written, me) ->
       place[me] = InFlight;
#ifdef BUG_PASSES_UNCOUNTED
       uncounted = true;
#else
       join(me);
#endif
       take_off(me)
     }
  fi;
waits:
  if
  :: place[me] == Refused -> goto done
  :: place[me] == InFlight -> goto flies
  :: atomic {
       place[me] == Ready && lock_is_free ->
       place[me] = InFlight;
#ifdef BUG_JOIN_AFTER_RELEASE
       join(me)
#endif
     }
  fi;
flies:
  if
#if RETURNS > 0
  /* The attempt was refused, and the request comes back: ShardBuffer::OnReturn, OnWorkEnd. */
  :: returns < RETURNS ->
     returns++;
     lock();
     d_step {
       land(me);
       if
       :: state != Idle ->
          place[me] = Held;
          short_window[me] = true;
#ifndef BUG_COUNT_KEPT_ON_RETURN
          leave_under_mutex(me)
#endif
       :: else -> take_off(me)
       fi
     };
     look();
     unlock();
     goto waits
#endif
  :: true
  fi;
#ifdef BUG_PASSES_UNCOUNTED
  if :: uncounted -> d_step { land(me); place[me] = Away }; goto done :: else fi;
#endif
  if :: mine = 2 * lane(me) :: mine = 2 * lane(me) + 1 fi;
  leave(me, true);
done:
  true;
  d_step { place[me] = Away; returns = 0; seen = 0; short_window[me] = false; finished++ }
}

#ifdef CANCELS
/* BufferCore::Cancel takes a held waiter out, or takes one back that is ready. */
proctype Canceller() {
  byte whom = 0;
  bool left = false;
  if :: whom = 0 :: whom = WORKERS - 1 fi;
  lock();
  d_step {
    if
    :: place[whom] == Held -> place[whom] = Refused
    :: place[whom] == Ready ->
       place[whom] = Refused;
       land(whom);
#ifndef BUG_COUNT_KEPT_BY_CANCEL
       leave_under_mutex(whom);
#endif
       left = true
    :: else
    fi;
    whom = 0
  };
#ifndef BUG_CANCEL_DOES_NOT_LOOK
  if :: left -> look() :: else fi;
#endif
  unlock()
}
#endif

/* ---- The switchover -------------------------------------------------------------------------- */

/* ShardBuffer::OnCommit and OnAbort, for the switchover that the handle stands for. */
inline commit(handle) {
  if
#ifdef BUG_LATE_COMMIT
  :: switching ->
#else
  :: switching && handle == generation ->
#endif
     assert(handle == generation);
     if
     :: new_primary -> end(ByCommit)
     :: else ->
        old_down = true;
        quiet = false;
        state = Holding;
        written = GATE_HOLDS;
        gate = written
     fi
  :: else
  fi
}
inline abort(handle) {
  if
  :: switching && handle == generation -> end(ByAbort)
  :: else
  fi
}

proctype Operator() {
  byte begun = 0;
  do
  :: begun < SWITCHOVERS ->
     begun++;
     /* ShardBuffer::OnBeginSwitchover */
     lock();
     if
     :: state == Idle && !closed ->
#ifdef BUG_STRIPES_FOUND_EARLY
        found = made;
#endif
        d_step { generation++; state = StageOne; new_primary = false; old_down = false };
        set_gate(GATE_ONE);
        look();
        unlock()
     :: else -> unlock(); break
     fi;
     /* Switchover::WaitUntilQuiet */
     if
     :: quiet || !(switching && generation == begun)
#ifdef IMPATIENT
     :: true
#endif
     fi;
     if
     :: d_step { lock_is_free -> commit(begun); check() }
     :: d_step { lock_is_free -> abort(begun); check() }
#if defined(TIMES) || defined(LATE)
     /* Something else ends the switchover. */
     :: !(switching && generation == begun)
#endif
     fi
  :: break
  od
}

#ifdef LATE
proctype Late() {
end_idle:
  d_step { lock_is_free && generation >= 1 -> commit(1); check() }
}
#endif

/* A request that a switchover holds for the first time has a window that ends no earlier than
 * hold_timeout, because hold_timeout is at most a window, and counts from the begin. */
#define window_may_end(w) \
  (lock_is_free && place[w] == Held && (short_window[w] || state == Holding))

/* What becomes due. */
proctype Timer() {
end_idle:
  do
#ifdef TIMES
  /* transaction_grace */
  :: d_step { lock_is_free && state == StageOne -> mutex_held = true };
#ifdef PROCEEDS
     hold_all();
#else
     d_step { end(ByAbort) };
#endif
     unlock()
  /* hold_timeout, and the windows that end at the same instant. */
  :: d_step {
       lock_is_free && switching ->
#ifdef BUG_WINDOWS_FIRST
       i = 0;
       do
       :: i < WORKERS -> if :: place[i] == Held -> release_at_window(i) :: else fi; i++
       :: else -> break
       od;
#endif
       end(ByTimeout);
       check()
     }
#endif
  :: d_step { window_may_end(0) -> end_window(0); check() }
  :: d_step { window_may_end(1) -> end_window(1); check() }
#if WORKERS > 2
  :: d_step { window_may_end(2) -> end_window(2); check() }
#endif
  /* The longest duration */
  :: d_step { lock_is_free && state == Holding -> end(ByWindow); check() }
  od
}

#ifdef REPORTS
/* ShardBuffer::OnReport */
proctype Reports() {
  byte reports = 0;
  do
  :: reports < REPORTS ->
     reports++;
     if
     :: d_step {                                       /* E3, E4 */
          lock_is_free ->
          new_primary = true;
          if
#ifndef ON_COMMIT
          :: switching -> end(ByReport)
#endif
          :: state == Holding -> end(ByReport)
          :: else
          fi;
          check()
        }
     :: d_step { lock_is_free -> old_down = !new_primary; check() } /* E2 */
     :: d_step {                                       /* E5 */
          lock_is_free && old_down ->
          old_down = false;
          if
#ifdef BUG_SERVING_ENDS
          :: switching -> end(ByReport)
#endif
#ifdef BUG_BACK_AFTER_COMMIT
          :: state == Holding -> end(ByReport)
#endif
          :: else
          fi;
          check()
        }
     fi
  :: break
  od
}
#endif

#ifdef WITH_SHUTDOWN
/* ShardBuffer::Close */
proctype Shutdown() {
  d_step {
    lock_is_free ->
    closed = true;
#ifndef BUG_SHUTDOWN_FORGETS
    if :: state != Idle -> end(ByShutdown) :: else fi;
#endif
    check()
  }
}
#endif

init {
  atomic {
    i = 0;
    do
    :: i < WORKERS -> run Worker(i); i++
    :: else -> break
    od;
    run Operator();
    run Timer();
#ifdef CANCELS
    run Canceller();
#endif
#ifdef LATE
    run Late();
#endif
#ifdef REPORTS
    run Reports();
#endif
#ifdef WITH_SHUTDOWN
    run Shutdown();
#endif
  }
  /* Nobody is left held, and no count is left behind. */
  finished == WORKERS;
  assert(nothing_flies);
  assert(stripe[0] + stripe[1] == 0);
  assert(stripe[2] + stripe[3] == 0)
}

ltl all_work_ends { <> (finished == WORKERS) }
