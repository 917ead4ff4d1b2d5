"""The progress of a run, as its checkpoint stores it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

SIGNED = ("best", "loss_sum")  # fields of Progress that may be negative


@dataclass
class Progress:
    """The progress of a run, stored as JSON."""

    step: int = 0  # optimizer steps done
    epoch: int = 0
    batch: int = 0  # batches done in this epoch
    best: float | None = None  # the kept model's score: the watched figure, or the loss in nats
    best_step: int = 0
    stale: int = 0  # evaluations since the best
    factor: float = 1.0  # the current factor of the plateau schedule
    plateau: int = 0  # evaluations without a gain since the last decay
    loss_sum: float = 0.0  # training loss since the last evaluation
    norm_sum: float = 0.0
    steps_since: int = 0
    seconds: float = 0.0
    tokens: int = 0  # trained on so far
    log_bytes: int = 0  # length of metrics.jsonl
    finished: bool = False
    mean_of: int = 0  # the kept model is the mean of so many snapshots; 0: it is not a mean
    judged: list[int] = field(default_factory=list)  # step, snapshot_every and average_snapshots of the last mean
    history: list[dict[str, Any]] = field(default_factory=list)


def restored(stored: Any, batches: int) -> Progress:
    """Return the progress that a checkpoint stores. Raises ValueError if no run can have reached it."""
    found = TypeAdapter(Progress).validate_json(json.dumps(stored), strict=True)
    counts = {n: v for n, v in dataclasses.asdict(found).items() if isinstance(v, int | float) and n not in SIGNED}
    odd = [f"{name} is {value}" for name, value in counts.items() if not 0 <= value < 1 << 53]
    odd += [f"{name} is missing" for name in sorted(dataclasses.asdict(found).keys() - stored.keys())]
    odd += [] if found.batch < batches else [f"batch is {found.batch} of {batches}"]
    if odd:
        raise ValueError(f"progress: {', '.join(odd)}")
    return found
