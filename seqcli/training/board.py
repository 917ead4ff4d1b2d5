"""Log a run for TensorBoard, beside metrics.jsonl; needs the extra `tensorboard`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqcli import console
from seqcli.errors import SeqcliError
from seqcli.runs import Run

GROUPS = {"train_loss": "loss/train", "valid_loss": "loss/valid", "gradient_norm": "train/gradient_norm",
          "learning_rate": "train/learning_rate", "tokens_per_second": "train/tokens_per_second"}  # fmt: skip


class Board:
    """A writer of scalars by step into the run's folder; what a resumed run logs again replaces the earlier entries.

    Raises SeqcliError if the package is missing.
    """

    def __init__(self, run: Run, step: int):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise SeqcliError(
                "--tensorboard needs the package tensorboard", hint="pip install 'seqcli[tensorboard]'"
            ) from None
        self._writer: Any = SummaryWriter(str(run.path), purge_step=step + 1 if step else None)

    def add(self, step: int, figures: Mapping[str, Any]) -> None:
        """Log the figures of an evaluation. If they cannot be written, warn, and train on without this log."""
        if self._writer is None:
            return
        try:
            for name, value in figures.items():
                if isinstance(value, int | float) and not isinstance(value, bool) and name != "tokens":
                    self._writer.add_scalar(GROUPS.get(name, f"valid/{name}"), value, step)
            self._writer.flush()
        except OSError as error:
            self._writer = None
            console.warn(f"the log for TensorBoard ends here: {error}")
