"""What a classifier's scores cost: cross-entropy of one label a record, or of each of several."""

from __future__ import annotations

from seqcli import ops
from seqcli.ops import Array


def nats(logits: Array, targets: Array, *, smoothing: float = 0.0) -> Array:
    """What each record costs in nats: logits (B, K) -> (B,). float32 under bfloat16.

    targets (B,), integers: -log softmax(logits)[target]; with smoothing s the target is 1 - s of that label and s of
    all alike (Szegedy et al. 2016). targets (B, K), of 0 and 1: the mean over labels of the cross-entropy of
    sigmoid(logits) (one yes or no a label), the targets drawn by s towards 1/2.
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
