# One proxy with four event loops holds 2,000 clients through one switchover. Each statement adds one
# to some row, so that the sum tells how many statements were executed.
# shellcheck shell=bash
# shellcheck disable=SC2154  # folder, proxy_port: of the scenario

readonly CLIENTS=2000

run_scenario() {
  local log=$folder/sysbench.log before most events
  ulimit -n "$(ulimit -Hn)"
  make_sysbench_tables
  start_proxy proxy --threads=4 --enable-buffer --buffer-size="$CLIENTS" --buffer-window=50s \
    --buffer-max-failover-duration=50s --buffer-min-time-between-failovers=100s \
    --buffer-drain-concurrency=50 --connect-timeout=10s
  say "$CLIENTS clients"
  before=$(sum_of_rows)
  run_sysbench "$proxy_port" "$log" 120 oltp_update_index --tables="$TABLES" \
    --table-size="$TABLE_SIZE" --skip_trx=on --db-ps-mode=disable --threads="$CLIENTS" \
    --time=40 run &
  local sysbench=$!
  ends_with_us "$sysbench"
  await 60 has_begun_or_ended "$log" "$sysbench"
  grep -q 'Threads started' "$log" || fail "the clients did not connect: $(tail -n 1 "$log")"
  # All clients must be held, not only those that write just then: the primary is away for a second.
  hold_all
  wait "$sysbench" || fail "sysbench ended with $?: $(grep -m 1 FATAL "$log")"
  check_unnoticed "$log"
  most=$(proxy_state proxy | sed -n 's/.*most_at_once=\([0-9]*\).*/\1/p')
  ((most == CLIENTS)) || fail "only $most clients were held at once"
  events=$(log_value "$log" 'total number of events')
  (($(sum_of_rows) - before == events)) ||
    fail "$events statements, but they were executed $(($(sum_of_rows) - before)) times"
  say "  $most held at once, $events statements, each executed once, 0 errors," \
    "longest $(log_value "$log" max) ms"
  stop_proxy
}

sum_of_rows() {
  pair_sql "$folder/pair" "$(pair_primary "$folder/pair")" \
    "SELECT SUM(k) FROM (SELECT k FROM sbtest.sbtest1 UNION ALL SELECT k FROM sbtest.sbtest2) AS t"
}

has_begun_or_ended() { grep -qs 'Threads started' "$1" || ! kill -0 "$2" 2>/dev/null; }

# Makes a switchover that does not end before every client is held. On a busy machine this lasts until
# sysbench has given work to all of its threads.
hold_all() {
  local primary
  primary=$(pair_primary "$folder/pair")
  pair_sql "$folder/pair" "$primary" "SET GLOBAL read_only = ON"
  await 35 all_are_held || fail "not all clients were held: $(proxy_state proxy | grep held=)"
  pair_switchover "$folder/pair" || fail "switchover"
}

all_are_held() { proxy_state proxy | grep -q "held=$CLIENTS "; }
