# Makes the same failovers in front of several things: one planned switchover and one crash for each,
# under clients that keep a record. An operator scripts what each of them offers for a switchover.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154  # conditions of awk; variables of the scenario

readonly FRONTS=(direct haproxy pgbouncer unbuffered buffered)
readonly CLIENTS=16
readonly RATE=1000  # rows per second
readonly CALM=4           # seconds before the switchover, and after the promotion
readonly BETWEEN=15       # seconds at least between the switchover and the crash
readonly PROMOTE_AFTER=1  # seconds between the crash and the promotion

# What a client is told if nobody knows whether its row was inserted: the end of the connection
# without a word of the server, 08007 of the proxy, and 08P01 of PgBouncer for a lost server.
readonly UNKNOWN='^(lost|08007:.*|08P01:.*crashed.*)$'
# What a client is told if its row was certainly not inserted. 08P01 of PgBouncer has other texts, too.
readonly REFUSED='connect|57P01:.*|57P03:.*|25006:.*|08P01:.*login_has_been_failing.*'

run_scenario() {
  local passes=1 pass front names=()
  if $full; then passes=3; fi
  pair_sql "$folder/pair" a 'CREATE TABLE ledger (row_id bigint NOT NULL); GRANT ALL ON ledger TO app'
  for ((pass = 1; pass <= passes; ++pass)); do
    for front in "${FRONTS[@]}"; do
      run_pass "$front" "$pass"
      names+=("$front-$pass")
    done
  done
  pair_sql "$folder/pair" "$(pair_primary "$folder/pair")" 'SELECT row_id FROM ledger' >"$folder/rows"
  compare_rows_with_records "$REFUSED" "${names[@]}"
  for ((pass = 1; pass <= passes; ++pass)); do print_table "$pass"; done
  if [[ -n $results ]]; then
    for ((pass = 1; pass <= passes; ++pass)); do print_table "$pass" && echo; done \
      >"$results/comparison.md"
  fi
  check_results "$passes"
}

passes_begun=0

run_pass() {
  local front=$1 name=$1-$2
  passes_begun=$((passes_begun + 1))
  say "pass $2: $front"
  start_front "$front"
  PGPASSWORD=$(cat "$folder/pair/app.password") timeout $((5 * PATIENCE)) "$clients_program" \
    "host=$front_hosts port=$front_ports user=app dbname=postgres target_session_attrs=read-write" \
    "$folder/$name.records" "$CLIENTS" "$RATE" $((passes_begun * 10000000)) \
    >"$folder/$name.log" 2>&1 &
  local load=$!
  ends_with_us "$load"
  sleep "$CALM"
  switch_over "$front" || fail "switchover of $front"
  local switched_over=$EPOCHREALTIME
  pair_return "$folder/pair" || fail "the old primary does not come back"
  sleep_until "$switched_over" "$BETWEEN"
  # Times in records are in ms.
  date +%s%3N >"$folder/$name.crash"
  pair_crash "$folder/pair" || fail "crash"
  sleep "$PROMOTE_AFTER"
  pair_promote "$folder/pair" || fail "promotion"
  if [[ $front == pgbouncer ]]; then redirect_pgbouncer || fail "PgBouncer"; fi
  sleep "$CALM"
  kill -TERM "$load"
  wait "$load" || fail "the clients: $(cat "$folder/$name.log")"
  end_front "$front"
  pair_rejoin "$folder/pair" || fail "rejoin"
  sort -n -k 2 -o "$folder/$name.records" "$folder/$name.records"
}

# switch_over <front>: the old primary is stopped, and the other server promoted.
switch_over() {
  case $1 in
    pgbouncer)
      pgbouncer_admin PAUSE && pair_hand_over "$folder/pair" && redirect_pgbouncer &&
        pgbouncer_admin RESUME
      ;;
    buffered)
      printf '#!/usr/bin/env bash\nsource %q\npair_hand_over %q\n' \
        "$root/scripts/lib/postgres_pair.sh" "$folder/pair" >"$folder/hand_over"
      chmod +x "$folder/hand_over"
      "$(dirname -- "$proxy_program")/failoverctl" --socket "$folder/admin.sock" switchover \
        --run "$folder/hand_over" >"$folder/failoverctl.log" 2>&1
      ;;
    *) pair_hand_over "$folder/pair" ;;
  esac
}

# part <name> <switchover | crash>: prints the records of the rows that were answered before the
# crash, or after it began.
part() {
  awk -v crash="$(cat "$folder/$1.crash")" -v part="$2" \
    '($2 < crash) == (part == "switchover")' "$folder/$1.records"
}

# errors <name> <switchover | crash> [<regular expression>]: prints how many errors there were.
errors() {
  part "$1" "$2" |
    awk -v which="${3:-.}" '$4 != "ok" && $4 ~ which { n++ } END { print n + 0 }'
}

# longest_stall <name> <switchover | crash>: prints the longest time, in ms, in which no client got
# its row acknowledged.
longest_stall() {
  part "$1" "$2" | awk '
    $4 == "ok" {
      if (last && $2 - last > most) most = $2 - last
      last = $2
    }
    END { printf "%.0f\n", most }'
}

print_table() {
  local front name
  printf '| pass %s | rows | switchover: errors | of unknown fate | longest stall, ms | ' "$1"
  printf 'crash: errors | of unknown fate | longest stall, ms |\n'
  printf '|---|--:|--:|--:|--:|--:|--:|--:|\n'
  for front in "${FRONTS[@]}"; do
    name=$front-$1
    printf '| %s | %s | %s | %s | %s | %s | %s | %s |\n' "$(title "$front")" \
      "$(count_outcomes "$name" '$4 == "ok"')" \
      "$(errors "$name" switchover)" "$(errors "$name" switchover "$UNKNOWN")" \
      "$(longest_stall "$name" switchover)" \
      "$(errors "$name" crash)" "$(errors "$name" crash "$UNKNOWN")" \
      "$(longest_stall "$name" crash)"
  done
}

title() {
  case $1 in
    direct) echo 'direct, `target_session_attrs=read-write`' ;;
    haproxy) echo 'HAProxy, role checked every 200 ms' ;;
    pgbouncer) echo 'PgBouncer, transaction mode, `PAUSE`, `RELOAD`, `RESUME`' ;;
    unbuffered) echo 'failover-postgres-proxy without its buffer' ;;
    buffered) echo 'failover-postgres-proxy, `failoverctl switchover`' ;;
  esac
}

check_results() {
  local pass name
  for ((pass = 1; pass <= $1; ++pass)); do
    name=buffered-$pass
    (($(errors "$name" switchover) == 0)) || fail "the buffer let a switchover be seen"
    [[ $(count_outcomes "$name" '$4 != "ok" && $4 !~ /^08007:/') == 0 ]] ||
      fail "with the buffer, other errors than unknown outcomes: $(awk '{ print $4 }' \
        "$folder/$name.records" | sort | uniq -c | xargs)"
    (($(errors "$name" crash) <= CLIENTS)) || fail "too many errors"
    (($(errors "direct-$pass" switchover) > 0)) ||
      fail "without a proxy the switchover should have been seen: the test tests nothing"
  done
}
