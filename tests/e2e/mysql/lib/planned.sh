# failoverctl, the commands that it runs, and transactions whose clients keep a record meanwhile.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2154  # conditions of awk; variables of and for the scenarios

readonly AUDITED_RATE=60  # transactions per second
audited_first_row=0
ctl_program=

prepare_failoverctl() {
  ctl_program=$(dirname -- "$proxy_program")/failoverctl
  [[ -x $ctl_program ]] || fail "no failoverctl beside the proxy"
  write_commands
}

# What failoverctl runs. Each command notes when it began, and when it ended.
write_commands() {
  local name
  for name in switchover crash_and_promote; do
    {
      printf '#!/usr/bin/env bash\nset -euo pipefail\nsource %q\n' "$root/scripts/lib/mariadb_pair.sh"
      printf 'echo "$EPOCHREALTIME" >>%q\n' "$folder/commands.begun"
      printf 'trap %q EXIT\n' "echo >>$(printf %q "$folder/commands.ended")"
      case $name in
        switchover) printf 'pair_switchover %q\n' "$folder/pair" ;;
        # Nobody may notice, because nothing is in flight.
        crash_and_promote) printf 'pair_crash %q\npair_promote %q\n' "$folder/pair" "$folder/pair" ;;
      esac
    } >"$folder/$name"
    chmod +x "$folder/$name"
  done
  : >"$folder/commands.begun"
  : >"$folder/commands.ended"
}

# failoverctl <word>...: runs the program, for a bounded time.
failoverctl() {
  timeout "$PATIENCE" "$ctl_program" --socket "$folder/admin.sock" "$@" >>"$folder/failoverctl.log" 2>&1
}

# start_transactions <name> <seconds> [<port> [<argument>...]]: sets load. The port is that of the
# proxy, unless another one is given.
start_transactions() {
  run_audit_load "${3:-$proxy_port}" "$1" "$2" --audit_transactions=on --threads=8 \
    --rate="$AUDITED_RATE" --audit_first_row="$audited_first_row" "${@:4}" &
  load=$!
  ends_with_us "$load"
  audited_first_row=$((audited_first_row + 1000000))
}

# print_longest <name> <title>: prints the longest time that a transaction took.
print_longest() {
  longest=$(longest_of "$1")
  say "  $2: $(count_outcomes "$1" 1) rows, the longest transaction took $longest ms"
}

# longest_of <name>: prints the time of the longest transaction, in ms.
longest_of() {
  awk '$2 - $1 > longest { longest = $2 - $1 } END { printf "%d\n", longest }' "$folder/$1.records"
}
