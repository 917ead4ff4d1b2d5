"""Rescore answers of other models with a language model: log-probabilities besides the answers' own scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqcli.decoding.rescoring import UNHEARD
from seqcli.nbest import Best
from seqcli.tasks.language_model.condition import without_condition
from seqcli.tasks.language_model.predict import Generator


class Ready(NamedTuple):
    """The answers of a list as ids, and their parts without a symbol: (index of the answer, part)."""

    ids: list[np.ndarray]
    lacking: list[tuple[int, str]]


class Texts(list[str]):
    """The answers of a list, sent to another process."""


@dataclass(frozen=True)
class Rescorer(Generator):
    """A language model that scores the answers of lists."""

    def prepare(self, record: Best, asked: Any) -> Best:  # type: ignore[override]
        """Return the list unchanged."""
        return record

    def light(self, record: Best) -> Texts:  # type: ignore[override]
        """Return the texts of its answers."""
        return Texts(record.texts)

    def ready(self, record: Best | Texts) -> Ready:  # type: ignore[override]
        """Return its answers as ids. Raises UsageError for a model under a condition."""
        without_condition(self.header, self.path)
        read = [self.tokenizer.read(text) for text in (record if isinstance(record, Texts) else record.texts)]
        lacking = [(i, what) for i, (_, found) in enumerate(read) for _, what in found]
        return Ready([ids for ids, _ in read], lacking)

    def lacking(self, record: Ready) -> Sequence[tuple[int, str]]:  # type: ignore[override]
        """Return the parts without a symbol, by answer."""
        return record.lacking

    def answer(self, records: Sequence[Ready], settings: Any) -> list[np.ndarray]:  # type: ignore[override]
        """Return (log-probability in nats, tokens) of each answer, (K, 2), read as a separate line. The line end is
        scored too if the model has one; a part without a symbol costs 20 nats."""
        return [self._costs(record) for record in records]

    def _costs(self, record: Ready) -> np.ndarray:
        end, free = self.tokenizer.newline_id, self.tokenizer.unk_id is not None or self.tokenizer.reads_all
        around = np.zeros(0, np.int64) if end is None else np.array([end])
        rows = [np.concatenate([around, ids.astype(np.int64), around]) for ids in record.ids]
        found = np.zeros((len(rows), 2))
        found[:, 1] = [max(len(row) - 1, 0) for row in rows]
        if not rows or not found[:, 1].any():
            return found
        # at least two rows: a single one would be computed differently, and differ in the last digit
        grid = np.zeros((max(len(rows), 2), int(found[:, 1].max()) + 1), np.int64)
        for i, row in enumerate(rows):
            grid[i, : len(row)] = row
        logp, _ = self.model.score(grid[:, :-1], grid[:, 1:], self.model.initial_state(len(grid)))
        for i, tokens in enumerate(found[:, 1].astype(int).tolist()):
            found[i, 0] = float(logp[i, :tokens].sum(dtype=np.float64))
        for i, _ in () if free else record.lacking:
            found[i, 0] += UNHEARD
        return found
