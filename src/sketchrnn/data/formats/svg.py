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
import pathlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

import numpy as np
import numpy.typing as npt
from svgelements import (
    Arc,
    Circle,
    Close,
    CubicBezier,
    Ellipse,
    Length,
    Matrix,
    Move,
    Path,
    Polygon,
    Polyline,
    QuadraticBezier,
    Rect,
    SimpleLine,
    Viewbox,
)

from sketchrnn.data.formats.ndjson import LINE_LIMIT_BYTES
from sketchrnn.data.formats.records import COORDINATE_LIMIT, POINTS_LIMIT, Record
from sketchrnn.data.tables import counts_text
from sketchrnn.errors import SketchRNNError
from sketchrnn.sketch import Sketch

SIZE_LIMIT_BYTES = LINE_LIMIT_BYTES
ELEMENTS_LIMIT = 20_000  # `use` counted as often as it is used
DEPTH_LIMIT = 100
WORDS_PER_POINT = 4  # letters and numbers; a curve has more, but it has more points, too
PROLOGUE_BYTES = 1024  # that are looked at first, for a DOCTYPE
LENGTH_LIMIT = 100  # characters of a single length
CURVE_POINTS = 3  # that a curve has at least, or nearly so; each takes much time
CLOSES_LIMIT = 100  # of one line, before the next one begins
RULES_LIMIT = 200_000  # braces, commas and semicolons of a style sheet
FLATNESS = 1 / 2500  # the largest distance of a polyline from its curve, of the drawing's size
PPI = 96  # CSS px an inch

SVG_NAMESPACE = "{http://www.w3.org/2000/svg}"
HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
CONTAINERS = {"svg", "g", "a", "switch"}
LEFT_OUT = {
    "text": "text",
    "flowRoot": "text",
    "image": "image",
    "foreignObject": "foreign object",
}
# Of the style only what says whether a shape is seen.
INHERITED = {
    "fill": "black",
    "fill-opacity": "1",
    "stroke": "none",
    "stroke-opacity": "1",
    "stroke-width": "1",
    "visibility": "visible",
}
STYLE = (*INHERITED, "display", "opacity")
SHEET_CELL = "sketch"  # the class of the drawings of a SketchSheet

FloatArray = npt.NDArray[np.float64]
Style = Mapping[str, str]
Viewport = tuple[float, float, float, float]  # left, top, width, height
Ranked = tuple[int, int, str]  # weight of the selector, place in the sheet, value

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_LENGTH = re.compile(rf"{_NUMBER.pattern}\s*(?:%|px|pt|pc|mm|cm|in|em)?")
_SPACES = re.compile(r"\s{2,}")
# A smooth cubic curve after a quadratic one, or the other way round: svgelements reflects its
# control point, where it is its last point that counts (SVG 1.1, section 8.3.6).
_SMOOTH = re.compile(r"[QqTt][^A-DF-Za-df-z]*(?=[Ss])|[CcSs][^A-DF-Za-df-z]*(?=[Tt])")
_MOVE, _CLOSE = re.compile("[Mm]"), re.compile("[Zz]")
_BRACE = re.compile(r"[{}]")


@dataclass(frozen=True)
class SvgDrawing:
    """What an SVG holds.

    Attributes:
        sketch: its lines, labelled with its title.
        left_out: how many of what were not read, such as {"text": 2}.
    """

    sketch: Sketch
    left_out: Mapping[str, int]


def records(path: str | os.PathLike[str]) -> Iterator[Record]:
    """The one drawing of a file, without a class: its title is hardly ever one.

    Raises:
        SketchRNNError: as `parse`.
    """
    target = pathlib.Path(path)
    with target.open("rb") as file:
        drawing = parse(file.read(SIZE_LIMIT_BYTES + 1), str(target))
    lines = drawing.sketch.polylines
    yield Record(lines, None, str(target), raw=True, left_out=drawing.left_out)


