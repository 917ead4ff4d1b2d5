"""What models from one sequence to another share: the loss, own predictions as inputs, copying, what is dropped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import transformers
from support.examples import examples
from support.recurrent import VARIANTS, make, sizes_of
from support.transformers import BOS, SIZES, batch_of, cast, double, some

from seqcli import layers

torch = pytest.importorskip("torch")
cross_entropy = torch.nn.functional.cross_entropy

V = SIZES.target
KINDS: dict[str, Any] = {
    "seq2seq": make,
    "seq2seq, fed": lambda **keys: make(input_feeding=True, decoder_cell="lstm", **keys),
    "transformer": transformers.make,
}


def generator(seed: int = 1) -> Any:
    return torch.Generator().manual_seed(seed)


def logits_of(model: Any, batch: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Logits (N, V), readouts (N, R) and attention (N, S) of the real target positions."""
    memory, state = model.read(batch["source"], batch["source_lengths"])
    readout, attention = model.readouts(batch["inputs"], memory, state)
    flat = readout.reshape(-1, readout.shape[-1])[batch["places"]]
    looked = None if attention is None else attention.reshape(-1, attention.shape[-1])[batch["places"]]
    return flat @ model.output.T + model.output_bias, flat, looked


# the loss


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
def test_loss_of_a_batch_is_that_of_its_sequences_and_of_their_scores(keys: dict[str, Any]) -> None:
    model, (sources, targets) = double(make(**keys)), some(10, 6, 12)
    sources = [np.minimum(s, 11) for s in sources]  # copies are target symbols
    sizes, total = sizes_of(keys), sum(map(len, targets))
    whole = float(model.loss(batch_of(sources, targets, extra=3, sizes=sizes)))
    nats = [
        float(model.loss(batch_of([s], [t], sizes=sizes))) * len(t) for s, t in zip(sources, targets, strict=True)
    ]
    assert whole == pytest.approx(sum(nats) / total, abs=1e-11)
    scores = np.concatenate(model.score(sources, targets))
    assert whole == pytest.approx(-scores.sum() / total, abs=1e-5)  # scores are float32


@pytest.mark.parametrize("kind", KINDS)
def test_loss_is_torchs_cross_entropy_and_smoothing_is_of_training_alone(kind: str) -> None:
    model, batch = double(KINDS[kind](label_smoothing=0.3)), batch_of(*some(11, 5, 9), extra=2)
    logits, _, _ = logits_of(model, batch)
    plain, smooth = (cross_entropy(logits, batch["gold"], label_smoothing=s) for s in (0.0, 0.3))
    torch.testing.assert_close(model.loss(batch), plain)
    torch.testing.assert_close(model.loss(batch, generator()), smooth)
    assert float(plain) != float(smooth)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copy", [False, True])
