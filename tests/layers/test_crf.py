"""The CRF's loss against all K^T paths; the fused form against the equation; what padding and limits do."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import layers
from seqcli.layers.blank import Blank
from seqcli.layers.crf import CRF, FORBIDDEN, Limits

torch = pytest.importorskip("torch")


def brute_scores(emissions: Any, crf: CRF, b: int, length: int) -> dict[tuple[int, ...], Any]:
    """The score of each of the K^length paths of sentence `b`, in torch float64, with autograd."""

    def score(path: tuple[int, ...]) -> Any:
        own = sum(emissions[t, b, k] for t, k in enumerate(path))
        moves = sum((crf.transitions[i, j] for i, j in itertools.pairwise(path)), start=0.0)
        return crf.start[path[0]] + own + moves + crf.end[path[-1]]

    return {path: score(path) for path in itertools.product(range(emissions.shape[2]), repeat=length)}


def brute_loss(emissions: Any, held: Any, lengths: Any, crf: CRF) -> Any:
    """-log of the share that the paths through the labels which `held` (T, B, K) allows have of all paths: (B,)."""
    losses = []
    for b, n in enumerate(lengths.tolist()):
        if n == 0:
            losses.append(emissions.sum() * 0)
            continue
        scores = brute_scores(emissions, crf, b, n)
        kept = [score for path, score in scores.items() if held[np.arange(n), b, list(path)].all()]
        losses.append(torch.stack([*scores.values()]).logsumexp(0) - torch.stack(kept).logsumexp(0))
    return torch.stack(losses)


def one_hot(tags: Any, labels: int) -> np.ndarray:
    """Where only the labels `tags` (T, B) are allowed: (T, B, K)."""
    return np.arange(labels) == np.asarray(tags)[..., None]


@st.composite
def cases(draw: st.DrawFn, largest: float = 10.0) -> tuple[CRF, np.ndarray, np.ndarray, np.ndarray, Limits | None]:
    """float64 weights, emissions (T, B, K), tags, lengths, limits."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    K, T, B = draw(st.integers(1, 4)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    scale = draw(st.floats(0.1, largest))
    crf = CRF(*(rng.standard_normal(shape) * scale for shape in [(K, K), (K,), (K,)]))
    limits = None
    if draw(st.booleans()):
        share = draw(st.sampled_from([0.1, 0.3, 0.6, 1.0]))
        limits = rng.random(K) > share, rng.random((K, K)) > share, rng.random(K) > share
    lengths = rng.integers(0, T + 1, B)
    return crf, rng.standard_normal((T, B, K)) * scale, rng.integers(0, K, (T, B)), lengths, limits


def leaves(crf: CRF, emissions: np.ndarray, dtype: Any = torch.float64) -> tuple[CRF, Any, list[Any]]:
    ws = [torch.tensor(a, dtype=dtype, requires_grad=True) for a in (*layers.arrays(crf).values(), emissions)]
    return CRF(*ws[:3]), ws[3], ws


def equation(crf: CRF, emissions: Any, tags: Any, lengths: Any) -> Any:
    """The loss by the lines that NumPy runs, on torch arrays."""
    inside = torch.arange(len(emissions))[:, None] < lengths
    return crf.equation(torch.where(inside[..., None], emissions, 0), tags * inside, lengths, inside)


def gradients(loss: Any, arrays: list[Any], weight: Any) -> list[np.ndarray]:
    found = torch.autograd.grad((loss * weight).sum(), arrays, retain_graph=True, materialize_grads=True)
    return [g.numpy() for g in found]


@settings(max_examples=examples(60))
@given(cases())
def test_loss_and_gradients_are_those_of_all_paths(case: Any) -> None:
    weights, e, y, n, limits = case
    crf, emissions, arrays = leaves(weights, e)
    tags, lengths = torch.from_numpy(y), torch.from_numpy(n)
    weight = torch.linspace(0.5, 2.0, len(n), dtype=torch.float64)  # every sentence's gradient counts its own way
    limited = crf.limited(limits)
    expected = brute_loss(emissions, one_hot(tags, e.shape[2]), lengths, limited)
    found = limited.loss(emissions, tags, lengths)
    exact = equation(limited, emissions, tags, lengths)
    in_numpy = weights.limited(limits).loss(e, y, n)
    assert isinstance(in_numpy, np.ndarray)
    for loss in (found.detach(), exact.detach(), in_numpy):
        np.testing.assert_allclose(loss, expected.detach(), rtol=1e-10, atol=1e-10)
    true = gradients(expected, arrays, weight)
    for loss in (found, exact):
        for a, b in zip(gradients(loss, arrays, weight), true, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)


