"""Copies of training drawings, each at random mirrored, turned and stretched, made once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.data.prepare_config import PrepareConfig
from sketchrnn.strokes import AnyArray


def copies_of(
    rows: AnyArray, config: PrepareConfig, rng: np.random.Generator
) -> list[npt.NDArray[np.float64]]:
    """The `config.copies` copies of a drawing of stroke-3 rows [N, 3], each [N, 3]."""
    return [copied(rows, random_matrix(config, rng)) for _ in range(config.copies)]


def random_matrix(config: PrepareConfig, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """What one copy's points [x, y] are multiplied with from the left, at random: [2, 2]."""
    turned_or_stretched = config.turn > 0 or config.stretch > 0
    mirrored = config.mirror and (bool(rng.random() < 0.5) or not turned_or_stretched)
    factors = rng.uniform(1 - config.stretch, 1 + config.stretch, 2) * [-1 if mirrored else 1, 1]
    angle = np.radians(rng.uniform(-config.turn, config.turn))
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]]) * factors  # stretched first, then turned


def copied(rows: AnyArray, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Stroke-3 rows [N, 3] of a drawing whose points were multiplied with `matrix`.

    If the rows are whole numbers, the copy's are, too: each point is rounded, not each offset.
    """
    copy = rows.astype(np.float64)
    offsets = copy[:, strokes.XY]
    points = np.cumsum(offsets, axis=0) @ matrix.T
    if (offsets == np.rint(offsets)).all():
        points = np.rint(points)
    copy[:, strokes.XY] = np.diff(points, axis=0, prepend=np.zeros((1, 2)))
    return copy
