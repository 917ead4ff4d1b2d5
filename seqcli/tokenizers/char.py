"""Characters: one symbol for each code point of the training text, as it is or decomposed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Literal
from unicodedata import combining, normalize

import numpy as np
from pydantic import BaseModel

from seqcli.tokenizers import BaseFree, BaseTokenizer, Texts, TextStream, UnknownCharacter, unescape, visible

UNK = "<unk>"
_CODE_POINTS = 0x110000


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `tokenizer: {kind: char}`."""

    kind: Literal["char"] = "char"
    unk: bool = False  # read unknown characters as <unk> instead of stopping
    normalize: Literal["nfd"] | None = None  # nfd: separate letters and marks, Korean syllables as letters, all
    # composed again (NFC) in output; default: code points as they are


class Tokenizer(BaseTokenizer):
    """A tokenizer with a table from code points to ids. The symbols are sorted by code point, `<unk>` (if any) comes
    last, and characters by which the tokenizer has grown come after it.

    With `nfd` texts are read in Unicode's form NFD and written in NFC, so that a text comes back in NFC.
    """

    kind = "char"

    def __init__(self, characters: str, unk: bool = False, *, nfd: bool = False, further: str = ""):
        self.characters, self.unk, self.nfd, self.lossless = characters, unk, nfd, not nfd
        self.further = further
        self.symbols = [*characters, *[UNK] * unk, *further]
        self.size = len(self.symbols)
        self.unk_id = len(characters) if unk else None
        self._codes = _codes("".join([characters, "\0" * unk, further]))  # the code of `<unk>` is never used
        own = np.flatnonzero(np.arange(self.size) != (-1 if self.unk_id is None else self.unk_id))
        # the last entry stands for all code points beyond the table
        self._table = np.full(int(self._codes.max(initial=0)) + 2, -1, np.int32)
        self._table[self._codes[own]] = own
        self.newline_id = self.symbols.index("\n") if "\n" in self.symbols else None

    @classmethod
    def learn(cls, texts: Iterable[str], config: Config) -> Tokenizer:
        seen = np.zeros(_CODE_POINTS, bool)
        nfd = config.normalize == "nfd"
        for text in texts:
            seen[_codes(normalize("NFD", text) if nfd else text)] = True
        return cls(_text(np.flatnonzero(seen)), config.unk, nfd=nfd)

    def encode(self, text: str) -> np.ndarray:
        codes = _codes(normalize("NFD", text) if self.nfd else text)
        ids = self._table[np.minimum(codes, len(self._table) - 1)]
        unknown = ids < 0
        if unknown.any():
            if self.unk_id is None:
                offset = self.offsets(text)[int(unknown.argmax())][0]
                raise UnknownCharacter(text[offset], offset)
            ids[unknown] = self.unk_id
        return ids

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        ids = np.asarray(ids, np.int64)
        if self.unk_id is None:
            return self.joined([_text(self._codes[ids])])
        parts, start = [], 0
        for end in [*np.flatnonzero(ids == self.unk_id).tolist(), len(ids)]:
            parts.append(_text(self._codes[ids[start:end]]))
            start = end + 1
        return self.joined([UNK.join(parts)])

    def offsets(self, text: str) -> list[tuple[int, int]]:
        if self.nfd and not text.isascii():
            return [(i, i + 1) for _, i in _decomposed(text)]
        return [(i, i + 1) for i in range(len(text))]

    def texts(self, text: str) -> list[str]:
        return list(normalize("NFD", text) if self.nfd else text)

    def joined(self, parts: Iterable[str]) -> str:
        text = "".join(parts)
        return normalize("NFC", text) if self.nfd else text

    def symbol(self, id: int) -> str:
        return UNK if id == self.unk_id else visible(self.symbols[id])

    def stream(self) -> TextStream:
        return _Composed(self.symbols) if self.nfd else _Stream(self.symbols)

    def written(self) -> list[bytes]:
        if self.nfd:
            return super().written()
        return [c.encode(errors="surrogatepass") for c in self.symbols]

    def grown(self, other: Tokenizer, texts: Texts, before: Texts | None = None) -> Tokenizer:
        known = {*self.characters, *self.further}
        further = "".join(c for c in other.characters if c not in known)
        if not self.unk:
            return type(self)(self.characters + further, nfd=self.nfd)
        return type(self)(self.characters, self.unk, nfd=self.nfd, further=self.further + further)

    def header(self) -> dict[str, Any]:
        more = {"normalize": "nfd"} if self.nfd else {}
        more |= {"further": self.further} if self.further else {}
        return {"kind": "char", "characters": self.characters, "unk": self.unk, **more}

    @classmethod
    def restore(cls, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Tokenizer:
        nfd, further = header.get("normalize") == "nfd", header.get("further", "")
        return cls(header["characters"], header["unk"], nfd=nfd, further=further)

    @cached_property
    def _names(self) -> list[str]:
        return [self.symbol(i) for i in range(self.size)]


class _Stream(TextStream):
    def __init__(self, texts: Sequence[str]):
        self._texts = texts

    def push(self, id: int) -> str:
        return self._texts[id]


class _Composed(TextStream):
    """A decoder that composes characters, and holds back what the next ones may still combine with."""

    def __init__(self, texts: Sequence[str]):
        self._texts, self._held = texts, ""

    def push(self, id: int) -> str:
        said = ""
        for c in self._texts[id]:
            if self._held and not combining(c):
                alone = normalize("NFC", self._held), normalize("NFC", c)
                if normalize("NFC", self._held + c) == alone[0] + alone[1]:
                    said, self._held = said + alone[0], ""
            self._held += c
        return said

    def settle(self) -> None:
        self._held = ""

    def finish(self) -> str:
        held, self._held = self._held, ""
        return normalize("NFC", held)


class Free(BaseFree):
    """Characters without a vocabulary: every text has its own symbols. It gives pieces only, no ids."""

    kind = Tokenizer

    def lines(self, text: str) -> bytes:
        """Return what `Tokenizer.lines` returns."""
        return self.of(text).lines(text)

    def from_lines(self, text: str) -> str:
        """Return what `Tokenizer.from_lines` returns. Raises UnknownPiece for a piece that is not one character."""
        characters = {"\n"}
        for piece in set(text.split()):
            try:
                character = unescape(piece)
            except ValueError:
                character = ""
            characters.add(character if len(character) == 1 else "\n")  # an unknown one is reported by from_lines
        return Tokenizer("".join(sorted(characters))).from_lines(text)


def _decomposed(text: str) -> list[tuple[str, int]]:
    """Return the code points of NFD, marks in canonical order, each with the index of the one it comes from."""
    found: list[tuple[str, int]] = []
    first = 0  # of the marks at the end
    for i, whole in enumerate(text):
        for c in normalize("NFD", whole):
            if not combining(c):
                found[first:] = sorted(found[first:], key=lambda x: combining(x[0]))
                first = len(found) + 1
            found.append((c, i))
    found[first:] = sorted(found[first:], key=lambda x: combining(x[0]))
    return found


def _codes(text: str) -> np.ndarray:
    """Return the code points (T,) of a text, uint32."""
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), "<u4")


def _text(codes: np.ndarray) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le", errors="surrogatepass")
