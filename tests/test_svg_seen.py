"""What an SVG shows is what is read of it: styles, pages, colours, and drawings of our own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sketchrnn.data.formats.svg import parse
from sketchrnn.data.tables import counts_text
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.sketch import Sketch
from svg_words import STAYS, lines, one, same, svg


@pytest.mark.parametrize(
    "unseen",
    [
        '<path d="M0 0L9 9" fill="none"/>',
        '<path d="M0 0L9 9" style="fill: none; stroke: none"/>',
        '<g fill="none"><path d="M0 0L9 9"/></g>',
        '<g display="none"><path d="M0 0L9 9"/></g>',
        '<path d="M0 0L9 9" visibility="hidden"/>',
        "<style>.a, p.x {fill: none !important} /* .b {} */</style>"
        '<path class="b a" d="M0 0L9 9"/>',
        "<style>#z{display:none}</style><path id='z' d='M0 0L9 9'/>",
        '<rect width="100" height="100" fill="white"/>',
        '<rect x="-5" y="-5" width="200" height="200" fill="#123"/>',
        '<rect width="100%" height="100%" fill="#eee"/>',
        '<clipPath><path d="M0 0L9 9"/></clipPath><mask><rect width="3" height="3"/></mask>',
        '<defs><path d="M0 0L9 9"/></defs><marker><path d="M0 0L9 9"/></marker>',
        '<symbol><path d="M0 0L9 9"/></symbol><pattern><path d="M0 0L9 9"/></pattern>',
        '<linearGradient><stop/></linearGradient><filter><path d="M0 0L9 9"/></filter>',
        '<g opacity="0"><path d="M0 0L9 9" stroke="red"/></g>',
        '<path style="opacity:0.0" d="M0 0L1 1"/>',
        '<path d="M0 0L9 9" fill="none" stroke="red" stroke-opacity="0"/>',
        '<path d="M0 0L9 9" style="fill-opacity:0%;stroke:red;stroke-width:0px"/>',
        "<style>@import url(a.css); .a{fill:none}</style><path class='a' d='M0 0L9 9'/>",
        "<style>#z{fill:none} path{fill:red} .b{fill:red}</style>"
        "<path class='b' id='z' d='M0 0L9 9'/>",
        '<metadata><path d="M0 0L9 9"/></metadata><rect width="0" height="5"/><circle r="0"/>',
        '<x:path xmlns:x="urn:other" d="M0 0L9 9"/><unknown><path d="M0 0L9 9"/></unknown>',
    ],
)
def test_what_is_not_seen_is_not_read(unseen: str) -> None:
    same(lines(unseen + STAYS), [[(1, 1), (2, 2)]])
    with pytest.raises(SketchRNNError, match="SVG: has no line in it"):
        parse(svg(unseen))


@pytest.mark.parametrize(
    "paint",
    [
        *("var(--ink)", "var(--ink, none)", "color-mix(in srgb, red, blue)", "CanvasText"),
        *("light-dark(black, white)", "WindowText", "#000 icc-color(name, 0.1)", "currentColor"),
        *("url(#a) none", "context-stroke", "env(ink)"),
    ],
)
def test_paints_of_an_unknown_colour_are_seen(paint: str) -> None:
    path = f'<path d="M0 0L9 9" fill="none" stroke="{paint}"/>'
    assert len(lines(path + STAYS)) == 2
    style = f'<path d="M0 0L9 9" style="fill: none; stroke: {paint}"/>'
    assert len(lines(style + STAYS)) == 2


def test_dashes_of_no_length_are_none() -> None:
    path = '<path d="M0 0L9 9" stroke="red" stroke-dasharray="{}"/>'
    assert parse(svg(path.format("0, 0px"))).left_out == {}
    assert parse(svg(path.format("0 1"))).left_out == {"dash pattern": 1}


def test_what_is_seen_in_spite_of_it() -> None:
    body = '<g fill="none" visibility="hidden">{}</g>'
    path = '<path d="M0 0L9 9" stroke="red" visibility="visible"/>'
    assert len(lines(body.format(path))) == 1
    assert len(lines('<rect width="100" height="100" stroke="black" fill="none"/>')) == 1
    assert len(lines('<rect width="99" height="100"/>')) == 1
    assert len(lines('<path opacity="0.5" d="M0 0L9 9"/><path opacity=".10" d="M0 0L9 9"/>')) == 2
    media = "<style>@media print {.a {display:none} .b {fill:none}}</style>"
    assert len(lines(media + '<path class="a b" d="M0 0L9 9"/>')) == 1


def test_what_is_no_line_is_counted() -> None:
    drawing = parse(
        svg(
            '<text>a <tspan>b</tspan></text><text/><image href="http://example.org/a.png"/>'
            '<use href="other.svg#a"/><use href="#nowhere"/>' + STAYS
        )
    )
    assert drawing.left_out == {
        "text": 2,
        "image": 1,
        "reference to another file": 1,
        "reference to nothing": 1,
    }
    assert counts_text(drawing.left_out).startswith("2 texts, 1 image, ")
    with pytest.raises(SketchRNNError, match=r"no drawing \(left out: 1 text\)"):
        parse(svg("<text>a</text>"))


# Colours and pages -------------------------------------------------------------------------------

TRIANGLE = "M256 40L460 460H52z"
PAGE = 'viewBox="0 0 512 512"'


@pytest.mark.parametrize(
    "page",
    [
        '<rect width="512" height="512"/>',
        '<path d="M0 0h512v512H0z"/>',
        '<path d="M0 0h512v512H0z" fill="rgba(0, 0, 0, 0)"/>',  # as game-icons.net gives it
        '<polygon points="0,0 512,0 512,512 0,512" fill="navy"/>',
        '<rect x="-9" y="-9" width="700" height="700" fill="hsl(240 100% 20%)"/>',
        '<rect width="512" height="512" style="fill: url(#gradient)"/>',
        "",
    ],
)
def test_white_figures(page: str) -> None:
    """On a dark page, which is no figure, and on none at all."""
    figure = f'<path fill="rgba(255, 255, 255, 1)" d="{TRIANGLE}"/>'
    body = f'{page}<g transform="translate(0,0)">{figure}</g>'
    assert one(body, PAGE).tolist() == [[256, 40], [460, 460], [52, 460], [256, 40]]
    assert parse(svg(body, PAGE)).left_out == {}


@pytest.mark.parametrize(
    "page",
    [
        '<path fill="#ffe" d="M0 0h100v100H0z"/>',
        '<polygon fill="#ffe" points="0 0 0 100 100 100 100 0"/>',
        '<g transform="scale(100)"><rect width="1" height="1"/></g>',
    ],
)
def test_a_page_is_no_drawing(page: str) -> None:
    same(lines(page + '<path stroke="red" fill="none" d="M10 10L90 20"/>'), [[(10, 10), (90, 20)]])


def test_a_page_alone_is_said() -> None:
    with pytest.raises(
        SketchRNNError, match=r"no drawing \(left out: 1 shape that fills the page\)"
    ):
        parse(svg('<rect width="100" height="100"/>'))


def test_what_only_reaches_to_the_edges_is_no_page() -> None:
    """A circle, a frame, and a rectangle that is a little smaller."""
    assert len(one('<circle cx="50" cy="50" r="50"/>')) > 40
    assert len(lines('<path d="M0 0h100v100H0zM9 9v80h80V9z"/>')) == 2
    assert len(lines('<rect x="1" width="99" height="100"/>')) == 1
    assert len(lines('<rect width="100" height="100"/>', "")) == 1  # there is no page to fill


def test_what_has_the_colour_of_what_is_below_is_not_seen() -> None:
    dark = '<rect width="100" height="100" fill="#222"/>'
    path = '<path d="M10 10L90 20" fill="none" stroke="{}"/>'
    assert len(lines(dark + path.format("white") + path.format("#232323"))) == 1
    drawing = parse(svg(dark + path.format("white") + path.format("#222") * 2))
    assert counts_text(drawing.left_out) == "2 shapes of the page's colour"
    # white on white is not seen, but on something black it is, and so is the paper through a veil
    eye = '<circle cx="50" cy="50" r="20"/><circle cx="50" cy="50" r="5" fill="#fff"/>'
    assert len(lines(eye)) == 2
    drawing = parse(svg(f'{eye}<circle cx="9" cy="9" r="5" fill="#fff"/>'))
    assert counts_text(drawing.left_out) == "1 white shape without a line"
    assert len(lines(f'<rect width="9" height="9" fill="black" opacity="0.02"/>{STAYS}')) == 1


@pytest.mark.parametrize(
    "nothing",
    [
        *("transparent", "rgba(0,0,0,0)", "#0000", "#00000000", "None", "NONE", "rgb(0 0 0 / 0%)"),
        *("hsla(0, 0%, 0%, 0)", "hsl(0 0% 0% / 0)", "RGBA(1, 2, 3, 0.0)", " transparent "),
    ],
)
def test_colours_that_are_none(nothing: str) -> None:
    shapes = (
        f'<rect x="5" y="5" width="90" height="90" fill="{nothing}"/>'
        f'<circle cx="50" cy="50" r="45" fill="none" stroke="{nothing}"/>'
        f'<circle cx="50" cy="50" r="45" style="fill:{nothing};stroke:{nothing}"/>'
    )
    same(lines(shapes + STAYS), [[(1, 1), (2, 2)]])


@pytest.mark.parametrize(
    "something",
    ["url(#none-such) red", "currentColor", "lab(50% 20 20)", "context-fill", "inherit"],
)
def test_colours_that_are_some(something: str) -> None:
    assert len(lines(f'<g color="red"><path d="M0 0L9 9" fill="{something}"/></g>')) == 1


def test_what_is_no_colour_says_nothing() -> None:
    """As if it were not there: what is around counts, or the rule that counted less."""
    assert len(lines(f'<g fill="none"><path d="M0 0L9 9" fill="nonsense"/></g>{STAYS}')) == 1
    style = "<style>path {fill: none} path {fill: 12px}</style>"
    assert len(lines(f'{style}<path d="M0 0L9 9"/><circle r="3"/>')) == 1
    assert len(lines('<g color="white" fill="currentColor"><path d="M0 0L9 9"/></g>' + STAYS)) == 1


@pytest.mark.parametrize(
    "rule",
    [
        *("#guides path", "g > .x", ".x.y", '[class~="y"]', "g path.x", "path:not([stroke])"),
        *("#a.x, #zz", "g :is(.x, .z)", "g > path:first-child", "*|path.x", "#guides > [d^=M]"),
        *("path[id]", "svg g > path", "g *", "g :not(.ink)", "style + g", "style + g > path"),
    ],
)
def test_selectors(rule: str) -> None:
    rules = f"{rule} {{display: none}} .ink path {{fill: none; stroke: red}}"
    style = f"<style><![CDATA[ {rules} ]]></style>"
    hidden = '<g id="guides"><path id="a" class="x y" d="M0 0L9 9"/></g>'
    ink = '<a class="ink"><path stroke="red" d="M1 1L2 2"/></a>'
    same(lines(style + hidden + ink), [[(1, 1), (2, 2)]])


def test_which_rule_counts() -> None:
    """An important one, then the style attribute, then the more specific, then the later."""
    path = '<path id="a" class="b" d="M0 0L9 9"{}/>' + STAYS

    def count(rules: str, more: str = "") -> int:
        return len(lines(f"<style>{rules}</style>{path.format(more)}"))

    gone, there = "display:none", "display:inline"
    assert count(f".b {{{gone}}} g, path {{{there}}}") == 1
    assert count(f"path[id] {{{gone}}} path#a.b {{{there}}}") == 2
    assert count(f".b {{{gone}}} .b {{{there}}}") == 2
    assert count(f"#a {{{gone}}}", f' style="{there}"') == 2
    assert count(f".b {{{gone} !important}}", f' style="{there}"') == 1
    assert count(f".b {{{gone} !important}}", f' style="{there} ! important"') == 2
    assert count(f".b {{{gone}}}", ' display="inline"') == 1
    assert count(f"svg path.b {{{gone}}} #c {{{there}}}") == 1
    assert count(f".b {{{gone}; display: inline !important; {gone}}}") == 2


def test_shapes_by_style() -> None:
    """The geometry of SVG 2: what CSS says counts more than the attributes."""
    same(lines("<path style=\"d: path('M1 2L3 4')\" d='M0 0L9 9'/>"), [[(1, 2), (3, 4)]])
    line = one('<style>circle {r: 9px; cx: 50%}</style><circle cx="3" r="1"/>')
    np.testing.assert_allclose(line[0], (50, -9))


# Our own -----------------------------------------------------------------------------------------


@given(
    st.lists(
        st.lists(st.tuples(*(st.floats(0, 255, width=32),) * 2), min_size=1, max_size=9),
        min_size=1,
        max_size=5,
    )
)
@example([[(0.0, 0.0), (0.0, 1.2611686178923354e-44)]])
def test_any_drawing_of_our_own_comes_back(drawn: list[list[tuple[float, float]]]) -> None:
    """Within 0.01 unit of the box of 255."""
    sketch = Sketch.from_polylines(drawn)
    again = parse(sketch.to_svg()).sketch
    assert len(again.polylines) == len(sketch.polylines)
    for line, expected in zip(again.polylines, sketch.polylines, strict=True):
        # two points of which one cannot tell the other any more are a dot
        points = line if len(line) == len(expected) else np.repeat(line, 2, axis=0)
        np.testing.assert_allclose(points, expected, rtol=0, atol=0.01)


@pytest.mark.parametrize("unit", [1e-3, 1, 255, 1e5])
def test_our_own_drawings_come_back(unit: float, tmp_path: Path) -> None:
    """Within a 20,000th of their size, as they are written: 0.01 in a box of 255."""
    rng = np.random.default_rng(4)
    drawn = [unit * rng.uniform(-1, 0, size=(n, 2)) for n in (5, 1, 2, 30)]
    sketch = Sketch.from_polylines(drawn, "a <cat> & more")
    sketch.save(tmp_path / "a.svg")
    again = parse((tmp_path / "a.svg").read_bytes()).sketch
    assert again.label == sketch.label
    assert len(again.polylines) == len(sketch.polylines)
    for line, expected in zip(again.polylines, sketch.polylines, strict=True):
        np.testing.assert_allclose(line, expected, rtol=0, atol=unit / 20_000)


def test_a_sheet_of_one_drawing_is_one_drawing() -> None:
    sketch = Sketch.from_polylines([[[0, 0], [30, 10], [60, 60]]], "cat")
    options = {"title": "A title", "row_labels": ["a row"]}
    drawing = parse(SketchSheet([[sketch]], **options).to_svg()).sketch
    assert drawing.label == "cat"
    (line,) = drawing.fitted(60, 60).polylines
    np.testing.assert_allclose(line, sketch.polylines[0], atol=0.02)
    with pytest.raises(SketchRNNError, match=r"a\.svg: is a sheet of 2 drawings"):
        parse(SketchSheet([[sketch, sketch]], **options).to_svg(), "a.svg")
