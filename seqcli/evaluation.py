"""Scoring text with a language model, by one of two protocols that every score names.

`stateful`: the text is one stream, the state is carried through it, its very first token is unscored. `window N`:
the text is cut into windows of N tokens, each begins with a fresh state and predicts the N tokens that follow its
own inputs; every position but the text's first is scored, with 1 to N tokens of context (as Transformers are scored).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqcli import __version__
from seqcli.datasets._tokens import encode_chunk
from seqcli.metrics.perplexity import Metric
from seqcli.models import LanguageModel
from seqcli.streams import Chunk
from seqcli.tokenizers import BaseTokenizer

STRETCH = 4096  # tokens scored between two looks at the progress bar
BATCH = 64  # windows scored at once


@dataclass(frozen=True)
class Report:
    """A score and what it was measured on."""

    metrics: dict[str, float]
    counts: dict[str, int]
    protocol: str
    signature: str

    def to_dict(self) -> dict[str, Any]:
        return {**self.metrics, "counts": self.counts, "protocol": self.protocol, "signature": self.signature}


def evaluate(
    model: LanguageModel,
    tokenizer: BaseTokenizer,
    chunks: Iterable[Chunk],
    *,
    window: int | None = None,
    limit: int | None = None,
    advance: Callable[[float], None] = lambda _: None,
) -> Report:
    """Score a text given in chunks; `limit` ends it after so many tokens. Raises on an unknown character."""
    metric, digest = Metric(), hashlib.sha256()
    score = _windows(model, window) if window else _stateful(model)
    next(score)  # to its first yield
    carried: np.ndarray | None = None
    total = 0
    for chunk in chunks:
        ids = encode_chunk(chunk, tokenizer)
        text = chunk.text
        if limit is not None and total + len(ids) > limit:
            ids = ids[: limit - total]
            text = tokenizer.decode(ids)
        digest.update(text.encode("utf-8", errors="surrogatepass"))
        total += len(ids)
        unknown = _unknown_characters(tokenizer, text, ids)
        if carried is None and len(ids):
            first_line = text[: text.find("\n") + 1] or text
            text = text[tokenizer.offsets(first_line)[0][1] :]  # the first token is context, not score
        metric.update_text(text, unknown)
        stream = ids if carried is None else np.concatenate([carried, ids])
        for start in range(0, max(len(stream) - 1, 0), STRETCH):
            part = stream[start : start + STRETCH + 1]
            nll = score.send(part)
            metric.update_scores(nll, len(part) - 1, _count(part[1:], tokenizer.unk_id))
            advance(len(part) - 1)
        carried = stream[-1:] if len(stream) else carried
        if limit is not None and total >= limit:
            break
    metric.nll += score.send(None)
    protocol = f"window {window}" if window else "stateful"
    counts = {"tokens": metric.tokens, "characters": metric.characters, "bytes": metric.bytes, "words": metric.words}
    return Report(
        metric.result(), counts, protocol, signature(tokenizer, protocol, digest.hexdigest(), metric.tokens)
    )


def signature(tokenizer: BaseTokenizer, protocol: str, digest: str, tokens: int) -> str:
    """What two numbers must share to stand in one table."""
    name = f"{tokenizer.kind}.{tokenizer.size}.{tokenizer.fingerprint()[:8]}"
    return f"seqcli:{__version__}|tok:{name}|ctx:{protocol.replace(' ', '.')}|data:{digest[:12]}|tokens:{tokens}"


Scorer = Any  # a generator: send a stretch (T + 1,) -> its nats; send None -> what is left


def _stateful(model: LanguageModel) -> Scorer:
    """One stream, the state carried."""
    state, nll = model.initial_state(1), 0.0
    while True:
        part = yield nll
        if part is None:
            yield 0.0
            return
        part = part.astype(np.int64)[None]
        logp, state = model.score(part[:, :-1], part[:, 1:], state)
        nll = -float(logp.sum(dtype=np.float64))


def _windows(model: LanguageModel, window: int) -> Scorer:
    """Windows of N pairs, scored in batches of one shape (the last padded), so that batch-mates change nothing."""
    left = np.zeros((0, 2), np.int64)  # pairs (input, target) not scored yet
    nll = 0.0
    while True:
        part = yield nll
        nll = 0.0
        if part is not None:
            part = part.astype(np.int64)
            left = np.concatenate([left, np.stack([part[:-1], part[1:]], axis=1)])
        while len(left) >= BATCH * window:
            nll += _score_windows(model, left[: BATCH * window], window)
            left = left[BATCH * window :]
        if part is None:
            yield nll + (_score_windows(model, left, window) if len(left) else 0.0)
            return


def _score_windows(model: LanguageModel, pairs: np.ndarray, window: int) -> float:
    padded = np.zeros((BATCH * window, 2), np.int64)
    padded[: len(pairs)] = pairs
    grid = padded.reshape(BATCH, window, 2)
    rows = max(2, -(-len(pairs) // window))
    logp, _ = model.score(grid[:rows, :, 0], grid[:rows, :, 1], model.initial_state(rows))
    return -float(logp.reshape(-1)[: len(pairs)].sum(dtype=np.float64))


def _count(ids: np.ndarray, unknown: int | None) -> int:
    return 0 if unknown is None else int((ids == unknown).sum())


def _unknown_characters(tokenizer: BaseTokenizer, text: str, ids: np.ndarray) -> int:
    """Characters of a text that are read as <unk>."""
    if tokenizer.unk_id is None or not (ids == tokenizer.unk_id).any():
        return 0
    spans = tokenizer.offsets(text)
    return sum(end - start for (start, end), id in zip(spans, ids, strict=False) if id == tokenizer.unk_id)


@dataclass(frozen=True)
class LineScore:
    """A line's negative log-likelihood in nats, over its tokens (its line end included)."""

    nll: float
    tokens: int


def score_line(model: LanguageModel, tokenizer: BaseTokenizer, chunk: Chunk) -> LineScore:
    """Score one line by itself: read after a line end, with a fresh state; its own line end is scored too, if the
    vocabulary has one. Without such a symbol the line's first token is context."""
    ids = encode_chunk(chunk, tokenizer).astype(np.int64)
    if tokenizer.newline_id is not None:
        end = np.array([tokenizer.newline_id])
        ids = np.concatenate([end, ids, end])
    if len(ids) < 2:
        return LineScore(0.0, 0)
    logp, _ = model.score(ids[None, :-1], ids[None, 1:], model.initial_state(1))
    return LineScore(-float(logp.sum(dtype=np.float64)), len(ids) - 1)


def lines(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Each line of chunks as a chunk of its own, without its line end."""
    from seqcli.streams import lines_of

    for chunk in chunks:
        for number, text in lines_of(chunk):
            yield Chunk(text, chunk.source, number)
