"""Tokenizers: text to ids and back, one kind a file. This module is the contract and what the kinds share.

A kind's file offers `Config` (its recipe keys, a pydantic model) and `Tokenizer`. Ids are 0 .. size-1. A text is
any number of lines with their line ends: a newline is a symbol like any other (in `word` it is `<eos>`), so that
a corpus is one stream of ids and `decode(encode(text)) == text` where the kind promises it (`lossless`).

In an artifact a tokenizer is `header["tokenizer"]` and the arrays `tokenizer.*`; a file that holds a tokenizer alone
has the same layout and `kind: tokenizer`; `load` opens either.
"""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from seqcli import artifact, registry
from seqcli.errors import SeqcliError, UsageError

Texts = Callable[[], Iterable[str]]  # reads texts, again each time
SPACE = "▁"  # U+2581, how a space is shown in a piece


class UnknownCharacter(SeqcliError):
    """A text holds a character that the tokenizer has no symbol for; `offset` counts code points in that text."""

    def __init__(self, character: str, offset: int):
        super().__init__(
            f"the character {character!r} (U+{ord(character):04X}) is not in the vocabulary",
            hint="train with `--set tokenizer.unk=true` to read unknown characters as <unk>",
        )
        self.character, self.offset = character, offset


class UnknownPiece(SeqcliError):
    """A line of pieces or ids to be decoded holds one that does not exist; `offset` counts code points."""

    def __init__(self, message: str, offset: int, hint: str):
        super().__init__(message, hint=hint)
        self.offset = offset


