"""Distillation of language models: its gradient by the formula, whole trainings, what cannot teach."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from seqcli import layers, load  # noqa: E402
from seqcli.models.language_model import Config, Model  # noqa: E402

RECIPE = """\
task: language-model
tokenizer: char
data: {train: text.txt, valid: 0.2}
model: {cell: gru, embedding: 6, hidden: 12}
train: {steps: 20, sequence_length: 10, batch_size: 8, learning_rate: 1e-2, threads: 1}
"""


def test_the_gradient_is_of_both_and_the_loss_is_the_texts_own():
    rng, options = np.random.default_rng(0), {"embedding": 4, "hidden": 5, "teacher_weight": 0.3}
    model = Model.create(Config(**options), 7, rng)
    weights = {n: torch.tensor(a, requires_grad=True) for n, a in model.arrays().items()}
    bound = layers.replace(model, weights)
    x, y = (torch.from_numpy(rng.integers(0, 7, (6, 3))) for _ in range(2))
    taught = torch.from_numpy(rng.dirichlet(np.ones(7), (6, 3)).astype(np.float32))
    loss, _ = bound.loss(x, y, bound.initial_state(3), torch.Generator(), taught)
    h, _ = bound.hidden(x, bound.initial_state(3))
    logp = (h @ weights["output_weight"].T + weights["output_bias"]).log_softmax(-1)
    own = -logp.gather(-1, y[..., None]).mean()
    both = 0.7 * own - 0.3 * (taught * logp).sum(-1).mean()
    assert loss.item() == pytest.approx(own.item())
    for found, wanted in zip(*(torch.autograd.grad(z, list(weights.values())) for z in (loss, both)), strict=True):
        torch.testing.assert_close(found, wanted)


def test_a_run_with_teachers_goes_on_as_if_it_had_not_stopped(forks, tmp_path):
    draw = np.random.default_rng(1)
    words = ["ab", "bca", "cab", "dd"]
    (tmp_path / "text.txt").write_text("\n".join(" ".join(draw.choice(words, 6)) for _ in range(120)) + "\n")
    (tmp_path / "small.yaml").write_text(RECIPE)
    for seed in (1, 2):
        forks.ok("train", "small.yaml", "--name", f"t{seed}", "--set", f"train.seed={seed}", cwd=tmp_path)
    taught = ("--set", "model.teacher=[t1,t2]", "--set", "model.hidden=6")
    forks.ok("train", "small.yaml", "--name", "half", *taught, "--set", "train.steps=10", "--set", "train.schedule=constant", cwd=tmp_path)  # fmt: skip
    forks.ok("train", "small.yaml", "--name", "once", *taught, "--set", "train.schedule=constant", cwd=tmp_path)
    forks.ok("train", "small.yaml", "--name", "half", *taught, "--set", "train.schedule=constant", "--resume", cwd=tmp_path)  # fmt: skip
    once, half = (load(tmp_path / "runs" / name).model.arrays() for name in ("once", "half"))
    for name, array in once.items():
        np.testing.assert_array_equal(array, half[name])
    (tmp_path / "other.txt").write_text("xyz\n" * 300)
    for changes, message in (
        (("model.teacher=[t1]", "data.train=other.txt"), "has other symbols"),
        (("model.teacher=[nowhere]",), "no such model: nowhere"),
    ):
        sets = [part for change in changes for part in ("--set", change)]
        done = forks("train", "small.yaml", "--name", "wrong", *sets, cwd=tmp_path)
        assert done.returncode == 2
        assert message in done.stderr
        assert not (tmp_path / "runs" / "wrong" / "model.safetensors").exists()
