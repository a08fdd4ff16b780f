"""What stands on a sheet beside its drawings: labels, operators, frames and rules.

Each is made as SVG, and as the lines that a pen draws. All in px of the SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sketchrnn.figures.colors import FRAME, INK, QUIET, RULE
from sketchrnn.figures.lettering import LINE_HEIGHT, text_strokes, text_width
from sketchrnn.figures.scene import Line
from sketchrnn.svgtext import number, path_data, xml_text

LETTER_WEIGHT = 0.115  # line width of a letter, as a part of its size

# Operators, as parts of `cell`: the heights of their capitals and the white space on either side;
# a bracket stands close to its drawing. All are centred on one height, as `lettering` draws them.
OPERATOR_SIZE, OPERATOR_ROOM = 0.2, 0.2
BRACKET_SIZE, BRACKET_ROOM = 0.46, 0.1
OPERATOR_AXIS = 5 / 12  # that height over the baseline, as a part of the size
OPERATOR_WIDTH = 1.7 / 96

FRAME_ROOM = 0.065  # from a cell to the frame around it, as a part of `cell`
FRAME_RADIUS = 0.085  # of its corners, as a part of `cell`


class Mark(NamedTuple):
    """Something that stands still on a sheet."""

    svg: str
    lines: list[Line]


def label(
    text: str,
    lines: Sequence[str],
    x: float,
    top: float,
    size: float,
    anchor: float = 0.5,
    color: str = QUIET,
) -> Mark:
    """A label broken into lines, the start, middle or end (anchor 0, 0.5, 1) of each at x."""
    strokes = [
        Line(stroke, color, LETTER_WEIGHT * size)
        for i, line in enumerate(lines)
        for stroke in text_strokes(line, x, top + size * (1 + LINE_HEIGHT * i), size, anchor)
    ]
    return Mark(_letters("label", text, strokes), strokes)


def operator_room(text: str, cell: float) -> float:
    """The gap between two columns that "+", "-", "=", "(", ") =", "→" ... needs; 0 for none."""
    return _signs(text, cell)[1]


def operator(text: str, cell: float, left: float, middle: float) -> Mark:
    """An operator in the gap that begins at `left`, at the height `middle`."""
    strokes = [
        Line(stroke, INK, OPERATOR_WIDTH * cell)
        for sign, x, size in _signs(text, cell)[0]
        for stroke in text_strokes(sign, left + x, middle + OPERATOR_AXIS * size, size)
    ]
    return Mark(_letters("operator", text, strokes), strokes)


def _signs(text: str, cell: float) -> tuple[list[tuple[str, float, float]], float]:
    """Each sign with its left and its size; and the room of all, from one drawing to the next."""
    signs: list[tuple[str, float, float]] = []
    x, space_before = 0.0, 0.0
    # a minus is as wide as a plus
    for sign in "".join(text.split()).translate({ord("-"): "–", ord("−"): "–"}):
        size, space = cell * OPERATOR_SIZE, cell * OPERATOR_ROOM
        if sign in "()[]{}":
            size, space = cell * BRACKET_SIZE, cell * BRACKET_ROOM
        left = x + max(space_before, space)
        signs.append((sign, left, size))
        x, space_before = left + text_width(sign, size), space
    return signs, x + space_before


def _letters(kind: str, text: str, strokes: Sequence[Line]) -> str:
    """Letters or signs as one path, with the words beside it for those who cannot see them."""
    if not strokes:
        return ""
    color, width = strokes[0].color, number(strokes[0].width, 2)
    data = "".join(path_data(stroke.points) for stroke in strokes)
    return (
        f'<path class="{kind}" aria-label="{xml_text(text)}"'
        f' stroke="{color}" stroke-width="{width}" d="{data}"/>\n'
    )


def rule(x: float, top: float, bottom: float) -> Mark:
    """A thin line down the sheet."""
    line = Line(np.array([[x, top], [x, bottom]]), RULE, 1.0)
    data = path_data(line.points)
    svg = f'<path class="rule" stroke="{RULE}" stroke-width="1" d="{data}"/>\n'
    return Mark(svg, [line])


def frame(left: float, top: float, cell: float) -> Mark:
    """A thin rounded frame around the cell whose top left corner is given.

    As a line it is closed, with four points for each rounded corner.
    """
    room, radius = FRAME_ROOM * cell, FRAME_RADIUS * cell
    side = cell + 2 * room
    turns = np.radians(np.linspace(0, 90, 4))
    corner = radius * np.stack([1 - np.cos(turns), 1 - np.sin(turns)], axis=1)  # the top left one
    points = np.concatenate(
        [
            corner,
            ((side, 0) + corner * (-1, 1))[::-1],
            (side, side) - corner,
            ((0, side) + corner * (1, -1))[::-1],
            corner[:1],
        ]
    )
    svg = (
        f'<rect class="frame" x="{number(left - room, 2)}" y="{number(top - room, 2)}"'
        f' width="{number(side, 2)}" height="{number(side, 2)}" rx="{number(radius, 2)}"'
        f' stroke="{FRAME}" stroke-width="1"/>\n'
    )
    return Mark(svg, [Line(np.array([left - room, top - room]) + points, FRAME, 1.0)])
