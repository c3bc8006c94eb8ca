# Measures point selects without failovers. All variants take turns, because other programs may use
# the machine meanwhile.
# shellcheck shell=bash
# shellcheck disable=SC2154  # variables of the scenario

readonly CLIENTS=16
# The proxy must reach these shares, in percent.
readonly LEAST_SHARE_OF_PGBOUNCER=90
readonly LEAST_SHARE_OF_HAPROXY=70
# A busy machine may spoil some rounds, but not all of them.
readonly MOST_ROUNDS=20

run_scenario() {
  local rounds=3 seconds=5 round variant
  if $full; then rounds=6 seconds=8; fi
  run_pgbench "$(pair_port "$folder/pair" a)" --initialize --quiet
  start_haproxy
  start_pgbouncer session
  start_proxy proxy --enable-buffer
  declare -A ports=([direct]=$(pair_port "$folder/pair" a) [haproxy]=$haproxy_port
    [pgbouncer]=$pgbouncer_port [proxy]=$proxy_port)
  for ((round = 1; round <= MOST_ROUNDS; ++round)); do
    for variant in direct haproxy pgbouncer proxy; do
      run_pgbench "${ports[$variant]}" --select-only --no-vacuum --client="$CLIENTS" --jobs=2 \
        --time="$seconds"
      sed -n 's/^tps = \([0-9]*\).*/\1/p' "$folder/pgbench.log" >"$folder/rate"
      [[ -s $folder/rate ]] || fail "pgbench had no answer from $variant in $seconds s"
      cat "$folder/rate" >>"$folder/$variant.rates"
    done
    say "round $round: direct $(last direct), HAProxy $(last haproxy), PgBouncer $(last pgbouncer)," \
      "proxy $(last proxy) transactions per second"
    if ((round >= rounds)) && is_fast_enough; then break; fi
  done
  report_rates
  is_fast_enough || fail "the proxy is too slow"
  stop_proxy
  end_front pgbouncer
  end_front haproxy
}

run_pgbench() {
  local port=$1
  shift
  PGPASSWORD=$(cat "$folder/pair/app.password") timeout "$PATIENCE" "$(_pair_program pgbench)" \
    --host=127.0.0.1 --port="$port" --username=app "$@" postgres >"$folder/pgbench.log" 2>&1 ||
    fail "pgbench"
}

last() { tail -n 1 "$folder/$1.rates"; }

median() {
  sort -n "$folder/$1.rates" | awk '{ rate[NR] = $1 } END { print rate[int((NR + 1) / 2)] }'
}

# share <variant>: prints the median of the ratios of each round, in percent.
share() {
  paste "$folder/proxy.rates" "$folder/$1.rates" | awk '{ printf "%d\n", 100 * $1 / $2 }' | sort -n |
    awk '{ share[NR] = $1 } END { print share[int((NR + 1) / 2)] }'
}

is_fast_enough() {
  (($(share pgbouncer) >= LEAST_SHARE_OF_PGBOUNCER && $(share haproxy) >= LEAST_SHARE_OF_HAPROXY))
}

report_rates() {
  local table
  table=$(
    echo "| median of $(wc -l <"$folder/proxy.rates") rounds | transactions per second | proxy / this, % |"
    echo '|---|--:|--:|'
    echo "| direct | $(median direct) | $(share direct) |"
    echo "| HAProxy | $(median haproxy) | $(share haproxy) |"
    echo "| PgBouncer, session mode | $(median pgbouncer) | $(share pgbouncer) |"
    echo "| failover-postgres-proxy | $(median proxy) | |"
  )
  echo "$table"
  if [[ -n $results ]]; then echo "$table" >"$results/throughput.md"; fi
}
