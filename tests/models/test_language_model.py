"""The recurrent language model: training and inference are one model, and rows are independent to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.cells import CELLS, kind_of
from support.examples import examples

from seqcli import layers, ops
from seqcli.errors import UsageError
from seqcli.models import language_model
from seqcli.models.language_model import Config, Model

torch = pytest.importorskip("torch")

V, T, B = 11, 13, 5
RNG = np.random.default_rng(0)
INPUTS, TARGETS = RNG.integers(0, V, (B, T)), RNG.integers(0, V, (B, T))


def make(seed: int = 0, **options: Any) -> Model:
    """A model whose every array is drawn, biases too, in float32."""
    options = {"embedding": 12, "hidden": 16, "layers": 2, **options}
    model = Model.create(Config(**options), V, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    biases = {n: a for n, a in model.arrays().items() if "bias" in n}
    return layers.replace(model, {n: rng.normal(0, 0.3, a.shape).astype(np.float32) for n, a in biases.items()})


def bind(model: Model, dtype: Any = torch.float32) -> tuple[Model, dict[str, Any]]:
    weights = {n: torch.from_numpy(a.copy()).to(dtype).requires_grad_() for n, a in model.arrays().items()}
    return layers.replace(model, weights), weights


def logits_of(model: Model, ids: np.ndarray) -> np.ndarray:
    """(B, T, V) by repeated `step`."""
    _, state = model.start(np.zeros(0, np.int64))
    state = model.initial_state(len(ids)) if len(ids) > 1 else state
    rows = []
    for t in range(ids.shape[1]):
        logits, state = model.step(ids[:, t], None, state)
        rows.append(logits)
    return np.stack(rows, axis=1)


def picked(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.take_along_axis(ops.log_softmax(logits.astype(np.float64)), targets[..., None], -1)[..., 0]


def same(a: Any, b: Any) -> None:
    """Two states with the same bits."""
    for x, y in zip(layers.arrays(a).values(), layers.arrays(b).values(), strict=True):
        np.testing.assert_array_equal(x, y)


VARIANTS: list[dict[str, Any]] = [
    *({"cell": cell} for cell in CELLS),
    {"cell": "lstm", "layers": 1},
    {"cell": "gru", "layers": 3, "tied": True},
    {"cell": {"kind": "rnn", "nonlinearity": "relu"}, "uniform_init": 0.2},
    {"cell": [{"kind": "lstm", "block": True}, {"kind": "local-attention", "window": 4}], "layers": 3},
    {"cell": "gru", "embedding_rank": 5},
    {"cell": "lstm", "embedding_rank": 5, "tied": True},
]
variants = pytest.mark.parametrize("options", VARIANTS, ids=str)

# scoring and stepping


@variants
def test_numpy_and_torch_give_the_same_logits(options: dict[str, Any]) -> None:
    model = make(**options)
    bound, _ = bind(model)
    for ids in (INPUTS, INPUTS[:1]):
        np.testing.assert_allclose(logits_of(model, ids), logits_of(bound, ids), rtol=0, atol=1e-4)
        ours, _ = model.score(ids, TARGETS[: len(ids)], model.initial_state(len(ids)))
        theirs, _ = bound.score(ids, TARGETS[: len(ids)], bound.initial_state(len(ids)))
        assert isinstance(theirs, np.ndarray)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("rows", [1, B])
@variants
def test_score_is_the_log_softmax_of_repeated_steps(options: dict[str, Any], rows: int) -> None:
    model = make(**options)
    scores, _ = model.score(INPUTS[:rows], TARGETS[:rows], model.initial_state(rows))
    assert scores.shape == (rows, T)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, picked(logits_of(model, INPUTS[:rows]), TARGETS[:rows]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("rows", [1, B])
@variants
def test_the_state_carries_everything(options: dict[str, Any], rows: int) -> None:
    model = make(**options)
    x, y = INPUTS[:rows], TARGETS[:rows]
    whole, end = model.score(x, y, model.initial_state(rows))
    for cut in (0, 1, 4, T):
        first, state = model.score(x[:, :cut], y[:, :cut], model.initial_state(rows))
        second, last = model.score(x[:, cut:], y[:, cut:], state)
        np.testing.assert_array_equal(np.concatenate([first, second], axis=1), whole)
        same(last, end)


@pytest.mark.parametrize("rows", [1, B])
def test_how_much_is_scored_at_once_changes_no_bit(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make()
    whole, end = model.score(INPUTS[:rows], TARGETS[:rows], model.initial_state(rows))
    monkeypatch.setattr(language_model, "CHUNK", 3)
    parts, last = model.score(INPUTS[:rows], TARGETS[:rows], model.initial_state(rows))
    np.testing.assert_array_equal(parts, whole)
    same(last, end)


@settings(max_examples=examples(30), deadline=None)
@given(cell=st.sampled_from(CELLS), seed=st.integers(0, 2**32), mates=st.integers(1, 70), size=st.integers(1, 9))
def test_a_row_is_equal_to_the_bit_whatever_its_batch_mates(cell: str, seed: int, mates: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    model = make(cell=cell, hidden=size, layers=1)
    x, y = rng.integers(0, V, (mates + 1, 6)), rng.integers(0, V, (mates + 1, 6))
    whole, end = model.score(x, y, model.initial_state(len(x)))
    index = rng.integers(0, len(x), rng.integers(2, 40))
    some, last = model.score(x[index], y[index], model.initial_state(len(index)))
    np.testing.assert_array_equal(some, whole[index])
    for a, b in zip(layers.arrays(last).values(), layers.arrays(end).values(), strict=True):
        np.testing.assert_array_equal(a, b[index])
    logits, _ = model.step(x[:, 0], None, end)
    fewer, _ = model.step(x[index, 0], None, last)
    np.testing.assert_array_equal(fewer, logits[index])


@variants
def test_a_batch_of_one_differs_by_rounding_alone(options: dict[str, Any]) -> None:
    model = make(**options)
    many, _ = model.score(INPUTS, TARGETS, model.initial_state(B))
    for b in range(B):
        one, _ = model.score(INPUTS[b : b + 1], TARGETS[b : b + 1], model.initial_state(1))
        np.testing.assert_allclose(one[0], many[b], rtol=0, atol=1e-5)


@pytest.mark.parametrize("torch_model", [False, True])
@variants
def test_start_reads_a_prompt_as_steps_do(options: dict[str, Any], torch_model: bool) -> None:
    model = make(**options)
    model = bind(model)[0] if torch_model else model
    prompt = INPUTS[0]
    _, state = model.start(prompt[:-1])
    logits, _ = model.step(prompt[-1:], None, state)
    assert isinstance(logits, np.ndarray)
    assert logits.shape == (1, V)
    np.testing.assert_allclose(logits[0], logits_of(model, prompt[None])[0, -1], rtol=0, atol=1e-5)
    memory, empty = model.start(prompt[:0])
    assert memory is None
    assert all(not a.any() and len(a) == 1 for a in layers.arrays(empty).values())


@variants
def test_states_are_reordered_by_one_index(options: dict[str, Any]) -> None:
    """What a beam does: a row of every array goes with its hypothesis."""
    model = make(**options)
    _, state = model.step(INPUTS[:, 0], None, model.initial_state(B))
    order = np.array([3, 3, 0, 1])
    moved = layers.replace(state, {n: a[order] for n, a in layers.arrays(state).items()})
    logits, _ = model.step(INPUTS[:, 1], None, state)
    np.testing.assert_array_equal(model.step(INPUTS[order, 1], None, moved)[0], logits[order])


# the loss


def loss_of(model: Model, rng: Any = None) -> Any:
    state = model.initial_state(B)
    if ops.is_torch(model.embedding):
        return model.loss(torch.from_numpy(INPUTS.T.copy()), torch.from_numpy(TARGETS.T.copy()), state, rng)[0]
    return model.loss(INPUTS.T, TARGETS.T, state)[0]


@variants
def test_the_loss_is_the_mean_of_the_scores(options: dict[str, Any]) -> None:
    cell = options["cell"]
    names = [c if isinstance(c, str) else c["kind"] for c in (cell if isinstance(cell, list) else [cell])]
    recurrent = any(kind_of(name).recurrent for name in names)
    model = make(**options, dropout=0.5, weight_drop=0.5 if recurrent else 0.0)
    scores, _ = model.score(INPUTS, TARGETS, model.initial_state(B))
    assert loss_of(model) == pytest.approx(-scores.mean(), abs=1e-5)
    bound, _ = bind(model)
    assert loss_of(bound).item() == pytest.approx(-scores.mean(), abs=1e-5)
    assert torch.equal(loss_of(bound), loss_of(bound))  # no generator: nothing is dropped


@variants
def test_gradients_are_those_of_finite_differences(options: dict[str, Any]) -> None:
    model = make(**options, embedding=3, hidden=3)
    bound, weights = bind(model, torch.float64)

    def loss(*arrays: Any) -> Any:
        given = layers.replace(bound, dict(zip(weights, arrays, strict=True)))
        return loss_of(given)

    assert torch.autograd.gradcheck(loss, tuple(weights.values()), atol=1e-6, fast_mode=True)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_bfloat16_is_close_and_its_loss_is_float32(cell: str) -> None:
    model = make(cell=cell, hidden=64, embedding=64)
    exact, weights = bind(model)
    rough = layers.replace(exact, {n: w.to(torch.bfloat16) for n, w in weights.items()})
    loss, expected = loss_of(rough), loss_of(exact)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=5e-3)
    own = torch.autograd.grad(loss, list(weights.values()))
    for a, b in zip(own, torch.autograd.grad(expected, list(weights.values())), strict=True):
        assert a.dtype == torch.float32
        assert (a - b).norm() < 0.05 * b.norm()


@pytest.mark.parametrize(
    "options", [{"dropout": 0.3}, {"weight_drop": 0.3}, {"dropout": 0.3, "variational": True}], ids=str
)
def test_dropping_is_the_generators_alone(options: dict[str, Any]) -> None:
    bound, _ = bind(make(**options))
    losses = [loss_of(bound, torch.Generator().manual_seed(s)).item() for s in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]
    assert losses[0] != loss_of(bound).item()


def test_a_rate_of_zero_draws_nothing() -> None:
    bound, _ = bind(make())
    generator = torch.Generator().manual_seed(1)
    before = generator.get_state()
    assert torch.equal(loss_of(bound, generator), loss_of(bound))
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("variational", [False, True])
def test_a_variational_mask_is_one_for_all_time_steps(variational: bool) -> None:
    bound, _ = bind(make(dropout=0.4, variational=variational))
    dropped = bound.drop(torch.ones(T, B, 50), torch.Generator().manual_seed(1))
    assert dropped.shape == (T, B, 50)
    equal = [torch.equal(dropped[0], dropped[t]) for t in range(1, T)]
    assert all(equal) if variational else not any(equal)
    assert not torch.equal(dropped[:, 0], dropped[:, 1])  # another one for each row
    assert sorted(dropped.unique().tolist()) == [0.0, pytest.approx(1 / 0.6, rel=0.01)]


def test_dropout_is_on_the_input_between_the_layers_and_on_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[Any, ...]] = []

    def drop(self: Model, x: Any, rng: Any, rate: float | None = None) -> Any:
        shapes.append((*x.shape, rate))
        return x

    monkeypatch.setattr(Model, "drop", drop)
    for rates in ({}, {"input_dropout": 0.1, "output_dropout": 0.2}):
        bound, _ = bind(make(dropout=0.4, layers=3, embedding=12, hidden=16, **rates))
        shapes.clear()
        bound.hidden(torch.from_numpy(INPUTS.T.copy()), bound.initial_state(B), torch.Generator())
        first, last = rates.get("input_dropout"), rates.get("output_dropout")
        assert shapes == [(T, B, 12, first), (T, B, 16, None), (T, B, 16, None), (T, B, 16, last)]


def test_embedding_dropout_is_of_symbols_wherever_they_stand() -> None:
    bound, weights = bind(make(embedding_dropout=0.5))
    table = weights["embedding"]
    ids = torch.from_numpy(INPUTS.T.copy())
    seen: list[Any] = []
    spied = layers.replace(bound, {})
    object.__setattr__(spied, "stack", type("Spy", (), {"unroll": lambda _, x, s, **how: (seen.append(x) or x, s)})())
    spied._unrolled(ids, bound.initial_state(B), torch.Generator().manual_seed(3))
    dropped = (seen[0] == 0).all(-1)
    for symbol in range(V):
        own = dropped[ids == symbol]
        assert own.all() or not own.any()
    assert 0 < dropped.float().mean() < 1
    torch.testing.assert_close(seen[0][~dropped], 2 * table[ids][~dropped])


def test_state_dropout_is_one_mask_on_what_the_cell_reads_of_its_state() -> None:
    """By hand: torch's cell over h times the mask, for all steps the same one."""
    bound, _ = bind(make(state_dropout=0.4, layers=1, cell="gru"))
    mask = ops.dropout_mask((B, 16), 0.4, torch.Generator().manual_seed(5), bound.embedding)
    assert mask.unique().tolist() == pytest.approx([0.0, 1 / 0.6], rel=0.01)
    h, _ = bound.hidden(torch.from_numpy(INPUTS.T.copy()), bound.initial_state(B), torch.Generator().manual_seed(5))
    (cell,) = bound.stack.cells[0]
    state, rows = bound.initial_state(B)[0][0], []
    for t in range(T):
        state = cell.step(ops.embedding(torch.from_numpy(INPUTS[:, t]), bound.embedding), (state[0] * mask,))
        rows.append(state[0])
    torch.testing.assert_close(h, torch.stack(rows))
    with pytest.raises(ValueError, match="state_dropout: the cell mingru has no recurrent weights"):
        Config(cell="mingru", state_dropout=0.1)


