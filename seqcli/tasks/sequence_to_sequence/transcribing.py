"""Answer with a CTC model: search its steps for the best text, optionally together with a language model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqcli import console, models, ops, runs, tokenizers
from seqcli.artifact import Artifact
from seqcli.decoding import ctc
from seqcli.decoding.beam import Hypothesis, Search
from seqcli.decoding.ctc import Following
from seqcli.decoding.rescoring import UNHEARD
from seqcli.errors import UsageError
from seqcli.records import Pair
from seqcli.tasks.language_model.condition import without_condition
from seqcli.tokenizers import BaseTokenizer

if TYPE_CHECKING:
    from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator

WEIGHTS, BONUSES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), (-1.0, 0.0, 1.0, 2.0)  # those tried
FITTED = 300  # pairs of the validation split that they are fitted on, at most


CTC, TRANSDUCER = "a CTC model", "a transducer"
OTHERS = {CTC: "with a decoder", TRANSDUCER: "that write symbols, not edits"}


class Time(NamedTuple):
    """The place of a symbol of an answer in its source."""

    start: float  # seconds of a recording, else steps of the source, from 0
    end: float
    probability: float  # the highest that the model gives the symbol there


class Lines:
    """A language model of lines, over the target's symbols."""

    def __init__(self, stored: Artifact, target: BaseTokenizer, size: int):
        """Restore a language model; `size` is V, blank included. Raises UsageError for symbols of another kind."""
        if stored.header["task"] != "language-model":
            raise UsageError(f"--lm: {stored.path} is not a language model, but one for {stored.header['task']}")
        without_condition(stored.header, f"--lm: {stored.path}")
        own = tokenizers.from_artifact(stored)
        if own.kind != target.kind or own.newline_id is None:
            raise UsageError(
                f"--lm: {stored.path} reads symbols of the kind {own.kind}, but this model writes {target.kind}",
                hint=f"train one on the targets, one a line, with tokenizer: {target.kind}",
            )
        known = {symbol: id for id, symbol in enumerate(own.vocabulary())}
        self._ids = np.full(size, -1, np.int64)
        for id, symbol in enumerate(target.vocabulary()):
            self._ids[id] = known.get(symbol, -1)
        self._unknown, self._end = own.unk_id or 0, own.newline_id
        self._model = models.restore(stored, stored.header["vocabulary"])
        self._memory, self._first = self._model.start(np.zeros(0, np.int64))

    def start(self) -> Following:
        """Return the scores and the state at the beginning of a line."""
        return self._said(np.array([self._end]), self._first)

    def step(self, states: Sequence[Any], ids: np.ndarray) -> Following:
        """Return the scores and states after prefixes that have each grown by one symbol."""
        fed = np.where(self._ids[ids] < 0, self._unknown, self._ids[ids])
        groups: dict[Any, list[int]] = {}  # states may grow with what was read: batch those of one shape
        for i, state in enumerate(states):
            groups.setdefault(_shapes(state), []).append(i)
        if len(groups) == 1:
            return self._said(fed, _joined(states))
        parts = [self._said(fed[rows], _joined([states[i] for i in rows])) for rows in groups.values()]
        order = np.argsort(np.concatenate(list(groups.values())))
        said = [state for part in parts for state in part.states]
        symbols, ends = (np.concatenate([part[n] for part in parts])[order] for n in (0, 1))
        return Following(symbols, ends, [said[i] for i in order.tolist()])

    def _said(self, ids: np.ndarray, state: Any) -> Following:
        logits, state = self._model.step(ids, self._memory, state)
        logprobs = ops.log_softmax(np.asarray(logits, np.float64))
        symbols = np.where(self._ids < 0, UNHEARD, logprobs[:, self._ids])
        return Following(symbols, logprobs[:, self._end], [ops.take(state, np.array([i])) for i in range(len(ids))])


def _shapes(state: Any) -> Any:
    return tuple(map(_shapes, state)) if isinstance(state, tuple) else getattr(state, "shape", None)


def _joined(states: Sequence[Any]) -> Any:
    """Join states of one row each into one state."""
    first = states[0]
    if first is None:
        return None
    if isinstance(first, tuple):
        parts = [_joined([state[i] for state in states]) for i in range(len(first))]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    return np.concatenate(states)


@dataclass(frozen=True)
class Fusion:
    """A language model added to a CTC model: log p + weight · log p of the text + bonus · number of symbols."""

    model: Lines | None = None
    weight: float = 0.0
    bonus: float = 0.0


def check(settings: Settings, prefixes: Sequence[Any], what: str) -> None:
    """Raise UsageError for settings that need a model which is steered symbol by symbol."""
    s, plain = settings.search, Search()
    odd = [
        ("--prefix", any(len(p) for p in prefixes)),
        ("--coverage-penalty", s.coverage_penalty != plain.coverage_penalty),
        ("--no-repeat", s.no_repeat != plain.no_repeat),
        ("--min-length", s.min_length != plain.min_length),
        *((flag, True) for flag in settings.demands.flags),
    ]
    if what == CTC:
        odd += [("--temperature", settings.sampling is not None), ("--attention", settings.attention)]
    if flag := next((flag for flag, given in odd if given), None):
        raise UsageError(f"{flag} is for models {OTHERS[what]}: this one is {what}")


