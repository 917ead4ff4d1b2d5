"""seqcli's recipes beside a linear model: `SEQCLI_DATA=... python tests/benchmarks/bench_tag_scores.py DATA --peers PYTHON`.

DATA is ewt-upos, conll2000 or wnut17. Trains the recipe once for each of --seeds, then python-crfsuite with the usual
features (`peers/crfsuite_tagger.py`, run by PYTHON, which has it) on the same machine, and prints test scores, training
seconds and the speeds of both. Takes the time of the trainings: minutes a seed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from figures import begin

from seqcli import artifact

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RECIPES = {
    "ewt-upos": ("ewt-upos", "accuracy"),
    "conll2000": ("conll2000-chunk", "span-f1"),
    "wnut17": ("wnut17-ner", "span-f1"),
}


def trained(recipe: str, seed: int, folder: Path) -> tuple[dict, dict]:
    """Train a recipe with a seed: the scores in its model, and the last record of its log."""
    name = f"{recipe}-{seed}"
    command = [sys.executable, "-m", "seqcli", "train", str(ROOT / f"recipes/{recipe}.yaml"), "--name", name]
    subprocess.run([*command, "--set", f"train.seed={seed}"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    run = folder / "runs" / name
    log = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    return artifact.read_header(run / "model.safetensors")["scores"], log


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", choices=RECIPES)
    parser.add_argument("--peers", help="the python that has python-crfsuite")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--folder", type=Path, help="where the runs are kept; default: nowhere")
    options, figures = begin(parser)
    if "SEQCLI_DATA" not in os.environ:
        sys.exit("SEQCLI_DATA does not name the folder of data sets")
    recipe, metric = RECIPES[options.data]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        found = []
        for seed in options.seeds:
            scores, log = trained(recipe, seed, folder)
            found.append(scores["test"][metric])
            names = (metric, "accuracy", "accuracy-unknown", "calibration-error")
            shown = ", ".join(f"{n} {scores['test'][n]:.4f}" for n in dict.fromkeys(names) if n in scores["test"])
            figures.add(f"{options.data}, seed {seed}: {metric}", scores["test"][metric], "share")
            figures.add(f"{options.data}, seed {seed}: training", log["tokens_per_second"], "tokens/s")
            print(f"seqcli, seed {seed}: test {shown}; valid {metric} {scores['valid'][metric]:.4f};"
                  f" {log['seconds']:.0f} s, {log['tokens_per_second']:,} tokens/s", flush=True)  # fmt: skip
        print(f"seqcli: mean test {metric} {statistics.mean(found):.4f} of seeds {options.seeds}")
    if options.peers:
        command = [options.peers, str(HERE / "peers/crfsuite_tagger.py"), options.data]
        path = {**os.environ, "PYTHONPATH": str(ROOT)}
        print("crfsuite:", subprocess.run(command, check=True, capture_output=True, text=True, env=path).stdout)
    figures.end()


if __name__ == "__main__":
    main()
