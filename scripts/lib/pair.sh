# What mariadb_pair.sh and postgres_pair.sh have in common: the folder of a pair of servers, their
# processes and their ports. Source one of those two instead of this file.
# shellcheck shell=bash
#
# The script that sources this file sets PAIR_KIND and PAIR_PATH (where programs are looked for first), and
# defines these functions:
#
#   pair_sql DIR NAME SQL           Runs SQL as an administrator.
#   _pair_launch DIR NAME [PORT]    Starts a new server on PORT (default: a free port). The server
#                                   need not be ready when the function returns.
#   _pair_server_command DIR NAME   Sets the array `server_command`, which runs the server.

source "$(dirname -- "${BASH_SOURCE[0]}")/await.sh"

readonly PAIR_START_SECONDS=$PATIENCE  # a server's start, on a slow machine
readonly PAIR_STEP_SECONDS=60          # any other single step

# A program, with its arguments, that runs the servers. A caller may set it.
# shellcheck disable=SC2034  # the scripts that source this file use the variable
PAIR_LAUNCHER=()

# ---- the public functions ------------------------------------------------------------------------

pair_crash() {
  local dir name
  dir=$(_pair_dir "$1") || return
  name=$(pair_primary "$dir") || return
  _pair_kill "$dir" "$name"
}

pair_stop() {
  local dir name status=0
  dir=$(_pair_dir "$1") || return
  for name in a b; do _pair_kill "$dir" "$name" || status=1; done
  ((status == 0)) && rm -rf -- "$dir"/{a,b,template,tmp,primary}
  return "$status"
}

pair_primary() { cat -- "$1/primary"; }

pair_replica() {
  local primary
  primary=$(pair_primary "$1") || return
  if [[ $primary == a ]]; then echo b; else echo a; fi
}

pair_port() { sed -n 's/^port=//p' "$1/app-$2.cnf"; }

pair_pid() {
  local dir pid
  dir=$(_pair_dir "$1") || return
  pid=$(cat -- "$dir/$2.pid" 2>/dev/null) && [[ -n $pid ]] || return 1
  # Another process may have the same id by now.
  grep -qsF -- "$dir/$2" "/proc/$pid/cmdline" || return 1
  echo "$pid"
}

# ---- the insides ---------------------------------------------------------------------------------

_pair_say() { printf '%s_pair: %s\n' "$PAIR_KIND" "$*" >&2; }

_pair_dir() {
  if [[ ! -d ${1:-} ]]; then
    _pair_say "no such folder: '${1:-}'"
    return 1
  fi
  (cd -- "$1" && pwd -P)
}

# Prints where the program is. In PATH, Debian has wrappers of some programs, which take their time.
_pair_program() {
  PATH="$PAIR_PATH:$PATH" command -v "$1" || {
    _pair_say "$1 is not installed"
    return 1
  }
}

# Prints a free port below the range from which the kernel takes ports for outgoing connections.
_pair_free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# Writes a new password for all users of the servers.
_pair_write_password() {
  (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$1/app.password" &&
    echo >>"$1/app.password")
}

_pair_exec_server() {
  local dir=$1 name=$2 server_command=()
  _pair_server_command "$dir" "$name" || return
  # The file with the process id exists before the server runs, so that pair_stop always finds it.
  (
    echo "$BASHPID" >"$dir/$name.pid"
    cd / && exec "${server_command[@]}" </dev/null >"$dir/$name.log" 2>&1
  ) &
  disown "$!"  # bash reports the end of a child that it knows; these are killed on purpose
}

_pair_await_ready() {
  local dir=$1 name=$2 attempt
  for attempt in 1 2 3 4 5; do
    if await "$PAIR_START_SECONDS" _pair_is_ready_or_dead "$dir" "$name" &&
      _pair_is_ready "$dir" "$name"; then
      return 0
    fi
    # Another process may have taken the port that was free a moment ago.
    if ((attempt == 5)) || ! grep -qs 'Address already in use' "$dir/$name.log"; then break; fi
    _pair_launch "$dir" "$name" || return
  done
  _pair_say "server $name did not start:"
  tail -n 20 "$dir/$name.log" >&2
  return 1
}

_pair_is_ready() { pair_sql "$1" "$2" 'SELECT 1' >/dev/null 2>&1; }

# A server is dead if its process has started and is gone.
_pair_is_ready_or_dead() {
  _pair_is_ready "$1" "$2" || { [[ -s $1/$2.pid ]] && _pair_is_gone "$(cat -- "$1/$2.pid")"; }
}

# Kills the server and its child processes, and waits until all of them are gone.
_pair_kill() {
  local dir=$1 name=$2 pid process processes=()
  pid=$(pair_pid "$dir" "$name") || return 0
  # A process that stands still starts no child that this function would miss. It stands still for a
  # moment only, because the shell starts no program in between. The file has no newline, so `read`
  # says that it ended.
  kill -STOP "$pid" 2>/dev/null || true
  read -ra processes 2>/dev/null <"/proc/$pid/task/$pid/children" || true
  kill -KILL "$pid" "${processes[@]}" 2>/dev/null || true
  for process in "$pid" "${processes[@]}"; do
    await "$PAIR_STEP_SECONDS" _pair_is_gone "$process" || {
      _pair_say "server $name (process $process) does not end"
      return 1
    }
  done
}

# _pair_is_gone PID: whether the process has ended and closed its sockets. A zombie has ended: in a
# container perhaps nobody reaps it. But the first thread can be a zombie while other threads run.
_pair_is_gone() {
  local state tasks
  state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 0
  tasks=("/proc/$1/task"/*)
  [[ $state == [ZX]* ]] && ((${#tasks[@]} <= 1))
}

# ---- as a command --------------------------------------------------------------------------------

# _pair_main SCRIPT COMMAND DIR...
_pair_main() {
  local script=$1 command=${2:-help}
  case $command in
    start | switchover | crash | promote | rejoin | stop | primary | replica | port | pid | sql)
      "pair_$command" "${@:3}"
      ;;
    help | --help | -h) sed -n '3,/^$/s/^# \{0,1\}//p' "$script" ;;
    *)
      _pair_say "unknown command '$command'; see --help"
      return 2
      ;;
  esac
}
