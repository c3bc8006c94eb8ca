# The processes of a scenario, and what it prints.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # bound: for the scenarios; folder: of the scenario

# The command in front of a program that must end with its shell, even if the shell is killed.
bound=()
if command -v setpriv >/dev/null; then bound=(setpriv --pdeathsig KILL); fi
readonly bound

say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"; }

fail() {
  printf '%s  FAILED: %s\n' "$(date +%H:%M:%S)" "$*" >&2
  exit 1
}

# sleep_until <time> <seconds>: sleeps until so many seconds after the time, which is a value of
# EPOCHREALTIME.
sleep_until() { sleep "$(awk -v at="$1" -v now="$EPOCHREALTIME" -v plus="$2" \
  'BEGIN { left = at + plus - now; print (left > 0 ? left : 0) }')"; }

# ends_with_us <process id>: lets the process, and all that it started, end with the scenario at the
# latest. The ids are kept in a file, because subshells start processes, too.
ends_with_us() { echo "$1 $(start_of "$1")" >>"$folder/processes"; }

# Prints when the process began. Another process that gets the same id later began at another time.
start_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

kill_tree() {
  local child
  # shellcheck disable=SC2013  # words, not lines
  for child in $(cat "/proc/$1/task"/*/children 2>/dev/null); do kill_tree "$child"; done
  kill -KILL "$1" 2>/dev/null || true
}

clean_up() {
  local status=$1 pid start
  # PIPE is ignored, because the reader of the output may have ended first.
  trap '' INT TERM HUP PIPE
  # shellcheck disable=SC2046  # one word for each; that they are killed is no news
  disown $(jobs -p) 2>/dev/null || true
  while read -r pid start; do
    if [[ -n $start && $(start_of "$pid") == "$start" ]]; then kill_tree "$pid"; fi
  done < <(cat "$folder/processes" 2>/dev/null)
  pair_stop "$folder/pair" || true
  # Something else may be running, for instance the installation of a server.
  # shellcheck disable=SC2013  # words, not lines
  for pid in $(cat "/proc/$$/task"/*/children); do kill_tree "$pid"; done
  if ((status != 0)); then
    {
      printf '\n--- the last lines of the logs:\n'
      tail -n 40 "$folder"/*.log
    } >&2 || true
  fi
  rm -rf -- "$folder"
  exit "$status"
}

server_list() {
  echo "127.0.0.1:$(pair_port "$folder/pair" a),127.0.0.1:$(pair_port "$folder/pair" b)"
}

proxy_is_ready() { grep -qs 'listening on' "$1" && grep -qs 'is the primary' "$1"; }

proxy_pid=
proxy_port=
proxy_wrapper=()  # a program, with its arguments, that runs the proxy

# launch_proxy <name> <flag>...: sets proxy_pid and proxy_port. The proxy logs to <name>.log, and lets
# the user app in.
launch_proxy() {
  echo "app $(cat "$folder/pair/app.password")" >"$folder/users"
  launch_proxy_of "$1" "$(server_list)" "${@:2}"
}

# launch_proxy_of <name> <servers> <flag>...: the same for whoever is in the file "users".
launch_proxy_of() {
  local log=$folder/$1.log servers=$2
  shift 2
  # The log of a proxy with the same name would say that this proxy is ready.
  rm -f -- "$log"
  "${bound[@]}" "${proxy_wrapper[@]}" "$proxy_program" --listen=127.0.0.1:0 \
    --servers="$servers" --users-file="$folder/users" "$@" >"$log" 2>&1 &
  proxy_pid=$!
  ends_with_us "$proxy_pid"
  await "$PATIENCE" proxy_is_ready "$log" || fail "the proxy did not start"
  proxy_port=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\).*/\1/p' "$log")
}

# Ends the proxy in good order.
stop_proxy() {
  kill -TERM "$proxy_pid"
  wait "$proxy_pid" || fail "the proxy ended with $?"
}
