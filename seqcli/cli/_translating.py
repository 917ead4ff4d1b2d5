"""The work of `seqcli generate` with a model from one sequence to another: sources in, answers out, in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqcli import artifact, console, registry, streams, threads
from seqcli.cli import _records
from seqcli.cli._columns import Columns
from seqcli.cli._reads import ROWS
from seqcli.cli.generate import READ
from seqcli.decoding.beam import Search
from seqcli.decoding.ensemble import Ensemble
from seqcli.decoding.sampling import Sampling
from seqcli.errors import UsageError
from seqcli.formats import jsonl, one_line
from seqcli.parallel import Options, Pair, write_again
from seqcli.transduction import Answer, Settings, Translator
from seqcli.transduction.sides import warn_of_cuts

DRAWN = 1  # answers in a picture


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    files: Sequence[str]
    prompt: str | None
    beam: int | None
    n_best: int
    length_penalty: float | None
    coverage_penalty: float
    no_repeat: int
    min_length: int
    max_length: int | None
    sampling: Sampling | None
    samples: int
    seed: int
    ensemble: Sequence[str]
    replace_unknown: bool
    input: str | None
    field: str | None
    source: str | None
    prefix: str | None
    delimiter: str | None
    header: bool | None
    jsonl: bool
    attention: bool
    alignment: bool
    draw: str | None
    batch_size: int


def run(request: Request, stored: artifact.Artifact, jobs: int, wanted_threads: int) -> None:
    """Answer what FILES say, or one prompt. Raises SeqcliError."""
    read = _format(request)
    others = [_member(path, stored) for path in request.ensemble]
    limit = threads.limit(wanted_threads)  # noqa: F841  holds as long as it is kept
    translator = Translator.open(stored, others)
    settings = _settings(request, translator)
    if request.draw:
        from seqcli.insight.alignment import check

        check(request.draw)
    work = Work(translator, settings, tuple(o.path for o in others))
    looking = {
        "--attention": request.attention,
        "--alignment": request.alignment,
        "--draw": request.draw,
        "--replace-unknown": request.replace_unknown,
        "--coverage-penalty": request.coverage_penalty,
    }
    if asked := [flag for flag, value in looking.items() if value]:
        _check_attention(asked[0], translator, [stored.path, *work.others])
    writer = Writer(request.attention, request.alignment, _many(request))
    drawn: list[Answer] = []
    if request.prompt is not None:
        pair = work.prepare(Pair(request.prompt, source="--prompt"))
        answers = work([pair])[0]
        drawn.append(answers[0])
        out = streams.Output()
        out.write(writer.object(pair, answers) if request.jsonl else writer.line(pair, answers))
        out.flush()
    else:
        _filter(request, read, work, writer, drawn, stored.path, jobs)
    if request.draw:
        _draw(request.draw, drawn)


def _filter(
    request: Request,
    read: str,
    work: Work,
    writer: Writer,
    drawn: list[Answer],
    model: Path,
    jobs: int,
) -> None:
    reader = registry.load("parallel", "lines" if read == "text" else read).Reader(
        Options(
            source=request.field or request.source,
            prefix=request.prefix,
            delimiter=request.delimiter,
            header=request.header,
            gold=False,
        )
    )
    columns = Columns(reader, ("answer",), writer.column, write_again) if read in ("tsv", "csv") else None
    written = columns or (writer.again if read == "jsonl" else writer.object if request.jsonl else writer.line)

    def write(pair: Pair, answers: list[Answer]) -> str:
        if request.draw and len(drawn) < DRAWN and answers[0].symbols:
            drawn.append(answers[0])
        return written(pair, answers)

    _records.run(request.files, reader, work, write, model=model, batch_size=request.batch_size, jobs=jobs)
    if columns:
        streams.Output().write(columns.head())  # of a source without rows


def _many(request: Request) -> bool:
    return (request.samples if request.sampling else request.n_best) > 1


def _member(path: str, stored: artifact.Artifact) -> artifact.Artifact:
    from seqcli import runs

    other = runs.open_model(path, "generate")
    if other.header["task"] != stored.header["task"]:
        raise UsageError(f"--ensemble: {other.path} is a model for {other.header['task']}")
    return other


def _check_attention(flag: str, translator: Translator, paths: Sequence[Path]) -> None:
    """Raise UsageError where the model, or one of an ensemble, looks at nothing; `paths` are theirs."""
    model = translator.model
    for path, member in zip(paths, model.models if isinstance(model, Ensemble) else [model], strict=True):
        found = replace(translator, model=member).answer([Pair("a")], Settings(max_length=1, attention=True))
        if found[0][0].attention is None:
            hint = "leave it out of the ensemble, or " if len(paths) > 1 else ""
            raise UsageError(
                f"{flag} needs a model with attention, and {path} has none",
                hint=f"{hint}train one with model.attention: general",
            )


def _settings(request: Request, translator: Translator) -> Settings:
    own = translator.search
    beam = request.beam or max(own.beam, request.n_best)
    search = Search(
        beam=1 if request.sampling else beam,
        n_best=1 if request.sampling else request.n_best,
        length_penalty=own.length_penalty if request.length_penalty is None else request.length_penalty,
        coverage_penalty=request.coverage_penalty,
        no_repeat=request.no_repeat,
        min_length=request.min_length,
    )
    attention = request.attention or request.alignment or request.draw is not None
    return Settings(
        search,
        request.sampling,
        request.samples,
        request.seed,
        request.max_length,
        attention,
        request.replace_unknown,
    )


def _format(request: Request) -> str:
    """What is read. Raises UsageError for what does not go together."""
    named = {"--source": request.source, "--prefix": request.prefix}
    rows = {"--delimiter": request.delimiter, "--header": request.header}
    read = READ.chosen(request.input, request.field, request.jsonl, named, rows)
    for name, value in (
        ("--n-best", request.n_best > 1),
        ("--samples", request.samples > 1),
        ("--alignment", request.alignment),
    ):
        if value and read in ROWS and request.prompt is None:
            said = f"{name}: {read} comes back with {READ.more}, the best answer"
            raise UsageError(said, hint="read lines or jsonl, where there is room for more")
    if request.attention and not (request.jsonl or read == "jsonl"):
        raise UsageError("--attention goes with --jsonl", hint="--alignment writes pairs, --draw FILE a picture")
    return read


@dataclass
class Work:
    """What answers sources; it travels to other processes without its models."""

    translator: Translator | None
    settings: Settings
    others: tuple[Path, ...] = ()
    records: int = 0
    told: int = 0

    def prepare(self, record: Pair) -> Pair:
        """The record, numbered; says where a source is too long."""
        record.record = self.records
        self.records += 1
        assert self.translator is not None
        self.told = warn_of_cuts(self.translator.sides, [record], self.told)
        return record

    def __call__(self, records: list[Pair]) -> list[list[Answer]]:
        assert self.translator is not None
        return self.translator.answer(records, self.settings)

    def packed(self) -> Work:
        """The work without its models."""
        return replace(self, translator=None)

    def unpack(self, model: Path) -> None:
        """Open the models."""
        self.translator = Translator.open(artifact.read(model), [artifact.read(p) for p in self.others])

    def light(self, record: Pair) -> Pair:
        """The text and what an answer depends on."""
        return Pair(record.text, prefix=record.prefix, record=record.record)


# what is written


@dataclass(frozen=True)
class Writer:
    """Answers as they are written: lines, JSON objects, or rows with one more column."""

    attention: bool
    alignment: bool
    many: bool

    def column(self, answers: list[Answer]) -> list[str]:
        """One cell: the best answer."""
        return [answers[0].text]

    def line(self, pair: Pair, answers: list[Answer]) -> str:
        """As text: the answers with a tab between, on one line; with --alignment each with its pairs."""
        cells = []
        for answer in answers:
            cells.append(one_line(answer.text).replace("\t", " ") if self.many or self.alignment else answer.text)
            if self.alignment:
                cells.append(_pharaoh(answer))
        return "\t".join(cells) + "\n"

    def result(self, pair: Pair, answers: list[Answer]) -> dict[str, Any]:
        """What stands under `seqcli` in a JSON object: the best answer, and all where several are asked for."""
        best = self._one(answers[0])
        return {**best, "answers": [self._one(a) for a in answers]} if self.many else best

    def _one(self, answer: Answer) -> dict[str, Any]:
        tokens = [
            {"text": symbol, "logprob": round(p, 6)}
            for symbol, p in zip([*answer.symbols, "<eos>"], answer.logprobs, strict=False)
        ]
        found: dict[str, Any] = {
            "text": answer.text,
            "logprob": round(answer.logprob, 6),
            "score": round(answer.score, 6),
            "finished": answer.finished,
            "tokens": tokens,
        }
        if self.attention:
            rows = [] if answer.attention is None else answer.attention.tolist()
            found["attention"] = [[round(float(w), 4) for w in row] for row in rows]
            found["source_tokens"] = answer.source_symbols
        if self.alignment:
            found["alignment"] = _pharaoh(answer)
        return found

    def object(self, pair: Pair, answers: list[Answer]) -> str:
        """A new JSON object."""
        written, result = (json.dumps(v, ensure_ascii=False) for v in (pair.text, self.result(pair, answers)))
        return f'{{"source": {written}, "seqcli": {result}}}\n'

    def again(self, pair: Pair, answers: list[Answer]) -> str:
        """The object that was read, with the result as its last member; a blank line as it was."""
        raw = pair.raw
        blank = not raw.body.strip(" \t\r")
        return raw.before + (raw.body if blank else jsonl.joined(raw.body, self.result(pair, answers))) + raw.end


def _pharaoh(answer: Answer) -> str:
    from seqcli.insight.alignment import pharaoh

    if answer.attention is None or not answer.symbols:
        return ""
    return pharaoh(answer.attention, source=len(answer.source_symbols) - 1, target=len(answer.symbols))


def _draw(path: str, drawn: list[Answer]) -> None:
    from seqcli.insight.alignment import draw

    answer = drawn[0] if drawn else None
    if answer is None or answer.attention is None:
        console.warn(f"{path} is not written: no source had an answer")
        return
    target = [*answer.symbols, "<eos>"][: len(answer.attention)]
    draw(path, answer.source_symbols, target, answer.attention, title="")
