"""Score labels: accuracy, spans, and calibration of the probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np

from seqcli import __version__, console, schemes, temperature
from seqcli.decoding.chain import Chain
from seqcli.errors import UsageError
from seqcli.metrics import Found, Measures
from seqcli.records import Sentence
from seqcli.report import Report, of_targets
from seqcli.tasks.tagging import METRICS
from seqcli.tasks.tagging.data import fingerprint
from seqcli.tasks.tagging.labels import Edits
from seqcli.tasks.tagging.partial import InPart
from seqcli.tasks.tagging.predict import Settings, Tagger
from seqcli.tasks.tagging.tags import aimed

Unknown = Literal["error", "skip", "count-wrong"]


def headline(tagger: Tagger) -> str:
    """Return the metric that decides: F1 of spans if there are any, F1 of sentences if those are restored, else
    accuracy of tokens; for several targets, their mean."""
    if tagger.vocabulary.further:
        return "targets-mean"
    return "span-f1" if tagger.scheme else "sentence-f1" if tagger.words.restore == "sentences" else "accuracy"


def evaluate(
    tagger: Tagger,
    sentences: Sequence[Sentence],
    *,
    unknown: Unknown = "count-wrong",
    probabilities: bool = True,
    what: str = "",
) -> Report:
    """Score a tagger on sentences with tags; `what` is the heading of the progress bar.

    A tag that the model does not know raises SeqcliError with its place (`error`), or its sentence is left out
    (`skip`), or it counts as wrong whatever is predicted. `probabilities` measures calibration too, which sums over
    all paths.
    """
    targets = tagger.targets or {"": tagger}
    sentences = [s for s in sentences if s.words]
    each = {name: [aimed(s, own.target) for s in sentences] for name, own in targets.items()}
    if lacking := [name for name in tagger.vocabulary.further if any(name not in s.features for s in sentences)]:
        raise UsageError(f"the text has no {lacking[0]!r} to score against", hint="--tag scores a single target")
    if any(s.tags is None for own in each.values() for s in own):
        raise UsageError("the text has no tags to score against", hint="name their column or field with --tag")
    kept = range(len(sentences))
    if unknown != "count-wrong":
        knowing = [_Knowing(own) for own in targets.values()]
        kept = [
            i for i in kept if all(k.all_of(own[i], unknown) for k, own in zip(knowing, each.values(), strict=True))
        ]
    left_out, sentences = len(sentences) - len(kept), [sentences[i] for i in kept]
    scorings = [Scoring(own, [each[name][i] for i in kept], probabilities) for name, own in targets.items()]
    slices = tagger.vocabulary.slices.values() if tagger.targets else [slice(None)]
    with console.progress(what, sum(len(s.words) for s in sentences), " tokens") as advance:
        for group, emissions, lengths, _ in tagger.scores(sentences):
            for scoring, own in zip(scorings, slices, strict=True):
                scoring.add(group, emissions[..., own], lengths)
            advance(int(lengths.sum()))
    more = {"sentences left out": left_out} if left_out else {}
    said = signature(tagger, sentences)
    if not tagger.targets:
        return scorings[0].report(said, more)
    reports = {name: s.report(said, more) for name, s in zip(targets, scorings, strict=True)}
    right = [np.logical_and.reduce(rows) for rows in zip(*(s.right for s in scorings), strict=True)]
    right = np.concatenate([np.zeros(0, bool), *right])
    return of_targets(reports, {name: headline(own) for name, own in targets.items()}, right, said)


class Scoring:
    """The scoring of one target's answers."""

    def __init__(self, tagger: Tagger, sentences: Sequence[Sentence], probabilities: bool):
        self.tagger, self.sentences, self.probabilities = tagger, sentences, probabilities
        self.measured = Measures(METRICS, scheme=tagger.scheme, restore=tagger.words.restore)
        self.numbers = tagger.frames is not None
        self.places = dict(zip(tagger.labels.parts, tagger.labels.part_ids.tolist(), strict=True))
        self.known, self.new, self.strange, self.open = set(tagger.tags), 0, 0, 0
        self.right = [np.zeros(0, bool)] * len(sentences)

    def add(self, group: Sequence[int], emissions: np.ndarray, lengths: np.ndarray) -> None:
        """Score a group of the sentences (by index) from the scores of their labels (B, T, K)."""
        tagger, forms, part_ids = self.tagger, self.tagger.vocabulary.forms, self.tagger.labels.part_ids
        chain = tagger.chain(emissions, lengths)
        own = [self.sentences[i] for i in group]
        paths, nats = tagger.paths(chain, own)
        believed = chain.marginals() if self.probabilities else None
        parts = {row: part for row, s in enumerate(own) if (part := tagger.in_part(s)) is not None}
        of_parts = tagger.partial_nats(chain, emissions, parts) if parts else {}
        for row, i in enumerate(group):
            s, n = self.sentences[i], int(lengths[row])
            path = paths[row, :n]
            predicted, known = tagger.labels.written(path, s.words), [self.numbers or w in forms for w in s.words]
            self.new += known.count(False)
            if (part := parts.get(row)) is not None:
                p = None if believed is None else believed[row, :n]
                self._add_part(part, i, predicted, known, path, p, of_parts.get(row))
                continue
            gold = tagger.labels.spelt(s.tags or [])
            self.right[i] = np.array([a == b for a, b in zip(predicted, gold, strict=True)], bool)
            written = s.tags if tagger.scheme else None
            labels = tagger.vocabulary.as_labels(s.tags or [], None, s.words)
            strange = labels if tagger.vocabulary.edits else gold
            self.strange += n - sum(map(self.known.__contains__, strange))
            beliefs: tuple[Any, Any, Any] = (None, None, None)
            if believed is not None:
                p = believed[row, :n]
                if isinstance(tagger.labels, Edits):
                    path, p = tagger.labels.merged(path, p, s.words)
                truth = [self.places.get(tag, -1) for tag in tagger.labels.parts_of(labels)]
                beliefs = (self._of_parts(p), truth, part_ids[path])
            self.measured.update(Found(predicted, gold, known, s.words, written, *beliefs, nats=nats[row], tokens=n))

    def _of_parts(self, p: np.ndarray) -> np.ndarray:
        """Sum probabilities (T, K) of labels into probabilities of their parts (see `Labels.parts`)."""
        own = np.zeros((len(p), len(self.places)))
        np.add.at(own.T, self.tagger.labels.part_ids, p.T)
        return own

    def _add_part(
        self,
        part: InPart,
        i: int,
        predicted: list[str],
        known: list[bool],
        path: np.ndarray,
        p: np.ndarray | None,
        nats: float | None,
    ) -> None:
        """Score a sentence with partly known tags: the tokens whose tag is known, and what is known of spans."""
        scheme, told = self.tagger.scheme, np.flatnonzero(part.told).tolist()
        self.open += len(part.told) - len(told)
        self.strange += int((~part.allowed.any(1)).sum())
        self.right[i] = np.array([predicted[t] == part.tags[t] for t in told], bool)
        tokens, own = [predicted[t] for t in told], [part.tags[t] for t in told]
        said = int((~part.allowed.all(1)).sum())
        self.measured.update(Found(tokens, own, [known[t] for t in told], nats=nats, tokens=said))
        if scheme:
            judged = [s for s in schemes.spans(predicted) if part.judged(s) is not None]
            pair = (schemes.tags_of(spans, len(predicted), scheme) for spans in (judged, part.spans))
            self.measured.update(Found(predicted=next(pair), written=next(pair)))
        if p is not None:
            sure = np.flatnonzero(part.told & (part.certain > -2))
            beliefs = self._of_parts(p[sure]), part.certain[sure], self.tagger.labels.part_ids[path[sure]]
            self.measured.update(Found(probabilities=beliefs[0], truth=beliefs[1], chosen=beliefs[2]))

    def report(self, signature: str, more: dict[str, int]) -> Report:
        """Return the report of what was measured."""
        counts = {
            "sentences": len(self.sentences),
            "tokens": sum(len(s.words) for s in self.sentences),
            "unknown words": self.new,
            "tokens of unknown tags": self.strange,
            **({"tokens with a tag known in part": self.open} if self.tagger.partial else {}),
        }
        return Report.of(self.measured, counts | more, signature, "sentences", wide=8)


