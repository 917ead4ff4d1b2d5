"""Reasons by gradients: they sum to the change, they are torch's and a closed form's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support import inprocess

import seqcli
from seqcli import layers
from seqcli.insight.flow import Unrolled
from seqcli.insight.why import reasons
from seqcli.layers.stack import Stack
from seqcli.streams import Chunk
from seqcli.tasks.language_model import look

MODELS = Path(__file__).parents[1] / "net" / "models"


class Net:
    """A model of a stack alone, whose last output's first number is the log-odds."""


def of_stack(stack, x):
    def losses(model, y):
        return -torch.nn.functional.logsigmoid(y[-1, :, 0])[None]

    return Unrolled(stack_model(stack), x, losses)


def stack_model(stack):
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Model:
        stack: Stack

    return Model(stack)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
def test_they_sum_to_the_change_and_the_gradient_is_that_of_differences(cell):
    rng = np.random.default_rng(1)
    stack = Stack.create(cell, 4, [6, 5], rng)
    x = rng.normal(size=(7, 1, 4))
    double = layers.replace(stack, {n: np.array(a, np.float64) for n, a in layers.arrays(stack).items()})

    def odds(x):
        return float(double.read(x, np.array([7]))[-1, 0, 0])

    found = reasons(of_stack(stack, x), 0)
    assert found.odds == pytest.approx(odds(x), abs=1e-9)
    assert found.zeros == pytest.approx(odds(0 * x), abs=1e-9)
    assert found.error < 0.002
    for t in range(7):
        step = np.zeros_like(x)
        step[t] = 1e-6 * x[t]
        assert found.gradient[t] == pytest.approx((odds(x + step) - odds(x - step)) / 2e-6, abs=1e-6)
    last = np.zeros(4)
    for share in (np.arange(50) + 0.5) / 50:  # the integral of the last token: the midpoint rule, central differences
        for i in range(4):
            step = np.zeros_like(x)
            step[-1, 0, i] = 1e-5
            last[i] += (odds(share * x + step) - odds(share * x - step)) / 2e-5 / 50
    assert found.integrated[-1] == pytest.approx(float(last @ x[-1, 0]), abs=0.02)


@pytest.mark.parametrize("name", ["pos", "pos-attention", "remarks", "remarks-attention", "lm", "lm-words", "digits"])
def test_every_task_has_them(name, tmp_path):
    done = inprocess.seqcli(
        "look", "why", "-m", MODELS / f"{name}.safetensors", "--text", "the cat sat on a mat", "--json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.text)
    assert found["error"] < 0.01
    assert found["sum"] == pytest.approx(found["log_odds"] - found["zeros"], rel=0.01)
    assert sum(t["integrated"] for t in found["tokens"]) == pytest.approx(found["sum"], abs=1e-4)
    whole = "the cat sat on a mat"
    assert {found["text"][t["start"] : t["end"]] for t in found["tokens"]} <= {
        "",
        *whole,
        *whole.split(),
    }  # eos has no place


def test_the_log_odds_are_those_of_the_answer():
    own = seqcli.load(MODELS / "lm.safetensors")
    asked = look.why(own, [Chunk("the cat sat", "<text>", 1)], 100)
    found = reasons(asked.given, 3)
    seen, nats = look.surprise(own, [Chunk("the cat sat", "<text>", 1)], 100)
    p = np.exp(-nats[3])
    assert found.odds == pytest.approx(np.log(p / (1 - p)), abs=1e-4)
    assert asked.names[3] == own.tokenizer.symbol(int(seen.ids[4]))
    assert not found.integrated[4:].any()  # what comes behind has no part in it


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--text", "the cat", "--at", "9"], "there are 2 answers"),
        (["--text", "the"], "2 to 200 words"),
        (["--text", "the cat", "x.txt"], "give --text or FILES, not both"),
        (["--text", "the cat", "-m", str(MODELS / "ner.safetensors")], "pos"),
    ],
)
def test_mistakes_are_said(args, said, tmp_path):
    done = inprocess.seqcli("look", "why", "-m", MODELS / "pos.safetensors", *args, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert said in done.stderr


def test_models_without_a_network_are_refused(tmp_path):
    for name in ("linear", "tags-counted", "lm-counted", "back"):
        done = inprocess.seqcli("look", "why", "-m", MODELS / f"{name}.safetensors", "--text", "a cat", cwd=tmp_path)
        assert done.returncode == 2, name
        assert "has no" in done.stderr


def test_losses_of_a_translation_are_its_cost():
    from seqcli.records import Pair
    from seqcli.tasks.sequence_to_sequence import look as pairs

    own = seqcli.load(MODELS / "digits.safetensors")
    sources = ["forty two", "two six"]
    given = pairs.unrolled(own, [Pair(text) for text in sources], 100, 2)
    arrays = {n: torch.from_numpy(np.array(a, np.float64)) for n, a in layers.arrays(given.model).items()}
    model, x = layers.replace(given.model, arrays), torch.from_numpy(np.array(given.x, np.float64))
    found = given.losses(model, model.stack.watch(x, lambda step: step.state))[0]
    answered = [Pair(text, own.translate(text)) for text in sources]
    assert found.numpy() == pytest.approx([cost.nll for cost in own.costs(answered)], abs=1e-4)
