"""Continuations side by side: each is its own to the last bit, and what is drawn one by one to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import ops
from seqcli.decoding.paths import side_by_side
from seqcli.decoding.sampling import Sampling, sample
from seqcli.models import language_model, ngram

V = 9
RNG = np.random.default_rng(4)
PROMPTS = [RNG.integers(0, V, n) for n in (1, 5, 2, 5, 30, 3)]


def recurrent(**keys: Any) -> language_model.Model:
    config = language_model.Config(embedding=6, hidden=20, layers=2, **keys)
    return language_model.Model.create(config, V, np.random.default_rng(1))


MODELS = {
    "lstm": recurrent(),
    "gru": recurrent(cell="gru"),
    "block": recurrent(cell={"kind": "mingru", "block": True}),
    "counted": ngram.Model.fit(RNG.integers(0, V, 400), V, ngram.Config(order=3)),
}


def drawn(model: Any, which: list[int], sampling: Sampling, steps: int, until: int | None = None) -> list[list[int]]:
    """Continuations of prompts, each up to the symbol `until`."""
    prompts = [PROMPTS[i] for i in which]
    memory, state = model.start_all([p[:-1] for p in prompts])
    found: list[list[int]] = [[] for _ in which]
    on = np.ones(len(which), bool)
    last = np.array([p[-1] for p in prompts])
    rngs = [np.random.default_rng(i) for i in which]
    for rows, ids, logits in side_by_side(model, memory, state, last, steps, rngs, sampling, on=on, prompts=prompts):
        assert logits.shape == (len(rows), V)
        for row, id in zip(rows.tolist(), ids.tolist(), strict=True):
            found[row].append(id)
            on[row] = id != until
    return found


@pytest.mark.parametrize("name", MODELS)
def test_a_state_of_many_has_a_row_for_each(name):
    model = MODELS[name]
    begun = [*PROMPTS, np.zeros(0, np.int64)]
    _, state = model.start_all(begun)
    for row, prompt in enumerate(begun):
        _, alone = model.start_all([prompt])
        _, single = model.start(prompt)
        for many, one, close in zip(*map(leaves, (state, alone, single)), strict=True):
            np.testing.assert_array_equal(many[row], one[0])
            np.testing.assert_allclose(one, close, atol=1e-6)


def leaves(nested: Any) -> list[np.ndarray]:
    return [leaf for part in nested for leaf in leaves(part)] if isinstance(nested, tuple) else [nested]


@settings(max_examples=examples(60), deadline=None)
@given(
    name=st.sampled_from(sorted(MODELS)),
    which=st.lists(st.integers(0, len(PROMPTS) - 1), min_size=1, max_size=20),
    sampling=st.sampled_from([Sampling(), Sampling(0.0), Sampling(0.8, 4), Sampling(1.2, None, 0.9, 1.5)]),
    until=st.none() | st.integers(0, V - 1),
)
def test_what_a_row_draws_is_its_own(name: str, which: list[int], sampling: Sampling, until: int | None):
    together = drawn(MODELS[name], which, sampling, 12, until)
    for i, found in zip(which, together, strict=True):
        assert drawn(MODELS[name], [i], sampling, 12, until) == [found]
        assert len(found) == 12 or found[-1] == until
        assert until not in found[:-1]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("sampling", [Sampling(0.7), Sampling(1.0, 3, None, 1.3)], ids=str)
def test_it_is_what_is_drawn_one_by_one(name, sampling):
    for i, found in enumerate(drawn(MODELS[name], [*range(len(PROMPTS))], sampling, 20)):
        alone = sample(MODELS[name], PROMPTS[i], sampling, np.random.default_rng(i), 20)
        assert [token.id for token in alone] == found


def test_rows_join_and_part():
    state = MODELS["lstm"].initial_state(3)
    again = ops.join([ops.take(state, slice(1)), ops.take(state, np.array([1, 2]))])
    for one, two in zip(leaves(state), leaves(again), strict=True):
        np.testing.assert_array_equal(one, two)
