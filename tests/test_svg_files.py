"""SVG files as programs and icon sets write them: what a browser shows is what is read."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sketchrnn.data.formats import records
from sketchrnn.data.formats.svg import parse
from sketchrnn.data.formats.svg_curves import FLATNESS
from sketchrnn.data.tables import counts_text
from sketchrnn.errors import SketchRNNError
from svg_words import lines, one, same, svg

LINE = '<path d="M10 10L90 20"/>'
INK = 'fill="none" stroke="#000"'
AT_LINE = [(10.0, 10.0), (90.0, 20.0)]


def left_out(body: str, attributes: str = 'viewBox="0 0 100 100"') -> str:
    return counts_text(parse(svg(body, attributes)).left_out)


# Documents ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        # KanjiVG: attributes that a DOCTYPE declares, and a prefix that only it declares
        '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.0//EN" "svg10.dtd" [<!ATTLIST g xmlns:kvg CDATA'
        ' #FIXED "http://kanjivg.tagaini.net" kvg:element CDATA #IMPLIED>]>'
        f'<svg xmlns="http://www.w3.org/2000/svg"><g kvg:element="x" {INK}>{LINE}</g></svg>',
        # a notation, and a default that would hide the line if it were taken
        '<!DOCTYPE svg [<!NOTATION gif SYSTEM "viewer"><!ELEMENT svg ANY>'
        f'<!ATTLIST path display CDATA "none">]><svg>{LINE}</svg>',
        # Illustrator: styles and namespaces as entities
        '<!DOCTYPE svg [<!ENTITY ns_svg "http://www.w3.org/2000/svg"><!ENTITY st0 "fill:none;'
        'stroke:#000">]><svg xmlns="&ns_svg;"><path style="&st0;" d="M10 10L90 20"/></svg>',
        # no DOCTYPE, and prefixes that nothing declares
        f'<svg inkscape:version="1" xmlns="http://www.w3.org/2000/svg"><sodipodi:namedview/>{LINE}'
        "</svg>",
        '<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:path d="M10 10L90 20"/></s:svg>',
        f'<svg><defs><g id="a">{LINE}</g></defs><use xlink:href="#a"/></svg>',
    ],
)
def test_a_doctype_and_prefixes(document: str) -> None:
    same(list(parse(document).sketch.polylines), [AT_LINE])


def test_svgz(tmp_path: Path) -> None:
    """Compressed, by itself and in a folder; whatever its ending, as long as it is whole."""
    data = gzip.compress(svg(LINE).encode())
    same(list(parse(data).sketch.polylines), [AT_LINE])
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.svgz").write_bytes(data)
    (folder / "b.svg").write_bytes(data)
    (record, other) = records(folder)
    assert (record.label, other.label) == ("mine", "mine")
    same(list(record.polylines), [AT_LINE])
    with pytest.raises(SketchRNNError, match="not a whole gzip file"):
        parse(data[:-9])
    bomb = gzip.compress(b"<svg>" + b" " * (64 << 20))
    with pytest.raises(SketchRNNError, match="larger than 16 MiB"):
        parse(bomb)


# Mistakes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "drawn"),
    [
        ('<path d="M NaN,NaN L NaN,NaN"/>', []),
        ('<path d="MZ"/>', []),
        *((f'<path d="{data}"/>', []) for data in ("L1 1", "c1 1 2 2 3 3", "q1 1 2 2", "s1 1 2 2")),
        ('<path d="t1 1"/>', []),
        ('<path d="M1 2L3 4 5 6 7"/>', [[(1, 2), (3, 4), (5, 6)]]),
        ('<path d="M1 2L3 4 l5,"/>', [[(1, 2), (3, 4)]]),
        ('<path d="M1 2L3 4 # L5 6"/>', [[(1, 2), (3, 4)]]),
        ('<path d="M1 2L3 4A5 5 0 2 0 9 9L5 6"/>', [[(1, 2), (3, 4)]]),
        ('<path d="M1 2L3 4z 5"/>', [[(1, 2), (3, 4), (1, 2)]]),
        ('<polyline points="1,2 3,4 5"/>', [[(1, 2), (3, 4)]]),
        ('<polygon points="1,2 3,4 5,6 x"/>', [[(1, 2), (3, 4), (5, 6), (1, 2)]]),
        ('<rect width="-1" height="3"/>', []),
        ('<circle r="wide"/>', []),
        ('<ellipse rx="-1" ry="2"/>', []),
    ],
)
def test_an_element_is_drawn_up_to_its_mistake(
    bad: str, drawn: list[list[tuple[float, float]]]
) -> None:
    """And the mistake is counted; the others are drawn (SVG 1.1, F.2)."""
    body = f'<g stroke="red">{bad}{LINE}</g>'
    same(lines(body), [*drawn, AT_LINE])
    assert left_out(body) == "1 bad element"


def test_a_transform_with_a_mistake_is_passed_over_and_counted() -> None:
    for text in ("rotate(a)", "scale(1,2,3)", "scale(2", "rotate3d(1,0,0,4)", "x", "scale(1) 2"):
        body = f'<g transform="{text}">{LINE}</g>'
        same(lines(body), [AT_LINE])
        assert left_out(body) == "1 transform that cannot be read"
    same(lines(f'<g transform="none">{LINE}</g><g transform=" ">{LINE}</g>'), [AT_LINE] * 2)


def test_one_bad_file_does_not_end_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text('<svg viewBox="0 0 9 9"><path d="L1 1" stroke="red"/></svg>')
    (tmp_path / "b.svg").write_text(svg(LINE))
    skipped: list[str] = []
    (record,) = records(tmp_path, skip=lambda one: skipped.append(str(one)))
    same(list(record.polylines), [AT_LINE])
    assert len(skipped) == 1
    assert skipped[0].endswith(
        "a.svg: has no line in it, so it is no drawing (left out: 1 bad element)"
    )


# Sizes and arcs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["2rem", "24PX", "calc(1px + 2em)", "50vw", "", "auto", "huge"])
def test_the_size_of_the_page_is_not_needed_beside_a_viewbox(size: str) -> None:
    body = f'<path d="M4 12h16M12 4v16" {INK}/>'
    attributes = f'viewBox="0 0 24 24" width="{size}" height="{size}"'
    same(lines(body, attributes), [[(4, 12), (20, 12)], [(12, 4), (12, 20)]])
    assert left_out(body, attributes) == ""


def test_units() -> None:
    for text, px in (("1rem", 16), ("2EM", 32), ("1pc", 16), ("10Q", 9.448819), ("3ex", 24)):
        assert one(f'<line x2="{text}" stroke="red"/>')[1, 0] == pytest.approx(px)


@pytest.mark.parametrize("radius", [90.0, 9000.0, 1e7, 1e12])
def test_an_arc_of_huge_radius_coarsens_nothing(radius: float) -> None:
    """SVGO writes them. Both circles are as fine as they would be without the arc."""
    circle = '<path d="M4 12a8 8 0 1 1 16 0a8 8 0 1 1 -16 0"/>'
    round_one, arc = lines(
        f'<g {INK}>{circle}<path d="M4 22a{radius} {radius} 0 0 0 16 0"/></g>',
        'viewBox="0 0 24 24"',
    )
    between = (round_one[1:] + round_one[:-1]) / 2 - (12, 12)
    assert 8 - np.hypot(*between.T).min() < FLATNESS * 18.8
    assert len(round_one) < 100
    sagitta = radius - math.sqrt(radius**2 - 64)
    assert arc[:, 1].max() == pytest.approx(22 + sagitta, abs=2 * FLATNESS * 16)


def test_a_line_of_no_length_is_seen_only_with_a_cap() -> None:
    """SVG 1.1, 11.4; ours have round ones."""
    for data in ("M45,92 Z", "M45 92L45 92", "M45 92l0 0 0 0z"):
        for cap, count in (("butt", 0), ("round", 1), ("square", 1)):
            body = f'<g {INK}><path d="{data}" stroke-linecap="{cap}"/>{LINE}</g>'
            assert len(lines(body)) == 1 + count, (data, cap)
    assert len(lines(f'<path d="M45 92L45 92" stroke-linecap="round"/>{LINE}')) == 1


# Transforms --------------------------------------------------------------------------------------

HALF = math.sqrt(0.5)


def turned(degrees: float, x: float = 0, y: float = 0) -> npt.NDArray[np.float64]:
    """A rotation about a point."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array(
        [[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y], [0, 0, 1]]
    )


