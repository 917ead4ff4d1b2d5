"""Files, globs and standard input: found in the order given, and said in words where they are not."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from seqcli import streams
from seqcli.errors import SeqcliError
from seqcli.files import expand, open_source
from seqcli.streams import read_text


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
    assert [p.resolve() for p in expand([str(folder / "a.txt")], Path("elsewhere"))] == [(folder / "a.txt").resolve()]


def test_files_of_a_recipe_are_named_shortly(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    base = Path("sub/deep")
    assert [str(p) for p in expand(["../../c.tsv", "../../[ab].txt", "d.txt"], base)] == [
        *("c.tsv", "a.txt", "b.txt", "sub/deep/d.txt"),
    ]
    assert [str(p) for p in expand([str(folder / "c.tsv")], base)] == ["c.tsv"]
    assert [str(p) for p in expand(["sub/../c.tsv"])] == ["sub/../c.tsv"]  # of a command line: as written
    for pattern, message in (("../../d.tsv", "no such file: d.tsv"), ("../../sub", "sub is a folder")):
        with pytest.raises(SeqcliError) as error:
            expand([pattern], base)
        assert error.value.message.startswith(message)
    with pytest.raises(SeqcliError) as error:
        expand(["../../none/d.tsv"], base)
    assert str(error.value) == "no such file: none/d.tsv\nthe folder none does not exist"
    monkeypatch.chdir(base)
    far = folder / "a.txt"
    assert expand(["../../a.txt"], Path())[0] == min(Path("../../a.txt"), far, key=lambda p: len(str(p)))


def test_a_link_on_the_way_is_not_cut_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`link/..` is the folder above what the link leads to."""
    monkeypatch.chdir(folder)
    (folder / "link").symlink_to("sub/deep")
    (folder / "sub" / "a.txt").write_text("the other")
    (found,) = expand(["../a.txt"], Path("link"))
    assert (str(found), found.read_text()) == ("link/../a.txt", "the other")
    assert [str(p) for p in expand(["d.txt"], Path("link"))] == ["link/d.txt"]


def test_the_hint_names_the_recipes_key_where_there_is_one(folder: Path) -> None:
    (folder / "latin.txt").write_bytes(b"a\n\xe9\n")
    hints = []
    for encoding in (None, "utf-8"):
        with pytest.raises(SeqcliError) as error:
            list(read_text([folder / "latin.txt"], encoding=encoding))
        assert error.value.message == f"{folder}/latin.txt:2:1: byte 0xe9 is not valid UTF-8"
        hints.append(error.value.hint)
    assert hints[0] == "convert the file first, for example with: iconv -f latin1 -t utf-8 FILE"
    assert hints[1] == f"{hints[0]}; or set its encoding in a recipe, as in data.encoding: latin-1"


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


def test_a_source_that_lacks_its_last_line_end_is_given_one_where_another_follows(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abcd"]
    for path, text in zip(paths, ("one\ntwo", "three\n", "", "four"), strict=True):
        path.write_text(text)
    chunks = [(c.text, Path(c.source).name, c.line) for c in read_text(paths, end_lines=True)]
    assert chunks == [
        *(("one\n", "a", 1), ("two", "a", 2), ("\n", "a", 2), ("three\n", "b", 1), ("four", "d", 1)),
    ]
    assert [c.text for c in read_text(paths)] == ["one\n", "two", "three\n", "four"]


def test_stdin_with_nothing_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert streams.stdin_is_interactive() == (sys.stdin.closed or sys.stdin.isatty())
    monkeypatch.setattr(sys, "stdin", None)
    assert streams.stdin_is_interactive()
    monkeypatch.setattr(sys, "stdin", io.StringIO("text"))
    assert not streams.stdin_is_interactive()
