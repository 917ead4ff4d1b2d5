"""JSON objects: under which keys source, target and prefix are, and what is wrong with an object."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seqcli.errors import SeqcliError


def one(read: Any, record: Any, **options: Any) -> tuple[str, str | None]:
    (pair,) = read("jsonl", json.dumps(record), **options)
    return pair.text, pair.target


@pytest.mark.parametrize(
    ("record", "options"),
    [
        ({"source": "a", "target": "b"}, {}),
        ({"target": "b", "SOURCE": "a", "id": "7"}, {}),
        ({"src": "a", "tgt": "b"}, {}),
        ({"src": "a", "trg": "b"}, {}),
        ({"input": "a", "output": "b", "source": "wiki"}, {}),  # those two go together
        ({"text": "a", "translation": "b"}, {}),
        ({"text": "a", "target": "b"}, {}),
        ({"en": "a", "de": "b"}, {"own_source": "en", "target": "de"}),
        ({"en": "a", "target": "b"}, {"own_source": "en"}),
        ({"text": "a", "de": "b"}, {"target": "de"}),
        ({"text": "b", "translation": "a"}, {"own_source": "translation", "target": "text"}),
        ({"en": "a", "target": "b"}, {}),  # the only other text
    ],
)
def test_keys(read: Any, record: dict[str, str], options: dict[str, str]) -> None:
    for gold in (True, False):
        assert one(read, record, gold=gold, **options) == ("a", "b")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"source": "a"}, ("a", None)),
        ({"text": "a", "id": 3}, ("a", None)),
        ({"words": "a", "id": 3, "seqcli": {"text": "b"}}, ("a", None)),
        ({"text": "a", "target": 3}, ("a", None)),
        ({"text": "a", "target": None}, ("a", None)),
        ({"text": "a", "target": "\ud800"}, ("a", None)),
        ({"text": "a", "target": "b", "output": "c"}, ("a", None)),
    ],
)
def test_a_filter_needs_a_source_alone(read: Any, record: dict[str, Any], expected: Any) -> None:
    assert one(read, record, gold=False) == expected


def test_prefixes(read: Any) -> None:
    lines = '{"source": "a", "begin": "b"}\n{"source": "a"}\n{"source": "a", "begin": null}\n{"source": "a", "begin": 3}\n'
    found = read("jsonl", "".join(lines.splitlines(keepends=True)[:3]), gold=False, prefix="begin")
    assert [p.prefix for p in found] == ["b", None, None]
    assert [p.prefix for p in read("jsonl", lines, gold=False)] == [None] * 4
    with pytest.raises(SeqcliError, match=r"^f:4:26: 'begin' holds 3, not a text") as error:
        read("jsonl", lines, gold=False, prefix="begin")
    assert error.value.hint == "--prefix KEY says under which key the prefix is"  # no recipe has it


@pytest.mark.parametrize(
    ("line", "options", "message", "hint"),
    [
        ("[1]", {}, "f:1:1: not a JSON object", '{"source": "…", "target": "…"}'),
        ('{"source": "a"', {}, "f:1:15: not a JSON object (expecting ',' delimiter)", "source"),
        ("{}", {}, "f:1:1: the object has no 'source'", "--source KEY"),
        ('{"source": "a"}', {}, "f:1:1: the object has no 'target'", "data.target"),
        ('{"source": 1, "target": "b"}', {}, "f:1:12: 'source' holds 1, not a text", "data.source"),
        ('{"source": "a", "target": ["b"]}', {}, 'f:1:27: \'target\' holds ["b"], not a text', "data.target"),
        ('{"en": "a", "de": "b"}', {}, "f:1:1: which of 'en', 'de' is the source?", "--source en"),
        ('{"text": "a", "source": "w", "target": "b", "output": "c", "input": "d"}', {}, "f:1:1: which of 'target', 'output' is the target?", "--target target"),
        ('{"src": "a", "word": "w", "reference": "b"}', {}, "f:1:1: which of 'src', 'word' is the source?", "--source src"),
        ('{"source": "a", "target": "b"}', {"target": "targt"}, "f:1:1: the object has no 'targt'", "did you mean 'target'?"),
        ('{"source": "\\ud800", "target": "b"}', {}, "f:1:12: the field 'source' holds half a character (a lone surrogate)", "U+FFFF"),
        ('{"source": "a", "target": "\\ud800"}', {}, "f:1:27: the field 'target' holds half a character (a lone surrogate)", "U+FFFF"),
    ],
)  # fmt: skip
def test_mistakes_have_a_place_and_a_way_out(read: Any, line: str, options: Any, message: str, hint: str) -> None:
    with pytest.raises(SeqcliError) as error:
        read("jsonl", line, **options)
    assert error.value.message == message
    assert hint in error.value.hint
