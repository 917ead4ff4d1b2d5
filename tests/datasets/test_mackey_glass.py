"""The Mackey-Glass series: against SciPy's integrator, and as the catalog has it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from seqcli.datasets import catalog, mackey_glass


def reference(start: float, count: int) -> np.ndarray:
    """The same by SciPy, delay after delay: within one, what is delayed is known (the method of steps)."""
    from scipy.integrate import solve_ivp

    delay, pieces, at = mackey_glass.DELAY, [lambda t: np.full(np.shape(t), start)], start
    for number in range(1 + count * mackey_glass.EVERY // delay):
        before = pieces[-1]

        def rate(t: float, x: np.ndarray, before=before) -> np.ndarray:
            y = before(t - delay)
            return 0.2 * y / (1 + y**10) - 0.1 * x

        span = (number * delay, (number + 1) * delay)
        found = solve_ivp(rate, span, [at], rtol=1e-11, atol=1e-12, dense_output=True, max_step=0.5)
        pieces.append(lambda t, found=found: found.sol(t)[0])
        at = found.y[0, -1]
    times = mackey_glass.EVERY * np.arange(1, count + 1)
    return np.array([float(pieces[1 + int((t - 1e-9) // delay)](t)) for t in times])


def test_it_is_the_equation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mackey_glass, "DROPPED", 0)
    assert np.abs(np.array(mackey_glass.series(0.8, 30)) - reference(0.8, 30)).max() < 1e-5


def test_the_catalog_has_it() -> None:
    named = catalog.find("mackey-glass")
    found = {split: [float(x) for x in paths[0].read_text().split()] for split, paths in named.files.items()}
    assert {split: len(values) for split, values in found.items()} == mackey_glass.COUNTS
    assert named.format == "text"
    for values in found.values():
        assert 0.2 < min(values) < 0.5
        assert 1.2 < max(values) < 1.4
        assert 0.2 < np.std(values) < 0.25
    assert found["test"][:100] != found["valid"][:100]


def test_the_temperatures_that_ship() -> None:
    text = (Path(__file__).parents[2] / "data" / "temperatures.txt").read_text(encoding="ascii")
    values = [float(line) for line in text.splitlines()]
    assert len(values) == 8730
    assert all(-20 < value < 45 for value in values)
    assert max(abs(b - a) for a, b in pairwise(values)) < 12
