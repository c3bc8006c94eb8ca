/* The shard of retries.pml: its variables, the functions that its mutex guards, and what must hold
 * whenever a thread releases that mutex. README.md says which function of src/shard is which. */
#ifndef REQUESTS
#define REQUESTS 2
#endif
#ifndef SLOTS
#define SLOTS REQUESTS
#endif
#ifndef DRAIN
#define DRAIN 1 /* drain_concurrency */
#endif
#ifndef MOST
#define MOST 2 /* drain_concurrency_max */
#endif
#ifndef COMES_BACK
#define COMES_BACK 7 /* the bits of the requests that may come back */
#endif
#define may_probe(r) ((COMES_BACK >> (r)) & 1)
#define NEVER 100
#define NO_ENTRY 100
#define NONE 100
/* The times, in ticks. */
#ifndef WINDOW
#define WINDOW 1
#endif
#ifndef MAX_DURATION
#define MAX_DURATION 2
#endif
#ifndef SUSPICION
#define SUSPICION 1
#endif
#ifndef PATIENCE
#define PATIENCE 1
#endif
#ifndef PROBE_AFTER
#define PROBE_AFTER NEVER
#endif
#ifndef PROBE_TIME
#define PROBE_TIME 1
#endif
#ifndef TURN_TIME
#define TURN_TIME NEVER
#endif
#ifndef RETRY_TIME
#define RETRY_TIME NEVER
#endif
#define TIME_LIMITS_RETRIES (TURN_TIME != NEVER || RETRY_TIME != NEVER)
#ifndef LAST_TICK
#define LAST_TICK 2
#endif

mtype = { Idle, Buffering, Draining };                 /* the shard */
mtype = { New, Held, Ready, Running, Left, Gone };     /* a request; Gone: its caller went on */
mtype = { Nothing, Retry, Failed };                    /* how a wait ended */
mtype = { Beside, OfDrain, Probe };                    /* the turn of a retry */
mtype = { Pass, Hold, Refuse };                        /* a decision */

/* The mutex of the shard guards these variables. The flag is set only where a thread holds the
 * mutex for longer than one step. */
bool mutex_held = false;
mtype state = Idle;
bool closed = false;
bool retired = false;
bool is_down = false;                                  /* KnownPrimary::IsDown */
bool is_missed = false;                                /* KnownPrimary::IsMissed */
bool latched = false;                                  /* StartGuard::latched */
bool refused_in_vain = false;                          /* StartGuard::OnRefusedInVain */
byte last_now = 0;
byte retrying = 0;
byte slots_free = SLOTS;
chan queue = [REQUESTS] of { byte };

/* The dispatcher's list, and the callback that runs. */
chan ready = [REQUESTS] of { byte };
byte running = NONE;

/* The hold. */
byte began = 0;
byte evidence_from = 0;
byte suspicion_ends = NEVER;
byte next_probe = NEVER;

/* DrainTurns */
byte concurrency = DRAIN;
byte taken = 0;
byte unended = 0;
byte entry_due[MOST];
byte entry_overdue[MOST];
bool entry_has_turn[MOST];

/* The numbers of events. renumber() keeps their order and makes them small. */
#define EVENTS (4 + REQUESTS + MOST)
byte event[EVENTS];
byte last_event = 0;
#define last_end event[0]
#define last_down event[1]
#define began_event event[2]
#define probe event[3]
#define let_go(r) event[4 + (r)]
#define entry_retry(e) event[4 + REQUESTS + (e)]

/* The requests. What a waiter and, after its release, its ticket carry has one variable here. */
mtype place[REQUESTS] = New;
mtype outcome[REQUESTS] = Nothing;
bool has_token[REQUESTS];                              /* its RetryDoneFunc is not inert */
bool told[REQUESTS];                                   /* its wait has ended */
bool cancelled[REQUESTS];                              /* a cancel took its waiter out */
bool refused[REQUESTS];
byte window_end[REQUESTS];
byte arrival[REQUESTS];
mtype turn[REQUESTS] = Beside;
byte turn_entry[REQUESTS];

/* The rules say the same in another way. No function of the shard reads these variables. */
bool since_begin[REQUESTS];                            /* let go in this hold */
bool since_end[REQUESTS];                              /* no hold ended since it was let go */
bool since_down[REQUESTS];                             /* no report "down" since */
bool counts[REQUESTS];                                 /* let go by this drain, and counts */
bool in_turn[REQUESTS];                                /* and counts against the concurrency */
byte counts_until[REQUESTS];
byte in_turn_until[REQUESTS];
bool down_in_drain = false;                            /* reported in this drain */
bool probing[REQUESTS];                                /* a probe of this hold that counts */
byte probing_until[REQUESTS];

