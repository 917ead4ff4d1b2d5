"""Tags that are known in part: none at a token (`_`), one of several (`NOUN|PROPN`), none of some (`!PER|ORG`).

Each tag allows a set of labels at its token, computed here for all uses: training learns from all paths that these
sets allow (Tsuboi et al. 2008), scores count the tokens whose tag is known.

Spans are read by the rules of conlleval, as everywhere (`schemes.spans`). If an open tag decides whether a span next
to it begins or ends, both are allowed. So whatever the open tags turn out to be, the resulting labels of all tags are
among the allowed ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from seqcli import console
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.records import NOT, NOTHING, Sentence, is_name, is_open, names_in, other_than
from seqcli.schemes import LETTERS, Span, divide, in_letters
from seqcli.tasks.tagging.labels import Labels

ANY = "*"  # instead of a prefix: any part of a span

Part = tuple[str, str]  # (B, I, E, S or ANY, kind of span); ("", tag) for a tag that marks no span
Edge = bool | None  # whether a boundary separates a token from its neighbour; None: not known


def part_of(tag: str) -> Part:
    """Return the part of a span that a tag stands for, in any letters."""
    prefix, kind = divide(in_letters(tag, "iobes"))
    return (prefix, kind) if prefix in {*"BIES"} else ("", tag)


def outside(
    splits: Mapping[str, Sequence[Sentence]], annotated: Sequence[str], scheme: str | None
) -> dict[str, list[Sentence]]:
    """Return splits in which only spans of the kinds `annotated` are marked, so that O may hide other kinds. Raises
    UsageError for a kind that they do not have."""
    known = {tag for own in splits.values() for s in own for tag in s.tags or () if not is_open(tag)}
    kinds = {kind for prefix, kind in map(part_of, known) if prefix}
    if scheme is None:
        raise UsageError("data.annotated: the tags mark no spans", hint="see data.scheme")
    if odd := [kind for kind in annotated if kind not in kinds]:
        said = f"data.annotated: the training split has no span of the kind {odd[0]!r}"
        raise UsageError(said, hint=did_you_mean(odd[0], kinds))
    if kinds <= {*annotated}:
        console.warn("data.annotated names every kind of span in the data: O cannot hide any other")
    tag = other_than(annotated)
    return {
        split: [replace(s, tags=[tag if t == "O" else t for t in s.tags or ()]) for s in own]
        for split, own in splits.items()
    }


class _Said(NamedTuple):
    """The meaning of a tag for its token."""

    known: bool
    parts: Sequence[Part] | None  # what it may be; None: anything
    nor: Sequence[str] = ()  # kinds of span, or tags, that it is not

    def may(self, kind: str, prefixes: str) -> bool:
        """Whether it may be a part, with one of these prefixes, of a span of a kind."""
        if self.parts is None:
            return kind not in self.nor
        wanted = {*prefixes, ANY}
        return any(own == kind and prefix in wanted for prefix, own in self.parts)


@dataclass(frozen=True)
class InPart:
    """The meaning of a sentence's tags, some of which are open."""

    labels: Labels
    told: np.ndarray  # (T,) bool: the tag is known
    allowed: np.ndarray  # (T, K) bool: allowed labels; no label if the model has none of those the tag names
    tags: list[str]  # as they are compared with predictions
    edges: list[tuple[Edge, Edge]]  # whether each known tag begins a span, and ends one
    parts: list[Part]  # of each known tag

    @cached_property
    def spans(self) -> list[Span]:
        """The spans whose tokens, beginning and end are all known."""
        found, start = [], None
        for t, (begins, ends) in enumerate(self.edges):
            inside = bool(self.told[t] and self.parts[t][0])
            start = None if not inside else t if begins else start if begins is False else None
            if start is not None and ends:
                found.append(Span(start, t + 1, self.parts[t][1]))
        return found

    def judged(self, span: Span) -> bool | None:
        """Whether a predicted span is right; None if that is not known."""
        if span in self.spans:
            return True
        names, finer = self.labels.names, self.labels.inside != "iob2"
        for t in range(span.start, span.end):
            first, last = t == span.start, t + 1 == span.end
            prefix = "S" if finer and first and last else "B" if first else "E" if finer and last else "I"
            name = f"{prefix}-{span.label}" if span.label else prefix
            if name not in names or not self.allowed[t, names.index(name)] or (last and self.edges[t][1] is False):
                return False
        return None

    @cached_property
    def certain(self) -> np.ndarray:
        """The part of each token as in `Labels.part_ids` (T,): -1 if there is none, -2 if several are possible."""
        found = np.full(len(self.told), -1)
        for t, row in enumerate(self.allowed):
            parts = set(self.labels.part_ids[row].tolist())
            found[t] = -2 if len(parts) > 1 else parts.pop() if parts else -1
        return found


