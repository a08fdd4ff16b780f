"""Reading one drawing of an SVG: shapes against known geometry, transforms against NumPy."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketchrnn.data.formats.svg import parse
from sketchrnn.data.formats.svg_curves import FLATNESS
from sketchrnn.data.tables import counts_text
from sketchrnn.errors import SketchRNNError
from svg_words import STAYS, Lines, lines, one, same, svg

ROUND = 'stroke="red" stroke-linecap="round"'

# Shapes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<path d="M1 2L3 4 5 2"/>', [[(1, 2), (3, 4), (5, 2)]]),
        ('<path d="m1 2 2 2l2-2"/>', [[(1, 2), (3, 4), (5, 2)]]),
        ('<path d="M0,0H5V6h-2v-1z"/>', [[(0, 0), (5, 0), (5, 6), (3, 6), (3, 5), (0, 0)]]),
        ('<path d="M0 0L5 0L5 5L0 0Z"/>', [[(0, 0), (5, 0), (5, 5), (0, 0)]]),
        ('<path d="M0 0 1 1M4 4 5 6"/>', [[(0, 0), (1, 1)], [(4, 4), (5, 6)]]),
        ('<path d="M1 1 5 1 5 5zL0 9"/>', [[(1, 1), (5, 1), (5, 5), (1, 1)], [(1, 1), (0, 9)]]),
        (f'<path d="M7 7L7 7" {ROUND}/>', [[(7, 7)]]),  # a dot
        ('<path d="M0 0"/><path d="M1 1L2 2"/>', [[(1, 1), (2, 2)]]),  # a move draws nothing
        ('<line x1="1" y1="2" x2="3" y2="4" stroke="red"/>', [[(1, 2), (3, 4)]]),
        ('<polyline points="1,2 3,4 5,2"/>', [[(1, 2), (3, 4), (5, 2)]]),
        ('<polygon points="1 2 3 4 5 2"/>', [[(1, 2), (3, 4), (5, 2), (1, 2)]]),
        (
            '<rect x="1" y="2" width="30" height="40"/>',
            [[(1, 2), (31, 2), (31, 42), (1, 42), (1, 2)]],
        ),
        ('<path d="M0 0A0 5 0 0 1 9 9"/>', [[(0, 0), (9, 9)]]),  # no radius: a straight line
    ],
)
def test_straight_shapes(body: str, expected: list[list[tuple[float, float]]]) -> None:
    same(lines(body), expected)


def from_ellipse(
    line: npt.NDArray[np.float64], center: tuple[float, float], rx: float, ry: float
) -> npt.NDArray[np.float64]:
    """How far the points, and the middles of the segments, are from an ellipse, to first order."""
    between = np.concatenate([line, (line[1:] + line[:-1]) / 2]) - center
    return np.abs(np.hypot(between[:, 0] / rx, between[:, 1] / ry) - 1) * min(rx, ry)


@pytest.mark.parametrize(
    ("body", "center", "rx", "ry"),
    [
        ('<circle cx="50" cy="40" r="20"/>', (50, 40), 20, 20),
        ('<ellipse cx="50" cy="40" rx="30" ry="10"/>', (50, 40), 30, 10),
        ('<ellipse cx="50" cy="40" rx="30"/>', (50, 40), 30, 30),
        ('<path d="M70 40A20 20 0 1 1 30 40A20 20 0 1 1 70 40"/>', (50, 40), 20, 20),
        ('<path d="M80 40A30 10 0 0 0 20 40A30 10 0 0 0 80 40Z"/>', (50, 40), 30, 10),
    ],
)
def test_round_shapes(body: str, center: tuple[float, float], rx: float, ry: float) -> None:
    line = one(body)
    assert from_ellipse(line, center, rx, ry).max() < 1.01 * FLATNESS * 2 * max(rx, ry)
    assert 20 < len(line) < 120
    np.testing.assert_allclose(line[0], line[-1], atol=1e-9)
    area = np.sum(line[:-1, 0] * line[1:, 1] - line[1:, 0] * line[:-1, 1]) / 2
    assert abs(area) == pytest.approx(math.pi * rx * ry, rel=5e-3)


def test_an_arc_takes_the_asked_way() -> None:
    """Large or small, one way or the other: the middle of the arc from (50, 30) to (30, 50)."""
    middles = {}
    for large in (0, 1):
        for sweep in (0, 1):
            line = one(f'<path d="M50 30A20 20 0 {large} {sweep} 30 50"/>')
            middles[large, sweep] = line[len(line) // 2]
    r = 20 * math.sqrt(0.5)
    expected = {(0, 1): (30 + r, 30 + r), (1, 0): (30 - r, 30 - r), (0, 0): (50 - r, 50 - r)}
    expected[1, 1] = (50 + r, 50 + r)
    for key, place in expected.items():
        np.testing.assert_allclose(middles[key], place, atol=1.0)


def bezier(points: list[tuple[float, float]], count: int = 2001) -> npt.NDArray[np.float64]:
    """The curve by Bernstein's formula."""
    t, degree = np.linspace(0, 1, count)[:, None], len(points) - 1
    terms = [
        math.comb(degree, i) * t**i * (1 - t) ** (degree - i) * np.array(point)
        for i, point in enumerate(points)
    ]
    return np.sum(terms, axis=0)


