#!/usr/bin/env bash
#
# Runs a pair of PostgreSQL servers, `a` and `b`, on loopback, in a folder of the caller, for the
# demo and the end-to-end tests. One server is the primary, the other server its replica, which
# streams. They replicate synchronously: the primary acknowledges a write to the client only when
# both servers have the write.
#
# Source this file and call its functions, or run it: `postgres_pair.sh start DIR` is
# `pair_start DIR`.
#
#   pair_start DIR           Makes and starts both servers; `a` is the primary. DIR must exist. The
#                            servers touch nothing outside of DIR. An older pair in DIR ends first.
#   pair_switchover DIR      Planned failover: the primary is stopped (fast shutdown), the replica
#                            is promoted, the old primary starts again and follows. Ends when
#                            acknowledgements are synchronous again. If the replica did not get all
#                            that the primary wrote, the old primary starts as the primary.
#                            It is pair_hand_over (the replica is promoted) and pair_return (the old
#                            primary follows), which a caller may call one after the other.
#   pair_crash DIR           Kills the primary with all its processes (kill -9). Ends when they are
#                            gone.
#   pair_promote DIR         After pair_crash: the other server applies all that it received and
#                            becomes the primary. It has no replica then and acknowledges alone.
#   pair_rejoin DIR          After pair_promote: the crashed server loses its data, copies those of
#                            the primary, starts on its old port, and follows. Ends when
#                            acknowledgements are synchronous again.
#   pair_stop DIR            Ends both servers at once (kill -9) and removes their data. Does no
#                            harm if they are gone. DIR and the logs stay. Call this in a trap.
#
#   pair_primary DIR         Prints the name of the primary, `a` or `b`.
#   pair_replica DIR         Prints the name of the other server.
#   pair_port DIR NAME       Prints the TCP port of server NAME, on 127.0.0.1.
#   pair_pid DIR NAME        Prints the process id of server NAME; fails if NAME does not run.
#   pair_sql DIR NAME SQL    Runs SQL on server NAME as a superuser; prints rows, no headings.
#
# Files in DIR for others:
#   app-a.cnf app-b.cnf      Service files of libpq (PGSERVICEFILE), with the service `app`: host,
#                            port, user `app`, password, dbname. `app` may read and write all tables,
#                            and make some in the schema public.
#   app.password             The password alone.
#   hba.conf                 Who may log in. A caller may change it and call pg_reload_conf().
#   a.log b.log              The servers' logs since their last start.
#
# A caller may set PAIR_LAUNCHER, an array: a program, with its arguments, that runs the servers.
#
# A function that fails returns non-zero and says why on standard error. No function waits for ever.
# Needs the programs of PostgreSQL (Debian: postgresql-15). postgres refuses to run as root: then it
# runs as the user postgres, whom Debian's package makes. Linux only.

# Debian has one folder for each version.
PAIR_KIND=postgres
PAIR_PATH=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort --version-sort --reverse | paste -sd :)
source "$(dirname -- "${BASH_SOURCE[0]}")/pair.sh"

PAIR_AS_SERVER=()
if ((EUID == 0)); then
  PAIR_AS_SERVER=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
readonly PAIR_AS_SERVER

# ---- the public functions ------------------------------------------------------------------------

pair_start() {
  local dir name
  dir=$(_pair_dir "$1") || return
  pair_stop "$dir" || return
  # The user of the servers reaches their folders, and can list nothing else.
  chmod a+x "$dir" || return
  _pair_write_password "$dir" && _pair_give "$dir/app.password" || return
  echo 'host all,replication all 127.0.0.1/32 scram-sha-256' >"$dir/hba.conf" || return
  chmod a+r "$dir/hba.conf" || return
  echo a >"$dir/primary" || return
  for name in a b; do
    _pair_launch "$dir" "$name" || return
    _pair_await_ready "$dir" "$name" || return
    [[ $name == b ]] || _pair_make_accounts "$dir" || return
  done
  _pair_turn_sync_on "$dir" a
}

pair_switchover() { pair_hand_over "$1" && pair_return "$1"; }

