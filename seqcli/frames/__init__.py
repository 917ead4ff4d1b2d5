"""Frames: records that are sequences of vectors, not of tokens; a kind a file. This module is the contract.

A record stays text: its text is the numbers themselves, or names the file that holds them (`_places`). The module of
a kind has `Config`, its recipe keys under `frames`, and `read(place, config)`, which returns the record's array: (T,)
or (T, D), or a picture (H, W, C), whose rows are its steps. A kind for recordings has `Analysis(config)`, whose
`feed(samples, last=False)` returns the frames that more samples complete. A kind whose settings depend on the first
training record (the sampling rate of recordings) has `fixed(place, config)`, which returns the Config to keep.

This module has what all kinds share: checks of dimensions, normalisation learnt on the training split, and
augmentation in training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zipfile import BadZipFile

import numpy as np
from pydantic import BaseModel, Field

from seqcli import artifact, console, registry
from seqcli.artifact import Artifact
from seqcli.errors import SeqcliError, UsageError
from seqcli.frames._places import ENDINGS, SOUND, Place, content, located, vectors

__all__ = ["ENDINGS", "SOUND", "Augment", "BaseConfig", "Frames", "content", "flat", "located", "named"]

Count = Annotated[int, Field(ge=0)]
SMALLEST = 1e-5  # a relative deviation below this is taken as that of a constant, and not divided by
RAW = {1: "a series of numbers", 2: "a series of vectors", 3: "a picture"}  # by the axes of a record's array


class Augment(BaseModel, extra="forbid"):
    """Recipe keys of `frames.augment`: random changes to frames in training, drawn anew each time."""

    noise: Annotated[float, Field(ge=0)] = 0.0  # standard deviation of Gaussian noise, after normalisation
    shift: Count = 0  # frames by which a record may begin earlier (cut) or later (its first frame repeated)
    time_masks: Count = 0  # stretches of frames set to zero (SpecAugment, Park et al. 2019)
    time_mask: Count = 10  # most frames of a stretch, and at most a fifth of the record
    feature_masks: Count = 0  # stretches of neighbouring numbers set to zero in all frames
    feature_mask: Count = 5  # most numbers of a stretch


class BaseConfig(BaseModel, extra="forbid"):
    """Keys of `frames` that all kinds have."""

    kind: str
    normalize: Literal["training", "record", "none"] = "training"  # to mean 0 and deviation 1 over this
    augment: Augment = Augment()  # in training only, drawn anew for each record


@dataclass(frozen=True)
class Frames:
    """The settings by which records become frames (T, D) float32."""

    config: Any
    dimensions: int  # D
    axes: int  # of a record's array
    mean: np.ndarray  # (D,) over the training split's frames; 0, and deviation 1, unless these normalise
    deviation: np.ndarray  # (D,)

    @classmethod
    def learn(cls, config: Any, records: Sequence[Any], what: str = "") -> tuple[Self, list[np.ndarray]]:
        """Learn settings from the training split, and return them and its frames before normalisation. Raises
        SeqcliError that names a record."""
        kind = registry.load("frames", config.kind)
        if records and hasattr(kind, "fixed"):
            config = named(records[0], lambda: kind.fixed(located(records[0].text, records[0].source), config))
        own, raw = cls(config, 0, 0, np.zeros(0, np.float32), np.ones(0, np.float32)), []
        with console.progress(what, len(records), " records") as advance:
            for record in records:
                array = named(record, lambda own=own, record=record: own.array(record))
                raw.append(flat(array))
                own = own if own.axes else replace(own, dimensions=raw[0].shape[1], axes=array.ndim)
                advance(1)
        size = raw[0].shape[1] if raw else 0
        mean, deviation = np.zeros(size), np.ones(size)
        if config.normalize == "training" and raw:
            mean, deviation = _moments(raw)
        return cls(config, size, own.axes, mean.astype(np.float32), deviation.astype(np.float32)), raw

    @classmethod
    def of(cls, stored: Artifact) -> Self:
        """Restore the settings from a model's file."""
        with artifact.restoring(stored.path):
            header, arrays = stored.header["frames"], stored.part("frames")
            config = registry.load("frames", header["config"]["kind"]).Config(**header["config"])
            found = cls(config, header["dimensions"], header["axes"], arrays["mean"], arrays["deviation"])
            if not all(a.shape == (found.dimensions,) and np.isfinite(a).all() for a in arrays.values()):
                raise ValueError(f"frames of {found.dimensions} numbers, moments of {found.mean.shape}")
        return found

    def stored(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what an artifact stores: the header's `frames` part, arrays by their name in the file."""
        header = {
            "config": self.config.model_dump(mode="json"),
            "dimensions": self.dimensions,
            "axes": self.axes,
        }
        return header, {"frames.mean": self.mean, "frames.deviation": self.deviation}

    def same(self, other: Frames) -> bool:
        """Whether other settings give the same frames for a record."""
        configs = [own.config.model_copy(update={"augment": Augment()}) for own in (self, other)]
        mine, theirs = (np.concatenate([own.mean, own.deviation]) for own in (self, other))
        return configs[0] == configs[1] and self.axes == other.axes and np.array_equal(mine, theirs)

    def __call__(self, record: Any) -> np.ndarray:
        """Return the frames (T, D) of a record, from its text, or of a sentence, whose words are vectors.

        Raises SeqcliError without a place: the caller knows the record's."""
        return self.normal(flat(self.array(record)))

    def array(self, record: Any) -> np.ndarray:
        """Return the array of a record, checked but not normalised."""
        place, words = located(record.text, record.source), getattr(record, "words", None)
        if words and place.path is None:
            return self._checked(vectors(words), "the sentence")
        read = registry.load("frames", self.config.kind).read(place, self.config)
        found = self._checked(np.asarray(read, np.float32), place)
        if words and len(words) != len(found):
            raise SeqcliError(
                f"{place}: {len(words):,} tags for {len(found):,} frames", hint="give each frame its tag"
            )
        return found

    def _checked(self, found: np.ndarray, place: Any) -> np.ndarray:
        if not found.size:
            raise SeqcliError(f"{place}: the series is empty" if str(place).strip() else "the series is empty")
        if found.ndim not in RAW or (self.axes and found.ndim != self.axes):
            wanted = RAW.get(self.axes, "a series or a picture")
            got = RAW.get(found.ndim, f"an array of {found.ndim} axes")
            raise SeqcliError(f"{place}: this is {got}, not {wanted}")
        if not np.isfinite(found).all():
            at = ", ".join(str(i + 1) for i in np.argwhere(~np.isfinite(found))[0].tolist())
            value = found[~np.isfinite(found)][0]
            what = "is missing (NaN)" if np.isnan(value) else "is not finite"
            raise SeqcliError(
                f"{place}: value {at} {what}",
                hint="fill it in, for instance with the value before it, or remove the record",
            )
        if self.dimensions and flat(found).shape[1] != self.dimensions:
            got = f"{flat(found).shape[1]:,} numbers a step, not {self.dimensions:,}"
            raise SeqcliError(f"{place}: it has {got} as in training")
        return found

    def normal(self, raw: np.ndarray) -> np.ndarray:
        """Normalise frames (T, D) to mean 0 and deviation 1, as the recipe says."""
        if self.config.normalize == "record":
            mean, deviation = _moments([raw])
            return ((raw - mean) / deviation).astype(np.float32)
        return (raw - self.mean) / self.deviation

    def stream(self) -> Callable[[np.ndarray, bool], np.ndarray]:
        """Return a function that reads one record in pieces: samples (n,) of a recording, in ± 32,768, or vectors
        (n, D), n >= 0, and whether they are the last -> the frames (m, D) that they complete. Raises UsageError if
        the whole record must be known first."""
        if self.config.normalize == "record":
            raise UsageError(
                "its frames are normalised by the whole record", hint="train one with frames.normalize: training"
            )
        kind = registry.load("frames", self.config.kind)
        if not hasattr(kind, "Analysis"):
            return lambda vectors, last: self.normal(vectors)
        analysis = kind.Analysis(self.config)
        return lambda samples, last: self.normal(analysis.feed(samples, last=last))

    def vector(self, line: str) -> np.ndarray:
        """Read a line of a stream, `1.5,2,3`, as (D,). Raises SeqcliError without the line's place."""
        return replace(self, axes=2)._checked(vectors([line]), Place(line))[0]

    def holds(self, path: str | Path) -> list[str] | None:
        """Return the names of the records in a file, or in a folder and its subfolders, relative to it; an array with
        one axis more than a record's holds many records. None if a file is neither an array nor a recording."""
        path = Path(path)
        if path.is_dir():
            return [str(own.parent / name) for own in _files(path) for name in self.holds(path / own) or ()]
        if path.suffix.lower() not in ENDINGS:
            return None
        if path.suffix.lower() == ".npy":
            with suppress(OSError, ValueError):  # a broken file is reported when it is read
                held = np.load(path, mmap_mode="r", allow_pickle=False)
                if held.ndim == self.axes + 1:
                    return [f"{path.name}#{i}" for i in range(len(held))]
        elif path.suffix.lower() == ".npz":
            with (
                suppress(OSError, ValueError, BadZipFile),
                path.open("rb") as file,  # NumPy would leave that of a broken archive open
                np.load(file, allow_pickle=False) as held,
            ):
                return [f"{path.name}#{name}" for name in held.files]
        return [path.name]

    @property
    def seconds(self) -> float:
        """Seconds from one frame of a recording to the next; 1 for other records, whose steps have no duration."""
        return self.config.step / 1000 if hasattr(self.config, "rate") else 1.0

    @property
    def sample(self) -> str:
        """An example of a record's text, for commands in messages."""
        return "recording.wav" if hasattr(self.config, "rate") else "series.npy"

    def batch(self, records: Sequence[np.ndarray], seed: Sequence[int] | None) -> dict[str, np.ndarray]:
        """Make a batch of records (T, D): `frames` (N, D), end to end, augmented by a seed, and `lengths` (B,)."""
        rng = None if seed is None else np.random.default_rng(list(seed))
        varied = [x if rng is None else self.varied(x, rng) for x in records]
        return {"frames": np.concatenate(varied), "lengths": np.array([len(x) for x in varied], np.int64)}

    def varied(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Augment frames (T, D) for training: shift them, add noise, mask them."""
        how, (T, D) = self.config.augment, frames.shape
        if how.shift:
            by = int(rng.integers(-min(how.shift, T - 1), how.shift + 1))
            frames = frames[-by:] if by < 0 else np.concatenate([frames[:1].repeat(by, axis=0), frames])
            T = len(frames)
        if how.noise:
            frames = frames + how.noise * rng.standard_normal(frames.shape, np.float32)
        if how.time_masks or how.feature_masks:
            frames = frames.copy()
            for _ in range(how.time_masks):
                frames[_stretch(T, min(how.time_mask, T // 5), rng)] = 0.0
            for _ in range(how.feature_masks):
                frames[:, _stretch(D, min(how.feature_mask, D), rng)] = 0.0
        return frames


def named(record: Any, make: Any) -> Any:
    """Return `make()`, whose errors get the record's place in front."""
    try:
        return make()
    except SeqcliError as error:
        raise SeqcliError(f"{record.place(0)}: {error.message}", hint=error.hint) from None


def _files(folder: Path) -> list[Path]:
    """Return the files of a folder and its subfolders, sorted by path relative to it, without hidden ones."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.parts))


def flat(array: np.ndarray) -> np.ndarray:
    """Reshape a record's array to steps: (T,) -> (T, 1), (T, D) as it is, a picture (H, W, C) -> (H, W·C)."""
    return array.reshape(len(array), -1)


def _moments(raw: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and standard deviation (D,) of all frames; the deviation of a constant is set to 1."""
    count = sum(map(len, raw))
    mean = np.sum([x.sum(axis=0, dtype=np.float64) for x in raw], axis=0) / count
    variance = np.sum([((x - mean) ** 2).sum(axis=0) for x in raw], axis=0) / count
    deviation = np.sqrt(variance)
    return mean, np.where(deviation > SMALLEST * (1 + np.abs(mean)), deviation, 1.0)


def _stretch(size: int, most: int, rng: np.random.Generator) -> slice:
    wide = int(rng.integers(0, most + 1))
    first = int(rng.integers(0, size - wide + 1))
    return slice(first, first + wide)
