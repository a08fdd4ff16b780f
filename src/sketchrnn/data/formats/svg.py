"""One drawing of an SVG: its lines as strokes, in the order in which they are drawn.

All shapes are read (path, line, polyline, polygon, rect, circle, ellipse), with groups, transforms,
`use`, nested viewports and units. Curves become polylines that stay within 1/2500 of the drawing's
size, 0.1 px in a box of 255, or what is asked for. Coordinates are those of the outer viewBox, so
what is drawn for a drawing can be laid over it.

Only what is seen is read: not what has neither line nor fill, nor a background that fills the page.
Clips and masks cut nothing off. What is no line (text, images) is left out and counted. Nothing
outside the file is followed, and a DOCTYPE that declares anything is refused.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import numpy as np
from svgelements import Viewbox

from sketchrnn.data.formats.records import Given, check_points, check_size
from sketchrnn.data.formats.svg_shapes import (
    CURVES,
    NUMBER,
    SHAPES,
    FloatArray,
    Placed,
    Segments,
    apply,
    as_array,
    controls,
    flattened,
    length,
    matrix_of,
    segments_of,
    words_in,
)
from sketchrnn.data.formats.svg_style import INHERITED, Style, StyleSheet
from sketchrnn.data.tables import counts_text
from sketchrnn.errors import SketchRNNError, naming
from sketchrnn.registry import DRAWING_LIMIT_BYTES
from sketchrnn.sketch import Sketch

ELEMENTS_LIMIT = 20_000  # `use` counted as often as it is used
DEPTH_LIMIT = 100
WORDS_PER_POINT = 4  # letters and numbers; a curve has more, but it has more points, too
BLOCK_BYTES = 1024  # that are read first
CURVE_POINTS = 3  # that a curve has at least, or nearly so; each takes much time
# Names as expat gives them: with their namespace, but SVG's, which hand-made files often lack.
SVG_NAMESPACE = "http://www.w3.org/2000/svg}"
HREFS = ("href", "http://www.w3.org/1999/xlink}href")
CONTAINERS = {"svg", "g", "a", "switch"}
LEFT_OUT = {
    "text": "text",
    "flowRoot": "text",
    "image": "image",
    "foreignObject": "foreign object",
}
SHEET_CELL = "sketch"  # the class of the drawings of a SketchSheet

Size = tuple[float, float]  # width, height of a viewport, for percentages
Box = tuple[float, float, float, float]  # left, top, width, height


def content(thing: Any, path: str | os.PathLike[str], **options: Any) -> str:
    """What is saved as the SVG document that it makes of itself."""
    svg: str = thing.to_svg(**options)
    return svg


def parse(content: bytes | str, where: str = "SVG", *, tolerance: float | None = None) -> Given:
    """Read the text of an SVG document; the drawing is labelled with its title.

    Args:
        content: the document.
        where: what to call it in a message.
        tolerance: the largest distance of a polyline from its curve, in units of the outer viewBox;
            by default 1/2500 of the drawing's size.

    Raises:
        SketchRNNError: naming `where`: no SVG, damaged, a DOCTYPE with declarations, more than 16
            MiB, 20,000 elements or 100,000 points (all that is used included), a sheet of several
            drawings, or nothing that is a line; or a tolerance that is not over 0.
    """
    if tolerance is not None and not 0 < tolerance < math.inf:
        raise SketchRNNError(f"the tolerance must be over 0, got {tolerance}")
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    with naming(where), np.errstate(over="ignore", invalid="ignore"):  # infinity is refused
        check_size(data)
        root = _tree(data)
        if root.tag != "svg":
            name = root.tag.rpartition("}")[2]
            raise SketchRNNError(f"is XML, but no SVG: its outermost element is <{name:.40}>")
        reader = _Reader(root)
        return Given(reader.sketch(tolerance), where, left_out=dict(reader.left_out))


def _tree(data: bytes) -> Element:
    """The elements of the document; what could be dangerous is refused while it is read.

    A DOCTYPE that declares anything is refused: entities, with which a small file becomes a large
    one or names another, can only be declared there. A plain one, as most programs write it, names
    a file that nobody opens.
    """
    tree = TreeBuilder()
    count = depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count, depth
        count, depth = count + 1, depth + 1
        _check_element(count, depth)
        tree.start(name.removeprefix(SVG_NAMESPACE), attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        tree.end(name.removeprefix(SVG_NAMESPACE))

    def doctype(name: str, system: str | None, public: str | None, declares: int) -> None:
        if declares:
            raise SketchRNNError(
                "has a DOCTYPE with declarations, which can name other files; save it as plain SVG"
                " (in Illustrator without its editing capabilities), or remove the lines between"
                " [ and ]"
            )

    def entity(name: str, is_parameter: int) -> None:
        raise ValueError(f"undefined entity &{name:.40};")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = tree.data
    parser.StartDoctypeDeclHandler, parser.SkippedEntityHandler = doctype, entity
    begin, size = 0, BLOCK_BYTES
    try:
        while begin < len(data):
            parser.Parse(data[begin : begin + size], False)
            # twice as much each time: expat begins anew with what it did not see the end of
            begin, size = begin + size, 2 * size
        parser.Parse(b"", True)
    except SketchRNNError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:
        # LookupError: an unknown encoding
        kind = "is a PDF, no SVG" if data.startswith(b"%PDF") else "is no SVG, or damaged"
        raise SketchRNNError(f"{kind} ({error})") from None
    return tree.close()


def _check_element(count: int, depth: int) -> None:
    if count > ELEMENTS_LIMIT:
        raise SketchRNNError(f"has more than {ELEMENTS_LIMIT:,} elements; one drawing never has")
    if depth > DEPTH_LIMIT:
        raise SketchRNNError(f"has more than {DEPTH_LIMIT} elements inside each other")


class _Reader:
    """Walks through one document."""

    def __init__(self, root: Element) -> None:
        self.left_out: Counter[str] = Counter()
        self._root = root
        self._by_id: dict[str, Element] = {}
        self._visited = self._points = self._words = self._characters = 0
        self._sheet = StyleSheet()
        for element in root.iter():
            self._by_id.setdefault(element.get("id", ""), element)
            if element.tag == "style":
                self._sheet.add("".join(element.itertext()))
        width, height = (length(root.get(name, "100%"), 100) for name in ("width", "height"))
        self._viewport = _viewbox(root) or (0.0, 0.0, width, height)

    def sketch(self, tolerance: float | None) -> Sketch:
        """All that is seen, as one drawing."""
        root = self._root
        cells = [g for g in root.iter() if SHEET_CELL in g.get("class", "").split()]
        if len(cells) > 1:
            raise SketchRNNError(
                f"is a sheet of {len(cells)} drawings, and one is asked for: write each to a file"
                " of its own, with --each DIR"
            )
        style = self._sheet.style_of(root, INHERITED)
        shown = [] if style.get("display") == "none" else cells or list(root)
        matrix, size = self._matrix(root), self._viewport[2:]
        shapes = [one for child in shown for one in self._shapes(child, matrix, style, size, ())]
        lines = flattened(shapes, tolerance)
        if not lines:
            left_out = f" (left out: {counts_text(self.left_out)})" if self.left_out else ""
            raise SketchRNNError(f"has no line in it, so it is no drawing{left_out}")
        top = cells[0] if cells else root
        title = next((child.text for child in top if child.tag == "title"), None)
        return Sketch.from_polylines(lines, " ".join((title or "").split()) or None)

    def _shapes(
        self,
        element: Element,
        matrix: FloatArray,
        inherited: Style,
        size: Size,
        around: tuple[Element, ...],
        viewport: tuple[str, str] | None = None,
    ) -> Iterator[Placed]:
        """All shapes in an element.

        Args:
            element: what to walk through.
            matrix: [3, 3], of what is around it.
            inherited: the style of what is around it.
            size: of the viewport, for percentages.
            around: the elements that this one is in.
            viewport: width and height that a `use` gives to a `symbol` or `svg`.
        """
        self._visited += 1
        _check_element(self._visited, len(around))
        if element in around:
            raise SketchRNNError("a <use> contains itself")
        around = (*around, element)
        self._characters += sum(map(len, element.attrib.values()))
        if self._characters > DRAWING_LIMIT_BYTES:
            raise SketchRNNError(f"is larger than {DRAWING_LIMIT_BYTES >> 20} MiB with all it uses")
        tag = element.tag
        style = self._sheet.style_of(element, inherited)
        if style.hides_all:
            return
        if tag in LEFT_OUT:
            self.left_out[LEFT_OUT[tag]] += 1
            return
        matrix = matrix @ self._matrix(element)
        if tag == "use":
            target = self._used(element)
            if target is not None:
                matrix = matrix @ _moved(*_place(element, size))
                viewport = element.get("width", ""), element.get("height", "")
                yield from self._shapes(target, matrix, style, size, around, viewport)
        elif tag in CONTAINERS or (tag == "symbol" and viewport is not None):
            if tag in ("svg", "symbol"):
                inner, size = _nested(element, size, viewport or ("", ""))
                matrix = matrix @ inner
            children: Iterable[Element] = element
            if tag == "switch":  # one of them, and extensions are for the program that knows them
                children = [one for one in element if not one.get("requiredExtensions")][:1]
            for child in children:
                yield from self._shapes(child, matrix, style, size, around)
        elif tag in SHAPES and style.is_painted:
            self._count_words(words_in(tag, element.attrib))
            segments = segments_of(tag, element.attrib, size)
            self._points += sum(CURVE_POINTS if isinstance(s, CURVES) else 1 for s in segments)
            check_points(self._points)
            if not segments or (
                tag == "rect" and not style.has_line and self._covers(segments, matrix)
            ):
                return  # the latter is a background
            if not style.has_line and style.is_white:
                self.left_out["white shape without a line"] += 1
            else:
                yield segments, matrix

    def _used(self, element: Element) -> Element | None:
        """What a `use` shows."""
        href = next((element.get(name, "") for name in HREFS if name in element.attrib), "")
        if not href.startswith("#"):
            self.left_out["reference to another file"] += 1
            return None
        if href[1:] not in self._by_id:
            self.left_out["reference to nothing"] += 1
        return self._by_id.get(href[1:])

    def _matrix(self, element: Element) -> FloatArray:
        """The transform attribute [3, 3]."""
        text = element.get("transform", "")
        self._count_words(text.count("("))
        return matrix_of(text)

    def _count_words(self, count: int) -> None:
        self._words += count
        check_points(self._words / WORDS_PER_POINT)

    def _covers(self, segments: Segments, matrix: FloatArray) -> bool:
        """Whether a rectangle covers the whole page."""
        corners = apply(matrix, controls(segments))
        left, top, width, height = self._viewport
        slack = 1e-6 * max(width, height)
        return bool(
            (corners.min(axis=0) <= (left + slack, top + slack)).all()
            and (corners.max(axis=0) >= (left + width - slack, top + height - slack)).all()
        )


def _nested(element: Element, size: Size, given: tuple[str, str]) -> tuple[FloatArray, Size]:
    """The matrix of a viewport inside the outer one, and its size in its own units."""
    width, height = (
        length(own or element.get(name, "100%"), side)
        for own, name, side in zip(given, ("width", "height"), size, strict=True)
    )
    x, y = _place(element, size)
    box = _viewbox(element)
    if box is None:
        return _moved(x, y), (width, height)
    fit = Viewbox.viewbox_transform(x, y, width, height, *box, element.get("preserveAspectRatio"))
    return as_array(fit), box[2:]


def _place(element: Element, size: Size) -> tuple[float, float]:
    """The x and y of an element."""
    return length(element.get("x", "0"), size[0]), length(element.get("y", "0"), size[1])


def _moved(x: float, y: float) -> FloatArray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=np.float64)


def _viewbox(element: Element) -> Box | None:
    """The viewBox as left, top, width, height; None where there is none, or it is empty."""
    found = islice(NUMBER.finditer(element.get("viewBox", "")), 5)  # of which one is too many
    numbers = [float(match[0]) for match in found]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or min(numbers[2:]) <= 0:
        return None
    return numbers[0], numbers[1], numbers[2], numbers[3]
