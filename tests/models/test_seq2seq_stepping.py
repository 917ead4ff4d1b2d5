"""The recurrent transducer in steps and at once, in NumPy and in torch; what a result may depend on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.recurrent import INFERENCE, OF_CELLS, VARIANTS, make, sizes_of
from support.transformers import EOS, batch_of, double, some
from threadpoolctl import threadpool_limits

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("keys", [*VARIANTS, *OF_CELLS], ids=str)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_step_by_step_is_all_at_once(keys: dict[str, Any], library: str) -> None:
    exact = library == "torch"
    model = double(make(**keys)) if exact else make(**keys)
    put = torch.from_numpy if exact else np.asarray
    rng = np.random.default_rng(3)
    source, inputs = put(rng.integers(0, 13, (3, 11))), put(rng.integers(0, 17, (3, 9)))
    memory, state = model.read(source, put(np.array([11, 1, 6])))
    readouts, weights = model.readouts(inputs, memory, state)
    for t in range(9):
        found, looked, state = model.advance(inputs[:, t], memory, state)
        atol = 1e-12 if exact else 2e-6
        np.testing.assert_allclose(found, readouts[:, t], rtol=0, atol=atol)
        assert (looked is None) == (weights is None)
        if weights is not None:
            np.testing.assert_allclose(looked, weights[:, t], rtol=0, atol=atol)
            assert not np.asarray(looked)[1, 1:].any()


@pytest.mark.parametrize("keys", [*VARIANTS, *OF_CELLS], ids=str)
def test_numpy_reads_as_torch_does(keys: dict[str, Any]) -> None:
    """Memory, first state, readouts and scores in float32, against float64."""
    model, (sources, targets) = make(**keys), some(4, 7, 25)
    exact = double(model)
    batch = batch_of(sources, targets, extra=3, sizes=sizes_of(keys))
    plain = {name: batch[name].numpy() for name in ("source", "source_lengths", "inputs")}
    ours, theirs = (
        (of.read(b["source"], b["source_lengths"]), b["inputs"]) for of, b in ((model, plain), (exact, batch))
    )

    def flat(x: Any) -> list[Any]:
        return [y for part in x for y in flat(part)] if isinstance(x, tuple) else [x]

    for x, y in zip(flat(ours[0]), flat(theirs[0]), strict=True):
        assert x.dtype in (np.float32, bool)
        np.testing.assert_allclose(x, y, rtol=0, atol=2e-6)
    x, y = model.readouts(ours[1], *ours[0])[0], exact.readouts(theirs[1], *theirs[0])[0]
    np.testing.assert_allclose(x, y, rtol=0, atol=2e-6)
    for x, y in zip(model.score(sources, targets), exact.score(sources, targets), strict=True):
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, y, rtol=0, atol=2e-5)


# independence, to the last bit


@pytest.mark.parametrize("keys", INFERENCE, ids=str)
def test_scores_depend_neither_on_batch_nor_order_nor_padding_nor_threads(keys: dict[str, Any]) -> None:
    model, (sources, targets) = make(**keys), some(6, 64, 25)
    whole = model.score(sources, targets)
    rng = np.random.default_rng(7)
    for count in (1, 1, 1, 7, 7, 63):
        chosen = rng.permutation(64)[:count]
        found = model.score([sources[i] for i in chosen], [targets[i] for i in chosen])
        for i, x in zip(chosen, found, strict=True):
            np.testing.assert_array_equal(x, whole[i])
    with threadpool_limits(2, user_api="blas"):
        for x, y in zip(model.score(sources[:20], targets[:20]), whole, strict=False):
            np.testing.assert_array_equal(x, y)


WIDE = """
import numpy as np
from seqcli.models import Sizes
from seqcli.models.seq2seq import Config, Model
config = Config(embedding=40, hidden=140, attention="multihead")
model = Model.create(config, Sizes(300, 700, False), np.random.default_rng(0))
rng = np.random.default_rng(1)
sources = [np.append(rng.integers(0, 298, n), 299) for n in rng.integers(0, 12, 18)]
targets = [np.append(rng.integers(0, 698, n), 699) for n in rng.integers(1, 4, 18)]
found = [x.tobytes().hex() for some in (slice(18), slice(5, 6), slice(8, 15))
         for x in model.score(sources[some], targets[some])]
