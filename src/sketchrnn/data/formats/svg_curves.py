"""Lines and curves of an SVG: where they are seen, how large they are, and as polylines.

Points are complex numbers, x + iy, until a matrix puts them where they are seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from sketchrnn.data.formats.records import COORDINATE_LIMIT, check_coordinates, check_points
from sketchrnn.data.formats.svg_units import FloatArray

FLATNESS = 1 / 2500  # the largest distance of a polyline from its curve, of the drawing's size
CIRCLE = 2 * math.pi


@dataclass(frozen=True, slots=True)
class Arc:
    """A part of an ellipse: middle + cos(t) u + sin(t) v, with t from `begin` on over `sweep`."""

    middle: complex
    u: complex
    v: complex
    begin: float
    sweep: float
    end: complex


Piece = tuple[complex, ...] | Arc  # from the last point on: a line, or a Bezier curve


@dataclass(slots=True)
class Line:
    """A part of a shape that is drawn without lifting the pen."""

    start: complex
    pieces: list[Piece] = field(default_factory=list)
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """What an element draws, in its own units."""

    lines: list[Line]
    whole: bool = True  # not only what comes before a mistake

    @property
    def count(self) -> int:
        """About how many points it has at least."""
        pieces = [piece for line in self.lines for piece in line.pieces]
        return sum(1 if isinstance(one, tuple) and len(one) == 1 else 3 for one in pieces)


def apply(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Points [n, 2] times matrix [3, 3]."""
    placed: FloatArray = points @ matrix[:2, :2].T + matrix[:2, 2]
    return placed


def _xy(points: Iterable[complex]) -> FloatArray:
    """[n, 2] of complex numbers."""
    flat: FloatArray = np.fromiter(points, dtype=np.complex128).view(np.float64).reshape(-1, 2)
    return flat


def corners_of(shape: Shape, matrix: FloatArray) -> FloatArray:
    """Points [n, 2] with the same bounding box as the shape, where the matrix puts it."""
    points: list[FloatArray] = [np.empty((0, 2))]
    for line in shape.lines:
        if line.pieces or line.closed:
            straight = [line.start]
            for start, piece in _with_starts(line):
                if isinstance(piece, tuple):
                    straight.append(piece[-1])
                    if len(piece) > 1:
                        hull = apply(matrix, _xy((start, *piece)))
                        # what cannot be computed with is refused for its control points
                        fair = (np.abs(hull) <= COORDINATE_LIMIT).all()
                        points.append(_bezier(hull, _extremes(hull)) if fair else hull)
                else:
                    straight.append(piece.end)
                    points.append(_on_arc(piece, matrix, _turning(piece, matrix)))
            points.append(apply(matrix, _xy(straight)))
    return np.concatenate(points)


def _with_starts(line: Line) -> Iterator[tuple[complex, Piece]]:
    start = line.start
    for piece in line.pieces:
        yield start, piece
        start = piece.end if isinstance(piece, Arc) else piece[-1]


def _bezier(hull: FloatArray, t: FloatArray) -> FloatArray:
    """Points [n, 2] of the curve with control points [3 or 4, 2], at t [n] (Bernstein)."""
    t, s = t[:, None], 1 - t[:, None]
    s2, t2 = s * s, t * t
    if len(hull) == 3:
        parts = [s2 * hull[0], 2 * s * t * hull[1], t2 * hull[2]]
    else:
        parts = [s2 * s * hull[0], 3 * s2 * t * hull[1], 3 * s * t2 * hull[2], t2 * t * hull[3]]
    points: FloatArray = np.add.reduce(parts)
    return points


def _extremes(hull: FloatArray) -> FloatArray:
    """Where on a Bezier curve x or y may turn, as t [n] between 0 and 1."""
    inner = hull[1:-1]
    ends = hull[[0, -1]]
    if (inner >= ends.min(axis=0)).all() and (inner <= ends.max(axis=0)).all():
        return np.empty(0)  # the curve stays among its control points
    slopes = hull[1:] - hull[:-1]  # the control points of the derivative
    c = slopes[0]
    if len(slopes) == 2:
        a, b = np.zeros(2), slopes[1] - slopes[0]
    else:
        a, b = slopes[0] - 2 * slopes[1] + slopes[2], 2 * (slopes[1] - slopes[0])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # both roots of a t^2 + b t + c, so that a may be 0
        q = -(b + np.copysign(np.sqrt(b * b - 4 * a * c), b)) / 2
        t = np.concatenate([q / a, c / q])
    return t[(t > 0) & (t < 1)]


