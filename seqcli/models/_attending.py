"""What models that read words by attention alone share: recipe keys, and blocks of attention in place of cells."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from seqcli.layers.blank import Rng
from seqcli.layers.transformer import Encoder, Style
from seqcli.models._base import Depth, Rate, Size
from seqcli.models._words import ReadsWords
from seqcli.ops import Array


class Keys(BaseModel, extra="forbid"):
    """Recipe keys of blocks of attention."""

    size: Size = 256  # D: width of each layer's output
    heads: Size = 4  # of each attention; they divide the size equally
    feedforward: Size | None = None  # units of each feed-forward net; default: 4 times the size
    layers: Depth = 3
    activation: Literal["relu", "gelu"] = "relu"  # of the feed-forward nets
    norm: Literal["pre", "post"] = "pre"  # before each part, which trains more easily, or after its sum
    attention_dropout: Rate = 0.0  # of attention weights; above 0 training is slower
    feedforward_dropout: Rate = 0.0  # of the units of the feed-forward nets


class Attending(ReadsWords):
    """A model in which every word attends to all words of its sequence (Vaswani et al. 2017)."""

    @classmethod
    def stacked(cls, config: Any, inputs: int, rng: Rng) -> Encoder:
        """Create fresh layers that read the words. Raises UsageError for keys that contradict each other."""
        style = Style(
            config.norm, config.activation, config.dropout, config.attention_dropout, config.feedforward_dropout
        )
        wide = config.feedforward or 4 * config.size
        return Encoder.create(inputs, config.size, config.heads, wide, config.layers, style, rng)

    def encode(self, x: Array, lengths: Array, rng: Any = None) -> Array:
        return self.stack.read(self.drop(x, rng), lengths, rng)
