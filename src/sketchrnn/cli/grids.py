"""The grid between three or four drawings, which interpolate and vary draw."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sketchrnn.cli.inputs import Input, mixed
from sketchrnn.cli.output import write_drawings
from sketchrnn.drawing.sheets import corner_weights, grid_sheet

if TYPE_CHECKING:
    from sketchrnn.api import Model


def write_grid(
    arguments: argparse.Namespace,
    model: Model,
    corners: Sequence[Input],
    side: int,
    temperature: float,
    seed: int,
) -> int:
    """Draw a grid of side * side drawings and write it; returns the exit code."""
    drawn = model.grid(
        [corner.sketch for corner in corners],
        side,
        side,
        spherical=not arguments.linear,
        temperature=temperature,
        sample=getattr(arguments, "sample_z", False),
        seed=seed,
    )
    shares = [number / (side - 1) for number in range(side)]
    rows = [
        [
            mixed(corners, _weights(len(corners), x, y), sketch)
            for x, sketch in zip(shares, row, strict=True)
        ]
        for y, row in zip(shares, drawn, strict=True)
    ]
    sheet = grid_sheet([corner.given.sketch for corner in corners], rows)
    every = (new for row in rows for new in row)
    write_drawings(arguments, sheet, every, inputs=corners, seed=seed)
    return 0


def _weights(corners: int, x: float, y: float) -> list[float]:
    """Whose place and size a drawing at (x, y) has; a fourth corner that is not given halves it."""
    a, b, c, d = corner_weights(x, y)
    return [a, b, c, d] if corners == 4 else [a, b + d / 2, c + d / 2]