pair_hand_over() {
  local dir old new
  dir=$(_pair_dir "$1") || return
  old=$(pair_primary "$dir") && new=$(pair_replica "$dir") || return
  # The checkpoint of the shutdown has nothing left to write.
  pair_sql "$dir" "$old" CHECKPOINT || return
  _pair_shut_down "$dir" "$old" || return
  if ! await "$PAIR_STEP_SECONDS" _pair_has_all_of "$dir" "$new" "$old"; then
    _pair_exec_server "$dir" "$old"
    _pair_say "$new did not get all; $old is the primary as before"
    return 1
  fi
  _pair_make_primary "$dir" "$new"
}

pair_return() {
  local dir name primary
  dir=$(_pair_dir "$1") || return
  primary=$(pair_primary "$dir") && name=$(pair_replica "$dir") || return
  _pair_follow "$dir" "$name" "$primary" || return
  _pair_exec_server "$dir" "$name" || return
  _pair_await_ready "$dir" "$name" || return
  _pair_turn_sync_on "$dir" "$primary"
}

pair_promote() {
  local dir
  dir=$(_pair_dir "$1") || return
  if pair_pid "$dir" "$(pair_primary "$dir")" >/dev/null; then
    _pair_say "the primary still runs; use switchover"
    return 1
  fi
  _pair_make_primary "$dir" "$(pair_replica "$dir")"
}

pair_rejoin() {
  local dir name primary
  dir=$(_pair_dir "$1") || return
  primary=$(pair_primary "$dir") && name=$(pair_replica "$dir") || return
  _pair_kill "$dir" "$name" || return
  # A crashed primary may hold writes that it acknowledged to no client.
  _pair_launch "$dir" "$name" "$(pair_port "$dir" "$name")" || return
  _pair_await_ready "$dir" "$name" || return
  _pair_turn_sync_on "$dir" "$primary"
}

pair_sql() {
  local psql
  psql=$(_pair_program psql) || return
  PGSERVICEFILE="$1/admin-$2.cnf" timeout "$PAIR_STEP_SECONDS" "$psql" --no-psqlrc --quiet \
    --no-align --tuples-only --set=ON_ERROR_STOP=1 --command="$3" service=admin
}

# ---- the insides ---------------------------------------------------------------------------------

# _pair_as_server PROGRAM ARGUMENT...: runs a program as the user of the servers.
_pair_as_server() {
  local program
  program=$(_pair_program "$1") || return
  (cd / && "${PAIR_AS_SERVER[@]}" "$program" "${@:2}")
}

# _pair_give FILE: makes the file, or the folder, belong to the user of the servers.
_pair_give() {
  if ((EUID == 0)); then chown postgres: -- "$1"; fi
}

_pair_make_accounts() {
  pair_sql "$1" a "
    CREATE ROLE repl LOGIN REPLICATION PASSWORD '$(cat -- "$1/app.password")';
    CREATE ROLE app LOGIN PASSWORD '$(cat -- "$1/app.password")'
      IN ROLE pg_read_all_data, pg_write_all_data;
    GRANT CREATE ON SCHEMA public TO app"
}

_pair_write_configuration() {
  local dir=$1 name=$2 port=$3 user
  (
    umask 077
    for user in app admin; do
      printf '[%s]\nhost=127.0.0.1\nport=%s\nuser=%s\npassword=%s\ndbname=postgres\n' \
        "$user" "$port" "$user" "$(cat "$dir/app.password")" >"$dir/$user-$name.cnf"
    done
  )
  cat >"$dir/$name.conf" <<CONF
hba_file='$dir/hba.conf'
listen_addresses='127.0.0.1'
port=$port
unix_socket_directories=''
max_connections=500
shared_buffers=32MB

# A replica that comes back finds what it missed.
wal_keep_size=256MB
wal_retrieve_retry_interval=100ms

# A killed process loses no data that it gave to the kernel, and the other server has the data too.
fsync=off
CONF
  chmod a+r "$dir/$name.conf"
}

# _pair_launch DIR NAME [PORT]: starts a new server NAME on PORT (default: a free port). Its data are
# new if NAME is the primary, and otherwise a copy of the primary's.
_pair_launch() {
  local dir=$1 name=$2 port=${3:-}
  [[ -n $port ]] || port=$(_pair_free_port)
  _pair_write_configuration "$dir" "$name" "$port" || return
  rm -rf -- "${dir:?}/$name" && mkdir -m 700 -- "$dir/$name" || return
  _pair_give "$dir/$name" || return
  if [[ $name == "$(pair_primary "$dir")" ]]; then
    _pair_make_data "$dir" "$name"
  else
    _pair_copy_data "$dir" "$name"
  fi >"$dir/install.log" 2>&1 || {
    _pair_say "no data for server $name:"
    tail -n 20 "$dir/install.log" >&2
    return 1
  }
  _pair_exec_server "$dir" "$name"
}

