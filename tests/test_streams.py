"""Text in, results out: nothing lost between chunks, positions exact, answers as soon as there is input."""

from __future__ import annotations

import codecs
import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import streams
from seqcli.errors import SeqcliError
from seqcli.streams import Chunk, Output, Replaced, column_of, decode, lines_of, read_chunks, read_text, without_marks

ROOT = Path(__file__).resolve().parent.parent

TEXT = st.text(
    st.one_of(st.sampled_from("a\n\r\t é€🙂\x0b\x0c\x1c\x85\u2028\u2029\ufeff"), st.characters(codec="utf-8"))
)


class Dripping(io.RawIOBase):
    """A source that hands out its bytes in pieces of given sizes, as a pipe may; `read1` never waits for more."""

    def __init__(self, data: bytes, sizes: list[int]):
        self._data, self._sizes, self._count = data, sizes, 0

    def read1(self, size: int) -> bytes:
        most = self._sizes[self._count % len(self._sizes)]
        self._count += 1
        piece, self._data = self._data[: min(most, size)], self._data[min(most, size) :]
        return piece


drip: Any = Dripping
sizes = st.lists(st.integers(1, 12), min_size=1, max_size=5)

# chunks


@settings(max_examples=examples(300), deadline=None)
@given(text=TEXT, sizes=sizes, size=st.sampled_from([1, 2, 3, 7, 1 << 20]), first=st.integers(1, 5))
def test_chunks_add_up_to_the_text_in_whole_lines(text: str, sizes: list[int], size: int, first: int) -> None:
    chunks = list(read_chunks(drip(text.encode(), sizes), "f", size=size, line=first))
    assert "".join(c.text for c in chunks) == text
    assert all(c.text.endswith("\n") for c in chunks[:-1])
    assert all(c.text for c in chunks)
    line = first
    for chunk in chunks:
        assert (chunk.line, chunk.source) == (line, "f")
        line += chunk.text.count("\n")


@settings(max_examples=examples(200), deadline=None)
@given(text=TEXT, sizes=sizes)
def test_only_a_newline_ends_a_line(text: str, sizes: list[int]) -> None:
    found = [line for chunk in read_chunks(drip(text.encode(), sizes), "f") for line in lines_of(chunk)]
    expected = text.split("\n")
    if expected[-1] == "":
        expected.pop()
    assert found == list(enumerate(expected, 1))


def test_carriage_returns_and_other_separators_stay_in_their_line() -> None:
    line = "a\rb\x0bc\x0cd\x1ce\x85f\u2028g\u2029h\r"
    chunks = read_chunks(io.BytesIO(f"{line}\nx".encode()), "f")
    assert [found for chunk in chunks for found in lines_of(chunk)] == [(1, line), (2, "x")]


def test_blank_lines_are_lines() -> None:
    assert list(lines_of(Chunk("\n\na\n\n", "f", 3))) == [(3, ""), (4, ""), (5, "a"), (6, "")]
    assert list(lines_of(Chunk("a", "f", 1))) == [(1, "a")]
    assert list(read_chunks(io.BytesIO(b""), "f")) == []


@settings(max_examples=examples(200), deadline=None)
@given(text=TEXT, sizes=sizes, longest=st.integers(4, 20))
def test_long_lines_may_be_cut_but_no_character_is(text: str, sizes: list[int], longest: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "LONGEST", longest)
        chunks = list(read_chunks(drip(text.encode(), sizes), "f", cut_long_lines=True))
        whole = list(read_chunks(drip(text.encode(), sizes), "f"))
    assert "".join(c.text for c in chunks) == "".join(c.text for c in whole) == text
    assert all(c.text.endswith("\n") for c in whole[:-1])  # unasked, none is cut
    assert max((len(c.text.encode()) for c in chunks), default=0) < longest + 2 * max(sizes)
    done = ""
    for chunk in chunks:
        lines = done.split("\n")
        assert (chunk.line, chunk.column) == (len(lines), len(lines[-1]) + 1)
        done += chunk.text


def test_long_lines_are_cut_behind_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LONGEST", 10)
    found = [c.text for c in read_chunks(drip(b"one two three four five six\nseven", [6]), "f", cut_long_lines=True)]
    assert "".join(found) == "one two three four five six\nseven"
    assert len(found) > 3
    assert all(text.endswith((" ", "\n")) for text in found[:-1])


