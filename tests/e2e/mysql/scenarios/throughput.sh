# Measures point selects without failovers: what the buffer costs, and how the proxy compares.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # variables of the scenario and for it

# The proxy must reach this share of HAProxy's throughput, in percent.
readonly LEAST_SHARE=70
# The buffer may cost this much, in tenths of a percent of the proxy's instructions.
readonly MOST_COST=10

# How often instructions are counted, with the buffer off and on.
readonly PAIRS=3

# A busy machine may spoil some rounds, but not all of them.
readonly MOST_ROUNDS=20

run_scenario() {
  local rounds=2 seconds=2 round variant
  if $full; then rounds=10 seconds=10; fi
  make_sysbench_tables
  # Nothing fails over, so checks may be rare and slow.
  start_haproxy 3s
  start_proxy off
  local off_pid=$proxy_pid off_port=$proxy_port
  start_proxy on --enable-buffer
  declare -A ports=([direct]=$(pair_port "$folder/pair" a) [haproxy]=$haproxy_port
    [buffer-off]=$off_port [buffer-on]=$proxy_port)
  for ((round = 1; round <= MOST_ROUNDS; ++round)); do
    for variant in direct haproxy buffer-off buffer-on; do
      select_points "${ports[$variant]}" --time="$seconds"
      say "round $round: $variant: $(statements_per_second) statements per second"
      statements_per_second >>"$folder/$variant.rates"
    done
    if ((round >= rounds)) && (($(share_of_haproxy) >= LEAST_SHARE)); then break; fi
  done
  stop_proxy
  proxy_pid=$off_pid && stop_proxy
  report_rates
  compare_instructions
}

# select_points <port> <argument>...
select_points() {
  local port=$1
  shift
  run_sysbench "$port" "$folder/sysbench.log" 120 oltp_point_select --tables="$TABLES" \
    --table-size="$TABLE_SIZE" --db-ps-mode=disable --threads="$THREADS" "$@" run ||
    fail "sysbench: $(grep -m 1 FATAL "$folder/sysbench.log")"
}

statements_per_second() {
  sed -n 's/.*queries: *[0-9]* *(\([0-9]*\)\..*/\1/p' "$folder/sysbench.log"
}

median() {
  sort -n "$folder/$1.rates" | awk '{ rate[NR] = $1 } END { print rate[int((NR + 1) / 2)] }'
}

# Prints the ratio in percent.
share_of_haproxy() { echo $((100 * $(median buffer-on) / $(median haproxy))); }

report_rates() {
  local share
  share=$(share_of_haproxy)
  say "medians: direct $(median direct), HAProxy $(median haproxy), proxy with the" \
    "buffer off $(median buffer-off), on $(median buffer-on): $share% of HAProxy"
  ((share >= LEAST_SHARE)) || fail "less than $LEAST_SHARE% of HAProxy"
}

# The clock is too noisy for 1%, so the scenario counts instructions. A single count varies by 1%, too,
# because what the proxy finds when it wakes up depends on the clock. So the counts take turns.
compare_instructions() {
  local pair off on cost
  say "counting instructions with valgrind"
  for ((pair = 1; pair <= PAIRS; ++pair)); do
    off=$(instructions_per_statement "off-$pair")
    on=$(instructions_per_statement "on-$pair" --enable-buffer)
    cost=$((1000 * (on - off) / off))
    echo "$cost" >>"$folder/cost.rates"
    say "instructions of the proxy per statement: $off with the buffer off, $on with it on:" \
      "$(tenths "$cost")%"
  done
  cost=$(median cost)
  say "median: $(tenths "$cost")%"
  ((cost <= MOST_COST)) || fail "the buffer costs more than $(tenths "$MOST_COST")%"
}

tenths() { awk -v n="$1" 'BEGIN { printf "%+.1f", n / 10 }'; }

# instructions_per_statement <name> <flag>...: prints the instructions that each further statement
# costs.
instructions_per_statement() {
  local few=500 many=2500 instructions_few instructions_many name=counted-$1
  shift
  instructions_few=$(count_instructions "$name-few" "$few" "$@")
  instructions_many=$(count_instructions "$name-many" "$many" "$@")
  echo $(((instructions_many - instructions_few) / (many - few)))
}

# count_instructions <name> <statements> <flag>...
count_instructions() {
  local name=$1 statements=$2
  shift 2
  proxy_wrapper=(valgrind --tool=callgrind --callgrind-out-file=/dev/null)
  # Health checks are made rare, because their number depends on the time that a run takes.
  start_proxy "$name" --threads=1 --poll-interval=60s --poll-timeout=10s --connect-timeout=30s \
    --login-timeout=60s "$@"
  select_points "$proxy_port" --threads=1 --events="$statements" --time=0
  stop_proxy
  sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$folder/$name.log"
}
