"""JSON lines: which keys, which values are labels, where mistakes are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.errors import SeqcliError

quick = settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize(
    ("record", "options", "expected"),
    [
        ({"text": "a", "label": "p"}, {}, ("a", ["p"])),
        ({"sentence": "a", "id": "7", "label": "p"}, {}, ("a", ["p"])),
        ({"sentence": "a", "text": "b", "label": "p"}, {}, ("b", ["p"])),
        ({"body": "a", "id": 7, "label": "p"}, {}, ("a", ["p"])),  # the only string beside the label
        ({"text": "a", "labels": ["p", "q", "p"]}, {}, ("a", ["p", "q"])),
        ({"text": "a", "label": "p", "labels": ["q"]}, {}, ("a", ["p"])),
        ({"t": "a", "u": "b", "k": "p"}, {"text": "u", "label": "k"}, ("b", ["p"])),
        ({"text": "p", "body": "a"}, {"label": "text"}, ("a", ["p"])),
        ({"text": "a", "label": 1}, {}, ("a", ["1"])),
        ({"text": "a", "label": 1.0}, {}, ("a", ["1.0"])),
        ({"text": "a", "label": True}, {}, ("a", ["true"])),
        ({"text": "a", "label": False}, {}, ("a", ["false"])),
        ({"text": "a", "label": [0, "x", True, 2.5]}, {}, ("a", ["0", "x", "true", "2.5"])),
        ({"text": "a", "label": []}, {}, ("a", [])),
        ({"text": "a", "label": None}, {}, ("a", [])),
        ({"text": "a", "label": ""}, {}, ("a", [])),
        ({"text": "a", "label": "p, q"}, {"label_separator": ","}, ("a", ["p", "q"])),
        ({"text": "a", "label": ["p,q"]}, {"label_separator": ","}, ("a", ["p,q"])),
        ({"text": "a", "label": "D:x"}, {"label_until": ":"}, ("a", ["D"])),
        ({"text": "", "label": "p"}, {}, ("", ["p"])),
        ({"text": "🙂\u2028\0\n", "label": "é"}, {}, ("🙂\u2028\0\n", ["é"])),
    ],
)
@pytest.mark.parametrize("ascii", [True, False])
def test_keys_and_values(
    read: Any, record: dict[str, Any], options: dict[str, str], expected: tuple[Any, ...], ascii: bool
) -> None:
    (e,) = read("jsonl", json.dumps(record, ensure_ascii=ascii) + "\n", **options)
    assert (e.text, e.labels) == expected


MISTAKES = [
    ("{}", {}, "f:1:1: the object has no 'text'", "--text KEY (a recipe: data.text) says"),
    ('{"txt": 1, "label": "p"}', {}, "f:1:1: the object has no 'text'", "did you mean 'txt'?"),
    ('{"text": "a", "lable": "p"}', {}, "f:1:1: the object has no 'label'", "did you mean 'lable'?"),
    ('{"body": "a", "label": "p"}', {"text": "bdy"}, "f:1:1: the object has no 'bdy'", "did you mean 'body'?"),
    ('{"text": "a", "kind": "p"}', {"label": "kinds"}, "f:1:1: the object has no 'kinds'", "did you mean 'kind'?"),
    (
        '{"a": "x", "b": "y", "label": "p"}',
        {},
        "f:1:1: which of 'a', 'b' is the text?",
        "say it: --text a (a recipe: data.text)",
    ),
    ('{"id": 1, "text": ["a"]}', {}, "f:1:19: 'text' holds [\"a\"], not a text", "--text KEY"),
    ('{"text": "a", "label": {"x": 1}}', {}, "f:1:24: 'label' holds {\"x\": 1}, not a label", "true or false"),
    ('{"text": "a", "label": ["p", [1]]}', {}, "f:1:30: 'label' holds [1], not a label", "a list of those"),
    ('{"text": "a",\t"label": "p\\nq"}', {}, "f:1:25: the label 'p\\nq' holds a tab or a line break", "on a line"),
    ('{"text": "\\ud800", "label": "p"}', {}, "f:1:10: the field 'text' holds half a character", "two \\u escapes"),
    ('{"text": "a", "label": "\\udc00"}', {}, "f:1:24: the field 'label' holds half a character", "two \\u escapes"),
    ('{"text": "a"', {}, "f:1:13: not a JSON object (expecting", "each line is an object"),
    ('["a"]', {}, "f:1:1: not a JSON object", "each line is an object"),
    ("text", {}, "f:1:1: not a JSON object", "each line is an object"),
    ("[" * 100_000, {}, "f:1:1: this JSON has too large a number or is nested too deeply", "each line is an object"),
    ('{"text": "a", "label": ' + "1" * 5000 + "}", {}, "f:1:1: this JSON has too large a number", "each line"),
]


@pytest.mark.parametrize(("line", "options", "message", "hint"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes_have_a_place_and_a_hint(
    read: Any, line: str, options: dict[str, str], message: str, hint: str
) -> None:
    with pytest.raises(SeqcliError) as error:
        read("jsonl", line + "\n", **options)
    assert error.value.message.startswith(message)
    assert hint in error.value.hint
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("value", ['{"x": 1}', "[[1]]", '"\\ud800"', "null"])
def test_what_is_no_label_is_none_to_a_filter(read: Any, value: str) -> None:
    assert read("jsonl", f'{{"text": "a", "label": {value}}}\n', gold=False)[0].labels is None
    assert read("jsonl", '{"text": "a"}\n', gold=False)[0].labels is None


def test_a_pair_of_surrogates_is_a_character(read: Any) -> None:
    assert read("jsonl", '{"text": "\\ud83d\\ude42", "label": "\\u00e9"}\n')[0].text == "🙂"


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(texts, st.text('ab\\"é[{,:', min_size=1), st.lists(st.sampled_from(["id", "text2", "label2"])), st.booleans())
@quick
def test_places_are_found_among_other_members(
    read: Any, text: str, label: str, others: list[str], ascii: bool
) -> None:
    record = {**{key: [text, {"text": label}] for key in others}, "text": text, "label": label}
    line = json.dumps(record, ensure_ascii=ascii)
    (e,) = read("jsonl", line + "\n")
    for place, value in ((e.place(), text), (e.place(label=True), label)):
        shown = json.dumps(value, ensure_ascii=ascii)[1:]
        assert line[int(place.split(":")[2]) - 1 :].startswith(shown)
