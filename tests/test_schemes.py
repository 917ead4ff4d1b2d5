"""Span schemes: conversions return, limits are what brute force finds, and seqeval reads the same spans."""

from __future__ import annotations

import os
import re
import warnings
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli import schemes
from seqcli.errors import UsageError
from seqcli.schemes import (
    SCHEMES,
    Span,
    continues,
    convert,
    divide,
    limits,
    recognise,
    spans,
    strict_spans,
    violations,
)

IOBES = ["O", *(f"{prefix}-{label}" for prefix in "BIES" for label in "XY")]
ALPHABET = {"iob1": [t for t in IOBES if t[0] in "OBI"], "iob2": [t for t in IOBES if t[0] in "OBI"], "iobes": IOBES}
any_tags = st.lists(st.sampled_from(IOBES), max_size=12)


@st.composite
def some_spans(draw: st.DrawFn) -> tuple[int, list[Span]]:
    """A length and spans that do not overlap, often next to each other."""
    found, end = [], 0
    for gap, length, label in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(["X", "Y", "a-b"])), max_size=5)
    ):
        found.append(Span(end + gap, end + gap + length, label))
        end += gap + length
    return end + draw(st.integers(0, 2)), found


def written(length: int, found: list[Span], scheme: str) -> list[str]:
    """Tags from spans, straight from the table of the schemes."""
    tags = ["O"] * length
    for span in found:
        for i in range(span.start, span.end):
            first, last = i == span.start, i == span.end - 1
            if scheme == "iobes":
                prefix = "S" if first and last else "B" if first else "E" if last else "I"
            elif scheme == "iob2":
                prefix = "B" if first else "I"
            else:
                before = any(other.end == span.start and other.label == span.label for other in found)
                prefix = "B" if first and before else "I"
            tags[i] = f"{prefix}-{span.label}"
    return tags


@pytest.mark.parametrize(
    ("tag", "parts"),
    [
        ("B-NP", ("B", "NP")),
        ("I-a-b", ("I", "a-b")),
        ("S-", ("", "S-")),
        ("O", ("O", "")),
        ("B", ("B", "")),
        ("U-é ü", ("U", "é ü")),
        ("B--", ("B", "-")),
        ("NOUN", ("", "NOUN")),
        ("BIG", ("", "BIG")),
        ("X-NP", ("", "X-NP")),
        ("O-X", ("", "O-X")),
        ("b-NP", ("", "b-NP")),
        ("", ("", "")),
        (".", ("", ".")),
    ],
)
def test_a_tag_is_divided(tag: str, parts: tuple[str, str]) -> None:
    assert divide(tag) == parts


@given(some_spans(), st.sampled_from(SCHEMES), st.sampled_from(SCHEMES))
def test_every_scheme_writes_the_spans_and_reads_them_back(case: tuple[int, list[Span]], one: str, two: str) -> None:
    length, found = case
    tags = written(length, found, one)
    assert spans(tags) == strict_spans(tags, one) == found
    assert convert(tags, one, two) == written(length, found, two)
    assert violations([tags], one) == 0
    assert recognise([tags]) == (one if found else None)
    assert all(violations([tags], other) for other in SCHEMES if other != one and found)


@given(any_tags, st.sampled_from(SCHEMES))
def test_conversion_puts_any_tags_right_and_keeps_their_spans(tags: list[str], scheme: str) -> None:
    right = convert(tags, scheme, scheme)
    assert spans(right) == strict_spans(right, scheme) == spans(tags)
    assert violations([right], scheme) == 0
    assert convert(right, scheme, scheme) == right


@given(some_spans(), st.sampled_from([("L", "U", "I"), ("E", "W", "M"), ("E", "S", "M")]))
def test_other_letters_are_iobes(case: tuple[int, list[Span]], letters: tuple[str, str, str]) -> None:
    length, found = case
    tags = written(length, found, "iobes")
    other = ["".join(dict(zip("ESI", letters, strict=True)).get(t[0], t[0])) + t[1:] for t in tags]
    assert spans(other) == strict_spans(other, "iobes") == found
    assert recognise([other]) in (schemes.LETTERS if found else (None,))
    assert convert(other, "iobes", "iobes") == tags


