# Planned switchovers, 5 s apart, under sysbench: no client may notice.
# shellcheck shell=bash
# shellcheck disable=SC2154  # folder, full, proxy_port: of the scenario

readonly SWITCHOVER_INTERVAL=5

run_scenario() {
  local many=10 few=1
  if $full; then few=10; fi
  make_sysbench_tables
  # A failover may begin 4.8 s after the last one; the windows are short to match.
  start_proxy proxy --enable-buffer --buffer-window=2400ms --buffer-max-failover-duration=2400ms \
    --buffer-min-time-between-failovers=4800ms --buffer-drain-concurrency="$THREADS"
  under_load "$many" oltp_write_only --db-ps-mode=disable
  check_held "$many"
  under_load "$few" oltp_write_only --db-ps-mode=auto
  under_load "$few" oltp_read_write --db-ps-mode=disable
  under_load "$few" oltp_read_write --db-ps-mode=auto
  under_load "$few" oltp_point_select --db-ps-mode=auto
  stop_proxy
}

# under_load <switchovers> <sysbench test> <argument>...
under_load() {
  local switchovers=$1 test=$2 log=$folder/sysbench.log i
  # A busy machine needs longer for its switchovers.
  local seconds=$(((switchovers + 1) * SWITCHOVER_INTERVAL + switchovers))
  shift 2
  say "$test $*: $switchovers switchovers, $THREADS threads"
  run_sysbench "$proxy_port" "$log" "$((seconds + 30))" "$test" --tables="$TABLES" \
    --table-size="$TABLE_SIZE" "${SINGLE_STATEMENTS[@]}" --threads="$THREADS" \
    --time="$seconds" "$@" run &
  local sysbench=$!
  ends_with_us "$sysbench"
  for ((i = 1; i <= switchovers; ++i)); do
    sleep "$SWITCHOVER_INTERVAL"
    kill -0 "$sysbench" 2>/dev/null || break
    pair_switchover "$folder/pair" || fail "switchover $i"
  done
  wait "$sysbench" || fail "sysbench ended with $?: $(grep -m 1 FATAL "$log")"
  check_unnoticed "$log"
  say "  $(log_value "$log" 'total number of events') events, 0 errors, longest" \
    "$(log_value "$log" max) ms"
}

# Otherwise the load would have proven nothing. Not in all: on a busy machine nobody may write then.
check_held() {
  local failovers
  failovers=$(proxy_state proxy | sed -n 's/.*failovers=\([0-9]*\) .*/\1/p')
  ((2 * failovers >= $1)) || fail "$1 switchovers, but the buffer was needed in $failovers"
}