_pair_make_data() {
  _pair_as_server initdb --pgdata="$1/$2" --username=admin --pwfile="$1/app.password" \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync
}

_pair_copy_data() {
  local dir=$1 name=$2 primary
  primary=$(pair_primary "$dir")
  PGPASSWORD=$(cat -- "$dir/app.password") _pair_as_server pg_basebackup --pgdata="$dir/$name" \
    --host=127.0.0.1 --port="$(pair_port "$dir" "$primary")" --username=repl --no-password \
    --checkpoint=fast --no-sync || return
  _pair_follow "$dir" "$name" "$primary"
}

_pair_server_command() {
  local dir=$1 name=$2 program
  program=$(_pair_program postgres) || return
  server_command=("${PAIR_AS_SERVER[@]}" "${PAIR_LAUNCHER[@]}" "$program" -D "$dir/$name"
    -c "config_file=$dir/$name.conf")
}

# Stops the server in good order, with its sessions (fast shutdown).
_pair_shut_down() {
  local pid
  pid=$(pair_pid "$1" "$2") && kill -INT "$pid" || return
  await "$PAIR_STEP_SECONDS" _pair_is_gone "$pid" || {
    _pair_say "server $2 (process $pid) does not end"
    return 1
  }
}

# _pair_has_all_of DIR NAME OLD: whether replica NAME has received what OLD wrote before its end.
_pair_has_all_of() {
  local last
  last=$(_pair_as_server pg_controldata "$1/$3" | sed -n 's/^Latest checkpoint location: *//p')
  [[ -n $last && $(pair_sql "$1" "$2" "SELECT pg_last_wal_receive_lsn() > '$last'") == t ]]
}

# _pair_make_primary DIR NAME: the replica applies all that it received, and takes writes.
_pair_make_primary() {
  local dir=$1 name=$2
  if [[ $(pair_sql "$dir" "$name" "SELECT pg_promote(wait_seconds => $PAIR_STEP_SECONDS)") != t ]]; then
    _pair_say "server $name was not promoted in $PAIR_STEP_SECONDS s"
    return 1
  fi
  echo "$name" >"$dir/primary.new" && mv -- "$dir/primary.new" "$dir/primary"
}

# _pair_follow DIR NAME PRIMARY: makes server NAME, which does not run, follow PRIMARY from its next
# start on. When NAME is promoted one day, it acknowledges alone at first.
_pair_follow() {
  local dir=$1 name=$2 primary=$3
  printf "%s='%s'\n" \
    primary_conninfo "host=127.0.0.1 port=$(pair_port "$dir" "$primary") user=repl password=$(
      cat -- "$dir/app.password")" \
    synchronous_standby_names '' >>"$dir/$name/postgresql.auto.conf" || return
  _pair_as_server touch "$dir/$name/standby.signal"
}

# _pair_turn_sync_on DIR PRIMARY: waits for the replica, and lets acknowledgements wait for it from
# then on.
_pair_turn_sync_on() {
  local dir=$1 primary=$2
  await "$PAIR_STEP_SECONDS" _pair_replica_is "$dir" "$primary" "state = 'streaming'" &&
    pair_sql "$dir" "$primary" "ALTER SYSTEM SET synchronous_standby_names = '*'" &&
    pair_sql "$dir" "$primary" 'SELECT pg_reload_conf()' >/dev/null &&
    await "$PAIR_STEP_SECONDS" _pair_replica_is "$dir" "$primary" "sync_state = 'sync'" && return
  _pair_say "no synchronous replica came to server $primary in $PAIR_STEP_SECONDS s"
  return 1
}

_pair_replica_is() {
  [[ $(pair_sql "$1" "$2" "SELECT count(*) FROM pg_stat_replication WHERE $3") == 1 ]]
}

# ---- as a command --------------------------------------------------------------------------------

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  _pair_main "${BASH_SOURCE[0]}" "$@"
fi
