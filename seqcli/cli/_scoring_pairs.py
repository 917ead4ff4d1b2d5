"""The work of `seqcli eval` on a model from one sequence to another: answers scored, or given targets."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from seqcli import artifact, console, metrics, streams, threads
from seqcli.cli import _records
from seqcli.cli._splits import check_unchanged, choose, recipe_of
from seqcli.datasets import _reading
from seqcli.datasets.pairs import fingerprint, formats, guess, open_corpus, read_pairs
from seqcli.decoding.beam import Search
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.files import sources
from seqcli.metrics import sequences, translation
from seqcli.metrics._report import Report
from seqcli.parallel import Options, Pair, open_format
from seqcli.streams import Output
from seqcli.transduction import Settings, Translator
from seqcli.transduction.evaluation import BATCH, evaluate, nats
from seqcli.transduction.sides import warn_of_cuts


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    files: Sequence[str]
    wanted: Sequence[str]
    split: str | None
    as_json: bool
    input: str | None
    source: str | None
    target: str | None
    delimiter: str | None
    beam: int | None
    length_penalty: float | None
    tokenize: str | None
    lowercase: bool
    per_line: bool
    jsonl: bool


def run(request: Request, stored: artifact.Artifact) -> None:
    """Score files or a split, and print."""
    limit = threads.limit(1)  # noqa: F841  holds as long as it is kept
    other = {
        "--metric": request.wanted,
        "--json": request.as_json,
        "--beam": request.beam,
        "--length-penalty": request.length_penalty is not None,
        "--tokenize": request.tokenize,
        "--lowercase": request.lowercase,
    }
    if request.per_line and (given := [flag for flag, value in other.items() if value]):
        raise UsageError(f"--per-line scores the targets that are given: it does not go with {given[0]}")
    known = [*sequences.OFFERS, *translation.OFFERS]
    if other_tasks := [name for name in request.wanted if name not in known]:
        raise UsageError(
            f"{other_tasks[0]} cannot be measured with {stored.path}", hint=f"what can: {', '.join(known)}"
        )
    request = _with_files(request)
    translator = Translator.open(stored)
    if request.per_line and request.files:
        _per_line_of_files(request, stored, translator)
        return
    what, pairs = _pairs(request, stored)
    if not pairs:
        raise SeqcliError(f"{what}: nothing to score")
    if request.per_line:
        _per_line(translator, pairs, request.jsonl)
        return
    warn_of_cuts(translator.sides, pairs)
    own = translator.search
    search = Search(
        beam=request.beam or own.beam,
        length_penalty=own.length_penalty if request.length_penalty is None else request.length_penalty,
    )
    tokenize = request.tokenize or stored.header["data"]["bleu_tokenize"]
    with console.progress(f"answering {what}", len(pairs), " pairs") as advance:
        report = evaluate(
            translator,
            pairs,
            Settings(search),
            tokenize=tokenize,
            lowercase=request.lowercase,
            wanted=request.wanted,
            alone=bool(request.wanted),
            advance=advance,
        )
    _print(report, request, what, stored.path.as_posix())


def _with_files(request: Request) -> Request:
    """The request with standard input as its file, where a filter reads it. Raises UsageError for flags that say how
    files are read where none are."""
    if request.files:
        return request
    if request.per_line and request.split is None and not streams.stdin_is_interactive():
        return replace(request, files=["-"])
    said = {
        "--input": request.input,
        "--source": request.source,
        "--target": request.target,
        "--delimiter": request.delimiter,
    }
    if given := [flag for flag, value in said.items() if value is not None]:
        raise UsageError(
            f"{given[0]} says how FILES are read, and there are none: the run's own data is scored",
            hint="name files, or - for standard input",
        )
    return request


def _pairs(request: Request, stored: artifact.Artifact) -> tuple[str, list[Pair]]:
    """What is scored, and its name."""
    if not request.files:
        recipe = recipe_of(stored)
        corpus = open_corpus(recipe.data, recipe.base)
        split = choose(request.split, list(corpus.splits))
        check_unchanged(stored, split, fingerprint(corpus.splits[split]))
        return corpus.names.get(split) or f"{corpus.name} {split}", corpus.splits[split]
    files = _named(request, stored)
    found = read_pairs(
        files.paths, format_name=files.format, options=files.options, encoding=files.encoding, what="reading"
    )
    return ", ".join("<stdin>" if f == "-" else f for f in request.files), list(found)


class Files(NamedTuple):
    """FILES, and how they are read."""

    paths: list[str | Path]
    format: str
    options: Options
    encoding: str


def _named(request: Request, stored: artifact.Artifact) -> Files:
    """FILES, read as the training data was where neither a flag nor their look says otherwise."""
    data = stored.header["data"]
    paths = sources(request.files)
    own = {k: v for k, v in data["options"].items() if k not in ("gold", "encoding", "prefix")}
    said = {"source": request.source, "target": request.target, "delimiter": request.delimiter}
    given = {k: v for k, v in said.items() if v is not None}
    read = request.input
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


def _print(report: Report, request: Request, what: str, model: str) -> None:
    out = Output()
    if request.as_json:
        left_out = report.metrics.keys() - set(request.wanted) if request.wanted else set()
        record = {**report.to_dict(), "text": what, "model": model}
        out.line(json.dumps({k: v for k, v in record.items() if k not in left_out}, ensure_ascii=False, indent=2))
    elif request.wanted:
        for name in request.wanted:
            out.line(f"{report.metrics[name]:.6g}")
    else:
        offers, width = metrics.offers(), max(map(len, report.metrics))
        out.line(f"{what}, {report.protocol}")
        for name, value in report.metrics.items():
            out.line(f"  {name:<{width}}  {value:>9.4f}  {offers[name].unit}".rstrip())
        out.line("  " + ", ".join(f"{n:,} {name}" for name, n in report.counts.items()))
        out.line(report.signature)
    out.flush()


# nats TAB tokens of each pair's target given its source, in order


def _per_line(translator: Translator, pairs: Sequence[Pair], jsonl: bool) -> None:
    out, work = Output(), Work(translator)
    for first in range(0, len(pairs), BATCH):
        part = [work.prepare(pair) for pair in pairs[first : first + BATCH]]
        out.write("".join(_line(jsonl, *both) for both in zip(part, work(part), strict=True)))
        out.flush()


def _per_line_of_files(request: Request, stored: artifact.Artifact, translator: Translator) -> None:
    """One line for each record: blank ones too, and pairs with a blank side, which no data set has."""
    files = _named(request, stored)
    reads = open_format(files.format)
    if files.format == "lines":  # both files are read first: one that is shorter is told before anything is scored
        fed = (
            _reading.fed(reads.Reader(files.options), path, files.encoding, lambda _: None) for path in files.paths
        )
        _per_line(translator, [pair for one in fed for pair in one], request.jsonl)
        return
    _records.run(
        request.files,
        reads.Reader(replace(files.options, gold=False)),
        Work(translator),
        partial(_line, request.jsonl),
        model=stored.path,
        batch_size=BATCH,
        jobs=1,
        encoding=files.encoding,
    )


def _line(jsonl: bool, pair: Pair, cost: tuple[float, int]) -> str:
    nats, tokens = cost
    if not jsonl:
        return f"{nats:.4f}\t{tokens}\n"
    found = {"logprob": round(0.0 - nats, 6) if math.isfinite(nats) else None, "tokens": tokens}
    record = {"source": pair.text, "target": pair.target or "", "seqcli": found}
    return json.dumps(record, ensure_ascii=False) + "\n"


@dataclass
class Work:
    """What scores pairs; nothing of it travels."""

    translator: Translator
    told: int = 0

    def prepare(self, pair: Pair) -> Pair:
        """The pair, if it has a target, or is blank; says where a source is too long. Raises SeqcliError."""
        if pair.target is None and pair.text.strip():
            raise SeqcliError(
                f"{pair.place()}: the record has no target to score", hint="say where it is: --target COLUMN or KEY"
            )
        self.told = warn_of_cuts(self.translator.sides, [pair], self.told)
        return pair

    def __call__(self, pairs: Sequence[Pair]) -> list[tuple[float, int]]:
        """(nats, tokens) of each; nothing of a pair that is blank on both sides."""
        filled = [i for i, p in enumerate(pairs) if p.text.strip() or (p.target or "").strip()]
        found = [(0.0, 0)] * len(pairs)
        for i, cost in zip(filled, nats(self.translator, [pairs[i] for i in filled]), strict=True):
            found[i] = cost
        return found

    def packed(self) -> Work:
        """Itself: there is one process."""
        return self

    def unpack(self, model: Path) -> None:
        """There is nothing to open."""

    def light(self, pair: Pair) -> Pair:
        """The whole pair."""
        return pair
