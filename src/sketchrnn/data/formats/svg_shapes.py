"""The geometry of an SVG: shapes as segments of svgelements, transforms, curves as polylines."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from svgelements import (
    Arc,
    Circle,
    Close,
    CubicBezier,
    Ellipse,
    Length,
    Matrix,
    Move,
    Path,
    Polygon,
    Polyline,
    QuadraticBezier,
    Rect,
    SimpleLine,
)

from sketchrnn.data.formats.records import check_coordinates, check_points
from sketchrnn.errors import SketchRNNError

LENGTH_LIMIT = 100  # characters of a single length
CLOSES_LIMIT = 100  # of one line, before the next one begins
FLATNESS = 1 / 2500  # the largest distance of a polyline from its curve, of the drawing's size
PPI = 96  # CSS px an inch
COMMANDS = "MmLlHhVvCcSsQqTtAaZz"  # of the data of a path
SEPARATORS = " \t\r\n,"

FloatArray = npt.NDArray[np.float64]
Segments = list[Any]
Placed = tuple[Segments, FloatArray]  # with the matrix [3, 3] from their units to the outer ones

NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_LENGTH = re.compile(rf"{NUMBER.pattern}\s*(?:%|px|pt|pc|mm|cm|in|em)?")
_SPACES = re.compile(r"\s{2,}")
# A smooth cubic curve after a quadratic one, or the other way round: svgelements reflects its
# control point, where it is its last point that counts (SVG 1.1, section 8.3.6).
_SMOOTH = re.compile(r"[QqTt][^A-DF-Za-df-z]*(?=[Ss])|[CcSs][^A-DF-Za-df-z]*(?=[Tt])")
_MOVE, _CLOSE = re.compile("[Mm]"), re.compile("[Zz]")

# The class of svgelements that knows a shape, and its attributes in the order it takes them.
SHAPES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "path": (Path, ("d",)),
    "polyline": (Polyline, ("points",)),
    "polygon": (Polygon, ("points",)),
    "line": (SimpleLine, ("x1", "y1", "x2", "y2")),
    "rect": (Rect, ("x", "y", "width", "height", "rx", "ry")),
    "circle": (Circle, ("cx", "cy", "r")),
    "ellipse": (Ellipse, ("cx", "cy", "rx", "ry")),
}
CURVES = (Arc, QuadraticBezier, CubicBezier)
# How many numbers a transform may have.
TRANSFORMS = {
    "matrix": (6,),
    "translate": (1, 2),
    "scale": (1, 2),
    "rotate": (1, 3),
    "skewX": (1,),
    "skewY": (1,),
}
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError)


def words_in(tag: str, given: dict[str, str]) -> int:
    """How many numbers and commands the data of a path, or its points, have; of others 0."""
    name, *others = SHAPES[tag][1]
    text = "" if others else given.get(name, "")
    return NUMBER.subn("", text)[1] + sum(map(text.count, COMMANDS))


def segments_of(tag: str, given: dict[str, str], size: tuple[float, float]) -> Segments:
    """The segments of one of `SHAPES` in its own units.

    Args:
        tag: its name.
        given: its attributes.
        size: of the viewport, for percentages.
    """
    kind, names = SHAPES[tag]
    try:
        if len(names) == 1:
            return _along(kind, given.get(names[0], ""))
        texts = {name: given.get(name, "0") for name in names}
        for name, other in (("rx", "ry"), ("ry", "rx")):
            if name in names and given.get(name, "auto") == "auto":
                texts[name] = given.get(other, "0").replace("auto", "0")
        values = [_measure(name, text or "0", size) for name, text in texts.items()]
        if tag in ("circle", "ellipse"):
            return _as_a_hand(*values)
        return list(kind(*values).segments(transformed=False))
    except SketchRNNError:
        raise
    except _UNREADABLE:
        text = " ".join(f'{name}="{given.get(name, "")}"' for name in names)
        raise SketchRNNError(f"a <{tag}> that cannot be read: {text:.60}") from None


def _along(kind: Any, text: str) -> Segments:
    """The segments of path data, or of a list of points."""
    # svgelements looks for the place to close at from the end of the path
    if max(len(_CLOSE.findall(part)) for part in _MOVE.split(text)) > CLOSES_LIMIT:
        raise SketchRNNError(f"has a line that is closed over {CLOSES_LIMIT} times")
    text = _SMOOTH.sub(r"\g<0>l0 0", _SPACES.sub(" ", text))
    segments = kind(text).segments(transformed=False)
    # a path that begins with "Z" goes nowhere
    return [segment for segment in segments if segment.end is not None]


def _measure(name: str, text: str, size: tuple[float, float]) -> float:
    """A length that a shape has, percentages of the width, the height, or the diagonal."""
    if name == "r":
        return length(text, math.hypot(*size) / math.sqrt(2))
    return length(text, size[0 if name.strip("cr12") in ("x", "width") else 1])


def length(text: str, relative: float) -> float:
    """A length in user units; percentages are of `relative`."""
    text = text.strip()
    if text == "auto":
        return relative
    if len(text) > LENGTH_LIMIT or not _LENGTH.fullmatch(text):
        raise SketchRNNError(f"{text[:40]!r} is no length that can be read")
    return float(Length(text).value(ppi=PPI, relative_length=relative, font_size=16.0))


def _as_a_hand(cx: float, cy: float, rx: float, ry: float | None = None) -> Segments:
    """An ellipse as people draw it: from its top, counterclockwise. SVG begins at the right."""
    ry = rx if ry is None else ry
    if min(rx, ry) <= 0:
        return []
    top, bottom = (cx, cy - ry), (cx, cy + ry)
    half = f"A{rx},{ry} 0 0 0"
    path = f"M{top[0]},{top[1]}{half} {bottom[0]},{bottom[1]}{half} {top[0]},{top[1]}Z"
    return list(Path(path).segments(transformed=False))


def matrix_of(text: str) -> FloatArray:
    """A list of transforms as one matrix [3, 3] (SVG 1.1, section 7.6)."""
    *parts, rest = text.split(")")
    matrix: FloatArray = np.eye(3)
    try:
        if rest.strip(SEPARATORS):
            raise ValueError
        for part in parts:
            name, inside = part.split("(")
            name, values = name.strip(SEPARATORS), NUMBER.findall(inside)
            if NUMBER.sub("", inside).strip(SEPARATORS) or len(values) not in TRANSFORMS[name]:
                raise ValueError
            matrix = matrix @ as_array(f"{name}({','.join(values)})")
    except (ValueError, KeyError):
        raise SketchRNNError(f"a transform that cannot be read: {text:.60}") from None
    return matrix


def as_array(transform: str) -> FloatArray:
    """A transform that svgelements can read as a matrix [3, 3]."""
    m = Matrix(transform)
    return np.array([[m.a, m.c, m.e], [m.b, m.d, m.f], [0.0, 0.0, 1.0]], dtype=np.float64)


def apply(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Points [n, 2] times matrix [3, 3]."""
    moved: FloatArray = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved


