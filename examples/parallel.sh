#!/usr/bin/env bash
# Answer the lines of a file with GNU parallel, one command for each block of lines.
#
#   bash examples/parallel.sh 'seqcli classify -m MODEL' INPUT OUTPUT
set -euo pipefail
# without --keep-order, blocks arrive as they finish; without --halt, the other commands continue after one has failed
parallel --pipe --keep-order --block 2M --jobs 2 --halt now,fail=1 "$1" <"$2" >"$3"
