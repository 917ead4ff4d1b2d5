"""The frequency tagger: distributions, the equation by hand, endings, round trip, and its score on real text."""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import SeqcliError
from seqcli.metrics.accuracy import Metric
from seqcli.models import frequency_tagger
from seqcli.models.frequency_tagger import NESTED, Config, Model

NOUN, VERB, ADV, NUM, NAME = range(5)
TEXT = [
    (["Quickly", "the", "walker", "walked"], [ADV, NOUN, NOUN, VERB]),
    (["the", "talker", "slowly", "talked"], [NOUN, NOUN, ADV, VERB]),
    (["Anna", "jumped", "badly", "in", "1984"], [NAME, VERB, ADV, NOUN, NUM]),
    (["the", "saw", "saw", "the", "saw", "of", "Maria"], [NOUN, NOUN, VERB, NOUN, NOUN, NOUN, NAME]),
    (["Bertha", "ran", "12", "gladly"], [NAME, VERB, NUM, ADV]),
    ([], []),
]
words = st.lists(st.text(max_size=8), max_size=6)


def labelled(count: int) -> Vocabulary:
    """A vocabulary of so many labels."""
    return Vocabulary([], [], {}, [str(k) for k in range(count)])


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.fit(TEXT, 5, Config())


def best(model: Model, *sentence: str) -> list[int]:
    return model.emissions([sentence])[0].argmax(1).tolist()


@given(words)
def test_every_row_is_a_distribution(sentence: list[str]) -> None:
    model = Model.fit(TEXT, 7, Config())  # two labels never seen
    (rows,) = model.emissions([sentence])
    assert rows.shape == (len(sentence), 7)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert np.exp(rows.astype(np.float64)).sum(1) == pytest.approx(np.ones(len(sentence)), abs=1e-6)


def test_the_most_frequent_tag_of_a_word_wins(model: Model) -> None:
    assert best(model, "the", "saw", "saw") == [NOUN, NOUN, NOUN]  # each token by itself
    often = Model.fit([(["run"] * 100, [VERB] * 60 + [NOUN] * 40)], 5, Config())
    p = np.exp(often.emissions([["run", "run"]])[0][1])
    assert p[:2] == pytest.approx([0.4, 0.6], abs=0.02)


def test_endings_decide_for_unknown_words(model: Model) -> None:
    assert best(model, "a", "hiked", "madly", "hiker") == [NOUN, VERB, ADV, NOUN]
    assert best(model, "in", "77", "2031") == [NOUN, NUM, NUM]  # digits are one
    assert best(model, "in", "Flavia") == [NOUN, NAME]  # by its form and its ending
    assert model.known(["hiked", "the", "The", "saw", ""]) == [False, True, False, True, False]


def test_a_longer_ending_outweighs_a_shorter_one() -> None:
    """Words in -d are nouns but for those in -ked."""
    text = [
        (
            ["bird", "seed", "food", "need", "wood", "talked", "walked", "asked", "baked", "looked"],
            [NOUN] * 5 + [VERB] * 5,
        )
    ]
    model = Model.fit(text, 2, Config())
    assert best(model, "x", "cooked", "reed") == [NOUN, VERB, NOUN]
    short = Model.fit(text, 2, Config(suffix=1))
    assert (
        short.emissions([["x", "cooked", "reed"]])[0][1] == short.emissions([["x", "cooked", "reed"]])[0][2]
    ).all()


def test_endings_are_counted_in_rare_words_alone() -> None:
    """`this` ends in -is and is frequent: only with `rare` that high does it speak for unknown words."""
    text = [(["x", "this"], [ADV, NOUN])] * 20 + [(["x", "axis"], [ADV, VERB]), (["x", "basis"], [ADV, VERB])]
    unseen = ["x", "thesis"]
    strict, loose = (Model.fit(text, 3, Config(rare=rare)).emissions([unseen])[0][1] for rare in (10, 20))
    assert strict[VERB] > loose[VERB]
    assert strict[NOUN] < loose[NOUN]


def test_a_capital_at_the_beginning_says_less_than_one_within() -> None:
    text = [*TEXT, (["The", "x"], [NOUN, NOUN]), (["Some", "x"], [NOUN, NOUN]), (["Many", "Ana"], [NOUN, NAME])]
    model = Model.fit(text, 5, Config())
    first, within = (np.exp(model.emissions([s])[0][i]) for s, i in ((["Gorko"], 0), (["the", "Gorko"], 1)))
    assert within[NAME] > first[NAME]


