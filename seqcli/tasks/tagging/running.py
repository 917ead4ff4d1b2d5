"""Split running text in a filter: windows of a paragraph's units, and the sentences that their labels yield.

An empty line ends a paragraph; any other line end is white space, or optionally ends a paragraph too. A paragraph of
any length is answered in windows of CORE units, with CONTEXT units on either side that are read but not answered. The
windows depend on the paragraph alone, so the sentences are the same however the text arrives, and memory is bounded.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from operator import itemgetter
from typing import Any, NamedTuple

from seqcli.records import Answer, Excerpt, Place, Places, Sentence
from seqcli.restoration.sentences import SENTENCE, TOKEN, WORD, located
from seqcli.streams import BOM, Chunk

CORE = 256  # units of a window
CONTEXT = 64  # units read on either side of a window
LONGEST = 10_000  # units: a longer sentence is cut between two words
TOGETHER = 64  # windows answered at once when sentences are found for another model

_begin = itemgetter(0)
Line = tuple[int, int, int]  # where a line or a part of one begins: offset in the source in code points, line, column


class Window(NamedTuple):
    """The units of a record that are answered, and their places: the `raw` of a window."""

    first: int
    end: int
    last: bool  # whether the paragraph ends with `end`
    starts: Sequence[int]  # of all units, in code points of the source
    lines: Sequence[Line]  # the lines that contain them
    begins: bool = False  # whether the paragraph begins with `first`
    blank: bool = False  # whether an empty line precedes that paragraph, or it is the first of its source
    document: str | None = None  # the name of the source if that paragraph is its first


@dataclass
class _Paragraph:
    """The part of the current paragraph that is held in memory."""

    units: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    first: int = 0  # the first unit that the next window answers
    begins: bool = True  # whether no window of it has been yielded yet


class Reader:
    """A reader that turns chunks of running text into windows; `line_ends`: every line is a paragraph."""

    cuts = True  # a long line may come in parts

    def __init__(self, *, line_ends: bool = False):
        self._line_ends = line_ends
        self._source: str | None = None
        self._open = False  # whether a line has begun that has not ended

    def _begin(self, source: str) -> None:
        self._source, self._document = source, "" if source == "<stdin>" else source
        self._at = 0  # code points that have been read
        self._filled, self._blank = False, True  # whether the line has words; whether an empty line came before
        self._tail, self._inside = "", False  # a unit that may continue; whether units of its word were taken
        self._held = _Paragraph()

    def feed(self, chunk: Chunk) -> Iterator[Sentence]:
        """Yield the windows that this chunk completes."""
        again = chunk.line == 1 and chunk.column == 1 and not (chunk.text == "\n" and self._open)
        text = chunk.text
        if chunk.source != self._source or again:
            yield from self.close()
            self._begin(chunk.source)
            text = text.removeprefix(BOM)
        column = chunk.column
        for i, part in enumerate(text.split("\n")):
            if i:
                yield from self._ended()
                column = 1
            if part:
                self._held.lines.append((self._at, chunk.line + i, column))
                self._take(part)
                self._at += len(part)
                yield from self._windows(last=False)
            self._open = bool(part) or (self._open and not i)

    def close(self) -> Iterator[Sentence]:
        """Yield the windows that the end of the input completes."""
        if self._source is not None:
            self._take("", ended=True)
            yield from self._windows(last=True)

    def _ended(self) -> Iterator[Sentence]:
        """Yield the windows that the end of a line completes."""
        self._take("", ended=True)
        if self._line_ends or not self._filled:
            yield from self._windows(last=True)
        self._blank = self._blank or not self._filled
        self._filled, self._at = False, self._at + 1

    def _take(self, part: str, *, ended: bool = False) -> None:
        """Add the units of a part of a line; the last unit may continue in the next part, unless the line `ended`."""
        whole, at, held = self._tail + part, self._at - len(self._tail), self._held
        units, starts = located(whole, at, first=self._inside or not held.units)
        self._tail, self._inside = "", False
        self._filled = self._filled or bool(units)
        if units and not ended and not whole[-1].isspace():
            last = units.pop()
            starts.pop()
            self._tail, self._inside = last.removeprefix(" "), not last.startswith(" ")
        held.units += units
        held.starts += starts

    def _windows(self, *, last: bool) -> Iterator[Sentence]:
        """Yield the windows whose context has been read, or with `last` all that are left of the paragraph."""
        held, begin = self._held, 0
        while len(held.units) - held.first > CORE + CONTEXT:
            end = held.first + CORE
            yield self._window(begin, held.first, end, end + CONTEXT)
            begin, held.first = end - CONTEXT, end
        if last and held.units:
            yield self._window(begin, held.first, len(held.units), len(held.units), last=True)
        if last:
            self._held = _Paragraph()
        elif begin:
            del held.units[:begin], held.starts[:begin]
            held.first -= begin
            del held.lines[: bisect_right(held.lines, held.starts[0], key=_begin) - 1]

    def _window(self, begin: int, first: int, end: int, behind: int, *, last: bool = False) -> Sentence:
        held = self._held
        words, starts = held.units[begin:behind], held.starts[begin:behind]
        lines = tuple(held.lines)
        raw = Window(first - begin, end - begin, last, starts, lines)
        if held.begins:
            raw = raw._replace(begins=True, blank=self._blank, document=self._document)
            held.begins, self._blank, self._document = False, False, None
        places = Places(len(words), _places, (starts, lines))
        text = "".join(words)
        return Sentence(words, text=text, source=self._source or "", line=places[0][0], raw=raw, places=places)


def _places(starts: Sequence[int], lines: Sequence[Line]) -> list[Place]:
    """Return the line and column of each offset in code points of a source."""
    begins = [begin for begin, _, _ in lines]
    found = (lines[max(bisect_right(begins, start) - 1, 0)] for start in starts)
    return [(line, column + start - begin) for start, (begin, line, column) in zip(starts, found, strict=True)]


class Sentences:
    """A builder of sentences from windows, in the windows' order. Words come from the labels if the model has learnt
    them (`finer`), else from `cut`, which returns (start, end) of each word of a text."""

    def __init__(self, cut: Callable[[str], list[tuple[int, int]]], *, finer: bool):
        self._cut, self._finer = cut, finer
        self._units: list[str] = []
        self._labels: list[str] = []
        self._starts: list[int] = []
        self._lines: list[Line] = []
        self._begins: dict[str, Any] = {}  # whether the next sentence begins a paragraph, and which
        self._found = 0

    def of(self, window: Sentence, answer: Answer) -> Iterator[Sentence]:
        """Yield the sentences that a window completes."""
        own: Window = window.raw
        at, tags, sure = own.first, answer.tags, answer.probabilities
        if own.begins:
            self._begins = {"paragraph": True, "blank": own.blank, "document": own.document}
            self._lines = []
        known = self._lines[-1][0] if self._lines else -1
        self._lines += [line for line in own.lines if line[0] > known]
        ends = [i + 1 for i in range(own.first, own.end) if tags[i] == SENTENCE]
        if own.last and own.end not in ends[-1:]:
            ends.append(own.end)
        for end in ends:
            self._add(window, tags, at, end)
            joined = end < len(window.words) and not window.words[end].startswith(" ")
            p = sure[end - 1] if sure is not None and tags[end - 1] == SENTENCE else None
            yield from self._made(len(self._units), window.source, joined, p)
            at = end
        self._add(window, tags, at, own.end)
        while len(self._units) > LONGEST:
            spaces = (i for i in range(LONGEST, 0, -1) if self._units[i].startswith(" "))
            end = next(spaces, LONGEST)
            yield from self._made(end, window.source, not self._units[end].startswith(" "))

    def _add(self, window: Sentence, tags: Sequence[str], at: int, end: int) -> None:
        self._units += window.words[at:end]
        self._labels += tags[at:end]
        self._starts += window.raw.starts[at:end]

    def _made(self, end: int, source: str, joined: bool, probability: float | None = None) -> Iterator[Sentence]:
        """Yield the sentence made of the first `end` units held, unless they are only white space."""
        units, labels, starts = self._units[:end], self._labels[:end], self._starts[:end]
        del self._units[:end], self._labels[:end], self._starts[:end]
        first, last = int(units[0] == " "), len(units) - (units[-1] == " ")
        if first >= last:
            return
        units, labels, starts = units[first:last], labels[first:last], starts[first:last]
        units[0] = units[0].removeprefix(" ")
        text, self._found = "".join(units), self._found + 1
        offsets, tokens = divided(units, labels) if self._finer else (self._cut(text), [])
        stop, lines = starts[-1] + len(units[-1].removeprefix(" ")), self._lines
        raw = Excerpt(
            starts[0], stop, self._found, joined=joined, tokens=tokens, probability=probability, **self._begins
        )
        self._begins, self._lines = {}, lines[bisect_right(lines, stop, key=_begin) - 1 :]
        places = Places(len(offsets), _words_places, (units, starts, offsets, lines))
        words = [text[a:b] for a, b in offsets]
        line = _places(starts[:1], lines)[0][0]
        yield Sentence(words, text=text, source=source, line=line, raw=raw, offsets=offsets, places=places)


def _words_places(
    units: Sequence[str], starts: Sequence[int], offsets: Sequence[tuple[int, int]], lines: Sequence[Line]
) -> list[Place]:
    """Return the line and column of a sentence's words, whose offsets count code points of its units."""
    ends = list(accumulate(map(len, units)))
    return _places([starts[bisect_right(ends, begin)] for begin, _ in offsets], lines)


