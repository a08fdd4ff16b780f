"""What of an SVG is seen on its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sketchrnn.data.formats.svg_curves import Shape, area, corners_of
from sketchrnn.data.formats.svg_style import UNKNOWN, Color, Style
from sketchrnn.data.formats.svg_units import Box, FloatArray

CONTRAST = 0.05  # of red, green or blue, 0 to 1: what differs by less is not seen
FULL = 0.999  # of its own bounding box is filled by a shape that can be the page
WHITE: Color = (1.0, 1.0, 1.0, 1.0)


@dataclass(slots=True)
class Placed:
    """A shape that is painted, and the matrix [3, 3] that puts it where it is seen.

    Attributes:
        corners: points [n, 2] with its bounding box there, once `seen` has looked at it.
    """

    shape: Shape
    matrix: FloatArray
    style: Style
    corners: FloatArray = field(init=False)


def seen(placed: Sequence[Placed], viewport: Box | None) -> tuple[list[Placed], str, int]:
    """The shapes that differ from what they are painted on.

    Args:
        placed: all shapes, the lowest first.
        viewport: the page, if there is one.

    Returns:
        (the shapes, what the others are, how many of them there are)
    """
    page: Color | None = None
    pages = 0
    shapes: list[Placed] = []
    hidden: list[Placed] = []
    boxes = np.zeros((len(placed), 4))  # left, top, -right, -bottom: of what is seen and filled
    count = 0
    for one in placed:
        one.corners = corners_of(one.shape, one.matrix)
        if not len(one.corners):
            continue
        box = np.concatenate([one.corners.min(axis=0), -one.corners.max(axis=0)])
        fill, line = one.style.fill, one.style.line
        if fill is not None and line is None and _is_page(one, box, viewport):
            page = _over(fill, page or WHITE)
            pages += 1
            continue
        fill_differs = fill is not None and _differs(fill, page or WHITE)
        line_differs = line is not None and (page is None or _differs(line, page))
        if fill_differs or line_differs or (boxes[:count] <= box).all(axis=1).any():
            shapes.append(one)
        else:
            hidden.append(one)
        if fill_differs:  # what has the page's colour may be seen on it
            boxes[count] = box
            count += 1
    if page is None and not shapes:  # white, for a page that will be dark
        return hidden, "", 0
    if not shapes and not hidden:
        return [], "shape that fills the page", pages
    what = "white shape without a line" if page is None else "shape of the page's colour"
    return shapes, what, len(hidden)


def _is_page(one: Placed, box: FloatArray, viewport: Box | None) -> bool:
    """Whether a shape fills the page; its box is left, top, -right, -bottom."""
    if viewport is None or len(one.shape.lines) != 1:
        return False
    left, top, width, height = viewport
    page = np.array([left, top, -left - width, -top - height])
    if not (box <= page + 1e-6 * max(width, height)).all():
        return False
    whole = float((box[0] + box[2]) * (box[1] + box[3]))
    return area(one.shape.lines[0], one.matrix) >= FULL * whole


def _over(color: Color, ground: Color) -> Color:
    """A colour as it is seen on another."""
    if UNKNOWN[0] in (color[0], ground[0]):
        return UNKNOWN
    red, green, blue = (
        color[3] * one + (1 - color[3]) * other
        for one, other in zip(color[:3], ground[:3], strict=True)
    )
    return red, green, blue, 1.0


def _differs(color: Color, ground: Color) -> bool:
    """Whether a colour is seen on another."""
    over = _over(color, ground)
    return over == UNKNOWN or max(abs(a - b) for a, b in zip(over, ground, strict=True)) > CONTRAST
