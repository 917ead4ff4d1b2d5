"""`seqcli tag` in real pipes: it answers as it is asked, ends as a filter should, and never imports torch."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from support.fresh import fresh


def ask(process: subprocess.Popen[bytes], text: bytes, lines: int) -> list[bytes]:
    """Write, and read so many lines before the next is written."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(text)
    process.stdin.flush()
    return [process.stdout.readline() for _ in range(lines)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_line_is_answered_before_the_next_is_asked(spawn, taggers, jobs):
    process = spawn("-q", "tag", "-m", "pos", "--jobs", jobs, cwd=taggers)
    for line in (b"the first\n", b"\n", b"  \n", b"the third\n"):
        (answer,) = ask(process, line, 1)
        assert answer.endswith(b"\n")
        assert answer.count(b"/") == len(line.split())
    out, err = process.communicate(b"the last", timeout=30)
    assert out.count(b"/") == 2
    assert out.endswith(b"\n")
    assert err == b""
    assert process.returncode == 0


def test_columns_are_answered_at_the_blank_line(spawn, taggers):
    process = spawn("-q", "tag", "-m", "fed", "--format", "conll", "--columns", "word,pos", cwd=taggers)
    ask(process, b"Ada NNP\n", 0)
    rows = ask(process, b"saw VBD\n\n", 3)
    assert [row.split()[:2] for row in rows] == [[b"Ada", b"NNP"], [b"saw", b"VBD"], []]
    assert ask(process, b"\nParis NNP\n\n", 3)[::2] == [b"\n", b"\n"]
    out, _ = process.communicate(b"Bob NNP", timeout=30)
    assert out.startswith(b"Bob NNP ")


def test_a_named_pipe_is_answered_as_it_comes(spawn, taggers, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    process = spawn("-q", "tag", "-m", "pos", tmp_path / "pipe", cwd=taggers, stdin=subprocess.DEVNULL)
    with (tmp_path / "pipe").open("wb", buffering=0) as pipe:
        for line in (b"the first\n", b"the second\n"):
            pipe.write(line)
            assert process.stdout.readline().startswith(b"the/")
    assert process.wait(30) == 0


def test_a_closed_pipe_ends_it_quietly(spawn, taggers):
    files = ["pos-train.txt"] * 4
    process = spawn("-q", "tag", "-m", "pos", "--input", "word-tag", "--batch-size", 20, *files, cwd=taggers)
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_told(spawn, taggers):
    with Path("/dev/full").open("wb") as full:
        process = spawn("-q", "tag", "-m", "pos", "--input", "word-tag", "pos-test.txt", cwd=taggers, stdout=full)
        assert process.wait(30) == 1
    err = process.stderr.read()
    assert err.startswith(b"error: No space left on device")
    assert err.count(b"error") == 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it(spawn, taggers, number, status):
    process = spawn("-q", "tag", "-m", "pos", "--jobs", 1 + (number == signal.SIGINT), cwd=taggers)
    ask(process, b"the cat\n", 1)
    process.send_signal(number)
    assert process.wait(30) == status
    assert b"Traceback" not in process.stderr.read()


def test_what_is_not_utf8_is_named_after_what_came_before(spawn, taggers):
    process = spawn("-q", "tag", "-m", "pos", cwd=taggers)
    assert ask(process, b"the cat\n", 1)[0].startswith(b"the/")
    _, err = process.communicate(b"a\nb \xe9t\xe9\n", timeout=30)
    assert err.startswith(b"error: <stdin>:3:3: byte 0xe9 is not valid UTF-8")
    assert b"hint: convert the file first" in err
    assert process.returncode == 1


def test_lines_of_earlier_chunks_are_answered_before_a_mistake(forks, taggers, tmp_path):
    """A chunk of a file is 1 MiB: fewer lines than a batch has are not lost with it."""
    long = "x" * (1 << 20)
    (tmp_path / "in").write_bytes(b"the cat\n" + long.encode() + b"\nthe dog\n\xff\n")
    done = forks("-q", "tag", "-m", "pos", tmp_path / "in", cwd=taggers)
    assert done.returncode == 1
    assert f"{tmp_path}/in:4:1: byte 0xff" in done.stderr
    assert done.stdout.startswith("the/")


def test_torch_is_not_imported(taggers):
    commands = (
        ["tag", "-m", "pos", "pos-test.txt", "--input", "word-tag", "--format", "jsonl", "--n-best", "2"],
        ["tag", "-m", "fed", "--format", "conll", "--confidence", "--force", "ner", "ner-test.conll"],
        ["tag", "-m", "spaces", "plain.txt"],
        ["eval", "-m", "ner"],
    )
    for done in fresh([["-q", *args] for args in commands], taggers):
        assert (done.returncode, done.heavy) == (0, []), done.stderr
        assert done.stdout
