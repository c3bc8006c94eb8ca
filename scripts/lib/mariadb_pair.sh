#!/usr/bin/env bash
#
# Runs a pair of MariaDB servers, `a` and `b`, on loopback, in a folder of the caller, for the demo
# and the end-to-end tests. One server is the primary, the other server its replica. They replicate
# by GTID, and semi-synchronously (AFTER_SYNC): the primary acknowledges a write to the client only
# when both servers have the write.
#
# Source this file and call its functions, or run it: `mariadb_pair.sh start DIR` is
# `pair_start DIR`.
#
#   pair_start DIR           Makes and starts both servers; `a` is the primary. DIR must exist. The
#                            servers touch nothing outside of DIR. An older pair in DIR ends first.
#   pair_switchover DIR      Planned failover: the primary refuses writes, the replica catches up
#                            and is promoted, the old primary follows. Ends when acknowledgements
#                            are semi-synchronous again. Changes nothing if the replica lags.
#   pair_crash DIR           Kills the primary (kill -9). Ends when the process is gone.
#   pair_promote DIR         After pair_crash: the other server applies all that it received and
#                            becomes the primary. It has no replica then and acknowledges alone.
#   pair_rejoin DIR          After pair_promote: the crashed server starts without data, on its old
#                            port, copies everything, and follows. Ends when acknowledgements are
#                            semi-synchronous again.
#   pair_stop DIR            Ends both servers at once (kill -9) and removes their data. Does no
#                            harm if they are gone. DIR and the logs stay. Call this in a trap.
#
#   pair_primary DIR         Prints the name of the primary, `a` or `b`.
#   pair_replica DIR         Prints the name of the other server.
#   pair_port DIR NAME       Prints the TCP port of server NAME, on 127.0.0.1.
#   pair_pid DIR NAME        Prints the process id of server NAME; fails if NAME does not run.
#   pair_sql DIR NAME SQL    Runs SQL on server NAME as an administrator; prints rows, no headings.
#
# Files in DIR for others:
#   app-a.cnf app-b.cnf      Option files of clients: host, port, user `app`, password. `app` may do
#                            everything to data and nothing to the server, so read_only binds it.
#   app.password             The password alone.
#   a.log b.log              The servers' logs.
#   read_only_since          When the last switchover made the old primary read-only, and
#   writable_since           when the last primary began to take writes: ms of the wall clock.
#
# A caller may set PAIR_LAUNCHER, an array: a program, with its arguments, that runs the servers.
#
# A function that fails returns non-zero and says why on standard error. No function waits for ever.
# Needs mariadbd, mariadb-install-db and the mariadb client (Debian: mariadb-server-core,
# mariadb-client-core); runs as root or as an ordinary user; Linux only.

# The server's programs are in sbin, which an ordinary user's PATH may lack.
PAIR_KIND=mariadb
PAIR_PATH=/usr/local/sbin:/usr/sbin:/sbin
source "$(dirname -- "${BASH_SOURCE[0]}")/pair.sh"

readonly PAIR_COPY_SECONDS=300  # a replica's way from nothing to all that its primary has
readonly PAIR_NOW='ROUND(UNIX_TIMESTAMP(SYSDATE(6)) * 1000, 1)'  # the wall clock, in ms

PAIR_AS_ROOT=()                 # mariadbd refuses to run as root unless it is told so
if ((EUID == 0)); then PAIR_AS_ROOT=(--user=root); fi
readonly PAIR_AS_ROOT

# ---- the public functions ------------------------------------------------------------------------

pair_start() {
  local dir name
  dir=$(_pair_dir "$1") || return
  pair_stop "$dir" || return
  mkdir -- "$dir/tmp" || return
  _pair_write_accounts "$dir" || return
  _pair_make_template "$dir" || return
  for name in a b; do _pair_launch "$dir" "$name" || return; done
  for name in a b; do _pair_await_ready "$dir" "$name" || return; done
  _pair_follow "$dir" b a || return
  _pair_open_for_writes "$dir" a || return
  _pair_await_semi_sync "$dir" a
}

