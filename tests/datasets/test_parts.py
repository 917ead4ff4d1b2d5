"""Splits as byte ranges: nothing lost, nothing doubled, every line known by its number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.datasets.parts import chunks, cut, digest, size, whole
from seqcli.streams import lines_of

texts = st.lists(st.text(alphabet="ab\n\r\u2028é日🙂", max_size=30), min_size=1, max_size=4)
Write = Callable[[list[str]], list[Path]]


@pytest.fixture(scope="module")
def write(tmp_path_factory) -> Write:
    """`write(texts)`: a file for each, in a folder of their own."""

    def make(contents: list[str]) -> list[Path]:
        folder = tmp_path_factory.mktemp("parts")
        paths = [folder / f"{i}.txt" for i in range(len(contents))]
        for path, text in zip(paths, contents, strict=True):
            path.write_bytes(text.encode())
        return paths

    return make


def text_of(parts) -> str:
    return "".join(chunk.text for chunk in chunks(parts, "utf-8"))


def joined(contents: list[str]) -> str:
    """What a corpus of several files is: one after the other, a line end between where there is none."""
    full = [t for t in contents if t]
    return "".join(t if t.endswith("\n") or i == len(full) - 1 else t + "\n" for i, t in enumerate(full))


def line_starts(contents: list[str]) -> set[int]:
    """The byte positions at which a line or a file begins, and the end."""
    data = "".join(contents).encode()
    files = {len("".join(contents[:i]).encode()) for i in range(len(contents) + 1)}
    return files | {i + 1 for i, byte in enumerate(data) if byte == 10}


@given(contents=texts)
def test_whole_files_in_order(write, contents):
    parts = whole(write(contents))
    assert size(parts) == sum(len(t.encode()) for t in contents)
    assert text_of(parts) == joined(contents)
    assert digest(parts) == hashlib.sha256("".join(contents).encode()).hexdigest()


@given(contents=texts, share=st.floats(0, 1), at_line=st.booleans())
def test_a_cut_loses_nothing_and_splits_no_character_and_no_line(write, contents, share, at_line):
    parts = whole(write(contents))
    position = int(size(parts) * share)
    before, after = cut(parts, position, at_line=at_line)
    data, at = "".join(contents).encode(), size(before)
    assert size(after) == len(data) - at
    assert digest(before) == hashlib.sha256(data[:at]).hexdigest()
    assert digest(after) == hashlib.sha256(data[at:]).hexdigest()
    if at_line:
        assert at == min(s for s in line_starts(contents) if s >= position)
    else:
        assert at == min(i for i in range(position, len(data) + 1) if data[i : i + 1] < b"\x80" or data[i] >= 0xC0)
    left, right = text_of(before), text_of(after)  # each decodes: no character was split
    between = "\n" if left + right not in (joined(contents),) else ""
    assert left + between + right == joined(contents)


@given(contents=texts, share=st.floats(0, 1))
def test_lines_keep_the_numbers_they_have_in_their_file(write, contents, share):
    parts = whole(write(contents))
    _, after = cut(parts, int(size(parts) * share), at_line=True)
    for chunk in chunks(after, "utf-8"):
        own = Path(chunk.source).read_bytes().decode().split("\n")
        for number, line in lines_of(chunk):
            assert line in (own[number - 1], "")  # empty: the line end that was put between two files


def test_cuts_by_hand(write):
    parts = whole(write(["one\ntwo\nthree\n", "four\nfive"]))
    for position, expected in [
        (0, 0),
        (1, 4),
        (4, 4),
        (5, 8),
        (8, 8),
        (13, 14),
        (14, 14),
        (15, 19),
        (19, 19),
        (20, 23),
    ]:
        before, after = cut(parts, position, at_line=True)
        assert (size(before), size(after)) == (expected, 23 - expected), position
    assert [(c.text, c.line) for c in chunks(cut(parts, 15, at_line=True)[1], "utf-8")] == [("five", 2)]
