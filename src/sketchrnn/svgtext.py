"""The words of SVG: numbers, paths, text and heads, as every picture of the package writes them."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np
import numpy.typing as npt

INK = "#1f1f24"  # of a line that has no other colour
PEN_SHARE = 90  # a line is so many times thinner than a drawing is large
ROUND = 'stroke-linecap="round" stroke-linejoin="round"'
SVG_TAIL = "</g></svg>\n"

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def decimals_for(side: float) -> int:
    """Decimals that keep a coordinate within 0.005, and 1/20,000 of a drawing of that size."""
    return int(np.clip(np.ceil(4 - np.log10(side)), 2, 12)) if side > 0 else 2


def number(value: float, decimals: int) -> str:
    """A number as short as it can be written at that many decimals, never in exponent form."""
    text = f"{value:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def path_data(line: npt.NDArray[np.floating[Any]], decimals: int = 2) -> str:
    """SVG path data of one polyline: absolute M and L. A dot gets a zero-length L (a round cap)."""
    points = [f"{number(x, decimals)} {number(y, decimals)}" for x, y in line]
    if len(points) == 1:
        points *= 2
    return "M" + "L".join(points)


def xml_text(text: str) -> str:
    """Text as it may stand in an XML document: escaped, without characters that XML forbids."""
    return html.escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def svg_head(view: str, width: str, height: str, more: str = "") -> str:
    """The first tag of a document: its viewBox, its size with units, and other attributes."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}"'
        f' width="{width}" height="{height}"{more}>'
    )


def title(text: str | None) -> str:
    """A `<title>`, or nothing where there is no text."""
    return f"<title>{xml_text(text)}</title>" if text else ""
