"""The graph inputs of models that read words or frames: a batch (batch, time), padded on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqcli.datasets.vocabulary import MARKS, Vocabulary
from seqcli.errors import UsageError
from seqcli.frames import Frames
from seqcli.front_ends.linear import FrontEnd
from seqcli.graph.parts import Input, Named

ROWS = 64  # texts that are run together, at most


def check(model: Any, vocabulary: Vocabulary, kinds: Sequence[str]) -> None:
    """Raise UsageError for a model that cannot be exported as a graph yet."""
    if getattr(model, "kind", None) not in kinds:
        raise UsageError(f"a {getattr(model, 'kind', 'model')} has no graph", hint=f"these have: {', '.join(kinds)}")
    if not isinstance(model.front_end, FrontEnd | None):
        raise UsageError("a model of frames has no graph yet, unless model.front_end is linear")
    if vocabulary.states:
        raise UsageError("a model with a reader (model.reader) has no graph yet")


def inputs(model: Any, vocabulary: Vocabulary) -> dict[str, Input]:
    """Return the inputs: ids and lengths, with characters and vectors if the model reads them; or frames."""
    if model.front_end is not None:
        frames = Input(np.float32, ("batch", "time", vocabulary.dimensions))
        return {"frames": frames, "lengths": Input(np.int64, ("batch",), 1, "time")}
    found = {
        "ids": Input(np.int64, ("batch", "time"), 0, len(vocabulary.words) + 1),
        "lengths": Input(np.int64, ("batch",), 1, "time"),
    }
    if model.characters is not None:
        known = len(vocabulary.characters) + MARKS
        found["characters"] = Input(np.int64, ("batch", "time", "letters"), 0, known)
        found["character_lengths"] = Input(np.int64, ("batch", "time"), 2, "letters")
    if width := vocabulary.vectors.shape[1]:
        found["vectors"] = Input(np.float32, ("batch", "time", width))
    return found


def read(model: Any, x: Named) -> Any:
    """Return the stack's input (T, B, ·)."""
    if "frames" in x:
        frames = x["frames"]
        count = frames.shape[0] * frames.shape[1]
        rows, _ = model.front_end.read(frames.reshape(count, frames.shape[2]), np.zeros(0, np.int64))
        return rows.reshape(frames.shape[0], frames.shape[1], rows.shape[1]).swapaxes(0, 1)
    ids = x["ids"]
    count = ids.shape[0] * ids.shape[1]
    flat = [ids.reshape(count), np.zeros((0, 0))]
    if "vectors" in x:
        flat[1] = x["vectors"].reshape(count, x["vectors"].shape[2])
    if "characters" in x:
        flat += [x["characters"].reshape(count, x["characters"].shape[2]), x["character_lengths"].reshape(count)]
    words = model.words(*flat)
    return words.reshape(ids.shape[0], ids.shape[1], words.shape[1]).swapaxes(0, 1)


def given(model: Any, vocabulary: Vocabulary, texts: Sequence[Any]) -> dict[str, np.ndarray]:
    """Return the inputs of texts that have at least one word, or of frames (T, D)."""
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
    return {**about(vocabulary, frames), "vectors": {"words": vocabulary.vector_words, "rows": vocabulary.vectors}}


def about(vocabulary: Vocabulary, frames: Frames | None) -> Mapping[str, Any]:
    """Return what a user of the graph needs of the vocabulary. The id of a word is its place in `words` + 1, 0 is
    unknown; the id of a character is its place + 4, 0 is padding, 1 unknown, 2 and 3 begin and end a word. For
    frames, return the mean and deviation that normalise them."""
    if frames is not None:
        return {"frames": {"mean": frames.mean.tolist(), "deviation": frames.deviation.tolist()}}
    return {
        "words": vocabulary.words,
        "characters": vocabulary.characters,
        "lowercase": vocabulary.lowercase,
        "fold_digits": vocabulary.fold_digits,
        "features": vocabulary.features,
        "vectors": vocabulary.vector_words,
    }
