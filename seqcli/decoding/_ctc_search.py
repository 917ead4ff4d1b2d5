"""Prefix beam search in the frames of a CTC model (Graves 2012, section 7.5; Hannun et al. 2014).

Letters: K rows of the beam, V symbols with the blank. A row is a prefix, the text of the frames so far. Alignments
that end in the blank are kept apart from those that end in the last symbol, because only after a blank may that
symbol be written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from seqcli.decoding._candidates import check

_ROOT, _NONE = 0, -1  # the empty prefix; no prefix


class Following(NamedTuple):
    """A text model's predictions for n prefixes: log-probabilities in nats; a row's symbols and end sum to 1."""

    symbols: np.ndarray  # (n, V): of the next symbol; the blank's column is ignored
    ends: np.ndarray  # (n,): that the text ends
    states: Sequence[Any]  # n of any kind, passed back when a prefix has grown by one symbol


class TextModel(Protocol):
    """The protocol that the search needs of a model of texts, such as a language model."""

    def start(self) -> Following:
        """Return the predictions after the empty prefix: n = 1."""
        ...

    def step(self, states: Sequence[Any], ids: np.ndarray) -> Following:
        """Return the predictions after n prefixes, each given by a state and one more symbol: ids (n,)."""
        ...


class Hypothesis(NamedTuple):
    """A text that a search found."""

    ids: np.ndarray  # (U,)
    logprob: float  # log p(ids | frames) over the alignments that the search has summed, nats
    score: float  # by which it was ranked


def search(
    logprobs: np.ndarray,
    blank: int,
    *,
    beam: int,
    n_best: int = 1,
    banned: Sequence[int] = (),
    model: TextModel | None = None,
    weight: float = 0.0,
    bonus: float = 0.0,
) -> list[Hypothesis]:
    """Return the n best texts of one sequence's frames (T, V), best first; fewer if the beam holds fewer.

    score = log p(ids | frames) + weight · log p(ids) of `model` + bonus · len(ids). After each frame the `beam` best
    prefixes are kept; the probability of a text's end is counted after the last frame, among those in the beam.
    `banned` symbols are in no text.

    If no continuation could enter the beam in a frame even if the model were certain of it, as in a frame that is
    surely blank, only the sums are updated; otherwise the model is asked once, about the new prefixes. This does not
    change the result. Raises SeqcliError if a log-probability is nan.
    """
    if not (beam >= n_best >= 1 and weight >= 0):
        raise ValueError(f"beam {beam}, n_best {n_best}, weight {weight}: beam >= n_best >= 1 and weight >= 0")
    check(logprobs)
    frames = logprobs.astype(np.float64)
    closed = np.zeros(frames.shape[1])
    closed[[blank, *banned]] = -np.inf
    rows = _Beam(beam, blank, closed, model if weight else None, weight, bonus)
    for frame, peak in zip(frames, (frames + closed).max(axis=1).tolist(), strict=True):
        rows.add(frame, peak)
    return rows.finished(n_best)


class _Beam:
    """The rows, in any order; an unused row has log-probability -inf."""

    def __init__(
        self, K: int, blank: int, closed: np.ndarray, model: TextModel | None, weight: float, bonus: float
    ) -> None:
        self._blank, self._closed, self._model, self._weight, self._bonus = blank, closed, model, weight, bonus
        self._parents, self._symbols = [_NONE - 1], [blank]  # of each prefix so far, by its number
        self._children: dict[tuple[int, int], int] = {}
        self._prefix, self._parent = np.full(K, _NONE), np.full(K, _NONE - 1)
        self._last = np.full(K, blank)
        self._in_blank, self._in_symbol = np.full(K, -np.inf), np.full(K, -np.inf)
        self._total = np.full(K, -np.inf)
        self._added = np.zeros(K)  # weight · log p(prefix) + bonus · symbols
        self._growth = np.full((K, len(closed)), -np.inf)  # `added` of each continuation, once the model was asked
        self._prefix[0], self._in_blank[0], self._total[0] = _ROOT, 0, 0
        self._growth[0] = closed + bonus
        self._kin = self._related()
        # the model's states after the parent, and after the prefix itself once it was asked
        self._before: list[Any] = [None] * K
        self._state: list[Any] = [None] * K
        self._asked, self._ends = np.ones(K, bool), np.zeros(K)
        if model is not None:
            self._hear(np.array([0]), model.start())

    def _related(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the rows whose prefix is another row's plus one symbol, those other rows, the symbols, and whether
        each repeats the one before it."""
        children, parents = np.nonzero(self._parent[:, None] == self._prefix)
        symbols = self._last[children]
        return children, parents, symbols, symbols == self._last[parents]

    def add(self, frame: np.ndarray, peak: float) -> None:
        """Add a frame (V,); `peak` is its highest log-probability of a symbol that may be written."""
        own = frame[self._last]
        in_blank, in_symbol = self._total + frame[self._blank], self._in_symbol + own
        children, parents, _, repeat = self._kin
        if len(children):
            grown = np.where(repeat, self._in_blank[parents], self._total[parents]) + own[children]
            in_symbol[children] = np.logaddexp(in_symbol[children], grown)
        total = np.logaddexp(in_blank, in_symbol)
        scores = total + self._added
        worst = scores.min()
        new = None
        if peak + self._bonus + (self._total + self._added).max() > worst:
            new = self._chosen(frame, scores, worst)
        if new is not None:
            dropped, rows, ids = new
            of = np.where(ids == self._last[rows], self._in_blank[rows], self._total[rows]) + frame[ids]
            in_blank[dropped], in_symbol[dropped], total[dropped] = -np.inf, of, of
        self._in_blank, self._in_symbol, self._total = in_blank, in_symbol, total
        if new is not None:
            self._replace(*new)

    def _chosen(
        self, frame: np.ndarray, scores: np.ndarray, worst: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Return the rows that leave the beam, and for each the row whose continuation replaces it, and by what."""
        K, V = self._growth.shape
        self._ask()
        found = self._growth + frame  # (K, V): scores of rows that grow by a symbol
        found += self._total[:, None]
        found[np.arange(K), self._last] = self._growth[np.arange(K), self._last] + self._in_blank + frame[self._last]
        found[self._kin[1], self._kin[2]] = -np.inf  # these are rows by themselves
        flat = found.ravel()
        places = np.flatnonzero(flat > worst)
        if not len(places):
            return None
        both = np.concatenate([scores, flat[places]])
        kept = np.zeros(len(both), bool)
        kept[np.argpartition(both, len(both) - K)[len(both) - K :]] = True
        rows, ids = np.divmod(places[kept[K:]], V)
        return np.flatnonzero(~kept[:K]), rows, ids

    def _replace(self, dropped: np.ndarray, rows: np.ndarray, ids: np.ndarray) -> None:
        """Replace dropped rows by the continuations of rows."""
        prefixes = self._prefix[rows]
        numbers = []
        for key in zip(prefixes.tolist(), ids.tolist(), strict=True):
            if (number := self._children.get(key)) is None:
                number = self._children[key] = len(self._parents)
                self._parents.append(key[0])
                self._symbols.append(key[1])
            numbers.append(number)
        self._added[dropped] = added = self._growth[rows, ids]
        self._prefix[dropped], self._parent[dropped], self._last[dropped] = numbers, prefixes, ids
        self._growth[dropped] = (added + self._bonus)[:, None] + self._closed
        self._kin = self._related()
        if self._model is not None:
            self._asked[dropped] = False
            states = [self._state[row] for row in rows.tolist()]
            for row, state in zip(dropped.tolist(), states, strict=True):
                self._before[row] = state

    def _ask(self) -> None:
        """Ask the model about the rows that are new since it was last asked."""
        if self._model is not None and len(rows := np.flatnonzero(~self._asked)):
            self._hear(rows, self._model.step([self._before[row] for row in rows.tolist()], self._last[rows]))

    def _hear(self, rows: np.ndarray, said: Following) -> None:
        self._growth[rows] += self._weight * np.asarray(said.symbols, np.float64)
        self._growth[rows[:, None], np.isneginf(self._closed)] = -np.inf  # whatever it says of the blank, nan too
        self._ends[rows], self._asked[rows] = said.ends, True
        for row, state in zip(rows.tolist(), said.states, strict=True):
            self._state[row] = state

    def finished(self, n_best: int) -> list[Hypothesis]:
        """Return the best hypotheses of the beam, best first, with the probabilities that their texts end here."""
        self._ask()
        scores = self._total + self._added + (0.0 if self._model is None else self._weight * self._ends)
        order = np.argsort(-scores, kind="stable")
        return [
            Hypothesis(self._ids(int(self._prefix[row])), float(self._total[row]), float(scores[row]))
            for row in order[self._total[order] > -np.inf][:n_best].tolist()
        ]

    def _ids(self, prefix: int) -> np.ndarray:
        ids = []
        while prefix != _ROOT:
            ids.append(self._symbols[prefix])
            prefix = self._parents[prefix]
        return np.array(ids[::-1], np.int64)
