# Failovers that do not go by the book, with the default options of the buffer: a primary that hangs
# and a switchover soon afterwards, blips, a statement that takes long, and a new primary that dies
# while the buffer lets go what it held.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2154  # conditions of awk; variables of the scenario

readonly UNKNOWN=1158  # the proxy's error for an unknown outcome
readonly BLIPS=5
readonly LONGEST_BLIP=3000  # ms; 1,500 on a machine that is not busy

first_row=0

run_scenario() {
  make_audit_table
  make_watcher
  start_proxy proxy --enable-buffer --monitor-user=watcher \
    --monitor-password-file="$folder/pair/app.password"
  hang_and_switchover
  blips
  blip_without_reports
  audit hang blips unreported
  slow_statement
  new_primary_dies
  stop_proxy
}

# The health checks have an account of their own, which can be locked.
make_watcher() {
  on_primary "CREATE USER watcher@127.0.0.1 IDENTIFIED BY '$(cat "$folder/pair/app.password")'"
}

on_primary() { pair_sql "$folder/pair" "$(pair_primary "$folder/pair")" "$1"; }

# start_load <name> <seconds> [<argument>...]: sets load. No two loads write the same rows.
start_load() {
  local name=$1 seconds=$2
  shift 2
  : >"$folder/$name.outages"
  run_audit_load "$proxy_port" "$name" "$seconds" --audit_first_row="$first_row" --rate=500 "$@" &
  load=$!
  ends_with_us "$load"
  first_row=$((first_row + 1000000))
}

hang_and_switchover() {
  local pid
  say "the primary hangs for 1.5 s, and a switchover follows 10 s later"
  start_load hang 16
  sleep 2
  pid=$(pair_pid "$folder/pair" "$(pair_primary "$folder/pair")") || fail "no primary"
  stop_for "$pid" 1.5 hang
  sleep 10
  switch_over hang || fail "switchover"
  wait "$load" || fail "the load"
  all_were_fine hang
  print_stalls hang "SIGSTOP for 1.5 s, and a switchover 10 s later"
}

# stop_for <process id> <seconds> <name>: the outage is noted.
stop_for() {
  local from
  from=$(date +%s%3N)
  kill -STOP "$1"
  sleep "$2"
  kill -CONT "$1"
  echo "$from $(date +%s%3N)" >>"$folder/$3.outages"
}

blips() {
  local i
  say "$BLIPS times, the primary is read-only for 20 ms"
  start_load blips 8
  sleep 2
  for ((i = 1; i <= BLIPS; ++i)); do
    blip blips
    sleep 0.73
  done
  wait "$load" || fail "the load"
  all_were_fine blips
  print_stalls blips "read-only for 20 ms, $BLIPS times"
  (($(longest_beyond blips) <= LONGEST_BLIP)) || fail "a blip stalled a client for too long"
}

# blip <name>: makes the primary read-only for 20 ms, and notes the outage.
blip() {
  on_primary "SET GLOBAL read_only = ON; SELECT $PAIR_NOW, SLEEP(0.02);
    SET GLOBAL read_only = OFF; SELECT $PAIR_NOW" >"$folder/blip" || fail "blip"
  echo "$(head -n 1 "$folder/blip" | cut -f 1) $(tail -n 1 "$folder/blip")" \
    >>"$folder/$1.outages"
}

# The servers refuse the health checks meanwhile, so that only held statements can find out that the
# blip is over.
blip_without_reports() {
  local name
  say "the primary is read-only for 20 ms, and no health check sees it"
  start_load unreported 6
  on_primary "ALTER USER watcher@127.0.0.1 ACCOUNT LOCK"
  for name in a b; do
    await "$PATIENCE" is_locked "$name" || fail "the health checks are not refused by $name"
    pair_sql "$folder/pair" "$name" "KILL USER watcher@127.0.0.1" || fail "KILL"
  done
  sleep 2
  blip unreported
  wait "$load" || fail "the load"
  on_primary "ALTER USER watcher@127.0.0.1 ACCOUNT UNLOCK"
  all_were_fine unreported
  print_stalls unreported "read-only for 20 ms, without health checks"
  (($(longest_beyond unreported) <= LONGEST_BLIP)) || fail "a blip stalled a client for too long"
  # A server that refused a health check is asked again after a second.
  sleep 3
}

is_locked() {
  [[ $(pair_sql "$folder/pair" "$1" "SHOW CREATE USER watcher@127.0.0.1") == *"ACCOUNT LOCK"* ]]
}

# The slow statement is refused, held, and let go before the others.
slow_statement() {
  local seconds=8 slow
  if $full; then seconds=25; fi
  say "a statement that was held takes $seconds s, and others were held behind it"
  start_load slow 6
  sleep 2
  on_primary "SET GLOBAL read_only = ON; SELECT $PAIR_NOW" >"$folder/from"
  client_for "$((seconds + PATIENCE))" "$proxy_port" "INSERT INTO sbtest.audit (row_id)
    SELECT -1 FROM (SELECT SLEEP($seconds)) AS slept" &
  slow=$!
  ends_with_us "$slow"
  sleep 0.3
  pair_switchover "$folder/pair" || fail "switchover"
  cat "$folder/from" "$folder/pair/writable_since" | xargs >>"$folder/slow.outages"
  wait "$load" || fail "the load"
  all_were_fine slow
  print_stalls slow "a held statement that takes $seconds s"
  (($(longest_beyond slow) <= 3000)) || fail "a slow statement stalled the others"
  wait "$slow" || fail "the slow statement"
}

# The old primary takes over again. It does not have what the new one acknowledged.
new_primary_dies() {
  local old new errors
  old=$(pair_primary "$folder/pair") && new=$(pair_replica "$folder/pair")
  say "a new primary dies while held statements are let go"
  start_load dies 9
  sleep 2
  pair_sql "$folder/pair" "$old" "SET GLOBAL read_only = ON; SELECT $PAIR_NOW" >"$folder/from"
  sleep 0.5
  _pair_open_for_writes "$folder/pair" "$new" || fail "opening $new"
  cat "$folder/from" "$folder/pair/writable_since" | xargs >>"$folder/dies.outages"
  date +%s%3N >"$folder/from"
  pair_crash "$folder/pair" || fail "crash of $new"
  sleep 0.5
  _pair_open_for_writes "$folder/pair" "$old" || fail "opening $old"
  cat "$folder/from" "$folder/pair/writable_since" | xargs >>"$folder/dies.outages"
  wait "$load" || fail "the load"
  [[ $(count_outcomes dies "\$4 != \"ok\" && \$4 != $UNKNOWN") == 0 ]] ||
    fail "other errors than unknown outcomes: $(awk '{ print $4 }' "$folder/dies.records" |
      sort | uniq -c | xargs)"
  errors=$(count_outcomes dies "\$4 == $UNKNOWN")
  ((errors <= THREADS)) || fail "$errors errors, but only $THREADS statements in flight"
  print_stalls dies "a new primary that dies during the drain"
}
