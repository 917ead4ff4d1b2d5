"""fastText's classifier, to measure seqcli's against. Run by hand, in a venv of its own:

    pip install fasttext-wheel numpy
    SEQCLI_DATA=DATA python tests/benchmarks/peers/fasttext_classifier.py trec

prints one line of JSON: accuracy on the test split, seconds of training, lines a second in prediction (one line a
call, one thread, the model loaded). `--predictions FILE` writes a label a line, in the order of the test split.

25 epochs, word bigrams and a learning rate of 0.5 (its default is 0.1; `--rate` takes another); 100 dimensions and
softmax are its defaults. Case is kept. One thread: with more, two runs of one seed differ. Joulin et al. (2017), Bag of
Tricks for Efficient Text Classification.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SETS = ("trec", "sst2", "sst2-phrases")
MARK = "__label__"
Texts = list[tuple[str, str]]  # label, text


def read(name: str, folder: Path) -> tuple[Texts, Texts]:
    """The training and the test texts of a data set.

    `trec` has the six coarse classes. `sst2-phrases` trains on every distinct phrase of the training trees that is
    not neutral (0 and 1 are negative, 3 and 4 positive; lower case, as `sst2` is) and has the test split of `sst2`.
    """
    if name == "trec":
        train, test = (list(_lines(folder / "trec" / f"TREC.{split}", "latin-1")) for split in ("train", "test"))
        return [(l.partition(":")[0], t) for l, t in train], [(l.partition(":")[0], t) for l, t in test]
    train, test = (list(_lines(folder / "sst" / f"stsa.binary.{split}", "utf-8")) for split in ("train", "test"))
    if name == "sst2-phrases":
        trees = (folder / "sst" / "train.txt").read_text(encoding="utf-8").split("\n")
        train = list(dict.fromkeys(p for tree in trees for p in _phrases(tree) if p[0] != "2"))
        train = [("1" if label > "2" else "0", text) for label, text in train]
    return train, test


def _lines(path: Path, encoding: str) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding=encoding).split("\n"):
        if line.strip():
            label, _, text = line.partition(" ")
            yield label, text.strip()


def _phrases(tree: str) -> Iterator[tuple[str, str]]:
    """The (label, text) of each node of `(3 (2 It) (4 works))`, a node before the one that holds it."""
    begun: list[tuple[str, int]] = []  # label, the number of words before it
    words: list[str] = []
    for label, word, _ in re.findall(r"\((\S+) |([^\s()]+)|(\))", tree):
        if label:
            begun.append((label, len(words)))
        elif word:
            words.append(word.lower().replace("\\/", "/"))
        else:
            label, first = begun.pop()
            yield label, " ".join(words[first:])


def run(train: Texts, test: Texts, *, epochs: int = 25, rate: float = 0.5, seed: int = 0) -> dict[str, Any]:
    """Train, then label the test texts: {seconds, lines_per_second, labels}."""
    import fasttext

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text("".join(f"{MARK}{label} {text}\n" for label, text in train), encoding="utf-8")
        began = time.perf_counter()
        model = fasttext.train_supervised(
            str(path), epoch=epochs, lr=rate, wordNgrams=2, seed=seed, thread=1, verbose=0
        )
        seconds = time.perf_counter() - began
    # `f` is the compiled model: `predict` around it asks NumPy 2 for an array without a copy, which it refuses.
    lines = [text + "\n" for _, text in test]
    began = time.perf_counter()
    found = [model.f.predict(line, 1, 0.0, "strict") for line in lines]
    elapsed = time.perf_counter() - began
    # A text of unknown words has no answer: it takes the most frequent label of the training texts.
    counts = dict.fromkeys((label for label, _ in train), 0)
    for label, _ in train:
        counts[label] += 1
    common = max(counts, key=counts.__getitem__)
    labels = [answer[0][1].removeprefix(MARK) if answer else common for answer in found]
    return {"seconds": seconds, "lines_per_second": len(lines) / elapsed, "labels": labels}


def report(peer: str, data: str, test: Texts, found: dict[str, Any], predictions: Path | None) -> str:
    """The line of JSON; the labels go into a file, if one is named."""
    labels: Sequence[str] = found["labels"]
    if predictions:
        predictions.write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    right = sum(label == gold for label, (gold, _) in zip(labels, test, strict=True))
    about = {key: round(value, 3) for key, value in found.items() if isinstance(value, float)}
    return json.dumps({"peer": peer, "data": data, "accuracy": right / len(test), **about})


def options(about: str | None) -> argparse.ArgumentParser:
    """The arguments that every peer takes."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("data", choices=SETS)
    parser.add_argument("--predictions", type=Path, metavar="FILE", help="write a label a line of the test split")
    return parser


def data_folder() -> Path:
    """The folder of data sets that the environment names; ends the program where it does not."""
    if "SEQCLI_DATA" not in os.environ:
        sys.exit("SEQCLI_DATA does not name the folder of data sets")
    return Path(os.environ["SEQCLI_DATA"])


def main() -> None:
    """Read a data set's name, print the figures."""
    parser = options(__doc__)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--rate", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    train, test = read(given.data, data_folder())
    found = run(train, test, epochs=given.epochs, rate=given.rate, seed=given.seed)
    print(report("fasttext", given.data, test, found, given.predictions))


if __name__ == "__main__":
    main()