class BaseTokenizer(ABC):
    """What every kind of tokenizer does."""

    kind: ClassVar[str]
    lossless: bool  # decode(encode(text)) == text for every text that encodes without <unk>
    size: int  # number of symbols V
    unk_id: int | None = None  # what it cannot represent; None: an error, or there is nothing it cannot represent
    reads_all: bool = (
        False  # whether `read` gives what there is no symbol for the nearest one, and leaves nothing out
    )
    newline_id: int | None = None  # the symbol that ends a line, where there is exactly one
    blank_first: bool = False  # a space that `written` has before the first word is no part of the text

    @classmethod
    @abstractmethod
    def learn(cls, texts: Iterable[str], config: Any) -> Self:
        """Learn the vocabulary from texts, each a chunk of whole lines, read once and in order."""

    @abstractmethod
    def encode(self, text: str) -> np.ndarray:
        """Ids (T,), int32. Raises UnknownCharacter."""

    @abstractmethod
    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of a sequence of ids. Bytes that are not UTF-8 become U+FFFD."""

    def read(self, text: str) -> tuple[np.ndarray, list[tuple[int, str]]]:
        """Ids (T,) of a text, and what of it there is no symbol for: (offset, text), in order.

        What there is none for is read as `<unk>`, or left out where there is no such symbol.
        """
        kept, lacking = text, dict[str, None]()
        while True:
            try:
                ids = self.encode(kept)
                break
            except UnknownCharacter as error:
                lacking[error.character] = None
                kept = kept.replace(error.character, "")
        if lacking:
            return ids, [(i, c) for i, c in enumerate(text) if c in lacking]
        if self.unk_id is None or not (ids == self.unk_id).any():
            return ids, []
        spans = self.offsets(text)
        return ids, [(a, text[a:b]) for (a, b), id in zip(spans, ids, strict=False) if id == self.unk_id]

    def pieces(self, text: str) -> list[str]:
        """The symbols of a text as strings a person can read, one for each id of `encode`."""
        return [self._names[i] for i in self.encode(text).tolist()]

    @abstractmethod
    def offsets(self, text: str) -> list[tuple[int, int]]:
        """(start, end) in code points of `text`, one for each id of `encode`, end exclusive."""

    def texts(self, text: str) -> list[str]:
        """What of a text each id of `encode` stands for."""
        return [text[start:end] for start, end in self.offsets(text)]

    def joined(self, parts: Iterable[str]) -> str:
        """The text of parts that `texts` gave, or ids write, where nothing stands between them."""
        return "".join(parts)

    @abstractmethod
    def symbol(self, id: int) -> str:
        """One id as `pieces` shows it: not empty, without white space, another for each id."""

    @abstractmethod
    def stream(self) -> TextStream:
        """A decoder that is fed one id at a time. What it returns adds up to `decode`: feed it a prompt first, and
        the continuation comes out joined to it."""

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

    def grown(self, other: Self, texts: Texts, before: Texts | None = None) -> Self:
        """With the symbols that another has besides, behind its own. The other was learnt from further `texts`;
        `before` reads those that it was itself learnt from, None where they are gone. Raises UsageError where it
        cannot grow."""
        raise UsageError(f"a tokenizer of the kind {self.kind} cannot grow", hint="train a new model instead")

    def fingerprint(self) -> str:
        """A hash of all that decides how it encodes, hexadecimal."""
        digest = hashlib.sha256(json.dumps(self.header(), sort_keys=True, ensure_ascii=False).encode())
        for name, array in sorted(self.arrays().items()):
            digest.update(name.encode() + array.tobytes())
        return digest.hexdigest()

    def written(self) -> list[bytes]:
        """What each id writes, as UTF-8: one after the other they are the text, but for the `blank_first`.

        Raises UsageError where what an id writes depends on those around it.
        """
        raise UsageError(f"tokenizer: {self.kind}: no texts can be asked of answers that its symbols write")

    def vocabulary(self) -> Iterator[str]:
        """Every symbol, in the order of the ids."""
        return (self.symbol(i) for i in range(self.size))

    def lines(self, text: str, *, ids: bool = False) -> bytes:
        """Every line of `text` as its pieces, or its ids, with a space between; the line ends stay. UTF-8.

        A line end is not shown as a piece. Raises UnknownCharacter.
        """
        names = self._columns[ids]
        if self.newline_id is None:
            return self._line_by_line(text, names)
        shown = " ".join(map(names.__getitem__, self.encode(text).tolist()))
        return shown.replace(" \n", "\n").replace("\n ", "\n").encode()

    def _line_by_line(self, text: str, names: Sequence[str]) -> bytes:
        shown, start = [], 0
        for line in text.split("\n"):
            try:
                shown.append(" ".join(map(names.__getitem__, self.encode(line).tolist())))
            except UnknownCharacter as error:
                error.offset += start
                raise
            start += len(line) + 1
        return "\n".join(shown).encode()

    def from_lines(self, text: str, *, ids: bool = False) -> str:
        """The text of what `lines` wrote. Raises UnknownPiece."""
        table = self._by_number if ids else self._by_name
        try:
            if self.newline_id is None:
                lines = [[table[name] for name in line.split()] for line in text.split("\n")]
                return "\n".join(map(self.decode, lines))
            end = str(self.newline_id) if ids else self._names[self.newline_id]
            return self.decode(list(map(table.__getitem__, text.replace("\n", f" {end} ").split())))
        except KeyError as error:
            raise self._no_such(error.args[0], text, ids) from None

    def _no_such(self, name: str, text: str, ids: bool) -> UnknownPiece:
        found = re.search(rf"(?<!\S){re.escape(name)}(?!\S)", text)
        offset = found.start() if found else 0
        hint = "decode with the tokenizer that wrote it"
        if not ids:
            return UnknownPiece(f"{name!r} is not a piece of this tokenizer", offset, hint)
        if name.isdecimal():
            return UnknownPiece(f"no symbol has the id {name}: they go from 0 to {self.size - 1:,}", offset, hint)
        return UnknownPiece(f"{name!r} is not an id", offset, "to decode pieces instead of ids, add --pieces")

    @cached_property
    def _names(self) -> list[str]:
        return list(self.vocabulary())

    @cached_property
    def _columns(self) -> tuple[list[str], list[str]]:
        """Names and ids as `lines` prints them: a line end is itself."""
        columns = [*self._names], [str(i) for i in range(self.size)]
        if self.newline_id is not None:
            for column in columns:
                column[self.newline_id] = "\n"
        return columns

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self._names)}

    @cached_property
    def _by_number(self) -> dict[str, int]:
        return {str(i): i for i in range(self.size)}


class TextStream(ABC):
    """Turns ids into text as they come, never half a character."""

    @abstractmethod
    def push(self, id: int) -> str:
        """The text that is complete now; may be empty."""

    def finish(self) -> str:
        """What is left: an incomplete character becomes U+FFFD."""
        return ""


_ODD = re.compile(  # white space, controls, marks that only steer the layout, U+2581, the backslash
    "[\x00-\x20\x7f-\xa0\xad\u0600-\u0605\u061c\u1680\u180e\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f"
    "\u2581\u3000\ufeff\ufff9-\ufffb\ud800-\udfff\\\\\U000e0001\U000e0020-\U000e007f]|^[\u200c\u200d]$"
)
_SHOWN = {" ": SPACE, "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\"}
_ESCAPE = re.compile(r"\\(?:([tnr\\])|x([0-9a-f]{2})|u(?!d[89a-f])([0-9a-f]{4})|U(0010[0-9a-f]{4}|000[0-9a-f]{5}))|▁")
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}


class BaseFree:
    """A kind without a vocabulary: every text is made of its own. Pieces only, no ids."""

    kind: ClassVar[type[BaseTokenizer]]

    def __init__(self, config: Any):
        self.config = config

    def of(self, text: str) -> BaseTokenizer:
        """The tokenizer of one text's own symbols."""
        return self.kind.learn([text], self.config)


