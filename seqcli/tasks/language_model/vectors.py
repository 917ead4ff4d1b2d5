"""Vectors of texts: the states of a language model behind each of their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqcli import runs
from seqcli.errors import UsageError
from seqcli.records import Example
from seqcli.tasks.language_model.predict import Generator, Ready


def record(own: Generator, text: str) -> Example:
    """That of a text."""
    return Example(text)


def states(own: Generator, records: Sequence[Ready | None]) -> list[np.ndarray]:
    """What the softmax reads behind each token, (T, C) of each text, (0, C) of a blank one: it is read as a line,
    from a line's end on; by a model that reads lines from their ends, from its own end down to each token.

    Raises UsageError of a model under a condition."""
    if own.header["data"].get("condition"):
        said = f"{own.path} reads texts under a condition, which a text by itself has not"
        raise UsageError(said, hint="use a model that was trained without data.condition")
    model: Any = own.model
    end, way = own.tokenizer.newline_id, _way(own)
    begin = np.array([] if end is None else [end], np.int64)
    read = [_ids(own, ready) for ready in records]
    found = model.encoded([np.concatenate([begin, ids]) if len(ids) else ids for ids in read])
    return [y[len(y) - len(ids) :][::way] for y, ids in zip(found, read, strict=True)]


def symbols(own: Generator, record: Ready | None, steps: int) -> list[str]:
    """The tokens."""
    way = _way(own)
    return [own.tokenizer.symbol(i)[::way] for i in _ids(own, record).tolist()][::way]


def _way(own: Generator) -> int:
    return -1 if runs.is_reversed(own.header) else 1


def _ids(own: Generator, ready: Ready | None) -> np.ndarray:
    """The ids (T,) of a text in the order in which they are read; none of a blank one."""
    if ready is None or not ready.text.strip():
        return np.zeros(0, np.int64)
    if _way(own) == 1 and not ready.lacking:
        return ready.ids
    return own.tokenizer.read(ready.text[:: _way(own)])[0].astype(np.int64)
