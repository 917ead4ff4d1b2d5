"""The work of `seqcli generate` with a language model: prompts in, continuations out, as they come."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from seqcli import artifact, models, registry, streams, threads, tokenizers
from seqcli.cli import _filter, _forms
from seqcli.cli._options import Given
from seqcli.cli._reading import Reads, trained_roles
from seqcli.cli.generate import Asked, seed_of
from seqcli.decoding.sampling import Sampling, Token, next_tokens, sample
from seqcli.decoding.text import stream_text, until_stop
from seqcli.errors import UsageError
from seqcli.formats import ROWS, one_line
from seqcli.labelled import Example, Options

READ = Reads("labelled", ("text", "jsonl", "tsv", "csv"), "source", "one more column")
MOST = 200  # tokens, where nothing else is said


def unescape(text: str) -> str:
    """A stop text as a shell user writes it: \\n, \\t and \\\\ are understood."""
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


@dataclass(frozen=True)
class Settings:
    """How prompts are continued."""

    sampling: Sampling
    max_tokens: int
    samples: int
    stops: tuple[str, ...]
    seed: int
    next: int | None  # the most probable next tokens instead
    tokens: bool  # log-probabilities of each token are asked for


class Text(NamedTuple):
    """A continuation, and its tokens where they are asked for."""

    text: str
    tokens: list[Token]


@dataclass(frozen=True)
class Generator:
    """A model, its tokenizer, and how to sample."""

    model: Any
    tokenizer: tokenizers.BaseTokenizer
    settings: Settings

    @classmethod
    def open(cls, stored: artifact.Artifact, settings: Settings, device: str = "cpu") -> Generator:
        """An opened model on a device. Raises SeqcliError."""
        model = models.restore(stored, stored.header["vocabulary"])
        return cls(
            model if device == "cpu" else _on_device(model, device), tokenizers.from_artifact(stored), settings
        )

    def encode(self, prompt: str) -> tuple[np.ndarray, list[tuple[int, str]]]:
        """Ids of a prompt, at least one: an empty prompt is what follows a line end; and what it holds that the model
        has no symbol for."""
        ids, lacking = tokenizers.read(self.tokenizer, prompt)
        return (ids.astype(np.int64) if len(ids) else np.array([self.tokenizer.newline_id or 0])), lacking

    def pieces(
        self, ids: np.ndarray, record: int, number: int, stops: Sequence[str], collected: list[Token] | None = None
    ) -> Iterator[str]:
        """The continuation of a prompt as it comes; its tokens are `collected`."""
        s = self.settings
        rng = np.random.default_rng([s.seed, record, number])
        tokens = sample(self.model, ids, s.sampling, rng, s.max_tokens, logprobs=collected is not None)
        return until_stop(stream_text(tokens, self.tokenizer, ids, collected), stops)

    def texts(self, ids: np.ndarray, record: int, stops: Sequence[str]) -> list[Text]:
        """All samples of a prompt."""
        found = []
        for number in range(self.settings.samples):
            tokens: list[Token] = []
            collected = tokens if self.settings.tokens else None
            found.append(Text("".join(self.pieces(ids, record, number, stops, collected)), tokens))
        return found

    def next(self, ids: np.ndarray) -> list[tuple[str, float]]:
        """The most probable next tokens and their probabilities."""
        return [(self.tokenizer.symbol(i), p) for i, p in next_tokens(self.model, ids, self.settings.next or 1)]


def run(asked: Asked, stored: artifact.Artifact, given: Given) -> None:
    """Continue one prompt, or what FILES say. Raises SeqcliError."""
    drawing, writing, how = asked.drawing, asked.writing, asked.how
    read = READ.chosen(asked.files, asked.reading.input, asked.reading.field, writing.jsonl, given)
    if read in ROWS and asked.prompt is None and (drawing.samples > 1 or asked.continuing.next_):
        flag = "--samples" if drawing.samples > 1 else "--next"
        raise UsageError(f"{flag}: {read} comes back with {READ.more}", hint="read lines or jsonl")
    if how.jobs > 1 and asked.continuing.device != "cpu":
        raise UsageError("--jobs goes with --device cpu")
    objects = writing.jsonl or read == "jsonl"
    temperature = 1.0 if drawing.temperature is None else drawing.temperature
    settings = Settings(
        Sampling(temperature, drawing.top_k, drawing.top_p, drawing.repetition_penalty),
        MOST if writing.max_tokens is None else writing.max_tokens,
        drawing.samples,
        tuple(map(unescape, asked.continuing.stop or ())),
        seed_of(drawing, drawn=temperature > 0 and asked.continuing.next_ is None),
        asked.continuing.next_,
        objects,
    )
    generator = Generator.open(stored, settings, asked.continuing.device)
    if asked.continuing.device == "cpu":
        threads.choose_for(generator.model, how.threads)
    work, writer = Work(generator, settings, objects), Writer(generator, asked.continuing.echo)
    if asked.prompt is not None:
        _one(asked, work, writer)
        return
    options = Options(
        text=asked.reading.field or asked.reading.source,
        delimiter=asked.reading.delimiter,
        header=asked.reading.header,
        gold=False,
    )
    reader = registry.load("labelled", read).Reader(options, trained_roles(stored))
    write = _forms.form(read, objects, reader, writer)
    _filter.run(asked.files, reader, work, write, model=stored.path, batch_size=1, how=how, what="generating")
    _forms.finish(write)


def _one(asked: Asked, work: Work, writer: Writer) -> None:
    """One prompt: raw text as it comes; tables and objects when they are complete."""
    out, generator, prompt = streams.Output(), writer.generator, asked.prompt or ""
    s = generator.settings
    prompted = Example(prompt, source="--prompt")
    ready = _filter.one(work, prompted, asked.how)
    if asked.writing.jsonl or s.next is not None:
        write = _forms.form("text", asked.writing.jsonl, None, writer)
        out.write(write(prompted, work.answer([ready])[0]))
    else:
        for number in range(s.samples):
            if asked.continuing.echo:
                out.write(prompt)
            last = ""
            for text in generator.pieces(ready.ids, 0, number, s.stops):
                out.write(text)
                out.flush()
                last = text or last
            if (s.samples > 1 or sys.stdout.isatty()) and not last.endswith("\n"):
                out.write("\n")
    out.flush()


class Ready(NamedTuple):
    """A prompt as ids."""

    ids: np.ndarray
    record: int
    lacking: list[tuple[int, str]]


@dataclass
class Work(_filter.Work):
    """What continues prompts; it travels to other processes without its model."""

    generator: Generator | None
    settings: Settings
    objects: bool  # a continuation may be longer than a line
    records: int = 0

    def prepare(self, record: Example) -> Example:
        """The record, numbered."""
        record.record = self.records
        self.records += 1
        return record

    def ready(self, record: Example | None) -> Ready | None:
        """A prompt as ids; None for a blank line among objects."""
        assert self.generator is not None
        if record is None or _is_blank(record):
            return None
        ids, lacking = self.generator.encode(record.text)
        return Ready(ids, record.record, lacking)

    def lacking(self, record: Ready | None) -> Sequence[tuple[int, str]]:
        """What a prompt holds that the model has no symbol for."""
        return record.lacking if record else ()

    def answer(self, records: list[Ready | None]) -> list[Any]:
        """All samples of each prompt, or the most probable next tokens."""
        assert self.generator is not None
        generator, stops = self.generator, self.settings.stops
        if self.settings.next is not None:
            return [generator.next(r.ids) if r else [] for r in records]
        stops = stops if self.objects else (*stops, "\n")
        return [generator.texts(r.ids, r.record, stops) if r else [] for r in records]

    def packed(self) -> Work:
        """The work without its model."""
        return replace(self, generator=None)

    def unpack(self, model: Path) -> None:
        """Open the model."""
        self.generator = Generator.open(artifact.read(model), self.settings)

    def light(self, record: Example) -> Example | None:
        """The text and what an answer depends on."""
        return None if _is_blank(record) else Example(record.text, record=record.record)


def _is_blank(record: Example) -> bool:
    """Whether it is a blank line among objects, which comes back as it is."""
    return record.raw is not None and record.raw.format == "jsonl" and not record.raw.body.strip()


# what is written


@dataclass(frozen=True)
class Writer(_forms.Writer):
    """Continuations as they are written: a line each, JSON objects, or rows with one more column."""

    generator: Generator
    echo: bool
    key: ClassVar[str] = "prompt"
    names: ClassVar[Sequence[str]] = ("continuation",)

    def line(self, record: Example, answer: list[Any]) -> str:
        """As text: a continuation a line, or `token TAB probability` lines."""
        if self.generator.settings.next is not None:
            return "".join(f"{symbol}\t{p:.4f}\n" for symbol, p in answer)
        return "".join((record.text if self.echo else "") + text + "\n" for text, _ in answer)

    def results(self, record: Example, answer: list[Any]) -> list[dict[str, Any]]:
        """What stands under `seqcli`, a JSON object for each sample."""
        if self.generator.settings.next is not None:
            return [{"next": [{"token": symbol, "probability": round(p, 6)} for symbol, p in answer]}]
        symbol = self.generator.tokenizer.symbol
        return [
            {
                "text": text,
                "logprob": round(sum(t.logprob for t in tokens), 6),
                "tokens": [{"text": symbol(t.id), "logprob": round(t.logprob, 6)} for t in tokens],
                "sample": number,
                "seed": self.generator.settings.seed,
            }
            for number, (text, tokens) in enumerate(answer)
        ]

    def cells(self, answer: list[Text]) -> list[str]:
        """One cell."""
        return [one_line(answer[0].text) if answer else ""]


def _on_device(model: Any, device: str) -> Any:
    """The model with torch weights on a device. Raises UsageError where there is none."""
    from seqcli.training import require_torch

    if device not in ("cuda", "mps"):
        raise UsageError(f"unknown device {device!r}", hint="known: cpu, cuda, mps")
    if not hasattr(model, "loss"):
        raise UsageError(f"a {model.kind} model runs on the CPU alone", hint="leave --device away")
    require_torch(f"--device {device}")
    import torch

    from seqcli import layers

    if not (torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()):
        raise UsageError(f"--device {device}: this machine has none that torch can use", hint="leave --device away")
    torch.set_grad_enabled(False)
    return layers.replace(model, {n: torch.from_numpy(a).to(device) for n, a in model.arrays().items()})
