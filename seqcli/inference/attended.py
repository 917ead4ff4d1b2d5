"""Many sequences through blocks of attention, in NumPy; no sequence's result depends on the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqcli import ops
from seqcli.inference.batch import Project
from seqcli.layers.transformer import Encoder

PADDED = 8192  # positions, including padding, that are processed together; one sequence may be longer


class AttendedForm:
    """An attention encoder prepared for batches of sequences that lie end to end, as `BatchForm` is for cells."""

    def __init__(self, encoder: Encoder):
        self._encoder = encoder

    def project(self, x: np.ndarray) -> np.ndarray:
        """Project inputs before attention: x (N, I) -> (1, N, D). A row can be cached."""
        return ops.linear(x, *self._encoder.first)[None]

    def read(self, lengths: Sequence[int] | np.ndarray, first: Project) -> np.ndarray:
        """Return outputs (N, D) for sequences of `lengths` (B,), N tokens in all; `first` gives projected inputs."""
        lengths = np.asarray(lengths, np.int64)
        starts, y = (
            np.cumsum(lengths) - lengths,
            np.zeros((int(lengths.sum()), self._encoder.output_size), np.float32),
        )
        order = [i for i in np.argsort(lengths, kind="stable").tolist() if lengths[i]]
        while order:
            longest = int(lengths[order[-1]])
            part = order[-max(PADDED // longest, 1) :]
            del order[-len(part) :]
            inside = np.arange(longest)[None] < lengths[part][:, None]
            places = (starts[part][:, None] + np.arange(longest))[inside]
            y[places] = self._encoder.look(first(places, 0), inside)
        return y