def _axes(arc: Arc, matrix: FloatArray) -> FloatArray:
    """The two half axes [2, 2] of an ellipse where the matrix puts it."""
    axes: FloatArray = _xy((arc.u, arc.v)) @ matrix[:2, :2].T
    return axes


def _turning(arc: Arc, matrix: FloatArray) -> FloatArray:
    """The angles within an arc at which x or y turns."""
    angles = np.arctan2(*_axes(arc, matrix)[::-1])
    turns = (np.concatenate([angles, angles + math.pi]) - arc.begin) % CIRCLE
    if arc.sweep < 0:
        turns -= CIRCLE
    return arc.begin + turns[np.abs(turns) < abs(arc.sweep)]


def _on_arc(arc: Arc, matrix: FloatArray, angles: FloatArray) -> FloatArray:
    """Points [n, 2] of an ellipse where the matrix puts it."""
    middle = apply(matrix, _xy([arc.middle]))
    return middle + np.stack([np.cos(angles), np.sin(angles)], axis=1) @ _axes(arc, matrix)


def extent(corners: Sequence[FloatArray]) -> float:
    """The larger side of the box around all points [n, 2].

    Raises:
        SketchRNNError: one that is not finite, or too large.
    """
    points = np.concatenate(corners)
    check_coordinates(points)
    return float(np.ptp(points, axis=0).max())


def area(line: Line, matrix: FloatArray) -> float:
    """What a line encloses, where the matrix puts it; about, where it has curves."""
    x, y = _flattened(line, matrix, FLATNESS * extent([corners_of(Shape([line]), matrix)])).T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def polylines(shape: Shape, matrix: FloatArray, tolerance: float) -> list[FloatArray]:
    """The lines of a shape as polylines [n, 2] where its matrix [3, 3] puts it.

    No point of the curves is farther from them than `tolerance`.
    """
    drawn = (line for line in shape.lines if line.pieces or line.closed)
    return [_flattened(line, matrix, tolerance) for line in drawn]


def _flattened(line: Line, matrix: FloatArray, tolerance: float) -> FloatArray:
    """One line as a polyline."""
    parts = [apply(matrix, _xy([line.start]))]
    straight: list[complex] = []
    for start, piece in _with_starts(line):
        if isinstance(piece, tuple) and len(piece) == 1:
            straight.append(piece[0])
            continue
        parts += [apply(matrix, _xy(straight)), _curve(start, piece, matrix, tolerance)]
        straight = []
    points = np.concatenate([*parts, apply(matrix, _xy(straight))])
    if line.closed and len(points) > 1 and (points[0] != points[-1]).any():
        points = np.concatenate([points, points[:1]])
    return points[:1] if len(points) == 2 and (points[0] == points[1]).all() else points


def _curve(start: complex, piece: Piece, matrix: FloatArray, tolerance: float) -> FloatArray:
    """The points of a curve after its start, at most `tolerance` from it."""
    count = 1
    if isinstance(piece, Arc):
        axes = _axes(piece, matrix)
        # no point of the ellipse is farther from its middle
        radius = float(np.linalg.norm(axes, 2)) if np.isfinite(axes).all() else 0.0
        if radius > 0:
            # the sagitta of an arc of that radius: r (1 - cos(step / 2)) = 2 r sin(step / 4)^2
            step = 4 * math.asin(min(math.sqrt(tolerance / 2 / radius), 1.0))
            count = math.ceil(abs(piece.sweep) / max(step, 1e-5))
        end = apply(matrix, _xy([piece.end]))
        check_points(count)  # before they are computed
        angles = piece.begin + piece.sweep * np.linspace(0, 1, count + 1)[1:-1]
        return np.concatenate([_on_arc(piece, matrix, angles), end])
    hull = apply(matrix, _xy((start, *piece)))
    # d (d - 1) / 8 times the largest second difference bounds the distance (de Boor)
    bend, degree = float(np.hypot(*(hull[2:] - 2 * hull[1:-1] + hull[:-2]).T).max()), len(piece)
    if bend > 0 and tolerance > 0:
        count = math.ceil(math.sqrt(degree * (degree - 1) / 8 * (bend / tolerance)))
    check_points(count)
    return np.concatenate([_bezier(hull, np.linspace(0, 1, count + 1)[1:-1]), hull[-1:]])