def controls(segments: Segments) -> FloatArray:
    """Points [n, 2] around whose hull no segment goes."""
    points: list[FloatArray] = [np.empty((0, 2))]
    for segment in segments:
        points.append(_corners(segment)[1:])
        if isinstance(segment, Arc) and segment.sweep:
            # the parallelogram around the whole ellipse
            u, v = _axes(segment)
            points.append(tuple(segment.center) + np.array([u + v, u - v, v - u, -u - v]))
    return np.concatenate(points)


def _corners(segment: Any) -> FloatArray:
    """The start of a segment, the control points that it has, and its end [n, 2]."""
    names = ("control", "control1", "control2")
    inner = [getattr(segment, name) for name in names if hasattr(segment, name)]
    points = [segment.start or segment.end, *inner, segment.end]
    return np.array([tuple(point) for point in points], dtype=np.float64)


def _axes(arc: Arc) -> FloatArray:
    """The two half axes of the ellipse as vectors [2, 2]."""
    axes: FloatArray = np.array([tuple(arc.prx), tuple(arc.pry)]) - np.array(tuple(arc.center))
    return axes


def flattened(shapes: list[Placed], tolerance: float | None) -> list[FloatArray]:
    """The shapes as polylines [n, 2] in the outer units, at most `tolerance` from the curves."""
    if not shapes:
        return []
    corners = np.concatenate([apply(matrix, controls(segments)) for segments, matrix in shapes])
    check_coordinates(corners)
    if tolerance is None:
        tolerance = FLATNESS * float((corners.max(axis=0) - corners.min(axis=0)).max())
    lines: list[FloatArray] = []
    count = 0
    for segments, matrix in shapes:
        for line in _polylines(segments, matrix, tolerance):
            lines.append(line)
            count += len(line)
            check_points(count)
    return lines


def _polylines(segments: Segments, matrix: FloatArray, tolerance: float) -> Iterator[FloatArray]:
    """The subpaths of one shape in the outer units; one that does not move is a dot."""
    line: list[FloatArray] = []
    for segment in segments:
        if isinstance(segment, Move):
            yield from _finished(line)
            line = []
            continue
        if not line:
            line.append(apply(matrix, np.array([tuple(segment.start)], dtype=np.float64)))
        points = _points(segment, matrix, tolerance)
        if not (isinstance(segment, Close) and len(line) > 1 and (line[-1][-1] == points).all()):
            line.append(points)
        if isinstance(segment, Close):
            yield from _finished(line)
            line = []
    yield from _finished(line)


def _finished(line: list[FloatArray]) -> Iterator[FloatArray]:
    if line:
        points = np.concatenate(line)
        yield points[:1] if len(points) == 2 and (points[0] == points[1]).all() else points


def _points(segment: Any, matrix: FloatArray, tolerance: float) -> FloatArray:
    """The points of a segment after its start, at most `tolerance` from the true curve."""
    count = 1
    if isinstance(segment, Arc) and segment.sweep:
        axes = _axes(segment) @ matrix[:2, :2].T
        radius = float(np.linalg.norm(axes))  # no point of the ellipse is farther from its middle
        if radius > 0:
            # the sagitta of an arc of that radius: r (1 - cos(step / 2))
            step = 2 * math.acos(max(1 - tolerance / radius, 0.0))
            count = math.ceil(abs(segment.sweep) / max(step, 1e-3))
    elif isinstance(segment, QuadraticBezier | CubicBezier):
        corners = apply(matrix, _corners(segment))
        # d (d - 1) / 8 times the largest second difference bounds the distance (de Boor)
        bend, degree = float(np.hypot(*np.diff(corners, n=2, axis=0).T).max()), len(corners) - 1
        if bend > 0 and tolerance > 0:
            count = math.ceil(math.sqrt(degree * (degree - 1) / 8 * (bend / tolerance)))
    end = np.array([tuple(segment.end)], dtype=np.float64)
    check_points(count)  # before they are computed
    if count <= 1:
        return apply(matrix, end)
    inside = np.asarray(segment.npoint(np.linspace(0, 1, count + 1)[1:-1]), dtype=np.float64)
    return apply(matrix, np.concatenate([inside, end]))
