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

# audit <name>...: fails unless every row that was acknowledged is in the table exactly once, every
# other row at most once, and no row that was certainly not inserted.
audit() {
  pair_sql "$folder/pair" "$(pair_primary "$folder/pair")" 'SELECT row_id FROM sbtest.audit' \
    >"$folder/rows"
  # 3168, 1290 and 1213 mean not executed; 2003 means that there was no connection. After all other
  # errors nobody knows whether the row was inserted.
  compare_rows_with_records '3168|1290|1213|2003' "$@"
}
