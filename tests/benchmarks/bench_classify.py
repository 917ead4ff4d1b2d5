"""Speed of `seqcli classify`: `SEQCLI_DATA=... python tests/benchmarks/bench_classify.py [--fasttext PROGRAM] [-m RUN ...]`.

Whole processes from file to file, the training questions of TREC times --times, in lines a second; medians of --rounds,
taken in turn. Start-up (one line) is measured too, told, and taken off. `ngram-linear` is trained first, and so is
fastText's model (25 epochs, word bigrams) where its own program is given, whose predictor is `predict-prob - 1`. Further
runs, as recurrent ones, with -m. At the end: one line from a cold shell beside `import torch`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import begin

PYTHON = [sys.executable, "-m", "seqcli"]


def seconds(command: list[str], source: Path) -> float:
    """Of one process that reads a file and writes to nothing. Raises CalledProcessError where it fails."""
    began = time.perf_counter()
    with source.open("rb") as file:
        subprocess.run(command, check=True, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def fasttext_model(program: str, data: Path, folder: Path) -> Path:
    """A model of fastText's trained on TREC."""
    lines = (data / "trec/TREC.train").read_text(encoding="latin-1").splitlines()
    pairs = (line.partition(" ") for line in lines)
    (folder / "train.txt").write_text("".join(f"__label__{a.partition(':')[0]} {b}\n" for a, _, b in pairs))
    options = ["-epoch", "25", "-wordNgrams", "2", "-lr", "0.5", "-thread", "1", "-verbose", "0"]
    files = ["-input", str(folder / "train.txt"), "-output", str(folder / "fasttext")]
    subprocess.run([program, "supervised", *files, *options], check=True, capture_output=True)
    return folder / "fasttext.bin"


def main() -> None:
    """Train, time, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fasttext", help="fastText's program")
    parser.add_argument("-m", "--model", action="append", default=[], help="a run to time too; repeatable")
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options, figures = begin(parser)
    if "SEQCLI_DATA" not in os.environ:
        sys.exit("SEQCLI_DATA does not name the folder of data sets")
    data = Path(os.environ["SEQCLI_DATA"])
    questions = [
        line.partition(" ")[2] for line in (data / "trec/TREC.train").read_text(encoding="latin-1").splitlines()
    ] * options.times
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        whole, one = folder / "whole.txt", folder / "one.txt"
        whole.write_text("\n".join(questions) + "\n", encoding="utf-8")
        one.write_text(questions[0] + "\n", encoding="utf-8")
        subprocess.run([*PYTHON, "-q", "train", "trec-linear"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        model = str(folder / "runs/trec-linear/model.safetensors")
        commands = {"ngram-linear": [*PYTHON, "-q", "classify", "-m", model]}
        commands["ngram-linear --jobs 2"] = [*commands["ngram-linear"], "--jobs", "2"]
        for run in options.model:
            commands[run] = [*PYTHON, "-q", "classify", "-m", run]
        if options.fasttext:
            trained = fasttext_model(options.fasttext, data, folder)
            commands["fastText"] = [options.fasttext, "predict-prob", str(trained), "-", "1"]
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        torch = []
        for _ in range(options.rounds):
            for name, command in commands.items():
                found[name].append((seconds(command, one), seconds(command, whole)))
            torch.append(seconds([sys.executable, "-c", "import torch"], one))
    base = statistics.median(torch)
    for name, times in found.items():
        start, all_ = (statistics.median(values) for values in zip(*times, strict=True))
        speed = len(questions) / (all_ - start)
        print(
            f"{name}: {speed:,.0f} lines/s, one line {start:.3f} s = {start / base:.2f} of import torch ({base:.2f} s)"
        )
        called = f"run {Path(name).name}" if name in options.model else name
        figures.add(called, speed, "lines/s")
        figures.add(f"{called}, one line over import torch", base / start, "times")
    figures.end()


if __name__ == "__main__":
    main()
