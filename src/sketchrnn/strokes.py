"""Stroke formats as arrays: polylines <-> stroke-3 <-> stroke-5, simplify, scale. No torch here.

Formats (paper, section 3.1; `docs/data-formats.md`):

polylines   a list of float arrays [n, 2], absolute (x, y), y pointing down as on a screen.
stroke-3    one array [N, 3]: rows (dx, dy, pen lifted after this point). The pen starts *on the
            paper* at the start point, so N rows describe N + 1 points, as in the QuickDraw files.
stroke-5    one array [N_max, 5]: rows (dx, dy, p1, p2, p3), one-hot pen: p1 the pen stays on the
            paper, p2 it is lifted after this point, p3 the drawing has ended.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sketchrnn.errors import SketchRNNError

FloatArray = npt.NDArray[np.floating]
AnyArray = npt.NDArray[np.generic]

# Columns of stroke-3 ...
DX, DY, PEN_UP = 0, 1, 2
XY = slice(0, 2)
# ... and of stroke-5.
P1_DOWN, P2_UP, P3_END = 2, 3, 4
PEN = slice(2, 5)

START_TOKEN = np.array([0, 0, 1, 0, 0], dtype=np.float32)  # S_0 (section 3.2)
END_TOKEN = np.array([0, 0, 0, 0, 1], dtype=np.float32)

# The public preprocessing (googlecreativelab/quickdraw-dataset, "Simplified Drawing files").
BOX_PX = 255.0  # the larger side of a drawing
SPACING_PX = 1.0  # of the points before they are simplified
EPSILON_PX = 2.0  # of the simplification

# GEOS simplifies by recursion, as deep as a line is long at worst, and overflows the stack.
PIECE = 10_000  # points

OFFSET_MOST = 1e12  # of stroke-3: sums and multiples of them are still float32
OFFSET_LIMIT_PX = 1000.0  # clamped before scaling (docs/deviations.md, row 17)


def polylines_to_stroke3(
    polylines: Sequence[npt.ArrayLike],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Turn polylines [n, 2] into stroke-3 rows [N, 3] and the start point [2].

    N is the number of points less 1. A first polyline of one point (a dot) counts as two equal
    points, for its lift would have no row otherwise. SketchRNNError for no polylines, an empty one,
    a wrong shape, a coordinate that is not finite.
    """
    lines = [np.asarray(line, dtype=np.float64) for line in polylines]
    if not lines:
        raise SketchRNNError("a drawing needs at least one stroke; this one has none")
    for index, line in enumerate(lines):
        if line.ndim != 2 or line.shape[1] != 2 or len(line) == 0:
            raise SketchRNNError(
                f"stroke {index} must be points [n, 2] with n >= 1, got shape {line.shape}"
            )
        if not np.isfinite(line).all():
            raise SketchRNNError(f"stroke {index} has a coordinate that is not a finite number")
    if len(lines[0]) == 1:
        lines[0] = np.repeat(lines[0], 2, axis=0)
    points = np.concatenate(lines)
    pen_up = np.zeros(len(points))
    pen_up[np.cumsum([len(line) for line in lines]) - 1] = 1.0
    rows = np.column_stack([np.diff(points, axis=0), pen_up[1:]])
    return np.ascontiguousarray(rows), points[0]  # row by row, however the points came


def stroke3_to_polylines(
    rows: npt.ArrayLike, start: npt.ArrayLike = (0.0, 0.0)
) -> list[npt.NDArray[np.float64]]:
    """Turn stroke-3 rows [N, 3] into polylines; the first point is `start`."""
    rows3 = check_stroke3(rows).astype(np.float64)
    start_point = np.asarray(start, dtype=np.float64).reshape(1, 2)
    points = np.concatenate([start_point, start_point + np.cumsum(rows3[:, XY], axis=0)])
    ends = np.flatnonzero(rows3[:, PEN_UP] > 0.5) + 2  # row i is point i + 1
    return [line for line in np.split(points, ends) if len(line)]


def check_stroke3(rows: npt.ArrayLike, where: str = "drawing") -> AnyArray:
    """`rows` as an array if it is stroke-3: shape [N >= 1, 3], finite, pen column of 0 and 1.

    Else SketchRNNError, naming `where`.
    """
    try:
        array = np.asarray(rows)
    except ValueError:
        array = np.empty(0)
    if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind not in "iuf":
        raise SketchRNNError(
            f"{where}: stroke-3 must be a numeric array [N, 3] (dx, dy, pen lifted),"
            f" got shape {array.shape} of {array.dtype}"
        )
    if len(array) == 0:
        raise SketchRNNError(f"{where}: has no points; a drawing needs at least one row")
    valid = valid_rows(array)
    if not valid.all():
        row = int(valid.argmin())
        problem = f"pen {array[row, PEN_UP]}; stroke-3 knows only 0 and 1"
        if not np.isfinite(array[row]).all():
            problem = "a value that is not a finite number"
        elif (np.abs(array[row]) > OFFSET_MOST).any():
            problem = f"an offset over {OFFSET_MOST:g}"
        raise SketchRNNError(f"{where}: row {row} has {problem}")
    return array


