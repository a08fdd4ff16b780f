"""SketchSheet: a labelled grid of drawings on one page."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from sketchrnn import registry
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.lettering import DESCENT, LINE_HEIGHT, text_strokes, text_width, wrap
from sketchrnn.figures.png import LARGEST_WIDTH_PX, svg_to_png
from sketchrnn.figures.scene import Line, Scene
from sketchrnn.sketch import Polyline, Sketch
from sketchrnn.svgtext import INK as INK  # of all lines of a sheet that have no other
from sketchrnn.svgtext import number, path_data, xml_text

PAPER = "#ffffff"
QUIET = "#6b6b73"  # labels
RULE = "#c9c9cf"  # the line between inputs and the rest
INK_WIDTH = 1.3

# All in px of the SVG; letter sizes are the heights of capitals.
TITLE_SIZE, LABEL_SIZE, CAPTION_SIZE = 12.0, 8.0, 7.0
LETTER_WEIGHT = 0.115  # line width of a letter, as a part of its size
MARGIN = 28.0
GAP = 0.24  # white space between two cells, as a part of `cell`
ROW_LABEL_CELLS = 1.6  # a row label gets a new line at this many cells

# Operators, as parts of `cell`: the heights of their capitals and the white space on either side;
# a bracket stands close to its drawing. All are centred on one height, as `lettering` draws them.
OPERATOR_SIZE, OPERATOR_ROOM = 0.2, 0.2
BRACKET_SIZE, BRACKET_ROOM = 0.46, 0.1
OPERATOR_AXIS = 5 / 12  # that height over the baseline, as a part of the size
OPERATOR_WIDTH = 1.7

TAIL = "</g>\n</svg>\n"
FRAME = "#aeaeb6"
FRAME_ROOM = 0.065  # from a cell to the frame around it, as a part of `cell`
FRAME_RADIUS = 0.085  # of its corners, as a part of `cell`

Captions = Sequence[Sequence[str | None]]
Color = str | Sequence[str] | None  # of a drawing, or one a stroke
T = TypeVar("T")


@dataclass(frozen=True)
class _Text:
    """A label broken into lines, the start, middle or end (anchor 0, 0.5, 1) of each at x."""

    text: str
    lines: list[str]
    x: float
    top: float
    size: float
    anchor: float
    color: str = QUIET

    @property
    def strokes(self) -> list[Line]:
        """Its letters as lines."""
        return [
            Line(stroke, self.color, LETTER_WEIGHT * self.size)
            for i, line in enumerate(self.lines)
            for stroke in text_strokes(
                line, self.x, self.top + self.size * (1 + LINE_HEIGHT * i), self.size, self.anchor
            )
        ]

    def to_svg(self) -> str:
        """All letters as one path, with the words beside it for those who cannot see them."""
        return _words("label", self.text, self.strokes) if self.lines else ""


@dataclass(frozen=True)
class _Operator:
    """What stands in the gap between two columns: "+", "-", "=", "(", ") =", "→" ..."""

    text: str
    cell: float

    @property
    def _signs(self) -> list[tuple[str, float, float]]:
        """Each sign with its size and the space beside it; a minus is as wide as a plus."""
        return [
            (sign, self.cell * BRACKET_SIZE, self.cell * BRACKET_ROOM)
            if sign in "()[]{}"
            else (sign, self.cell * OPERATOR_SIZE, self.cell * OPERATOR_ROOM)
            for sign in "".join(self.text.split()).translate({ord("-"): "–", ord("−"): "–"})
        ]

    @property
    def room(self) -> float:
        """The gap between two columns that it needs; 0 for none."""
        return self._layout()[1]

    def _layout(self) -> tuple[list[float], float]:
        """The left of each sign and the whole width, from a drawing's edge to the next one's."""
        lefts, x, last = [], 0.0, 0.0
        for sign, size, space in self._signs:
            lefts.append(x + max(last, space))
            x, last = lefts[-1] + text_width(sign, size), space
        return lefts, x + last

    def strokes(self, left: float, middle: float) -> list[Line]:
        """Its signs as lines, in the gap that begins at `left`, at the height `middle`."""
        return [
            Line(stroke, INK, OPERATOR_WIDTH * self.cell / 96)
            for (sign, size, _), x in zip(self._signs, self._layout()[0], strict=True)
            for stroke in text_strokes(sign, left + x, middle + OPERATOR_AXIS * size, size)
        ]


@dataclass(frozen=True, eq=False)
class _Placed:
    """A drawing on the sheet: its strokes where they are, in one colour or one each."""

    sketch: Sketch
    lines: list[Polyline]
    color: str | Sequence[str]

    @property
    def strokes(self) -> list[Line]:
        colors = [self.color] * len(self.lines) if isinstance(self.color, str) else self.color
        return [
            Line(line, color, INK_WIDTH) for line, color in zip(self.lines, colors, strict=True)
        ]

    def to_svg(self) -> str:
        """One path a stroke."""
        styles, color = [""] * len(self.lines), self.color
        if not isinstance(color, str):
            styles, color = [f' stroke="{xml_text(one)}"' for one in color], INK
        paths = "".join(
            f'<path{style} d="{path_data(line)}"/>'
            for style, line in zip(styles, self.lines, strict=True)
        )
        title = f"<title>{xml_text(self.sketch.label)}</title>" if self.sketch.label else ""
        return (
            f'<g class="sketch" stroke="{xml_text(color)}" stroke-width="{INK_WIDTH}">'
            f"{title}{paths}</g>\n"
        )


@dataclass(frozen=True, eq=False)
class _Layout:
    """What stands where on a sheet."""

    head: str  # of the SVG, up to the drawings
    drawings: list[_Placed]
    marks: list[Line]
    width: float


def _height(lines: Sequence[str], size: float) -> float:
    """The height of lines of text, descenders included."""
    return size * (1 + LINE_HEIGHT * (len(lines) - 1) + DESCENT) if lines else 0.0


class SketchSheet:
    """A labelled grid of drawings: each fitted into its cell, all drawn with the same pen.

    In a notebook it shows itself. The same drawings give the same bytes on every machine.

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
        common_scale: draw all with one factor (the largest fills its cell), so that sizes compare.
        input_columns: a thin rule parts that many first columns, the inputs, from the rest.

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
        if not any(sketch is not None for row in self.rows for sketch in row):
            raise SketchRNNError("a sheet needs at least one drawing; this one has none")
        self.title = title
        self.row_labels = _checked("row labels", row_labels, len(self.rows), "rows")
        self.column_labels = _checked("column labels", column_labels, self.columns, "columns")
        self.captions = self._per_cell("captions", captions)
        self.colors = self._per_cell("colors", colors)
        self._check_colors()
        self.framed = self._per_cell("framed", framed)
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
        """A sheet of a flat list, row by row; about as wide as high where `columns` is not given.

        Args:
            sketches: the drawings.
            columns: drawings a row.
            captions, colors, framed: one a drawing.
            options: all other options of `SketchSheet`.
        """
        if columns is None:
            columns = math.ceil(math.sqrt(len(sketches)))
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
        layout = self._layout()
        return layout.head + "".join(one.to_svg() for one in layout.drawings) + TAIL

    def to_png(self, width_px: int | None = None) -> bytes:
        """The sheet as a PNG; by default two pixels for each px of the SVG."""
        if width_px is None:
            width_px = min(round(2 * self._layout().width), LARGEST_WIDTH_PX)
        return svg_to_png(self.to_svg(), width_px)

    def scene(self) -> Scene:
        """The sheet as lines, for pages and animations."""
        layout = self._layout()
        return Scene(
            head=layout.head,
            tail=TAIL,
            drawings=[one.strokes for one in layout.drawings],
            labels=[one.sketch.label for one in layout.drawings],
            marks=layout.marks,
            width_px=layout.width,
        )

    def to_json(self) -> dict[str, Any]:
        """The drawings in their own units, with the labels: a JSON document.

        `{"rows": [[drawing or null, ...], ...]}` with drawings as `Sketch.to_json`, and the keys
        title, row_labels, column_labels, captions, where the sheet has them.
        """
        document: dict[str, Any] = {}
        for key in ("title", "row_labels", "column_labels", "captions"):
            if getattr(self, key):
                document[key] = getattr(self, key)
        document["rows"] = [
            [None if sketch is None else sketch.to_json() for sketch in row] for row in self.rows
        ]
        return document

    def save(self, path: str | os.PathLike[str], *, seconds: float | None = None) -> None:
        """Write the format that the ending of `path` says, whole or not at all.

        .svg, .anim.svg (it draws itself), .png, .pdf, .gif, .webp, or as data, the drawings alone:
        .json, .npz (stroke-3), .ndjson (QuickDraw).

        Args:
            path: the file.
            seconds: that it takes to draw itself; None: 2 to 8 s, by what there is to draw.

        Raises:
            SketchRNNError: another ending, or one that needs a package that is not there.
        """
        registry.save(self, path, "sheet", seconds=seconds)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def __repr__(self) -> str:
        title = f" {self.title!r}" if self.title else ""
        return f"<SketchSheet{title}: {len(self.rows)} rows, {self.columns} columns>"

    def _layout(self) -> _Layout:
        cell, gap = self.cell, self.cell * GAP
        texts: list[_Text] = []

        # Columns, from left to right: margin, row labels, cells.
        label_widths = [
            text_width(line, LABEL_SIZE)
            for label in self.row_labels
            for line in wrap(label, ROW_LABEL_CELLS * cell, LABEL_SIZE)
        ]
        labels_width = max(label_widths, default=0.0)  # "I" is a line without any width
        grid_left = MARGIN + (labels_width + gap if label_widths else 0)
        operators = [_Operator(text, cell) for text in self.operators]
        gaps = [operator.room or gap for operator in operators] or [gap] * (self.columns - 1)
        has_rule = 0 < self.input_columns < self.columns
        if operators and has_rule:
            has_rule = not operators[self.input_columns - 1].room
        if has_rule:
            gaps[self.input_columns - 1] += gap  # a rule needs more room than a gap
        lefts = [grid_left + i * cell + math.fsum(gaps[:i]) for i in range(self.columns)]
        width = lefts[-1] + cell + MARGIN

        # Rows, from top to bottom: margin, title, column labels, rows of cells with captions.
        y = MARGIN
        if self.title:
            lines = wrap(self.title, width - 2 * MARGIN, TITLE_SIZE)
            texts.append(_Text(self.title, lines, MARGIN, y, TITLE_SIZE, 0.0, INK))
            y += _height(lines, TITLE_SIZE) + 1.2 * TITLE_SIZE
        column_lines = [wrap(s, cell + 0.6 * gap, LABEL_SIZE) for s in self.column_labels]
        if any(column_lines):
            header = max(_height(lines, LABEL_SIZE) for lines in column_lines)
            for text, left, lines in zip(self.column_labels, lefts, column_lines, strict=True):
                top = y + header - _height(lines, LABEL_SIZE)  # they stand on one line
                texts.append(_Text(text, lines, left + cell / 2, top, LABEL_SIZE, 0.5))
            y += header + LABEL_SIZE
        frame_room = FRAME_ROOM * cell if any(map(any, self.framed)) else 0.0
        y += frame_room
        grid_top = y
        drawings: list[_Placed] = []
        frames: list[tuple[float, float]] = []
        signs: list[tuple[str, list[Line]]] = []
        scale = self._common_factor() if self.common_scale else None
        for r, row in enumerate(self.rows):
            text = self.row_labels[r] if self.row_labels else ""
            lines = wrap(text, ROW_LABEL_CELLS * cell, LABEL_SIZE)
            label_height = _height(lines, LABEL_SIZE)
            room = max(cell, label_height)
            top = y + (room - cell) / 2
            label_top = y + (room - label_height + DESCENT * LABEL_SIZE) / 2
            texts.append(_Text(text, lines, MARGIN + labels_width, label_top, LABEL_SIZE, 1.0))
            captions_height = 0.0
            for c, sketch in enumerate(row):
                if self.framed and self.framed[r][c]:
                    frames.append((lefts[c], top))
                if sketch is not None:
                    if operators and c and row[c - 1] is not None and operators[c - 1].room:
                        gap_left = lefts[c] - gaps[c - 1]
                        sign = operators[c - 1]
                        signs.append((sign.text, sign.strokes(gap_left, top + cell / 2)))
                    color = (self.colors[r][c] if self.colors else None) or INK
                    drawings.append(self._placed(sketch, lefts[c], top, scale, color))
                text = (self.captions[r][c] if self.captions else None) or ""
                lines = wrap(text, cell + 0.6 * gap, CAPTION_SIZE)
                middle, caption_top = lefts[c] + cell / 2, top + cell + frame_room + CAPTION_SIZE
                texts.append(_Text(text, lines, middle, caption_top, CAPTION_SIZE, 0.5))
                captions_height = max(captions_height, _height(lines, CAPTION_SIZE))
            if captions_height:
                captions_height += frame_room + CAPTION_SIZE
            y = max(y + room, top + cell + captions_height) + gap
        grid_bottom = y - gap
        height = grid_bottom + MARGIN

        rule, rules = "", []
        if has_rule:
            x = (lefts[self.input_columns - 1] + cell + lefts[self.input_columns]) / 2
            rules = [Line(np.array([[x, grid_top], [x, grid_bottom]]), RULE, 1.0)]
            rule = (
                f'<path class="rule" stroke="{RULE}" stroke-width="1"'
                f' d="{path_data(rules[0].points)}"/>\n'
            )
        w, h = number(width, 2), number(height, 2)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}"'
            f' width="{w}" height="{h}">\n'
            + (f"<title>{xml_text(self.title)}</title>\n" if self.title else "")
            + f'<rect width="{w}" height="{h}" fill="{PAPER}"/>\n'
            + '<g fill="none" stroke-linecap="round" stroke-linejoin="round">\n'
            + rule
            + "".join(text.to_svg() for text in texts)
            + "".join(_words("operator", *sign) for sign in signs)
            + "".join(_frame(left, top, cell) for left, top in frames)
        )
        marks = [
            *rules,
            *(stroke for text in texts for stroke in text.strokes),
            *(stroke for _, strokes in signs for stroke in strokes),
            *(_frame_line(left, top, cell) for left, top in frames),
        ]
        return _Layout(head, drawings, marks, width)

    def _per_cell(self, name: str, values: Sequence[Sequence[T]] | None) -> list[list[T]]:
        if values is None:
            return []
        rows = [list(row) for row in values]
        if [len(row) for row in rows] != [len(row) for row in self.rows]:
            raise SketchRNNError(
                f"{name}: rows of {[len(row) for row in rows]} do not fit rows of"
                f" {[len(row) for row in self.rows]} drawings; give one (or None) a drawing"
            )
        return rows

    def _check_colors(self) -> None:
        for sketches, colors in zip(self.rows, self.colors, strict=False):
            for sketch, color in zip(sketches, colors, strict=True):
                if sketch is not None and color is not None and not isinstance(color, str):
                    of = f"strokes of {sketch!r}"
                    _check_count("colors", len(color), len(sketch.polylines), of)

    @property
    def _room(self) -> float:
        """The side of the box for the points of a drawing: half a pen width must stay inside."""
        return max(self.cell - INK_WIDTH, self.cell / 2)

    def _common_factor(self) -> float:
        side = max(max(s.size) for row in self.rows for s in row if s is not None)
        return self._room / side if side > 0 else 1.0

    def _placed(
        self,
        sketch: Sketch,
        cell_left: float,
        cell_top: float,
        scale: float | None,
        color: str | Sequence[str],
    ) -> _Placed:
        """One drawing, centred in its cell; `scale` None fits it."""
        left, top, right, bottom = sketch.bounds
        if scale is None:
            side = max(right - left, bottom - top)
            scale = self._room / side if side > 0 else 1.0
        dx = cell_left + (self.cell - scale * (right - left)) / 2
        dy = cell_top + (self.cell - scale * (bottom - top)) / 2
        lines = [(line - (left, top)) * scale + (dx, dy) for line in sketch.polylines]
        return _Placed(sketch, lines, color)


