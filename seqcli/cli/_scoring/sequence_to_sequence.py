"""The work of `seqcli eval` on a sequence-to-sequence model: score its answers, or given targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from seqcli import forms, metrics, registry, scoring, streams, threads
from seqcli.cli import _filter
from seqcli.cli._options import Given
from seqcli.cli._scoring import other_of, printed, reading, side_by_side
from seqcli.cli.eval import Asked
from seqcli.datasets.corpus import Records
from seqcli.errors import SeqcliError, UsageError
from seqcli.files import sources
from seqcli.frames import named
from seqcli.records import Pair
from seqcli.streams import Output
from seqcli.tasks.sequence_to_sequence import METRICS
from seqcli.tasks.sequence_to_sequence.codec import warn_of_cuts
from seqcli.tasks.sequence_to_sequence.data import scored_files
from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator
from seqcli.tasks.sequence_to_sequence.score import BATCH, Targets, compare, protocol, signature_of
from seqcli.tasks.sequence_to_sequence.transcribing import with_language_model

SCORED = (
    "metric",
    "json",
    "compare",
    "reference",
    "beam",
    "length_penalty",
    "tokenize",
    "lowercase",
)  # options of answers
READS = ("input", "source", "target", "reference", "delimiter")  # options that say how FILES are read


def run(asked: Asked, predictor: Translator, given: Given) -> None:
    """Score FILES or a split, and print."""
    limit = threads.limit(1)  # noqa: F841  in force while it is referenced
    per_line, wanted = asked.per_line.asked, asked.scoring.metric or []
    if per_line and (flags := given.flags(SCORED)):
        raise UsageError(f"--per-line scores given targets: it cannot be combined with {flags[0]}")
    known = metrics.offers(METRICS)
    if other_tasks := [name for name in wanted if name not in known]:
        raise UsageError(
            f"{other_tasks[0]} cannot be measured with {predictor.path}", hint=f"available: {', '.join(known)}"
        )
    asked, said = _with_files(asked, given), reading(asked, given)
    targets = predictor.recast(Targets) if per_line else None
    if targets and asked.files:
        _per_line_of_files(asked, targets, scored_files(predictor.header, sources(asked.files), said))
        return
    what, pairs = scoring.records(predictor, asked.files, said, asked.scoring.split)
    if not pairs:
        raise SeqcliError(f"{what}: nothing to score")
    if targets:
        _per_line(targets, pairs, asked.per_line.jsonl)
        return
    warn_of_cuts(predictor.codec, pairs)
    if asked.labels.compare:
        _compare(asked, predictor, what, pairs)
        return
    printed(
        asked,
        predictor,
        what,
        pairs,
        settings=_settings(asked, predictor),
        **_divided(asked, predictor),
        wanted=wanted,
        alone=bool(wanted),
    )


def _settings(asked: Asked, own: Translator) -> Settings:
    """Return the settings of a model's answers."""
    answers, search = asked.answers, own.search
    penalty = search.length_penalty if answers.length_penalty is None else answers.length_penalty
    settings = Settings(replace(search, beam=answers.beam or search.beam, length_penalty=penalty))
    return with_language_model(settings, own, answers.lm, answers.lm_weight, answers.length_bonus)


def _divided(asked: Asked, own: Translator) -> dict[str, Any]:
    """Return how metrics tokenize and compare texts."""
    tokenize = asked.answers.tokenize or own.header["data"]["bleu_tokenize"]
    return {"tokenize": tokenize, "lowercase": asked.answers.lowercase}


def _compare(asked: Asked, first: Translator, what: str, pairs: Sequence[Pair]) -> None:
    """Print both scores, and their difference with its interval."""
    models = (first, Translator.open(other_of(asked, first)))
    both = [(own, _settings(asked, own)) for own in models]
    wanted = asked.scoring.metric or ["exact-match"]
    found = compare(both, pairs, wanted, **_divided(asked, first), what=f"answering {what}")
    ways = list(dict.fromkeys(protocol(*one) for one in both))
    names = [own.path.as_posix() for own in models]
    side_by_side(asked, what, names, found, signature_of(pairs, " against ".join(ways)))


def _with_files(asked: Asked, given: Given) -> Asked:
    """Return the options with standard input as the file if --per-line reads it. Raises UsageError for options about
    files if none are read."""
    if asked.files:
        return asked
    if asked.per_line.asked and asked.scoring.split is None and not streams.stdin_is_interactive():
        return replace(asked, files=["-"])
    if flags := given.flags(READS):
        raise UsageError(
            f"{flags[0]} is about FILES, but there are none: the run's own data is scored",
            hint="name files, or - for standard input",
        )
    return asked


# writing nats TAB tokens of each pair's target given its source, in order


def _per_line(targets: Targets, pairs: Sequence[Pair], jsonl: bool) -> None:
    out, write = Output(), forms.form("lines", jsonl, None, forms.Costs("source"))
    for first in range(0, len(pairs), BATCH):
        part = [targets.prepare(pair, None) for pair in pairs[first : first + BATCH]]
        part = [named(pair, lambda pair=pair: targets.ready(pair)) for pair in part]
        out.write("".join(map(write, part, targets.answer(part, None))))
        out.flush()


def _per_line_of_files(asked: Asked, targets: Targets, files: Records) -> None:
    """Write one line for each record, also for blank ones and pairs with a blank side, which data sets leave out."""
    if files.format == "lines":  # read both files first, to report unequal lengths before scoring
        _per_line(targets, list(files.read(sources(asked.files))), asked.per_line.jsonl)
        return
    jsonl = asked.per_line.jsonl
    _filter.run(
        asked.files,
        registry.load("records", files.format).Reader(replace(files.options, gold=False), files.trained),
        targets,
        None,
        forms.form("jsonl" if jsonl and files.format == "jsonl" else "lines", jsonl, None, forms.Costs("source")),
        batch_size=BATCH,
        how=asked.per_line.how,
        encoding=files.encoding,
        what="scoring",
    )
