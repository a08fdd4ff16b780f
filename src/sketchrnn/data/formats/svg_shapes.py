"""The shapes of an SVG: paths, rectangles, circles and the like, as lines and curves."""

from __future__ import annotations

import cmath
import math
import re
from collections.abc import Callable, Mapping
from itertools import islice

from sketchrnn.data.formats.records import POINTS_LIMIT, check_points
from sketchrnn.data.formats.svg_curves import CIRCLE, Arc, Line, Piece, Shape
from sketchrnn.data.formats.svg_units import NUMBER, NUMBERS, Size, UnreadableError, length

STRAIGHT = 1e7  # an arc of a circle so many times larger than it is a line

_BETWEEN = r"\s*,?\s*"
_NUMBERS = re.compile(rf"\s*(?:{NUMBER}{_BETWEEN})*")
_COMMANDS = "MmLlHhVvCcSsQqTtAaZz"
_COMMAND = re.compile(rf"([{_COMMANDS}])([^{_COMMANDS}]*)")
_N, _FLAG = f"({NUMBER})", "([01])"
_ARC = re.compile(_BETWEEN.join([_N, _N, _N, _FLAG, _FLAG, _N, _N, ""]))
_TAKES = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "Z": 0}
_LIKE = {"S": "CS", "T": "QT"}  # after which a smooth curve mirrors the control point
SHAPES = {"path", "polyline", "polygon", "line", "rect", "circle", "ellipse"}
_CSS_PATH = re.compile(r"path\(\s*(?:(?:evenodd|nonzero)\s*,\s*)?(['\"])(.*)\1\s*\)", re.DOTALL)


def shape_of(tag: str, given: Mapping[str, str], size: Size) -> Shape:
    """What an element draws.

    Args:
        tag: one of `SHAPES`.
        given: its attributes, and what CSS says instead.
        size: of the viewport, for percentages.

    Raises:
        UnreadableError: a length that is none.
    """
    if tag == "path":
        data = given.get("d", "")
        in_css = _CSS_PATH.fullmatch(data.strip())
        return path(in_css[2] if in_css else data)
    if tag in ("polyline", "polygon"):
        return _through(given.get("points", ""), closed=tag == "polygon")

    def measure(name: str, default: str = "0") -> float:
        return length(given.get(name, default), _across(name, size))

    if tag == "line":
        start, end = (complex(measure(f"x{n}"), measure(f"y{n}")) for n in (1, 2))
        return Shape([Line(start, [(end,)])])
    if tag in ("circle", "ellipse"):
        middle = complex(measure("cx"), measure("cy"))
        names = ("r", "r") if tag == "circle" else ("rx", "ry")
        return _ellipse(middle, *_radii(given, measure, names))
    corner, sides = complex(measure("x"), measure("y")), (measure("width"), measure("height"))
    return _rectangle(corner, *sides, *_radii(given, measure, ("rx", "ry")))


def _across(name: str, size: Size) -> float:
    """What percentages of a length are of: the width, the height, or the diagonal."""
    if name == "r":
        return math.hypot(*size) / math.sqrt(2)
    return size[1] if name in ("height", "cy", "ry") or name[0] == "y" else size[0]


def _radii(
    given: Mapping[str, str], measure: Callable[[str], float], names: tuple[str, str]
) -> tuple[float, float]:
    """Two half axes; one that is not given, or "auto", is as the other."""
    there = [name for name in names if given.get(name, "auto") != "auto"]
    values = [measure(name) for name in there]
    if any(value < 0 for value in values):
        raise UnreadableError
    return (values[0], values[-1]) if values else (0.0, 0.0)


def _ellipse(middle: complex, rx: float, ry: float) -> Shape:
    """As people draw it: from its top, counterclockwise. SVG begins at the right."""
    if min(rx, ry) <= 0:
        return Shape([])
    top = middle - 1j * ry
    around = Arc(middle, complex(rx), 1j * ry, -math.pi / 2, -CIRCLE, top)
    return Shape([Line(top, [around], closed=True)])


def _rectangle(corner: complex, width: float, height: float, rx: float, ry: float) -> Shape:
    """From its top left clockwise, with round corners of those half axes."""
    if min(width, height) < 0:
        raise UnreadableError
    if min(width, height) == 0:
        return Shape([])
    rx, ry = min(rx, width / 2), min(ry, height / 2)
    far = complex(width, height)
    corners = [corner, corner + width, corner + far, corner + 1j * height]
    if min(rx, ry) <= 0:
        return Shape([Line(corner, [(one,) for one in corners[1:]], closed=True)])
    line = Line(corner + rx)
    turns = [(-rx, ry), (-rx, -ry), (rx, -ry), (rx, ry)]  # from the top right on, to the middles
    for number, (x, y) in enumerate(turns):
        at = corners[(number + 1) % 4]
        middle, begin = at + complex(x, y), -math.pi / 2 + number * math.pi / 2
        ends = [middle + _on_axes(rx, ry, begin + turn) for turn in (0.0, math.pi / 2)]
        line.pieces += [(ends[0],), Arc(middle, rx + 0j, 1j * ry, begin, math.pi / 2, ends[1])]
    line.closed = True
    return Shape([line])


def _on_axes(rx: float, ry: float, angle: float) -> complex:
    return complex(rx * math.cos(angle), ry * math.sin(angle))


