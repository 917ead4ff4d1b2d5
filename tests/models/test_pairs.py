"""Two texts as one vector: training against inference, each against its definition, whatever stands beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from models.test_classifier import batch_of, double, make, put, text

from seqcli import ops
from seqcli.layers.pairs import compared
from seqcli.models.classifier import Model
from seqcli.records import MARK, Example, apart, second

torch = pytest.importorskip("torch")

FORMS: list[dict[str, Any]] = [
    {"pair": "compare"},
    {"pair": "compare", "pooling": "attention", "cell": "gru"},
    {"pair": "attend"},
    {"pair": "attend", "hops": 3, "pooling": "last", "bidirectional": False},
    {"pair": "attend", "hops": 2, "pooling": "attention", "characters": {"kind": "cnn", "embedding": 3, "filters": 4}},
    {"pair": "attend", "hops": 2, "pooling": "last", "layers": 2, "cell": "gru"},
    {"pair": "attend", "hops": 2, "pooling": "mean", "cell": "rnn"},
]  # fmt: skip


def pairs(*lengths: tuple[int, int]) -> list[Example]:
    found = []
    for i, (first, other) in enumerate(lengths):
        rng = np.random.default_rng(i)
        words = [*(text(rng, first).words or []), MARK, *(text(rng, other).words or [])]
        found.append(Example(" ".join(words), words=words))
    return found


SOME = pairs((3, 5), (1, 1), (0, 4), (6, 0), (2, 11))


def training(model: Any, examples: Sequence[Example]) -> dict[str, Any]:
    """The batch that training makes of pairs."""
    words = [e.words or [] for e in examples]
    if model.pair == "attend":
        return {**batch_of(model, examples), "seconds": np.array([w.index(MARK) for w in words])}
    parts = [[w[: w.index(MARK)] or [MARK] for w in words], [w[w.index(MARK) + 1 :] or [MARK] for w in words]]
    return batch_of(model, [Example("", words=w) for part in parts for w in part])


def scores(model: Any, examples: Sequence[Example]) -> Any:
    b = put(model, training(model, examples))
    return model.scores(*model.inputs(b), None, b.get("seconds"))


@pytest.mark.parametrize("keys", FORMS, ids=str)
def test_logits_are_the_scores_of_training_whatever_stands_beside(keys: dict[str, Any]) -> None:
    model = make(**keys)
    wanted, found = scores(double(model), SOME).numpy(), model.logits(SOME)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5)
    np.testing.assert_allclose(scores(model, SOME), wanted, rtol=0, atol=2e-5)
    for i, example in enumerate(SOME):
        assert np.array_equal(model.logits([example])[0], found[i])
    assert np.array_equal(model.logits([Example(""), SOME[0]])[1], found[0])


@pytest.mark.parametrize("keys", FORMS, ids=str)
def test_the_summary_is_what_the_last_layer_reads(keys: dict[str, Any]) -> None:
    model = make(**keys)
    found = model.summary(SOME)
    assert (
        found.shape[1] == model.output_weight.shape[1] == (4 if model.pair == "compare" else 1) * model.encoded_size
    )
    assert np.array_equal(ops.linear(found, model.output_weight, model.output_bias), model.logits(SOME))


@pytest.mark.parametrize("keys", FORMS, ids=str)
def test_every_weight_learns(keys: dict[str, Any]) -> None:
    model = make(**keys)
    leaves = {n: torch.from_numpy(a.astype(np.float64)).requires_grad_() for n, a in model.arrays().items()}
    from seqcli import layers

    bound = layers.replace(model, leaves)
    b = put(bound, training(model, SOME))
    b["targets"], b["weights"] = torch.arange(len(SOME)) % 3, torch.ones(len(SOME), dtype=torch.float64)
    bound.loss(b).backward()
    assert all(a.grad is not None and bool(a.grad.abs().max() > 0) for a in leaves.values())


def test_a_comparison_is_of_what_each_text_is_alone() -> None:
    """Training one text alone gives what is compared: by the definition of Conneau et al."""
    model = make(pair="compare", pooling="mean")
    alone = replace(model, pair="joined", output_weight=np.eye(8, dtype=np.float32), output_bias=np.zeros(8))
    u, v = (alone.logits([Example("", words=[*part])])[0] for part in apart(SOME[0].words or []))
    wanted = np.concatenate([u, v, np.abs(u - v), u * v]) @ model.output_weight.T + model.output_bias
    np.testing.assert_allclose(model.logits(SOME[:1])[0], wanted, rtol=0, atol=2e-6)
    np.testing.assert_allclose(compared(u[None], v[None])[0], np.concatenate([u, v, np.abs(u - v), u * v]))


@pytest.mark.parametrize("keys", FORMS, ids=str)
def test_attention_is_shared_out_over_what_is_looked_at(keys: dict[str, Any]) -> None:
    model: Model = make(**keys)
    _, found = model.read(SOME)
    for example, weights in zip(SOME, found, strict=True):
        at = second(example.words or [])
        if model.pair == "attend":
            assert weights.shape == (len(example.words or []), len(model.hops))
            np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-6)
            assert not weights[:at].any()
        elif model.pooling == "attention":
            parts = weights[:at].sum(), weights[at + 1 :].sum()
            assert weights[at] == 0
            assert parts == pytest.approx((0.5 * (at > 0), 0.5 * (at + 1 < len(weights))), abs=1e-6)


def test_a_text_without_a_mark_is_one_whose_second_is_not_there() -> None:
    """As reasons ask: a beginning of the words, that has not come to the mark."""
    words = ["a", "b", "c"]
    assert apart(words) == (words, [MARK])
    assert apart([]) == ([], [])
    assert second(words) == 2
    for keys in FORMS:
        assert np.isfinite(make(**keys).read([Example("", words=words)])[0]).all()
