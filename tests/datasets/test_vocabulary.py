"""What a tagger knows: ids, what is unknown, long words, vectors, and the way through a model's file and back."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import artifact, schemes
from seqcli.characters import UNSEEN
from seqcli.datasets.vocabulary import BEGIN, END, LONGEST, MARKS, PAD, UNKNOWN, Vocabulary
from seqcli.records import Sentence

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
ANY = st.text(min_size=1, max_size=8)  # lone surrogates too: JSON lines can hold them


def of(*words: str, pos: list[str] | None = None) -> Sentence:
    return Sentence(words=list(words), features={"pos": pos} if pos else {})


DATA = [
    of("The", "cat", "sat", "2", pos=["D", "N", "V", "M"]),
    of("the", "Cat", "31", "the", pos=["D", "N", "M", "D"]),
]


@st.composite
def corpora(draw: st.DrawFn, text: st.SearchStrategy[str] = TEXT) -> list[Sentence]:
    rows = draw(st.lists(st.lists(st.tuples(text, st.sampled_from("NVD")), min_size=1, max_size=6), max_size=6))
    return [of(*(w for w, _ in row), pos=[p for _, p in row]) for row in rows]


# learning


def test_words_characters_and_values_are_ranked_by_count_then_code_point() -> None:
    own = Vocabulary.learn(DATA, [["O", "B-X"], ["I-X"]], ["pos"])
    assert own.words == ["the", "cat", "0", "00", "sat"]
    assert own.words[:2] == [w for w, _ in Counter(["the"] * 3 + ["cat"] * 2).most_common()]
    assert own.features == {"pos": ["D", "M", "N", "V"]}
    assert own.labels == ["B-X", "I-X", "O"]
    assert own.forms == {"The", "the", "cat", "Cat", "sat", "2", "31"}
    counts = Counter(c for form in own.forms for c in form)  # of different words: "the" three times tells no more
    assert own.characters == sorted(counts, key=lambda c: (-counts[c], c))


@given(corpus=corpora(), seed=st.integers(0, 99))
def test_the_order_of_the_data_does_not_matter(corpus: list[Sentence], seed: int) -> None:
    shuffled = [corpus[i] for i in np.random.default_rng(seed).permutation(len(corpus))]
    labels = [s.features["pos"] for s in corpus]
    one, other = Vocabulary.learn(corpus, labels, ["pos"]), Vocabulary.learn(shuffled, labels[::-1], ["pos"])
    assert one.header() == other.header()
    for name, array in one.arrays().items():
        np.testing.assert_array_equal(array, other.arrays()[name])


def test_options() -> None:
    assert Vocabulary.learn(DATA, [], min_count=2).words == ["the", "cat"]
    as_written = Vocabulary.learn(DATA, [], lowercase=False, fold_digits=False)
    assert as_written.words == ["the", "2", "31", "Cat", "The", "cat", "sat"]
    assert Vocabulary.learn(DATA, [], by_character=False).characters == []
    assert Vocabulary.learn(DATA, []).features == {}


@pytest.mark.parametrize(
    ("lowercase", "fold_digits", "word", "normal"),
    [
        (True, True, "Ab12", "ab00"),
        (True, False, "Ab12", "ab12"),
        (False, True, "Ab12", "Ab00"),
        (False, False, "Ab12", "Ab12"),
        (True, True, "ÄÖ٣", "äö0"),  # a digit of another script is a digit
        (True, True, "½²", "½²"),  # these are numbers, not digits
    ],
)
def test_case_and_digits(lowercase: bool, fold_digits: bool, word: str, normal: str) -> None:
    own = Vocabulary.learn([of(word)], [], lowercase=lowercase, fold_digits=fold_digits)
    assert own.words == [own.normal(word)] == [normal]
    known = own.word_ids([word, word.upper(), word.replace("1", "7")])
    assert known[0] == 1
    assert (known[1] == 1) == (lowercase or word.upper() == word)
    assert (known[2] == 1) == (fold_digits or "1" not in word)


# ids


@given(corpus=corpora(), words=st.lists(ANY, max_size=8))
def test_ids_lead_back_to_the_words(corpus: list[Sentence], words: list[str]) -> None:
    own = Vocabulary.learn(corpus, [], ["pos"])
    for word, i in zip(words, own.word_ids(words).tolist(), strict=True):
        assert (own.words[i - 1] == own.normal(word)) if i != UNKNOWN else own.normal(word) not in own.words
    for s in corpus:
        assert (own.word_ids(s.words) != UNKNOWN).all()
        ids = own.feature_ids("pos", s.features["pos"])
        assert [own.features["pos"][i - 1] for i in ids] == s.features["pos"]
    assert own.feature_ids("pos", ["?"]).tolist() == [UNKNOWN]


@given(corpus=corpora(), words=st.lists(st.text(max_size=LONGEST + 20), max_size=8))
def test_characters_stand_between_their_marks(corpus: list[Sentence], words: list[str]) -> None:
    own = Vocabulary.learn(corpus, [])
    ids, lengths = own.character_ids(words)
    assert ids.shape == (len(words), max([2, *lengths.tolist()]))
    for row, length, word in zip(ids.tolist(), lengths.tolist(), words, strict=True):
        assert length == min(len(word), LONGEST) + 2
        assert (row[0], row[length - 1]) == (BEGIN, END)
        assert set(row[length:]) <= {PAD}
        read = word if len(word) <= LONGEST else word[: LONGEST // 2] + word[len(word) - LONGEST // 2 :]
        for i, character in zip(row[1 : length - 1], read, strict=True):
            assert own.characters[i - MARKS] == character if i >= MARKS else i == UNSEEN
            assert (i == UNSEEN) == (character not in own.characters)


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1, 5 * LONGEST])
def test_of_a_long_word_both_ends_are_read(length: int) -> None:
    word = "".join(chr(0x4E00 + i) for i in range(length))  # no character twice
    own = Vocabulary.learn([of(word)], [])
    ids, (read,) = own.character_ids([word])
    spelt = "".join(own.characters[i - MARKS] for i in ids[0, 1 : read - 1])
    assert spelt == (word if length <= LONGEST else word[: LONGEST // 2] + word[length - LONGEST // 2 :])


def test_no_words_and_one_empty_word() -> None:
    own = Vocabulary.learn(DATA, [])
    assert own.word_ids([]).shape == (0,)
    assert own.word_ids([]).dtype == np.int64
    assert [a.shape for a in own.character_ids([])] == [(0, 2), (0,)]
    ids, lengths = own.character_ids([""])
    assert (ids.tolist(), lengths.tolist()) == ([[BEGIN, END]], [2])


# vectors


def test_vectors_are_looked_up_as_written_then_in_lower_case() -> None:
    matrix = np.arange(6, dtype=np.float32).reshape(3, 2) + 1
    own = replace(Vocabulary.learn(DATA, []), vector_words=["the", "The", "paris"], vectors=matrix)
    rows = own.vector_rows(["The", "the", "THE", "Paris", "rome", "31"])
    np.testing.assert_array_equal(rows, [matrix[1], matrix[0], matrix[0], matrix[2], [0, 0], [0, 0]])
    assert rows.dtype == np.float32
    assert own.vector_rows([]).shape == (0, 2)
    assert Vocabulary.learn(DATA, []).vector_rows(["the", "x"]).shape == (2, 0)


# labels


def test_labels_are_sorted_whatever_comes_first() -> None:
    own = Vocabulary.learn(DATA, [["V", "N"], [], ["A", "N"]])
    assert own.labels == ["A", "N", "V"]
    assert own.label_ids == {"A": 0, "N": 1, "V": 2}
    assert own.limits is None
    spans = Vocabulary.learn(DATA, [["O", "B-X"]], scheme="iob2")
    for ours, theirs in zip(spans.limits or (), schemes.limits(["B-X", "O"], "iob2"), strict=True):
        np.testing.assert_array_equal(ours, theirs)


# the artifact


@given(corpus=corpora(ANY), vectors=st.integers(0, 3), scheme=st.sampled_from([None, "iob2"]))
@settings(max_examples=examples(50))
def test_header_and_arrays_say_it_all(corpus: list[Sentence], vectors: int, scheme: str | None) -> None:
    labels = [s.features["pos"] for s in corpus]
    own = Vocabulary.learn(corpus, labels, ["pos"], scheme=scheme, lowercase=len(corpus) % 2 == 0)
    own = replace(own, vector_words=own.words[:vectors], vectors=np.ones((len(own.words[:vectors]), 4), np.float32))
    header = json.loads(json.dumps(own.header()))
    again = Vocabulary.restore(header, own.arrays())
    for name in ("words", "characters", "features", "labels", "scheme", "forms", "lowercase", "fold_digits"):
        assert getattr(again, name) == getattr(own, name), name
    assert again.vector_words == own.vector_words
    np.testing.assert_array_equal(again.vectors, own.vectors)
    assert list(again.features) == list(own.features)
    assert header["words"] == len(own.words)
    assert header["characters"] == len(own.characters)
    assert header["features"] == {"pos": len(own.features["pos"])}


def test_through_a_file(tmp_path: Path) -> None:
    own = Vocabulary.learn(DATA, [["N"]], ["pos"])
    arrays = {f"vocabulary.{n}": a for n, a in own.arrays().items()}
    artifact.write(tmp_path / "m.safetensors", {"kind": "model", "vocabulary": own.header()}, arrays)
    stored = artifact.read(tmp_path / "m.safetensors")
    again = Vocabulary.restore(stored.header["vocabulary"], stored.part("vocabulary"))
    assert again.header() == own.header()
    np.testing.assert_array_equal(again.word_ids(["The", "zebra"]), own.word_ids(["The", "zebra"]))
    for a, b in zip(again.character_ids(["cat", "zoé"]), own.character_ids(["cat", "zoé"]), strict=True):
        np.testing.assert_array_equal(a, b)
    nothing = Vocabulary.learn([], [])
    artifact.write(tmp_path / "n.safetensors", {"v": nothing.header()}, nothing.arrays())
    stored = artifact.read(tmp_path / "n.safetensors")
    assert Vocabulary.restore(stored.header["v"], stored.arrays).header() == nothing.header()
