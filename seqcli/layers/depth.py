"""The depth of arrays in a network: groups from the output down, each with its own learning rate and start.

Howard and Ruder (2018): a pretrained model keeps what it knows if lower layers learn more slowly than higher ones
(discriminative fine-tuning), and begin to learn later (gradual unfreezing).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

READERS = "readers."  # prefix of the arrays of language models that read for a model
_INPUTS = re.compile(
    r"(source_|target_)?(embedding|positions)$|factor$|(characters|front_end|features)\.|(stack|encoder|decoder)\.(frame\.)?(weight|bias)$"
)
_LAYER = re.compile(r"(stack\.|encoder\.|decoder\.)?((frame\.)?(cells|blocks)\.)?(\d+)\.")
_HEAD, _DECODER, _STACK, _INPUT = range(4)


@dataclass(frozen=True)
class Depth:
    """Groups of array names, the output's first and those of language models that read for the model last."""

    groups: tuple[tuple[str, ...], ...]
    own: int  # how many groups are the model's own
    every: float | None  # epochs between one group's start and the next one's; None: all learn from the start
    layer_rate: float  # a group's learning rate relative to that of the group above
    reader_rate: float  # that of the readers' first group relative to the recipe's

    @classmethod
    def of(cls, names: Collection[str], train: Any, *, fresh: bool) -> Depth:
        """Group a model's arrays; `train` is the recipe's section. A `fresh` model's own arrays are one group."""
        own = [name for name in names if not name.startswith(READERS)]
        mine = [tuple(own)] if fresh else _groups({name: name for name in own})
        found = {name: name.split(".", 2)[2] for name in names if name.startswith(READERS)}
        groups = (*mine, *_groups(found))
        return cls(groups, len(mine), train.unfreeze_every, train.layer_rate, train.reader_rate)

    def learning(self, epochs: float) -> int:
        """Return how many groups, from the first, learn after so many epochs."""
        return len(self.groups) if self.every is None else min(1 + int(epochs / self.every), len(self.groups))

    def rates(self) -> dict[str, float]:
        """Return the factor of every array's learning rate."""
        found = {}
        for i, names in enumerate(self.groups):
            deep = i - self.own
            rate = self.layer_rate**i if deep < 0 else self.reader_rate * self.layer_rate**deep
            found |= dict.fromkeys(names, rate)
        return found


def _groups(names: dict[str, str]) -> list[tuple[str, ...]]:
    """Group names by depth in their model, given the name within it: the output and arrays in no layer; the layers
    from the top down, a decoder's before an encoder's; the inputs (symbols, words or frames). Layers of several
    models are grouped by their distance from the top of their own model."""
    places = {name: (name.removesuffix(own), *_place(own)) for name, own in names.items()}
    tops: dict[tuple[str, int], int] = {}
    for model, kind, layer in places.values():
        tops[model, kind] = max(tops.get((model, kind), 0), layer)
    found: dict[tuple[int, int], list[str]] = {}
    for name, (model, kind, layer) in places.items():
        place = (
            (_STACK, 0) if model and kind == _HEAD else (kind, tops[model, kind] - layer)
        )  # readers have no output
        found.setdefault(place, []).append(name)
    return [tuple(found[place]) for place in sorted(found)]


def _place(name: str) -> tuple[int, int]:
    """Return the part of a model that an array belongs to, and its layer there."""
    if _INPUTS.match(name):
        return _INPUT, 0
    if name.startswith("tree."):
        return _STACK, 0
    if layer := _LAYER.match(name):
        return _DECODER if name.startswith("decoder") else _STACK, int(layer[5])
    return _HEAD, 0