def shifted(x: float, y: float) -> npt.NDArray[np.float64]:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=float)


@pytest.mark.parametrize(
    ("attributes", "matrix"),
    [
        ('style="transform: translate(50px, 40px) rotate(10deg)"', shifted(50, 40) @ turned(10)),
        ('style="transform: translateX(10%) rotate(0.25turn)"', shifted(20, 0) @ turned(90)),
        ('style="transform: translateY(1in) scaleY(2)"', shifted(0, 96) @ np.diag([1, 2, 1])),
        ('style="transform: rotate(1.5707963267948966rad)"', turned(90)),
        ('style="transform: scale(2) SKEWX(45deg)"', np.array([[2, 2, 0], [0, 2, 0], [0, 0, 1]])),
        ('style="transform: scale(200%, 3)"', np.diag([2, 3, 1])),
        ('transform="rotate(9)" style="transform: none"', np.eye(3)),
        ('transform="rotate(-25)" transform-origin="125 70"', turned(-25, 125, 70)),
        ('transform="rotate(30)" style="transform-origin: 75px 70px"', turned(30, 75, 70)),
        ('transform="rotate(30)" transform-origin="50%"', turned(30, 100, 50)),
        ('transform="rotate(30)" transform-origin="top right 3px"', turned(30, 200, 0)),
        ('transform="rotate(30)" transform-origin="bottom"', turned(30, 100, 100)),
        # the box around the path: 50 50 to 110 70
        (
            'transform="rotate(90)" style="transform-box: fill-box; transform-origin: 50% 50%"',
            turned(90, 80, 60),
        ),
        (
            'transform="rotate(90)" style="transform-box: fill-box; transform-origin: right"',
            turned(90, 110, 60),
        ),
        ('transform="rotate(90)" style="transform-box: fill-box"', turned(90, 50, 50)),
        (
            'style="transform-box: fill-box; transform: translate(50%, -100%)"',
            shifted(30, -20),
        ),
    ],
)
def test_transforms_as_css_has_them(attributes: str, matrix: npt.NDArray[np.float64]) -> None:
    """Of the path, and of a group around it (CSS Transforms 1, sections 5 to 7 and 12)."""
    points = np.array([[50, 50, 1], [110, 50, 1], [110, 70, 1]]) @ matrix.T
    view = 'viewBox="0 0 200 100"'
    for body in (
        f'<path d="M50 50h60v20" {INK} {attributes}/>',
        f'<g {attributes}><path d="M50 50h60v20" {INK}/></g>',
    ):
        np.testing.assert_allclose(one(body, view), points[:, :2], atol=1e-9)


