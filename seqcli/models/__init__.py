"""Models: one kind a file. This module is the contract.

A kind's file offers

- `Config`: its recipe keys under `model`, a pydantic model with `kind`;
- `Model`: a dataclass whose fields are arrays, layers and plain numbers (see `seqcli.layers`), with
  `create(config, vocabulary_size, rng)` for a fresh one and `restore(config, vocabulary_size, arrays)` for a
  stored one;
- `TASK`: the task it belongs to; `VERBS`: the verbs that use it; `DATASET`: the kind of data set it reads;
  `TRAINED`: `"gradient"` (it has `loss`) or `"counted"` (it has `fit`).

A language model is also a `LanguageModel`: it scores streams and steps through them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, Self

import numpy as np

from seqcli import registry
from seqcli.artifact import Artifact

State = Any  # per hypothesis, batch-first, as nested tuples of arrays: `x[index]` on each reorders a beam


class LanguageModel(Protocol):
    """What eval, generate and the baseline ask of a language model. Log-probabilities are in nats."""

    kind: ClassVar[str]
    vocabulary_size: int

    @classmethod
    def restore(cls, config: Any, vocabulary_size: int, arrays: dict[str, np.ndarray]) -> Self:
        """The stored model. Raises SeqcliError where the arrays do not fit the configuration."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """All its arrays by dotted name."""
        ...

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
        """Read a prompt (T,), T >= 0, once: (memory, state of batch 1)."""
        ...

    def step(self, ids: np.ndarray, memory: Any, state: State) -> tuple[np.ndarray, State]:
        """Feed ids (B,): logits (B, V), whose log-softmax is log p(next | all fed so far), and the next state."""
        ...


def restore(stored: Artifact) -> Any:
    """The model of an opened artifact, its configuration checked again."""
    header = stored.header
    kind = registry.load("models", header["model"]["kind"])
    return kind.Model.restore(kind.Config(**header["model"]), header["vocabulary"], stored.part("model"))
