"""Reading and writing texts in the tests of the formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest

from seqcli.records import TAGGED, Answer, Options, Sentence, open_format
from seqcli.streams import Chunk


def chunks_of(text: str, cuts: Iterable[int] = (), source: str = "f") -> list[Chunk]:
    """Whole lines, cut before the lines with these indices."""
    lines = text.split("\n")
    lines = [line + "\n" for line in lines[:-1]] + lines[-1:] * bool(lines[-1])
    bounds = sorted({0, len(lines), *(cut for cut in cuts if cut < len(lines))})
    return [Chunk("".join(lines[a:b]), source, a + 1) for a, b in pairwise(bounds)]


def read_text(name: str, text: str, cuts: Iterable[int] = (), **options: Any) -> list[Sentence]:
    reader = open_format(TAGGED, name).Reader(Options(TAGGED, **{"gold": False, **options}))
    found = [sentence for chunk in chunks_of(text, cuts) for sentence in reader.feed(chunk)]
    return found + list(reader.close())


def write_text(
    name: str, sentences: Iterable[Sentence], tags: str | Callable[[Sentence], Answer] | None = None, **options: Any
) -> str:
    """What the writer makes of the gold tags, of one tag for all words, or of a function of the sentence."""
    writer = open_format(TAGGED, name).Writer(Options(TAGGED, **{"gold": False, **options}))

    def answer(s: Sentence) -> Answer:
        if tags is None:
            return Answer(s.tags or [""] * len(s.words), spans=[])
        return Answer([tags] * len(s.words), spans=[]) if isinstance(tags, str) else tags(s)

    return "".join([writer.write(s, answer(s)) for s in sentences])


@pytest.fixture(name="read")
def _read() -> Callable[..., list[Sentence]]:
    return read_text


@pytest.fixture(name="write")
def _write() -> Callable[..., str]:
    return write_text


@pytest.fixture(name="chunked")
def _chunked() -> Callable[..., list[Chunk]]:
    return chunks_of