def parse(
    content: bytes | str, where: str = "SVG", *, tolerance: float | None = None
) -> SvgDrawing:
    """Read the text of an SVG document.

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
    if len(data) > SIZE_LIMIT_BYTES:
        raise SketchRNNError(
            f"{where}: is larger than {SIZE_LIMIT_BYTES >> 20} MiB; one drawing never is"
        )
    try:
        root = _tree(data)
        if _tag(root) != "svg":
            raise SketchRNNError(f"is XML, but no SVG: its outermost element is <{root.tag:.40}>")
        reader = _Reader(root, tolerance)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused
            return SvgDrawing(reader.sketch(), dict(reader.left_out))
    except SketchRNNError as error:
        raise SketchRNNError(f"{where}: {error}") from None


def _tree(data: bytes) -> Element:
    """The elements of the document; what could be dangerous is refused while it is read."""
    try:
        _check_prologue(data)
        parser = ElementTree.XMLParser(target=_Builder())
        parser.feed(data)
        root: Element = parser.close()
    except SketchRNNError:
        raise
    except (ElementTree.ParseError, expat.ExpatError, ValueError, LookupError) as error:
        # LookupError: an unknown encoding
        kind = "is a PDF, no SVG" if data.startswith(b"%PDF") else "is no SVG, or damaged"
        raise SketchRNNError(f"{kind} ({error})") from None
    return root


def _check_prologue(data: bytes) -> None:
    """Raise SketchRNNError if a DOCTYPE declares anything.

    Entities, with which a small file becomes a large one or names another, can only be declared
    there. A plain DOCTYPE, as most programs write it, names a file that nobody opens.
    """
    parser = expat.ParserCreate()
    begun = False

    def on_doctype(name: str, system: str | None, public: str | None, declares: int) -> None:
        if declares:
            raise SketchRNNError(
                "has a DOCTYPE with declarations, which can name other files; save it as plain SVG"
                " (in Illustrator without its editing capabilities), or remove the lines between"
                " [ and ]"
            )

    def on_element(name: str, attributes: object) -> None:
        nonlocal begun
        begun = True

    parser.StartDoctypeDeclHandler = on_doctype
    parser.StartElementHandler = on_element
    begin, size = 0, PROLOGUE_BYTES
    while begin < len(data) and not begun:
        parser.Parse(data[begin : begin + size], False)
        # twice as much each time: expat begins anew with what it did not see the end of
        begin, size = begin + size, 2 * size


class _Builder(ElementTree.TreeBuilder):
    """Builds the tree, within limits."""

    def __init__(self) -> None:
        super().__init__()
        self._count = self._depth = 0

    def start(self, tag: Any, attrs: Any, /) -> Element:
        self._count += 1
        self._depth += 1
        _check_element(self._count, self._depth)
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _check_element(count: int, depth: int) -> None:
    if count > ELEMENTS_LIMIT:
        raise SketchRNNError(f"has more than {ELEMENTS_LIMIT:,} elements; one drawing never has")
    if depth > DEPTH_LIMIT:
        raise SketchRNNError(f"has more than {DEPTH_LIMIT} elements inside each other")


def _tag(element: Element) -> str:
    """The name of an SVG element; "" for other elements."""
    name = element.tag.removeprefix(SVG_NAMESPACE)  # hand-made files often have no namespace
    return "" if name.startswith("{") else name


@dataclass
class _Reader:
    """Walks through one document."""

    root: Element
    tolerance: float | None = None
    left_out: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._by_id: dict[str, Element] = {}
        self._visited = self._points = self._words = self._characters = self._rule_count = 0
        self._rules: dict[str, dict[str, Ranked]] = {}
        for element in self.root.iter():
            self._by_id.setdefault(element.get("id", ""), element)
            if _tag(element) == "style":
                self._add_rules("".join(element.itertext()))
        width, height = (
            self._length(self.root.get(name, "100%"), 100) for name in ("width", "height")
        )
        self._viewport = _viewbox(self.root) or (0.0, 0.0, width, height)

    def _add_rules(self, text: str) -> None:
        if sum(map(text.count, "{},;")) > RULES_LIMIT:
            raise SketchRNNError(f"has a style sheet of more than {RULES_LIMIT:,} signs")
        for selector, declared in _rules(text):
            # an id counts more than a class, and that more than a name; then the later one
            weight = 2 * selector.count("#") + selector.count(".") - selector.count("*")
            rules = self._rules.setdefault(selector, {})
            for name, value in declared.items():
                self._rule_count += 1
                rules[name] = weight, self._rule_count, value

    def sketch(self) -> Sketch:
        """All that is seen, as one drawing."""
        cells = [g for g in self.root.iter() if SHEET_CELL in g.get("class", "").split()]
        if len(cells) > 1:
            raise SketchRNNError(
                f"is a sheet of {len(cells)} drawings, and one is asked for: write each to a file"
                " of its own, with --each DIR"
            )
        top = cells[0] if cells else self.root
        viewport_size = self._viewport[2], self._viewport[3]
        own = self._style(self.root, INHERITED)
        shown = [] if own.get("display") == "none" else cells or list(self.root)
        shapes = [
            shape
            for child in shown
            for shape in self._shapes(child, self._matrix(self.root), own, viewport_size, ())
        ]
        lines = _flattened(shapes, self.tolerance)
        if not lines:
            left_out = f" (left out: {counts_text(self.left_out)})" if self.left_out else ""
            raise SketchRNNError(f"has no line in it, so it is no drawing{left_out}")
        title = next((child.text for child in top if _tag(child) == "title"), None)
        return Sketch.from_polylines(lines, " ".join((title or "").split()) or None)

    def _shapes(
        self,
        element: Element,
        matrix: FloatArray,
        inherited: Style,
        size: tuple[float, float],
        around: tuple[Element, ...],
        viewport: tuple[str, str] | None = None,
    ) -> Iterator[tuple[list[Any], FloatArray]]:
        """The segments of all shapes in an element, each with the matrix to the outer units.

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
        if self._characters > SIZE_LIMIT_BYTES:
            raise SketchRNNError(f"is larger than {SIZE_LIMIT_BYTES >> 20} MiB with all it uses")
        tag = _tag(element)
        style = self._style(element, inherited)
        if style.get("display") == "none" or _is_zero(style.get("opacity", "1")):
            return
        if tag in LEFT_OUT:
            self.left_out[LEFT_OUT[tag]] += 1
            return
        matrix = matrix @ self._matrix(element)
        if tag == "use":
            yield from self._used(element, matrix, style, size, around)
        elif tag in CONTAINERS or (tag == "symbol" and viewport is not None):
            if tag in ("svg", "symbol"):
                inner, size = self._nested(element, size, viewport)
                matrix = matrix @ inner
            children: Iterable[Element] = element
            if tag == "switch":  # one of them, and extensions are for the program that knows them
                children = [one for one in element if not one.get("requiredExtensions")][:1]
            for child in children:
                yield from self._shapes(child, matrix, style, size, around)
        elif tag in SHAPES and style["visibility"] == "visible" and _is_painted(style):
            segments = self._segments(element, tag, size)
            self._points += sum(CURVE_POINTS if _is_curve(one) else 1 for one in segments)
            _check_points(self._points)
            if not segments or self._is_background(tag, style, segments, matrix):
                return
            if not _has_line(style) and _unspaced(style["fill"]) in WHITE:
                self.left_out["white shape without a line"] += 1
            else:
                yield segments, matrix

    def _used(
        self,
        element: Element,
        matrix: FloatArray,
        style: Style,
        size: tuple[float, float],
        around: tuple[Element, ...],
    ) -> Iterator[tuple[list[Any], FloatArray]]:
        href = next((element.get(name, "") for name in HREFS if name in element.attrib), "")
        if not href.startswith("#"):
            self.left_out["reference to another file"] += 1
            return
        target = self._by_id.get(href[1:])
        if target is None:
            self.left_out["reference to nothing"] += 1
            return
        x, y = (
            self._length(element.get(name, "0"), side)
            for name, side in zip("xy", size, strict=True)
        )
        moved = matrix @ np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
        viewport = element.get("width", ""), element.get("height", "")
        yield from self._shapes(target, moved, style, size, around, viewport)

    def _nested(
        self, element: Element, size: tuple[float, float], given: tuple[str, str] | None
    ) -> tuple[FloatArray, tuple[float, float]]:
        """The matrix of a viewport inside the outer one, and its size in its own units."""
        width, height = (
            self._length((given or ("", ""))[i] or element.get(name, "100%"), size[i])
            for i, name in enumerate(("width", "height"))
        )
        x, y = (
            self._length(element.get(name, "0"), side)
            for name, side in zip("xy", size, strict=True)
        )
        box = _viewbox(element)
        if box is None:
            return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]]), (width, height)
        text = Viewbox.viewbox_transform(
            x, y, width, height, *box, element.get("preserveAspectRatio")
        )
        return _as_array(text), (box[2], box[3])

    def _segments(self, element: Element, tag: str, size: tuple[float, float]) -> list[Any]:
        """The segments of a shape in its own units."""
        kind, names = SHAPES[tag]
        try:
            if tag in ("path", "polyline", "polygon"):
                text = element.get(names[0], "")
                text = _SPACES.sub(" ", text)
                self._words += _NUMBER.subn("", text)[1] + sum(map(text.count, COMMANDS))
                _check_points(self._words / WORDS_PER_POINT)
                # svgelements looks for the place to close at from the end of the path
                if max(len(_CLOSE.findall(part)) for part in _MOVE.split(text)) > CLOSES_LIMIT:
                    raise SketchRNNError(f"has a line that is closed over {CLOSES_LIMIT} times")
                text = _SMOOTH.sub(r"\g<0>l0 0", text)
                segments = list(kind(text).segments(transformed=False))
                # a path that begins with "Z" goes nowhere
                return [segment for segment in segments if segment.end is not None]
            given = {name: element.get(name) for name in names}
            for name, other in (("rx", "ry"), ("ry", "rx")):
                if given.get(name, "") in (None, "auto"):
                    given[name] = given.get(other)
            values = [self._measure(name, given[name], size) for name in names]
            if tag in ("circle", "ellipse"):
                return _as_a_hand(*values)
            return list(kind(*values).segments(transformed=False))
        except SketchRNNError:
            raise
        except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError):
            text = " ".join(f'{name}="{element.get(name, "")}"' for name in names)
            raise SketchRNNError(f"a <{tag}> that cannot be read: {text:.60}") from None

    def _measure(self, name: str, text: str | None, size: tuple[float, float]) -> float:
        """A length that a shape has, percentages of the width, the height, or the diagonal."""
        if name == "r":
            return self._length(text or "0", math.hypot(*size) / math.sqrt(2))
        return self._length(text or "0", size[0 if name.strip("cr12") in ("x", "width") else 1])

    def _matrix(self, element: Element) -> FloatArray:
        """The transform attribute [3, 3]."""
        text = element.get("transform", "")
        self._words += text.count("(")
        _check_points(self._words / WORDS_PER_POINT)
        return _matrix(text)

    def _length(self, text: str, relative: float) -> float:
        """A length in user units."""
        text = text.strip()
        if text == "auto":
            return relative
        if len(text) > LENGTH_LIMIT or not _LENGTH.fullmatch(text):
            raise SketchRNNError(f"{text[:40]!r} is no length that can be read")
        return float(Length(text).value(ppi=PPI, relative_length=relative, font_size=16.0))

    def _style(self, element: Element, inherited: Style) -> dict[str, str]:
        """What `STYLE` names: inherited, then attributes, then rules, then the style attribute."""
        style = {name: inherited[name] for name in INHERITED}
        given = {name: element.attrib[name] for name in STYLE if name in element.attrib}
        if self._rules:
            tag, classes = _tag(element), element.get("class", "").split()
            selectors = {"*", tag, f"#{element.get('id', '')}"}
            selectors |= {f"{before}.{name}" for name in classes for before in ("", tag)}
            ranked: dict[str, Ranked] = {}
            for selector in selectors & self._rules.keys():
                for name, rule in self._rules[selector].items():
                    ranked[name] = max(ranked.get(name, rule), rule)
            given |= {name: value for name, (_, _, value) in ranked.items()}
        given |= _declared(element.get("style", ""))
        style |= {name: value for name, value in given.items() if value != "inherit"}
        return style

    def _is_background(
        self, tag: str, style: Style, segments: list[Any], matrix: FloatArray
    ) -> bool:
        """Whether it is a filled rectangle without a line that covers the whole page."""
        if tag != "rect" or _has_line(style):
            return False
        corners = _apply(matrix, _controls(segments))
        left, top, width, height = self._viewport
        slack = 1e-6 * max(width, height)
        return bool(
            (corners.min(axis=0) <= (left + slack, top + slack)).all()
            and (corners.max(axis=0) >= (left + width - slack, top + height - slack)).all()
        )


