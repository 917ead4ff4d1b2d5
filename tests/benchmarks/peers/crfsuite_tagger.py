"""python-crfsuite with the usual hand-made features, to measure seqcli's tagger against. Run by hand, in a venv of its own:

    pip install python-crfsuite numpy
    PYTHONPATH=. SEQCLI_DATA=DATA python tests/benchmarks/peers/crfsuite_tagger.py conll2000

prints JSON: accuracy or span F1 on the test split, seconds of training, tokens a second in prediction (features and
search, one thread). L-BFGS with an L1 and an L2 penalty; every choice was made before the test split was looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Sentence(NamedTuple):
    """Words, their part of speech where the data has it, and the tags to find."""

    words: list[str]
    pos: list[str]
    tags: list[str]


SETS = ("ewt-upos", "conll2000", "wnut17")
OPTIONS = {
    "pos": {"c1": 0.3, "c2": 0.01, "max_iterations": 100},
    "spans": {"c1": 0.1, "c2": 0.01, "max_iterations": 100},
}


def read(name: str, folder: Path) -> tuple[list[Sentence], list[Sentence]]:
    """The training and the test sentences of a data set."""
    if name == "ewt-upos":
        paths = [folder / "ud-en-ewt" / f"en_ewt-ud-{split}.conllu" for split in ("train", "test")]
        train, test = (_columns(path, 1, None, 3, "\t") for path in paths)
    elif name == "conll2000":
        train, test = (_columns(folder / "conll2000" / f"{split}.txt", 0, 1, 2, " ") for split in ("train", "test"))
    else:
        files = ("wnut17train.conll", "emerging.test.annotated")
        train, test = (_columns(folder / "wnut17" / file, 0, None, 1, "\t") for file in files)
    return train, test


def _columns(path: Path, word: int, pos: int | None, tag: int, separator: str) -> list[Sentence]:
    sentences, now = [], Sentence([], [], [])
    for line in [*path.read_text(encoding="utf-8").split("\n"), ""]:
        fields = line.rstrip().split(separator)
        if not line.strip():
            if now.words:
                sentences.append(now)
            now = Sentence([], [], [])
        elif path.suffix != ".conllu" or fields[0].isdigit():
            now.words.append(fields[word])
            now.pos.append(fields[pos] if pos is not None else "")
            now.tags.append(fields[tag])
    return sentences


def features(sentence: Sentence, task: str) -> list[list[str]]:
    """The attributes of each token: `pos` looks at forms, `spans` also at parts of speech where there are some."""
    words, tags = sentence.words, sentence.pos
    lower = ["<s>", "<s>", *[w.lower() for w in words], "</s>", "</s>"]
    shapes = ["<s>", "<s>", *[_shape(w) for w in words], "</s>", "</s>"]
    pos = ["<s>", "<s>", *tags, "</s>", "</s>"] if any(tags) else []
    rows = []
    for i, word in enumerate(words):
        at = i + 2
        row = ["bias", f"w={word}", f"s={shapes[at]}"]
        row += [f"l{d}={lower[at + d]}" for d in (-2, -1, 0, 1, 2)]
        row += [f"l-10={lower[at - 1]}|{lower[at]}", f"l01={lower[at]}|{lower[at + 1]}"]
        row += [f"p{n}={lower[at][:n]}" for n in (1, 2, 3, 4) if n <= len(word)]
        row += [f"e{n}={lower[at][-n:]}" for n in (1, 2, 3, 4) if n <= len(word)]
        row += [f"s{d}={shapes[at + d]}" for d in (-1, 1)]
        row += [f"e3{d}={lower[at + d][-3:]}" for d in (-1, 1)]
        row += [name for name, found in _kinds(word, i) if found]
        if task == "spans":
            row += [f"l-2-1={lower[at - 2]}|{lower[at - 1]}", f"l12={lower[at + 1]}|{lower[at + 2]}"]
            row += [f"s-101={shapes[at - 1]}|{shapes[at]}|{shapes[at + 1]}"]
            row += [f"w{d}={words[i + d]}" for d in (-2, -1, 1, 2) if 0 <= i + d < len(words)]
        if pos:
            row += [f"t{d}={pos[at + d]}" for d in (-2, -1, 0, 1, 2)]
            row += [f"t{d}{d + 1}={pos[at + d]}|{pos[at + d + 1]}" for d in (-2, -1, 0, 1)]
            row += [f"t{d}+2={pos[at + d]}|{pos[at + d + 1]}|{pos[at + d + 2]}" for d in (-2, -1, 0)]
            row += [f"lt={lower[at]}|{pos[at]}", f"lt1={lower[at]}|{pos[at + 1]}", f"lt-1={pos[at - 1]}|{lower[at]}"]
        rows.append(row)
    return rows


def _shape(word: str) -> str:
    """Xx-d of a word, a run of more than two of a kind cut to two."""
    classes = ("X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in word)
    return re.sub(r"(.)\1{2,}", r"\1\1", "".join(classes))


def _kinds(word: str, i: int) -> tuple[tuple[str, bool], ...]:
    return (
        ("first", i == 0),
        ("first-capital", i == 0 and word[:1].isupper()),
        ("capital", word[:1].isupper()),
        ("capitals", word.isupper()),
        ("inner-capital", any(c.isupper() for c in word[1:])),
        ("digit", any(c.isdigit() for c in word)),
        ("number", word.replace(".", "").replace(",", "").isdigit()),
        ("hyphen", "-" in word),
        ("marks", not any(c.isalnum() for c in word)),
        ("address", "://" in word or word.startswith(("www.", "@", "#"))),
    )


def run(train: Sequence[Sentence], test: Sequence[Sentence], task: str) -> dict[str, Any]:
    """Train, then tag: `task` is `pos` or `spans`; {seconds_train, tokens_per_second, tags, features, model_bytes}."""
    import pycrfsuite

    began = time.perf_counter()
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({**OPTIONS[task], "feature.possible_transitions": True})
    for sentence in train:
        trainer.append(pycrfsuite.ItemSequence(features(sentence, task)), sentence.tags)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.crfsuite"
        trainer.train(str(model))
        seconds = time.perf_counter() - began
        tagger = pycrfsuite.Tagger()
        tagger.open(str(model))
        began = time.perf_counter()
        tags = [tagger.tag(features(sentence, task)) for sentence in test]
        elapsed = time.perf_counter() - began
        found = {
            "seconds_train": seconds,
            "tokens_per_second": sum(map(len, tags)) / elapsed,
            "tags": tags,
            "features": len(tagger.info().attributes),
            "model_bytes": model.stat().st_size,
        }
        tagger.close()
    return found


def score(gold: Sequence[Sequence[str]], found: Sequence[Sequence[str]], task: str) -> dict[str, float]:
    """Accuracy of tags, and for spans precision, recall and F1 by conlleval's rules (`seqcli.schemes.spans`)."""
    pairs = [(a, b) for g, f in zip(gold, found, strict=True) for a, b in zip(g, f, strict=True)]
    result = {"accuracy": sum(a == b for a, b in pairs) / len(pairs)}
    if task == "spans":
        from seqcli.schemes import spans

        right = ours = theirs = 0
        for g, f in zip(gold, found, strict=True):
            a, b = set(spans(g)), set(spans(f))
            right, ours, theirs = right + len(a & b), ours + len(b), theirs + len(a)
        precision, recall = right / max(ours, 1), right / max(theirs, 1)
        f1 = 2 * right / max(ours + theirs, 1)
        result |= {"span-precision": precision, "span-recall": recall, "span-f1": f1}
    return result


def main() -> None:
    """Read a data set's name, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", choices=SETS)
    parser.add_argument("--train-sentences", type=int, metavar="N", help="train on the first N only")
    options = parser.parse_args()
    if "SEQCLI_DATA" not in os.environ:
        sys.exit("SEQCLI_DATA does not name the folder of data sets")
    task = "pos" if options.data == "ewt-upos" else "spans"
    train, test = read(options.data, Path(os.environ["SEQCLI_DATA"]))
    found = run(train[: options.train_sentences], test, task)
    scores = score([s.tags for s in test], found.pop("tags"), task)
    print(json.dumps({"data": options.data, **scores, **found}, indent=2))


if __name__ == "__main__":
    main()
