"""`seqcli recipes` as a user runs it: real processes, pipes and exit statuses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import inprocess
from support.inprocess import Done
from support.terminal import ROOT, on_a_terminal

import seqcli
from seqcli.cli import _complete
from seqcli.recipe import discover

GOOD = """\
# seqcli train recipes/good.yaml
# A model that is good
task: language-model
tokenizer: char
data: {train: ../texts/a.txt, valid: 0.05}   # a file beside
model: {cell: gru, hidden: 64}
"""
BAD = GOOD.replace("hidden: 64", "hiden: 64").replace("gru", "gruu").replace("is good", "is bad")


@pytest.fixture
def here(tmp_path) -> Path:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("aaa")
    (tmp_path / "recipes" / "good.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "recipes" / "bad.yaml").write_text(BAD, encoding="utf-8")
    return tmp_path


def run(here: Path, *arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[bytes]:
    """A process of its own, for what its environment changes."""
    root = str(Path(seqcli.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-m", "seqcli", *arguments],
        cwd=here,
        input=stdin.encode(),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": root, **env},
        timeout=60,
        check=False,
    )


def inside(here: Path, *arguments: str, stdin: str = "") -> Done:
    """`seqcli recipes` in this process."""
    return inprocess.seqcli("recipes", *arguments, cwd=here, input=stdin)


def out(done: Done | subprocess.CompletedProcess[bytes], status: int = 0) -> str:
    assert done.returncode == status, done.stderr
    return done.stdout.decode()


def test_list(here):
    (here / "recipes" / "broken.yaml").write_text("a: [")
    (here / "recipes" / "counted.yaml").write_text("task: language-model\nmodel: {kind: ngram}\n")
    plain = out(inside(here))
    assert plain == out(inside(here, "list"))
    rows = {line.split()[0]: line.split() for line in plain.splitlines()}
    assert rows["good"] == ["good", "language-model", "gru", "A", "model", "that", "is", "good"]
    assert rows["counted"] == ["counted", "language-model", "ngram"]
    assert "seqcli recipes validate broken" in plain
    assert out(inside(here, "-q")) == plain
    assert inside(here, "-q").stderr == ""


@pytest.mark.parametrize(("columns", "models"), [(30, False), (80, False), (200, True)])
def test_list_on_a_terminal_keeps_within_it(columns, models):
    lines = on_a_terminal(columns, "recipes", "list", folder=ROOT).split("\n")
    assert max(map(len, lines)) <= max(columns, 45)  # so much has what a name and some words need
    names = [line.split()[0] for line in lines if line[:2] == "  " and line[2:3] != " "]
    assert sorted(names) == sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))
    assert ("  lstm  " in "".join(lines)) == models


def test_what_recipes_say_they_are_stands_alone():
    for path in sorted((ROOT / "recipes").glob("*.yaml")):
        said = discover.summary(path.read_text(encoding="utf-8"))
        assert not re.search(r"^The same|\b([Aa]s above|else as)\b", said), path.name
        assert said[-1] not in ",:;(", path.name
        assert said.count("(") == said.count(")"), path.name
        assert 20 < len(said) <= 140, path.name


def test_show_prints_what_was_written(here):
    path = here / "recipes" / "good.yaml"
    path.write_bytes(GOOD.replace("good", "gütig").replace("\n", "\r\n").encode())
    assert run(here, "recipes", "show", "good", LC_ALL="C").stdout == path.read_bytes()
    assert inside(here, "show", "recipes/good.yaml").stdout == path.read_bytes()
    assert out(inside(here, "show", "-", stdin=GOOD)) == GOOD
    failed = inside(here, "show", "goood")
    assert (failed.returncode, failed.stdout) == (2, b"")
    assert "did you mean 'good'?" in failed.stderr


def test_validate(here):
    done = inside(here, "validate", "good", "recipes/bad.yaml", "recipes/good.yaml", "none")
    assert out(done, 2) == "good: ok\nrecipes/good.yaml: ok\n"
    assert done.stderr.splitlines() == [
        "error: recipes/bad.yaml:6: model.cell: unknown cell 'gruu'; did you mean 'gru'?",
        "recipes/bad.yaml:6: model.hiden: unknown key; did you mean 'hidden'?",
        "no recipe is named 'none', neither in ./recipes nor in seqcli",
        "  hint: 3 mistakes in 2 of 4 recipes; see: seqcli recipes keys",
    ]
    assert out(inside(here, "validate", "-", stdin=GOOD)) == "-: ok\n"
    done = inside(here, "validate", "-", stdin=BAD)
    assert done.stderr.startswith("error: <stdin>:6: model.cell: ")
    assert out(done, 2) == ""
    assert out(inside(here, "validate", "good", "--set", "model.hidden=3")) == "good: ok\n"
    done = inside(here, "validate", "good", "--set", "model.hiden=3")
    assert done.returncode == 2
    assert "error: --set model.hiden=3: model.hiden: unknown key; did you mean 'hidden'?" in done.stderr
    assert inside(here, "validate").returncode == 2


def test_copy(here):
    done = inside(here, "copy", "recipes/good.yaml", "a folder/mine.yaml")
    assert out(done) == "a folder/mine.yaml\n"
    copied = (here / "a folder" / "mine.yaml").read_text()
    assert copied == GOOD.replace("recipes/good.yaml", "'a folder/mine.yaml'")  # ../texts is right there too
    (here / "deep" / "er").mkdir(parents=True)
    done = inside(here, "copy", "good", "deep/er")
    assert out(done) == "deep/er/good.yaml\n"
    assert done.stderr == "data.train: ../texts/a.txt is now ../../texts/a.txt\n"
    assert "{train: ../../texts/a.txt, valid: 0.05}   # a file beside" in (here / "deep/er/good.yaml").read_text()
    assert out(inside(here, "validate", "deep/er/good.yaml")) == "deep/er/good.yaml: ok\n"
    # without DEST into ./recipes, where a name is found
    (here / "other").mkdir()
    (here / "other" / "new.yaml").write_text(GOOD)
    assert out(inside(here, "copy", "other/new.yaml")) == "recipes/new.yaml\n"
    assert out(inside(here, "validate", "new")) == "new: ok\n"


def test_copy_overwrites_nothing_unasked(here):
    for arguments, hint in [
        (("good",), "--force"),
        (("recipes/bad.yaml", "recipes/good.yaml"), "--force"),
        (("good", "recipes/good.yaml", "--force"), "another file"),  # itself
        (("good", "nowhere/good"), "nowhere/good.yaml"),
    ]:
        done = inside(here, "copy", *arguments)
        assert out(done, 2) == ""
        assert hint in done.stderr
    assert (here / "recipes" / "good.yaml").read_text() == GOOD
    assert out(inside(here, "copy", "recipes/bad.yaml", "recipes/good.yaml", "--force")) == "recipes/good.yaml\n"
    assert "gruu" in (here / "recipes" / "good.yaml").read_text()
    assert [p.name for p in (here / "recipes").iterdir() if p.name.startswith(".")] == []


def test_keys(here):
    whole = out(run(here, "recipes", "keys", LC_ALL="C"))
    parts = [out(inside(here, "keys", section)) for section in ("task", "train", "model.ngram")]
    assert all(part in whole for part in parts)
    assert "  kind: ngram\n" in parts[2]
    assert "language-model" not in parts[2]
    assert "    shift: 0          # a whole number of at least 0; frames by which " in out(
        inside(here, "keys", "frames.mel")
    )
    wrong = (("modl", "did you mean 'model'?"), ("model.ngrm", "did you mean 'ngram'?"), ("train.x", "keys train"))
    for section, hint in wrong:
        done = inside(here, "keys", section)
        assert out(done, 2) == ""
        assert hint in done.stderr


def test_no_torch(here):
    """Not even where it is installed: the verbs run with any import of it refused."""
    code = (
        "import sys; sys.modules['torch'] = sys.modules['matplotlib'] = None; from seqcli.cli.app import run\n"
        "for verb in ('list', 'show good', 'validate good', 'keys', 'copy good x.yaml'):\n"
        "    assert run(['recipes', *verb.split()]) == 0, verb"
    )
    root = str(Path(seqcli.__file__).parent.parent)
    env = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=here, capture_output=True, check=False, env=env, timeout=60
    )
    assert done.returncode == 0, done.stderr


# completion


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("recipes show goo", ["good"]),
        ("recipes keys model.n", ["model.ngram", "model.ngram-linear"]),
        ("recipes va", ["validate"]),
    ],
)
def test_the_shell_s_completion(here, words, offered):
    line = f"seqcli {words}"
    done = run(here, _SEQCLI_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(line.split()) - 1))
    assert out(done).split() == offered


def test_offers(here, monkeypatch):
    monkeypatch.chdir(here)
    assert ("good", "A model that is good") in _complete.recipes("")
    assert _complete.recipes("zzz") == []
    assert [n for n, _ in _complete.entries("cells")("ls")] == ["lstm"]
    assert ("train", "") in _complete.sections("t")
    for number, name in enumerate(["old", "new", "[x]"]):
        (here / "runs" / name).mkdir(parents=True)
        (here / "runs" / name / "model.safetensors").touch()
        os.utime(here / "runs" / name / "model.safetensors", (number, number))
    (here / "runs" / "unfinished").mkdir()
    assert [n for n, _ in _complete.runs("")] == ["[x]", "new", "old"]
    assert [n for n, _ in _complete.runs("[")] == ["[x]"]
    assert _complete.runs("*") == []