@pytest.mark.parametrize("character", "aé€🙂")
def test_long_lines_are_cut_as_late_as_can_be(monkeypatch: pytest.MonkeyPatch, character: str) -> None:
    size = 2 * len(character.encode())
    monkeypatch.setattr(streams, "LONGEST", size)
    found = read_chunks(drip((character * 6).encode(), [size]), "f", cut_long_lines=True)
    assert [c.text for c in found] == [character * 2] * 3


def test_a_byte_order_mark_is_one_at_the_start_of_a_source_alone() -> None:
    chunks = [
        Chunk("\ufeffa", "f", 1),
        Chunk("\ufeffb\n", "f", 1, 3),
        Chunk("\ufeffc", "f", 2),
        Chunk("\ufeffd", "g", 1),
    ]
    assert [c.text for c in without_marks(chunks)] == ["a", "\ufeffb\n", "\ufeffc", "d"]


def test_a_file_comes_in_large_chunks(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"0123456\n" * (1 << 18))  # 2 MiB
    chunks = list(read_text([path]))
    assert len(chunks) <= 4
    assert sum(len(c.text) for c in chunks) == 2 << 20


# what does not decode


def position_of_error(data: bytes) -> tuple[int, int, int]:
    """(line, column, byte) of the first byte that is not UTF-8, line by line: another way than the program's."""
    for number, line in enumerate(data.split(b"\n"), 1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            return number, len(line[: error.start].decode()) + 1, line[error.start]
    raise AssertionError("all of it is UTF-8")


@settings(max_examples=examples(300), deadline=None)
@given(
    before=TEXT,
    bad=st.sampled_from(
        [b"\xff", b"\x80", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x99", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf8"]
    ),
    after=TEXT,
    sizes=sizes,
    longest=st.sampled_from([None, 4, 9]),
)
def test_the_position_of_invalid_bytes_is_exact(
    before: str, bad: bytes, after: str, sizes: list[int], longest: int | None
) -> None:
    data = before.encode() + bad + b"!" + after.encode()
    line, column, byte = position_of_error(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "LONGEST", longest or streams.LONGEST)
        found: list[Chunk] = []
        with pytest.raises(SeqcliError) as error:
            found.extend(read_chunks(drip(data, sizes), "name.txt", cut_long_lines=longest is not None))
    come = "".join(c.text for c in found)  # the lines before it, of a cut line its beginning too
    assert (before.startswith if longest else before[: before.rfind("\n") + 1].__eq__)(come)
    assert come.count("\n") == line - 1
    assert error.value.message == f"name.txt:{line}:{column}: byte 0x{byte:02x} is not valid UTF-8"
    assert "iconv" in error.value.hint


PIECES = [b"a", "é".encode(), b"\n", "\ufffd".encode(), b"\xff", b"\xc3", "🙂".encode()[:3], b"\xed\xa0\x80"]


@settings(max_examples=examples(100), deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES)), sizes=sizes, encoding=st.sampled_from([None, "ascii"]))
def test_what_does_not_decode_may_be_replaced_and_counted(
    pieces: list[bytes], sizes: list[int], encoding: str | None
) -> None:
    """A U+FFFD of the text itself is none that replaces something."""
    data, places = b"".join(pieces), []
    codecs.register_error("seen", lambda e: places.append(e) or codecs.replace_errors(e))  # type: ignore[arg-type]
    expected, replaced = data.decode(encoding or "utf-8", errors="seen"), Replaced()
    chunks = read_chunks(drip(data, sizes), "f", encoding=encoding, replaced=replaced)
    assert "".join(c.text for c in chunks) == expected
    assert replaced.count == len(places)


def test_what_comes_before_an_invalid_byte_is_yielded_first() -> None:
    stream = read_chunks(drip(b"good\nbad \xff\n", [5]), "f")
    assert next(stream).text == "good\n"
    with pytest.raises(SeqcliError, match=r"^f:2:5: byte 0xff"):
        next(stream)


def test_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "old.txt"
    path.write_bytes("né\nça\n".encode("latin-1"))
    assert [c.text for c in read_text([path], encoding="latin-1")] == ["né\nça\n"]
    with pytest.raises(SeqcliError, match=r"old\.txt:1:2: byte 0xe9"):
        list(read_text([path]))
    with pytest.raises(SeqcliError, match="ASCII"):
        decode(b"\xe9", "ascii", "f", 1)
    with pytest.raises(SeqcliError, match=r"^f:2:2: .* is not valid UTF-16-LE"):  # a line there is no text of itself
        decode(b"\n\0\0\xdc", "utf-16-le", "f", 1)