def test_gradients_are_those_of_finite_differences() -> None:
    rng = np.random.default_rng(3)
    weights = CRF(*(rng.standard_normal(shape) for shape in [(3, 3), (3,), (3,)]))
    _, _, arrays = leaves(weights, rng.standard_normal((4, 2, 3)))
    tags, lengths = torch.from_numpy(rng.integers(0, 3, (4, 2))), torch.tensor([4, 2])
    assert torch.autograd.gradcheck(lambda *w: CRF(*w[:3]).loss(w[3], tags, lengths), arrays)


def scheme(K: int) -> Limits:
    """Label 0 is outside; then pairs of a beginning and an inside, which only its own span leads to (IOB2)."""
    moves = np.ones((K, K), bool)
    for inside in range(2, K, 2):
        moves[:, inside] = False
        moves[[inside - 1, inside], inside] = True
    starts = np.ones(K, bool)
    starts[2::2] = False
    return starts, moves, np.ones(K, bool)


@pytest.mark.parametrize("scale", [1.0, 50.0, 400.0])
@pytest.mark.parametrize("limited", [False, True])
def test_float32_is_stable_at_large_scores(scale: float, limited: bool) -> None:
    """Emissions of ±50 take the fused form, of ±400 (a bound too wide for probabilities) the equation."""
    rng = np.random.default_rng(5)
    T, B, K = 30, 4, 9
    crf = CRF(*(rng.uniform(-3, 3, shape).astype(np.float32) for shape in [(K, K), (K,), (K,)]))
    e = rng.choice([-scale, scale], (T, B, K)).astype(np.float32)
    tags, lengths = torch.from_numpy(rng.integers(0, K, (T, B))), torch.tensor([30, 17, 1, 0])
    limits = scheme(K) if limited else None
    single, emissions, ws = leaves(crf, e, torch.float32)
    found = single.limited(limits).loss(emissions, tags, lengths)
    double, emissions64, ws64 = leaves(crf, e)
    expected = equation(double.limited(limits), emissions64, tags, lengths)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.detach(), expected.detach(), rtol=2e-6, atol=1e-3)
    exact = gradients(expected, ws64, 1.0)
    atol = 1e-5 if scale < 100 else 2e-2  # float32's own digits, where the equation works at sums of 12,000
    for a, b in zip(gradients(found, ws, 1.0), exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol)
    is_fused = "Fused" in type(found.grad_fn).__name__
    assert is_fused == (scale < 100)


def test_labels_too_far_apart_for_probabilities_take_the_equation() -> None:
    """0 is left for 1 and never come back to. Staying at 0 falls 40·50 nats behind, then gains as much: a product of
    probabilities would have lost that path, half of the sum."""
    T = 80
    limits = np.array([True, False]), np.array([[True, True], [False, True]]), np.array([True, True])
    zero = CRF(np.zeros((2, 2)), np.zeros(2), np.zeros(2))
    e = np.zeros((T, 1, 2))
    e[1:40, 0, 1] = 50.0
    e[40:79, 0, 0] = 50.0
    crf, emissions, _ = leaves(zero, e)
    tags, lengths = torch.zeros((T, 1), dtype=torch.int64), torch.tensor([T])
    found = crf.limited(limits).loss(emissions, tags, lengths)
    # the paths are told apart by the token at which they go over to 1
    scores = [e[:k, 0, 0].sum() + e[k:, 0, 1].sum() for k in range(1, T + 1)]
    expected = np.logaddexp.reduce(scores) - scores[-1]
    assert expected > 0.5
    np.testing.assert_allclose(found.detach(), [expected], rtol=1e-12)
    assert "Fused" not in type(found.grad_fn).__name__


def test_span_schemes_take_the_fused_form_even_with_labels_that_nothing_leads_to() -> None:
    rng = np.random.default_rng(0)
    K = 9
    starts, moves, ends = scheme(K)
    moves[:, 4] = moves[3, :] = False  # an inside without its beginning; a label after which nothing may come
    ends[3] = False
    e = (
        rng.standard_normal((12, 3, K)) * 5 + np.arange(12)[:, None, None] * 100
    )  # what a token's labels share is free
    crf, emissions, _ = leaves(CRF.create(K, rng), e)
    tags, lengths = torch.zeros((12, 3), dtype=torch.int64), torch.tensor([12, 5, 1])
    limited = crf.limited((starts, moves, ends))
    found = limited.loss(emissions, tags, lengths)
    assert "Fused" in type(found.grad_fn).__name__
    np.testing.assert_allclose(found.detach(), equation(limited, emissions, tags, lengths).detach(), rtol=1e-12)


