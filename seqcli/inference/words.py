"""A cache of words' projected inputs: the first layer's projection of a word is the same wherever it occurs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqcli.inference.attended import AttendedForm
from seqcli.inference.batch import BatchForm
from seqcli.layers.transformer import Encoder

KEPT_BYTES = 64 << 20  # of cached projected inputs
KEPT_CHARACTERS = 16 << 20  # of the cached words themselves
ENCODED = 1024  # words projected at once: bounds the memory


def form_of(stack: Any) -> Any:
    """Return the fast form of a stack of cells, or of blocks of attention."""
    return AttendedForm(stack) if isinstance(stack, Encoder) else BatchForm(stack)


class WordBank:
    """The cache of a model that reads words (`of_words`, `features`, `stack`, `vocabulary`).

    W_ih x_t is a sum over the parts of x_t, so that further columns add a row of their own small tables, and the
    states of language models for a word (`states`, next to the columns) are projected separately.
    """

    def __init__(self, model: Any):
        own = model.stack
        self.model, self.form = model, form_of(own)
        size = self._size = own.first[0].shape[1]
        at = size - sum(table.shape[1] for table in model.features)
        nothing = self._nothing = self.form.project(np.zeros((1, size), np.float32))  # the biases
        self._states_at = slice(at - model.vocabulary.states, at)
        self._tables = []
        for table in model.features:
            x = np.zeros((len(table), size), np.float32)
            x[:, at : at + table.shape[1]] = table
            self._tables.append(self.form.project(x) - nothing)
            at += table.shape[1]
        self._most = max(KEPT_BYTES // nothing.nbytes, 1)
        self._rows = nothing.repeat(1024, axis=1)
        self._known: dict[str, int] = {}
        self._characters = 0  # of the words known

    def inputs(
        self,
        sentences: Sequence[Sequence[str]],
        features: Sequence[Mapping[str, Sequence[str]]] = (),
        states: Sequence[np.ndarray] = (),
    ) -> Any:
        """Return the function that BatchForm.read needs: from places of tokens to their projected inputs."""
        words = self._of_words(sentences, features)
        if not self.model.vocabulary.states:
            return words
        read = np.concatenate(states)

        def added(places: np.ndarray, d: int) -> np.ndarray:
            wide = np.zeros((len(places), self._size), np.float32)
            wide[:, self._states_at] = read[places]
            return words(places, d) + (self.form.project(wide)[d] - self._nothing[d])

        return added

    def _of_words(self, sentences: Sequence[Sequence[str]], features: Sequence[Mapping[str, Sequence[str]]]) -> Any:
        flat = [w for words in sentences for w in words]
        new = [w for w in dict.fromkeys(flat) if w not in self._known]
        self._characters += sum(map(len, new))
        if len(self._known) + len(new) > self._most or self._characters > KEPT_CHARACTERS:
            self._known, new = {}, list(dict.fromkeys(flat))
            self._characters = sum(map(len, new))
        columns = [
            np.concatenate([self.model.vocabulary.feature_ids(name, f[name]) for f in features])
            for name in self.model.vocabulary.features
        ]
        if len(new) > self._most:  # a line with more distinct words than fit the cache is computed anew each time
            return lambda places, d: self._add(
                self._project([flat[p] for p in places.tolist()])[d], columns, places, d
            )
        for first in range(0, len(new), ENCODED):
            part = new[first : first + ENCODED]
            rows, begin = self._project(part), len(self._known)
            while begin + len(part) > (held := self._rows.shape[1]):
                more = max(min(held, self._most - held), begin + len(part) - held)
                self._rows = np.concatenate([self._rows, self._rows[:, :1].repeat(more, axis=1)], axis=1)
            self._rows[:, begin : begin + len(part)] = rows
            self._known.update(zip(part, range(begin, begin + len(part)), strict=True))
        known = self._known
        index = np.array([known[w] for w in flat], np.int64)
        return lambda places, d: self._add(self._rows[d].take(index[places], axis=0), columns, places, d)

    def _add(self, rows: np.ndarray, columns: list[np.ndarray], places: np.ndarray, d: int) -> np.ndarray:
        for table, ids in zip(self._tables, columns, strict=True):
            rows += table[d, ids[places]]
        return rows

    def _project(self, words: list[str]) -> np.ndarray:
        return self.form.project(self.model.of_words(words, self._size))