def distance(points: npt.NDArray[np.float64], line: npt.NDArray[np.float64]) -> float:
    """The largest distance of a point from a polyline."""
    start, step = line[:-1], np.diff(line, axis=0)
    length = np.maximum((step**2).sum(axis=1), 1e-30)
    share = np.clip(((points[:, None] - start) * step).sum(axis=2) / length, 0, 1)
    nearest = start + share[..., None] * step
    return float(np.sqrt(((points[:, None] - nearest) ** 2).sum(axis=2)).min(axis=1).max())


@pytest.mark.parametrize(
    ("d", "curves"),
    [
        ("M0 0C0 90 80 90 80 0", [[(0, 0), (0, 90), (80, 90), (80, 0)]]),
        ("M10 10c0 50 60-50 60 0", [[(10, 10), (10, 60), (70, -40), (70, 10)]]),
        ("M0 0Q40 90 80 0", [[(0, 0), (40, 90), (80, 0)]]),
        ("M0 0q20 40 40 0t40 0", [[(0, 0), (20, 40), (40, 0)], [(40, 0), (60, -40), (80, 0)]]),
        (
            "M0 0C0 30 20 30 30 20S60 40 80 0",
            [[(0, 0), (0, 30), (20, 30), (30, 20)], [(30, 20), (40, 10), (60, 40), (80, 0)]],
        ),
    ],
)
def test_curves(d: str, curves: list[list[tuple[float, float]]]) -> None:
    line = one(f'<path d="{d}"/>')
    true = np.concatenate([bezier(points) for points in curves])
    allowed = FLATNESS * 130  # of the hull of the control points, at most
    assert distance(true, line) < allowed
    assert distance(line, true) < 1e-3
    assert len(line) < 100


def test_a_rounded_rectangle() -> None:
    line = one('<rect x="10" y="20" width="60" height="40" rx="10"/>')
    left, top = line.min(axis=0)
    right, bottom = line.max(axis=0)
    assert (left, top, right, bottom) == pytest.approx((10, 20, 70, 60))
    corner = line[(line[:, 0] < 20) & (line[:, 1] < 30)]
    assert from_ellipse(corner, (20, 30), 10, 10)[: len(corner)].max() < 0.03
    assert len(corner) > 3


# All commands, against the formulas of the SVG specification -------------------------------------


