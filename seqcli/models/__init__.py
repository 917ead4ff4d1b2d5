"""Models: one kind a file. This module is the contract.

A kind's file offers

- `Config`: its recipe keys under `model`, a pydantic model with `kind`;
- `Model`: a dataclass whose fields are arrays, layers and plain numbers (see `seqcli.layers`), with
  `create(config, vocabulary, rng)` for a fresh one and `restore(config, vocabulary, arrays)` for a stored one, of
  what `arrays()` gave by dotted name; `vocabulary` is what the task's data make of an artifact: a size for text, a
  `Vocabulary` for tagging;
- `TASK`: the task it belongs to; `VERBS`: the verbs that use it; `TRAINED`: `"gradient"` (it
  has `loss`) or `"counted"` (it has `fit`); `DEFAULT` where it is the task's own.

A kind that reads text by itself, without the recipe's tokenizer, says `TOKENIZED = False`. One that reads frames too
says `FRAMES = True`, and in `OF_TEXT` which of its keys are then of no use; one that reads no text `TEXT = False`.
One from one sequence to another that writes edits of the source says `EDITS = True`.

A language model is also a `LanguageModel`: it scores streams and steps through them. A model for tagging is a
`TaggingModel`: it scores labels word by word. A model for classification is a `ClassifyingModel`: it scores the
labels of whole texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from seqcli import registry
from seqcli.artifact import Artifact
from seqcli.errors import SeqcliError
from seqcli.layers.crf import CRF
from seqcli.records import Example

State = Any  # per hypothesis, batch-first, as nested tuples of arrays: `x[index]` on each reorders a beam

LARGEST = 1e9  # no weight that training leaves comes near
NOT_FINITE = "its training diverged, or the file was changed: train again, with a lower train.learning_rate"


class Sizes(NamedTuple):
    """How many symbols each side has, the two that begin and end a text among them; whether both are one set."""

    source: int
    target: int
    shared: bool
    dimensions: int = 0  # numbers of a frame, where the source is frames: it has no symbols then
    columns: tuple[tuple[int, int, bool], ...] = ()  # of a source of several columns: first and end of each one's
    # symbols, and whether it is divided as the target is


class LanguageModel(Protocol):
    """What eval, generate and the baseline ask of a language model. Log-probabilities are in nats."""

    kind: ClassVar[str]
    vocabulary_size: int

    def initial_state(self, batch: int) -> State:
        """The state before any token."""
        ...

    def score(self, inputs: np.ndarray, targets: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """log p(targets[:, t] | state, inputs[:, :t+1]).

        inputs, targets (B, T) integers -> (B, T) float, and the state after the last input. Each row is
        independent of its batch-mates, to the last bit.
        """
        ...

    def start(self, prompt: np.ndarray) -> tuple[Any, State]:
        """Read a prompt (T,), T >= 0, once: (memory, state of batch 1).

        A model whose state has rows that may have read different amounts also offers `start_all(prompts)`: the memory
        and a row for each prompt, which is the same whatever stands beside it.
        """
        ...

    def step(self, ids: np.ndarray, memory: Any, state: State) -> tuple[np.ndarray, State]:
        """Feed ids (B,): logits (B, V), whose log-softmax is log p(next | all fed so far), and the next state."""
        ...


def joined(stretches: Iterable[tuple[Any, np.ndarray, State]], rows: int, state: State) -> tuple[np.ndarray, State]:
    """What a language model scores a stretch at a time, as one: of triples with log-probabilities (B, t) and the
    state behind them the log-probabilities (B, T), B `rows`, and the last state; of none the `state` before."""
    parts = [np.zeros((rows, 0), np.float32)]
    for _, logp, after in stretches:
        parts.append(logp)
        state = after
    return np.concatenate(parts, axis=1), state


class TaggingModel(Protocol):
    """What tag, eval and the baseline ask of a model for tagging."""

    @property
    def chain(self) -> CRF | None:
        """Scores of neighbouring labels; None where labels are independent given the words."""
        ...

    def emissions(
        self, sentences: Sequence[Sequence[str]], features: Sequence[Mapping[str, Sequence[str]]] = ()
    ) -> list[np.ndarray]:
        """Scores (T, K) in nats of each sentence's labels, up to a constant a word; independent of batch-mates, to
        the last bit. `features` are further columns by name, where the model reads any."""
        ...


class ClassifyingModel(Protocol):
    """What classify, eval and the baseline ask of a model for classification."""

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        """(N, K) float32 in nats, up to a constant a row: their softmax, or of multi-label data each one's sigmoid,
        is the labels' probabilities. Each row is independent of its batch-mates, to the last bit."""
        ...


def restore(stored: Artifact, vocabulary: Any) -> Any:
    """The model of an opened artifact, its configuration checked again; `vocabulary` is what the task's data make of
    it. Raises SeqcliError for weights that are no numbers, or such that sums of products overflow."""
    header = stored.header
    for name, array in stored.part("model").items():
        if array.dtype.kind == "f" and not (
            float(array.min(initial=0)) >= -LARGEST and float(array.max(initial=0)) <= LARGEST
        ):
            why = f"beyond {LARGEST:g}" if np.isfinite(array).all() else "not finite"
            raise SeqcliError(f"{stored.path}: the weight {name} is {why}", hint=NOT_FINITE)
    kind = registry.load("models", header["model"]["kind"])
    return kind.Model.restore(kind.Config(**header["model"]), vocabulary, stored.part("model"))