UNSEEN = ("none", "transparent")
# Fills that nobody sees on paper.
WHITE = ("white", "#fff", "#ffffff", "rgb(255,255,255)", "rgb(100%,100%,100%)")

# The class of svgelements that knows a shape, and its attributes in the order it takes them.
SHAPES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "path": (Path, ("d",)),
    "polyline": (Polyline, ("points",)),
    "polygon": (Polygon, ("points",)),
    "line": (SimpleLine, ("x1", "y1", "x2", "y2")),
    "rect": (Rect, ("x", "y", "width", "height", "rx", "ry")),
    "circle": (Circle, ("cx", "cy", "r")),
    "ellipse": (Ellipse, ("cx", "cy", "rx", "ry")),
}


def _as_a_hand(cx: float, cy: float, rx: float, ry: float | None = None) -> list[Any]:
    """An ellipse as people draw it: from its top, counterclockwise. SVG begins at the right."""
    ry = rx if ry is None else ry
    if min(rx, ry) <= 0:
        return []
    top, bottom = (cx, cy - ry), (cx, cy + ry)
    half = f"A{rx},{ry} 0 0 0"
    path = f"M{top[0]},{top[1]}{half} {bottom[0]},{bottom[1]}{half} {top[0]},{top[1]}Z"
    return list(Path(path).segments(transformed=False))