def _through(text: str, *, closed: bool) -> Shape:
    """The shape of a list of points, up to the first mistake in it."""
    numbers, whole = _numbers(text, 2 * POINTS_LIMIT)
    points = [complex(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=False)]
    whole = whole and len(numbers) % 2 == 0
    if len(points) < 2:
        return Shape([], whole)
    return Shape([Line(points[0], [(point,) for point in points[1:]], closed)], whole)


def _numbers(text: str, most: int) -> tuple[list[float], bool]:
    """The numbers up to the first thing that is none, and whether that is the end.

    Raises:
        SketchRNNError: more numbers than `most`.
    """
    read = _NUMBERS.match(text)
    end = read.end() if read else 0
    found = [float(one[0]) for one in islice(NUMBERS.finditer(text, 0, end), most + 1)]
    if len(found) > most:
        check_points(math.inf)
    return found, end == len(text)


def path(data: str) -> Shape:
    """The shape of the data of a path, up to the first mistake in it (SVG 1.1, F.2)."""
    lines: list[Line] = []
    at = begin = control = 0j
    last = ""
    count, end = 0, len(data) - len(data.lstrip())
    for command in _COMMAND.finditer(data):
        if command.start() != end or (not last and command[1] not in "Mm"):
            return Shape(lines, whole=False)
        end = command.end()
        letter = kind = command[1].upper()
        steps, whole = _steps(letter, command[2])
        for values in steps:
            origin = at if command[1].islower() else 0j
            places = [
                complex(*pair) + origin for pair in zip(values[::2], values[1::2], strict=False)
            ]
            if kind == "M":
                at = begin = places[0]
                lines.append(Line(at))
                check_points(len(lines))
                last, kind = "M", "L"  # what follows without a letter are lines
                continue
            if last == "Z":
                lines.append(Line(at))
            count += 1
            check_points(count)
            pieces = lines[-1].pieces
            mirrored = 2 * at - control if last in _LIKE.get(kind, "") else at
            if kind == "Z":
                lines[-1].closed, at = True, begin
            elif kind == "L":
                pieces.append((places[0],))
            elif kind == "H":
                pieces.append((complex(values[0] + origin.real, at.imag),))
            elif kind == "V":
                pieces.append((complex(at.real, values[0] + origin.imag),))
            elif kind in "CS":
                first, control = (mirrored, places[0]) if kind == "S" else (places[0], places[1])
                pieces.append((first, control, places[-1]))
            elif kind in "QT":
                control = mirrored if kind == "T" else places[0]
                pieces.append((control, places[-1]))
            else:
                goal = complex(values[5], values[6]) + origin
                pieces.append(_arc(at, values, goal))
            if pieces and kind != "Z":
                piece = pieces[-1]
                at = piece.end if isinstance(piece, Arc) else piece[-1]
            last = kind
        if not whole:
            return Shape(lines, whole=False)
    return Shape(lines, whole=end == len(data))


def _steps(letter: str, text: str) -> tuple[list[list[float]], bool]:
    """The numbers of each step of a letter, up to the first mistake; and whether there is none."""
    if letter == "A":
        steps, place = [], len(text) - len(text.lstrip())
        while (arc := _ARC.match(text, place)) is not None:
            steps.append([float(one) for one in arc.groups()])
            place = arc.end()
            check_points(len(steps))
        return steps, place == len(text) and bool(steps)
    takes = _TAKES[letter]
    numbers, whole = _numbers(text, (takes or 1) * POINTS_LIMIT)
    if not takes:
        return [[]], whole and not numbers
    full = len(numbers) - len(numbers) % takes
    steps = [numbers[n : n + takes] for n in range(0, full, takes)]
    return steps, whole and full == len(numbers) and bool(steps)


def _arc(start: complex, values: list[float], end: complex) -> Piece:
    """An arc by its ends (SVG 1.1, F.6.5 and F.6.6); a line where it is one, or nearly."""
    rx, ry, degrees, large, sweeps = abs(values[0]), abs(values[1]), *values[2:5]
    apart = abs(end - start)
    if rx == 0 or ry == 0 or start == end or not math.isfinite(apart):
        return (end,)
    if not large and min(rx, ry) > STRAIGHT * apart:
        return (end,)
    turn = cmath.rect(1, math.radians(degrees % 360))
    half = (start - end) / 2 / turn
    x, y = half.real / rx, half.imag / ry
    grow = math.hypot(x, y)
    if grow == 0:
        return (end,)
    if grow > 1:
        rx, ry, x, y = rx * grow, ry * grow, x / grow, y / grow
    grow = min(grow, 1.0)
    root = math.sqrt(1 - grow * grow) / grow * (1 if large != sweeps else -1)
    middle = complex(root * y, -root * x)  # on the circle that the ellipse is in its own units
    first, last = cmath.phase(complex(x, y) - middle), cmath.phase(complex(-x, -y) - middle)
    sweep = (last - first) % CIRCLE
    if not sweeps:
        sweep -= CIRCLE
    placed = _on_axes_turned(middle, rx, ry, turn) + (start + end) / 2
    return Arc(placed, rx * turn, 1j * ry * turn, first, sweep, end)


def _on_axes_turned(point: complex, rx: float, ry: float, turn: complex) -> complex:
    return complex(point.real * rx, point.imag * ry) * turn
