#!/usr/bin/env bash
# Answer the lines of a file with GNU parallel, a command a block of lines.
#
#   bash examples/parallel.sh 'seqcli classify -m MODEL' INPUT OUTPUT
set -euo pipefail
# --keep-order: else blocks come as they are done; --halt: else a command that fails lets the others go on
parallel --pipe --keep-order --block 2M --jobs 2 --halt now,fail=1 "$1" <"$2" >"$3"
