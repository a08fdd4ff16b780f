"""The sheet of `sketchrnn data prepare --sheet`: drawings before and after, left out, and copied.

Strokes are coloured in the order in which they are drawn, and thin dashed lines show the way of the
lifted pen, so that their order is seen; small dots show the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import PALETTE, blend
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.sketch import Polyline, Sketch
from sketchrnn.strokes import BOX_PX
from sketchrnn.svgtext import path_data
from sketchrnn.travel import travel

CELL = 136.0
TRAVEL_STYLE = 'stroke="#8b8b95" stroke-width="0.8" stroke-dasharray="1.8 2.6"'
POINT_WIDTH = 2.6  # of the dot on a point
POINT_SPACE = 4.0  # between two of them, in the mean; closer ones would only make the line thick


class ChangesSheet(SketchSheet):
    """A sheet whose drawings also show the way of the lifted pen, and their points."""

    def to_svg(self) -> str:
        """The sheet as an SVG document."""
        scene = self.scene()
        under, over = "", ""
        for lines in scene.drawings:
            gaps = "".join(
                path_data(np.array([before.points[-1], after.points[0]]))
                for before, after in pairwise(lines)
            )
            under += f'<path class="travel" {TRAVEL_STYLE} d="{gaps}"/>\n' if gaps else ""
            count = sum(len(line.points) for line in lines)
            if sum(line.length for line in lines) < POINT_SPACE * count:
                continue
            for line in lines:
                dots = "".join(path_data(point[None]) for point in line.points)
                over += (
                    f'<path class="points" stroke="{line.color}"'
                    f' stroke-width="{POINT_WIDTH}" d="{dots}"/>\n'
                )
        return replace(scene, head=scene.head + under, tail=over + scene.tail).to_svg()


def changes_sheet(
    rows: Sequence[tuple[str, Sequence[Sequence[Polyline]], bool]], title: str
) -> SketchSheet:
    """Rows of drawings, each with a label, and whether captions say how long its drawings are.

    Raises:
        SketchRNNError: there is no row.
    """
    if not rows:
        raise SketchRNNError("there is nothing to show: no drawing was changed, left out or copied")
    sketches = [[Sketch.from_polylines(lines) for lines in drawings] for _, drawings, _ in rows]
    return ChangesSheet(
        sketches,
        title=f"{title}. Strokes from orange, the first, to blue, the last; dashed: the lifted pen,"
        " px of its way",
        row_labels=[label for label, *_ in rows],
        captions=[
            [_caption(sketch) if captioned else None for sketch in row]
            for row, (*_, captioned) in zip(sketches, rows, strict=True)
        ],
        colors=[[in_order(len(sketch.polylines)) for sketch in row] for row in sketches],
        cell=CELL,
    )


def in_order(count: int) -> list[str]:
    """A colour a stroke, from orange over red and violet to blue."""
    last = len(PALETTE) - 1
    colors = []
    for place in np.linspace(0, last, max(count, 2))[:count].tolist():
        first = min(int(place), last - 1)
        colors.append(blend(PALETTE[first : first + 2], [first + 1 - place, place - first]))
    return colors


def _caption(sketch: Sketch) -> str:
    count = len(sketch.polylines)
    strokes = "1 stroke" if count == 1 else f"{count:,} strokes"
    points = len(sketch.to_stroke3())  # as --at-most and N_max count them
    way_px = travel(sketch.polylines) / (max(sketch.size) / BOX_PX or 1.0)
    return f"{strokes}, {points:,} points, {way_px:,.0f} px"