def test_a_known_word_with_a_capital_at_the_beginning_or_in_capitals(model: Model) -> None:
    assert best(model, "Talked", "WALKED", "JUMPED") == [VERB, VERB, VERB]
    assert model.distribution("Talked", True)[VERB] > 2 * model.distribution("Talked", False)[VERB]
    # the link is the word in lower case, and the word as it is written comes before it
    lower = (np.array([0, 1, 0, 0, 0]) + model.distribution("Zalked", True)) / 2
    assert model.distribution("Talked", True) == pytest.approx(lower)
    seen = Model.fit([*TEXT, (["Talked"] * 20, [NAME] * 20)], 5, Config())
    assert best(seen, "Talked", "talked") == [NAME, VERB]


def test_the_equation_by_hand() -> None:
    """Two words, two labels, endings of one character."""
    config = Config(suffix=1)
    model = Model.fit([(["la", "da", "da", "da"], [0, 0, 0, 1])], 3, config)
    overall = (np.array([3, 1, 0]) + 2 / 3) / (4 + 2)
    # rare words by type: la as 0 at the beginning; da as 0, and da as 1, within: the form x, of both
    v = NESTED * 2
    p = overall
    for _ in range(3):  # all rare words, the form, the form and -a
        p = (np.array([2, 1, 0]) + v * p) / (3 + v)
    assert model.distribution("ma", False) == pytest.approx(p)
    assert model.distribution("da", False) == pytest.approx((np.array([2, 1, 0]) + 2 * p) / (3 + 2))
    assert model.distribution("la", False) == pytest.approx((np.array([1, 0, 0]) + 1 * p) / (1 + 1))
    only_rare = (np.array([2, 1, 0]) + v * overall) / (3 + v)
    assert model.distribution("!", False) == pytest.approx(only_rare)  # a form that was never seen
    x = (np.array([2, 1, 0]) + v * only_rare) / (3 + v)
    assert model.distribution("mo", False) == pytest.approx(x)  # an ending that was never seen
    assert math.isclose(math.exp(model.emissions([["mo"]])[0][0, 2]), x[2], rel_tol=1e-6)


def test_without_rare_words_the_labels_themselves_are_left() -> None:
    model = Model.fit(TEXT, 5, Config(rare=0))
    assert len(model.endings.lengths) == 0
    counts = np.bincount([tag for _, tags in TEXT for tag in tags], minlength=5)
    n, v = counts.sum(), np.count_nonzero(counts)
    assert model.distribution("unseen", False) == pytest.approx((counts + v / 5) / (n + v))
    again = Model.restore(model.config, labelled(5), model.arrays())
    assert (again.emissions([["unseen", "saw"]])[0] == model.emissions([["unseen", "saw"]])[0]).all()


ODD = ["a\nb", "", " ", "\0", "𝄞é", "\udc80", "İ", "ǅ", "ß", "٣", "²", "^", "fi"]


def test_round_trip_through_arrays() -> None:
    text = [*TEXT, (ODD, [i % 5 for i in range(len(ODD))])]
    model = Model.fit(text, 5, Config(suffix=3))
    stored = {name: array.copy() for name, array in model.arrays().items()}
    assert all(array.dtype.kind == "u" and array.ndim == 1 for array in stored.values())
    again = Model.restore(Config(suffix=3), labelled(5), stored)
    sentences = [*(words for words, _ in text), [*ODD, "unseen", "hiked"], ["Unseen"]]
    for one, two in zip(model.emissions(sentences), again.emissions(sentences), strict=True):
        assert (one == two).all()
    assert again.known(ODD) == [True] * len(ODD)
    assert again.parameters == model.parameters == len(stored["words.counts"]) + len(stored["endings.counts"])
    for i, word in enumerate(ODD):
        assert again.distribution(word, False).argmax() == i % 5


def test_the_same_counts_give_the_same_bytes() -> None:
    one, two = Model.fit(TEXT, 5, Config()), Model.fit(TEXT[::-1], 5, Config())
    for name, array in one.arrays().items():
        assert array.dtype == two.arrays()[name].dtype
        assert array.tobytes() == two.arrays()[name].tobytes()


def test_it_reads_a_stream_once_and_tells_its_progress() -> None:
    told: list[int] = []
    model = Model.fit(iter(TEXT), 5, Config(), told.append)
    assert told == [len(words) for words, _ in TEXT]
    assert best(model, "saw") == [NOUN]
    arrays = Model.fit([(words, np.array(tags, np.uint8)) for words, tags in TEXT], 5, Config()).arrays()  # type: ignore[misc]
    assert all((arrays[name] == array).all() for name, array in model.arrays().items())


