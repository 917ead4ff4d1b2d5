"""Grow models by rows for new words, characters, labels and symbols; all existing numbers are kept.

A new row is initialised from old ones. A new word, character or value begins as the unknown one, which was read in
its place before; without an unknown one, and for predicted items, it begins as the mean of all rows (Hewitt 2021,
"Initializing new word embeddings for pretrained language models"), a part of a span as the mean of the same part of
every kind. The score of a new item is then the mean of old scores, and never above the best of them: before any
training the most probable answer stays the same, in a chain as well, and a softmax over V symbols gives a new one at
most 1/V.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqcli import registry, schemes
from seqcli.characters import UNSEEN
from seqcli.datasets.vocabulary import MARKS, UNKNOWN, Vocabulary
from seqcli.models import Sizes

INSIDE = "BIESMLU"  # the letters for parts of a span


@dataclass(frozen=True)
class Rows:
    """The places of a table's rows (N, ·) in the grown table, and the initial values of its new rows."""

    places: np.ndarray  # (N,)
    like: Mapping[int, np.ndarray]  # new rows to the old rows whose mean they begin as
    kind_of: Mapping[int, str] = field(default_factory=dict)  # by row, the kind of a new part of a span
    kinds: Mapping[int, Sequence[str]] = field(default_factory=dict)  # by row, the kinds of the rows in `like`

    @classmethod
    def behind(cls, before: int, now: int, like: Sequence[int] | np.ndarray | None = None) -> Rows:
        """Return rows with new ones after the old ones, each the mean of the old rows `like`; None: of all."""
        own = np.arange(before) if like is None else np.asarray(like)
        return cls(np.arange(before), dict.fromkeys(range(before, now), own))

    @property
    def size(self) -> int:
        """The number of rows of the grown table."""
        return len(self.places) + len(self.like)

    def grown(self, array: np.ndarray, axis: int = 0) -> np.ndarray:
        """Return an array with the rows of an axis in their new places, and the new rows."""
        old = np.moveaxis(array, axis, 0)
        found = np.zeros((self.size, *old.shape[1:]), array.dtype)
        found[self.places] = old
        means: dict[int, np.ndarray] = {}  # many rows have the same `like`
        for row, like in self.like.items():
            if id(like) not in means:
                means[id(like)] = old[like].mean(axis=0, dtype=np.float64)
            found[row] = means[id(like)]
        return np.moveaxis(found, 0, axis)

    def pairs(self, array: np.ndarray) -> np.ndarray:
        """Return a square array (N, N) grown on both axes; an entry for two parts of one new kind of span is the mean
        of the entries for the same parts of each old kind."""
        found = self.grown(self.grown(array), 1)
        for a, own in self.kind_of.items():
            for b, other in self.kind_of.items():
                if own != other:
                    continue
                known = dict(zip(self.kinds[b], self.like[b].tolist(), strict=True))
                same = [
                    (i, known[k]) for k, i in zip(self.kinds[a], self.like[a].tolist(), strict=True) if k in known
                ]
                if same:
                    found[a, b] = np.mean([array[i, j] for i, j in same])
        return found