@settings(max_examples=examples(100), deadline=None)
@given(text=TEXT, start=st.integers(1, 9))
def test_column_of_counts_code_points_from_one(text: str, start: int) -> None:
    """A chunk's first line may begin at any column, as where a long line was cut."""
    chunk = Chunk(text + "\nab\n", "f", 7, start)
    assert chunk.place() == f"f:7:{start}"
    for offset in range(len(chunk.text) + 1):
        lines = chunk.text[:offset].split("\n")
        before, column = column_of(chunk.text, offset)
        assert (before, column) == (len(lines) - 1, len(lines[-1]) + 1)
        assert chunk.place(offset) == f"f:{7 + before}:{column + (0 if before else start - 1)}"


# pipes


def test_a_slow_pipe_yields_lines_as_they_come() -> None:
    """One thread writes and waits to be answered: reading ahead would wait for ever."""
    read_end, write_end = os.pipe()
    answered = [threading.Event() for _ in range(3)]
    early = []

    def write() -> None:
        with os.fdopen(write_end, "wb", buffering=0) as pipe:
            for part, event in zip([b"one\n", b"two\nthr", b"ee\nfour"], answered, strict=True):
                pipe.write(part)
                early.append(event.wait(timeout=20))

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(read_end, "rb") as pipe:
        stream = read_chunks(pipe, "pipe")
        for expected, event in zip([("one\n", 1), ("two\n", 2), ("three\n", 3)], answered, strict=True):
            chunk = next(stream)
            assert (chunk.text, chunk.line) == expected
            event.set()
        assert [(c.text, c.line) for c in stream] == [("four", 4)]
    writer.join()
    assert early == [True] * 3


ECHO = """
import sys
from seqcli.streams import Output, lines_of, read_text
out = Output()
for chunk in read_text(["-"]):
    for number, line in lines_of(chunk):
        out.write(f"{chunk.source}:{number}:{line}\\n")
    out.flush()
"""


def start(program: str, **options: Any) -> Any:
    """A process that buffers what it writes, whatever this one does."""
    options["env"] = {k: v for k, v in (options.get("env") or os.environ).items() if k != "PYTHONUNBUFFERED"}
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options
    )


def test_a_filter_answers_each_line_before_the_next() -> None:
    with start(ECHO) as process:
        assert process.stdin
        assert process.stdout
        for number, line in enumerate(["a", "", "é€🙂", "x\r"], 1):
            process.stdin.write(f"{line}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline() == f"<stdin>:{number}:{line}\n".encode()
        process.stdin.write(b"no end")
        process.stdin.close()
        assert process.stdout.read() == b"<stdin>:5:no end\n"
    assert process.returncode == 0


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_text_is_utf8_whatever_the_locale(locale: str) -> None:
    env = {**os.environ, "LC_ALL": locale, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    with start(ECHO, env=env) as process:
        out, _ = process.communicate("é\u2028🙂\r\n".encode(), timeout=60)
    assert out == "<stdin>:1:é\u2028🙂\r\n".encode()


def test_a_reader_that_leaves_is_told_apart() -> None:
    program = """
import sys
from seqcli.console import discard
from seqcli.streams import Output
out = Output()
try:
    while True:
        out.line("x" * 1000)
        out.flush()
except BrokenPipeError:
    discard(sys.stdout.fileno())
    sys.exit(141)
"""
    with start(program, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""  # no complaint from the interpreter's last flush
        assert process.wait(timeout=60) == 141


def test_output_writes_what_it_is_given() -> None:
    file = io.BytesIO()
    out = Output(file)
    out.write("a\r")
    out.line("é\x1b]")
    out.write_bytes(b"\xff\n")
    out.json({"b": "é\u2028", "a": [1.5, None]})
    out.write("\udc80")  # half a character of a broken text stays what it was
    out.flush()
    expected = b"a\r" + "é\\u001b]\n".encode() + b"\xff\n" + '{"b": "é\\u2028", "a": [1.5, null]}\n'.encode()
    assert file.getvalue() == expected + "\udc80".encode(errors="surrogatepass")


@pytest.mark.parametrize("before", ["ä\nb\n", "\n"])
def test_the_lines_before_invalid_bytes_come_first(before: str) -> None:
    chunks = read_chunks(io.BytesIO(before.encode() + b"c\xff\nd\n"), "f")
    assert next(chunks) == Chunk(before, "f", 1)
    with pytest.raises(SeqcliError, match=rf"^f:{before.count(chr(10)) + 1}:2: byte 0xff is not valid UTF-8"):
        next(chunks)
