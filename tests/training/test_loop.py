"""The training loop against a plain one, and against itself interrupted at every step."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from seqcli import artifact, layers
from seqcli.errors import SeqcliError
from seqcli.recipe.schema import TrainConfig
from seqcli.training.display import Display
from seqcli.training.loop import Trainer


class StopAt:
    """An interrupt that is wanted from a step on."""

    def __init__(self, trainer: Trainer, step: float = math.inf):
        self.trainer, self.step = trainer, step

    @property
    def wanted(self) -> int:
        return 2 if self.trainer.progress.step >= self.step else 0


def fit(trainer: Trainer, until: float = math.inf) -> Trainer:
    trainer.fit(Display(trainer.task.watched), StopAt(trainer, until))  # type: ignore[arg-type]
    return trainer


def weights(trainer: Trainer) -> dict[str, np.ndarray]:
    return {n: w.detach().numpy().copy() for n, w in trainer.weights.items()}


def records(trainer: Trainer) -> list[dict]:
    lines = trainer.run.metrics.read_text().splitlines()
    clocks = ("seconds", "tokens_per_second")
    return [{k: v for k, v in json.loads(line).items() if k not in clocks} for line in lines]


class Plain:
    """The reference: torch.nn.LSTM, its own loop over contiguous streams, no code of seqcli."""

    def __init__(self, trainer: Trainer, ids: np.ndarray, optimizer):
        start = weights(trainer)
        V, E = start["embedding"].shape
        H = start["output_weight"].shape[1]
        self.embedding, self.lstm, self.output = torch.nn.Embedding(V, E), torch.nn.LSTM(E, H), torch.nn.Linear(H, V)
        names = {f"{n}_l0": f"stack.cells.0.0.{n}" for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        self.named = {"embedding": self.embedding.weight, "output_weight": self.output.weight}
        self.named |= {"output_bias": self.output.bias} | {own: getattr(self.lstm, n) for n, own in names.items()}
        with torch.no_grad():
            for name, parameter in self.named.items():
                parameter.copy_(torch.from_numpy(start[name]))
        decayed = [p for n, p in self.named.items() if p.ndim == 2 and n != "embedding"]
        others = [p for n, p in self.named.items() if p.ndim == 1 or n == "embedding"]
        self.optimizer = optimizer([{"params": decayed}, {"params": others, "weight_decay": 0.0}])
        self.ids = torch.from_numpy(ids.astype(np.int64))
        self.state = None

    def loss(self, batch: int, B: int, T: int) -> torch.Tensor:
        each = (len(self.ids) - 1) // (B * T) * T
        if batch == 0:
            self.state = None
        rows = [self.ids[b * each + batch * T :][: T + 1] for b in range(B)]
        block = torch.stack(rows, dim=1)  # (T + 1, B)
        y, state = self.lstm(self.embedding(block[:-1]), self.state)
        self.state = tuple(s.detach() for s in state)
        return torch.nn.functional.cross_entropy(self.output(y).flatten(0, 1), block[1:].flatten())

    def step(self, batches: list[int], B: int, T: int, rate: float, clip: float) -> tuple[float, float]:
        self.optimizer.zero_grad()
        total = 0.0
        for batch in batches:
            loss = self.loss(batch, B, T) / len(batches)
            loss.backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(list(self.named.values()), clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        return total, float(norm)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_steps_equal_a_plain_loop(trainer, make_ids, optimizer, accumulate):
    """Losses, norms and weights of a whole epoch: the state is carried, the gradient is cut between batches."""
    ids, rate, clip, B, T = make_ids(120), 0.05, 0.4, 3, 5  # 7 batches of 15
    config = {"optimizer": optimizer, "learning_rate": rate, "clip_norm": clip, "weight_decay": 0.1, "epochs": 1}
    own = trainer(ids={"train": ids}, accumulate=accumulate, schedule="linear", **config)
    assert (own.task.streams.batches, own.steps_per_epoch) == (7, 7 / accumulate)

    def reference(groups: list[dict]) -> torch.optim.Optimizer:
        if optimizer == "adamw":
            return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99), weight_decay=0.1)
        return torch.optim.SGD(groups, lr=rate, weight_decay=0.1)

    plain = Plain(own, ids, reference)
    fresh = []
    for step in range(7 // accumulate):
        batches = [step * accumulate + i for i in range(accumulate)]
        fresh.append(Plain(own, ids, reference).loss(batches[0], B, T).item() if accumulate == 1 else 0.0)
        total, norm = plain.step(batches, B, T, rate * (1 - step / round(7 / accumulate)), clip)
        assert own.step()[:2] == pytest.approx((total, norm), rel=2e-5)
        if accumulate == 1:  # the carried state is not the fresh one
            assert (abs(fresh[-1] - total) > 1e-4) == (step > 0)
        for name, parameter in plain.named.items():
            assert np.allclose(weights(own)[name], parameter.detach().numpy(), atol=2e-6), (step, name)


def test_the_state_begins_anew_with_an_epoch(trainer):
    own = trainer()
    for _ in range(own.task.streams.batches):
        own.step()
    assert (own.progress.epoch, own.progress.batch) == (1, 0)
    assert all(not s.any() for (layer,) in own.state for s in layer)
    own.step()
    assert all(s.any() for (layer,) in own.state for s in layer)


def test_accumulation_equals_a_larger_batch_where_no_state_matters(trainer, make_ids):
    """Without recurrent weights two batches of B streams hold what one batch of 2 B shorter streams holds."""
    ids, T, B = make_ids(4 * 2 * 5 + 1), 5, 4  # exactly two batches of 4 streams, or one of 8
    gradients = []
    for batch, accumulate in ((B, 2), (2 * B, 1)):
        own = trainer(f"b{batch}", {"cell": "rnn"}, {"train": ids}, batch_size=batch, accumulate=accumulate)
        own.optimizer = torch.optim.SGD(own.weights.values(), lr=0.0)  # leaves the gradients to be read
        with torch.no_grad():
            own.weights["stack.cells.0.0.weight_hh"].zero_()
        assert own.task.streams.batches * own.task.streams.batch_size * T == len(ids) - 1
        own.step()
        gradients.append({n: w.grad for n, w in own.weights.items()})
    for name in gradients[0].keys() - {"stack.cells.0.0.weight_hh"}:
        assert torch.allclose(gradients[0][name], gradients[1][name], atol=1e-7), name


VARIANTS = {
    "adamw": {
        "train": {"epochs": 2.4, "accumulate": 2, "clip_norm": 0.5, "snapshot_every": 4},
        "model": {"weight_drop": 0.3},
    },
    "plateau": {
        "train": {"optimizer": "sgd", "momentum": 0.8, "schedule": "plateau", "learning_rate": 4.0, "decay": 0.9},
        "model": {"cell": "gru", "variational": True, "layers": 2},
    },
    "bfloat16": {"train": {"precision": "bfloat16", "average": 0.9}, "model": {"layers": 2}},
    "rmsprop": {"train": {"optimizer": "rmsprop", "schedule": "step", "patience": 4}, "model": {"cell": "rnn"}},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_stopping_at_every_step_changes_no_bit(trainer, variant):
    train = {"epochs": 1.4, "evaluate_every": 3, **VARIANTS[variant]["train"]}
    model = {"dropout": 0.3, **VARIANTS[variant]["model"]}
    whole = fit(trainer("whole", model, **train))
    total = whole.progress.step
    assert whole.progress.finished
    assert total >= 8
    if variant == "plateau":
        assert whole.progress.factor < 1, "the schedule never moved: nothing is proven of it"
    for stop in range(1, total + 1):
        name = f"stop{stop}"
        first = fit(trainer(name, model, **train), until=stop)
        assert first.progress.step == stop
        if stop < total:
            assert not first.progress.finished
        with first.run.metrics.open("ab") as file:
            file.write(b'{"step": "logged after the save"}\n')
        second = trainer(name, model, **train)
        second.load(artifact.read(second.run.last))
        fit(second)
        assert second.progress.finished
        assert all(np.array_equal(w, weights(whole)[n]) for n, w in weights(second).items()), stop
        assert records(second) == records(whole), stop
        kept, own = (artifact.read(t.run.model) for t in (whole, second))
        assert kept.header["scores"] == own.header["scores"]
        assert all(np.array_equal(a, own.arrays[n]) for n, a in kept.arrays.items())


def test_the_best_model_is_kept_and_patience_ends_the_run(trainer, make_ids):
    """Few ids to learn by heart, others to be judged by: the loss on those turns."""
    ids = {"train": make_ids(40, 2), "valid": make_ids(60, 9)[::-1]}
    own = fit(trainer(ids=ids, steps=500, evaluate_every=4, patience=3, schedule="constant"))
    p, history = own.progress, own.progress.history
    valid = [h["valid_loss"] for h in history]
    assert p.step < 500
    assert p.stale == 3
    assert p.best == min(valid)
    assert p.best_step == history[int(np.argmin(valid))]["step"] == p.step - 3 * 4
    assert history[-1]["train_loss"] < history[int(np.argmin(valid))]["train_loss"]
    scores = artifact.read_header(own.run.model)["scores"]
    assert scores == {
        "valid_loss": p.best,
        "step": p.best_step,
        "epoch": round(p.best_step / own.task.streams.batches, 4),
    }
    assert [r["best"] for r in records(own)] == [v < min([math.inf, *valid[:i]]) for i, v in enumerate(valid)]
    kept = artifact.read(own.run.model).part("model")
    again = trainer("again", ids=ids, steps=500, schedule="constant")
    while again.progress.step < p.best_step:
        again.step()
    assert all(np.array_equal(w, kept[n]) for n, w in weights(again).items())


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        ({"steps": 5}, 5),
        ({"epochs": 2}, 14),
        ({"epochs": 0.5}, 4),
        ({"epochs": 2, "steps": 9}, 9),
        ({"epochs": 1e-9}, 1),
    ],
)
def test_budgets(trainer, budget, steps):
    own = trainer(**budget)  # 7 batches an epoch
    assert own.total_steps == steps
    assert fit(own).progress.step == steps
    assert own.share == 1.0
    assert records(own)[-1]["step"] == steps
    assert own.progress.tokens == steps * 15


def test_a_budget_of_minutes(trainer):
    own = fit(trainer(minutes=0.005))
    assert own.total_steps is None
    assert own.progress.seconds >= 0.3
    assert records(own)[-1]["step"] == own.progress.step
    first = fit(trainer("both", minutes=60, steps=3))
    assert first.progress.step == 3


def test_how_often_a_run_is_evaluated():
    """Once an epoch, but ten to about fifty times a run."""
    for batches in (1, 7, 100, 5000):
        for total in (1, 9, 10, 60, 500, 100_000):
            stub = object.__new__(Trainer)
            stub.task = SimpleNamespace(batches=batches)  # type: ignore[assignment]
            stub.config = TrainConfig(steps=total)
            every = stub.evaluate_every()
            assert every >= 1
            assert min(total, 10) <= math.ceil(total / every) <= 100
            if 10 <= total / batches <= 50:
                assert every == batches
    stub.config = TrainConfig(steps=total, evaluate_every=17)
    assert stub.evaluate_every() == 17


def test_validation_loss_is_that_of_parallel_streams(trainer, make_ids):
    ids = {"train": make_ids(120), "valid": make_ids(301, 4)}
    own = trainer(ids=ids, model={"dropout": 0.5})
    own.step()
    model = layers.replace(own.task.model, weights(own))
    rows, valid = 32, ids["valid"].astype(np.int64)  # 300 pairs of 5 make more than 32 streams
    each = 300 // rows
    blocks = np.stack([valid[i * each : i * each + each + 1] for i in range(rows)])
    logp, _ = model.score(blocks[:, :-1], blocks[:, 1:], model.initial_state(rows))
    found = own.task.evaluate(own.task.model)
    assert found.scores == own.task.evaluate(own.task.model).scores
    own.evaluate(0.05)
    assert records(own)[-1]["valid_loss"] == pytest.approx(-logp.mean(), rel=1e-5)


def test_divergence_stops_the_run_and_keeps_the_last_good_model(trainer):
    own = trainer(
        model={"cell": {"kind": "rnn", "nonlinearity": "relu"}}, steps=50, optimizer="sgd", evaluate_every=1
    )
    own.config = own.config.model_copy(update={"clip_norm": None})
    for _ in range(2):
        own.step()
    own.evaluate(0.05)
    own.save()
    kept = own.run.model.read_bytes(), own.run.last.read_bytes(), own.run.metrics.read_bytes()
    own.config = own.config.model_copy(update={"learning_rate": 1e9})
    with pytest.raises(SeqcliError, match="training has diverged") as caught:
        fit(own)
    assert caught.value.status == 1
    assert f"the best model so far is kept in {own.run.model}" in caught.value.hint
    assert "lower train.learning_rate (it was 1e+09)" in caught.value.hint
    assert artifact.read(own.run.model).header["scores"]["valid_loss"] < 3
    assert len(kept) == 3


def test_divergence_before_there_is_a_model_promises_none(trainer):
    own = trainer(
        model={"cell": {"kind": "rnn", "nonlinearity": "relu"}}, optimizer="sgd", learning_rate=1e9, steps=50
    )
    own.config = own.config.model_copy(update={"clip_norm": None, "evaluate_every": 40})
    with pytest.raises(SeqcliError) as caught:
        fit(own)
    assert "kept" not in caught.value.hint
    assert not own.run.model.exists()
    assert artifact.read_header(own.run.last)["progress"]["step"] == 0


def test_a_validation_loss_that_is_no_number_is_divergence(trainer):
    own = trainer(steps=5)
    own.step()
    with torch.no_grad():
        own.weights["output_bias"].fill_(math.nan)
    with pytest.raises(SeqcliError, match="the validation loss became nan at step 1: training has diverged"):
        own.evaluate(0.05)
    assert not own.run.model.exists()
    assert not own.run.metrics.exists()


def test_without_a_validation_split_the_training_loss_is_watched(trainer, make_ids):
    own = fit(trainer(ids={"train": make_ids(120)}, steps=20))
    assert all(r["valid_loss"] is None for r in records(own))
    assert own.progress.best == min(r["train_loss"] for r in records(own))
    assert artifact.read_header(own.run.model)["scores"]["train_loss"] == own.progress.best


def test_the_average_of_the_weights_is_what_is_kept(trainer):
    """An exponential moving average, faster in the beginning: decay min(d, (1 + n) / (10 + n)) at step n."""
    own = trainer(steps=12, average=0.6, evaluate_every=12)
    expected = weights(own)
    for n in range(1, 13):
        own.step()
        decay = min(0.6, (1 + n) / (10 + n))
        expected = {k: decay * a + (1 - decay) * weights(own)[k] for k, a in expected.items()}
    own.evaluate(0.05)
    stored = artifact.read(own.run.model).part("model")
    for name, array in expected.items():
        assert np.allclose(stored[name], array, atol=1e-6)
        assert not np.allclose(stored[name], weights(own)[name], atol=1e-6)
