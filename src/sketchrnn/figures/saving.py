"""Saving a drawing, or a sheet of them, in every format that there is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from sketchrnn.data.write import json_document, ndjson_lines, npz_bytes
from sketchrnn.figures.animate import animated_svg, film
from sketchrnn.figures.pdf import svg_to_pdf
from sketchrnn.figures.png import svg_to_png
from sketchrnn.figures.scene import Line, Scene
from sketchrnn.pictures import ANIMATED_SVG, write_picture
from sketchrnn.sketch import INK, PEN_SHARE, SVG_TAIL, Sketch

if TYPE_CHECKING:
    from sketchrnn.figures.sheet import SketchSheet

SIDE_PX = 512  # the longer side of a drawing's PNG ...
SIDE_PT = 512  # ... PDF
FILM_PX = 360  # ... and GIF

Maker = Callable[[], str | bytes]


def save_sketch(
    sketch: Sketch, path: str | os.PathLike[str], *, seconds: float | None = None
) -> None:
    """Write one drawing as the ending of `path` says; see `Sketch.save`.

    Args:
        sketch: the drawing.
        path: the file.
        seconds: that it takes to draw itself, where it does; None: at a pen's pace.

    Raises:
        SketchRNNError: an ending that nothing is written as, or that needs a package that is not
            there.
    """
    # Moved to the origin, for the renderer's 32-bit coordinates would lose a small drawing far away
    # from it.
    left, top, right, bottom = sketch.bounds
    near = sketch.moved(-left, -top)
    side = max(right - left, bottom - top)
    space = side * (2 * 0.06 + 1 / PEN_SHARE)
    width_px = round(SIDE_PX * (right - left + space) / (side + space)) if side else SIDE_PX
    write_picture(
        path,
        "a drawing",
        svg=sketch.to_svg,
        png=lambda: svg_to_png(near.to_svg(), width_px=width_px),
        document=lambda: json_document(sketch),
        more={
            ANIMATED_SVG: lambda: animated_svg(sketch_scene(sketch), seconds),
            # in points, for a PDF has few decimals
            ".pdf": lambda: svg_to_pdf(near.scaled(SIDE_PT / side if side else 1).to_svg()),
            **film_makers(lambda: sketch_scene(near), seconds),
            **_data_makers([sketch], path),
        },
    )


def save_sheet(
    sheet: SketchSheet, path: str | os.PathLike[str], *, seconds: float | None = None
) -> None:
    """Write a sheet as the ending of `path` says; see `SketchSheet.save` and `save_sketch`."""
    sketches = [sketch for row in sheet.rows for sketch in row if sketch is not None]
    write_picture(
        path,
        "a sheet",
        svg=sheet.to_svg,
        png=sheet.to_png,
        document=lambda: _readable(sheet),
        more={
            ANIMATED_SVG: lambda: animated_svg(sheet.scene(), seconds),
            ".pdf": lambda: svg_to_pdf(sheet.to_svg()),
            **film_makers(sheet.scene, seconds),
            **_data_makers(sketches, path),
        },
    )


def _readable(sheet: SketchSheet) -> dict[str, Any]:
    """The sheet's document, with drawings as our readers take them."""
    number = count(1)
    rows = [
        [None if sketch is None else json_document(sketch, next(number)) for sketch in row]
        for row in sheet.rows
    ]
    return {**sheet.to_json(), "rows": rows}


def sketch_scene(sketch: Sketch) -> Scene:
    """One drawing as a picture in its own units."""
    head, decimals = sketch.svg_head()
    width, height = sketch.size
    side = max(width, height) or 1.0
    lines = [Line(line, INK, side / PEN_SHARE) for line in sketch.polylines]
    return Scene(
        head=head,
        tail=SVG_TAIL,
        drawings=[lines],
        labels=[sketch.label],
        marks=[],
        width_px=FILM_PX * max(width / side, 0.2),
        decimals=decimals,
    )


def film_makers(scene: Callable[[], Scene], seconds: float | None) -> dict[str, Maker]:
    """Makers of a GIF and a WebP."""
    return {
        ".gif": lambda: film(scene(), "GIF", seconds),
        ".webp": lambda: film(scene(), "WEBP", seconds),
    }


def _data_makers(sketches: Sequence[Sketch], path: str | os.PathLike[str]) -> dict[str, Maker]:
    return {
        ".npz": lambda: npz_bytes(sketches),
        ".ndjson": lambda: "".join(ndjson_lines(sketches, path)),
    }
