"""Finite automata over the bytes of UTF-8: what a text must contain, must not contain, or must match as a whole.

An automaton is defined over code points and converted to bytes, because some tokens are parts of a character. It
accepts only whole characters: invalid UTF-8 leads to the dead state. So its result does not depend on how a text is
cut into tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from seqcli.errors import SeqcliError, UsageError

LAST = 0x10FFFF
_BLANK, _JOINS, _OTHER = range(3)  # kinds of characters; the start of a text counts as a space
Ranges = Sequence[tuple[int, int, int]]  # (first and last code point, the state after them), in order
# Letters and digits that join into words, of scripts that separate words by spaces; those of other scripts (Han,
# kana, Thai, hangul with its particles) never join.
JOINING = [
    *((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x36F)),
    *((0x370, 0x373), (0x376, 0x37D), (0x388, 0x58F), (0x591, 0x5BD), (0x5D0, 0x60B), (0x610, 0x61A)),
    *((0x620, 0x669), (0x66E, 0x6D3), (0x6D5, 0x963), (0x966, 0xDFF), (0x10A0, 0x10FF), (0x1E00, 0x1FFF)),
]
STATES = 2_000  # most states of an automaton: its tables have a row of the vocabulary's size for each


@dataclass(frozen=True)
class Automaton:
    """An automaton whose states are rows of `table` (n, 256), the next state for each byte; state 0 is dead."""

    table: np.ndarray
    start: int
    accepting: np.ndarray  # (n,) bool

    def after(self, state: int, data: bytes) -> int:
        """Return the state after some bytes."""
        for byte in data:
            state = int(self.table[state, byte])
        return state

    def accepts(self, text: str) -> bool:
        """Whether the automaton accepts a text."""
        return bool(self.accepting[self.after(self.start, text.encode())])

    def without_blank(self) -> Automaton:
        """Return the automaton for texts that may be preceded by a space that is not part of them."""
        opening = self.table[self.start].copy()
        opening[32] = self.start
        return Automaton(
            np.vstack([self.table, opening]), len(self.table), np.append(self.accepting, self.accepting[self.start])
        )


def occurrences(phrase: str, least: int, most: int | None, *, left: bool = True, right: bool = True) -> Automaton:
    """Return the automaton of texts that contain a non-empty phrase from `least` to `most` times (None: no upper
    limit), not overlapping.

    With `left` and `right` it is not found as a part of a longer word: the character before a phrase that begins with
    a joining character, and the one after a phrase that ends with one, must not join.
    """
    left, right = left and joins(ord(phrase[0])), right and joins(ord(phrase[-1]))
    full, classes = len(phrase), list(_classes(set(map(ord, phrase))))

    # A state: how often the phrase was found; the kind of the last character; the lengths of the beginnings of the
    # phrase that the text ends with, longest first. None: the text can no longer be accepted; True: it always is.
    def follow(state: Any, code: int, kind: int) -> Any:
        if state is None or state is True:
            return state
        count, before, begun = state
        if full in begun and not (right and kind == _JOINS):  # only now is the occurrence certain
            count, begun = count + 1, ()
            if count == least and most is None:
                return True
            if most is not None and count > most:
                return None
        possible = [n for n in begun if n < full] + ([] if left and before == _JOINS else [0])
        return count, kind, tuple(n + 1 for n in possible if ord(phrase[n]) == code)

    def ended(state: Any) -> bool:
        if state is None or state is True:
            return bool(state)
        count = state[0] + (full in state[2])
        return least <= count and (most is None or count <= most)

    def ranges(state: Any) -> Iterator[tuple[int, int, Any]]:
        for first, last, kind in classes:
            yield first, last, follow(state, first, kind)

    return _explored((0, _BLANK, ()), ranges, ended)


def matching(expression: str) -> Automaton:
    """Return the automaton of texts that a regular expression (of Python, as under re.ASCII) matches as a whole.

    Raises UsageError for an invalid expression, for one with backreferences, ^ or $, and if the extra that parses it
    is not installed.
    """
    try:
        import interegular
        from interegular.fsm import anything_else
    except ImportError:
        raise UsageError("--grammar needs interegular", hint="pip install 'seqcli[grammar]'") from None
    try:
        re.compile(expression, re.ASCII)
        machine = interegular.parse_pattern(expression).to_fsm().reduce()
    except Exception as error:  # the library raises errors without a class of their own
        anchored = expression[:1] == "^" or expression[-1:] == "$"
        hint = "the whole answer is matched: remove ^ and $" if anchored else ""
        said = f": {error}" if str(error) else ""
        raise UsageError(f"--grammar: {expression!r} cannot be read{said}", hint=hint) from None
    letters = sorted((ord(c), key) for c, key in machine.alphabet.items() if c is not anything_else)
    other: Any = machine.alphabet[anything_else]

    def ranges(state: Any) -> Iterator[tuple[int, int, Any]]:
        at, then = 0, dict[Any, Any](machine.map.get(state, {}))
        for code, key in letters:
            if at < code:
                yield at, code - 1, then.get(other)
            yield code, code, then.get(key)
            at = code + 1
        yield at, LAST, then.get(other)

    return _explored(machine.initial, ranges, lambda state: state in machine.finals)


def joins(code: int) -> bool:
    """Whether a character joins with its neighbours into a word."""
    return any(first <= code <= last for first, last in JOINING)


def _classes(alone: set[int]) -> Iterator[tuple[int, int, int]]:
    """Yield all code points as ranges (first, last, kind); those in `alone` are ranges of their own."""
    cuts = {0, LAST + 1}
    for first, last in [*JOINING, *((code, code) for code in {32, *alone})]:
        cuts |= {first, last + 1}
    for first, end in pairwise(sorted(cuts)):
        yield first, end - 1, _BLANK if first == 32 else _JOINS if joins(first) else _OTHER


def _explored(
    start: Any, ranges: Callable[[Any], Iterator[tuple[int, int, Any]]], accepts: Callable[[Any], bool]
) -> Automaton:
    """Return the automaton of all reachable states; None is the dead one."""
    number: dict[Any, int] = {None: 0, start: 1}
    rows: list[Ranges] = [[(0, LAST, 0)]]
    listed = [None, start]
    for state in listed:
        if state is None:
            continue
        row: list[tuple[int, int, int]] = []
        for first, last, then in ranges(state):
            if then not in number:
                number[then] = len(listed)
                listed.append(then)
            if row and row[-1][2] == number[then]:
                row[-1] = (row[-1][0], last, number[then])
            else:
                row.append((first, last, number[then]))
        rows.append(row)
        if len(listed) > STATES:
            raise _too_large()
    return _over_bytes(rows, [state is not None and accepts(state) for state in listed])


def _over_bytes(rows: Sequence[Ranges], accepting: Sequence[bool]) -> Automaton:
    """Return the automaton of the same texts in UTF-8; its first states are those of `rows`, 1 is the start."""
    table = [[0] * 256 for _ in rows]
    inner: dict[tuple[int, ...], int] = {}  # the next states for the 64 bytes within a character -> the state
    known: dict[Any, int] = {}  # a size and the ranges in it -> the state

    def within(ranges: Ranges, first: int, size: int) -> int:
        """Return the state before the bytes that select one of `size` code points from `first` on."""
        end = first + size
        here = tuple((max(a, first), min(b, end - 1), to) for a, b, to in ranges if a < end and first <= b)
        if size == 1 or not here:
            return here[0][2] if here else 0
        if (size, here) not in known:
            known[size, here] = divided(here, first, size)
        return known[size, here]

    def divided(here: Ranges, first: int, size: int) -> int:
        part = size // 64
        if len(here) == 1 and here[0][:2] == (first, first + size - 1):
            key = (within(here, first, part),) * 64
        else:
            key = tuple(within(here, first + part * i, part) for i in range(64))
        if not any(key):
            return 0
        if key not in inner:
            inner[key] = len(table)
            table.append([0] * 128 + list(key) + [0] * 64)
            if len(table) > STATES:
                raise _too_large()
        return inner[key]

    leads: dict[Ranges, list[int]] = {}  # the next states for bytes from 128 on, by the ranges there
    for state, ranges in enumerate(rows):
        valid = [(a, b, to) for a, b, to in _without_surrogates(ranges) if to]
        for first, last, to in valid:
            table[state][first : min(last, 127) + 1] = [to] * (min(last, 127) + 1 - first)
        if (high := _from(valid, 128)) not in leads:
            three, four = _from(high, 0x800), _from(high, 0x10000)
            leads[high] = [0] * 66 + [within(high, i << 6, 64) for i in range(2, 32)]
            leads[high] += [within(three, i << 12, 64**2) for i in range(16)]
            leads[high] += [within(four, i << 18, 64**3) for i in range(5)] + [0] * 11
        table[state][128:] = leads[high]
    ends = np.zeros(len(table), bool)
    ends[: len(accepting)] = accepting
    return Automaton(np.array(table, np.int32), 1, ends)


def _from(ranges: Ranges, least: int) -> Ranges:
    return tuple((max(a, least), b, to) for a, b, to in ranges if b >= least)


def _without_surrogates(ranges: Ranges) -> Ranges:
    low = tuple((a, min(b, 0xD7FF), to) for a, b, to in ranges if a <= 0xD7FF)
    return (*low, *_from(ranges, 0xE000))


def _too_large() -> SeqcliError:
    return UsageError(f"a constraint needs more than {STATES:,} states", hint="shorten it, or repeat less")
