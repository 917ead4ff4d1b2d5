"""Connectionist temporal classification: an encoder that predicts a target symbol, or none, at each step.

Source and target need no alignment, but the same order: p(target) is the sum over all ways to spread its symbols over
the steps (Graves et al. 2006). Steps are independent of each other given the source, so there is no decoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from seqcli import front_ends, ops
from seqcli.decoding.ctc import log_probability, needed
from seqcli.layers.blank import Rng
from seqcli.layers.choice import CellSpec, FrontEndSpec
from seqcli.layers.stack import Stack
from seqcli.models import Sizes
from seqcli.models._base import Depth, Rate, Size, head, stack
from seqcli.models._encoding import Encodes
from seqcli.models._seq2seq import normal
from seqcli.ops import Array

TASK = "sequence-to-sequence"
VERBS = ("generate", "eval", "embed")
TRAINED = "gradient"
FRAMES = True  # it can read frames too
OF_TEXT = ("word_dropout",)  # keys that do not apply to frames


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `model: {kind: ctc}`."""

    kind: Literal["ctc"] = "ctc"
    cell: CellSpec = Field(default="lstm", validate_default=True)  # a file of seqcli/cells, or {kind: rnn, ...}
    embedding: Size = 128  # E: of the source's symbols, or of a front end's output
    front_end: FrontEndSpec = None  # of frames: a file of seqcli/front_ends, or {kind: conv, ...}; default: linear
    hidden: Size = 256  # of each direction
    layers: Depth = 2
    bidirectional: bool = True
    dropout: Rate = 0.0  # of the inputs of each layer and of the softmax
    word_dropout: Rate = 0.0  # of symbols of the source, whose embeddings become zero
    beam: Size = 8  # prefixes kept in decoding, unless --beam is given


@dataclass(frozen=True)
class Model(Encodes):
    """A model p(symbol or blank at step t) = softmax(W y_t + b). The blank is the last symbol."""

    source_embedding: Array | None  # (Vs, E)
    front_end: Any
    encoder: Stack
    output_weight: Array  # (V + 1, C)
    output_bias: Array  # (V + 1,)
    dropout: float = 0.0
    word_dropout: float = 0.0

    kind = "ctc"

    @property
    def stack(self) -> Stack:
        """The layers that read the source."""
        return self.encoder

    @property
    def blank(self) -> int:
        """The symbol that stands for no symbol."""
        return len(self.output_bias) - 1

    @classmethod
    def create(cls, config: Config, sizes: Sizes, rng: Rng) -> Model:
        E = config.embedding
        spec: Any = config.front_end  # a spec since validation
        front_end = front_ends.create(spec, sizes.dimensions, E, rng)
        cells = stack(config.cell, E, [config.hidden] * config.layers, rng, bidirectional=config.bidirectional)
        symbols = sizes.target - 1  # with the blank, without BOS and EOS
        return cls(
            source_embedding=None if front_end else normal(sizes.source, E, rng),
            front_end=front_end,
            encoder=cells,
            output_weight=head(symbols, cells.output_size, rng),
            output_bias=np.zeros(symbols, np.float32),
            **cls.numbers(config),
        )

    def loss(self, batch: Mapping[str, Array], rng: Any = None) -> Array:
        """Return the mean loss in nats per target token (EOS counted) of a batch as in `_seq2seq`."""
        y, lengths = self.outputs(batch["source"], batch["source_lengths"], rng)
        logits = ops.linear(y, self.output_weight, self.output_bias)
        nats = ops.ctc_nats(logits, lengths, batch["inputs"][:, 1:], batch["target_lengths"] - 1, self.blank)
        there = ops.where(nats < np.inf, nats, ops.zeros((1,), nats))  # a shift may leave a source with too few steps
        return there.sum() / batch["total"]

    def lacks(self, steps: int, target: np.ndarray) -> bool:
        """Whether a source of so many symbols or frames has too few steps for a target without its EOS."""
        own = steps if self.front_end is None else int(self.front_end.reduced(np.array([steps]))[0])
        return own < needed(target)

    def posteriors(self, sources: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return log-probabilities (T, V + 1) float32 of each source's steps, independent of the other sources."""
        flat, counts = self.joined(sources)
        logprobs = ops.log_softmax(ops.linear(flat, self.output_weight, self.output_bias))
        return np.split(logprobs, np.cumsum(counts)[:-1])

    def score(self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return log p of targets (U,), EOS included, divided equally among a target's symbols: a single symbol has
        no probability of its own."""
        found = []
        for logprobs, target in zip(self.posteriors(sources) if sources else [], targets, strict=True):
            found.append(np.full(len(target), log_probability(logprobs, target[:-1], self.blank) / len(target)))
        return found
