# shellcheck shell=bash
# Waits for another process. Source this file: it defines a function.

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
