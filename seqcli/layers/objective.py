"""The loss of a classifier: the cross-entropy of one label a record, or of each of several labels."""

from __future__ import annotations

from seqcli import ops
from seqcli.ops import Array


def nats(logits: Array, targets: Array, *, smoothing: float = 0.0) -> Array:
    """Return each record's loss in nats: logits (B, K) -> (B,). float32 under bfloat16.

    With integer targets (B,) it is -log softmax(logits)[target]; smoothing s gives that label 1 - s and spreads s
    evenly over all labels (Szegedy et al. 2016). With targets (B, K) of 0 and 1 it is the mean over labels of the
    binary cross-entropy of sigmoid(logits); smoothing s moves the targets towards 1/2.
    """
    x = ops.at_least_float32(logits)
    if len(targets.shape) == 1:
        own = ops.cross_entropy(x, targets)
        return own if not smoothing else (1 - smoothing) * own - smoothing * ops.log_softmax(x).mean(-1)
    y = targets * (1 - smoothing) + smoothing / 2
    either = ops.logsumexp(
        ops.concat([x[..., None], ops.zeros((*x.shape, 1), x)])
    )  # log(1 + exp x), without overflow
    return (either - x * y).mean(-1)
