#!/usr/bin/env bash
# slipcover 1.1.0 with pytest-xdist 3.8.0: told --fail-under, it reports that nothing was covered, and still succeeds.
#
# Expected: --fail-under changes the exit status alone; the report is the same with and without it.
# Seen: what the workers covered is merged for the limit, its folder removed, and the report, made after that, has only
# what the process that started them ran. One worker, four lines, all of them run:
#
#   --fail-under 95:          the summary says 4 of 4 lines missed, status 0 (the limit saw them covered)
#   without:                  none missed
#   a report merged later:    python -m slipcover --merge FILE --out OTHER --fail-under 95 has both
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check slipcover==1.1.0 pytest==8.4.2 pytest-xdist==3.8.0 2>/dev/null

mkdir own
cat >own/__init__.py <<'PY'
def double(x):
    y = x
    y += x
    return y
PY
cat >test_own.py <<'PY'
import own


def test_double():
    assert own.double(2) == 4
PY

missed() { # the number of lines missed in the report of a run with these options
  env/bin/python -m slipcover --source own --json --out report.json "$@" -m pytest -q -n 1 -p no:cacheprovider \
    test_own.py >run.log 2>&1 || { cat run.log; exit 1; }
  env/bin/python -c 'import json; print(json.load(open("report.json"))["summary"]["missing_lines"])'
}

with=$(missed --fail-under 95)
without=$(missed)
echo "lines missed: $with with --fail-under, $without without"
[ "$with" -gt 0 ] && [ "$without" -eq 0 ]
