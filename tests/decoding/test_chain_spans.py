"""Span posteriors against all paths; nothing depends on batch-mates, to the last bit."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.decoding.chain import Chain
from seqcli.layers.crf import CRF, Limits

# label sets as tags, and which pairs go on with a span
IOB2 = ["O", "B-X", "I-X"], {("B-X", "I-X"), ("I-X", "I-X")}
IOBES = ["O", "B", "I", "E", "S"], {(a, b) for a in "BI" for b in "IE"}
SCHEMES = {"iob2": IOB2, "iobes": IOBES}


def continues(scheme: str) -> np.ndarray:
    tags, pairs = SCHEMES[scheme]
    return np.array([[(a, b) in pairs for b in tags] for a in tags])


def limits(scheme: str) -> Limits:
    """Inside and end tags come after what they go on with, and only there."""
    tags, pairs = SCHEMES[scheme]
    goes_on = {b for _, b in pairs}
    moves = np.array([[(a, b) in pairs if b in goes_on else True for b in tags] for a in tags])
    if scheme == "iobes":
        for i, a in enumerate(tags):
            moves[i] = [((a, b) in pairs) == (a in "BI") for b in tags]
            moves[i] &= np.array([(a, b) in pairs or b not in goes_on for b in tags])
    return np.array([t not in goes_on for t in tags]), moves, np.array([t not in ("B", "I") for t in tags])


@st.composite
def batches(draw: st.DrawFn) -> tuple[str, Chain, np.ndarray, np.ndarray, CRF]:
    """A scheme, its chain, emissions, lengths, and weights (zeros where tokens are independent)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scheme = draw(st.sampled_from(sorted(SCHEMES)))
    K, B, T = len(SCHEMES[scheme][0]), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    e, lengths = rng.standard_normal((B, T, K)) * draw(st.sampled_from([0.5, 4.0])), rng.integers(0, T + 1, B)
    if draw(st.booleans()):
        return scheme, Chain(e, lengths, None), e, lengths, CRF(np.zeros((K, K)), np.zeros(K), np.zeros(K))
    crf = CRF(*(rng.standard_normal(shape) for shape in [(K, K), (K,), (K,)]))
    crf = crf.limited(limits(scheme) if draw(st.booleans()) else None)
    return scheme, Chain(e, lengths, crf), e, lengths, crf


@settings(max_examples=examples(50))
@given(batches(), st.randoms(use_true_random=False))
def test_span_posteriors_are_those_of_all_paths(batch: Any, random: Any) -> None:
    scheme, chain, e, lengths, crf = batch
    goes_on, K = continues(scheme), e.shape[2]
    spans = [
        (b, start, tags)
        for b, n in enumerate(lengths.tolist())
        for start in range(n)
        for size in range(1, n - start + 1)
        for tags in itertools.product(range(K), repeat=size)
    ]
    spans = random.sample(spans, min(60, len(spans)))
    found = chain.span_probabilities(spans, goes_on)
    for b, n in enumerate(lengths.tolist()):
        if not n:
            continue
        paths = np.array(list(itertools.product(range(K), repeat=n)))
        scores = crf.start[paths[:, 0]] + e[b, np.arange(n), paths].sum(1) + crf.end[paths[:, -1]]
        scores += crf.transitions[paths[:, :-1], paths[:, 1:]].sum(1)
        p = np.exp(scores - np.logaddexp.reduce(scores))
        for (own, start, tags), probability in zip(spans, found, strict=True):
            if own != b:
                continue
            end = start + len(tags)
            chosen = (paths[:, start:end] == tags).all(1)
            if end < n:
                chosen &= ~goes_on[paths[:, end - 1], paths[:, end]]
            np.testing.assert_allclose(probability, p[chosen].sum(), rtol=1e-9, atol=1e-12)
            assert chain.span_probabilities([(b, start, tags)], goes_on)[0] == probability


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_posteriors_of_all_spans_that_begin_at_a_token_are_its_beginning_marginal(scheme: str) -> None:
    rng = np.random.default_rng(4)
    K, T = len(SCHEMES[scheme][0]), 9
    crf = CRF(*(rng.standard_normal(shape) for shape in [(K, K), (K,), (K,)])).limited(limits(scheme))
    chain = Chain(rng.standard_normal((1, T, K)), np.array([T]), crf)
    for start in range(T):
        if scheme == "iob2":
            spans = [(0, start, [1] + [2] * more) for more in range(T - start)]
            begins = chain.marginals()[0, start, 1]
        else:
            spans = [(0, start, [4])] + [(0, start, [1] + [2] * more + [3]) for more in range(T - start - 1)]
            begins = chain.marginals()[0, start, [1, 4]].sum()
        assert chain.span_probabilities(spans, continues(scheme)).sum() == pytest.approx(begins, abs=1e-12)


