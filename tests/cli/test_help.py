"""`seqcli help`: pages in a pipe as they are written, on a terminal within its width."""

from __future__ import annotations

import re

import pytest
from support.terminal import ROOT, on_a_terminal

from seqcli.resources import share

PAGES = sorted((ROOT / "docs").glob("*.md"))


def test_every_page_is_a_topic_and_comes_as_it_is(forks, tmp_path):
    listed = forks.ok("help", cwd=tmp_path).stdout.splitlines()[1:]
    assert [line.split()[0] for line in listed] == [page.stem for page in PAGES]
    for page, line in zip(PAGES, listed, strict=True):
        assert line.split(None, 1)[1] == page.read_text().split("\n")[0].removeprefix("# ")
    assert share("docs") == ROOT / "docs"
    assert forks.ok("help", "tagging", cwd=tmp_path).stdout == (ROOT / "docs/tagging.md").read_text()


@pytest.mark.parametrize("columns", [80, 200])
def test_a_page_is_set_within_the_terminal(columns):
    shown = on_a_terminal(columns, "help", "readers")
    assert "\x1b[" in shown
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert columns - 10 < max(map(len, plain.splitlines())) <= columns
    words = " ".join(plain.split())
    assert "its state at the end of each word is concatenated with the word's own embedding" in words
    assert "](" not in words  # links are words


def test_a_comment_that_does_not_fit_stands_above_its_command():
    lines = [line.strip() for line in re.sub(r"\x1b\[[\d;]*m", "", on_a_terminal(80, "help", "mixing")).splitlines()]
    at = lines.index("seqcli eval -m lm --mix ngrams")
    assert lines[at - 1] == "# with a counted model, the weights fitted on the validation split"
    wide = on_a_terminal(200, "help", "mixing")
    assert re.search(r"seqcli eval -m lm --mix ngrams +# with a counted model", wide)


def test_without_colour_and_on_a_dumb_terminal():
    plain = on_a_terminal(100, "help", "tagging", NO_COLOR="1")
    assert not re.search(r"\x1b\[[\d;]*(3|4|9)\d", plain)
    assert "(docs/readers.md)" not in plain
    assert on_a_terminal(100, "help", "tagging", TERM="dumb") == (ROOT / "docs/tagging.md").read_text()


def test_a_verb_and_what_there_is_none_of(forks, tmp_path):
    assert forks.ok("help", "classify", cwd=tmp_path).stdout.endswith(": seqcli classify --help\n")
    done = forks("help", "taging", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: there is no page 'taging'\n  hint: did you mean 'tagging'?\n"
