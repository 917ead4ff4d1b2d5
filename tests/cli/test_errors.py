"""Mistakes: each said in a message that names its place and what to do, by the right status, never by a traceback."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seqcli import artifact
from seqcli.tokenizers import char, save

SMALL = ["--set", "train.steps=2"]


@pytest.fixture
def fails(forks, place) -> Callable[..., str]:
    """`fails(status, *args)`: what stderr says, of a command that must fail with a status and without a traceback."""

    def run(status: int, *args: object, cwd: Path = place, input: str = "") -> str:
        done = forks(*args, cwd=cwd, input=input)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        assert "this is a bug" not in done.stderr
        assert re.search(r"^error: \S", done.stderr, re.MULTILINE)
        return done.stderr

    return run


FIVE = """\
task: language-model
tokenizer: char
data: {train: corpus.txt, vaild: 0.1}
model:
  cell: lstn
  hidden: -16
train:
  epochs: ten
  batch_size: 8
  batch_size: 16
"""


def test_five_mistakes_in_a_recipe(fails, place):
    (place / "five.yaml").write_text(FIVE)
    said = fails(2, "train", "five.yaml")
    assert said.splitlines()[:5] == [
        "error: five.yaml:3: data.vaild: unknown key; did you mean 'valid'?",
        "five.yaml:5: model.cell: unknown cell 'lstn'; did you mean 'lstm'?",
        "five.yaml:6: model.hidden: must be a whole number greater than 0, not -16",
        "five.yaml:8: train.epochs: must be a number greater than 0, not 'ten'",
        "five.yaml:10: train.batch_size: duplicate key (first on line 9)",
    ]
    assert "hint: 5 mistakes in five.yaml" in said
    assert not (place / "runs").exists()


@pytest.mark.parametrize(
    ("status", "args", "words"),
    [
        (2, ["train", "tinny.yaml"], ["no such recipe: tinny.yaml", "did you mean 'tiny.yaml'?"]),
        (2, ["train", "charml"], ["no recipe is named 'charml'", "did you mean 'charlm'?"]),
        (2, ["trian", "tiny.yaml"], ["no such verb: 'trian'", "did you mean 'train'?"]),
        (2, ["train", "tiny.yaml", "--reusme"], ["--reusme", "--resume"]),
        (2, ["train"], ["Missing argument", "see: seqcli train --help"]),
        (2, ["train", "tiny.yaml", "--set", "model.hiden=3"], ["--set model.hiden=3", "did you mean 'hidden'?"]),
        (2, ["train", "tiny.yaml", "--name", "a/b"], ["'a/b' cannot name a run"]),
        (1, ["train", "tiny.yaml", "--set", "data.train=corpsu.txt"], ["corpsu.txt", "did you mean 'corpus.txt'?"]),
        (1, ["train", "tiny.yaml", "--set", "data.valid=no.txt"], ["no such file", "no.txt"]),
        (2, ["train", "tiny.yaml", "--set", "data.train=tinyshakespere"], ["did you mean 'tinyshakespeare'?"]),
        (1, ["train", "tiny.yaml", "--set", "data.train=empty.txt"], ["the corpus is empty: empty.txt"]),
        (1, ["train", "tiny.yaml", "--set", "data={train: short.txt}"], ["6 tokens", "train.sequence_length to 5"]),
        (1, ["train", "tiny.yaml", "--set", "data.train=latin.txt"], ["latin.txt:2:4: byte 0xfc", "iconv"]),
        (
            1,
            ["train", "tiny.yaml", "--set", "data.valid=odd.txt"],
            ["odd.txt:3:5: the character 'é' (U+00E9)", "unk"],
        ),
        (1, ["train", "tiny.yaml", "--set", "data.test=short.txt"], ["short.txt:1:1: the character 'H'"]),
        (1, ["train", "tiny.yaml", "--set", "data.test=one.txt"], ["the test split has fewer than two tokens"]),
        (2, ["generate", "--prompt", "a"], ["there is no model in ./runs for `generate`", "-m FILE"]),
        (2, ["eval", "-m", "nothing"], ["no such model: nothing"]),
        (2, ["inspect", "nothing"], ["no such model: nothing"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_recipes_and_data(fails, place, status, args, words):
    (place / "empty.txt").write_text("")
    (place / "short.txt").write_text("Hello\n")
    (place / "one.txt").write_text("a")
    (place / "latin.txt").write_bytes(b"the cat\nthe\xfc\n" * 100)
    (place / "odd.txt").write_text("the cat\n\nthe é\n" * 9)
    said = fails(status, *args)
    for word in words:
        assert word in said
    assert not list(place.glob("runs/*/*"))


@pytest.mark.parametrize(
    ("status", "args", "input", "words"),
    [
        (
            1,
            ["generate", "--unknown", "strict", "--prompt", "the ÿ"],
            "",
            ["--prompt:1:5: there is no symbol for 'ÿ' (U+00FF)"],
        ),
        (
            1,
            ["generate", "--seed", 1, "--unknown", "strict"],
            "the\nca\nthe ü\n",
            ["<stdin>:3:5: there is no symbol for 'ü'"],
        ),
        (1, ["generate", "--unknown", "strict", "prompts.txt"], "", ["prompts.txt:2:1: there is no symbol for 'ü'"]),
        (1, ["generate", "no.txt"], "", ["no such file: no.txt"]),
        (1, ["generate", "--field", "t"], "not json\n", ["<stdin>:1:1: not a JSON object"]),
        (
            1,
            ["generate", "--field", "t"],
            '{"t": "a"}\n{"x": 1}\n',
            ["<stdin>:2:1: the object has no 't'"],
        ),
        (1, ["generate", "--field", "t"], '{"t": 3}\n', ["<stdin>:1:7: 't' holds 3, not a text"]),
        (
            1,
            ["generate", "--field", "t"],
            '{"t": "a\\ud800"}\n',
            ["<stdin>:1:7: the field 't' holds half a character"],
        ),
        (2, ["generate", "--prompt", "a", "--temperature", -1], "", ["temperature"]),
        (2, ["generate", "--prompt", "a", "--top-p", 1.5], "", ["--top-p must be above 0 and at most 1"]),
        (2, ["generate", "--prompt", "a", "--top-k", 0], "", ["top-k"]),
        (2, ["generate", "--prompt", "a", "--seed", -1], "", ["--seed"]),
        (2, ["generate", "--prompt", "a", "--stop", ""], "", ["--stop needs a text"]),
        (
            2,
            ["generate", "--prompt", "a", "corpus.txt"],
            "",
            ["--prompt is the only prompt: FILES cannot be combined"],
        ),
        (
            2,
            ["generate", "--prompt", "a", "--field", "t"],
            "",
            ["--prompt is the only prompt: --field cannot be combined"],
        ),
        (
            2,
            ["generate", "--prompt", "a", "--max-tokens", "many"],
            "",
            ["--max-tokens", "see: seqcli generate --help"],
        ),
        (2, ["generate", "--prompt", "a", "--device", "gpu"], "", ["unknown device 'gpu'"]),
        (2, ["eval", "--metric", "perplexty"], "", ["unknown metric 'perplexty'", "did you mean 'perplexity'?"]),
        (2, ["eval", "--split", "dev"], "", ["the run has no dev split", "train, valid, test"]),
        (2, ["eval", "--split", "test", "corpus.txt"], "", ["--split"]),
        (2, ["eval", "--per-line", "--json"], "", ["--per-line"]),
        (2, ["eval", "--window", 0], "", ["--window"]),
        (1, ["eval", "-"], "a", ["nothing to score"]),
        (1, ["eval", "-"], "", ["nothing to score"]),
        (1, ["eval", "-"], "the\ncaü\n", ["<stdin>:2:3: the character 'ü'"]),
        (1, ["eval", "corpsu.txt"], "", ["did you mean 'corpus.txt'?"]),
        (1, ["eval", "--per-line", "--unknown", "strict"], "a\nü\n", ["<stdin>:2:1: there is no symbol for 'ü'"]),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_prompts_and_texts(fails, home, tmp_path, status, args, input, words):
    shutil.copytree(home / "runs" / "tiny", tmp_path / "runs" / "tiny")
    (tmp_path / "prompts.txt").write_text("the\nü\n")
    verb, *rest = args
    said = fails(status, verb, "-m", "tiny", *rest, input=input)
    for word in words:
        assert word in said


def test_what_was_answered_before_a_mistake_is_kept(forks, home):
    done = forks("-q", "generate", "-m", "tiny", "--seed", 1, "--unknown", "strict", cwd=home, input="the\nü\na\n")
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert done.stdout == forks("-q", "generate", "-m", "tiny", "--seed", 1, cwd=home, input="the\n").stdout


@pytest.mark.parametrize("verb", [["generate", "--prompt", "a"], ["eval"]])
def test_files_that_are_no_models(fails, home, tmp_path, verb):
    whole = (home / "runs/tiny/model.safetensors").read_bytes()
    cases = {
        "short.safetensors": (whole[: len(whole) // 2], "not a readable model file; it may be truncated"),
        "tiny.safetensors": (whole[:5], "not a readable model file"),
        "empty.safetensors": (b"", "not a readable model file"),
        "flipped.safetensors": (whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:], "do not match their checksum"),
        "text.safetensors": (b"just some text, no model at all\n" * 50, "not a readable model file"),
    }
    for name, (data, words) in cases.items():
        (tmp_path / name).write_bytes(data)
        said = fails(1, *verb, "-m", name)
        assert f"error: {name}: " in said
        assert words in said
        assert "hint: " in said
    assert "is a checkpoint, not a model" in fails(2, *verb, "-m", home / "runs/tiny/last.safetensors")
    save(char.Tokenizer("ab"), tmp_path / "tok.safetensors")
    assert "tok.safetensors is a tokenizer, not a model" in fails(2, *verb, "-m", "tok.safetensors")
    from safetensors.numpy import save_file

    save_file(artifact.read(home / "runs/tiny/model.safetensors").arrays, tmp_path / "foreign.safetensors")
    assert "a safetensors file, but not one that seqcli wrote" in fails(1, *verb, "-m", "foreign.safetensors")
    (tmp_path / "newer.safetensors").write_bytes(whole.replace(b'\\"format\\":1', b'\\"format\\":9'))
    assert "written in format 9" in fails(1, *verb, "-m", "newer.safetensors")


def test_a_run_folder_that_cannot_be_written(fails, place):
    (place / "runs").write_text("a file in the way")
    assert "cannot write into the run folder runs/tiny" in fails(1, "train", "tiny.yaml", *SMALL)


def test_divergence(forks, fails, place):
    """A rate that nothing survives: the run stops, says what to try, and keeps the model from before."""
    changes = ["train.evaluate_every=5", "train.schedule=constant", "train.clip_norm=null", "train.optimizer=sgd"]
    args = [a for c in [*changes, "model.cell={kind: rnn, nonlinearity: relu}"] for a in ("--set", c)]
    forks.ok("train", "tiny.yaml", *args, "--set", "train.steps=10", cwd=place)
    kept = artifact.read(place / "runs/tiny/model.safetensors")
    wild = ["--set", "train.steps=40", "--set", "train.learning_rate=1e9"]
    said = fails(1, "train", "tiny.yaml", "--resume", *args, *wild)
    assert re.search(r"the loss became (nan|inf) \(gradient norm \S+\) at step 1\d: training has diverged", said)
    assert "hint: the best model so far is kept in runs/tiny/model.safetensors" in said
    assert "try a lower train.learning_rate (it was 1e+09)" in said
    after = artifact.read(place / "runs/tiny/model.safetensors")
    assert all((a == kept.arrays[n]).all() for n, a in after.arrays.items())
    assert artifact.read_header(place / "runs/tiny/last.safetensors")["progress"]["step"] == 10
    forks.ok("train", "tiny.yaml", "--resume", *args, "--set", "train.steps=12", cwd=place)
    lstm = fails(1, "train", "tiny.yaml", "--name", "lstm", *args[:-2], *wild, "--set", "train.optimizer=adamw")
    assert "training has diverged" in lstm
    assert "is kept" not in lstm or (place / "runs/lstm/model.safetensors").exists()


@pytest.fixture
def small_disk(place) -> Iterator[Path]:
    """runs/ as a file system of 660 KB, where this process may mount one."""
    disk = place / "runs"
    disk.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=660k", "tmpfs", str(disk)]
    if (
        mount is None
        or os.geteuid()
        or subprocess.run([mount, *options], capture_output=True, check=False).returncode
    ):
        pytest.skip("a small file system can be mounted by root alone, on a system that lets it")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(forks, fails, place, small_disk):
    """What was kept before survives; with room made, the run goes on as if nothing had been."""
    args = ["--set", "train.steps=30", "--set", "train.evaluate_every=5", "--set", "model.hidden=128"]
    said = fails(1, "train", "tiny.yaml", *args)
    assert re.search(r"error: cannot write runs/tiny/\S+: No space left on device", said)
    assert "hint: free some space, then continue with --resume" in said
    run = small_disk / "tiny"
    assert not list(run.glob(".*"))
    assert artifact.read(run / "model.safetensors").header["scores"]["step"] >= 5
    artifact.read(run / "last.safetensors")
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    forks.ok("train", "tiny.yaml", "--resume", *args, cwd=place)
    forks.ok("train", "tiny.yaml", "--name", "whole", *args, cwd=place)
    resumed, whole = (artifact.read(small_disk / n / "last.safetensors").arrays for n in ("tiny", "whole"))
    assert all((a == whole[n]).all() for n, a in resumed.items())
    with contextlib.suppress(OSError):
        (small_disk / "filler").write_bytes(bytes(20 << 20))
    full = fails(1, "train", "tiny.yaml", "--name", "later", *args)
    assert "No space left on device" in full
    assert "free some space" in full


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["generate"], "Usage: seqcli generate [OPTIONS]"),
        (["generate", "-m", "tiny"], "error: there is nothing to read"),
        (["eval", "-m", "tiny", "--per-line"], "error: there is nothing to read"),
    ],
)
def test_a_terminal_with_nothing_to_read(spawn, home, args, said):
    master, slave = pty.openpty()
    process = spawn(*args, cwd=home, stdin=slave)
    out, err = process.stdout.read(), process.stderr.read()
    assert process.wait(30) == 2
    assert out == b""
    assert err.startswith(said.encode())
    assert f"seqcli {args[0]} --help".encode() in err or len(args) == 1
    os.close(master)
    os.close(slave)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_stderr(spawn, home):
    """What was asked for is written, and the status is its own."""
    with Path("/dev/full").open("wb") as full:
        process = spawn("-v", "generate", "-m", "tiny", "--max-tokens", "3", cwd=home, stderr=full)
        out, _ = process.communicate(b"th\n", timeout=60)
        assert process.returncode == 0
        assert out.count(b"\n") == 1
        assert spawn("tag", "-m", "nowhere", cwd=home, stderr=full).wait(60) == 2


@pytest.mark.parametrize("delay", [0.08, 0.15, 0.3])
def test_ctrl_c_while_the_program_starts(spawn, home, delay):
    process = spawn("generate", "-m", "tiny", cwd=home)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGINT, 130)
    assert b"/seqcli/cli/" not in err  # in a traceback, but for one of Python's own start


def test_a_corpus_from_a_terminal(forks, place):
    master, slave = pty.openpty()
    done = forks.start("train", "tiny.yaml", "--set", "data.train=-", cwd=place, given=os.ttyname(slave)).wait()
    assert "nothing is piped into standard input" in done.stderr
    assert done.returncode == 2
    os.close(master)
    os.close(slave)


def test_debug_shows_where(forks, place):
    done = forks("--debug", "train", "tiny.yaml", "--set", "data.train=no.txt", cwd=place)
    assert "Traceback" in done.stderr
    assert "error: no such file" in done.stderr
    assert done.returncode == 1