def visible(text: str) -> str:
    """A piece of text as one visible word: a space is ▁, and what could be mistaken or not be seen (other white
    space, controls, a backslash, ▁ itself) is escaped as in Python: `\\t`, `\\\\`, `\\xa0`, `\\u2581`."""
    return _ODD.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    default = f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    return _SHOWN.get(character, default)


def unescape(piece: str) -> str:
    """The text that `visible` shows as `piece`. Raises ValueError for what it never writes."""
    text = _ESCAPE.sub(_unescape, piece)
    if visible(text) != piece:
        raise ValueError(f"not an escaped piece: {piece!r}")
    return text


def _unescape(found: re.Match[str]) -> str:
    if found[1]:
        return _LETTERS[found[1]]
    digits = found[2] or found[3] or found[4]
    return chr(int(digits, 16)) if digits else " "


def learn(config: Any, texts: Iterable[str], base: Path = Path(), *, any_character: bool = False) -> BaseTokenizer:
    """A tokenizer of a recipe's kind, learnt from texts, each of whole lines.

    A file that the recipe names is relative to `base`, as all its paths are. With `any_character` one of characters
    has a symbol for those that it has not seen.
    """
    if path := getattr(config, "path", None):
        config = config.model_copy(update={"path": str(base / path)})
    if any_character and config.kind == "char":
        config = config.model_copy(update={"unk": True})
    return registry.load("tokenizers", config.kind).Tokenizer.learn(texts, config)


def restore(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> BaseTokenizer:
    """The tokenizer described by an artifact's header (its `tokenizer` part) and arrays."""
    return registry.load("tokenizers", header["kind"]).Tokenizer.restore(header, arrays)


def to_artifact(tokenizer: BaseTokenizer, part: str = "tokenizer") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What goes into an artifact: (the header's `tokenizer` part, arrays by their name in the file)."""
    return tokenizer.header(), {f"{part}.{name}": a for name, a in tokenizer.arrays().items()}


def from_artifact(stored: artifact.Artifact, part: str = "tokenizer") -> BaseTokenizer:
    """The tokenizer of an opened file, or its `target_tokenizer`. Raises UsageError where the file has none."""
    header = stored.header.get(part)
    if not header:
        raise UsageError(f"{stored.path}: this model has no {part}: it does not work on running text")
    with artifact.restoring(stored.path):
        return restore(header, stored.part(part))


def save(tokenizer: BaseTokenizer, path: str | Path, **header: Any) -> None:
    """Write a tokenizer alone, atomically; `header` is kept beside it. Raises SeqcliError."""
    part, arrays = to_artifact(tokenizer)
    artifact.write(path, {**header, "kind": "tokenizer", "tokenizer": part}, arrays)


def load(path: str | Path) -> BaseTokenizer:
    """The tokenizer of a file that `save` or `seqcli train` wrote. Raises SeqcliError."""
    return from_artifact(artifact.read(path))
