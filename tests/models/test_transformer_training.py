"""Training a transformer: its loss, where gradients reach, what it learns; making and storing one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from support.examples import THOROUGH
from support.transformers import VARIANTS, batch_of, cast, double, make, some

from seqcli import layers
from seqcli.errors import UsageError
from seqcli.models import Sizes
from seqcli.models.transformer import Config, Model

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
def test_loss_of_a_batch_is_that_of_its_sequences(keys: dict[str, Any]) -> None:
    model, (sources, targets) = double(make(**keys)), some(10, 6, 12)
    whole = float(model.loss(batch_of(sources, targets, extra=3)))
    nats = [float(model.loss(batch_of([s], [t]))) * len(t) for s, t in zip(sources, targets, strict=True)]
    assert whole == pytest.approx(sum(nats) / sum(map(len, targets)), abs=1e-11)


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
def test_gradients_reach_every_array(keys: dict[str, Any]) -> None:
    drops = {"dropout": 0.2, "attention_dropout": 0.2, "feedforward_dropout": 0.2, "word_dropout": 0.2}
    model = make(**keys, **drops, label_smoothing=0.1, scheduled_sampling=0.5)
    weights = {n: torch.from_numpy(a).requires_grad_() for n, a in model.arrays().items()}
    batch = {**batch_of(*some(11, 8, 12)), "sampling": 0.5}

    def run(seed: int | None) -> Any:
        rng = None if seed is None else torch.Generator().manual_seed(seed)
        loss = layers.replace(model, weights).loss(batch, rng)
        return torch.autograd.grad(loss, list(weights.values())), loss

    (one, loss), (two, _), (other, _) = run(1), run(1), run(2)
    assert bool(torch.isfinite(loss))
    for name, a, b in zip(weights, one, two, strict=True):
        assert bool(a.isfinite().all()), name
        assert bool(a.any()), name
        assert torch.equal(a, b), name
    assert any(not torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert torch.equal(run(None)[1], run(None)[1])


def test_a_row_that_only_fills_a_batch_changes_nothing() -> None:
    model, (sources, targets) = double(make()), some(12, 4, 12)
    batch = batch_of(sources, targets)
    more = dict(batch)
    for name in ("source", "inputs", "copies"):
        more[name] = torch.cat([batch[name], torch.zeros_like(batch[name][:2])])
    more["source_lengths"] = torch.cat([batch["source_lengths"], torch.zeros(2, dtype=torch.int64)])
    more["places"], more["gold"] = (
        torch.cat([batch[n], torch.zeros(5, dtype=torch.int64)]) for n in ("places", "gold")
    )
    more["weights"] = torch.cat([batch["weights"], torch.zeros(5).double()])
    assert float(model.loss(more)) == pytest.approx(float(model.loss(batch)), abs=1e-12)


@pytest.mark.parametrize("keys", [VARIANTS[0], VARIANTS[2]], ids=str)
def test_bfloat16_stays_near_float64(keys: dict[str, Any]) -> None:
    model, batch = make(**keys), batch_of(*some(13, 8, 12))
    half = cast(model, lambda a: torch.from_numpy(a).bfloat16().requires_grad_())
    loss = half.loss(batch)
    loss.backward()
    assert loss.dtype != torch.bfloat16
    assert float(loss.detach()) == pytest.approx(float(double(model).loss(batch)), abs=0.05)
    assert all(bool(a.grad.isfinite().all()) for a in layers.arrays(half).values())


@pytest.mark.parametrize("norm", ["pre", "post"] if THOROUGH else ["pre"])
def test_it_learns_to_turn_words_round(norm: str) -> None:
    """Up to 6 of 10 symbols, backwards, in 300 steps: blind guesses cost 2.3 nats a symbol, 0.02 to 0.07 are reached."""
    sizes, rng = Sizes(12, 12, True), np.random.default_rng(0)
    fresh = Model.create(Config(size=64, layers=1, tied="all", norm=norm, dropout=0), sizes, rng)  # type: ignore[arg-type]
    weights = {n: torch.from_numpy(a).requires_grad_() for n, a in fresh.arrays().items()}
    optimizer = torch.optim.Adam(weights.values())

    def draw() -> tuple[list[np.ndarray], list[np.ndarray]]:
        words = [rng.integers(0, 10, n) for n in rng.integers(1, 7, 48)]
        return [np.append(w, 11) for w in words], [np.append(w[::-1], 11) for w in words]

    for step in range(300):
        optimizer.param_groups[0]["lr"] = 4e-3 * min(1, (step + 1) / 30) * (1 - step / 300)
        optimizer.zero_grad()
        layers.replace(fresh, weights).loss(batch_of(*draw(), sizes=sizes)).backward()
        optimizer.step()
    trained = layers.replace(fresh, {n: w.detach().numpy() for n, w in weights.items()})
    assert -np.concatenate(trained.score(*draw())).mean() < 0.2


# making one


def test_weights_are_the_seeds_and_a_stored_model_is_itself() -> None:
    for keys in (*VARIANTS, {"tied": "all"}):
        sizes = Sizes(17, 17, True)
        config = Config(**{"size": 8, "heads": 2, "layers": 1, **keys})
        one, two = (Model.create(config, sizes, np.random.default_rng(1)) for _ in range(2))
        again = Model.restore(config, sizes, one.arrays())
        assert again.sizes == Sizes(17, 17, False)
        for name, a in one.arrays().items():
            assert a.dtype == np.float32
            np.testing.assert_array_equal(a, two.arrays()[name])
            np.testing.assert_array_equal(a, again.arrays()[name])


def test_tying_shares_what_it_says() -> None:
    shared = Sizes(17, 17, True)
    counts = {tied: layers.parameters(make(sizes=shared, tied=tied)) for tied in ("none", "output", "all")}
    assert counts["none"] - counts["output"] == counts["output"] - counts["all"] == 17 * 8


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"heads": 3}, "model.heads: 8 units cannot be divided into 3"),
        ({"longest": 20}, "model.longest is for learned positions"),
        ({"tied": "all"}, "model.tied: all needs one tokenizer"),
    ],
    ids=str,
)
def test_keys_that_do_not_go_together(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        make(**keys)
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("keys", [{"norm": "both"}, {"positions": "none"}, {"dropout": 1.0}, {"hidden": 3}], ids=str)
def test_keys_are_checked(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config(**keys)
