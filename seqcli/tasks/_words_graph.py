"""The graph inputs of models that read words or frames: a batch (batch, time), padded on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.datasets.vocabulary import MARKS, Vocabulary
from seqcli.errors import UsageError
from seqcli.frames import Frames
from seqcli.graph.parts import Input, Named
from seqcli.reader import placed

ROWS = 64  # texts that are run together, at most


def check(model: Any, vocabulary: Vocabulary, kinds: Sequence[str]) -> None:
    """Raise UsageError for a model that cannot be exported as a graph yet."""
    if getattr(model, "kind", None) not in kinds:
        raise UsageError(f"a {getattr(model, 'kind', 'model')} has no graph", hint=f"these have: {', '.join(kinds)}")


def with_readers(predictor: Any) -> Any:
    """Return the predictor with the language models of `model.reader` among its model's own arrays."""
    model = predictor.model
    if not getattr(model, "vocabulary", predictor.vocabulary).states or model.readers:
        return predictor
    return replace(predictor, model=replace(model, readers=model.vocabulary.reader.models))


def inputs(model: Any, vocabulary: Vocabulary, batch: str = "batch") -> dict[str, Input]:
    """Return the inputs: ids and lengths, with characters, vectors and the symbols of readers if the model reads
    them; or frames. `batch` names the number of texts."""
    if model.front_end is not None:
        frames = Input(np.float32, (batch, "time", vocabulary.dimensions))
        return {"frames": frames, "lengths": Input(np.int64, (batch,), 1, "time")}
    found = {
        "ids": Input(np.int64, (batch, "time"), 0, len(vocabulary.words) + 1),
        "lengths": Input(np.int64, (batch,), 1, "time"),
    }
    if model.characters is not None:
        known = len(vocabulary.characters) + MARKS
        found["characters"] = Input(np.int64, (batch, "time", "letters"), 0, known)
        found["character_lengths"] = Input(np.int64, (batch, "time"), 2, "letters")
    if width := vocabulary.vectors.shape[1]:
        found["vectors"] = Input(np.float32, (batch, "time", width))
    for i, own in enumerate(getattr(model, "readers", ())):  # what language models read, and where each word ends
        found[f"symbols.{i}"] = Input(np.int64, (batch, "length"), 0, own.vocabulary_size)
        found[f"ends.{i}"] = Input(np.int64, (batch, "time"), 0, "last")
    return found


def read(model: Any, x: Named) -> tuple[Any, Any]:
    """Return the stack's input (T, B, ·), and its lengths (B,)."""
    if "frames" in x:
        rows, lengths = model.front_end.batched(x["frames"], x["lengths"])
        return rows.swapaxes(0, 1), lengths
    ids = x["ids"]
    count = ids.shape[0] * ids.shape[1]
    flat = [ids.reshape(count), np.zeros((0, 0))]
    if "vectors" in x:
        flat[1] = x["vectors"].reshape(count, x["vectors"].shape[2])
    if "characters" in x:
        flat += [x["characters"].reshape(count, x["characters"].shape[2]), x["character_lengths"].reshape(count)]
    words = model.words(*flat)
    parts = [words.reshape(ids.shape[0], ids.shape[1], words.shape[1]).swapaxes(0, 1)]
    if "symbols.0" in x:
        B, batch = ids.shape[0], {}
        for i in range(len(model.readers)):
            batch[f"symbols{i}"] = x[f"symbols.{i}"].T
            batch[f"ends{i}"] = x[f"ends.{i}"].T * B + ops.arange(B, ids)[None]
        parts.append(model.read_through(batch))
    return ops.concat(parts), x["lengths"]


def read_by(model: Any, records: Sequence[Any]) -> list[Any]:
    """Return the input of each language model of `model.reader` for each record: (symbols, ends of words)."""
    if not getattr(model, "readers", ()):
        return []
    return [[part.symbols(*placed(record)) for part in model.vocabulary.reader.parts] for record in records]


def given(
    model: Any, vocabulary: Vocabulary, texts: Sequence[Any], through: Sequence[Any] = ()
) -> dict[str, np.ndarray]:
    """Return the inputs of texts that have at least one word, or of frames (T, D); `through` is from `read_by`."""
    lengths = np.array([len(words) for words in texts], np.int64)
    inside = np.arange(lengths.max()) < lengths[:, None]

    def padded(rows: np.ndarray, filler: int = 0) -> np.ndarray:
        made = np.full((*inside.shape, *rows.shape[1:]), filler, rows.dtype)
        made[inside] = rows
        return made

    if model.front_end is not None:
        return {"frames": padded(np.concatenate(texts)), "lengths": lengths}
    flat = [word for words in texts for word in words]
    found = {"ids": padded(vocabulary.word_ids(flat)), "lengths": lengths}
    if model.characters is not None:
        characters, letters = vocabulary.character_ids(flat)
        found |= {"characters": padded(characters), "character_lengths": padded(letters, 2)}
    if vocabulary.vectors.shape[1]:
        found["vectors"] = padded(vocabulary.vector_rows(flat))
    for i in range(len(through[0]) if through else 0):
        symbols, ends = zip(*(own[i] for own in through), strict=True)
        found[f"symbols.{i}"] = side_by_side(symbols)
        found[f"ends.{i}"] = side_by_side([own[:n] for own, n in zip(ends, lengths.tolist(), strict=True)])
    return found


def side_by_side(rows: Sequence[np.ndarray], filler: int = 0) -> np.ndarray:
    """Return rows of ids, or of frames, as one array, padded with `filler`."""
    found = np.full((len(rows), max(map(len, rows)), *rows[0].shape[1:]), filler, rows[0].dtype)
    for row, own in zip(found, rows, strict=True):
        row[: len(own)] = own
    return found


def groups(lengths: Sequence[int]) -> list[list[int]]:
    """Return the indices of non-empty texts in groups of similar length to run together, at most ROWS each."""
    order = [i for i in np.argsort(lengths, kind="stable").tolist() if lengths[i]]
    return [order[at : at + ROWS] for at in range(0, len(order), ROWS)]


def on_page(vocabulary: Vocabulary, frames: Frames | None) -> dict[str, Any]:
    """Return `about` with the vectors themselves. Raises UsageError if the model reads frames, which cannot be typed
    in."""
    if frames is not None:
        raise UsageError("a model that reads frames cannot be exported as a page")
    if vocabulary.states:
        raise UsageError("a model with a reader (model.reader) cannot be exported as a page")
    return {**about(vocabulary, frames), "vectors": {"words": vocabulary.vector_words, "rows": vocabulary.vectors}}


def normal(frames: Frames) -> dict[str, Any]:
    """What frames are normalised by."""
    return {"frames": {"mean": frames.mean.tolist(), "deviation": frames.deviation.tolist()}}


def about(vocabulary: Vocabulary, frames: Frames | None) -> Mapping[str, Any]:
    """Return what a user of the graph needs of the vocabulary. The id of a word is its place in `words` + 1, 0 is
    unknown; the id of a character is its place + 4, 0 is padding, 1 unknown, 2 and 3 begin and end a word. For
    frames, return the mean and deviation that normalise them."""
    if frames is not None:
        return normal(frames)
    return {
        "words": vocabulary.words,
        "characters": vocabulary.characters,
        "lowercase": vocabulary.lowercase,
        "fold_digits": vocabulary.fold_digits,
        "features": vocabulary.features,
        "vectors": vocabulary.vector_words,
    }