def _words(kind: str, text: str, strokes: Sequence[Line]) -> str:
    """Letters or signs as one path."""
    color, width = strokes[0].color, number(strokes[0].width, 2)
    data = "".join(path_data(stroke.points) for stroke in strokes)
    return (
        f'<path class="{kind}" aria-label="{xml_text(text)}"'
        f' stroke="{color}" stroke-width="{width}" d="{data}"/>\n'
    )


def _frame(left: float, top: float, cell: float) -> str:
    """A thin rounded frame around the cell whose top left corner is given."""
    room, side = FRAME_ROOM * cell, number(cell * (1 + 2 * FRAME_ROOM), 2)
    return (
        f'<rect class="frame" x="{number(left - room, 2)}" y="{number(top - room, 2)}"'
        f' width="{side}" height="{side}" rx="{number(FRAME_RADIUS * cell, 2)}"'
        f' stroke="{FRAME}" stroke-width="1"/>\n'
    )


def _frame_line(left: float, top: float, cell: float) -> Line:
    """The same frame as a closed line, with four points for each rounded corner."""
    room = FRAME_ROOM * cell
    side, radius = cell + 2 * room, FRAME_RADIUS * cell
    turns = np.radians(np.linspace(0, 90, 4))
    corner = radius * np.stack([1 - np.cos(turns), 1 - np.sin(turns)], axis=1)  # the top left one
    points = np.concatenate(
        [
            corner,
            ((side, 0) + corner * (-1, 1))[::-1],
            (side, side) - corner,
            ((0, side) + corner * (1, -1))[::-1],
            corner[:1],
        ]
    )
    return Line(np.array([left - room, top - room]) + points, FRAME, 1.0)


def _checked(name: str, labels: Sequence[str | None] | None, count: int, of: str) -> list[str]:
    """The labels as a list; none of them is an empty list."""
    if labels is None:
        return []
    _check_count(name, len(labels), count, of)
    return [label or "" for label in labels]


def _check_count(name: str, found: int, count: int, of: str) -> None:
    if found != count:
        raise SketchRNNError(f"{found} {name} for {count} {of}; give one each")