class Meaning:
    """The meaning of partly known tags in terms of a model's labels."""

    def __init__(self, labels: Labels):
        self.labels = labels
        own = [part_of(name) if labels.inside else ("", name) for name in labels.names]
        self.kinds = {kind for prefix, kind in own if prefix}
        self.plain = {name for prefix, name in own if not prefix}
        self._parts = own
        self._said: dict[str, _Said] = {}
        self._rows: dict[tuple, np.ndarray] = {}

    def of(self, tags: Sequence[str]) -> InPart:
        """Return the meaning of a sentence's tags."""
        said = [self._read(tag) for tag in tags]
        around = [None, *said, None]
        edges = [[_edges(p, a, b) for p in s.parts or ()] for a, s, b in zip(around, said, around[2:], strict=False)]
        rows = [self._row(tag, s, own) for tag, s, own in zip(tags, said, edges, strict=True)]
        return InPart(
            self.labels,
            np.array([s.known for s in said], bool),
            np.stack(rows) if rows else np.zeros((0, len(self._parts)), bool),
            [self._spelt(tag, s, own) for tag, s, own in zip(tags, said, edges, strict=True)],
            [own[0] if s.known else (None, None) for s, own in zip(said, edges, strict=True)],
            [s.parts[0] if s.parts else ("", "") for s in said],
        )

    def check(self, sentences: Iterable[Sentence], whose: str) -> None:
        """Raise SeqcliError with its place for a tag that means none of the labels; `whose` begins the message's
        phrase about what has no such tag."""
        for s in sentences:
            tags = s.tags or []
            for t, tag in enumerate(tags):
                if odd := self._odd(tag):
                    known = sorted(self.kinds | self.plain)
                    hint = did_you_mean(odd, known) or f"known: {', '.join(known[:20])}"
                    raise SeqcliError(f"{s.place(t, tag=True)}: {whose} no tag {odd!r}{_within(tag, odd)}", hint=hint)
            if not (found := self.of(tags).allowed.any(1)).all():
                t = int(found.argmin())
                said = f"{s.place(t, tag=True)}: {tags[t]!r} excludes every label"
                raise SeqcliError(said, hint=f"the labels are {', '.join(self.labels.names[:20])}")

    def check_spans(self, sentences: Sequence[Sentence], split: str) -> None:
        """Raise SeqcliError if there are spans but none is known from its beginning to its end: then predictions
        could not be judged."""
        if not self.labels.inside or any(self.of(s.tags or ()).spans for s in sentences):
            return
        for s in sentences:
            for t, tag in enumerate(s.tags or ()):
                if not is_open(tag) and part_of(tag)[0]:
                    said = f"{s.place(t, tag=True)}: no span of {split} is known from its beginning to its end"
                    raise SeqcliError(said, hint="label the word after it too: O, or !PER if it is not a person")

    def _odd(self, tag: str) -> str | None:
        """Return the first name in a tag that is unknown, else None."""
        said = self._read(tag)
        known = self.kinds | self.plain
        odd = [name for name in said.nor if name not in known]
        for prefix, name in said.parts or ():
            if name not in (self.kinds if prefix else self.plain):
                odd.append(f"{prefix}-{name}" if prefix not in ("", ANY) else name)
        return odd[0] if odd else None

    def _read(self, tag: str) -> _Said:
        if tag not in self._said:
            self._said[tag] = self._meant(tag)
        return self._said[tag]

    def _meant(self, tag: str) -> _Said:
        read = part_of if self.labels.inside else lambda tag: ("", tag)
        if tag == NOTHING:
            return _Said(False, None)
        if not is_open(tag):
            return _Said(True, (read(tag),))
        names = names_in(tag)
        if tag.startswith(NOT):
            return _Said(False, None, names)
        kinds = [(ANY, name) for name in names if name in self.kinds]
        parts = [read(name) for name in names]  # B-cell may be both: a kind of span, and the beginning of a cell
        return _Said(False, [*kinds, *(p for p, name in zip(parts, names, strict=True) if self._fits(p, name))])

    def _fits(self, part: Part, name: str) -> bool:
        """Whether a name is not a kind of span, or is also a part of one."""
        return name not in self.kinds or bool(part[0] and part[1] in self.kinds)

    def _row(self, tag: str, said: _Said, edges: list[tuple[Edge, Edge]]) -> np.ndarray:
        """Return the labels (K,) that a tag allows, given the edges to its neighbours."""
        key = (tag, *edges)
        if key not in self._rows:
            if said.parts is None:
                row = [own[1] not in said.nor for own in self._parts]
            else:
                pairs = [*zip(said.parts, edges, strict=True)]
                row = [any(self._is(label, part, own) for part, own in pairs) for label in self._parts]
            self._rows[key] = np.array(row, bool)
        return self._rows[key]

    def _is(self, label: Part, part: Part, edges: tuple[Edge, Edge]) -> bool:
        """Whether a label agrees with a part and its edges."""
        if label[1] != part[1] or bool(label[0]) != bool(part[0]):
            return False
        if not part[0]:
            return True
        (begins, ends), (prefix, _) = edges, label
        finer = self.labels.inside != "iob2"
        return begins in (None, prefix in "BS") and (not finer or ends in (None, prefix in "ES"))

    def _spelt(self, tag: str, said: _Said, edges: list[tuple[Edge, Edge]]) -> str:
        """Return a known tag in the letters that are written: by where its span begins and ends, as far as the
        neighbouring tags show it, else by its own letter."""
        outside = self.labels.outside
        if outside not in LETTERS or not said.known or not (said.parts and said.parts[0][0]):
            return tag
        first, inside, last, alone = LETTERS[outside]
        begins, ends = edges[0]
        prefix = alone if begins and ends else first if begins else last if ends else inside
        return f"{prefix}-{said.parts[0][1]}" if said.parts[0][1] else prefix