def test_what_only_fills_a_batch_changes_nothing(kind: str, copy: bool) -> None:
    model, batch = double(KINDS[kind](copy_source=copy)), batch_of(*some(12, 4, 12))
    more = dict(batch)
    for name in ("source", "inputs", "copies"):
        more[name] = torch.cat([batch[name], torch.zeros_like(batch[name][:2])])
    more["source_lengths"] = torch.cat([batch["source_lengths"], torch.ones(2, dtype=torch.int64)])
    for name, value in (("places", 3), ("gold", 5)):
        more[name] = torch.cat([batch[name], torch.full((5,), value)])
    more["weights"] = torch.cat([batch["weights"], torch.zeros(5).double()])
    assert float(model.loss(more)) == pytest.approx(float(model.loss(batch)), abs=1e-12)


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
def test_gradients_reach_every_array_and_are_the_generators(keys: dict[str, Any]) -> None:
    drops = {"dropout": 0.2, "word_dropout": 0.2, "label_smoothing": 0.1, "free_running": 0.2}
    model = make(**keys, **drops, scheduled_sampling=0.5)
    weights = {n: torch.from_numpy(a).requires_grad_() for n, a in model.arrays().items()}
    batch = {**batch_of(*some(11, 8, 8), sizes=sizes_of(keys)), "sampling": 0.5}

    def run(seed: int | None) -> Any:
        loss = layers.replace(model, weights).loss(batch, None if seed is None else generator(seed))
        return torch.autograd.grad(loss, list(weights.values())), loss

    (one, loss), (two, _), (other, _) = run(1), run(1), run(2)
    assert bool(torch.isfinite(loss))
    for name, a, b in zip(weights, one, two, strict=True):
        assert bool(a.isfinite().all()), name
        assert bool(a.any()), name
        assert torch.equal(a, b), name
    assert any(not torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert torch.equal(run(None)[1], run(None)[1])


@pytest.mark.parametrize("keys", [VARIANTS[i] for i in (0, 2, 9)], ids=str)
def test_bfloat16_stays_near_float64(keys: dict[str, Any]) -> None:
    model, batch = make(**keys, free_running=0.1), batch_of(*some(13, 8, 12))
    half = cast(model, lambda a: torch.from_numpy(a).bfloat16().requires_grad_())
    half.loss({**batch, "sampling": 0.5}, generator()).backward()
    assert all(bool(a.grad.isfinite().all()) for a in layers.arrays(half).values())
    loss = half.loss(batch).detach()
    assert loss.dtype != torch.bfloat16
    assert float(loss) == pytest.approx(float(double(model).loss(batch)), abs=0.05)


# own predictions as inputs


def own(model: Any, batch: dict[str, Any], rate: float, rng: Any = None) -> Any:
    memory, state = model.read(batch["source"], batch["source_lengths"])
    return model.own_inputs(batch["inputs"], memory, state, rate, rng)


def answers(model: Any, sources: list[np.ndarray], fed: np.ndarray) -> np.ndarray:
    """What a model predicts after each of fed (B, T), stepping."""
    memory, state = model.start(sources)
    found = []
    for ids in fed.T:
        logprobs, state, _ = model.step(ids, memory, state)
        found.append(logprobs[:, :V].argmax(axis=1))
    return np.stack(found, axis=1)


@pytest.mark.parametrize("kind", KINDS)
def test_own_inputs_are_gold_or_the_best_after_those_before(kind: str) -> None:
    model, (sources, targets) = double(KINDS[kind]()), some(14, 24, 12)
    batch = batch_of(sources, targets)
    gold = batch["inputs"].numpy()
    shares = []
    for rate in (0.0, 0.3, 1.0):
        inputs = own(model, batch, rate, generator()).numpy()
        assert (inputs[:, 0] == BOS).all()
        best = answers(model, sources, inputs)[:, :-1]
        kept = inputs[:, 1:] == gold[:, 1:]
        assert (kept | (inputs[:, 1:] == best)).all()
        odd = gold[:, 1:] != best  # here it shows which of the two it is
        shares.append((~kept[odd]).mean())
        assert np.array_equal(inputs, own(model, batch, rate, generator()).numpy())
    assert shares == [0.0, pytest.approx(0.3, abs=0.08), 1.0]
    assert not np.array_equal(
        own(model, batch, 0.3, generator(2)).numpy(), own(model, batch, 0.3, generator()).numpy()
    )


def test_free_running_is_greedy_decoding_in_either_library() -> None:
    model, (sources, targets) = make(input_feeding=True), some(15, 9, 12)
    batch = batch_of(sources, targets)
    plain = {name: batch[name].numpy() for name in ("source", "source_lengths", "inputs")}
    ours, theirs = own(model, plain, 1.0), own(double(model), batch, 1.0)
    np.testing.assert_array_equal(ours, theirs.numpy())
    fed, ids = [], np.full(9, BOS)
    memory, state = model.start(sources)
    for _ in range(ours.shape[1]):
        fed.append(ids)
        logprobs, state, _ = model.step(ids, memory, state)
        ids = logprobs.argmax(axis=1)
    np.testing.assert_array_equal(ours, np.stack(fed, axis=1))


@pytest.mark.parametrize("kind", KINDS)
def test_sampled_and_free_running_losses_are_those_of_own_inputs(kind: str) -> None:
    model, batch = double(KINDS[kind](free_running=0.25)), batch_of(*some(16, 8, 10))
    gold = model.loss(batch)
    assert torch.equal(model.loss({**batch, "sampling": 0.7}), gold)  # evaluation feeds what is given
    free = model.loss({**batch, "inputs": own(model, batch, 1.0)})
    torch.testing.assert_close(model.loss(batch, generator()), 0.75 * gold + 0.25 * free)
    mixed = model.loss({**batch, "inputs": own(model, batch, 0.7, generator())})
    torch.testing.assert_close(
        model.loss({**batch, "sampling": torch.tensor(0.7)}, generator()), 0.75 * mixed + 0.25 * free
    )
    assert len({float(gold), float(free), float(mixed)}) == 3
    only = replace(model, free_running=0.0)
    torch.testing.assert_close(only.loss({**batch, "sampling": 0.7}, generator()), mixed)


def test_choices_carry_no_gradient() -> None:
    model = cast(double(make()), lambda a: a.requires_grad_())
    assert not own(model, batch_of(*some(17, 3, 5)), 1.0).requires_grad


# copying


def copying(seed: int, count: int = 5) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Sources, targets, and copies: some beyond the vocabulary, some at several places; EOS that of the targets."""
    rng = np.random.default_rng(seed)
    sources, targets = some(seed, count, 9)
    copies = [np.append(rng.choice([1, 2, V, V + 1, V + 2], len(s) - 1), V - 1) for s in sources]
    for target, own in zip(targets, copies, strict=True):
        there = own[:-1]
        if len(there):
            target[:-1] = np.where(rng.random(len(target) - 1) < 0.6, rng.choice(there, len(target) - 1), target[:-1])
    return sources, targets, copies


def copying_batch(seed: int, unknown: int) -> tuple[dict[str, Any], list[np.ndarray], list[np.ndarray], list[Any]]:
    sources, targets, copies = copying(seed)
    batch = batch_of(sources, targets)
    batch["inputs"] = torch.where(batch["inputs"] < V, batch["inputs"], unknown)
    batch["copies"][:] = -1
    for row, own in zip(batch["copies"], copies, strict=True):
        row[: len(own)] = torch.from_numpy(own)
    return batch, sources, targets, copies


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_copying_loss_by_brute_force(kind: str, smoothing: float) -> None:
    model = double(KINDS[kind](copy_source=True, label_smoothing=smoothing))
    batch, sources, targets, copies = copying_batch(18, unknown=3)
    assert bool((batch["gold"] >= V).any())
    logits, readout, attention = logits_of(model, batch)
    p, gates = logits.softmax(-1), torch.sigmoid(readout @ model.copy_weight[0] + model.copy_bias)
    nats, n = [], 0
    for target, own in zip(targets, copies, strict=True):
        for id in target.tolist():
            copied = sum(attention[n, s] for s, c in enumerate(own.tolist()) if c == id)
            found = -torch.log(gates[n] * (p[n, id] if id < V else 0) + (1 - gates[n]) * copied + 1e-9)
            nats.append((1 - smoothing) * found - smoothing * p[n].log().mean())
            n += 1
    torch.testing.assert_close(model.loss(batch, generator()), torch.stack(nats).mean(), rtol=0, atol=1e-12)
    scores = np.concatenate(model.score(sources, targets, copies, unknown=3))
    assert float(model.loss(batch)) == pytest.approx(-scores.mean(), abs=1e-5)


@given(st.integers(0, 2**32))
@settings(max_examples=examples(25), deadline=None)
def test_probabilities_with_copies_are_their_formula_and_add_up_to_one(seed: int) -> None:
    model, rng = make(copy_source=True), np.random.default_rng(seed)
    B, K, S = rng.integers(1, 4), rng.integers(1, 4), rng.integers(1, 7)
    copies = rng.integers(0, V + 3, (B, S))
    attention = rng.dirichlet(np.ones(S), B * K).astype(np.float32)
    if S > 1:  # padding
        copies[0, -1], attention[:K] = -1, np.append(rng.dirichlet(np.ones(S - 1), K), np.zeros((K, 1)), axis=1)
    logprobs = np.log(rng.dirichlet(np.ones(V), B * K)).astype(np.float32)
    gate = rng.random(B * K).astype(np.float32)
    found = model.with_copies(logprobs, gate, attention, copies)
    assert found.dtype == np.float32
    expected = np.zeros((B * K, max(V, copies.max() + 1)))
    for n in range(B * K):
        expected[n, :V] = gate[n] * np.exp(logprobs[n].astype(float))
        for s, id in enumerate(copies[n // K]):
            if id >= 0:
                expected[n, id] += (1 - float(gate[n])) * attention[n, s]
    np.testing.assert_allclose(np.exp(found.astype(float)), expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)
    assert np.array_equal(found == -np.inf, expected == 0)


@pytest.mark.parametrize("kind", KINDS)
def test_stepping_with_copies(kind: str) -> None:
    """Probabilities add up to 1, a copied symbol is fed as what stands for it, batch-mates change nothing."""
    model, (sources, targets, copies) = KINDS[kind](copy_source=True), copying(19, 9)
    whole = model.score(sources, targets, copies, unknown=4)
    for i in range(9):
        np.testing.assert_array_equal(model.score([sources[i]], [targets[i]], [copies[i]], unknown=4)[0], whole[i])
    rows = np.repeat(np.arange(9), 2)
    memory, state = model.start(sources, copies, unknown=4)
    state = taken(state, rows)
    for ids in (np.full(18, BOS), np.full(18, V + 1), np.tile([V + 2, 1], 9)):
        fed, own = np.where(ids < V, ids, 4), state
        logprobs, state, _ = model.step(ids, memory, own)
        np.testing.assert_array_equal(logprobs, model.step(fed, memory, own)[0])
        assert logprobs.shape == (18, V + 3)
        np.testing.assert_allclose(np.exp(logprobs.astype(float)).sum(axis=1), 1, atol=1e-5)
        for n, row in enumerate(rows):
            beyond = np.flatnonzero(logprobs[n, V:] > -np.inf) + V
            assert set(beyond) == {c for c in copies[row].tolist() if c >= V}


def taken(x: Any, index: np.ndarray) -> Any:
    return tuple(taken(y, index) for y in x) if isinstance(x, tuple) else x[index]


# what is dropped


def test_dropped_words_are_zero_and_the_others_as_they_were() -> None:
    model, ids = cast(make(word_dropout=0.3), torch.from_numpy), torch.arange(13).repeat(40, 5)
    for table in (model.source_embedding, model.target_embedding):
        x, whole = model.look_up(ids, table, generator()), table[ids]
        gone = (x == 0).all(-1)
        assert float(gone.float().mean()) == pytest.approx(0.3, abs=0.03)
        assert torch.equal(x[~gone], whole[~gone])
        assert torch.equal(model.look_up(ids, table, None), whole)


def test_dropout_is_of_units_and_keeps_their_mean() -> None:
    model = cast(make(dropout=0.4), torch.from_numpy)
    x = model.drop(torch.ones(100, 100), generator())
    assert float((x == 0).float().mean()) == pytest.approx(0.4, abs=0.02)
    assert x.unique().tolist() == [0, pytest.approx(1 / 0.6, rel=0.01)]
    assert torch.equal(model.drop(torch.ones(3), None), torch.ones(3))


@pytest.mark.parametrize("keys", [VARIANTS[1], VARIANTS[2]], ids=str)
@pytest.mark.parametrize("drop", ["dropout", "word_dropout"])
def test_nothing_is_dropped_without_a_generator(keys: dict[str, Any], drop: str) -> None:
    batch = batch_of(*some(20, 6, 9))
    plain, dropping = double(make(**keys)), double(make(**keys, **{drop: 0.5}))
    assert torch.equal(plain.loss(batch), plain.loss(batch, generator()))
    assert torch.equal(plain.loss(batch), dropping.loss(batch))
    found = {float(dropping.loss(batch, generator(seed))) for seed in (1, 1, 2)}
    assert len(found) == 2
    assert float(plain.loss(batch)) not in found
