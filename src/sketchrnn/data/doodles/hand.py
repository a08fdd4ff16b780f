"""A hand that draws: intended shapes -> dense pen paths -> a drawing prepared as QuickDraw's are.

Shapes are in units of the figure (a head is 2 high), y pointing down, angles in degrees, clockwise
on the screen, 0 pointing right. The slips of the hand are here: circles that do not quite close,
lines that overshoot, corners that miss each other, a wobble along every stroke.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain

import numpy as np
import numpy.typing as npt

from sketchrnn.data.clean import boxed
from sketchrnn.strokes import EPSILON_PX, SPACING_PX, lengths_along, resample, simplify

Stroke = npt.NDArray[np.float64]  # [n, 2]
Point = tuple[float, float]
Part = list[Stroke]  # strokes that are drawn one after the other: an ear, both eyes, all whiskers

# Two waves along the way of the pen: their lengths, and how far they sway it, from a steady hand to
# a shaky one.
WAVELENGTHS_PX = ((35.0, 60.0), (110.0, 220.0))
AMPLITUDES_PX = ((0.2, 0.9), (0.8, 2.8))


@cache
def _pace(count: int) -> Stroke:
    """Where the pen is after equal times, 0 to 1: slow at both ends, fast between.

    Half uniform, half the minimum-jerk profile of human movement (Flash and Hogan, 1985).
    """
    t = np.linspace(0.0, 1.0, count)
    return 0.5 * t + 0.5 * t**3 * (10 - 15 * t + 6 * t**2)


@cache
def _line_weights(count: int) -> Stroke:
    """[n, count]: times the corners [count, 2], the points of straight edges through them."""
    t = _pace(5)[:, None]
    corners = np.eye(count)
    return (corners[:-1, None] * (1 - t) + corners[1:, None] * t).reshape(-1, count)


@cache
def _curve_weights(count: int) -> Stroke:
    """[n, count]: times the knots [count, 2], the points of a Catmull-Rom curve through them."""
    t = _pace(7)[:-1]
    blend = 0.5 * np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2],
        axis=1,
    )  # [6, 4]: of four neighbouring knots, for six positions between the middle two
    knots = np.eye(count)
    before, after = 2 * knots[:1] - knots[1:2], 2 * knots[-1:] - knots[-2:-1]
    padded = np.concatenate([before, knots, after])
    spans = [blend @ padded[first : first + 4] for first in range(count - 1)]
    return np.concatenate([*spans, knots[-1:]])


class Hand:
    """The hand of one person at one drawing; it draws shapes with small mistakes.

    With a `fineness` over 1 its circles have so many times as many points.
    """

    def __init__(self, rng: np.random.Generator, fineness: int = 1) -> None:
        self.rng = rng
        self.fineness = fineness
        self.counterclockwise = rng.random() < 0.8  # as most people draw circles
        self.right_first = rng.random() < 0.25
        self.care = 0.5 + 0.8 * rng.random()  # factor on all slips

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.rng.random() < probability

    def about(self, value: float, spread: float) -> float:
        """`value` give or take `spread`, scaled by the care taken."""
        return value + self.care * spread * (2 * self.rng.random() - 1)

    def near(self, point: Point, spread: float) -> Point:
        """A point near `point`, off by at most about `spread` in x and in y."""
        return self.about(point[0], spread), self.about(point[1], spread)

    def order(self, parts: Sequence[Part], probability: float = 0.4) -> Part:
        """The strokes of all parts; sometimes two neighbouring parts change places."""
        ordered = [part for part in parts if part]
        if len(ordered) > 1 and self.chance(probability):
            first = int(self.rng.random() * (len(ordered) - 1))
            ordered[first], ordered[first + 1] = ordered[first + 1], ordered[first]
        return list(chain.from_iterable(ordered))

    def sides(self, part: Callable[[int], Part]) -> Part:
        """A left (-1) and a right (1) part in the order of this person."""
        left, right = part(-1), part(1)
        return right + left if self.right_first else left + right

    def arc(self, center: Point, radii: Point, start: float, sweep: float) -> Stroke:
        """Part of an ellipse, its radius drifting a little on the way."""
        t = _pace(self.fineness * (8 if radii[0] < 0.2 else 16 if radii[0] < 0.5 else 28))
        angle = math.radians(start) + math.radians(sweep) * t
        drift = 1.0 + self.about(0.0, 0.07) * (t - 0.5)
        x = center[0] + radii[0] * drift * np.cos(angle)
        y = center[1] + radii[1] * drift * np.sin(angle)
        return np.column_stack([x, y])

    def loop(self, center: Point, radii: Point, start: float = -90.0) -> Stroke:
        """An ellipse that begins near angle `start` and does not quite close, or overlaps."""
        sweep = self.about(362.0, 16.0)
        if self.counterclockwise:
            sweep = -sweep
        return self.arc(center, radii, self.about(start, 35.0), sweep)

    def line(self, *points: Point, slip: float = 0.03, either_way: float = 0.2) -> Stroke:
        """Straight edges through `points`; each is missed by up to `slip`.

        With probability `either_way` the stroke is drawn from the other end.
        """
        return self._through(_line_weights(len(points)), points, slip, either_way)

    def curve(self, *points: Point, slip: float = 0.03, either_way: float = 0.2) -> Stroke:
        """A smooth curve through `points`; slips as `line`."""
        return self._through(_curve_weights(len(points)), points, slip, either_way)

    def _through(
        self, weights: Stroke, points: Sequence[Point], slip: float, either_way: float
    ) -> Stroke:
        misses = self.care * slip * (2 * self.rng.random((len(points), 2)) - 1)
        stroke = weights @ (misses + points)
        return stroke[::-1] if self.chance(either_way) else stroke


def finish(
    drawn: Sequence[Stroke],
    tilt: float,
    rng: np.random.Generator,
    epsilon: float = EPSILON_PX,
    decimals: int = 0,
) -> list[Stroke]:
    """Make dense strokes [n >= 2, 2] a drawing: tilted (degrees, clockwise), wobbled by `rng`.

    Then prepared as QuickDraw's are: aligned to the origin, larger side to 255, points every 1 px,
    Ramer-Douglas-Peucker with epsilon 2.0, whole numbers.
    """
    ends = np.cumsum([len(stroke) for stroke in drawn])
    points = np.concatenate(drawn)
    cos, sin = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    (points,) = boxed([points @ np.array([[cos, sin], [-sin, cos]])])
    (points,) = boxed([points + _wobble(lengths_along(points), rng)])

    dense = [resample(line, SPACING_PX) for line in np.split(points, ends[:-1])]
    return [np.round(simplify(line, epsilon), decimals) for line in dense]


def _wobble(along: Stroke, rng: np.random.Generator) -> Stroke:
    """Offsets [n, 2] that sway along the way of the pen: two slow waves in x and two in y."""
    (low, high), (steady, shaky) = np.array(WAVELENGTHS_PX).T, np.array(AMPLITUDES_PX).T
    amplitude = steady + (shaky - steady) * rng.random()
    wavelength, phase = rng.random((2, 2, 2))  # [axis, wave]
    angle = along[:, None, None] / (low + (high - low) * wavelength) + phase
    offsets: Stroke = (amplitude * np.sin(2 * np.pi * angle)).sum(axis=2)
    return offsets
