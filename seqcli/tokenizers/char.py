"""Characters: one symbol for each code point of the training text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from seqcli.tokenizers import BaseTokenizer, TextStream, UnknownCharacter

UNK = "<unk>"


class Config(BaseModel):
    """Recipe keys of `tokenizer: {kind: char}`."""

    model_config = ConfigDict(extra="forbid")
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
        codes = _codes(characters)
        self._table = np.full(int(codes.max(initial=0)) + 2, -1, np.int32)  # the last entry: all beyond the table
        self._table[codes] = np.arange(len(codes), dtype=np.int32)
        found = characters.find("\n")
        self.newline_id = found if found >= 0 else None

    @classmethod
    def learn(cls, texts: Iterable[str], config: Config) -> Tokenizer:
        seen: set[str] = set()
        for text in texts:
            seen.update(text)
        return cls("".join(sorted(seen)), config.unk)

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
        return "".join([self.symbol(int(i)) for i in ids])

    def pieces(self, text: str) -> list[str]:
        return [self.symbol(int(i)) for i in self.encode(text)]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [(i, i + 1) for i in range(len(text))]

    def symbol(self, id: int) -> str:
        return UNK if id == self.unk_id else self.characters[id]

    def stream(self) -> TextStream:
        return _Stream(self)

    def header(self) -> dict[str, Any]:
        return {"kind": "char", "characters": self.characters, "unk": self.unk}

    @classmethod
    def restore(cls, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Tokenizer:
        return cls(header["characters"], header["unk"])


class _Stream(TextStream):
    def __init__(self, tokenizer: Tokenizer):
        self._symbol = tokenizer.symbol

    def push(self, id: int) -> str:
        return self._symbol(id)


def _codes(text: str) -> np.ndarray:
    """Code points (T,), uint32."""
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), "<u4")
