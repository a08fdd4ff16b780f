"""A picture as lines, before it is written in any format: what pages and animations are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sketchrnn.sketch import Sketch
from sketchrnn.svgtext import INK, PEN_SHARE, SVG_TAIL, number, path_data, xml_text
from sketchrnn.travel import Polyline, length_of

FILM_PX = 360  # the longer side of a drawing in a film


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


def scene_of(thing: Any) -> Scene:
    """A drawing as a picture in its own units; of anything else the scene that it has."""
    if not isinstance(thing, Sketch):
        scene: Scene = thing.scene()
        return scene
    head, decimals = thing.svg_head()
    width, height = thing.size
    side = max(width, height) or 1.0
    return Scene(
        head=head,
        tail=SVG_TAIL,
        drawings=[[Line(line, INK, side / PEN_SHARE) for line in thing.polylines]],
        labels=[thing.label],
        marks=[],
        width_px=FILM_PX * max(width / side, 0.2),
        decimals=decimals,
    )


def at_origin(sketch: Sketch) -> Sketch:
    """A drawing moved to the top left of the plane.

    The renderer's 32-bit coordinates would lose a small drawing far away from it.
    """
    left, top, _, _ = sketch.bounds
    return sketch.moved(-left, -top)
