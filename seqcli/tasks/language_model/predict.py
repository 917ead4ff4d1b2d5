"""Continuing text with a trained language model: prompts in, continuations out, as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqcli import models, tokenizers
from seqcli.artifact import Artifact
from seqcli.decoding.sampling import Sampling, Token, next_tokens, sample
from seqcli.decoding.text import stream_text, until_stop
from seqcli.predictor import BasePredictor
from seqcli.records import LABELLED, Example
from seqcli.streams import Chunk
from seqcli.tokenizers import BaseTokenizer

if TYPE_CHECKING:
    from seqcli.report import Report


@dataclass(frozen=True)
class Settings:
    """How prompts are continued."""

    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 200
    samples: int = 1
    stops: tuple[str, ...] = ()
    seed: int = 0
    next: int | None = None  # so many of the most probable next tokens instead
    tokens: bool = False  # log-probabilities of each token are asked for
    lines: bool = True  # a continuation ends with its first line


class Text(NamedTuple):
    """A continuation, and its tokens where they are asked for."""

    text: str
    tokens: list[Token]


class Ready(NamedTuple):
    """A prompt as ids."""

    ids: np.ndarray
    record: int
    lacking: list[tuple[int, str]]


@dataclass(frozen=True)
class Generator(BasePredictor):
    """A language model and its tokenizer, in the shell and from Python."""

    task = "language-model"
    kind = LABELLED
    least = "a text needs at least two tokens"
    settings = Settings

    model: Any
    tokenizer: BaseTokenizer

    @classmethod
    def open(cls, stored: Artifact, *others: Artifact) -> Generator:
        model, tokenizer = models.restore(stored, stored.header["vocabulary"]), tokenizers.from_artifact(stored)
        return cls(model, tokenizer, header=stored.header, files=(stored.path,))

    # records

    def prepare(self, record: Example, asked: Any) -> Example:
        """The record, numbered."""
        record.record = self.counted["records"]
        self.counted["records"] += 1
        return record

    def light(self, record: Example) -> Example | None:
        """The text and what an answer depends on."""
        return None if _is_blank(record) else Example(record.text, record=record.record)

    def ready(self, record: Example | None) -> Ready | None:
        """A prompt as ids; None for a blank line among objects."""
        if record is None or _is_blank(record):
            return None
        ids, lacking = tokenizers.read(self.tokenizer, record.text)
        return Ready(self._begun(ids), record.record, lacking)

    def _begun(self, ids: np.ndarray) -> np.ndarray:
        """At least one id: an empty prompt is what follows a line end."""
        return ids.astype(np.int64) if len(ids) else np.array([self.tokenizer.newline_id or 0])

    def lacking(self, record: Ready | None) -> Sequence[tuple[int, str]]:
        """What a prompt holds that the model has no symbol for."""
        return record.lacking if record else ()

    # answers

    def answer(self, records: Sequence[Ready | None], settings: Settings) -> list[Any]:
        """All samples of each prompt, or the most probable next tokens; nothing for a blank line among objects."""
        answers = self._next if settings.next is not None else self._texts
        return [answers(r, settings) if r else [] for r in records]

    def _next(self, record: Ready, settings: Settings) -> list[tuple[str, float]]:
        found = next_tokens(self.model, record.ids, settings.next or 1)
        return [(self.tokenizer.symbol(i), p) for i, p in found]

    def _texts(self, record: Ready, settings: Settings) -> list[Text]:
        found = []
        for number in range(settings.samples):
            tokens: list[Token] = []
            collected = tokens if settings.tokens else None
            found.append(Text("".join(self.pieces(record, number, settings, collected)), tokens))
        return found

    def pieces(
        self, record: Ready, number: int, settings: Settings, collected: list[Token] | None = None
    ) -> Iterator[str]:
        """A continuation of a prompt as it comes, the sample of that number; its tokens are `collected`."""
        rng = np.random.default_rng([settings.seed, record.record, number])
        stops = (*settings.stops, "\n") if settings.lines else settings.stops
        return self._streamed(record.ids, settings.sampling, rng, settings.max_tokens, stops, collected)

    def _streamed(
        self,
        ids: np.ndarray,
        sampling: Sampling,
        rng: np.random.Generator,
        most: int,
        stops: Sequence[str],
        collected: list[Token] | None = None,
    ) -> Iterator[str]:
        tokens = sample(self.model, ids, sampling, rng, most, logprobs=collected is not None)
        return until_stop(stream_text(tokens, self.tokenizer, ids, collected), stops)

    # from Python

    def stream(
        self,
        prompt: str = "",
        *,
        max_tokens: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float = 1.0,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
    ) -> Iterator[str]:
        """The continuation of a prompt, piece by piece. The same seed gives the same text as `seqcli generate`.

        Raises SeqcliError for a character that the model has no symbol for.
        """
        sampling = Sampling(temperature, top_k, top_p, repetition_penalty)
        rng = np.random.default_rng(None if seed is None else [seed, 0, 0])
        stops = [stop] if isinstance(stop, str) else stop
        return self._streamed(self._begun(self.tokenizer.encode(prompt)), sampling, rng, max_tokens, stops)

    def generate(self, prompt: str = "", **options: Any) -> str:
        """The continuation of a prompt; options as for `stream`."""
        return "".join(self.stream(prompt, **options))

    def next(self, prompt: str, count: int = 10) -> list[tuple[str, float]]:
        """The most probable next tokens and their probabilities."""
        return self._next(Ready(self._begun(self.tokenizer.encode(prompt)), 0, []), Settings(next=count))

    def evaluate(self, text: str | None = None, **asked: Any) -> Report:  # type: ignore[override]
        """Perplexity and its other forms on a text; without one on `files`, or on a split of its own data."""
        if text is None:
            return super().evaluate(**asked)
        return self.score([Chunk(text, "<text>", 1)], **asked)


def _is_blank(record: Example) -> bool:
    """Whether it is a blank line among objects, which comes back as it is."""
    return record.raw is not None and record.raw.format == "jsonl" and not record.raw.body.strip()


Predictor = Generator
