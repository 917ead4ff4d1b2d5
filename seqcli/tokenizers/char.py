"""Characters: one symbol for each code point of the training text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from seqcli.tokenizers import BaseFree, BaseTokenizer, TextStream, UnknownCharacter, unescape, visible

UNK = "<unk>"
_CODE_POINTS = 0x110000


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `tokenizer: {kind: char}`."""

    kind: Literal["char"] = "char"
    unk: bool = False  # read unknown characters as <unk> instead of stopping


class Tokenizer(BaseTokenizer):
    """A table from code points to ids; the symbols are sorted by code point, `<unk>` (if any) comes last."""

    kind = "char"
    lossless = True

    def __init__(self, characters: str, unk: bool = False):
        self.characters, self.unk = characters, unk
        self.size = len(characters) + unk
        self.unk_id = len(characters) if unk else None
        self._codes = _codes(characters)
        # the last entry stands for all beyond the table
        self._table = np.full(int(self._codes.max(initial=0)) + 2, -1, np.int32)
        self._table[self._codes] = np.arange(len(characters), dtype=np.int32)
        found = characters.find("\n")
        self.newline_id = found if found >= 0 else None

    @classmethod
    def learn(cls, texts: Iterable[str], config: Config) -> Tokenizer:
        seen = np.zeros(_CODE_POINTS, bool)
        for text in texts:
            seen[_codes(text)] = True
        return cls(_text(np.flatnonzero(seen)), config.unk)

    def encode(self, text: str) -> np.ndarray:
        codes = _codes(text)
        ids = self._table[np.minimum(codes, len(self._table) - 1)]
        unknown = ids < 0
        if unknown.any():
            if self.unk_id is None:
                offset = int(unknown.argmax())
                raise UnknownCharacter(text[offset], offset)
            ids[unknown] = self.unk_id
        return ids

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        ids = np.asarray(ids, np.int64)
        if self.unk_id is None:
            return _text(self._codes[ids])
        parts, start = [], 0
        for end in [*np.flatnonzero(ids == self.unk_id).tolist(), len(ids)]:
            parts.append(_text(self._codes[ids[start:end]]))
            start = end + 1
        return UNK.join(parts)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [(i, i + 1) for i in range(len(text))]

    def symbol(self, id: int) -> str:
        return UNK if id == self.unk_id else visible(self.characters[id])

    def stream(self) -> TextStream:
        return _Stream([*self.characters, UNK])

    def written(self) -> list[bytes]:
        return [c.encode(errors="surrogatepass") for c in [*self.characters, *[UNK] * self.unk]]

    def header(self) -> dict[str, Any]:
        return {"kind": "char", "characters": self.characters, "unk": self.unk}

    @classmethod
    def restore(cls, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Tokenizer:
        return cls(header["characters"], header["unk"])

    @cached_property
    def _names(self) -> list[str]:
        return [visible(c) for c in self.characters] + [UNK] * self.unk


class _Stream(TextStream):
    def __init__(self, texts: Sequence[str]):
        self._texts = texts

    def push(self, id: int) -> str:
        return self._texts[id]


class Free(BaseFree):
    """Characters without a vocabulary: every text is made of its own. Pieces only, no ids."""

    kind = Tokenizer

    def lines(self, text: str) -> bytes:
        """As `Tokenizer.lines`."""
        return self.of(text).lines(text)

    def from_lines(self, text: str) -> str:
        """As `Tokenizer.from_lines`. Raises UnknownPiece for what is not one character."""
        characters = {"\n"}
        for piece in set(text.split()):
            try:
                character = unescape(piece)
            except ValueError:
                character = ""
            characters.add(character if len(character) == 1 else "\n")  # an unknown one is reported by from_lines
        return Tokenizer("".join(sorted(characters))).from_lines(text)


def _codes(text: str) -> np.ndarray:
    """Code points (T,), uint32."""
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), "<u4")


def _text(codes: np.ndarray) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le", errors="surrogatepass")
