"""Transformer: encoder and decoder of attention alone (Vaswani et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from seqcli import ops
from seqcli.errors import UsageError
from seqcli.layers.blank import Rng, matrix
from seqcli.layers.norm import Norm
from seqcli.layers.positions import all_places, waves
from seqcli.layers.transformer import DecoderBlock, EncoderBlock, Style, with_room
from seqcli.models import Sizes
from seqcli.models._base import Depth, Rate, Size
from seqcli.models._seq2seq import BaseConfig, BaseSeq2Seq, Memory, State, normal, padded
from seqcli.ops import TILE, Array

TASK = "sequence-to-sequence"
VERBS = ("generate", "eval", "embed")
TRAINED = "gradient"


class Config(BaseConfig):
    """Recipe keys of `model` for a transformer."""

    kind: Literal["transformer"] = "transformer"
    size: Size = 256  # D: of embeddings and of each layer's output
    heads: Size = 4  # of each attention; they divide the size equally
    feedforward: Size | None = None  # units of each feed-forward net; default: 4 times the size
    layers: Depth = 3  # of the encoder
    decoder_layers: Depth | None = None  # default: the encoder's
    activation: Literal["relu", "gelu"] = "relu"  # of the feed-forward nets
    norm: Literal["pre", "post"] = "pre"  # before each part, which trains more easily, or after its sum
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    longest: Size | None = None  # number of learned positions, default 1024: those beyond share the last one
    dropout: Rate = 0.1  # of embeddings and of each part's output
    attention_dropout: Rate = 0.0  # of attention weights; above 0 training is slower
    feedforward_dropout: Rate = 0.0  # of the units of the feed-forward nets


@dataclass(frozen=True)
class Model(BaseSeq2Seq):
    """A model p(y_t | y_<t, x) = softmax(W_o d_t + b_o), d_t the decoder's output for y_<t and the encoded source."""

    source_embedding: Array  # (Vs, D)
    target_embedding: Array | None  # (V, D); None: the source's
    source_positions: Array | None  # (longest, D); None: sinusoidal
    target_positions: Array | None
    encoder: tuple[EncoderBlock, ...]
    encoder_norm: Norm | None  # of the last layer's output; None if the layers end in their own norm
    decoder: tuple[DecoderBlock, ...]
    decoder_norm: Norm | None
    output_weight: Array | None  # (V, D); None: the target embedding
    output_bias: Array  # (V,)
    copy_weight: Array | None  # (1, D)
    copy_bias: Array | None  # (1,)
    dropout: float = 0.0
    word_dropout: float = 0.0
    label_smoothing: float = 0.0
    scheduled_sampling: float = 0.0
    free_running: float = 0.0

    kind = "transformer"
    front_end = None

    @classmethod
    def create(cls, config: Config, sizes: Sizes, rng: Rng) -> Model:
        D, wide = config.size, config.feedforward or 4 * config.size
        depth, learned = config.decoder_layers or config.layers, config.positions == "learned"
        if D % config.heads:
            raise UsageError(
                f"model.heads: {D} units cannot be divided into {config.heads} equal heads",
                hint="choose a divisor of model.size",
            )
        if config.longest and not learned:
            raise UsageError("model.longest is for learned positions", hint="remove it, or use positions: learned")
        config.check_sizes(sizes)
        style = Style(
            config.norm, config.activation, config.dropout, config.attention_dropout, config.feedforward_dropout
        )

        return cls(
            source_embedding=normal(sizes.source, D, rng),
            target_embedding=None if config.tied == "all" else normal(sizes.target, D, rng),
            source_positions=normal(config.longest or 1024, D, rng) if learned else None,
            target_positions=normal(config.longest or 1024, D, rng) if learned else None,
            encoder=tuple(EncoderBlock.create(D, config.heads, wide, style, rng) for _ in range(config.layers)),
            encoder_norm=Norm.create(D) if config.norm == "pre" else None,
            decoder=tuple(DecoderBlock.create(D, config.heads, wide, style, rng) for _ in range(depth)),
            decoder_norm=Norm.create(D) if config.norm == "pre" else None,
            output_weight=None if config.tied != "none" else normal(sizes.target, D, rng),
            output_bias=np.zeros(sizes.target, np.float32),
            copy_weight=matrix(1, D, rng) if config.copy_source else None,
            copy_bias=np.zeros(1, np.float32) if config.copy_source else None,
            **cls.numbers(config),
        )

    # the equations, for training (torch) and inference (NumPy)

    def _look_up(self, ids: Array, table: Array, places: Array, rng: Any = None) -> Array:
        """Return embeddings of ids (...), after word dropout, plus position embeddings `places` (..., D), which
        broadcast to them."""
        D = table.shape[1]
        x = ops.embedding(ids, table) * D**0.5
        if rng is not None and self.word_dropout:
            x = x * ops.like(ops.dropout_mask((*ids.shape, 1), self.word_dropout, rng, x) != 0, x)
        return x + places

    def _places(self, places: Any, learned: Array | None) -> Array:
        """Return the embeddings (..., D) of positions (...), sinusoidal or learned."""
        like, D = self.targets, self.targets.shape[1]
        if learned is not None:
            last = len(learned) - 1
            return ops.embedding(ops.integers(ops.where(places < last, places, last), like), learned) * D**0.5
        return waves(places, D, like)

    def _encode(self, source: Array, lengths: Array, rng: Any = None) -> tuple[Array, Array]:
        """Encode sources (B, S) -> (B, S, D), in NumPy concatenated (N, D); and a mask (B, S), false for padding."""
        times = ops.arange(source.shape[1], source)[None]
        inside = (times < lengths[:, None]) | (times == 0)  # an empty row, which fills up a batch, has one place too
        if isinstance(source, np.ndarray):  # what is inside, end to end
            at = np.nonzero(inside)[1]
            x = self._look_up(source[inside], self.source_embedding, self._places(at, self.source_positions))
        else:
            places = self._places(all_places(source.shape[1], source), self.source_positions)
            x = self.drop(self._look_up(source, self.source_embedding, places, rng), rng)
        for block in self.encoder:
            x = block.read(x, inside, rng)
        if self.encoder_norm is not None:
            x = self.encoder_norm(x)
        return x, inside

    @property
    def encoded_size(self) -> int:
        """D: the size of the encoder's output for a symbol."""
        return self.targets.shape[1]

    def encoded(self, sources: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the encoder's outputs (S, D) for each source, ids and EOS, in NumPy; independent of the other
        sources, to the last bit."""
        lengths = np.array([len(s) for s in sources], np.int64)
        flat, _ = self._encode(padded(sources, -(-int(lengths.max()) // TILE) * TILE), lengths)
        return np.split(flat, np.cumsum(lengths)[:-1])

    def read(self, source: Array, lengths: Array, rng: Any = None) -> tuple[Memory, State]:
        x, inside = self._encode(source, lengths, rng)
        B = source.shape[0]
        sources = tuple(block.remember(x, inside) for block in self.decoder)
        nothing = ops.zeros((B, 0, self.targets.shape[1]), self.output_bias)
        count = 0 * lengths
        return (inside, sources), (count, count, tuple((nothing, nothing) for _ in self.decoder))

    def readouts(self, inputs: Array, memory: Memory, state: State, rng: Any = None) -> tuple[Array, Array | None]:
        inside, sources = memory
        places = self._places(np.arange(inputs.shape[1]), self.target_positions)
        x = self.drop(self._look_up(inputs, self.targets, places, rng), rng)
        weights = None
        for depth, (block, source) in enumerate(zip(self.decoder, sources, strict=True), 1):
            weigh = self.copy_weight is not None and depth == len(self.decoder)  # not needed otherwise
            x, weights = block.read(x, source, inside, rng, weigh=weigh)
        return x if self.decoder_norm is None else self.decoder_norm(x), weights

    def advance(self, ids: Array, memory: Memory, state: State) -> tuple[Array, Array | None, State]:
        (inside, sources), (count, used, caches), new, weights = memory, state, [], None
        caches, used = with_room(caches, count, used)
        at = count if ops.is_symbol(count) else ops.to_numpy(count)
        x = self._look_up(ids, self.targets, self._places(at, self.target_positions))  # (N, D)
        for block, source, own in zip(self.decoder, sources, caches, strict=True):
            x, own, weights = block.step(x, own, count, source, inside)
            new.append(own)
        return x if self.decoder_norm is None else self.decoder_norm(x), weights, (count + 1, used, tuple(new))