class _Knowing:
    """The tags that a tagger knows; for edits of words, which are unlimited, all tags count as known."""

    def __init__(self, tagger: Tagger):
        self.tagger, self.known = tagger, set(tagger.tags)

    def all_of(self, s: Sentence, unknown: Unknown) -> bool:
        """Whether it knows all tags of a sentence. Raises SeqcliError if not and `unknown` is "error"."""
        if (part := self.tagger.in_part(s)) is not None:
            odd = next(iter(np.flatnonzero(~part.allowed.any(1)).tolist()), None)
        else:
            spelt = self.tagger.labels.spelt(s.tags or [])
            odd = next((t for t, tag in enumerate(spelt) if tag not in self.known), None)
        if odd is None or self.tagger.vocabulary.edits or self.tagger.gold(s) is not None:
            return True
        if unknown == "error":
            raise self.tagger.unknown((s.tags or [])[odd], s, odd)
        return False


def signature(tagger: Tagger, sentences: Sequence[Sentence]) -> str:
    """Return the signature that two scores must share to be comparable."""
    tokens, data = sum(len(s.words) for s in sentences), fingerprint(sentences, tagger.read_columns)[:12]
    return f"seqcli:{__version__}|scheme:{tagger.scheme or 'tags'}|data:{data}|tokens:{tokens}"


