"""Small taggers whose every path can be written down, and sentences with tags."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from seqcli import schemes
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.layers.crf import CRF, FORBIDDEN
from seqcli.records import Sentence
from seqcli.tasks.tagging.predict import Tagger

IOBES = ["B-X", "E-X", "I-X", "O", "S-X"]
IOB2 = ["B-X", "B-Y", "I-X", "I-Y", "O"]
POS = ["ADJ", "NOUN", "VERB"]


@dataclass
class Fixed:
    """A model whose emissions are drawn from the word itself."""

    labels: int
    chain: CRF | None
    scale: float = 2.0

    def emissions(
        self, sentences: Sequence[Sequence[str]], features: Sequence[Mapping[str, Sequence[str]]] = ()
    ) -> list[np.ndarray]:
        def row(word: str) -> np.ndarray:
            return np.random.default_rng(zlib.crc32(word.encode())).normal(0, self.scale, self.labels)

        return [np.stack([row(w) for w in words]).astype(np.float32) for words in sentences]


def fixed(
    labels: Sequence[str], inside: str | None, outside: str | None, *, crf: bool = True, temperature: float = 1.0
) -> Tagger:
    vocabulary = Vocabulary([], [], {}, list(labels), scheme=inside)
    weights = CRF.create(len(labels), np.random.default_rng(1))
    drawn = CRF(*(w * 10 for w in (weights.transitions, weights.start, weights.end)))
    chain = drawn.limited(vocabulary.limits) if crf else None
    return Tagger(Fixed(len(labels), chain), vocabulary, outside, temperature)


TAGGERS = {
    "parts of speech": fixed(POS, None, None),
    "no chain": fixed(POS, None, None, crf=False),
    "iobes": fixed(IOBES, "iobes", "iobes"),
    "iobes in iob2": fixed(IOBES, "iobes", "iob2"),
    "iobes in iob1": fixed(IOBES, "iobes", "iob1", temperature=0.6),
    "iob2": fixed(IOB2, "iob2", "iob2"),
    "iob2 in iob1": fixed(IOB2, "iob2", "iob1", temperature=2.5),
    "iob2 in iobes": fixed(IOB2, "iob2", "iobes"),
}


def of(*words: str, **keys: Any) -> Sentence:
    return Sentence(words=list(words), text=" ".join(words), **keys)


def draw(rng: np.random.Generator, most: int = 4) -> Sentence:
    """Different words: of two equal ones the labels could be exchanged, and paths would tie."""
    return of(*(f"w{i}" for i in rng.permutation(100)[: rng.integers(1, most + 1)]))


def posterior(own: Tagger, sentence: Sentence) -> dict[tuple[int, ...], float]:
    """p of every path that breaks no limit, the most probable first."""
    e = own.model.emissions([sentence.words])[0].astype(np.float64)
    chain, found = own.model.chain, {}
    for path in itertools.product(range(e.shape[1]), repeat=len(e)):
        score = sum(e[t, k] for t, k in enumerate(path))
        if chain is not None:
            score += float(chain.start[path[0]]) + float(chain.end[path[-1]])
            score += sum(float(chain.transitions[a, b]) for a, b in itertools.pairwise(path))
        if score > FORBIDDEN / 2:
            found[path] = np.exp(score / own.temperature)
    z = sum(found.values())
    return {p: w / z for p, w in sorted(found.items(), key=lambda item: -item[1])}


def labels_of(own: Tagger, path: Sequence[int]) -> list[str]:
    return [own.vocabulary.labels[k] for k in path]


def outside(own: Tagger, path: Sequence[int]) -> list[str]:
    labels = labels_of(own, path)
    return schemes.convert(labels, own.vocabulary.scheme, own.scheme) if own.vocabulary.scheme else labels  # type: ignore[arg-type]


# scores that are looked up


@dataclass
class Table:
    """A model whose emissions are looked up: a word is a row's number."""

    rows: np.ndarray  # (N, K)
    chain: CRF | None = None

    def emissions(
        self, sentences: Sequence[Sequence[str]], features: Sequence[Mapping[str, Sequence[str]]] = ()
    ) -> list[np.ndarray]:
        return [self.rows[[int(w) for w in words]].astype(np.float32) for words in sentences]


def lookup(
    rows: np.ndarray, labels: Sequence[str], inside: str | None, outside: str | None, crf: CRF | None = None
) -> Tagger:
    forms = frozenset(map(str, range(0, len(rows), 2)))  # every other word is known
    vocabulary = Vocabulary([], [], {}, list(labels), scheme=inside, forms=forms)
    return Tagger(Table(rows, crf.limited(vocabulary.limits) if crf else None), vocabulary, outside)


def split(tags: Sequence[str], lengths: Sequence[int]) -> list[Sentence]:
    """Sentences of words 0, 1, 2 ... with these tags."""
    found, at = [], 0
    for n in lengths:
        words = list(map(str, range(at, at + n)))
        found.append(Sentence(words=words, tags=list(tags[at : at + n]), source="f", line=len(found) + 1))
        at += n
    return found


def sure_of(gold: Sequence[str], labels: Sequence[str], by: float = 30.0) -> np.ndarray:
    return np.array([[by * (label == tag) for label in labels] for tag in gold])


def some_pos(tokens: int = 200) -> tuple[Tagger, list[Sentence]]:
    rng = np.random.default_rng(1)
    own = lookup(rng.normal(0, 2, (tokens, 3)), POS, None, None)
    return own, split(rng.choice(POS, tokens).tolist(), [4, 1, 0, 7, *[6] * (tokens // 6 - 2)])


class Lab(SimpleNamespace):
    """The helpers above, by name."""

    def __repr__(self) -> str:
        return "lab"


@pytest.fixture(scope="session")
def lab() -> Lab:
    """`lab.of("a", "b")`, `lab.taggers["iob2"]`, `lab.posterior(tagger, sentence)` ..."""
    helpers = (fixed, of, draw, posterior, labels_of, outside, lookup, split, sure_of, some_pos)
    return Lab(taggers=TAGGERS, **{helper.__name__: helper for helper in helpers})
