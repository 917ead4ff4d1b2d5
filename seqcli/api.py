"""The Python API: `seqcli.load(path)` opens a model file and returns its predictor, with the verbs that fit it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seqcli import predictor, runs


def load(path: str | Path) -> Any:
    """Open a model file, a run folder, or a run of ./runs by name, as the predictor of its task.

    Raises SeqcliError.
    """
    return predictor.load(runs.open_model(str(path), "eval"))
