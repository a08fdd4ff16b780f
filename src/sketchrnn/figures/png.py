"""SVG to PNG."""

from __future__ import annotations

import os
from typing import Any

from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.scene import at_origin
from sketchrnn.sketch import Sketch
from sketchrnn.svgtext import PEN_SHARE

LARGEST_WIDTH_PX = 16_384
SIDE_PX = 512  # the longer side of a drawing
MARGIN = 0.06  # as `Sketch.to_svg` has it


def content(thing: Any, path: str | os.PathLike[str], **options: Any) -> bytes:
    """A drawing as a PNG; of anything else the PNG that it makes of itself."""
    if not isinstance(thing, Sketch):
        png: bytes = thing.to_png(**options)
        return png
    side = max(thing.size)
    space = side * (2 * MARGIN + 1 / PEN_SHARE)
    width_px = round(SIDE_PX * (thing.size[0] + space) / (side + space)) if side else SIDE_PX
    return svg_to_png(at_origin(thing).to_svg(), width_px)


def svg_to_png(svg: str, width_px: int) -> bytes:
    """Draw an SVG document on white as a PNG of that width; the height follows.

    Fonts of the machine are never read, so every machine gives the same picture: labels are drawn
    as strokes, and a `<text>` in somebody else's SVG is left out.
    """
    import resvg_py

    if not 1 <= width_px <= LARGEST_WIDTH_PX:
        raise SketchRNNError(f"width {width_px} px: a PNG is 1 to {LARGEST_WIDTH_PX} px wide")
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=svg,
            width=int(width_px),
            dpi=96,  # else lengths in pt or mm count as 0
            background="#ffffff",
            skip_system_fonts=True,
        )
    except ValueError as error:
        raise SketchRNNError(f"cannot draw this SVG: {error}") from None
    return bytes(png)
