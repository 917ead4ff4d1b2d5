"""`seqcli generate` with a model of pairs in real pipes: it answers as it is asked, and ends as a filter should."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from support.fresh import fresh


def ask(process: subprocess.Popen[bytes], text: bytes, lines: int = 1) -> bytes:
    """Write, and read so many lines before the next is written."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(text)
    process.stdin.flush()
    return b"".join(process.stdout.readline() for _ in range(lines))


@pytest.mark.parametrize("options", [["former", "--batch-size", 1], ["back", "--jobs", 2]])
def test_a_line_is_answered_before_the_next_is_asked(spawn, translators, options):
    process = spawn("-q", "generate", "-m", *options, cwd=translators)
    for line in (b"abc\n", b"\n", b"  \n", b"fe\r\n"):
        answer = ask(process, line)
        assert answer.endswith(b"\n")
        assert (answer == b"\n") == (not line.strip())
    out, err = process.communicate(b"a", timeout=60)
    assert out.count(b"\n") == 1
    assert err == b""
    assert process.returncode == 0


def test_objects_and_rows_are_answered_as_they_come(spawn, translators):
    process = spawn("-q", "generate", "-m", "back", "--field", "body", cwd=translators)
    for body in (b"abc", b"f"):
        answer = ask(process, b'{"n": 1.50, "body": "%s"}\n' % body)
        assert answer.startswith(b'{"n": 1.50, "body": "%s", "seqcli": {"text": "%s"' % (body, body[::-1]))
    assert ask(process, b"\n") == b"\n"
    process = spawn("-q", "generate", "-m", "back", "--input", "csv", "--source", "body", cwd=translators)
    assert ask(process, b"n,body\n", 0) == b""
    assert ask(process, b"1,abc\n", 2) == b"n,body,answer\n1,abc,cba\n"
    assert ask(process, b"2,f\n") == b"2,f,f\n"
    out, _ = process.communicate(b'3,"f"', timeout=60)
    assert out == b'3,"f",f\n'


def test_a_named_pipe_is_answered_as_it_comes(spawn, translators, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    process = spawn("-q", "generate", "-m", "back", tmp_path / "pipe", cwd=translators, stdin=subprocess.DEVNULL)
    with (tmp_path / "pipe").open("wb", buffering=0) as pipe:
        for line in (b"abc\n", b"f\n"):
            pipe.write(line)
            assert process.stdout.readline() == line.strip()[::-1] + b"\n"
    assert process.wait(60) == 0


def test_a_closed_pipe_ends_it_quietly(spawn, translators):
    files = ["back-train.tsv"] * 20
    args = ["generate", "-m", "blunt", "--input", "text", "--jsonl", "--batch-size", 20, "--max-tokens", 5]
    process = spawn("-q", *args, *files, cwd=translators)
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_told(spawn, translators):
    with Path("/dev/full").open("wb") as full:
        process = spawn("-q", "generate", "-m", "back", cwd=translators, stdout=full)
        _, err = process.communicate(b"abc\n", timeout=60)
    assert process.returncode == 1
    assert err.startswith(b"error: No space left on device")
    assert err.count(b"error") == 1


def test_a_signal_ends_it(spawn, translators):
    process = spawn("-q", "generate", "-m", "back", "--jobs", 2, cwd=translators)
    assert ask(process, b"abc\n") == b"cba\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert b"Traceback" not in process.stderr.read()


def test_what_is_not_utf8_is_named_after_what_came_before(spawn, translators):
    process = spawn("-q", "generate", "-m", "back", cwd=translators)
    assert ask(process, b"abc\n") == b"cba\n"
    out, err = process.communicate(b"f\nab \xe9t\xe9\n", timeout=60)
    assert out == b"f\n"
    assert err.startswith(b"error: <stdin>:3:4: byte 0xe9 is not valid UTF-8")
    assert b"hint: convert the file first" in err
    assert process.returncode == 1


# what it imports


def test_answering_and_scoring_import_no_torch(translators):
    answered = [
        ["generate", "-m", "back", "--n-best", 2, "--jsonl", "--attention", "--alignment"],
        ["generate", "-m", "former", "--temperature", 1, "--seed", 1],
        ["generate", "-m", "copies"],
    ]
    rest = [
        ["eval", "-m", "copies", "--per-line", "--split", "test"],
        ["inspect", "former"],
        ["eval", "-m", "back"],  # the only one whose scores are sacrebleu's
    ]
    found = fresh([["-q", *args] for args in (*answered, *rest)], translators, input="abc\n")
    assert [done.returncode for done in found] == [0] * 6, found
    assert [done.stdout.count("\n") for done in found[:4]] == [1, 1, 1, 40]
    assert "sequence-to-sequence" in found[4].stdout
    assert "chrf" in found[5].stdout
    assert [done.heavy for done in found] == [[]] * 5 + [["sacrebleu"]]


def test_without_torch_and_matplotlib(translators, tmp_path):
    """Where they are not installed: the same answers, and an error that says what to install."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('torch', 'matplotlib', 'sacrebleu'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
    )
    commands = [
        ["generate", "-m", "back"],
        ["generate", "-m", "back", "--draw", tmp_path / "x.png"],
        ["eval", "-m", "back"],
        ["eval", "-m", "back", "--per-line", "--split", "test"],
        ["eval", "-m", "back", "--metric", "exact-match"],
    ]
    given = {"input": "abc\n", "before": tmp_path}
    answer, drawn, scored, lines, exact = fresh([["-q", *args] for args in commands], translators, **given)
    assert answer.stdout == "cba\n"
    assert (drawn.returncode, drawn.stdout) == (1, "")
    assert "drawing needs matplotlib\n  hint: pip install 'seqcli[report]'" in drawn.stderr
    assert (scored.returncode, scored.stdout) == (2, "")
    assert "pip install 'seqcli[metrics]'" in scored.stderr
    assert lines.stdout.count("\n") == 40
    assert float(exact.stdout) > 0.8
