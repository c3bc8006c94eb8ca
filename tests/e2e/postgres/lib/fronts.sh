# What clients may connect to: the servers themselves, HAProxy, PgBouncer, or the proxy.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # variables for and of the scenario

haproxy_pid=
haproxy_port=
pgbouncer_pid=
pgbouncer_port=

# start_front <direct | haproxy | pgbouncer | unbuffered | buffered>: starts what the clients connect
# to, and sets front_hosts and front_ports, the lists that libpq takes.
start_front() {
  front_hosts=127.0.0.1
  case $1 in
    direct)
      front_hosts=127.0.0.1,127.0.0.1
      front_ports=$(pair_port "$folder/pair" a),$(pair_port "$folder/pair" b)
      ;;
    haproxy) start_haproxy && front_ports=$haproxy_port ;;
    pgbouncer) start_pgbouncer transaction && front_ports=$pgbouncer_port ;;
    unbuffered) start_proxy "$1" && front_ports=$proxy_port ;;
    buffered)
      start_proxy "$1" --enable-buffer --buffer-window=7s --buffer-max-failover-duration=7s \
        --buffer-min-time-between-failovers=14s --admin-socket="$folder/admin.sock"
      front_ports=$proxy_port
      ;;
  esac
}

end_front() {
  case $1 in
    direct) ;;
    haproxy) end_process "$haproxy_pid" ;;
    pgbouncer) end_process "$pgbouncer_pid" ;;
    *) stop_proxy ;;
  esac
}

end_process() {
  kill -TERM "$1"
  wait "$1" || true
}

answers() {
  PGPASSWORD=$(cat "$folder/pair/app.password") timeout 5 psql --no-psqlrc --quiet --output=/dev/null \
    --command='SELECT 1' "host=127.0.0.1 port=$1 user=app dbname=postgres" 2>>"$folder/psql.log"
}

# start_proxy <name> <flag>...: as launch_proxy.
start_proxy() {
  launch_proxy "$1" --monitor-user=app --monitor-password-file="$folder/pair/app.password" "${@:2}"
}

# ---- HAProxy -------------------------------------------------------------------------------------

# Lets the health check of HAProxy in without a password. Its role may do nothing.
admit_haproxy() {
  local name
  pair_sql "$folder/pair" a 'CREATE ROLE haproxy LOGIN'
  sed -i '1i host postgres haproxy 127.0.0.1/32 trust' "$folder/pair/hba.conf"
  for name in a b; do pair_sql "$folder/pair" "$name" 'SELECT pg_reload_conf()' >/dev/null; done
}

start_haproxy() {
  haproxy_port=$(_pair_free_port)
  write_haproxy_configuration
  rm -f -- "$folder/haproxy.log"
  "${bound[@]}" haproxy -f "$folder/haproxy.cfg" -db >"$folder/haproxy.log" 2>&1 &
  haproxy_pid=$!
  ends_with_us "$haproxy_pid"
  # At first HAProxy takes both servers for primaries.
  await "$PATIENCE" grep -qs 'is DOWN' "$folder/haproxy.log" || fail "HAProxy did not start"
  await "$PATIENCE" answers "$haproxy_port" || fail "HAProxy does not answer"
}

# The check logs in, asks whether the server is in recovery, and ends its session, every 200 ms.
# Otherwise the settings are those of Patroni's template, whose check asks Patroni every 3 s.
write_haproxy_configuration() {
  local login query
  login=$(hex 'user\0haproxy\0database\0postgres\0\0')
  query=$(hex 'SELECT pg_is_in_recovery()\0')
  cat >"$folder/haproxy.cfg" <<CONFIGURATION
global
  maxconn 1000
  nbthread 2
defaults
  mode tcp
  timeout connect 4s
  timeout check 5s
  timeout client 30m
  timeout server 30m
listen postgres
  bind 127.0.0.1:$haproxy_port
  option tcp-check
  tcp-check connect
  tcp-check send-binary $(length "$login" 8)00030000$login
  tcp-check expect binary 5a0000000549
  tcp-check send-binary 51$(length "$query" 4)${query}5800000004
  tcp-check expect binary 440000000b00010000000166
  default-server check inter 200ms fall 1 rise 1 on-marked-down shutdown-sessions
  server a 127.0.0.1:$(pair_port "$folder/pair" a)
  server b 127.0.0.1:$(pair_port "$folder/pair" b)
CONFIGURATION
}

hex() { printf '%b' "$1" | od -An -v -tx1 | tr -d ' \n'; }

# length <hexadecimal text> <bytes more>
length() { printf '%08x' $((${#1} / 2 + $2)); }

# ---- PgBouncer -----------------------------------------------------------------------------------

# start_pgbouncer <pool mode>
start_pgbouncer() {
  pgbouncer_port=$(_pair_free_port)
  mkdir -p -- "$folder/pgbouncer"
  echo "\"app\" \"$(cat "$folder/pair/app.password")\"" >"$folder/pgbouncer/users"
  write_pgbouncer_configuration "$1"
  if ((EUID == 0)); then chown -R postgres: -- "$folder/pgbouncer"; fi
  "${PAIR_AS_SERVER[@]}" "${bound[@]}" "$(PATH=$PATH:/usr/sbin command -v pgbouncer)" \
    "$folder/pgbouncer/ini" >"$folder/pgbouncer.log" 2>&1 &
  pgbouncer_pid=$!
  ends_with_us "$pgbouncer_pid"
  await "$PATIENCE" answers "$pgbouncer_port" || fail "PgBouncer does not answer"
}

# PgBouncer sends all clients to the server that is the primary now.
write_pgbouncer_configuration() {
  cat >"$folder/pgbouncer/ini" <<CONFIGURATION
[databases]
postgres = host=127.0.0.1 port=$(pair_port "$folder/pair" "$(pair_primary "$folder/pair")")
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $pgbouncer_port
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $folder/pgbouncer/users
admin_users = app
pool_mode = $1
default_pool_size = 100
max_client_conn = 1000
server_login_retry = 1
log_connections = 0
log_disconnections = 0
CONFIGURATION
}

# pgbouncer_admin <command>
pgbouncer_admin() {
  PGPASSWORD=$(cat "$folder/pair/app.password") timeout "$PATIENCE" psql --no-psqlrc --quiet \
    --command="$1" "host=127.0.0.1 port=$pgbouncer_port user=app dbname=pgbouncer" \
    >>"$folder/psql.log" 2>&1
}

# Lets PgBouncer know who is the primary now.
redirect_pgbouncer() {
  write_pgbouncer_configuration transaction
  pgbouncer_admin RELOAD
}
