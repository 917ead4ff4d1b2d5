"""What models that read words, or frames, have as inputs of a graph: a batch (batch, time), padded on the right."""

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

ROWS = 64  # texts that are run together


def check(model: Any, vocabulary: Vocabulary, kinds: Sequence[str]) -> None:
    """Raise UsageError for a model that has no graph yet."""
    if getattr(model, "kind", None) not in kinds:
        raise UsageError(f"a {getattr(model, 'kind', 'model')} has no graph", hint=f"what has: {', '.join(kinds)}")


def with_readers(predictor: Any) -> Any:
    """The predictor whose model has the language models that read for it among its own arrays."""
    model = predictor.model
    if not getattr(model, "vocabulary", predictor.vocabulary).states or model.readers:
        return predictor
    return replace(predictor, model=replace(model, readers=model.vocabulary.reader.models))


def inputs(model: Any, vocabulary: Vocabulary, batch: str = "batch") -> dict[str, Input]:
    """Ids and lengths, of characters and vectors where the model reads those; `batch` names the number of texts."""
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
    """What the stack reads, (T, B, ·), and how long each is (B,)."""
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
    """What the language models of a model are to read of each record: (symbols, ends) for each of them."""
    if not getattr(model, "readers", ()):
        return []
    return [[part.symbols(*placed(record)) for part in model.vocabulary.reader.parts] for record in records]


def given(
    model: Any, vocabulary: Vocabulary, texts: Sequence[Any], through: Sequence[Any] = ()
) -> dict[str, np.ndarray]:
    """The inputs of some texts of at least a word, or of some frames (T, D); `through` is what `read_by` gives."""
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
    """Rows of ids, or of frames, side by side, filled up."""
    found = np.full((len(rows), max(map(len, rows)), *rows[0].shape[1:]), filler, rows[0].dtype)
    for row, own in zip(found, rows, strict=True):
        row[: len(own)] = own
    return found


def groups(lengths: Sequence[int]) -> list[list[int]]:
    """Places of texts that are run together: those with words, of like length, ROWS at most."""
    order = [i for i in np.argsort(lengths, kind="stable").tolist() if lengths[i]]
    return [order[at : at + ROWS] for at in range(0, len(order), ROWS)]


def on_page(vocabulary: Vocabulary, frames: Frames | None) -> dict[str, Any]:
    """`about` with the vectors themselves. Raises UsageError where frames are read, which nobody types."""
    if frames is not None:
        raise UsageError("a page has no model that reads frames")
    if vocabulary.states:
        raise UsageError("a page has no model with a reader (model.reader)")
    return {**about(vocabulary, frames), "vectors": {"words": vocabulary.vector_words, "rows": vocabulary.vectors}}


def normal(frames: Frames) -> dict[str, Any]:
    """What frames are normalised by."""
    return {"frames": {"mean": frames.mean.tolist(), "deviation": frames.deviation.tolist()}}


def about(vocabulary: Vocabulary, frames: Frames | None) -> Mapping[str, Any]:
    """What a reader needs of the vocabulary: the id of a word is its place in `words` and 1, 0 is unknown; of a
    character its place and 4, 0 is padding, 1 unknown, 2 and 3 begin and end a word. Of frames, what they are
    normalised by."""
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
