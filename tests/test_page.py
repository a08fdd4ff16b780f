"""Drawings on a page, measured on the finished SVG, PNG and PDF."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import hex_color
from sketchrnn.figures.page import PENS, Page, Paper, length_mm, page_mm
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.sketch import Sketch

SVG = "{http://www.w3.org/2000/svg}"
INKSCAPE = "{http://www.inkscape.org/namespaces/inkscape}"
MM_OF = {"mm": 1.0, "in": 25.4, "px": 25.4 / 96}


def scribble(seed: int, scale: float = 1.0) -> Sketch:
    rng = np.random.default_rng(seed)
    lines = [rng.uniform(0, 100, (n, 2)) * (1, 0.6) * scale for n in (5, 3, 2, 4)]
    return Sketch.from_polylines(lines, f"kind {seed % 3}")


SCRIBBLES = [scribble(seed, 10.0 ** (seed % 4 - 1)) for seed in range(11)]


class Read:
    """A page as its SVG says it, in mm, read by nothing of the package."""

    def __init__(self, svg: str) -> None:
        root = ElementTree.fromstring(svg)
        assert root.tag == f"{SVG}svg"
        width, height = root.attrib["width"], root.attrib["height"]
        self.unit = width[-2:]
        self.size = [float(side[:-2]) * MM_OF[self.unit] for side in (width, height)]
        view = [float(number) for number in root.attrib["viewBox"].split()]
        assert view[:2] == [0, 0]
        self.user = self.size[0] / view[2]  # mm of a user unit
        assert self.size[1] / view[3] == pytest.approx(self.user)
        self.colors, self.pens, self.strokes, self.of = [], set(), [], []
        for number, layer in enumerate(root, start=1):
            assert layer.tag == f"{SVG}g"
            assert layer.attrib[f"{INKSCAPE}groupmode"] == "layer"
            assert layer.attrib["id"] == f"layer{number}"
            assert layer.attrib["fill"] == "none"
            self.colors.append(layer.attrib["stroke"])
            self.pens.add(float(layer.attrib["stroke-width"]) * self.user)
            for path in layer:
                assert path.tag == f"{SVG}path"
                assert set(path.attrib) == {"d"}
                data = path.attrib["d"]
                assert re.fullmatch(r"M[-\d.]+ [-\d.]+(L[-\d.]+ [-\d.]+)+", data)
                points = [[float(n) for n in pair.split()] for pair in re.split("[ML]", data)[1:]]
                self.strokes.append(np.array(points) * self.user)
                self.of.append(self.colors[-1])

    @property
    def bounds(self) -> np.ndarray:
        points = np.concatenate(self.strokes)
        return np.concatenate([points.min(axis=0), points.max(axis=0)])


def similarity(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The factor of the scaling and move that takes one to the other; checked that it does."""
    matrix = np.zeros((2 * len(theirs), 3))
    matrix[0::2, 0], matrix[1::2, 0] = theirs[:, 0], theirs[:, 1]
    matrix[0::2, 1], matrix[1::2, 2] = 1, 1
    found, *_ = np.linalg.lstsq(matrix, ours.ravel(), rcond=None)
    np.testing.assert_allclose((matrix @ found).reshape(-1, 2), ours, atol=0.002)
    return float(found[0])


PAPERS = {
    "a4": (Paper(), (210, 297), 10, 0.4),
    "landscape": (Paper("a5", landscape=True, margin="1cm"), (210, 148), 10, 0.4),
    "inches": (Paper("8.5x11in", units="in", margin=0.5), (215.9, 279.4), 12.7, 0.4),
    "pixels": (Paper("800x600px", units="px", margin="40"), (211.667, 158.75), 10.583, 0.4),
    "a thick pen": (Paper("200x100mm", margin=0, stroke_width="5mm"), (200, 100), 0, 5),
}


@pytest.mark.parametrize("name", PAPERS)
def test_the_page_and_what_is_on_it(name: str) -> None:
    paper, size, margin, pen = PAPERS[name]
    page = paper.place(SCRIBBLES)
    read = Read(page.to_svg())
    assert read.size == pytest.approx(size, abs=0.01)
    assert read.unit == paper.units
    assert list(read.pens) == [pytest.approx(pen, rel=1e-3)]
    # the ink, half a line's width included, touches the margins on two sides and crosses none
    left, top, right, bottom = read.bounds
    room = [left, top, size[0] - right, size[1] - bottom]
    assert min(room) == pytest.approx(margin + pen / 2, abs=0.005)
    assert room[0] == pytest.approx(room[2], abs=0.005)  # in the middle
    assert room[1] == pytest.approx(room[3], abs=0.005)
    # one path a stroke, in order, and each drawing is what it was
    counts = [len(sketch.polylines) for sketch in SCRIBBLES]
    assert len(read.strokes) == sum(counts)
    at = 0
    for sketch, count in zip(SCRIBBLES, counts, strict=True):
        ours = np.concatenate(read.strokes[at : at + count])
        assert similarity(ours, np.concatenate(sketch.polylines)) > 0
        at += count