@pytest.mark.parametrize("scheme", [*dict.fromkeys((*SCHEMES, *schemes.LETTERS))])
@given(case=some_spans(), tags=any_tags)
def test_every_name_is_written_read_and_recognised(
    scheme: str, case: tuple[int, list[Span]], tags: list[str]
) -> None:
    length, found = case
    own = convert(written(length, found, "iob2"), "iob2", scheme)
    assert {tag[0] for tag in own} <= {"O", *schemes.LETTERS.get(scheme, "BI")}
    assert spans(own) == strict_spans(own, scheme) == found
    assert violations([own], scheme) == 0
    assert convert(own, scheme, "iob2") == written(length, found, "iob2")
    assert convert(own, "iobes", scheme) == convert(own, scheme, scheme) == own
    assert spans(convert(tags, scheme, scheme)) == spans(tags)
    sure = convert(["B-X", "I-X", "I-X", "O", "B-X", "B-X", "I-X"], "iob2", scheme)
    assert recognise([sure] * 8 + [own]) == scheme
    if scheme in schemes.LETTERS:
        assert [schemes.in_letters(tag, scheme) for tag in convert(own, scheme, "iobes")] == own
        assert [schemes.in_letters(tag, scheme) for tag in ("NOUN", "O")] == ["NOUN", "O"]


def test_tags_without_a_label_are_spans_of_one_kind() -> None:
    assert spans(["B", "I", "O", "B", "B"]) == [Span(0, 2, ""), Span(3, 4, ""), Span(4, 5, "")]
    assert recognise([["B", "I", "O", "B", "B"]]) == "iob2"
    assert convert(["B", "M", "E", "S"], "iobes", "iob2") == ["B", "I", "I", "B"]  # Chinese words, by character


def test_what_marks_no_span_stays() -> None:
    assert convert(["NOUN", "B-X", "E-X", "-"], "iobes", "iob2") == ["NOUN", "B-X", "I-X", "-"]
    assert spans(["NOUN", "I-X", "."]) == [Span(1, 2, "X")]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O I-X O", [(1, 2, "X")]),
        ("B-X I-Y I-Y", [(0, 1, "X"), (1, 3, "Y")]),
        ("I-X B-X", [(0, 1, "X"), (1, 2, "X")]),
        ("E-X E-X", [(0, 1, "X"), (1, 2, "X")]),
        ("I-X E-X I-X", [(0, 2, "X"), (2, 3, "X")]),
        ("B-X S-X I-X", [(0, 1, "X"), (1, 2, "X"), (2, 3, "X")]),
        ("B-X E-Y", [(0, 1, "X"), (1, 2, "Y")]),
        ("", []),
        ("O O", []),
    ],
)
def test_the_lenient_reading_by_hand(tags: str, found: list[tuple[int, int, str]]) -> None:
    assert spans(tags.split()) == found


@pytest.mark.parametrize(
    ("scheme", "tags", "found"),
    [
        ("iob2", "O I-X B-Y I-X B-Y I-Y", [(2, 3, "Y"), (4, 6, "Y")]),
        ("iob2", "S-X B-X E-X", [(1, 2, "X")]),
        ("iobes", "B-X I-X O S-X B-X E-X E-X", [(3, 4, "X"), (4, 6, "X")]),
        ("iobes", "B-X B-X E-X I-Y E-Y", [(1, 3, "X")]),
        ("iobes", "B-X I-Y E-X S-Y I-Y", [(3, 4, "Y")]),
        ("iob1", "I-X B-X I-X O B-Y I-Y B-Y", [(0, 1, "X"), (1, 3, "X"), (6, 7, "Y")]),
    ],
)
def test_the_strict_reading_by_hand(scheme: str, tags: str, found: list[tuple[int, int, str]]) -> None:
    assert strict_spans(tags.split(), scheme) == found