def divided(units: Sequence[str], labels: Sequence[str]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the words of a sentence (start, end), as its units' labels and white space divide them, and the ranges
    of words (first, end) that form one token together."""
    words: list[tuple[int, int]] = []
    tokens: list[tuple[int, int]] = []
    start = at = first = 0  # where the word and the unit begin; the first word of the token

    def ended(*, token: bool) -> None:
        nonlocal start, first
        if at > start:
            words.append((start, at))
        start = at
        if token:
            if len(words) - first > 1:
                tokens.append((first, len(words)))
            first = len(words)

    for unit, label in zip(units, labels, strict=True):
        if unit.startswith(" "):
            ended(token=True)
            start += 1
        at += len(unit)
        if label in (SENTENCE, TOKEN, WORD):
            ended(token=label != WORD)
    ended(token=True)
    return words, tokens


@dataclass
class Divided:
    """A reader of running text that yields the sentences a model finds in it, for a predictor of sentences."""

    splitter: Any  # a tagger that restores sentences
    windows: Reader
    sentences: Sentences

    cuts = True

    def feed(self, chunk: Chunk) -> Iterator[Sentence]:
        """Yield the sentences that this chunk completes."""
        return self._found(self.windows.feed(chunk))

    def close(self) -> Iterator[Sentence]:
        """Yield the sentences that the end of the input completes."""
        return self._found(self.windows.close())

    def _found(self, windows: Iterator[Sentence]) -> Iterator[Sentence]:
        while together := list(islice(windows, TOGETHER)):
            for window, answer in zip(together, self.splitter.answer(together), strict=True):
                yield from self.sentences.of(window, answer)
