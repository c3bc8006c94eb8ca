# Planned switchovers by failoverctl under transactions: no transaction is lost, also if the old primary
# is killed as soon as it is quiet; a transaction that stays open; and a tool that is killed.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154  # conditions of awk; variables of the scenario

readonly PLANNED_PAUSE=2
# In transactions per second. Two processors can bear this load and the audited one beside the servers.
readonly PLANNED_RATE=40
# The proxy's --buffer-window, in ms, and what a busy machine takes in addition.
readonly HELD_AT_MOST=12000

run_scenario() {
  local switchovers=2 killed_tools=2 open_for=3
  if $full; then switchovers=20 killed_tools=20 open_for=30; fi
  make_sysbench_tables
  make_audit_table
  prepare_failoverctl
  start_proxy proxy --enable-buffer --admin-socket="$folder/admin.sock"
  planned_switchovers "$switchovers"
  transaction_that_stays_open "$open_for"
  tools_that_are_killed "$killed_tools"
  stop_proxy
  [[ ! -e $folder/admin.sock ]] || fail "the proxy left its admin socket behind"
}

planned_switchovers() {
  local count=$1 seconds i began
  # A crashed server copies everything when it comes back.
  seconds=$((count * (PLANNED_PAUSE + 5) + 3))
  say "$count switchovers by failoverctl under transactions, the old primary killed in every second one"
  run_sysbench "$proxy_port" "$folder/sysbench.log" "$((seconds + PATIENCE))" oltp_read_write \
    --tables="$TABLES" --table-size="$TABLE_SIZE" --threads="$THREADS" --rate="$PLANNED_RATE" \
    --delete_inserts=0 --rand-type=uniform --mysql-ignore-errors=none --db-ps-mode=disable \
    --time="$seconds" run &
  local sysbench=$!
  ends_with_us "$sysbench"
  start_transactions planned "$seconds"
  local transactions=$load
  : >"$folder/quiet"
  for ((i = 1; i <= count; ++i)); do
    sleep "$PLANNED_PAUSE"
    kill -0 "$sysbench" 2>/dev/null || fail "sysbench ended before switchover $i of $count"
    began=$EPOCHREALTIME
    if ((i % 2 == 0)); then
      failoverctl switchover --run "$folder/crash_and_promote" || fail "failoverctl ended with $?"
      note_quiet "$began"
      pair_rejoin "$folder/pair" || fail "the crashed server does not come back"
    else
      failoverctl switchover --run "$folder/switchover" || fail "failoverctl ended with $?"
      note_quiet "$began"
    fi
  done
  wait "$sysbench" || fail "sysbench ended with $?: $(grep -m 1 FATAL "$folder/sysbench.log")"
  wait "$transactions" || fail "the clients that keep a record"
  check_unnoticed "$folder/sysbench.log"
  all_were_fine planned
  print_longest planned "$count switchovers"
  say "  sysbench: $(log_value "$folder/sysbench.log" transactions) transactions, 0 errors, longest" \
    "$(log_value "$folder/sysbench.log" max) ms; quiet after $(sort -n "$folder/quiet" | xargs) ms"
  audit planned
  if [[ -n $results ]]; then
    {
      echo '| switchovers | transactions with errors | longest transaction, ms | longest time until quiet, ms |'
      echo '|---:|---:|---:|---:|'
      echo "| $count | 0 | $longest | $(sort -n "$folder/quiet" | tail -n 1) |"
    } >"$results/planned.md"
  fi
}

# note_quiet <when failoverctl began>: the command begins when it is quiet.
note_quiet() {
  awk -v began="$1" 'END { printf "%d\n", ($1 - began) * 1000 }' "$folder/commands.begun" \
    >>"$folder/quiet"
}

# transaction_that_stays_open <seconds>: first it calls the switchover off, and then it is given up.
transaction_that_stays_open() {
  local seconds=$1 code=0 client
  say "a transaction stays open for $seconds s: with --overdue abort, and with proceed"
  start_transactions overdue "$((2 * seconds + 8))"
  local transactions=$load
  start_open_transaction "$seconds" -1
  client=$open_client
  failoverctl switchover --grace 1s --run "$folder/switchover" || code=$?
  ((code == 3)) || fail "failoverctl ended with $code, and not with 3"
  wait "$client" || fail "the transaction got an error: $(cat "$folder/open.log")"

  start_open_transaction "$seconds" -2
  client=$open_client
  failoverctl switchover --grace 1s --overdue proceed --run "$folder/crash_and_promote" ||
    fail "failoverctl ended with $?"
  pair_rejoin "$folder/pair" || fail "the crashed server does not come back"
  if wait "$client"; then fail "the transaction that was given up got no error"; fi
  grep -q 'ERROR 1213' "$folder/open.log" || fail "another error: $(cat "$folder/open.log")"
  wait "$transactions" || fail "the clients that keep a record"
  all_were_fine overdue
  audit overdue
  [[ $(pair_sql "$folder/pair" "$(pair_primary "$folder/pair")" \
    'SELECT COUNT(*), MIN(row_id) FROM sbtest.audit WHERE row_id < 0') == $'1\t-1' ]] ||
    fail "the first transaction is lost, or the second one is not"
}

# start_open_transaction <seconds> <row>: sets open_client. The transaction has begun afterwards.
start_open_transaction() {
  {
    echo "BEGIN; INSERT INTO sbtest.audit (row_id) VALUES ($2); SELECT 'begun';"
    sleep "$1"
    echo "COMMIT;"
  } | timeout "$PATIENCE" mariadb --defaults-file="$folder/pair/app-a.cnf" --port="$proxy_port" \
    --batch --unbuffered --skip-column-names >"$folder/open.log" 2>&1 &
  open_client=$!
  ends_with_us "$open_client"
  await "$PATIENCE" grep -qs begun "$folder/open.log" || fail "no transaction: $(cat "$folder/open.log")"
}

# The command of a tool that is killed goes on. Then it is an ordinary failover, in which transactions
# may be rolled back. But nobody is stuck, and nothing is lost or there twice.
tools_that_are_killed() {
  local count=$1 i tool
  say "failoverctl is killed $count times"
  start_transactions killed "$((count * 4 + 3))"
  local transactions=$load
  for ((i = 1; i <= count; ++i)); do
    sleep 1
    "$ctl_program" --socket "$folder/admin.sock" switchover --run "$folder/switchover" \
      >>"$folder/failoverctl.log" 2>&1 &
    tool=$!
    ends_with_us "$tool"
    sleep "$(awk -v random="$RANDOM" 'BEGIN { print random / 32768 * 0.6 }')"
    kill -KILL "$tool" 2>/dev/null || true
    wait "$tool" 2>/dev/null || true
    await 5 no_switchover || fail "the switchover of a killed tool goes on"
    await "$PATIENCE" commands_have_ended || fail "the command does not end"
  done
  wait "$transactions" || fail "the clients that keep a record"
  print_longest killed "killed tools"
  ((longest <= HELD_AT_MOST)) || fail "a client was held for $longest ms"
  [[ $(count_outcomes killed '$4 == "ok"') -gt 0 ]] || fail "no transaction succeeded"
  say "  outcomes: $(awk '{ print $4 }' "$folder/killed.records" | sort | uniq -c | xargs)"
  audit killed
}

no_switchover() {
  timeout 5 "$ctl_program" --socket "$folder/admin.sock" status 2>&1 | grep -q 'switchover none'
}

commands_have_ended() {
  (($(wc -l <"$folder/commands.begun") == $(wc -l <"$folder/commands.ended")))
}
