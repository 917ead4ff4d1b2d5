"""Sub-word ids at the speed of a dictionary.

If no piece crosses from a word into the space after it, a line's ids are those of its chunks (a word with the spaces
before it), and natural text repeats its chunks. If no piece has an ASCII letter next to a digit or another sign, as
is usual in the library, a chunk in turn is encoded part by part.

The result equals that of one library call a line. A unigram model needs care: the library adds up scores in float32
from the start of the line, so that rounding, which depends on everything before, decides between two segmentations of
a part that score the same (`00 0000` and `0000 00`). Such parts are recognised, and lines that have one after their
first part are given to the library whole.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seqcli.tokenizers import SPACE

BLOCK = 1 << 16  # characters processed at once: their words stay in the processor's cache
LARGEST = 16 << 20  # characters in a cache's generation, counting ENTRY for each key: about 50 MB
ENTRY = 64
_LETTER, _SIGN, _OTHERS = "[A-Za-z]", "[!-@[-`{-~]", "[^\n -~]+"
_RUN = f"(?:{_LETTER}+|{_SIGN}+)"
_PARTS = re.compile(f"\n| *(?:{_RUN}(?:{_OTHERS}{_RUN}?)*|(?:{_OTHERS}{_RUN}?)+)| +")  # cut between letter and sign
_MIXED = re.compile(f"{_LETTER}{_SIGN}|{_SIGN}{_LETTER}")
_GLUE = "\0"  # a space that does not separate two chunks
NEAR = 0.02  # rounding may decide between two segmentations whose log-probabilities differ by less
LONGEST_CHECK = 200  # characters: a longer chunk that may be tied is assumed to be

_TIE, _TIED = b"\0", -1  # marks in front of a tied part, in shown lines and among ids
_END = -3  # between chunks, among ids
PIECES, NUMBERS, INTS = 0, 1, 2  # what a cache holds


def is_separable(pieces: Sequence[str]) -> bool:
    """Whether no piece has a space after another character, and a space alone is a piece."""
    return SPACE in pieces and not any(SPACE in piece.lstrip(SPACE) for piece in pieces)


class Chunks:
    """Encodes whole texts for a model whose pieces are `is_separable` and whose normalisation is the identity.

    `pieces`, `parts` and `shown` are, for each id, its name in the model, its text as bytes, and its readable name.
    A text given to the methods holds no literal U+2581. `newline` is the id of a line end; None drops line ends.
    `has_bytes`: unknown characters are encoded as bytes (otherwise adjacent ones would be one unknown symbol).
    """

    def __init__(
        self,
        processor: Any,
        pieces: Sequence[str],
        parts: Sequence[bytes],
        shown: Sequence[str],
        newline: int | None,
        unigram: bool,
        has_bytes: bool,
    ):
        self._processor, self._parts, self._unigram = processor, parts, unigram
        self._runs = any(piece.startswith(2 * SPACE) for piece in pieces)
        texts = [p for p, part in zip(pieces, parts, strict=True) if p.replace(SPACE, " ").encode() == part]
        self._divides = has_bytes and not _MIXED.search("\n".join(texts))
        self._newline = -2 if newline is None else newline
        size = len(pieces)
        ints = np.arange(size, dtype=np.int32).tobytes()
        self._symbols = (
            [name.encode() for name in shown],
            [str(i).encode() for i in range(size)],
            [ints[4 * i : 4 * i + 4] for i in range(size)],
        )
        self._caches = (_Cache(), _Cache(), _Cache())
        self._part_caches = (_Cache(), _Cache(), _Cache())
        self._first = [part[:1] for part in parts]  # a tie needs two pieces that begin alike: most chunks have none
        self._scores = [processor.get_score(i) for i in range(size)] if unigram else []
        self.threads = -1  # that encode what is not in the cache; -1: all

    def lines(self, text: str, kind: int) -> bytes:
        """Return every line as its pieces or ids, separated by spaces; line ends stay."""
        return b"".join([self._lines(block, kind) for block in _blocks(text)])

    def ids(self, text: str) -> np.ndarray:
        """Return the ids (T,) of a text, int32."""
        return np.concatenate([np.empty(0, np.int32), *map(self._ids, _blocks(text))])

    def _lines(self, text: str, kind: int) -> bytes:
        symbols = self._symbols[kind].__getitem__
        if _GLUE in text:
            lines = self._processor.encode(text.split("\n"))
            return b"\n".join([b" ".join(map(symbols, line)) for line in lines])
        shown = b"".join(self._values(self._keys(text), kind))[1:]
        if _TIE not in shown:
            return shown
        done = shown.split(b"\n")
        for i, line in enumerate(text.split("\n")):
            if _TIE in done[i]:
                done[i] = b" ".join(map(symbols, self._processor.encode(line)))
        return b"\n".join(done)

    def _ids(self, text: str) -> np.ndarray:
        if _GLUE in text:
            lines = self._processor.encode(text.split("\n"))
            ids = np.array(lines[0] + [i for line in lines[1:] for i in (self._newline, *line)], np.int32)
            return ids if self._newline >= 0 else ids[ids >= 0]
        values = self._values(self._keys(text), INTS)
        ids = np.frombuffer(bytearray(b"").join(values), np.int32)[1:]  # a bytearray, to be writable
        tied = np.flatnonzero(ids == _TIED)
        if len(tied):
            ends = np.concatenate([[-1], np.flatnonzero(ids == self._newline), [len(ids)]])
            lines, parts, done = text.split("\n"), [], 0
            for line in np.unique(np.searchsorted(ends, tied)).tolist():
                whole = np.array(self._processor.encode(lines[line - 1]), np.int32)
                parts += [ids[done : ends[line - 1] + 1], whole]
                done = ends[line]
            ids = np.concatenate([*parts, ids[done:]])
        return ids if self._newline >= 0 else ids[ids >= 0]

    def _keys(self, text: str) -> list[str]:
        """Return the chunks of a text: `\\nThe` opens a line, `dog` stands for a space and `dog`.

        A cached value begins with the separator from the chunk before, so that values only need to be concatenated.
        """
        text = f"\n{text}"
        if "\n " in text:
            text = text.replace("\n ", f"\n{_GLUE}")
        if self._runs:  # keep the spaces of a run with the word after it
            text = text.replace("  ", f" {_GLUE}").replace(f"{_GLUE} ", 2 * _GLUE)
        return text.replace("\n", " \n")[1:].split(" ")

    def _values(self, keys: list[str], kind: int) -> list[bytes]:
        try:
            return list(map(self._caches[kind].young.__getitem__, keys))
        except KeyError:
            self._fill(keys, kind)
            return list(map(self._caches[kind].young.__getitem__, keys))

    def _fill(self, keys: list[str], kind: int) -> None:
        """Encode the keys that the cache lacks, and add them to it."""
        cache = self._caches[kind]
        if not (new := cache.lacking(keys)):
            return
        opening = [key for key in new if key[:1] == "\n"]
        inner = [key for key in new if key[:1] != "\n"]
        text = "".join(opening) + "".join([f"\n {key}" for key in inner])
        values = self._shown(text.replace(_GLUE, " "), kind)
        space, tie, newline = self._between(kind)
        cache.put(opening, [newline + v[len(space) :].removeprefix(tie) for v in values[: len(opening)]])
        cache.put(inner, values[len(opening) :])

    def _between(self, kind: int) -> tuple[bytes, bytes, bytes]:
        """Return the bytes before each symbol, before a tied part, and for a line end."""
        return (b" ", _TIE, b"\n") if kind != INTS else (b"", _int32(_TIED), _int32(self._newline))

    def _shown(self, text: str, kind: int) -> list[bytes]:
        """Return the symbols of each chunk, a space before each symbol; `text` has a newline before each chunk."""
        if not self._divides:
            return self._encoded(text[1:].split("\n"), kind)
        cache = self._part_caches[kind]
        parts = _PARTS.findall(text)
        new = [part for part in cache.lacking(parts) if part != "\n"]
        cache.put(new, self._encoded(new, kind))
        cache.young["\n"] = _int32(_END) if kind == INTS else b"\n"
        shown = b"".join(map(cache.young.__getitem__, parts))
        if kind != INTS:
            return shown[1:].split(b"\n")
        ends = [*np.flatnonzero(np.frombuffer(shown, np.int32) == _END).tolist(), len(shown) // 4]
        return [shown[4 * start + 4 : 4 * end] for start, end in itertools.pairwise(ends)]

    def _encoded(self, texts: list[str], kind: int) -> list[bytes]:
        """Return the symbols of each text, a space before each symbol; tied texts are marked."""
        symbols, first = self._symbols[kind].__getitem__, self._first
        space, tie, _ = self._between(kind)
        found = self._processor.encode(texts, num_threads=self.threads if len(texts) > 500 else 1)
        shown = [space + space.join(map(symbols, ids)) for ids in found]
        if self._unigram:
            for i, ids in enumerate(found):
                if len({first[j] for j in ids}) < len(set(ids)) and self._is_tied(texts[i], ids):
                    shown[i] = space + tie + shown[i][len(space) :]
        return shown

    def _is_tied(self, text: str, ids: list[int]) -> bool:
        """Whether another segmentation, the same pieces in another order, may score the same."""
        if not self._may_be_tied(text, ids):
            return False
        if len(text) > LONGEST_CHECK:
            return True
        best, *others = self._processor.nbest_encode(text, nbest_size=2, out_type=int)
        return any(abs(self._score(best) - self._score(other)) < NEAR for other in others)

    def _score(self, ids: list[int]) -> float:
        return sum(map(self._scores.__getitem__, ids))

    def _may_be_tied(self, text: str, ids: list[int]) -> bool:
        """Return False only if no other order of the pieces fits: where two orders diverge, two different pieces
        must both match the text."""
        data = text.encode()
        behind: dict[bytes, set[bytes]] = {}  # the pieces from here to the end, by their first byte
        at = len(data)
        for part in map(self._parts.__getitem__, reversed(ids)):
            at -= len(part)
            alike = behind.setdefault(part[:1], set())
            if any(data.startswith(other, at) for other in alike if other != part):
                return True
            alike.add(part)
        return at != 0  # an unknown symbol hides its text


class _Cache:
    """Symbols by text, in two generations: when the young one is full it replaces the old one, which is dropped."""

    def __init__(self) -> None:
        self.young: dict[str, bytes] = {}
        self._old: dict[str, bytes] = {}
        self._used = 0

    def lacking(self, keys: Sequence[str]) -> list[str]:
        """Make room, move keys from the old generation back to the young one, and return those in neither."""
        if self._used > LARGEST:
            self.young, self._old, self._used = {}, self.young, 0
        new = set(keys).difference(self.young)
        if self._old and (again := [key for key in new if key in self._old]):
            self.put(again, [self._old[key] for key in again])
            new.difference_update(again)
        return list(new)

    def put(self, keys: Sequence[str], values: Sequence[bytes]) -> None:
        self.young.update(zip(keys, values, strict=True))
        self._used += sum(map(len, keys)) + ENTRY * len(keys)


def _int32(value: int) -> bytes:
    return np.int32(value).tobytes()


def _blocks(text: str) -> Iterator[str]:
    """Yield a text in blocks of whole lines, about BLOCK characters each."""
    start = 0
    while len(text) - start > BLOCK:
        end = text.rfind("\n", start, start + BLOCK) + 1 or text.find("\n", start + BLOCK) + 1
        if not end:
            break
        yield text[start:end]
        start = end
    yield text[start:]
