"""Series to classes, beside aeon: `SEQCLI_DATA=... python tests/benchmarks/bench_series.py RECIPE... --peers PYTHON`.

RECIPE is japanese-vowels, basic-motions, italy-power or osu-leaf. Trains each once for each of --seeds (one thread), then
MiniRocket and 1-NN DTW (`peers/aeon_classifiers.py`, run by PYTHON, which has them) on the same files. Prints test
accuracies and seconds: of whole processes here, of fitting and answering alone there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import begin

from seqcli import artifact
from seqcli.datasets import catalog

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--peers", metavar="PYTHON")
    asked, figures = begin(parser)
    with tempfile.TemporaryDirectory() as folder:
        for recipe in asked.recipes:
            for seed in asked.seeds:
                start, path = time.perf_counter(), ROOT / f"recipes/{recipe}.yaml"
                command = [sys.executable, "-m", "seqcli", "-q", "train", str(path), "--name", f"{recipe}-{seed}"]
                more = ["--set", f"train.seed={seed}", "--set", "train.threads=1"]
                run = subprocess.run([*command, *more], cwd=folder, check=True, capture_output=True, text=True)
                scores = artifact.read_header(Path(folder) / run.stdout.strip())["scores"]
                seconds = time.perf_counter() - start
                found = {split: round(scores[split]["accuracy"], 4) for split in ("valid", "test")}
                print(f"{recipe}: seqcli, seed {seed}: {found}, {seconds:.1f} s", flush=True)
                figures.add(f"{recipe}, seed {seed}: test accuracy", found["test"], "share")
                figures.add(f"{recipe}, seed {seed}: training", seconds, "s")
            if asked.peers:
                files = catalog.find(recipe).files
                paths = [str(files[split][0]) for split in ("train", "test")]
                peer = [asked.peers, str(HERE / "peers/aeon_classifiers.py"), *paths]
                lines = subprocess.run(peer, check=True, capture_output=True, text=True).stdout.splitlines()
                print("\n".join(f"{recipe}: {line}" for line in lines), flush=True)
    figures.end()


if __name__ == "__main__":
    main()
