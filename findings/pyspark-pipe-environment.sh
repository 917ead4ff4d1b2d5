#!/usr/bin/env bash
# pyspark 4.0.1 (Java 17): the command of rdd.pipe has no environment, where the same call of the JVM's has the worker's.
#
# Expected: `env` of RDD.pipe, "environment variables to set", adds to the environment of the worker, as it does in Scala and
# Java; without it the command has what the worker has.
# Seen: it takes the place of the environment. Without it a command has no PATH, no HOME and no LANG: one of a virtual
# environment is not found ("No such file or directory"), one with settings of its own runs without them, and nothing is
# said. With env=dict(os.environ, ...) both are the same.
#
# Output:
#   from Python: [] of OWN and PATH
#   from Python, with env={'A': 'b'}: ['A'] of A, OWN and PATH
#   from Python, with the worker's: ['OWN', 'PATH'] of OWN and PATH
#   from Java: ['OWN', 'PATH'] of OWN and PATH
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pyspark==4.0.1 2>/dev/null
echo 'while read -r line; do :; done; /usr/bin/env' >"$folder/show.sh"
cat >"$folder/try.py" <<'PY'
import os
import sys

from pyspark import SparkConf, SparkContext

os.environ["OWN"] = "set"
context = SparkContext("local[1]", conf=SparkConf().set("spark.ui.enabled", "false"))
context.setLogLevel("OFF")
command, lines = f"/bin/sh {sys.argv[1]}", context.parallelize(["x"], 1)


def names(found, asked=("OWN", "PATH")):
    return sorted(set(asked) & {variable.partition("=")[0] for variable in found})


print("from Python:", names(lines.pipe(command).collect()), "of OWN and PATH")
given = lines.pipe(command, env={"A": "b"}).collect()
print("from Python, with env={'A': 'b'}:", names(given, ("A", "OWN", "PATH")), "of A, OWN and PATH")
given = lines.pipe(command, env=dict(os.environ)).collect()
print("from Python, with the worker's:", names(given), "of OWN and PATH")
print("from Java:", names(context._jsc.parallelize(["x"], 1).pipe(command).collect()), "of OWN and PATH")
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/show.sh" 2>"$folder/log" | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen"
