"""Score text with a language model, by one of two protocols; every score names its protocol.

`stateful`: the text is one stream, the state is carried through it, its very first token is not scored. `window N`:
the text is cut into windows of N tokens; each begins with a fresh state and predicts the token after each of its
inputs; every token but the text's first is scored, with 1 to N tokens of context (as Transformers are scored).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqcli import __version__, console, runs
from seqcli.datasets.tokens import encode_chunk
from seqcli.errors import UsageError
from seqcli.forms import Cost
from seqcli.metrics import Found, Measures
from seqcli.models import LanguageModel
from seqcli.report import Report
from seqcli.streams import Chunk
from seqcli.tasks.language_model import METRICS, forecast
from seqcli.tasks.language_model.condition import Condition, without_condition, without_leads
from seqcli.tasks.language_model.predict import Generator
from seqcli.tokenizers import BaseTokenizer

STRETCH = 4096  # tokens scored at once, wherever chunks end: the same text gives the same bits
BATCH = 64  # windows scored at once if they are short
HELD = 1 << 18  # tokens of a batch of windows if they are long


def evaluate(
    own: Generator,
    text: Iterable[Chunk],
    *,
    window: int | None = None,
    limit: int | None = None,
    horizon: int | None = None,
    what: str = "",
    total: int | None = None,
) -> Report:
    """Score a text given in chunks; `limit` ends it after so many tokens; for a model of numbers, `horizon` is the
    number of steps of free running; `what` is the heading of the progress bar, `total` its length. Raises
    SeqcliError for an unknown character."""
    kept = None if window or "forecast" not in own.header else Kept(own, horizon)
    if horizon and kept is None:
        raise UsageError("horizon: needs a model whose tokenizer is bins, and a whole text instead of windows")
    with console.progress(what, total or limit, " tokens") as advance:
        return _evaluate(own, text, window, limit, advance, kept)


def _evaluate(
    own: Generator,
    chunks: Iterable[Chunk],
    window: int | None,
    limit: int | None,
    advance: Callable[[float], None],
    kept: Kept | None,
) -> Report:
    measured, digest, tokenizer = Measures(METRICS), hashlib.sha256(), own.tokenizer
    counts = Counted.of(own)
    score = _windows(own.model, window, counts) if window else _stateful(own.model, counts)
    next(score)  # to its first yield

    def scored(part: np.ndarray) -> None:
        unknown = int((part[1:] == tokenizer.unk_id).sum())
        tokens = len(part) - 1 if counts is None else int(counts(part[:-1], part[1:]).sum())
        measured.update(Found(nats=score.send(part), tokens=tokens, unknown_tokens=unknown))
        advance(len(part) - 1)

    stream = np.zeros(0, np.int64)  # not scored yet; its first token is context
    total = 0
    for chunk in chunks:
        ids, text = encode_chunk(chunk, tokenizer), chunk.text
        if limit is not None and total + len(ids) > limit:
            ids = ids[: limit - total]
            text = text[: tokenizer.offsets(text)[len(ids) - 1][1]] if len(ids) else ""
        digest.update(text.encode("utf-8", errors="surrogatepass"))
        if kept:
            kept.add(ids, text)
        unknown = _unknown_characters(tokenizer, text, ids)
        if not total and len(ids):  # the first token is context, not score
            beginning = (text[: text.find("\n") + 1] or text)[:4096]
            spans = tokenizer.offsets(beginning) or tokenizer.offsets(text)
            first = text[: spans[0][1]]
            unknown -= _unknown_characters(tokenizer, first, ids[:1])
            text = text[len(first) :] if counts is None else text
        text = text if counts is None else without_leads(text)
        measured.update(Found(nats=0.0, text=text, unknown_characters=unknown, represented=tokenizer.lossless))
        total += len(ids)
        stream = np.concatenate([stream, ids])
        start = 0
        while len(stream) - start > STRETCH:
            scored(stream[start : start + STRETCH + 1])
            start += STRETCH
        stream = stream[start:]
        if limit is not None and total >= limit:
            break
    if len(stream) > 1:
        scored(stream)
    measured.update(Found(nats=score.send(None)))
    for found in kept.found() if kept else ():
        measured.update(found)
    protocol = (f"window {window}" if window else "stateful") + own.also
    name = signature(tokenizer, protocol, digest.hexdigest(), max(total - 1, 0))
    return Report.of(measured, {}, name, protocol, wide=12)


@dataclass(frozen=True)
class Kept:
    """The series in a text, collected while it is read."""

    own: Generator
    horizon: int | None
    parts: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def add(self, ids: np.ndarray, text: str) -> None:
        """Add the ids (T,) of more text."""
        if sum(len(ids) for ids, _ in self.parts) < forecast.MEASURED:
            self.parts.append((ids, self.own.tokenizer.values(text)))  # type: ignore[attr-defined]

    def found(self) -> Iterable[Found]:
        """Return what metrics of forecasts need."""
        if not self.parts:
            return ()
        series = forecast.Series.of(*map(np.concatenate, zip(*self.parts, strict=True)))
        return forecast.measured(self.own, series, self.horizon)


def signature(tokenizer: BaseTokenizer, protocol: str, digest: str, tokens: int) -> str:
    """Return the signature that two scores must share to be comparable."""
    name = f"{tokenizer.kind}.{tokenizer.size}.{tokenizer.fingerprint()[:8]}"
    return f"seqcli:{__version__}|tok:{name}|ctx:{protocol.replace(' ', '.')}|data:{digest[:12]}|tokens:{tokens}"


Scorer = Any  # a generator: send a stretch (T + 1,) -> its nats; send None -> the nats of the rest


@dataclass(frozen=True)
class Counted:
    """The pairs of tokens that are scored under a condition: all but the symbols of the condition and the space after
    each."""

    symbols: np.ndarray  # (V,) bool
    blank: int  # id of the space; -1: tokens are words, without spaces

    @classmethod
    def of(cls, own: Generator) -> Counted | None:
        """Return the pairs that count for a model under a condition; None for any other, where all count."""
        condition = Condition.of(own.header)
        if condition is None:
            return None
        lead = condition.ids(condition.values[0], own.tokenizer).tolist()
        return cls(condition.uncounted(own.tokenizer), lead[1] if len(lead) > 1 else -1)

    def __call__(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return a mask (T,) of the scored pairs of inputs and targets (T,)."""
        return ~(self.symbols[targets] | (self.symbols[inputs] & (targets == self.blank)))


