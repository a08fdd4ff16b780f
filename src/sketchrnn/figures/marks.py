"""What stands on a sheet beside its drawings: labels, operators, frames and rules.

Each is made as SVG, and as the lines that a pen draws. All in px of the SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sketchrnn.figures.colors import FRAME, INK, QUIET, RULE
from sketchrnn.figures.lettering import DESCENT, text_strokes, text_width, wrap
from sketchrnn.figures.scene import Line
from sketchrnn.svgtext import number, path_data, xml_text

LETTER_WEIGHT = 0.115  # line width of a letter, as a part of its size
LINE_HEIGHT = 1.9  # baseline to baseline, as a part of the size

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


class Label:
    """A text broken into lines no wider than `width`; `size` is the height of its capitals."""

    def __init__(self, text: str | None, size: float, width: float) -> None:
        self.text, self.size = text or "", size
        self.lines = wrap(self.text, width, size)
        self.width = max((text_width(line, size) for line in self.lines), default=0.0)
        self.height = 0.0  # descenders included
        if self.lines:
            self.height = size * (1 + LINE_HEIGHT * (len(self.lines) - 1) + DESCENT)

    def at(self, x: float, top: float, anchor: float = 0.5, color: str = QUIET) -> Mark:
        """The start, middle or end (anchor 0, 0.5, 1) of each line at x."""
        strokes = [
            Line(stroke, color, LETTER_WEIGHT * self.size)
            for i, line in enumerate(self.lines)
            for stroke in text_strokes(
                line, x, top + self.size * (1 + LINE_HEIGHT * i), self.size, anchor
            )
        ]
        return _drawn("label", strokes, self.text)


class Operator:
    """ "+", "-", "=", "(", ") =", "→" ... between two columns; "" for none.

    Attributes:
        room: from one drawing to the next.
    """

    def __init__(self, text: str, cell: float) -> None:
        self.text, self.cell = text, cell
        self.signs: list[tuple[str, float, float]] = []  # each with its left and its size
        x, space_before = 0.0, 0.0
        # a minus is as wide as a plus
        for sign in "".join(text.split()).translate({ord("-"): "–", ord("−"): "–"}):
            size, space = cell * OPERATOR_SIZE, cell * OPERATOR_ROOM
            if sign in "()[]{}":
                size, space = cell * BRACKET_SIZE, cell * BRACKET_ROOM
            left = x + max(space_before, space)
            self.signs.append((sign, left, size))
            x, space_before = left + text_width(sign, size), space
        self.room = x + space_before

    def at(self, left: float, middle: float) -> Mark:
        """In the gap that begins at `left`, at the height `middle`."""
        strokes = [
            Line(stroke, INK, OPERATOR_WIDTH * self.cell)
            for sign, x, size in self.signs
            for stroke in text_strokes(sign, left + x, middle + OPERATOR_AXIS * size, size)
        ]
        return _drawn("operator", strokes, self.text)


def rule(x: float, top: float, bottom: float) -> Mark:
    """A thin line down the sheet."""
    return _drawn("rule", [Line(np.array([[x, top], [x, bottom]]), RULE, 1.0)])


def _drawn(kind: str, lines: Sequence[Line], text: str = "") -> Mark:
    """Lines as one path, with the words beside it for those who cannot see them."""
    if not lines:
        return Mark("", [])
    said = f' aria-label="{xml_text(text)}"' if text else ""
    style = f'stroke="{lines[0].color}" stroke-width="{number(lines[0].width, 2)}"'
    data = "".join(path_data(line.points) for line in lines)
    return Mark(f'<path class="{kind}"{said} {style} d="{data}"/>\n', list(lines))


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
