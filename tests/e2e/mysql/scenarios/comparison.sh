# Makes the same failovers three times: with the proxy without its buffer, with the proxy and its
# buffer, and with HAProxy instead. Each pass has one planned switchover and one crash, and clients
# that keep a record.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154  # conditions of awk; variables of the scenario

readonly SWITCHOVER_AT=4  # seconds after the start
readonly CRASH_AT=12
readonly PROMOTE_AFTER=1
readonly SECONDS_PER_PASS=18
readonly UNKNOWN=1158  # the proxy's error for an unknown outcome
readonly RATE=1500  # rows per second; rows that had to wait are caught up

run_scenario() {
  local passes=1 pass names=()
  if $full; then passes=3; fi
  make_audit_table
  for ((pass = 1; pass <= passes; ++pass)); do
    for name in unbuffered haproxy buffered; do
      run_pass "$name" "$pass"
      names+=("$name-$pass")
    done
  done
  audit "${names[@]}"
  for ((pass = 1; pass <= passes; ++pass)); do print_table "$pass"; done
  save_results "$passes"
  check_results "$passes"
}

run_pass() {
  local name=$1-$2 began
  say "pass $2: $1"
  start_front "$1"
  began=$EPOCHREALTIME
  run_audit_load "$front_port" "$name" "$SECONDS_PER_PASS" \
    --audit_first_row="$(first_row "$1" "$2")" --rate="$RATE" &
  local load=$!
  ends_with_us "$load"
  sleep_until "$began" "$SWITCHOVER_AT"
  mark "$name" "$began" switchover
  pair_switchover "$folder/pair" || fail "switchover"
  sleep_until "$began" "$CRASH_AT"
  mark "$name" "$began" "kill -9"
  pair_crash "$folder/pair" || fail "crash"
  sleep "$PROMOTE_AFTER"
  mark "$name" "$began" promotion
  pair_promote "$folder/pair" || fail "promotion"
  wait "$load" || fail "the load"
  pair_rejoin "$folder/pair" || fail "rejoin"
  end_front "$1"
  # The times below are in seconds since the pass began.
  awk -v began="$began" '{
    printf "%.4f %.4f %s %s\n", $1 / 1000 - began, $2 / 1000 - began, $3, $4
  }' "$folder/$name.records" >"$folder/$name.times"
}

# first_row <front> <pass>: prints the number of the first row of a pass, so that no two threads write
# the same rows. The threads are 10,000,000 rows apart, and all threads of a pass together write less
# than 200,000,000 rows. The fronts of a pass begin apart, because their names differ in length.
first_row() { echo $((200000000 * $2 + 1000000 * ${#1})); }

# mark <name> <when it began> <what happens now>: writes a mark for the picture.
mark() {
  awk -v from="$2" -v now="$EPOCHREALTIME" -v what="$3" \
    'BEGIN { printf "mark %.2f %s\n", now - from, what }' >>"$folder/$1.marks"
}

# Starts what the clients connect to, and sets front_port.
start_front() {
  case $1 in
    unbuffered) start_proxy "$1" ;;
    buffered)
      start_proxy "$1" --enable-buffer --buffer-window=3500ms \
        --buffer-max-failover-duration=3500ms --buffer-min-time-between-failovers=7s \
        --buffer-drain-concurrency="$THREADS"
      ;;
    haproxy) start_haproxy ;;
  esac
  front_port=$proxy_port
  if [[ $1 == haproxy ]]; then front_port=$haproxy_port; fi
}

end_front() {
  if [[ $1 == haproxy ]]; then stop_haproxy; else stop_proxy; fi
}

# errors <name> <from> <to>: prints how many errors were answered in this time.
errors() {
  awk -v from="$2" -v to="$3" '$4 != "ok" && $2 >= from && $2 < to { n++ } END { print n + 0 }' \
    "$folder/$1.times"
}

# Prints the longest time, in ms, in which no client got its row acknowledged.
longest_stall() {
  awk '$4 == "ok" { print $2 }' "$folder/$1.times" | sort -n |
    awk '{ if ($1 - last > most) most = $1 - last; last = $1 } END { printf "%.0f\n", 1000 * most }'
}

print_table() {
  local name
  printf '| %-34s | %10s | %10s | %12s | %9s |\n' \
    "pass $1" 'errors,' 'errors,' 'longest' 'rows per'
  printf '| %-34s | %10s | %10s | %12s | %9s |\n' '' switchover 'kill -9' 'stall, ms' second
  printf '|%s|%s:|%s:|%s:|%s:|\n' "$(dashes 36)" "$(dashes 11)" "$(dashes 11)" "$(dashes 13)" \
    "$(dashes 10)"
  for name in unbuffered haproxy buffered; do
    printf '| %-34s | %10s | %10s | %12s | %9s |\n' "$(title "$name")" \
      "$(errors "$name-$1" 0 "$CRASH_AT")" "$(errors "$name-$1" "$CRASH_AT" 3600)" \
      "$(longest_stall "$name-$1")" \
      "$(($(count_outcomes "$name-$1" '$4 == "ok"') / SECONDS_PER_PASS))"
  done
}

dashes() { printf -- '-%.0s' $(seq "$1"); }

title() {
  case $1 in
    unbuffered) echo "the proxy without its buffer" ;;
    buffered) echo "the proxy with its buffer" ;;
    haproxy) echo "HAProxy, check every 200 ms" ;;
  esac
}

save_results() {
  local pass
  [[ -n $results ]] || return 0
  for ((pass = 1; pass <= $1; ++pass)); do print_table "$pass" && echo; done \
    >"$results/comparison.md"
  awk -v seconds="$SECONDS_PER_PASS" -v rate="$RATE" -f "$here/plot.awk" \
    title="$(title unbuffered)" "$folder/unbuffered-1."{marks,times} \
    title="$(title haproxy)" "$folder/haproxy-1."{marks,times} \
    title="$(title buffered)" "$folder/buffered-1."{marks,times} >"$results/comparison.svg"
  say "the table and the picture are in $results"
}

check_results() {
  local pass
  for ((pass = 1; pass <= $1; ++pass)); do
    (($(errors "buffered-$pass" 0 "$CRASH_AT") == 0)) || fail "the buffer let a switchover be seen"
    (($(errors "buffered-$pass" "$CRASH_AT" 3600) <= THREADS)) || fail "too many errors"
    [[ $(count_outcomes "buffered-$pass" "\$4 != \"ok\" && \$4 != $UNKNOWN") == 0 ]] ||
      fail "with the buffer, other errors than unknown outcomes: $(awk '{ print $4 }' \
        "$folder/buffered-$pass.records" | sort | uniq -c | xargs)"
    (($(errors "unbuffered-$pass" 0 "$CRASH_AT") > 0)) ||
      fail "without a buffer the switchover should have been seen: the test tests nothing"
  done
}
