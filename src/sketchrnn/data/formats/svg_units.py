"""Lengths, angles and transforms of an SVG, as its attributes and as CSS write them."""

from __future__ import annotations

import math
import re

import numpy as np
import numpy.typing as npt

from sketchrnn.data.formats.records import check_points

LENGTH_LIMIT = 100  # characters of a single length
EM = 16.0  # of the letters that nobody sets
UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54}  # in CSS px
UNITS |= {"mm": 9.6 / 2.54, "q": 2.4 / 2.54, "em": EM, "rem": EM, "ex": EM / 2, "ch": EM / 2}
ANGLES = {"": 1.0, "deg": 1.0, "grad": 0.9, "rad": 180 / math.pi, "turn": 360.0}  # in degrees

FloatArray = npt.NDArray[np.float64]
Size = tuple[float, float]  # width, height of a viewport, for percentages
Box = tuple[float, float, float, float]  # left, top, width, height

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
NUMBERS = re.compile(NUMBER)
_LENGTH = re.compile(rf"({NUMBER})\s*([a-z]*|%)")
_FUNCTION = re.compile(r"[\s,]*([a-zA-Z]+)\s*\(([^()]*)\)[\s,]*")


class UnreadableError(ValueError):
    """What is no length, transform or shape."""


def length(text: str, relative: float) -> float:
    """A length in user units; percentages are of `relative`. UnreadableError for what is none."""
    found = _LENGTH.fullmatch(text.strip().lower()) if len(text) <= LENGTH_LIMIT else None
    if found is None:
        raise UnreadableError
    if found[2] == "%":
        return float(found[1]) / 100 * relative
    if found[2] not in UNITS:
        raise UnreadableError
    return float(found[1]) * UNITS[found[2]]


def matrix_of(text: str, size: Size) -> FloatArray:
    """Transforms, as the attribute or as CSS writes them, as one matrix [3, 3].

    Args:
        text: of SVG 1.1, section 7.6, or CSS Transforms, section 12, in two dimensions.
        size: of the box that percentages of a translation are of.

    Raises:
        UnreadableError: something else.
    """
    matrix: FloatArray = np.eye(3)
    if text.strip() in ("", "none"):
        return matrix
    end = 0
    for count, function in enumerate(_FUNCTION.finditer(text)):
        check_points(count)
        if function.start() != end:
            raise UnreadableError
        end = function.end()
        values = [part for part in re.split(r"\s*,\s*|\s+", function[2].strip()) if part]
        matrix = matrix @ _one_matrix(function[1].lower(), values, size)
    if end != len(text):
        raise UnreadableError
    return matrix


def _one_matrix(name: str, values: list[str], size: Size) -> FloatArray:
    count = len(values)
    if name == "matrix" and count == 6:
        a, b, c, d, e, f = (length(value, 0) for value in values)
        return np.array([[a, c, e], [b, d, f], [0, 0, 1]], dtype=np.float64)
    if name in ("translate", "translatex", "translatey") and count in (1, 1 + (name[-1] == "e")):
        axes = (1,) if name[-1] == "y" else (0, 1)
        moves = [0.0, 0.0]
        for axis, value in zip(axes, values, strict=False):
            moves[axis] = length(value, size[axis])
        return moved(*moves)
    if name in ("scale", "scalex", "scaley") and count in (1, 1 + (name[-1] == "e")):
        x, y = length(values[0], 1), length(values[-1], 1)
        return np.diag([1.0 if name[-1] == "y" else x, 1.0 if name[-1] == "x" else y, 1.0])
    if name == "rotate" and count in (1, 3):
        x, y = (length(value, 0) for value in values[1:] or ("0", "0"))
        cos, sin = _cos_sin(values[0])
        turn: FloatArray = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        around: FloatArray = moved(x, y) @ turn @ moved(-x, -y)
        return around
    if name in ("skewx", "skewy", "skew") and count in (1, 1 + (name[-1] == "w")):
        tangents = [sin / cos for cos, sin in map(_cos_sin, values)]
        x, y = (0.0, tangents[0]) if name == "skewy" else (*tangents, 0.0)[:2]
        return np.array([[1, x, 0], [y, 1, 0], [0, 0, 1]], dtype=np.float64)
    raise UnreadableError


def _cos_sin(text: str) -> tuple[float, float]:
    found = _LENGTH.fullmatch(text.lower()) if len(text) <= LENGTH_LIMIT else None
    if found is None or found[2] not in ANGLES:
        raise UnreadableError
    degrees = math.fmod(float(found[1]) * ANGLES[found[2]], 360.0)
    if not math.isfinite(degrees):
        raise UnreadableError
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def moved(x: float, y: float) -> FloatArray:
    """The matrix [3, 3] of a translation."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=np.float64)


def fitted(place: tuple[float, float], size: Size, box: Box, how: str) -> FloatArray:
    """The matrix [3, 3] that puts a viewBox into a viewport, as preserveAspectRatio says."""
    words = how.replace("defer", "").split() or ["xMidYMid"]
    x, y = size[0] / box[2], size[1] / box[3]
    if words[0] != "none":
        x = y = max(x, y) if words[1:] == ["slice"] else min(x, y)
    share = {"Min": 0.0, "Mid": 0.5, "Max": 1.0}
    left = share.get(words[0][1:4], 0.5) * (size[0] - x * box[2])
    top = share.get(words[0][5:8], 0.5) * (size[1] - y * box[3])
    return moved(place[0] + left, place[1] + top) @ np.diag([x, y, 1.0]) @ moved(-box[0], -box[1])


def origin_of(text: str, box: Box) -> tuple[float, float]:
    """The point that a transform keeps, of a box (CSS Transforms 1, section 6).

    Raises:
        UnreadableError: something else.
    """
    words = text.split()[:2]  # a third would be of the depth
    if not words:
        raise UnreadableError
    if len(words) == 1:
        words.append("center")
    if words[0] in ("top", "bottom") or words[1] in ("left", "right"):
        words.reverse()
    shares = (
        {"left": "0%", "center": "50%", "right": "100%"},
        {"top": "0%", "center": "50%", "bottom": "100%"},
    )
    x, y = (
        begin + length(names.get(word, word), side)
        for word, names, begin, side in zip(words, shares, box[:2], box[2:], strict=True)
    )
    return x, y
