"""Guessing a format: sure or not at all."""

from __future__ import annotations

import pytest

from seqcli.records import LABELLED, detect

TABLE = "p\tone two\nq\tthree\n" * 4
LABELS = "".join(f"{label} some {word} here\n" for label in ("POS", "neg:x", "7") for word in ("a", "b", "c", "d"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a.CSV", "csv"), ("x.tsv", "tsv"), ("x.ndjson", "jsonl"), ("x.ft", "fasttext"), ("x.ptb", "trees"), ("x.txt", None), ("-", None)],
)  # fmt: skip
def test_by_the_ending(path: str, expected: str | None) -> None:
    assert detect(LABELLED, path, "") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"text": "a"}\n{"te', "jsonl"),
        ('{"text": "a"', None),
        ("{not json}\n", None),
        ("__label__a x\n\n__label__b y\n__lab", "fasttext"),
        ("__label__a x\ny\n", None),
        ("(3 (2 It) (4 shines))\n(3 (2 It", "trees"),
        ("(a remark in parentheses)\n", None),
        ("((a) (b))\n", None),  # no labels
        (TABLE, "tsv"),
        (TABLE.replace("\n", "\r\n") + "p", "tsv"),
        ("\ufeff" + TABLE, "tsv"),
        (TABLE.replace("three", "thr\tee"), None),
        ("He\tO\nis\tO\n\nin\tB-LOC\nRome\tO\n.\tO\n", None),  # blank lines part sentences: tagged words
        ('text,label\n"a, b",p\n', "csv"),
        ('id,Review,Sentiment\n1,"a\nb",p\n2,"c\n', "csv"),
        ("text,label\n", None),
        ("Well, yes, and no\nI said, and went\n", None),
        (LABELS, "label-text"),
        (LABELS.replace("here", "here, POS and neg:x"), None),  # words of the texts
        ("a man runs\nA dog sits\na cat is a cat\n" * 20, None),
        ("the cat\nthe dog\n" * 20, None),  # one label is none
        ("one two\nthree four\nfive six\nseven eight\nnine ten\n", None),
        ("Smith\nJones\n" * 20, None),
        ("", None),
        ("\n\n", None),
    ],
)
def test_by_the_content(text: str, expected: str | None) -> None:
    assert detect(LABELLED, "file", text) == expected
