"""How deep an array lies: the arrays of every kind of model, in groups from the output down; rates and turns."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.tiny import TINY, tiny_recipe

from seqcli import layers, registry
from seqcli.layers.depth import Depth
from seqcli.recipe.schema import TrainConfig

BLOCKS = "model={kind: %s, size: 8, layers: 2, heads: 2}"
CASES = {
    "language-model": ["model.layers=2", "model={layers: 2, cell: {kind: lstm, block: true}, hidden: 4, embedding: 4}",
                       "model.embedding_rank=2", BLOCKS % "transformer-language-model"],
    "tagging": ["model.layers=2", BLOCKS % "transformer-tagging"],
    "classification": ["model.layers=2", BLOCKS % "transformer-classification", "model={kind: bag}"],
    "sequence-to-sequence": ["model.layers=2", BLOCKS % "transformer", "model={kind: transducer}"],
}  # fmt: skip


def names(folder: Path, task: str, *sets: str) -> list[str]:
    recipe = tiny_recipe(folder, task, *sets)
    model = registry.load(f"tasks/{task}", "train").Task.prepare(recipe, None, None).model
    return [*layers.arrays(model)]


def groups(found: list[str], *, fresh: bool = False) -> tuple[tuple[str, ...], ...]:
    return Depth.of(found, TrainConfig(), fresh=fresh).groups


def test_every_task_has_cases() -> None:
    assert CASES.keys() == TINY.keys()


@pytest.mark.parametrize(("task", "change"), [(task, c) for task, changes in CASES.items() for c in changes])
def test_every_array_of_every_kind_lies_somewhere(tmp_path: Path, task: str, change: str) -> None:
    """The output first, what reads symbols last, the upper layer above the lower one."""
    found = names(tmp_path, task, change)
    made = groups(found)
    assert sorted(n for group in made for n in group) == sorted(found)
    assert {n for n in found if n.startswith("output")} <= {*made[0]}
    assert {n for n in found if "embedding" in n and not n.startswith("characters")} <= {*made[-1]}
    assert not any("0." in n for n in made[0] if n.startswith(("stack", "blocks", "encoder", "decoder")))
    depths = [2 if "layers" in change else 1] * {"language-model": 1, "sequence-to-sequence": 2}.get(task, 1)
    assert len(made) == 2 + (0 if "bag" in change else sum(depths))


def test_the_groups_of_a_tagger(tmp_path: Path) -> None:
    assert [{n.rpartition(".")[0] or n for n in group} for group in groups(names(tmp_path, "tagging", "model.layers=2"))] == [
        {"output_weight", "output_bias", "crf"},
        {"stack.cells.1.0", "stack.cells.1.1"},
        {"stack.cells.0.0", "stack.cells.0.1"},
        {"embedding", "characters"},
    ]  # fmt: skip


def test_a_decoder_lies_above_an_encoder(tmp_path: Path) -> None:
    made = groups(names(tmp_path, "sequence-to-sequence", "model.layers=2"))
    where = [next((n for n in group if ".cells." in n), group[0]).rpartition(".")[0] for group in made[1:-1]]
    assert where == ["decoder.cells.1.0", "decoder.cells.0.0", "encoder.cells.1.0", "encoder.cells.0.0"]


READERS = [
    "readers.0.embedding", "readers.0.stack.cells.0.0.weight_ih", "readers.0.stack.cells.1.0.weight_ih", "readers.0.output_bias",
    "readers.1.embedding", "readers.1.stack.cells.0.0.weight_ih", "readers.1.output_bias",
]  # fmt: skip


def test_readers_lie_below_and_side_by_side() -> None:
    """Layers of different readers go together by how far they are from the top; their outputs, which nobody asks
    for, have no turn of their own."""
    made = Depth.of(["embedding", "stack.cells.0.0.weight_ih", "output_bias", *READERS], TrainConfig(), fresh=True)
    assert made.own == 1
    assert made.groups == (
        ("embedding", "stack.cells.0.0.weight_ih", "output_bias"),
        tuple(READERS[i] for i in (2, 3, 5, 6)),
        ("readers.0.stack.cells.0.0.weight_ih",),
        ("readers.0.embedding", "readers.1.embedding"),
    )


def test_rates_fall_from_group_to_group() -> None:
    train = TrainConfig(layer_rate=0.5, reader_rate=0.25)
    rates = Depth.of(["embedding", "stack.cells.0.0.bias", "output_bias", *READERS], train, fresh=False).rates()
    assert [rates[n] for n in ("output_bias", "stack.cells.0.0.bias", "embedding")] == [1, 0.5, 0.25]
    assert [rates[n] for n in READERS[:3]] == [0.25 / 4, 0.25 / 2, 0.25]
    fresh = Depth.of(["embedding", "output_bias"], train, fresh=True).rates()
    assert fresh == {"embedding": 1, "output_bias": 1}


def test_groups_take_their_turns() -> None:
    own = ["embedding", "stack.cells.0.0.bias", "output_bias"]
    at_once = Depth.of(own, TrainConfig(), fresh=False)
    assert at_once.learning(0.0) == 3
    by_turns = Depth.of(own, TrainConfig(unfreeze_every=1.5), fresh=False)
    assert [by_turns.learning(e) for e in (0.0, 1.4, 1.5, 2.9, 3.0, 99.0)] == [1, 1, 2, 2, 3, 3]
