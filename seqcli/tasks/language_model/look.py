"""Look into a language model: a text, and what its network does with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqcli import ops
from seqcli.datasets.tokens import encode_chunk
from seqcli.errors import SeqcliError
from seqcli.insight.flow import Unrolled, embeddings, network
from seqcli.insight.neurons import Followed, follow
from seqcli.insight.why import Asked
from seqcli.streams import Chunk
from seqcli.tasks.language_model.predict import Generator


class Read(NamedTuple):
    """The beginning of a text, its ids (T,), and the place of each token (start, end) in it."""

    text: str
    ids: np.ndarray
    places: Sequence[tuple[int, int]]


def read(own: Generator, chunks: Iterable[Chunk], most: int) -> Read:
    """Read at most `most` tokens. Raises SeqcliError for fewer than two."""
    texts, found, count = [], [], 0
    for chunk in chunks:
        texts.append(chunk.text)
        found.append(encode_chunk(chunk, own.tokenizer))
        count += len(found[-1])
        if count >= most:
            break
    if count < 2:
        raise SeqcliError("a text needs at least two tokens to be looked at")
    places = [
        (at + start, at + end)
        for at, text in zip(np.cumsum([0, *map(len, texts)]).tolist(), texts, strict=False)
        for start, end in own.tokenizer.offsets(text)
    ][:most]
    return Read("".join(texts)[: places[-1][1]], np.concatenate(found)[:most].astype(np.int64), places)


def surprise(own: Generator, chunks: Iterable[Chunk], most: int) -> tuple[Read, np.ndarray]:
    """Return a text, and the nats of each of its tokens but the first, given all of the text before it."""
    seen = read(own, chunks, most)
    logp, _ = own.model.score(seen.ids[None, :-1], seen.ids[None, 1:], own.model.initial_state(1))
    return seen, -np.asarray(logp[0], np.float64)


def memory(own: Generator, chunks: Iterable[Chunk], longest: int, windows: int) -> list[tuple[int, int, float]]:
    """Return (from, to, nats): the mean loss of tokens by the number of tokens read before them, in powers of two;
    each window begins with a fresh state."""
    ids = read(own, chunks, windows * longest + 1).ids
    longest = min(longest, len(ids) - 1)
    rows = np.lib.stride_tricks.sliding_window_view(ids, longest + 1)[::longest]
    logp, _ = own.model.score(rows[:, :-1], rows[:, 1:], own.model.initial_state(len(rows)))
    nats, found, first = -np.asarray(logp, np.float64).mean(axis=0), [], 1
    while first <= longest:
        last = min(2 * first - 1, longest)
        found.append((first, last, float(nats[first - 1 : last].mean())))
        first = 2 * first
    return found


def neurons(own: Generator, chunks: Iterable[Chunk], most: int) -> tuple[Read, list[Followed]]:
    """Return a text, and the units that follow its quotes, brackets, lines and words best."""
    model, seen = network(own), read(own, chunks, most)
    layers: dict[int, list[np.ndarray]] = {}

    def see(step: Any) -> Any:
        layers.setdefault(step.layer, []).append(step.state[0][0])
        return step.state

    model.stack.watch(model.symbols(seen.ids[:, None]), see)
    states = [np.stack(layers[depth]) for depth in sorted(layers)]
    return seen, follow(seen.text, [end for _, end in seen.places], states)


def unrolled(own: Generator, chunks: Iterable[Chunk], steps: int, rows: int) -> Unrolled:
    """Unroll the network over stretches of a text, each with a fresh state; the losses are of the next token."""
    model, ids = network(own), read(own, chunks, steps * rows + 1).ids
    steps = min(steps, len(ids) - 1)
    windows = np.lib.stride_tricks.sliding_window_view(ids, steps + 1)[::steps].T  # (steps + 1, B)
    return of_ids(model, windows)


def of_ids(model: Any, ids: np.ndarray) -> Unrolled:
    """Unroll the network over ids (T + 1, B)."""

    def losses(bound: Any, y: Any) -> Any:
        return bound.nats(y, ops.integers(np.array(ids[1:]), y)).reshape(ids[1:].shape)

    return Unrolled(model, model.symbols(ids[:-1]), losses)


def why(own: Generator, chunks: Iterable[Chunk], most: int) -> Asked:
    """Ask about the tokens of the beginning of a text, each given all before it; by default the last."""
    seen = read(own, chunks, most + 1)
    given = of_ids(network(own), seen.ids[:, None])
    names = [own.tokenizer.symbol(int(i)) for i in seen.ids[1:]]
    return Asked(seen.text, seen.places[:-1], given, len(names) - 1, names)


def table(own: Generator) -> tuple[list[str], np.ndarray]:
    """Return the tokens and their embeddings."""
    return list(own.tokenizer.vocabulary()), embeddings(own)
