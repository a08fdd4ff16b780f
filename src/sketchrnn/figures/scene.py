"""A picture as lines, before it is written in any format: what pages and animations are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sketchrnn.sketch import Polyline, number, path_data, xml_text
from sketchrnn.travel import length_of


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a picture.

    Attributes:
        points: [n, 2] in the units of the picture; one point is a dot.
        color: a CSS colour.
        width: of the line, in the same units.
    """

    points: Polyline
    color: str
    width: float

    @property
    def length(self) -> float:
        """How far the pen goes on the paper; 0 for a dot."""
        return length_of(self.points)

    def to_svg(self, decimals: int, attributes: str = "", inside: str = "") -> str:
        """A `<path>`, with its own colour and width."""
        style = f'stroke="{xml_text(self.color)}" stroke-width="{number(self.width, decimals + 1)}"'
        end = f">{inside}</path>" if inside else "/>"
        return f'<path {style}{attributes} d="{path_data(self.points, decimals)}"{end}'


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture: its drawings as lines, and the SVG document around them.

    Attributes:
        head, tail: the SVG before and after the drawings: what stands still, as labels and frames,
            is in the head, which ends in an open `<g>` with no fill and round line ends.
        drawings: the lines of each, in drawing order. They draw themselves side by side.
        labels: what each shows, where that is known.
        marks: letters, operators, frames and rules, as lines, which are in the head as well.
        width_px: of the picture on a screen.
        decimals: of coordinates.
    """

    head: str
    tail: str
    drawings: Sequence[Sequence[Line]]
    labels: Sequence[str | None]
    marks: Sequence[Line]
    width_px: float
    decimals: int = 2

    def to_svg(self, drawings: Sequence[Sequence[Line]] | None = None) -> str:
        """The picture as an SVG document, with other lines in place of the drawings if given."""
        shown = self.drawings if drawings is None else drawings
        lines = "".join(line.to_svg(self.decimals) for lines in shown for line in lines)
        return f"{self.head}{lines}{self.tail}"
