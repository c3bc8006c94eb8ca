# The proxy and HAProxy.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # proxy_port for the scenarios; folder, proxy_program of them

haproxy_pid=
haproxy_port=

# start_proxy <name> <flag>...: as launch_proxy.
start_proxy() {
  launch_proxy "$1" --backend-user=app --backend-password-file="$folder/pair/app.password" "${@:2}"
}

# Prints what the proxy reports of its state.
proxy_state() {
  local lines
  lines=$(wc -l <"$folder/$1.log")
  kill -USR1 "$proxy_pid"
  await "$PATIENCE" proxy_has_reported "$1" "$lines" || fail "no answer to SIGUSR1"
  tail -n "+$((lines + 1))" "$folder/$1.log"
}

proxy_has_reported() { tail -n "+$(($2 + 1))" "$folder/$1.log" | grep -q 'skipped:'; }

# start_haproxy [<interval>]: starts HAProxy in front of the servers. HAProxy sends clients to the
# server that takes writes. It checks the servers every 200 ms, or once per interval; a check may take
# as long as the interval.
start_haproxy() {
  local attempt
  for attempt in 1 2 3 4 5; do
    haproxy_port=$(_pair_free_port)
    write_haproxy_configuration "${1:-200ms}"
    "${bound[@]}" haproxy -f "$folder/haproxy.cfg" -db >"$folder/haproxy.log" 2>&1 &
    haproxy_pid=$!
    ends_with_us "$haproxy_pid"
    # At first HAProxy takes both servers for writable.
    await "$PATIENCE" haproxy_has_looked_or_ended || fail "HAProxy does not look at its servers"
    # Another program may have taken the port that was free a moment ago.
    if kill -0 "$haproxy_pid" 2>/dev/null; then break; fi
    ((attempt < 5)) || fail "HAProxy did not start"
  done
  await "$PATIENCE" mariadb_answers "$haproxy_port" || fail "HAProxy does not answer"
}

haproxy_has_looked_or_ended() {
  grep -qs 'is DOWN' "$folder/haproxy.log" || ! kill -0 "$haproxy_pid" 2>/dev/null
}

# write_haproxy_configuration <interval>
write_haproxy_configuration() {
  cat >"$folder/check_writable" <<CHECK
#!/bin/sh
# HAProxy gives: its address and port, the server's address and port.
answer=\$(timeout 4 mariadb --defaults-file=$folder/pair/app-a.cnf --host="\$3" --port="\$4" \\
  --batch --skip-column-names --execute='SELECT @@global.read_only')
[ "\$answer" = 0 ]
CHECK
  chmod +x "$folder/check_writable"
  cat >"$folder/haproxy.cfg" <<CONFIGURATION
global
  maxconn 4096
  nbthread 2
  external-check
  insecure-fork-wanted
defaults
  mode tcp
  timeout connect 2s
  timeout check 5s
  timeout client 1h
  timeout server 1h
listen mysql
  bind 127.0.0.1:$haproxy_port
  option external-check
  external-check path "$PATH"
  external-check command $folder/check_writable
  default-server check inter $1 fall 1 rise 1 on-marked-down shutdown-sessions
  server a 127.0.0.1:$(pair_port "$folder/pair" a)
  server b 127.0.0.1:$(pair_port "$folder/pair" b)
CONFIGURATION
}

stop_haproxy() {
  kill -TERM "$haproxy_pid"
  wait "$haproxy_pid" || true
}

mariadb_answers() { client "$1" 'DO 1' 2>/dev/null; }

# client <port> <sql>: runs the mariadb client, which prints rows without headings.
client() { client_for "$PATIENCE" "$@"; }

# client_for <seconds> <port> <sql>: the same, for at most so many seconds.
client_for() {
  local limit=$1
  shift
  timeout "$limit" mariadb --defaults-file="$folder/pair/app-a.cnf" --port="$1" --batch \
    --skip-column-names --execute="$2"
}
