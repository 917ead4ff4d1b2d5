"""Reading in the tests of the formats of pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest

from seqcli.records import PAIRED, Options, Pair, open_format
from seqcli.streams import Chunk


def chunks_of(text: str, cuts: Iterable[int] = (), source: str = "f") -> list[Chunk]:
    """Whole lines, cut before the lines with these indices."""
    lines = text.split("\n")
    lines = [line + "\n" for line in lines[:-1]] + lines[-1:] * bool(lines[-1])
    bounds = sorted({0, len(lines), *(cut for cut in cuts if cut < len(lines))})
    return [Chunk("".join(lines[a:b]), source, a + 1) for a, b in pairwise(bounds)]


def read_text(name: str, text: str, cuts: Iterable[int] = (), /, source: str = "f", **options: Any) -> list[Pair]:
    given = {key.removeprefix("own_"): value for key, value in options.items()}
    reader = open_format(PAIRED, name).Reader(Options(PAIRED, **given))
    found = [pair for chunk in chunks_of(text, cuts, source) for pair in reader.feed(chunk)]
    return found + list(reader.close())


@pytest.fixture(name="read")
def _read() -> Callable[..., list[Pair]]:
    """`read(format, text, cuts=(), source="f", **options)`; `own_source` is the option `source`."""
    return read_text


@pytest.fixture(name="chunked")
def _chunked() -> Callable[..., list[Chunk]]:
    return chunks_of