def test_penalties_are_in_the_gradient_and_not_in_the_loss() -> None:
    """Merity et al. 2017: α times the mean square of the outputs, β times that of their change."""
    ids = [torch.from_numpy(a.T.copy()) for a in (INPUTS, TARGETS)]
    found = {}
    for name, options in (("plain", {}), ("both", {"activation_penalty": 2.0, "temporal_penalty": 3.0})):
        bound, weights = bind(make(**options))
        loss, _ = bound.loss(*ids, bound.initial_state(B), torch.Generator())
        bare, _ = bound.loss(*ids, bound.initial_state(B))
        assert loss.item() == pytest.approx(bare.item())
        found[name] = torch.autograd.grad(loss, list(weights.values()))
    bound, weights = bind(make())
    h, _ = bound.hidden(ids[0], bound.initial_state(B))
    penalty = 2 * (h**2).mean() + 3 * ((h[1:] - h[:-1]) ** 2).mean()
    own = torch.autograd.grad(penalty, list(weights.values()), allow_unused=True)
    for plain, both, more in zip(found["plain"], found["both"], own, strict=True):
        torch.testing.assert_close(both, plain + (0 if more is None else more), atol=1e-6, rtol=1e-4)


def test_weight_drop_zeroes_recurrent_weights_alone_and_scales_the_rest() -> None:
    bound, weights = bind(make(weight_drop=0.5, hidden=64))
    dropped = layers.arrays(bound.weights_dropped(torch.Generator().manual_seed(1)))
    recurrent = [n for n in weights if n.endswith("weight_hh")]
    assert len(recurrent) == 2
    for name, weight in weights.items():
        if name not in recurrent:
            assert dropped[name] is weight
            continue
        kept = dropped[name] != 0
        assert kept.float().mean().item() == pytest.approx(0.5, abs=0.03)
        torch.testing.assert_close(dropped[name][kept], 2 * weight[kept])
    total = sum(dropped[n].sum() for n in recurrent)
    for name, gradient in zip(recurrent, torch.autograd.grad(total, [weights[n] for n in recurrent]), strict=True):
        assert torch.equal(gradient != 0, dropped[name] != 0)  # what is dropped learns nothing in this batch


