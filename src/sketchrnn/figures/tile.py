"""Tile: a seamless pattern of drawings, for cloth and wallpaper."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sketchrnn import registry
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import INK, PAPER
from sketchrnn.figures.lattice import ROW_HEIGHT, Lattice, settle, unit_circle
from sketchrnn.figures.png import LARGEST_WIDTH_PX, svg_to_png
from sketchrnn.figures.scene import Line, Scene, picture_head
from sketchrnn.sketch import Sketch

PEN = 1 / 70  # line width, as a part of the distance between two drawings
LARGEST_REPEAT = 10
MOST_DRAWINGS = 400  # of a tile: to settle more takes too long
MOST_SEEN = 10_000  # in a picture of repeated tiles
MOST_PIXELS = 1 << 26  # of such a picture, unless its width is given
BOUNDS = {
    "side_px": (16, LARGEST_WIDTH_PX),
    "jitter": (0, 1),
    "rotation": (0, 180),
    "gap": (0.02, 0.9),
}


class Tile:
    """A seamless tile of drawings; laid side by side, tiles show no edge.

    Each drawing stands near a place of a lattice, a little turned, about as large as the others;
    no two touch (`sketchrnn.figures.lattice`). What crosses an edge is drawn again at the other
    side. In a notebook the tile shows itself, 2 x 2.

    Args:
        sketches: the drawings, row by row, each drawn once; columns * rows of them.
        side_px: the width of the tile, in px of the SVG. Its height follows from the lattice.
        lattice: "brick", every second of an even number of rows moved by half a column, so that all
            six neighbours of a drawing are equally near; or "square".
        jitter: how far a drawing may stand off its place, from 0, not at all, to 1.
        rotation: the largest turn to either side, in degrees.
        gap: the white space between two drawings on their places, as a part of their distance.
        color: one CSS colour, or several, of which neighbours get different ones.
        background: a CSS colour, or None for none: a PNG is white there.
        seed: of jitter, turns and colours.
    """

    def __init__(
        self,
        sketches: Sequence[Sketch],
        columns: int,
        rows: int,
        *,
        side_px: float = 1200,
        lattice: str = "brick",
        jitter: float = 0.6,
        rotation: float = 14,
        gap: float = 0.14,
        color: str | Sequence[str] = INK,
        background: str | None = PAPER,
        seed: int = 0,
    ) -> None:
        check_pattern(
            columns, rows, lattice, side_px=side_px, jitter=jitter, rotation=rotation, gap=gap
        )
        if len(sketches) != columns * rows:
            raise SketchRNNError(
                f"{len(sketches)} drawings for {columns} x {rows} places;"
                f" give {columns * rows} drawings, or other columns and rows"
            )
        if seed < 0:
            raise SketchRNNError(f"seed is {seed}; give a whole number from 0")
        colors = [color] if isinstance(color, str) else list(color)
        if not colors:
            raise SketchRNNError("a tile needs at least one colour")

        self.columns, self.rows = columns, rows
        # Whole px, so that tiles meet without a blurred line where they are shown as pixels.
        grid = Lattice(lattice, columns, rows, float(round(side_px)))
        self.width, self.height = grid.width, grid.height
        self.pen_px = PEN * grid.step
        self.background = background
        rng = np.random.default_rng(seed)
        turns = np.radians(rng.uniform(-rotation, rotation, len(sketches)))
        drawings = [_turned(sketch, turn) for sketch, turn in zip(sketches, turns, strict=True)]
        points = [np.concatenate(drawing.polylines) for drawing in drawings]
        centers, factors = settle(grid, points, gap + PEN, jitter, rng)
        self.sketches = [
            drawing.scaled(factor).moved(*center)
            for drawing, factor, center in zip(drawings, factors, centers, strict=True)
        ]
        # Each gets the colour that its neighbours have least, then the tile, then by chance.
        given = [-1] * len(sketches)
        for place, near in enumerate(grid.near):
            around = [given[other] for other, _ in near]
            ranks = [(around.count(i), given.count(i), rng.random()) for i in range(len(colors))]
            given[place] = ranks.index(min(ranks))
        self.colors = [colors[i] for i in given]

    def to_svg(self, repeat: tuple[int, int] = (1, 1)) -> str:
        """The tile as an SVG document: one path a stroke, absolute M and L, no `<pattern>`.

        `repeat` shows the pattern: so many tiles side by side, and one below the other.
        """
        return self.scene(repeat).to_svg()

    def to_png(self, width_px: int | None = None, repeat: tuple[int, int] = (1, 1)) -> bytes:
        """The tile as a PNG, by default two pixels for each px of the SVG.

        Where tiles are repeated, fewer: at most 67 million pixels in all.
        """
        if width_px is None:
            width, height = self._size(repeat)
            finest = 2.0 if repeat == (1, 1) else min(2.0, math.sqrt(MOST_PIXELS / width / height))
            width_px = min(round(finest * width), LARGEST_WIDTH_PX)
        return svg_to_png(self.scene(repeat, width_px).to_svg(), width_px)

    def scene(self, repeat: tuple[int, int] = (1, 1), width_px: int | None = None) -> Scene:
        """Tiles side by side as lines; `width_px` is that of a PNG, if it is to be one."""
        width, height = self._size(repeat)
        stretch, pen, shown = "", self.pen_px, (width, height)
        if width_px:
            # The height of each tile is stretched to whole pixels, by less than one: else the last
            # row of them would be blurred, a line between two tiles. And the line is wider than a
            # pixel, for the renderer draws hairlines in another way, with gaps at the left edge.
            stretch = ' preserveAspectRatio="none"'
            pen = max(pen, 1.02 * width / width_px)
            tile_height = max(round(width_px / repeat[0] * self.height / self.width), 1)
            shown = (width_px, repeat[1] * tile_height)
        # Each drawing is there wherever its line is seen, a whole number of tiles away.
        copies = []
        for sketch, color in zip(self.sketches, self.colors, strict=True):
            left, top, right, bottom = sketch.bounds
            for down in _shifts(top - pen / 2, bottom + pen / 2, self.height, height):
                for over in _shifts(left - pen / 2, right + pen / 2, self.width, width):
                    copies.append((sketch.moved(over, down), color))
        return Scene(
            picture_head(
                width, height, shown_px=shown, background=self.background, attributes=stretch
            ),
            [[Line(line, color, pen) for line in one.polylines] for one, color in copies],
            [copy.label for copy, _ in copies],
            width,
        )

    def _size(self, repeat: tuple[int, int]) -> tuple[float, float]:
        """(width, height) of so many tiles."""
        check_repeat(repeat, len(self.sketches))
        return self.width * repeat[0], self.height * repeat[1]

    def to_json(self) -> dict[str, Any]:
        """`{"width_px", "height_px", "line_px", "drawings": [...], "colors": [...]}`.

        The drawings stand where they are on the tile, in its px; copies over edges are not in it.
        """
        return {
            "width_px": self.width,
            "height_px": self.height,
            "line_px": self.pen_px,
            "drawings": [one.to_json() for one in self.sketches],
            "colors": self.colors,
        }

    def save(self, path: str | os.PathLike[str], repeat: tuple[int, int] = (1, 1)) -> None:
        """Write .svg, .png, .pdf or .json, by the ending of `path`; whole, or not at all."""
        registry.save(self, path, "tile", repeat=repeat)

    def _repr_svg_(self) -> str:
        return self.to_svg(repeat=(2, 2))

    def __repr__(self) -> str:
        return f"<Tile: {self.columns} x {self.rows} drawings, {self.width:g} x {self.height:g} px>"


def _shifts(low: float, high: float, step: float, end: float) -> list[float]:
    """The multiples of `step` that move (low, high) to where it meets (0, end)."""
    return [n * step for n in range(math.floor(-high / step) + 1, math.ceil((end - low) / step))]


def _turned(sketch: Sketch, turn: float) -> Sketch:
    """The drawing turned clockwise (radians), in the circle of radius 1 around (0, 0)."""
    middle, radius = unit_circle(np.concatenate(sketch.polylines))
    cos, sin = math.cos(turn) / radius, math.sin(turn) / radius
    matrix = np.array([[cos, sin], [-sin, cos]])
    lines = [(line - middle) @ matrix for line in sketch.polylines]
    return Sketch.from_polylines(lines, sketch.label)


def check_pattern(
    columns: int,
    rows: int,
    lattice: str,
    repeat: tuple[int, int] = (1, 1),
    names: Mapping[str, str] | None = None,
    **numbers: float,
) -> None:
    """Raises SketchRNNError for a pattern that cannot be laid out, or not shown so often.

    `numbers` are those of `BOUNDS`, which messages call by `names` where these are given.
    """
    if lattice not in ROW_HEIGHT:
        raise SketchRNNError(f"lattice is {lattice!r}; choose one of {', '.join(ROW_HEIGHT)}")
    if columns < 1 or rows < 1:
        raise SketchRNNError(f"a tile of {columns} x {rows} drawings; give at least 1 x 1")
    if columns * rows > MOST_DRAWINGS:
        raise SketchRNNError(
            f"a tile of {columns} x {rows} drawings; give at most {MOST_DRAWINGS} in all"
        )
    if lattice == "brick" and rows % 2:
        raise SketchRNNError(f"rows is {rows}; a tile of bricks needs an even number of rows")
    check_repeat(repeat, columns * rows)
    for name, value in numbers.items():
        least, most = BOUNDS[name]
        if not least <= value <= most:
            name = (names or {}).get(name, name)
            raise SketchRNNError(f"{name} is {value}; give {least:g} to {most:g}")


def check_repeat(repeat: tuple[int, int], drawings: int) -> None:
    """Raises SketchRNNError for more tiles of so many drawings than a picture can show."""
    across, down = repeat
    if not all(1 <= count <= LARGEST_REPEAT for count in repeat):
        raise SketchRNNError(
            f"repeat is {across} x {down} tiles; give 1 to {LARGEST_REPEAT} each way"
        )
    if drawings * across * down > MOST_SEEN:
        raise SketchRNNError(
            f"repeat is {across} x {down} tiles of {drawings} drawings; give fewer, of at most"
            f" {MOST_SEEN:,} drawings in all"
        )