def test_one_drawing_fills_the_page() -> None:
    read = Read(Paper("a4", margin="20mm").place([SCRIBBLES[0]]).to_svg())
    left, _, right, _ = read.bounds
    assert (left, right) == pytest.approx((20.2, 189.8), abs=0.002)


def test_a_sheet_keeps_its_layout_and_its_colours() -> None:
    a, b, c = SCRIBBLES[:3]
    sheet = SketchSheet([[a, None], [b, c]], colors=[["red", None], [None, ["#123456"] * 4]])
    read = Read(Paper().place_sheet(sheet).to_svg())
    assert read.colors == ["red", "#1f1f24", "#123456"]
    middles = [np.concatenate(read.strokes[i : i + 4]).mean(axis=0) for i in (0, 4, 8)]
    assert abs(middles[0][0] - middles[1][0]) < 15 < middles[2][0] - middles[1][0]
    assert abs(middles[1][1] - middles[2][1]) < 15 < middles[1][1] - middles[0][1]


def test_colours() -> None:
    assert Read(Paper(color="navy").place(SCRIBBLES).to_svg()).colors == ["#000080"]
    by_stroke = Read(Paper(color_by="stroke").place(SCRIBBLES).to_svg())
    assert by_stroke.colors == list(PENS[:4])
    assert by_stroke.of.count(PENS[1]) == len(SCRIBBLES)
    by_class = Read(Paper(color_by="class").place(SCRIBBLES).to_svg())
    assert by_class.colors == list(PENS[:3])
    assert by_class.of.count(PENS[2]) == 4 * sum(one.label == "kind 2" for one in SCRIBBLES)
    many = Sketch.from_polylines([[[i, 0], [i, 1]] for i in range(len(PENS) + 1)])
    assert len(Read(Paper(color_by="stroke").place([many]).to_svg()).colors) == len(PENS)


def gaps(strokes: list[np.ndarray]) -> float:
    return sum(float(np.linalg.norm(b[0] - a[-1])) for a, b in pairwise(strokes))


def key(stroke: np.ndarray) -> tuple[float, ...]:
    """The same for a stroke and the same stroke turned round."""
    return min(tuple(stroke.ravel()), tuple(stroke[::-1].ravel()))


def test_order_saves_travel_and_keeps_every_stroke() -> None:
    plain, ordered = Paper().place(SCRIBBLES), Paper(order=True).place(SCRIBBLES)
    before, after = Read(plain.to_svg()).strokes, Read(ordered.to_svg()).strokes
    assert sorted(map(key, before)) == sorted(map(key, after))
    assert gaps(after) < 0.75 * gaps(before)
    assert plain.travel_mm == pytest.approx(gaps(before), abs=0.1)
    assert ordered.travel_mm == pytest.approx(gaps(after), abs=0.1)


def test_order_is_within_each_colour() -> None:
    page = Paper(order=True, color_by="class").place(SCRIBBLES)
    read = Read(page.to_svg())
    plain = Read(Paper(color_by="class").place(SCRIBBLES).to_svg())
    for color in read.colors:
        ours = [key(s) for s, of in zip(read.strokes, read.of, strict=True) if of == color]
        theirs = [key(s) for s, of in zip(plain.strokes, plain.of, strict=True) if of == color]
        assert sorted(ours) == sorted(theirs)
    assert page.counts == (44, 3)


def test_a_dot_is_a_line_that_plotters_keep() -> None:
    dots = Sketch.from_polylines([[[0, 0], [10, 10]], [[5, 5]], [[2, 1], [2, 1]]])
    for paper in (Paper(), Paper(units="in"), Paper(units="px")):
        lengths = [
            float(np.hypot(*(s[-1] - s[0]))) for s in Read(paper.place([dots]).to_svg()).strokes
        ]
        assert lengths[1:] == pytest.approx([0.01, 0.01], abs=0.001)
    assert len(Read(Paper().place([Sketch.from_polylines([[[7, 7]]])]).to_svg()).strokes) == 1


