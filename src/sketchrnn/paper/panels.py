"""Several sheets side by side as one figure."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from sketchrnn import registry
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import PAPER
from sketchrnn.figures.png import LARGEST_WIDTH_PX, svg_to_png
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.svgtext import number, svg_head


class Panels:
    """Sheets in rows of `columns` (None: all in one), each at its own size."""

    def __init__(self, sheets: Sequence[SketchSheet], columns: int | None = None) -> None:
        if not sheets:
            raise SketchRNNError("a figure needs at least one sheet; this one has none")
        self.sheets = list(sheets)
        self.columns = columns or len(self.sheets)

    def to_svg(self) -> str:
        """One SVG document, the sheets as documents within it."""
        parts: list[str] = []
        width = y = 0.0
        for first in range(0, len(self.sheets), self.columns):
            x = height = 0.0
            for sheet in self.sheets[first : first + self.columns]:
                svg = sheet.to_svg()
                across, down = _size(svg)
                place = f'<svg x="{number(x, 2)}" y="{number(y, 2)}" '
                parts.append(svg.replace("<svg ", place, 1))
                x, height = x + across, max(height, down)
            width, y = max(width, x), y + height
        w, h = number(width, 2), number(y, 2)
        background = f'<rect width="{w}" height="{h}" fill="{PAPER}"/>'
        return f"{svg_head(f'0 0 {w} {h}', w, h)}\n{background}\n{''.join(parts)}</svg>\n"

    def to_png(self) -> bytes:
        """A PNG with two pixels for each px of the SVG."""
        svg = self.to_svg()
        return svg_to_png(svg, min(round(2 * _size(svg)[0]), LARGEST_WIDTH_PX))

    def to_json(self) -> dict[str, Any]:
        """`{"panels": [...]}`, each as `SketchSheet.to_json`."""
        return {"panels": [sheet.to_json() for sheet in self.sheets]}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write .svg, .png or .json, by the ending of `path`; whole, or not at all."""
        registry.save(self, path, "figure")


def _size(svg: str) -> tuple[float, float]:
    """(width, height) of a document, as `svg_head` writes them."""
    size = re.match(r'<svg [^>]*?width="([0-9.]+)" height="([0-9.]+)"', svg)
    assert size is not None
    return float(size[1]), float(size[2])
