"""Recurrent encoder and decoder, with attention between them (Sutskever et al. 2014, Luong et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import Field

from seqcli import attention as attentions
from seqcli import ops
from seqcli.attention import BaseAttention
from seqcli.errors import UsageError
from seqcli.inference.bank import Bank
from seqcli.layers.blank import Rng, matrix
from seqcli.layers.choice import AttentionSpec, CellSpec, FrontEndSpec
from seqcli.layers.pooling import pool, pool_flat
from seqcli.layers.stack import Stack
from seqcli.models import Sizes
from seqcli.models._base import Depth, Rate, Size, stack
from seqcli.models._encoding import Encodes
from seqcli.models._seq2seq import BaseConfig, BaseSeq2Seq, Memory, State, normal
from seqcli.ops import TILE, Array

TASK = "sequence-to-sequence"
VERBS = ("generate", "eval", "embed")
TRAINED = "gradient"
FRAMES = True  # it can read frames too
OF_TEXT = ("copy_source", "tied: all")  # keys, or a value of one, that do not apply to frames
DEFAULT = True  # the kind of the task if a recipe names none

Bridge = Literal["last", "mean", "zero"]


class Config(BaseConfig):
    """Recipe keys of `model` for a recurrent encoder and decoder."""

    kind: Literal["seq2seq"] = "seq2seq"
    cell: CellSpec = Field(default="gru", validate_default=True)  # a file of seqcli/cells, or {kind: rnn, ...}
    decoder_cell: CellSpec | None = None  # of the decoder; default: the encoder's
    embedding: Size = 128  # E: of each side's symbols
    front_end: FrontEndSpec = None  # of frames: a file of seqcli/front_ends, or {kind: conv, ...}; default: linear
    hidden: Size = 256  # of each direction of the encoder
    decoder_hidden: Size | None = None  # H; default: the size of the encoder's output, both directions together
    layers: Depth = 1  # of the encoder
    decoder_layers: Depth | None = None  # default: the encoder's
    bidirectional: bool = True
    bridge: Bridge = (
        "last"  # the decoder's initial state: a dense layer over the encoder's last outputs or their mean; or zeros
    )
    attention: AttentionSpec = Field(
        default="general", validate_default=True
    )  # a file of seqcli/attention, {kind: multihead, heads: 4}, or none: the decoder sees the bridge alone
    sources: Literal["apart"] | None = None  # apart: each of several columns is encoded as its own sequence, and
    # attention is over all of them; default: as one sequence
    input_feeding: bool = False  # the decoder also reads its output at the previous position (Luong et al. 2015, 3.3)
    dropout: Rate = 0.0  # of the inputs of each layer and of the softmax


@dataclass(frozen=True)
class Model(Encodes, BaseSeq2Seq):
    """A model p(y_t | y_<t, x) = softmax(W_o r_t + b_o), r_t = tanh(W_r [h_t; c_t] + b_r), c_t = attention of h_t."""

    source_embedding: Array | None  # (Vs, E)
    front_end: Any  # reads frames; None for text
    target_embedding: Array | None  # (V, E); None: the source's
    encoder: Stack
    bridge_weight: Array | None  # (all states of the decoder, C); None: the decoder begins with zeros
    bridge_bias: Array | None
    decoder: Stack
    attention: BaseAttention | None
    readout_weight: Array  # (R, H + C)
    readout_bias: Array  # (R,)
    output_weight: Array | None  # (V, R); None: the target embedding
    output_bias: Array  # (V,)
    copy_weight: Array | None  # (1, R)
    copy_bias: Array | None  # (1,)
    bridge: Bridge = "last"
    input_feeding: bool = False
    begins: tuple[int, ...] = ()
    dropout: float = 0.0
    word_dropout: float = 0.0
    label_smoothing: float = 0.0
    scheduled_sampling: float = 0.0
    free_running: float = 0.0

    kind = "seq2seq"

    @property
    def stack(self) -> Stack:
        """The layers that read the source."""
        return self.encoder

    @classmethod
    def create(cls, config: Config, sizes: Sizes, rng: Rng) -> Model:
        spec: dict[str, Any] = config.attention  # type: ignore[assignment]  validation made it one
        E, depth = config.embedding, config.decoder_layers or config.layers
        config.check_sizes(sizes)
        if config.bridge == "zero" and spec["kind"] == "none":
            raise UsageError(
                "model.bridge: zero with model.attention: none: nothing of the source reaches the decoder",
                hint="use bridge: last, or attention: general",
            )
        if config.copy_source and spec["kind"] == "none":
            raise UsageError(
                "model.copy_source copies what attention points to, but model.attention is none",
                hint="use attention: general, or another kind",
            )
        encoder = stack(config.cell, E, [config.hidden] * config.layers, rng, bidirectional=config.bidirectional)
        C = encoder.output_size
        H = config.decoder_hidden or C
        decoder = stack(config.decoder_cell or config.cell, E * (1 + config.input_feeding), [H] * depth, rng)
        attention = None if spec["kind"] == "none" else attentions.create(spec, H, C, rng)
        if config.sources and not sizes.columns:
            raise UsageError("model.sources: apart needs several columns", hint="name them: data.source: [1, 2]")
        begins = tuple(first for first, *_ in sizes.columns) if config.sources else ()
        scale = E**-0.5
        states = sum(cell.hidden_size * cell.begins for (cell,) in decoder.cells)
        read = H + (attention.context_size(C) if attention else 0)
        zero = config.bridge == "zero" or not states
        if zero and attention is None:
            raise UsageError(
                "model.attention: none, and no cell of the decoder can take its initial state from the encoder:"
                " nothing of the source reaches the decoder",
                hint="use attention: general, or a recurrent cell in decoder_cell",
            )
        return cls(
            source_embedding=None if sizes.dimensions else normal(sizes.source, E, rng),
            front_end=config.front(sizes, E, rng),
            target_embedding=None if config.tied == "all" else normal(sizes.target, E, rng),
            encoder=encoder,
            bridge_weight=None if zero else matrix(states, C, rng),
            bridge_bias=None if zero else np.zeros(states, np.float32),
            decoder=decoder,
            attention=attention,
            readout_weight=matrix(E, read, rng),
            readout_bias=np.zeros(E, np.float32),
            output_weight=rng.uniform(-scale, scale, (sizes.target, E)).astype(np.float32)
            if config.tied == "none"
            else None,
            output_bias=np.zeros(sizes.target, np.float32),
            copy_weight=matrix(1, E, rng) if config.copy_source else None,
            copy_bias=np.zeros(1, np.float32) if config.copy_source else None,
            **{**cls.numbers(config), "begins": begins},
        )

    # the equations, for training (torch) and inference (NumPy)

    def read(self, source: Array, lengths: Array, rng: Any = None) -> tuple[Memory, State]:
        if not isinstance(source, np.ndarray):
            return self.remembered(*self.outputs(source, lengths, rng))
        flat, counts = self.outputs_flat(source, lengths)
        wide = source.shape[1] if self.front_end is None else -(-int(counts.max(initial=1)) // TILE) * TILE
        y = np.zeros((len(counts), wide, flat.shape[1]), np.float32)
        y[np.arange(wide) < counts[:, None]] = flat
        summary = None
        if self.bridge != "zero" and self.bridge_weight is not None:
            summary, _ = pool_flat(self.bridge, flat, counts, both=self.encoder.both)
        return self._remembered(y, summary, counts)

    def remembered(self, y: Array, lengths: Array) -> tuple[Memory, State]:
        """Return memory and the state before BOS from the encoder's outputs (S, B, C)."""
        summary = None
        if self.bridge != "zero" and self.bridge_weight is not None:
            summary = pool(self.bridge, y, lengths, both=self.encoder.both)
        return self._remembered(y.swapaxes(0, 1), summary, lengths)

    def _remembered(self, y: Array, summary: Array | None, lengths: Array) -> tuple[Memory, State]:
        """Return memory and the state before BOS from outputs (B, S, C) and the input of the bridge (B, C)."""
        B, S = y.shape[:2]
        state = self.decoder.initial_state(B) if summary is None else self._begin(summary)
        feed = ops.zeros((B, len(self.readout_bias)), self.readout_bias) if self.input_feeding else ()
        if self.attention is None:
            return (ops.zeros((B, 1), self.readout_bias),), (state, feed)
        inside = ops.arange(S, y)[None] < lengths[:, None]  # (B, S)
        return (self.attention.keys(y), self.attention.values(y), inside), (state, feed)

    def _begin(self, summary: Array) -> State:
        """Return the decoder's initial state from the encoder's summary (B, C)."""
        flat, at, found = ops.tanh(ops.linear(summary, self.bridge_weight, self.bridge_bias)), 0, []  # type: ignore[arg-type]
        for (cell,) in self.decoder.cells:
            own = []
            for _ in range(cell.begins):
                own.append(flat[:, at : at + cell.hidden_size])
                at += cell.hidden_size
            found.append(((*own, *cell.initial_state(summary.shape[0])[len(own) :]),))
        return tuple(found)

    def _readout(self, h: Array, context: Array | None) -> Array:
        return ops.tanh(
            ops.linear(h if context is None else ops.concat([h, context]), self.readout_weight, self.readout_bias)
        )

    def readouts(self, inputs: Array, memory: Memory, state: State, rng: Any = None) -> tuple[Array, Array | None]:
        x = self.look_up(inputs.T, self.targets, rng)  # (T, B, E)
        if self.input_feeding:
            return self._fed(x, memory, state, rng)
        h, _ = self.decoder.unroll(x, state[0], between=lambda y: self.drop(y, rng))  # (T, B, H)
        h = self.drop(h, rng).swapaxes(0, 1)
        context, weights = self.attention.attend(h, *memory) if self.attention else (None, None)
        return self.drop(self._readout(h, context), rng), weights

    def _fed(self, x: Array, memory: Memory, state: State, rng: Any) -> tuple[Array, Array | None]:
        """Return what `readouts` does, step by step: each position also reads the readout of the one before."""
        (own, feed), found, looked = state, [], []
        for now in x:
            h, own = self.decoder.step(ops.concat([now, feed]), own, between=lambda y: self.drop(y, rng))
            h = self.drop(h, rng)[:, None]  # (B, 1, H)
            context, weights = self.attention.attend(h, *memory) if self.attention else (None, None)
            feed = self.drop(self._readout(h, context), rng)[:, 0]
            found.append(feed)
            looked.append(weights)
        weights = ops.concat(looked, axis=1) if self.attention else None
        return ops.stack(found).swapaxes(0, 1), weights

    def advance(self, ids: Array, memory: Memory, state: State) -> tuple[Array, Array | None, State]:
        own, feed = state
        if isinstance(ids, np.ndarray):
            px = self._bank(ids)
            px = px + ops.linear(feed, self._feed_weight) if self.input_feeding else px
            h, own = self.decoder.step_projected(px, own)
        else:
            x = ops.embedding(ids, self.targets)
            h, own = self.decoder.step(ops.concat([x, feed]) if self.input_feeding else x, own)
        context, weights = None, None
        if self.attention is not None:
            B, N = memory[0].shape[0], ids.shape[0]
            context, weights = self.attention.attend(h.reshape(B, N // B, -1), *memory)
            context, weights = context.reshape(N, -1), weights.reshape(N, -1)
        readout = self._readout(h, context)
        return readout, weights, (own, readout if self.input_feeding else ())

    # NumPy: symbols projected once, sequences concatenated

    @cached_property
    def _bank(self) -> Bank:
        """The input projections of the decoder's first cell for each target symbol."""
        table, (weight, bias) = self.targets, self.decoder.first
        own = weight[:, : table.shape[1]]
        return Bank(len(table), len(weight), lambda ids: ops.linear(table[ids], own, bias))

    @cached_property
    def _feed_weight(self) -> np.ndarray:
        """The decoder's input weights for the readout fed back."""
        return np.ascontiguousarray(self.decoder.first[0][:, self.targets.shape[1] :])
