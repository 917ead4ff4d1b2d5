"""Span schemes: how tags such as `B-NP I-NP O` mark spans of tokens.

Three schemes are known (Ramshaw and Marcus 1995; Tjong Kim Sang and Veenstra 1999; Ratinov and Roth 2009):

    tokens   Alex  met   New    York   Paris  yesterday     two spans of one label next to each other: New York, Paris
    iob1     I-P   O     I-L    I-L    B-L    O             B only if a span follows one with its own label
    iob2     B-P   O     B-L    I-L    B-L    O             B at every beginning
    iobes    S-P   O     B-L    E-L    S-L    O             E at the end, S alone

bilou (L, U), bmes (M) and bmewo (M, W) are iobes with other letters: every function here reads all letters alike,
under any of these names, and writes those of the named scheme. A tag may have no label (`B`, `I`: one kind of span).
A tag that is not `O` and has no prefix, such as `NOUN`, marks no span.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from seqcli.errors import UsageError, did_you_mean

SCHEMES = ("iob2", "iobes", "iob1")  # in order of preference if data fit two of them equally well

# how iobes and its variants write B, I, E and S, in order of preference if tags fit two of them equally well
LETTERS = {"iobes": "BIES", "bilou": "BILU", "bmes": "BMES", "bmewo": "BMEW"}

_PREFIXES = {"iob1": "IOB", "iob2": "IOB", **dict.fromkeys(LETTERS, "IOBES")}  # as `_FOLDED` reads them
_FOLDED = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S", "M": "I", "W": "S"}
_OUTSIDE = ("O", "")


class Span(NamedTuple):
    """A span: tokens `start` to `end` (exclusive), counted from 0."""

    start: int
    end: int
    label: str


def divide(tag: str) -> tuple[str, str]:
    """Split a tag into prefix and label: `B-NP` ("B", "NP"), `B` ("B", ""), `O` ("O", ""), `NOUN` ("", "NOUN").

    Prefixes are the letters B I E S L U M W. The label is everything after the first hyphen.
    """
    if tag == "O":
        return _OUTSIDE
    if tag[:1] in _FOLDED:
        if len(tag) == 1:
            return tag, ""
        if len(tag) > 2 and tag[1] == "-":
            return tag[0], tag[2:]
    return "", tag


def recognise(sequences: Iterable[Sequence[str | None]]) -> str | None:
    """Return the scheme of these tag sequences; None if they mark no spans. A tag that is None is unknown.

    It is the scheme in which the fewest tags are out of place, so that data with a few mistakes keep their scheme:
    `violations` counts them, and `convert` from a scheme to itself corrects them. Data with a span are valid in at
    most one scheme: iob1 forbids the B that iob2 requires, iobes a span that ends in B or I. The result is None if no
    tag has a prefix, or most of those that are not `O` have none (part-of-speech tags with an `I` or `S` among them).
    Among iobes and its variants it is the one whose letters most tags have.
    """
    pairs = _pairs(sequences)
    prefixes: Counter[str] = Counter()
    for (_, tag), count in pairs.items():
        prefixes[divide(tag or "O")[0]] += count
    if sum(prefixes[letter] for letter in _FOLDED) <= prefixes[""]:
        return None
    scheme = min(SCHEMES, key=lambda scheme: _count(pairs, scheme))
    if scheme not in LETTERS:
        return scheme
    return max(LETTERS, key=lambda name: sum(prefixes[letter] for letter in LETTERS[name]))


def violations(sequences: Iterable[Sequence[str | None]], scheme: str) -> int:
    """Return in how many places a tag may not follow the one before it, or may not begin or end a sequence; places
    next to a tag that is None do not count."""
    return _count(_pairs(sequences), _known(scheme))


def convert(tags: Sequence[str], scheme_from: str, scheme_to: str) -> list[str]:
    """Return tags for the same spans in another scheme; tags that mark no span stay as they are.

    Spans are read by the rules of `spans`, so the result is valid in `scheme_to` even if `tags` were not in
    `scheme_from`, and has the letters of `scheme_to`.
    """
    _known(scheme_from)
    _known(scheme_to)
    written, end, last = list(tags), 0, None
    for span in spans(tags):
        if scheme_to == "iob1":
            touches = span.start == end and span.label == last
            prefixes = ("B" if touches else "I") + "I" * (span.end - span.start - 1)
        elif scheme_to == "iob2":
            prefixes = "B" + "I" * (span.end - span.start - 1)
        else:
            first, inside, final, alone = LETTERS[scheme_to]
            inner = span.end - span.start - 2
            prefixes = alone if inner < 0 else first + inside * inner + final
        suffix = f"-{span.label}" if span.label else ""
        written[span.start : span.end] = [prefix + suffix for prefix in prefixes]
        end, last = span.end, span.label
    return written


def in_letters(tag: str, scheme: str | None) -> str:
    """Return a tag in the letters of iobes or a variant: `E-X` is `L-X` in bilou; other schemes do not change it."""
    prefix, _ = divide(tag)
    if scheme not in LETTERS or prefix not in _FOLDED:
        return tag
    return LETTERS[scheme]["BIES".index(_FOLDED[prefix])] + tag[1:]


def spans(tags: Sequence[str]) -> list[Span]:
    """Return the spans in order, read leniently in any scheme, by the rules of conlleval (CoNLL-2000).

    A tag begins a span if its prefix is B or S, or if it follows a tag outside, an E or S, or another label; a span
    continues until the next one begins or a tag is outside. So `I-X` after `O` begins a span, and `B-X I-Y` are two.
    """
    found, start, last, label = [], 0, "O", ""
    for i, tag in enumerate(tags):
        prefix, kind = _read(tag)
        if last != "O" and (prefix in "OBS" or last in "ES" or kind != label):
            found.append(Span(start, i, label))
            last = "O"
        if prefix != "O" and last == "O":
            start = i
        last, label = prefix, kind
    if last != "O":
        found.append(Span(start, len(tags), label))
    return found


def tags_of(spans: Iterable[Span], length: int, scheme: str) -> list[str]:
    """Return the tags of `length` tokens with these spans, in a scheme."""
    tags = ["O"] * length
    for start, end, label in spans:
        tags[start:end] = [f"{p}-{label}" if label else p for p in "B" + "I" * (end - start - 1)]
    return convert(tags, "iob2", scheme)


def strict_spans(tags: Sequence[str], scheme: str) -> list[Span]:
    """Return only the spans that are valid in the scheme.

    iob2: B-X I-X*. iobes and its variants: S-X, or B-X I-X* E-X. iob1: I-X+ not after a tag inside with the label X,
    or B-X I-X* right after one.
    """
    _known(scheme)
    read = [_read(tag) for tag in tags]
    found, before, i = [], _OUTSIDE, 0
    while i < len(read):
        prefix, label = read[i]
        j = i + 1
        if prefix != "O":
            while j < len(read) and prefix != "S" and read[j] == ("I", label):
                j += 1
            if scheme in LETTERS and prefix == "B":  # complete only with its E
                whole = j < len(read) and read[j] == ("E", label)
                j += whole
            elif scheme == "iob1":
                inside = before[0] in ("B", "I") and before[1] == label
                whole = prefix == ("B" if inside else "I")
            else:
                whole = prefix == ("B" if scheme == "iob2" else "S")
            if whole:
                found.append(Span(i, j, label))
        before, i = read[j - 1], j
    return found


def limits(labels: Sequence[str], scheme: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the scheme allows: start (K,), transitions (K, K) [from, to], end (K,), bool, True = allowed.

    `labels` are the K tags. A tag whose prefix the scheme does not have is allowed nowhere; one without a prefix
    counts as outside. With missing tags (a B-X without its E-X) a span may be able to begin but not to end.
    """
    _known(scheme)
    read = [_read(tag) for tag in labels]
    k = len(read)
    start = np.fromiter((_follows(_OUTSIDE, b, scheme) for b in read), bool, k)
    end = np.fromiter((_follows(a, _OUTSIDE, scheme) for a in read), bool, k)
    transitions = np.array([[_follows(a, b, scheme) for b in read] for a in read], bool).reshape(k, k)
    return start, transitions, end


