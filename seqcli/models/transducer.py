"""Hard monotonic transduction: a decoder that stands at one source symbol at a time and edits it.

It copies, substitutes or deletes the symbol and moves on to the next, inserts symbols before it, or ends (Aharoni &
Goldberg 2017; Makarov & Clematide 2018). It is trained on the cheapest edits of each pair, with costs learnt from all
pairs (`_edits.py`, which also numbers the edits).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from seqcli import ops
from seqcli.decoding.beam import Hypothesis, Search, search
from seqcli.layers.blank import Rng, matrix
from seqcli.layers.choice import CellSpec
from seqcli.models import Sizes, seq2seq
from seqcli.models._base import Depth, Rate, Size, stack
from seqcli.models._edits import Costs, Strings, programs
from seqcli.models._seq2seq import Memory, State, normal, padded
from seqcli.models.seq2seq import Bridge
from seqcli.ops import TILE, Array

TASK = "sequence-to-sequence"
VERBS = ("generate", "eval", "embed")
TRAINED = "gradient"
EDITS = True  # it writes edits of the source

BEAM = 8  # programs kept in the search for the best one that writes a given target
Pairs = Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]  # ids of source, target and copies, all with ends


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `model: {kind: transducer}`."""

    kind: Literal["transducer"] = "transducer"
    cell: CellSpec = Field(default="lstm", validate_default=True)  # a file of seqcli/cells, or {kind: rnn, ...}
    decoder_cell: CellSpec | None = None  # of the decoder; default: the encoder's
    embedding: Size = 128  # E: of source symbols, and of edits
    hidden: Size = 256  # of each direction of the encoder
    decoder_hidden: Size | None = None  # H; default: the size of the encoder's output, both directions together
    layers: Depth = 1  # of the encoder
    decoder_layers: Depth | None = None  # default: the encoder's
    bidirectional: bool = True
    bridge: Bridge = "last"  # the decoder's initial state: from the encoder's last outputs or their mean; or zeros
    dropout: Rate = 0.0  # of the inputs of each layer and of the softmax
    word_dropout: Rate = 0.0  # of symbols of the source and of edits, whose embeddings become zero
    label_smoothing: Rate = 0.0  # share of the target probability spread evenly over all edits
    beam: Size = 5  # programs kept in decoding, unless --beam is given
    length_penalty: float = Field(default=0.0, ge=0, le=10)  # of edits; 0: none


