"""What is drawn and how often: brute-force definitions, fixed seeds, a model that is a table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from seqcli.decoding.sampling import FEW, Carried, Sampling, Token, next_tokens, sample
from seqcli.errors import UsageError

LOGITS = st.lists(st.one_of(st.integers(-4, 4).map(float), st.floats(-30, 30, width=32)), min_size=1, max_size=12)


def by_definition(
    logits: list[float], temperature: float, top_k: int | None, top_p: float | None
) -> list[float] | None:
    """Temperature, then the k most probable (of equals the lowest id), then of these the fewest that reach top_p.

    None where rounding decides whether they do: then both answers are right.
    """
    top = max(logits)
    p = [math.exp((x - top) / temperature) for x in logits]
    order = sorted(range(len(p)), key=lambda i: (-p[i], i))
    kept = order[:top_k]
    mass = math.fsum(p[i] for i in kept)
    if top_p is not None and top_p < 1:
        for n in range(1, len(kept) + 1):
            reached = math.fsum(p[i] for i in kept[:n]) / mass
            if abs(reached - top_p) < 1e-9:
                return None
            if reached >= top_p:
                kept = kept[:n]
                break
    total = math.fsum(p[i] for i in kept)
    return [p[i] / total if i in kept else 0.0 for i in range(len(p))]


@given(
    logits=LOGITS,
    temperature=st.floats(0.05, 20),
    top_k=st.none() | st.integers(1, 14),
    top_p=st.none() | st.floats(0.01, 1.0),
)
def test_the_distribution_is_the_defined_one(
    logits: list[float], temperature: float, top_k: int | None, top_p: float | None
) -> None:
    expected = by_definition(logits, temperature, top_k, top_p)
    if expected is None:
        reject()
    found = Sampling(temperature, top_k, top_p).distribution(np.array(logits, np.float32))
    assert found.dtype == np.float64
    assert found.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found > 0, np.greater(expected, 0))


@pytest.mark.parametrize("top_k", [None, 1, 2, 5, 11])
@pytest.mark.parametrize("top_p", [None, 0.05, 0.3, 0.5, 0.8, 0.95])
def test_the_distribution_of_many_plain_rows(top_k: int | None, top_p: float | None) -> None:
    """Where the probability is spread over many tokens, so that every cut cuts."""
    rng, kept = np.random.default_rng(0), set()
    for _ in range(20):
        row, temperature = rng.normal(0, 1, 12).astype(np.float32), float(rng.uniform(0.5, 2))
        expected = by_definition(row.tolist(), temperature, top_k, top_p)
        assert expected is not None
        found = Sampling(temperature, top_k, top_p).distribution(row)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        kept.add(int((found > 0).sum()))
    assert max(kept) <= (top_k or 12)
    if top_p is not None and top_p >= 0.3 and top_k in (None, 5, 11):
        assert len(kept) > 1  # the row decides how many


@given(
    rows=st.lists(st.lists(st.integers(-2, 2).map(float), min_size=7, max_size=7), min_size=1, max_size=5),
    temperature=st.sampled_from([0.0, 0.7]),
    top_k=st.none() | st.integers(1, 8),
    top_p=st.none() | st.floats(0.1, 1.0),
)
def test_rows_are_each_their_own(
    rows: list[list[float]], temperature: float, top_k: int | None, top_p: float | None
) -> None:
    sampling, logits = Sampling(temperature, top_k, top_p), np.array(rows, np.float32)
    np.testing.assert_array_equal(sampling.distribution(logits), [sampling.distribution(row) for row in logits])
    together = sampling.choose(logits, *map(np.random.default_rng, range(len(rows))))
    alone = [sampling.choose(row[None], np.random.default_rng(i))[0] for i, row in enumerate(logits)]
    np.testing.assert_array_equal(together, alone)


@given(logits=LOGITS)
def test_temperature_zero_is_greedy_and_takes_the_lowest_of_equals(logits: list[float]) -> None:
    greedy = Sampling(0.0)
    row = np.array(logits, np.float32)
    best = min(i for i, x in enumerate(row.tolist()) if x == row.max())
    assert greedy.choose(row[None], np.random.default_rng(0)) == [best]
    np.testing.assert_array_equal(greedy.distribution(row), np.eye(len(row))[best])


@pytest.mark.filterwarnings("error")
def test_extreme_temperatures() -> None:
    row = np.array([1.0, 3.0, -2.0, 2.999], np.float32)
    np.testing.assert_array_equal(Sampling(1e-320).distribution(row), [0, 1, 0, 0])
    np.testing.assert_allclose(Sampling(math.inf).distribution(row), [0.25] * 4)
    impossible = np.array([-np.inf, 0.0, -np.inf, 0.0], np.float32)
    np.testing.assert_array_equal(Sampling(0.5).distribution(impossible), [0, 0.5, 0, 0.5])


# draws


class Given:
    """A generator that gives one number."""

    def __init__(self, number: float):
        self.number = number

    def random(self) -> float:
        return self.number


@given(
    logits=LOGITS,
    top_k=st.none() | st.integers(1, 5),
    top_p=st.none() | st.floats(0.1, 1),
    u=st.floats(0, 1 - 2**-53),
)
def test_a_draw_is_the_token_whose_share_of_the_unit_interval_holds_the_number(
    logits: list[float], top_k: int | None, top_p: float | None, u: float
) -> None:
    sampling, row = Sampling(1.0, top_k, top_p), np.array(logits, np.float32)
    p = sampling.distribution(row)
    rng: Any = Given(u)
    (chosen,) = sampling.choose(row[None], rng)
    assert p[chosen] > 0
    assert p[:chosen].sum() - 1e-12 <= u <= p[: chosen + 1].sum() + 1e-12
    alone = sampling.choose_one(row, rng)  # which adds in another precision's last digit
    assert p[alone] > 0
    assert p[:alone].sum() - 1e-12 <= u <= p[: alone + 1].sum() + 1e-12


@pytest.mark.parametrize("u", [0.0, 1 - 2**-53])
def test_the_ends_of_the_unit_interval_draw_nothing_impossible(u: float) -> None:
    rng: Any = Given(u)
    for seed in range(200):
        row = np.random.default_rng(seed).standard_normal(50).astype(np.float32)
        sampling = Sampling(top_k=3)
        assert sampling.distribution(row)[sampling.choose(row[None], rng)[0]] > 0


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(0.7, 40), Sampling(0.7, 3, 0.9), Sampling(0.0)], ids=str)
@pytest.mark.parametrize("size", [65, FEW + 1])
def test_one_row_draws_as_many_rows_do(sampling: Sampling, size: int) -> None:
    rows = np.random.default_rng(7).standard_normal((500, size)).astype(np.float32)
    one, two = np.random.default_rng(5), np.random.default_rng(5)
    assert [sampling.choose_one(row, one) for row in rows] == [int(sampling.choose(r[None], two)[0]) for r in rows]


def test_a_draw_takes_one_number_of_the_generator() -> None:
    one, two = np.random.default_rng(5), np.random.default_rng(5)
    Sampling(0.7, 3, 0.9).choose(np.arange(5, dtype=np.float32)[None], one)
    two.random()
    assert one.bit_generator.state == two.bit_generator.state
    Sampling(0.0).choose(np.arange(5, dtype=np.float32)[None], one)  # greedy: none
    assert one.bit_generator.state == two.bit_generator.state


@pytest.mark.parametrize(
    "sampling", [Sampling(), Sampling(0.5), Sampling(2.0, top_k=4), Sampling(top_p=0.8)], ids=str
)
def test_frequencies_are_the_probabilities(sampling: Sampling) -> None:
    """Pearson's chi-square of 8,000 draws: below its mean by five standard deviations at most."""
    row = np.array([0.0, 1.0, -1.0, 0.5, 2.0, -0.5, 1.5], np.float32)
    rng, n = np.random.default_rng(11), 8_000
    counts = np.bincount(sampling.choose(np.tile(row, (n, 1)), *[rng] * n), minlength=len(row))
    p = sampling.distribution(row)
    assert not counts[p == 0].any()
    freedom = int((p > 0).sum()) - 1
    expected = n * p[p > 0]
    assert ((counts[p > 0] - expected) ** 2 / expected).sum() < freedom + 5 * math.sqrt(2 * freedom)


