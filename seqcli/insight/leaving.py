"""Explain an answer by leaving tokens out: ask again without each token, and for the text up to and including it
(Li, Monroe & Jurafsky 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from seqcli import console

TINY = 1e-12  # probabilities are at most 1 - TINY
MOST, WORDS = 500, 100  # the most tokens of a text that is explained; of one in which each token has a tag


class Token(NamedTuple):
    """A token from `start` to `end`: the probability of the answer `without` it, and when the text is `read` up to
    its end; its weight is the log-odds (nats) that it adds to the answer, above 0 if it speaks for the answer."""

    start: int
    end: int
    weight: float
    without: float
    read: float


def odds(logp: np.ndarray) -> np.ndarray:
    """Return log p / (1 - p) of log-probabilities."""
    logp = np.minimum(logp, np.log1p(-TINY))
    return logp - np.log(-np.expm1(logp))


def tokens(spans: Sequence[tuple[int, int]], whole: float, without: np.ndarray, read: np.ndarray) -> list[Token]:
    """Return the tokens at `spans`, from the log-probabilities of the answer to the `whole` text, to the text
    `without` each token, and to the text `read` up to each."""
    weights = odds(np.array(whole)) - odds(without)
    rows = zip(spans, weights.tolist(), np.exp(without).tolist(), np.exp(read).tolist(), strict=True)
    return [Token(a, b, w, q, r) for (a, b), w, q, r in rows]


def short(count: int, most: int = MOST) -> bool:
    """Whether a text of `count` tokens is explained; warn once if it is not."""
    if count > most:
        _say_once(most)
    return count <= most


@cache
def _say_once(most: int) -> None:
    console.warn(f"--explain leaves out texts of more than {most} tokens: it asks about them twice for each token")


def variants(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """Return a text without each of its tokens, then each of its beginnings."""
    return [text[:a] + text[b:] for a, b in spans] + [text[:b] for _, b in spans]


def as_objects(text: str, found: Sequence[Token]) -> list[dict[str, Any]]:
    """Return tokens for JSON."""
    return [
        {"text": text[a:b], "start": a, "end": b, "weight": round(w, 6), "without": float(f"{q:.6g}"),
         "read": float(f"{r:.6g}")}
        for a, b, w, q, r in found
    ]  # fmt: skip
