"""Models, one kind per file. This module is the contract.

A kind's file offers

- `Config`: its recipe keys under `model`, a pydantic model with the field `kind`;
- `Model`: a dataclass whose fields are arrays, layers and plain numbers (see `seqcli.layers`), with
  `create(config, vocabulary, rng)` for a fresh model and `restore(config, vocabulary, arrays)` for a stored one, from
  the arrays by dotted name that `arrays()` returned; `vocabulary` depends on the task: a size for text, a
  `Vocabulary` for tagging;
- `TASK`: the task it belongs to; `VERBS`: the verbs that use it; `TRAINED`: `"gradient"` (it has `loss`) or
  `"counted"` (it has `fit`); `DEFAULT` if it is the default kind of its task.

A kind that reads text by itself, without the recipe's tokenizer, sets `TOKENIZED = False`. A kind that can also read
frames sets `FRAMES = True`, and lists in `OF_TEXT` the keys that do not apply to frames; one that reads no text sets
`TEXT = False`. A sequence-to-sequence kind that writes edits of the source sets `EDITS = True`.

A language model is also a `LanguageModel`: it scores streams and steps through them. A tagging model is a
`TaggingModel`: it scores labels word by word. A classification model is a `ClassifyingModel`: it scores the labels of
whole texts.
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

State = Any  # of each hypothesis, batch-first nested tuples of arrays: indexing each array reorders a beam

LARGEST = 1e9  # no sound training leaves a weight near this size
NOT_FINITE = "its training diverged, or the file was changed: train again, with a lower train.learning_rate"


class Sizes(NamedTuple):
    """The number of source and target symbols, including BOS and EOS, and whether both sides share one set."""

    source: int
    target: int
    shared: bool
    dimensions: int = 0  # size of a frame if the source is frames, which have no symbols; else 0
    columns: tuple[tuple[int, int, bool], ...] = ()  # of a source of several columns: the range of each one's symbols
    # (first, end), and whether it is tokenized as the target is


class LanguageModel(Protocol):
    """The interface of a language model that eval, generate and the baseline use. Log-probabilities are in nats."""

    kind: ClassVar[str]
    vocabulary_size: int

    def initial_state(self, batch: int) -> State:
        """Return the state before any token."""
        ...

    def score(self, inputs: np.ndarray, targets: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Return log p(targets[:, t] | state, inputs[:, :t+1]).

        inputs, targets (B, T) integers -> (B, T) float, and the state after the last input. Each row is
        independent of its batch-mates, to the last bit.
        """
        ...

    def start(self, prompt: np.ndarray) -> tuple[Any, State]:
        """Read a prompt (T,), T >= 0, once; return (memory, state of batch 1).

        A model whose state may have rows that read different amounts also offers `start_all(prompts)`, which returns
        the memory and a state with a row for each prompt, independent of the other prompts.
        """
        ...

    def step(self, ids: np.ndarray, memory: Any, state: State) -> tuple[np.ndarray, State]:
        """Feed ids (B,); return logits (B, V), of which log p(next | all fed so far) is the log-softmax, and the next
        state."""
        ...


def joined(stretches: Iterable[tuple[Any, np.ndarray, State]], rows: int, state: State) -> tuple[np.ndarray, State]:
    """Join what a language model scored a stretch at a time: from triples (_, log-probabilities (B, t), state after
    them) return the log-probabilities (B, T), with B = `rows`, and the last state, or `state` if there are none."""
    parts = [np.zeros((rows, 0), np.float32)]
    for _, logp, after in stretches:
        parts.append(logp)
        state = after
    return np.concatenate(parts, axis=1), state


class TaggingModel(Protocol):
    """The interface of a tagging model that tag, eval and the baseline use."""

    @property
    def chain(self) -> CRF | None:
        """The scores of neighbouring labels; None if labels are independent given the words."""
        ...

    def emissions(
        self, sentences: Sequence[Sequence[str]], features: Sequence[Mapping[str, Sequence[str]]] = ()
    ) -> list[np.ndarray]:
        """Return the scores (T, K) of each sentence's labels, in nats up to a constant for each word; independent of
        batch-mates, to the last bit. `features` are further columns by name, if the model reads any."""
        ...


class ClassifyingModel(Protocol):
    """The interface of a classification model that classify, eval and the baseline use."""

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        """Return logits (N, K) float32 in nats, up to a constant for each row. Their softmax, or for multi-label data
        their sigmoids, are the labels' probabilities. Each row is independent of its batch-mates, to the last bit."""
        ...


def restore(stored: Artifact, vocabulary: Any) -> Any:
    """Restore the model of an opened artifact and validate its configuration; `vocabulary` is as for `create`. Raises
    SeqcliError for weights that are not finite, or so large that sums of products would overflow."""
    header = stored.header
    for name, array in stored.part("model").items():
        if array.dtype.kind == "f" and not (
            float(array.min(initial=0)) >= -LARGEST and float(array.max(initial=0)) <= LARGEST
        ):
            why = f"beyond {LARGEST:g}" if np.isfinite(array).all() else "not finite"
            raise SeqcliError(f"{stored.path}: the weight {name} is {why}", hint=NOT_FINITE)
    kind = registry.load("models", header["model"]["kind"])
    return kind.Model.restore(kind.Config(**header["model"]), vocabulary, stored.part("model"))
