"""Every task of the registry: what the training loop asks of it, and that asking twice gives the same."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.tiny import tiny_recipe

from seqcli import layers, registry, task
from seqcli.layers.crf import CRF
from seqcli.recipe import discover
from seqcli.recipe.load import load_recipe, task_model, tasks
from seqcli.recipe.schema import Recipe
from seqcli.task import BaseTask, Evaluation
from seqcli.training import device

torch = pytest.importorskip("torch")
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

NAMES = registry.names("tasks")


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Recipe]:
    """`recipe(task, **overrides)`: the tiny one, checked as any other."""
    return lambda name, *overrides: tiny_recipe(tmp_path, name, *overrides)


def parts(batch: Any) -> list[np.ndarray]:
    """Of a batch, which names its arrays or does not."""
    return list(batch.values()) if isinstance(batch, dict) else list(batch)


def weights_of(task: BaseTask) -> dict[str, Any]:
    return device.leaves(task.model, "cpu")


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_described_and_has_a_model_and_a_recipe(name: str) -> None:
    module = registry.load(f"tasks/{name}", "train")
    assert issubclass(module.Task, BaseTask)
    assert not inspect.isabstract(module.Task)
    assert registry.summary("tasks", name)
    assert tasks()[name]
    assert task_model(name) in tasks()[name]
    packaged = [load_recipe(path) for path in discover.packaged().values()]
    assert any(r.task == name for r in packaged), f"no recipe in recipes/ is for {name}"
    for kind in tasks()[name]:
        model = registry.load("models", kind)
        assert model.TRAINED in ("gradient", "counted")


def test_no_task_brings_torch_in() -> None:
    code = "import sys; from seqcli import registry\n"
    code += f"for name in {NAMES}: registry.load(f'tasks/{{name}}', 'train'); assert 'torch' not in sys.modules, name"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path.cwd())
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_preparing_twice_gives_the_same(name: str, recipe: Callable[..., Recipe]) -> None:
    one, two = (registry.load(f"tasks/{name}", "train").Task.prepare(recipe(name), None, None) for _ in range(2))
    for a, b in ((one.arrays, two.arrays), (layers.arrays(one.model), layers.arrays(two.model))):
        assert list(a) == list(b)
        assert all(np.array_equal(x, b[n]) for n, x in a.items())
    assert json.dumps(one.header) == json.dumps(two.header)
    assert {"data", "vocabulary"} <= one.header.keys()
    assert str(one.recipe.base) not in json.dumps(one.header)
    assert set(one.header["data"]["splits"]) == {"train", "valid"}
    assert one.opening().strip() and all(line.strip() for line in one.details())  # noqa: PT018
    assert one.activations() >= 0
    assert one.unit


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_a_function_of_its_place(name: str, recipe: Callable[..., Recipe]) -> None:
    one, two = (registry.load(f"tasks/{name}", "train").Task.prepare(recipe(name), None, None) for _ in range(2))
    assert one.batches >= 2
    for epoch in (2, 0, 1):
        for index in reversed(range(one.batches)):
            batch = one.batch(epoch, index)
            assert one.size(batch) > 0
            for a, b in zip(parts(batch), parts(two.batch(epoch, index)), strict=True):
                assert isinstance(a, np.ndarray)
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_is_in_nats_and_has_gradients(name: str, recipe: Callable[..., Recipe]) -> None:
    task = registry.load(f"tasks/{name}", "train").Task.prepare(recipe(name), None, None)
    weights = weights_of(task)
    model = device.bind(task.model, weights, "float32")
    state = task.initial_state(model)
    for index in range(2):
        loss, state = task.loss(model, task.batch(0, index), state, None)
        assert loss.shape == ()
        assert 0 < loss.item() < 20
    loss.backward()
    assert all(w.grad is not None and bool(w.grad.isfinite().all()) for w in weights.values())
    again, _ = task.loss(model, task.batch(0, 0), task.initial_state(model), None)
    first, _ = task.loss(model, task.batch(0, 0), task.initial_state(model), None)
    assert again.item() == first.item()


ELSEWHERE = {
    "language-model": [
        ["model.layers=2", "model.variational=true"],
        ["model.cell=gru", "model.weight_drop=0.3"],
        ["model.cell=irnn"],
    ],
    "tagging": [["model.head=crf", "model.word_dropout=0.3"], ["model.head=softmax", "model.characters={kind: rnn}"]],
    "classification": [["model.pooling=max", "model.characters=cnn"], ["model.linear=true"], ["model=bag"]],
    "sequence-to-sequence": [
        ["model.attention=additive", "model.copy_source=true"],
        ["model.attention=none", "model.label_smoothing=0.1"],
        ["model={kind: transformer, size: 8, heads: 2, feedforward: 8, layers: 1}"],
        ["model={kind: transducer, embedding: 6, hidden: 5}"],
    ],
}


class OneDevice(TorchDispatchMode):
    """Refuses to mix devices, as a GPU does; what no number can be had of, on `meta`, is 1."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor) and t.ndim]
        assert len({t.device for t in tensors}) < 2, f"{func} mixes devices"
        if func is torch.ops.aten._local_scalar_dense.default:
            return 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("name", "changes", "precision"),
    [(n, [], "float32") for n in NAMES] + [(n, c, "bfloat16") for n in NAMES for c in [[], *ELSEWHERE.get(n, [])]],
)
def test_a_loss_stays_on_the_device_of_the_weights(
    name: str, changes: list[str], precision: str, recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's `meta` stands for a GPU: it has shapes and types, no numbers, and is not the CPU."""
    monkeypatch.setattr(CRF, "_range", lambda *_: 0.0)  # it asks for several numbers at once
    task = registry.load(f"tasks/{name}", "train").Task.prepare(
        recipe(name, *changes, "model.dropout=0.3"), None, None
    )
    weights = device.leaves(task.model, "meta")
    model, generator = device.bind(task.model, weights, precision), torch.Generator()
    with OneDevice():
        for rng in (None, generator):
            loss, _ = task.loss(model, task.batch(0, 0), task.initial_state(model), rng)
            loss.backward()
    assert loss.device.type == "meta"
    assert loss.dtype == torch.float32
    assert all(w.grad is not None and w.grad.device.type == "meta" for w in weights.values())


PARTED = {
    "language-model": [["model={kind: transformer, size: 8, layers: 1, heads: 2}"]],
    "tagging": [["model={kind: transformer, size: 8, layers: 1, heads: 2}"]],
    "classification": [["model={kind: recursive, hidden: 4, class_weights: {good: 3, bad: 1}}"]],
    "sequence-to-sequence": [["model={kind: ctc, hidden: 5}"], ["train.batch_tokens=40"]],
}


@pytest.mark.parametrize(
    ("name", "changes"), [(n, c) for n in NAMES for c in [[], *ELSEWHERE.get(n, []), *PARTED.get(n, [])]]
)
def test_parts_of_batches_add_up_to_them(name: str, changes: list[str], recipe: Callable[..., Recipe]) -> None:
    """Losses and gradients in float64, by weight, of batches that follow each other; a part may have no rows."""
    changes = [c for c in changes if "word_dropout" not in c]
    task = registry.load(f"tasks/{name}", "train").Task.prepare(recipe(name, *changes), None, None)
    weights = {n: torch.tensor(a, dtype=torch.float64).requires_grad_() for n, a in layers.arrays(task.model).items()}
    model = device.bind(task.model, weights, "float32")

    def summed(rows: slice) -> tuple[dict[str, float], dict[str, Any]]:
        task.rows, figures = rows, {"nats": 0.0, "weight": 0.0, "units": 0.0}
        state, gradients = task.initial_state(model), {n: torch.zeros_like(w) for n, w in weights.items()}
        for index in (0, 1):
            if (batch := task.batch(1, index)) is not None:
                loss, state = task.loss(model, batch, state, None)
                state = layers.replace(state, {n: a.detach() for n, a in layers.arrays(state).items()})
                weight = task.weight(batch)
                found = torch.autograd.grad(loss * weight, list(weights.values()), materialize_grads=True)
                gradients = {n: g + gradients[n] for n, g in zip(weights, found, strict=True)}
                for key, more in (("nats", loss.item() * weight), ("weight", weight), ("units", task.size(batch))):
                    figures[key] += more
        return figures, gradients

    whole, gradient = summed(slice(None))
    for size in (2, 7):  # more than there are rows
        parts = [summed(slice(rank, None, size)) for rank in range(size)]
        assert {k: sum(p[0][k] for p in parts) for k in whole} == pytest.approx(whole, rel=1e-6)
        for n, g in gradient.items():
            torch.testing.assert_close(sum(p[1][n] for p in parts), g, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_what_is_dropped_is_the_generators(name: str, dropout: float, recipe: Callable[..., Recipe]) -> None:
    task = registry.load(f"tasks/{name}", "train").Task.prepare(recipe(name, f"model.dropout={dropout}"), None, None)
    model = device.bind(task.model, weights_of(task), "float32")

    def loss(seed: int | None) -> float:
        rng = None if seed is None else torch.Generator().manual_seed(seed)
        return task.loss(model, task.batch(0, 0), task.initial_state(model), rng)[0].item()

    assert loss(1) == loss(1)
    assert (loss(1) == loss(2)) == (loss(1) == loss(None)) == (not dropout)


@pytest.mark.parametrize("name", NAMES)
def test_an_evaluation_draws_nothing_and_keeps_the_model(name: str, recipe: Callable[..., Recipe]) -> None:
    task = registry.load(f"tasks/{name}", "train").Task.prepare(recipe(name), None, None)
    weights = weights_of(task)
    before = {n: w.detach().clone() for n, w in weights.items()}
    with torch.no_grad():
        one, two = (task.evaluate(device.bind(task.model, weights, "float32")) for _ in range(2))
    assert isinstance(one, Evaluation)
    assert one == two
    assert one.watched in one.scores
    assert one.watched == task.watched
    assert all(np.isfinite(score) for score in one.scores.values())
    assert "valid_loss" in one.scores
    assert all(torch.equal(w, before[n]) for n, w in weights.items())


@pytest.mark.parametrize("name", NAMES)
def test_without_a_validation_split_nothing_is_scored(name: str, recipe: Callable[..., Recipe]) -> None:
    task = registry.load(f"tasks/{name}", "train").Task.prepare(recipe(name, "data.valid=null"), None, None)
    assert task.evaluate(task.model) is None
    assert task.watched == "train_loss"


def test_a_key_that_a_stored_model_is_older_than_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["task: language-model", "tokenizer: char", "data: {train: a.txt}", "train: {steps: 1}"]
    (tmp_path / "r.yaml").write_text("\n".join([*lines, "model: {hidden: 8, embedding_rank: 4}"]) + "\n")
    recipe = load_recipe(tmp_path / "r.yaml")
    older = {k: v for k, v in recipe.model.model_dump(mode="json").items() if k not in ("embedding_rank", "teacher")}
    start: Any = SimpleNamespace(header={"model": older}, path="old")
    assert task.adapted(recipe, start, (), "the tokenizer").model.embedding_rank is None
    assert "taken from old instead of the recipe: model.embedding_rank, and the tokenizer" in capsys.readouterr().err