def test_labels_are_drawn_only_if_asked() -> None:
    sheet = SketchSheet(
        [SCRIBBLES[:2]],
        title="T",
        captions=[["one", "two"]],
        framed=[[True, False]],
        operators=["+"],
        row_labels=["row"],
    )
    plain = Read(Paper().place_sheet(sheet).to_svg())
    assert (len(plain.strokes), len(plain.colors)) == (8, 1)
    labelled = Paper(labels=True).place_sheet(sheet)
    full = Read(labelled.to_svg())
    assert len(full.strokes) > 8 + len("T one two row")
    left, top, right, bottom = full.bounds
    assert min(left, top, 210 - right, 297 - bottom) == pytest.approx(10.2, abs=0.005)
    assert Read(Paper(labels=True, color="red").place_sheet(sheet).to_svg()).colors == ["#ff0000"]
    captions = Read(Paper(labels=True).place([SCRIBBLES[0]]).to_svg())
    assert len(captions.strokes) > 4


def test_the_frame_that_a_pen_draws_is_the_frame_of_the_sheet() -> None:
    sheet = SketchSheet([[SCRIBBLES[0]]], framed=[[True]])
    (frame,) = sheet.scene().marks
    rect = next(
        r for r in ElementTree.fromstring(sheet.to_svg()).iter(f"{SVG}rect") if r.get("class")
    )
    x, y, side, radius = (float(rect.attrib[name]) for name in ("x", "y", "width", "rx"))
    low, high = frame.points.min(axis=0), frame.points.max(axis=0)
    np.testing.assert_allclose([*low, *high], [x, y, x + side, y + side], atol=0.01)
    np.testing.assert_allclose(frame.points[0], frame.points[-1])
    # on the circle at each corner, or on a side
    for px, py in frame.points:
        cx = min(max(px, x + radius), x + side - radius)
        cy = min(max(py, y + radius), y + side - radius)
        assert np.hypot(px - cx, py - cy) == pytest.approx(radius, abs=0.01)
    steps = np.hypot(*np.diff(frame.points, axis=0).T)
    assert np.sort(steps)[-4:] == pytest.approx([side - 2 * radius] * 4, abs=0.01)


def test_png_has_the_shape_of_the_page(tmp_path: Path) -> None:
    Paper("100x50mm", margin="2mm").place(SCRIBBLES[:2]).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (round(100 / 25.4 * 200), round(50 / 25.4 * 200))


def pdf_lines(pdf: bytes) -> tuple[list[float], list[np.ndarray]]:
    """The page's box in points, and its lines from the top left in mm, by the PDF reference."""
    box = re.search(rb"/MediaBox \[([0-9. ]+)\]", pdf)
    assert box is not None
    size = [float(number) for number in box[1].split()]
    content = b"".join(
        zlib.decompress(part) for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.S)
        if part[:1] == b"x"
    )  # fmt: skip
    matrix, stack, lines, numbers = np.eye(3), [], [], []  # type: ignore[var-annotated]
    for word in content.split():
        if word == b"q":
            stack.append(matrix)
        elif word == b"Q":
            matrix = stack.pop()
        elif word == b"cm":
            a, b, c, d, e, f = numbers[-6:]
            matrix = np.array([[a, b, 0], [c, d, 0], [e, f, 1]]) @ matrix
        elif word in (b"m", b"l"):
            if word == b"m":
                lines.append([])
            lines[-1].append((np.array([*numbers[-2:], 1.0]) @ matrix)[:2])
        try:
            numbers.append(float(word))
        except ValueError:
            numbers.clear()
    mm = 25.4 / 72
    return size, [(np.array(line) * (1, -1) + (0, size[3])) * mm for line in lines]


@pytest.mark.parametrize("name", PAPERS)
def test_pdf_has_the_lines_of_the_svg(name: str) -> None:
    pytest.importorskip("fpdf")
    page = PAPERS[name][0].place(SCRIBBLES)
    read = Read(page.to_svg())
    size, lines = pdf_lines(page.to_pdf())
    assert [side * 25.4 / 72 for side in size[2:]] == pytest.approx(read.size, abs=0.01)
    assert len(lines) == len(read.strokes)
    for ours, theirs in zip(lines, read.strokes, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.01)
    # no time in it that would not be the same tomorrow, as in the PDF reference's dates
    assert re.findall(rb"\(D:(\d{8})", page.to_pdf()) == [b"20000101"]
    assert page.to_pdf() == page.to_pdf()