byte now = 0;
byte timer_due = NEVER;                                /* NextDue, when the mutex was released */

/* These variables serve one atomic step. */
hidden byte i;
hidden byte k;
hidden byte n;
hidden byte due;
hidden byte head;
hidden byte victim;
hidden byte best;
hidden byte before;
hidden byte window_before;
hidden byte yes;
hidden byte holds;
hidden byte must_hold;                                 /* the rule E8, for checks */

/* Request 0 blocks a thread, the others are callbacks. */
#define blocks_thread(r) ((r) == 0)
#define QUEUE_LENGTH len(queue)
#define lock_is_free (!mutex_held)
#define after(t, d) ((d) == NEVER -> NEVER : (t) + (d))
#define HAS_TURN (taken < concurrency && unended < MOST)
#define missed (is_missed && !latched)
#define may_start (!passes && !latched)
/* ShardBuffer::JoinsDrain */
#ifdef BUG_JOINS_IN_VAIN
#define joins_drain(r) may_probe(r)
#else
#define joins_drain(r) (may_probe(r) && !latched && !refused_in_vain)
#endif

inline next_event() { last_event++ }

/* Replaces each number of an event by its rank. The code only compares the numbers. */
inline renumber() {
  n = 0;                                               /* the last number that has its rank */
  k = 0;
  do
  :: true ->
     best = 255;
     i = 0;
     do
     :: i < EVENTS ->
        if :: event[i] > n && event[i] < best -> best = event[i] :: else fi;
        i++
     :: else -> break
     od;
     if :: best == 255 -> break :: else fi;
     k++;
     n = best;
     i = 0;
     do
     :: i < EVENTS -> if :: event[i] == best -> event[i] = k :: else fi; i++
     :: else -> break
     od
  od;
  last_event = k
}

/* ---- NextDue and the invariants -------------------------------------------------------------- */

/* HeldQueue::has_probe_candidate, NextProbe: the candidate that was let go least recently. */
inline find_probe() {
  head = NONE;
  i = QUEUE_LENGTH;
  do
  :: i > 0 ->
     queue?victim;
     queue!victim;
     if
     :: refused[victim] && may_probe(victim) && (head == NONE || let_go(victim) < let_go(head)) ->
        head = victim
     :: else
     fi;
     i--
  :: else -> break
  od
}

/* ShardBuffer::HoldEnd, without the budget */
#define hold_end \
  (after(began, MAX_DURATION) < suspicion_ends -> after(began, MAX_DURATION) : suspicion_ends)

inline compute_due() {
  due = NEVER;
  if
  :: QUEUE_LENGTH > 0 -> queue?<head>; due = window_end[head]
  :: else
  fi;
  if
  :: state == Buffering ->
     if :: hold_end < due -> due = hold_end :: else fi;
     find_probe();
     if :: head != NONE && !is_down && next_probe < due -> due = next_probe :: else fi
#ifndef BUG_TURNS_NOT_DUE
  :: state == Draining ->
     i = 0;
     do
     :: i < MOST ->
        if :: entry_retry(i) != 0 && entry_due[i] < due -> due = entry_due[i] :: else fi;
        i++
     :: else -> break
     od
#endif
  :: else
  fi
}

/* These assertions hold whenever a thread releases the shard's mutex. */
inline check() {
  assert(slots_free + QUEUE_LENGTH + retrying == SLOTS);
  assert(!closed || QUEUE_LENGTH == 0);
  assert(!retired || (slots_free == SLOTS && state == Idle));
  assert(state != Idle || (QUEUE_LENGTH == 0 && (unended == 0 || retired)));
  assert(state != Buffering || (!closed && unended == 0));
  assert(state != Draining || QUEUE_LENGTH > 0 || unended > 0);
  assert(state != Draining || QUEUE_LENGTH == 0 || !HAS_TURN);
  /* Each retry counts once, and each request has one owner of its slot. */
  n = 0;
  k = 0;
  before = 0;
  i = 0;
  do
  :: i < REQUESTS ->
     n = n + counts[i];
     k = k + in_turn[i];
     before = before + has_token[i];
     assert(place[i] != Held || !has_token[i]);
     assert(place[i] != Held || queue??[eval(i)]);
     assert(!probing[i] || place[i] != Held);
     i++
  :: else -> break
  od;
  assert(retired || unended == n);
  assert(retired || closed || taken == k);
  assert(retired || retrying == before);
  /* The queue is in the order of first arrival, and so of the ends of the windows. */
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
  renumber();
  compute_due();
  /* The rule says when the timer must be due at the latest, without the functions of the code. */
  i = 0;
  do
  :: i < REQUESTS ->
     assert(place[i] != Held || due <= window_end[i]);
     assert(!counts[i] || counts_until[i] == 0 || state != Draining || due <= counts_until[i]);
     /* `head` is a request that could go as a probe. The probe that is under way delays it. */
     assert(state != Buffering || head == NONE || is_down || !probing[i] ||
            due <= probing_until[i] || due <= evidence_from);
     i++
  :: else -> break
  od;
  timer_due = due
}