# what it is made of


@pytest.mark.parametrize("tied", [False, True])
def test_a_factored_table_is_a_product(tied: bool) -> None:
    factored = make(embedding_rank=5, tied=tied)
    plain = make(tied=tied)
    arrays = {n: a for n, a in factored.arrays().items() if n in plain.arrays()}
    plain = layers.replace(plain, {**arrays, "embedding": factored.embedding @ factored.factor})
    np.testing.assert_array_equal(logits_of(factored, INPUTS), logits_of(plain, INPUTS))
    assert factored.embedding.shape == (V, 5)
    assert sum(a.size for a in plain.arrays().values()) - sum(
        a.size for a in factored.arrays().values()
    ) == 12 * V - 5 * (V + 12)


def test_cells_stand_in_turn() -> None:
    cells = [{"kind": "lstm", "block": True}, {"kind": "local-attention", "window": 3}, "lstm"]
    model = make(cell=cells, layers=5, hidden=8)
    kinds = [type(cell).__module__.rpartition(".")[2] for (cell,) in model.stack.cells]
    assert kinds == ["lstm", "local_attention", "lstm", "lstm", "local_attention"]
    assert model.stack.frame is not None  # one in a block brings all into blocks
    assert [cell.window for (cell,) in model.stack.cells if hasattr(cell, "window")] == [3, 3]
    with pytest.raises(UsageError, match="names 3 cells, one a layer, and there are 2 layers"):
        make(cell=cells, layers=2)
    with pytest.raises(UsageError, match="must be 2 to 256 inputs, not 1"):
        make(cell={"kind": "local-attention", "window": 1})
    with pytest.raises(ValidationError, match="names no cell"):
        Config(cell=[])
    with pytest.raises(ValidationError, match="the cell gru has no option 'window'"):
        Config(cell=["lstm", {"kind": "gru", "window": 3}])
    with pytest.raises(ValidationError, match="weight_drop: the cell qrnn, local-attention has no recurrent weights"):
        Config(cell=["qrnn", "local-attention"], layers=2, weight_drop=0.2)
