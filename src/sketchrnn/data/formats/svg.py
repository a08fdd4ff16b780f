"""One drawing of an SVG: its lines as strokes, in the order in which they are drawn.

All shapes are read (path, line, polyline, polygon, rect, circle, ellipse), with groups, transforms,
`use`, nested viewports, units and style sheets. Curves become polylines that stay within 1/2500 of
the drawing's size, 0.1 px in a box of 255, or what is asked for. Coordinates are those of the outer
viewBox, so what is drawn for a drawing can be laid over it.

Only what is seen is read. A shape without a line that fills the viewBox is the page, and what has
the page's colour is not seen on it; where there is no page, that is white, unless all is white. As
the specification has it, a path is drawn up to the first mistake in it. What is no line (text,
images), and what is not done as the file says (clips, masks), is counted in `Given.left_out`.
Nothing outside the file is followed.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from itertools import islice
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from sketchrnn.data.formats.records import Given, check_points, check_size
from sketchrnn.data.formats.svg_curves import (
    FLATNESS,
    Shape,
    corners_of,
    extent,
    polylines,
)
from sketchrnn.data.formats.svg_page import Placed, seen
from sketchrnn.data.formats.svg_shapes import SHAPES, shape_of
from sketchrnn.data.formats.svg_style import (
    BEGIN,
    INHERITED,
    Style,
    StyleSheets,
    is_zero,
)
from sketchrnn.data.formats.svg_units import (
    NUMBERS,
    Box,
    FloatArray,
    Size,
    UnreadableError,
    fitted,
    length,
    matrix_of,
    moved,
    origin_of,
)
from sketchrnn.data.formats.svg_xml import check_element, tree
from sketchrnn.data.tables import counts_text
from sketchrnn.errors import SketchRNNError, naming
from sketchrnn.registry import DRAWING_LIMIT_BYTES
from sketchrnn.sketch import Sketch

LEFT_OUT = {"text": "text", "flowRoot": "text", "image": "image", "foreignObject": "foreign object"}
ANYWHERE = {  # what may change a drawing from wherever it stands
    **dict.fromkeys(("animate", "animateTransform", "animateMotion", "set"), "animation"),
    "script": "script",
}
SEEN = {*SHAPES, *LEFT_OUT, "svg", "g", "a", "switch", "use", "symbol"}
NOT_DONE = {  # what a style may say, and what it is called
    "clip-path": "clip",
    "mask": "mask",
    "filter": "filter",
    "stroke-dasharray": "dash pattern",
    **dict.fromkeys(("marker-start", "marker-mid", "marker-end"), "marker"),
    **dict.fromkeys(("animation", "animation-name"), "animation"),
    **dict.fromkeys(("translate", "rotate", "scale"), "single CSS transform"),
}
BAD = "bad element"
SIDES = ("width", "height")
SHEET_CELL = "sketch"  # the class of the drawings of a SketchSheet


def content(thing: Any, path: str | os.PathLike[str], **options: Any) -> str:
    """What is saved as the SVG document that it makes of itself."""
    svg: str = thing.to_svg(**options)
    return svg


def parse(content: bytes | str, where: str = "SVG", *, tolerance: float | None = None) -> Given:
    """Read the text of an SVG document; the drawing is labelled with its title.

    Args:
        content: the document, plain or (.svgz) compressed by gzip.
        where: what to call it in a message.
        tolerance: the largest distance of a polyline from its curve, in units of the outer viewBox;
            by default 1/2500 of the drawing's size.

    Raises:
        SketchRNNError: naming `where`: no SVG, damaged, a DOCTYPE whose entities are more than
            texts, more than 16 MiB, 20,000 elements or 100,000 points (all that is used included),
            a sheet of several drawings, or nothing that is a line; or a tolerance that is not over
            0.
    """
    if tolerance is not None and not 0 < tolerance < math.inf:
        raise SketchRNNError(f"the tolerance must be over 0, got {tolerance}")
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    with naming(where), np.errstate(all="ignore"):  # infinity is refused
        data = _unpacked(data)
        check_size(data)
        root = tree(data)
        if root.tag != "svg":
            name = root.tag.rpartition("}")[2]
            raise SketchRNNError(f"is XML, but no SVG: its outermost element is <{name:.40}>")
        try:
            reader = _Reader(root)
            return Given(reader.sketch(tolerance), where, left_out=dict(reader.left_out))
        except RecursionError:  # tinycss2 goes into brackets as deep as they are
            raise SketchRNNError("has a style that is nested too deep") from None
        except ArithmeticError:  # of numbers near the largest that there are
            raise SketchRNNError("has a coordinate that cannot be computed with") from None


def _unpacked(data: bytes) -> bytes:
    """What .svgz holds, no more than is read; other things as they are."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as file:
            return file.read(DRAWING_LIMIT_BYTES + 1)
    except (EOFError, zlib.error, OSError) as error:
        raise SketchRNNError(f"is not a whole gzip file ({error!s:.100})") from None


