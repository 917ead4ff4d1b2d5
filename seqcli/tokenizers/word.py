"""Words separated by white space, and <eos> for each line end; rare words may become <unk>."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, Field

from seqcli.errors import UsageError, did_you_mean
from seqcli.tokenizers import BaseFree, BaseTokenizer, Texts, TextStream
from seqcli.words import Rule

UNK, EOS = "<unk>", "<eos>"
_LARGEST_LIST = 64 << 10  # bytes: a larger vocabulary is stored as an array, not in the header


DIVISIONS = ("whitespace", "punctuation", "rule")


def _mark(value: str) -> str:
    """Check that a value is a way of splitting or a mark between words. Raises ValueError otherwise."""
    if value not in DIVISIONS and (not value or any(c.isalnum() or c.isspace() or c in "<>" for c in value)):
        raise ValueError(f"{value!r} cannot split words; {did_you_mean(value, DIVISIONS)}, or a mark, such as ';'")
    return value


Mark = Annotated[str, AfterValidator(_mark)]


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `tokenizer: {kind: word}`."""

    kind: Literal["word"] = "word"
    size: Annotated[int, Field(ge=2)] | None = None  # most symbols, including <unk> and <eos>; null: all words

    min_count: Annotated[int, Field(ge=1)] = 1  # a word seen less often is <unk>
    lowercase: bool = False
    # punctuation: each mark is a word of its own; rule: as taggers find words (do n't, e.g., 3.50)
    split: Literal["whitespace", "punctuation", "rule"] | Mark = "whitespace"  # or the mark between words, as ";"