# One letter a tag (lower case: label Y, upper case: X), so that a regular expression can say what is valid.
VALID = {
    "iob2": re.compile(r"(o|Bi*|Dj*)*"),
    "iobes": re.compile(r"(o|Bi*e|Dj*f|s|t)*"),
    # B only right after a tag inside with its own label
    "iob1": re.compile(r"(?:o|i|j|(?<=[iB])B|(?<=[jD])D)*"),
}
LETTERS = dict(zip(["O", "B-X", "I-X", "E-X", "S-X", "B-Y", "I-Y", "E-Y", "S-Y"], "oBiesDjft", strict=True))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_limits_allow_what_a_regular_expression_of_the_scheme_matches(scheme: str) -> None:
    labels = ALPHABET[scheme]
    start, transitions, end = limits(labels, scheme)
    assert start.dtype == transitions.dtype == end.dtype == bool
    for length in range(1, 5 if scheme == "iobes" else 6):
        for path in product(range(len(labels)), repeat=length):
            steps = all(transitions[a, b] for a, b in pairwise(path))
            allowed = bool(start[path[0]] and steps and end[path[-1]])
            assert allowed == bool(VALID[scheme].fullmatch("".join(LETTERS[labels[i]] for i in path)))
            if length < 4:
                tags = [labels[i] for i in path]
                assert allowed == (violations([tags], scheme) == 0)
                assert not allowed or strict_spans(tags, scheme) == spans(tags)


def test_a_tag_of_another_scheme_is_allowed_nowhere_and_one_without_prefix_everywhere_outside() -> None:
    start, transitions, end = limits(["O", "S-X", "B-X", "I-X", "NOUN"], "iob2")
    assert start.tolist() == [True, False, True, False, True]
    assert end.tolist() == [True, False, True, True, True]
    assert not transitions[1].any()
    assert not transitions[:, 1].any()
    assert (transitions[0] == transitions[4]).all()
    assert (transitions[:, 0] == transitions[:, 4]).all()


