"""Where a run stands, as its checkpoint tells it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

SIGNED = ("best", "loss_sum")  # numbers of a run's progress that may be below zero


@dataclass
class Progress:
    """Where a run stands, as JSON."""

    step: int = 0  # optimizer steps done
    epoch: int = 0
    batch: int = 0  # batches of this epoch done
    best: float | None = None  # what the kept model scores: of the watched figure, or loss in nats
    best_step: int = 0
    stale: int = 0  # evaluations since the best
    factor: float = 1.0  # what the plateau schedule has come down to
    plateau: int = 0  # evaluations without a gain since the last decay
    loss_sum: float = 0.0  # training loss since the last evaluation
    norm_sum: float = 0.0
    steps_since: int = 0
    seconds: float = 0.0
    tokens: int = 0  # trained on so far
    log_bytes: int = 0  # length of metrics.jsonl
    finished: bool = False
    mean_of: int = 0  # snapshots whose mean the kept model is; 0: it is a model as it was trained
    judged: list[int] = field(default_factory=list)  # of the last mean: step, snapshot_every, average_snapshots
    history: list[dict[str, Any]] = field(default_factory=list)


def restored(stored: Any, batches: int) -> Progress:
    """The progress that a checkpoint tells. Raises ValueError where no run can have come to it."""
    found = TypeAdapter(Progress).validate_json(json.dumps(stored), strict=True)
    counts = {n: v for n, v in dataclasses.asdict(found).items() if isinstance(v, int | float) and n not in SIGNED}
    odd = [f"{name} is {value}" for name, value in counts.items() if not 0 <= value < 1 << 53]
    odd += [f"{name} is missing" for name in sorted(dataclasses.asdict(found).keys() - stored.keys())]
    odd += [] if found.batch < batches else [f"batch is {found.batch} of {batches}"]
    if odd:
        raise ValueError(f"progress: {', '.join(odd)}")
    return found
