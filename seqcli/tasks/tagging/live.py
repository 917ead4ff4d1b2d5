"""Tag frames as they arrive, with a model that labels each frame by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqcli import ops
from seqcli.errors import UsageError
from seqcli.inference import live
from seqcli.inference.live import Heard

if TYPE_CHECKING:
    from seqcli.tasks.tagging.predict import Tagger


class Live(live.Live):
    """A live tagger that answers one tag for each frame."""

    name = "label"

    def __init__(self, tagger: Tagger):
        if tagger.targets:
            raise UsageError("it has several targets", hint="from Python, of(NAME) selects one of them")
        if tagger.crf is not None:
            softmax = "model.head: softmax" if tagger.model.chain is not None else "data.scheme: none"
            raise UsageError("the tag of a frame depends on the frames after it", hint=f"train one with {softmax}")
        super().__init__(tagger.frames, tagger.model)
        self._labels, self._temperature = tagger.labels.names, tagger.temperature

    def heard(self, first: int, logits: np.ndarray, last: bool) -> list[Heard]:
        p = ops.softmax(logits.astype(np.float64) / self._temperature)
        best = p.argmax(axis=1).tolist()
        return [Heard(first + n, self._labels[k], float(p[n, k])) for n, k in enumerate(best)]