def continues(labels: Sequence[str], scheme: str) -> np.ndarray:
    """Return (K, K) bool: [a, b] is True if tag b after tag a continues the same span.

    In every scheme that is I or E after B or I with the same label, if the scheme allows it.
    """
    _, transitions, _ = limits(labels, scheme)
    read = [_read(tag) for tag in labels]
    goes_on = [[a[0] in "BI" and b[0] in "IE" and a[1] == b[1] for b in read] for a in read]
    return transitions & np.array(goes_on, bool).reshape(transitions.shape)


@lru_cache(1 << 14)
def _read(tag: str) -> tuple[str, str]:
    """Return prefix (one of O B I E S) and label of a tag."""
    prefix, label = divide(tag)
    return (_FOLDED[prefix], label) if prefix in _FOLDED else _OUTSIDE


def _follows(a: tuple[str, str], b: tuple[str, str], scheme: str) -> bool:
    """Whether b may follow a; the start and the end of a sequence count as tags outside."""
    allowed = _PREFIXES[scheme]
    if a[0] not in allowed or b[0] not in allowed:
        return False
    inside = a[0] in "BI" and a[1] == b[1]  # a span with b's label may continue after a
    if scheme == "iob1":
        return b[0] != "B" or inside
    if scheme == "iob2":
        return b[0] != "I" or inside
    return inside and b[0] in "IE" if a[0] in "BI" else b[0] in "OBS"


def _pairs(sequences: Iterable[Sequence[str | None]]) -> Counter[tuple[str | None, str | None]]:
    """Count how often each tag follows each other; an additional O begins and ends every sequence."""
    pairs: Counter[tuple[str | None, str | None]] = Counter()
    for tags in sequences:
        pairs.update(pairwise(("O", *tags, "O")))
    return pairs


def _count(pairs: Counter[tuple[str | None, str | None]], scheme: str) -> int:
    wrong = 0
    for (a, b), n in pairs.items():
        if a is not None and b is not None:
            wrong += n * (not _follows(_read(a), _read(b), scheme))
        elif b is not None:  # the tag before it is unknown
            wrong += n * (_read(b)[0] not in _PREFIXES[scheme])
    return wrong


def _known(scheme: str) -> str:
    """Return the scheme's name if it is known. Raises UsageError with a suggestion."""
    if scheme not in _PREFIXES:
        raise UsageError(f"unknown span scheme {scheme!r}", hint=did_you_mean(scheme, _PREFIXES))
    return scheme