# what is fitted on the validation split


def fitted(tagger: Tagger, sentences: Sequence[Sentence]) -> tuple[Tagger, dict[str, Any]]:
    """Return the tagger with temperatures fitted on a validation split, and these as they stand in a header."""
    if not tagger.targets:
        temperature = fit_temperature(tagger, sentences)
        return replace(tagger, temperature=temperature), {"temperature": temperature}
    each = {name: fit_temperature(own, sentences) for name, own in tagger.targets.items()}
    temperature = each.pop(tagger.vocabulary.target)
    found = replace(tagger, temperature=temperature, temperatures=each)
    return found, {"temperature": temperature, "temperatures": each}


def fit_temperature(tagger: Tagger, sentences: Sequence[Sentence], most: int = 30_000) -> float:
    """Return the temperature with the lowest cross-entropy of the sentences' own tags under the token marginals (Guo
    et al. 2017), for a tagger with one target.

    The search runs between 1/4 and 4, to 1 %, on about `most` tokens.
    """
    chosen, golds, tokens = [], [], 0
    for s in (aimed(s, tagger.target) for s in sentences):
        if s.words and (own := _gold_labels(tagger, s)) is not None:
            chosen.append(s)
            golds.append(own)
            tokens += len(s.words)
        if tokens >= most:
            break
    if not chosen:
        return 1.0
    groups, crf = list(tagger.scores(chosen)), tagger.crf

    def cost(temperature: float) -> float:
        total = 0.0
        for group, emissions, lengths, _ in groups:
            marginals = Chain(emissions, lengths, crf, temperature=temperature).marginals()
            for row, i in enumerate(group):
                at, own = golds[i]
                p = marginals[row, at, own] if own.ndim == 1 else (marginals[row, at] * own).sum(-1)
                total -= float(np.log(np.maximum(p, 1e-300)).sum())
        return total

    return temperature.fit_temperature(cost)


def _gold_labels(tagger: Tagger, s: Sentence) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the tokens of a sentence whose tag is known (N,), and their labels (N,), or all that each may have
    (N, K); None if the model does not know one."""
    if (part := tagger.in_part(s)) is not None:
        at = np.flatnonzero(part.told)
        return (at, part.allowed[at]) if len(at) and part.allowed[at].any(1).all() else None
    ids = tagger.gold(s)
    return None if ids is None else (np.arange(len(ids)), np.array(ids))


class Judged(NamedTuple):
    """A judged answer: a tag, or a span if tags are spans."""

    start: int
    end: int
    given: str
    gold: str
    probability: float
    right: bool


def judged(tagger: Tagger, sentences: Sequence[Sentence]) -> Iterator[tuple[Sentence, list[Judged]]]:
    """Yield sentences with their judged answers, for a tagger with one target."""
    for s, answer in zip(sentences, tagger.answer(sentences, Settings(confidence=True)), strict=True):
        part = tagger.in_part(s)
        if answer.spans is None:
            assert answer.probabilities is not None
            told = range(len(s.words)) if part is None else np.flatnonzero(part.told).tolist()
            rows = ((t, answer.tags[t], (s.tags or [])[t]) for t in told)
            yield s, [Judged(t, t + 1, a, b, answer.probabilities[t], a == b) for t, a, b in rows]
            continue
        gold = {(a, b): label for a, b, label in (schemes.spans(s.tags or []) if part is None else part.spans)}
        found = []
        for own in answer.spans:
            span, label = schemes.Span(own.start, own.end, own.label), gold.get((own.start, own.end))
            right = label == own.label if part is None else part.judged(span)
            if right is not None:
                found.append(Judged(*span, "none" if label is None else label, own.probability or 0.0, right))
        yield s, found


def answers_judged(tagger: Tagger, sentences: Sequence[Sentence]) -> list[tuple[float, bool]]:
    """Return (probability, whether right) of every tag, or of every span if tags are spans."""
    sentences = [aimed(s, tagger.target) for s in sentences if s.words]
    return [(own.probability, own.right) for _, each in judged(tagger, sentences) for own in each]


def summary(metrics: Mapping[str, float]) -> str:
    """Return the main figures on one line."""
    shown = [("targets-mean", "mean of the targets"), ("targets-all", "all right"), ("accuracy", "accuracy")]
    shown += [("accuracy-unknown", "unknown words"), ("span-f1", "span F1")]
    shown += [("sentence-f1", "sentence F1"), ("token-f1", "token F1")]
    return ", ".join(f"{label} {metrics[name]:.4f}" for name, label in shown if name in metrics)