class Tokenizer(BaseTokenizer):
    """A tokenizer of words: `<unk>` is 0, `<eos>` is 1, then come the words, the most frequent first, ties in code
    point order.

    Each "\\n" is `<eos>`, which decodes to "\\n"; the words of a line are joined by one space, or by the mark of
    `split`. The words `<unk>` and `<eos>` in a text become `<unk>`.
    """

    kind = "word"
    lossless = False  # white space is not kept
    unk_id, newline_id = 0, 1

    def __init__(self, words: Sequence[str], lowercase: bool = False, split: str = "whitespace"):
        self.words, self.lowercase, self.split = list(words), lowercase, split
        self.size = 2 + len(self.words)
        self.between = " " if split in DIVISIONS else split
        self.blank_first = self.between == " "
        self._ids = _Ids(zip(self.words, range(2, self.size), strict=True))
        self._ids["\n"] = 1

    @classmethod
    def learn(cls, texts: Iterable[str], config: Config) -> Tokenizer:
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(words_of(text, config.lowercase, config.split))
        for special in ("\n", UNK, EOS):
            counts.pop(special, None)
        kept = sorted((-count, word) for word, count in counts.items() if count >= config.min_count)
        most = len(kept) if config.size is None else config.size - 2
        return cls([word for _, word in kept[:most]], config.lowercase, config.split)

    def encode(self, text: str) -> np.ndarray:
        words = words_of(text, self.lowercase, self.split)
        return np.fromiter(map(self._ids.__getitem__, words), np.int32, len(words))

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        shown = self._columns[0]
        return _tight(self.between.join([shown[i] for i in np.asarray(ids).tolist()]), self.between)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        if self.split == "whitespace":
            return [found.span() for found in re.finditer(r"\n|\S+", text)]
        if self.split == "rule":
            return _by_rule(text)
        if self.split != "punctuation":
            spaced = text.replace(self.split, " " * len(self.split))
            return [found.span() for found in re.finditer(r"\n|\S+", spaced)]
        return [span for found in re.finditer(_UNK_OR_WORD, text) for span in _split(found)]

    def symbol(self, id: int) -> str:
        return (UNK, EOS)[id] if id < 2 else self.words[id - 2]

    def stream(self) -> TextStream:
        return _Stream(self._columns[0], self.between)

    def written(self) -> list[bytes]:
        if not self.blank_first:
            raise UsageError(f"tokenizer.split: {self.split}: answers in such words cannot be constrained to texts")
        return [b"\n" if word == "\n" else f" {word}".encode() for word in self._columns[0]]

    def grown(self, other: Tokenizer, texts: Texts, before: Texts | None = None) -> Tokenizer:
        return type(self)([*dict.fromkeys([*self.words, *other.words])], self.lowercase, self.split)

    def header(self) -> dict[str, Any]:
        header = {"kind": "word", "lowercase": self.lowercase, "split": self.split}
        return header if self._is_large else {**header, "words": self.words}

    def arrays(self) -> dict[str, np.ndarray]:
        if not self._is_large:
            return {}
        return {"words": np.frombuffer("\n".join(self.words).encode(), np.uint8)}

    @property
    def _is_large(self) -> bool:
        return sum(len(word.encode()) + 3 for word in self.words) > _LARGEST_LIST

    @classmethod
    def restore(cls, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Tokenizer:
        words = arrays["words"].tobytes().decode().split("\n") if "words" in arrays else header["words"]
        return cls(words, header["lowercase"], header["split"])


class _Ids(dict[str, int]):
    def __missing__(self, word: str) -> int:
        return 0


class _Stream(TextStream):
    def __init__(self, shown: Sequence[str], between: str):
        self._shown, self._last, self._between = shown, "\n", between

    def push(self, id: int) -> str:
        word, last = self._shown[id], self._last
        self._last = word
        return word if "\n" in (word, last) else f"{self._between}{word}"


class Free(BaseFree):
    """Words without a vocabulary: every text has its own symbols. It gives pieces only, no ids."""

    kind = Tokenizer

    def lines(self, text: str) -> bytes:
        """Return what `Tokenizer.lines` returns if it knows all words."""
        return _tight(" ".join(words_of(text, self.config.lowercase, self.config.split))).encode()

    def from_lines(self, text: str) -> str:
        """Return what `Tokenizer.from_lines` returns."""
        return _tight(" ".join(words_of(text, False, "whitespace")))


def words_of(text: str, lowercase: bool, split: str) -> list[str]:
    """Return the words of a text in order, with "\\n" for each line end."""
    if split == "punctuation":
        text = text.translate(_apart).replace(" < unk > ", f" {UNK} ")
    if split == "rule":
        words = [text[start:end] for start, end in _by_rule(text)]
        return [word.lower() for word in words] if lowercase else words
    if split not in DIVISIONS:
        text = text.replace(split, " ")
    if lowercase:
        text = text.lower()
    *lines, last = text.split("\n")
    words = list(chain.from_iterable([(*line.split(), "\n") for line in lines]))
    words += last.split()
    return words


def _by_rule(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of the words that the rule for raw text finds in each line, and of the line ends."""
    found, start = [], 0
    for line in text.split("\n"):
        if start:
            found.append((start - 1, start))
        found += [(start + a, start + b) for a, b in _RULE.split(line, _WHOLE)]
        start += len(line) + 1
    return found


def _tight(line: str, between: str = " ") -> str:
    return line.replace(f"{between}\n", "\n").replace(f"\n{between}", "\n")


class _Apart(dict[int, str]):
    """A table for str.translate that puts spaces around punctuation and symbols (Unicode categories P and S)."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = shown = f" {character} " if _is_mark(character) else character
        return shown


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


_apart = _Apart()
_RULE, _WHOLE = Rule(version=1), {UNK: [UNK]}  # the version is part of what `split: rule` means: it stays
_UNK_OR_WORD = re.compile(r"\n|<unk>|(?:(?!<unk>)\S)+")


def _split(found: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Yield the spans of the words and marks in a chunk."""
    if found[0] in ("\n", UNK):
        yield found.span()
        return
    start = found.start()
    for i, character in enumerate(found[0], found.start()):
        if _is_mark(character):
            if start < i:
                yield start, i
            yield i, i + 1
            start = i + 1
    if start < found.end():
        yield start, found.end()
