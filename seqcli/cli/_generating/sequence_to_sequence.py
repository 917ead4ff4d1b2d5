"""The work of `seqcli generate` with a sequence-to-sequence model: sources in, answers out, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from seqcli import artifact, console, forms, streams, threads
from seqcli.cli import _filter
from seqcli.cli._options import Given, check_otherwise
from seqcli.cli._reading import SOURCES
from seqcli.decoding.beam import Search
from seqcli.decoding.ensemble import Ensemble
from seqcli.decoding.sampling import Sampling
from seqcli.errors import SeqcliError, UsageError
from seqcli.records import ROWS, Pair
from seqcli.tasks.sequence_to_sequence.answers import check_demands
from seqcli.tasks.sequence_to_sequence.demands import Demands, Glossary
from seqcli.tasks.sequence_to_sequence.editing import steered
from seqcli.tasks.sequence_to_sequence.predict import Answer, Settings, Translator
from seqcli.tasks.sequence_to_sequence.show import Writer
from seqcli.tasks.sequence_to_sequence.transcribing import with_language_model

if TYPE_CHECKING:
    from seqcli.cli.generate import Asked

BATCH = 256  # default number of sources read together
DRAWN = 1  # answers in a picture
TOLD = 3  # how many records that miss the constraints are reported with their place
BEAM = 5  # the default beam if phrases are required and the recipe's beam is 1
SEARCHED = ("beam", "n_best", "length_penalty", "coverage_penalty")  # options of answers that are searched


def run(asked: Asked, stored: artifact.Artifact, given: Given) -> None:
    """Answer the records of FILES, or one prompt. Raises SeqcliError."""
    _check_drawing(asked, given)
    read = SOURCES.chosen(asked.files, asked.reading.input, asked.reading.field, asked.writing.jsonl, given)
    _check_form(asked, read)
    others = [_member(path, stored) for path in asked.searching.ensemble or ()]
    limit = threads.limit(asked.how.threads or 1)  # noqa: F841  in force while it is referenced
    translator = Translator.open(stored, *others)
    writing = asked.writing
    if writing.draw:
        from seqcli.insight.alignment import check

        check(writing.draw)
    settings = with_language_model(
        _settings(asked, translator),
        translator,
        asked.searching.lm,
        asked.searching.lm_weight,
        asked.searching.length_bonus,
    )
    _check_demands(asked, settings, translator)
    looking = ("attention", "alignment", "draw", "replace_unknown", "coverage_penalty")
    if flags := given.flags(looking):
        _check_attention(flags[0], translator)
    number = asked.drawing.samples if asked.drawing.drawn else asked.searching.n_best
    writer = Writer(writing.attention, writing.alignment, number > 1, writing.confidence, asked.sure.otherwise)
    drawn: list[tuple[Pair, Answer]] = []
    failed = Failed()
    if asked.prompt is not None:
        pair = translator.prepare(Pair(asked.prompt, source="--prompt"), settings)
        answers = translator.answer([_filter.one(translator, pair, asked.how)], settings)[0]
        drawn.append((pair, answers[0]))
        failed.add(pair, answers)
        out = streams.Output()
        out.write(forms.form("text", writing.jsonl, None, writer)(pair, answers))
        out.flush()
    else:
        _filter_sources(asked, read, translator, settings, writer, drawn, failed)
    if writing.draw:
        _draw(writing.draw, translator, drawn)
    failed.tell()


@dataclass
class Failed:
    """Counts records for which no answer satisfies the constraints."""

    count: int = 0

    def add(self, pair: Pair, answers: Sequence[Answer]) -> None:
        """Count a record without such an answer, and warn about the first ones."""
        if answers[0].unmet:
            self.count += 1
            if self.count <= TOLD:
                more = "; further ones are not reported" if self.count == TOLD else ""
                unmet = ", ".join(answers[0].unmet)
                console.warn(f"{pair.place()}: no answer was found that satisfies {unmet}{more}")

    def tell(self) -> None:
        """Raise SeqcliError if there were any."""
        if self.count:
            what = "1 record has" if self.count == 1 else f"{self.count:,} records have"
            raise SeqcliError(
                f"{what} no answer that satisfies the constraints; --else, or nothing, is written instead",
                hint="allow more tokens (--max-tokens) or a wider --beam, or relax the constraints",
            )


def _filter_sources(
    asked: Asked,
    read: str,
    translator: Translator,
    settings: Settings,
    writer: Writer,
    drawn: list[tuple[Pair, Answer]],
    failed: Failed,
) -> None:
    reading, how = asked.reading, asked.how
    reader = SOURCES.reader(read, reading, translator.header)
    written = forms.form(read, asked.writing.jsonl, reader, writer)

    def write(pair: Pair, answers: list[Answer]) -> str:
        if asked.writing.draw and len(drawn) < DRAWN and answers[0].symbols:
            drawn.append((pair, answers[0]))
        failed.add(pair, answers)
        return written(pair, answers)

    _filter.run(
        asked.files, reader, translator, settings, write,
        batch_size=how.batch_size or BATCH, how=how, what="answering",
    )  # fmt: skip
    forms.finish(written)


def _member(path: str, stored: artifact.Artifact) -> artifact.Artifact:
    from seqcli import runs

    other = runs.open_model(path, "generate", "--ensemble needs a model for sequence-to-sequence")
    if other.header["task"] != stored.header["task"]:
        raise UsageError(f"--ensemble: {other.path} is a model for {other.header['task']}")
    return other


def _check_attention(flag: str, translator: Translator) -> None:
    """Raise UsageError if the model, or one of an ensemble, has no attention."""
    model, paths = translator.model, translator.files
    for path, member in zip(paths, model.models if isinstance(model, Ensemble) else [model], strict=True):
        found = replace(translator, model=member).answer([_any(translator)], Settings(max_length=1, attention=True))
        if found[0][0].attention is None:
            hint = "leave it out of the ensemble, or " if len(paths) > 1 else ""
            raise UsageError(
                f"{flag} needs a model with attention, and {path} has none",
                hint=f"{hint}train one with model.attention: general",
            )


def _any(translator: Translator) -> Pair:
    """Return an arbitrary source."""
    frames = translator.codec.frames
    return Pair("a", frames=None if frames is None else np.zeros((64, frames.dimensions), np.float32))


def _settings(asked: Asked, translator: Translator) -> Settings:
    own, searching, drawing = translator.search, asked.searching, asked.drawing
    said = asked.demanding
    glossary = None if said.glossary is None else Glossary.read(said.glossary)
    demands = Demands(tuple(said.must or ()), tuple(said.must_not or ()), said.keep, glossary, said.grammar)
    check_demands(demands, drawn=drawing.drawn, replace_unknown=searching.replace_unknown)
    aims = demands.aims or asked.reading.must_key is not None
    beam = searching.beam or (searching.n_best if drawing.temperature == 0 else max(own.beam, searching.n_best))
    if aims and beam == 1 and searching.beam is None and not drawing.drawn:
        beam = BEAM
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
        drawing.seeded(drawing.drawn),
        writing.max_tokens,
        attention=writing.attention or writing.alignment or writing.draw is not None,
        replace_unknown=searching.replace_unknown,
        least=asked.sure.least(translator),
        explain=writing.explain,
        times=writing.times,
        demands=demands,
    )


def _check_demands(asked: Asked, settings: Settings, translator: Translator) -> None:
    """Raise UsageError if no answer of this model could satisfy the constraints on all records."""
    demands, ctc = settings.demands, not steered(translator.model)
    keys = {"--must-key": asked.reading.must_key, "--must-not-key": asked.reading.must_not_key}
    own = [flag for flag, key in keys.items() if key is not None]
    if own and (ctc or settings.replace_unknown or (settings.sampling and own[0] == "--must-key")):
        what = "models that write symbol by symbol" if ctc else "answers found by beam search, without replacements"
        raise UsageError(f"{own[0]} is for {what}")
    if not (demands.flags or own) or ctc:
        return
    if (demands.aims or own[:1] == ["--must-key"]) and settings.search.beam == 1:
        raise UsageError(
            f"{[*demands.flags, *own][0]} needs a beam of 2 or more", hint="leave out --beam, or give --beam 5"
        )
    if translator.codec.frames is not None and (demands.keep or demands.glossary):
        raise UsageError(f"{'--keep' if demands.keep else '--glossary'}: the sources of this model are not text")
    impossible = [d.name for d in translator.rules.of(Pair(""), demands) if not d.possible]
    if impossible and not (translator.copies and demands.grammar is None):
        raise UsageError(
            f"{translator.path} has no symbols that could write {impossible[0]}", hint="change that constraint"
        )


def _check_drawing(asked: Asked, given: Given) -> None:
    """Raise UsageError for options of both searched and sampled answers."""
    drawing = asked.drawing
    if not drawing.drawn and (drawing.samples > 1 or drawing.repetition_penalty != 1.0):
        flag, other = ("--samples", "--n-best") if drawing.samples > 1 else ("--repetition-penalty", "--no-repeat")
        raise UsageError(f"{flag} is for sampled answers", hint=f"add --temperature 1, or use {other}")
    if drawing.drawn and (flags := given.flags(SEARCHED)):
        said = f"{flags[0]} is for searched answers, but --temperature, --top-k and --top-p sample them"
        raise UsageError(f"{said}: leave out one kind")


def _check_form(asked: Asked, read: str) -> None:
    """Raise UsageError for results that the output form has no room for."""
    check_otherwise(asked.sure.otherwise, "an answer")
    for name, value in (
        ("--confidence", asked.writing.confidence),
        ("--n-best", asked.searching.n_best > 1),
        ("--samples", asked.drawing.samples > 1),
        ("--alignment", asked.writing.alignment),
    ):
        if value and read in ROWS and asked.prompt is None:
            said = f"{name}: {read} comes back with {SOURCES.more}, the best answer"
            raise UsageError(said, hint="read lines or jsonl, where there is room for more")
    if asked.writing.explain and asked.searching.ensemble:
        raise UsageError("--explain explains a single model: leave out --ensemble")
    if asked.writing.attention and not (asked.writing.jsonl or read == "jsonl"):
        raise UsageError("--attention needs --jsonl", hint="--alignment writes pairs, --draw FILE a picture")


def _draw(path: str, translator: Translator, drawn: list[tuple[Pair, Answer]]) -> None:
    from seqcli.insight import alignment, patches

    pair, answer = drawn[0] if drawn else (None, None)
    if pair is None or answer is None or answer.attention is None:
        console.warn(f"{path} is not written: no source had an answer")
        return
    target = [*answer.symbols, "<eos>"][: len(answer.attention)]
    grid = getattr(getattr(translator.model, "front_end", None), "grid", None)
    if grid is not None and (frames := translator.codec.frames):
        picture = frames.array(pair)
        patches.draw(path, picture, grid(len(picture)), target, answer.attention)
        return
    alignment.draw(path, answer.source_symbols, target, answer.attention, title="")
