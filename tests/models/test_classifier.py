"""The recurrent classifier: its two forward passes against each other and torch.nn, its loss, whatever stands beside."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.cells import CELLS
from support.examples import examples
from threadpoolctl import threadpool_limits

from seqcli import layers, ops
from seqcli.datasets.batch import word_batch
from seqcli.datasets.vocabulary import UNKNOWN, Vocabulary
from seqcli.errors import SeqcliError
from seqcli.layers.pooling import Kind
from seqcli.models import classifier
from seqcli.models.classifier import Config, Model, groups
from seqcli.records import Example, Sentence

torch = pytest.importorskip("torch")
F = torch.nn.functional

LABELS = ["bad", "good", "so-so"]
SMALL: dict[str, Any] = {"embedding": 3, "hidden": 4}
POOLINGS: tuple[Kind, ...] = get_args(Kind)
CNN, RNN = {"kind": "cnn", "embedding": 3, "filters": 4}, {"kind": "rnn", "embedding": 3, "hidden": 2}
CHARACTERS: dict[str, dict[str, Any] | None] = {"cnn": CNN, "rnn": RNN, "none": None}


def text(rng: np.random.Generator, length: int, alphabet: str = "abcdé") -> Example:
    """Words, some of them new to the vocabulary."""
    words = ["".join(rng.choice(list(alphabet), rng.integers(1, 4))) for _ in range(length)]
    return Example(text=" ".join(words), words=words)


def some(*lengths: int) -> list[Example]:
    return [text(np.random.default_rng(i), n) for i, n in enumerate(lengths)]


def vocabulary(vectors: int = 2) -> Vocabulary:
    rng = np.random.default_rng(8)
    known = [Sentence(words=text(rng, 6, "abcd").words or []) for _ in range(8)]
    found = Vocabulary.learn(known, [LABELS], fold_digits=False)
    words = found.words[::2]
    matrix = rng.standard_normal((len(words), vectors)).astype(np.float32)
    return replace(found, vector_words=words if vectors else [], vectors=matrix)


def make(own: Vocabulary | None = None, seed: int = 0, **keys: Any) -> Model:
    """A model whose every weight is drawn."""
    own = own or vocabulary()
    fresh = Model.create(Config(**{**SMALL, **keys}), own, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    return layers.replace(
        fresh, {n: rng.normal(0, 0.4, a.shape).astype(np.float32) for n, a in fresh.arrays().items()}
    )


def batch_of(model: Model, examples: Sequence[Example], targets: Any = None, weights: Any = None) -> dict[str, Any]:
    """The parts that `loss` reads."""
    made = word_batch(model.vocabulary, [e.words or [] for e in examples], by_character=model.characters is not None)
    targets = np.arange(len(examples)) % len(LABELS) if targets is None else targets
    weights = np.ones(len(examples), np.float32) if weights is None else weights
    return {**made._asdict(), "targets": targets, "weights": weights}


def double(model: Model) -> Model:
    return layers.replace(model, {n: torch.from_numpy(a.astype(np.float64)) for n, a in model.arrays().items()})


def put(model: Any, batch: dict[str, np.ndarray]) -> dict[str, Any]:
    return {n: ops.put(a, model.embedding) for n, a in batch.items()}


def forward(model: Any, examples: Sequence[Example], rng: Any = None) -> Any:
    b = put(model, batch_of(model, examples))
    return model.scores(*model.inputs(b), rng)


# the forward pass


PAIRWISE = [(c, p, bool((i + j // 2) % 2), [*CHARACTERS][(i + j) % 3]) for i, c in enumerate(CELLS) for j, p in enumerate(POOLINGS)]  # fmt: skip


@pytest.mark.parametrize(("cell", "pooling", "both", "characters"), PAIRWISE)
def test_logits_are_the_scores_of_training(cell: str, pooling: str, both: bool, characters: str) -> None:
    keys = {"cell": cell, "pooling": pooling, "bidirectional": both, "characters": CHARACTERS[characters]}
    model = make(layers=2, **keys)
    examples = some(5, 17, 1, 9)
    wanted = forward(double(model), examples)
    assert wanted.dtype == torch.float64
    found = model.logits(examples)
    assert (found.dtype, found.shape) == (np.float32, (4, 3))
    np.testing.assert_allclose(found, wanted.numpy(), rtol=0, atol=2e-5)
    np.testing.assert_allclose(
        forward(model, examples), wanted.numpy(), rtol=0, atol=2e-5
    )  # the same lines, in NumPy


def through_torch(model: Model, example: Example, recurrent: Any) -> Any:
    """Outputs (T, C) of torch's own network for one text: x_t = [word; vector; characters]."""
    v, rows = model.vocabulary, []
    for word in example.words or []:
        plain = v.normal(word)
        parts = [model.embedding[v.words.index(plain) + 1 if plain in v.words else 0], np.zeros(2, np.float32)]
        if word in v.vector_words:
            parts[1] = v.vectors[v.vector_words.index(word)]
        if model.characters is not None:
            parts.append(model.characters.encode(*v.character_ids([word]))[0])
        rows.append(np.concatenate(parts).astype(np.float64))
    y, _ = recurrent(torch.from_numpy(np.stack(rows)))
    return y.detach()


