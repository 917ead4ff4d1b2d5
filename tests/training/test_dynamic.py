"""Dynamic evaluation: scored before it is learnt from, by its formula, and what it gains where a text goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from seqcli.errors import UsageError  # noqa: E402
from seqcli.models import language_model, ngram  # noqa: E402
from seqcli.training.dynamic import EPSILON, STREAMS, Dynamic, Settings  # noqa: E402

V = 6
CONFIG = language_model.Config(embedding=5, hidden=7, layers=2)
MODEL = language_model.Model.create(CONFIG, V, np.random.default_rng(0))
TRAIN = np.random.default_rng(1).integers(0, V, 700)
TEXT = np.tile(np.random.default_rng(2).integers(0, V, 40), 10)  # it repeats itself
LEARNING = Settings(rate=0.007, decay=0.001, segment=10)


def score(model: Any, ids: np.ndarray) -> np.ndarray:
    logp, _ = model.score(ids[None, :-1], ids[None, 1:], model.initial_state(1))
    return logp[0]


def test_the_first_segment_is_as_trained_and_learning_pays_where_a_text_goes_on():
    dynamic, static = Dynamic(MODEL, TRAIN, LEARNING), score(MODEL, TEXT)
    found = score(dynamic, TEXT)
    np.testing.assert_allclose(found[:10], static[:10], atol=1e-6)
    assert -found.mean() < -static.mean() - 0.03
    assert score(dynamic, TEXT).mean() > found.mean()  # it has learnt
    dynamic.begin()
    np.testing.assert_array_equal(score(dynamic, TEXT), found)


def test_no_token_is_seen_before_it_is_scored():
    """Another future, the same past: the same scores up to the segment in which they part."""
    dynamic, other = Dynamic(MODEL, TRAIN, LEARNING), TEXT.copy()
    other[201:] = (other[201:] + 1) % V
    first = score(dynamic, TEXT)
    dynamic.begin()
    second = score(dynamic, other)
    np.testing.assert_array_equal(first[:200], second[:200])
    assert not np.allclose(first[200:], second[200:])


def test_a_text_in_no_order_teaches_little():
    shuffled = np.random.default_rng(3).permutation(TEXT)
    gains = [
        score(Dynamic(MODEL, TRAIN, LEARNING), text).mean() - score(MODEL, text).mean() for text in (TEXT, shuffled)
    ]
    assert gains[1] < gains[0] / 2


def test_a_segment_by_its_formula():
    dynamic = Dynamic(MODEL, TRAIN, LEARNING)
    weights = {n: torch.tensor(a, requires_grad=True) for n, a in MODEL.arrays().items()}
    model = MODEL.__class__.restore(CONFIG, V, MODEL.arrays())
    from seqcli import layers

    bound = layers.replace(model, weights)

    def gradient(x: np.ndarray, y: np.ndarray, state: Any) -> tuple[list[Any], Any]:
        loss, state = bound.loss(torch.tensor(x), torch.tensor(y), state)
        return list(torch.autograd.grad(loss, list(weights.values()))), state

    each = (len(TRAIN) - 1) // (STREAMS * 10) * 10  # of one stream, cut anew
    starts, state, squares = np.arange(STREAMS) * each, bound.initial_state(STREAMS), None
    for first in range(0, each, 10):
        rows = np.stack([TRAIN[s + first : s + first + 11] for s in starts]).T
        found, state = gradient(rows[:-1], rows[1:], state)
        state = tuple(tuple(tuple(a.detach() for a in cell) for cell in layer) for layer in state)
        squares = (
            [g * g for g in found] if squares is None else [s + g * g for s, g in zip(squares, found, strict=True)]
        )
    assert squares is not None
    roots = [(s / (each // 10)).sqrt() for s in squares]
    mean = torch.cat([r.flatten() for r in roots]).mean()
    found, _ = gradient(TEXT[:10, None], TEXT[1:11, None], bound.initial_state(1))
    moved = {
        n: w - 0.007 * g / (r + EPSILON * mean) for (n, w), g, r in zip(weights.items(), found, roots, strict=True)
    }
    wanted = {
        n: m + (0.001 * r / mean).clamp(max=1) * (torch.tensor(MODEL.arrays()[n]) - m)
        for (n, m), r in zip(moved.items(), roots, strict=True)
    }
    list(dynamic.scored(TEXT[None, :10], TEXT[None, 1:11], dynamic.initial_state(1)))
    for name, weight in wanted.items():
        np.testing.assert_allclose(dynamic._weights[name].detach(), weight.detach(), atol=1e-6)


def test_what_cannot_learn_so_is_refused():
    with pytest.raises(UsageError, match="recurrent"):
        Dynamic(ngram.Model.fit(TRAIN, V, ngram.Config(order=2)), TRAIN, LEARNING)
    dynamic = Dynamic(MODEL, TRAIN, LEARNING)
    two = np.stack([TEXT, TEXT])
    with pytest.raises(UsageError, match="one stream"):
        dynamic.score(two[:, :-1], two[:, 1:], dynamic.initial_state(2))
