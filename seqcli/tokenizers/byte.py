"""Bytes: the 256 byte values of UTF-8 text; nothing to learn, nothing unknown."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from seqcli.tokenizers import SPACE, BaseTokenizer, Texts, TextStream


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `tokenizer: {kind: byte}`."""

    kind: Literal["byte"] = "byte"


class Tokenizer(BaseTokenizer):
    """A tokenizer whose ids are the bytes of the text's UTF-8."""

    kind = "byte"
    lossless = True
    size = 256
    newline_id = 10

    @classmethod
    def learn(cls, texts: Iterable[str], config: Config) -> Tokenizer:
        return cls()

    def encode(self, text: str) -> np.ndarray:
        return np.frombuffer(text.encode(), np.uint8).astype(np.int32)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        return np.asarray(ids).astype(np.uint8).tobytes().decode("utf-8", errors="replace")

    def offsets(self, text: str) -> list[tuple[int, int]]:
        data = np.frombuffer(text.encode(), np.uint8)
        return byte_offsets(data, np.ones(len(data), np.int64))

    def symbol(self, id: int) -> str:
        return SPACE if id == 32 else chr(id) if 32 < id < 127 else f"<0x{id:02X}>"

    def stream(self) -> TextStream:
        return ByteStream(self.written())

    def written(self) -> list[bytes]:
        return [bytes([i]) for i in range(256)]

    def grown(self, other: Tokenizer, texts: Texts, before: Texts | None = None) -> Tokenizer:
        return self  # it has all symbols already

    def header(self) -> dict[str, Any]:
        return {"kind": "byte"}

    @classmethod
    def restore(cls, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Tokenizer:
        return cls()


class ByteStream(TextStream):
    """A decoder that turns ids that stand for bytes into text, whole characters at a time."""

    def __init__(self, parts: Sequence[bytes]):
        self._parts = parts
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, id: int) -> str:
        return self._decoder.decode(self._parts[id])

    def finish(self) -> str:
        return self._decoder.decode(b"", final=True)


def byte_offsets(data: np.ndarray, lengths: np.ndarray) -> list[tuple[int, int]]:
    """Return (start, end) in code points of consecutive parts of `data` (UTF-8) with these `lengths` in bytes.

    A part that holds some bytes of a character spans the whole character.
    """
    if not len(lengths):
        return []
    character = np.cumsum((data & 0xC0) != 0x80) - 1  # of each byte
    ends = np.cumsum(lengths)
    return list(zip(character[ends - lengths].tolist(), (character[ends - 1] + 1).tolist(), strict=True))