@settings(max_examples=examples(60))
@given(st.integers(0, 2**32), st.integers(2, 6), st.integers(1, 30), st.sampled_from([1.0, 20.0, 80.0, 150.0]))
def test_the_fused_form_is_the_equation_up_to_the_bound_of_its_range(seed: int, K: int, T: int, scale: float) -> None:
    """Emissions that favour labels for a while, and sparse limits: dead ends, one-way streets."""
    rng = np.random.default_rng(seed)
    share = rng.choice([0.0, 0.2, 0.5, 0.7])
    limits = rng.random(K) >= share, rng.random((K, K)) >= share, rng.random(K) >= share
    weights = CRF(*(rng.choice([-1, 1], shape) * rng.random() * rng.choice([1, 10, 50]) for shape in [(K, K), K, K]))
    e = np.repeat(rng.choice([-scale / 2, scale / 2], (T // 8 + 1, 2, K)), 8, axis=0)[:T]
    crf, emissions, arrays = leaves(weights, e + rng.standard_normal((T, 2, K)) * 0.1)
    tags, lengths = torch.from_numpy(rng.integers(0, K, (T, 2))), torch.from_numpy(rng.integers(1, T + 1, 2))
    limited = crf.limited(limits)
    found, exact = limited.loss(emissions, tags, lengths), equation(limited, emissions, tags, lengths)
    np.testing.assert_allclose(found.detach(), exact.detach(), rtol=1e-10, atol=1e-9)
    for a, b in zip(gradients(found, arrays, 1.0), gradients(exact, arrays, 1.0), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-7)  # the equation rounds at sums of penalties


@pytest.mark.parametrize("fill", [0.0, 1e30, float("inf"), float("nan")])
def test_padding_has_no_influence_and_exactly_no_gradient(fill: float) -> None:
    rng = np.random.default_rng(1)
    T, B, K = 6, 4, 3
    lengths = torch.tensor([6, 3, 1, 0])
    outside = torch.arange(T)[:, None] >= lengths
    clean, tags = rng.standard_normal((T, B, K)), torch.from_numpy(rng.integers(0, K, (T, B)))
    weights = CRF.create(K, rng)
    results = []
    for filled, label in ((0.0, 0), (fill, -100)):
        e = clean.copy()
        e[outside.numpy()] = filled
        crf, emissions, arrays = leaves(weights, e)
        y = tags.masked_fill(outside, label)
        for loss in (crf.loss(emissions, y, lengths), equation(crf, emissions, y * ~outside, lengths)):
            grads = gradients(loss, arrays, 1.0)
            assert (grads[3][outside.numpy()] == 0.0).all()
            assert loss[3] == 0.0
            results.append([loss.detach().numpy(), *grads])
    for now, first in ((results[2], results[0]), (results[3], results[1])):
        for a, b in zip(now, first, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_path_against_the_limits_costs_its_penalties_and_gradients_stay_finite() -> None:
    K = 5
    limits = scheme(K)
    crf, emissions, arrays = leaves(CRF.create(K, np.random.default_rng(0)), np.zeros((3, 1, K)), torch.float32)
    tags = torch.tensor([[2], [4], [2]])  # three insides, no beginning
    loss = crf.limited(limits).loss(emissions, tags, torch.tensor([3]))
    assert loss.item() == pytest.approx(-3 * FORBIDDEN, abs=20)
    assert all(np.isfinite(g).all() for g in gradients(loss, arrays, 1.0))


def test_where_every_path_is_forbidden_the_loss_is_that_of_the_least_bad_ones() -> None:
    nothing = np.zeros(2, bool), np.zeros((2, 2), bool), np.zeros(2, bool)
    crf, emissions, arrays = leaves(CRF(np.zeros((2, 2)), np.zeros(2), np.zeros(2)), np.zeros((3, 1, 2)))
    loss = crf.limited(nothing).loss(emissions, torch.zeros((3, 1), dtype=torch.int64), torch.tensor([3]))
    np.testing.assert_allclose(loss.detach(), 3 * np.log(2))
    assert all(np.isfinite(g).all() for g in gradients(loss, arrays, 1.0))


def test_padding_in_which_all_paths_end_leaves_gradients_alone() -> None:
    """Nothing may follow any label: sentences of one token in a batch padded to three."""
    limits = np.array([True, True, False]), np.zeros((3, 3), bool), np.ones(3, bool)
    crf, emissions, arrays = leaves(CRF.create(3, np.random.default_rng(0)), np.zeros((3, 2, 3)))
    tags, lengths = torch.zeros((3, 2), dtype=torch.int64), torch.tensor([1, 1])
    limited = crf.limited(limits)
    found = limited.loss(emissions, tags, lengths)
    expected = brute_loss(emissions, one_hot(tags, 3), lengths, limited)
    assert "Fused" in type(found.grad_fn).__name__
    np.testing.assert_allclose(found.detach(), expected.detach(), rtol=1e-12)
    for a, b in zip(gradients(found, arrays, 1.0), gradients(expected, arrays, 1.0), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


def test_bfloat16_emissions_and_weights_are_summed_in_float32() -> None:
    rng = np.random.default_rng(2)
    crf, emissions, arrays = leaves(CRF.create(7, rng), rng.standard_normal((20, 3, 7)) * 4, torch.bfloat16)
    tags, lengths = torch.from_numpy(rng.integers(0, 7, (20, 3))), torch.tensor([20, 11, 4])
    loss = crf.limited(scheme(7)).loss(emissions, tags, lengths)
    assert loss.dtype == torch.float32
    limited = crf.limited(scheme(7))
    wide = CRF(*(w.double() for w in layers.arrays(limited).values()))
    expected = equation(wide, emissions.double(), tags, lengths)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-6, atol=1e-4)
    assert [g.dtype for g in torch.autograd.grad(loss.sum(), arrays)] == [torch.bfloat16] * 4


def test_float32_stays_float32_in_numpy() -> None:
    rng = np.random.default_rng(2)
    crf = CRF.create(3, rng).limited(scheme(3))
    e = rng.standard_normal((4, 2, 3)).astype(np.float32)
    assert all(w.dtype == np.float32 for w in layers.arrays(crf).values())
    assert crf.loss(e, np.zeros((4, 2), np.int64), np.array([4, 1])).dtype == np.float32


def test_no_tokens_at_all() -> None:
    crf = CRF.create(3, np.random.default_rng(0))
    empty = np.zeros((0, 2), np.int64)
    np.testing.assert_array_equal(crf.loss(np.zeros((0, 2, 3), np.float32), empty, np.zeros(2, np.int64)), [0, 0])
    weights, emissions, _ = leaves(crf, np.zeros((0, 2, 3)))
    loss = weights.loss(emissions, torch.from_numpy(empty), torch.zeros(2, dtype=torch.int64))
    assert loss.tolist() == [0, 0]
    loss.sum().backward()


def test_a_layer_of_named_arrays_the_same_for_a_seed() -> None:
    crf = CRF.create(4, np.random.default_rng(7))
    assert {n: a.shape for n, a in layers.arrays(crf).items()} == {"transitions": (4, 4), "start": (4,), "end": (4,)}
    again = CRF.create(4, np.random.default_rng(7))
    for a, b in zip(layers.arrays(crf).values(), layers.arrays(again).values(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert layers.parameters(CRF.create(4, Blank())) == 24
    drawn = np.concatenate([a.ravel() for a in layers.arrays(CRF.create(40, np.random.default_rng(0))).values()])
    assert -0.1 < drawn.min() < -0.099
    assert 0.099 < drawn.max() < 0.1


def test_limits_are_added_for_both_libraries_alike() -> None:
    crf = CRF.create(5, np.random.default_rng(0))
    assert crf.limited(None) is crf
    ours = crf.limited(scheme(5))
    theirs = CRF(*map(torch.from_numpy, layers.arrays(crf).values())).limited(scheme(5))
    for a, b, allowed in zip(layers.arrays(ours).values(), layers.arrays(theirs).values(), (1, 0, 2), strict=True):
        np.testing.assert_array_equal(a, b.numpy())
        assert ((a < FORBIDDEN / 2) == ~scheme(5)[allowed]).all()


@settings(max_examples=examples(60))
@given(cases(largest=3.0), st.integers(0, 2**32))
def test_a_partial_loss_is_of_all_paths_that_are_allowed(case: Any, seed: int) -> None:
    weights, e, _, n, _ = case
    held = np.random.default_rng(seed).random(e.shape) < 0.6
    held[np.arange(len(e))[:, None], np.arange(e.shape[1]), np.random.default_rng(seed).integers(0, e.shape[2])] = (
        True
    )
    crf, emissions, arrays = leaves(weights, e)
    weight = torch.linspace(0.5, 2.0, len(n), dtype=torch.float64)
    expected = brute_loss(emissions, held, n, crf)
    allowed = torch.from_numpy(held.astype(float))
    found = crf.partial_loss(emissions, allowed, torch.from_numpy(n))
    np.testing.assert_allclose(found.detach(), expected.detach(), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(weights.partial_loss(e, held, n), expected.detach(), rtol=1e-9, atol=1e-9)
    for a, b in zip(gradients(found, arrays, weight), gradients(expected, arrays, weight), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-8)
    one = torch.nn.functional.one_hot(torch.zeros(e.shape[:2], dtype=torch.int64), e.shape[2])
    whole = crf.loss(emissions, torch.zeros(e.shape[:2], dtype=torch.int64), torch.from_numpy(n))
    np.testing.assert_allclose(
        crf.partial_loss(emissions, one, torch.from_numpy(n)).detach(), whole.detach(), rtol=1e-9, atol=1e-9
    )
