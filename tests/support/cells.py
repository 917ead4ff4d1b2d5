"""Cells that only tests know: what a cell's file may be, and none of seqcli's own is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest

from seqcli import layers, ops, registry
from seqcli.cells import BaseCell, State
from seqcli.layers.blank import Rng
from seqcli.layers.stack import Stack
from seqcli.ops import Array


@dataclass(frozen=True)
class Peephole(BaseCell):
    """An LSTM whose gates see c (Gers & Schmidhuber 2000): vectors of its own."""

    peep_i: Array  # (H,)
    peep_f: Array
    peep_o: Array

    gates, states = 4, 2

    @classmethod
    def create(cls, input_size: int, hidden_size: int, rng: Rng) -> Self:
        own = {n: rng.normal(0, 0.5, (hidden_size,)).astype(np.float32) for n in ("peep_i", "peep_f", "peep_o")}
        return super().create(input_size, hidden_size, rng, **own)

    def combine(self, px: Array, ph: Array, state: State) -> State:
        _, c = state
        i, f, g, o = ops.split(px + ph, 4)
        new = ops.sigmoid(f + self.peep_f * c) * c + ops.sigmoid(i + self.peep_i * c) * ops.tanh(g)
        return ops.sigmoid(o + self.peep_o * new) * ops.tanh(new), new


@dataclass(frozen=True)
class Normed(BaseCell):
    """A normalised network with a second product: a sum over the last axis, and a matrix of its own."""

    scale: Array  # (H,)
    shift: Array  # (H,)
    inner: Array  # (H, H)

    gates = 1

    @classmethod
    def create(cls, input_size: int, hidden_size: int, rng: Rng) -> Self:
        scale, shift = np.ones(hidden_size, np.float32), np.zeros(hidden_size, np.float32)
        inner = rng.normal(0, hidden_size**-0.5, (hidden_size, hidden_size)).astype(np.float32)
        return super().create(input_size, hidden_size, rng, scale=scale, shift=shift, inner=inner)

    def combine(self, px: Array, ph: Array, state: State) -> State:
        return (ops.tanh(px + 0.2 * ops.linear(ops.layer_norm(px + ph, self.scale, self.shift), self.inner)),)


@dataclass(frozen=True)
class Scan(BaseCell):
    """An elementwise recurrence (as in QRNN, minGRU) that looks two steps back; what was h is part of the state."""

    gates, states, recurrent = 3, 2, False

    def combine(self, px: Array, ph: Array, state: State) -> State:
        h, before = state
        f, z, o = ops.split(px, 3)
        f = ops.sigmoid(f)
        return f * h + (1 - f) * ops.tanh(z) + 0.3 * ops.sigmoid(o) * before, h


OWN: dict[str, type[BaseCell]] = {"peephole-of-tests": Peephole, "normed-of-tests": Normed, "scan-of-tests": Scan}
CELLS = (*registry.names("cells"), *OWN)


@contextmanager
def known() -> Iterator[None]:
    """Within it the registry knows them."""
    load = registry.load
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            registry, "load", lambda f, name: SimpleNamespace(Cell=OWN[name]) if name in OWN else load(f, name)
        )
        yield


def kind_of(name: str) -> type[BaseCell]:
    """The class of a cell."""
    return OWN[name] if name in OWN else registry.load("cells", name).Cell


def drawn(layer: Any, seed: int = 0, dtype: Any = np.float32) -> Any:
    """The layer with every weight moved a little: fresh biases are 0 and would hide mistakes."""
    rng, arrays = np.random.default_rng(seed), layers.arrays(layer)
    noise = {n: rng.normal(0, 0.3 if a.ndim == 1 else 0.5 * a.shape[-1] ** -0.5, a.shape) for n, a in arrays.items()}
    return layers.replace(layer, {n: (a + noise[n]).astype(dtype) for n, a in arrays.items()})


def stack_of(
    cell: str, sizes: list[int], *, both: bool, block: bool = False, dtype: Any = np.float32, inputs: int = 4
) -> Stack:
    """A stack of any of them, its weights drawn."""
    with known():
        made = Stack.create(cell, inputs, sizes, np.random.default_rng(1), bidirectional=both, block=block)
    return drawn(made, dtype=dtype)
