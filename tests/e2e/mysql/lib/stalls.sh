# Failovers whose outages are measured, and what clients that keep a record noticed of them.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154  # conditions of awk; folder, results, scenario: of the scenario

# The outages of a load are lines of two fields in <name>.outages: from when to when no server took
# writes, in ms of the wall clock.

# switch_over <name>: makes a planned switchover, and notes its outage.
switch_over() {
  pair_switchover "$folder/pair" || return
  echo "$(cat "$folder/pair/read_only_since") $(cat "$folder/pair/writable_since")" \
    >>"$folder/$1.outages"
}

# print_stalls <name> <title>: prints what the clients that were stalled by an outage had to wait in
# addition to it, in ms. Their number, the median, the 99th percentile and the longest go to
# <name>.stalls, and to the scenario's table of results.
print_stalls() {
  local name=$1 title=$2 count median late longest errors
  awk '
    FNR == NR { from[NR] = $1; to[NR] = $2; outages = NR; next }
    {
      outage = 0
      for (i = 1; i <= outages; ++i) {
        begin = $1 > from[i] ? $1 : from[i]
        end = $2 < to[i] ? $2 : to[i]
        if (end > begin) outage += end - begin
      }
      if (outage > 0) printf "%.1f\n", $2 - $1 - outage
    }' "$folder/$name.outages" "$folder/$name.records" | sort -n >"$folder/$name.sorted"
  count=$(wc -l <"$folder/$name.sorted")
  errors=$(count_outcomes "$name" '$4 != "ok"')
  read -r median late longest < <(awk '{ stall[NR] = $1 } END {
    if (NR == 0) print "- - -"
    else print stall[int((NR + 1) / 2)], stall[int((NR * 99 + 99) / 100)], stall[NR]
  }' "$folder/$name.sorted")
  echo "$count $median $late $longest" >"$folder/$name.stalls"
  say "  $title: $count stalled statements waited beyond the outage, in ms: p50 $median, p99 $late," \
    "longest $longest; $errors errors"
  if [[ -n $results ]]; then
    echo "| $title | $count | $median | $late | $longest | $errors |" >>"$folder/stalls.rows"
    { stalls_heading && cat "$folder/stalls.rows"; } >"$results/stalls-$scenario.md"
  fi
}

stalls_heading() {
  echo '| scenario | stalled statements | p50, ms beyond the outage | p99, ms | longest, ms | errors |'
  echo '|---|---:|---:|---:|---:|---:|'
}

# longest_beyond <name>: prints the longest stall beyond the outages, in whole ms.
longest_beyond() { awk '{ printf "%d\n", ($4 == "-" ? 0 : $4) }' "$folder/$1.stalls"; }
