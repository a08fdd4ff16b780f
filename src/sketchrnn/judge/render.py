"""Ink on paper: a drawing as 64 x 64 grey values, the same bytes on every machine. NumPy alone.

Only +, -, *, / and the square root of float32 are used, each of them an operation of its own, and
the least of several numbers: IEEE 754 rounds them in one way only, and their order does not matter.

Shapes: n drawings, P pieces of line, W = WINDOW.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sketchrnn.travel import Polyline

SIDE = 64  # pixels
INSIDE = 56.0  # what the larger side of a drawing fills, in pixels
RADIUS = 1.0  # of the round pen, in pixels; its edge is one pixel wide
REACH = RADIUS + 0.5  # farther from the line there is no ink
PIECE = 4.0  # lines are cut into pieces of at most so many pixels ...
WINDOW = 8  # ... whose ink lies in a square of so many: PIECE + 2 REACH = 7, and 1 for the grid
AT_ONCE = 1 << 14  # pieces

Images = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]


def render(drawings: Sequence[Sequence[Polyline]]) -> Images:
    """Each drawing as grey values [n, 64, 64], 0 for paper and 255 for ink; y points down.

    The larger side of a drawing fills 56 pixels, and the drawing is centred. The ink of a pixel is
    clip(1.5 - distance, 0, 1), of its centre to the nearest line, in pixels: a round pen 2 pixels
    wide, smoothed. A stroke of one point is a dot; a drawing without points is white paper.
    """
    starts, ends, owners = [], [], []
    for number, lines in enumerate(drawings):
        if not len(lines):
            continue
        placed = _placed(np.concatenate(lines))
        cuts = np.cumsum([len(line) for line in lines])
        first = np.ones(len(placed), dtype=bool)
        first[cuts[:-1]] = False  # no line leads from one stroke to the next ...
        before = np.concatenate([placed[:1], placed[:-1]])
        before[~first] = placed[~first]  # ... but a dot is where each begins
        starts.append(before)
        ends.append(placed)
        owners.append(np.full(len(placed), number))
    if not starts:
        return np.zeros((len(drawings), SIDE, SIDE), dtype=np.uint8)
    return ink(np.concatenate(starts), np.concatenate(ends), np.concatenate(owners), len(drawings))


def _placed(points: npt.NDArray[np.float64]) -> F32:
    """Points [m, 2] in pixels, the larger side filling INSIDE, centred."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = (high - low).max()
    scale = INSIDE / side if side > 0 else 1.0
    centred = (points - low) - (high - low) / 2
    placed: F32 = (centred * scale + SIDE / 2).astype(np.float32)
    return placed


def ink(starts: F32, ends: F32, owners: npt.NDArray[np.int64], count: int) -> Images:
    """Grey values [count, 64, 64] of lines from `starts` to `ends` [m, 2], in pixels.

    `owners` [m] says which image each is in.
    """
    nearest = np.full(count * SIDE * SIDE, np.float32(np.inf))
    for first in range(0, len(starts), AT_ONCE // 4):
        part = slice(first, first + AT_ONCE // 4)
        _nearer(nearest, *_pieces(starts[part], ends[part], owners[part]))
    shade = np.clip(np.float32(REACH) - np.sqrt(nearest), np.float32(0), np.float32(1))
    grey: Images = np.rint(shade * np.float32(255)).astype(np.uint8)
    return grey.reshape(count, SIDE, SIDE)


def _pieces(
    starts: F32, ends: F32, owners: npt.NDArray[np.int64]
) -> tuple[F32, F32, npt.NDArray[np.int64]]:
    """The same lines, cut into pieces [P] of at most PIECE pixels a side."""
    reach = ends - starts
    counts = np.maximum(np.ceil(np.abs(reach).max(axis=1) / np.float32(PIECE)), 1).astype(np.int64)
    whole = np.repeat(np.arange(len(starts)), counts)
    number = np.arange(len(whole)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = counts[whole].astype(np.float32)
    begin = (number.astype(np.float32) / share)[:, None] * reach[whole] + starts[whole]
    return begin, reach[whole] / share[:, None], owners[whole]


def _nearer(nearest: F32, begins: F32, reaches: F32, owners: npt.NDArray[np.int64]) -> None:
    """Lower `nearest`, squared distances, where one of the pieces is nearer to a pixel's centre."""
    span = np.arange(WINDOW)
    low = np.floor(np.minimum(begins, begins + reaches) - np.float32(REACH)).astype(np.int64)
    columns, rows = (low[:, axis, None] + span for axis in (0, 1))  # [P, W]
    x, y = (
        cells.astype(np.float32) + np.float32(0.5) - begins[:, axis, None]
        for axis, cells in enumerate((columns, rows))
    )
    dx, dy = reaches[:, 0, None], reaches[:, 1, None]
    square = dx * dx + dy * dy
    square[square == 0] = 1  # a dot: the nearest point is where it begins
    along = (x * (dx / square))[:, None, :] + (y * (dy / square))[:, :, None]  # [P, W, W]
    np.clip(along, np.float32(0), np.float32(1), out=along)
    away_x = x[:, None, :] - along * dx[:, :, None]
    away_y = y[:, :, None] - along * dy[:, :, None]
    distance = away_x * away_x + away_y * away_y
    near = distance < np.float32(REACH * REACH)
    near &= ((columns >= 0) & (columns < SIDE))[:, None, :]
    near &= ((rows >= 0) & (rows < SIDE))[:, :, None]
    cell = (owners[:, None] * SIDE + rows)[:, :, None] * SIDE + columns[:, None, :]
    np.minimum.at(nearest, cell[near], distance[near])