def arc(
    start: complex, rx: float, ry: float, degrees: float, large: int, sweep: int, end: complex
) -> npt.NDArray[np.complex128]:
    """An elliptical arc from its endpoints (SVG 1.1, F.6.5 and F.6.6), in complex numbers."""
    rx, ry = abs(rx), abs(ry)
    if start == end:
        return np.array([end])
    if rx == 0 or ry == 0:
        return np.array([start, end])
    turn = complex(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
    half = (start - end) / 2 / turn
    x, y = half.real, half.imag
    grow = math.sqrt(max((x / rx) ** 2 + (y / ry) ** 2, 1.0))
    rx, ry = rx * grow, ry * grow
    below = (rx * y) ** 2 + (ry * x) ** 2
    root = math.sqrt(max((rx * ry) ** 2 - below, 0.0) / below) * (1 if large != sweep else -1)
    middle = complex(root * rx * y / ry, -root * ry * x / rx)

    def angle(point: complex) -> float:
        return math.atan2((point - middle).imag / ry, (point - middle).real / rx)

    first, last = angle(half), angle(-half)
    if sweep and last < first:
        last += 2 * math.pi
    if not sweep and last > first:
        last -= 2 * math.pi
    t = np.linspace(first, last, 400)
    return (middle + rx * np.cos(t) + 1j * ry * np.sin(t)) * turn + (start + end) / 2


def curve(*points: complex) -> npt.NDArray[np.complex128]:
    x_y = bezier([(point.real, point.imag) for point in points], 200)
    return x_y[:, 0] + 1j * x_y[:, 1]


class Pen:
    """Draws commands, one after the other, as the specification words them."""

    def __init__(self) -> None:
        self.at = self.begin = 0j
        self.control: complex | None = None  # of the last curve
        self.last = ""
        self.lines: list[list[npt.NDArray[np.complex128]]] = []

    def draw(self, points: npt.NDArray[np.complex128] | list[complex]) -> None:
        if self.last in ("", "M", "Z"):
            self.lines.append([np.array([self.at])])
        self.lines[-1].append(np.asarray(points))
        self.at = complex(points[-1])

    def command(self, letter: str, *values: float) -> None:
        kind = letter.upper()
        origin = self.at if letter.islower() else 0j
        xy = [complex(*pair) + origin for pair in zip(values[::2], values[1::2], strict=False)]
        reflected = self.at
        if self.control is not None and self.last in {"S": "CS", "T": "QT"}.get(kind, ""):
            reflected = 2 * self.at - self.control
        control: complex | None = None
        if kind == "M":
            self.at = self.begin = xy[0]
        elif kind == "L":
            self.draw([xy[0]])
        elif kind == "H":
            self.draw([complex(values[0] + origin.real, self.at.imag)])
        elif kind == "V":
            self.draw([complex(self.at.real, values[0] + origin.imag)])
        elif kind in "CS":
            first, control = (xy[0], xy[1]) if kind == "C" else (reflected, xy[0])
            self.draw(curve(self.at, first, control, xy[-1]))
        elif kind in "QT":
            control = xy[0] if kind == "Q" else reflected
            self.draw(curve(self.at, control, xy[-1]))
        elif kind == "A":
            rx, ry, degrees, large, sweep, x, y = values
            end = complex(x, y) + origin
            self.draw(arc(self.at, rx, ry, degrees, int(large), int(sweep), end))
        elif kind == "Z":
            if self.last not in ("", "M", "Z"):
                self.draw([self.begin])
            self.at = self.begin
        self.last, self.control = kind, control

    def polylines(self) -> Lines:
        found = [np.concatenate(line) for line in self.lines]
        return [np.column_stack([line.real, line.imag]) for line in found]


whole = st.integers(-60, 60)
radius = st.integers(-40, 40)
flag = st.integers(0, 1)
COMMANDS = {
    "L": (whole, whole),
    "H": (whole,),
    "V": (whole,),
    "C": (whole,) * 6,
    "S": (whole,) * 4,
    "Q": (whole,) * 4,
    "T": (whole,) * 2,
    "A": (radius, radius, whole, flag, flag, whole, whole),
    "M": (whole, whole),
}
command = st.one_of(  # type: ignore[call-overload]
    st.tuples(st.sampled_from([name, name.lower()]), *values) for name, values in COMMANDS.items()
)
drawn = st.tuples(
    st.sampled_from("LlCcAaQq").flatmap(
        lambda name: st.tuples(st.just(name), *COMMANDS[name.upper()])
    ),
    st.lists(st.one_of(command, st.tuples(st.sampled_from("Zz"))), max_size=8),
)


@settings(deadline=None)
@given(drawn, st.booleans())
def test_all_commands(given_: tuple[tuple, list[tuple]], compact: bool) -> None:
    """Absolute and relative, smooth ones too, arcs too small for their ends; written in two ways.

    No point of one is farther from the other than both polylines are from the curve.
    """
    commands = [("M", 10, 20), given_[0], *given_[1]]
    pen = Pen()
    for name, *values in commands:
        pen.command(name, *values)
    if compact:  # as minifiers write it: no space before a minus
        data = "".join(
            name + " ".join(map(str, values)).replace(" -", "-") for name, *values in commands
        )
    else:
        data = " ".join(
            " , ".join(map(str, [name, *values])).replace(" , ", " ", 1)
            for name, *values in commands
        )
    expected = [line for line in pen.polylines() if np.ptp(line, axis=0).max() > 1e-9]
    found = lines(f'<path d="{data}"/>{STAYS}', tolerance=0.05)[:-1]
    moving = [line for line in found if len(line) > 1 and np.ptp(line, axis=0).max() > 1e-9]
    assert len(moving) == len(expected)
    for line, true in zip(moving, expected, strict=True):
        np.testing.assert_allclose(line[[0, -1]], true[[0, -1]], atol=1e-6)
        assert distance(true, line) < 0.06
        assert distance(line, true) < 0.06


def test_the_tolerance_is_in_units_of_the_viewbox() -> None:
    body = '<g transform="scale(0.5)"><circle r="100"/></g>'
    counts = {}
    for tolerance in (5.0, 0.5, 0.005):
        (line,) = parse(svg(body), tolerance=tolerance).sketch.polylines
        assert from_ellipse(line, (0, 0), 50, 50).max() <= tolerance
        counts[tolerance] = len(line)
    assert counts[5.0] < 12 < counts[0.5] < 50 < counts[0.005]
    for wrong in (0.0, -1.0, math.nan):
        with pytest.raises(SketchRNNError, match="tolerance"):
            parse(svg(body), tolerance=wrong)
    with pytest.raises(SketchRNNError, match="more than 100,000 points"):
        parse(svg('<path d="M0 0C1e9 1e9 1e9 0 1 1"/>'), tolerance=1e-9)


def test_flags_of_arcs_need_no_space() -> None:
    spaced = one('<path d="M10 10a5 5 0 0 1 5 5a5 5 0 1 0 .5 .5"/>')
    np.testing.assert_allclose(one('<path d="M10 10a5 5 0 015 5a5 5 0 10.5.5"/>'), spaced)


# Transforms, use, viewports, units ---------------------------------------------------------------


def matrix(name: str, *values: float) -> npt.NDArray[np.float64]:
    """The matrices of the SVG specification (8.5)."""
    if name == "matrix":
        a, b, c, d, e, f = values
    elif name == "translate":
        a, b, c, d, e, f = 1, 0, 0, 1, *values
    elif name == "scale":
        a, b, c, d, e, f = values[0], 0, 0, values[-1], 0, 0
    elif name == "skewX":
        a, b, c, d, e, f = 1, 0, math.tan(math.radians(values[0])), 1, 0, 0
    elif name == "skewY":
        a, b, c, d, e, f = 1, math.tan(math.radians(values[0])), 0, 1, 0, 0
    else:
        sin, cos = math.sin(math.radians(values[0])), math.cos(math.radians(values[0]))
        turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        if len(values) == 1:
            return turn
        x, y = values[1:]
        return matrix("translate", x, y) @ turn @ matrix("translate", -x, -y)
    return np.array([[a, c, e], [b, d, f], [0, 0, 1]], dtype=float)


number = st.floats(-50, 50).map(lambda value: round(value, 3))
small = st.floats(-2, 2).map(lambda value: round(value, 3))
transform = st.one_of(
    st.tuples(st.just("translate"), number, number),
    st.tuples(st.just("scale"), st.sampled_from([0.5, 2, -1, 3])),
    st.tuples(st.just("scale"), st.sampled_from([0.5, 2]), st.sampled_from([-1, 3])),
    st.tuples(st.just("rotate"), number),
    st.tuples(st.just("rotate"), number, number, number),
    st.tuples(st.sampled_from(["skewX", "skewY"]), number),
    st.tuples(st.just("matrix"), st.just(2), small, st.just(0.5), small, number, number),
)


@given(st.lists(st.lists(transform, min_size=1, max_size=3), min_size=1, max_size=3))
def test_transforms(groups: list[list[tuple[str, float]]]) -> None:
    """Groups in groups, each with several transforms, and a line in the innermost."""
    body, expected = '<path d="M1 2L30 4L5 60"/>', np.eye(3)
    for group in groups:
        for name, *values in group:
            expected = expected @ matrix(name, *values)
    for group in reversed(groups):
        text = " ".join(f"{name}({','.join(map(repr, values))})" for name, *values in group)
        body = f'<g transform="{text}">{body}</g>'
    points = np.array([[1, 2, 1], [30, 4, 1], [5, 60, 1]]) @ expected.T
    np.testing.assert_allclose(one(body), points[:, :2], rtol=1e-6, atol=1e-6)


def test_circles_are_drawn_as_by_a_hand() -> None:
    """From the top, counterclockwise on a screen whose y points down, to the top again."""
    for shape in ('<circle cx="50" cy="40" r="20"/>', '<ellipse cx="50" cy="40" rx="9" ry="20"/>'):
        line = one(shape)
        np.testing.assert_allclose(line[[0, -1]], [[50, 20], [50, 20]], atol=1e-6)
        x, y = line.T
        area = 0.5 * np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])
        assert area < 0  # clockwise would be positive where y points down
        assert line[1, 0] < 50