/* ShardBuffer::Monotonic. Once the shard is closed, nothing but the turns depends on the time. */
inline monotonic() {
  if :: at > last_now && (!closed || TIME_LIMITS_RETRIES) -> last_now = at :: else fi;
  at = 0
}

inline return_slot() { assert(slots_free < SLOTS); slots_free++ }

/* ---- DrainTurns ------------------------------------------------------------------------------ */

inline begin_turns() {
  concurrency = DRAIN;
  taken = 0;
  unended = 0;
  i = 0;
  do
  :: i < MOST ->
     entry_retry(i) = 0;
     entry_due[i] = 0;
     entry_overdue[i] = 0;
     entry_has_turn[i] = false;
     i++
  :: else -> break
  od;
  i = 0;
  do
  :: i < REQUESTS -> counts[i] = false; in_turn[i] = false; i++
  :: else -> break
  od
}

inline free_entry(e) {
#ifdef BUG_TURN_GIVEN_TWICE
  taken--;
#else
  if :: entry_has_turn[e] -> taken-- :: else fi;
#endif
  unended--;
#ifndef BUG_OVERDUE_ENDS_AGAIN
  entry_retry(e) = 0;
  entry_due[e] = 0;
  entry_overdue[e] = 0;
#endif
  entry_has_turn[e] = false
}

inline take_turn(r) {
  i = 0;
  do
  :: i < MOST && entry_retry(i) != 0 -> i++
  :: else -> break
  od;
  assert(i < MOST);
  turn_entry[r] = i;
  entry_retry(i) = let_go(r);
  entry_overdue[i] = after(last_now, RETRY_TIME);
  entry_due[i] = (may_probe(r) -> after(last_now, TURN_TIME) : NEVER);
  if :: entry_overdue[i] < entry_due[i] -> entry_due[i] = entry_overdue[i] :: else fi;
  entry_has_turn[i] = true;
  taken++;
  unended++
}

/* DrainTurns::End by ShardBuffer::EndTurn. `yes` is whether the retry counted. */
inline end_turn(r) {
  yes = false;
#ifdef BUG_PROBE_ENDS_A_TURN
  if
  :: turn[r] != Beside ->
#else
  if
  :: turn[r] == OfDrain ->
#endif
     if
     :: turn_entry[r] == NO_ENTRY -> yes = true; if :: unended > 0 -> unended-- :: else fi
#ifdef BUG_STALE_ENTRY
     :: turn_entry[r] != NO_ENTRY && entry_retry(turn_entry[r]) != 0 ->
#else
     :: turn_entry[r] != NO_ENTRY && entry_retry(turn_entry[r]) == let_go(r) ->
#endif
        yes = true;
        free_entry(turn_entry[r])
     :: else
     fi
  :: else
  fi;
  counts[r] = false;
  in_turn[r] = false
}

/* ---- The ways out of the queue --------------------------------------------------------------- */

inline remove_from(list, r) {
  k = len(list);
  do
  :: k > 0 -> list?n; k--;
     if :: n == r -> skip :: else -> list!n fi
  :: else -> break
  od
}

/* ShardBuffer::Deliver. `to_wake` is Effects::threads. */
inline deliver(r, what) {
  outcome[r] = what;
  if
  :: blocks_thread(r) -> assert(to_wake == NONE); place[r] = Left; to_wake = r
  :: else -> place[r] = Ready; ready!r
  fi
}

/* ShardBuffer::Release. The token begins to live with the wait's end. */
inline release(r, how) {
  assert(place[r] == Held);
  remove_from(queue, r);
  retrying++;
  turn[r] = how;
  since_begin[r] = state == Buffering;
  since_end[r] = true;
  since_down[r] = true;
  has_token[r] = true;
  deliver(r, Retry)
}

/* Checks that the request that leaves the queue is the oldest. */
inline check_oldest(r) {
  i = 0;
  do
  :: i < REQUESTS -> assert(place[i] != Held || arrival[i] >= arrival[r]); i++
  :: else -> break
  od
}