pair_switchover() {
  local dir old new position
  dir=$(_pair_dir "$1") || return
  old=$(pair_primary "$dir") && new=$(pair_replica "$dir") || return
  # The statement waits for the commits under way, and then the server refuses all writes.
  position=$(pair_sql "$dir" "$old" "SET lock_wait_timeout = $PAIR_STEP_SECONDS;
    SET GLOBAL read_only = ON; SELECT $PAIR_NOW; SELECT @@gtid_binlog_pos") || return
  echo "${position%%$'\n'*}" >"$dir/read_only_since"
  position=${position#*$'\n'}
  if ! _pair_await_gtid "$dir" "$new" "$position"; then
    pair_sql "$dir" "$old" 'SET GLOBAL read_only = OFF'
    _pair_say "$new did not catch up; $old is the primary as before"
    return 1
  fi
  _pair_open_for_writes "$dir" "$new" || return
  _pair_follow "$dir" "$old" "$new" "$position" || return
  _pair_await_semi_sync "$dir" "$new"
}

pair_promote() {
  local dir name position
  dir=$(_pair_dir "$1") || return
  name=$(pair_replica "$dir") || return
  if pair_pid "$dir" "$(pair_primary "$dir")" >/dev/null; then
    _pair_say "the primary still runs; use switchover"
    return 1
  fi
  pair_sql "$dir" "$name" 'STOP SLAVE IO_THREAD' || return
  position=$(_pair_received "$dir" "$name") || return
  _pair_await_gtid "$dir" "$name" "$position" || return
  _pair_open_for_writes "$dir" "$name"
}

pair_rejoin() {
  local dir name primary
  dir=$(_pair_dir "$1") || return
  primary=$(pair_primary "$dir") && name=$(pair_replica "$dir") || return
  _pair_kill "$dir" "$name" || return
  # The server starts without data, because a crashed primary may hold writes that it acknowledged
  # to no client.
  _pair_launch "$dir" "$name" "$(pair_port "$dir" "$name")" || return
  _pair_await_ready "$dir" "$name" || return
  _pair_follow "$dir" "$name" "$primary" || return
  _pair_await_gtid "$dir" "$name" "$(pair_sql "$dir" "$primary" 'SELECT @@gtid_binlog_pos')" \
    "$PAIR_COPY_SECONDS" || return
  _pair_await_semi_sync "$dir" "$primary"
}

pair_sql() {
  _pair_client "$1" "$2" "$PAIR_STEP_SECONDS" --batch --skip-column-names --execute="$3"
}

# ---- the insides ---------------------------------------------------------------------------------

# _pair_client DIR NAME SECONDS OPTION...: runs the client for at most SECONDS and a little more.
_pair_client() {
  timeout "$(($3 + 5))" mariadb --defaults-file="$1/admin-$2.cnf" "${@:4}"
}

_pair_write_accounts() {
  local dir=$1 password
  _pair_write_password "$dir"
  password=$(cat -- "$dir/app.password")
  (
    umask 077
    cat >"$dir/accounts.sql" <<SQL
SET sql_log_bin = 0;
CREATE USER admin@127.0.0.1 IDENTIFIED BY '$password';
GRANT ALL ON *.* TO admin@127.0.0.1;
CREATE USER repl@127.0.0.1 IDENTIFIED BY '$password';
GRANT REPLICATION SLAVE ON *.* TO repl@127.0.0.1;
CREATE USER app@127.0.0.1 IDENTIFIED BY '$password';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER, CREATE TEMPORARY TABLES,
  LOCK TABLES, EXECUTE, CREATE ROUTINE, ALTER ROUTINE, CREATE VIEW, SHOW VIEW, TRIGGER
  ON *.* TO app@127.0.0.1;
SQL
  )
}

_pair_make_template() {
  local dir=$1 program
  program=$(_pair_program mariadb-install-db) || return
  TMPDIR="$dir/tmp" "$program" --no-defaults "${PAIR_AS_ROOT[@]}" \
    --datadir="$dir/template" --skip-test-db --auth-root-authentication-method=socket \
    >"$dir/install.log" 2>&1 || {
    _pair_say "mariadb-install-db failed:"
    tail -n 20 "$dir/install.log" >&2
    return 1
  }
}

_pair_write_configuration() {
  local dir=$1 name=$2 port=$3 user id=1
  if [[ $name == b ]]; then id=2; fi
  (
    umask 077
    for user in app admin; do
      printf '[client]\nhost=127.0.0.1\nport=%s\nuser=%s\npassword=%s\nconnect_timeout=30\n' \
        "$port" "$user" "$(cat "$dir/app.password")" >"$dir/$user-$name.cnf"
    done
  )
  cat >"$dir/$name.cnf" <<CNF
[mariadbd]
datadir=$dir/$name
# The path is relative to datadir, because the path of a socket has at most 107 bytes.
socket=server.sock
pid_file=server.pid
init_file=$dir/accounts.sql
secure_file_priv=$dir/$name
port=$port
bind_address=127.0.0.1
skip_name_resolve=ON
max_connections=500

server_id=$id
read_only=ON
log_bin=binlog
binlog_format=ROW
log_slave_updates=ON
relay_log=relay
gtid_strict_mode=ON
slave_parallel_threads=4
slave_parallel_mode=optimistic
slave_net_timeout=10

# The primary waits for its replica as long as there is a replica, and does not wait without one.
rpl_semi_sync_master_wait_point=AFTER_SYNC
rpl_semi_sync_master_timeout=600000
rpl_semi_sync_master_wait_no_slave=OFF

# A killed process loses no data that it gave to the kernel, and the other server has the data too.
innodb_flush_log_at_trx_commit=2
sync_binlog=0
innodb_log_file_size=48M
innodb_use_native_aio=OFF
performance_schema=OFF

# Small buffers make a killed process end soon: the kernel frees its memory before it closes its
# sockets, and loses what clients send in between.
innodb_buffer_pool_size=32M
innodb_log_buffer_size=2M
aria_pagecache_buffer_size=1M
key_buffer_size=1M
CNF
}

# _pair_launch DIR NAME [PORT]: starts a new server NAME, a copy of the template, on PORT (default:
# a free port). The server is not ready yet when this function returns.
_pair_launch() {
  local dir=$1 name=$2 port=${3:-}
  [[ -n $port ]] || port=$(_pair_free_port)
  _pair_write_configuration "$dir" "$name" "$port"
  rm -rf -- "${dir:?}/$name" "$dir/$name.pid" && cp -R -- "$dir/template" "$dir/$name" || return
  _pair_exec_server "$dir" "$name"
}

_pair_server_command() {
  local dir=$1 name=$2 program
  program=$(_pair_program mariadbd) || return
  server_command=(env TMPDIR="$dir/tmp" "${PAIR_LAUNCHER[@]}" "$program" --defaults-file="$dir/$name.cnf"
    "${PAIR_AS_ROOT[@]}")
}

_pair_await_gtid() {
  local dir=$1 name=$2 position=$3 seconds=${4:-$PAIR_STEP_SECONDS} answer
  answer=$(_pair_client "$dir" "$name" "$seconds" --batch --skip-column-names \
    --execute="SELECT MASTER_GTID_WAIT('$position', $seconds)") || return
  if [[ $answer != 0 ]]; then
    _pair_say "server $name did not reach GTID position $position in $seconds s"
    return 1
  fi
}

# _pair_received DIR NAME: prints the GTID position up to which replica NAME has received events,
# applied or not.
_pair_received() {
  local position
  position=$(_pair_client "$1" "$2" "$PAIR_STEP_SECONDS" --vertical --execute='SHOW SLAVE STATUS' |
    grep '^ *Gtid_IO_Pos:') || {
    _pair_say "server $2 is no replica"
    return 1
  }
  echo "${position#*Gtid_IO_Pos: }"
}

# _pair_open_for_writes DIR NAME: makes server NAME the primary, which follows nobody.
_pair_open_for_writes() {
  local dir=$1 name=$2
  pair_sql "$dir" "$name" "
    STOP SLAVE; RESET SLAVE ALL;
    SET GLOBAL rpl_semi_sync_slave_enabled = OFF, rpl_semi_sync_master_enabled = ON;
    SET GLOBAL read_only = OFF; SELECT $PAIR_NOW" >"$dir/writable_since" || return
  echo "$name" >"$dir/primary.new" && mv -- "$dir/primary.new" "$dir/primary"
}

# _pair_follow DIR NAME PRIMARY [POSITION]: makes the read-only server NAME follow PRIMARY from this
# GTID position on (default: from the start).
_pair_follow() {
  local dir=$1 name=$2 primary=$3 position=${4:-}
  pair_sql "$dir" "$name" "
    SET GLOBAL rpl_semi_sync_master_enabled = OFF, rpl_semi_sync_slave_enabled = ON;
    SET GLOBAL gtid_slave_pos = '$position';
    CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = $(pair_port "$dir" "$primary"),
      MASTER_USER = 'repl', MASTER_PASSWORD = '$(cat "$dir/app.password")',
      MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos;
    START SLAVE"
}

_pair_await_semi_sync() {
  await "$PAIR_STEP_SECONDS" _pair_semi_sync_is_on "$1" "$2" || {
    _pair_say "no semi-synchronous replica came to server $2 in $PAIR_STEP_SECONDS s"
    return 1
  }
}

_pair_semi_sync_is_on() {
  local status
  status=$(pair_sql "$1" "$2" "SHOW STATUS WHERE Variable_name IN
    ('Rpl_semi_sync_master_clients', 'Rpl_semi_sync_master_status')") || return
  [[ $status == *clients$'\t'1* && $status == *status$'\t'ON* ]]
}

# ---- as a command --------------------------------------------------------------------------------

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  _pair_main "${BASH_SOURCE[0]}" "$@"
fi
