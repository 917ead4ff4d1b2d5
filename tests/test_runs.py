"""Run folders, and which model a verb means."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from seqcli import artifact, runs
from seqcli.errors import SeqcliError, UsageError
from seqcli.runs import Run

MODEL = {"kind": "model", "task": "language-model", "model": {"kind": "language-model"}}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path: str, **header: object) -> Path:
    """A file that looks like a model."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    artifact.write(path, {**MODEL, **header}, {"model.x": np.zeros(1, np.float32)})
    return Path(path)


def test_the_newest_by_its_own_word_not_by_the_clock_of_the_disk(capsys):
    old = put("runs/a/model.safetensors", created="2030-01-01T00:00:00+00:00")
    put("runs/b/model.safetensors", created="2029-12-31T23:59:59+00:00")
    os.utime(old, (0, 0))
    assert runs.find_model(None, "generate") == old
    assert capsys.readouterr().err == "using runs/a/model.safetensors\n"


def test_what_is_no_model_of_the_verb_is_passed_over():
    with pytest.raises(UsageError, match=r"there is no model in \./runs for `eval`"):
        runs.find_model(None, "eval")
    put("runs/other/model.safetensors", model={"kind": "tagger-of-tomorrow"}, created="2040")
    Path("runs/torn").mkdir()
    Path("runs/torn/model.safetensors").write_bytes(b"torn")
    with pytest.raises(UsageError, match=r"none of the 1 models in \./runs fits `eval`") as caught:
        runs.find_model(None, "eval")
    assert "-m FILE" in caught.value.hint
    own = put("runs/own/model.safetensors", created="2020")
    assert runs.find_model(None, "eval") == own
    assert runs.find_model(None, "inspect") == Path("runs/other/model.safetensors")  # any file will do


def test_a_model_by_file_folder_and_name(here):
    path = put("runs/own/model.safetensors")
    elsewhere = put("away/model.safetensors")
    for name, found in [
        ("runs/own/model.safetensors", path),
        ("runs/own", path),
        ("own", path),
        (str(here / "runs" / "own"), here / path),
        ("away", elsewhere),
        ("away/", elsewhere),
    ]:
        assert runs.find_model(name, "eval") == found
    with pytest.raises(UsageError, match="no such model: onw") as caught:
        runs.find_model("onw", "eval")
    assert caught.value.hint == "did you mean 'own'?"
    (here / "runs/begun").mkdir()
    for file in ("recipe.yaml", "last.safetensors"):
        (here / "runs/begun" / file).touch()
    with pytest.raises(UsageError, match="begun has no model yet: its training has not finished") as caught:
        runs.find_model("begun", "eval")
    assert caught.value.hint == "seqcli train runs/begun/recipe.yaml --resume"
    Path("empty").mkdir()
    with pytest.raises(UsageError, match="no such model: empty"):
        runs.find_model("empty", "eval")


def test_files_that_are_no_models_say_what_they_are():
    checkpoint = artifact.write
    checkpoint("last.safetensors", {"kind": "checkpoint"}, {})
    artifact.write("t.safetensors", {"kind": "tokenizer", "tokenizer": {"kind": "char"}}, {})
    for name, what in [("last.safetensors", "checkpoint"), ("t.safetensors", "tokenizer")]:
        with pytest.raises(UsageError, match=f"{name} is a {what}, not a model"):
            runs.open_model(name, "generate")
    put("odd.safetensors", model={"kind": "tagger-of-tomorrow"}, task="tagging")
    with pytest.raises(UsageError):
        runs.open_model("odd.safetensors", "generate")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a\\b", "/tmp"])
def test_names_that_are_no_folder_of_runs(name):
    with pytest.raises(UsageError, match="cannot name a run"):
        runs.folder(name)
    assert runs.folder("a b-ü.1") == Path("runs/a b-ü.1")


def claim(run: Run, **how: bool) -> None:
    """Claim a folder, and let it go."""
    with run.claimed(**how):
        pass


def test_claiming_a_folder():
    run = Run(runs.folder("x"))
    with pytest.raises(UsageError, match="there is no run runs/x to resume"):
        claim(run, overwrite=False, resume=True)
    claim(run, overwrite=False, resume=False)
    run.recipe.write_text("task: language-model\n")  # begun, and killed before its first step
    claim(run, overwrite=False, resume=False)
    claim(run, overwrite=False, resume=True)
    run.metrics.write_text("{}\n")
    with pytest.raises(UsageError, match="runs/x already holds a run") as caught:
        claim(run, overwrite=False, resume=False)
    assert all(flag in caught.value.hint for flag in ("--resume", "--overwrite", "--name"))
    with pytest.raises(UsageError, match=r"it has no last\.safetensors"):
        claim(run, overwrite=False, resume=True)
    claim(run, overwrite=True, resume=False)
    assert run.metrics.exists()  # `clear` comes when all is ready
    run.last.write_text("")
    (run.path / ".model.safetensors.77.tmp").write_text("torn")
    claim(run, overwrite=False, resume=True)
    assert sorted(p.name for p in run.path.iterdir()) == ["last.safetensors", "metrics.jsonl", "recipe.yaml"]


def test_a_folder_that_cannot_be_written():
    Path("runs").write_text("a file in the way")
    with pytest.raises(SeqcliError, match="cannot write into the run folder runs/x") as caught:
        claim(Run(runs.folder("x")), overwrite=False, resume=False)
    assert caught.value.status == 1
    assert caught.value.hint


def test_clearing_takes_the_runs_files_and_no_others():
    run = Run(Path("runs/x"))
    run.snapshot(3).parent.mkdir(parents=True)
    for path in (run.recipe, run.metrics, run.model, run.last, run.snapshot(3), run.path / "notes.txt"):
        path.write_text("x")
    run.clear()
    assert [p.name for p in run.path.rglob("*") if p.is_file()] == ["notes.txt"]
    run.clear()


def test_the_log_is_cut_back_and_never_stretched():
    run = Run(Path("x"))
    run.path.mkdir()
    run.cut_log(10)
    assert not run.metrics.exists()
    lengths = [run.log({"step": i}) for i in range(3)]
    assert lengths == [12, 24, 36]
    run.cut_log(24)
    assert [json.loads(line)["step"] for line in run.metrics.read_text().splitlines()] == [0, 1]
    run.cut_log(1000)
    assert run.metrics.stat().st_size == 24
    assert run.log({"step": 2}) == 36
    with run.metrics.open("ab") as file:
        file.write(b'{"step": 3')  # a line that something cut in two is ended, not continued
    run.cut_log(1000)
    assert run.metrics.stat().st_size == 36
    run.metrics.unlink()
    run.metrics.mkdir()
    with pytest.raises(SeqcliError, match=r"cannot write x/metrics\.jsonl"):
        run.log({})


@pytest.mark.parametrize("header", [{}, {"model": {}}, {"model": {"kind": 5}}])
def test_a_task_without_a_kind_of_model_is_refused(tmp_path, header):
    artifact.write(tmp_path / "odd", {"task": "tagging", **header}, {})
    with pytest.raises(SeqcliError, match="odd: its header is damaged: it names no kind of model"):
        runs.open_model(str(tmp_path / "odd"), "tag")