def test_limits_of_no_labels() -> None:
    assert [part.shape for part in limits([], "iob2")] == [(0,), (0, 0), (0,)]
    assert continues([], "iobes").shape == (0, 0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_continues_is_where_the_reading_goes_on_with_a_span(scheme: str) -> None:
    labels = ALPHABET[scheme]
    goes_on, (_, transitions, _) = continues(labels, scheme), limits(labels, scheme)
    for a, b in product(range(len(labels)), repeat=2):
        one = any(span.start == 0 and span.end == 2 for span in spans([labels[a], labels[b]]))
        assert goes_on[a, b] == (one and transitions[a, b])
    # what follows a B or I within the scheme and carries on: I in all schemes, E in iobes
    table = {(labels[a], labels[b]) for a, b in np.argwhere(goes_on)}
    ends = "IE" if scheme == "iobes" else "I"
    assert table == {(f"{p}-{x}", f"{q}-{x}") for p in "BI" for q in ends for x in "XY"}


def test_what_the_scheme_does_not_allow_continues_nothing() -> None:
    table = {(IOBES[a], IOBES[b]) for a, b in np.argwhere(continues(IOBES, "iob2"))}
    assert table == {(f"{p}-{x}", f"I-{x}") for p in "BI" for x in "XY"}


class TestRecognition:
    @pytest.mark.parametrize(
        ("sequences", "scheme"),
        [
            ([], None),
            ([[]], None),
            ([["O", "O"]], None),
            ([["DET", "NOUN", "VERB"]], None),
            ([["N", "I", "S", "V", "A"]], None),  # a tag set with an `I` and an `S` of its own
            ([["NN-HL", "NN"]], None),
            ([["I-X", "O"]], "iob1"),
            ([["I-X", "B-X"], ["I-Y", "I-X"]], "iob1"),
            ([["B-X", "O"], ["O", "B-X", "I-X"]], "iob2"),
            ([["S-X"]], "iobes"),
            ([["B-X", "E-X"]], "iobes"),
            ([["B-X", "L-X", "U-Y"]], "bilou"),
            ([["B-X", "M-X", "E-X", "W-Y"]], "bmewo"),
            ([["B", "M", "E", "S", "B", "E"]], "bmes"),
            ([["B-X", "M-X", "E-X"]], "bmes"),  # of two equally good ones the first
        ],
    )
    def test_by_hand(self, sequences: list[list[str]], scheme: str | None) -> None:
        assert recognise(sequences) == scheme

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_a_few_slips_do_not_change_the_scheme(self, scheme: str) -> None:
        rng = np.random.default_rng(1)
        sequences = [written(9, [Span(1, 3, "X"), Span(3, 4, "X"), Span(6, 9, "Y")], scheme) for _ in range(50)]
        alphabet = [*ALPHABET[scheme], "NOUN"]
        for _ in range(25):  # one tag in eighteen
            sequences[rng.integers(50)][rng.integers(9)] = alphabet[rng.integers(len(alphabet))]
        assert violations(sequences, scheme) > 0
        assert recognise(sequences) == scheme

    def test_it_takes_a_stream_once(self) -> None:
        assert recognise(iter([["B-X"], ["O"]])) == "iob2"
        assert recognise(tags for tags in [("I-X",), ("O",)]) == "iob1"


def test_an_unknown_scheme_is_a_usage_error() -> None:
    for call in (
        lambda: convert([], "iob", "iob2"),
        lambda: convert([], "iob2", "bioes"),
        lambda: limits([], "bio"),
        lambda: strict_spans([], "IOB2"),
        lambda: violations([], "x"),
    ):
        with pytest.raises(UsageError, match="unknown span scheme"):
            call()
    with pytest.raises(UsageError) as error:
        convert([], "iob-2", "iob2")
    assert error.value.hint == "did you mean 'iob2'?"


class TestAgainstSeqeval:
    """Where seqeval's own rules make sense; where they do not is said at each exception."""

    def random(self, scheme: str, n: int = 4000) -> list[list[str]]:
        rng = np.random.default_rng(len(scheme) + n)
        alphabet = np.array(ALPHABET[scheme])
        return [alphabet[rng.integers(0, len(alphabet), rng.integers(0, 9))].tolist() for _ in range(n)]

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_lenient_spans_of_any_tags(self, scheme: str) -> None:
        labeling = pytest.importorskip("seqeval.metrics.sequence_labeling", reason="seqeval is not installed")
        for tags in self.random(scheme):
            theirs = [Span(start, end + 1, label) for label, start, end in labeling.get_entities(tags)]
            assert spans(tags) == theirs, tags

    @pytest.mark.parametrize("scheme", ["iob2", "iobes"])
    def test_strict_spans_of_any_tags(self, scheme: str) -> None:
        module = pytest.importorskip("seqeval.scheme", reason="seqeval is not installed")
        for tags in self.random(scheme):
            assert strict_spans(tags, scheme) == self.strict(
                module, tags, module.IOB2 if scheme == "iob2" else module.IOBES
            )

    def test_strict_spans_of_iob1(self) -> None:
        """Where no B is out of place. After one that is, seqeval begins a span at the I after a B (`O B-X I-X` gives
        the I alone), and drops the span before a B of another label (`B-X B-Y`, if the first was in place)."""
        module = pytest.importorskip("seqeval.scheme", reason="seqeval is not installed")
        compared = 0
        for tags in self.random("iob1", 20_000):
            if violations([tags], "iob1") == 0:
                assert strict_spans(tags, "iob1") == self.strict(module, tags, module.IOB1)
                compared += len(tags) > 3
        assert compared > 1000

    def strict(self, module, tags: list[str], scheme) -> list[Span]:  # type: ignore[no-untyped-def]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [Span(found.start, found.end, found.tag) for found in module.Tokens(tags, scheme).entities]


@pytest.mark.skipif("SEQCLI_DATA" not in os.environ, reason="SEQCLI_DATA names no folder of data sets")
@pytest.mark.parametrize(("part", "phrases", "tokens"), [("train", 106_978, 211_727), ("test", 23_852, 47_377)])
def test_the_phrases_of_conll_2000(part: str, phrases: int, tokens: int) -> None:
    """The counts that the shared task's own script prints."""
    text = Path(os.environ["SEQCLI_DATA"], "conll2000", f"{part}.txt").read_text(encoding="utf-8")
    sentences = [[line.split()[-1] for line in block.splitlines()] for block in text.strip().split("\n\n")]
    assert sum(map(len, sentences)) == tokens
    assert recognise(sentences) == "iob2"
    assert violations(sentences, "iob2") == 0
    for scheme in SCHEMES:
        tags = [convert(sentence, "iob2", scheme) for sentence in sentences]
        assert recognise(tags) == scheme
        assert sum(len(strict_spans(sentence, scheme)) for sentence in tags) == phrases


def test_the_names_are_those_of_recipes() -> None:
    assert set(schemes.SCHEMES) == {"iob1", "iob2", "iobes"}
