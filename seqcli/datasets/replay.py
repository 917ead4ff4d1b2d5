"""Replay: a share of every epoch comes from data that a model was trained on before, so that it does not forget it.

A recipe sets `data.replay: 0.25`, or `{share: 0.25, train: FILES}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator

from seqcli.errors import did_you_mean

SPLIT = "replay"  # the name of the replayed records among the splits of a corpus
KEYS = ("share", "train")
_STREAM = 7  # separates these draws from others with the same seed and epoch


def _checked(value: float | dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the share and the files of `data.replay`. Raises ValueError for invalid ones."""
    if value is None:
        return None
    spec = dict(value) if isinstance(value, dict) else {"share": value}
    if odd := [key for key in spec if key not in KEYS]:
        raise ValueError(f"unknown key {odd[0]!r}; {did_you_mean(str(odd[0]), KEYS)}")
    share, files = spec.get("share"), spec.get("train")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        raise ValueError("share: must be a number above 0 and below 1, as in {share: 0.25}")
    listed = [files] if isinstance(files, str) else files
    if files is not None and not (isinstance(listed, list) and listed and all(isinstance(f, str) for f in listed)):
        raise ValueError("train: must be a path, a glob, or a list of them")
    return {"share": float(share), "train": files}


ReplaySpec = Annotated[float | dict[str, Any] | None, AfterValidator(_checked)]
"""`data.replay` in a recipe: a share, or `{share: 0.25, train: FILES}`; after validation a full dict, or None."""


class Replay:
    """The choice of records for an epoch: all `own` of the training split, and a share from N earlier ones.

    Records are numbered: those of the training split, then the earlier ones. An epoch has `slots`, one for each
    record that it reads. The earlier records are sorted by length and cut into as many stretches as there are slots
    for them; each slot gets one record of its stretch, drawn anew every epoch. So every record may come up, and the
    record in a slot has about the same length in every epoch. If there are fewer records than slots, each is read
    once or more often, and the remaining slots are drawn. What an epoch reads is a function of (seed, epoch) alone.
    """

    def __init__(self, own: int, lengths: np.ndarray, share: float, seed: int):
        """Prepare the choice from `lengths` (N,) of the earlier records, or (N, 2) of both of their sides."""
        others = len(lengths)
        count = max(round(own * share / (1 - share)), 1)
        columns = np.asarray(lengths, np.int64).reshape(others, -1)
        order = np.lexsort(columns.T)  # sorted by the last column first
        again, rest = divmod(count, others)
        edges = np.arange(rest + 1) * others // max(rest, 1)
        self._own, self._seed, self._order = own, seed, order
        self._again = np.tile(np.arange(others), again)
        self._begins, self._sizes = edges[:-1], np.diff(edges)
        self._longest = np.array([columns[order[a:b]].max(axis=0) for a, b in pairwise(edges.tolist())])
        self.slots = own + count

    def lengths(self, lengths: np.ndarray) -> np.ndarray:
        """Return the greatest lengths possible in each slot (slots, ·), from those of all records (own + N, ·)."""
        known = lengths[self._own :]
        drawn = self._longest.reshape(len(self._sizes), *lengths.shape[1:])
        return np.concatenate([lengths[: self._own], known[self._again], drawn.astype(lengths.dtype)])

    def drawn(self, epoch: int) -> np.ndarray:
        """Return the numbers (slots,) of the records of an epoch."""
        rng = np.random.default_rng([self._seed, epoch, _STREAM])
        places = self._begins + rng.integers(self._sizes) if len(self._sizes) else self._begins
        return np.concatenate([np.arange(self._own), self._own + self._again, self._own + self._order[places]])


def share_of(config: Any) -> float:
    """Return the share that a recipe's `data` sets; 0 if it sets none."""
    spec: Mapping[str, Any] | None = getattr(config, "replay", None)
    return spec["share"] if spec else 0.0
