"""Drawings on a page of paper, in millimetres: for plotters, printers and drawing programs."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np

from sketchrnn import registry, travel
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import INK, hex_color
from sketchrnn.figures.pdf import svg_to_pdf
from sketchrnn.figures.png import LARGEST_WIDTH_PX, svg_to_png
from sketchrnn.figures.scene import OPEN_GROUP, Drawings, Line, Scene
from sketchrnn.figures.sheet import SketchSheet, best_columns
from sketchrnn.sketch import Polyline, Sketch
from sketchrnn.strokes import filling
from sketchrnn.svgtext import ROUND, number, path_data, xml_text

MM = {"mm": 1.0, "cm": 10.0, "in": 25.4, "pt": 25.4 / 72, "px": 25.4 / 96}
DECIMALS = {"mm": 3, "in": 5, "px": 3}  # of coordinates in an SVG that is written in that unit
SLACK_MM = 0.01  # that a drawing may reach into a margin, by rounding

# Sides in mm, upright: ISO 216, and the North American ones.
SIZES_MM = {
    "a0": (841.0, 1189.0),
    "a1": (594.0, 841.0),
    "a2": (420.0, 594.0),
    "a3": (297.0, 420.0),
    "a4": (210.0, 297.0),
    "a5": (148.0, 210.0),
    "a6": (105.0, 148.0),
    "letter": (215.9, 279.4),
    "legal": (215.9, 355.6),
    "tabloid": (279.4, 431.8),
}
LEAST_SIDE_MM, MOST_SIDE_MM = 5.0, 10_000.0
LEAST_ROOM_MM = 1.0  # for the drawings, inside the margins
LEAST_STROKE_MM = 0.01

COLOR_BY = ("stroke", "class")
# What pens there are: dark ones, far from each other; then again from the first.
PENS = (INK, "#d6246e", "#1670d6", "#e8590c", "#2b8a3e", "#7a3fe0", "#b08900", "#0c8599")

DOT_MM = 0.01  # a dot is so long: programs for plotters leave out lines without any length
PNG_DPI = 200
FILM_SIDE_PX = 640

_LENGTH = rf"([0-9]{{1,9}}(?:\.[0-9]{{0,9}})?|\.[0-9]{{1,9}}) ?({'|'.join(MM)})?"


def length_mm(text: str, unit: str = "mm", name: str = "a length") -> float:
    """Millimetres of "10mm", "1cm", "0.5in", "12pt", "40px", or of a bare number in `unit`."""
    match = re.fullmatch(_LENGTH, text.strip().lower())
    if match is None:
        raise SketchRNNError(
            f"{name} is {text!r}; give a number and its unit, {', '.join(MM)}: 10mm"
        )
    return float(match[1]) * MM[match[2] or unit]


def page_mm(text: str, unit: str = "mm") -> tuple[float, float]:
    """(width, height) in mm of a page: a name of `SIZES_MM`, or "200x100mm", "8.5x11in"."""
    word = text.strip().lower()
    if word in SIZES_MM:
        return SIZES_MM[word]
    match = re.fullmatch(rf"{_LENGTH} ?[x×] ?{_LENGTH}", word)
    if match is None:
        raise SketchRNNError(
            f"page is {text!r}; give {', '.join(SIZES_MM)}, or WIDTHxHEIGHT with a unit: 200x100mm"
        )
    across, across_unit, down, down_unit = match.groups()
    last = down_unit or across_unit or unit  # "8.5x11in", "8.5inx11": one unit is of both sides
    sides = float(across) * MM[across_unit or last], float(down) * MM[last]
    if not LEAST_SIDE_MM <= min(sides) <= max(sides) <= MOST_SIDE_MM:
        raise SketchRNNError(
            f"page is {text!r}; its sides must be {LEAST_SIDE_MM:g} mm to {MOST_SIDE_MM:g} mm"
        )
    return sides


@dataclass(frozen=True)
class Paper:
    """A page, its pen, and what is to be done with drawings on it.

    Lengths are text with a unit ("10mm", "0.5in") or numbers in `units`.

    Attributes:
        size: "a4", "a3", "a5", "letter", ... (`SIZES_MM`), or WIDTHxHEIGHT: "200x100mm".
        landscape: the longer side lies across.
        margin: nothing is drawn nearer to an edge than that, half a line's width included.
        stroke_width: of all lines.
        color: of all lines, a CSS colour, kept as #rrggbb; None: as the drawings have them, if
            these are few enough to be pens (8), or by `color_by`.
        color_by: None; "stroke": the first stroke of each drawing in the first colour of `PENS`,
            the second in the second ...; "class": one colour for each label.
        order: draw the strokes in an order with little pen-up travel, turned round where that
            helps, over all drawings of one colour.
        labels: letters, frames and rules of a sheet are drawn as well.
        in_place: each drawing lies where its coordinates say, one over the other, a unit of them a
            unit of the page; nothing is fitted.
        units: of the SVG, "mm", "in" or "px" (1/96 in); and of lengths that are bare numbers.

    Raises:
        SketchRNNError: an unknown page, unit or colour, a margin that leaves no room, a line that
            cannot be drawn.
    """

    size: str = "a4"
    landscape: bool = False
    margin: str | float = "10mm"
    stroke_width: str | float = "0.4mm"
    color: str | None = None
    color_by: str | None = None
    order: bool = False
    labels: bool = False
    in_place: bool = False
    units: str = "mm"

    def __post_init__(self) -> None:
        if self.units not in DECIMALS:
            raise SketchRNNError(f"units is {self.units!r}; choose one of {', '.join(DECIMALS)}")
        if self.color_by not in (None, *COLOR_BY):
            raise SketchRNNError(
                f"color_by is {self.color_by!r}; choose one of {', '.join(COLOR_BY)}"
            )
        if self.color is not None and self.color_by is not None:
            raise SketchRNNError("color is one for all lines: leave it out, or color_by")
        if self.color is not None:
            object.__setattr__(self, "color", hex_color(self.color))  # one way to write it
        width, height = self.size_mm
        if self.stroke_width_mm < LEAST_STROKE_MM:
            raise SketchRNNError(
                f"stroke_width is {self.stroke_width}; give at least {LEAST_STROKE_MM:g}mm"
            )
        if min(self.room_mm) < LEAST_ROOM_MM:
            raise SketchRNNError(
                f"margin is {self.margin} on a page of {width:g} x {height:g} mm, which leaves no"
                f" room for lines of {self.stroke_width}; give less"
            )

    @property
    def size_mm(self) -> tuple[float, float]:
        """(width, height) of the page."""
        width, height = page_mm(self.size, self.units)
        return (max(width, height), min(width, height)) if self.landscape else (width, height)

    @property
    def margin_mm(self) -> float:
        """From an edge of the page to the ink."""
        return length_mm(str(self.margin), self.units, "margin")

    @property
    def stroke_width_mm(self) -> float:
        """Width of all lines."""
        return length_mm(str(self.stroke_width), self.units, "stroke_width")

    @property
    def room_mm(self) -> tuple[float, float]:
        """(width, height) of where the middle of a line may be."""
        width, height = self.size_mm
        less = 2 * self.margin_mm + self.stroke_width_mm
        return width - less, height - less

    def place(self, sketches: Sequence[Sketch | None], columns: int | None = None) -> Page:
        """Drawings on the page, each fitted into its cell, row by row.

        Args:
            sketches: the drawings; None leaves a cell empty.
            columns: drawings a row; by default `sheet.best_columns` for this page.

        Raises:
            SketchRNNError: no drawings, columns that are none, or with `in_place` one that reaches
                beyond the margins.
        """
        if columns is None:
            columns = best_columns(len(sketches), self.room_mm)
        captions = [one.label if one else None for one in sketches] if self.labels else None
        return self.place_sheet(SketchSheet.grid(sketches, columns, captions=captions))

    def place_sheet(self, sheet: SketchSheet) -> Page:
        """A sheet on the page, as large as its margins allow, in the sheet's own layout.

        Without `labels` the drawings alone are drawn; with `in_place` where they are.
        """
        scene = sheet.scene()
        marks: list[Line] = []
        if self.in_place:
            drawings = self._in_place([one for one in chain(*sheet.rows) if one])
        else:
            *drawings, marks = self._fitted([*scene.drawings, scene.marks if self.labels else []])
            marks = [replace(line, color=self.color or line.color) for line in marks]

        # the colours that were asked for
        classes = list(dict.fromkeys(scene.labels))
        few = len({line.color for line in chain(*drawings)}) <= len(PENS)

        def color(line: Line, stroke: int, label: str | None) -> str:
            if self.color_by is None:
                return self.color or (line.color if few else INK)
            pen = stroke if self.color_by == "stroke" else classes.index(label)
            return PENS[pen % len(PENS)]

        colored = [
            [replace(line, color=color(line, i, label)) for i, line in enumerate(lines)]
            for lines, label in zip(drawings, scene.labels, strict=True)
        ]
        return Page(self, colored, marks, scene.labels)

    def _in_place(self, sketches: Sequence[Sketch]) -> list[list[Line]]:
        unit, width = MM[self.units], self.stroke_width_mm
        space, page = self.margin_mm + width / 2, np.array(self.size_mm)
        for sketch in sketches:
            points = np.concatenate(sketch.polylines) * unit
            if (points < space - SLACK_MM).any() or (points > page - space + SLACK_MM).any():
                left, top, right, bottom = (round(edge, 2) for edge in sketch.bounds)
                raise SketchRNNError(
                    f"a drawing that is to stay in place lies from ({left:g}, {top:g}) to"
                    f" ({right:g}, {bottom:g}) {self.units}, beyond the margins of the page; take a"
                    " larger page, or a smaller margin"
                )
        return [[Line(line * unit, INK, width) for line in one.polylines] for one in sketches]

    def _fitted(self, drawings: Drawings) -> list[list[Line]]:
        """All lines together as large as the margins allow, in the middle of the page."""
        points = np.concatenate([line.points for line in chain(*drawings)])
        low, high = points.min(axis=0), points.max(axis=0)
        spans = zip(self.room_mm, high - low, strict=True)
        factor = min((filling(room, span) for room, span in spans if span > 0), default=1.0)
        middle, page, width = (low + high) / 2, np.array(self.size_mm), self.stroke_width_mm
        return [
            [Line((one.points - middle) * factor + page / 2, one.color, width) for one in lines]
            for lines in drawings
        ]


@dataclass(frozen=True, eq=False)
class Page:
    """Drawings placed on a page: lines in mm. `Paper.place` makes it.

    Attributes:
        paper: the page and its pen.
        drawings: the lines of each, in mm from the top left corner of the page.
        marks: letters, frames and rules, if they are drawn.
        labels: of the drawings; with `color_by` "class" they name the layers.
    """

    paper: Paper
    drawings: Drawings
    marks: Sequence[Line]
    labels: Sequence[str | None]

    @cached_property
    def layers(self) -> list[tuple[str, list[Polyline]]]:
        """Each colour with its strokes [n, 2] in mm, in the order in which they are drawn.

        All of one colour come together, for a plotter has one pen at a time. A dot is a line of
        0.01 mm.
        """
        layers: dict[str, list[Polyline]] = {}
        for line in chain(*self.drawings, self.marks):
            points, begin = line.points, line.points[0]
            if np.abs(points - begin).max() < DOT_MM / 2:
                points = begin + np.array([[-DOT_MM / 2, 0], [DOT_MM / 2, 0]])
            layers.setdefault(line.color, []).append(points)
        order = travel.ordered if self.paper.order else list
        return [(color, order(strokes)) for color, strokes in layers.items()]

    @property
    def travel_mm(self) -> float:
        """How far the pen goes over the paper, from each stroke to the next of its colour."""
        return math.fsum(travel.travel(strokes) for _, strokes in self.layers)

    @property
    def counts(self) -> tuple[int, int]:
        """(strokes, colours)."""
        return sum(len(strokes) for _, strokes in self.layers), len(self.layers)

    def to_svg(self, units: str | None = None) -> str:
        """The page as an SVG in its units, or others: one path a stroke, absolute M and L.

        No background, no transforms. Each colour is a layer, as Inkscape and vpype know them.
        """
        unit = units or self.paper.units
        decimals = DECIMALS[unit]
        pen = number(self.paper.stroke_width_mm / MM[unit], decimals + 1)
        groups = []
        for index, (color, strokes) in enumerate(self.layers, start=1):
            paths = (f'<path d="{path_data(s / MM[unit], decimals)}"/>\n' for s in strokes)
            groups.append(
                f'<g id="layer{index}" inkscape:groupmode="layer"'
                f' inkscape:label="{index} {xml_text(self._layer_name(color))}" fill="none"'
                f' stroke="{xml_text(color)}" stroke-width="{pen}" {ROUND}>\n'
                f"{''.join(paths)}</g>\n"
            )
        return f"{self._head(unit)}{''.join(groups)}</svg>\n"

    def to_png(self) -> bytes:
        """The page as a PNG, 200 dots an inch where that is not too large."""
        width_px = max(round(self.paper.size_mm[0] / 25.4 * PNG_DPI), 1)
        return svg_to_png(self.to_svg(), min(width_px, LARGEST_WIDTH_PX))

    def to_pdf(self) -> bytes:
        """The page as a PDF of its size, with lines as lines."""
        return svg_to_pdf(self.to_svg("mm"))

    def scene(self) -> Scene:
        """The page as one drawing in mm, stroke after stroke as a plotter draws it."""
        width, height = self.paper.size_mm
        pen = self.paper.stroke_width_mm
        return Scene(
            self._head("mm") + OPEN_GROUP,
            [[Line(s, color, pen) for color, strokes in self.layers for s in strokes]],
            [None],
            FILM_SIDE_PX * width / max(width, height),
            decimals=DECIMALS["mm"],
        )

    def save(self, path: str | os.PathLike[str], *, seconds: float | None = None) -> None:
        """Write .svg, .anim.svg, .png, .pdf, .gif or .webp, as `SketchSheet.save` does."""
        registry.save(self, path, "page", seconds=seconds)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def __repr__(self) -> str:
        width, height = self.paper.size_mm
        return f"<Page: {len(self.drawings)} drawings on {width:g} x {height:g} mm>"

    def _head(self, unit: str) -> str:
        """The SVG before what is drawn."""
        width, height = (number(side / MM[unit], DECIMALS[unit]) for side in self.paper.size_mm)
        return (
            '<svg xmlns="http://www.w3.org/2000/svg"'
            ' xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"'
            f' width="{width}{unit}" height="{height}{unit}" viewBox="0 0 {width} {height}">\n'
        )

    def _layer_name(self, color: str) -> str:
        """What editors call a layer: its classes, or its colour."""
        if self.paper.color_by != "class":
            return color
        drawn = zip(self.labels, self.drawings, strict=True)
        names = dict.fromkeys(label for label, lines in drawn if lines[0].color == color and label)
        return ", ".join(names) or color
