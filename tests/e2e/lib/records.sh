# What clients were told, and what is in their table.
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154  # conditions of awk; folder: of the scenario

# A file <name>.records has a line per row that a client wrote, with four fields: when the client
# asked, when it was answered (both in ms of the wall clock), the row, and ok or the error.

# count_outcomes <name> <awk condition>: prints how many records meet the condition.
count_outcomes() { awk "$2 { n++ } END { print n + 0 }" "$folder/$1.records"; }

# all_were_fine <name>: fails if a client that kept a record was told of an error.
all_were_fine() {
  local errors
  errors=$(count_outcomes "$1" '$4 != "ok"')
  ((errors == 0)) || fail "$errors errors: $(awk '$4 != "ok" { print $4 }' \
    "$folder/$1.records" | sort | uniq -c | xargs)"
}

# compare_rows_with_records <regular expression> <name>...: fails unless every row that was
# acknowledged is in the file `rows` exactly once, every other row at most once, and no row whose
# error matches the expression, which means that the row was certainly not inserted.
compare_rows_with_records() {
  local refused=$1 name
  shift
  LC_ALL=C sort -o "$folder/rows" "$folder/rows"
  uniq -d "$folder/rows" >"$folder/twice"
  for name in "$@"; do cat -- "$folder/$name.records"; done >"$folder/all.records"
  awk '$4 == "ok" { print $3 }' "$folder/all.records" | LC_ALL=C sort >"$folder/acknowledged"
  awk -v refused="^($refused)$" '$4 ~ refused { print $3 }' "$folder/all.records" |
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
