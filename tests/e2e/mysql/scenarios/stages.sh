# The same planned switchovers four times, under transactions that rest between their statements: by
# failoverctl, which waits for the transactions; by failoverctl that holds everything at once, as a proxy
# that is paused; unannounced; and with HAProxy instead.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154  # conditions of awk; variables of the scenario

readonly WAYS=(stages at_once unannounced haproxy)
readonly STAGES_PAUSE=2  # seconds between two switchovers
readonly THINK=50  # ms between the two rows of a transaction


run_scenario() {
  local count=2 way
  if $full; then count=20; fi
  make_audit_table
  prepare_failoverctl
  for way in "${WAYS[@]}"; do run_way "$way" "$count"; done
  audit "${WAYS[@]}"
  print_ways "$count" | if [[ -n $results ]]; then tee "$results/stages.md"; else cat; fi
  all_were_fine stages
  # Without them the other figures would prove nothing.
  (($(lost_transactions haproxy) > 0)) || fail "no transaction was lost behind HAProxy either"
}

# run_way <way> <number of switchovers>
run_way() {
  local seconds=$(($2 * (STAGES_PAUSE + 1) + 3)) i
  say "$2 planned switchovers: $(title "$1")"
  if [[ $1 == haproxy ]]; then
    start_haproxy
    start_transactions "$1" "$seconds" "$haproxy_port" --audit_think="$THINK"
  else
    start_proxy "$1" --enable-buffer --admin-socket="$folder/admin.sock"
    start_transactions "$1" "$seconds" "$proxy_port" --audit_think="$THINK"
  fi
  local transactions=$load
  for ((i = 1; i <= $2; ++i)); do
    sleep "$STAGES_PAUSE"
    kill -0 "$transactions" 2>/dev/null || fail "the clients ended before switchover $i of $2"
    switch_over "$1" || fail "switchover $i of $2 ended with $?"
  done
  wait "$transactions" || fail "the clients that keep a record"
  if [[ $1 == haproxy ]]; then stop_haproxy; else stop_proxy; fi
}

switch_over() {
  case $1 in
    stages) failoverctl switchover --run "$folder/switchover" ;;
    at_once) failoverctl switchover --grace 0s --overdue proceed --run "$folder/switchover" ;;
    *) pair_switchover "$folder/pair" ;;
  esac
}

title() {
  case $1 in
    stages) echo "by failoverctl, in stages" ;;
    at_once) echo "by failoverctl, everything held at once" ;;
    unannounced) echo "unannounced, the proxy holds on its own" ;;
    haproxy) echo "HAProxy, check every 200 ms" ;;
  esac
}

# There are two rows, and so two records, of each transaction.
lost_transactions() { echo $(($(count_outcomes "$1" '$4 != "ok"') / 2)); }

print_ways() {
  local way
  echo "| $1 planned switchovers | transactions | with an error | of these, unknown | longest, ms |"
  echo '|---|---:|---:|---:|---:|'
  for way in "${WAYS[@]}"; do
    printf '| %s | %d | %d | %d | %d |\n' "$(title "$way")" "$(($(count_outcomes "$way" 1) / 2))" \
      "$(lost_transactions "$way")" "$(unknown_transactions "$way")" "$(longest_of "$way")"
  done
}

# A COMMIT without an answer: the proxy says so with error 1158, and behind HAProxy the connection is
# lost. Behind HAProxy that is true of any statement, so the figure is an upper bound there.
unknown_transactions() {
  echo $(($(count_outcomes "$1" '$4 ~ /^(1158|2006|2013)$/') / 2))
}
