"""Explain a label: what its probability would be without each token, and what it was after reading each token.

This needs nothing from the model but answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqcli.errors import UsageError
from seqcli.insight.leaving import TINY, Token, short, tokens, variants
from seqcli.reader import left
from seqcli.records import MARK, Example

if TYPE_CHECKING:
    from seqcli.tasks.classification.predict import Classifier

_WORD = re.compile(r"\S+")


class Terms(NamedTuple):
    """The score of a label in nats as a sum: its bias, and what each n-gram adds (kind, start, end, score), largest
    first."""

    bias: float
    terms: list[tuple[str, int, int, float]]


def summed(own: Classifier, examples: Sequence[Example], labels: Sequence[int]) -> list[Terms] | list[None]:
    """Return the exact terms of each example's score for a label; None for a model that is not a sum over n-grams."""
    if (terms_of := getattr(own.model, "terms", None)) is None:
        return [None] * len(examples)
    found = []
    for example, label in zip(examples, labels, strict=True):
        bias, terms = terms_of(example.text)
        rows = [(t.kind, t.start, t.end, float(t.scores[label])) for t in terms]
        found.append(Terms(float(bias[label]), sorted(rows, key=lambda row: -abs(row[3]))))
    return found


def explained(own: Classifier, examples: Sequence[Example], got: Sequence[tuple[int, float]]) -> list[list[Token]]:
    """Return the explained tokens of each ready example, for the label (its index) that it got with a probability.
    Raises UsageError for trees and frames."""
    places = [spans if short(len(spans)) else [] for spans in (_places(own, example) for example in examples)]
    asked = [v for e, spans in zip(examples, places, strict=True) for v in _variants(own, e, spans)]
    p = own.probabilities(asked) if asked else np.zeros((0, len(own.labels)))
    found, at = [], 0
    for spans, (label, whole) in zip(places, got, strict=True):
        n = len(spans)
        without, read = p[at : at + n, label], p[at + n : at + 2 * n, label]
        logp = np.log(np.maximum(np.concatenate([[whole], without, read]), TINY))
        found.append(tokens(spans, float(logp[0]), logp[1 : n + 1], logp[n + 1 :]))
        at += 2 * n
    return found


def _places(own: Classifier, example: Example) -> list[tuple[int, int]]:
    if own.reading.frames is not None:
        raise UsageError("--explain leaves words out, but this model reads frames")
    if example.tree is not None:
        raise UsageError("--explain leaves words out, which a tree does not allow", hint="use --nodes for its parts")
    if example.words is None:
        return [match.span() for match in _WORD.finditer(example.text)]
    return own.reading.places(example)


def _variants(own: Classifier, example: Example, spans: list[tuple[int, int]]) -> Iterator[Example]:
    """Yield the text without each token, then each beginning of it; marks between several texts always stay."""
    words, n = example.words, len(spans)
    for i, text in enumerate(variants(example.text, spans)):
        kept = None if words is None else words[:i] + words[i + 1 :] if i < n else words[: i - n + 1]
        kept = words if words and i < n and words[i] == MARK else kept
        if example.offsets is None:
            yield Example(text, words=kept)
            continue
        text, offsets = left(example, [*range(i), *range(i + 1, n)] if i < n else range(i - n + 1))
        yield Example(text, words=kept, offsets=offsets)
