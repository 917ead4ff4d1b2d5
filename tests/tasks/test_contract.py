"""Every task of the registry: what the training loop asks of it, and that asking twice gives the same."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcli import layers, registry
from seqcli.layers.crf import CRF
from seqcli.recipe import discover
from seqcli.recipe.load import load_recipe, resolve_recipe, task_model, tasks
from seqcli.recipe.schema import Recipe
from seqcli.task import BaseTask, Evaluation
from seqcli.training import device

torch = pytest.importorskip("torch")
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

NAMES = registry.names("tasks")

# What a task of each kind can be made of in a moment: its files, and its recipe.
TINY: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "language-model": (
        {"a.txt": "the cat sat on the mat\n" * 30},
        {
            "tokenizer": {"kind": "char"},
            "data": {"train": "a.txt", "valid": 0.2},
            "model": {"cell": "lstm", "embedding": 4, "hidden": 5},
            "train": {"steps": 4, "batch_size": 2, "sequence_length": 7},
        },
    ),
    "tagging": (
        {"a.txt": "the/DET cat/NOUN sat/VERB on/ADP the/DET mat/NOUN\na/DET dog/NOUN ran/VERB\n" * 12},
        {
            "data": {"train": "a.txt", "valid": 0.2, "format": "word-tag"},
            "model": {"cell": "lstm", "embedding": 4, "hidden": 5, "characters": {"kind": "cnn", "filters": 3}},
            "train": {"steps": 4, "batch_size": 5},
        },
    ),
    "classification": (
        {"a.txt": "good the cat sat\nbad no cat sat on it\ngood a mat\nbad the dog ran off\n" * 8},
        {
            "tokenizer": {"kind": "word"},
            "data": {"train": "a.txt", "valid": 0.25, "format": "label-text"},
            "model": {"cell": "lstm", "embedding": 4, "hidden": 5, "pooling": "attention"},
            "train": {"steps": 4, "batch_size": 5},
        },
    ),
    "sequence-to-sequence": (
        {"a.tsv": "a b\tb a\na b c\tc b a\nc\tc\nb d a\ta d b\n" * 8},
        {
            "tokenizer": {"kind": "word"},
            "data": {"train": "a.tsv", "valid": 0.25},
            "model": {"cell": "lstm", "embedding": 4, "hidden": 5},
            "train": {"steps": 4, "batch_size": 5},
        },
    ),
}


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Recipe]:
    """`recipe(task, **overrides)`: the tiny one, checked as any other."""

    def make(name: str, *overrides: str) -> Recipe:
        assert name in TINY, f"give {name} its files and a recipe in TINY"
        files, keys = TINY[name]
        for file, text in files.items():
            (tmp_path / file).write_text(text)
        fixed = ["train.device=cpu", "train.precision=float32", "train.threads=1"]
        return resolve_recipe({"task": name, **keys}, [*fixed, *overrides], name="tiny", base=tmp_path)

    return make


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
