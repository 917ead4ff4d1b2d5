"""Reading in the tests of the formats of labelled texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest

from seqcli.records import LABELLED, Example, Options, open_format
from seqcli.streams import Chunk


def chunks_of(text: str, cuts: Iterable[int] = (), source: str = "f") -> list[Chunk]:
    """Whole lines, cut before the lines with these indices."""
    lines = text.split("\n")
    lines = [line + "\n" for line in lines[:-1]] + lines[-1:] * bool(lines[-1])
    bounds = sorted({0, len(lines), *(cut for cut in cuts if cut < len(lines))})
    return [Chunk("".join(lines[a:b]), source, a + 1) for a, b in pairwise(bounds)]


def read_text(name: str, text: str, cuts: Iterable[int] = (), /, **options: Any) -> list[Example]:
    reader = open_format(LABELLED, name).Reader(Options(LABELLED, **options))
    found = [example for chunk in chunks_of(text, cuts) for example in reader.feed(chunk)]
    return found + list(reader.close())


@pytest.fixture(name="read")
def _read() -> Callable[..., list[Example]]:
    return read_text


@pytest.fixture(name="chunked")
def _chunked() -> Callable[..., list[Chunk]]:
    return chunks_of
