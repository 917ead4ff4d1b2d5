"""What sequence-to-sequence models share: the loss, own predictions as inputs, stepping, scoring.

Letters: B sources, S source positions, T target positions, K hypotheses a source, N = B·K, R readout size, V target
symbols. A source is its ids and EOS, a target BOS … EOS.

A training batch has, as arrays of one library: `source` (B, S), or concatenated frames (N, D), and `source_lengths`
(B,); `inputs` (B, T), which begin with BOS; `places` (N,), the indices of the real target positions in a flattened
(B·T,), `gold` (N,), the symbols there, `weights` (N,), 1, or 0 for padding; `total`, the number of real positions;
`sampling`, the probability that an input is the model's own prediction. A copying model's batch also has `copies`
(B, S): the target symbol of each source position, V and above for symbols that the target vocabulary lacks, -1 for
padding.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from seqcli import front_ends, ops
from seqcli.errors import UsageError
from seqcli.layers.blank import Rng
from seqcli.models import Sizes
from seqcli.models._base import Rate, Size, Trained
from seqcli.ops import TILE, Array

Memory = tuple[Any, ...]  # arrays of B rows, nested: (values, keys, inside, …)
State = Any  # arrays of N rows, nested

LEAST = 1e-9  # added to probabilities, which limits the loss


class BaseConfig(BaseModel, extra="forbid"):
    """Keys of `model` that do not depend on the kind of encoder and decoder."""

    tied: Literal["none", "output", "all"] = (
        "none"  # output: the softmax shares the target embedding; all: so does the source
    )
    copy_source: bool = False  # may copy source symbols that it attends to: a pointer-generator (See et al. 2017)
    word_dropout: Rate = 0.0  # of symbols on both sides, whose embeddings become zero
    label_smoothing: Rate = 0.0  # share of the target probability spread evenly over all symbols
    scheduled_sampling: Rate = 0.0  # how often an input is the model's prediction; grows from 0 if `epochs` is set
    free_running: Rate = 0.0  # share of the loss that is measured on the model's own continuation
    beam: Size = 5  # hypotheses kept in decoding, unless --beam is given
    length_penalty: Annotated[float, Field(ge=0, le=10)] = 1.0  # 0: none; 1: scores are nearly nats per token

    def front(self, sizes: Sizes, size: int, rng: Rng) -> Any:
        """Create a fresh front end if the source is frames; None if it is text. Raises UsageError for keys that do
        not apply."""
        if sizes.dimensions and self.tied == "all":
            raise UsageError("model.tied: all needs text on both sides, but the source is frames", hint="use output")
        return front_ends.create(getattr(self, "front_end", None), sizes.dimensions, size, rng)

    def check_sizes(self, sizes: Sizes) -> None:
        """Raise UsageError if both sides are to share a table but have different symbols."""
        if self.tied == "all" and not sizes.shared:
            raise UsageError(
                "model.tied: all needs one tokenizer for both sides",
                hint="remove target_tokenizer, or use output",
            )


def normal(rows: int, size: int, rng: Rng) -> np.ndarray:
    """Return fresh embeddings (rows, size), of variance 1 / size."""
    return rng.normal(0.0, size**-0.5, (rows, size)).astype(np.float32)


class BaseSeq2Seq(Trained):
    """A sequence-to-sequence model; a subclass supplies `read`, `readouts` and `advance`."""

    label_smoothing: float
    free_running: float
    scheduled_sampling: float
    source_embedding: Array | None  # (Vs, E); None: the source is frames
    front_end: Any  # reads the frames; None for text
    target_embedding: Array | None  # (V, E); None: the source's
    output_weight: Array | None  # (V, R); None: the target embedding
    copy_weight: Array | None  # (1, R)
    copy_bias: Array | None  # (1,)
    output_bias: Array  # (V,)

    @abstractmethod
    def read(self, source: Array, lengths: Array, rng: Any = None) -> tuple[Memory, State]:
        """Read a source (B, S), or concatenated frames (N, D), with lengths (B,) -> memory, and the state before
        BOS."""

    @abstractmethod
    def readouts(self, inputs: Array, memory: Memory, state: State, rng: Any = None) -> tuple[Array, Array | None]:
        """Read all target positions at once: inputs (B, T) -> the softmax's input (B, T, R), attention (B, T, S)."""

    @abstractmethod
    def advance(self, ids: Array, memory: Memory, state: State) -> tuple[Array, Array | None, State]:
        """Read one target position: ids (N,) -> the softmax's input (N, R), attention (N, S), the next state."""

    @property
    def targets(self) -> Array:
        """The embeddings of the target's symbols (V, E)."""
        return self.source_embedding if self.target_embedding is None else self.target_embedding

    @property
    def output(self) -> Array:
        """The weight matrix of the softmax (V, R)."""
        return self.targets if self.output_weight is None else self.output_weight

    @property
    def sizes(self) -> Sizes:
        """The number of symbols of each side, BOS and EOS included."""
        source = 0 if self.source_embedding is None else len(self.source_embedding)
        return Sizes(source, len(self.output_bias), False)

    # training

    def loss(self, batch: Mapping[str, Array], rng: Any = None) -> Array:
        """Return the mean loss of a batch in nats per target token."""
        memory, state = self.read(batch["source"], batch["source_lengths"], rng)
        inputs = batch["inputs"]
        rate = float(batch["sampling"]) if rng is not None and "sampling" in batch else 0.0
        if rate:
            inputs = self.own_inputs(inputs, memory, state, rate, rng)
        loss = self._nats(inputs, batch, memory, state, rng)
        if rng is None or not self.free_running:
            return loss
        own = self.own_inputs(batch["inputs"], memory, state, 1.0, rng)
        return (1 - self.free_running) * loss + self.free_running * self._nats(own, batch, memory, state, rng)

    def _nats(self, inputs: Array, batch: Mapping[str, Array], memory: Memory, state: State, rng: Any) -> Array:
        readout, attention = self.readouts(inputs, memory, state, rng)
        flat = ops.embedding(batch["places"], readout.reshape(-1, readout.shape[-1]))  # (N, R): a look-up
        gold, weights = batch["gold"], batch["weights"]
        if self.copy_weight is None:
            smoothing = self.label_smoothing if rng is not None else 0.0
            nats = ops.linear_cross_entropy(flat, self.output, self.output_bias, gold, smoothing)
        else:
            logits = ops.linear(flat, self.output, self.output_bias)
            nats = self._copying_nats(flat, logits, attention, batch, rng)
        return (nats * ops.like(weights, nats)).sum() / batch["total"]

    def _copying_nats(
        self, readout: Array, logits: Array, attention: Array | None, batch: Mapping[str, Array], rng: Any
    ) -> Array:
        """Return -log (g p(gold) + (1 - g) Σ attention to gold in the source) (See et al. 2017, eq. 8 and 9)."""
        assert attention is not None
        gold, V, steps = batch["gold"], logits.shape[-1], batch["inputs"].shape[1]
        own = ops.where(gold < V, gold, 0 * gold)
        known = ops.like((gold < V) * 1.0, readout)
        nats = ops.cross_entropy(logits, own)
        looked = ops.embedding(batch["places"], attention.reshape(-1, attention.shape[-1]))  # (N, S)
        same = batch["copies"][batch["places"] // steps] == gold[:, None]
        gate = self.gate(readout)
        copied = ops.where(same, looked, 0 * looked).sum(-1)
        p = gate * ops.exp(-nats) * ops.like(known, nats) + (1 - gate) * copied
        found = -ops.log(p + LEAST)
        if rng is None or not self.label_smoothing:
            return found
        smooth = self.label_smoothing
        return (1 - smooth) * found - smooth * ops.log_softmax(ops.at_least_float32(logits)).mean(-1)

    def gate(self, readout: Array) -> Array:
        """Return the probability of generating instead of copying: (N,) float32."""
        return ops.sigmoid(ops.at_least_float32(ops.linear(readout, self.copy_weight, self.copy_bias)[..., 0]))  # type: ignore[arg-type]

    def own_inputs(self, inputs: Array, memory: Memory, state: State, rate: float, rng: Any) -> Array:
        """Return inputs (B, T) in which each symbol but BOS is replaced, with probability `rate`, by the model's own
        prediction from those before it (Bengio et al. 2015). Predictions carry no gradient and copy nothing."""
        with ops.no_gradients(inputs):
            ids, found = inputs[:, 0], [inputs[:, 0]]
            for t in range(1, inputs.shape[1]):
                readout, _, state = self.advance(ids, memory, state)
                own = ops.linear(readout, self.output, self.output_bias).argmax(-1)
                gold = inputs[:, t]
                if rate < 1:
                    keep = ops.dropout_mask((len(gold),), rate, rng, self.output_bias) != 0
                    own = ops.where(keep, gold, own)
                ids = own
                found.append(ids)
            return ops.stack(found).swapaxes(0, 1)

    # a transducer: stepping and scoring

    def start(
        self, sources: Sequence[np.ndarray], copies: Sequence[np.ndarray] | None = None, unknown: int = 0
    ) -> tuple[Memory, State]:
        """Read sources, each ids and EOS; return memory and state with a row for each. For a copying model, `copies`
        is as in a batch, and `unknown` is fed in place of a copied symbol that the vocabulary lacks."""
        lengths = np.array([len(s) for s in sources], np.int64)
        wide = -(-int(lengths.max(initial=1)) // TILE) * TILE
        like = self.output_bias
        framed = self.front_end is not None
        given = ops.put(np.concatenate(sources), like) if framed else ops.integers(padded(sources, wide), like)
        memory, state = self.read(given, ops.integers(lengths, like))
        if self.copy_weight is not None:
            targets = padded(sources if copies is None else copies, wide, -1)
            memory = (*memory, targets, np.full(len(sources), unknown, np.int64))
        return memory, state

    def step(self, ids: np.ndarray, memory: Memory, state: State) -> tuple[np.ndarray, State, np.ndarray | None]:
        """Feed ids (N,), hypothesis k of source b at b·K + k; return log-probabilities (N, V) of the next symbol, the
        next state, and attention (N, S). A copying model adds columns for symbols that only the sources have."""
        copies: np.ndarray | None = None
        if self.copy_weight is not None:
            *own, copies, unknown = memory
            memory = tuple(own)
            ids = np.where(ids < len(self.output_bias), ids, np.repeat(unknown, len(ids) // len(unknown)))
        readout, attention, state = self.advance(ops.integers(ids, self.output_bias), memory, state)
        logits = ops.to_numpy(ops.linear(readout, self.output, self.output_bias))
        logprobs = ops.log_softmax(logits, own=True)
        if attention is not None:
            attention = ops.to_numpy(attention)
        if copies is None:
            return logprobs, state, attention
        assert attention is not None
        return self.with_copies(logprobs, ops.to_numpy(self.gate(readout)), attention, copies), state, attention

    def with_copies(
        self, logprobs: np.ndarray, gate: np.ndarray, attention: np.ndarray, copies: np.ndarray
    ) -> np.ndarray:
        """Return log (g p + (1 - g) Σ attention), (N, V + symbols that only the sources have)."""
        N, V = logprobs.shape
        wide = max(V, int(copies.max(initial=0)) + 1)
        p = np.zeros((N, wide), np.float32)
        p[:, :V] = np.exp(logprobs) * gate[:, None]
        rows = np.repeat(copies, N // len(copies), axis=0)  # (N, S)
        for s in range(rows.shape[1]):  # one position at a time: a symbol may occur at several
            at = np.nonzero(rows[:, s] >= 0)[0]
            p[at, rows[at, s]] += (1 - gate[at]) * attention[at, s]
        with np.errstate(divide="ignore"):
            return np.log(p)

    def score(
        self,
        sources: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        copies: Sequence[np.ndarray] | None = None,
        unknown: int = 0,
    ) -> list[np.ndarray]:
        """Return log p of each symbol of the targets (T,), EOS included, given the source and the symbols before it,
        as stepping computes it."""
        if not sources:
            return []
        memory, state = self.start(sources, copies, unknown)
        longest, bos = max(len(t) for t in targets), self.sizes.target - 2
        gold, inputs = padded(targets, longest), padded([[bos, *t[:-1]] for t in targets], longest)
        found = np.zeros((len(targets), longest), np.float32)
        for t in range(longest):
            logprobs, state, _ = self.step(inputs[:, t], memory, state)
            column = gold[:, t]
            found[:, t] = logprobs[np.arange(len(column)), np.minimum(column, logprobs.shape[1] - 1)]
        return [row[: len(ids)] for row, ids in zip(found, targets, strict=True)]


def padded(rows: Sequence[Any], width: int, value: int = 0) -> np.ndarray:
    """Return rows of ids as one array (N, width), padded with `value`."""
    found = np.full((len(rows), width), value, np.int64)
    for row, ids in zip(found, rows, strict=True):
        row[: len(ids)] = ids
    return found
