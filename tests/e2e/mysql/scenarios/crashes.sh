# Five times, the primary is killed (kill -9) under load, and the replica is promoted. A client whose
# statement was in flight is told that nobody knows; no other client has an error; and the table agrees
# with what the clients were told.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154  # conditions of awk; folder, proxy_port: of the scenario

readonly UNKNOWN=1158  # the proxy's error for an unknown outcome
readonly CRASHES=5

run_scenario() {
  local i promoted_at=0
  make_audit_table
  # A busy machine needs longer for a promotion. A failover may begin 16 s after the last one.
  start_proxy proxy --enable-buffer --buffer-window=8s --buffer-max-failover-duration=8s \
    --buffer-min-time-between-failovers=16s --buffer-drain-concurrency="$THREADS"
  for ((i = 1; i <= CRASHES; ++i)); do
    crash_under_load "$i"
    if ((i < CRASHES)); then
      say "  the crashed server comes back as a replica"
      pair_rejoin "$folder/pair" || fail "rejoin $i"
    fi
  done
  # shellcheck disable=SC2046  # one word for each
  audit $(printf 'crash%s ' $(seq "$CRASHES"))
  stop_proxy
}

crash_under_load() {
  local name=crash$1 gone_at errors late
  # Together with the 4 s below this is longer than the time between two failovers.
  sleep_until "$promoted_at" 13
  say "crash $1, $THREADS threads"
  run_audit_load "$proxy_port" "$name" 13 --audit_first_row="$((1000000 * $1))" &
  local load=$!
  ends_with_us "$load"
  sleep 4
  pair_crash "$folder/pair" || fail "crash $1"
  gone_at=$(date +%s%3N)
  sleep 1
  pair_promote "$folder/pair" || fail "promotion $1"
  promoted_at=$EPOCHREALTIME
  wait "$load" || fail "the load of crash $1"

  [[ $(count_outcomes "$name" "\$4 != \"ok\" && \$4 != $UNKNOWN") == 0 ]] ||
    fail "other errors than unknown outcomes: $(awk '{ print $4 }' "$folder/$name.records" |
      sort | uniq -c | xargs)"
  errors=$(count_outcomes "$name" "\$4 == $UNKNOWN")
  ((errors <= THREADS)) || fail "$errors errors, but only $THREADS statements in flight"
  # A statement that comes when the server is gone is not sent any more, so its outcome is known.
  late=$(count_outcomes "$name" "\$4 == $UNKNOWN && \$1 > $gone_at")
  ((late == 0)) || fail "$late errors after the crash"
  (($(count_outcomes "$name" "\$4 == \"ok\" && \$1 > $gone_at + 1500") > 100)) ||
    fail "nothing works after the crash"
  say "  $(count_outcomes "$name" '$4 == "ok"') rows acknowledged, $errors of unknown fate"
}
