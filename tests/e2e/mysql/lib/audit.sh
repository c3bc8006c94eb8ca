# Runs clients that keep a record of what they were told, and compares the record with the table.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154  # conditions of awk; folder, here: of the scenario

make_audit_table() {
  pair_sql "$folder/pair" "$(pair_primary "$folder/pair")" "
    CREATE OR REPLACE TABLE sbtest.audit (
      position BIGINT AUTO_INCREMENT PRIMARY KEY, row_id BIGINT NOT NULL, KEY (row_id))"
}

# run_audit_load <port> <name> <seconds> [<sysbench argument>...]: writes the records to
# <name>.records. There are $THREADS clients, unless an argument says otherwise.
#
# A record has four fields: when the client asked, when it was answered (both in ms of the wall
# clock), the row, and ok or the number of the error.
run_audit_load() {
  local port=$1 name=$2 seconds=$3
  shift 3
  mkdir -- "$folder/$name.d"
  run_sysbench "$port" "$folder/$name.log" "$((seconds + PATIENCE))" "$here/audit.lua" \
    --audit_folder="$folder/$name.d" --threads="$THREADS" --time="$seconds" "$@" run || true
  cat -- "$folder/$name.d"/* >"$folder/$name.records"
  # sysbench must have run to its end, whatever its clients were told.
  grep -q 'execution time' "$folder/$name.log" || fail "sysbench did not end: $name"
}

# count_outcomes <name> <awk condition>: prints how many records meet the condition.
count_outcomes() { awk "$2 { n++ } END { print n + 0 }" "$folder/$1.records"; }

# all_were_fine <name>: fails if a client that kept a record was told of an error.
all_were_fine() {
  local errors
  errors=$(count_outcomes "$1" '$4 != "ok"')
  ((errors == 0)) || fail "$errors errors: $(awk '$4 != "ok" { print $4 }' \
    "$folder/$1.records" | sort | uniq -c | xargs)"
}

# audit <name>...: fails unless every row that was acknowledged is in the table exactly once, every
# other row at most once, and no row that was certainly not inserted.
audit() {
  local name sql='SELECT row_id FROM sbtest.audit'
  pair_sql "$folder/pair" "$(pair_primary "$folder/pair")" "$sql" | LC_ALL=C sort >"$folder/rows"
  uniq -d "$folder/rows" >"$folder/twice"
  for name in "$@"; do cat -- "$folder/$name.records"; done >"$folder/all.records"
  awk '$4 == "ok" { print $3 }' "$folder/all.records" | LC_ALL=C sort >"$folder/acknowledged"
  # 3168, 1290 and 1213 mean not executed; 2003 means that there was no connection. After all other
  # errors nobody knows whether the row was inserted.
  awk '$4 ~ /^(3168|1290|1213|2003)$/ { print $3 }' "$folder/all.records" |
    LC_ALL=C sort >"$folder/refused"
  [[ ! -s $folder/twice ]] || fail "audit: rows twice: $(head -n 3 "$folder/twice" | xargs)"
  join_must_be_empty "lost" -v 1 "$folder/acknowledged" "$folder/rows"
  join_must_be_empty "executed though refused" "$folder/refused" "$folder/rows"
  say "audit: $(wc -l <"$folder/acknowledged") acknowledged rows are there exactly once," \
    "$(wc -l <"$folder/refused") refused ones are not"
}

# join_must_be_empty <what it means> <argument of join>...
join_must_be_empty() {
  local what=$1 found
  shift
  found=$(LC_ALL=C join "$@" | wc -l)
  ((found == 0)) || fail "audit: $found rows were $what"
}
