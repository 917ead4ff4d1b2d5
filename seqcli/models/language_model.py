"""Recurrent language model: embedding, stacked cells, and a softmax over the next token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field, model_validator

from seqcli import layers, ops, registry
from seqcli.inference.bank import Bank
from seqcli.inference.batch import BatchForm
from seqcli.inference.stream import StreamForm
from seqcli.layers.blank import Rng
from seqcli.layers.choice import CellSpec, cells
from seqcli.layers.stack import Stack
from seqcli.models import State
from seqcli.models._base import Depth, ModelNames, Penalty, Rate, Size, head, stack
from seqcli.models._symbols import PredictsSymbols
from seqcli.ops import Array

TASK = "language-model"
VERBS = ("generate", "eval", "rescore", "embed")
TRAINED = "gradient"

CHUNK = 512  # time steps scored at once: bounds the memory of the logits
GROUP = 1 << 15  # symbols read at once; a single text may be longer


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `model` for a recurrent language model."""

    kind: Literal["language-model"] = "language-model"
    cell: CellSpec = Field(
        default="lstm", validate_default=True
    )  # a file of seqcli/cells, or {kind: rnn, nonlinearity: relu}
    embedding: Size = 128  # E
    embedding_rank: Size | None = (
        None  # R: the table is a product of (V, R) and (R, E) (Lan et al. 2020); default: none
    )
    hidden: Size = 256  # H
    layers: Depth = 1
    dropout: Rate = 0.0  # of the inputs of each layer and of the softmax
    variational: bool = False  # one dropout mask for all time steps (Gal & Ghahramani 2016)
    embedding_dropout: Rate = 0.0  # of whole symbols throughout a batch (Gal & Ghahramani 2016)
    input_dropout: Rate | None = None  # of the first layer's input; default: dropout
    output_dropout: Rate | None = None  # of the softmax's input; default: dropout
    state_dropout: Rate = 0.0  # of h from step to step, one mask per sequence; slow, because it runs step by step
    weight_drop: Rate = 0.0  # of the recurrent weights, drawn anew for every batch (Merity et al. 2018)
    activation_penalty: Penalty = 0.0  # times the mean square of the softmax's input (Merity et al. 2017)
    temporal_penalty: Penalty = 0.0  # times the mean square of its change from step to step, before dropout
    teacher: ModelNames = []  # models over the same symbols, whose mean probabilities it learns too (Hinton 2015)
    teacher_weight: Rate = 0.5  # the teachers' share of the loss; the rest is the text's
    tied: bool = False  # the softmax uses the embedding's weights (Press & Wolf 2017); the last layer has E units
    uniform_init: Annotated[float, Field(gt=0)] | None = None  # draw all weights from ± this (Zaremba et al. 2014)

    @property
    def units(self) -> int:
        """Roughly how many numbers training holds for each token."""
        return self.embedding + self.layers * 8 * self.hidden

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if self.tied and self.layers == 1 and self.embedding != self.hidden:
            raise ValueError(
                f"tied: with one layer embedding and hidden must be equal, not {self.embedding} and {self.hidden}"
            )
        kinds = [own["kind"] for own in cells(self.cell)]  # type: ignore[arg-type]
        recurrent = any(registry.load("cells", kind).Cell.recurrent for kind in kinds)
        for key in ("weight_drop", "state_dropout"):
            if getattr(self, key) and not recurrent:
                raise ValueError(f"{key}: the cell {', '.join(kinds)} has no recurrent weights")
        return self


