"""`seqcli embed` on TREC: `SEQCLI_DATA=... python tests/benchmarks/bench_embed.py -m RUN [-m RUN --pool last ...]`.

How often the training question that is most similar to a test question (--similar, --top 1) is of the same of six
classes, for each run, and by the cosine of counts of words and pairs of words. Of a run that is a classifier, its lines
a second of processor time beside those of `classify`, whole processes from file to file with start-up taken off, the
training questions --times times, medians of --rounds, taken in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
from figures import begin

from seqcli import artifact, runs
from seqcli.vectors import Candidates

PYTHON = [sys.executable, "-m", "seqcli", "-q"]


def questions(path: Path) -> tuple[list[str], list[str]]:
    """The classes and texts of a file."""
    rows = [line.partition(" ") for line in path.read_text(encoding="latin-1").splitlines()]
    return [label.partition(":")[0] for label, _, _ in rows], [text for _, _, text in rows]


def counts(text: str) -> Counter[str]:
    """Words and pairs of words, at length 1."""
    words = text.lower().split()
    found = Counter([*words, *(f"{a} {b}" for a, b in pairwise(words))])
    length = sum(n * n for n in found.values()) ** 0.5
    return Counter({name: n / length for name, n in found.items()})


def nearest_by_counts(train: list[str], test: list[str]) -> list[int]:
    """The most similar training text of each, the first of several."""
    held: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for i, text in enumerate(train):
        for name, n in counts(text).items():
            held[name].append((i, n))
    found = []
    for text in test:
        sums: dict[int, float] = defaultdict(float)
        for name, n in counts(text).items():
            for i, other in held[name]:
                sums[i] += n * other
        found.append(min(sums, key=lambda i: (-round(sums[i], 9), i)) if sums else 0)
    return found


def seconds(command: list[str], source: Path) -> float:
    """Of the processor, by one process. Raises CalledProcessError where it fails."""
    began = os.times()
    with source.open("rb") as file:
        subprocess.run(command, check=True, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ended = os.times()
    return ended.children_user + ended.children_system - began.children_user - began.children_system


def main() -> None:
    """Compare, time, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-m", "--model", action="append", default=[], help="a run; repeatable")
    parser.add_argument("--pool", action="append", default=[], help="also with --pool; repeatable")
    parser.add_argument("--times", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options, figures = begin(parser)
    data = Path(os.environ["SEQCLI_DATA"]) / "trec"
    (own, train), (gold, test) = questions(data / "TREC.train"), questions(data / "TREC.test")

    def told(name: str, nearest: list[int]) -> None:
        share = sum(own[i] == label for i, label in zip(nearest, gold, strict=True)) / len(gold)
        print(f"{name}: {share:.1%} of {len(gold)} nearest questions are of the same class", flush=True)
        figures.add(f"{name}: nearest of the same class", share, "share")

    told("counts of words and pairs", nearest_by_counts(train, test))
    rng = np.random.default_rng(1)
    candidates = Candidates.of(rng.normal(size=(100_000, 400)).astype(np.float32), 5)
    for count in (1, 256):
        asked, began = rng.normal(size=(count, 400)).astype(np.float32), time.process_time()
        candidates.similar(asked)
        each = (time.process_time() - began) / count * 1000
        print(f"the most similar of 100,000 vectors of 400 numbers, {count} together: {each:.1f} ms each", flush=True)
        figures.add(f"similar of 100,000, {count} together", each, "ms")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = {"train": train, "test": test, "whole": train * options.times, "one": train[:1]}
        for name, texts in files.items():
            (folder / f"{name}.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        for run in options.model:
            for pool in [None, *options.pool]:
                command = [
                    *PYTHON,
                    "embed",
                    "-m",
                    run,
                    "--similar",
                    str(folder / "train.txt"),
                    "--top",
                    "1",
                    "--jsonl",
                ]
                command += ["--pool", pool] if pool else []
                done = subprocess.run(
                    [*command, str(folder / "test.txt")], check=True, capture_output=True, text=True
                )
                objects = [json.loads(line)["seqcli"]["similar"][0] for line in done.stdout.splitlines()]
                told(f"{Path(run).name}{f', {pool}' if pool else ''}", [found["line"] - 1 for found in objects])
            if artifact.read_header(runs.find_model(run, "inspect"))["task"] != "classification":
                continue
            commands = {"classify": [*PYTHON, "classify", "-m", run], "embed": [*PYTHON, "embed", "-m", run]}
            commands["embed -o"] = [*commands["embed"], "-o", str(folder / "out.npy")]
            times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
            for _ in range(options.rounds):
                for name, command in commands.items():
                    times[name].append((seconds(command, folder / "one.txt"), seconds(command, folder / "whole.txt")))
            speed = {}
            for name, found in times.items():
                start, all_ = (statistics.median(values) for values in zip(*found, strict=True))
                speed[name] = len(files["whole"]) / (all_ - start)
                print(f"{Path(run).name}, {name}: {speed[name]:,.0f} lines/s, one line {start:.3f} s", flush=True)
            for name in ("embed", "embed -o"):
                figures.add(f"{Path(run).name}: {name} over classify", speed[name] / speed["classify"], "times")
    figures.end()


if __name__ == "__main__":
    main()
