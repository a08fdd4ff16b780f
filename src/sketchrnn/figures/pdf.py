"""SVG to PDF, as lines. Needs the package fpdf2 (the extra `pictures`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sketchrnn.errors import SketchRNNError

_TITLE = re.compile(r"<title>[^<]*</title>")  # fpdf2 knows none, and says so for each
_MADE = datetime(2000, 1, 1, tzinfo=UTC)  # the same drawing gives the same bytes


def svg_to_pdf(svg: str) -> bytes:
    """An SVG document that the package wrote as a PDF of one page, in the size that it states.

    Lines stay lines: it can be printed at any size, and edited. A bare px becomes a point, 1/72 in.

    Raises:
        SketchRNNError: fpdf2 is not installed.
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
    pdf.set_creation_date(_MADE)
    pdf.set_auto_page_break(False)
    pdf.set_margin(0)
    pdf.add_page()
    picture.draw_to_page(pdf)
    return bytes(pdf.output())
