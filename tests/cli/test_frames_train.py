"""Training on frames: runs that are killed end with the same bits; what fine-tuning keeps; what is told of the data."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from net import make_models
from support.resuming import assert_same, changed, ended_again_and_again, sets

from seqcli import artifact

TRAIN = "train: {steps: 8, evaluate_every: 4, batch_size: 8, learning_rate: 1e-2, threads: 1, save_every: 1e-9}"
WAVES = "{train: waves-train.jsonl, valid: waves-valid.jsonl, text: wave}"
SIGNS = "{train: waves-train.jsonl, valid: waves-valid.jsonl, field: wave, tag: signs}"
BEEPS = "{train: beeps-train.jsonl, valid: beeps-valid.jsonl}"
AUGMENT = "noise: 0.1, time_masks: 1, feature_masks: 1"
RECIPES = {
    "classes": f"""task: classification
frames: {{kind: values, augment: {{{AUGMENT}, shift: 2}}}}
data: {WAVES}
model: {{cell: gru, embedding: 4, hidden: 4, front_end: conv, pooling: attention, dropout: 0.1}}
{TRAIN}""",
    "tags": f"""task: tagging
frames: {{kind: values, augment: {{{AUGMENT}}}}}
data: {SIGNS}
model: {{cell: gru, embedding: 4, hidden: 4, front_end: {{kind: conv, stride: 1}}, dropout: 0.1}}
{TRAIN}""",
    "ctc": f"""task: sequence-to-sequence
frames: {{kind: values, normalize: record, augment: {{{AUGMENT}, shift: 2}}}}
tokenizer: char
data: {BEEPS}
model: {{kind: ctc, cell: gru, embedding: 4, hidden: 4, layers: 1, dropout: 0.1}}
{TRAIN}""",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data and the recipes."""
    folder = tmp_path_factory.mktemp("frames")
    for split, count in (("train", 60), ("valid", 12)):
        (folder / f"waves-{split}.jsonl").write_text(make_models.waves(count))
        (folder / f"beeps-{split}.jsonl").write_text(make_models.beeps(count))
    for name, recipe in RECIPES.items():
        (folder / f"{name}.yaml").write_text(recipe + "\n")
    return folder


@pytest.fixture(scope="module")
def alone(forks, place) -> Path:
    """The folder, with a run of each recipe that was never interrupted."""
    for name in RECIPES:
        forks.ok("train", f"{name}.yaml", "--name", f"{name}-alone", cwd=place)
    return place


@pytest.mark.parametrize("name", RECIPES)
def test_a_killed_run_ends_with_the_same_bits(forks, alone, name):
    run = alone / "runs" / name
    moments = iter([changed(run / "last.safetensors", 2), changed(run / "last.safetensors", 3)])
    steps = ended_again_and_again(forks, ["train", f"{name}.yaml"], run, signal.SIGKILL, moments)
    assert steps
    assert steps[0] < 8
    forks.ok("train", f"{name}.yaml", "--resume", cwd=alone)
    assert_same(alone / "runs" / f"{name}-alone", run)


def scaled(text: str, by: float) -> str:
    """JSON lines with their series multiplied."""
    records = [json.loads(line) for line in text.splitlines()]
    for record in records:
        key = "wave" if "wave" in record else "source"
        record[key] = [[x * by for x in row] for row in record[key]]
    return "".join(json.dumps(record) + "\n" for record in records)


def test_fine_tuning_keeps_the_stored_normalisation(forks, alone):
    """Though its own data have other moments, and its recipe another way."""
    (alone / "loud.jsonl").write_text(scaled((alone / "waves-train.jsonl").read_text(), 100))
    more = sets("data.train=loud.jsonl", "data.valid=null", "frames.augment.noise=0.3", "frames.normalize=none")
    done = forks.ok("train", "classes.yaml", "--name", "tuned", "--init-from", "runs/classes-alone", *more, cwd=alone)
    assert "instead of the recipe: frames.normalize" in done.stderr
    one, other = (artifact.read(alone / "runs" / n / "model.safetensors") for n in ("classes-alone", "tuned"))
    for name in ("frames.mean", "frames.deviation"):
        np.testing.assert_array_equal(one.arrays[name], other.arrays[name])
    config = other.header["frames"]["config"]
    assert config["normalize"] == "training"
    assert config["augment"]["noise"] == 0.3


