"""Ramer-Douglas-Peucker that stops at a number of points: the points that matter most come first.

One epsilon raised until few enough points are left would not do: what is left falls in jumps as it
grows, of a regular zigzag from every point to two.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from sketchrnn.travel import Polyline

EQUAL = 1e-9  # distances that differ by less, as a part of them, are equal but for rounding


def fewest_rows(lines: Sequence[Polyline]) -> int:
    """The stroke-3 rows of a drawing whose strokes are one straight line each, or dots."""
    return sum(min(len(line), 2) for line in lines) - 1 + (len(lines[0]) == 1)


def farthest_first(
    lines: Sequence[Polyline], epsilon: float, most: int
) -> tuple[list[Polyline], float]:
    """Ramer-Douglas-Peucker, all lines together, the farthest point of all first.

    With enough points it keeps what `strokes.simplify` keeps. It takes time in proportion to the
    points that are kept, times all, at most.

    Args:
        lines: each [n, 2].
        epsilon: the distance that may be given up.
        most: the points to keep at most, besides the ends of each line.

    Returns:
        the lines, and the largest distance of a point from the chord that replaces it: over
        epsilon where `most` were too few.
    """
    kept = [{0, len(line) - 1} for line in lines]
    # The chord with the farthest point is split next; of equal ones, but for rounding, the longest.
    chords: list[tuple[float, int, int, int, int, float]] = []

    def add(number: int, first: int, last: int) -> None:
        if last - first > 1:
            distance, farthest = _farthest(lines[number][first : last + 1])
            rank = -float(f"{distance:.9g}")
            heapq.heappush(chords, (rank, first - last, number, first, first + farthest, distance))

    for number, line in enumerate(lines):
        add(number, 0, len(line) - 1)
    while chords and chords[0][-1] > epsilon and most > 0:
        _, shorter, number, first, middle, _ = heapq.heappop(chords)
        kept[number].add(middle)
        most -= 1
        add(number, first, middle)
        add(number, middle, first - shorter)
    given_up = max((distance for *_, distance in chords), default=0.0)
    return [line[sorted(few)] for line, few in zip(lines, kept, strict=True)], given_up


def _farthest(points: Polyline) -> tuple[float, int]:
    """The largest distance of points [n, 2] from the segment between their ends, and whose.

    Of points that are equally far it is the one nearest to the middle.
    """
    chord, offsets = points[-1] - points[0], points - points[0]
    square = float(chord @ chord)
    along = np.clip(offsets @ chord / square, 0, 1) if square else np.zeros(len(points))
    distances = np.hypot(*(offsets - along[:, None] * chord).T)
    distance = float(distances.max())
    equal = np.flatnonzero(distances >= distance * (1 - EQUAL))
    return distance, int(equal[np.abs(2 * equal - len(points) + 1).argmin()])
