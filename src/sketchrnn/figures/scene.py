"""A picture as lines, before it is written in any format: what all pictures are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sketchrnn import svgtext
from sketchrnn.figures.colors import INK, PAPER
from sketchrnn.sketch import Sketch
from sketchrnn.svgtext import PEN_SHARE, ROUND, SVG_TAIL, number, path_data, xml_text
from sketchrnn.travel import Polyline, length_of

FILM_PX = 360  # the longer side of a drawing in a film

OPEN_GROUP = f'<g fill="none" {ROUND}>\n'
TAIL = "</g>\n</svg>\n"


@dataclass(frozen=True, eq=False)
class Line:
    """One line: points [n, 2], one of them is a dot; a CSS colour; its width in the same units."""

    points: Polyline
    color: str
    width: float

    @property
    def length(self) -> float:
        """How far the pen goes on the paper; 0 for a dot."""
        return length_of(self.points)


Drawings = Sequence[Sequence[Line]]  # the lines of each, of one width, in drawing order


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture: its drawings as lines, and the SVG document around them.

    Attributes:
        head, tail: the SVG before and after the drawings: what stands still, as labels and frames,
            is in the head, which ends in an open `<g>` with no fill and round line ends.
        drawings: they draw themselves side by side.
        labels: what each shows, where that is known.
        width_px: of the picture on a screen.
        height_px: of it, where that is known.
        marks: letters, operators, frames and rules, as lines, which are in the head as well.
        decimals: of coordinates.
    """

    head: str
    drawings: Drawings
    labels: Sequence[str | None]
    width_px: float
    tail: str = TAIL
    marks: Sequence[Line] = ()
    decimals: int = 2
    height_px: float = 1.0

    def to_svg(self, drawings: Drawings | None = None) -> str:
        """The picture as an SVG document, with other lines in place of the drawings if given.

        One group a drawing, in which each stroke is a path: absolute M and L.
        """
        groups = map(self._group, self.drawings if drawings is None else drawings, self.labels)
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
    """The head of a scene in px; `shown_px` is the size on a screen, where that is another one."""
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
    side = max(thing.size) or 1.0
    return Scene(
        head,
        [[Line(line, INK, side / PEN_SHARE) for line in thing.polylines]],
        [thing.label],
        FILM_PX * max(thing.size[0] / side, 0.2),
        tail=SVG_TAIL,
        decimals=decimals,
    )


def at_origin(sketch: Sketch) -> Sketch:
    """A drawing moved to the top left of the plane.

    The renderer's 32-bit coordinates would lose a small drawing far away from it.
    """
    left, top, _, _ = sketch.bounds
    return sketch.moved(-left, -top)
