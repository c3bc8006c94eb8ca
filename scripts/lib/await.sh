# shellcheck shell=bash
# Waiting for what another process does.

# A wait that lasts this many seconds has failed, on a machine however busy.
# shellcheck disable=SC2034  # for those who source this
PATIENCE=120

# await <seconds> <command>...: repeats the command until it succeeds. Fails when the time is over.
await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}