def transcribed(
    own: Translator, model: Any, sources: Sequence[np.ndarray], prefixes: Sequence[Any], s: Settings
) -> list[list[Hypothesis]]:
    """Return the best texts of each source. Raises UsageError for settings that the model cannot meet."""
    check(s, prefixes, CTC)
    banned = tuple(id for id in own.codec.banned if id != own.codec.bos)
    return [_best(logprobs, model.blank, banned, s) for logprobs in model.posteriors(sources)]


def _best(logprobs: np.ndarray, blank: int, banned: tuple[int, ...], s: Settings) -> list[Hypothesis]:
    fusion = s.fusion
    if s.search.beam == 1 and fusion.model is None and not fusion.bonus:
        free = logprobs.copy()
        free[:, list(banned)] = -np.inf
        ids, _ = ctc.greedy(free, blank)
        total = ctc.log_probability(logprobs, ids, blank)
        found = [ctc.Hypothesis(ids, total, total)]
    else:
        how: dict[str, Any] = {"model": fusion.model, "weight": fusion.weight, "bonus": fusion.bonus}
        found = ctc.search(logprobs, blank, beam=s.search.beam, n_best=s.search.n_best, banned=banned, **how)
    made = []
    for ids, total, score in found:
        ids = ids[: s.max_length]
        each = np.full(len(ids) + 1, total / (len(ids) + 1))  # symbols have no probability of their own
        made.append(Hypothesis(ids, total, score, True, None, each))
    return made + [made[-1]] * (s.search.n_best - len(made))


def times(own: Translator, model: Any, source: np.ndarray, answers: Sequence[np.ndarray]) -> list[list[Time]]:
    """Return the place of each symbol of some answers in their source."""
    (logprobs,), frames, found = model.posteriors([source]), own.codec.frames, []
    step = (1.0 if model.front_end is None else model.front_end.every) * (frames.seconds if frames else 1)
    for ids in answers:
        at = ctc.align(logprobs, ids, model.blank)
        rows = zip(at.first.tolist(), at.end.tolist(), at.confidence.tolist(), strict=True)
        found.append([Time(round(a * step, 4), round(b * step, 4), min(p, 1.0)) for a, b, p in rows])
    return found


def with_language_model(
    settings: Settings, own: Translator, path: str | None, weight: float | None, bonus: float
) -> Settings:
    """Return settings with a language model; its weight, if none is given, is fitted on the validation split of the
    model's own data. Raises SeqcliError."""
    if path is None and not bonus:
        return settings
    if not hasattr(own.model, "posteriors"):
        raise UsageError(
            f"{'--lm' if path else '--length-bonus'} is for CTC models", hint="train one: model.kind: ctc"
        )
    if path is None:
        return replace(settings, fusion=Fusion(None, 0.0, bonus))
    stored = runs.open_model(path, "eval")
    if runs.is_reversed(stored.header):
        raise UsageError(f"--lm: {stored.path} reads lines backwards")
    model = Lines(stored, own.codec.target, len(own.model.output_bias))
    if weight is not None:
        return replace(settings, fusion=Fusion(model, weight, bonus))
    from seqcli import scoring  # imports recipes and data sets, which a filter does not need
    from seqcli.datasets.reading import Reading

    what, pairs = scoring.records(own, [], Reading(), "valid")
    console.say(f"the language model's weight is fitted on {what}", level=1)
    return replace(settings, fusion=fitted(own, replace(settings, fusion=Fusion(model)), pairs))


def fitted(own: Translator, settings: Settings, pairs: Sequence[Pair]) -> Fusion:
    """Return the weight and bonus of a grid with the fewest wrong symbols on some pairs; report them on stderr."""
    from seqcli.metrics.sequences import distance

    chosen = pairs[:: max(-(-len(pairs) // FITTED), 1)]
    sources, model, codec = [own.codec.source_of(p) for p in chosen], own.model, own.codec
    banned, posteriors = tuple(id for id in codec.banned if id != codec.bos), model.posteriors(sources)
    gold = [codec.target_ids(p.target or "")[:-1].tolist() for p in chosen]
    lm, best, least = settings.fusion.model, Fusion(), np.inf
    grid = list(itertools.product(WEIGHTS if lm else (0.0,), BONUSES))
    with console.progress("fitting the language model's weight", len(grid), " settings") as advance:
        for weight, bonus in grid:
            tried = replace(settings, fusion=Fusion(lm, weight, bonus), search=replace(settings.search, n_best=1))
            wrong = 0
            for logprobs, wanted in zip(posteriors, gold, strict=True):
                wrong += distance(_best(logprobs, model.blank, banned, tried)[0].ids.tolist(), wanted)
            if wrong < least:
                best, least = tried.fusion, wrong
            advance(1)
    console.say(
        f"weight {best.weight:g}, bonus {best.bonus:g}, fitted on {len(chosen):,} pairs of valid"
        f" (--lm-weight {best.weight:g} --length-bonus {best.bonus:g} sets them without fitting)"
    )
    return best
