"""Files, globs and standard input: found in the order given, and said in words where they are not."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from seqcli import streams
from seqcli.errors import SeqcliError
from seqcli.streams import expand, open_source, read_text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.txt", "a.txt", "c.tsv", "odd[1].txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "sub" / "deep" / "empty").mkdir(parents=True)
    (tmp_path / "sub" / "deep" / "d.txt").write_text("d")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    return tmp_path


def names(paths: list[Path]) -> list[str]:
    return [p.name for p in paths]


def test_expand_keeps_the_order_given_and_sorts_a_globs_own(folder: Path) -> None:
    assert names(expand(["c.tsv", "[ab].txt", "a.txt"], folder)) == ["c.tsv", "a.txt", "b.txt", "a.txt"]
    assert names(expand(["odd[1].txt"], folder)) == ["odd[1].txt"]  # a file of that name, not a pattern
    assert names(expand(["**/*.txt"], folder)) == ["a.txt", "b.txt", "odd[1].txt", "d.txt"]
    assert names(expand(["*"], folder)) == ["a.txt", "b.txt", "c.tsv", "odd[1].txt"]  # folders are left out
    assert expand([str(folder / "a.txt")], Path("elsewhere")) == [folder / "a.txt"]


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("a.text", "no such file", "did you mean 'a.txt'?"),
        ("*.csv", "no such file", "did you mean 'c.tsv'?"),
        ("gone", "no such file", ""),
        ("missing/a.txt", "no such file", "missing does not exist"),
        ("a.txt/b", "no such file", "a.txt does not exist"),
        ("sub/deep/empty/x", "no such file", ""),
        ("sub", "is a folder", "*.txt"),
        ("su?", "is a folder", "*.txt"),
        ("x" * 5000, "no such file", ""),
    ],
    ids=lambda v: v[:12],
)
def test_expand_says_what_is_wrong(folder: Path, pattern: str, message: str, hint: str) -> None:
    with pytest.raises(SeqcliError) as error:
        expand([pattern], folder)
    assert message in error.value.message
    assert pattern.rstrip("?") in error.value.message
    assert hint in error.value.hint
    if not hint:
        assert error.value.hint == ""


def test_open_source_says_what_is_wrong(folder: Path) -> None:
    def read(path: Path) -> BinaryIO:
        with open_source(path) as (file, source):
            assert source == str(path)
            return file

    assert read(folder / "a.txt").closed
    for name, message in (
        ("a.text", "did you mean 'a.txt'"),
        ("sub", r"cannot read .*directory"),
        ("gone", "no such"),
    ):
        with pytest.raises(SeqcliError, match=message):
            read(folder / name)


def test_several_sources_one_after_the_other(folder: Path) -> None:
    chunks = list(read_text([folder / "b.txt", folder / "a.txt"]))
    assert [(c.text, Path(c.source).name, c.line) for c in chunks] == [("b.txt", "b.txt", 1), ("a.txt", "a.txt", 1)]


def test_stdin_with_nothing_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert streams.stdin_is_interactive() == (sys.stdin.closed or sys.stdin.isatty())
    monkeypatch.setattr(sys, "stdin", None)
    assert streams.stdin_is_interactive()
    monkeypatch.setattr(sys, "stdin", io.StringIO("text"))
    assert not streams.stdin_is_interactive()
