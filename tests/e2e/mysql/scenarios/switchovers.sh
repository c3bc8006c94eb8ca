# Makes planned switchovers, 5 s apart, under sysbench and the mariadb client, with the default
# options of the buffer. No client may notice.
# shellcheck shell=bash
# shellcheck disable=SC2154  # folder, full, proxy_port: of the scenario

readonly SWITCHOVER_INTERVAL=5
# The stalls are measured under a load, in events per second, that two processors can bear beside the
# servers. Otherwise the stalls would tell how long the servers let any statement wait.
readonly PACED=200

run_scenario() {
  local many=10 few=1
  if $full; then many=100 few=10; fi
  make_sysbench_tables
  start_proxy proxy --enable-buffer
  under_load_with_audit "$many" oltp_write_only --db-ps-mode=disable --rate="$PACED"
  check_held "$many"
  under_mariadb_client
  under_load "$few" oltp_write_only --db-ps-mode=auto
  under_load "$few" oltp_read_write --db-ps-mode=disable
  under_load "$few" oltp_read_write --db-ps-mode=auto
  under_load "$few" oltp_point_select --db-ps-mode=disable
  under_load "$few" oltp_point_select --db-ps-mode=auto
  stop_proxy
}

# Does the same as under_load, with a few clients beside it that keep a record.
under_load_with_audit() {
  make_audit_table
  : >"$folder/switchovers.outages"
  run_audit_load "$proxy_port" switchovers "$(seconds_for "$1")" --threads=4 --rate=200 &
  local recorders=$!
  ends_with_us "$recorders"
  under_load "$@"
  wait "$recorders" || fail "the clients that keep a record"
  all_were_fine switchovers
  print_stalls switchovers "$1 switchovers, 5 s apart"
  audit switchovers
}

# seconds_for <switchovers>: prints how long the load must run. A busy machine needs longer.
seconds_for() { echo $((($1 + 1) * SWITCHOVER_INTERVAL + 2 * $1)); }

# under_load <switchovers> <sysbench test> <argument>...
under_load() {
  local switchovers=$1 test=$2 log=$folder/sysbench.log seconds i
  seconds=$(seconds_for "$switchovers")
  shift 2
  say "$test $*: $switchovers switchovers, $THREADS threads"
  run_sysbench "$proxy_port" "$log" "$((seconds + PATIENCE))" "$test" --tables="$TABLES" \
    --table-size="$TABLE_SIZE" "${SINGLE_STATEMENTS[@]}" --threads="$THREADS" \
    --time="$seconds" "$@" run &
  local sysbench=$!
  ends_with_us "$sysbench"
  for ((i = 1; i <= switchovers; ++i)); do
    sleep "$SWITCHOVER_INTERVAL"
    kill -0 "$sysbench" 2>/dev/null ||
      fail "sysbench ended after $((i - 1)) of $switchovers switchovers"
    switch_over switchovers || fail "switchover $i"
  done
  wait "$sysbench" || fail "sysbench ended with $?: $(grep -m 1 FATAL "$log")"
  check_unnoticed "$log"
  say "  $(log_value "$log" 'total number of events') events, 0 errors, longest" \
    "$(log_value "$log" max) ms"
}

# Fails if too few switchovers held a statement, because the load would have proven nothing. On a busy
# machine it may happen that nobody writes during a switchover.
check_held() {
  local failovers
  failovers=$(proxy_state proxy | sed -n 's/.*failovers=\([0-9]*\) .*/\1/p')
  ((2 * failovers >= $1)) || fail "$1 switchovers, but the buffer was needed in $failovers"
}

# Gives the command-line client a script, as from somebody who types. Each row must be in the table
# once, and each question must have its answer.
under_mariadb_client() {
  local statements=600
  say "the mariadb client: 1 switchover, $statements inserts, each with a question"
  client "$proxy_port" "CREATE OR REPLACE TABLE sbtest.typed (
    position BIGINT AUTO_INCREMENT PRIMARY KEY, line INT NOT NULL)" || fail "CREATE TABLE"
  type_statements "$statements" | timeout "$PATIENCE" mariadb --defaults-file="$folder/pair/app-a.cnf" \
    --port="$proxy_port" --batch --skip-column-names >"$folder/answers" 2>"$folder/mariadb.log" &
  local mariadb=$!
  ends_with_us "$mariadb"
  sleep "$SWITCHOVER_INTERVAL"
  kill -0 "$mariadb" 2>/dev/null || fail "the client ended before the switchover"
  pair_switchover "$folder/pair" || fail "switchover"
  wait "$mariadb" || fail "the mariadb client ended with $?: $(cat "$folder/mariadb.log")"
  seq "$statements" | sed 's/.*/&\tstill in sbtest/' | cmp - "$folder/answers" ||
    fail "the mariadb client had other answers"
  pair_sql "$folder/pair" "$(pair_primary "$folder/pair")" \
    'SELECT line FROM sbtest.typed ORDER BY line' | cmp - <(seq "$statements") ||
    fail "rows of the mariadb client are lost, or there twice"
}

# type_statements <count>: types for at least 10 s.
type_statements() {
  local i
  echo 'USE sbtest;'
  for ((i = 1; i <= $1; ++i)); do
    echo "INSERT INTO typed (line) VALUES ($i);"
    echo "SELECT COUNT(*), CONCAT('still in ', DATABASE()) FROM typed;"
    sleep 0.0167
  done
}