@pytest.mark.parametrize(
    ("text", "mm"),
    [
        *(("10mm", 10), ("1cm", 10), ("0.5in", 12.7), ("72pt", 25.4), ("96px", 25.4)),
        *(("7", 7), (" 3 MM", 3)),
    ],
)
def test_lengths(text: str, mm: float) -> None:
    assert length_mm(text) == pytest.approx(mm)
    assert length_mm("2", "in") == pytest.approx(50.8)


@pytest.mark.parametrize(
    ("text", "mm"),
    [
        ("A3", (297, 420)),
        ("letter", (215.9, 279.4)),
        ("200x100mm", (200, 100)),
        ("8.5in x 11in", (215.9, 279.4)),
        ("8.5x11in", (215.9, 279.4)),
        ("10cmx100mm", (100, 100)),
        ("960x96px", (254, 25.4)),
        ("960pxx96px", (254, 25.4)),
        ("210mmx297", (210, 297)),
        ("50×60", (50, 60)),
    ],
)
def test_pages(text: str, mm: tuple[float, float]) -> None:
    assert page_mm(text) == pytest.approx(mm)


def test_one_unit_of_a_page_is_of_both_sides_whatever_the_units() -> None:
    for text in ("210mmx297", "210x297mm", "210mmx297mm"):
        assert page_mm(text, "in") == pytest.approx((210, 297))
    assert page_mm("8.5x11", "in") == pytest.approx((215.9, 279.4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Paper("a9"), "page is 'a9'; give a0"),
        (lambda: Paper("200x"), "page is '200x'"),
        (lambda: Paper("nanxnan"), "page is"),
        (lambda: Paper("1e9x1e9"), "page is"),
        (lambda: Paper("4x400"), "its sides must be 5 mm to 10000 mm"),
        (lambda: Paper("20000x400"), "its sides must be"),
        (lambda: Paper(margin="105mm"), "margin is 105mm on a page of 210 x 297 mm"),
        (lambda: Paper(margin="ten"), "margin is 'ten'; give a number and its unit"),
        (lambda: Paper(margin="-3mm"), "margin is '-3mm'"),
        (lambda: Paper(margin=float("nan")), "margin is 'nan'"),
        (lambda: Paper(stroke_width=0), "stroke_width is 0"),
        (lambda: Paper(stroke_width="9miles"), "stroke_width is '9miles'"),
        (lambda: Paper(stroke_width="300mm"), "no room for lines of 300mm"),
        (lambda: Paper(units="m"), "units is 'm'; choose one of mm, in, px"),
        (lambda: Paper(color_by="mood"), "color_by is 'mood'"),
        (lambda: Paper(color="red", color_by="class"), "color is one for all lines"),
        (lambda: Paper(color="purpel"), "color is 'purpel'"),
        (lambda: Paper(color='red"/><script'), "color is"),
        (lambda: Paper().place([]), "at least one drawing"),
        (lambda: Paper().place([None]), "at least one drawing"),
        (lambda: Paper().place(SCRIBBLES, columns=0), "columns is 0"),
        (lambda: Paper().place(SCRIBBLES).save("a.json"), "a.json: unknown ending; save a page as"),
    ],
)
def test_bad_input_gets_one_line(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SketchRNNError, match=re.escape(message)) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("color", "written"),
    [
        ("navy", "#000080"),
        (" DarkSlateGrey", "#2f4f4f"),
        ("black", "#000000"),
        ("#abc", "#aabbcc"),
        ("#A1B2C3", "#a1b2c3"),
        ("rgb(1, 2, 255)", "#0102ff"),
        ("rgb(20%,30%,100%)", "#334dff"),  # 51, 76.5, 255
        ("RGB(0.4,99.6,0)", "#006400"),
    ],
)
def test_colours_of_css(color: str, written: str) -> None:
    assert hex_color(color) == written
    assert Paper(color=color).color == written


