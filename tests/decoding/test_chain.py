"""Exact inference against all K^T paths; ties; temperature; forced labels; large and degenerate inputs."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.decoding.chain import Chain
from seqcli.layers.crf import CRF, FORBIDDEN


@dataclass
class Case:
    """A batch, its weights (None: independent tokens) and what restricts it."""

    emissions: np.ndarray
    lengths: np.ndarray
    crf: CRF | None
    temperature: float
    allowed: np.ndarray | None
    limits: tuple[np.ndarray, np.ndarray, np.ndarray] | None

    def chain(self) -> Chain:
        crf = self.crf.limited(self.limits) if self.crf else None
        return Chain(self.emissions, self.lengths, crf, temperature=self.temperature, allowed=self.allowed)

    def paths(self, b: int) -> dict[tuple[int, ...], float]:
        """The score of every path, the first in lexicographic order first."""
        K, penalty = self.emissions.shape[2], FORBIDDEN * max(1, 1 / self.temperature)
        return {
            p: self._score(b, p) / self.temperature + penalty * self.broken(b, p)
            for p in itertools.product(range(K), repeat=int(self.lengths[b]))
        }

    def _score(self, b: int, path: tuple[int, ...]) -> float:
        score = sum(float(self.emissions[b, t, k]) for t, k in enumerate(path))
        if self.crf and path:
            score += sum(float(self.crf.transitions[i, j]) for i, j in itertools.pairwise(path))
            score += float(self.crf.start[path[0]]) + float(self.crf.end[path[-1]])
        return score

    def broken(self, b: int, path: tuple[int, ...]) -> int:
        broken = 0
        if self.allowed is not None:
            broken += sum(not self.allowed[b, t, k] for t, k in enumerate(path))
        if self.limits and self.crf and path:
            start, moves, end = self.limits
            broken += (not start[path[0]]) + (not end[path[-1]])
            broken += sum(not moves[i, j] for i, j in itertools.pairwise(path))
        return broken


def draw_case(rng: np.random.Generator, B: int, T: int, K: int, *, exact: bool = False, **options: bool) -> Case:
    """exact: scores are small integers, so that ties are ties."""

    def numbers(*shape: int) -> np.ndarray:
        return rng.integers(-1, 2, shape) * 1.0 if exact else rng.standard_normal(shape) * rng.choice([0.5, 3, 20])

    crf = CRF(numbers(K, K), numbers(K), numbers(K)) if options.get("crf", True) else None
    share = rng.choice([0.1, 0.4, 0.8])
    limits = (rng.random(K) > share, rng.random((K, K)) > share, rng.random(K) > share)
    return Case(
        numbers(B, T, K),
        rng.integers(0, T + 1, B),
        crf,
        1.0 if exact else float(rng.choice([1.0, 0.3, 2.5])),
        rng.random((B, T, K)) > share if options.get("allowed") else None,
        limits if options.get("limits") else None,
    )


@st.composite
def cases(draw: st.DrawFn, *, exact: bool = False) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    B, T, K = draw(st.integers(1, 3)), draw(st.integers(0, 5)), draw(st.integers(1, 4))
    crf, allowed, limits = (draw(st.booleans()) for _ in range(3))
    return draw_case(rng, B, T, K, exact=exact, crf=crf, allowed=allowed, limits=limits)


def log_total(scores: dict[tuple[int, ...], float]) -> float:
    return float(np.logaddexp.reduce(list(scores.values())))


@settings(max_examples=examples(150))
@given(cases())
def test_best_path_log_z_and_marginals_are_those_of_all_paths(case: Case) -> None:
    chain = case.chain()
    paths, scores = chain.viterbi()
    marginals = chain.marginals()
    B, T, K = case.emissions.shape
    assert paths.shape == (B, T)
    assert marginals.shape == (B, T, K)
    tight = {"rtol": 1e-11, "atol": 1e-9}
    for b, n in enumerate(case.lengths):
        every = case.paths(b)
        log_z = log_total(every)
        np.testing.assert_allclose(scores[b], max(every.values()), **tight)
        np.testing.assert_allclose(every[tuple(paths[b, :n].tolist())], scores[b], **tight)
        np.testing.assert_allclose(chain.log_z[b], log_z, **tight)
        expected = np.zeros((T, K))
        for path, score in every.items():
            expected[np.arange(n), list(path)] += math.exp(score - log_z)
        np.testing.assert_allclose(marginals[b], expected, rtol=0, atol=1e-9)
        np.testing.assert_allclose(marginals[b, :n].sum(-1), 1, rtol=1e-14)
        assert (marginals[b, n:] == 0).all()
        assert (paths[b, n:] == 0).all()


@settings(max_examples=examples(100))
@given(cases(exact=True))
def test_ties_go_to_the_first_path_in_lexicographic_order(case: Case) -> None:
    chain = case.chain()
    paths, _ = chain.viterbi()
    for b, n in enumerate(case.lengths):
        every = case.paths(b)
        first = max(every, key=lambda p: every[p])  # of equals the first, and they come in that order
        assert tuple(paths[b, :n].tolist()) == first
        np.testing.assert_array_equal(chain.nbest(1)[b][0][0], paths[b, :n])


@settings(max_examples=examples(100))
@given(cases(), st.data())
def test_log_probability_of_any_path(case: Case, data: st.DataObject) -> None:
    chain = case.chain()
    B, T, K = case.emissions.shape
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    paths = rng.integers(0, K, (B, T))
    outside = np.arange(T) >= case.lengths[:, None]
    found = chain.log_probability(np.where(outside, -1, paths))
    for b, n in enumerate(case.lengths):
        every = case.paths(b)
        expected = every[tuple(paths[b, :n].tolist())] - log_total(every)
        np.testing.assert_allclose(found[b], expected, rtol=1e-11, atol=1e-9)


@settings(max_examples=examples(100))
@given(cases(), st.sampled_from([0, 1, 2, 5, 2000]))
def test_nbest_are_the_best_of_all_paths_in_order(case: Case, n: int) -> None:
    for b, found in enumerate(case.chain().nbest(n)):
        every = case.paths(b)
        log_z = log_total(every)
        fewest = min(case.broken(b, p) for p in every)
        lawful = {p: s for p, s in every.items() if case.broken(b, p) == fewest}
        assert len(found) == min(n, len(lawful))
        ranked = sorted(lawful.values(), reverse=True)[:n]
        np.testing.assert_allclose([p for _, p in found], np.array(ranked) - log_z, rtol=1e-11, atol=1e-9)
        for path, logprob in found:
            np.testing.assert_allclose(every[tuple(path.tolist())] - log_z, logprob, rtol=1e-11, atol=1e-9)
        assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)
        assert len({tuple(path.tolist()) for path, _ in found}) == len(found)
        if n >= 2000:
            assert sum(math.exp(p) for _, p in found) == pytest.approx(1, abs=1e-9)


def test_nbest_lists_no_path_that_breaks_a_limit_where_one_keeps_them() -> None:
    limits = np.array([True, False]), np.array([[True, False], [True, True]]), np.ones(2, bool)
    case = Case(
        np.zeros((1, 3, 2)), np.array([3]), CRF(np.zeros((2, 2)), np.zeros(2), np.zeros(2)), 1.0, None, limits
    )
    ((only,),) = case.chain().nbest(5)
    np.testing.assert_array_equal(only[0], [0, 0, 0])
    assert only[1] == 0.0


# temperature


@given(cases(), st.floats(0.05, 20))
def test_temperature_is_that_of_all_scores(case: Case, temperature: float) -> None:
    """Dividing by 1 what was divided before is the same; and a path is best at every temperature."""
    case.limits, case.allowed, case.temperature = None, None, temperature
    scaled = case.crf and CRF(*(w / temperature for w in (case.crf.transitions, case.crf.start, case.crf.end)))
    other = Chain(case.emissions / temperature, case.lengths, scaled)
    chain = case.chain()
    np.testing.assert_allclose(chain.log_z, other.log_z, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(chain.marginals(), other.marginals(), atol=1e-9)
    paths, _ = Chain(case.emissions, case.lengths, case.crf).viterbi()
    np.testing.assert_allclose(chain.log_probability(paths), chain.viterbi()[1] - chain.log_z, atol=1e-6)


@pytest.mark.parametrize("temperature", [1e-3, 1.0, 1e3])
def test_no_temperature_undoes_a_limit_or_a_forced_label(temperature: float) -> None:
    rng = np.random.default_rng(0)
    moves = np.array([[True, True, False], [True, True, True], [True, False, True]])
    crf = CRF.create(3, rng).limited((np.array([True, True, False]), moves, np.ones(3, bool)))
    e = (rng.standard_normal((4, 9, 3)) * 30).astype(np.float32)
    allowed = np.ones((4, 9, 3), bool)
    allowed[:, 4, :2] = False  # so token 3 is 1 or 2
    chain = Chain(e, np.full(4, 9), crf, temperature=temperature, allowed=allowed)
    paths, _ = chain.viterbi()
    assert (paths[:, 0] != 2).all()
    assert (paths[:, 4] == 2).all()
    assert moves[paths[:, :-1], paths[:, 1:]].all()
    np.testing.assert_allclose(chain.marginals()[:, 4, 2], 1)
    assert chain.marginals()[:, 3, 0].max() < 1e-300


def test_a_contradictory_forcing_decodes_by_the_least_bad_path() -> None:
    moves = np.array([[True, True], [False, True]])
    crf = CRF(np.zeros((2, 2)), np.zeros(2), np.zeros(2)).limited((np.ones(2, bool), moves, np.ones(2, bool)))
    allowed = np.array([[[False, True], [True, False], [False, False]]])  # 1 then 0: not allowed; then nothing is
    chain = Chain(np.array([[[0, 0], [0, 0], [0, 3.0]]], np.float32), np.array([3]), crf, allowed=allowed)
    (path,), (score,) = chain.viterbi()
    assert path.tolist() == [0, 0, 1]  # breaks as many as any other: two
    assert score == 2 * FORBIDDEN + 3
    assert np.isfinite(chain.log_z).all()
    np.testing.assert_allclose(chain.marginals().sum(-1), 1)


def test_labels_that_fall_far_behind_and_catch_up_again_are_not_lost() -> None:
    """Label 0 cannot be entered again: the all-0 path is 2,000 nats behind half-way and one of the best in the end."""
    limits = np.array([True, False]), np.array([[True, True], [False, True]]), np.ones(2, bool)
    crf = CRF(np.zeros((2, 2)), np.zeros(2), np.zeros(2)).limited(limits)
    e = np.zeros((1, 80, 2))
    e[0, 1:40, 1] = 50.0
    e[0, 40:79, 0] = 50.0
    chain = Chain(e, np.array([80]), crf)
    scores = [e[0, :k, 0].sum() + e[0, k:, 1].sum() for k in range(1, 81)]
    np.testing.assert_allclose(chain.log_z, np.logaddexp.reduce(scores), rtol=1e-14)
    staying = np.exp(np.array(scores) - np.logaddexp.reduce(scores))
    np.testing.assert_allclose(chain.marginals()[0, :, 0], staying[::-1].cumsum()[::-1], atol=1e-9)


# degenerate and large


@pytest.mark.parametrize("crf", [None, CRF.create(3, np.random.default_rng(0))])
@pytest.mark.parametrize(("B", "T"), [(0, 0), (0, 4), (2, 0), (2, 4)])
def test_no_sentences_no_tokens_empty_sentences(crf: CRF | None, B: int, T: int) -> None:
    chain = Chain(np.zeros((B, T, 3), np.float32), np.zeros(B, np.int64), crf)
    paths, scores = chain.viterbi()
    assert paths.shape == (B, T)
    assert scores.tolist() == chain.log_z.tolist() == chain.log_probability(paths).tolist() == [0.0] * B
    assert chain.marginals().shape == (B, T, 3)
    assert not chain.marginals().any()
    assert [[(p.tolist(), x) for p, x in found] for found in chain.nbest(3)] == [[([], 0.0)]] * B
    assert chain.span_probabilities([], np.zeros((3, 3), bool)).shape == (0,)


@pytest.mark.parametrize("independent", [False, True])
def test_a_sentence_of_thirty_thousand_tokens(independent: bool) -> None:
    """A stationary chain has a closed form: log Z = log(1^T M^(T-1) 1), by the eigenvalues of M."""
    rng = np.random.default_rng(0)
    T, K = 30_000, 5
    crf = None if independent else CRF(*(rng.standard_normal(s) for s in [(K, K), (K,), (K,)]))
    own = rng.standard_normal(K)
    chain = Chain(np.broadcast_to(own, (1, T, K)), np.array([T]), crf)
    if crf is None:
        expected = T * np.log(np.exp(own).sum())
        middle = np.exp(own) / np.exp(own).sum()
    else:
        values, right = np.linalg.eig(np.exp(crf.transitions + own))  # M[i, j]: to j, with j's emission
        top = int(values.real.argmax())
        left = np.linalg.inv(right)[top].real
        right = right[:, top].real
        begin, end = np.exp(crf.start + own), np.exp(crf.end)
        expected = (T - 1) * np.log(values[top].real) + np.log(begin @ right * (left @ end))
        middle = left * right
    np.testing.assert_allclose(chain.log_z, [expected], rtol=1e-11)
    np.testing.assert_allclose(chain.marginals()[0, T // 2], middle, atol=1e-8)
    paths, scores = chain.viterbi()
    np.testing.assert_allclose(chain.log_probability(paths), scores - chain.log_z, atol=1e-6)
    (found,) = chain.nbest(2)
    np.testing.assert_array_equal(found[0][0], paths[0])
    assert found[1][1] <= found[0][1]


@pytest.mark.parametrize(
    ("lengths", "temperature"), [([1, 2, 3], 1.0), ([5, 1], 1.0), ([-1, 1], 1.0), ([1, 1], 0.0), ([1, 1], math.nan)]
)
def test_wrong_arguments_are_refused(lengths: list[int], temperature: float) -> None:
    with pytest.raises(ValueError, match=r"lengths must be|temperature must be"):
        Chain(np.zeros((2, 4, 3), np.float32), np.array(lengths), None, temperature=temperature)
