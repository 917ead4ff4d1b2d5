"""Training on a device that is not the CPU, proven without one: torch's `meta` has shapes, types and no numbers.

A loss and its gradient there fail wherever an array is made on the CPU and meets one that is not, as they would on a
GPU. Cells, attentions and poolings, by recipes that ship; tests/tasks/test_contract.py does so with taggers,
transformers and what else a task can be made of.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from seqcli import layers, registry  # noqa: E402
from seqcli.recipe.load import load_recipe  # noqa: E402
from seqcli.runs import Run  # noqa: E402
from seqcli.training import device, session  # noqa: E402

CASES: list[tuple[str, list[str]]] = [
    *(("hello", [f"model.cell={cell}"]) for cell in registry.names("cells")),
    ("hello", ["model.cell={kind: mingru, block: true}"]),
    ("hello", ["model={kind: transformer, size: 8, layers: 1, heads: 2}"]),
    ("hello", ["model={kind: transformer, size: 8, layers: 1, heads: 2, positions: learned}"]),
    *(("sentiment", [f"model.pooling={kind}"]) for kind in ("last", "mean")),
    *(("numbers", [f"model.attention={kind}"]) for kind in [*registry.names("attention"), "none"]),
    ("numbers", ["model.input_feeding=true"]),
]


def moved(model: Any, precision: str) -> tuple[Any, list[Any]]:
    """The model with weights on that device, and the leaves."""
    leaves = {n: torch.empty(a.shape, device="meta").requires_grad_() for n, a in layers.arrays(model).items()}
    return device.bind(model, leaves, precision), list(leaves.values())


@pytest.mark.parametrize(("recipe", "sets"), CASES, ids=lambda v: v if isinstance(v, str) else " ".join(v))
def test_losses_and_gradients_stay_on_the_device(recipe: str, sets: list[str], tmp_path: Path) -> None:
    """In either precision."""
    task = session.prepare(load_recipe(recipe, sets), Run(tmp_path / "run"), session.Options()).task
    batch = task.batch(0, 0)
    for precision in ("float32", "bfloat16"):
        model, leaves = moved(task.model, precision)
        loss, _ = task.loss(model, batch, task.initial_state(model), None)
        assert loss.device.type == "meta"
        loss.backward()
        assert {w.grad.device.type for w in leaves if w.grad is not None} == {"meta"}
        assert sum(w.grad is None for w in leaves) <= 2  # an unused start is no array that was lost on the way