def test_a_colour_is_the_same_in_the_svg_the_png_and_the_pdf() -> None:
    pytest.importorskip("fpdf")
    box = Sketch.from_polylines([[[0, 0], [100, 100]]])
    page = Paper("a6", color="rgb(20%, 30%, 40%)", stroke_width="30mm").place([box])
    assert Read(page.to_svg()).colors == ["#334d66"]
    image = Image.open(io.BytesIO(page.to_png())).convert("RGB")
    assert image.getpixel((image.width // 2, image.height // 2)) == (0x33, 0x4D, 0x66)
    parts = re.findall(rb"stream\r?\n(x.*?)\r?\nendstream", page.to_pdf(), re.S)
    found = re.search(rb"(\S+) (\S+) (\S+) RG", b" ".join(map(zlib.decompress, parts)))
    assert found is not None
    assert [float(n) * 255 for n in found.groups()] == pytest.approx([51, 77, 102], abs=0.5)


@pytest.mark.parametrize(
    "color",
    [
        *("transparent", "none", "inherit", "currentcolor", "", "#", "#12", "#1234", "#12345678"),
        *("rgb(,,,,,)", "rgb(999,0,0)", "rgb(20%,30%,140%)", "rgb(20%,30,40%)", "rgb(1,2)"),
        *("rgb(1,2,-3)", "rgba(1,2,3,0)", "rgb(nan,nan,nan)", "rgb(1..2,0,0)", "url(#a)", "ſ"),
        *("#abc;", "navy\n\n#", "rgb(1e9,2,3)"),
    ],
)
def test_what_is_no_colour_is_refused_in_one_line(color: str) -> None:
    with pytest.raises(SketchRNNError, match=re.escape(f"color is {color!r}; give a CSS")) as error:
        Paper(color=color)
    assert "\n" not in str(error.value)


def test_every_format_of_a_page(tmp_path: Path) -> None:
    pytest.importorskip("fpdf")
    page: Page = Paper("a6", order=True).place(SCRIBBLES[:2])
    begin = {".svg": b"<svg", ".anim.svg": b"<svg", ".png": b"\x89PNG", ".pdf": b"%PDF"}
    begin |= {".gif": b"GIF89a", ".webp": b"RIFF"}
    for ending, first in begin.items():
        page.save(tmp_path / f"a{ending}", seconds=0.2)
        assert (tmp_path / f"a{ending}").read_bytes().startswith(first)
    gif = Image.open(io.BytesIO((tmp_path / "a.gif").read_bytes()))
    assert gif.height == pytest.approx(640, abs=2)
    assert repr(page) == "<Page: 2 drawings on 105 x 148 mm>"


def test_in_place_a_unit_is_a_millimetre() -> None:
    """Nothing is fitted: the points stand in the file as they are."""
    beginning = Sketch.from_polylines([[(20, 30), (60, 30.5)], [(60, 80), (61, 90)]], "a")
    page = Paper("a4", in_place=True).place([beginning, None, beginning.moved(5, 0)])
    drawn = [line.points.tolist() for lines in page.drawings for line in lines]
    assert drawn[:2] == [[[20, 30], [60, 30.5]], [[60, 80], [61, 90]]]
    assert drawn[2] == [[25, 30], [65, 30.5]]
    assert 'd="M20 30L60 30.5"' in page.to_svg()
    inches = Paper("letter", in_place=True, units="in").place([beginning.scaled(0.1)])
    np.testing.assert_allclose(inches.drawings[0][0].points, [[50.8, 76.2], [152.4, 77.47]])
    with pytest.raises(
        SketchRNNError, match=r"in place lies from \(20, 30\) to \(61, 90\) mm, beyond the"
    ):
        Paper("60x100mm", in_place=True).place([beginning])


def test_more_colours_than_pens_are_one() -> None:
    line = Sketch.from_polylines([[(0, 0), (9, 9)]])
    for count, layers in ((len(PENS), len(PENS)), (len(PENS) + 1, 1)):
        colors = [f"#0000{number:02x}" for number in range(count)]
        page = Paper().place_sheet(SketchSheet.grid([line] * count, colors=colors))
        assert len(page.layers) == layers


def test_layers_are_named_after_their_classes() -> None:
    sketches = [SCRIBBLES[number] for number in (0, 1, 3)]
    svg = Paper(color_by="class").place(sketches).to_svg()
    assert re.findall('inkscape:label="([^"]*)"', svg) == ["1 kind 0", "2 kind 1"]
    many = [Sketch(one.polylines, f"kind {number}") for number, one in enumerate(SCRIBBLES)]
    svg = Paper(color_by="class").place(many).to_svg()  # more classes than pens
    assert re.findall('inkscape:label="([^"]*)"', svg)[0] == "1 kind 0, kind 8"
    assert f'inkscape:label="1 {PENS[0]}"' in Paper().place(sketches).to_svg()
