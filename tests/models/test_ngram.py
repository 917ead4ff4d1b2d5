"""The n-gram model against arithmetic by hand, a slow reference, and published perplexities."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.examples import examples

from seqcli import artifact
from seqcli.errors import SeqcliError
from seqcli.models import ngram
from seqcli.models.ngram import Config, Model, discounts


class Reference:
    """Interpolated Kneser-Ney as the papers put it: dictionaries of tuples, one probability at a time."""

    def __init__(self, stream: list[int], v: int, order: int, discount: float | None):
        self.v, self.order = v, order
        padded = [-1, *stream]  # -1: the beginning, a left neighbour too
        self.counts: list[dict[tuple[int, ...], int]] = [{} for _ in range(order + 1)]
        self.counts[order] = dict(Counter(self.of_length(stream, order)))
        for k in range(1, order):
            left: dict[tuple[int, ...], set[int]] = defaultdict(set)
            for gram in self.of_length(padded, k + 1):
                left[gram[1:]].add(gram[0])
            self.counts[k] = {gram: len(tokens) for gram, tokens in left.items()}
        self.discounts = [self.estimate(self.counts[k].values(), discount) for k in range(order + 1)]
        self.after = [defaultdict(dict) for _ in range(order + 1)]
        for k in range(1, order + 1):
            for gram, count in self.counts[k].items():
                self.after[k][gram[:-1]][gram[-1]] = count

    @staticmethod
    def of_length(stream: list[int], k: int) -> list[tuple[int, ...]]:
        return [tuple(stream[i : i + k]) for i in range(len(stream) - k + 1)]

    @staticmethod
    def estimate(counts, fixed):
        if fixed is not None:
            return lambda count: fixed
        n = Counter(counts)
        if n[1] and n[2] and n[3]:
            y = n[1] / (n[1] + 2 * n[2])
            d = [j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3)]
            if all(0 < d[j - 1] <= j for j in (1, 2, 3)):
                return lambda count: d[min(count, 3) - 1]
        one = (n[1] + 0.5) / (n[1] + 2 * n[2] + 1)
        return lambda count: one

    def probability(self, token: int, context: tuple[int, ...]) -> float:
        context = context[max(0, len(context) - self.order + 1) :]
        lower = self.probability(token, context[1:]) if context else 1 / self.v
        k = len(context) + 1
        if not (following := self.after[k].get(context)):
            return lower
        d, total = self.discounts[k], sum(following.values())
        direct = following[token] - d(following[token]) if token in following else 0.0
        return direct / total + sum(map(d, following.values())) / total * lower

    def distribution(self, context: list[int]) -> np.ndarray:
        return np.array([self.probability(w, tuple(context)) for w in range(self.v)])


@st.composite
def corpora(draw):
    """(stream, vocabulary size, a second stream, order, discount): from one token up, repetitive or not."""
    v = draw(st.integers(1, 7))
    seen = draw(st.integers(1, v))  # the tokens from here on are never seen in training
    stream = draw(st.lists(st.integers(0, seen - 1), min_size=1, max_size=120))
    stream *= draw(st.integers(1, 3))
    other = draw(st.lists(st.integers(0, v - 1), min_size=1, max_size=15))
    return stream, v, other, draw(st.integers(1, 5)), draw(st.sampled_from([None, None, 0.3, 1.0]))


def fit(stream, v: int, order: int, discount: float | None = None) -> Model:
    return Model.fit(np.asarray(stream), v, Config(order=order, discount=discount))


def score(model: Model, ids: np.ndarray):
    """log p of each row's tokens but the first (B, T - 1), and the state after all but the last."""
    return model.score(ids[:, :-1], ids[:, 1:], model.initial_state(len(ids)))


def walk(model: Model, fed: list[int]) -> np.ndarray:
    """log p(. | fed[:t+1]) at every t, one step at a time: (T, V)."""
    state, rows = model.initial_state(1), []
    for token in fed:
        logits, state = model.step(np.array([token]), None, state)
        rows.append(logits[0])
    return np.array(rows)


