# Runs sysbench, and checks what sysbench reports at the end.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # constants for the scenarios; folder is of the scenario

readonly THREADS=16
readonly TABLES=2
readonly TABLE_SIZE=10000

# Each statement is a transaction of its own. The load does not delete and insert the same row: in two
# transactions both get in each other's way, and fail with duplicate keys even on one server.
readonly SINGLE_STATEMENTS=(--skip_trx=on --delete_inserts=0)

# run_sysbench <port> <log> <limit in seconds> <argument>...
#
# sysbench may hang when its connections are lost, so it gets its time and a little more.
run_sysbench() {
  local port=$1 log=$2 limit=$3
  shift 3
  timeout --kill-after=5 "$limit" sysbench --db-driver=mysql --mysql-host=127.0.0.1 \
    --mysql-port="$port" --mysql-user=app --mysql-password="$(cat "$folder/pair/app.password")" \
    --mysql-db=sbtest "$@" >"$log" 2>&1
}

make_sysbench_tables() {
  run_sysbench "$(pair_port "$folder/pair" "$(pair_primary "$folder/pair")")" \
    "$folder/prepare.log" 120 oltp_read_write --tables="$TABLES" --table-size="$TABLE_SIZE" \
    prepare || fail "sysbench could not make its tables"
}

# log_value <log> <label>: prints a figure of sysbench's report.
log_value() { sed -n "s/^ *$2: *\([0-9.]*\).*/\1/p" "$1"; }

# check_unnoticed <log>: fails if a client had an error or had to connect anew.
check_unnoticed() {
  local name
  for name in 'ignored errors' reconnects; do
    [[ $(log_value "$1" "$name") == 0 ]] || fail "sysbench: $name: $(log_value "$1" "$name")"
  done
  ! grep -q FATAL "$1" || fail "sysbench: $(grep -m 1 FATAL "$1")"
}