def test_text_and_frames_do_not_go_on_from_each_other(forks, alone):
    (alone / "texts.tsv").write_text("good day\ta\nbad night\tb\n" * 8)
    (alone / "text.yaml").write_text(
        f"task: classification\ntokenizer: char\ndata: {{train: texts.tsv}}\nmodel: {{cell: gru, embedding: 4, hidden: 4}}\n{TRAIN}\n"
    )
    forks.ok("train", "text.yaml", cwd=alone)
    for recipe, start, said in (
        ("classes", "text", "reads text, but this recipe frames"),
        ("text", "classes-alone", "reads frames, but this recipe text"),
    ):
        done = forks("train", f"{recipe}.yaml", "--name", "no", "--init-from", f"runs/{start}", cwd=alone)
        assert done.returncode == 2
        assert said in done.stderr


def test_a_shift_does_not_take_tags_along(forks, alone):
    done = forks("train", "tags.yaml", "--name", "no", *sets("frames.augment.shift=1"), cwd=alone)
    assert done.returncode == 2
    assert "frames.augment.shift" in done.stderr


def test_what_is_cut_is_told(forks, alone):
    done = forks.ok("train", "classes.yaml", "--name", "cut", *sets("data.longest=12", "train.steps=1"), cwd=alone)
    assert "records have more than 12 frames: only the first are read (data.longest)" in done.stderr


def ok(forks: Any, cwd: Path, *args: object, input: str = "") -> str:
    return forks.ok(*args, cwd=cwd, input=input).stdout


def test_attention_has_the_frames_that_it_begins_at(forks, alone):
    """Each weight stands for four frames of the convolutions, and a blank line has none."""
    line = ":".join(["0 1 2 1 0 1 2 1 0"] * 2) + "\n"
    args = ("classify", "-m", "runs/classes-alone", "--attention", "--jsonl")
    full, blank = (json.loads(x)["seqcli"] for x in ok(forks, alone, *args, input=line + "\n").splitlines())
    assert [f["start"] for f in full["frames"]] == [0, 4, 8]
    assert sum(f["weight"] for f in full["frames"]) == pytest.approx(1, abs=1e-5)
    assert blank["frames"] == []
    assert "tokens" not in full
    done = forks("classify", "-m", "runs/classes-alone", "--draw", "x.png", cwd=alone, input=line)
    assert done.returncode == 2
    assert "--draw draws words: this model reads frames" in done.stderr


@pytest.mark.parametrize("name", RECIPES)
def test_runs_are_scored_dried_and_reported(forks, alone, name):
    assert ok(forks, alone, "eval", "-m", f"runs/{name}-alone", "--split", "valid")
    assert "batches" in forks.ok("train", f"{name}.yaml", "--dry-run", cwd=alone).stdout
    pytest.importorskip("jinja2")
    assert ok(forks, alone, "report", f"runs/{name}-alone", "-o", "r.html") == "r.html\n"


def test_files_that_have_changed_are_told(forks, alone):
    """A split is what its files hold, not how they are called; two of one name are not one record."""
    folder = alone / "files"
    rng = np.random.default_rng(0)
    for split in ("train", "valid"):
        for label in ("up", "down"):
            (folder / split / label).mkdir(parents=True)
            for i in range(4):
                sign = 1 if label == "up" else -1
                np.save(folder / split / label / f"{i}.npy", sign + rng.normal(size=(6, 2)).astype(np.float32))
    (alone / "files.yaml").write_text(f"""task: classification
frames: values
data: {{train: files/train/*/*.npy, valid: files/valid/*/*.npy, label_from: folder}}
model: {{cell: gru, embedding: 4, hidden: 4}}
{TRAIN}
""")
    done = forks.ok("train", "files.yaml", cwd=alone)
    assert "word for word" not in done.stderr
    again = ("eval", "-m", "runs/files", "--split", "valid")
    assert "the data have changed" not in forks.ok(*again, cwd=alone).stderr
    named = forks.ok("eval", "-m", "runs/files", *sorted(map(str, folder.glob("valid/*/*.npy"))), cwd=alone)
    assert "8" in named.stdout
    np.save(folder / "valid" / "up" / "0.npy", np.zeros((6, 2), np.float32))
    assert "the data have changed" in forks.ok(*again, cwd=alone).stderr
