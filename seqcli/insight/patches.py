"""Draw a picture once for each token of its caption, bright in the patches that the token attends to."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from seqcli.insight._picture import DPI, plain, save

ACROSS, SIDE = 6, 1.3  # pictures in a row; the side of each in inches
DARK = 0.25  # the brightness of patches without attention


def draw(path: str, picture: np.ndarray, grid: tuple[int, int], target: Sequence[str], weights: np.ndarray) -> None:
    """Write a picture (H, W, C) once for each of T target tokens, with weights (T, patches of a grid).

    Raises SeqcliError if the file cannot be written; `check` a path first.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    low, high = float(picture.min()), float(picture.max())
    shown = (picture - low) / max(high - low, 1e-9)
    shown = shown[..., :3] if shown.shape[-1] >= 3 else shown[..., :1].repeat(3, axis=-1)
    across = min(ACROSS, len(target))
    down = math.ceil(len(target) / across)
    figure = Figure(figsize=(across * SIDE + 0.2, down * (SIDE + 0.25) + 0.1), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    for t, token in enumerate(target):
        axes = figure.add_subplot(down, across, t + 1)
        axes.imshow(shown * light(weights[t], grid, picture.shape[:2])[..., None], interpolation="nearest")
        axes.set_title(plain(token), size=8, parse_math=False)
        axes.set_axis_off()
    figure.tight_layout(pad=0.3)
    save(figure, path)


def light(weights: np.ndarray, grid: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Return the brightness of each pixel (H, W): 1 in the patch with the most attention, DARK where there is
    none."""
    table = weights.reshape(grid) / max(float(weights.max()), 1e-9)
    sides = -(-size[0] // grid[0]), -(-size[1] // grid[1])
    whole = np.kron(table, np.ones(sides))[: size[0], : size[1]]
    return DARK + (1 - DARK) * whole
