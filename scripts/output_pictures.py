"""The pictures of docs/output.md, drawn by the starter models."""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np

from sketchrnn.drawing.live import load_live
from sketchrnn.figures.page import Page, Paper
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.files import write_text
from sketchrnn.sketch import Sketch
from sketchrnn.svgtext import number, path_data

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
AIR = "#e0245e"  # the way of the lifted pen


# (model, seed, which of its first eight)
CHOSEN = (
    ("cat_pig", 4, (0, 2, 3, 4, 5)),
    ("face", 3, (1, 2, 3, 4, 7)),
    ("sun", 5, (0, 2, 3, 4, 7)),
)


def rows(columns: int) -> list[list[Sketch]]:
    """Some drawings of three models."""
    return [
        [
            load_live(name, prior="normal").generate(8, temperature=0.1, seed=seed)[i]
            for i in numbers[:columns]
        ]
        for name, seed, numbers in CHOSEN
    ]


def with_travel(page: Page, left: float) -> str:
    """A page on white, with the way of the lifted pen in colour."""
    width, height = page.paper.size_mm
    ((color, strokes),) = page.layers
    pen = number(page.paper.stroke_width_mm, 2)
    air = "".join(path_data(np.stack([a[-1], b[0]])) for a, b in pairwise(strokes))
    return (
        f'<g transform="translate({number(left, 2)} 4)">'
        f'<rect width="{width:g}" height="{height:g}" rx="1" fill="#ffffff" stroke="#c9c9cf"'
        ' stroke-width="0.3"/>'
        '<g fill="none" stroke-linecap="round" stroke-linejoin="round">'
        f'<path stroke="{AIR}" stroke-width="0.25" d="{air}"/>'
        f'<path stroke="{color}" stroke-width="{pen}" d="{"".join(map(path_data, strokes))}"/>'
        "</g></g>\n"
    )


def order() -> str:
    """The same page twice: as drawn, and ordered."""
    sheet = SketchSheet(rows(4))
    papers = [Paper("120x90mm", margin="6mm", order=order) for order in (False, True)]
    pages = [paper.place_sheet(sheet) for paper in papers]
    print(*(f"{page.travel_mm:.0f} mm" for page in pages))
    body = "".join(with_travel(page, 4 + 126 * i) for i, page in enumerate(pages))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 254 98" width="800" height="308.66">'
        f'\n<rect width="254" height="98" fill="#f1f0ed"/>\n{body}</svg>\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=IMAGES, help="folder")
    folder = parser.parse_args().output
    SketchSheet(rows(5)).save(folder / "output-draws-itself.anim.svg", seconds=5)
    write_text(folder / "output-order.svg", order())


if __name__ == "__main__":
    main()
