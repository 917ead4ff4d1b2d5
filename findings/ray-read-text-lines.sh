#!/usr/bin/env bash
# ray 2.49.2 (with pyarrow 21.0.0): read_text makes several rows of one line of a text file.
#
# Expected: "Create a Dataset from lines stored in text files": a row for each line that wc -l, grep, Spark and a Python file
# count; \n ends a line, perhaps \r\n does.
# Seen: the whole file is read into memory and divided by str.splitlines, which ends a line at ten characters: also at
# U+2028 and U+0085, which stand in text from web pages, and at form feeds and U+001C to U+001E. Rows no longer go
# with the lines of another file, and what is written again has more lines.
#
# Output:
#   4 lines, 8 rows: ['one', 'one', 'two', 'two', 'three', 'three', 'four', 'four']
#   rows of a Python file: 4
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check 'ray[data]==2.49.2' pyarrow==21.0.0 pandas==2.3.3 2>/dev/null
printf 'one\xe2\x80\xa8one\ntwo\x0ctwo\nthree\xc2\x85three\nfour\x1cfour\n' >"$folder/lines.txt"
cat >"$folder/try.py" <<'PY'
import sys

import ray
import ray.data

path = sys.argv[1]
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
ray.data.DataContext.get_current().enable_progress_bars = False
rows = [row["text"] for row in ray.data.read_text(path).iter_rows()]
print(f"{open(path, 'rb').read().count(bytes([10]))} lines, {len(rows)} rows: {rows}")
print("rows of a Python file:", len(list(open(path, encoding="utf-8"))))
ray.shutdown()
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/lines.txt" 2>"$folder/log" | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen"