/* ShardBuffer::Drain, ReleaseInDrain */
inline drain() {
  do
  :: QUEUE_LENGTH > 0 && (closed || HAS_TURN) ->
     assert(state == Draining);
     assert(!down_in_drain || closed || latched);
     queue?<victim>;
     check_oldest(victim);
     next_event();
     let_go(victim) = last_event;
     counts[victim] = true;
     if
     :: closed ->
        turn_entry[victim] = NO_ENTRY;
        counts_until[victim] = 0;
        in_turn_until[victim] = 0;
        unended++
     :: else ->
        take_turn(victim);
        in_turn[victim] = true;
        counts_until[victim] = after(last_now, RETRY_TIME);
        in_turn_until[victim] = (may_probe(victim) -> after(last_now, TURN_TIME) : NEVER)
     fi;
     release(victim, OfDrain)
  :: else -> break
  od;
  if
  :: state == Draining && QUEUE_LENGTH == 0 && unended == 0 ->
     state = Idle;
     down_in_drain = false
  :: else
  fi
}

/* ShardBuffer::ExpireTurns */
inline expire_turns() {
  i = 0;
  do
  :: i < MOST ->
     if
     :: entry_retry(i) == 0 -> skip
     :: entry_retry(i) != 0 && entry_overdue[i] <= last_now -> free_entry(i)
     :: entry_retry(i) != 0 && entry_overdue[i] > last_now && entry_due[i] <= last_now ->
        entry_due[i] = entry_overdue[i];
        entry_has_turn[i] = false;
        taken--
     :: else
     fi;
     i++
  :: else -> break
  od;
  i = 0;
  do
  :: i < REQUESTS ->
     if
     :: counts[i] && turn_entry[i] != NO_ENTRY && counts_until[i] <= last_now ->
        counts[i] = false;
        in_turn[i] = false
     :: else
     fi;
     if :: in_turn[i] && in_turn_until[i] <= last_now -> in_turn[i] = false :: else fi;
     i++
  :: else -> break
  od;
  drain()
}

/* ShardBuffer::Advance */
inline advance() {
  monotonic();
  if :: state == Draining -> expire_turns() :: else fi
}

/* ---- How a hold begins and ends -------------------------------------------------------------- */

/* ShardBuffer::Start, for a refused retry (E8) or for another cause. */
inline start(is_e8) {
  next_event();
  began = last_now;
  began_event = last_event;
  evidence_from = last_now + (is_e8 -> PATIENCE : 0);
  suspicion_ends = (is_e8 -> after(last_now, SUSPICION) : NEVER);
  next_probe = (is_e8 -> last_now + PATIENCE : after(last_now, PROBE_AFTER));
  probe = 0;
  latched = false;
  refused_in_vain = false;
  down_in_drain = false;
  begin_turns();
  i = 0;
  do
  :: i < REQUESTS -> since_begin[i] = false; probing[i] = false; i++
  :: else -> break
  od;
  state = Buffering
}

/* ShardBuffer::Stop */
inline stop() {
  if
  :: state == Buffering ->
     next_event();
     last_end = last_event;
     began = 0;
     evidence_from = 0;
     suspicion_ends = NEVER;
     next_probe = NEVER;
     probe = 0;
     began_event = 0;
     begin_turns();
     i = 0;
     do
     :: i < REQUESTS -> since_end[i] = false; since_begin[i] = false; probing[i] = false; i++
     :: else -> break
     od;
     state = Draining;
     drain()
  :: else
  fi
}

/* ShardBuffer::OnRefusedRetry with Hold::OnRefusedRetry. `r` is a probe that came back or not. */
inline on_refused_retry(r) {
  if
  :: state == Buffering && let_go(r) > began_event ->
     suspicion_ends = NEVER;
     if
     :: last_now + PATIENCE > evidence_from -> evidence_from = last_now + PATIENCE
     :: else
     fi;
     if
     :: probe == let_go(r) -> next_probe = evidence_from; probe = 0
     :: probe != let_go(r) && evidence_from > next_probe -> next_probe = evidence_from
     :: else
     fi
  :: else
  fi
}

/* ShardBuffer::LetProbeGo */
inline let_probe_go(r) {
  next_event();
  let_go(r) = last_event;
  probe = last_event;
#ifdef BUG_PROBE_FOREVER
  next_probe = NEVER;
#else
#ifndef BUG_TWO_PROBES
  next_probe = last_now + PROBE_TIME;
#endif
#endif
  i = 0;
  do
  :: i < REQUESTS -> assert(!probing[i] || probing_until[i] <= last_now); probing[i] = false; i++
  :: else -> break
  od;
  probing[r] = true;
  probing_until[r] = last_now + PROBE_TIME;
#ifdef BUG_PROBE_ENDS_A_TURN
  turn_entry[r] = NO_ENTRY;
#endif
  release(r, Probe)
}
