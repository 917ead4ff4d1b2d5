"""Turn texts into what a model reads: tokens of the recipe's tokenizer, frames, trees, or the texts themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np

from seqcli import tokenizers
from seqcli.artifact import Artifact
from seqcli.errors import SeqcliError
from seqcli.frames import Frames
from seqcli.records import MARK, Example
from seqcli.tokenizers import BaseTokenizer

_BETWEEN = re.compile(f" ?{MARK} ?")


@dataclass(frozen=True)
class Reading:
    """The reading of texts; a model that takes them as they are has no tokenizer."""

    tokenizer: BaseTokenizer | None
    longest: int  # tokens or frames read of a text, at most
    frames: Frames | None = None
    texts: int = 1  # number of texts in a record, read as one with marks between
    placed: bool = False  # whether examples need the places of their words, as language models read the text too

    @classmethod
    def of(cls, stored: Artifact) -> Reading:
        """Restore the reading from a model's file."""
        has = bool(stored.header.get("tokenizer"))
        frames = Frames.of(stored) if "frames" in stored.header else None
        data = stored.header["data"]
        texts = 1 + len(data.get("options", {}).get("further", ()))
        tokenizer = tokenizers.from_artifact(stored) if has else None
        return cls(tokenizer, data["longest"], frames, texts, bool(stored.header.get("reader")))

    def __call__(self, example: Example) -> Example:
        """Return the example with its words or frames; unchanged if it has them (a tree's leaves). Raises SeqcliError
        without a place for text that is not frames, and for too many or too few texts."""
        if self.texts > 1 and example.text.strip() and example.text.count(MARK) != self.texts - 1:
            found = example.text.count(MARK) + 1
            raise SeqcliError(
                f"the model reads {self.texts} texts together, but this record has {found}",
                hint=f"give columns or keys (--input tsv, csv, jsonl); in a line of text {MARK} separates them",
            )
        if self.frames is not None:
            if example.frames is not None:
                return example
            blank = not example.text.strip()
            own = np.zeros((0, self.frames.dimensions), np.float32) if blank else self.frames(example)
            return replace(example, frames=own[: self.longest])
        if self.tokenizer is None:
            return example
        words = example.words
        if words is None or self.tokenizer.kind != "word":
            words = self.words(example.text)
        elif len(words) > self.longest:
            words = words[: self.longest]
        if words is not example.words:
            example = replace(example, words=words)
        return replace(example, offsets=self.places(example)) if self.placed else example

    def places(self, example: Example) -> list[tuple[int, int]]:
        """Return (start, end) of the words of an example that was read, in code points of its text."""
        words = example.words
        if words is None or not f"{example.text} ".startswith(
            " ".join([*words, ""])
        ):  # a tree's text is its leaves joined by spaces
            return self.offsets(example.text)
        ends = list(accumulate(len(word) + 1 for word in words))
        return [(end - 1 - len(word), end - 1) for word, end in zip(words, ends, strict=True)]

    def words(self, text: str) -> list[str]:
        """Return the first `longest` tokens of a text: words as they stand in it, other tokens as their pieces."""
        assert self.tokenizer is not None
        if self.tokenizer.kind == "word":
            return [text[start:end] for start, end in self.offsets(text)]
        parts = [self.tokenizer.pieces(self._short(text[start:end])) for start, end in self._texts(text)]
        return self._together(parts, [MARK] * (len(parts) - 1))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return (start, end) of the tokens that `words` returns, in code points of the text."""
        assert self.tokenizer is not None
        texts, parts = self._texts(text), []
        for start, end in texts:
            found = self.tokenizer.offsets(self._short(text[start:end]))
            places = [(start + a, start + b) for a, b in found]
            words = self.tokenizer.kind == "word"
            parts.append([(a, b) for a, b in places if text[a:b] != "\n"] if words else places)
        return self._together(parts, [(i, i + 1) for i, character in enumerate(text) if character == MARK])

    def _texts(self, text: str) -> list[tuple[int, int]]:
        """Return (start, end) of the texts of a record, without the marks and a space on either side of each."""
        if self.texts == 1:
            return [(0, len(text))]
        found = [match.span() for match in _BETWEEN.finditer(text)]
        return list(zip([0, *(end for _, end in found)], [*(start for start, _ in found), len(text)], strict=True))

    def _together(self, parts: list[list[Any]], marks: Sequence[Any]) -> list[Any]:
        """Join parts, with marks between several texts, into at most `longest` tokens; the longest is cut first."""
        if not marks:
            return parts[0][: self.longest]
        left = [len(part) for part in parts]
        while sum(left) + len(marks) > self.longest and any(left):
            left[left.index(max(left))] -= 1
        kept = [[*part[:n], *marks[i : i + 1]] for i, (part, n) in enumerate(zip(parts, left, strict=True))]
        return [token for part in kept for token in part][: self.longest]

    def _short(self, text: str) -> str:
        """Return the text without what surely lies after the tokens that are read, with spaces for line breaks."""
        assert self.tokenizer is not None
        if self.tokenizer.kind in ("char", "byte"):  # a token is at most a character
            text = text[: self.longest]
        return text.replace("\n", " ")
