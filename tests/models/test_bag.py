"""The bag of words: the mean by hand, no order, its own bits; loss, dropout, storage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import layers, ops
from seqcli.datasets.batch import word_batch
from seqcli.datasets.vocabulary import UNKNOWN, Vocabulary
from seqcli.errors import SeqcliError
from seqcli.models import _words, classifier
from seqcli.models.bag import Config, Model
from seqcli.records import Example, Sentence

torch = pytest.importorskip("torch")
F = torch.nn.functional

LABELS = ["bad", "good", "so-so"]
CHARACTERS: dict[str, dict[str, Any] | None] = {
    "cnn": {"kind": "cnn", "embedding": 3, "filters": 4},
    "rnn": {"kind": "rnn", "embedding": 3, "hidden": 2},
    "none": None,
}


def text(rng: np.random.Generator, length: int, alphabet: str = "abcdé") -> Example:
    words = ["".join(rng.choice(list(alphabet), rng.integers(1, 4))) for _ in range(length)]
    return Example(text=" ".join(words), words=words)


def some(*lengths: int) -> list[Example]:
    return [text(np.random.default_rng(i), n) for i, n in enumerate(lengths)]


def vocabulary() -> Vocabulary:
    rng = np.random.default_rng(8)
    found = Vocabulary.learn([Sentence(words=text(rng, 40, "abcd").words or [])], [LABELS], fold_digits=False)
    words = found.words[::2]
    return replace(found, vector_words=words, vectors=rng.standard_normal((len(words), 2)).astype(np.float32))


def make(own: Vocabulary | None = None, **keys: Any) -> Model:
    own, rng = own or vocabulary(), np.random.default_rng(1)
    fresh = Model.create(Config(**{"embedding": 5, **keys}), own, rng)
    return layers.replace(
        fresh, {n: rng.normal(0, 0.4, a.shape).astype(np.float32) for n, a in fresh.arrays().items()}
    )


def batch_of(model: Model, examples: Sequence[Example], targets: Any, weights: Any = None) -> dict[str, Any]:
    made = word_batch(model.vocabulary, [e.words or [] for e in examples], by_character=model.characters is not None)
    weights = np.ones(len(examples), np.float32) if weights is None else weights
    return {**made._asdict(), "targets": targets, "weights": weights}


def double(model: Model) -> Model:
    return layers.replace(model, {n: torch.from_numpy(a.astype(np.float64)) for n, a in model.arrays().items()})


def put(model: Any, batch: dict[str, np.ndarray]) -> dict[str, Any]:
    return {n: ops.put(a, model.embedding) for n, a in batch.items()}


def by_hand(model: Model, example: Example) -> np.ndarray:
    """W (Σ x_t / T) + b in float64, x_t = [word; vector; characters]."""
    v, rows = model.vocabulary, []
    for word in example.words or []:
        parts = [model.embedding[v.words.index(word) + 1 if word in v.words else 0], np.zeros(2)]
        if word in v.vector_words:
            parts[1] = v.vectors[v.vector_words.index(word)]
        if model.characters is not None:
            parts.append(model.characters.encode(*v.character_ids([word]))[0])
        rows.append(np.concatenate(parts).astype(np.float64))
    return model.output_weight.astype(np.float64) @ (np.sum(rows, axis=0) / len(rows)) + model.output_bias


@pytest.mark.parametrize("characters", CHARACTERS)
def test_logits_are_the_mean_by_hand_and_the_scores_of_training(characters: str) -> None:
    model, examples = make(characters=CHARACTERS[characters]), some(5, 17, 1, 9)
    wanted = np.stack([by_hand(model, e) for e in examples])
    found = model.logits(examples)
    assert (found.dtype, found.shape) == (np.float32, (4, 3))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
    wide = double(model)
    b = put(wide, batch_of(model, examples, np.zeros(4, np.int64)))
    np.testing.assert_allclose(wide.scores(*wide.inputs(b)).numpy(), wanted, rtol=0, atol=1e-6)


def test_it_has_no_order() -> None:
    model, example = make(), some(12)[0]
    words = example.words or []
    backwards = replace(example, words=words[::-1])
    np.testing.assert_allclose(*model.logits([example, backwards]), rtol=0, atol=1e-6)
    twice = replace(example, words=words * 2)
    np.testing.assert_allclose(*model.logits([example, twice]), rtol=0, atol=1e-6)


@given(seed=st.integers(0, 2**32), group=st.sampled_from([1, 10, 60, 8192]), encoded=st.sampled_from([3, 1024]))
@settings(max_examples=examples(40))
def test_logits_depend_on_nothing_but_their_text(seed: int, group: int, encoded: int) -> None:
    rng = np.random.default_rng(seed)
    model = make(characters=[*CHARACTERS.values()][seed % 3])
    chosen = [text(rng, int(n)) for n in rng.integers(0, 25, rng.integers(1, 20))]
    wanted = [model.logits([e])[0] for e in chosen]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "GROUP", group)
        patch.setattr(_words, "ENCODED", encoded)
        order = rng.permutation(len(chosen))
        found = model.logits([chosen[i] for i in order])
    for i, row in zip(order, found, strict=True):
        np.testing.assert_array_equal(row, wanted[i])


def test_one_long_text_and_texts_without_words(monkeypatch: pytest.MonkeyPatch) -> None:
    model, examples = make(), [*some(3, 2000, 5), Example(text="", words=[]), Example(text="")]
    wanted = [model.logits([e])[0] for e in examples]
    monkeypatch.setattr(classifier, "GROUP", 100)
    found = model.logits(examples)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(found[3:], np.stack([model.output_bias] * 2))
    assert model.logits([]).shape == (0, 3)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("several", [False, True])
def test_the_loss_is_the_weighted_mean_of_the_records(several: bool, smoothing: float) -> None:
    model, examples = make(label_smoothing=smoothing), some(5, 17, 1)
    logits = torch.from_numpy(np.stack([by_hand(model, e) for e in examples]))
    weights = np.array([1, 0.5, 3], np.float32)
    if several:
        targets: Any = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]], np.float32)
        drawn = torch.from_numpy(targets.astype(np.float64) * (1 - smoothing) + smoothing / 2)
        each = F.binary_cross_entropy_with_logits(logits, drawn, reduction="none").mean(-1)
    else:
        targets = np.array([0, 2, 1])
        each = F.cross_entropy(logits, torch.from_numpy(targets), label_smoothing=smoothing, reduction="none")
    wide = double(model)
    found = wide.loss(put(wide, batch_of(model, examples, targets, weights)))
    assert found.item() == pytest.approx(float((each * torch.from_numpy(weights)).mean()), abs=1e-6)


@pytest.mark.parametrize("characters", CHARACTERS)
def test_gradients_reach_every_array(characters: str) -> None:
    model = make(characters=CHARACTERS[characters])
    leaves = {n: torch.from_numpy(a).requires_grad_() for n, a in model.arrays().items()}
    bound = layers.replace(model, leaves)
    bound.loss(put(bound, batch_of(model, some(*[7] * 8), np.arange(8) % 3))).backward()
    for name, leaf in leaves.items():
        assert leaf.grad is not None, name
        assert bool(leaf.grad.isfinite().all()), name
        assert bool(leaf.grad.any()), name


def test_dropout_is_the_generators_alone() -> None:
    model = double(make(dropout=0.5))
    batch = batch_of(make(), some(6, 6, 6), np.arange(3))

    def loss(own: Model, seed: int | None) -> float:
        rng = None if seed is None else torch.Generator().manual_seed(seed)
        return own.loss(put(own, batch), rng).item()

    assert loss(model, None) == loss(model, None)
    assert loss(model, 1) == loss(model, 1) != loss(model, 2)
    assert loss(model, None) == loss(double(make()), 1)


def test_dropout_is_of_words_and_of_their_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = double(make(dropout=0.5)), []
    monkeypatch.setattr(Model, "drop", lambda self, x, rng: seen.append(tuple(x.shape)) or x)
    model.loss(put(model, batch_of(make(), some(6, 2), np.arange(2))), torch.Generator())
    assert seen == [(8, 2, 7), (1, 2, 7)]


@pytest.mark.parametrize("characters", CHARACTERS)
def test_stored_and_restored(characters: str) -> None:
    own, keys = vocabulary(), {"embedding": 5, "characters": CHARACTERS[characters]}
    model, examples = make(own, **keys), some(8, 3)
    again = Model.restore(Config(**keys), own, model.arrays())
    np.testing.assert_array_equal(again.logits(examples), model.logits(examples))
    with pytest.raises(SeqcliError, match="output_weight"):
        Model.restore(Config(**keys), replace(own, labels=[*LABELS, "z"]), model.arrays())
    drawn = [Model.create(Config(**keys), own, np.random.default_rng(seed)).arrays() for seed in (4, 4, 5)]
    assert all(np.array_equal(a, drawn[1][n]) for n, a in drawn[0].items())
    assert any((a != drawn[2][n]).any() for n, a in drawn[0].items())
    assert not drawn[0]["embedding"][UNKNOWN].any()
