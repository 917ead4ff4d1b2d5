"""The Python door: `seqcli.load(path)` opens a model file and returns an object with the verbs that fit it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seqcli import artifact, models, runs, tokenizers
from seqcli.decoding.sampling import Sampling, next_tokens, sample
from seqcli.decoding.text import stream_text, until_stop
from seqcli.evaluation import Report, evaluate
from seqcli.streams import Chunk


class LanguageModel:
    """A trained language model and its tokenizer. `header` is what `seqcli inspect --json` shows."""

    def __init__(self, stored: artifact.Artifact):
        self.path, self.header = stored.path, stored.header
        self.model = models.restore(stored)
        self.tokenizer = tokenizers.from_artifact(stored)

    def _ids(self, prompt: str) -> np.ndarray:
        ids = self.tokenizer.encode(prompt).astype(np.int64)
        return ids if len(ids) else np.array([self.tokenizer.newline_id or 0])

    def stream(
        self,
        prompt: str = "",
        *,
        max_tokens: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float = 1.0,
        stop: str | list[str] = (),  # type: ignore[assignment]
        seed: int | None = None,
    ) -> Iterator[str]:
        """The continuation of a prompt, piece by piece. The same seed gives the same text as `seqcli generate`."""
        sampling = Sampling(temperature, top_k, top_p, repetition_penalty)
        rng = np.random.default_rng(None if seed is None else [seed, 0, 0])
        ids = self._ids(prompt)
        tokens = sample(self.model, ids, sampling, rng, max_tokens, logprobs=False)
        return until_stop(stream_text(tokens, self.tokenizer, ids), [stop] if isinstance(stop, str) else list(stop))

    def generate(self, prompt: str = "", **options: Any) -> str:
        """The continuation of a prompt; options as for `stream`."""
        return "".join(self.stream(prompt, **options))

    def next(self, prompt: str, count: int = 10) -> list[tuple[str, float]]:
        """The most probable next tokens and their probabilities."""
        return [(self.tokenizer.symbol(i), p) for i, p in next_tokens(self.model, self._ids(prompt), count)]

    def evaluate(self, text: str, *, window: int | None = None) -> Report:
        """Perplexity and its other forms on a text."""
        return evaluate(self.model, self.tokenizer, [Chunk(text, "<text>", 1)], window=window)


def load(path: str | Path) -> LanguageModel:
    """Open a model file, a run folder, or a run of ./runs by name. Raises SeqcliError."""
    return LanguageModel(runs.open_model(str(path), "generate"))
