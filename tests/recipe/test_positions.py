"""YAML with positions: the core schema's values, lines of every key, and no text that it raises for."""

from __future__ import annotations

import json
import string

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.recipe.positions import MOST, Keys, dotted, parse

PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn", "Co")), max_size=12)
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PLAIN, inner, max_size=4),
    max_leaves=12,
)


def problems(text: str) -> list[str]:
    return [str(p) for p in parse(text, "x.yaml").problems]


@given(JSON)
def test_json_is_yaml(value):
    """JSON is a part of YAML 1.2: the json module is the oracle."""
    read = parse(json.dumps(value, ensure_ascii=False), "x")
    assert read.problems == []
    assert read.value == value
    assert json.dumps(read.value) == json.dumps(value)  # 1 is not 1.0 and not true


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("4e-3", 4e-3), ("1E5", 1e5), ("1.", 1.0), (".5", 0.5), ("-1.5e+3", -1500.0),
        ("12", 12), ("+12", 12), ("012", 12), ("0o17", 15), ("0x1F", 31), ("-7", -7),
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("n", "n"),
        ("true", True), ("False", False), ("tRUE", "tRUE"), ("~", None), ("null", None), ("", None),
        ("12:30", "12:30"), ("1_000", "1_000"), ("2020-01-01", "2020-01-01"), ("1e", "1e"), ("e5", "e5"),
        ("'1'", "1"), ('"true"', "true"), ("=", "="), ("!!str 5", "5"), ("!!float 3", 3.0), ("1.2.3", "1.2.3"),
    ],
)  # fmt: skip
def test_scalars(text, value):
    read = parse(f"key: {text}", "x")
    assert read.problems == []
    assert read.value == {"key": value}
    assert type(read.value["key"]) is type(value)


@st.composite
def blocks(draw) -> tuple[str, dict[Keys, int]]:
    """A block-style document, and the line of every key, counted while it is written."""
    lines: list[str] = []
    at: dict[Keys, int] = {}

    def write(keys: Keys, depth: int) -> None:
        for name in draw(st.lists(st.text(string.ascii_lowercase, min_size=1), min_size=1, max_size=3, unique=True)):
            lines.extend(["", "# a comment: not a key"][: draw(st.integers(0, 2))])
            nested = depth < 3 and draw(st.booleans())
            lines.append(f"{'  ' * depth}'{name}':" + ("" if nested else " 1  # one"))
            at[(*keys, name)] = len(lines)
            if nested:
                write((*keys, name), depth + 1)

    write((), 0)
    return "\n".join(lines), at


@given(blocks(), st.sampled_from(["\n", "\r\n"]))
def test_lines_of_keys(document, end):
    text, at = document
    read = parse(text.replace("\n", end), "f.yaml")
    assert read.problems == []
    assert {keys: read.place(keys).where for keys in at} == {keys: f"f.yaml:{n}" for keys, n in at.items()}


def test_a_place_that_is_missing_is_that_of_what_is_around_it():
    read = parse("a:\n  b: 1\n", "x")
    assert read.place(("a", "zzz", 3)).where == "x:1"
    assert read.place(("a", "b", "c")).where == "x:2"
    assert read.place(("nowhere",)).where == "x:1"


def test_duplicates_name_the_first_line_and_keep_its_value():
    read = parse("a: 1\nb: {x: 1, x: 2}\na: 2\na: 3", "x.yaml")
    assert read.value == {"a": 1, "b": {"x": 1}}
    assert [str(p) for p in read.problems] == [
        "x.yaml:2: b.x: duplicate key (first on line 2)",
        "x.yaml:3: a: duplicate key (first on line 1)",
        "x.yaml:4: a: duplicate key (first on line 1)",
    ]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a: 1\n\tb: 2", "2:1", "tab"),
        ("a: [1, 2\nb: 3", "1:4", "bracket"),
        ("a: {x: 1", "1:4", "bracket"),
        ("a: 'x\nb: 3\n", "1:4", "never closed"),
        ("a: b: c", "1:5", "second ':'"),
        ("a: 1\nfoo\nb: 2", "2:1", "neither"),
        (" a: 1\nb: 2", "2:1", "indented"),
        ("a: @x", "1:4", "quote it"),
        ("a: *x", "1:4", "'x'"),
        ("a: &x 1\nb: &x 2", "2:4", "duplicate anchor 'x'"),
        ("a: 1\n---\nb: 2", "2:1", "second document"),
        ("a: 1\nb: \x07", "2:4", "U+0007"),
        ("a: - b", "1:4", "list item"),
        ('a: "\\q"', "1:6", "escape"),
        ("}", "1:1", "missing"),
        ("%YAML 9.0\n---\na: 1", "1:1", "version"),
    ],
)
def test_syntax_errors_are_one_line_with_line_and_column(text, where, what):
    (said,) = problems(text)
    assert said.startswith(f"x.yaml:{where}: ")
    assert what in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: .inf", "finite"), ("a: .NaN", "finite"), ("a: -.Inf", "finite"), ("a: 1e999", "finite"),
        ("a: " + "9" * 5000, "5000 digits"), ("a: 0x" + "f" * 5000, "5002 digits"),
        ("a: !!python/object/apply:os.system [x]", "!!python/object/apply:os.system"), ("a: !foo {}", "!foo"),
        ("a: !!int x", "!!int"), ("a: !!set {x}", "!!set"), ("a: !!binary aGk=", "!!binary"),
        ("a: !!timestamp 2020-01-01", "!!timestamp"), ('a: "\\ud800"', "surrogate"),
        ("[a]: 1", "must be a word"), ("a: {<<: 5}", "must be a mapping"), ("[" * 5000, "too deeply"),
        ("a: &a [*a]", "alias"), ("a: &a {<<: *a}", "alias"), ("#" * 300_000, "too long"),
    ],
)  # fmt: skip
def test_values_that_have_no_place(text, what):
    (said,) = problems(text)
    assert said.startswith("x.yaml:1: ")
    assert what in said


def test_a_billion_laughs():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    (said,) = problems("\n".join(lines))
    assert f"{MOST:,} values" in said
    merges = ["a0: &a0 {k0: 1}"]
    merges += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], k{n}: 1}}" for n in range(1, 30)]
    (said,) = problems("\n".join(merges))
    assert f"{MOST:,} values" in said


def test_aliases_and_merges():
    text = "base: &b {p: 1, q: 2}\none: *b\ntwo:\n  <<: *b\n  q: 3\nthree: {<<: [{p: 7}, *b], r: 8}\n"
    read = parse(text, "x")
    assert read.problems == []
    assert read.value == yaml.safe_load(text)
    assert read.place(("two", "q")).where == "x:5"
    assert read.place(("two", "p")).where == "x:1"  # where it was written
    assert read.value["one"] is not read.value["base"]  # a change of one changes nothing else


@settings(max_examples=examples(300))
@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`#,?<~.01e \n\t\x85\x00é", max_size=40))
def test_nothing_raises(text):
    read = parse(text, "x")
    for problem in read.problems:
        assert "\n" not in str(problem)
        assert str(problem).startswith("x:")


@given(st.text(max_size=60))
def test_no_text_raises(text):
    parse(text, "x")


def test_dotted():
    assert dotted(("data", "train", 0)) == "data.train[0]"
    assert dotted(()) == ""