# repetition


def test_the_penalty_divides_what_is_positive_and_multiplies_what_is_negative() -> None:
    row = np.array([2.0, -2.0, 0.0, 3.0], np.float32)
    found = Sampling(repetition_penalty=2.0).penalised(row, np.array([True, True, True, False]))
    np.testing.assert_array_equal(found, [1.0, -4.0, 0.0, 3.0])
    np.testing.assert_array_equal(row, [2.0, -2.0, 0.0, 3.0])
    assert Sampling().seen([np.array([0])], 4) is None
    assert Sampling().penalised(row, None) is row
    seen = Sampling(repetition_penalty=2.0).seen([np.array([2, 0, 2]), np.zeros(0, np.int64)], 4)
    np.testing.assert_array_equal(seen, [[True, False, True, False], [False] * 4])


# a whole continuation, from a model that is a table


class Table:
    """A Stepper whose logits depend on the last id alone; its state is the ids it was fed, its memory a mark."""

    def __init__(self, table: np.ndarray):
        self.table = table

    def start(self, prompt: np.ndarray, state: list[int] | None = None) -> tuple[str, list[int]]:
        return "memory", [*(state or []), *prompt.tolist()]

    def step(self, ids: np.ndarray, memory: str, state: list[int]) -> tuple[np.ndarray, list[int]]:
        assert memory == "memory"
        assert ids.shape == (1,)
        return self.table[ids], [*state, int(ids[0])]


