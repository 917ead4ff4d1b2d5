"""The same lines answered by one process, by two, and by engines that start processes: lines a second of each.

    python tests/benchmarks/bench_engines.py [--lines 200000] [--model FILE] [--rounds 1]

Needs what examples/ use (docs/engines.md); what is not installed is left out, and told. All write the same bytes, or it
fails. By the clock, with start-up: of a JVM, of Ray's processes, of each command.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import ROOT, begin

sys.path.insert(0, str(ROOT / "tests"))
from support.awkward import lines

EXAMPLES = ROOT / "examples"
WORDS = [
    "the",
    "a",
    "fine",
    "gripping",
    "awful",
    "moving",
    "film",
    "mess",
    "dull",
    "superb",
    "story",
    "with",
    "no",
    "heart",
    "it",
    "is",
    "was",
    "over",
    "long",
    "œuvre",
    "日本",
]


def ways(seqcli: str, model: str, source: str) -> dict[str, tuple[list[str], str]]:
    """Names of those that are installed: the command, the file or folder that it writes (else standard output)."""
    verb = f"{seqcli} -q classify -m {model}"
    found = {"one process": ([*verb.split(), source], ""), "--jobs 2": ([*verb.split(), "--jobs", "2", source], "")}

    def there(module: str) -> bool:
        return importlib.util.find_spec(module) is not None

    python = sys.executable
    if there("pyspark") and shutil.which("java"):
        found["Spark, rdd.pipe"] = [python, str(EXAMPLES / "spark_pipe.py"), verb, source], "spark"
        if there("pandas") and there("pyarrow"):
            found["Spark, mapInPandas"] = [python, str(EXAMPLES / "spark_pandas.py"), model, source], "pandas"
    if there("ray"):
        found["Ray Data, two actors"] = [python, str(EXAMPLES / "ray_data.py"), model, source], "ray"
    if shutil.which("parallel"):
        found["GNU parallel"] = ["bash", str(EXAMPLES / "parallel.sh"), verb, source], "parallel"
    if shutil.which("xargs"):
        found["xargs"] = ["bash", str(EXAMPLES / "xargs.sh"), verb, source], "xargs"
    return found


def main() -> None:
    """Answer in turns, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--model", default=str(ROOT / "tests/net/models/remarks.safetensors"))
    parser.add_argument("--rounds", type=int, default=1)
    given, figures = begin(parser)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "lines.txt"
        source.write_bytes("".join(f"{line}\n" for line in lines(given.lines, WORDS)).encode())
        taken: dict[str, list[float]] = {}
        expected = b""
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        own = ways(f"{sys.executable} -m seqcli", str(Path(given.model).resolve()), str(source))
        for _ in range(given.rounds):
            for way, (command, target) in own.items():
                path = folder / (target or "out")
                shutil.rmtree(path, ignore_errors=True)
                began = time.perf_counter()
                more = [str(path)] if target else []
                with (folder / "stdout").open("wb") as out:
                    subprocess.run([*command, *more], env=env, stdout=out, stderr=subprocess.PIPE, check=True)
                taken.setdefault(way, []).append(time.perf_counter() - began)
                parts = sorted(path.glob("part-*")) if path.is_dir() else [path if target else folder / "stdout"]
                written = b"".join(part.read_bytes() for part in parts)
                expected = expected or written
                assert written == expected, f"{way}: not the bytes of one process"
    base = statistics.median(taken["one process"])
    for way, seconds in taken.items():
        middle = statistics.median(seconds)
        print(
            f"{way:<22} {given.lines / middle:10,.0f} lines/s, {base / middle:.2f} times one process ({middle:.1f} s)"
        )
        figures.add(way, given.lines / middle, "lines/s")
        if way != "one process":
            figures.add(f"{way} over one process", base / middle, "times")
    figures.end()


if __name__ == "__main__":
    main()
