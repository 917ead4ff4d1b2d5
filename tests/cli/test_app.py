"""The program around the verbs: help, verbosity, exit statuses, pipes that close."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import seqcli
from seqcli import registry
from seqcli.cli import app
from seqcli.errors import SeqcliError, UsageError

ROOT = Path(seqcli.__file__).parent.parent
VERBS = [n for n in registry.names("cli") if n != "app"]


def test_help_lists_every_verb_with_its_summary(forks, tmp_path):
    out = forks.ok("--help", cwd=tmp_path).stdout
    for verb in VERBS:
        assert f"  {verb}" in out
        assert registry.summary("cli", verb) in " ".join(out.split())
    assert forks.ok("-h", cwd=tmp_path).stdout == out
    assert "Start here:" in out
    assert max(map(len, out.splitlines())) <= 120


def test_no_arguments_is_help_on_stderr(forks, tmp_path):
    done = forks(cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: seqcli [OPTIONS] VERB")
    assert "error:" not in done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(forks, tmp_path, verb):
    done = forks.ok(verb, "--help", cwd=tmp_path)
    assert done.stdout.startswith(f"Usage: seqcli {verb} ")
    assert done.stderr == ""


def test_version(seqcli, tmp_path):
    import seqcli as package

    done = seqcli("--version")
    assert done.stdout.decode() == f"seqcli {package.__version__}\n"


@pytest.mark.parametrize("place", [0, 1, 3])
def test_common_options_may_stand_anywhere(forks, home, place):
    args = ["eval", "-m", "tiny", "--split", "valid"]
    args.insert(place, "-q")
    assert forks.ok(*args, cwd=home).stdout == forks.ok("eval", "-m", "tiny", "--split", "valid", cwd=home).stdout
    loud = forks.ok("eval", cwd=home)
    assert loud.stderr.startswith("using ")
    assert forks.ok("eval", "-q", cwd=home).stderr == ""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SystemExit(3), 3),
        (SystemExit("words"), 1),
        (BrokenPipeError(), 141),
        (KeyboardInterrupt(), 130),
        (app.Terminated(), 143),
        (SeqcliError("data"), 1),
        (UsageError("usage"), 2),
        (OSError(28, "No space left on device", "f"), 1),
        (MemoryError(), 1),
        (ZeroDivisionError("x"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_statuses(error, status, capsys):
    assert app.status_of(error) == status
    said = capsys.readouterr().err
    assert "Traceback" not in said
    if status in (1, 2) and not isinstance(error, SystemExit):
        assert said.startswith("error: ")
    else:
        assert said == ""
    if isinstance(error, ZeroDivisionError):
        assert "this is a bug" in said
    if isinstance(error, OSError) and status == 1:
        assert "free some space" in said


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """A line of bash, `seqcli` meaning the one under test."""
    python = f'{sys.executable} -m seqcli "$@"'
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; seqcli() {{ {python}; }}; {command}"],
        cwd=cwd,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        "seqcli generate -m tiny --prompt the --seed 1 --max-tokens 100000 | head -c 10",
        "yes the | head -20000 | seqcli eval -m tiny --per-line | head -1",
        "yes the | head -20000 | seqcli generate -m tiny --seed 1 --max-tokens 3 | head -1",
    ],
)
def test_a_pipe_that_closes_early(home, command):
    done = shell(command, home)
    assert done.returncode == 141
    assert done.stderr == b""
    assert done.stdout.count(b"\n") <= 1


@pytest.mark.parametrize(
    "verb", ["eval --metric perplexity", "eval --per-line", "generate --max-tokens 3 --seed 1", "tokenize"]
)
def test_closed_descriptors(forks, home, verb):
    """A closed stdout is an error where something is written to it; nobody misses the other two."""
    command = f"{verb} -m tiny {'' if '--metric' in verb else 'corpus.txt'}"
    done = shell(f"seqcli {command} >&-", home)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, b"error: standard output is closed")
    plain = forks.ok(*command.split(), cwd=home)
    done = shell(f"seqcli {command} <&- 2>&- | (sleep 0.3; cat)", home)  # a reader that is slow gets all
    assert (done.returncode, done.stdout.decode()) == (0, plain.stdout)


def test_a_pipeline_of_filters(home):
    """What generate writes, eval reads: a line for a line all the way."""
    done = shell(
        "printf 'the\\n\\na cat\\n' | seqcli -q generate -m tiny --seed 3 | seqcli -q eval -m tiny --per-line", home
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"\t") == done.stdout.count(b"\n") == 3


def test_output_is_utf8_in_any_locale(home, spawn):
    process = spawn("-q", "generate", "-m", "bytes", "--seed", 1, "--prompt", "süß", "--echo", cwd=home)
    out = process.stdout.read()
    assert process.wait(30) == 0
    plain = shell("LC_ALL=C seqcli -q generate -m bytes --seed 1 --prompt süß --echo", home)
    assert plain.stdout == out
    assert out.decode().startswith("süß")
