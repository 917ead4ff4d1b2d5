"""The work of `seqcli generate`: prompts in, text out, as it comes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqcli import artifact, console, models, streams, threads, tokenizers
from seqcli.decoding.sampling import Sampling, Token, next_tokens, sample
from seqcli.decoding.text import stream_text, until_stop
from seqcli.errors import SeqcliError, UsageError
from seqcli.files import sources
from seqcli.streams import Output, column_of
from seqcli.tokenizers import UnknownCharacter


@dataclass(frozen=True)
class Settings:
    """What the flags of `generate` say."""

    sampling: Sampling
    max_tokens: int
    samples: int
    stops: Sequence[str]
    seed: int | None
    next: int | None
    echo: bool
    jsonl: bool
    field: str | None


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


class Generator:
    """A model, its tokenizer, and how to sample."""

    def __init__(self, model: Any, tokenizer: tokenizers.BaseTokenizer, settings: Settings, seed: int):
        self.model, self.tokenizer, self.settings, self.seed = model, tokenizer, settings, seed
        self.out = Output()

    @classmethod
    def open(
        cls, stored: artifact.Artifact, settings: Settings, device: str, wanted_threads: int | None
    ) -> Generator:
        """An opened model on a device. Raises SeqcliError."""
        model, tokenizer = models.restore(stored), tokenizers.from_artifact(stored)
        drawn = settings.seed is None and settings.sampling.temperature > 0 and settings.next is None
        seed = secrets.randbelow(1 << 31) if settings.seed is None else settings.seed
        if drawn:
            console.say(f"seed {seed}")
        if device != "cpu":
            return cls(_on_device(model, device), tokenizer, settings, seed)
        threads.choose_for(model, wanted_threads)
        return cls(model, tokenizer, settings, seed)

    def encode(self, prompt: str, source: str, line: int) -> np.ndarray:
        """Ids of a prompt, at least one: an empty prompt is what follows a line end. Raises SeqcliError."""

        def where(offset: int) -> str:
            before, column = column_of(prompt, offset)
            return f"{source}:{line + before}:{column}" if source != "--prompt" else f"--prompt:{column}"

        if (half := next((i for i, c in enumerate(prompt) if "\ud800" <= c <= "\udfff"), None)) is not None:
            raise SeqcliError(
                f"{where(half)}: not a character", hint="prompts are UTF-8; in JSON, surrogates in pairs"
            )
        try:
            ids = self.tokenizer.encode(prompt).astype(np.int64)
        except UnknownCharacter as error:
            raise SeqcliError(
                f"{where(error.offset)}: {error.message} of this model",
                hint="leave it out, or train with `--set tokenizer.unk=true`",
            ) from None
        if self.tokenizer.unk_id is not None and (unknown := int((ids == self.tokenizer.unk_id).sum())):
            console.warn(f"{source}:{line}: {unknown} of {len(ids)} tokens of the prompt are unknown, read as <unk>")
        if len(ids):
            return ids
        return np.array([self.tokenizer.newline_id or 0])

    # one prompt, streamed

    def one(self, prompt: str) -> None:
        """The samples of one prompt: raw text as it comes."""
        s = self.settings
        ids = self.encode(prompt, "--prompt", 1)
        if s.next is not None:
            self._next(ids, {"prompt": prompt})
            return
        for number in range(s.samples):
            if s.jsonl:
                self._record({"prompt": prompt}, ids, 0, number, s.stops)
                continue
            if s.echo:
                self.out.write(prompt)
            last = ""
            for text in self._text(ids, 0, number, s.stops, None):
                self.out.write(text)
                self.out.flush()
                last = text or last
            if (s.samples > 1 or _to_terminal()) and not last.endswith("\n"):
                self.out.write("\n")
        self.out.flush()

    def _text(
        self, ids: np.ndarray, record: int, number: int, stops: Sequence[str], collected: list[Token] | None
    ) -> Iterator[str]:
        s = self.settings
        rng = np.random.default_rng([self.seed, record, number])
        tokens = sample(self.model, ids, s.sampling, rng, s.max_tokens, logprobs=collected is not None)
        return until_stop(stream_text(tokens, self.tokenizer, ids, collected), stops)

    # a prompt a line

    def lines(self, files: Sequence[str]) -> None:
        """One line out for a prompt in, in order, flushed when the input pauses."""
        record = 0
        for chunk in streams.read_text(sources(files)):
            for number, line in streams.lines_of(chunk):
                fields, prompt = self._prompt(line, chunk.source, number)
                ids = self.encode(prompt, chunk.source, number)
                if self.settings.next is not None:
                    self._next(ids, fields)
                else:
                    self._line(fields, prompt, ids, record)
                record += 1
            self.out.flush()

    def _line(self, fields: dict[str, Any], prompt: str, ids: np.ndarray, record: int) -> None:
        s = self.settings
        for number in range(s.samples):
            if s.jsonl:
                self._record(fields, ids, record, number, s.stops)
            else:
                text = "".join(self._text(ids, record, number, [*s.stops, "\n"], None))
                self.out.line((prompt if s.echo else "") + text)

    def _prompt(self, line: str, source: str, number: int) -> tuple[dict[str, Any], str]:
        """The fields to pass through, and the prompt."""
        if self.settings.field is None:
            return {"prompt": line}, line
        name = self.settings.field
        try:
            fields = json.loads(line)
        except ValueError as error:
            raise SeqcliError(f"{source}:{number}:{getattr(error, 'colno', 1)}: not a JSON object") from None
        if not isinstance(fields, dict) or not isinstance(fields.get(name), str):
            raise SeqcliError(f"{source}:{number}: the object has no text in its field {name!r}")
        return fields, fields[name]

    def _record(
        self, fields: dict[str, Any], ids: np.ndarray, record: int, number: int, stops: Sequence[str]
    ) -> None:
        collected: list[Token] = []
        text = "".join(self._text(ids, record, number, stops, collected))
        found = {
            "text": text,
            "logprob": round(sum(t.logprob for t in collected), 6),
            "tokens": [{"text": self.tokenizer.symbol(t.id), "logprob": round(t.logprob, 6)} for t in collected],
            "sample": number,
            "seed": self.seed,
        }
        self.out.json({**fields, "seqcli": found})
        self.out.flush()

    def _next(self, ids: np.ndarray, fields: dict[str, Any]) -> None:
        """The most probable next tokens: `token TAB probability` lines, or JSON."""
        assert self.settings.next is not None
        found = next_tokens(self.model, ids, self.settings.next)
        if self.settings.jsonl:
            rows = [{"token": self.tokenizer.symbol(i), "probability": round(p, 6)} for i, p in found]
            self.out.json({**fields, "seqcli": {"next": rows}})
        else:
            for i, p in found:
                self.out.line(f"{self.tokenizer.symbol(i)}\t{p:.4f}")
        self.out.flush()


def _to_terminal() -> bool:
    import sys

    return sys.stdout.isatty()


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
