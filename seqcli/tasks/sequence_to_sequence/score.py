"""Score answers against references: BLEU, chrF, TER; exact match, edits; nats of the references themselves."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqcli import __version__, console
from seqcli.bootstrap import Interval, paired
from seqcli.confidence import fit_weights
from seqcli.errors import SeqcliError
from seqcli.forms import Cost
from seqcli.metrics import Found, Measures, summed
from seqcli.records import Pair
from seqcli.report import Report
from seqcli.tasks.sequence_to_sequence import METRICS
from seqcli.tasks.sequence_to_sequence.data import fingerprint
from seqcli.tasks.sequence_to_sequence.predict import Answer, Settings, Translator

BATCH = 64  # pairs answered at once
FITTED = 1000  # pairs that the confidence is fitted on


def evaluate(
    translator: Translator,
    pairs: Sequence[Pair],
    settings: Settings | None = None,
    *,
    tokenize: str = "13a",
    lowercase: bool = False,
    wanted: Sequence[str] = (),
    alone: bool = False,
    what: str = "",
) -> Report:
    """Answer every source and score the answers. `wanted` names further metrics; with `alone`, sacrebleu computes
    only these; `what` is the heading of the progress bar. Raises UsageError, before answering anything, if sacrebleu
    is needed but missing, or does not know `tokenize`."""
    settings = settings or Settings(translator.search)
    chosen = {"tokenize": tokenize, "lowercase": lowercase, "wanted": wanted, "alone": alone}
    Measures(METRICS, **chosen)  # raises
    answers = answered(translator, pairs, settings, what)
    confidences = None if settings.sampling else [a.confidence for a in answers]
    texts = [a.text for a in answers]
    return scored(texts, pairs, confidences, **chosen, protocol=protocol(translator, settings))


def answered(translator: Translator, pairs: Sequence[Pair], settings: Settings, what: str = "") -> list[Answer]:
    """Return the best answer to each source."""
    found: list[Any] = [None] * len(pairs)
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i].text))  # similar lengths together
    one = replace(settings, search=replace(settings.search, n_best=1))
    with console.progress(what, len(pairs), " pairs") as advance:
        for first in range(0, len(order), BATCH):
            places = order[first : first + BATCH]
            ready = [translator.made_ready(pairs[i]) for i in places]
            for i, answers in zip(places, translator.answer(ready, one), strict=True):
                found[i] = answers[0]
            advance(len(places))
    return found


def scored(
    answers: Sequence[str],
    pairs: Sequence[Pair],
    confidences: Sequence[float] | None = None,
    *,
    tokenize: str = "13a",
    lowercase: bool = False,
    wanted: Sequence[str] = (),
    alone: bool = False,
    protocol: str = "",
) -> Report:
    """Return the report on answers to pairs with targets."""
    measured = Measures(METRICS, tokenize=tokenize, lowercase=lowercase, wanted=wanted, alone=alone)
    for answer, pair in zip(answers, pairs, strict=True):
        measured.update(Found(answer, targets(pair)))
    if confidences is not None:
        measured.update(Found(probabilities=confidences, truth=are_right(answers, pairs)))
    signature = signature_of(pairs, protocol)
    return Report.of(measured, {"pairs": len(pairs)}, signature, protocol)


def targets(pair: Pair) -> list[str]:
    """Return the references of a pair: its target and further ones."""
    return [pair.target or "", *pair.references]


def compare(
    both: Sequence[tuple[Translator, Settings]],
    pairs: Sequence[Pair],
    wanted: Sequence[str],
    *,
    tokenize: str = "13a",
    lowercase: bool = False,
    resamples: int = 10_000,
    what: str = "",
) -> dict[str, tuple[float, float, Interval]]:
    """Return two models' scores on the same pairs by some metrics, and their differences with paired bootstrap
    intervals; each resample is scored as a whole, as BLEU is. Raises UsageError, before answering anything, for a
    metric that is not a function of sums over pairs."""
    made = {name: summed(name, METRICS, tokenize=tokenize, lowercase=lowercase) for name in wanted}
    texts = [[a.text for a in answered(own, pairs, settings, what)] for own, settings in both]
    gold, found = [targets(pair) for pair in pairs], {}
    for name, metric in made.items():
        a, b = (metric.contributions(name, answers, gold) for answers in texts)
        value = functools.partial(metric.of_sums, name)
        first, second = (float(value(rows.sum(axis=0, keepdims=True))[0]) for rows in (a, b))
        found[name] = first, second, paired(a, b, statistic=value, resamples=resamples)
    return found


def are_right(answers: Sequence[str], pairs: Sequence[Pair]) -> list[bool]:
    """Return whether each answer is its pair's target, or one of several, with white space normalised."""
    return [a.split() in [t.split() for t in targets(p)] for a, p in zip(answers, pairs, strict=True)]


def answers_judged(translator: Translator, pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
    """Return (confidence, whether right) of the best answer to each source."""
    answers = answered(translator, pairs, Settings(translator.search))
    right = are_right([a.text for a in answers], pairs)
    return list(zip([a.confidence for a in answers], right, strict=True))


def fit_confidence(translator: Translator, pairs: Sequence[Pair]) -> list[float] | None:
    """Fit the weights of the confidence on at most FITTED pairs, evenly spaced; None without pairs."""
    chosen = pairs[:: max(-(-len(pairs) // FITTED), 1)]
    answers = answered(translator, chosen, Settings(translator.search), "judging answers")
    right = are_right([a.text for a in answers], chosen)
    return fit_weights([(a.logprob, len(a.logprobs)) for a in answers], right) if answers else None


def signature_of(pairs: Sequence[Pair], protocol: str) -> str:
    """Return the signature that two scores must share to be comparable."""
    return f"pairs sha256 {fingerprint(pairs)[:16]}, {protocol}, seqcli {__version__}"


def protocol(translator: Translator, settings: Settings) -> str:
    """Return how answers were found, for a report."""
    s = settings.search
    if settings.sampling is not None:
        return f"sampled, seed {settings.seed}"
    return f"beam {s.beam}, length penalty {s.length_penalty:g}" if s.beam > 1 else "greedy"


@dataclass(frozen=True)
class Targets(Translator):
    """A model that scores given targets, in a filter."""

    def prepare(self, record: Pair, asked: Any) -> Pair:
        """Return the pair; warns about a source that is too long. Raises SeqcliError for a missing target."""
        if record.target is None and record.text.strip():
            raise SeqcliError(
                f"{record.place()}: the record has no target to score",
                hint="name its place: --target COLUMN or KEY; for a file beside it: --input lines --target de",
            )
        return super().prepare(record, asked)

    def answer(self, pairs: Sequence[Pair], settings: Any) -> list[Cost]:  # type: ignore[override]
        """Return the surprise of each target in nats; 0 for a pair that is blank on both sides."""
        filled = [i for i, p in enumerate(pairs) if p.text.strip() or (p.target or "").strip()]
        found = [Cost(0.0, 0)] * len(pairs)
        for i, cost in zip(filled, self.costs([pairs[i] for i in filled]), strict=True):
            found[i] = cost
        return found
