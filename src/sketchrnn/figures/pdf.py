"""SVG to PDF, as lines. Needs the package fpdf2 (the extra `pictures`)."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import Any

from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.scene import at_origin
from sketchrnn.sketch import Sketch
from sketchrnn.strokes import filling

SIDE_PT = 512  # the longer side of a drawing

_TITLE = re.compile(r"<title>[^<]*</title>")  # fpdf2 knows none, and says so for each


def content(thing: Any, path: str | os.PathLike[str], **options: Any) -> bytes:
    """A drawing as a PDF; of anything else the PDF that it makes of itself, or one of its SVG."""
    if hasattr(thing, "to_pdf"):
        pdf: bytes = thing.to_pdf()
        return pdf
    if isinstance(thing, Sketch):  # in points, for a PDF has few decimals
        side = max(thing.size)
        thing = at_origin(thing).scaled(filling(SIDE_PT, side))
    return svg_to_pdf(thing.to_svg(**options))


def svg_to_pdf(svg: str) -> bytes:
    """An SVG document that the package wrote as a PDF of one page, in the size that it states.

    Lines stay lines. A bare px becomes a point, 1/72 in.
    """
    try:
        from fpdf import FPDF
        from fpdf.svg import SVGObject
    except ImportError:
        raise SketchRNNError(
            "a PDF needs the package fpdf2: pip install 'sketchrnn[pictures]'"
        ) from None
    try:
        picture = SVGObject(_TITLE.sub("", svg).encode("utf-8"))
    except (ValueError, KeyError) as error:  # a colour that it does not know
        raise SketchRNNError(f"cannot make a PDF of this SVG: {error}") from None
    width, height = picture.width, picture.height
    if not isinstance(width, int | float) or not isinstance(height, int | float):
        raise SketchRNNError("cannot make a PDF of an SVG that does not state its size")
    pdf = FPDF(unit="pt", format=(width, height))
    pdf.set_creation_date(datetime(2000, 1, 1, tzinfo=UTC))  # the same drawing, the same bytes
    pdf.set_auto_page_break(False)
    pdf.set_margin(0)
    pdf.add_page()
    picture.draw_to_page(pdf)
    return bytes(pdf.output())
