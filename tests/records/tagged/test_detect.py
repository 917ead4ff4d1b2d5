"""Guessing a format: sure or not at all."""

from __future__ import annotations

import pytest

from seqcli.records import TAGGED, detect

ROW = "1\tthe\tthe\tDET\tDT\t_\t2\tdet\t_\t_\n"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a/b.conllu", "conllu"), ("x.JSONL", "jsonl"), ("x.iob2", "conll"), ("x.tsv", "conll"), ("x.txt", None), ("-", None)],
)  # fmt: skip
def test_by_the_ending(path: str, expected: str | None) -> None:
    assert detect(TAGGED, path, "") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"text": "a"}\n{"te', "jsonl"),
        ('{"text": "a"', None),
        ("{not json}\n", None),
        ("# sent_id = 1\n" + ROW + ROW[:9], "conllu"),
        ("\ufeff" + ROW, "conllu"),
        ("He PRP B-NP\nis VBZ B-VP\nin IN B-PP\nhere RB B-ADVP\n. . O\n\n", "conll"),
        ("He PRP B-NP\nis VBZ B-VP\n", None),  # too little to be sure
        ("a\tX\nb\tY\n\nc\tX\nd\tX\ne\tX\n", "conll"),
        ("a\tX\nb\tY\nc\tX\nd\tX\ne\tX\n", None),  # any table of two columns
        ("apple\tæ p ə l\n" * 6 + "\n", None),
        ("red apple\ngreen pear\nblue plum\nbig nut\nold fig\n", None),
        ("The/DT cat/NN sat/VBD on/IN it/PRP ./.\n", "word-tag"),
        ("and/or he/she it/they a/b c/d\n", None),
        ("just some text here, and more of it\nsecond line\n", None),
        ("", None),
        ("\n\n", None),
    ],
)
def test_by_the_content(text: str, expected: str | None) -> None:
    assert detect(TAGGED, "file", text) == expected
