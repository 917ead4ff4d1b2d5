"""Demands on answers, what they must or must not hold, or be: phrases, a glossary, copies of the source, a grammar.

A phrase occurs where a text has its characters, and not as part of a longer word: it is looked for in the text,
however that is tokenized (`decoding.automata.occurrences`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqcli.decoding.automata import Automaton, joins, matching, occurrences
from seqcli.decoding.guide import NEVER, Lexicon, Rule
from seqcli.errors import SeqcliError, UsageError
from seqcli.records import Pair
from seqcli.streams import read_text
from seqcli.tasks.sequence_to_sequence.codec import Codec
from seqcli.tokenizers import UnknownCharacter

KEPT = 256  # rules kept in memory: a few hundred kilobytes each


@dataclass(frozen=True)
class Glossary:
    """A glossary: the phrases of answers that phrases of a source require."""

    entries: dict[str, str]
    _begin: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for source in sorted(self.entries, key=len, reverse=True):  # the longest first
            self._begin.setdefault(source[:2], []).append(source)

    @classmethod
    def read(cls, path: str) -> Glossary:
        """Read a file of lines `source TAB target`, skipping blank ones. Raises SeqcliError with the line."""
        entries: dict[str, str] = {}
        lines: dict[str, int] = {}
        text = "".join(chunk.text for chunk in read_text([Path(path)])).removeprefix("\ufeff")
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            cells = [cell.strip() for cell in line.split("\t")]
            place = f"{path}:{number}:1"
            if len(cells) != 2 or not all(cells):
                wrong = f"{len(cells)} cells" if len(cells) != 2 else "an empty cell"
                raise SeqcliError(f"{place}: {wrong} in a line of a glossary", hint="write source TAB target")
            source, target = cells
            if entries.setdefault(source, target) != target:
                said = f"{place}: {source!r} is {target!r} here, but {entries[source]!r} in line {lines[source]}"
                raise SeqcliError(said, hint="an entry has one target: remove one of the lines")
            lines.setdefault(source, number)
        if not entries:
            raise SeqcliError(f"{path}: the glossary is empty", hint="write source TAB target, one entry a line")
        return cls(entries)

    def targets(self, text: str) -> list[str]:
        """Return what the answer to a text must hold; of overlapping entries the first, of these the longest."""
        found, at = dict[str, None](), 0
        while at < len(text):
            begun = (e for n in (2, 1) for e in self._begin.get(text[at : at + n], ()))
            entry = next((e for e in begun if _stands(e, text, at)), "")
            if entry:
                found[self.entries[entry]] = None
            at += len(entry) or 1
        return list(found)


def _stands(phrase: str, text: str, at: int) -> bool:
    """Whether a phrase stands at a place of a text, and not as part of a longer word."""
    end = at + len(phrase)
    return (
        text.startswith(phrase, at)
        and not (at and joins(ord(text[at - 1])) and joins(ord(phrase[0])))
        and not (end < len(text) and joins(ord(text[end])) and joins(ord(phrase[-1])))
    )


@dataclass(frozen=True)
class Demands:
    """The demands on all answers."""

    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    keep: str | None = None  # a regular expression: the answer must hold its matches in the source, as often
    glossary: Glossary | None = None
    grammar: str | None = None  # a regular expression that matches a whole answer

    def __post_init__(self) -> None:
        for flag, phrases in (("--must", self.must), ("--must-not", self.must_not)):
            if not all(phrase.strip() for phrase in phrases):
                raise UsageError(f"{flag}: the phrase is empty")
        if self.keep is not None:
            try:
                re.compile(self.keep)
            except re.error as error:
                raise UsageError(f"--keep: {self.keep!r} is not a regular expression: {error}") from None

    @classmethod
    def of(
        cls,
        must: str | Sequence[str] = (),
        must_not: str | Sequence[str] = (),
        keep: str | None = None,
        glossary: str | Glossary | None = None,
        grammar: str | None = None,
    ) -> Demands:
        """Create demands as given from Python: one phrase or several, the path of a glossary."""
        own, other = ((said,) if isinstance(said, str) else tuple(said) for said in (must, must_not))
        read = Glossary.read(glossary) if isinstance(glossary, str) else glossary
        return cls(own, other, keep, read, grammar)

    @property
    def flags(self) -> list[str]:
        """The options that were given, as the command line names them; those that need a beam come first."""
        said = {"--must": self.must, "--keep": self.keep, "--glossary": self.glossary}
        said |= {"--must-not": self.must_not, "--grammar": self.grammar}
        return [flag for flag, value in said.items() if value]

    @property
    def aims(self) -> bool:
        """Whether something must be in an answer, which only a beam of several hypotheses finds."""
        return bool(self.must or self.keep or self.glossary)


class Demand(NamedTuple):
    """One demand on one answer."""

    name: str  # for messages
    automaton: Automaton
    rule: Rule

    @property
    def possible(self) -> bool:
        """Whether some text of these tokens meets it."""
        return self.rule.needed < NEVER


def room(demanded: Sequence[Demand]) -> int:
    """Return how many more tokens an answer may have because of what it must hold."""
    return sum(demand.rule.most for demand in demanded if demand.rule.aimed and demand.possible)


class Rules:
    """A maker of rules over target tokens from demands; the latest rules are cached."""

    def __init__(self, codec: Codec):
        target = self._target = codec.target
        texts = [*target.written(), b"", b""]
        written = np.ones(len(texts), bool)
        written[[*codec.banned, codec.eos]] = False
        self._lexicon = Lexicon(texts, written)
        self._phrase = lru_cache(KEPT)(self._made_phrase)
        self._grammar = lru_cache(KEPT)(self._made_grammar)

    def of(self, pair: Pair, demands: Demands, extra: Sequence[str] = ()) -> list[Demand]:
        """Return the demands on the answer to a source; `extra` can be copied from it beyond the vocabulary."""
        text, holding = pair.text, dict.fromkeys(map(self.plain, (*demands.must, *pair.must)))
        found = [self._phrase(phrase, 1, None, True, True, "--must") for phrase in holding]
        without = dict.fromkeys(map(self.plain, (*demands.must_not, *pair.must_not)))
        found += [self._phrase(phrase, 0, 0, True, True, "--must-not") for phrase in without]
        if demands.glossary is not None:
            terms = [t for t in map(self.plain, demands.glossary.targets(text)) if t not in holding]
            found += [self._phrase(phrase, 1, None, True, True, "--glossary") for phrase in dict.fromkeys(terms)]
        if demands.keep is not None:
            found += self._kept(text, demands.keep)
        if demands.grammar is not None:
            found.append(self._grammar(demands.grammar))
        if extra and found:
            texts = [(" " * self._target.blank_first + e).encode(errors="replace") for e in extra]
            found = [d._replace(rule=self._lexicon.extended(d.rule, d.automaton, texts)) for d in found]
        return found

    def plain(self, phrase: str) -> str:
        """Return a phrase as the target side writes it, with its spacing and case."""
        phrase, target = " ".join(phrase.split("\n")).strip(), self._target
        try:
            ids = target.encode(phrase)
        except UnknownCharacter:
            return phrase
        if target.unk_id is None or target.unk_id not in ids:
            return target.decode(ids).strip() or phrase
        spans = target.offsets(phrase)
        return " ".join(phrase[a:b] for a, b in spans) if target.kind == "word" else phrase

    def _kept(self, text: str, expression: str) -> list[Demand]:
        """Return the demands to copy each match as often as it occurs; a match within a word may stay within one."""
        times: Counter[tuple[str, bool, bool]] = Counter()
        for match in re.finditer(expression, text):
            if kept := match[0].strip():
                at, end = match.start() + match[0].index(kept), match.start() + match[0].index(kept) + len(kept)
                sides = at and joins(ord(text[at - 1])), end < len(text) and joins(ord(text[end]))
                times[self.plain(kept), not sides[0], not sides[1]] += 1
        return [self._phrase(kept, n, n, left, right, "--keep") for (kept, left, right), n in times.items()]

    def _made_phrase(self, phrase: str, least: int, most: int | None, left: bool, right: bool, flag: str) -> Demand:
        automaton = occurrences(phrase, least, most, left=left, right=right)
        name = f"{phrase!r} {least} times ({flag})" if least > 1 else f"{phrase!r} ({flag})"
        return Demand(
            name, automaton, self._lexicon.rule(automaton, aimed=least > 0, paths=self._paths(phrase, left))
        )

    def _paths(self, phrase: str, left: bool) -> list[tuple[bytes, list[int]]]:
        """Return the tokens of a phrase by what precedes it: nothing, a letter, or a punctuation mark."""
        spaced = " " * (left and joins(ord(phrase[0]))) + phrase
        try:
            first, others = (self._target.encode(text).tolist() for text in (phrase, spaced))
        except UnknownCharacter:
            return []
        return [(b"", first), (b"a", others), (b".", others)]

    def _made_grammar(self, expression: str) -> Demand:
        automaton = matching(expression)
        if self._target.blank_first:
            automaton = automaton.without_blank()
        return Demand(f"{expression!r} (--grammar)", automaton, self._lexicon.rule(automaton, aimed=False))
