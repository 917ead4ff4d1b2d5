"""What frames learn of a training split, what training does to them, and how a model's file keeps it."""

from __future__ import annotations

import numpy as np
import pytest

from seqcli.artifact import Artifact
from seqcli.errors import SeqcliError
from seqcli.frames import Augment, Frames
from seqcli.frames.values import Config
from seqcli.records import Example

RNG = np.random.default_rng(5)
RAW = [np.concatenate([RNG.normal(3, 7, (n, 2)), np.full((n, 1), 1e6)], axis=1).astype(np.float32) for n in (4, 9, 1)]


def record(array: np.ndarray, line: int = 1) -> Example:
    return Example(text=str(array.tolist()), source="train.txt", line=line)


def learnt(**config: object) -> tuple[Frames, list[np.ndarray]]:
    return Frames.learn(Config(**config), [record(x, i) for i, x in enumerate(RAW, 1)])


def test_normalised_by_training():
    own, raw = learnt()
    every = np.concatenate(RAW).astype(np.float64)
    deviation = np.array([*every.std(axis=0)[:2], 1.0])  # of a constant it is 1
    np.testing.assert_allclose(own.mean, every.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(own.deviation, deviation, rtol=1e-6)
    for mine, there in zip(raw, RAW, strict=True):
        np.testing.assert_array_equal(mine, there)
        found = own(record(there))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, (there - every.mean(axis=0)) / deviation, rtol=1e-4, atol=1e-5)
        assert not found[:, 2].any()


def test_normalised_by_record():
    own, _ = learnt(normalize="record")
    assert not own.mean.any()
    assert (own.deviation == 1).all()
    for there in RAW:
        wide = there.astype(np.float64)
        deviation = np.where(wide.std(axis=0) > 1, wide.std(axis=0), 1.0)
        np.testing.assert_allclose(own(record(there)), (wide - wide.mean(axis=0)) / deviation, rtol=1e-4, atol=1e-5)


def test_not_normalised():
    own, _ = learnt(normalize="none")
    for there in RAW:
        np.testing.assert_array_equal(own(record(there)), there)


def test_a_record_that_does_not_fit_is_named():
    with pytest.raises(SeqcliError, match=r"^train\.txt:2:1: .*it has 2 numbers a step, not 3"):
        Frames.learn(Config(), [record(RAW[0]), record(RAW[1][:, :2], 2)])
    with pytest.raises(SeqcliError, match=r"^train\.txt:1:1: .*empty"):
        Frames.learn(Config(), [Example(text="[]", source="train.txt")])


@pytest.mark.parametrize("normalize", ["training", "record", "none"])
def test_stored_and_restored_are_the_same(normalize, tmp_path):
    own, _ = learnt(normalize=normalize, augment={"noise": 0.5, "shift": 2})
    header, arrays = own.stored()
    again = Frames.of(Artifact(tmp_path / "m", {"frames": header}, arrays))
    assert again.config == own.config
    assert again.same(own)
    assert (again.dimensions, again.axes) == (own.dimensions, own.axes) == (3, 2)
    for there in RAW:
        np.testing.assert_array_equal(again(record(there)), own(record(there)))
    others = [learnt(normalize=other)[0] for other in ("training", "record", "none") if other != normalize]
    assert not any(own.same(other) for other in others)


@pytest.mark.parametrize(
    "broken",
    [
        {"frames.mean": np.zeros(2, np.float32)},
        {"frames.deviation": np.full(3, np.nan, np.float32)},
    ],
)
def test_a_damaged_file_is_told(broken, tmp_path):
    header, arrays = learnt()[0].stored()
    with pytest.raises(SeqcliError):
        Frames.of(Artifact(tmp_path / "m", {"frames": header}, arrays | broken))


def varied(frames: np.ndarray, seed: int = 0, **how: object) -> np.ndarray:
    own = Frames(Config(augment=Augment(**how)), frames.shape[1], 2, np.zeros(1), np.ones(1))
    kept = frames.copy()
    (found, again) = (own.batch([frames], [seed]) for _ in range(2))
    np.testing.assert_array_equal(found["frames"], again["frames"])  # the same seed, the same frames
    np.testing.assert_array_equal(frames, kept)  # what is there stays
    assert found["lengths"].tolist() == [len(found["frames"])]
    assert np.isfinite(found["frames"]).all()
    assert found["frames"].dtype == np.float32
    return found["frames"]


ONES = np.ones((40, 6), np.float32)


def runs(zeros: np.ndarray) -> list[int]:
    """The lengths of stretches that are true."""
    return [len(part) for part in "".join("x" if z else " " for z in zeros).split()]


@pytest.mark.parametrize("seed", range(12))
def test_masks_are_never_longer_than_said(seed):
    hidden = (varied(ONES, seed, time_masks=1, time_mask=5) == 0).all(axis=1)
    assert sum(hidden) <= 5
    assert len(runs(hidden)) <= 1
    hidden = (varied(ONES, seed, time_masks=1, time_mask=1000) == 0).all(axis=1)
    assert sum(hidden) <= len(ONES) // 5
    hidden = (varied(ONES, seed, feature_masks=2, feature_mask=2) == 0).all(axis=0)
    assert sum(hidden) <= 4
    assert all(n <= 4 for n in runs(hidden))


def test_masks_and_noise_do_something():
    assert any((varied(ONES, seed, time_masks=1) == 0).any() for seed in range(5))
    assert any((varied(ONES, seed, feature_masks=1) == 0).any() for seed in range(5))
    noise = varied(np.zeros((2000, 2), np.float32), noise=0.5)
    assert abs(noise.std() - 0.5) < 0.02
    assert not np.array_equal(varied(ONES, 1, noise=0.5), varied(ONES, 2, noise=0.5))


@pytest.mark.parametrize("seed", range(8))
def test_shifted_records_are_cut_or_begin_later(seed):
    frames = np.arange(40, dtype=np.float32)[:, None]
    found = varied(frames, seed, shift=3)
    by = len(found) - 40
    assert -3 <= by <= 3
    wanted = frames[-by:, 0] if by < 0 else np.concatenate([np.zeros(by), frames[:, 0]])
    np.testing.assert_array_equal(found[:, 0], wanted)


@pytest.mark.parametrize("frames", [ONES[:1], ONES[:0], ONES[:2]])
def test_the_shortest_records_stay(frames):
    for seed in range(6):
        how = {"noise": 0.1, "shift": 5, "time_masks": 2, "feature_masks": 2, "feature_mask": 9}
        assert len(varied(frames, seed, **how)) >= min(len(frames), 1)


def test_without_a_seed_nothing_is_varied():
    own = Frames(Config(augment=Augment(noise=1, shift=5)), 6, 2, np.zeros(6), np.ones(6))
    found = own.batch([ONES, ONES[:3]], None)
    np.testing.assert_array_equal(found["frames"], np.concatenate([ONES, ONES[:3]]))
    assert found["lengths"].tolist() == [40, 3]
