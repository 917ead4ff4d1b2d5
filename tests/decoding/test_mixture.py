"""Mixtures of language models and the cache: by their formulas, stepping as scoring, rows by themselves, weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.decoding.cache import BLOCK, Cache
from seqcli.decoding.mixture import Mixture, fit, weighted
from seqcli.models import language_model, ngram, transformer_language_model

V, T = 7, 23
IDS = np.random.default_rng(0).integers(0, V, 60)


def network(seed: int = 0, **options: Any) -> Any:
    config = language_model.Config(embedding=6, hidden=8, layers=2, **options)
    return language_model.Model.create(config, V, np.random.default_rng(seed))


def counted() -> Any:
    return ngram.Model.fit(IDS, V, ngram.Config(order=3))


def attending() -> Any:
    config = transformer_language_model.Config(size=8, heads=2, layers=1, window=9)
    return transformer_language_model.Model.create(config, V, np.random.default_rng(3))


def mixture(*models: Any, cache: Cache | None = None) -> Mixture:
    weights = np.arange(1.0, len(models) + 1 + (cache is not None))
    return Mixture(models, weights / weights.sum(), cache)


MIXTURES = [
    mixture(network(), counted()),
    mixture(network(), network(1), counted()),
    mixture(network(), cache=Cache(5, 0.7)),
    mixture(network(), counted(), cache=Cache(100, 0.7)),
    mixture(attending(), counted(), cache=Cache(8, 0.7)),
]


def by_formula(cache: Cache, h: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """p (T,) of each id after its state, a pair at a time; nan of the first."""
    found = [np.nan]
    for t in range(1, len(ids)):
        kept = range(max(0, t - cache.size), t)
        weights = np.exp([cache.flatness * float(h[t] @ h[i]) for i in kept])
        found.append(sum(w for w, i in zip(weights, kept, strict=True) if ids[i] == ids[t]) / weights.sum())
    return np.array(found)


@given(st.integers(1, 40), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_the_cache_by_its_formula_in_parts_as_in_one(size, parts, seed):
    rng = np.random.default_rng(seed)
    cache, h, ids = Cache(size, 0.8), rng.normal(size=(1, 30, 4)).astype(np.float32), rng.integers(0, 5, (1, 30))
    kept, found, cuts = cache.begin(1, 4), [], sorted(rng.integers(0, 31, parts).tolist())
    for part in np.split(np.arange(30), cuts):
        logp, kept = cache.score(kept, h[:, part], ids[:, part])
        found.append(logp)
    np.testing.assert_allclose(np.exp(np.concatenate(found, axis=1)[0]), by_formula(cache, h[0], ids[0]), atol=1e-6)


def test_the_cache_over_more_than_a_block():
    rng = np.random.default_rng(1)
    cache, long = Cache(70, 0.8), 2 * BLOCK + 9
    h, ids = rng.normal(size=(1, long, 4)).astype(np.float32), rng.integers(0, 5, (1, long))
    logp, _ = cache.score(cache.begin(1, 4), h, ids)
    np.testing.assert_allclose(np.exp(logp[0]), by_formula(cache, h[0], ids[0]), atol=1e-6)


@pytest.mark.parametrize("model", MIXTURES)
def test_stepping_is_scoring_and_probabilities_sum_to_one(model):
    logp, _ = model.score(IDS[None, :T], IDS[None, 1 : T + 1], model.initial_state(1))
    memory, state = model.start(IDS[:4])
    parts, found = [], []
    for t in range(4, T):
        logits, state = model.step(IDS[t : t + 1], memory, state)
        parts.append(logits)
        found.append(logits[0, IDS[t + 1]])
    np.testing.assert_allclose(np.exp(np.array(parts)).sum(-1), 1, atol=1e-6)
    np.testing.assert_allclose(found, logp[0, 4:], atol=1e-5)


@pytest.mark.parametrize("model", MIXTURES)
def test_each_member_by_itself_and_the_mean_of_all(model):
    inputs, targets = IDS[None, :T], IDS[None, 1 : T + 1]
    scores, _ = model.scores(inputs, targets, model.initial_state(1))
    alone = [member.score(inputs, targets, member.initial_state(1))[0] for member in model.models]
    np.testing.assert_array_equal(scores[: len(alone)], np.array(alone))
    scores[-1] = np.where(np.isnan(scores[-1]), scores[0], scores[-1])
    logp, _ = model.score(inputs, targets, model.initial_state(1))
    np.testing.assert_allclose(np.exp(logp), np.tensordot(model.weights, np.exp(scores), 1), rtol=1e-6)


@pytest.mark.parametrize("model", MIXTURES[:4])
def test_rows_that_read_different_amounts_side_by_side(model):
    """Each as by itself, to the last bit: what stands beside a row changes nothing."""
    prompts = [IDS[:9], IDS[3:5], IDS[20:41], IDS[:0]]
    ids = np.array([1, 4, 2, 0])
    memory, state = model.start_all(prompts)
    logits, after = model.step(ids, memory, state)
    for pair in ([0, 3], [2, 1], [3, 2]):
        own_memory, own = model.start_all([prompts[i] for i in pair])
        own_logits, own_after = model.step(ids[pair], own_memory, own)
        np.testing.assert_array_equal(own_logits, logits[pair])
        again, _ = model.step(ids[pair], own_memory, own_after)
        np.testing.assert_array_equal(again, model.step(ids, memory, after)[0][pair])
    for i, prompt in enumerate(prompts):
        lone, _ = model.step(ids[i : i + 1], *model.start(prompt))
        np.testing.assert_allclose(lone[0], logits[i], atol=1e-5)


def test_not_all_can_be_started_side_by_side():
    assert not hasattr(MIXTURES[4], "start_all")


@given(st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_no_other_weights_are_better_than_the_fitted_ones(members, seed):
    rng = np.random.default_rng(seed)
    scores = np.log(rng.dirichlet(np.ones(4), (members, 50))[..., 0])
    scores[-1, rng.random(50) < 0.3] = -np.inf  # of a cache that does not have it
    weights, left = fit(scores)
    assert weights.sum() == pytest.approx(1)
    assert left == pytest.approx(-weighted(scores, weights).mean())
    for other in rng.dirichlet(np.ones(members), 200):
        assert left <= -weighted(scores, other).mean() + 1e-4
