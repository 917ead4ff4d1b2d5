"""`seqcli train --tensorboard`: the figures of metrics.jsonl, as TensorBoard reads them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support import inprocess

RECIPE = """task: language-model
tokenizer: char
data: {train: text.txt, valid: 0.2}
model: {cell: gru, embedding: 4, hidden: 8}
train: {steps: 20, evaluate_every: 10, sequence_length: 8, batch_size: 4, threads: 1}
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text("the cat sat on the mat.\n" * 60)
    (tmp_path / "small.yaml").write_text(RECIPE)
    return tmp_path


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: {e.step: e.value for e in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def test_the_figures_of_a_run_and_of_one_that_goes_on(here: Path) -> None:
    pytest.importorskip("tensorboard")
    assert inprocess.seqcli("-q", "train", "small.yaml", "--tensorboard", cwd=here).returncode == 0
    more = ("-q", "train", "runs/small/recipe.yaml", "--resume", "--set", "train.steps=40", "--tensorboard")
    assert inprocess.seqcli(*more, cwd=here).returncode == 0
    logged = [json.loads(line) for line in (here / "runs/small/metrics.jsonl").read_text().splitlines()]
    found = scalars(here / "runs/small")
    for tag, key in (
        ("loss/train", "train_loss"),
        ("loss/valid", "valid_loss"),
        ("train/gradient_norm", "gradient_norm"),
        ("train/learning_rate", "learning_rate"),
    ):
        assert found[tag] == {r["step"]: pytest.approx(r[key], rel=1e-5) for r in logged}, tag
    assert inprocess.seqcli("-q", "train", "small.yaml", "--overwrite", cwd=here).returncode == 0
    assert not list((here / "runs/small").glob("events*"))


def test_what_does_not_go_is_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "counted.yaml").write_text(RECIPE.partition("model:")[0] + "model: {kind: ngram, order: 2}\n")
    done = inprocess.seqcli("train", "counted.yaml", "--tensorboard", cwd=here)
    assert done.returncode == 2
    assert "counted in one pass" in done.stderr
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    done = inprocess.seqcli("train", "small.yaml", "--tensorboard", "--overwrite", cwd=here)
    assert done.returncode == 1
    assert "pip install 'seqcli[tensorboard]'" in done.stderr
