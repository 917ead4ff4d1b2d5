"""Forecasts of numbers: each figure found again by another way."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from seqcli import layers, ops
from seqcli.decoding.paths import paths
from seqcli.decoding.sampling import Carried, Sampling, sample
from seqcli.metrics.forecast import Metric
from seqcli.models import ngram
from seqcli.models.language_model import Config, Model
from seqcli.tasks.language_model import forecast
from seqcli.tasks.language_model.linear import LAGS, Linear
from seqcli.tasks.language_model.predict import Generator
from seqcli.tokenizers import bins


def autoregressive(count: int, weights: tuple[float, ...], seed: int = 0, noise: float = 1.0) -> np.ndarray:
    rng, found = np.random.default_rng(seed), [0.0] * len(weights)
    for _ in range(count):
        found.append(3 + noise * rng.normal() + sum(w * x for w, x in zip(weights, reversed(found), strict=False)))
    return np.array(found[len(weights) :])


# the linear autoregression


def test_the_order_is_that_of_the_least_aic_and_its_weights_those_of_least_squares():
    values = autoregressive(1500, (0.5, 0.0, 0.3))
    windows = sliding_window_view(values, LAGS + 1)
    known, true, best = windows[:, :-1], windows[:, -1], (np.inf, None)
    for p in range(LAGS + 1):
        rows = np.column_stack([np.ones(len(known)), known[:, LAGS - p :][:, ::-1]])
        weights, *_ = np.linalg.lstsq(rows, true, rcond=None)
        aic = len(true) * np.log(((rows @ weights - true) ** 2).mean()) + 2 * (p + 1)
        best = min(best, (aic, weights), key=lambda one: one[0])
    found = Linear.fit(values)
    assert len(found.weights) == len(best[1]) - 1 >= 3
    assert np.allclose([found.intercept, *found.weights], best[1], atol=1e-8)
    again = Linear.restore(found.header())
    assert np.array_equal(again.weights, found.weights)


def test_it_predicts_one_value_from_those_before_and_many_from_its_own():
    linear, values = Linear(2.0, np.array([0.5, -0.25])), np.array([1.0, 2.0, np.nan, 4.0, 6.0, 8.0])
    expected = [np.nan, np.nan, 2 + 1 - 0.25, np.nan, np.nan, 2 + 3 - 1]
    np.testing.assert_allclose(linear.next(values), expected)
    a = 2 + 4 - 1.5
    assert linear.ahead(values, 2).tolist() == [a, 2 + a / 2 - 2]
    assert Linear(7.0, np.zeros(0)).ahead(values, 3).tolist() == [7, 7, 7]
    assert Linear(7.0, np.zeros(0)).next(values).tolist() == [7] * 6


def test_no_prediction_reaches_over_the_end_of_a_series():
    ends = np.array([np.nan])
    values = np.concatenate([autoregressive(300, (0.9,), 1), ends, 1000 + autoregressive(300, (0.9,), 2)])
    weights = Linear.fit(values).weights
    assert weights[0] < 1.1  # over the end the step of 1000 would be all there is to learn
    assert len(weights) <= LAGS


@pytest.mark.parametrize("count", [0, 1, 2, 5, 30])
def test_short_and_constant_series_have_one_too(count: int):
    for values in (np.full(count, 2.5), np.arange(count, dtype=float)):
        found = Linear.fit(values)
        assert np.isfinite([found.intercept, *found.weights, *found.ahead(np.full(64, 2.0), 3)]).all()
    assert np.allclose(Linear.fit(np.full(500, 2.5)).ahead(np.full(64, 2.5), 5), 2.5)


@pytest.mark.parametrize(
    "header", [{}, {"intercept": 1}, {"intercept": "x", "weights": []}, {"intercept": 1, "weights": [[1]]}]
)
def test_what_is_no_autoregression_is_refused(header: dict):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Linear.restore(header)


# the model's


@pytest.fixture(scope="module")
def text() -> str:
    rng = np.random.default_rng(3)
    return "".join(
        " ".join(f"{x:.3f}" for x in np.sin(np.arange(120) / 3 + start) + rng.normal(size=120) / 9) + "\n"
        for start in range(3)
    )


@pytest.fixture(scope="module")
def own(text: str) -> Generator:
    tokenizer = bins.Tokenizer.learn([text], bins.Config(size=24, period=6))
    model = Model.create(Config(embedding=8, hidden=12), tokenizer.size, np.random.default_rng(1))
    return Generator(model, tokenizer, header={"forecast": Linear.fit(tokenizer.values(text)).header()})


def test_one_step_by_hand(own: Generator, text: str):
    tokenizer, linear = own.tokenizer, Linear.restore(own.header["forecast"])
    ids, values = tokenizer.encode(text), tokenizer.values(text)
    (found,) = forecast.measured(own, forecast.Series.of(ids, values), None)
    context = max(len(linear.weights), 6)
    places = [line * 121 + t for line in range(3) for t in range(context, 120)]
    said = found.forecast
    assert np.array_equal(said["true"], values[places])
    assert np.array_equal(said["naive"], values[np.array(places) - 1])
    assert np.array_equal(said["seasonal"], values[np.array(places) - 6])
    hidden, _ = own.model.hidden(ids.astype(np.int64)[:, None], own.model.initial_state(1))
    logits = own.model.logits(hidden[:, 0]).astype(float)
    for i, at in enumerate(places):
        p = np.exp(logits[at - 1, 1:])
        p /= p.sum()
        assert said["model"][i] == pytest.approx(p @ tokenizer.means, rel=1e-4)
        past = values[at - len(linear.weights) : at][::-1]
        assert said["linear"][i] == pytest.approx(linear.intercept + past @ linear.weights)
        for name, share in (("low", 0.1), ("high", 0.9)):  # the share of the probability below it, bin by bin
            filled = np.clip((said[name][i] - tokenizer.edges[:-1]) / np.diff(tokenizer.edges), 0, 1)
            assert p @ filled == pytest.approx(share, abs=1e-4)


def test_free_runs_go_on_from_what_was_read(own: Generator, text: str):
    ids, values = own.tokenizer.encode(text), own.tokenizer.values(text)
    _, found = forecast.measured(own, forecast.Series.of(ids, values), 7)
    said = found.horizon
    assert {part.shape for part in said.values()} == {(forecast.ORIGINS, 7)}
    assert np.isfinite(said["true"]).all()
    starts = [
        np.flatnonzero([np.array_equal(w, row) for w in sliding_window_view(values, 7)])[0] for row in said["true"]
    ]
    assert np.array_equal(said["naive"], values[np.array(starts) - 1][:, None].repeat(7, 1))
    seasonal = [[values[s - 6 + h % 6] for h in range(7)] for s in starts]
    assert np.array_equal(said["seasonal"], seasonal)
    number, at = 4, starts[4]
    carried = Carried()
    memory = carried.read(own.model, ids[:at].astype(np.int64))
    drawn = paths(own.model, memory, carried, 7, forecast.PATHS, seed=(forecast.SEED, number), first=1)
    assert np.allclose(np.median(own.tokenizer.means[drawn - 1], axis=0), said["model"][number], atol=0.2)
    assert (said["low"] <= said["model"]).all()
    assert (said["model"] <= said["high"]).all()


def test_paths_are_the_samples_that_are_drawn_one_by_one(own: Generator, text: str):
    ids = own.tokenizer.encode(text)[:50].astype(np.int64)
    counted = ngram.Model.fit(ids, own.tokenizer.size, ngram.Config(order=3))
    for model in (own.model, counted):
        carried = Carried()
        memory = carried.read(model, ids)
        together = paths(model, memory, carried, 9, 5, seed=(3, 4), sampling=Sampling(0.8))
        for number, row in enumerate(together):
            rng = np.random.default_rng([3, 4, number])
            assert row.tolist() == [token.id for token in sample(model, ids, Sampling(0.8), rng, 9)]
        assert (paths(model, memory, carried, 9, 50, first=1) > 0).all()


# what training does


def test_blurred_targets_are_cross_entropy_with_a_normal_distribution_about_the_target():
    torch = pytest.importorskip("torch")
    model = Model.create(Config(embedding=4, hidden=5), 20, np.random.default_rng(0))
    leaves = {n: torch.tensor(a, dtype=torch.float64, requires_grad=True) for n, a in model.arrays().items()}
    bound = layers.replace(Model(**{**vars(model), "blur": 1.5}), leaves)
    h, targets = torch.randn(6, 2, 5, dtype=torch.float64), torch.randint(0, 20, (6, 2))
    targets[0, 0] = 0
    at = np.arange(20)
    near = np.exp(-((at[:, None] - at) ** 2) / (2 * 1.5**2))
    near[0], near[:, 0], near[0, 0] = 0, 0, 1
    soft = torch.tensor(near / near.sum(1, keepdims=True))[targets.reshape(-1)]
    logits = bound.logits(h).reshape(-1, 20)
    expected = torch.nn.functional.cross_entropy(logits, soft, reduction="none")
    found = bound.blurred(h, targets, torch.Generator())
    assert torch.allclose(found, expected, atol=1e-6)
    names = ("output_weight", "output_bias")
    grads = [torch.autograd.grad(x.sum(), [leaves[n] for n in names], retain_graph=True) for x in (found, expected)]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*grads, strict=True))
    assert torch.equal(bound.blurred(h, targets, None), bound.nats(h, targets))  # scores are of the target itself


def test_symbols_on_a_line_are_like_their_neighbours():
    model = Model.create(Config(embedding=64, hidden=64), 257, np.random.default_rng(0))
    found = model.on_a_line(np.random.default_rng(1))
    for name in ("embedding", "output_weight"):
        before, table = getattr(model, name), getattr(found, name)
        assert np.array_equal(table[0], before[0])
        assert table.std() == pytest.approx(before.std(), rel=0.1)
        unit = table[1:] / np.linalg.norm(table[1:], axis=1, keepdims=True)
        near, far = (unit[:-1] * unit[1:]).sum(1).mean(), np.abs((unit[:-100] * unit[100:]).sum(1)).mean()
        assert near > 0.9
        assert far < 0.5
    assert ops.is_array(found.output_bias)


def test_the_metric_by_hand():
    metric = Metric()
    true = np.array([1.0, 2.0, 4.0])
    metric.update(
        {
            "true": true,
            "model": true + 1,
            "linear": true - [0, 0, 3],
            "naive": true,
            "low": true - 1,
            "high": true - [0, 1, 0],
        }
    )
    found = metric.result()
    assert found["mae"] == found["rmse"] == 1
    assert found["linear-rmse"] == pytest.approx(3**0.5)
    assert found["linear-mae"] == 1
    assert found["nrmse"] == pytest.approx(1 / true.std())
    assert found["interval-coverage"] == pytest.approx(2 / 3)
    assert "seasonal-mae" not in found
    assert "horizon-mae" not in found
    assert found.keys() <= Metric.OFFERS.keys()
    many = {name: np.zeros((2, 3)) for name in ("true", "model", "linear", "naive", "low", "high")}
    metric.update(horizon={**many, "model": np.array([[0, 1, 2], [0, 1, 4.0]]), "high": np.full((2, 3), -1)})
    assert metric.by_step()["rmse"] == [0, 1, pytest.approx(10**0.5, rel=1e-5)]
    assert metric.by_step()["coverage"] == [0, 0, 0]
    assert metric.result().keys() <= Metric.OFFERS.keys()
    assert metric.counted() == {"forecasts": 3, "free runs": 2, "steps": 3}