@pytest.mark.parametrize("characters", ["cnn", "none"])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_forward_pass_is_torch_nns_text_by_text(cell: str, pooling: str, characters: str) -> None:
    """The last state in both directions is what torch gives as h_n; the rest are torch's reductions."""
    model = make(cell=cell, pooling=pooling, characters=CHARACTERS[characters], layers=2)
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
    recurrent = kind(model.stack.cells[0][0].input_size, 4, 2, bidirectional=True)
    for name, a in model.arrays().items():
        if name.startswith("stack.cells."):
            depth, direction, weight = name.removeprefix("stack.cells.").split(".")
            getattr(recurrent, f"{weight}_l{depth}{'_reverse' * int(direction)}").data.copy_(torch.from_numpy(a))
    recurrent = recurrent.double()
    examples = some(4, 1, 6)
    found = model.logits(examples)
    for example, scores in zip(examples, found, strict=True):
        y = through_torch(model, example, recurrent)
        if pooling == "last":
            pooled = torch.cat([y[-1, :4], y[0, 4:]])
        elif pooling == "attention":
            assert model.attention is not None
            w, b, v = (torch.from_numpy(a.astype(np.float64)) for a in layers.arrays(model.attention).values())
            pooled = torch.softmax(torch.tanh(y @ w.T + b) @ v[0], 0) @ y
        else:
            pooled = y.mean(0) if pooling == "mean" else y.amax(0)
        wanted = pooled.numpy() @ model.output_weight.T.astype(np.float64) + model.output_bias
        np.testing.assert_allclose(scores, wanted, rtol=0, atol=1e-5)


def test_attention_is_told_text_by_text() -> None:
    model, examples = make(pooling="attention"), some(5, 0, 1, 12)
    logits, weights = model.read(examples)
    assert [(len(w), round(float(w.sum()), 5)) for w in weights] == [(5, 1), (0, 0), (1, 1), (12, 1)]
    np.testing.assert_array_equal(logits, model.logits(examples))
    again, single = model.read(examples[3:])
    np.testing.assert_array_equal(single[0], weights[3])
    np.testing.assert_array_equal(again[0], logits[3])
    assert [len(w) for w in make(pooling="mean").read(examples)[1]] == [0] * 4


# a text's logits are its own


def alone(model: Model, example: Example) -> np.ndarray:
    """The logits of a text from a model that has read nothing else."""
    return layers.replace(model, model.arrays()).logits([example])[0]


