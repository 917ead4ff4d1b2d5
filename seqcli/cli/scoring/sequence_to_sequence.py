"""The work of `seqcli eval` on a model from one sequence to another: answers scored, or given targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from seqcli import artifact, console, streams, threads
from seqcli.cli import _filter, _forms
from seqcli.cli._options import Given
from seqcli.cli._printing import show
from seqcli.cli._reading import trained_roles
from seqcli.cli._splits import check_unchanged, choose, recipe_of
from seqcli.cli._translating import Sources
from seqcli.cli.eval import Asked
from seqcli.cli.scoring import named
from seqcli.datasets.corpus import fed
from seqcli.decoding.beam import Search
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.files import sources
from seqcli.metrics import sequences, translation
from seqcli.parallel import Options, Pair, open_format
from seqcli.streams import Output
from seqcli.tasks.sequence_to_sequence.data import fingerprint, formats, guess, open_corpus, read_pairs
from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator
from seqcli.tasks.sequence_to_sequence.score import BATCH, evaluate, nats
from seqcli.tasks.sequence_to_sequence.sides import warn_of_cuts

SCORED = ("metric", "json", "beam", "length_penalty", "tokenize", "lowercase")  # options of answers
READS = ("input", "source", "target", "delimiter")  # options that say how FILES are read


def run(asked: Asked, stored: artifact.Artifact, given: Given) -> None:
    """Score FILES or a split, and print."""
    limit = threads.limit(1)  # noqa: F841  holds as long as it is kept
    per_line, wanted = asked.per_line.asked, asked.scoring.metric or []
    if per_line and (flags := given.flags(SCORED)):
        raise UsageError(f"--per-line scores the targets that are given: it does not go with {flags[0]}")
    known = [*sequences.OFFERS, *translation.OFFERS]
    if other_tasks := [name for name in wanted if name not in known]:
        raise UsageError(
            f"{other_tasks[0]} cannot be measured with {stored.path}", hint=f"what can: {', '.join(known)}"
        )
    asked = _with_files(asked, given)
    translator = Translator.open(stored)
    if per_line and asked.files:
        _per_line_of_files(asked, stored, translator)
        return
    what, pairs = _pairs(asked, stored)
    if not pairs:
        raise SeqcliError(f"{what}: nothing to score")
    if per_line:
        _per_line(translator, pairs, asked.per_line.jsonl)
        return
    warn_of_cuts(translator.sides, pairs)
    own, answers = translator.search, asked.answers
    search = Search(
        beam=answers.beam or own.beam,
        length_penalty=own.length_penalty if answers.length_penalty is None else answers.length_penalty,
    )
    with console.progress(f"answering {what}", len(pairs), " pairs") as advance:
        report = evaluate(
            translator,
            pairs,
            Settings(search),
            tokenize=answers.tokenize or stored.header["data"]["bleu_tokenize"],
            lowercase=answers.lowercase,
            wanted=wanted,
            alone=bool(wanted),
            advance=advance,
        )
    show(report, what, stored.path.as_posix(), wanted, as_json=asked.scoring.json)


def _with_files(asked: Asked, given: Given) -> Asked:
    """What is asked with standard input as its file, where a filter reads it. Raises UsageError for flags that say
    how files are read where none are."""
    if asked.files:
        return asked
    if asked.per_line.asked and asked.scoring.split is None and not streams.stdin_is_interactive():
        return replace(asked, files=["-"])
    if flags := given.flags(READS):
        raise UsageError(
            f"{flags[0]} says how FILES are read, and there are none: the run's own data is scored",
            hint="name files, or - for standard input",
        )
    return asked


def _pairs(asked: Asked, stored: artifact.Artifact) -> tuple[str, list[Pair]]:
    """What is scored, and its name."""
    if not asked.files:
        recipe = recipe_of(stored)
        corpus = open_corpus(recipe.data, recipe.base)
        split = choose(asked.scoring.split, list(corpus.splits))
        check_unchanged(stored, split, fingerprint(corpus.splits[split]))
        return corpus.names.get(split) or f"{corpus.name} {split}", corpus.splits[split]
    files = _named(asked, stored)
    found = read_pairs(
        files.paths,
        format_name=files.format,
        options=files.options,
        encoding=files.encoding,
        what="reading",
        trained=trained_roles(stored),
    )
    return named(asked.files), list(found)


class Files(NamedTuple):
    """FILES, and how they are read."""

    paths: list[str | Path]
    format: str
    options: Options
    encoding: str


def _named(asked: Asked, stored: artifact.Artifact) -> Files:
    """FILES, read as the training data was where neither a flag nor their look says otherwise."""
    data, reading = stored.header["data"], asked.reading
    paths = sources(asked.files)
    own = {k: v for k, v in data["options"].items() if k not in ("gold", "encoding", "prefix")}
    said = {"source": reading.source, "target": reading.target, "delimiter": reading.delimiter}
    given = {k: v for k, v in said.items() if v is not None}
    read = reading.input
    if read is None:
        try:
            read = data["format"] if "-" in paths else guess(Path(paths[0]), Options(**{**own, **given}))
        except UsageError:
            read = data["format"]
    if read not in formats():
        raise UsageError(f"--input {read}: not a format of pairs", hint=did_you_mean(read, formats()))
    if read == "lines" and "-" in paths:
        raise UsageError(
            "standard input has no file beside it with the targets of its lines",
            hint="name the file; or give both sides in one: --input tsv, csv, jsonl or scan",
        )
    options = Options(**{**(own if read == data["format"] else {}), **given}, encoding=data["encoding"])
    return Files(paths, read, options, data["encoding"])


# nats TAB tokens of each pair's target given its source, in order


def _per_line(translator: Translator, pairs: Sequence[Pair], jsonl: bool) -> None:
    out, work, write = Output(), Work(translator), _forms.form("lines", jsonl, None, Writer())
    for first in range(0, len(pairs), BATCH):
        part = [work.prepare(pair) for pair in pairs[first : first + BATCH]]
        out.write("".join(map(write, part, work.answer(part))))
        out.flush()


def _per_line_of_files(asked: Asked, stored: artifact.Artifact, translator: Translator) -> None:
    """One line for each record: blank ones too, and pairs with a blank side, which no data set has."""
    files = _named(asked, stored)
    reads = open_format(files.format)
    if files.format == "lines":  # both files are read first: one that is shorter is told before anything is scored
        records = (fed(reads.Reader(files.options), path, files.encoding, lambda _: None) for path in files.paths)
        _per_line(translator, [pair for one in records for pair in one], asked.per_line.jsonl)
        return
    _filter.run(
        asked.files,
        reads.Reader(replace(files.options, gold=False), trained_roles(stored)),
        Work(translator),
        _forms.form("lines", asked.per_line.jsonl, None, Writer()),
        model=stored.path,
        batch_size=BATCH,
        how=asked.per_line.how,
        encoding=files.encoding,
        what="scoring",
    )


class Writer(_forms.Writer):
    """Costs as they are written."""

    key: ClassVar[str] = "source"

    def line(self, pair: Pair, cost: tuple[float, int]) -> str:
        """nats TAB tokens."""
        return f"{cost[0]:.4f}\t{cost[1]}\n"

    def more(self, pair: Pair) -> dict[str, Any]:
        """What a new object has beside the source."""
        return {"target": pair.target or ""}

    def results(self, pair: Pair, cost: tuple[float, int]) -> list[dict[str, Any]]:
        """What stands under `seqcli`; JSON has no number for what is infinite."""
        logprob = round(0.0 - cost[0], 6) if math.isfinite(cost[0]) else None
        return [{"logprob": logprob, "tokens": cost[1]}]


@dataclass
class Work(Sources):
    """What scores pairs."""

    def prepare(self, record: Pair) -> Pair:
        """The pair, if it has a target, or is blank; says where a source is too long. Raises SeqcliError."""
        if record.target is None and record.text.strip():
            raise SeqcliError(
                f"{record.place()}: the record has no target to score", hint="say where it is: --target COLUMN or KEY"
            )
        return super().prepare(record)

    def answer(self, records: Sequence[Pair]) -> list[tuple[float, int]]:
        """(nats, tokens) of each; nothing of a pair that is blank on both sides."""
        assert self.translator is not None
        filled = [i for i, p in enumerate(records) if p.text.strip() or (p.target or "").strip()]
        found = [(0.0, 0)] * len(records)
        for i, cost in zip(filled, nats(self.translator, [records[i] for i in filled]), strict=True):
            found[i] = cost
        return found
