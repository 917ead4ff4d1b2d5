"""What is read in pieces is what is read whole: front ends and stacks to the last bit, pooled vectors to rounding."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cells import CELLS, OWN, drawn, stack_of
from support.examples import examples

from seqcli import front_ends, layers, registry
from seqcli.decoding.ctc import Greedy, greedy
from seqcli.errors import SeqcliError, UsageError
from seqcli.frames import Frames
from seqcli.inference.batch import BatchForm
from seqcli.inference.live import Heard, Live
from seqcli.layers.pooling import Attention, Kind, Running, pool_flat

D, E = 3, 4  # numbers of a frame, of a vector
PIECES = st.lists(st.integers(0, 12), min_size=1, max_size=8)  # their lengths
FRONT_ENDS = st.one_of(
    st.just({"kind": "linear"}),
    st.integers(1, 6).flatmap(
        lambda width: st.fixed_dictionaries(
            {
                "layers": st.integers(1, 3),
                "width": st.just(width),
                "stride": st.integers(1, width),
                "norm": st.booleans(),
            }
        )
    ),
)


def made(total: int, size: int = D, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((total, size)).astype(np.float32)


def cut(x: np.ndarray, pieces: list[int]) -> list[np.ndarray]:
    return np.split(x, np.cumsum(pieces)[:-1])


@settings(max_examples=examples(200))
@given(PIECES, FRONT_ENDS)
def test_vectors_are_those_of_the_whole_to_the_bit(pieces: list[int], spec: dict[str, Any]) -> None:
    own = drawn(front_ends.create({"kind": "conv", **spec}, D, E, np.random.default_rng(0)))
    x, read = made(sum(pieces)), own.stream()
    found = [read(part, False) for part in cut(x, pieces)]
    found.append(read(x[:0], True))
    assert all(part.shape[1:] == (E,) for part in found)
    if len(x):
        whole, _ = own.read(x, np.array([len(x)]))
        np.testing.assert_array_equal(np.concatenate(found), whole)
        read = own.stream()
        np.testing.assert_array_equal(read(x, True), whole)
    else:
        assert not np.concatenate(found).size


@settings(max_examples=examples(60))
@given(st.sampled_from(CELLS), st.integers(1, 3), st.booleans(), PIECES)
def test_outputs_are_those_of_the_whole_to_the_bit(cell: str, depth: int, block: bool, pieces: list[int]) -> None:
    form = BatchForm(stack_of(cell, [E] * depth, both=False, block=block and cell not in OWN, inputs=E))
    x = made(sum(pieces), E)
    read = form.stream()
    found = np.concatenate([read(part) for part in cut(x, pieces)])
    first = form.project(x)
    np.testing.assert_array_equal(found, form.read([len(x)], lambda at, d: first[d][at]))


@settings(max_examples=examples(60))
@given(st.sampled_from(get_args(Kind)), PIECES)
def test_pooled_vectors_are_those_of_all_so_far(kind: Kind, pieces: list[int]) -> None:
    attention = drawn(Attention.create(D, np.random.default_rng(0)))
    attention = layers.replace(attention, {n: 9 * a for n, a in layers.arrays(attention).items()})  # far apart
    y, running = made(sum(pieces)) - 5, Running(kind, attention)
    found = np.concatenate([running.feed(part) for part in cut(y, pieces)])
    for t, row in enumerate(found, 1):
        np.testing.assert_allclose(row, pool_flat(kind, y[:t], np.array([t]), attention)[0][0], rtol=1e-4, atol=1e-5)


@given(PIECES)
def test_symbols_are_those_of_the_whole(pieces: list[int]) -> None:
    x, found = made(sum(pieces)), Greedy(2)
    ids = np.concatenate([found.push(part)[0] for part in cut(x, pieces)])
    assert ids.tolist() == (greedy(x, 2)[0].tolist() if len(x) else [])


def frames(kind: str, size: int = D, **keys: Any) -> Frames:
    config = registry.load("frames", kind).Config(**keys)
    return Frames(config, size, 2, np.full(size, 0.5, np.float32), np.full(size, 2, np.float32))


@pytest.mark.parametrize(("kind", "size"), [("mel", 40), ("mfcc", 13)])
def test_samples_become_the_frames_of_the_whole(kind: str, size: int) -> None:
    pytest.importorskip("kaldi_native_fbank")
    own = frames(kind, size, rate=8000)
    x = np.random.default_rng(0).normal(0, 3000, 4000).astype(np.float32)
    whole, read = own.stream()(x, True), own.stream()
    found = [read(part, False) for part in np.split(x, [1, 7, 400, 400, 1999, 3999])]
    found.append(read(x[:0], True))
    assert len(whole) == 48
    np.testing.assert_array_equal(np.concatenate(found), whole)


def test_a_record_of_its_own_mean_is_no_stream() -> None:
    with pytest.raises(UsageError, match="normalised by the whole record"):
        frames("values", normalize="record").stream()
    with pytest.raises(UsageError, match="whole records"):
        front_ends.create({"kind": "patches", "side": 1}, D, E, np.random.default_rng(0)).stream()


class Steps(Live):
    """Each step's first logit."""

    name = "step"

    def heard(self, first: int, logits: np.ndarray, last: bool) -> list[Heard]:
        return [Heard(first + n, "", float(x)) for n, x in enumerate(logits[:, 0])]


@given(PIECES)
def test_steps_have_their_times(pieces: list[int]) -> None:
    stack = stack_of("gru", [E], both=False, inputs=E)
    conv = front_ends.create({"kind": "conv", "width": 3}, D, E, np.random.default_rng(0))
    model = SimpleNamespace(
        stack=stack, front_end=conv, output_weight=made(2, E), output_bias=np.zeros(2, np.float32)
    )
    x, live = made(sum(pieces)), Steps(frames("values"), model)
    found = [one for part in cut(x, pieces) for one in live.feed(part)]
    if not len(x):
        with pytest.raises(SeqcliError, match="too short"):
            live.feed(x, last=True)
        return
    found += live.feed(x[:0], last=True)
    assert [one.time for one in found] == [4.0 * n for n in range(-(-len(x) // 4))]
    assert found == Steps(frames("values"), model).feed(x, last=True)


def test_what_reads_backwards_is_no_stream() -> None:
    model = SimpleNamespace(stack=stack_of("gru", [E], both=True, inputs=E))
    with pytest.raises(UsageError, match="from their ends too"):
        Steps(frames("values"), model)
    with pytest.raises(UsageError, match="reads whole records"):
        Steps(frames("values"), SimpleNamespace())