def valid_rows(rows: AnyArray) -> npt.NDArray[np.bool_]:
    """For each of the rows [P, 3] whether it is stroke-3: numbers, and a pen of 0 or 1."""
    pen = rows[:, PEN_UP]
    valid: npt.NDArray[np.bool_] = (pen == 0) | (pen == 1)
    return valid & (np.abs(rows) <= OFFSET_MOST).all(axis=1) if rows.dtype.kind == "f" else valid


def stroke3_to_stroke5(rows: npt.ArrayLike, N_max: int) -> npt.NDArray[np.float32]:
    """Turn stroke-3 rows [N <= N_max, 3] into stroke-5 [N_max, 5], filled up with END_TOKEN."""
    rows3 = check_stroke3(rows)
    if len(rows3) > N_max:
        raise SketchRNNError(
            f"the drawing has {len(rows3)} points but N_max is {N_max}; simplify it first"
        )
    strokes = np.tile(END_TOKEN, (N_max, 1))
    drawn = strokes[: len(rows3)]
    drawn[:, XY] = rows3[:, XY]
    drawn[:, P1_DOWN] = 1 - rows3[:, PEN_UP]
    drawn[:, P2_UP] = rows3[:, PEN_UP]
    drawn[:, P3_END] = 0
    return strokes


def stroke5_to_stroke3(strokes: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Turn stroke-5 [T, 5] into stroke-3: the rows before the first p3; the last lifts the pen."""
    array = np.asarray(strokes, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 5:
        raise SketchRNNError(f"stroke-5 must be an array [T, 5], got shape {array.shape}")
    ended = np.flatnonzero(array[:, P3_END] > 0.5)
    length = int(ended[0]) if len(ended) else len(array)
    if length == 0:
        raise SketchRNNError("the drawing ends before its first point")
    rows = np.column_stack([array[:length, XY], array[:length, P2_UP] > 0.5])
    rows[-1, PEN_UP] = 1.0
    return rows


def simplify(line: npt.ArrayLike, epsilon: float) -> npt.NDArray[np.float64]:
    """Ramer-Douglas-Peucker with the distance to the segment (docs/deviations.md, row 18).

    `epsilon` is the largest distance that may be given up, in the units of the line [n, 2]; 0 keeps
    all points. A line of more than PIECE points is simplified in pieces, whose ends stay.
    """
    points = np.asarray(line, dtype=np.float64)
    if epsilon <= 0 or len(points) < 3:
        return points
    if len(points) > PIECE:
        first, rest = simplify(points[:PIECE], epsilon), simplify(points[PIECE - 1 :], epsilon)
        return np.concatenate([first, rest[1:]])
    import shapely  # not needed by most verbs, and slow to load

    simple = shapely.simplify(shapely.linestrings(points), epsilon, preserve_topology=False)
    kept: npt.NDArray[np.float64] = shapely.get_coordinates(simple)
    return kept if len(kept) else points[[0, -1]]  # GEOS drops a line that is all one point


def resample(line: npt.ArrayLike, spacing: float) -> npt.NDArray[np.float64]:
    """Points every `spacing` units along the line [n, 2]; the last point is kept."""
    points = np.asarray(line, dtype=np.float64)
    if len(points) < 2:
        return points
    along = lengths_along(points)
    if along[-1] == 0:
        return points[[0, -1]]
    stations = np.append(np.arange(0.0, along[-1], spacing), along[-1])
    return np.column_stack([np.interp(stations, along, points[:, axis]) for axis in (0, 1)])


def filling(room: float, side: float) -> float:
    """The factor that makes a side fill the room; 1 for a side that is as good as none."""
    factor = float(room) / float(side) if side > 0 else math.inf
    return factor if math.isfinite(factor) else 1.0


def lengths_along(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far along the line [n, 2] each of its points lies, from 0 to its length."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])


def clamp_offsets(offsets: AnyArray) -> npt.NDArray[np.float32]:
    """Offsets as float32, clamped to +-1000 as the reference code does."""
    return np.clip(offsets, -OFFSET_LIMIT_PX, OFFSET_LIMIT_PX).astype(np.float32)
