# shellcheck shell=bash
# Waits for another process. Source this file: it defines a function.

# A wait that lasts this many seconds has failed, even on a busy machine.
# shellcheck disable=SC2034  # the scripts that source this file use the variable
PATIENCE=120

# await <seconds> <command>...: repeats the command until the command succeeds. Fails when the time
# is over.
await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}