@pytest.mark.parametrize("span", [(0, 0, []), (0, 2, [0, 0]), (0, -1, [0]), (1, 0, [0])])
def test_a_span_outside_its_sentence_is_refused(span: Any) -> None:
    chain = Chain(np.zeros((2, 4, 3), np.float32), np.array([3, 0]), None)
    with pytest.raises(ValueError, match="within its sentence"):
        chain.span_probabilities([span], continues("iob2"))


# to the last bit


@settings(max_examples=examples(80))
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3, 9, 17, 45]), st.integers(1, 20), st.data())
def test_a_sentence_does_not_depend_on_its_batch(seed: int, K: int, B: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    T = data.draw(st.integers(1, 12))
    e = (rng.standard_normal((B, T, K)) * 5).astype(np.float32)
    lengths = rng.integers(0, T + 1, B)
    crf, allowed = None, None
    if data.draw(st.booleans()):
        crf = CRF.create(K, rng)
        if data.draw(st.booleans()):
            crf = crf.limited((rng.random(K) > 0.4, rng.random((K, K)) > 0.4, rng.random(K) > 0.4))
    if data.draw(st.booleans()):
        allowed = rng.random((B, T, K)) > 0.3
    goes_on, temperature = rng.random((K, K)) > 0.5, data.draw(st.sampled_from([1.0, 0.7]))
    guess = rng.integers(0, K, (B, T))

    def results(rows: list[int], steps: int) -> list[list[Any]]:
        """Every result of these sentences in this order, padded or cut to a number of steps with other padding."""
        padded = rng.standard_normal((len(rows), steps, K)).astype(np.float32)
        free = np.ones((len(rows), steps, K), bool)
        tags = np.zeros((len(rows), steps), np.int64)
        for i, r in enumerate(rows):
            n = lengths[r]
            padded[i, :n], tags[i, :n] = e[r, :n], guess[r, :n]
            if allowed is not None:
                free[i, :n] = allowed[r, :n]
        chain = Chain(
            padded, lengths[rows], crf, temperature=temperature, allowed=free if allowed is not None else None
        )
        paths, scores = chain.viterbi()
        marginals, nbest, probability = chain.marginals(), chain.nbest(3), chain.log_probability(tags)
        spans = [
            (i, s, guess[r, s : s + size].tolist())
            for i, r in enumerate(rows)
            for s in range(lengths[r])
            for size in (1, 2, 9)
            if s + size <= lengths[r]
        ]
        posteriors = chain.span_probabilities(spans, goes_on)
        return [
            [
                *(paths[i, : lengths[r]].tolist(), scores[i], chain.log_z[i], probability[i]),
                marginals[i, : lengths[r]].tolist(),
                [(p.tolist(), x) for p, x in nbest[i]],
                [p for p, span in zip(posteriors.tolist(), spans, strict=True) if span[0] == i],
            ]
            for i, r in enumerate(rows)
        ]

    whole = results(list(range(B)), T)
    rows = data.draw(st.lists(st.integers(0, B - 1), min_size=1, max_size=6))
    assert results(rows, T + data.draw(st.integers(0, 30))) == [whole[r] for r in rows]
    for r in rows[:2]:
        assert results([r], int(lengths[r])) == [whole[r]]