def random_stream(n: int, v: int, seed: int = 0) -> np.ndarray:
    """A stream with some regularity: the next token is often a function of the last two."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, v, n)
    for t in range(2, n):
        if rng.random() < 0.7:
            ids[t] = (3 * ids[t - 1] + ids[t - 2]) % v
    return ids


def test_bigram_by_hand():
    # a b a b c, discount 1/2. Left neighbours: of a {begin, b}, of b {a}, of c {b}: counts 2, 1, 1 of 4.
    # p1 = (3/2, 1/2, 1/2) / 4 + (3/2) / 4 / 3 = 1/2, 1/4, 1/4
    # after a (b twice):        p2 = (0, 3/2, 0) / 2 + (1/2) / 2 p1 = 1/8, 13/16, 1/16
    # after b (a once, c once): p2 = (1/2, 0, 1/2) / 2 + 1 / 2 p1   = 1/2, 1/8, 3/8
    # after c (never anything): p2 = p1
    model = fit([0, 1, 0, 1, 2], 3, order=2, discount=0.5)
    expected = np.array([[2, 13, 1], [8, 2, 6], [8, 4, 4]]) / 16
    assert np.exp(walk(model, [0, 1, 2])) == pytest.approx(expected, abs=1e-15)
    logp, _ = score(model, np.array([[0, 1, 0, 1, 2]]))
    assert np.exp(logp[0]) == pytest.approx(np.array([13, 8, 13, 6]) / 16, abs=1e-15)
    assert (*model.grams, model.parameters) == (3, 3, 6)


def test_unigram_by_hand():
    model = fit([0, 0, 0, 1], 4, order=1, discount=0.4)  # raw counts; 0.8 of 4 is shared by four tokens
    expected = [2.6 / 4 + 0.05, 0.6 / 4 + 0.05, 0.05, 0.05]
    assert np.exp(walk(model, [2, 0])) == pytest.approx(np.array([expected] * 2), abs=1e-15)


def test_discounts():
    counts = np.repeat([0, 1, 2, 3, 4, 9], [7, 40, 15, 8, 5, 3])
    y = 40 / 70
    assert discounts(counts) == pytest.approx((0, 1 - 30 * y / 40, 2 - 24 * y / 15, 3 - 20 * y / 8))
    assert discounts(counts, 0.75) == (0, 0.75, 0.75, 0.75)


@pytest.mark.parametrize(
    ("numbers", "expected"),  # of the counts 1, 2, 3, 4
    [
        ((0, 0, 0, 0), 1 / 2),
        ((3, 0, 0, 0), 7 / 8),  # nothing was seen twice
        ((0, 5, 2, 1), 0.5 / 11),  # nothing was seen once
        ((4, 3, 0, 2), 4.5 / 11),
        ((40, 1, 30, 1), 40.5 / 43),  # D_2 would be negative
        ((40, 30, 1, 30), 40.5 / 101),  # D_3 would be negative
    ],
)
def test_discounts_of_corpora_too_small_or_too_regular(numbers, expected):
    counts = np.repeat([1, 2, 3, 4], numbers)
    assert discounts(counts) == pytest.approx((0, expected, expected, expected))


def assert_agree(model: Model, reference: Reference, fed: list[int]) -> None:
    p = np.exp(walk(model, fed))
    expected = np.array([reference.distribution(fed[: t + 1]) for t in range(len(fed))])
    np.testing.assert_allclose(p, expected, rtol=1e-11)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert (p > 0).all()


@pytest.mark.parametrize("order", [3, 4, 5])
def test_three_discounts_are_the_references(order):
    stream = random_stream(1500, 12).tolist()  # long enough to estimate all three at the higher orders
    model = fit(stream, 12, order)
    assert len(set(model.levels[-1].discounts)) == 4
    assert_agree(model, Reference(stream, 12, order, None), random_stream(150, 12, seed=6).tolist())


@settings(deadline=None, max_examples=examples(150))
@given(corpora())
def test_every_distribution_is_the_references(corpus):
    stream, v, other, order, discount = corpus
    model, reference = fit(stream, v, order, discount), Reference(stream, v, order, discount)
    for fed in (stream[:15], other):
        assert_agree(model, reference, fed)
    grams = [len(set(Reference.of_length(stream, k))) for k in range(1, order + 1)]
    assert model.grams == tuple(grams)


@settings(deadline=None, max_examples=examples(100))
@given(corpora(), st.integers(0, 10), st.integers(0, 10))
def test_scoring_is_stepping_however_the_stream_is_cut(corpus, cut, prompt):
    stream, v, other, order, discount = corpus
    model, fed = fit(stream, v, order, discount), np.array([*other, *stream[:5]])
    inputs, targets = fed[None, :-1], fed[None, 1:]
    whole, end = score(model, fed[None])
    steps = np.take_along_axis(walk(model, fed[:-1].tolist()).reshape(-1, v), fed[1:, None], axis=1)
    np.testing.assert_allclose(whole[0], steps[:, 0], rtol=0, atol=1e-13)

    first, state = model.score(inputs[:, :cut], targets[:, :cut], model.initial_state(1))
    second, state = model.score(inputs[:, cut:], targets[:, cut:], state)
    assert np.array_equal(np.concatenate([first, second], axis=1), whole)
    assert np.array_equal(state[0], end[0])

    _, state = model.start(fed[:prompt])
    rest, after = model.score(inputs[:, prompt:], targets[:, prompt:], state)
    assert np.array_equal(rest, whole[:, prompt:])
    assert prompt >= len(fed) or np.array_equal(after[0], end[0])


def test_a_target_need_not_be_the_next_input():
    model, ids = fit(random_stream(500, 6), 6, order=3), random_stream(40, 6, seed=1)
    targets = np.random.default_rng(2).integers(0, 6, (1, 40))
    logp, _ = model.score(ids[None], targets, model.initial_state(1))
    assert logp[0] == pytest.approx(walk(model, ids.tolist())[np.arange(40), targets[0]], abs=1e-13)


def test_rows_do_not_depend_on_their_batch():
    model = fit(random_stream(3000, 11), 11, order=4)
    ids = random_stream(7 * 32, 11, seed=3).reshape(7, 32)
    logp, (state,) = score(model, ids)
    logits, (after,) = model.step(ids[:, -1], None, (state,))
    for b in range(7):
        row = ids[b : b + 1]
        alone, (s,) = score(model, row)
        one, (t,) = model.step(row[:, -1], None, (s,))
        for mine, among in ((alone, logp), (s, state), (one, logits), (t, after)):
            assert np.array_equal(mine[0], among[b])
    beam = [5, 5, 0]
    assert np.array_equal(model.step(ids[beam, -1], None, (state[beam],))[0], logits[beam])


def test_long_inputs_are_scored_in_chunks(monkeypatch):
    model, ids = fit(random_stream(2000, 9), 9, order=4), random_stream(103, 9, seed=5)[None]
    whole, (end,) = score(model, ids)
    monkeypatch.setattr(ngram, "CHUNK", 10)
    pieces, (state,) = score(model, ids)
    assert np.array_equal(pieces, whole)
    assert np.array_equal(state, end)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_what_is_stored_is_the_model(tmp_path, order):
    model = fit(random_stream(3000, 300), 300, order)
    artifact.write(tmp_path / "model.safetensors", {"kind": "ngram"}, model.arrays())
    stored = artifact.read(tmp_path / "model.safetensors").arrays
    again = Model.restore(model.config, 300, stored)
    ids = random_stream(200, 300, seed=4)[None]
    logp, _ = score(model, ids)
    assert np.array_equal(score(again, ids)[0], logp)
    assert again.grams == model.grams
    for name, array in stored.items():
        assert array.dtype == np.min_scalar_type(int(array.max())), name


def test_a_stored_model_that_does_not_fit():
    arrays = (model := fit(random_stream(300, 8), 8, order=3)).arrays()
    with pytest.raises(SeqcliError, match=r"do not fit.*order4\.children, order4\.counts, order4\.tokens"):
        Model.restore(Config(order=4), 8, arrays)
    with pytest.raises(SeqcliError, match=r"do not fit.*order3"):
        Model.restore(Config(order=2), 8, arrays)
    wrong = {"order2.tokens": arrays["order2.tokens"][1:], "order3.children": arrays["order3.children"] + 1}
    wrong |= {"order3.tokens": arrays["order3.tokens"] + 8, "order2.counts": arrays["order2.counts"] * 0}
    wrong |= {name: arrays[name][:-1] for name in ("order1.counts", "order3.counts")}
    for name, array in wrong.items():
        with pytest.raises(SeqcliError, match="contradict"):
            Model.restore(model.config, 8, {**arrays, name: array})
    with pytest.raises(SeqcliError, match="contradict"):
        Model.restore(model.config, 9, arrays)


def test_streams_that_cannot_be_counted():
    with pytest.raises(SeqcliError, match="no tokens") as error:
        fit(np.zeros(0, np.uint8), 5, order=3)
    assert "data.train" in error.value.hint
    for ids in ([0, 5], [-1, 2]):
        with pytest.raises(ValueError, match=r"0 \.\. 4"):
            fit(ids, 5, order=2)


@pytest.mark.parametrize("type", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64])
def test_any_integer_type_and_a_memory_map(tmp_path, type):
    ids = random_stream(400, 100)
    ids.astype(type).tofile(tmp_path / "ids")
    mapped = np.memmap(tmp_path / "ids", type, mode="r")
    expected, found = fit(ids, 100, 3).arrays(), Model.fit(mapped, 100, Config(order=3)).arrays()
    assert all(np.array_equal(found[name], array) for name, array in expected.items())
    model = fit(ids, 100, 3)
    assert np.array_equal(score(model, mapped[None])[0], score(model, ids[None])[0])


def test_a_vocabulary_beyond_sixteen_bits():
    ids, v = np.random.default_rng(0).choice([3, 70_000, 131_071, 99_999], 300), 1 << 17
    model, reference = fit(ids, v, order=3), Reference(ids.tolist(), v, 3, None)
    logp, _ = score(model, ids[None])
    expected = [reference.probability(int(ids[t + 1]), tuple(ids[: t + 1].tolist())) for t in range(50)]
    assert np.exp(logp[0, :50]) == pytest.approx(expected, rel=1e-11)
    assert np.exp(walk(model, [3, 131_071, 5])).sum(axis=1) == pytest.approx(np.ones(3), abs=1e-12)


def test_progress_adds_up_to_a_pass_an_order():
    for order in (1, 2, 6):
        told = []
        Model.fit(np.array([0, 1, 0, 1]), 2, Config(order=order), progress=told.append)
        assert told == [4] * order


@pytest.mark.parametrize("keys", [{"order": 0}, {"discount": 0.0}, {"discount": 1.5}, {"discuont": 0.5}])
def test_config_refuses(keys):
    with pytest.raises(ValidationError):
        Config(**keys)


def test_torch_is_never_imported():
    code = """import sys, numpy as np; from seqcli.models.ngram import Config, Model