def test_white_shapes_without_a_line_are_left_out_and_counted() -> None:
    paper = '<rect x="5" y="5" width="80" height="80" style="fill:#ffffff;stroke:none"/>'
    drawing = parse(f'<svg viewBox="0 0 100 100">{paper}<path d="M0 0L9 9"/></svg>')
    assert len(drawing.sketch.polylines) == 1
    assert counts_text(drawing.left_out) == "1 white shape without a line"
    seen = paper.replace("stroke:none", "stroke:black")
    assert len(parse(f'<svg viewBox="0 0 100 100">{seen}</svg>').sketch.polylines) == 1


def test_a_circle_that_is_skewed_stays_an_ellipse() -> None:
    turned = matrix("rotate", 30) @ matrix("skewX", 40) @ matrix("scale", 3, 0.2)
    line = one('<circle r="10" transform="rotate(30) skewX(40) scale(3 0.2)"/>')
    back = (line - turned[:2, 2]) @ np.linalg.inv(turned[:2, :2]).T
    np.testing.assert_allclose(np.hypot(*back.T), 10, rtol=1e-9)


def test_what_is_squashed_gets_no_more_points_for_it() -> None:
    """A curve a thousand million high in its own units, and flat as it is seen."""
    for shape in ('<path d="M0 0C0 1e8 0 -1e8 0 0" {}/>', '<ellipse rx="1e-3" ry="1e8" {}/>'):
        assert len(one(shape.format('transform="scale(1 1e-12)"'))) < 200


