"""What each token does to an answer: as the answers to the texts without it, and cut behind it, say."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import seqcli
from seqcli.insight.leaving import odds
from seqcli.records import Pair, Sentence
from seqcli.tasks.language_model.predict import Settings
from seqcli.tasks.tagging.predict import Settings as Tags

MODELS = Path(__file__).parents[1] / "net" / "models"


def test_odds_are_those_of_the_probability():
    p = np.array([1e-9, 0.2, 0.5, 0.999])
    np.testing.assert_allclose(odds(np.log(p)), np.log(p / (1 - p)), atol=1e-9)
    assert np.isfinite(odds(np.array([0.0, -800.0]))).all()


@pytest.mark.parametrize("name", ["digits", "back"])
def test_of_a_translation(name):
    own = seqcli.load(MODELS / f"{name}.safetensors")
    source = "forty two six" if name == "digits" else "abcd"
    asked = own.asked(explain=True)
    answer = own.answer([Pair(source)], asked)[0][0]
    assert [source[t.start : t.end] for t in answer.explained] == (source.split() if name == "digits" else [*source])
    whole = -own.costs([Pair(source, answer.text)])[0].nll
    for t in answer.explained:
        without = -own.costs([Pair(source[: t.start] + source[t.end :], answer.text)])[0].nll
        read = -own.costs([Pair(source[: t.end], answer.text)])[0].nll
        assert t.without == pytest.approx(math.exp(without), rel=1e-5)
        assert t.read == pytest.approx(math.exp(read), rel=1e-5)
        assert t.weight == pytest.approx(float(odds(np.array(whole)) - odds(np.array(without))), abs=1e-4)


@pytest.mark.parametrize("name", ["lm", "lm-counted", "lm-attention"])
def test_of_a_continuation(name):
    own = seqcli.load(MODELS / f"{name}.safetensors")
    prompt = own.ready(own.prepare(seqcli.records.Example("the cat"), None))
    text = own.answer([prompt], Settings(tokens=True, explain=True, max_tokens=5, seed=1))[0][0]
    assert [t.end - t.start for t in text.explained] == [1] * 7
    assert text.explained[-1].read == pytest.approx(math.exp(sum(t.logprob for t in text.tokens)), rel=1e-3)
    written = [t.id for t in text.tokens]
    for place, t in enumerate(text.explained):
        ids = np.concatenate([np.delete(prompt.ids, place), written])
        logp, _ = own.model.score(ids[None, :-1], ids[None, 1:], own.model.initial_state(1))
        assert t.without == pytest.approx(math.exp(float(logp[0, -len(written) :].sum())), rel=1e-3)


def test_of_tags():
    own = seqcli.load(MODELS / "pos.safetensors")
    words = ["the", "cat", "sat", "on", "a", "mat"]
    answer = own.answer([Sentence(words)], Tags(confidence=True, explain=True))[0]
    for t, (weights, read) in enumerate(answer.explained):
        assert weights[t] is None
        assert read[:t] == [None] * t
        assert read[-1] == pytest.approx(answer.probabilities[t], abs=1e-5)
        for gone in {0, 3, 5} - {t}:
            kept = words[:gone] + words[gone + 1 :]
            found = dict(zip(range(len(words)), answer.tags, strict=True))
            chain = next(iter(own.chains([Sentence(kept)])))[1]
            label = own.vocabulary.label_ids[found[t]]
            p = float(chain.marginals()[0, t - (gone < t), label])
            whole = float(odds(np.log(np.array(answer.probabilities[t]))))
            assert weights[gone] == pytest.approx(whole - float(odds(np.log(np.array(p)))), abs=1e-3)


def test_long_texts_are_left_out_and_that_is_said(capsys):
    from seqcli.insight import leaving

    leaving._say_once.cache_clear()
    own = seqcli.load(MODELS / "remarks.safetensors")
    long, few = "a fine film " * 200, "a fine film"
    answers = own.answer([own.ready(seqcli.records.Example(t)) for t in (long, few)], own.asked(explain=True))
    assert [len(a.explained) for a in answers] == [0, 3]
    tagger = seqcli.load(MODELS / "pos.safetensors")
    assert tagger.answer([Sentence(long.split())], Tags(explain=True))[0].explained is None
    said = capsys.readouterr().err
    assert said.count("more than 500 tokens") == said.count("more than 100 tokens") == 1