def _edges(part: Part, before: _Said | None, after: _Said | None) -> tuple[Edge, Edge]:
    """Return whether a part begins a span and whether it ends one, given the meaning of the neighbouring tags (None
    at the ends of a sentence)."""
    prefix, kind = part
    if not prefix:
        return True, True
    begins: Edge = None if prefix == ANY else False
    ends: Edge = begins
    if prefix in {*"BS"} or before is None or not before.may(kind, "BI"):
        begins = True
    elif not before.known:
        begins = None
    if prefix in {*"ES"} or after is None or not after.may(kind, "IE"):
        ends = True
    elif not after.known:
        ends = None
    return begins, ends


def _within(tag: str, name: str) -> str:
    return "" if tag == name else f" (in {tag!r})"


def readable(sentences: Iterable[Sentence], split: str) -> None:
    """Raise SeqcliError with its place for an open tag that cannot be parsed, or if no tag at all is known."""
    fine, known, first = set[str](), False, None
    for s in sentences:
        first = first or s
        for t, tag in enumerate(s.tags or ()):
            known = known or not is_open(tag)
            if tag in fine:
                continue
            if is_open(tag) and not all(map(is_name, names_in(tag))):
                hint = "write NOUN|PROPN for one of several, !NOUN|PROPN for none of some, _ for an unknown tag"
                raise SeqcliError(f"{s.place(t, tag=True)}: {tag!r} is not a partly known tag", hint=hint)
            fine.add(tag)
    if first is not None and not known:
        said = f"{first.place(0, tag=True)}: no word of {split} has a known tag"
        raise SeqcliError(said, hint="label some of its words; _ , A|B and !A are known only in part")
