# A real Prometheus scrapes the proxy through a planned switchover and a crash under load, and the
# requests that it saw held are drawn.
# shellcheck shell=bash
# shellcheck disable=SC2154  # variables of the scenario

readonly MONITORED_RATE=400  # rows per second
readonly MONITORED_SECONDS=30
readonly SWITCHOVER_AFTER=6
readonly CRASH_AFTER=9  # after the switchover
readonly PROMOTE_AFTER=3

run_scenario() {
  local drawing=${results:-$folder}/held-requests.svg switchover crash began
  make_audit_table
  start_proxy proxy --enable-buffer --status-listen=0
  start_prometheus "$(sed -n 's|.*status page at http://127.0.0.1:\([0-9]*\).*|\1|p' "$folder/proxy.log")"
  say "$MONITORED_RATE rows per second for $MONITORED_SECONDS s"
  run_audit_load "$proxy_port" monitored "$MONITORED_SECONDS" --rate="$MONITORED_RATE" &
  local load=$!
  ends_with_us "$load"
  began=$EPOCHREALTIME
  sleep "$SWITCHOVER_AFTER"
  switchover=$EPOCHREALTIME
  slow_switchover
  sleep "$CRASH_AFTER"
  crash=$EPOCHREALTIME
  pair_crash "$folder/pair" || fail "crash"
  sleep "$PROMOTE_AFTER"
  pair_promote "$folder/pair" || fail "promotion"
  wait "$load" || fail "the load"
  audit monitored
  python3 -B "$here/draw_held.py" --prometheus="http://127.0.0.1:$prometheus_port" --begin="$began" \
    --end="$EPOCHREALTIME" --mark="$switchover=switchover" --mark="$crash=kill -9 of the primary" \
    --output="$drawing" || fail "Prometheus did not see what happened"
  stop_proxy
}

# No server takes writes for two seconds.
slow_switchover() {
  pair_sql "$folder/pair" "$(pair_primary "$folder/pair")" "SET GLOBAL read_only = ON"
  sleep 2
  pair_switchover "$folder/pair" || fail "switchover"
}

# start_prometheus <port of the proxy's page>: sets prometheus_port.
start_prometheus() {
  local pid
  cat >"$folder/prometheus.yml" <<CONFIGURATION
global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 1s}
scrape_configs:
  - job_name: failover
    static_configs: [{targets: ['127.0.0.1:$1']}]
CONFIGURATION
  for _ in 1 2 3 4 5; do
    prometheus_port=$(_pair_free_port)
    "${bound[@]}" prometheus --config.file="$folder/prometheus.yml" \
      --storage.tsdb.path="$folder/prometheus" --web.listen-address="127.0.0.1:$prometheus_port" \
      >"$folder/prometheus.log" 2>&1 &
    pid=$!
    ends_with_us "$pid"
    await "$PATIENCE" prometheus_scrapes_or_ended "$pid" || fail "Prometheus does not scrape the proxy"
    # Another program may have taken the port that was free a moment ago.
    if kill -0 "$pid" 2>/dev/null; then return; fi
  done
  fail "Prometheus did not start: $(tail -n 3 "$folder/prometheus.log")"
}

prometheus_scrapes_or_ended() {
  ! kill -0 "$1" 2>/dev/null ||
    python3 -B -c '
import sys, urllib.request
url = f"http://127.0.0.1:{sys.argv[1]}/api/v1/query?query=failover_requests_held"
sys.exit(0 if b"\"value\":[" in urllib.request.urlopen(url, timeout=5).read() else 1)' \
      "$prometheus_port" 2>/dev/null
}
