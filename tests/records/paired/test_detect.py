"""The format of a file, by its ending, else by how its text begins."""

from __future__ import annotations

import pytest

from seqcli.records import PAIRED, detect


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.tsv", "", "tsv"),
        ("a.CSV", "", "csv"),
        ("a.jsonl", "", "jsonl"),
        ("a.ndjson", "", "jsonl"),
        ("a.en", "", None),
        ("a.txt", "IN: jump OUT: I_JUMP\nIN: run OUT: I_RUN\n", "scan"),
        ("a.txt", "IN: jump OUT: I_JUMP\njump\n", None),
        ("a.txt", "IN: the house\nIN: OUTdoors\n", None),
        ("a", "\ufeff\n{\"source\": \"a\"}\n{", "jsonl"),
        ("a", "{not json}\n", None),
        ("a", "a b\tc d\ne\tf\n\ng\th", "tsv"),
        ("a", "a b\tc d\r\ne\tf\r\n", "tsv"),
        ("a", "a b\tc d\ne f\n", None),
        ("a", "source,target\n\"a,\nb\",c\n", "csv"),
        ("a", "source,target\n", None),
        ("a", "source,target\n\"a\"b,c\n", None),
        ("a", "In the house, a target\nof a source, it is\n", None),
        ("a", "a man in an orange hat .\na dog\n", None),
        ("a", "", None),
        ("a", " \n", None),
    ],
)  # fmt: skip
def test_detect(path: str, text: str, expected: str | None) -> None:
    assert detect(PAIRED, path, text) == expected