V = 6
TABLE = np.random.default_rng(3).normal(0, 2, (V, V)).astype(np.float32)


def continuation(prompt: list[int], sampling: Sampling, limit: int, seed: int = 0, **options: Any) -> list[Token]:
    return list(sample(Table(TABLE), np.array(prompt), sampling, np.random.default_rng(seed), limit, **options))


def test_what_is_carried_goes_on() -> None:
    """Tokens of two calls are those of one; a prompt between them is read behind what was drawn."""
    whole = [t.id for t in continuation([1, 2], Sampling(), 9)]
    carried, rng = Carried(), np.random.default_rng(0)
    parts = [
        [t.id for t in sample(Table(TABLE), np.array(prompt, np.int64), Sampling(), rng, limit, carried=carried)]
        for prompt, limit in (([1, 2], 4), ([], 5))
    ]
    assert parts[0] + parts[1] == whole
    assert [*carried.state, *carried.last] == [1, 2, *whole]
    list(sample(Table(TABLE), np.array([5, 3]), Sampling(), rng, 0, carried=carried))
    assert [*carried.state, *carried.last] == [1, 2, *whole, 5, 3]


def test_greedy_follows_the_table() -> None:
    expected, last = [], 4
    for _ in range(10):
        last = int(TABLE[last].argmax())
        expected.append(last)
    assert [t.id for t in continuation([1, 2, 4], Sampling(0.0), 10)] == expected
    assert continuation([1], Sampling(0.0), 0) == []


@pytest.mark.parametrize("sampling", [Sampling(0.0), Sampling(0.3, 2, 0.5, 1.7)], ids=str)
def test_log_probabilities_are_the_models_own(sampling: Sampling) -> None:
    """Before temperature, cuts and penalty: they score the text, not the way it was drawn."""
    last = 2
    for token in continuation([0, 2], sampling, 20):
        row = TABLE[last].astype(np.float64)
        assert token.logprob == pytest.approx(row[token.id] - np.logaddexp.reduce(row))
        last = token.id


