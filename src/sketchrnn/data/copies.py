"""Copies of training drawings, each at random mirrored, turned and stretched, made once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.errors import SketchRNNError
from sketchrnn.strokes import AnyArray


@dataclass(frozen=True)
class Copies:
    """How many copies of each training drawing, and what is done to them; by default none.

    Attributes:
        count: copies of each.
        mirror: half of them, at random, are mirrored left to right; all of them if nothing else
            is done to them.
        turn: each is turned by a random angle of up to so many degrees, either way.
        stretch: width and height are each multiplied by a random factor from 1 - stretch to
            1 + stretch.
    """

    count: int = 0
    mirror: bool = False
    turn: float = 0.0
    stretch: float = 0.0

    def __post_init__(self) -> None:
        if self.count < 0:
            raise SketchRNNError(f"copies must be 0 or more, got {self.count}")
        if not 0 <= self.turn <= 180:
            raise SketchRNNError(f"the degrees to turn must be from 0 to 180, got {self.turn:g}")
        if not 0 <= self.stretch < 1:
            raise SketchRNNError(f"the part to stretch must be from 0 to 1, got {self.stretch:g}")
        varied = self.turn > 0 or self.stretch > 0
        if self.count and not (varied or self.mirror):
            raise SketchRNNError(
                "copies that are like their originals teach nothing; say how they differ:"
                " mirror, turn or stretch"
            )
        if self.count > 1 and not varied:
            raise SketchRNNError(
                f"{self.count} mirrored copies of a drawing would be all the same; make 1 copy, or"
                " turn or stretch them, too"
            )
        if (varied or self.mirror) and not self.count:
            raise SketchRNNError(
                "mirror, turn and stretch are done to copies of the training drawings; say how many"
                " copies of each there should be"
            )

    def __str__(self) -> str:
        if not self.count:
            return ""
        words = [f"copies={self.count}"]
        words += ["mirror"] * self.mirror
        words += [f"turn={self.turn:g}"] * (self.turn > 0)
        words += [f"stretch={self.stretch:g}"] * (self.stretch > 0)
        return ", ".join(words)

    def matrix(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """What one copy's points [x, y] are multiplied with from the left, at random: [2, 2]."""
        mirrored = self.mirror and (bool(rng.random() < 0.5) or not (self.turn or self.stretch))
        factors = rng.uniform(1 - self.stretch, 1 + self.stretch, 2) * [-1 if mirrored else 1, 1]
        angle = np.radians(rng.uniform(-self.turn, self.turn))
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