def test_the_box_of_a_curve_is_that_of_what_it_draws() -> None:
    """Not of its control points: the top of this arch is at 25, a quarter less than they are."""
    body = (
        f'<path d="M0 100C0 0 100 0 100 100" {INK} transform="scale(1 -1)"'
        ' style="transform-box: fill-box; transform-origin: 0 100%"/>'
    )
    assert one(body)[:, 1].max() == pytest.approx(175, abs=0.02)
    body = body.replace("M0 100C0 0 100 0 100 100", "M0 100A50 30 0 0 1 100 100")
    assert one(body)[:, 1].max() == pytest.approx(130, abs=0.02)
    body = body.replace("fill-box", "stroke-box")
    assert left_out(body) == "1 transform-box of stroke-box"


# What is said and not done -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<g clip-path="url(#a)" style="mask: url(#b)">{}</g>', "1 clip, 1 mask"),
        ('<g filter="url(#a)">{0}{0}</g>', "1 filter"),
        ('<g fill="none" stroke="red" stroke-dasharray="3 4">{0}{0}</g>', "2 dash patterns"),
        ('<g stroke-dasharray="3 4">{}</g>', ""),  # without a line it has none
        ('<g stroke="red" style="marker:url(#a)">{}</g>', "3 markers"),
        ('<g style="rotate: 4deg">{}</g>', "1 single CSS transform"),
        ("{}<path d='M0 0L9 9'><animate attributeName='d'/></path>", "1 animation"),
        (
            "<style>@keyframes a {{from {{fill:red}}}} g {{animation: a 1s}}</style><g>{}</g>",
            "1 animation",
        ),
        ("{}<script>document.title</script>", "1 script"),
        (
            "<style>@import 'a.css'; @supports (a:b) {{g {{x:y}}}}</style>{}",
            "1 reference to another file, 1 @supports rule",
        ),
        ("<style>@media (min-width: 3px) {{g {{fill:red}}}}</style>{}", "1 @media rule"),
        (
            "<style>@media print {{path {{display:none}}}} @font-face {{font-family:a}}</style>{}",
            "",
        ),
        (
            "<style>a ~ b {{fill:red}} a:has(b) {{fill:red}} :::x {{fill:red}}</style>{}",
            "3 style rules",
        ),
        ("<svg width='wide' height='9'>{}</svg>", "1 length that cannot be read"),
    ],
)
def test_what_is_not_done_is_counted(body: str, said: str) -> None:
    assert left_out(body.format(LINE)) == said
    assert len(lines(body.format(LINE))) >= 1


# The files of a folder of cases ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("alpha-zero", 1),
        ("bad-element", 2),
        ("css-descendant", 1),
        ("css-transform", 2),
        ("doctype-attlist", 1),
        ("entity-styles", 1),
        ("huge-arc", 2),
        ("normal-arc", 2),
        ("path-background", 1),
        ("root-rem", 2),
        ("root-upper-px", 2),
        ("spiral-2999-pieces", 2999),
        ("stray-dot", 1),
        ("transform-box", 1),
        ("transform-origin", 4),
        ("white-on-dark-downloaded", 1),
        ("white-on-dark-rect", 1),
    ],
)
def test_the_cases(shared: Path, name: str, count: int) -> None:
    drawing = parse((shared / "cases" / f"{name}.svg").read_bytes())
    assert len(drawing.sketch.polylines) == count
