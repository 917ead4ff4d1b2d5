"""Tokenizers: text to ids and back, one kind a file. This module is the contract and what the kinds share.

A kind's file offers `Config` (its recipe keys, a pydantic model) and `Tokenizer`. Ids are 0 .. size-1. A text is
any number of lines with their line ends: a newline is a symbol like any other (in `word` it is `<eos>`), so that
a corpus is one stream of ids and `decode(encode(text)) == text` where the kind promises it (`lossless`).
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from seqcli import registry
from seqcli.errors import SeqcliError


class UnknownCharacter(SeqcliError):
    """A text holds a character that the tokenizer has no symbol for; `offset` counts code points in that text."""

    def __init__(self, character: str, offset: int, known: str = ""):
        super().__init__(
            f"the character {character!r} (U+{ord(character):04X}) is not in the vocabulary",
            hint="train with `--set tokenizer.unk=true` to read unknown characters as <unk>",
        )
        self.character, self.offset = character, offset


class BaseTokenizer(ABC):
    """What every kind of tokenizer does."""

    kind: ClassVar[str]
    lossless: ClassVar[bool]  # decode(encode(text)) == text for every text that encodes without <unk>
    size: int  # number of symbols V
    unk_id: int | None = None  # what it cannot represent; None: an error
    newline_id: int | None = None  # the symbol that ends a line, where there is exactly one

    @classmethod
    @abstractmethod
    def learn(cls, texts: Iterable[str], config: Any) -> Self:
        """Learn the vocabulary from texts, each a chunk of whole lines, read once and in order."""

    @abstractmethod
    def encode(self, text: str) -> np.ndarray:
        """Ids (T,), int32. Raises UnknownCharacter."""

    @abstractmethod
    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of a sequence of ids."""

    @abstractmethod
    def pieces(self, text: str) -> list[str]:
        """The symbols of a text as strings a person can read, one for each id of `encode`."""

    @abstractmethod
    def offsets(self, text: str) -> list[tuple[int, int]]:
        """(start, end) in code points of `text`, one for each id of `encode`, end exclusive."""

    @abstractmethod
    def symbol(self, id: int) -> str:
        """One id as `pieces` would show it."""

    @abstractmethod
    def stream(self) -> TextStream:
        """A decoder that is fed one id at a time."""

    @abstractmethod
    def header(self) -> dict[str, Any]:
        """What rebuilds it, as JSON, with `kind`; large parts go into `arrays`."""

    def arrays(self) -> dict[str, np.ndarray]:
        """The large parts of the state, as uint8 arrays by name."""
        return {}

    @classmethod
    @abstractmethod
    def restore(cls, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The tokenizer that `header` and `arrays` describe."""

    def fingerprint(self) -> str:
        """A hash of all that decides how it encodes, hexadecimal."""
        digest = hashlib.sha256(json.dumps(self.header(), sort_keys=True, ensure_ascii=False).encode())
        for name, array in sorted(self.arrays().items()):
            digest.update(name.encode() + array.tobytes())
        return digest.hexdigest()

    def vocabulary(self) -> Iterator[str]:
        """Every symbol, in the order of the ids."""
        return (self.symbol(i) for i in range(self.size))


class TextStream(ABC):
    """Turns ids into text as they come, never half a character."""

    @abstractmethod
    def push(self, id: int) -> str:
        """The text that is complete now; may be empty."""

    def finish(self) -> str:
        """What is left: an incomplete character becomes U+FFFD."""
        return ""


def restore(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> BaseTokenizer:
    """The tokenizer described by an artifact's header (its `tokenizer` part) and arrays."""
    return registry.load("tokenizers", header["kind"]).Tokenizer.restore(header, arrays)
