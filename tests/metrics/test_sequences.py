"""Edits against the table of distances and its axioms; the metrics by hand, by closed forms and by counting."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.errors import UsageError
from seqcli.metrics.sequences import Metric, distance

OFFERS = Metric.OFFERS

short = st.text("ab", max_size=12) | st.text("abcdefgh", max_size=12) | st.lists(st.integers(0, 3), max_size=90)
words = st.lists(st.sampled_from(["a", "b", "c", "dd", "é"]), max_size=6).map(" ".join)
blanks = st.text(" \t\n\u00a0\u3000", min_size=1, max_size=3)


def table(a: Sequence[object], b: Sequence[object]) -> int:
    """Wagner and Fischer 1974, row by row."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(before + (x != y), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def test_every_pair_of_short_sequences() -> None:
    every = ["".join(s) for n in range(6) for s in itertools.product("ab", repeat=n)]
    every += ["".join(s) for n in range(4) for s in itertools.product("abc", repeat=n) if "c" in s]
    for a, b in itertools.product(every, repeat=2):
        assert distance(a, b) == table(a, b), (a, b)


@given(short, short)
@settings(max_examples=examples(500))
def test_the_table_says_the_same(a: Sequence[object], b: Sequence[object]) -> None:
    assert distance(a, b) == table(a, b)


@pytest.mark.parametrize("length", [29, 30, 31, 59, 60, 61, 63, 64, 65, 127, 128, 129])
def test_lengths_around_the_words_of_a_machine(length: int) -> None:
    rng = random.Random(length)
    for other in (length - 1, length, length + 1, 2 * length):
        a, b = rng.choices("abc", k=length), rng.choices("abc", k=other)
        assert distance(a, b) == table(a, b)


def test_long_sequences_by_closed_forms() -> None:
    many = list(range(10_000))
    assert distance(many, many) == 0
    assert distance(many, [-1 - i for i in many]) == 10_000  # nothing in common
    assert distance(many, many[5_000:]) == 5_000
    assert distance(many, many[1:] + many[:1]) == 2
    assert distance(many, many[::2]) == 5_000
    assert distance(["x", *many, "y"], ["z", *many, "z"]) == 2
    spread = [-1 if i % 7 == 3 else i for i in many]  # each seventh is another
    assert distance(many, spread) == len([i for i in many if i % 7 == 3])
    assert distance("ab" * 5_000, "ba" * 5_000) == 2


def test_edits_by_hand() -> None:
    assert distance("kitten", "sitting") == 3
    assert distance("intention", "execution") == 5
    assert distance("", "") == 0
    assert distance("", "abc") == distance("abc", "") == 3
    assert distance(("a", 1, None), ["a", 2, None]) == 1  # anything that can be a key


@given(short, short, short)
def test_it_is_a_metric(a: Sequence[object], b: Sequence[object], c: Sequence[object]) -> None:
    a, b, c = list(a), list(b), list(c)
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, b) == distance(b, a) == distance(a[::-1], b[::-1])
    assert distance(a, c) <= distance(a, b) + distance(b, c)
    assert abs(len(a) - len(b)) <= distance(a, b) <= max(len(a), len(b))
    shared = sum((Counter(a) & Counter(b)).values())
    assert distance(a, b) >= max(len(a), len(b)) - shared  # tokens that no order can match
    assert distance(c + a, c + b) == distance(a + c, b + c) == distance(a, b)
    assert distance(a + b, b) == len(a)


# the metrics


def measured(*records: tuple[str, str | list[str]], unit: str = "token") -> Metric:
    metric = Metric(unit)  # type: ignore[arg-type]
    for predicted, gold in records:
        metric.update(predicted, gold)
    return metric


def test_by_hand() -> None:
    records = [
        ("a b c", "a b c"),  # right
        ("a x c d", "a b c"),  # one exchanged, one too many; two positions right
        ("b c", "a b c"),  # one left out; no position right
        ("", "a"),
    ]
    assert measured(*records).result() == {
        "exact-match": 0.25,
        "token-accuracy": 5 / 10,
        "edit-distance": (0 + 2 + 1 + 1) / 4,
        "word-error-rate": 0.75,
        "phoneme-error-rate": 4 / 10,
    }


