"""seqcli's recipes beside linear models: `SEQCLI_DATA=... python tests/benchmarks/bench_classify_scores.py DATA --peers PYTHON`.

DATA is trec or sst2. Trains the recipe once for each of --seeds and `ngram-linear` once on the same data (for sst2 on
whole sentences, too), then fastText, TF-IDF with logistic regression, and NB-SVM (`peers/`, run by PYTHON, which has
them), all on this machine. Prints test accuracies, seconds, and by how much each run of the recipe is above the best
linear model, with the 95 % interval of a paired bootstrap over the test texts. `--runs FOLDER` keeps the runs, and
takes those that are there.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from figures import begin

from seqcli import artifact
from seqcli.bootstrap import paired
from seqcli.scoring import own_split
from seqcli.tasks.classification.predict import Classifier
from seqcli.tasks.classification.score import scored

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RECIPES = {"trec": ("trec", ["trec"]), "sst2": ("sst2", ["sst2", "sst2-phrases"])}
LINEAR = ["--set", "model={kind: ngram-linear}", "--set", "tokenizer=null", "--set", "train={}"]


def trained(recipe: str, name: str, folder: Path, more: list[str]) -> np.ndarray:
    """Train a recipe where that has not been done: (N,) bool, which test texts it gets right."""
    run = folder / "runs" / name
    if not (run / "model.safetensors").exists():
        command = [
            sys.executable,
            "-m",
            "seqcli",
            "-q",
            "train",
            str(ROOT / f"recipes/{recipe}.yaml"),
            "--name",
            name,
        ]
        subprocess.run([*command, *more], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    stored = artifact.read(run / "model.safetensors")
    classifier = Classifier.open(stored)
    _, examples = own_split(classifier, "test")
    best = scored(classifier, examples).argmax(axis=1)
    return np.array([[classifier.labels[k]] == e.labels for k, e in zip(best, examples, strict=True)])


def peers(python: str, data: str) -> dict[str, np.ndarray]:
    """Which test texts each linear peer gets right."""
    spec = importlib.util.spec_from_file_location("fasttext_classifier", HERE / "peers/fasttext_classifier.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    gold = [label for label, _ in module.read(data, module.data_folder())[1]]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("fasttext", "tf-idf", "nb-svm"):
            file = Path(folder) / name
            script = "fasttext_classifier.py" if name == "fasttext" else "linear_classifiers.py"
            command = [python, str(HERE / "peers" / script), data, "--predictions", str(file)]
            command += [] if name == "fasttext" else ["--peer", name]
            line = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print(f"{name}: {json.loads(line)}", flush=True)
            given = file.read_text(encoding="utf-8").split("\n")[: len(gold)]
            found[f"{name} ({data})"] = np.array([a == b for a, b in zip(given, gold, strict=True)])
    return found


def main() -> None:
    """Train, score, compare, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", choices=RECIPES)
    parser.add_argument("--peers", help="the python that has fasttext and scikit-learn")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--runs", type=Path, help="where the runs are kept; default: nowhere")
    options, figures = begin(parser)
    if "SEQCLI_DATA" not in os.environ:
        sys.exit("SEQCLI_DATA does not name the folder of data sets")
    recipe, sets = RECIPES[options.data]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.runs or Path(temporary)
        linear = {"ngram-linear": trained(recipe, f"{recipe}-ngrams", folder, LINEAR)}
        if recipe == "sst2":
            linear["ngram-linear (sentences)"] = trained("sst2-linear", "sst2-linear", folder, [])
        for name in sets if options.peers else []:
            linear |= peers(options.peers, name)
        own = {
            seed: trained(recipe, f"{recipe}-{seed}", folder, ["--set", f"train.seed={seed}"])
            for seed in options.seeds
        }
    for name, right in linear.items():
        print(f"{name}: {right.mean():.4f}")
        figures.add(name, right.mean(), "share")
    best = max(linear, key=lambda name: linear[name].mean())
    for seed, right in own.items():
        figures.add(f"{recipe}, seed {seed}", right.mean(), "share")
        found = paired(right, linear[best], resamples=10_000)
        print(
            f"{recipe}, seed {seed}: {right.mean():.4f}; above {best} by {found.difference:+.4f}"
            f" ({found.low:+.4f} to {found.high:+.4f}, p {found.p_value:.3f})"
        )
    print(f"{recipe}: mean {np.mean([r.mean() for r in own.values()]):.4f} of seeds {options.seeds}")
    figures.end()


if __name__ == "__main__":
    main()
