"""A linear model of each dimension's mean and deviation over time: fast, the baseline for networks over frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field

from seqcli import ops
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import SeqcliError
from seqcli.models._base import ClassWeights
from seqcli.models._log_linear import Loss, minimise
from seqcli.records import Example

TASK = "classification"
VERBS = ("classify", "eval")
TRAINED = "counted"
TOKENIZED = False
FRAMES = True
TEXT = False  # it cannot read text

TOLERANCE = 1e-6  # share of the loss: fitting stops after an iteration that gains less


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `model: {kind: frames-linear}`."""

    kind: Literal["frames-linear"] = "frames-linear"
    l2: Annotated[float, Field(ge=0)] = 1e-3  # penalty on squared weights, relative to the mean loss per record
    iterations: Annotated[int, Field(ge=1)] = 200  # of L-BFGS, at most
    class_weights: ClassWeights = "none"  # balanced: every label counts the same in total; or {label: weight}


@dataclass(frozen=True, eq=False)
class Model:
    """A model s = W [mean_t x; deviation_t x] + b."""

    kind: ClassVar[str] = "frames-linear"

    weight: np.ndarray  # (K, 2D)
    bias: np.ndarray  # (K,)

    @classmethod
    def fit(
        cls,
        examples: Sequence[Example],
        targets: np.ndarray,
        vocabulary: Vocabulary,
        config: Config,
        *,
        multi_label: bool = False,
        class_weights: np.ndarray | None = None,
        advance: Callable[[int], object] = lambda n: None,
    ) -> Model:
        """Fit N examples with frames; targets are labels (N,), or for multi-label data (N, K) truth values. Calls
        `advance(1)` after each iteration."""
        x = moments(examples)
        x = np.concatenate([x, np.ones((len(x), 1), np.float32)], axis=1)
        wanted = (
            targets.astype(np.float32) if multi_label else np.eye(len(vocabulary.labels), dtype=np.float32)[targets]
        )
        weights = np.ones((len(x), 1), np.float32)
        if class_weights is not None:
            weights = np.where(wanted > 0, class_weights, 1.0).astype(np.float32)
            weights = weights if multi_label else (wanted * class_weights).sum(axis=1, keepdims=True)
        loss = Loss(wanted, weights, softmax=not multi_label)
        a, _ = minimise(lambda u: x @ (x.T @ u), loss, config.l2, config.iterations, TOLERANCE, advance)
        found = (a.T @ x).astype(np.float32)
        return cls(np.ascontiguousarray(found[:, :-1]), found[:, -1].copy())

    def arrays(self) -> dict[str, np.ndarray]:
        """Return `weight` and `bias` by name."""
        return {"weight": self.weight, "bias": self.bias}

    @classmethod
    def restore(cls, config: Config, vocabulary: Vocabulary, arrays: Mapping[str, np.ndarray]) -> Model:
        """Restore the model that `arrays` describe. Raises SeqcliError if they do not fit."""
        weight, bias = arrays["weight"], arrays["bias"]
        K, D = len(vocabulary.labels), vocabulary.dimensions
        if weight.shape != (K, 2 * D) or bias.shape != (K,) or {weight.dtype, bias.dtype} != {np.dtype(np.float32)}:
            raise SeqcliError("the stored weights contradict each other", hint="train the model again")
        return cls(weight, bias)

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return self.weight.size + self.bias.size

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        """Return logits (N, K) float32 of examples with frames; each row is independent of the others, to the last
        bit."""
        return ops.linear(moments(examples), self.weight, self.bias)


def moments(examples: Sequence[Example]) -> np.ndarray:
    """Return the mean and standard deviation over time of each dimension of the normalised frames: (N, 2D)."""
    rows = [e.frames if len(e.frames) else np.zeros((1, e.frames.shape[1]), np.float32) for e in examples]
    return np.stack([np.concatenate([x.mean(axis=0), x.std(axis=0)]) for x in rows])
