"""Scoring labels: accuracy, spans, and how true the probabilities are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from seqcli import __version__, console, temperature
from seqcli.decoding.chain import Chain
from seqcli.errors import UsageError
from seqcli.metrics import Found, Measures
from seqcli.records import Sentence
from seqcli.report import Report, of_targets
from seqcli.tasks.tagging import METRICS
from seqcli.tasks.tagging.data import fingerprint
from seqcli.tasks.tagging.labels import Edits
from seqcli.tasks.tagging.predict import Tagger
from seqcli.tasks.tagging.tags import aimed

Unknown = Literal["error", "skip", "count-wrong"]


def headline(tagger: Tagger) -> str:
    """The one figure that decides: of spans where there are any, of sentences where those are restored, else of
    tokens; of several targets the mean."""
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
    """Score a tagger on sentences with tags; `what` heads a bar that shows how far it is.

    A tag that the model does not know is an error with its place, or its sentence is left out (`skip`), or it is
    wrong whatever is predicted. `probabilities` measures calibration too, which takes the sums over all paths.
    """
    targets = tagger.targets or {"": tagger}
    sentences = [s for s in sentences if s.words]
    each = {name: [aimed(s, own.target) for s in sentences] for name, own in targets.items()}
    if lacking := [name for name in tagger.vocabulary.further if any(name not in s.features for s in sentences)]:
        raise UsageError(f"the text has no {lacking[0]!r} to score against", hint="--tag scores one target alone")
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
    right = np.concatenate([np.logical_and.reduce(rows) for rows in zip(*(s.right for s in scorings), strict=True)])
    return of_targets(reports, {name: headline(own) for name, own in targets.items()}, right, said)


class Scoring:
    """What one target's answers score."""

    def __init__(self, tagger: Tagger, sentences: Sequence[Sentence], probabilities: bool):
        self.tagger, self.sentences, self.probabilities = tagger, sentences, probabilities
        self.measured = Measures(METRICS, scheme=tagger.scheme, restore=tagger.words.restore)
        self.numbers = tagger.frames is not None
        self.places = dict(zip(tagger.labels.parts, tagger.labels.part_ids.tolist(), strict=True))
        self.known, self.new, self.strange = set(tagger.tags), 0, 0
        self.right = [np.zeros(0, bool)] * len(sentences)

    def add(self, group: Sequence[int], emissions: np.ndarray, lengths: np.ndarray) -> None:
        """Score a group of the sentences (their places) by the scores of their labels (B, T, K)."""
        tagger, forms, part = self.tagger, self.tagger.vocabulary.forms, self.tagger.labels.part_ids
        chain = tagger.chain(emissions, lengths)
        paths, nats = tagger.paths(chain, [self.sentences[i] for i in group])
        believed = chain.marginals() if self.probabilities else None
        for row, i in enumerate(group):
            s, n = self.sentences[i], int(lengths[row])
            gold, path = tagger.labels.spelt(s.tags or []), paths[row, :n]
            predicted = tagger.labels.written(path, s.words)
            self.right[i] = np.array([a == b for a, b in zip(predicted, gold, strict=True)], bool)
            known, written = [self.numbers or w in forms for w in s.words], s.tags if tagger.scheme else None
            self.new += known.count(False)
            labels = tagger.vocabulary.as_labels(s.tags or [], None, s.words)
            strange = labels if tagger.vocabulary.edits else gold
            self.strange += n - sum(map(self.known.__contains__, strange))
            beliefs: tuple[Any, Any, Any] = (None, None, None)
            if believed is not None:
                p = believed[row, :n]
                if isinstance(tagger.labels, Edits):
                    path, p = tagger.labels.merged(path, p, s.words)
                own = np.zeros((n, len(self.places)))
                np.add.at(own.T, part, p.T)
                truth = [self.places.get(tag, -1) for tag in tagger.labels.parts_of(labels)]
                beliefs = (own, truth, part[path])
            found = Found(predicted, gold, known, s.words, written, *beliefs, nats=nats[row], tokens=n)
            self.measured.update(found)

    def report(self, signature: str, more: dict[str, int]) -> Report:
        """What was found."""
        counts = {
            "sentences": len(self.sentences),
            "tokens": sum(len(s.words) for s in self.sentences),
            "unknown words": self.new,
            "tokens of unknown tags": self.strange,
        }
        return Report.of(self.measured, counts | more, signature, "sentences", wide=8)