@dataclass(frozen=True)
class Model(seq2seq.Model):
    """A model p(edit) = softmax(W_o tanh(W_r [h; y_s; f] + b_r) + b_o): y_s is the encoder's output for the symbol
    under the head, f the sum of the embeddings of the conditions (absent if there are none), h the state of the
    decoder, which reads the last edit, y_s and f. There are A = 2V + 2 edits for V target symbols. A state is the
    decoder's state and the heads (N,), which move over the symbols that are not conditions.
    """

    conditions: tuple[tuple[int, int], ...] = ()  # ranges (first, end) of source symbols that are not edited

    kind = "transducer"

    @classmethod
    def create(cls, config: Any, sizes: Sizes, rng: Rng) -> Model:
        E, A = config.embedding, 2 * sizes.target + 2
        encoder = stack(config.cell, E, [config.hidden] * config.layers, rng, bidirectional=config.bidirectional)
        C = encoder.output_size
        conditions = tuple((first, end) for first, end, edited in sizes.columns if not edited)
        F = E if conditions else 0
        H, depth = config.decoder_hidden or C, config.decoder_layers or config.layers
        decoder = stack(config.decoder_cell or config.cell, E + C + F, [H] * depth, rng)
        states = sum(cell.hidden_size * cell.begins for (cell,) in decoder.cells)
        zero = config.bridge == "zero" or not states
        return cls(
            source_embedding=normal(sizes.source, E, rng),
            front_end=None,
            target_embedding=normal(A, E, rng),
            encoder=encoder,
            bridge_weight=None if zero else matrix(states, C, rng),
            bridge_bias=None if zero else np.zeros(states, np.float32),
            decoder=decoder,
            attention=None,
            readout_weight=matrix(E, H + C + F, rng),
            readout_bias=np.zeros(E, np.float32),
            output_weight=matrix(A, E, rng),
            output_bias=np.zeros(A, np.float32),
            copy_weight=None,
            copy_bias=None,
            **{**cls.numbers(config), "conditions": conditions},
        )

    @property
    def sizes(self) -> Sizes:
        """The number of symbols of each side, BOS and EOS included."""
        assert self.source_embedding is not None
        return Sizes(len(self.source_embedding), len(self.output_bias) // 2 - 1, False)

    # the edits it is trained on

    def strings(self, pairs: Pairs, unknown: int) -> list[Strings]:
        """Return pairs ready to be aligned: target symbols that only the source has are inserted as `unknown`."""
        V = self.sizes.target
        edited = [(x[own], y[:-1], copies[own, None]) for x, y, copies in pairs for own in [self.edited(x)[:-1]]]
        return [Strings(x, np.where(y < V, y, unknown), copies == y) for x, y, copies in edited]

    def costs(self, pairs: Pairs, unknown: int) -> Costs:
        """Learn the costs of edits from pairs."""
        return Costs.learnt(self.strings(pairs, unknown), self.sizes.source, self.sizes.target)

    def programs(self, pairs: Pairs, unknown: int, costs: Costs) -> list[np.ndarray]:
        """Return the cheapest edits (P,) of each pair, which replace its target in a batch."""
        return programs(self.strings(pairs, unknown), costs)

    # the equations, for training (torch) and inference (NumPy)

    def _conditional(self, source: np.ndarray) -> np.ndarray:
        """Return a mask of the symbols that are conditions."""
        found = np.zeros(source.shape, bool)
        for first, end in self.conditions:
            found |= (source >= first) & (source < end)
        return found

    def edited(self, source: np.ndarray) -> np.ndarray:
        """Return the indices of a source's symbols that are not conditions, which the encoder reads."""
        return np.flatnonzero(~self._conditional(source))

    def encoded(self, sources: Sequence[np.ndarray]) -> list[np.ndarray]:
        return super().encoded([source[self.edited(source)] for source in sources])

    def _divided(self, source: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return for sources (B, S) the indices (B, S) of edited symbols, then of conditions, then of padding; and
        the numbers (B,) of edited symbols and of conditions."""
        other = self._conditional(source)
        kinds = np.where(np.arange(source.shape[1]) < lengths[:, None], other, 2)
        return np.argsort(kinds, axis=1, kind="stable"), (kinds == 0).sum(1), (kinds == 1).sum(1)

    def read(self, source: Array, lengths: Array, rng: Any = None) -> tuple[Memory, State]:
        if not self.conditions:
            memory, state = super().read(source, lengths, rng)
            return (*memory, ops.zeros((source.shape[0], 0), memory[0])), state
        plain = ops.to_numpy(source)
        order, edited, others = self._divided(plain, ops.to_numpy(lengths))
        plain = np.take_along_axis(plain, order, 1)
        wide = -(-int(edited.max()) // TILE) * TILE if isinstance(source, np.ndarray) else int(edited.max())
        memory, state = super().read(ops.integers(plain[:, :wide], source), ops.integers(edited, source), rng)
        at = edited[:, None] + np.arange(int(others.max(initial=0)))
        inside = np.arange(at.shape[1]) < others[:, None]
        ids = np.take_along_axis(plain, np.minimum(at, plain.shape[1] - 1), 1)
        x = self.look_up(ops.integers(ids.T, source), self.source_embedding, rng)
        f = (x * ops.like(ops.put(inside.T[..., None].astype(np.float32), x), x)).sum(0)
        return (*memory, f), state

    def _remembered(self, y: Array, summary: Array | None, lengths: Array) -> tuple[Memory, State]:
        state = self.decoder.initial_state(y.shape[0]) if summary is None else self._begin(summary)
        return (y, lengths - 1), (state, 0 * lengths)

    def _under(self, heads: Array, y: Array, f: Array) -> Array:
        """Return the encoder's outputs under the heads, joined with the conditions: heads (B, T), y (B, S, C),
        f (B, E) -> (B, T, ·)."""
        B, S, C = y.shape
        starts = ops.arange(B, y)[:, None] * S
        under = ops.embedding(starts + heads, y.reshape(B * S, C))
        if not f.shape[1]:
            return under
        return ops.concat([under, f[:, None] + ops.zeros((*heads.shape, f.shape[1]), f)])

    def readouts(self, inputs: Array, memory: Memory, state: State, rng: Any = None) -> tuple[Array, Array | None]:
        (y, last, f), (own, _) = memory, state
        heads = (inputs >= self.sizes.target).cumsum(1)
        under = self._under(ops.where(heads < last[:, None], heads, last[:, None]), y, f)
        x = ops.concat([self.look_up(inputs.T, self.targets, rng), under.swapaxes(0, 1)])
        h, _ = self.decoder.unroll(x, own, between=lambda z: self.drop(z, rng))  # (P, B, H)
        h = self.drop(h, rng).swapaxes(0, 1)
        return self.drop(self._readout(h, under), rng), None

    def advance(self, ids: Array, memory: Memory, state: State) -> tuple[Array, Array | None, State]:
        (y, last, f), (own, heads) = memory, state
        B, N = y.shape[0], ids.shape[0]
        heads, last = (heads + 1 * (ids >= self.sizes.target)).reshape(B, N // B), last[:, None]
        heads = ops.where(heads < last, heads, last)
        under = self._under(heads, y, f)
        under = under.reshape(N, under.shape[2])
        if isinstance(ids, np.ndarray):
            h, own = self.decoder.step_projected(self._bank(ids) + ops.linear(under, self._feed_weight), own)
        else:
            h, own = self.decoder.step(ops.concat([ops.embedding(ids, self.targets), under]), own)
        return self._readout(h, under), None, (own, heads.reshape(N))

    # stepping and scoring

    def start(
        self, sources: Sequence[np.ndarray], copies: Sequence[np.ndarray] | None = None, unknown: int = 0
    ) -> tuple[Memory, State]:
        """Read sources, each ids and EOS; `copies` has the target symbol equal to each source symbol, -1 for none.
        Without `copies` nothing is copied."""
        lengths = np.array([len(s) for s in sources], np.int64)
        wide = -(-int(lengths.max(initial=1)) // TILE) * TILE
        none = [np.full(len(s), -1, np.int64) for s in sources]
        memory, state = self.read(padded(sources, wide), lengths)
        same, places = (
            padded(none if copies is None else copies, wide, -1),
            padded(list(map(self.edited, sources)), wide),
        )
        return (*memory, np.take_along_axis(same, places, 1), places), state

    def step(self, ids: np.ndarray, memory: Memory, state: State) -> tuple[np.ndarray, State, np.ndarray | None]:
        """Feed edits (N,), hypothesis k of source b at b·K + k; return log-probabilities (N, A) of the next edit,
        -inf if there is nothing to copy, substitute or delete; the next state; the head's place, as attention
        (N, S)."""
        readout, _, state = self.advance(ids, memory[:3], state)
        logprobs = ops.log_softmax(ops.linear(readout, self.output, self.output_bias), own=True)
        return self.possible(logprobs, memory, state)

    def possible(
        self, logprobs: np.ndarray, memory: Memory, state: State
    ) -> tuple[np.ndarray, State, np.ndarray | None]:
        """Return what `step` returns, given the log-probabilities (N, A) of all edits, which it changes in place."""
        y, last, _, copies, places = memory
        of, heads, V = np.arange(len(logprobs)) // (len(logprobs) // len(y)), state[1], self.sizes.target
        logprobs[heads == last[of], V:] = -np.inf
        logprobs[copies[of, heads] < 0, 2 * V + 1] = -np.inf
        at = places[of, heads]
        return logprobs, state, (np.arange(places.shape[1]) == at[:, None]).astype(np.float32)

    def never(self, banned: Sequence[int]) -> tuple[int, ...]:
        """Return the edits that would write `banned` symbols, or EOS within an answer."""
        V = self.sizes.target
        return (*banned, *(V + c for c in banned), 2 * V - 1)

    def spelt(self, found: Hypothesis, source: np.ndarray, copies: np.ndarray) -> Hypothesis:
        """Turn a hypothesis of edits of a source into one of the symbols that they write: deletions count towards the
        next symbol written, and attention is the head's place."""
        V, at, waiting, copies = self.sizes.target, 0, 0.0, copies[self.edited(source)]
        ids, nats, rows = [], [], []
        for row, (edit, logprob) in enumerate(zip(found.ids.tolist(), found.logprobs.tolist(), strict=False)):
            waiting += logprob
            if edit != 2 * V:
                ids.append(int(copies[at]) if edit > 2 * V else edit % V)
                nats.append(waiting)
                rows.append(row)
                waiting = 0.0
            at += edit >= V
        if found.finished:
            nats.append(waiting + float(found.logprobs[-1]))
            rows.append(len(found.ids))
        looked = None if found.attention is None else found.attention[rows]
        return replace(found, ids=np.array(ids, np.int64), logprobs=np.array(nats), attention=looked)

    def score(
        self,
        sources: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        copies: Sequence[np.ndarray] | None = None,
        unknown: int = 0,
    ) -> list[np.ndarray]:
        """Return log p of each symbol of targets (T,), EOS included, under the best program that a beam of BEAM finds
        for the target; -inf if none writes it."""
        if not sources:
            return []
        copied = [np.full(len(s), -1, np.int64) for s in sources] if copies is None else list(copies)
        eos, found = self.sizes.target - 1, []
        limits = [len(s) + len(t) for s, t in zip(sources, targets, strict=True)]
        towards, settings = _Towards(self, targets, copied), Search(beam=BEAM, length_penalty=0.0)
        best = search(towards, sources, settings, bos=eos - 1, eos=eos, limits=limits)
        for (one, *_), source, target, own in zip(best, sources, targets, copied, strict=True):
            spelt = self.spelt(one, source, own)
            ended = spelt.finished and len(spelt.logprobs) == len(target)
            found.append(spelt.logprobs if ended else np.full(len(target), -np.inf))
        return found


class _Towards:
    """A transducer restricted to given targets, with the interface that a search needs."""

    def __init__(self, model: Model, targets: Sequence[np.ndarray], copies: Sequence[np.ndarray]):
        self._model, self._targets, self._copies = model, targets, copies

    def start(self, sources: Sequence[np.ndarray]) -> tuple[Any, Any]:
        """Return the model's memory with the targets, and its state with the number of symbols written."""
        memory, state = self._model.start(sources, self._copies)
        longest = max(map(len, self._targets))
        return (memory, padded(self._targets, longest)), (state, np.zeros(len(sources), np.int64))

    def step(self, ids: np.ndarray, memory: Any, state: Any) -> tuple[np.ndarray, Any, np.ndarray | None]:
        """Return the model's log-probabilities, -inf for edits that write anything but the target's next symbol."""
        (own, targets), (inner, written), V = memory, state, self._model.sizes.target
        logprobs, inner, attention = self._model.step(ids, own, inner)
        written = written + ((ids != V - 2) & (ids != V - 1) & (ids != 2 * V))
        rows, of = np.arange(len(ids)), np.arange(len(ids)) // (len(ids) // len(targets))
        wanted = targets[of, np.minimum(written, targets.shape[1] - 1)]
        found = np.full_like(logprobs, -np.inf)
        known, inside = wanted < V, wanted != V - 1
        found[rows[known], wanted[known]] = logprobs[rows[known], wanted[known]]
        both = known & inside
        found[rows[both], V + wanted[both]] = logprobs[rows[both], V + wanted[both]]
        found[:, 2 * V] = logprobs[:, 2 * V]
        copied = inside & (own[3][of, inner[1]] == wanted)
        found[copied, 2 * V + 1] = logprobs[copied, 2 * V + 1]
        return found, (inner, written), attention
