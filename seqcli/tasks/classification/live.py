"""Classify a record while it arrives, by what has arrived so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqcli.errors import UsageError
from seqcli.inference import live
from seqcli.inference.live import Heard
from seqcli.layers.pooling import Running

if TYPE_CHECKING:
    from seqcli.tasks.classification.predict import Classifier


class Live(live.Live):
    """A live classifier that answers a label each time the most probable one changes, and at the end."""

    name = "label"

    def __init__(self, classifier: Classifier):
        if classifier.multi_label:
            raise UsageError("it gives a record several labels", hint="train one with data.multi_label: false")
        classifier = classifier.first
        super().__init__(classifier.reading.frames, classifier.model)
        self._classifier, self._said, self._end = classifier, "", Heard(-1, "", 0.0)
        self._running = Running(self.model.pooling, self.model.attention)

    def pooled(self, outputs: np.ndarray) -> np.ndarray:
        return self._running.feed(outputs)

    def heard(self, first: int, logits: np.ndarray, last: bool) -> list[Heard]:
        own, found, labels = self._classifier, [], self._classifier.labels
        p = own.of_logits(logits.astype(np.float64), own.temperature)
        for n, best in enumerate(p.argmax(axis=1).tolist()):
            self._end = Heard(first + n, labels[best], float(p[n, best]))
            if labels[best] != self._said:
                self._said = labels[best]
                found.append(self._end)
        return [*found, self._end] if last and self._end not in found[-1:] else found