def test_by_characters() -> None:
    found = measured(("2021-05-03", "2021-05-08"), (" a  b\n", "a b"), ("ab", "a b"), unit="character").result()
    assert found == {
        "exact-match": 1 / 3,  # a blank between words is a character, how long it is does not matter
        "token-accuracy": (9 + 3 + 1) / 16,
        "edit-distance": 2 / 3,
        "word-error-rate": 2 / 3,
        "phoneme-error-rate": 2 / 16,
    }
    assert measured(("日本", "日 本"), unit="character").edits == 1
    assert measured(("e\u0301", "é"), unit="character").edits == 2  # code points, as they are


def test_an_error_rate_may_exceed_one() -> None:
    assert measured(("a b c d", "x")).result()["phoneme-error-rate"] == 4.0


def test_any_gold_form_is_right() -> None:
    metric = measured(("a b", ["a c", "a b"]), ("a", ["x y", "a b c"]))
    assert (metric.count, metric.exact) == (2, 1)
    assert (metric.edits, metric.tokens, metric.right) == (0 + 2, 2 + 3, 2 + 1)  # of equals the longest form
    # as long and as far: the one with more right by position
    assert measured(("a b c", ["b c a", "a c b"])).right == 1


@given(words, st.lists(words, min_size=1, max_size=4), st.permutations(range(4)))
def test_the_order_of_gold_forms_does_not_matter(predicted: str, gold: list[str], order: list[int]) -> None:
    mixed = [gold[i] for i in order if i < len(gold)]
    found, again = measured((predicted, gold)), measured((predicted, [*mixed, mixed[0]]))
    assert found == again
    assert found.edits == min(table(predicted.split(), form.split()) for form in gold)
    assert found.exact == (predicted.split() in [form.split() for form in gold])
    assert measured((predicted, [*gold, predicted])).result().get("phoneme-error-rate", 0.0) == 0.0


@given(st.lists(st.tuples(words, words), max_size=8))
def test_by_counting(records: list[tuple[str, str]]) -> None:
    found = measured(*records).result()
    pairs = [(p.split(), g.split()) for p, g in records]
    tokens = sum(len(g) for _, g in pairs)
    if not records:
        assert found == {}
        return
    wrong = sum(p != g for p, g in pairs)
    edits = sum(table(p, g) for p, g in pairs)
    wanted = {
        "exact-match": 1 - wrong / len(pairs),
        "edit-distance": edits / len(pairs),
        "word-error-rate": wrong / len(pairs),
    }
    if tokens:
        right = sum(i < len(p) and p[i] == token for p, g in pairs for i, token in enumerate(g))
        wanted |= {"token-accuracy": right / tokens, "phoneme-error-rate": edits / tokens}
    assert found == pytest.approx(wanted)
    assert found.keys() <= OFFERS.keys()


@given(st.lists(words, min_size=1, max_size=4), blanks, st.sampled_from(["token", "character"]))
def test_white_space_is_normalised(texts: list[str], blank: str, unit: str) -> None:
    records = [(blank + text.replace(" ", blank) + blank, text) for text in texts]
    metric = measured(*records, unit=unit)
    assert (metric.exact, metric.edits, metric.right) == (len(texts), 0, metric.tokens)


def test_nothing_to_divide_by() -> None:
    assert Metric().result() == {}
    blank = measured((" ", "\n")).result()  # right: nothing was to be written
    assert blank == {"exact-match": 1.0, "edit-distance": 0.0, "word-error-rate": 0.0}


def test_what_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown unit 'caracter'") as error:
        Metric("caracter")  # type: ignore[arg-type]
    assert error.value.hint == "did you mean 'character'?"
    with pytest.raises(ValueError):
        Metric().update("a", [])


def test_the_two_senses_of_word_error_rate_are_told_apart() -> None:
    assert "grapheme-to-phoneme" in OFFERS["word-error-rate"].meaning
    assert "any counts" in OFFERS["word-error-rate"].meaning
    assert "what speech recognition calls word error rate" in OFFERS["phoneme-error-rate"].meaning
    assert [name for name, offer in OFFERS.items() if offer.more_is_better] == ["exact-match", "token-accuracy"]


@given(st.lists(st.tuples(words, st.lists(words, min_size=1, max_size=3)), min_size=1, max_size=5))
@settings(max_examples=examples(50))
def test_sums_of_contributions_give_the_same(records: list[tuple[str, list[str]]]) -> None:
    metric = Metric()
    for predicted, gold in records:
        metric.update(predicted, gold)
    for name, value in metric.result().items():
        rows = metric.contributions(name, [p for p, _ in records], [gold for _, gold in records])
        assert metric.of_sums(name, rows.sum(axis=0, keepdims=True))[0] == pytest.approx(value)
