"""Scoring labels: accuracy, spans, and how true the probabilities are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from seqcli import __version__, console, temperature
from seqcli.decoding.chain import Chain
from seqcli.errors import UsageError
from seqcli.metrics import Found, Measures
from seqcli.records import Sentence
from seqcli.report import Report
from seqcli.tasks.tagging import METRICS
from seqcli.tasks.tagging.data import fingerprint
from seqcli.tasks.tagging.predict import Tagger

Unknown = Literal["error", "skip", "count-wrong"]


def headline(tagger: Tagger) -> str:
    """The one figure that decides: of spans where there are any, of sentences where those are restored, else of
    tokens."""
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
    sentences = [s for s in sentences if s.words]
    if any(s.tags is None for s in sentences):
        raise UsageError("the text has no tags to score against", hint="name their column or field with --tag")
    known_tags = set(tagger.tags)
    left_out = 0
    if unknown != "count-wrong":
        kept = []
        for s in sentences:
            odd = next((t for t, tag in enumerate(tagger.labels.spelt(s.tags or [])) if tag not in known_tags), None)
            if odd is None or tagger.gold(s) is not None:
                kept.append(s)
            elif unknown == "error":
                raise tagger.unknown((s.tags or [])[odd], s, odd)
        left_out, sentences = len(sentences) - len(kept), kept
    numbers = tagger.frames is not None  # no word is known or unknown
    measured = Measures(METRICS, scheme=tagger.scheme, restore=tagger.words.restore)
    forms, new, strange = tagger.vocabulary.forms, 0, 0
    believed: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # marginals and path of each sentence of a group
    part = tagger.labels.part_ids
    places = dict(zip(tagger.labels.parts, part.tolist(), strict=True))

    def each(group: list[int], chain: Chain, paths: np.ndarray) -> None:
        believed.clear()
        believed.update(zip(group, zip(chain.marginals(), paths, strict=True), strict=False))

    with console.progress(what, sum(len(s.words) for s in sentences), " tokens") as advance:
        for i, predicted, nll in tagger.paths(sentences, each if probabilities else None):
            s = sentences[i]
            gold = tagger.labels.spelt(s.tags or [])
            known, written = [numbers or w in forms for w in s.words], s.tags if tagger.scheme else None
            new += known.count(False)
            strange += len(gold) - sum(map(known_tags.__contains__, gold))
            beliefs: tuple[Any, Any, Any] = (None, None, None)
            if probabilities:
                marginals, path = believed[i]
                own = np.zeros((len(known), len(places)))
                np.add.at(own.T, part, marginals[: len(known)].T)
                truth = [places.get(tag, -1) for tag in tagger.labels.parts_of(s.tags or [])]
                beliefs = (own, truth, part[path[: len(known)]])
            measured.update(Found(predicted, gold, known, s.words, written, *beliefs, nats=nll, tokens=len(known)))
            advance(len(s.words))
    counts = {
        "sentences": len(sentences),
        "tokens": sum(len(s.words) for s in sentences),
        "unknown words": new,
        "tokens of unknown tags": strange,
    }
    if left_out:
        counts["sentences left out"] = left_out
    return Report.of(measured, counts, signature(tagger, sentences), "sentences", wide=8)


def signature(tagger: Tagger, sentences: Sequence[Sentence]) -> str:
    """What two numbers must share to stand in one table."""
    tokens = sum(len(s.words) for s in sentences)
    scheme = tagger.scheme or "tags"
    return f"seqcli:{__version__}|scheme:{scheme}|data:{fingerprint(sentences, tagger.features)[:12]}|tokens:{tokens}"


# what is fitted on the validation split


def fit_temperature(tagger: Tagger, sentences: Sequence[Sentence], most: int = 30_000) -> float:
    """The temperature whose token marginals give the sentences' own tags the least cross-entropy (Guo et al. 2017).

    A search between 1/4 and 4 to 1 %, on about `most` tokens.
    """
    chosen, golds, tokens = [], [], 0
    for s in sentences:
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

    sentences = [s for s in sentences if s.words]
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
    shown = [("accuracy", "accuracy"), ("accuracy-unknown", "unknown words"), ("span-f1", "span F1")]
    shown += [("sentence-f1", "sentence F1"), ("token-f1", "token F1")]
    return ", ".join(f"{label} {metrics[name]:.4f}" for name, label in shown if name in metrics)
