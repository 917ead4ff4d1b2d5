"""The work of `seqcli generate` with a model from one sequence to another: sources in, answers out, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from seqcli import artifact, console, registry, streams, threads
from seqcli.cli import _filter, _forms
from seqcli.cli._options import Given
from seqcli.cli._reading import trained_roles
from seqcli.cli.generate import READ, Asked, seed_of
from seqcli.decoding.beam import Search
from seqcli.decoding.ensemble import Ensemble
from seqcli.decoding.sampling import Sampling
from seqcli.errors import UsageError
from seqcli.formats import ROWS, one_line
from seqcli.parallel import Options, Pair
from seqcli.tasks.sequence_to_sequence.predict import Answer, Settings, Translator
from seqcli.tasks.sequence_to_sequence.sides import warn_of_cuts

BATCH = 64  # sources answered together, where nothing else is said
DRAWN = 1  # answers in a picture
SEARCHED = ("beam", "n_best", "length_penalty", "coverage_penalty")  # options of answers that are not drawn


def run(asked: Asked, stored: artifact.Artifact, given: Given) -> None:
    """Answer what FILES say, or one prompt. Raises SeqcliError."""
    _check_drawing(asked, given)
    read = READ.chosen(asked.files, asked.reading.input, asked.reading.field, asked.writing.jsonl, given)
    _check_form(asked, read)
    others = [_member(path, stored) for path in asked.searching.ensemble or ()]
    limit = threads.limit(asked.how.threads or 1)  # noqa: F841  holds as long as it is kept
    translator = Translator.open(stored, others)
    writing = asked.writing
    if writing.draw:
        from seqcli.insight.alignment import check

        check(writing.draw)
    work = Work(translator, _settings(asked, translator), tuple(o.path for o in others))
    looking = ("attention", "alignment", "draw", "replace_unknown", "coverage_penalty")
    if flags := given.flags(looking):
        _check_attention(flags[0], translator, [stored.path, *work.others])
    writer = Writer(writing.attention, writing.alignment, _many(asked))
    drawn: list[Answer] = []
    if asked.prompt is not None:
        pair = work.prepare(Pair(asked.prompt, source="--prompt"))
        answers = work.answer([_filter.one(work, pair, asked.how)])[0]
        drawn.append(answers[0])
        out = streams.Output()
        out.write(_forms.form("text", writing.jsonl, None, writer)(pair, answers))
        out.flush()
    else:
        _filter_sources(asked, read, work, writer, drawn, stored)
    if writing.draw:
        _draw(writing.draw, drawn)


def _filter_sources(
    asked: Asked, read: str, work: Work, writer: Writer, drawn: list[Answer], stored: artifact.Artifact
) -> None:
    reading, how = asked.reading, asked.how
    options = Options(
        source=reading.field or reading.source,
        prefix=reading.prefix,
        delimiter=reading.delimiter,
        header=reading.header,
        gold=False,
    )
    reader = registry.load("parallel", "lines" if read == "text" else read).Reader(options, trained_roles(stored))
    written = _forms.form(read, asked.writing.jsonl, reader, writer)

    def write(pair: Pair, answers: list[Answer]) -> str:
        if asked.writing.draw and len(drawn) < DRAWN and answers[0].symbols:
            drawn.append(answers[0])
        return written(pair, answers)

    _filter.run(
        asked.files, reader, work, write,
        model=stored.path, batch_size=how.batch_size or BATCH, how=how, what="answering",
    )  # fmt: skip
    _forms.finish(written)


def _many(asked: Asked) -> bool:
    return (asked.drawing.samples if asked.drawing.drawn else asked.searching.n_best) > 1


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


def _settings(asked: Asked, translator: Translator) -> Settings:
    own, searching, drawing = translator.search, asked.searching, asked.drawing
    beam = searching.beam or (searching.n_best if drawing.temperature == 0 else max(own.beam, searching.n_best))
    search = Search(
        beam=1 if drawing.drawn else beam,
        n_best=1 if drawing.drawn else searching.n_best,
        length_penalty=own.length_penalty if searching.length_penalty is None else searching.length_penalty,
        coverage_penalty=searching.coverage_penalty,
        no_repeat=searching.no_repeat,
        min_length=searching.min_length,
    )
    temperature = 1.0 if drawing.temperature is None else drawing.temperature
    sampling = Sampling(temperature, drawing.top_k, drawing.top_p, drawing.repetition_penalty)
    writing = asked.writing
    return Settings(
        search,
        sampling if drawing.drawn else None,
        drawing.samples,
        seed_of(drawing, drawn=True) if drawing.drawn else 0,
        writing.max_tokens,
        attention=writing.attention or writing.alignment or writing.draw is not None,
        replace_unknown=searching.replace_unknown,
    )


def _check_drawing(asked: Asked, given: Given) -> None:
    """Raise UsageError where answers are asked to be both searched and drawn."""
    drawing = asked.drawing
    if not drawing.drawn and (drawing.samples > 1 or drawing.repetition_penalty != 1.0):
        flag, other = ("--samples", "--n-best") if drawing.samples > 1 else ("--repetition-penalty", "--no-repeat")
        raise UsageError(f"{flag} is for answers that are drawn", hint=f"add --temperature 1, or use {other}")
    if drawing.drawn and (flags := given.flags(SEARCHED)):
        said = f"{flags[0]} is for answers that are searched, --temperature, --top-k and --top-p draw them"
        raise UsageError(f"{said}: give one kind")


def _check_form(asked: Asked, read: str) -> None:
    """Raise UsageError for what the form that is written has no room for."""
    for name, value in (
        ("--n-best", asked.searching.n_best > 1),
        ("--samples", asked.drawing.samples > 1),
        ("--alignment", asked.writing.alignment),
    ):
        if value and read in ROWS and asked.prompt is None:
            said = f"{name}: {read} comes back with {READ.more}, the best answer"
            raise UsageError(said, hint="read lines or jsonl, where there is room for more")
    if asked.writing.attention and not (asked.writing.jsonl or read == "jsonl"):
        raise UsageError("--attention goes with --jsonl", hint="--alignment writes pairs, --draw FILE a picture")


@dataclass
class Sources(_filter.Work):
    """What a translator asks of sources before it works on them."""

    translator: Translator | None
    told: int = field(default=0, kw_only=True)

    def prepare(self, record: Pair) -> Pair:
        """The record; says where a source is too long."""
        assert self.translator is not None
        self.told = warn_of_cuts(self.translator.sides, [record], self.told)
        return record

    def lacking(self, record: Pair) -> Sequence[tuple[int, str]]:
        """What of the source its side has no symbol for, and the model cannot copy."""
        assert self.translator is not None
        return self.translator.unknown(record)

    def where(self, record: Pair, number: int) -> int:
        """Where a token begins in the text."""
        assert self.translator is not None
        return self.translator.sides.source.offsets(record.text)[number][0]


@dataclass
class Work(Sources):
    """What answers sources; it travels to other processes without its models."""

    settings: Settings
    others: tuple[Path, ...] = ()
    records: int = 0

    def prepare(self, record: Pair) -> Pair:
        """The record, numbered."""
        record.record = self.records
        self.records += 1
        return super().prepare(record)

    def answer(self, records: list[Pair]) -> list[list[Answer]]:
        """Answers to each source, the best first."""
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
class Writer(_forms.Writer):
    """Answers as they are written: lines, JSON objects, or rows with one more column."""

    attention: bool
    alignment: bool
    many: bool
    key: ClassVar[str] = "source"
    names: ClassVar[Sequence[str]] = ("answer",)

    def cells(self, answers: list[Answer]) -> list[str]:
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

    def results(self, pair: Pair, answers: list[Answer]) -> list[dict[str, Any]]:
        """What stands under `seqcli` in a JSON object: the best answer, and all where several are asked for."""
        best = self._one(answers[0])
        return [{**best, "answers": [self._one(a) for a in answers]} if self.many else best]

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