"""


def test_a_wide_model_has_the_same_bits_with_one_and_two_threads() -> None:
    """Products large enough for BLAS to share between threads, in a process of its own; and without torch."""
    names: dict[str, Any] = {}
    exec(WIDE, names)
    one = names["found"]
    done = subprocess.run(
        [sys.executable, "-c", WIDE + "import sys; print(*found, 'torch' in sys.modules)"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), "OPENBLAS_NUM_THREADS": "2"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [*one, "False"]
    assert one[18:] == [one[5], *one[8:15]]  # alone, and seven together


@pytest.mark.parametrize("keys", INFERENCE, ids=str)
@given(seed=st.integers(0, 2**32), K=st.sampled_from([1, 3, 5]), data=st.data())
@settings(max_examples=examples(8), deadline=None)
def test_hypotheses_in_a_beam_are_those_alone(keys: dict[str, Any], seed: int, K: int, data: st.DataObject) -> None:
    """K hypotheses a source, reordered after every step as a beam does: each has the score of its own symbols."""
    model, (sources, _) = make(**keys), some(seed, data.draw(st.sampled_from([1, 4, 7])), 20)
    B, rng, steps = len(sources), np.random.default_rng(seed), data.draw(st.sampled_from([1, 5, 9]))

    def at(x: Any, index: np.ndarray) -> Any:
        return tuple(at(y, index) for y in x) if isinstance(x, tuple) else x[index]

    memory, state = model.start(sources)
    state = at(state, np.repeat(np.arange(B), K))
    ids = np.full(B * K, model.sizes.target - 2)
    said, scores = np.zeros((B * K, 0), int), np.zeros((B * K, 0), np.float32)
    for _ in range(steps):
        logprobs, state, attention = model.step(ids, memory, state)
        assert logprobs.dtype == np.float32
        assert (attention is None) == (model.attention is None)
        np.testing.assert_allclose(np.exp(logprobs.astype(float)).sum(-1), 1, atol=1e-5)
        ids = rng.integers(0, 15, B * K)
        said = np.column_stack([said, ids])
        scores = np.column_stack([scores, logprobs[np.arange(B * K), ids]])
        order = (np.arange(B)[:, None] * K + rng.integers(0, K, (B, K))).reshape(-1)
        state, ids, said, scores = at(state, order), ids[order], said[order], scores[order]
    with threadpool_limits(2, user_api="blas"):
        for row in rng.permutation(B * K)[:4]:
            np.testing.assert_array_equal(model.score([sources[row // K]], [said[row]])[0], scores[row])


@pytest.mark.parametrize("keys", INFERENCE, ids=str)
def test_padding_is_not_read(keys: dict[str, Any]) -> None:
    """Neither what stands there nor how much of it there is."""
    model, rng = make(**keys), np.random.default_rng(8)
    lengths, source = np.array([3, 9, 1]), rng.integers(0, 13, (3, 9))
    other = np.pad(np.where(np.arange(9) < lengths[:, None], source, (source + 1) % 13), ((0, 0), (0, 40)))
    inputs = rng.integers(0, 17, (3, 5))
    found, exact = [], double(model)
    for own, put in ((model, np.asarray), (exact, torch.from_numpy)):
        for ids in (source, other):
            memory, state = own.read(put(ids), put(lengths))
            found.append(np.asarray(own.readouts(put(inputs), memory, state)[0]))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[2], found[3], rtol=0, atol=1e-14)  # torch may add in another order


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_state_can_be_stepped_from_twice(library: str) -> None:
    model = make(input_feeding=True) if library == "numpy" else double(make(input_feeding=True))
    memory, state = model.start([np.array([1, 2, 12])])
    for ids in range(5):
        _, state, _ = model.step(np.array([ids]), memory, state)
    first, one, _ = model.step(np.array([3]), memory, state)
    _, other, _ = model.step(np.array([4]), memory, state)
    np.testing.assert_array_equal(model.step(np.array([3]), memory, state)[0], first)
    after = [model.step(np.array([1]), memory, s)[0] for s in (one, other)]
    assert (after[0] != after[1]).any()


def test_blank_and_long_sources() -> None:
    model, rng = make(attention="additive"), np.random.default_rng(9)
    blank, long = np.array([12]), np.append(rng.integers(0, 12, 1000), 12)
    targets = [np.array([EOS]), rng.integers(0, 15, 20)]
    both = model.score([blank, long], targets)
    np.testing.assert_array_equal(model.score([blank], targets[:1])[0], both[0])
    np.testing.assert_array_equal(model.score([long], targets[1:])[0], both[1])
    np.testing.assert_allclose(both[1], double(model).score([blank, long], targets)[1], atol=1e-4)
    assert model.score([], []) == []
