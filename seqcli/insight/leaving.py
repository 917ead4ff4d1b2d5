"""What each token that was read does to an answer: the same is asked again without it, and of the text as far as it
goes with it (leaving one out: Li, Monroe & Jurafsky 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from seqcli import console

TINY = 1e-12  # no probability is nearer to 1
MOST, WORDS = 500, 100  # tokens of a text that is explained: it is asked about twice for each; where each has a tag


class Token(NamedTuple):
    """A token from `start` to `end`: the probability of the answer `without` it, and as far as `read` with it; its
    weight is the log-odds (nats) that the answer has by it, above 0 where it speaks for the answer."""

    start: int
    end: int
    weight: float
    without: float
    read: float


def odds(logp: np.ndarray) -> np.ndarray:
    """log p / (1 - p) of log-probabilities."""
    logp = np.minimum(logp, np.log1p(-TINY))
    return logp - np.log(-np.expm1(logp))


def tokens(spans: Sequence[tuple[int, int]], whole: float, without: np.ndarray, read: np.ndarray) -> list[Token]:
    """Of tokens by their places: the log-probability of the answer to the `whole`, without each, as far as read."""
    weights = odds(np.array(whole)) - odds(without)
    rows = zip(spans, weights.tolist(), np.exp(without).tolist(), np.exp(read).tolist(), strict=True)
    return [Token(a, b, w, q, r) for (a, b), w, q, r in rows]


def short(count: int, most: int = MOST) -> bool:
    """Whether a text of so many tokens is explained; says so once where it is not."""
    if count > most:
        _say_once(most)
    return count <= most


@cache
def _say_once(most: int) -> None:
    console.warn(f"--explain leaves out texts of more than {most} tokens: it asks about them twice for each token")


def variants(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """A text without each of its tokens, then each beginning of it."""
    return [text[:a] + text[b:] for a, b in spans] + [text[:b] for _, b in spans]


def as_objects(text: str, found: Sequence[Token]) -> list[dict[str, Any]]:
    """As JSON."""
    return [
        {"text": text[a:b], "start": a, "end": b, "weight": round(w, 6), "without": float(f"{q:.6g}"),
         "read": float(f"{r:.6g}")}
        for a, b, w, q, r in found
    ]  # fmt: skip
