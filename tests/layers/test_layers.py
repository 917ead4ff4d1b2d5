"""Layers as named arrays: naming, replacing, restoring, counting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from seqcli import layers
from seqcli.errors import SeqcliError
from seqcli.layers.blank import Blank


@dataclass(frozen=True)
class Inner:
    weight: np.ndarray
    rate: float = 0.5


@dataclass(frozen=True)
class Outer:
    first: np.ndarray
    parts: tuple[Any, ...]
    optional: np.ndarray | None
    name: str = "outer"


@dataclass(frozen=True)
class Known:
    table: np.ndarray


@dataclass(frozen=True)
class Holder:
    weight: np.ndarray
    parts: tuple[Any, ...] = ()
    known: Any = layers.static()


@pytest.fixture
def layer() -> Outer:
    nested = (Inner(np.ones((2, 3), np.float32)), (Inner(np.zeros(4, np.float32), 0.1), 7))
    return Outer(np.arange(5, dtype=np.float32), nested, None)


NAMES = ["first", "parts.0.weight", "parts.1.0.weight"]


def test_arrays_are_named_by_their_path_in_the_order_of_the_fields(layer: Outer) -> None:
    found = layers.arrays(layer)
    assert list(found) == NAMES
    assert found["parts.0.weight"] is layer.parts[0].weight


def test_arrays_of_nested_tuples_and_of_one_array(layer: Outer) -> None:
    assert list(layers.arrays((layer.first, (layer.first,)))) == ["0", "1.0"]
    assert list(layers.arrays(layer.first)) == [""]
    assert layers.arrays("text") == {}


def test_replace_puts_in_what_is_named_and_keeps_the_rest(layer: Outer) -> None:
    new = np.full((2, 3), 9, np.float32)
    other = layers.replace(layer, {"parts.0.weight": new})
    assert other.parts[0].weight is new
    assert other.first is layer.first
    assert (other.parts[1][0].rate, other.parts[1][1], other.name, other.optional) == (0.1, 7, "outer", None)
    assert layer.parts[0].weight is not new


def test_replace_with_its_own_arrays_is_the_same_layer(layer: Outer) -> None:
    again = layers.replace(layer, layers.arrays(layer))
    assert list(layers.arrays(again)) == NAMES
    assert all(a is b for a, b in zip(layers.arrays(again).values(), layers.arrays(layer).values(), strict=True))


def test_replace_takes_torch_tensors(layer: Outer) -> None:
    torch = pytest.importorskip("torch")
    leaves = {n: torch.from_numpy(a).requires_grad_() for n, a in layers.arrays(layer).items()}
    bound = layers.replace(layer, leaves)
    assert list(layers.arrays(bound)) == NAMES
    torch.stack([a.sum() for a in layers.arrays(bound).values()]).sum().backward()
    assert all(leaf.grad is not None for leaf in leaves.values())


def test_restore_checks_names_and_shapes(layer: Outer) -> None:
    stored = {n: a + 1 for n, a in layers.arrays(layer).items()}
    np.testing.assert_array_equal(layers.restore(layer, stored).first, layer.first + 1)
    with pytest.raises(SeqcliError, match=r"do not fit.*parts.0.weight"):
        layers.restore(layer, {n: a for n, a in stored.items() if n != "parts.0.weight"})
    with pytest.raises(SeqcliError, match=r"do not fit.*stranger"):
        layers.restore(layer, stored | {"stranger": np.zeros(1)})
    with pytest.raises(SeqcliError, match=r"first has shape \(6,\).*\(5,\)"):
        layers.restore(layer, stored | {"first": np.zeros(6, np.float32)})


def test_parameters_counts_numbers(layer: Outer) -> None:
    assert layers.parameters(layer) == 5 + 6 + 4
    assert layers.parameters(Inner(np.zeros(()))) == 1


def test_blank_draws_zeros_of_the_right_shape_and_type() -> None:
    rng = Blank()
    for drawn in (rng.standard_normal((2, 3)), rng.normal(0, 1, (2, 3)), rng.uniform(-1, 1, (2, 3))):
        assert drawn.shape == (2, 3)
        assert drawn.dtype == np.float32
        assert not drawn.any()


# static fields


@pytest.fixture
def holder() -> Holder:
    inner = Holder(np.ones(2, np.float32), known=np.ones(7))
    return Holder(np.zeros(3, np.float32), (inner,), known=Known(np.arange(4)))


def test_a_static_field_holds_no_weights(holder: Holder) -> None:
    """An array, a dataclass of arrays: whatever it is, it is none of the layer's own."""
    assert list(layers.arrays(holder)) == ["weight", "parts.0.weight"]
    assert layers.parameters(holder) == 3 + 2


def test_replacing_hands_static_fields_on_as_they_are(holder: Holder) -> None:
    other = layers.replace(holder, {"weight": np.ones(3), "known.table": np.ones(4), "parts.0.known": np.ones(1)})
    assert other.known is holder.known
    assert other.parts[0].known is holder.parts[0].known
    assert other.weight.tolist() == [1, 1, 1]
    assert other.parts[0].weight is holder.parts[0].weight


def test_restoring_asks_for_no_static_field(holder: Holder) -> None:
    stored = {n: a + 5 for n, a in layers.arrays(holder).items()}
    assert layers.restore(holder, stored).known is holder.known
    with pytest.raises(SeqcliError, match=r"do not fit.*known\.table"):
        layers.restore(holder, stored | {"known.table": np.arange(4)})


def test_a_static_field_is_given_by_name_and_not_shown(holder: Holder) -> None:
    with pytest.raises(TypeError):
        Holder(np.zeros(1), (), "known")  # type: ignore[misc]
    with pytest.raises(TypeError, match="known"):
        Holder(np.zeros(1))  # type: ignore[call-arg]
    assert "known" not in repr(holder)
