"""Words: against plain Python, on Penn Treebank, and what becomes of rare and marked words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from seqcli.errors import UsageError
from seqcli.tokenizers import restore
from seqcli.tokenizers.word import Config, Free, Tokenizer

TEXT = st.text(st.sampled_from("ab ABc\n\t.,'<unk>é\u2028"))


@given(st.lists(TEXT, max_size=4), st.integers(1, 3), st.one_of(st.none(), st.integers(2, 6)))
def test_the_vocabulary_against_plain_python(texts: list[str], least: int, size: int | None):
    counts = Counter(word for text in texts for word in text.split())
    counts.pop("<unk>", None)
    ordered = sorted((w for w in counts if counts[w] >= least), key=lambda w: (-counts[w], w))
    tokenizer = Tokenizer.learn(texts, Config(min_count=least, size=size))
    expected = ["<unk>", "<eos>", *ordered]
    assert list(tokenizer.vocabulary()) == (expected if size is None else expected[:size])


@given(TEXT, TEXT)
def test_encoding_against_plain_python(learned: str, text: str):
    tokenizer = Tokenizer.learn([learned], Config())
    index = {w: i for i, w in enumerate(tokenizer.vocabulary())}
    expected = []
    for i, line in enumerate(text.split("\n")):
        expected += ([1] if i else []) + [index.get(w, 0) for w in line.split()]
    assert tokenizer.encode(text).tolist() == expected


def test_penn_treebank_is_its_words_and_one_eos_a_line(data_folder: Path):
    files = {split: (data_folder / f"ptb/ptb.{split}.txt").read_text() for split in ("train", "valid", "test")}
    tokenizer = Tokenizer.learn([files["train"]], Config())
    assert tokenizer.size == 10_000  # with <unk> and <eos>: the published vocabulary
    tokens = {split: len(tokenizer.encode(text)) for split, text in files.items()}
    assert tokens == {"train": 929_589, "valid": 73_760, "test": 82_430}
    assert int((tokenizer.encode(files["test"]) == tokenizer.newline_id).sum()) == files["test"].count("\n")
    assert int((tokenizer.encode(files["test"]) == 0).sum()) == files["test"].split().count("<unk>")


def test_lines_are_joined_by_single_spaces():
    tokenizer = Tokenizer(["no", "it", "was"])
    ids = tokenizer.encode(" no it was \n\n  it\t was")
    assert ids.tolist() == [2, 3, 4, 1, 1, 3, 4]
    assert tokenizer.decode(ids) == "no it was\n\nit was"


def test_the_names_of_special_symbols_are_unknown_words():
    tokenizer = Tokenizer.learn(["<eos> a <unk> a b"], Config())
    assert tokenizer.words == ["a", "b"]
    assert tokenizer.encode("<eos> <unk> a zzz\n").tolist() == [0, 0, 2, 0, 1]


def test_lowercase():
    tokenizer = Tokenizer.learn(["The the CAT İx"], Config(lowercase=True))
    assert tokenizer.words == ["the", "cat", "i̇x"]
    assert tokenizer.pieces("tHe Cat İX") == ["the", "cat", "i̇x"]
    assert tokenizer.offsets("tHe Cat İX") == [(0, 3), (4, 7), (8, 10)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's (a) test-case, <unk>!", ["It", "'", "s", "(", "a", ")", "test", "-", "case", ",", "<unk>", "!"]),
        ("a<unk>b < unk >", ["a", "<unk>", "b", "<", "unk", ">"]),
        ("3.50€ e\u0301té हिन्दी।", ["3", ".", "50", "€", "e\u0301té", "हिन्दी", "।"]),
        ("“x”…\ny", ["“", "x", "”", "…", "<eos>", "y"]),
    ],
)
def test_punctuation_is_words_of_its_own(text: str, words: list[str]):
    tokenizer = Tokenizer.learn([text], Config(split="punctuation"))
    assert tokenizer.pieces(text) == words
    spans = [text[start:end] for start, end in tokenizer.offsets(text)]
    assert spans == [w.replace("<eos>", "\n") for w in words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "I can't, <unk> .\n\nE.g. 3.50€.",
            ["I", "ca", "n't", ",", "<unk>", ".", "<eos>", "<eos>", "E.g.", "3.50", "€", "."],
        ),
        ("", []),
        ("\n", ["<eos>"]),
    ],
)
def test_the_rule_finds_words_as_taggers_do(text: str, words: list[str]):
    tokenizer = Tokenizer.learn([text], Config(split="rule"))
    assert tokenizer.pieces(text) == words
    again = restore(tokenizer.header(), tokenizer.arrays())
    assert again.pieces(text) == words


@pytest.mark.parametrize("split", ["punctuation", "rule"])
@given(text=st.text(st.characters(exclude_categories=["Cs"])), lowercase=st.booleans())
def test_offsets_are_those_of_the_words(split: Literal["punctuation", "rule"], text: str, lowercase: bool):
    tokenizer = Tokenizer.learn([text], Config(split=split, lowercase=lowercase))
    spans = [text[start:end] for start, end in tokenizer.offsets(text)]
    pieces = tokenizer.pieces(text)
    assert len(spans) == len(pieces)
    if not lowercase:
        assert [s for s, p in zip(spans, pieces, strict=True) if p not in (s, "<eos>", "<unk>")] == []


def test_a_large_vocabulary_is_an_array():
    small, large = Tokenizer(["a", "é"]), Tokenizer([f"wörd{i}" for i in range(20_000)])
    assert "words" in small.header()
    assert "words" not in large.header()
    again = restore(large.header(), large.arrays())
    assert np.array_equal(again.encode("wörd3 wörd19999 x"), [5, 20_001, 0])


@given(TEXT)
def test_without_a_vocabulary_no_word_is_unknown(text: str):
    shown = Free(Config()).lines(text).decode()
    assert shown == "\n".join(" ".join(line.split()) for line in text.split("\n"))
    assert Free(Config()).from_lines(shown) == shown


@given(st.lists(st.text(st.sampled_from("ab;3. \n"), max_size=12), min_size=1, max_size=3))
def test_a_mark_stands_between_words_and_is_written_between_them(texts: list[str]):
    tokenizer = Tokenizer.learn(texts, Config(split=";"))
    for text in texts:
        lines = [[w for part in line.split(";") for w in part.split()] for line in text.split("\n")]
        ids, shown = tokenizer.encode(text), "\n".join(";".join(line) for line in lines)
        assert tokenizer.decode(ids) == shown
        stream = tokenizer.stream()
        assert "".join(map(stream.push, ids.tolist())) == shown
        assert [text[a:b] for a, b in tokenizer.offsets(text)] == [
            w for i, line in enumerate(lines) for w in (["\n"] if i else []) + line
        ]
    again = restore(tokenizer.header(), tokenizer.arrays())
    assert again.pieces(";a;;b") == tokenizer.pieces("a b")


@pytest.mark.parametrize("split", ["", "whitespac", "x", " ", "<", "a;"])
def test_what_is_no_mark_divides_nothing(split: str):
    with pytest.raises(ValidationError, match="cannot split words"):
        Config(split=split)


def test_nothing_can_be_asked_of_words_with_marks_between():
    with pytest.raises(UsageError, match="split: ;"):
        Tokenizer(["a"], split=";").written()
