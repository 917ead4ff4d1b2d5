"""The terms of an `ngram-linear` model's score: they sum to the logits, and stand where they are said to stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.datasets.vocabulary import Vocabulary
from seqcli.models.ngram_linear import Config, Model
from seqcli.records import Example

TEXTS = ["a fine film , a fine day", "not a fine film", "İstanbul is NOT far", "ΟΔΟΣ was fine", "bad ! bad film", "x"]


def fitted(labels: int, **keys: object) -> Model:
    names = [f"l{i}" for i in range(labels)]
    examples = [Example(text) for text in TEXTS * 3]
    targets = np.arange(len(examples)) % labels
    vocabulary = Vocabulary([], [], {}, names)
    return Model.fit(examples, targets, vocabulary, Config(**keys))  # type: ignore[arg-type]


KEYS = [{}, {"lowercase": True}, {"words": 3, "opening": 0}, {"characters": None}, {"words": 0, "characters": (1, 2)}]
MODELS = {(labels, str(keys)): fitted(labels, **keys) for labels in (2, 3) for keys in KEYS}


@pytest.mark.parametrize("key", MODELS, ids=str)
@pytest.mark.parametrize("text", [*TEXTS, "", "  ", "unseen words entirely", "film"])
def test_they_sum_to_the_logits(key, text):
    bias, terms = MODELS[key].terms(text)
    total = bias + sum((t.scores for t in terms), np.zeros(key[0]))
    np.testing.assert_allclose(total, MODELS[key].logits([Example(text)])[0], rtol=0, atol=1e-5)


@given(st.text(st.sampled_from(" afilmnotİΣσ!,"), max_size=30), st.sampled_from(list(MODELS)))
def test_of_any_text(text, key):
    bias, terms = MODELS[key].terms(text)
    total = bias + sum((t.scores for t in terms), np.zeros(key[0]))
    np.testing.assert_allclose(total, MODELS[key].logits([Example(text)])[0], rtol=0, atol=1e-5)
    assert all(0 <= t.start <= t.end <= len(text) for t in terms)


def test_they_stand_in_the_text():
    text = "not a fine film"
    _, terms = MODELS[2, "{}"].terms(text)
    words = {text[t.start : t.end] for t in terms if t.kind == "words"}
    assert words <= {"not", "a", "fine", "film", "not a", "a fine", "fine film"}
    assert {"fine film", "not"} <= words
    assert {text[t.start : t.end] for t in terms if t.kind == "opening"} <= {"not", "a", "fine", "film"}
    assert "fil" in {text[t.start : t.end] for t in terms if t.kind == "characters"}
