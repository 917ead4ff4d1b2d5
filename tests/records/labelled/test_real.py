"""Real data sets: the counts that they publish, and every record given back byte for byte."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from seqcli.records import LABELLED, Example, Options, as_read, detect, open_format
from seqcli.streams import read_text

TREC = {"label_until": ":"}
FILES: list[tuple[str, str, str, dict[str, Any], int, dict[str, int]]] = [
    ("trec/TREC.train", "label-text", "latin-1", TREC, 5452, {"ABBR": 86, "DESC": 1162, "ENTY": 1250, "HUM": 1223, "LOC": 835, "NUM": 896}),
    ("trec/TREC.test", "label-text", "latin-1", TREC, 500, {"ABBR": 9, "DESC": 138, "ENTY": 94, "HUM": 65, "LOC": 81, "NUM": 113}),
    ("sst/test.txt", "trees", "utf-8", {}, 2210, {"0": 279, "1": 633, "2": 389, "3": 510, "4": 399}),
    ("sst/dev.txt", "trees", "utf-8", {}, 1101, {"0": 139, "1": 289, "2": 229, "3": 279, "4": 165}),
    ("sst/stsa.fine.test", "label-text", "utf-8", {}, 2210, {"0": 279, "1": 633, "2": 389, "3": 510, "4": 399}),
    ("sst/stsa.binary.train", "label-text", "utf-8", {}, 6920, {"0": 3310, "1": 3610}),
]  # fmt: skip


def read_file(path: Path, name: str, encoding: str = "utf-8", **options: Any) -> list[Example]:
    reader = open_format(LABELLED, name).Reader(Options(LABELLED, **options))
    found: list[Example] = []
    for chunk in read_text([path], encoding=encoding):
        found += list(reader.feed(chunk))
    return found + list(reader.close())


@pytest.mark.parametrize(("name", "kind", "encoding", "options", "count", "labels"), FILES, ids=[f[0] for f in FILES])
def test_byte_for_byte(
    data_folder: Path,
    name: str,
    kind: str,
    encoding: str,
    options: dict[str, Any],
    count: int,
    labels: dict[str, int],
) -> None:
    path = data_folder / name
    whole = path.read_bytes()
    examples = read_file(path, kind, encoding, **options)
    assert len(examples) == count
    assert Counter(label for e in examples for label in e.labels or ()) == labels
    assert "".join("".join(as_read(e)) for e in examples).encode(encoding) == whole
    assert detect(LABELLED, path.name, whole[: 1 << 14].decode("utf-8", errors="replace")) == kind
    lines = whole.decode(encoding).split("\n")
    for e in examples[::97]:
        assert lines[e.line - 1][e.goal_column - 1 :].startswith((e.labels or [""])[0])
        if kind == "label-text":
            assert lines[e.line - 1][e.column - 1 :] == e.text


def test_the_trees_are_the_sentences_of_the_lines(data_folder: Path) -> None:
    """The same sentences and labels in both files, in another order, but for case, brackets and accents."""
    trees = read_file(data_folder / "sst/dev.txt", "trees")
    lines = read_file(data_folder / "sst/stsa.fine.dev", "label-text")
    for e in trees:
        assert e.tree is not None
        assert e.words is not None
        assert len(e.tree.nodes()) == 2 * len(e.words) - 1  # binary
        assert [*e.tree.phrases()][-1:] == [(e.text, label) for label in e.labels or []]
    brackets = {ord(c): None for c in "()/\\ "}
    of_trees = Counter((e.text.lower().translate(brackets), *(e.labels or [])) for e in trees)
    of_lines = Counter(
        (e.text.replace("-lrb-", "").replace("-rrb-", "").translate(brackets), *(e.labels or [])) for e in lines
    )
    assert (of_trees & of_lines).total() > 0.95 * len(lines)


def test_a_file_a_label(data_folder: Path) -> None:
    files = sorted((data_folder / "names-by-language").glob("*.txt"))
    examples = {path.stem: read_file(path, "text", gold=True) for path in files}
    assert len(examples) == 18
    assert sum(map(len, examples.values())) >= 20_050
    for path in files:
        assert [e.text for e in examples[path.stem]] == [
            line for line in path.read_text("utf-8").split("\n") if line.strip(" \t")
        ]
        assert detect(LABELLED, path.name, path.read_text("utf-8")[: 1 << 14]) is None


@pytest.mark.parametrize("name", ["tinyshakespeare/input.txt", "multi30k-en-de/train.en", "multi30k-en-de/val.de", "ptb/ptb.valid.txt", "conll2000/test.txt", "wnut17/emerging.test.annotated"])  # fmt: skip
def test_what_has_no_labels_is_not_guessed_to(data_folder: Path, name: str) -> None:
    path = data_folder / name
    assert detect(LABELLED, "unknown", path.read_bytes()[: 1 << 14].decode("utf-8", errors="replace")) is None
