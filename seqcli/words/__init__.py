"""Raw text into words, by a versioned rule that a model keeps, so that it reads text as its training data was split.

A text is split at white space (`str.isspace`) into chunks, and the rule cuts each chunk into tokens. Every other
character is in exactly one token, in order: zero-width joiners and combining marks belong to the character before
them; control characters and the other invisible ones (zero-width space, byte order mark, direction marks) are tokens
of their own, and so is a mark with nothing before it. Chunks are cut independently of one another, with one
exception: the period at the very end of a text ends its sentence, even after an abbreviation (`etc .`).

Rule 1 is made for English; in other scripts it finds words between spaces and punctuation, and makes each Han or kana
character a token. Thai, Lao, Khmer and Burmese stay whole between spaces.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any, Literal

from seqcli.errors import SeqcliError
from seqcli.words import _rule1

VERSION = 1  # the newest rule

Offsets = tuple[int, int]
_CHUNK = re.compile(r"\S+")
_LONGEST_KEPT, _MOST_KEPT = 32, 1 << 16  # limits of the cache of tokens: code points a chunk, chunks a rule
_LISTED = 1000


@dataclass(frozen=True)
class Rule:
    """A rule that cuts raw text into words; equal rules give equal words, for ever.

    With `unit: character` each character with its combining marks is a token (a flag or an emoji sequence is one),
    and `clitics` and `hyphens` are ignored. `clitics` follows the Penn and Universal Dependencies convention for
    English.
    """

    version: int = VERSION
    unit: Literal["word", "character"] = "word"
    clitics: bool = True  # do n't, it 's, can not
    hyphens: bool = False  # well - known, but co-worker, 713-853-1696

    def split(self, text: str, known: Mapping[str, Sequence[str]] | None = None) -> list[Offsets]:
        """Return (start, end) of each token in code points, end exclusive.

        `known` gives the tokens of whole chunks that are cut differently (`Fitted.differing`); an entry whose tokens
        do not add up to its chunk is ignored, and so is one for a chunk whose period ends the text.
        """
        kept = _KEPT.setdefault(self, {})
        found: list[Offsets] = []
        final = len(text.rstrip())
        for m in _CHUNK.finditer(text):
            chunk, (start, stop) = m.group(), m.span()
            if stop == final and chunk[-1] == ".":
                ends = self._ends(chunk, last=True)
            elif known and chunk in known and (ends := _lengths(chunk, known[chunk])):
                pass
            elif (ends := kept.get(chunk)) is None:
                ends = self._ends(chunk)
                if len(chunk) <= _LONGEST_KEPT and len(kept) < _MOST_KEPT:
                    kept[chunk] = ends
            at = start
            for end in ends:
                found.append((at, start + end))
                at = start + end
        return found

    def _ends(self, chunk: str, *, last: bool = False) -> list[int]:
        if self.unit == "character":
            return _rule1.characters(chunk)
        return _rule1.words(chunk, self.clitics, self.hyphens, last)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as an artifact's header keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Rule:
        """Restore a rule from `to_dict`. Raises SeqcliError for one that this version does not know."""
        version = stored.get("version")
        if isinstance(version, int) and not isinstance(version, bool) and version > VERSION:
            raise SeqcliError(
                f"the model splits text into words by rule {version}, this seqcli knows rules up to {VERSION}",
                hint="a newer seqcli made the model: pip install --upgrade seqcli",
            )
        kinds = {"version": int, "unit": str, "clitics": bool, "hyphens": bool}
        wrong = [name for name, value in stored.items() if name not in kinds or type(value) is not kinds[name]]
        if wrong or set(kinds) - set(stored) or version != 1 or stored["unit"] not in ("word", "character"):
            what = f"not a rule for splitting text into words: {dict(stored)!r}"
            raise SeqcliError(what, hint="the file is damaged")
        return cls(**stored)


_KEPT: dict[Rule, dict[str, list[int]]] = {}


def _lengths(chunk: str, tokens: Sequence[str]) -> list[int]:
    """Return the ends of tokens that add up to a chunk; none if they do not."""
    return list(accumulate(map(len, tokens))) if all(tokens) and "".join(tokens) == chunk else []


@dataclass(frozen=True)
class Fitted:
    """The rule that agrees best with some data's own tokens.

    `agreement` is the F1 of token spans, 0 to 1 (1 for no data). `differing` maps chunks that the data mostly cuts
    differently from the rule to the data's tokens, the most frequent chunks first, at most 1000.
    """

    rule: Rule
    agreement: float
    differing: dict[str, list[str]]


def fit(sentences: Iterable[tuple[str, Sequence[Offsets]]]) -> Fitted:
    """Find the settings of the newest rule that agree best with (raw text, offsets of its tokens); defaults win ties.

    Memory grows with the number of distinct chunks. Offsets are code points, end exclusive, in order.
    """
    seen: Counter[tuple[str, bool, tuple[Offsets, ...]]] = Counter()  # chunk, ends its text, its tokens
    crossing = 0  # tokens with white space inside, which no rule finds
    for text, offsets in sentences:
        at, final = 0, len(text.rstrip())
        for m in _CHUNK.finditer(text):
            start, stop = m.span()
            inside = []
            while at < len(offsets) and offsets[at][0] < stop:
                first, end = offsets[at]
                if first >= start and end <= stop:
                    inside.append((first - start, end - start))
                else:
                    crossing += 1
                at += 1
            seen[m.group(), stop == final and text[stop - 1] == ".", tuple(inside)] += 1
    candidates = [Rule(clitics=c, hyphens=h) for c in (True, False) for h in (False, True)] + [Rule(unit="character")]
    scores = [_agreement(rule, seen, crossing) for rule in candidates]
    best = max(range(len(candidates)), key=lambda i: (scores[i], -i))
    return Fitted(candidates[best], scores[best], _differing(candidates[best], seen))


def _agreement(rule: Rule, seen: Counter[tuple[str, bool, tuple[Offsets, ...]]], crossing: int) -> float:
    right = ours = 0
    theirs = crossing
    for (chunk, last, tokens), count in seen.items():
        ends = rule._ends(chunk, last=last)
        ours += count * len(ends)
        theirs += count * len(tokens)
        right += count * len(set(tokens).intersection(zip([0, *ends], ends, strict=False)))
    return 2 * right / (ours + theirs) if ours + theirs else 1.0


def _differing(rule: Rule, seen: Counter[tuple[str, bool, tuple[Offsets, ...]]]) -> dict[str, list[str]]:
    divisions: dict[str, Counter[tuple[Offsets, ...]]] = {}
    for (chunk, last, tokens), count in seen.items():
        if not last:
            divisions.setdefault(chunk, Counter())[tokens] += count
    listed = []
    for chunk, found in divisions.items():
        tokens, count = found.most_common(1)[0]
        forms = [chunk[a:b] for a, b in tokens]
        ends = _lengths(chunk, forms)
        if 2 * count > found.total() and ends and ends != rule._ends(chunk):
            listed.append((-count, chunk, forms))
    return {chunk: forms for _, chunk, forms in sorted(listed)[:_LISTED]}


def align(text: str, words: Sequence[str]) -> list[Offsets] | None:
    """Return the offsets of given words in a raw text, in code points; None unless only white space is left.

    White space inside a word matches any white space, as in the number `10 000` of a treebank.
    """
    found: list[Offsets] = []
    at = 0
    for word in words:
        parts = word.split()
        if not parts:
            return None
        start = -1
        for part in parts:
            while at < len(text) and text[at].isspace():
                at += 1
            start = at if start < 0 else start
            if not text.startswith(part, at):
                return None
            at += len(part)
        found.append((start, at))
    return None if text[at:].strip() else found
