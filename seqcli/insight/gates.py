"""Measure how open the gates of a recurrent network are: near 0 shut, near 1 open (Karpathy et al. 2016, 4.2)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqcli import ops
from seqcli.cells import State
from seqcli.layers.stack import Stack, Step

SHUT, OPEN, BINS = 0.1, 0.9, 10


class Gate(NamedTuple):
    """A gate of a layer over a text: the mean of its values, the shares that are shut and open, and the count in each
    tenth from 0 to 1."""

    layer: int
    direction: int
    name: str
    mean: float
    shut: float
    open: float
    tenths: list[int]


def gates(stack: Stack, x: np.ndarray) -> list[Gate]:
    """Return the gates of a stack that reads x (T, B, I); none for cells that name no gates (`sigmoids`)."""
    values: dict[tuple[int, int, str], list[np.ndarray]] = {}

    def see(step: Step) -> State:
        cell = stack.cells[step.layer][step.direction]
        sums = step.px
        if cell.recurrent:
            sums = sums + ops.linear(step.before[0], cell.weight_hh, cell.bias_hh)
        for name, place in cell.sigmoids.items():
            own = values.setdefault((step.layer, step.direction, name), [])
            own.append(ops.sigmoid(ops.split(sums, cell.gates)[place]))
        return step.state

    stack.watch(x, see)
    found = []
    for (layer, direction, name), parts in values.items():
        own = np.stack(parts)
        shares = float(own.mean()), float((own < SHUT).mean()), float((own > OPEN).mean())
        tenths = np.histogram(own, BINS, (0.0, 1.0))[0].tolist()
        found.append(Gate(layer + 1, direction, name, *shares, tenths))
    return found
