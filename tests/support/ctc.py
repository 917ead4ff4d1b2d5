"""CTC the long way: all paths of a few frames, a textbook's prefix search, and a language model that is a table."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqcli.decoding.ctc import Following

Text = tuple[int, ...]


def frames(T: int, V: int, seed: int = 0, *, spread: float = 1.5, blank: int = 0, sure: float = 0.0) -> np.ndarray:
    """Log-probabilities (T, V) float64; `sure` is added to the blank's logit in two of three frames."""
    rng = np.random.default_rng([T, V, seed])
    logits = rng.normal(size=(T, V)) * spread
    logits[rng.random(T) < 2 / 3, blank] += sure
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def written(path: Sequence[int], blank: int) -> Text:
    """The text of a path."""
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != blank)


def paths(logprobs: np.ndarray, blank: int) -> dict[Text, dict[Text, float]]:
    """The log-probability of every path, by its text."""
    T, V = logprobs.shape
    found: dict[Text, dict[Text, float]] = defaultdict(dict)
    for path in itertools.product(range(V), repeat=T):
        found[written(path, blank)][path] = sum(float(logprobs[t, s]) for t, s in enumerate(path))
    return found


def log_sum(values: Any) -> float:
    """log Σ exp."""
    return float(np.logaddexp.reduce(list(values)))


def texts(logprobs: np.ndarray, blank: int) -> dict[Text, float]:
    """The log-probability of every text that the frames can give."""
    return {text: log_sum(of.values()) for text, of in paths(logprobs, blank).items()}


class TableModel:
    """A language model: each history has its distribution, drawn from its hash. `asked` are the sizes of its steps.

    Symbols of `never` have no probability after a history of odd length; the blank's column is nan.
    """

    def __init__(self, V: int, blank: int, *, never: Sequence[int] = ()):
        self.V, self.blank, self.never = V, blank, list(never)
        self.asked: list[int] = []

    def start(self) -> Following:
        return self._following([()])

    def step(self, states: Sequence[Any], ids: np.ndarray) -> Following:
        self.asked.append(len(ids))
        return self._following([(*state, id) for state, id in zip(states, ids.tolist(), strict=True)])

    def _following(self, histories: list[Text]) -> Following:
        rows = np.stack([self._row(history) for history in histories])
        return Following(rows[:, :-1], rows[:, -1], histories)

    def _row(self, history: Text) -> np.ndarray:
        logits = np.random.default_rng([len(history), *history]).normal(size=self.V + 1)
        logits[self.blank] = -np.inf
        if len(history) % 2:
            logits[self.never] = -np.inf
        row = logits - log_sum(logits)
        row[self.blank] = np.nan
        return row

    def log_probability(self, text: Text) -> float:
        """log p(text), its end counted."""
        return sum(float(self._row(text[:i])[symbol]) for i, symbol in enumerate((*text, -1)))


def textbook(
    logprobs: np.ndarray,
    blank: int,
    beam: int,
    *,
    banned: Sequence[int] = (),
    model: TableModel | None = None,
    weight: float = 0.0,
    bonus: float = 0.0,
) -> list[tuple[Text, float, float]]:
    """Prefix beam search as Hannun et al. 2014 write it, in a dictionary: (text, log-probability, score), best first."""
    said: dict[Text, Any] = {}

    def row(text: Text) -> Any:
        if text not in said:
            said[text] = model._row(text).tolist() if model else [0.0] * (len(logprobs[0]) + 1)
        return said[text]

    def plus(x: float, y: float) -> float:
        top = max(x, y)
        return top if top == -math.inf else top + math.log(math.exp(x - top) + math.exp(y - top))

    symbols = [s for s in range(logprobs.shape[1]) if s != blank and s not in banned]
    rows: dict[Text, tuple[float, float]] = {(): (0.0, -math.inf)}
    added = {(): 0.0}
    for frame in logprobs.tolist():
        grown: dict[Text, tuple[float, float]] = defaultdict(lambda: (-math.inf, -math.inf))
        for text, (in_blank, in_symbol) in rows.items():
            total = plus(in_blank, in_symbol)
            b, s = grown[text]
            grown[text] = plus(b, total + frame[blank]), plus(s, in_symbol + frame[text[-1]]) if text else s
            for symbol in symbols:
                longer = (*text, symbol)
                came = in_blank if text and text[-1] == symbol else total
                b, s = grown[longer]
                grown[longer] = b, plus(s, came + frame[symbol])
                if longer not in added:
                    added[longer] = added[text] + bonus + (weight * row(text)[symbol] if weight else 0.0)
        best = sorted(grown, key=lambda text: -(plus(*grown[text]) + added[text]))[:beam]
        rows = {text: grown[text] for text in best if plus(*grown[text]) > -math.inf}
    ends = {text: weight * row(text)[-1] if weight else 0.0 for text in rows}
    found = [(text, plus(*rows[text]), plus(*rows[text]) + added[text] + ends[text]) for text in rows]
    return sorted(found, key=lambda f: -f[2])
