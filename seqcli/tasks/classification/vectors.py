"""Compute vectors of texts: the input of a classifier's last layer, for all targets; or the states of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqcli.errors import UsageError
from seqcli.records import Example, together
from seqcli.tasks.classification.predict import Classifier


def record(own: Classifier, text: str | Sequence[str]) -> Example:
    """Return the example of a text, or of a sequence of several texts."""
    return Example(text if isinstance(text, str) else together(text))


def summary(own: Classifier, records: Sequence[Example]) -> list[np.ndarray]:
    """Return the last layer's input (C,) for each text; zeros for a blank one."""
    found = own.model.summary(records)  # type: ignore[attr-defined]
    found[[i for i, example in enumerate(records) if not example.text.strip()]] = 0.0
    return list(found)


def states(own: Classifier, records: Sequence[Example]) -> list[np.ndarray]:
    """Return the states to pool: (T, C) for the tokens or frames of each text, (0, C) for a blank one. Raises
    UsageError for a model that makes one vector of a tree, or of two texts that it compares."""
    model: Any = own.model
    trees = not hasattr(model, "encoded")
    if trees or getattr(model, "pair", None) == "compare":
        what = "reads trees" if trees else "compares two texts"
        raise UsageError(f"{own.path} {what}: a record is one vector", hint="omit --pool and --per")
    return model.encoded(records)


def symbols(own: Classifier, record: Example, steps: int) -> list[str]:
    """Return the tokens; for frames, the numbers of the steps that the front end leaves."""
    return list(record.words or ()) if own.reading.frames is None else [str(n + 1) for n in range(steps)]
