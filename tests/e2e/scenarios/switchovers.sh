# Planned switchovers, 5 s apart, under sysbench: no client may notice, and the table agrees with
# what the clients were told.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154  # conditions of awk; folder, full, proxy_port: of the scenario

readonly SWITCHOVER_INTERVAL=5
readonly AUDITED_ROWS_PER_SECOND=200

run_scenario() {
  local many=10 few=1
  if $full; then few=10; fi
  make_sysbench_tables
  make_audit_table
  # A failover may begin 4.4 s after the last one; the windows are short to match.
  start_proxy proxy --enable-buffer --buffer-window=2200ms --buffer-max-failover-duration=2200ms \
    --buffer-min-time-between-failovers=4400ms --buffer-drain-concurrency="$((2 * THREADS))"
  run_audit_load "$proxy_port" planned "$((many * SWITCHOVER_INTERVAL))" \
    --rate="$AUDITED_ROWS_PER_SECOND" &
  local audited=$!
  ends_with_us "$audited"
  under_load "$many" oltp_write_only --db-ps-mode=disable
  check_held "$many"
  wait "$audited" || fail "the audited load"
  check_audit
  command_line_client
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

check_audit() {
  local errors
  errors=$(count_outcomes planned '$4 != "ok"')
  ((errors == 0)) || fail "$errors of the audited rows were refused or lost"
  (($(count_outcomes planned 1) > 1000)) || fail "next to nothing was audited"
  audit planned
}

# The command-line client sends one statement after the other, before, while and after the primary
# is replaced.
command_line_client() {
  local rows=100 first=90000000000 script=$folder/script.sql i answer
  for ((i = 0; i < rows; ++i)); do
    echo "INSERT INTO audit (row_id) VALUES ($((first + i))); DO SLEEP(0.04);"
  done >"$script"
  echo "SELECT CONCAT(COUNT(*), ' rows') FROM audit WHERE row_id >= $first;" >>"$script"
  say "the mariadb client, $rows rows, 1 switchover"
  timeout 60 mariadb --defaults-file="$folder/pair/app-a.cnf" --port="$proxy_port" --batch \
    --skip-column-names sbtest <"$script" >"$folder/script.out" 2>"$folder/script.log" &
  local client=$!
  ends_with_us "$client"
  sleep 1.5
  kill -0 "$client" 2>/dev/null || fail "the mariadb client: $(cat "$folder/script.log")"
  pair_switchover "$folder/pair" || fail "switchover"
  wait "$client" || fail "the mariadb client: $(cat "$folder/script.log")"
  answer=$(tail -n 1 "$folder/script.out")
  [[ $answer == "$rows rows" ]] || fail "the mariadb client found $answer instead of $rows rows"
  # The next failover may not begin sooner.
  sleep "$SWITCHOVER_INTERVAL"
}
