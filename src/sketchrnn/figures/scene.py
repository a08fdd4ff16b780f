"""A picture as lines, before it is written in any format: what all pictures are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sketchrnn.figures.colors import INK, PAPER
from sketchrnn.sketch import Polyline, number, path_data, xml_text
from sketchrnn.travel import length_of

OPEN_GROUP = '<g fill="none" stroke-linecap="round" stroke-linejoin="round">\n'
SVG_TAIL = "</g>\n</svg>\n"


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
        title = f"<title>{xml_text(label)}</title>" if label else ""
        paths = "".join(
            f'<path{style} d="{path_data(line.points, self.decimals)}"/>'
            for style, line in zip(styles, lines, strict=True)
        )
        width = number(lines[0].width, self.decimals + 1)
        return (
            f'<g class="sketch" stroke="{xml_text(color)}" stroke-width="{width}">'
            f"{title}{paths}</g>\n"
        )


def svg_head(
    width: float,
    height: float,
    *,
    shown_px: tuple[float, float] | None = None,
    title: str | None = None,
    background: str | None = PAPER,
    attributes: str = "",
) -> str:
    """The SVG of a picture in px, up to its marks and drawings; `SVG_TAIL` ends it.

    Args:
        width, height: of the picture.
        shown_px: the size that it is shown in, where that is another one.
        title: of the document.
        background: a CSS colour; None for none.
        attributes: more of the `<svg>`.
    """
    w, h = number(width, 2), number(height, 2)
    shown_w, shown_h = (number(side, 2) for side in shown_px or (width, height))
    ground = ""
    if background is not None:
        ground = f'<rect width="{w}" height="{h}" fill="{xml_text(background)}"/>\n'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}"'
        f' width="{shown_w}" height="{shown_h}"{attributes}>\n'
        + (f"<title>{xml_text(title)}</title>\n" if title else "")
        + f"{ground}{OPEN_GROUP}"
    )
