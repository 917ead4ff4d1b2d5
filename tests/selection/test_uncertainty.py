"""How unsure a model is, against all answers that there are: labels, sets of labels, paths, spans."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from seqcli import schemes
from seqcli.decoding.chain import Chain
from seqcli.layers.crf import CRF
from seqcli.selection import uncertainty

SEEDS = range(12)


def draw(
    seed: int, K: int, *, independent: bool = False, scale: float = 2.0
) -> tuple[np.ndarray, np.ndarray, CRF | None]:
    """Emissions (B, T, K), lengths (B,), some of them 0, and a CRF."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 5, 5)
    crf = None if independent else CRF(*(rng.standard_normal(shape) * scale for shape in ((K, K), (K,), (K,))))
    return rng.standard_normal((5, int(lengths.max(initial=1)), K)) * scale, lengths, crf


def paths(chain: Chain, b: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every path of a sentence with its probability."""
    T, K = chain.shape[1:]
    for path in itertools.product(range(K), repeat=int(chain.lengths[b])):
        rows = np.zeros((chain.shape[0], T), np.int64)
        rows[b, : len(path)] = path
        yield path, float(np.exp(chain.log_probability(rows)[b]))


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_of_paths_is_that_of_all_paths(seed: int, independent: bool) -> None:
    emissions, lengths, crf = draw(seed, 1 + seed % 4, independent=independent)
    chain = Chain(emissions, lengths, crf, temperature=0.7 + seed % 3)
    found = {by: uncertainty.of_paths(chain, by) for by in uncertainty.WAYS}
    for b in range(len(lengths)):
        p = np.sort([p for _, p in paths(chain, b)])[::-1]
        assert p.sum() == pytest.approx(1)
        entropy = -(p[p > 0] * np.log(p[p > 0])).sum()
        second = p[1] if len(p) > 1 else 0.0
        assert found["entropy"][b] == pytest.approx(entropy, abs=1e-10)
        assert found["least"][b] == pytest.approx(-np.log(p[0]), abs=1e-10)
        assert found["margin"][b] == pytest.approx(1 - (p[0] - second), abs=1e-10)


@pytest.mark.parametrize("independent", [False, True])
def test_of_paths_hangs_on_no_batch_mate_to_the_last_bit(independent: bool) -> None:
    emissions, lengths, crf = draw(3, 5, independent=independent)
    lengths = np.array([4, 1, 3, 4, 2])
    emissions = np.random.default_rng(1).standard_normal((5, 4, 5))
    for by in uncertainty.WAYS:
        together = uncertainty.of_paths(Chain(emissions, lengths, crf), by)
        for b, n in enumerate(lengths):
            alone = uncertainty.of_paths(Chain(emissions[b : b + 1, :n], lengths[b : b + 1], crf), by)
            assert alone[0] == together[b], by


def test_entropy_of_many_labels_is_worked_out_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    emissions, lengths, crf = draw(7, 6)
    whole = Chain(emissions, lengths, crf).entropy()
    monkeypatch.setattr("seqcli.decoding.chain.ENTRIES", 40)
    assert (Chain(emissions, lengths, crf).entropy() == whole).all()


def test_of_equal_scores_every_path_is_as_likely() -> None:
    chain = Chain(np.zeros((1, 3, 4)), np.array([3]), CRF(np.zeros((4, 4)), np.zeros(4), np.zeros(4)))
    assert chain.entropy()[0] == pytest.approx(3 * np.log(4))
    assert uncertainty.of_paths(chain, "margin")[0] == pytest.approx(1)
    assert uncertainty.of_paths(chain, "least")[0] == pytest.approx(3 * np.log(4))


@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
@pytest.mark.parametrize("seed", SEEDS)
def test_of_spans_is_what_is_expected_over_all_paths(seed: int, scheme: str) -> None:
    labels = ["O", *(f"{p}-{k}" for k in ("X", "Y")[: 1 + seed % 2] for p in ("BIES" if scheme == "iobes" else "BI"))]
    emissions, lengths, crf = draw(seed, len(labels))
    lengths = np.minimum(lengths, 3)
    assert crf
    chain = Chain(emissions, lengths, crf.limited(schemes.limits(labels, scheme)))
    best = chain.viterbi()[0]
    answers = [schemes.spans([labels[k] for k in path[:n]]) for path, n in zip(best, lengths, strict=True)]
    asked = [(b, s.start, best[b, s.start : s.end].tolist()) for b, own in enumerate(answers) for s in own]
    p = chain.span_probabilities(asked, schemes.continues(labels, scheme))
    right = np.bincount([b for b, _, _ in asked], p, minlength=len(lengths))
    begins = np.array([label[0] in "BS" for label in labels])
    found = uncertainty.of_spans(chain, begins, right, np.array([*map(len, answers)]))
    for b in range(len(lengths)):
        wrong = 0.0
        for path, probability in paths(chain, b):
            wrong += probability * len(set(schemes.spans([labels[k] for k in path])) ^ set(answers[b]))
        assert found[b] == pytest.approx(wrong, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_of_labels_is_that_of_the_labels(seed: int) -> None:
    p = np.random.default_rng(seed).dirichlet(np.ones(1 + seed % 4) * 0.5, 6)
    for row, by in itertools.product(range(6), uncertainty.WAYS):
        own = np.sort(p[row])[::-1]
        second = own[1] if len(own) > 1 else 1.0
        wanted = {"margin": 1 - (own[0] - second), "entropy": -(own * np.log(own)).sum(), "least": -np.log(own[0])}
        assert uncertainty.of_labels(p, by)[row] == pytest.approx(wanted[by] if len(own) > 1 else 0.0, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_of_several_labels_is_that_of_all_sets_of_them(seed: int) -> None:
    p = np.random.default_rng(seed).random((4, 1 + seed % 4))
    for row in range(4):
        sets = itertools.product([False, True], repeat=p.shape[1])
        own = np.sort([np.where(there, p[row], 1 - p[row]).prod() for there in sets])[::-1]
        wanted = {"margin": 1 - (own[0] - own[1]), "entropy": -(own * np.log(own)).sum(), "least": -np.log(own[0])}
        for by, value in wanted.items():
            assert uncertainty.of_labels(p, by, several=True)[row] == pytest.approx(value, abs=1e-12), by


def test_what_is_certain_has_no_uncertainty() -> None:
    for by in uncertainty.WAYS:
        assert uncertainty.of_labels(np.array([[1.0, 0.0, 0.0]]), by)[0] == 0
        assert uncertainty.of_labels(np.array([[1.0, 0.0, 1.0]]), by, several=True)[0] == 0