def test_the_same_seed_gives_the_same_tokens_with_or_without_log_probabilities() -> None:
    first = continuation([0], Sampling(), 50, seed=1)
    assert first == continuation([0], Sampling(), 50, seed=1)
    assert first != continuation([0], Sampling(), 50, seed=2)
    fast = continuation([0], Sampling(), 50, seed=1, logprobs=False)
    assert [t.id for t in fast] == [t.id for t in first]
    assert all(math.isnan(t.logprob) for t in fast)


def test_a_longer_limit_continues_the_shorter() -> None:
    assert continuation([0], Sampling(), 50)[:20] == continuation([0], Sampling(), 20)


def test_tokens_come_one_at_a_time() -> None:
    fed: list[int] = []

    class Watched(Table):
        def step(self, ids: np.ndarray, memory: str, state: list[int]) -> tuple[np.ndarray, list[int]]:
            fed.extend(ids.tolist())
            return super().step(ids, memory, state)

    tokens = sample(Watched(TABLE), np.array([5, 3]), Sampling(), np.random.default_rng(0), 100)
    assert fed == []
    first, second = next(tokens), next(tokens)
    assert fed == [3, first.id]
    assert next(tokens)
    assert fed == [3, first.id, second.id]


def test_the_penalty_holds_for_the_prompt_and_for_what_was_generated() -> None:
    flat = Table(np.full((V, V), 1.0, np.float32))
    found = sample(flat, np.array([0, 3]), Sampling(0.0, repetition_penalty=2.0), np.random.default_rng(0), 4)
    assert [t.id for t in found] == [1, 2, 4, 5]  # 0 and 3 stood in the prompt


def test_frequencies_of_transitions_are_the_tables() -> None:
    ids = [0, *(t.id for t in continuation([0], Sampling(), 8_000, logprobs=False))]
    counts = np.zeros((V, V))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    p = np.exp(TABLE - np.logaddexp.reduce(TABLE, axis=1)[:, None])
    expected = counts.sum(1, keepdims=True) * p
    often = expected > 5
    freedom = int(often.sum())
    assert ((counts - expected)[often] ** 2 / expected[often]).sum() < freedom + 5 * math.sqrt(2 * freedom)


def test_next_tokens_are_the_most_probable_first() -> None:
    found = next_tokens(Table(TABLE), np.array([1, 4]), 3)
    p = np.exp(TABLE[4].astype(np.float64) - np.logaddexp.reduce(TABLE[4].astype(np.float64)))
    assert [i for i, _ in found] == np.argsort(-p)[:3].tolist()
    np.testing.assert_allclose([q for _, q in found], np.sort(p)[::-1][:3])
    assert len(next_tokens(Table(TABLE), np.array([1]), 100)) == V
    ties = next_tokens(Table(np.zeros((V, V), np.float32)), np.array([0]), 2)
    assert ties == [(0, pytest.approx(1 / V)), (1, pytest.approx(1 / V))]


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"temperature": -0.1}, "--temperature"),
        ({"temperature": math.nan}, "--temperature"),
        ({"top_k": 0}, "--top-k"),
        ({"top_p": 0.0}, "--top-p"),
        ({"top_p": 1.01}, "--top-p"),
        ({"top_p": math.nan}, "--top-p"),
        ({"repetition_penalty": 0.0}, "--repetition-penalty"),
        ({"repetition_penalty": -1.0}, "--repetition-penalty"),
        ({"repetition_penalty": math.inf}, "--repetition-penalty"),
        ({"repetition_penalty": math.nan}, "--repetition-penalty"),
    ],
)
def test_settings_that_mean_nothing_are_refused(options: dict[str, Any], flag: str) -> None:
    with pytest.raises(UsageError, match=flag):
        Sampling(**options)
