"""The work of `seqcli generate` with a language model: prompts in, continuations out, as they are generated."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seqcli import artifact, forms, streams, threads
from seqcli.cli import _filter
from seqcli.cli._options import Given
from seqcli.cli._reading import PROMPTS
from seqcli.decoding.sampling import Sampling
from seqcli.errors import UsageError
from seqcli.records import ROWS, Example
from seqcli.streams import Chunk
from seqcli.tasks.language_model.condition import ends
from seqcli.tasks.language_model.predict import Generator, Settings
from seqcli.tasks.language_model.show import Writer

if TYPE_CHECKING:
    from seqcli.cli.generate import Asked

BATCH = 64  # default number of prompts continued together
PAUSE = 0.02  # seconds: the longest that text waits to be flushed
SAMPLES = 100  # default number of samples for quantiles


def unescape(text: str) -> str:
    """Replace \\n, \\t and \\\\ in a stop text as a shell user writes it."""
    marks = {"n": "\n", "t": "\t", "\\": "\\"}
    out, i = [], 0
    while i < len(text):
        if text[i] == "\\" and text[i + 1 : i + 2] in marks:
            out.append(marks[text[i + 1]])
            i += 2
        else:
            out.append(text[i])
            i += 1
    return "".join(out)


def run(asked: Asked, stored: artifact.Artifact, given: Given) -> None:
    """Continue one prompt, or the records of FILES. Raises SeqcliError."""
    drawing, writing, how = asked.drawing, asked.writing, asked.how
    read = PROMPTS.chosen(asked.files, asked.reading.input, asked.reading.field, writing.jsonl, given)
    if read in ROWS and asked.prompt is None and (drawing.samples > 1 or asked.continuing.next_):
        flag = "--samples" if drawing.samples > 1 else "--next"
        raise UsageError(f"{flag}: {read} comes back with {PROMPTS.more}", hint="read lines or jsonl")
    if asked.continuing.quantiles is not None:
        _check_quantiles(asked, stored, given, read)
    if drawing.samples > 1 and asked.continuing.next_:
        raise UsageError("--next lists tokens and draws none: --samples cannot be combined with it")
    if asked.demanding.grammar is not None and (flags := given.flags(("next_", "stop", "quantiles"))):
        raise UsageError(f"--grammar describes the whole continuation: {flags[0]} cannot be combined with it")
    if writing.explain and asked.continuing.next_:
        raise UsageError("--explain explains generated text: --next cannot be combined with it")
    if how.jobs > 1 and asked.continuing.device != "cpu":
        raise UsageError("--jobs needs --device cpu")
    samples = SAMPLES if asked.continuing.quantiles is not None and "samples" not in given else drawing.samples
    objects = writing.jsonl or read == "jsonl"
    temperature = 1.0 if drawing.temperature is None else drawing.temperature
    settings = Settings(
        Sampling(temperature, drawing.top_k, drawing.top_p, drawing.repetition_penalty),
        Settings.max_tokens if writing.max_tokens is None else writing.max_tokens,
        samples,
        (*map(unescape, asked.continuing.stop or ()), *ends(stored.header)),
        next=asked.continuing.next_,
        tokens=objects,
        lines=not objects,
        quantiles=asked.continuing.shares,
        explain=writing.explain,
        condition=asked.continuing.condition,
        grammar=asked.demanding.grammar,
    )
    if asked.continuing.device != "cpu" and (flags := given.flags(("mix", "cache"))):
        raise UsageError(f"{flags[0]} needs --device cpu")
    generator = asked.mixed.mixed(Generator.open(stored))
    blank = getattr(generator.tokenizer, "ends", "") == "blank"
    if blank and settings.lines:  # one value a line: a series ends with a blank line
        settings = replace(settings, lines=False, stops=(*settings.stops, "\n\n"))
    if asked.continuing.device == "cpu":
        threads.choose_for(generator.model, how.threads)
    else:
        generator = replace(generator, model=_on_device(generator.model, asked.continuing.device))
    symbol, next_ = generator.tokenizer.symbol, settings.next is not None
    series = None if generator.tokenizer.kind != "bins" else "\n\n" if blank else "\n"
    generator.lead(settings)
    generator.followed(settings, 1)  # raises before anything is read
    settings = replace(settings, seed=drawing.seeded(temperature > 0 and not next_))
    drawn = {"seed": settings.seed, "samples": samples, "quantiles": settings.quantiles}
    writer = Writer(asked.continuing.echo, next_, symbol, **drawn, series=series)
    if asked.prompt is not None:
        _one(asked, generator, settings, writer)
        return
    reader = PROMPTS.reader(read, asked.reading, stored.header)
    if blank and read == "text":
        reader = Paragraphs()
    write = forms.form(read, objects, reader, writer)
    size = how.batch_size or BATCH
    _filter.run(asked.files, reader, generator, settings, write, batch_size=size, how=how, what="generating")
    forms.finish(write)


def _check_quantiles(asked: Asked, stored: artifact.Artifact, given: Given, read: str) -> None:
    """Raise UsageError if --quantiles does not apply."""
    if (kind := (stored.header.get("tokenizer") or {}).get("kind")) != "bins":
        hint = "train one with: tokenizer: bins"
        raise UsageError(f"--quantiles is for models of numbers: {stored.path} reads {kind}", hint=hint)
    _ = asked.continuing.shares
    if flags := given.flags(("stop", "next_", "echo", "explain")):
        raise UsageError(f"--quantiles forecasts values and writes no text: {flags[0]} cannot be combined with it")
    if read in ROWS and asked.prompt is None:
        raise UsageError(f"--quantiles: {read} comes back with {PROMPTS.more}", hint="read lines or jsonl")


class Paragraphs:
    """A reader whose records are series, one value a line, separated by blank lines."""

    def __init__(self) -> None:
        self._held, self._at = "", ("", 1)

    def feed(self, chunk: Chunk) -> Iterator[Series]:
        """Yield the complete series: those whose blank line has been read, or whose source has ended."""
        if self._held and chunk.source != self._at[0]:
            yield from self.close()
        for number, line in enumerate(chunk.text.splitlines(keepends=True), chunk.line):
            if not line.strip():
                yield from self.close()
                continue
            if not self._held:
                self._at = chunk.source, number
            self._held += line

    def close(self) -> Iterator[Series]:
        """Yield the last series."""
        if self._held:
            yield Series(self._held, source=self._at[0], line=self._at[1])
        self._held = ""


class Series(Example):
    """A series, one value a line."""

    def place(self, at: int = 0, **which: bool) -> str:
        """Return `file:line:column` of a character."""
        return Chunk(self.text, self.source, self.line).place(at)


def _one(asked: Asked, generator: Generator, settings: Settings, writer: Writer) -> None:
    """Answer one prompt: raw text while it is generated; tables and objects when they are complete."""
    out, prompted = streams.Output(), Series(asked.prompt or "", source="--prompt")
    ready = _filter.one(generator, prompted, asked.how)
    if asked.writing.jsonl or settings.next is not None or settings.quantiles:
        write = forms.form("text", asked.writing.jsonl, None, writer)
        out.write(write(prompted, generator.answer([ready], settings)[0]))
    else:
        settings, echoed, last = replace(settings, lines=False), prompted.text * asked.continuing.echo, ""
        if settings.samples > 1:
            for text, *_ in generator.answer([ready], replace(settings, what="generating"))[0]:
                out.write(f"{echoed}{text}" + "\n" * (not text.endswith("\n")))
        else:
            out.write(echoed)
            flushed = 0.0
            for text in generator.pieces(ready, settings):
                out.write(text)
                last = text or last
                if (now := time.monotonic()) - flushed >= PAUSE:
                    out.flush()
                    flushed = now
            if sys.stdout.isatty() and not last.endswith("\n"):
                out.write("\n")
    out.flush()


def _on_device(model: Any, device: str) -> Any:
    """Return the model with torch weights on a device. Raises UsageError if the device is not available."""
    from seqcli.training import require_torch

    if device not in ("cuda", "mps"):
        raise UsageError(f"unknown device {device!r}", hint="known: cpu, cuda, mps")
    if not hasattr(model, "loss"):
        raise UsageError(f"a {model.kind} model runs only on the CPU", hint="leave out --device")
    require_torch(f"--device {device}")
    import torch

    from seqcli import layers

    if not (torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()):
        raise UsageError(f"--device {device}: this machine has none that torch can use", hint="leave out --device")
    torch.set_grad_enabled(False)
    return layers.replace(model, {n: torch.from_numpy(a).to(device) for n, a in model.arrays().items()})