class _Knowing:
    """Which tags a tagger knows; of edits of words, of which there is no end, all."""

    def __init__(self, tagger: Tagger):
        self.tagger, self.known = tagger, set(tagger.tags)

    def all_of(self, s: Sentence, unknown: Unknown) -> bool:
        """Whether it knows all tags of a sentence. Raises SeqcliError, if `unknown` is an error."""
        spelt = self.tagger.labels.spelt(s.tags or [])
        odd = next((t for t, tag in enumerate(spelt) if tag not in self.known), None)
        if odd is None or self.tagger.vocabulary.edits or self.tagger.gold(s) is not None:
            return True
        if unknown == "error":
            raise self.tagger.unknown((s.tags or [])[odd], s, odd)
        return False


def signature(tagger: Tagger, sentences: Sequence[Sentence]) -> str:
    """What two numbers must share to stand in one table."""
    tokens, data = sum(len(s.words) for s in sentences), fingerprint(sentences, tagger.read_columns)[:12]
    return f"seqcli:{__version__}|scheme:{tagger.scheme or 'tags'}|data:{data}|tokens:{tokens}"


# what is fitted on the validation split


def fitted(tagger: Tagger, sentences: Sequence[Sentence]) -> tuple[Tagger, dict[str, Any]]:
    """A tagger with the temperatures that are fitted on a validation split, and the same as a header has them."""
    if not tagger.targets:
        temperature = fit_temperature(tagger, sentences)
        return replace(tagger, temperature=temperature), {"temperature": temperature}
    each = {name: fit_temperature(own, sentences) for name, own in tagger.targets.items()}
    temperature = each.pop(tagger.vocabulary.target)
    found = replace(tagger, temperature=temperature, temperatures=each)
    return found, {"temperature": temperature, "temperatures": each}


def fit_temperature(tagger: Tagger, sentences: Sequence[Sentence], most: int = 30_000) -> float:
    """The temperature whose token marginals give the sentences' own tags the least cross-entropy (Guo et al. 2017);
    of a tagger with one target.

    A search between 1/4 and 4 to 1 %, on about `most` tokens.
    """
    chosen, golds, tokens = [], [], 0
    for s in (aimed(s, tagger.target) for s in sentences):
        if s.words and (ids := tagger.gold(s)) is not None:
            chosen.append(s)
            golds.append(np.array(ids))
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
                p = marginals[row, np.arange(len(golds[i])), golds[i]]
                total -= float(np.log(np.maximum(p, 1e-300)).sum())
        return total

    return temperature.fit_temperature(cost)


def answers_judged(tagger: Tagger, sentences: Sequence[Sentence]) -> list[tuple[float, bool]]:
    """(probability, whether right) of every tag, or of every span where tags are spans."""
    from seqcli import schemes
    from seqcli.tasks.tagging.predict import Settings

    sentences = [aimed(s, tagger.target) for s in sentences if s.words]
    found: list[tuple[float, bool]] = []
    for s, answer in zip(sentences, tagger.answer(sentences, Settings(confidence=True)), strict=True):
        if answer.spans is not None:
            gold = set(schemes.spans(s.tags or []))
            found += [(a.probability or 0.0, (a.start, a.end, a.label) in gold) for a in answer.spans]
        else:
            assert answer.probabilities is not None
            pairs = zip(answer.tags, s.tags or [], strict=True)
            found += [(p, a == b) for p, (a, b) in zip(answer.probabilities, pairs, strict=True)]
    return found


def summary(metrics: Mapping[str, float]) -> str:
    """The figures that a line has room for."""
    shown = [("targets-mean", "mean of the targets"), ("targets-all", "all right"), ("accuracy", "accuracy")]
    shown += [("accuracy-unknown", "unknown words"), ("span-f1", "span F1")]
    shown += [("sentence-f1", "sentence F1"), ("token-f1", "token F1")]
    return ", ".join(f"{label} {metrics[name]:.4f}" for name, label in shown if name in metrics)
