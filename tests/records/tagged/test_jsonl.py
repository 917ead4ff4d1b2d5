"""JSON lines: what goes in stays, results come last, places of what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import SeqcliError, UsageError
from seqcli.records import Answer, SpanAnswer
from seqcli.records._json import starts

ANSWER = Answer(
    ["B-LOC", "I-LOC", ""],
    [0.91234567, 0.5, 0.25],
    [SpanAnswer(0, 2, "LOC", 0.1234567), SpanAnswer(2, 3, "X")],
    [(["B-LOC", "I-LOC", "O"], 0.75)],
)


def test_the_whole_record(read: Any, write: Any) -> None:
    line = '{"id": 1.50, "tokens" : ["New", "Yörk🙂", "!"], "n":12345678901234567890}'
    (s,) = read("jsonl", line + "\n")
    written = write("jsonl", [s], lambda s: ANSWER)
    assert written.startswith(line[:-1] + ', "seqcli": {"text": "New Yörk🙂 !", "tokens": [')
    assert json.loads(written)["seqcli"] == {
        "text": "New Yörk🙂 !",
        "tokens": [
            {"text": "New", "start": 0, "end": 3, "label": "B-LOC", "probability": 0.912346},
            {"text": "Yörk🙂", "start": 4, "end": 9, "label": "I-LOC", "probability": 0.5},
            {"text": "!", "start": 10, "end": 11, "label": None, "probability": 0.25},
        ],
        "spans": [
            {"start": 0, "end": 9, "label": "LOC", "text": "New Yörk🙂", "probability": 0.123457},
            {"start": 10, "end": 11, "label": "X", "text": "!"},
        ],
        "alternatives": [{"labels": ["B-LOC", "I-LOC", "O"], "probability": 0.75}],
    }
    spans = json.loads(write("spans", [s], lambda s: ANSWER))
    assert spans["id"] == 1.5
    assert list(spans["seqcli"]) == ["text", "spans"]


def test_what_is_not_known_is_not_written(read: Any, write: Any) -> None:
    (s,) = read("text", "a\n")
    s.fill(["a"], [(0, 1)])
    written = json.loads(write("jsonl", [s], lambda s: Answer(["X"])))
    assert written == {"text": "a", "seqcli": {"tokens": [{"text": "a", "start": 0, "end": 1, "label": "X"}]}}
    assert json.loads(write("spans", [s], lambda s: Answer(["X"], spans=[]))) == {
        "text": "a",
        "seqcli": {"spans": []},
    }
    with pytest.raises(UsageError, match="do not mark spans"):
        write("spans", [s], lambda s: Answer(["X"]))


def test_fields(read: Any) -> None:
    text, named, both = read("jsonl", '{"text": "a b"}\n{"text": ["c"]}\n{"text": "d", "tokens": ["e"]}\n')
    assert (text.text, text.words, text.split) == ("a b", [], False)
    assert (named.words, both.words) == (["c"], ["e"])
    (s,) = read("jsonl", '{"w": ["a", ""], "t": ["X", null]}', field="w", tag="t", gold=True)
    assert (s.words, s.tags, list(s.places), list(s.tag_places)) == (
        ["a", ""],
        ["X", "_"],
        [(1, 8), (1, 13)],
        [(1, 24), (1, 29)],
    )


@pytest.mark.parametrize("tags", ["[]", '["X", "Y"]', "[1]", '"X"', "null"])
def test_tags_that_do_not_fit_count_only_for_gold(read: Any, tags: str) -> None:
    line = f'{{"tokens": ["a"], "tags": {tags}}}\n'
    assert read("jsonl", line)[0].tags is None
    with pytest.raises(SeqcliError, match=r"^f:1:2[789]: "):
        read("jsonl", line, gold=True)


def test_an_earlier_result_is_replaced(read: Any, write: Any) -> None:
    first = write("jsonl", read("jsonl", '{"tokens": ["a"], "x": "\\ud800"}\r\n'), "X")
    second = write("jsonl", read("jsonl", first), "Y")
    assert second.count("seqcli") == 1
    assert second.endswith("\r\n")
    assert json.loads(second)["seqcli"]["tokens"][0]["label"] == "Y"
    second.encode()


def test_an_empty_object_cannot_be_but_an_empty_list_can(read: Any, write: Any) -> None:
    (s,) = read("jsonl", '{"tokens": []}')
    assert json.loads(write("jsonl", [s])) == {"tokens": [], "seqcli": {"tokens": [], "spans": []}}
    assert write("jsonl", read("jsonl", "\n \r\n")) == "\n \r\n"


@pytest.mark.parametrize(
    ("line", "options", "message"),
    [
        ("nope", {}, "f:2:1: not a JSON object (expecting value)"),
        ('{"text": nope}', {}, "f:2:10: not a JSON object (expecting value)"),
        ('["a"]', {}, "f:2:1: not a JSON object"),
        ("[" * 100_000, {}, "f:2:1: this JSON has too large a number or is nested too deeply"),
        ('{"txt": "a"}', {}, "f:2:1: the object has no 'text'"),
        ('{"id": 1, "text": 5}', {}, "f:2:19: the object has neither text nor tokens in 'text'"),
        ('{"tokens": ["a", 5]}', {}, "f:2:18: 'tokens' holds 5, not a string"),
        ('{"tokens": ["a"], "tags": [7]}', {"gold": True}, "f:2:28: 'tags' holds 7, not a string"),
        ('{"tokens": ["a"], "tags": ["X", "Y"]}', {"gold": True}, "f:2:27: 2 tags for 1 tokens"),
        ('{"tokens": ["a"], "tag": ["X"]}', {"gold": True}, "f:2:1: the list of tags 'tags' is not there"),
        ('{"text": "a", "tags": ["X"]}', {"gold": True}, "f:2:10: gold tags need a list of tokens, 'text' is a text"),
        ('{"text": "\\ud800"}', {}, "f:2:10: the field 'text' holds half a character (a lone surrogate)"),
    ],
)
def test_a_wrong_line_is_named(read: Any, line: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SeqcliError) as error:
        read("jsonl", '{"tokens": [], "tags": []}\n' + line + "\n", **options)
    assert error.value.message == message


values = st.recursive(
    st.none() | st.text(max_size=3) | st.integers(), lambda v: st.lists(v, max_size=3), max_leaves=5
)


@given(st.dictionaries(st.text(max_size=2), values, max_size=4), st.sampled_from([None, 1]), st.booleans())
def test_members_are_found_where_they_are(record: dict[str, Any], indent: int | None, ascii: bool) -> None:
    body = json.dumps(record, ensure_ascii=ascii, indent=indent).replace("\n", "\t")
    decode = json.JSONDecoder().raw_decode
    for key, value in record.items():
        start, members = starts(body, key)
        assert decode(body, start)[0] == value
        assert [decode(body, at)[0] for at in members] == (value if isinstance(value, list) else [])
    assert starts(body, "absent") == (0, [])