@given(
    seed=st.integers(0, 2**32),
    pooling=st.sampled_from(POOLINGS),
    group=st.sampled_from([1, 10, 60, 8192]),
    kept=st.sampled_from([1, 4 * 32 * 7, 64 << 20]),
    data=st.data(),
)
@settings(max_examples=examples(50))
def test_logits_depend_on_nothing_but_their_text(
    seed: int, pooling: str, group: int, kept: int, data: st.DataObject
) -> None:
    """Neither on batch-mates or their order, nor on how many words go together, nor on what was asked before."""
    rng = np.random.default_rng(seed)
    keys: dict[str, Any] = {"layers": 2} if seed % 3 else {"characters": CHARACTERS["rnn"]}
    model = make(None, seed % 2, pooling=pooling, **keys)
    pool = [text(rng, int(n)) for n in rng.integers(0, 25, 20)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "GROUP", group)
        patch.setattr("seqcli.inference.words.KEPT_BYTES", kept)
        for _ in range(data.draw(st.integers(1, 2))):
            chosen = [pool[i] for i in rng.permutation(20)[: data.draw(st.integers(1, 20))]]
            found = model.logits(chosen)
            for place in rng.permutation(len(chosen))[:3]:
                np.testing.assert_array_equal(found[place], alone(model, chosen[place]))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_one_long_text_among_others(pooling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than what is worked on at once, and with more words than are kept."""
    model, examples = make(pooling=pooling), some(3, 2000, 5)
    wanted = [alone(model, e) for e in examples]
    monkeypatch.setattr(classifier, "GROUP", 100)
    monkeypatch.setattr("seqcli.inference.words.KEPT_BYTES", 4 * 32 * 20)
    np.testing.assert_array_equal(make(pooling=pooling).logits(examples), wanted)


@pytest.mark.parametrize("pooling", ["attention", "mean"])
def test_threads_change_no_bit(pooling: str) -> None:
    model, examples = make(hidden=70, embedding=60, pooling=pooling), some(*[30] * 20)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            found.append(layers.replace(model, model.arrays()).logits(examples))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_texts_without_words(pooling: str) -> None:
    """Their logits are the bias, wherever they stand; no texts have no logits."""
    model = make(pooling=pooling)
    nothing = [Example(text="", words=[]), Example(text="", words=None)]
    found = model.logits([nothing[0], *some(4), nothing[1]])
    np.testing.assert_array_equal(found[[0, 2]], np.stack([model.output_bias] * 2))
    np.testing.assert_array_equal(found[1], alone(model, some(4)[0]))
    np.testing.assert_array_equal(model.logits(nothing), found[[0, 2]])
    assert model.logits([]).shape == (0, 3)


@given(lengths=st.lists(st.integers(0, 30), max_size=40), most=st.integers(1, 60))
def test_groups_hold_every_text_once_and_few_words(lengths: list[int], most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "GROUP", most)
        found = groups(lengths)
    assert [i for group in found for i in group] == [i for i, n in enumerate(lengths) if n]
    for group in found:
        assert len(group) == 1 or sum(lengths[i] for i in group) <= most
    for one, two in itertools.pairwise(found):
        assert sum(lengths[i] for i in one) + lengths[two[0]] > most  # no group could have taken the next


# the loss


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_loss_is_the_weighted_mean_of_the_records(pooling: str, smoothing: float) -> None:
    model = make(pooling=pooling, label_smoothing=smoothing)
    wide, examples = double(model), some(5, 17, 1, 9, 3)
    targets, weights = np.array([0, 2, 1, 1, 0]), np.array([1, 0.5, 3, 0, 0.25], np.float32)
    each = F.cross_entropy(
        forward(wide, examples), torch.from_numpy(targets), label_smoothing=smoothing, reduction="none"
    )
    batch = batch_of(model, examples, targets, weights)
    wanted = float((each * torch.from_numpy(weights)).sum() / 5)
    assert wide.loss(put(wide, batch)).item() == pytest.approx(wanted, abs=1e-12)
    assert model.loss(batch) == pytest.approx(wanted, abs=1e-5)
    spoilt = batch | {
        "index": np.where(np.arange(len(batch["index"]))[:, None] < batch["lengths"], batch["index"], 1)
    }
    assert wide.loss(put(wide, spoilt)).item() == pytest.approx(wanted, abs=1e-12)  # padding is not read


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_several_labels_cost_a_yes_or_no_each(smoothing: float) -> None:
    model, examples = make(label_smoothing=smoothing), some(5, 2, 1, 9)
    targets = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]], np.float32)
    wide = double(model)
    drawn = torch.from_numpy(targets.astype(np.float64) * (1 - smoothing) + smoothing / 2)
    wanted = F.binary_cross_entropy_with_logits(forward(wide, examples), drawn).item()
    assert wide.loss(put(wide, batch_of(model, examples, targets))).item() == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("characters", CHARACTERS)
def test_gradients_reach_every_array(pooling: str, characters: str) -> None:
    model = make(pooling=pooling, characters=CHARACTERS[characters], layers=2)
    leaves = {n: torch.from_numpy(a).requires_grad_() for n, a in model.arrays().items()}
    bound = layers.replace(model, leaves)
    bound.loss(put(bound, batch_of(model, some(*[7] * 8)))).backward()
    for name, leaf in leaves.items():
        assert leaf.grad is not None, name
        assert bool(leaf.grad.isfinite().all() and leaf.grad.any()), name


def test_dropout_is_the_generators_alone() -> None:
    model = double(make(dropout=0.5, layers=2))
    batch = batch_of(make(), some(6, 6, 6))

    def loss(seed: int | None) -> float:
        rng = None if seed is None else torch.Generator().manual_seed(seed)
        return model.loss(put(model, batch), rng).item()

    assert loss(1) == loss(1) != loss(2)
    assert loss(None) == loss(None) == double(make(layers=2)).loss(put(model, batch), torch.Generator()).item()


def test_dropout_is_of_inputs_between_layers_and_of_the_pooled(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = double(make(dropout=0.5, layers=3)), []
    monkeypatch.setattr(Model, "drop", lambda self, x, rng: seen.append(tuple(x.shape)) or x)
    forward(model, some(6, 2), torch.Generator())
    assert seen == [(8, 2, 5), (8, 2, 8), (8, 2, 8), (1, 2, 8)]


# configuration, weights, storage


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("characters", CHARACTERS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_stored_and_restored(pooling: str, characters: str, bidirectional: bool) -> None:
    keys = {"pooling": pooling, "characters": CHARACTERS[characters], "bidirectional": bidirectional, "dropout": 0.3}
    own, example = vocabulary(), some(8)[0]
    model, about = make(own, **keys), Config(**{**SMALL, **keys})
    again = Model.restore(about, own, model.arrays())
    np.testing.assert_array_equal(alone(again, example), alone(model, example))
    assert (again.dropout, again.pooling) == (0.3, pooling)
    assert not any("vocabulary" in name for name in model.arrays())
    assert all(a.dtype == np.float32 for a in model.arrays().values())
    with pytest.raises(SeqcliError, match="output_weight"):
        Model.restore(about, replace(own, labels=[*LABELS, "z"]), model.arrays())
    if pooling == "attention":
        with pytest.raises(SeqcliError, match=r"attention\.bias"):
            Model.restore(Config(**{**SMALL, **keys, "pooling": "max"}), own, model.arrays())


def test_fresh_weights_are_a_function_of_the_generator() -> None:
    own, about = vocabulary(), Config(**SMALL, pooling="attention")
    one, two, other = (Model.create(about, own, np.random.default_rng(seed)).arrays() for seed in (4, 4, 5))
    assert all(np.array_equal(a, two[n]) for n, a in one.items())
    assert any((a != other[n]).any() for n, a in one.items())
    assert not one["embedding"][UNKNOWN].any()  # training may never show an unknown word: it says nothing
    assert one["embedding"][UNKNOWN + 1 :].any(axis=1).all()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"pooling": "sum"}, "pooling"),
        ({"dropout": 1.0}, "dropout"),
        ({"cell": "lstn"}, "did you mean 'lstm'"),
        ({"class_weights": "even"}, "class_weights"),
        ({"class_weights": {"good": 0.0}}, "class_weights"),
    ],
)
def test_mistakes_in_the_configuration(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Config(**keys)
