"""A picture as lines, before it is written in any format: what all pictures are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sketchrnn import svgtext
from sketchrnn.figures.colors import PAPER
from sketchrnn.sketch import Sketch
from sketchrnn.svgtext import INK, PEN_SHARE, ROUND, SVG_TAIL, number, path_data, xml_text
from sketchrnn.travel import Polyline, length_of

FILM_PX = 360  # the longer side of a drawing in a film

OPEN_GROUP = f'<g fill="none" {ROUND}>\n'
TAIL = "</g>\n</svg>\n"  # of a picture


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
        drawings: the lines of each, of one width, in drawing order. They draw themselves side by
            side.
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
        """The picture as an SVG document, with other lines in place of the drawings if given.

        One group a drawing, in which each stroke is a path: absolute M and L.
        """
        shown = self.drawings if drawings is None else drawings
        groups = map(self._group, shown, self.labels)
        return f"{self.head}{''.join(groups)}{self.tail}"

    def _group(self, lines: Sequence[Line], label: str | None) -> str:
        """One drawing. A colour that all strokes have is said once."""
        if not lines:
            return ""
        color, styles = lines[0].color, [""] * len(lines)
        if any(line.color != color for line in lines):
            color, styles = INK, [f' stroke="{xml_text(line.color)}"' for line in lines]
        paths = "".join(
            f'<path{style} d="{path_data(line.points, self.decimals)}"/>'
            for style, line in zip(styles, lines, strict=True)
        )
        width = number(lines[0].width, self.decimals + 1)
        return (
            f'<g class="sketch" stroke="{xml_text(color)}" stroke-width="{width}">'
            f"{svgtext.title(label)}{paths}</g>\n"
        )


def picture_head(
    width: float,
    height: float,
    *,
    shown_px: tuple[float, float] | None = None,
    title: str | None = None,
    background: str | None = PAPER,
    attributes: str = "",
) -> str:
    """The SVG of a picture in px, up to its marks and drawings; `TAIL` ends it.

    Args:
        width, height: of the picture.
        shown_px: the size that it is shown in, where that is another one.
        title: of the document.
        background: a CSS colour; None for none.
        attributes: more of the `<svg>`.
    """
    w, h = number(width, 2), number(height, 2)
    across, down = (number(side, 2) for side in shown_px or (width, height))
    lines = [svgtext.svg_head(f"0 0 {w} {h}", across, down, attributes), svgtext.title(title)]
    if background is not None:
        lines.append(f'<rect width="{w}" height="{h}" fill="{xml_text(background)}"/>')
    return "\n".join(filter(None, lines)) + "\n" + OPEN_GROUP


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
