"""Taggers of sentences that are labelled in part: `SEQCLI_DATA=... python tests/benchmarks/bench_partial.py DATA`.

ewt-upos: half of all tags hidden at random, beside as many labels in half of the sentences, and beside all. wnut17-ner:
one kind of span annotated a sentence, learnt as `!KIND`, beside the same read as O. Trains the recipe for each of --seeds
and prints scores on the test split. Minutes a training.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from figures import begin

from seqcli import artifact

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("person", "location", "corporation", "product", "creative-work", "group")


def hidden(rows: list[list[str]], rng: random.Random) -> None:
    """CoNLL-U: half of all tags are unknown."""
    for row in rows:
        row[3] = "_" if rng.random() < 0.5 else row[3]


def annotated(rows: list[list[str]], rng: random.Random, outside: str) -> None:
    """Columns: one kind of span stays; what is in none of it is as `outside` says."""
    kind = rng.choice(KINDS)
    for row in rows:
        if not row[1].endswith(kind):
            row[1] = outside.format(kind)


def written(source: Path, target: Path, change: Callable[[list[list[str]]], None], every: int = 1) -> None:
    """A file with its sentences changed: all, or every second, third, …"""
    blocks = [b for b in re.split(r"\n[ \t]*\n", source.read_text(encoding="utf-8")) if b.strip()]
    found = []
    for block in blocks[::every]:
        rows = [line.split("\t") for line in block.splitlines()]
        change([row for row in rows if len(row) > 1])
        found.append("\n".join("\t".join(row) for row in rows))
    target.write_text("\n\n".join(found) + "\n\n", encoding="utf-8")


def trained(recipe: str, name: str, seed: int, folder: Path, changes: list[str]) -> dict[str, float]:
    """The scores of a run on the test split."""
    command = [sys.executable, "-m", "seqcli", "-q", "train", str(ROOT / f"recipes/{recipe}.yaml"), "--name", name]
    sets = [part for change in [f"train.seed={seed}", "train.threads=1", *changes] for part in ("--set", change)]
    subprocess.run([*command, *sets], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return artifact.read_header(folder / "runs" / name / "model.safetensors")["scores"]["test"]


def main() -> None:
    """Write the data, train, score, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", choices=("ewt-upos", "wnut17-ner"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--every", type=int, default=1, help="take every second, third, ... training sentence alone")
    parser.add_argument("--only", nargs="+", help="of the conditions")
    parser.add_argument("--folder", type=Path, help="where data and runs are kept; default: nowhere")
    options, figures = begin(parser)
    if "SEQCLI_DATA" not in os.environ:
        sys.exit("SEQCLI_DATA does not name the folder of data sets")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        data = Path(os.environ["SEQCLI_DATA"])
        rng, every = random.Random(1), options.every
        if options.data == "ewt-upos":
            metric, own = "accuracy", data / "ud-en-ewt"
            train, valid, test = (own / f"en_ewt-ud-{split}.conllu" for split in ("train", "dev", "test"))
            files = [f"data.valid={valid}", f"data.test={test}", "data.tag=upos"]
            written(train, folder / "hidden.conllu", lambda rows: hidden(rows, rng), every)
            written(train, folder / "half.conllu", lambda rows: None, 2 * every)
            made = {"half of the tags": ["data.partial=true", f"data.train={folder / 'hidden.conllu'}"]}
            made["half of the sentences"] = [f"data.train={folder / 'half.conllu'}"]
            written(train, folder / "all.conllu", lambda rows: None, every)
            made["all"] = [f"data.train={folder / 'all.conllu'}"]
        else:
            metric, own = "span-f1", data / "wnut17"
            valid, test = own / "emerging.dev.conll", own / "emerging.test.annotated"
            files = [f"data.valid={valid}", f"data.test={test}", "data.columns=[word, ner]", "data.separator=tab"]
            files += ["data.format=conll"]
            for name, outside in (("open", "!{}"), ("as-o", "O")):
                same = random.Random(1)
                written(
                    own / "wnut17train.conll",
                    folder / f"{name}.conll",
                    lambda rows, outside=outside, same=same: annotated(rows, same, outside),
                    every,
                )
            made = {"one kind a sentence": ["data.partial=true", f"data.train={folder / 'open.conll'}"]}
            made["the same, O elsewhere"] = [f"data.train={folder / 'as-o.conll'}"]
            written(own / "wnut17train.conll", folder / "all.conll", lambda rows: None, every)
            made["all"] = [f"data.train={folder / 'all.conll'}"]
        for condition in options.only or made:
            found = []
            for seed in options.seeds:
                scores = trained(
                    options.data, f"{condition}-{seed}".replace(" ", "-"), seed, folder, [*files, *made[condition]]
                )
                found.append(scores[metric])
                print(
                    json.dumps({"condition": condition, "seed": seed, metric: round(scores[metric], 4)}), flush=True
                )
            figures.add(f"{options.data}, {condition}: {metric}", statistics.mean(found), "share")
    figures.end()


if __name__ == "__main__":
    main()