def test_use_and_symbols() -> None:
    body = (
        '<defs><path id="a" d="M0 0L1 1"/><g id="b"><use href="#a"/></g></defs>'
        '<symbol id="s" viewBox="0 0 10 10"><path d="M0 0L10 10"/></symbol>'
        '<use href="#a" x="5" y="6"/><use href="#b" transform="scale(2)" x="1"/>'
        '<use href="#s" x="10" width="50" height="50"/>'
    )
    same(lines(body), [[(5, 6), (6, 7)], [(2, 0), (4, 2)], [(10, 0), (60, 50)]])
    xlink = '<use xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="#a"/>'
    same(lines(f'<path id="a" d="M0 0L1 1"/>{xlink}'), [[(0, 0), (1, 1)]] * 2)


def test_viewports_and_units() -> None:
    """The outer viewBox is the unit; inner ones are fitted, lengths and percentages computed."""
    box = 'viewBox="-50 -50 200 100" width="20mm"'
    inner = (
        '<svg x="10" y="20" width="40" height="20" viewBox="0 0 10 10"><path d="M0 0L10 10"/></svg>'
    )
    # a square of 20 in the middle of 40 x 20
    same(lines(inner, box), [[(20, 20), (40, 40)]])
    same(lines('<line x2="50%" y2="10%" stroke="red"/>', box), [[(0, 0), (100, 10)]])
    line = one('<line x2="1in" y2="3pt" stroke="red"/>', 'width="300" height="200"')
    np.testing.assert_allclose(line[1], (96, 4))
    np.testing.assert_allclose(
        one('<line x2="10mm" y1="0" stroke="red"/>')[1, 0], 37.795, atol=1e-3
    )
    top = one('<circle r="10%"/>', 'viewBox="0 0 300 400"').min()
    assert top == pytest.approx(-0.1 * math.hypot(300, 400) / math.sqrt(2))
