"""Models that read frames: NumPy = torch, answers of their own, and the linear one against scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seqcli import layers, registry
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import SeqcliError
from seqcli.models import Sizes, frames_linear
from seqcli.records import Example

torch = pytest.importorskip("torch")

D, LABELS = 4, ["a", "b", "c"]
RNG = np.random.default_rng(8)
LENGTHS = [5, 1, 12, 7, 3]
FRAMES = [RNG.standard_normal((n, D)).astype(np.float32) for n in LENGTHS]
CELL = {"cell": "gru", "hidden": 6, "embedding": 4}
ATTENDING = {"size": 8, "heads": 2, "layers": 1}
CONV, EACH = {"kind": "conv", "width": 3, "layers": 1}, {"kind": "conv", "width": 3, "layers": 1, "stride": 1}
CLASSIFIERS = {
    "linear": ("classifier", CELL),
    "conv": ("classifier", {**CELL, "front_end": CONV, "pooling": "attention"}),
    "patches": (
        "classifier",
        {**CELL, "front_end": {"kind": "patches", "side": 2, "channels": 1}, "pooling": "mean"},
    ),
    "last": ("classifier", {**CELL, "layers": 2, "pooling": "last", "front_end": CONV}),
    "attending": ("transformer-classification", {**ATTENDING, "embedding": 4, "front_end": CONV}),
}
TAGGERS = {
    "linear": ("tagger", CELL),
    "conv": ("tagger", {**CELL, "front_end": EACH, "head": "softmax"}),
    "attending": ("transformer-tagging", {**ATTENDING, "embedding": 4, "front_end": EACH}),
}


def vocabulary() -> Vocabulary:
    learnt = Vocabulary.learn((), [LABELS], [], scheme=None, by_character=False)
    return replace(learnt, dimensions=D)


def make(kind: str, keys: dict[str, Any]) -> Any:
    module = registry.load("models", kind)
    own = module.Model.create(module.Config(**keys), vocabulary(), np.random.default_rng(2))
    again = module.Model.restore(module.Config(**keys), vocabulary(), own.arrays())
    for name, array in own.arrays().items():
        np.testing.assert_array_equal(array, again.arrays()[name])
    return again


def bound(own: Any) -> Any:
    return layers.replace(own, {n: torch.from_numpy(a.astype(np.float64)) for n, a in own.arrays().items()})


def batch(frames: list[np.ndarray]) -> dict[str, Any]:
    rows = torch.from_numpy(np.concatenate(frames).astype(np.float64))
    return {"frames": rows, "lengths": torch.tensor([len(x) for x in frames])}


def examples(frames: list[np.ndarray]) -> list[Example]:
    return [Example(text="x", frames=x) for x in frames]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name):
    own = make(*CLASSIFIERS[name])
    found = own.logits(examples(FRAMES))
    wide = bound(own)
    np.testing.assert_allclose(found, wide.scores(*wide.inputs(batch(FRAMES))).numpy(), atol=1e-5)
    for row, x in zip(found, FRAMES, strict=True):
        np.testing.assert_array_equal(own.logits(examples([x]))[0], row)
    beside = [np.full((30, D), 1e4, np.float32), *FRAMES[::-1]]
    np.testing.assert_array_equal(own.logits(examples(beside))[1:][::-1], found)
    blank = own.logits(examples([np.zeros((0, D), np.float32), FRAMES[0]]))
    assert np.isfinite(blank).all()
    np.testing.assert_array_equal(blank[1], found[0])


def test_attention_has_a_weight_for_each_step():
    own = make(*CLASSIFIERS["conv"])
    _, weights = own.read(examples([*FRAMES, np.zeros((0, D), np.float32)]))
    assert [len(w) for w in weights] == [*(-(-n // 2) for n in LENGTHS), 0]
    assert all(w.sum() == pytest.approx(1, abs=1e-6) for w in weights[:-1])


@pytest.mark.parametrize("name", TAGGERS)
def test_taggers(name):
    own = make(*TAGGERS[name])
    found, wide = own.emissions(FRAMES), bound(own)
    x, lengths = wide.inputs(batch(FRAMES))
    wanted = wide.scores(x, torch.zeros(0, *x.shape[:2], dtype=torch.int64), lengths).numpy()
    for b, (rows, record) in enumerate(zip(found, FRAMES, strict=True)):
        assert rows.shape == (len(record), len(LABELS))
        np.testing.assert_allclose(rows, wanted[: len(record), b], atol=1e-5)
        np.testing.assert_array_equal(own.emissions([record])[0], rows)
        np.testing.assert_array_equal(own.emissions([FRAMES[2] * 1e3, record])[1], rows)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"front_end": CONV, "attention": "additive"},
        {"attention": "none"},
        {"bridge": "mean", "input_feeding": True},
    ],
    ids=str,
)
def test_sequence_to_sequence(keys):
    """Scores by stepping in NumPy and in torch, each source alone and beside others."""
    module = registry.load("models", "seq2seq")
    sizes = Sizes(0, 7, False, D)
    own = module.Model.create(module.Config(**{**CELL, **keys}), sizes, np.random.default_rng(2))
    assert own.sizes == sizes._replace(dimensions=0)
    targets = [np.array([*RNG.integers(0, 5, 3), 6]) for _ in FRAMES]
    found = own.score(FRAMES, targets)
    in_torch = layers.replace(own, {n: torch.from_numpy(a) for n, a in own.arrays().items()})
    with torch.no_grad():
        others = in_torch.score(FRAMES, targets)
    for mine, other, source, target in zip(found, others, FRAMES, targets, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)
        np.testing.assert_array_equal(own.score([source], [target])[0], mine)
        np.testing.assert_array_equal(own.score([FRAMES[2] * 50, source], [target, target])[1], mine)


# the linear model


def toy(count: int, seed: int) -> tuple[list[Example], np.ndarray]:
    """Series whose mean and deviation say their class, not quite."""
    rng, made = np.random.default_rng(seed), []
    classes = rng.integers(0, 3, count)
    for k in classes.tolist():
        x = rng.normal([0.4 * k, 0.0, 0.2, 1.0], [1.0, 0.6 + 0.4 * k, 1.0, 2.0], (rng.integers(4, 20), D))
        made.append(Example(text="x", frames=x.astype(np.float32), labels=[LABELS[k]]))
    return made, classes


def test_moments_are_of_each_number():
    rows = frames_linear.moments(examples([*FRAMES, np.zeros((0, D), np.float32)]))
    for row, x in zip(rows, FRAMES, strict=False):
        np.testing.assert_allclose(row, [*x.mean(axis=0), *x.std(axis=0)], atol=1e-6)
    assert not rows[-1].any()


@pytest.mark.parametrize("l2", [1e-3, 1e-1])
def test_linear_is_scikit_learns(l2):
    """The penalty takes in the bias, as that of a column of ones does."""
    linear = pytest.importorskip("sklearn.linear_model")
    train, classes = toy(300, 1)
    test, wanted = toy(300, 2)
    own = frames_linear.Model.fit(train, classes, vocabulary(), frames_linear.Config(l2=l2))
    rows = [np.c_[frames_linear.moments(part), np.ones(len(part))] for part in (train, test)]
    theirs = linear.LogisticRegression(C=1 / (l2 * len(train)), fit_intercept=False, max_iter=2000, tol=1e-8)
    theirs.fit(rows[0], classes)
    logits = own.logits(test).astype(np.float64)
    logp = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    other = theirs.predict_log_proba(rows[1])
    assert (logp.argmax(axis=1) == wanted).mean() == pytest.approx((other.argmax(axis=1) == wanted).mean(), abs=0.01)
    nats = [-p[np.arange(len(wanted)), wanted].mean() for p in (logp, other)]
    assert nats[0] == pytest.approx(nats[1], abs=2e-3)
    assert nats[0] < np.log(3)


def test_linear_weighs_and_restores():
    train, classes = toy(120, 1)
    plain = frames_linear.Model.fit(train, classes, vocabulary(), frames_linear.Config())
    heavy = frames_linear.Model.fit(
        train, classes, vocabulary(), frames_linear.Config(), class_weights=np.array([1.0, 1.0, 9.0])
    )
    assert (heavy.logits(train).argmax(axis=1) == 2).sum() > (plain.logits(train).argmax(axis=1) == 2).sum()
    again = frames_linear.Model.restore(frames_linear.Config(), vocabulary(), plain.arrays())
    np.testing.assert_array_equal(again.logits(train), plain.logits(train))
    np.testing.assert_array_equal(plain.logits(train[3:4])[0], plain.logits(train)[3])
    with pytest.raises(SeqcliError):
        frames_linear.Model.restore(frames_linear.Config(), replace(vocabulary(), dimensions=D + 1), plain.arrays())


def test_linear_gives_several_labels():
    train, classes = toy(200, 1)
    truth = np.stack([classes > 0, classes > 1, classes == 1], axis=1)
    own = frames_linear.Model.fit(train, truth, vocabulary(), frames_linear.Config(), multi_label=True)
    right = (own.logits(train) > 0) == truth
    assert right.mean() > max(truth.mean(), 1 - truth.mean())