@dataclass(frozen=True)
class Model(PredictsSymbols):
    """A model p(x_t | x_<t) = softmax(W_o h_t + b_o), h = stack(embedding(x)). Letters: T, B, E, H, V as usual."""

    embedding: Array  # (V, E), or (V, R)
    factor: Array | None  # (R, E)
    stack: Stack
    output_weight: Array | None  # (V, H); None: tied to the embedding
    output_bias: Array  # (V,)
    dropout: float = 0.0
    variational: bool = False
    embedding_dropout: float = 0.0
    input_dropout: float | None = None
    output_dropout: float | None = None
    state_dropout: float = 0.0
    weight_drop: float = 0.0
    activation_penalty: float = 0.0
    temporal_penalty: float = 0.0
    teacher_weight: float = 0.5
    blur: float = 0.0

    kind = "language-model"

    @classmethod
    def create(cls, config: Config, vocabulary_size: int, rng: Rng) -> Model:
        sizes = [config.hidden] * config.layers
        if config.tied:
            sizes[-1] = config.embedding
        scale = 1.0 / np.sqrt(config.embedding) if config.tied else 1.0
        rank = config.embedding_rank or config.embedding
        embedding = rng.normal(0.0, scale, (vocabulary_size, rank)).astype(np.float32)
        factor = None
        if config.embedding_rank:
            factor = rng.normal(0.0, rank**-0.5, (rank, config.embedding)).astype(np.float32)
        cells = stack(config.cell, config.embedding, sizes, rng)
        output = head(vocabulary_size, sizes[-1], rng)
        model = cls(
            embedding=embedding,
            factor=factor,
            stack=cells,
            output_weight=None if config.tied else output,
            output_bias=np.zeros(vocabulary_size, np.float32),
            **cls.numbers(config),
        )
        if (r := config.uniform_init) is not None:
            drawn = {k: rng.uniform(-r, r, a.shape).astype(np.float32) for k, a in model.arrays().items()}
            return layers.replace(model, drawn)
        return model

    def initial_state(self, batch: int) -> State:
        """Return a state of zeros."""
        return self.stack.initial_state(batch)

    # the forward pass, written once for training (torch) and inference (NumPy)

    @property
    def table(self) -> Array:
        return self._product if isinstance(self.factor, np.ndarray) else self._multiplied()

    def _multiplied(self) -> Array:
        return self.embedding if self.factor is None else self.embedding @ self.factor

    @cached_property
    def _product(self) -> Array:
        return self._multiplied()

    def symbols(self, ids: Array) -> Array:
        """Return the embeddings (..., E) of ids (...)."""
        if self.factor is not None and not isinstance(self.factor, np.ndarray):
            return ops.embedding(ids, self.embedding) @ self.factor
        return ops.embedding(ids, self.table)

    def weights_dropped(self, rng: Any) -> Model:
        """Return the model with some recurrent weights zeroed (DropConnect), the same for all time steps."""
        if rng is None or not self.weight_drop:
            return self
        recurrent = {n: w for n, w in layers.arrays(self).items() if n.endswith("weight_hh")}
        masks = {n: ops.dropout_mask(tuple(w.shape), self.weight_drop, rng, w) for n, w in recurrent.items()}
        return layers.replace(self, {n: w * masks[n] for n, w in recurrent.items()})

    def _unrolled(self, ids: Array, state: State, rng: Any) -> tuple[Array, State]:
        """Run the stack over ids (T, B) -> its outputs (T, B, H), and the last state."""
        x = self.symbols(ids)
        if rng is not None and self.embedding_dropout:
            kept = ops.dropout_mask((self.vocabulary_size, 1), self.embedding_dropout, rng, x)
            x = x * ops.embedding(ids, kept)
        x = self.drop(x, rng, self.input_dropout)  # (T, B, E)
        masked = rng is not None and self.state_dropout
        return self.stack.unroll(
            x,
            state,
            between=lambda y: self.drop(y, rng),
            within=(lambda h: ops.dropout_mask(tuple(h.shape), self.state_dropout, rng, h)) if masked else None,
        )

    def hidden(self, ids: Array, state: State, rng: Any = None) -> tuple[Array, State]:
        """Return the softmax's input (T, B, H) for ids (T, B), and the last state."""
        y, state = self._unrolled(ids, state, rng)
        return self.drop(y, rng, self.output_dropout), state

    def loss(
        self, inputs: Array, targets: Array, state: State, rng: Any = None, taught: Array | None = None
    ) -> tuple[Array, State]:
        """Return the mean cross-entropy in nats per token of inputs and targets (T, B), and the last state. Penalties
        and a teacher's probabilities `taught` (T, B, V) change its gradient alone, not its value."""
        y, state = self.weights_dropped(rng)._unrolled(inputs, state, rng)
        h = self.drop(y, rng, self.output_dropout)
        nats = self.blurred(h, targets, rng).mean()
        if taught is not None:
            other = -(taught * ops.log_softmax(self.logits(h).float())).sum(-1).mean()
            nats = nats.detach() + _silent(nats + self.teacher_weight * (other - nats))
        if rng is not None and (self.activation_penalty or self.temporal_penalty):
            penalty = self.activation_penalty * (h * h).mean()
            if len(y) > 1:
                penalty = penalty + self.temporal_penalty * ((y[1:] - y[:-1]) ** 2).mean()
            nats = nats + _silent(penalty)
        return nats, state

    def probabilities(self, inputs: Array, state: State) -> tuple[Array, State]:
        """Return p (T, B, V) of the next symbol after each of inputs (T, B), and the last state."""
        h, state = self.hidden(inputs, state)
        return ops.softmax(self.logits(h).float()), state

    # a language model: scoring and stepping

    @cached_property
    def _form(self) -> BatchForm:
        return BatchForm(self.stack)

    def encoded(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Do as in PredictsSymbols; sequences of similar length are read together."""
        found = [np.zeros((0, self.encoded_size), np.float32)] * len(sequences)
        order = sorted((i for i, ids in enumerate(sequences) if len(ids)), key=lambda i: -len(sequences[i]))
        while order:
            n = max(GROUP // len(sequences[order[0]]), 1)
            group, order = order[:n], order[n:]
            known, places = np.unique(np.concatenate([sequences[i] for i in group]), return_inverse=True)
            projected = self._form.project(np.asarray(self.symbols(known), np.float32))
            lengths = np.array([len(sequences[i]) for i in group], np.int64)
            y = self._form.read(lengths, lambda at, d, own=projected, of=places: own[d].take(of[at], axis=0))
            for i, part in zip(group, np.split(y, np.cumsum(lengths)[:-1]), strict=True):
                found[i] = part
        return found

    @cached_property
    def _stream(self) -> StreamForm:
        return StreamForm(self.table, self.stack)

    @cached_property
    def _bank(self) -> Bank:
        width = len(self.stack.first[0])
        return Bank(self.vocabulary_size, width, lambda ids: self.stack.project(self.symbols(ids)))

    def read(self, ids: np.ndarray, state: State) -> Iterator[tuple[Array, State]]:
        """Do as in PredictsSymbols. A batch of one uses matrix-vector products, a larger one tiles."""
        for start in range(0, ids.shape[1], CHUNK):
            x = ids[:, start : start + CHUNK]
            if len(ids) == 1 and not ops.is_torch(self.embedding):
                h, state = self._stream.unroll(x[0], state)
                yield h[None], state
            else:
                h, state = self.hidden(ops.integers(x.T, self.embedding), state)
                yield h.swapaxes(0, 1), state

    def start(self, prompt: np.ndarray, state: State | None = None) -> tuple[None, State]:
        """Read a prompt (T,) once, from `state` or the initial state; return no memory, and the state after it."""
        own: Any = self.initial_state(1) if state is None else state
        if len(prompt):
            if ops.is_torch(self.embedding):
                _, own = self.hidden(ops.integers(prompt[:, None], self.embedding), own)
            else:
                _, own = self._stream.unroll(prompt, own)
        return None, own

    def advance(self, ids: np.ndarray, state: State) -> tuple[Array, State]:
        """Do as in PredictsSymbols."""
        if ops.is_torch(self.embedding):
            h, state = self.hidden(ops.integers(ids[None], self.embedding), state)
            return h[0], state
        if len(ids) == 1:
            h, state = self._stream.step(int(ids[0]), state)
            return h[None], state
        return self.stack.step_projected(self._projected(ids), state)

    def start_all(self, prompts: Sequence[np.ndarray]) -> tuple[None, State]:
        """Do as `LanguageModel.start` says of `start_all`: in tiles, one symbol of each prompt at a time."""
        lengths = np.array([len(prompt) for prompt in prompts])
        order = np.argsort(-lengths, kind="stable")
        state, ended = self.initial_state(len(prompts)), []
        for t in range(int(lengths.max())):
            on = int((lengths > t).sum())
            ended.append(ops.take(state, slice(on, None)))
            ids = np.array([prompts[i][t] for i in order[:on]])
            _, state = self.stack.step_projected(self._projected(ids), ops.take(state, slice(on)))
        return None, ops.take(ops.join([state, *ended[::-1]]), np.argsort(order))

    def _projected(self, ids: np.ndarray) -> Array:
        """Return the first layer's input projections (B, W) of symbols (B,)."""
        if ops.is_torch(self.embedding):
            return self.stack.project(self.symbols(ops.integers(ids, self.embedding)))
        return self._bank(ids)


def _silent(x: Array) -> Array:
    """Return zero with the gradient of x."""
    return x - x.detach()
