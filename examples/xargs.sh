#!/usr/bin/env bash
# Answer the lines of a file with split and xargs, one command for each of two parts.
#
#   bash examples/xargs.sh 'seqcli classify -m MODEL' INPUT OUTPUT
set -euo pipefail
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
split --number=l/2 "$2" "$parts/in-"   # at line ends
find "$parts" -name 'in-*' -print0 | xargs -0 -P 2 -I{} sh -c "$1"' <"{}" >"{}.out"'
cat "$parts"/in-*.out >"$3"
