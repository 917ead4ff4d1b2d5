"""What `select` saves, and finds: `SEQCLI_DATA=... python tests/benchmarks/bench_select.py curve|doubtful`.

curve: UD English-EWT, UPOS. From the same sentences, drawn at random, each round trains the recipe `ewt-upos` from
scratch and adds sentences to what is labelled: drawn at random, or the first that `seqcli select` writes; accuracy on
dev of each round, with the sentences and the words that are labelled. doubtful: a share of the labels of TREC's
training split, drawn at random, is changed to another one; how many of the first 100 that `select --doubtful` lists
are among them, of models that were trained on the other half (of two), and of one trained on all of it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from figures import Figures, begin

from seqcli import artifact

ROOT = Path(__file__).resolve().parents[2]
WAYS: dict[str, list[str]] = {
    "random": [],
    "least": [],
    "least-whole": ["--whole"],
    "entropy": ["--by", "entropy"],
    "least-diverse": ["--diverse"],
}


def seqcli(*args: object, cwd: Path, input: str | None = None) -> str:
    """What a command writes."""
    command = [sys.executable, "-m", "seqcli", "-q", *map(str, args)]
    return subprocess.run(command, cwd=cwd, input=input, stdout=subprocess.PIPE, text=True, check=True).stdout


def trained(recipe: str, name: str, folder: Path, changes: list[str]) -> dict[str, float]:
    """The scores of a new run on its validation split."""
    sets = [part for change in ["train.threads=1", *changes] for part in ("--set", change)]
    seqcli("train", ROOT / f"recipes/{recipe}.yaml", "--name", name, "--overwrite", *sets, cwd=folder)
    return artifact.read_header(folder / "runs" / name / "model.safetensors")["scores"]["valid"]


def blocks(path: Path) -> dict[str, str]:
    """The sentences of a treebank by their names."""
    found = [b for b in re.split(r"\n\n+", path.read_text(encoding="utf-8")) if b.strip()]
    return {name_of(b): b for b in found}


def name_of(block: str) -> str:
    """What a sentence is called."""
    found = re.search(r"^# sent_id = (.*)$", block, re.MULTILINE)
    assert found
    return found[1]


def words_of(block: str) -> int:
    """How many words it has."""
    return len(re.findall(r"^[0-9]+\t", block, re.MULTILINE))


def curve(options: argparse.Namespace, folder: Path, figures: Figures) -> None:
    """Rounds of labelling, each way by itself."""
    data = Path(os.environ["SEQCLI_DATA"]) / "ud-en-ewt"
    every, dev = blocks(data / "en_ewt-ud-train.conllu"), data / "en_ewt-ud-dev.conllu"
    for seed in options.seeds:
        first = random.Random(seed).sample(sorted(every), options.sizes[0])
        labelled = {way: list(first) for way in options.ways}
        for at, size in enumerate(options.sizes):
            for way, own in labelled.items():
                if at and way == "random":
                    rest = sorted(every.keys() - set(own))
                    own += random.Random(seed + at).sample(rest, size - len(own))
                elif at:
                    pool = "".join(f"{b}\n\n" for name, b in every.items() if name not in set(own))
                    asked = ["-m", f"{way}-{seed}" if at > 1 else f"first-{seed}", "-n", size - len(own)]
                    chosen = seqcli("select", *asked, *WAYS[way], "--input", "conllu", "-", cwd=folder, input=pool)
                    own += [name_of(b) for b in chosen.split("\n\n") if b.strip()]
                words = sum(words_of(every[name]) for name in own)
                if at or way == options.ways[0]:
                    (folder / "labelled.conllu").write_text("".join(f"{every[n]}\n\n" for n in own), encoding="utf-8")
                    steps = max(options.steps, size * options.epochs // 16)
                    changes = [f"train.steps={steps}", "train.epochs=null", f"train.evaluate_every={steps}"]
                    changes += [f"data.train={folder / 'labelled.conllu'}", f"data.valid={dev}", "data.tag=upos"]
                    changes += [f"train.seed={seed}", "train.average=0.99", *options.set]
                    name = f"{way}-{seed}" if at else f"first-{seed}"
                    scores = trained("ewt-upos", name, folder, changes)
                record = {"seed": seed, "way": way, "sentences": len(own), "words": words}
                print(json.dumps({**record, "accuracy": round(scores["accuracy"], 4)}), flush=True)
                figures.add(f"ewt-upos, {size} sentences, {way}, seed {seed}: accuracy", scores["accuracy"], "share")


def doubtful(options: argparse.Namespace, folder: Path, figures: Figures) -> None:
    """Labels that were changed on purpose, found."""
    source = Path(os.environ["SEQCLI_DATA"]) / "trec" / "TREC.train"
    lines = source.read_bytes().decode("latin-1").splitlines()
    pairs = [(line.partition(":")[0], line.partition(" ")[2]) for line in lines]
    labels = sorted({label for label, _ in pairs})
    for seed in options.seeds:
        rng = random.Random(seed)
        changed = set(rng.sample(range(len(pairs)), round(options.share * len(pairs))))
        given = [
            rng.choice([k for k in labels if k != own]) if i in changed else own for i, (own, _) in enumerate(pairs)
        ]
        order = rng.sample(range(len(pairs)), len(pairs))
        halves = {"a": sorted(order[::2]), "b": sorted(order[1::2]), "all": list(range(len(pairs)))}
        for name, own in halves.items():
            text = "".join(f"{given[i]} {pairs[i][1]}\n" for i in own)
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        for name in halves:
            sets = [f"data.train={folder / name}.txt", "data.format=label-text", "data.valid=0.1"]
            trained("trec-linear", name, folder, sets)
        found: dict[str, list[tuple[float, int]]] = {"half": [], "own": []}
        for kind, model, file in (("half", "a", "b"), ("half", "b", "a"), ("own", "all", "all")):
            asked = ["-m", model, "--doubtful", "--jsonl", "-n", len(pairs), f"{file}.txt"]
            for line in seqcli("select", *asked, cwd=folder).splitlines():
                doubt = json.loads(line)
                at = int(doubt["place"].split(":")[1]) - 1
                found[kind].append((doubt["confidence"], halves[file][at]))
        for kind, rows in found.items():
            ranked = [i in changed for _, i in sorted(rows)]
            record = {"seed": seed, "trained on": kind, "changed": len(changed), "listed": len(ranked)}
            record |= {"right": sum(ranked), "right of the first 100": sum(ranked[:100])}
            print(json.dumps(record), flush=True)
            figures.add(f"trec, trained on {kind}, seed {seed}: right of 100", sum(ranked[:100]), "labels")


def main() -> None:
    """Train, select, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("curve", "doubtful"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 1000, 2000, 3000])
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=["random", "least", "least-whole"])
    parser.add_argument("--epochs", type=int, default=10, help="of the sentences of a round")
    parser.add_argument("--steps", type=int, default=800, help="that a round has at least")
    parser.add_argument("--set", nargs="+", default=[], help="of the recipe of the curve")
    parser.add_argument("--share", type=float, default=0.05, help="of the labels that are changed")
    options, figures = begin(parser)
    with tempfile.TemporaryDirectory() as temporary:
        {"curve": curve, "doubtful": doubtful}[options.what](options, Path(temporary), figures)
    figures.end()


if __name__ == "__main__":
    main()
