"""Compute vectors of texts: the states of a language model after each of their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqcli import runs
from seqcli.errors import UsageError
from seqcli.records import Example
from seqcli.tasks.language_model.predict import Generator, Ready


def record(own: Generator, text: str) -> Example:
    """Return the record of a text."""
    return Example(text)


def states(own: Generator, records: Sequence[Ready | None]) -> list[np.ndarray]:
    """Return the softmax's input after each token, (T, C) for each text, (0, C) for a blank one. A text is read as a
    line, after a line end; a model that reads lines backwards reads from the text's end back to each token.

    Raises UsageError for a model under a condition."""
    if own.header["data"].get("condition"):
        said = f"{own.path} reads texts under a condition, which a text by itself does not have"
        raise UsageError(said, hint="use a model that was trained without data.condition")
    model: Any = own.model
    end, way = own.tokenizer.newline_id, _way(own)
    begin = np.array([] if end is None else [end], np.int64)
    read = [_ids(own, ready) for ready in records]
    found = model.encoded([np.concatenate([begin, ids]) if len(ids) else ids for ids in read])
    return [y[len(y) - len(ids) :][::way] for y, ids in zip(found, read, strict=True)]


def symbols(own: Generator, record: Ready | None, steps: int) -> list[str]:
    """Return the tokens."""
    way = _way(own)
    return [own.tokenizer.symbol(i)[::way] for i in _ids(own, record).tolist()][::way]


def _way(own: Generator) -> int:
    return -1 if runs.is_reversed(own.header) else 1


def _ids(own: Generator, ready: Ready | None) -> np.ndarray:
    """Return the ids (T,) of a text in the order in which they are read; none for a blank one."""
    if ready is None or not ready.text.strip():
        return np.zeros(0, np.int64)
    if _way(own) == 1 and not ready.lacking:
        return ready.ids
    return own.tokenizer.read(ready.text[:: _way(own)])[0].astype(np.int64)
