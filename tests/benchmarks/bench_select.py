"""What `select` saves, and finds: `SEQCLI_DATA=... python tests/benchmarks/bench_select.py WHAT`.

sentences: UD English-EWT, UPOS. From the same sentences, drawn at random, each round trains the recipe `ewt-upos` from
scratch and adds sentences to what is labelled: drawn at random, or the first that `seqcli select` writes; accuracy on
dev of each round, with the sentences and the words that are labelled. questions: TREC, six classes, the recipe
`trec-linear`, accuracy on its test split. doubtful: a share of the labels of TREC's
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from figures import Figures, begin

from seqcli import artifact

ROOT = Path(__file__).resolve().parents[2]
WAYS: dict[str, list[str]] = {  # of choosing what to label; `random` asks no model
    "random": [],
    "least": [],
    "least-per-word": ["--per-word"],
    "margin": [],
    "margin-diverse": ["--diverse"],
}


@dataclass
class Pool:
    """What may be labelled, by names."""

    recipe: str
    records: dict[str, str]  # with their labels, as they are trained on
    given: dict[str, str]  # as `select` reads them
    chosen: Callable[[str], list[str]]  # the names of what it writes
    changes: list[str]  # of the recipe


def seqcli(*args: object, cwd: Path, input: str | None = None) -> str:
    """What a command writes."""
    command = [sys.executable, "-m", "seqcli", "-q", *map(str, args)]
    return subprocess.run(command, cwd=cwd, input=input, stdout=subprocess.PIPE, text=True, check=True).stdout


def trained(recipe: str, name: str, folder: Path, changes: list[str]) -> dict[str, float]:
    """The scores of a new run on its validation split."""
    sets = [part for change in changes for part in ("--set", change)]
    seqcli("train", ROOT / f"recipes/{recipe}.yaml", "--name", name, "--overwrite", *sets, cwd=folder)
    return artifact.read_header(folder / "runs" / name / "model.safetensors")["scores"]["valid"]


def sentences() -> Pool:
    """UD English-EWT, of which dev is the validation split."""
    data = Path(os.environ["SEQCLI_DATA"]) / "ud-en-ewt"
    text = (data / "en_ewt-ud-train.conllu").read_text(encoding="utf-8")
    found = {named(block)[0]: f"{block}\n\n" for block in re.split(r"\n\n+", text) if block.strip()}
    changes = [
        f"data.valid={data / 'en_ewt-ud-dev.conllu'}",
        "data.tag=upos",
        "train.threads=1",
        "train.average=0.99",
    ]
    return Pool("ewt-upos", found, found, named, ["data.format=conllu", *changes])


def named(text: str) -> list[str]:
    """What sentences are called."""
    return re.findall(r"^# sent_id = (.*)$", text, re.MULTILINE)


def questions(folder: Path) -> Pool:
    """TREC, of which the test split is the validation split, so that what is trained on is what is labelled."""
    texts = {split: trec(split) for split in ("train", "test")}
    (folder / "valid.txt").write_text("".join(f"{label} {text}\n" for label, text in texts["test"]), encoding="utf-8")
    records = {str(i): f"{label} {text}\n" for i, (label, text) in enumerate(texts["train"])}
    given = {str(i): json.dumps({"i": str(i), "text": text}) + "\n" for i, (_, text) in enumerate(texts["train"])}
    changes = ["data.format=label-text", f"data.valid={folder / 'valid.txt'}"]
    return Pool("trec-linear", records, given, lambda text: [json.loads(x)["i"] for x in text.splitlines()], changes)


def trec(split: str) -> list[tuple[str, str]]:
    """The coarse labels and the texts of TREC's questions."""
    lines = (Path(os.environ["SEQCLI_DATA"]) / "trec" / f"TREC.{split}").read_bytes().decode("latin-1").splitlines()
    return [(line.partition(":")[0], line.partition(" ")[2]) for line in lines]


def curve(options: argparse.Namespace, folder: Path, figures: Figures) -> None:
    """Rounds of labelling, each way by itself."""
    pool = sentences() if options.what == "sentences" else questions(folder)
    read = "conllu" if options.what == "sentences" else "jsonl"
    for seed in options.seeds:
        first = random.Random(seed).sample(sorted(pool.records), options.sizes[0])
        labelled = {way: list(first) for way in options.ways}
        scores = {}
        for at, size in enumerate(options.sizes):
            for way, own in labelled.items():
                rest = [name for name in pool.records if name not in set(own)]
                if at and way == "random":
                    own += random.Random(seed + at).sample(rest, size - len(own))
                elif at:
                    asked = ["-m", f"{way}-{seed}" if at > 1 else f"first-{seed}", "-n", size - len(own), *WAYS[way]]
                    text = "".join(pool.given[name] for name in rest)
                    own += pool.chosen(seqcli("select", *asked, "--input", read, "-", cwd=folder, input=text))
                if at or way == options.ways[0]:
                    (folder / "labelled").write_text("".join(pool.records[n] for n in own), encoding="utf-8")
                    changes = [f"data.train={folder / 'labelled'}", *pool.changes, *options.set]
                    if read == "conllu":
                        steps = max(options.steps, size * options.epochs // 16)
                        changes += [f"train.steps={steps}", "train.epochs=null", f"train.evaluate_every={steps}"]
                        changes += [f"train.seed={seed}"]
                    scores = trained(pool.recipe, f"{way}-{seed}" if at else f"first-{seed}", folder, changes)
                word = r"^[0-9]+\t" if read == "conllu" else r"(?<= )[^ \n]+"
                words = sum(len(re.findall(word, pool.records[n], re.MULTILINE)) for n in own)
                record = {"seed": seed, "way": way, "records": len(own), "words": words}
                print(json.dumps({**record, "accuracy": round(scores["accuracy"], 4)}), flush=True)
                name = f"{pool.recipe}, {size} labelled, {way}, seed {seed}: accuracy"
                figures.add(name, scores["accuracy"], "share")


def doubtful(options: argparse.Namespace, folder: Path, figures: Figures) -> None:
    """Labels that were changed on purpose, found."""
    pairs = trec("train")
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
    parser.add_argument("what", choices=("sentences", "questions", "doubtful"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 1000, 2000, 3000])
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=["random", "least", "least-per-word"])
    parser.add_argument("--epochs", type=int, default=10, help="of the sentences of a round, at least --steps")
    parser.add_argument("--steps", type=int, default=800, help="(sentences)")
    parser.add_argument("--set", nargs="+", default=[], help="of the recipe of the curve")
    parser.add_argument("--share", type=float, default=0.05, help="of the labels that are changed")
    options, figures = begin(parser)
    with tempfile.TemporaryDirectory() as temporary:
        (doubtful if options.what == "doubtful" else curve)(options, Path(temporary), figures)
    figures.end()


if __name__ == "__main__":
    main()