model = Model.fit(np.array([0, 1, 0, 1]), 2, Config(order=3))
model.step(np.array([0]), *model.start(np.array([1])))
sys.exit("torch" in sys.modules)"""
    subprocess.run([sys.executable, "-c", code], check=True)


def data(name: str) -> Path:
    folder = Path(os.environ.get("SEQCLI_DATA", "")) / name
    if "SEQCLI_DATA" not in os.environ or not folder.is_dir():
        pytest.skip(f"set SEQCLI_DATA to a folder that holds {name}/")
    return folder


@pytest.mark.parametrize(("order", "published"), [(3, 148.3), (5, 141.2)])
def test_published_perplexity_on_the_penn_treebank(order, published):
    """Kneser-Ney trigram and 5-gram of Mikolov et al., Empirical evaluation and combination of advanced language
    modeling techniques, Interspeech 2011, table 1 (SRILM, sentence by sentence; here one stream)."""
    folder = data("ptb")
    train, test = (
        (folder / f"ptb.{part}.txt").read_text(encoding="utf-8").replace("\n", " <eos> ").split()
        for part in ("train", "test")
    )
    index = {word: i for i, word in enumerate(dict.fromkeys(train))}
    model = Model.fit(np.array([index[w] for w in train], np.uint16), len(index), Config(order=order))
    ids = np.array([[index[w] for w in test]])
    logp, _ = score(model, ids)
    assert (len(index), ids.size) == (10_000, 82_430)
    assert np.exp(-logp.mean()) == pytest.approx(published, abs=0.5)


def test_characters_of_shakespeare():
    """No published figure: the orders must rank as smoothed Markov models do, with the best at 7."""
    text = (data("tinyshakespeare") / "input.txt").read_text(encoding="utf-8")
    codes = np.unique([*text.encode()], return_inverse=True)[1].astype(np.uint8)
    train, valid, nats = codes[:1_003_854], codes[None, 1_003_854:], []
    for order in (1, 2, 4, 7):
        model = Model.fit(train, 65, Config(order=order))
        logp, _ = score(model, valid)
        nats.append(-logp.mean())
    assert nats == sorted(nats, reverse=True)
    assert nats[-1] == pytest.approx(1.5164, abs=5e-4)
