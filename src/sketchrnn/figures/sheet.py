"""SketchSheet: a labelled grid of drawings on one page."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from itertools import chain
from typing import Any, TypeVar

from sketchrnn import registry
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import INK
from sketchrnn.figures.lettering import DESCENT
from sketchrnn.figures.marks import FRAME_ROOM, Label, Mark, Operator, frame, rule
from sketchrnn.figures.png import LARGEST_WIDTH_PX, svg_to_png
from sketchrnn.figures.scene import Line, Scene, picture_head
from sketchrnn.sketch import Sketch
from sketchrnn.strokes import filling

INK_WIDTH = 1.3
MOST_PIXELS = 1 << 27  # of a PNG, unless its width is given

# All in px of the SVG; letter sizes are the heights of capitals.
TITLE_SIZE, LABEL_SIZE, CAPTION_SIZE = 12.0, 8.0, 7.0
MARGIN = 28.0
GAP = 0.24  # white space between two cells, as a part of `cell`
SHAPE = (4.0, 3.0)  # width and height, about, where no page says another
ROW_LABEL_CELLS = 1.6  # a row label gets a new line at this many cells

Captions = Sequence[Sequence[str | None]]
Color = str | Sequence[str] | None  # of a drawing, or one a stroke
T = TypeVar("T")


class SketchSheet:
    """A labelled grid of drawings: each fitted into its cell, all drawn with the same pen.

    In a notebook it displays itself. The same drawings give the same bytes on every machine.

    >>> import sketchrnn
    >>> faces = sketchrnn.load("face").generate(2, temperature=0.2, seed=1)
    >>> sketchrnn.SketchSheet([faces], title="two faces").save("faces.png")

    Args:
        rows: rows of drawings; None leaves a cell empty. A row may be shorter than the others.
        title: a line over the sheet.
        row_labels: one a row, to the left of it.
        column_labels: one a column, over it.
        captions: one a drawing, below it: rows of str or None, in the shape of `rows`.
        colors: one CSS colour a drawing, or a sequence of one a stroke: rows of them or of None,
            in the shape of `rows`.
        framed: True puts a thin frame around a drawing: rows of bool, in the shape of `rows`.
        operators: one a gap between two columns, as "+", "-", "=", "(", ") =" or "→"; "" for none.
            It stands in each row that has drawings on both sides, and takes the place of a rule.
        cell: the side of a cell, in px of the SVG.
        common_scale: draw all at one scale (the largest fills its cell), to compare sizes.
        input_columns: a thin rule separates the first so many columns, the inputs, from the rest.

    Raises:
        SketchRNNError: no drawing at all, or labels, captions, colours, frames or operators
            that do not fit the rows.
    """

    def __init__(
        self,
        rows: Sequence[Sequence[Sketch | None]],
        *,
        title: str | None = None,
        row_labels: Sequence[str] | None = None,
        column_labels: Sequence[str] | None = None,
        captions: Captions | None = None,
        colors: Sequence[Sequence[Color]] | None = None,
        framed: Sequence[Sequence[bool]] | None = None,
        operators: Sequence[str] | None = None,
        cell: float = 96,
        common_scale: bool = False,
        input_columns: int = 0,
    ) -> None:
        self.rows = [list(row) for row in rows]
        self.columns = max(map(len, self.rows), default=0)
        if not any(chain(*self.rows)):
            raise SketchRNNError("a sheet needs at least one drawing; this one has none")
        self.title = title
        self.row_labels = _checked("row labels", row_labels, len(self.rows), "rows")
        self.column_labels = _checked("column labels", column_labels, self.columns, "columns")
        self.captions = self._per_cell("captions", captions, None)
        self.colors = self._per_cell("colors", colors, None)
        for sketch, color in zip(chain(*self.rows), chain(*self.colors), strict=True):
            if sketch is not None and color is not None and not isinstance(color, str):
                strokes = f"strokes of {sketch!r}"
                _check_count("colors", len(color), len(sketch.polylines), strokes)
        self.framed = self._per_cell("framed", framed, False)
        self.operators = _checked("operators", operators, self.columns - 1, "gaps between columns")
        if not 0 < cell < math.inf:
            raise SketchRNNError(f"cell is {cell}; the side of a cell must be over 0 px")
        if not 0 <= input_columns <= self.columns:
            raise SketchRNNError(
                f"input_columns is {input_columns}, but the sheet has {self.columns} columns"
            )
        self.cell = cell
        self.common_scale = common_scale
        self.input_columns = input_columns

    def _per_cell(self, name: str, values: Sequence[Sequence[T]] | None, none: T) -> list[list[T]]:
        """Rows of one value a drawing: of `none`, where there are no values."""
        lengths = [len(row) for row in self.rows]
        if values is None:
            return [[none] * length for length in lengths]
        found = [len(row) for row in values]
        if found != lengths:
            raise SketchRNNError(
                f"{name}: rows of {found} do not fit rows of {lengths} drawings; give one (or None)"
                " a drawing"
            )
        return [list(row) for row in values]

    @classmethod
    def grid(
        cls,
        sketches: Sequence[Sketch | None],
        columns: int | None = None,
        *,
        captions: Sequence[str | None] | None = None,
        colors: Sequence[Color] | None = None,
        framed: Sequence[bool] | None = None,
        **options: Any,
    ) -> SketchSheet:
        """A sheet of a flat list, row by row; see `best_columns` if `columns` is not given.

        Captions, colors and framed have one item per drawing; `options` are as for `SketchSheet`.
        """
        if columns is None:
            columns = best_columns(len(sketches))
        if columns < 1 and sketches:
            raise SketchRNNError(f"columns is {columns}; a sheet has at least one")

        def rows(name: str, values: Sequence[T] | None) -> list[Sequence[T]] | None:
            if values is None:
                return None
            _check_count(name, len(values), len(sketches), "drawings")
            return [values[i : i + columns] for i in range(0, len(values), max(columns, 1))]

        return cls(
            rows("drawings", sketches) or [],
            captions=rows("captions", captions),
            colors=rows("colors", colors),
            framed=rows("framed", framed),
            **options,
        )

    def to_svg(self) -> str:
        """The sheet as an SVG document: one path a stroke, absolute M and L, no font, no id."""
        return self.scene().to_svg()

    def to_png(self, width_px: int | None = None) -> bytes:
        """The sheet as a PNG; by default two pixels for each px of the SVG.

        Of large sheets fewer: at most 134 million pixels in all.
        """
        scene = self.scene()
        if width_px is None:
            finest = min(2.0, math.sqrt(MOST_PIXELS / scene.width_px / scene.height_px))
            width_px = min(max(round(finest * scene.width_px), 1), LARGEST_WIDTH_PX)
        return svg_to_png(scene.to_svg(), width_px)

    def to_json(self) -> dict[str, Any]:
        """The drawings in their own units, with the labels: a JSON document.

        `{"rows": [[drawing or null, ...], ...]}` with drawings as `Sketch.to_json`, and the keys
        title, row_labels, column_labels, captions, where the sheet has them.
        """
        labels = {
            "title": self.title,
            "row_labels": self.row_labels if any(self.row_labels) else None,
            "column_labels": self.column_labels if any(self.column_labels) else None,
            "captions": self.captions if any(map(any, self.captions)) else None,
        }
        rows = [[None if one is None else one.to_json() for one in row] for row in self.rows]
        return {**{key: value for key, value in labels.items() if value}, "rows": rows}

    def save(self, path: str | os.PathLike[str], *, seconds: float | None = None) -> None:
        """Write the format that the ending of `path` names, whole or not at all.

        .svg, .anim.svg (it draws itself), .png, .pdf, .gif, .webp, or as data, the drawings alone:
        .json, .npz (stroke-3), .ndjson (QuickDraw). `seconds` is how long it takes to draw
        itself: by default 2 to 8, by how much there is.

        Raises:
            SketchRNNError: an unknown ending, or one that needs a package that is not installed.
        """
        registry.save(self, path, "sheet", seconds=seconds)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def __repr__(self) -> str:
        title = f" {self.title!r}" if self.title else ""
        return f"<SketchSheet{title}: {len(self.rows)} rows, {self.columns} columns>"

    def scene(self) -> Scene:
        """The sheet as lines: what stands where on it, of which all its pictures are made."""
        cell, gap = self.cell, self.cell * GAP

        # Columns, from left to right: margin, row labels, cells.
        row_labels = [Label(text, LABEL_SIZE, ROW_LABEL_CELLS * cell) for text in self.row_labels]
        labels_width = max(label.width for label in row_labels)
        labelled = any(label.lines for label in row_labels)  # "I" is a line without any width
        grid_left = MARGIN + (labels_width + gap if labelled else 0)
        operators = [Operator(text, cell) for text in self.operators]
        gaps = [one.room or gap for one in operators]
        inputs = self.input_columns
        has_rule = 0 < inputs < self.columns and not operators[inputs - 1].room
        if has_rule:
            gaps[inputs - 1] += gap  # a rule needs more room than a gap
        lefts = [grid_left + i * cell + math.fsum(gaps[:i]) for i in range(self.columns)]
        width = lefts[-1] + cell + MARGIN

        # Rows, from top to bottom: margin, title, column labels, rows of cells with captions.
        y = MARGIN
        texts: list[Mark] = []
        if self.title:
            title = Label(self.title, TITLE_SIZE, width - 2 * MARGIN)
            texts.append(title.at(MARGIN, y, 0.0, INK))
            y += title.height + 1.2 * TITLE_SIZE
        column_labels = [Label(text, LABEL_SIZE, cell + 0.6 * gap) for text in self.column_labels]
        header = max(label.height for label in column_labels)
        if header:
            for label, left in zip(column_labels, lefts, strict=True):
                texts.append(label.at(left + cell / 2, y + header - label.height))  # on one line
            y += header + LABEL_SIZE
        frame_room = FRAME_ROOM * cell if any(map(any, self.framed)) else 0.0
        y += frame_room
        grid_top = y

        drawings: list[list[Line]] = []
        frames: list[Mark] = []
        signs: list[Mark] = []
        largest = max(max(one.size) for one in chain(*self.rows) if one is not None)
        for r, (row, label) in enumerate(zip(self.rows, row_labels, strict=True)):
            room = max(cell, label.height)
            top = y + (room - cell) / 2
            label_top = y + (room - label.height + DESCENT * LABEL_SIZE) / 2
            texts.append(label.at(MARGIN + labels_width, label_top, 1.0))
            captions = [Label(text, CAPTION_SIZE, cell + 0.6 * gap) for text in self.captions[r]]
            for c, sketch in enumerate(row):
                if self.framed[r][c]:
                    frames.append(frame(lefts[c], top, cell))
                if sketch is not None:
                    if c and row[c - 1] is not None:
                        signs.append(operators[c - 1].at(lefts[c] - gaps[c - 1], top + cell / 2))
                    side = largest if self.common_scale else max(sketch.size)
                    color = self.colors[r][c] or INK
                    drawings.append(self._placed(sketch, lefts[c], top, side, color))
                caption_top = top + cell + frame_room + CAPTION_SIZE
                texts.append(captions[c].at(lefts[c] + cell / 2, caption_top))
            below = max((caption.height for caption in captions), default=0.0)
            if below:
                below += frame_room + CAPTION_SIZE
            y = max(y + room, top + cell + below) + gap
        grid_bottom = y - gap

        every = [*texts, *signs, *frames]
        if has_rule:
            middle = (lefts[inputs - 1] + cell + lefts[inputs]) / 2
            every.insert(0, rule(middle, grid_top, grid_bottom))
        head = picture_head(width, grid_bottom + MARGIN, title=self.title)
        return Scene(
            head + "".join(mark.svg for mark in every),
            drawings,
            [sketch.label for sketch in chain(*self.rows) if sketch is not None],
            width,
            marks=[line for mark in every for line in mark.lines],
            height_px=grid_bottom + MARGIN,
        )

    def _placed(
        self, sketch: Sketch, x: float, y: float, side: float, color: str | Sequence[str]
    ) -> list[Line]:
        """One drawing in the middle of its cell at (x, y), which a drawing of that side fills."""
        left, top, right, bottom = sketch.bounds
        # half a pen width must stay inside
        scale = filling(max(self.cell - INK_WIDTH, self.cell / 2), side)
        dx = x + (self.cell - scale * (right - left)) / 2
        dy = y + (self.cell - scale * (bottom - top)) / 2
        colors = [color] * len(sketch.polylines) if isinstance(color, str) else color
        return [
            Line((line - (left, top)) * scale + (dx, dy), one, INK_WIDTH)
            for line, one in zip(sketch.polylines, colors, strict=True)
        ]


def best_columns(
    count: int, shape: tuple[float, float] = SHAPE, *, before: int = 0, groups: int = 1
) -> int:
    """How many of `count` drawings to put in a row, for large ones in full rows.

    A drawing that is smaller by a factor f counts as much as a last row of which a share of
    sqrt(log(1 / f)) is empty.

    Args:
        count: the drawings of a group.
        shape: width and height of what is to be filled.
        before: columns beside them, as of an input.
        groups: so many below each other, each with rows of its own.
    """

    def cell(columns: int) -> float:
        across, down = columns + before, groups * -(-count // columns)
        (width, height) = shape
        return min(width / (across + GAP * (across - 1)), height / (down + GAP * (down - 1)))

    every = range(1, max(count, 1) + 1)
    cells = [cell(columns) for columns in every]
    largest = max(cells)

    def cost(columns: int) -> float:
        empty = -count % columns / columns
        return empty**2 + math.log(largest / cells[columns - 1])

    return min(reversed(every), key=cost)


def _checked(name: str, labels: Sequence[str | None] | None, count: int, of: str) -> list[str]:
    """The labels as they are drawn: where there are none, each is empty."""
    if labels is None:
        return [""] * count
    _check_count(name, len(labels), count, of)
    return [label or "" for label in labels]


def _check_count(name: str, found: int, count: int, of: str) -> None:
    if found != count:
        raise SketchRNNError(f"{found} {name} for {count} {of}; give one each")
