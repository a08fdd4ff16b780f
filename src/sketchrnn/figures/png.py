"""SVG to PNG."""

from __future__ import annotations

from sketchrnn.errors import SketchRNNError

LARGEST_WIDTH_PX = 16_384


def svg_to_png(svg: str, width_px: int) -> bytes:
    """Draw an SVG document on white as a PNG of that width; the height follows.

    Fonts of the machine are never read, so every machine gives the same picture. What the package
    writes needs none: labels are drawn as strokes (`sketchrnn.figures.lettering`). A `<text>` in
    somebody else's SVG is left out.

    Raises:
        SketchRNNError: not an SVG, or a width outside 1 to 16,384.
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
