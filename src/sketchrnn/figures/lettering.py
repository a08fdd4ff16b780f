"""Single-stroke letters for labels: text as lines of a pen, so that no font is needed.

A label must be readable wherever a sheet is looked at or turned into a PNG, on a machine without
any font too, and the same bytes must come out everywhere. And a pen plotter can draw it.

`letters.txt` has a glyph a line: its character, its width, then its strokes, each a row of points
of two characters. The first is x as one digit in base 36, the second is y as a letter: a = 0 is the
top of capitals, e = 4 the top of small letters, m = 12 the baseline, q = 16 the lowest descender. A
capital letter for y makes the point a control point of a quadratic curve; between two control
points in a row lies a point of the curve, in the middle (as in TrueType outlines).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

CAPITAL_HEIGHT = 12  # units; `size` below is what this becomes on paper
DESCENT = 4 / CAPITAL_HEIGHT  # below the baseline, as a part of `size`
SPACING = 3  # units between two glyphs
CURVE_STEPS = 4  # straight pieces a quadratic curve

_MISSING = "6 0b6b6m0m0b"  # a box for what has no glyph
_ALIKE = str.maketrans("‘’“”−‐‑", "''\"\"–--")
_PIECE = re.compile(r"\s*\S+?(?:(?<=[a-z][_/-])|(?=\s|$))")  # what `wrap` keeps together

Points = npt.NDArray[np.float64]


def text_width(text: str, size: float) -> float:
    """The width of one line of text whose capitals are `size` high."""
    units = sum(_glyph(character)[0] + SPACING for character in _plain(text)) - SPACING
    return max(units, 0) * size / CAPITAL_HEIGHT


def wrap(text: str, width: float, size: float) -> list[str]:
    """Break text into lines no wider than `width`.

    At spaces and after the _ - / of a name where that is possible, else within a word.
    """
    lines: list[str] = []
    line = ""
    for piece in _PIECE.findall(text):
        if text_width((line + piece).strip(), size) <= width:
            line += piece
            continue
        lines.append(line)
        line = ""
        for character in piece.strip():
            if text_width(line + character, size) > width:
                lines.append(line)
                line = ""
            line += character
    return [kept for kept in (line.strip() for line in [*lines, line]) if kept]


def text_strokes(
    text: str, x: float, baseline: float, size: float, anchor: float = 0.0
) -> Iterator[Points]:
    """The strokes [n, 2] of one line of text, with the part `anchor` of its width left of `x`.

    What has no glyph is drawn as a box; accents are left out.
    """
    unit = size / CAPITAL_HEIGHT
    left = x - anchor * text_width(text, size)
    for character in _plain(text):
        width, strokes = _glyph(character)
        for stroke in strokes:
            yield (stroke - (0, CAPITAL_HEIGHT)) * unit + (left, baseline)
        left += (width + SPACING) * unit


def _plain(text: str) -> Iterator[str]:
    """The characters to draw: without accents, dashes and quotes reduced to those with a glyph."""
    for character in unicodedata.normalize("NFKD", text.translate(_ALIKE)):
        if not unicodedata.combining(character):
            yield " " if character.isspace() else character


@cache
def _table() -> dict[str, str]:
    """The width and the strokes of each character, as they are written down."""
    text = files("sketchrnn.figures").joinpath("letters.txt").read_text("utf-8")
    return {" ": "3"} | {line[0]: line[2:] for line in text.splitlines()}


@cache
def _glyph(character: str) -> tuple[int, tuple[Points, ...]]:
    """The width and the strokes [n, 2] of a glyph, in units."""
    width, *strokes = _table().get(character, _MISSING).split()
    return int(width), tuple(map(_flatten, strokes))


def _flatten(stroke: str) -> Points:
    """The polyline of one stroke of the table."""
    points = [
        (np.array([int(x, 36), ord(y.lower()) - ord("a")], dtype=np.float64), y.isupper())
        for x, y in zip(stroke[::2], stroke[1::2], strict=True)
    ]
    line = [points[0][0]]
    for index, (point, is_control) in enumerate(points[1:], start=1):
        if not is_control:
            if not points[index - 1][1]:
                line.append(point)
            continue
        following, following_is_control = points[index + 1]
        end = (point + following) / 2 if following_is_control else following
        start = line[-1]
        for t in np.linspace(0, 1, CURVE_STEPS + 1)[1:]:
            line.append((1 - t) ** 2 * start + 2 * t * (1 - t) * point + t**2 * end)
    return np.array(line)
