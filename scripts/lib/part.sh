# Cuts work into parts of nearly the same size. Source this file.
# shellcheck shell=bash

# take_part <k>/<n> <word>...: sets `taken` to each n-th word, beginning with the k-th. Ends the
# script with 2 if the first argument is something else.
take_part() {
  if ! [[ $1 =~ ^([1-9][0-9]*)/([1-9][0-9]*)$ ]] || ((BASH_REMATCH[1] > BASH_REMATCH[2])); then
    echo "--part must be <k>/<n> with 1 <= k <= n, it is $1" >&2
    exit 2
  fi
  local i step=${BASH_REMATCH[2]}
  taken=()
  for ((i = BASH_REMATCH[1]; i < $#; i += step)); do
    taken+=("${@:i+1:1}")
  done
}