def _stateful(model: LanguageModel, counts: Counted | None) -> Scorer:
    """Score one stream, carrying the state."""
    state, nll = model.initial_state(1), 0.0
    while True:
        part = yield nll
        if part is None:
            yield 0.0
            return
        part = part[None]
        logp, state = model.score(part[:, :-1], part[:, 1:], state)
        logp = logp if counts is None else logp[:, counts(part[0, :-1], part[0, 1:])]
        nll = -float(logp.sum(dtype=np.float64))


def _windows(model: LanguageModel, window: int, counts: Counted | None) -> Scorer:
    """Score windows of N pairs in batches (the last window padded): a row does not depend on its batch-mates."""
    batch = window * max(2, min(BATCH, HELD // window))
    left = np.zeros((0, 2), np.int64)  # pairs (input, target) not scored yet
    nll = 0.0
    while True:
        part = yield nll
        nll = 0.0
        if part is not None:
            left = np.concatenate([left, np.stack([part[:-1], part[1:]], axis=1)])
        while len(left) >= batch:
            nll += _score_windows(model, left[:batch], window, counts)
            left = left[batch:]
        if part is None:
            yield nll + (_score_windows(model, left, window, counts) if len(left) else 0.0)
            return


def _score_windows(model: LanguageModel, pairs: np.ndarray, window: int, counts: Counted | None) -> float:
    rows = max(2, -(-len(pairs) // window))  # a batch of one would be computed differently
    window = min(window, len(pairs))
    grid = np.zeros((rows * window, 2), np.int64)
    grid[: len(pairs)] = pairs
    grid = grid.reshape(rows, window, 2)
    logp, _ = model.score(grid[:, :, 0], grid[:, :, 1], model.initial_state(rows))
    logp = logp.reshape(-1)[: len(pairs)]
    return -float((logp if counts is None else logp[counts(*pairs.T)]).sum(dtype=np.float64))


def _unknown_characters(tokenizer: BaseTokenizer, text: str, ids: np.ndarray) -> int:
    """Return the number of characters of a text that are read as <unk>."""
    if tokenizer.unk_id is None or not (ids == tokenizer.unk_id).any():
        return 0
    spans = tokenizer.offsets(text)
    return sum(end - start for (start, end), id in zip(spans, ids, strict=False) if id == tokenizer.unk_id)


def score_line(model: LanguageModel, tokenizer: BaseTokenizer, ids: np.ndarray) -> Cost:
    """Score one line (T,) by itself, after a line end and with a fresh state; its own line end is scored too if the
    vocabulary has one. Without such a symbol the line's first token is only context."""
    ids = ids.astype(np.int64)
    if tokenizer.newline_id is not None:
        end = np.array([tokenizer.newline_id])
        ids = np.concatenate([end, ids, end])
    if len(ids) < 2:
        return Cost(0.0, 0)
    logp, _ = model.score(ids[None, :-1], ids[None, 1:], model.initial_state(1))
    return Cost(-float(logp.sum(dtype=np.float64)), len(ids) - 1)


@dataclass(frozen=True)
class Lines(Generator):
    """A language model that scores each line by itself, in a filter."""

    def ready(self, record: Any) -> tuple[np.ndarray, list[tuple[int, str]]]:  # type: ignore[override]
        """Return a line's ids and its parts without a symbol. Raises UsageError for a model under a condition."""
        without_condition(self.header, self.path)
        way = -1 if runs.is_reversed(self.header) else 1
        return self.tokenizer.read(record.text[::way])

    def lacking(self, record: Any) -> Sequence[tuple[int, str]]:
        """Return the parts without a symbol."""
        return record[1]

    def answer(self, records: Sequence[Any], settings: Any) -> list[Cost]:
        """Return each line's surprise in nats; infinite for one with parts that have no symbol, not even `<unk>`."""
        found = []
        for ids, lacking in records:
            cost = score_line(self.model, self.tokenizer, ids)
            left_out = lacking and self.tokenizer.unk_id is None and not self.tokenizer.reads_all
            found.append(Cost(math.inf, cost.tokens) if left_out else cost)
        return found
