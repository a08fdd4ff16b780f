"""A drawing from outside, of any size and number of points, made fit for a model. No PyTorch.

It is scaled and simplified as the training drawings were. It is not resampled first: points put
between two others never change what Ramer-Douglas-Peucker keeps, as what lies farthest from a chord
is a corner; so corners stay where they are, and what is simple already stays as it is.

A drawing that would still be too long loses the points that matter least (`data.simplify`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sketchrnn import strokes
from sketchrnn.data.simplify import farthest_first, fewest_rows
from sketchrnn.errors import SketchRNNError
from sketchrnn.runs import DataFacts
from sketchrnn.sketch import Sketch


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
    and the note says so. `factor` is px a unit of the drawing; by default its larger side becomes
    `facts.size`.

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
    least = fewest_rows(sketch.polylines)
    if least > N_max:
        raise SketchRNNError(
            f"the drawing has {len(sketch.polylines)} strokes, which are {least + 1} points where"
            f" each is one straight line; the model reads at most {N_max + 1}: leave strokes out"
        )
    start = np.array(sketch.start)
    lines = [(line - start) * factor for line in sketch.polylines]
    epsilon = (facts.epsilon or strokes.EPSILON_PX) * size / strokes.BOX_PX
    simple, farthest = farthest_first(lines, epsilon, N_max - least)
    note = ""
    if farthest > epsilon:
        points = sum(map(len, simple))
        note = (
            f"simplified to {points:,} of its {sketch.point_count:,} points, up to {farthest:.3g}"
            f" px from its line instead of {epsilon:.3g}; the model reads at most {N_max + 1}"
        )
    fitted = Sketch.from_polylines(simple, sketch.label)
    return Fitted(sketch, fitted, factor, max(epsilon, farthest), note)
