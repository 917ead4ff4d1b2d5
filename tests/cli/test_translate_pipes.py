"""`seqcli generate` with a model of pairs in real pipes: it answers as it is asked, and ends as a filter should."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def ask(process: subprocess.Popen[bytes], text: bytes, lines: int = 1) -> bytes:
    """Write, and read so many lines before the next is written."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(text)
    process.stdin.flush()
    return b"".join(process.stdout.readline() for _ in range(lines))


@pytest.mark.parametrize("options", [["back"], ["former", "--batch-size", 1], ["back", "--jobs", 2]])
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


@pytest.mark.parametrize("more", [[], ["--jobs", 2]])
def test_a_closed_pipe_ends_it_quietly(spawn, translators, more):
    files = ["back-train.tsv"] * 20
    args = ["generate", "-m", "blunt", "--input", "text", "--jsonl", "--batch-size", 20, "--max-tokens", 5]
    process = spawn("-q", *args, *more, *files, cwd=translators)
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


@pytest.mark.parametrize(("number", "status", "jobs"), [(signal.SIGINT, 130, 2), (signal.SIGTERM, 143, 1)])
def test_signals_end_it(spawn, translators, number, status, jobs):
    process = spawn("-q", "generate", "-m", "back", "--jobs", jobs, cwd=translators)
    assert ask(process, b"abc\n") == b"cba\n"
    process.send_signal(number)
    assert process.wait(60) == status
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


HEAVY = ("torch", "sacrebleu", "matplotlib", "scipy", "pandas")


def run(
    *args: object, cwd: Path, before: Path | None = None, python: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """`python -m seqcli ARGS` on one line of input, with a folder first on the module path."""
    path = os.pathsep.join(filter(None, [str(before or ""), str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *python, "-m", "seqcli", "-q", *map(str, args)],
        cwd=cwd,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        input="abc\n",
        timeout=60,
        check=False,
        text=True,
    )


def imported(*args: object, cwd: Path) -> tuple[str, set[str]]:
    """stdout of `seqcli ARGS`, and the packages that it imported."""
    done = run(*args, cwd=cwd, python=("-X", "importtime"))
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return done.stdout, {line.rsplit("|", 1)[1].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize(
    "args",
    [["-m", "back", "--n-best", 2, "--jsonl", "--attention", "--alignment"], ["-m", "former", "--temperature", 1, "--seed", 1], ["-m", "copies"]],
)  # fmt: skip
def test_answering_imports_no_torch(translators, args):
    out, packages = imported("generate", *args, cwd=translators)
    assert out.count("\n") == 1
    assert not packages & set(HEAVY)


def test_scoring_imports_no_torch(translators):
    out, packages = imported("eval", "-m", "back", cwd=translators)
    assert "chrf" in out
    assert packages & set(HEAVY) == {"sacrebleu"}
    out, packages = imported("eval", "-m", "copies", "--per-line", "--split", "test", cwd=translators)
    assert out.count("\n") == 40
    assert not packages & set(HEAVY)
    assert "sequence-to-sequence" in imported("inspect", "former", cwd=translators)[0]


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
    here = {"cwd": translators, "before": tmp_path}
    assert run("generate", "-m", "back", **here).stdout == "cba\n"
    done = run("generate", "-m", "back", "--draw", tmp_path / "x.png", **here)
    assert (done.returncode, done.stdout) == (1, "")
    assert "drawing needs matplotlib\n  hint: pip install 'seqcli[report]'" in done.stderr
    done = run("eval", "-m", "back", **here)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'seqcli[metrics]'" in done.stderr
    assert run("eval", "-m", "back", "--per-line", "--split", "test", **here).stdout.count("\n") == 40
    assert float(run("eval", "-m", "back", "--metric", "exact-match", **here).stdout) > 0.8
