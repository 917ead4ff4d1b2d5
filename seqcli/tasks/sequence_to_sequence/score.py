"""Scoring answers against references: BLEU, chrF, TER; exact match, edits; nats of the references themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqcli import __version__, console
from seqcli.errors import SeqcliError
from seqcli.forms import Cost
from seqcli.metrics import sequences, translation
from seqcli.metrics._report import Report
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence.data import fingerprint
from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator

BATCH = 64  # pairs answered at once
TRANSLATION = ("bleu", "chrf")  # TER takes seconds for a thousand sentences: only where it is asked for


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
    """Answer every source and score the answers; metrics by name, those of `wanted` too, or with `alone` of those
    that sacrebleu computes no others; `what` heads a bar that shows how far it is. Raises UsageError, before anything
    is answered, where sacrebleu is missing and needed, or does not know the division."""
    _corpus(tokenize, lowercase, wanted, alone)
    settings = settings or Settings(translator.search)
    answers = answered(translator, pairs, settings, what)
    chosen = {"tokenize": tokenize, "lowercase": lowercase, "wanted": wanted, "alone": alone}
    return scored(answers, pairs, **chosen, protocol=protocol(translator, settings))


def answered(
    translator: Translator,
    pairs: Sequence[Pair],
    settings: Settings,
    what: str = "",
) -> list[str]:
    """The best answer to each source."""
    found = [""] * len(pairs)
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i].text))  # like lengths side by side
    one = replace(settings, search=replace(settings.search, n_best=1))
    with console.progress(what, len(pairs), " pairs") as advance:
        for first in range(0, len(order), BATCH):
            places = order[first : first + BATCH]
            for i, answers in zip(places, translator.answer([pairs[i] for i in places], one), strict=True):
                found[i] = answers[0].text
            advance(len(places))
    return found


def scored(
    answers: Sequence[str],
    pairs: Sequence[Pair],
    *,
    tokenize: str = "13a",
    lowercase: bool = False,
    wanted: Sequence[str] = (),
    alone: bool = False,
    protocol: str = "",
) -> Report:
    """The report of some answers to pairs with targets."""
    plain, corpus = sequences.Metric(), _corpus(tokenize, lowercase, wanted, alone)
    used = [plain] if corpus is None else [corpus, plain]
    for answer, pair in zip(answers, pairs, strict=True):
        for metric in used:
            metric.update(answer, pair.target or "")
    metrics = {name: value for metric in used for name, value in metric.result().items()}
    own = f"pairs sha256 {fingerprint(pairs)[:16]}, {protocol}, seqcli {__version__}"
    signature = "\n".join([own, *(f"{name}: {s}" for name, s in (corpus.signatures() if corpus else {}).items())])
    return Report(metrics, {"pairs": len(pairs)}, signature, protocol)


def _corpus(tokenize: str, lowercase: bool, wanted: Sequence[str], alone: bool) -> translation.Metric | None:
    """What sacrebleu computes of them; None where it is nothing."""
    names = [n for n in dict.fromkeys([*(() if alone else TRANSLATION), *wanted]) if n in translation.OFFERS]
    return translation.Metric(tokenize=tokenize, lowercase=lowercase, wanted=names) if names else None


def protocol(translator: Translator, settings: Settings) -> str:
    """How answers were found."""
    s = settings.search
    if settings.sampling is not None:
        return f"sampled, seed {settings.seed}"
    return f"beam {s.beam}, length penalty {s.length_penalty:g}" if s.beam > 1 else "greedy"


def nats(translator: Translator, pairs: Sequence[Pair]) -> list[Cost]:
    """The cost of each pair's target given its source, EOS counted; inf for one the model cannot write."""
    sides, found = translator.sides, []
    for first in range(0, len(pairs), BATCH):
        part = pairs[first : first + BATCH]
        sources, copies, extras = translator.read(part)
        targets = [sides.copied_targets(p.target or "", e) for p, e in zip(part, extras, strict=True)]
        given = (copies, sides.unknown) if translator.copies else ()
        logprobs = translator.model.score(sources, targets, *given)
        found += [Cost(-float(x.sum()) if math.isfinite(x.sum()) else math.inf, len(x)) for x in logprobs]
    return found


@dataclass(frozen=True)
class Targets(Translator):
    """Scores the targets that are given, as a filter."""

    def prepare(self, record: Pair, asked: Any) -> Pair:
        """The pair, if it has a target, or is blank; says where a source is too long. Raises SeqcliError."""
        if record.target is None and record.text.strip():
            raise SeqcliError(
                f"{record.place()}: the record has no target to score", hint="say where it is: --target COLUMN or KEY"
            )
        return super().prepare(record, asked)

    def answer(self, pairs: Sequence[Pair], settings: Any) -> list[Cost]:  # type: ignore[override]
        """The cost of each target; nothing of a pair that is blank on both sides."""
        filled = [i for i, p in enumerate(pairs) if p.text.strip() or (p.target or "").strip()]
        found = [Cost(0.0, 0)] * len(pairs)
        for i, cost in zip(filled, nats(self, [pairs[i] for i in filled]), strict=True):
            found[i] = cost
        return found
