"""`seqcli classify` in real pipes: it answers as it is asked, and ends as a filter should."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest


def ask(process: subprocess.Popen[bytes], text: bytes, lines: int) -> list[bytes]:
    """Write, and read so many lines before the next is written."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(text)
    process.stdin.flush()
    return [process.stdout.readline() for _ in range(lines)]


@pytest.mark.parametrize("options", [["remarks", "--jobs", 2], ["trees", "--batch-size", 1]])
def test_a_line_is_answered_before_the_next_is_asked(spawn, classifiers, options):
    process = spawn("-q", "classify", "-m", *options, cwd=classifiers)
    for line in (b"the first\n", b"\n", b"  \n", b"the third\r\n"):
        (answer,) = ask(process, line, 1)
        label, probability = answer.removesuffix(b"\n").split(b"\t")
        assert (label == b"-") == (not line.strip())
        assert (float(probability) == 0) == (not line.strip())
    out, err = process.communicate(b"the last", timeout=60)
    assert out.count(b"\n") == out.count(b"\t") == 1
    assert err == b""
    assert process.returncode == 0


def test_objects_and_rows_are_answered_as_they_come(spawn, classifiers):
    process = spawn("-q", "classify", "-m", "remarks", "--field", "body", cwd=classifiers)
    for body in (b"good", b"a bad film"):
        (answer,) = ask(process, b'{"n": 1.50, "body": "%s"}\n' % body, 1)
        assert answer.startswith(b'{"n": 1.50, "body": "%s", "seqcli": {"label": "' % body)
    assert ask(process, b"\n", 1) == [b"\n"]
    process = spawn("-q", "classify", "-m", "remarks", "--input", "csv", cwd=classifiers)
    assert ask(process, b"text,label\n", 0) == []
    header, row = ask(process, b"good,x\n", 2)
    assert header == b"text,label,predicted,probability\n"
    assert row.startswith(b"good,x,")
    first, second = ask(process, b'"a\nb ""c""",x\n', 2)  # the row is whole with its second line
    assert first == b'"a\n'
    assert second.startswith(b'b ""c""",x,')
    out, _ = process.communicate(b"bad,y", timeout=60)
    assert out.startswith(b"bad,y,")
    assert out.endswith(b"\n")


def test_a_named_pipe_is_answered_as_it_comes(spawn, classifiers, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    process = spawn("-q", "classify", "-m", "remarks", tmp_path / "pipe", cwd=classifiers, stdin=subprocess.DEVNULL)
    with (tmp_path / "pipe").open("wb", buffering=0) as pipe:
        for line in (b"the first\n", b"the second\n"):
            pipe.write(line)
            assert process.stdout.readline().count(b"\t") == 1
    assert process.wait(60) == 0


def test_a_closed_pipe_ends_it_quietly(spawn, classifiers):
    args = ["classify", "-m", "remarks", "--input", "text", "--jsonl", "--batch-size", 20, "--jobs", 2]
    process = spawn("-q", *args, *["remarks-train.tsv"] * 40, cwd=classifiers)
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("more", [["remarks-test.tsv"], ["--input", "tsv", "head.tsv"]])
def test_a_full_disk_is_told(spawn, classifiers, tmp_path, more):
    (tmp_path / "head.tsv").write_text("text\tlabel\n")  # its header alone is written
    files = [str(tmp_path / m) if m == "head.tsv" else m for m in more]
    with Path("/dev/full").open("wb") as full:
        process = spawn("-q", "classify", "-m", "remarks", *files, cwd=classifiers, stdout=full)
        assert process.wait(60) == 1
    err = process.stderr.read()
    assert err.startswith(b"error: No space left on device")
    assert err.count(b"error") == 1


@pytest.mark.parametrize(("number", "status", "jobs"), [(signal.SIGINT, 130, 1), (signal.SIGTERM, 143, 2)])
def test_signals_end_it(spawn, classifiers, number, status, jobs):
    process = spawn("-q", "classify", "-m", "remarks", "--jobs", jobs, cwd=classifiers)
    ask(process, b"the film\n", 1)
    process.send_signal(number)
    assert process.wait(60) == status
    assert b"Traceback" not in process.stderr.read()


def test_one_process_does_what_is_too_quick_for_two(forks, classifiers):
    texts = "good film\nbad film\n" * 3000
    one, two = (
        forks("classify", "-m", "linear", *jobs, cwd=classifiers, input=texts) for jobs in ([], ["--jobs", 2])
    )
    assert two.returncode == 0
    assert two.stdout == one.stdout
    assert "one process is used" in two.stderr
    assert "one process is used" not in one.stderr


def test_what_is_not_utf8_is_named_after_what_came_before(spawn, classifiers):
    process = spawn("-q", "classify", "-m", "remarks", cwd=classifiers)
    assert b"\t" in ask(process, b"the film\n", 1)[0]
    out, err = process.communicate(b"a\nb \xe9t\xe9\n", timeout=60)
    assert out.count(b"\n") == 1
    assert err.startswith(b"error: <stdin>:3:3: byte 0xe9 is not valid UTF-8")
    assert b"hint: convert the file first" in err
    assert process.returncode == 1


def test_lines_of_earlier_chunks_are_answered_before_a_mistake(forks, classifiers, tmp_path):
    """A chunk of a file is 1 MiB: fewer lines than a batch has are not lost with it."""
    (tmp_path / "in").write_bytes(b"good film\n" + b"x" * (1 << 20) + b"\nbad film\n\xff\n")
    done = forks("-q", "classify", "-m", "linear", tmp_path / "in", cwd=classifiers)
    assert done.returncode == 1
    assert f"{tmp_path}/in:4:1: byte 0xff" in done.stderr
    assert done.stdout.count("\n") == 3
