"""Bins: values come back within their bin, series are told apart, and what is no number is named with its place."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import streams
from seqcli.datasets.tokens import encode_chunk
from seqcli.errors import SeqcliError
from seqcli.streams import Chunk
from seqcli.tokenizers.bins import Config, NoNumber, Tokenizer

QUICK = settings(max_examples=examples(100), deadline=None)
VALUES = st.floats(-1e6, 1e6, allow_nan=False)


def learnt(text: str, **how: object) -> Tokenizer:
    return Tokenizer.learn([text], Config(**how))  # type: ignore[arg-type]


@QUICK
@given(st.lists(VALUES, min_size=2, max_size=80), st.integers(2, 600), st.sampled_from(["uniform", "quantiles"]))
def test_a_value_comes_back_within_its_bin(values: list[float], size: int, edges: str):
    text = " ".join(map(repr, values)) + "\n"
    tokenizer = learnt(text, size=size, edges=edges)
    ids = tokenizer.encode(text)
    assert ids[-1] == 0
    assert np.array_equal(tokenizer.encode(tokenizer.decode(ids)), ids)
    shown = tokenizer.values(tokenizer.decode(ids))[:-1]
    inside = (tokenizer.edges[0] <= values) & (values <= tokenizer.edges[-1])
    widths = np.diff(tokenizer.edges)[ids[:-1] - 1]
    slack = 1e-9 * np.abs(tokenizer.edges).max()
    assert (np.abs(shown - values) <= widths + slack)[inside].all()


@QUICK
@given(st.lists(st.integers(0, 100), min_size=5, max_size=200), st.integers(2, 64))
def test_a_bin_is_the_mean_of_its_training_values(values: list[int], size: int):
    text = " ".join(map(str, values))
    tokenizer = learnt(text, size=size)
    ids = tokenizer.encode(text)
    for id in set(ids.tolist()):
        own = np.array(values)[ids == id]
        assert tokenizer.means[id - 1] == pytest.approx(own.mean())
        middle = tokenizer.edges[id - 1 : id + 1].mean()
        assert np.abs(own - middle).max() <= np.diff(tokenizer.edges)[id - 1] / 2 + 1e-9 or id in (1, size)


def test_values_beyond_the_edges_are_in_the_outermost_bins_and_told():
    tokenizer = learnt("0 1 2 3 4 5", size=5)
    ids, beyond = tokenizer.read("-7 0.5 5 5.1\n1e150")
    assert ids.tolist() == [1, 1, 5, 5, 0, 5]
    assert beyond == [(0, "-7"), (9, "5.1"), (13, "1e150")]


def test_outliers_do_not_widen_the_bins():
    text = " ".join(map(str, [*np.linspace(0, 1, 1000).tolist(), 1e9, -1e9]))
    edges = learnt(text, size=10).edges
    assert -1.1 < edges[0] <= 0
    assert 1 <= edges[-1] < 2.1
    assert learnt(text, size=4, range=(0, 2)).edges.tolist() == [0, 0.5, 1, 1.5, 2]


def test_quantiles_are_as_full():
    values = np.exp(np.random.default_rng(1).normal(size=1000))
    tokenizer = learnt(" ".join(map(str, values)), size=10, edges="quantiles")
    counts = np.bincount(tokenizer.ids(values))[1:]
    assert counts.min() >= 99
    assert counts.max() <= 101


@pytest.mark.parametrize(
    ("text", "between", "ends"),
    [
        ("1 2 3\n4 5\n", " ", "line"),
        ("1, 2, 3\n4, 5\n", ", ", "line"),
        ("1,2\r\n4,5\r\n", ",", "line"),
        ("1\t2", "\t", "line"),
        ("1\n2\n\n3\n4\n", "\n", "blank"),
        ("7", " ", "line"),
    ],
)
def test_a_series_is_written_as_the_training_text_is(text: str, between: str, ends: str):
    tokenizer = learnt(text, size=9)
    assert (tokenizer.between, tokenizer.ends) == (between, ends)
    assert tokenizer.decode(tokenizer.encode(text)) == text.replace("\r", "").removesuffix("\n" * (ends == "blank"))


def test_what_ends_a_series_can_be_said():
    wrapped = "1 2 3\n4 5 6\n\n7 8 9\n"
    assert learnt(wrapped).encode(wrapped).tolist().count(0) == 4
    tokenizer = learnt(wrapped, ends="blank")
    assert np.flatnonzero(tokenizer.encode(wrapped) == 0).tolist() == [6]
    assert tokenizer.decode(tokenizer.encode(wrapped)) == "1 2 3 4 5 6\n\n7 8 9"


def test_values_have_the_digits_of_the_training_text():
    assert learnt("10 11 12 13", size=100).shown[1] == "10"
    assert learnt("0.25 0.5 0.75", size=3).shown[1:] == ["0.25", "0.50", "0.75"]
    assert "1.2345678" not in learnt("0 1.23456789 9", size=10).shown


@pytest.mark.parametrize(
    "text", ["5 5 5", "1e-300 2e-300", "1e150 -1e150", "0", "-0.0 0.0", "1e16 1.0000000000000002e16"]
)
def test_odd_series_are_learnt(text: str):
    tokenizer = learnt(text, size=16)
    ids = tokenizer.encode(text)
    assert np.array_equal(tokenizer.encode(tokenizer.decode(ids)), ids)
    assert len(set(tokenizer.shown)) == tokenizer.size


@pytest.mark.parametrize(
    ("text", "offset", "said"),
    [
        ("1 2\n3 x 4\n", 6, "'x' is not a number"),
        ("1 nan", 2, "not a finite number"),
        ("-inf", 0, "not a finite number"),
        ("1 1e999", 2, "too large a number"),
        ("1_0", 0, "is not a number"),
        ("1 ٣", 2, "is not a number"),
        ("0x10", 0, "is not a number"),
        ("1,,2", 2, "no value between two commas"),
        ("1, ,2", 3, "no value between two commas"),
        ("1.2.3", 0, "is not a number"),
        ("date,value\n", 0, "is not a number"),
    ],
)
def test_what_is_no_number_is_named(text: str, offset: int, said: str):
    tokenizer = learnt("1 2 3", size=4)
    for read in (tokenizer.encode, tokenizer.read, tokenizer.offsets):
        with pytest.raises(NoNumber, match=said) as caught:
            read(text)
        assert caught.value.offset == offset
    with pytest.raises(SeqcliError, match=rf"^f:\d+:\d+: .*{said}"):
        encode_chunk(Chunk(text, "f", 1), tokenizer)


def test_a_text_without_numbers_is_refused():
    with pytest.raises(SeqcliError, match="no number"):
        learnt("the cat sat")


@pytest.mark.parametrize("mark", [" ", ",", "\n"])
def test_a_long_line_is_cut_between_values(mark: str, monkeypatch: pytest.MonkeyPatch, tmp_path):
    values = np.random.default_rng(2).normal(size=2000)
    text = mark.join(f"{x:.6f}" for x in values)
    path = tmp_path / "series.txt"
    path.write_text(text)
    tokenizer = learnt(text, size=300)
    for longest, size in itertools.product((64, 1000), (7, 100)):
        monkeypatch.setattr(streams, "LONGEST", longest)
        with path.open("rb") as file:
            chunks = list(streams.read_chunks(file, "f", size=size, cut_long_lines=True))
        assert len(chunks) > 10
        found = np.concatenate([tokenizer.encode(chunk.text) for chunk in chunks])
        assert np.array_equal(found, tokenizer.encode(text))


def test_the_configuration_is_checked():
    for wrong in ({"range": (1, 0)}, {"range": (0, math.inf)}, {"range": (0, 1), "edges": "quantiles"}, {"size": 1}):
        with pytest.raises(ValueError, match=r"range|size"):
            Config(**wrong)  # type: ignore[arg-type]
