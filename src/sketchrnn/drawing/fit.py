"""A drawing from outside, of any size and number of points, made fit for a model. No PyTorch.

It is scaled and simplified as the training drawings were. It is not resampled first: points put
between two others never change what Ramer-Douglas-Peucker keeps, as what lies farthest from a chord
is a corner; so corners stay where they are, and what is simple already stays as it is.

A drawing that would still be too long loses the points that matter least: `_simplified` takes the
farthest points first, so it may stop at any number of them. (One epsilon for all would not do: what
is left falls in jumps as it grows, of a regular zigzag from every point to two.)
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np

from sketchrnn import strokes
from sketchrnn.errors import SketchRNNError
from sketchrnn.runs import DataFacts
from sketchrnn.sketch import Polyline, Sketch

EQUAL = 1e-9  # distances that differ by less, as a part of them, are equal but for rounding


@dataclass(frozen=True, eq=False)
class Fitted:
    """A drawing as a model reads it, and the way back.

    Attributes:
        given: the drawing in its own units.
        sketch: in the training drawings' units (px), starting at (0, 0).
        factor: px a unit of `given`.
        epsilon: no point of it is farther than that from the line that replaces it, px.
        note: what had to be done beyond that, "" for nothing.
    """

    given: Sketch
    sketch: Sketch
    factor: float
    epsilon: float
    note: str

    def back(self, sketch: Sketch) -> Sketch:
        """A drawing in px, brought to the place and size of `given`: (0, 0) is its exact start."""
        start = np.array(self.given.start)
        lines = [line / self.factor + start for line in sketch.polylines]
        return Sketch.from_polylines(lines, sketch.label)


def fit(sketch: Sketch, facts: DataFacts, N_max: int, *, factor: float | None = None) -> Fitted:
    """Scale and simplify a drawing as the training drawings were, to at most N_max points.

    Epsilon is the training's, 2 px in a box of 255 where that is unknown. Where the drawing would
    still have more than N_max points (the start not counted), the N_max that matter most are kept,
    and the note says so.

    Args:
        sketch: in any units.
        facts: of the model: `size` and `epsilon`.
        N_max: the most points that the model reads.
        factor: px a unit of the drawing; by default its larger side becomes `facts.size`.

    Raises:
        SketchRNNError: more strokes than N_max points can draw; a size, or a factor, that cannot be
            scaled with.
    """
    size = facts.size or strokes.BOX_PX
    side = max(sketch.size)
    if factor is None:
        factor = size / side if side > 0 else 1.0
    if not 0 < factor < math.inf or not side * factor < math.inf:
        raise SketchRNNError(
            f"a drawing whose larger side is {side:g} cannot be scaled by {factor:g} to the model's"
            " px; give it in other units"
        )
    least = fewest_rows(sketch)
    if least > N_max:
        raise SketchRNNError(
            f"the drawing has {len(sketch.polylines)} strokes, which are {least + 1} points where"
            f" each is one straight line; the model reads at most {N_max + 1}: leave strokes out"
        )
    start = np.array(sketch.start)
    lines = [(line - start) * factor for line in sketch.polylines]
    epsilon = (facts.epsilon or strokes.EPSILON_PX) * size / strokes.BOX_PX
    simple, farthest = _simplified(lines, epsilon, N_max - least)
    note = ""
    if farthest > epsilon:
        points = sum(map(len, simple))
        note = (
            f"simplified to {points:,} of its {sketch.point_count:,} points, up to {farthest:.3g}"
            f" px from its line instead of {epsilon:.3g}; the model reads at most {N_max + 1}"
        )
    fitted = Sketch.from_polylines(simple, sketch.label)
    return Fitted(sketch, fitted, factor, max(epsilon, farthest), note)


def fewest_rows(sketch: Sketch) -> int:
    """The stroke-3 rows of a drawing whose strokes are one straight line each."""
    ends = [line[[0, -1]] if len(line) > 1 else line for line in sketch.polylines]
    return len(strokes.polylines_to_stroke3(ends)[0])


def _simplified(lines: list[Polyline], epsilon: float, most: int) -> tuple[list[Polyline], float]:
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
