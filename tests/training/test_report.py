"""When a run is said to have over-fitted."""

from __future__ import annotations

from typing import Any

import pytest

from seqcli.training.report import overfit


def history(train: list[float], valid: list[float | None]) -> list[dict[str, Any]]:
    pairs = enumerate(zip(train, valid, strict=True), 1)
    return [{"step": 10 * i, "epoch": i / 2, "train_loss": t, "valid_loss": v} for i, (t, v) in pairs]


def test_valid_rises_while_train_falls():
    note = overfit(history([2.0, 1.5, 1.2, 1.0], [2.0, 1.6, 1.7, 1.9]))
    assert note == (
        "over-fitting began after epoch 1.00 (step 20): valid rose from 1.6000 to 1.9000 while train fell;"
        " that best model was kept"
    )


@pytest.mark.parametrize(
    ("train", "valid"),
    [
        ([2.0, 1.5, 1.2], [2.0, 1.6, 1.5]),  # still falling
        ([2.0, 1.5, 1.2], [2.0, 1.6, 1.601]),  # a rise too small to mean anything
        ([2.0, 1.5, 1.7], [2.0, 1.6, 1.9]),  # both rose: divergence, not over-fitting
        ([2.0, 1.0], [1.5, 1.9]),  # too short to tell
        ([2.0, 1.5, 1.2, 1.0], [None] * 4),  # nothing to judge by
    ],
)
def test_nothing_to_say(train, valid):
    assert overfit(history(train, valid)) is None