class _Reader:
    """Walks through one document."""

    def __init__(self, root: Element) -> None:
        self.left_out: Counter[str] = Counter()
        self._root = root
        self._by_id: dict[str, Element] = {}
        self._visited = self._points = self._characters = 0
        self._sheets = StyleSheets(root, self.left_out)
        for element in root.iter():
            self._by_id.setdefault(element.get("id", ""), element)
            if element.tag in ANYWHERE:
                self.left_out[ANYWHERE[element.tag]] += 1
        box = _viewbox(root)
        self._has_page = box is not None or {"width", "height"} <= root.attrib.keys()
        # without a viewBox or a size that can be read: 100 x 100, which only percentages need
        self._viewport = box or (0.0, 0.0, *self._sides(root.attrib, (100.0, 100.0)))

    def sketch(self, tolerance: float | None) -> Sketch:
        """All that is seen, as one drawing."""
        root = self._root
        cells = [g for g in root.iter() if SHEET_CELL in g.get("class", "").split()]
        if len(cells) > 1:
            raise SketchRNNError(
                f"is a sheet of {len(cells)} drawings, and one is asked for: write each to a file"
                " of its own, with --each DIR"
            )
        size = self._viewport[2:]
        style = self._sheets.style_of(root, BEGIN)
        shown = [] if style.hides_all else cells or list(root)
        placed = self._inside(shown, style, size, ())
        matrix = self._matrix(style, size, placed)
        lines = self._lines(_through(matrix, placed), tolerance)
        if not lines:
            left_out = f" (left out: {counts_text(self.left_out)})" if self.left_out else ""
            raise SketchRNNError(f"has no line in it, so it is no drawing{left_out}")
        top = cells[0] if cells else root
        title = next((child.text for child in top if child.tag == "title"), None)
        return Sketch.from_polylines(lines, " ".join((title or "").split()) or None)

    def _inside(
        self, elements: Iterable[Element], style: Style, size: Size, around: tuple[Element, ...]
    ) -> list[Placed]:
        return [one for child in elements for one in self._shapes(child, style, size, around)]

    def _shapes(
        self,
        element: Element,
        inherited: Style,
        size: Size,
        around: tuple[Element, ...],
        viewport: Mapping[str, str] | None = None,
    ) -> list[Placed]:
        """All painted shapes of an element, in the units of what it is in.

        Args:
            element: what to walk through.
            inherited: the style of what is around it.
            size: of the viewport, for percentages.
            around: the elements that this one is in.
            viewport: the attributes of a `use` that shows it.
        """
        self._visited += 1
        check_element(self._visited, len(around))
        if element in around:
            raise SketchRNNError("a <use> contains itself")
        around = (*around, element)
        self._characters += sum(map(len, element.attrib.values()))
        if self._characters > DRAWING_LIMIT_BYTES:
            raise SketchRNNError(f"is larger than {DRAWING_LIMIT_BYTES >> 20} MiB with all it uses")
        tag = element.tag
        if tag not in SEEN or (tag == "symbol" and viewport is None):
            return []
        style = self._sheets.style_of(element, inherited)
        if style.hides_all:
            return []
        if tag in LEFT_OUT:
            self.left_out[LEFT_OUT[tag]] += 1
            return []
        if tag in SHAPES:
            placed = self._shape(element, style, size)
        elif tag == "use":
            target = self._used(element)
            use = element.attrib
            placed = [] if target is None else self._shapes(target, style, size, around, use)
            placed = _through(moved(*self._place(use, size)), placed)
        elif tag in ("svg", "symbol"):
            inner, inner_size = self._nested(element, size, viewport or {})
            placed = _through(inner, self._inside(element, style, inner_size, around))
        else:
            children: Iterable[Element] = element
            if tag == "switch":  # one of them, and extensions are for the program that knows them
                children = [one for one in element if not one.get("requiredExtensions")][:1]
            placed = self._inside(children, style, size, around)
        if placed:
            self._count_not_done(style, tag in SHAPES and style.line is not None)
        return _through(self._matrix(style, size, placed), placed)

    def _shape(self, element: Element, style: Style, size: Size) -> list[Placed]:
        """The shape of an element, in its own units, if it is painted."""
        if style.fill is None and style.line is None:
            return []
        try:
            shape = shape_of(element.tag, {**element.attrib, **style}, size)
        except UnreadableError:
            shape = Shape([], whole=False)
        if not shape.whole:
            self.left_out[BAD] += 1
        self._points += shape.count
        check_points(self._points)
        return [Placed(shape, np.eye(3), style)] if shape.lines else []

    def _count_not_done(self, style: Style, has_line: bool) -> None:
        for name, called in NOT_DONE.items():
            value = style.get(name, "none")
            nothing = value == "none" or (name == "stroke-dasharray" and is_zero(value))
            if not nothing and (has_line or name not in INHERITED):
                self.left_out[called] += 1

    def _used(self, element: Element) -> Element | None:
        """What a `use` shows."""
        href = element.get("href", "")
        if not href.startswith("#"):
            self.left_out["reference to another file"] += 1
            return None
        if href[1:] not in self._by_id:
            self.left_out["reference to nothing"] += 1
        return self._by_id.get(href[1:])

    def _matrix(self, style: Style, size: Size, placed: Sequence[Placed]) -> FloatArray:
        """The transform [3, 3] of an element (CSS Transforms 1, sections 5 to 7).

        Args:
            style: of the element.
            size: of its viewport.
            placed: what is in it, in its own units.
        """
        text = style.get("transform", "none")
        if text == "none" or not placed:
            return np.eye(3)
        left, top, *sides = (0.0, 0.0, *size)
        around = style.get("transform-box", "view-box")
        if around != "view-box":  # else a box around what is in it
            self._visited += len(placed)  # once more
            check_element(self._visited, 0)
            corners = np.concatenate([corners_of(one.shape, one.matrix) for one in placed])
            if len(corners):
                (left, top), sides = corners.min(axis=0), list(np.ptp(corners, axis=0))
            if around in ("stroke-box", "border-box"):
                self.left_out[f"transform-box of {around}"] += 1
        box = (float(left), float(top), float(sides[0]), float(sides[1]))
        try:
            x, y = origin_of(style.get("transform-origin", "0 0"), box)
            return moved(x, y) @ matrix_of(text, box[2:]) @ moved(-x, -y)
        except UnreadableError:
            self.left_out["transform that cannot be read"] += 1
            return np.eye(3)

    def _length(self, text: str, relative: float, default: float) -> float:
        try:
            return default if text in ("", "auto") else length(text, relative)
        except UnreadableError:
            self.left_out["length that cannot be read"] += 1
            return default

    def _sides(self, given: Mapping[str, str], size: Size) -> Size:
        """The width and height of a viewport in one of that size."""
        width, height = (
            self._length(given.get(name, ""), side, side)
            for name, side in zip(("width", "height"), size, strict=True)
        )
        return width, height

    def _place(self, given: Mapping[str, str], size: Size) -> tuple[float, float]:
        """The x and y of an element."""
        x, y = (
            self._length(given.get(name, ""), side, 0.0)
            for name, side in zip(("x", "y"), size, strict=True)
        )
        return x, y

    def _nested(
        self, element: Element, size: Size, use: Mapping[str, str]
    ) -> tuple[FloatArray, Size]:
        """The matrix of a viewport inside the outer one, and its size in its own units."""
        sides = self._sides(element.attrib | {key: use[key] for key in use if key in SIDES}, size)
        place = self._place(element.attrib, size)
        box = _viewbox(element)
        if box is None:
            return moved(*place), sides
        return fitted(place, sides, box, element.get("preserveAspectRatio", "")), box[2:]

    def _lines(self, placed: Sequence[Placed], tolerance: float | None) -> list[FloatArray]:
        """The polylines [n, 2] of all that is seen."""
        shapes, what, hidden = seen(placed, self._viewport if self._has_page else None)
        if hidden:
            self.left_out[what] += hidden
        if not shapes:
            return []
        size = extent([one.corners for one in shapes])
        lines: list[FloatArray] = []
        count = 0
        for one in shapes:
            for drawn in polylines(one.shape, one.matrix, tolerance or FLATNESS * size):
                count += len(drawn)
                check_points(count)
                if one.style.has_dots or bool((drawn != drawn[0]).any()):
                    lines.append(drawn)
        return lines


def _through(matrix: FloatArray, placed: list[Placed]) -> list[Placed]:
    """Shapes in the units of what they are in, changed in place."""
    for one in placed:
        one.matrix = matrix @ one.matrix
    return placed


def _viewbox(element: Element) -> Box | None:
    """The viewBox as left, top, width, height; None where there is none, or it is empty."""
    found = islice(NUMBERS.finditer(element.get("viewBox", "")), 5)  # of which one is too many
    numbers = [float(match[0]) for match in found]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or min(numbers[2:]) <= 0:
        return None
    return numbers[0], numbers[1], numbers[2], numbers[3]