def test_no_row_depends_on_its_batch_mates_or_on_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = [["the", "Hiker", "the"], [], ["Hiker"], ["the"] * 3, ["a", "b", "c", "d", "a", "the"]]
    together = Model.fit(TEXT, 5, Config()).emissions(sentences)
    monkeypatch.setattr(frequency_tagger, "HELD", 10)  # room for two rows
    model = Model.fit(TEXT, 5, Config())
    for sentence, rows in zip(sentences, together, strict=True):
        assert (model.emissions([sentence])[0] == rows).all()
        assert model._row.cache_info().currsize <= 2
    assert together[1].shape == (0, 5)
    assert model.emissions([]) == []


def test_what_cannot_be_counted() -> None:
    for text in ([], [([], [])]):
        with pytest.raises(SeqcliError, match="nothing to count"):
            Model.fit(text, 2, Config())
    for tag in (-1, 2):
        with pytest.raises(ValueError, match=r"0 \.\. 1"):
            Model.fit([(["a"], [tag])], 2, Config())
    with pytest.raises(ValueError):
        Model.fit([(["a", "b"], [0])], 2, Config())


@pytest.mark.parametrize(
    "damage",
    [
        {"words.text": np.frombuffer(b"\xff" * 200, np.uint8)},
        {"words.lengths": np.zeros(3, np.uint8)},
        {"words.labels": np.full(500, 9, np.uint8)},
        {"endings.counts": np.zeros(1, np.uint8)},
        {"endings.counts": np.zeros((1, 1), np.uint8)},
        {"endings.text": np.zeros(4, np.float32)},
    ],
)
def test_damaged_arrays(model: Model, damage: dict[str, np.ndarray]) -> None:
    with pytest.raises(SeqcliError, match="contradict"):
        Model.restore(Config(), labelled(5), {**model.arrays(), **damage})


def test_bytes_that_are_not_text_and_words_that_come_twice(model: Model) -> None:
    arrays = model.arrays()
    for byte in (0xFF, ord("a")):
        text = np.full_like(arrays["words.text"], byte)
        with pytest.raises(SeqcliError, match="contradict"):
            Model.restore(Config(), labelled(5), {**arrays, "words.text": text})


def test_arrays_that_are_missing_or_too_many_and_too_few_labels(model: Model) -> None:
    arrays = model.arrays()
    for odd in ({k: v for k, v in arrays.items() if k != "words.text"}, {**arrays, "x": arrays["words.text"]}):
        with pytest.raises(SeqcliError, match="do not fit"):
            Model.restore(Config(), labelled(5), odd)
    with pytest.raises(SeqcliError, match="contradict"):
        Model.restore(Config(), labelled(4), arrays)


@pytest.mark.parametrize("keys", [{"suffix": -1}, {"rare": -1}, {"order": 2}, {"kind": "ngram"}])
def test_wrong_keys(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Config(**keys)  # type: ignore[arg-type]


@pytest.mark.skipif("SEQCLI_DATA" not in os.environ, reason="SEQCLI_DATA names no folder of data sets")
def test_the_parts_of_speech_of_ud_english_ewt() -> None:
    """89.9 % of the test part's tokens, and 71 % of those whose word the training part does not have (65 % without
    endings, by the form alone)."""

    def read(part: str) -> list[tuple[list[str], list[str]]]:
        text = Path(os.environ["SEQCLI_DATA"], "ud-en-ewt", f"en_ewt-ud-{part}.conllu").read_text(encoding="utf-8")
        found = []
        for block in text.strip().split("\n\n"):
            rows = [line.split("\t") for line in block.split("\n") if line[0] != "#"]
            found.append(([r[1] for r in rows if r[0].isdigit()], [r[3] for r in rows if r[0].isdigit()]))
        return found

    train, test = read("train"), read("test")
    labels = sorted(Counter(tag for _, tags in train for tag in tags))
    index = {label: i for i, label in enumerate(labels)}
    model = Model.fit([(words, [index[t] for t in tags]) for words, tags in train], len(labels), Config())
    metric = Metric()
    for (words, tags), rows in zip(test, model.emissions([words for words, _ in test]), strict=True):
        metric.update([labels[i] for i in rows.argmax(1)], tags, model.known(words))
    found = metric.result()
    assert found["accuracy"] == pytest.approx(0.899, abs=0.002)
    assert found["accuracy-unknown"] == pytest.approx(0.71, abs=0.01)
