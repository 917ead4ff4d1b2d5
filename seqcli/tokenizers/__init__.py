"""Tokenizers: text to ids and back, one kind a file. This module has the contract and code that the kinds share.

The module of a kind has `Config` (its recipe keys, a pydantic model) and `Tokenizer`. Ids are 0 .. size-1. A text is
any number of lines with their line ends: a newline is a symbol like any other (in `word` it is `<eos>`), so that
a corpus is one stream of ids and `decode(encode(text)) == text` if the kind promises it (`lossless`).

An artifact stores a tokenizer as `header["tokenizer"]` and the arrays `tokenizer.*`; a file with a tokenizer alone
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

Texts = Callable[[], Iterable[str]]  # reads the texts anew at each call
SPACE = "▁"  # U+2581, which shows a space in a piece


class UnknownCharacter(SeqcliError):
    """The error for a character that the tokenizer has no symbol for; `offset` counts code points in the text."""

    def __init__(self, character: str, offset: int):
        super().__init__(
            f"the character {character!r} (U+{ord(character):04X}) is not in the vocabulary",
            hint="train with `--set tokenizer.unk=true` to read unknown characters as <unk>",
        )
        self.character, self.offset = character, offset


class UnknownPiece(SeqcliError):
    """The error for an unknown piece or id in a line to be decoded; `offset` counts code points."""

    def __init__(self, message: str, offset: int, hint: str):
        super().__init__(message, hint=hint)
        self.offset = offset


class BaseTokenizer(ABC):
    """The base class of all kinds of tokenizer."""

    kind: ClassVar[str]
    lossless: bool  # decode(encode(text)) == text for every text that encodes without <unk>
    size: int  # number of symbols V
    unk_id: int | None = None  # stands for text without a symbol; None: such text is an error, or there is none
    reads_all: bool = (
        False  # whether `read` represents text without a symbol by the nearest symbol, and drops nothing
    )
    newline_id: int | None = None  # the symbol that ends a line, if there is exactly one
    blank_first: bool = False  # the space that `written` puts before the first word is not part of the text

    @classmethod
    @abstractmethod
    def learn(cls, texts: Iterable[str], config: Any) -> Self:
        """Learn the vocabulary from texts, each a chunk of whole lines, read once and in order."""

    @abstractmethod
    def encode(self, text: str) -> np.ndarray:
        """Return the ids (T,) of a text, int32. Raises UnknownCharacter."""

    @abstractmethod
    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """Return the text of a sequence of ids. Bytes that are not UTF-8 become U+FFFD."""

    def read(self, text: str) -> tuple[np.ndarray, list[tuple[int, str]]]:
        """Return the ids (T,) of a text, and the parts that have no symbol: (offset, text), in order.

        Such a part is read as `<unk>`, or dropped if there is no `<unk>`.
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
        """Return the symbols of a text as readable strings, one for each id of `encode`."""
        return [self._names[i] for i in self.encode(text).tolist()]

    @abstractmethod
    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return (start, end) in code points of `text` for each id of `encode`, end exclusive."""

    def texts(self, text: str) -> list[str]:
        """Return the part of a text that each id of `encode` stands for."""
        return [text[start:end] for start, end in self.offsets(text)]

    def joined(self, parts: Iterable[str]) -> str:
        """Join parts that `texts` gave, or that ids write, if nothing stands between them."""
        return "".join(parts)

    @abstractmethod
    def symbol(self, id: int) -> str:
        """Return an id as `pieces` shows it: not empty, without white space, different for each id."""

    @abstractmethod
    def stream(self) -> TextStream:
        """Return a decoder that takes one id at a time. Its outputs add up to `decode`: feed it a prompt first, and
        the continuation comes out joined to it."""

    @abstractmethod
    def header(self) -> dict[str, Any]:
        """Return the state to restore it from, as JSON, with `kind`; large parts go into `arrays`."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the large parts of the state, as uint8 arrays by name."""
        return {}

    @classmethod
    @abstractmethod
    def restore(cls, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """Return the tokenizer that `header` and `arrays` describe."""

    def grown(self, other: Self, texts: Texts, before: Texts | None = None) -> Self:
        """Return this tokenizer with the new symbols of another after its own. The other was learnt from further
        `texts`; `before` reads the texts that this one was learnt from, None if they are gone. Raises UsageError if
        this kind cannot grow."""
        raise UsageError(f"a tokenizer of the kind {self.kind} cannot grow", hint="train a new model instead")

    def fingerprint(self) -> str:
        """Return a hexadecimal hash of everything that determines how it encodes."""
        digest = hashlib.sha256(json.dumps(self.header(), sort_keys=True, ensure_ascii=False).encode())
        for name, array in sorted(self.arrays().items()):
            digest.update(name.encode() + array.tobytes())
        return digest.hexdigest()

    def written(self) -> list[bytes]:
        """Return what each id writes, as UTF-8: concatenated they are the text, except for the `blank_first`.

        Raises UsageError if what an id writes depends on its neighbours.
        """
        raise UsageError(f"tokenizer: {self.kind}: answers written in its symbols cannot be constrained to texts")

    def vocabulary(self) -> Iterator[str]:
        """Return all symbols, in the order of the ids."""
        return (self.symbol(i) for i in range(self.size))

    def lines(self, text: str, *, ids: bool = False) -> bytes:
        """Return every line of `text` as its pieces, or its ids, separated by spaces, in UTF-8; line ends stay.

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
        """Return the text of output of `lines`. Raises UnknownPiece."""
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
        """Names and ids as `lines` prints them; a line end is printed as itself."""
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
    """A decoder that turns ids into text as they come, and never writes half a character."""

    @abstractmethod
    def push(self, id: int) -> str:
        """Return the text that this id completes; may be empty."""

    def settle(self) -> None:  # noqa: B027 (most hold no whole character back)
        """Take whole characters that were held back as written: they belong to a prompt."""

    def finish(self) -> str:
        """Return the rest of the text; an incomplete character becomes U+FFFD."""
        return ""


_ODD = re.compile(  # white space, controls, format characters, U+2581, the backslash
    "[\x00-\x20\x7f-\xa0\xad\u0600-\u0605\u061c\u1680\u180e\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f"
    "\u2581\u3000\ufeff\ufff9-\ufffb\ud800-\udfff\\\\\U000e0001\U000e0020-\U000e007f]|^[\u200c\u200d]$"
)
_SHOWN = {" ": SPACE, "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\"}
_ESCAPE = re.compile(r"\\(?:([tnr\\])|x([0-9a-f]{2})|u(?!d[89a-f])([0-9a-f]{4})|U(0010[0-9a-f]{4}|000[0-9a-f]{5}))|▁")
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}


class BaseFree:
    """A kind without a vocabulary: every text has its own symbols. It gives pieces only, no ids."""

    kind: ClassVar[type[BaseTokenizer]]

    def __init__(self, config: Any):
        self.config = config

    def of(self, text: str) -> BaseTokenizer:
        """Return a tokenizer with the symbols of one text."""
        return self.kind.learn([text], self.config)


def visible(text: str) -> str:
    """Return a piece of text as one visible word: a space is ▁, and ambiguous or invisible characters (other white
    space, controls, a backslash, ▁ itself) are escaped as in Python: `\\t`, `\\\\`, `\\xa0`, `\\u2581`."""
    return _ODD.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    default = f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    return _SHOWN.get(character, default)


def unescape(piece: str) -> str:
    """Return the text that `visible` shows as `piece`. Raises ValueError for a string that it never returns."""
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
    """Learn a tokenizer of a recipe's kind from texts, each of whole lines.

    A file that the recipe names is relative to `base`, like all its paths. With `any_character`, a tokenizer of
    characters gets a symbol for unseen ones.
    """
    if path := getattr(config, "path", None):
        config = config.model_copy(update={"path": str(base / path)})
    if any_character and config.kind == "char":
        config = config.model_copy(update={"unk": True})
    return registry.load("tokenizers", config.kind).Tokenizer.learn(texts, config)


def restore(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> BaseTokenizer:
    """Return the tokenizer that an artifact's header (its `tokenizer` part) and arrays describe."""
    return registry.load("tokenizers", header["kind"]).Tokenizer.restore(header, arrays)


def to_artifact(tokenizer: BaseTokenizer, part: str = "tokenizer") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what an artifact stores of it: (the header's `tokenizer` part, arrays by their name in the file)."""
    return tokenizer.header(), {f"{part}.{name}": a for name, a in tokenizer.arrays().items()}


def from_artifact(stored: artifact.Artifact, part: str = "tokenizer") -> BaseTokenizer:
    """Return the tokenizer of an opened file, or its `target_tokenizer`. Raises UsageError if the file has none."""
    header = stored.header.get(part)
    if not header:
        raise UsageError(f"{stored.path}: this model has no {part}, so it cannot read running text")
    with artifact.restoring(stored.path):
        return restore(header, stored.part(part))


def save(tokenizer: BaseTokenizer, path: str | Path, **header: Any) -> None:
    """Write a file with a tokenizer alone, atomically; `header` is added to the file's header. Raises SeqcliError."""
    part, arrays = to_artifact(tokenizer)
    artifact.write(path, {**header, "kind": "tokenizer", "tokenizer": part}, arrays)


def load(path: str | Path) -> BaseTokenizer:
    """Return the tokenizer in a file that `save` or `seqcli train` wrote. Raises SeqcliError."""
    return from_artifact(artifact.read(path))
