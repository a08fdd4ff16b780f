"""A drawing as the judges read it (protocol 1): one size, one fineness, one set of numbers.

Shapes: n drawings, T points of the longest, POINT numbers a point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sketchrnn.data.simplify import farthest_first
from sketchrnn.sketch import Sketch
from sketchrnn.strokes import BOX_PX, EPSILON_PX, filling, simplify
from sketchrnn.travel import Polyline

POINTS = 250  # at most, as in the judges' training drawings
POINT = 6  # numbers a point
F32 = npt.NDArray[np.float32]


def prepared(sketch: Sketch) -> list[Polyline]:
    """The strokes in a box of 255, as the public drawings are: simplified, at most 250 points.

    The larger side fills the box, and the drawing lies in the middle of it. Ramer-Douglas-Peucker
    with an epsilon of 2, as `sketchrnn.strokes.simplify`; of a drawing that has more points still,
    the farthest are kept, stroke by stroke, and of one that has more than 250 ends of strokes the
    first 250 points. What QuickDraw has simplified so stays as it is.
    """
    left, top, right, bottom = sketch.bounds
    factor = filling(BOX_PX, max(right - left, bottom - top))
    middle = np.array([left + right, top + bottom]) / 2
    boxed = [(line - middle) * factor for line in sketch.polylines]
    lines = [simplify(line, EPSILON_PX) for line in boxed]
    if sum(map(len, lines)) > POINTS:
        ends = sum(min(len(line), 2) for line in lines)
        lines, _ = farthest_first(lines, 0.0, max(POINTS - ends, 0))
        room = POINTS - np.cumsum([0, *map(len, lines)])
        lines = [line[: int(most)] for line, most in zip(lines, room, strict=False) if most > 0]
    return lines


def rows(drawings: Sequence[Sequence[Polyline]]) -> tuple[F32, npt.NDArray[np.int64]]:
    """Prepared drawings as rows [n, T, POINT], filled up with 0, and their lengths [n].

    A row is x, y (from -1 to 1 along the larger side), the way from the point before (0 for the
    first), whether it begins a stroke, and whether it ends one.
    """
    lengths = np.array([sum(map(len, lines)) for lines in drawings], dtype=np.int64)
    filled = np.zeros((len(drawings), int(lengths.max(initial=1)), POINT), dtype=np.float32)
    for row, lines in zip(filled, drawings, strict=True):
        points = np.concatenate(lines)
        low, high = points.min(axis=0), points.max(axis=0)
        side = (high - low).max()
        xy = (points - (low + high) / 2) * (2 / side if side > 0 else 1.0)
        row[: len(xy), :2] = xy
        row[1 : len(xy), 2:4] = np.diff(xy, axis=0)
        ends = np.cumsum([len(line) for line in lines])
        row[ends - 1, 5] = 1
        row[np.concatenate([[0], ends[:-1]]), 4] = 1
    return filled, lengths