@dataclass(frozen=True)
class Growth:
    """The growth of a model: the rows of its tables by what they represent, and the added names."""

    before: Any  # what the model was created from: a vocabulary, sizes, a number of symbols
    parts: Mapping[str, Rows]
    added: Mapping[str, Sequence[str]]  # the names with new rows: words, characters, labels, symbols

    def arrays(self, old: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return a model's grown arrays by dotted name."""
        return {name: self._grown(name, array) for name, array in old.items()}

    def _grown(self, name: str, array: np.ndarray) -> np.ndarray:
        part = part_of(name)
        if part not in self.parts:
            return array
        own = self.parts[part]
        return np.ascontiguousarray(
            own.pairs(array) if array.ndim > 1 and part.startswith("chain") else own.grown(array)
        )

    def told(self) -> str:
        """Return the additions as text: 5,321 words, 3 labels (X, Y, Z)."""
        return told(self.added)


NAMES = {"characters.embedding": "characters", "embedding": "words", "source_embedding": "source"}
NAMES |= {"target_embedding": "target", "output_weight": "output", "output_bias": "output"}


def part_of(name: str) -> str:
    """Return what the rows of a model's array represent, by its dotted name; the name if it does not grow."""
    first, _, rest = name.partition(".")
    if first == "features":
        return f"feature {rest}"
    if first == "crf":
        return "chain 0"
    if first == "further_crfs":
        return f"chain {int(rest.partition('.')[0]) + 1}"
    return NAMES.get(name, name)


def told(added: Mapping[str, Sequence[str]], shown: int = 8) -> str:
    """Return the additions as text, with the names of labels and symbols if they are few; `""` if there are none."""
    said = []
    for what, names in added.items():
        listed = f" ({', '.join(names)})" if len(names) <= shown and what != "words" else ""
        if names:
            said.append(counted(len(names), what) + listed)
    return ", ".join(said)


def counted(number: int, what: str) -> str:
    """Return a number with its noun: `5 words`, `1 word`."""
    return f"{number:,} " + (what if number > 1 else re.sub(r"(word|character|value|label|symbol)s\b", r"\1", what))


def lacking(before: Vocabulary, now: Vocabulary) -> dict[str, list[str]]:
    """Return what a vocabulary has that the one before did not have."""
    found = {"words": _new(before.words, now.words), "characters": _new(before.characters, now.characters)}
    found |= {f"values of {name}": _new(before.features[name], own) for name, own in now.features.items()}
    if not now.further:
        return found | {"labels": _new(before.labels, now.labels)}
    each = {name: (before.only(name).labels, now.only(name).labels) for name in now.slices}
    return found | {f"labels of {name}": _new(*own) for name, own in each.items()}


def of_vocabulary(before: Vocabulary, now: Vocabulary) -> Growth:
    """Return the growth of a tagger or a classifier: `now` has new items after those of `before`."""
    parts = {
        "words": Rows.behind(len(before.words) + 1, len(now.words) + 1, [UNKNOWN]),
        "characters": Rows.behind(len(before.characters) + MARKS, len(now.characters) + MARKS, [UNSEEN]),
    }
    for i, (name, values) in enumerate(now.features.items()):
        parts[f"feature {i}"] = Rows.behind(len(before.features[name]) + 1, len(values) + 1, [UNKNOWN])
    places, like = [], {}
    for i, (name, own) in enumerate(now.slices.items()):
        labels, first = before.only(name), before.slices[name].start
        rows = of_labels(labels.labels, now.only(name).labels, labels.scheme)
        parts[f"chain {i}"] = rows
        places.append(rows.places + own.start)
        moved = {id(old): old + first for old in rows.like.values()}
        like |= {row + own.start: moved[id(old)] for row, old in rows.like.items()}
    parts["output"] = Rows(np.concatenate(places), like)
    return Growth(before, parts, lacking(before, now))


def of_symbols(before: Any, now: Any, *, tied: bool) -> Growth:
    """Return the growth of a language model with its tokenizer, whose new symbols come after the old ones."""
    own = np.array([i for i in range(before.size) if i != before.unk_id])
    output = Rows.behind(before.size, now.size, own)
    read = output if tied or before.unk_id is None else Rows.behind(before.size, now.size, [before.unk_id])
    new = [now.symbol(i) for i in range(before.size, now.size)]
    return Growth(before.size, {"words": read, "output": output}, {"symbols": new})


def of_sides(before: Any, now: Any, config: Any) -> Growth:
    """Return the growth of a model of pairs with the tokenizers of a codec; `config` is the model's."""
    kind = registry.load("models", config.kind)
    target = _with_ends(before.target.size, now.target.size, before.target.unk_id)
    allowed = np.setdiff1d(np.arange(before.target.size + 2), before.banned)
    output = Rows(target.places, dict.fromkeys(target.like, allowed))
    new = {"target symbols": [now.target.symbol(i) for i in range(before.target.size, now.target.size)]}
    parts, sizes = {"target": target, "output": output}, before.sizes
    if before.frames is None:
        parts["source"], new["source symbols"] = _of_sources(before, now)
    if sizes.shared:
        new = {"symbols": new["target symbols"]}
    if getattr(kind, "EDITS", False):
        parts["target"] = parts["output"] = _of_edits(sizes, now.sizes, allowed)
    elif hasattr(kind.Model, "blank"):  # a symbol after the others, without symbols for the ends of a text
        last, size = before.target.size, now.target.size
        own = np.setdiff1d(np.arange(last), before.banned)
        parts["output"] = Rows(np.append(np.arange(last), size), dict.fromkeys(range(last, size), own))
    if (tied := {"output": "target", "all": "source"}.get(getattr(config, "tied", ""))) is not None:
        parts[tied] = parts["output"]  # a table that serves inputs and predictions
    return Growth(sizes, parts, new)


def _of_sources(before: Any, now: Any) -> tuple[Rows, list[str]]:
    """Return the rows of a source's symbols: of one text, or of several columns, each of which may have new ones."""
    if not before.columns:
        own, size = before.source, now.source.size
        rows = _with_ends(own.size, size, own.unk_id)
        return rows, [now.source.symbol(i) for i in range(own.size, size)]
    places, like, new, at = [], {}, [], 0
    for old, part in zip(before.reads.parts, now.reads.parts, strict=True):
        rows = Rows.behind(old.size, part.size, None if old.unk_id is None else [old.unk_id])
        first = sum(map(len, places))
        places.append(rows.places + at)
        moved = {id(others): others + first for others in rows.like.values()}
        like |= {row + at: moved[id(others)] for row, others in rows.like.items()}
        new += [part.symbol(i) for i in range(old.size, part.size)]
        at += part.size
    return Rows(np.append(np.concatenate(places), [at, at + 1]), like), new


def _with_ends(before: int, now: int, unknown: int | None) -> Rows:
    """Return the rows of a side: its symbols, then those that begin and end a text."""
    like = np.arange(before) if unknown is None else np.array([unknown])
    return Rows(np.append(np.arange(before), [now, now + 1]), dict.fromkeys(range(before, now), like))


def _of_edits(before: Sizes, now: Sizes, allowed: np.ndarray) -> Rows:
    """Return the rows of edits (see `models/_edits.py`): insert each symbol, substitute it, delete, copy."""
    V, W = before.target, now.target
    own = np.append(np.arange(V - 2), [W - 2, W - 1])
    inserted = dict.fromkeys(range(V - 2, W - 2), allowed[allowed < V - 2])
    like = inserted | {W + row: V + old for row, old in inserted.items()}
    return Rows(np.concatenate([own, W + own, [2 * W, 2 * W + 1]]), like)


def of_labels(before: Sequence[str], now: Sequence[str], scheme: str | None) -> Rows:
    """Return the rows of labels; a new part of a span begins as the mean of the same part of every kind."""
    rows = Rows.behind(len(before), len(now))
    if not scheme:
        return rows
    divided = [schemes.divide(label) for label in before]
    like, kinds, kind_of = {}, {}, {}
    for row in rows.like:
        prefix, name = schemes.divide(now[row])
        same = [i for i, (p, _) in enumerate(divided) if p == prefix]
        like[row] = np.array(same or range(len(before)))
        if same and prefix in INSIDE:
            kinds[row], kind_of[row] = [divided[i][1] for i in same], name
    return Rows(rows.places, like, kind_of, kinds)


def _new(before: Sequence[str], now: Sequence[str]) -> list[str]:
    known = set(before)
    return [name for name in now if name not in known]