def _is_painted(style: Style) -> bool:
    return _has_line(style) or not (style["fill"] in UNSEEN or _is_zero(style["fill-opacity"]))


def _has_line(style: Style) -> bool:
    return not (
        style["stroke"] in UNSEEN
        or _is_zero(style["stroke-opacity"])
        or _is_zero(style["stroke-width"])
    )


def _is_zero(text: str) -> bool:
    """Whether it is 0, whatever its unit."""
    return "0" in text and not any(digit in text for digit in "123456789")


def _unspaced(text: str) -> str:
    return "".join(text.split()).lower()


def _rules(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The rules of a style sheet, one selector each; those inside of @media and the like are not.

    In one pass, so that the length of a hostile sheet costs no more than its length.
    """
    text = "".join(
        part.partition("*/")[2] if number else part for number, part in enumerate(text.split("/*"))
    )
    depth = begin = 0
    selectors = ""
    for brace in _BRACE.finditer(text):
        between = text[begin : brace.start()]
        begin = brace.end()
        if brace[0] == "{":
            depth += 1
            if depth == 1:
                selectors = between.rpartition(";")[2]  # after an @import
            continue
        if depth == 1:
            declared = _declared(between)
            for selector in selectors.split(","):
                yield selector.strip(), declared
        depth = max(depth - 1, 0)


def _declared(text: str) -> dict[str, str]:
    """What a list of CSS declarations says of `STYLE`."""
    pairs = (declaration.partition(":") for declaration in text.split(";"))
    declared = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return {
        name: value.removesuffix("!important").strip()
        for name, value in declared.items()
        if name in STYLE
    }


def _viewbox(element: Element) -> Viewport | None:
    """The viewBox as left, top, width, height; None where there is none, or it is empty."""
    found = islice(_NUMBER.finditer(element.get("viewBox", "")), 5)  # of which one is too many
    numbers = [float(match[0]) for match in found]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or min(numbers[2:]) <= 0:
        return None
    return numbers[0], numbers[1], numbers[2], numbers[3]


COMMANDS = "MmLlHhVvCcSsQqTtAaZz"  # of the data of a path
SEPARATORS = " \t\r\n,"


def _matrix(text: str) -> FloatArray:
    """A list of transforms as one matrix [3, 3] (SVG 1.1, section 7.6)."""
    matrix = np.eye(3)
    if not text.strip():
        return matrix
    *parts, rest = text.split(")")
    try:
        if rest.strip(SEPARATORS):
            raise ValueError
        for part in parts:
            name, values = part.split("(")
            if _NUMBER.sub("", values).strip(SEPARATORS):
                raise ValueError
            numbers = map(float, _NUMBER.findall(values))
            matrix = matrix @ _transform(name.strip(SEPARATORS), *numbers)
    except (ValueError, TypeError):
        raise SketchRNNError(f"a transform that cannot be read: {text:.60}") from None
    return matrix


def _transform(name: str, *values: float) -> FloatArray:
    """One transform as a matrix [3, 3]. Raises ValueError, or TypeError for too many numbers."""
    if name == "matrix" and len(values) == 6:
        a, b, c, d, e, f = values
        return np.array([[a, c, e], [b, d, f], [0, 0, 1]])
    if name == "translate" and 1 <= len(values) <= 2:
        return _transform("matrix", 1, 0, 0, 1, values[0], sum(values[1:]))
    if name == "scale" and 1 <= len(values) <= 2:
        return _transform("matrix", values[0], 0, 0, values[-1], 0, 0)
    if name == "rotate" and len(values) in (1, 3):
        angle, x, y = (*values, 0.0, 0.0)[:3]
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        shift = x - cos * x + sin * y, y - sin * x - cos * y
        return _transform("matrix", cos, sin, -sin, cos, *shift)
    if name == "skewX" and len(values) == 1:
        return _transform("matrix", 1, 0, math.tan(math.radians(values[0])), 1, 0, 0)
    if name == "skewY" and len(values) == 1:
        return _transform("matrix", 1, math.tan(math.radians(values[0])), 0, 1, 0, 0)
    raise ValueError(name)


def _as_array(transform: str) -> FloatArray:
    m = Matrix(transform)
    return np.array([[m.a, m.c, m.e], [m.b, m.d, m.f], [0.0, 0.0, 1.0]], dtype=np.float64)


def _apply(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Points [n, 2] times matrix [3, 3]."""
    moved: FloatArray = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved


def _controls(segments: Iterable[Any]) -> FloatArray:
    """Points [n, 2] around whose hull no segment goes."""
    points: list[tuple[float, float]] = []
    for segment in segments:
        points.append(tuple(segment.end))
        if isinstance(segment, QuadraticBezier):
            points.append(tuple(segment.control))
        elif isinstance(segment, CubicBezier):
            points += [tuple(segment.control1), tuple(segment.control2)]
        elif isinstance(segment, Arc) and segment.sweep:
            # the parallelogram around the whole ellipse
            (x, y), u, v = segment.center, *_axes(segment)
            points += [
                (x + i * u[0] + j * v[0], y + i * u[1] + j * v[1]) for i in (-1, 1) for j in (-1, 1)
            ]
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def _axes(arc: Arc) -> tuple[FloatArray, FloatArray]:
    """The two half axes of the ellipse as vectors [2]."""
    center = np.array(tuple(arc.center))
    return np.array(tuple(arc.prx)) - center, np.array(tuple(arc.pry)) - center


def _flattened(
    shapes: list[tuple[list[Any], FloatArray]], tolerance: float | None
) -> list[FloatArray]:
    """The shapes as polylines [n, 2] in the outer units."""
    if not shapes:
        return []
    corners = np.concatenate([_apply(matrix, _controls(segments)) for segments, matrix in shapes])
    if not np.isfinite(corners).all() or np.abs(corners).max() > COORDINATE_LIMIT:
        raise SketchRNNError(f"has a coordinate that is no number of at most {COORDINATE_LIMIT:g}")
    if tolerance is None:
        tolerance = FLATNESS * float((corners.max(axis=0) - corners.min(axis=0)).max())
    lines: list[FloatArray] = []
    count = 0
    for segments, matrix in shapes:
        for line in _polylines(segments, matrix, tolerance):
            lines.append(line)
            count += len(line)
            _check_points(count)
    return lines


def _check_points(count: float) -> None:
    if count > POINTS_LIMIT:
        raise SketchRNNError(f"has more than {POINTS_LIMIT:,} points; one drawing never has")


def _polylines(
    segments: Iterable[Any], matrix: FloatArray, tolerance: float
) -> Iterator[FloatArray]:
    """The subpaths of one shape in the outer units; one that does not move is a dot."""
    line: list[FloatArray] = []
    for segment in segments:
        if isinstance(segment, Move):
            yield from _finished(line)
            line = []
            continue
        if not line:
            line.append(_apply(matrix, np.array([tuple(segment.start)], dtype=np.float64)))
        points = _points(segment, matrix, tolerance)
        if not (isinstance(segment, Close) and len(line) > 1 and (line[-1][-1] == points).all()):
            line.append(points)
        if isinstance(segment, Close):
            yield from _finished(line)
            line = []
    yield from _finished(line)


def _finished(line: list[FloatArray]) -> Iterator[FloatArray]:
    if line:
        points = np.concatenate(line)
        yield points[:1] if len(points) == 2 and (points[0] == points[1]).all() else points


def _points(segment: Any, matrix: FloatArray, tolerance: float) -> FloatArray:
    """The points of a segment after its start, at most `tolerance` from the true curve."""
    count = 1
    if isinstance(segment, Arc) and segment.sweep:
        axes = np.array(_axes(segment)) @ matrix[:2, :2].T
        radius = float(np.linalg.norm(axes))  # no point of the ellipse is farther from its middle
        if radius > 0:
            # the sagitta of an arc of that radius: r (1 - cos(step / 2))
            step = 2 * math.acos(max(1 - tolerance / radius, 0.0))
            count = math.ceil(abs(segment.sweep) / max(step, 1e-3))
    elif isinstance(segment, QuadraticBezier | CubicBezier):
        points = [segment.start, *_inner(segment), segment.end]
        corners = _apply(matrix, np.array([tuple(point) for point in points], dtype=np.float64))
        # d (d - 1) / 8 times the largest second difference bounds the distance (de Boor)
        bend, degree = float(np.hypot(*np.diff(corners, n=2, axis=0).T).max()), len(corners) - 1
        if bend > 0 and tolerance > 0:
            count = math.ceil(math.sqrt(degree * (degree - 1) / 8 * (bend / tolerance)))
    end = np.array([tuple(segment.end)], dtype=np.float64)
    _check_points(count)  # before they are computed
    if count <= 1:
        return _apply(matrix, end)
    inside = np.asarray(segment.npoint(np.linspace(0, 1, count + 1)[1:-1]), dtype=np.float64)
    return _apply(matrix, np.concatenate([inside, end]))


def _is_curve(segment: Any) -> bool:
    return isinstance(segment, Arc | QuadraticBezier | CubicBezier)


def _inner(curve: QuadraticBezier | CubicBezier) -> list[Any]:
    if isinstance(curve, QuadraticBezier):
        return [curve.control]
    return [curve.control1, curve.control2]
