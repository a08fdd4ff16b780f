"""Sheets of drawings and their letters, measured on the finished SVG and PNG."""

from __future__ import annotations

import io
import json
import re
import string
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sketchrnn.errors import SketchRNNError
from sketchrnn.figures import lettering
from sketchrnn.figures.png import svg_to_png
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.files import write_text
from sketchrnn.sketch import Sketch
from sketchrnn.svgtext import path_data

SVG = "{http://www.w3.org/2000/svg}"
Box = tuple[float, float, float, float]


def path_points(data: str) -> np.ndarray:
    """The points of absolute M/L path data, by a reader that shares nothing with the writer."""
    assert re.fullmatch(r"M[-\d. ]+(?:[ML][-\d. ]+)*", data), data
    return np.array([[float(n) for n in pair.split()] for pair in re.split("[ML]", data)[1:]])


def box_of(points: np.ndarray) -> Box:
    return (*points.min(axis=0), *points.max(axis=0))


class Page:
    """What stands where on a sheet, read from its SVG."""

    def __init__(self, svg: str) -> None:
        self.root = ElementTree.fromstring(svg)
        left, top, self.width, self.height = map(float, self.root.attrib["viewBox"].split())
        assert (left, top) == (0, 0)
        groups = [g for g in self.root.iter(f"{SVG}g") if g.get("class") == "sketch"]
        self.sketches = [
            [path_points(path.attrib["d"]) for path in group.iter(f"{SVG}path")] for group in groups
        ]
        self.colors = [group.attrib["stroke"] for group in groups]
        self.pens = {group.attrib["stroke-width"] for group in groups}
        self.boxes = [box_of(np.concatenate(lines)) for lines in self.sketches]
        paths = list(self.root.iter(f"{SVG}path"))
        # (what it says, where it stands with half its line width around)
        self.labels = [
            (path.attrib["aria-label"], box_of(path_points(path.attrib["d"])))
            for path in paths
            if path.get("class") == "label"
        ]
        self.rules = [path_points(p.attrib["d"]) for p in paths if p.get("class") == "rule"]
        self.operators = [
            (path.attrib["aria-label"], box_of(path_points(path.attrib["d"])))
            for path in paths
            if path.get("class") == "operator"
        ]
        self.frames: list[Box] = []
        for frame in self.root.iter(f"{SVG}rect"):
            if frame.get("class") == "frame":
                x, y, w, h = (float(frame.attrib[key]) for key in ("x", "y", "width", "height"))
                self.frames.append((x, y, x + w, y + h))


def overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def doodle(seed: int, scale: float = 1.0) -> Sketch:
    """A scribble of two or three strokes and a dot, of any proportions, anywhere."""
    rng = np.random.default_rng(seed)
    lines = [
        np.cumsum(rng.normal(size=(rng.integers(2, 30), 2)), axis=0) * rng.uniform(1, 60, 2)
        for _ in range(rng.integers(2, 4))
    ]
    place = rng.uniform(-500, 500, 2)
    return Sketch.from_polylines([*(line * scale + place for line in lines), [place]])


DOODLES = [doodle(seed) for seed in range(12)]
GRID = [DOODLES[i : i + 4] for i in (0, 4, 8)]


@pytest.mark.parametrize("cell", [40, 96, 250])
def test_each_sketch_fills_its_cell_and_stays_in_it(cell: float) -> None:
    page = Page(SketchSheet(GRID, cell=cell).to_svg())
    assert len(page.boxes) == 12
    boxes = np.array(page.boxes).reshape(3, 4, 4)
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    np.testing.assert_allclose(centres[..., 0], np.tile(centres[0, :, 0], (3, 1)), atol=0.02)
    np.testing.assert_allclose(centres[..., 1], np.tile(centres[:, :1, 1], (1, 4)), atol=0.02)
    assert (np.diff(centres[0, :, 0]) >= 1.1 * cell).all(), "white space between columns"
    assert (np.diff(centres[:, 0, 1]) >= 1.1 * cell).all(), "white space between rows"
    (pen,) = map(float, page.pens)
    sides = (boxes[..., 2:] - boxes[..., :2]).max(axis=-1)
    np.testing.assert_allclose(sides, cell - pen, atol=0.03)  # the pen too stays inside
    assert boxes[..., 0].min() > 0.2 * min(cell, 96)
    assert boxes[..., 2].max() < page.width - 0.2 * min(cell, 96)
    assert boxes[..., 3].max() < page.height - 0.2 * min(cell, 96)


def test_strokes_keep_their_order_and_their_form() -> None:
    page = Page(SketchSheet(GRID).to_svg())
    for drawn, sketch in zip(page.sketches, DOODLES, strict=True):
        assert len(drawn) == len(sketch.polylines)
        left, top, _, _ = sketch.bounds
        drawn_left, drawn_top, _, _ = box_of(np.concatenate(drawn))
        factor = (np.ptp(np.concatenate(drawn), axis=0) / sketch.size).mean()
        for points, line in zip(drawn, sketch.polylines, strict=True):
            if len(line) == 1:
                line = np.repeat(line, 2, axis=0)  # a dot
            expected = (line - (left, top)) * factor + (drawn_left, drawn_top)
            np.testing.assert_allclose(points, expected, atol=0.03)


def test_common_scale_keeps_relative_sizes() -> None:
    sketches = [DOODLES[0].scaled(factor) for factor in (1, 0.5, 0.1)]
    same = Page(SketchSheet([sketches], common_scale=True).to_svg())
    widths = [box[2] - box[0] for box in same.boxes]
    np.testing.assert_allclose(np.array(widths) / widths[0], [1, 0.5, 0.1], atol=0.001)
    assert len(same.pens) == 1
    fitted = Page(SketchSheet([sketches]).to_svg())
    assert np.ptp([box[2] - box[0] for box in fitted.boxes]) < 0.03
    assert fitted.pens == same.pens, "the line has one width, whatever the scale"


signs = st.sampled_from(["", "+", "-", "=", "+ (", ") =", "→"])
words = st.text(string.ascii_letters + string.digits + " _-./", max_size=60) | st.just("x" * 80)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_label_touches_another_one_or_a_drawing(data: st.DataObject) -> None:
    def some(count: int) -> list[str]:
        return data.draw(st.lists(words, min_size=count, max_size=count))

    rows = [DOODLES[:3], [DOODLES[3], None, DOODLES[4]]]
    page = Page(
        SketchSheet(
            rows,
            title=data.draw(words),
            row_labels=some(2),
            column_labels=some(3),
            captions=[some(3), some(3)],
            cell=data.draw(st.sampled_from([48, 96, 150])),
            input_columns=data.draw(st.integers(0, 3)),
            operators=data.draw(st.lists(signs, min_size=2, max_size=2) | st.none()),
            framed=data.draw(st.just([[True] * 3, [True, False, True]]) | st.none()),
        ).to_svg()
    )
    boxes = [box for _, box in page.labels + page.operators]
    boxes += page.frames + [box_of(rule) for rule in page.rules]
    for drawing in page.boxes:
        inside = [frame for frame in page.frames if overlap(drawing, frame)]
        assert len(inside) <= 1
        for left, top, right, bottom in inside:
            assert left < drawing[0] - 1
            assert top < drawing[1] - 1
            assert right > drawing[2] + 1
            assert bottom > drawing[3] + 1
        if not inside:
            boxes.append(drawing)
    for index, box in enumerate(boxes):
        assert box[0] > 10
        assert box[1] > 10
        assert box[2] < page.width - 10
        assert box[3] < page.height - 10
        for other in boxes[:index]:
            assert not overlap(box, other)


def test_labels_stand_where_they_belong() -> None:
    sheet = SketchSheet(
        GRID,
        title="Title",
        row_labels=["first", "second", "third"],
        column_labels=["a", "b", "c", "d"],
        captions=[[f"{r}{c}" for c in range(4)] for r in range(3)],
    )
    page = Page(sheet.to_svg())
    where = {text: np.reshape(box, (2, 2)).mean(axis=0) for text, box in page.labels}
    centres = np.array(page.boxes).reshape(3, 4, 2, 2).mean(axis=2)
    assert where["Title"][1] < where["a"][1]
    for c, name in enumerate("abcd"):
        assert where[name][0] == pytest.approx(centres[0, c, 0], abs=0.1)
        assert where[name][1] < centres[0, c, 1] - 48
    for r, name in enumerate(["first", "second", "third"]):
        assert where[name][1] == pytest.approx(centres[r, 0, 1], abs=4)
        assert where[name][0] < centres[r, 0, 0] - 48
        for c in range(4):
            x, y = where[f"{r}{c}"]
            assert x == pytest.approx(centres[r, c, 0], abs=1.2)  # a 1 is not symmetrical
            assert centres[r, c, 1] + 48 < y < centres[r, c, 1] + 70


def test_the_rule_parts_the_inputs_from_the_rest() -> None:
    (rule,) = Page(SketchSheet(GRID, input_columns=1).to_svg()).rules
    boxes = np.array(Page(SketchSheet(GRID, input_columns=1).to_svg()).boxes).reshape(3, 4, 4)
    assert np.ptp(rule[:, 0]) == 0
    assert boxes[:, 0, 2].max() < rule[0, 0] < boxes[:, 1:, 0].min()
    assert rule[0, 1] < boxes[..., 1].min() + 1
    assert rule[1, 1] > boxes[..., 3].max() - 1
    for columns in (0, 4):  # nothing to part
        assert Page(SketchSheet(GRID, input_columns=columns).to_svg()).rules == []


def test_colors_and_empty_cells() -> None:
    page = Page(
        SketchSheet([[DOODLES[0], None], [DOODLES[1]]], colors=[["red", None], [None]]).to_svg()
    )
    assert len(page.boxes) == 2
    assert page.colors[0] == "red"
    assert page.colors[1] == Page(SketchSheet([[DOODLES[1]]]).to_svg()).colors[0]
    assert page.boxes[0][0] < page.boxes[1][2], "both in the first column"
    assert page.width > 2 * 96


def test_one_color_a_stroke() -> None:
    first, second = (Sketch.from_polylines([[(0, 0), (1, 2)], [(3, 4)]]) for _ in range(2))
    svg = SketchSheet([[first, second]], colors=[[["red", '"<'], "blue"]]).to_svg()
    groups = [g for g in ElementTree.fromstring(svg).iter(f"{SVG}g") if g.get("class") == "sketch"]
    strokes = [[path.get("stroke") for path in g.iter(f"{SVG}path")] for g in groups]
    assert strokes == [["red", '"<'], [None, None]]
    assert groups[1].get("stroke") == "blue"
    one_by_one = SketchSheet.grid([first, second], 2, colors=[("red", '"<'), "blue"])
    assert one_by_one.to_svg() == svg


def test_operators_stand_in_the_middle_of_wider_gaps() -> None:
    plain = np.array(Page(SketchSheet(GRID).to_svg()).boxes).reshape(3, 4, 4)
    page = Page(SketchSheet(GRID, operators=["+", "", "="]).to_svg())
    boxes = np.array(page.boxes).reshape(3, 4, 4)
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    steps = np.diff(centres[0, :, 0])
    plain_step = np.diff((plain[0, :, 0] + plain[0, :, 2]) / 2)
    assert steps[0] > plain_step[0] + 10
    assert steps[1] == pytest.approx(plain_step[1], abs=0.02)
    assert [text for text, _ in page.operators] == ["+", "="] * 3
    for index, (_, box) in enumerate(page.operators):
        row, column = index // 2, (0, 2)[index % 2]
        middle = (centres[row, column] + centres[row, column + 1]) / 2
        assert (box[0] + box[2]) / 2 == pytest.approx(middle[0], abs=0.05)
        assert (box[1] + box[3]) / 2 == pytest.approx(centres[row, column, 1], abs=0.05)


def test_a_bracket_stands_close_to_its_drawing() -> None:
    page = Page(SketchSheet([GRID[0]], operators=["+ (", "-", ") ="]).to_svg())
    centres = [(box[0] + box[2]) / 2 for box in page.boxes]
    opening, minus, closing = (box for _, box in page.operators)
    left = opening[0] - (centres[0] + 48)  # plus, bracket, drawing
    right = (centres[1] - 48) - opening[2]
    assert 5 < right < 0.6 * left
    assert (centres[3] - 48) - closing[2] == pytest.approx(left, abs=0.05), "and the other way"
    assert closing[0] - (centres[2] + 48) == pytest.approx(right, abs=0.05)
    assert opening[3] - opening[1] > 40, "tall"
    plus = next(box for text, box in Page(SketchSheet([GRID[0]], operators=["+"] * 3).to_svg())
                .operators)  # fmt: skip
    assert minus[2] - minus[0] == pytest.approx(plus[2] - plus[0], abs=0.02)


def test_operators_only_between_drawings_and_instead_of_a_rule() -> None:
    a, b, c = DOODLES[:3]
    sheet = SketchSheet([[a, b, c], [a, None, c], [a]], operators=["+", "="])
    assert [text for text, _ in Page(sheet.to_svg()).operators] == ["+", "="]
    for columns, rules in ((1, 0), (2, 1)):
        page = Page(SketchSheet([[a, b, c]], operators=["+", ""], input_columns=columns).to_svg())
        assert len(page.rules) == rules


def test_frames_stand_around_their_cells() -> None:
    framed = [[column == row for column in range(4)] for row in range(3)]
    captions = [["g"] * 4] * 3
    page = Page(SketchSheet(GRID, framed=framed, captions=captions).to_svg())
    assert len(page.frames) == 3
    for row, frame in enumerate(page.frames):
        box = page.boxes[4 * row + row]
        for axis in (0, 1):
            assert frame[axis] + frame[axis + 2] == pytest.approx(
                box[axis] + box[axis + 2], abs=0.1
            )
            assert frame[axis + 2] - frame[axis] > 96 + 6
        caption = page.labels[4 * row + row][1]
        assert caption[1] > frame[3] + 3
    unframed = SketchSheet(GRID, framed=[[False] * 4] * 3, captions=captions)
    assert unframed.to_svg() == SketchSheet(GRID, captions=captions).to_svg()
    flat = [one for row in framed for one in row]
    assert len(Page(SketchSheet.grid(DOODLES, 4, framed=flat).to_svg()).frames) == 3


def test_a_grid_of_a_flat_list() -> None:
    page = Page(SketchSheet.grid(DOODLES, 5, captions=[str(i) for i in range(12)]).to_svg())
    centres = np.array(page.boxes).reshape(-1, 2, 2).mean(axis=1)
    assert len(np.unique(centres[:, 0].round())) == 5
    assert len(np.unique(centres[:, 1].round())) == 3
    assert [text for text, _ in page.labels] == [str(i) for i in range(12)]
    assert SketchSheet.grid(DOODLES[:9]).columns == 3
    assert SketchSheet.grid(DOODLES[:10]).columns == 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SketchSheet([]), "at least one drawing"),
        (lambda: SketchSheet([[], [None]]), "at least one drawing"),
        (lambda: SketchSheet.grid([]), "at least one drawing"),
        (lambda: SketchSheet(GRID, row_labels=["a"]), "1 row labels for 3 rows"),
        (lambda: SketchSheet(GRID, column_labels=["a"] * 5), "5 column labels for 4 columns"),
        (lambda: SketchSheet(GRID, captions=[["a"] * 4] * 2), "captions: rows of"),
        (lambda: SketchSheet(GRID, colors=[["red"] * 3] * 3), "colors: rows of"),
        (lambda: SketchSheet.grid(DOODLES, captions=["a"]), "1 captions for 12 drawings"),
        (lambda: SketchSheet.grid(DOODLES, 0), "columns is 0"),
        (lambda: SketchSheet.grid(DOODLES, framed=[True]), "1 framed for 12 drawings"),
        (lambda: SketchSheet(GRID, framed=[[True]]), "framed: rows of"),
        (lambda: SketchSheet(GRID, operators=["+"]), "1 operators for 3 gaps between columns"),
        (lambda: SketchSheet(GRID[:1], colors=[[["red"], None, None, None]]), "1 colors for"),
        (lambda: SketchSheet(GRID, cell=0), "cell is 0"),
        (lambda: SketchSheet(GRID, input_columns=5), "input_columns is 5"),
        (
            lambda: SketchSheet(GRID).save("sheet.bmp"),
            "sheet.bmp: unknown ending; save a sheet as .svg",
        ),
    ],
)
def test_bad_input_gets_one_line(make: object, message: str) -> None:
    with pytest.raises(SketchRNNError, match=message):
        make()


def test_json_holds_the_drawings_in_their_own_units(tmp_path: Path) -> None:
    SketchSheet(
        [[DOODLES[0], None], [DOODLES[1], DOODLES[2]]], title="T", row_labels=["a", "b"]
    ).save(tmp_path / "a.json")
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["title"] == "T"
    assert document["row_labels"] == ["a", "b"]
    assert "captions" not in document
    (first, none), (second, third) = document["rows"]
    assert none is None
    assert [Sketch.from_json(d) for d in (first, second, third)] == DOODLES[:3]


def test_files_and_notebook(tmp_path: Path) -> None:
    sheet = SketchSheet(GRID, title="T")
    sheet.save(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text() == sheet.to_svg() == sheet._repr_svg_()
    sheet.save(tmp_path / "a.png")
    width = round(2 * Page(sheet.to_svg()).width)
    png = (tmp_path / "a.png").read_bytes()
    assert brightness(png).shape[1] == width
    assert sheet.to_png() == png
    assert repr(sheet) == "<SketchSheet 'T': 3 rows, 4 columns>"


def test_a_failing_save_leaves_the_old_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "a.svg", "old")

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="disk full"):
        SketchSheet(GRID).save(tmp_path / "a.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]
    assert (tmp_path / "a.svg").read_text() == "old"


# PNG and letters


def brightness(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"))


def test_png_shows_drawings_and_labels_without_any_font() -> None:
    sheet = SketchSheet(
        GRID[:1], title="Title", row_labels=["row"], column_labels=["a", "b", "c", "d"]
    )
    svg = sheet.to_svg()
    assert "<text" not in svg
    assert "font" not in svg
    page = Page(svg)
    pixels = brightness(sheet.to_png(1200))
    unit = 1200 / page.width
    assert pixels.shape == (pytest.approx(page.height * unit, abs=1), 1200)
    assert pixels[0].min() == pixels[:, 0].min() == 255, "white paper up to the edge"
    marked = np.zeros(pixels.shape, bool)  # type: ignore[type-var]
    for _, (left, top, right, bottom) in [*page.labels, *((None, box) for box in page.boxes)]:
        area = np.s_[
            int((top - 2) * unit) : int((bottom + 2) * unit) + 1,
            int((left - 2) * unit) : int((right + 2) * unit) + 1,
        ]
        assert pixels[area].min() < 150
        marked[area] = True
    assert (pixels[~marked] == 255).all(), "nothing else is drawn"


def test_png_width_is_checked() -> None:
    for width in (0, -1, 10**6):
        with pytest.raises(SketchRNNError, match="px wide"):
            SketchSheet(GRID).to_png(width)
    with pytest.raises(SketchRNNError, match="cannot draw this SVG"):
        svg_to_png("no svg at all", 100)


def letters(text: str, x: float, baseline: float, size: float, anchor: float = 0.0) -> str:
    """SVG path data of a line of text."""
    return "".join(map(path_data, lettering.text_strokes(text, x, baseline, size, anchor)))


def test_every_ascii_character_has_a_glyph_of_its_own() -> None:
    box = letters("字", 0, 0, 12)
    drawn = {c: letters(c, 0, 0, 12) for c in map(chr, range(33, 127))}
    assert len(set(drawn.values())) == len(drawn)
    assert box not in drawn.values()
    for character, data in drawn.items():
        left, top, right, bottom = box_of(path_points(data))
        assert 0 <= left <= right <= lettering.text_width(character, 12), character
        assert -12 <= top < bottom <= 4 or character in "-_", character
    assert letters(" ", 0, 0, 12) == ""


def test_letters_scale_and_anchor() -> None:
    width = lettering.text_width("Drawing", 12)
    assert lettering.text_width("Drawing", 6) == pytest.approx(width / 2)
    assert lettering.text_width("", 12) == 0
    left = path_points(letters("Drawing", 10, 20, 12))
    middle = path_points(letters("Drawing", 10, 20, 12, 0.5))
    right = path_points(letters("Drawing", 10, 20, 12, 1))
    np.testing.assert_allclose(left[:, 0] - width / 2, middle[:, 0], atol=0.02)
    np.testing.assert_allclose(left[:, 0] - width, right[:, 0], atol=0.02)
    assert left[:, 1].min() == 8, "capitals are 12 high over the baseline at 20"


def test_letters_for_accents_and_quotes() -> None:
    assert letters("é“x”", 0, 0, 8) == letters('e"x"', 0, 0, 8)


def test_a_quadratic_curve_of_a_glyph_by_hand() -> None:
    # "c" begins 6g 5E 0E: from (6, 6) by control (5, 4) to the middle (2.5, 4).
    points = path_points(letters("c", 0, 12, 12))
    t = np.linspace(0, 1, lettering.CURVE_STEPS + 1)[:, None]
    start, control, end = np.array([6, 6]), np.array([5, 4]), np.array([2.5, 4])
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end
    np.testing.assert_allclose(points[: len(t)], curve, atol=0.006)


@settings(deadline=None)
@given(st.text(string.ascii_letters + " _-/.", max_size=80), st.floats(20, 200))
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: float) -> None:
    lines = lettering.wrap(text, width, 7)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(line == line.strip() != "" for line in lines)
    assert all(lettering.text_width(line, 7) <= width for line in lines)


def test_wrap_prefers_spaces_then_joints_of_names() -> None:
    lines = lettering.wrap("the power_outlet of L_R -0.21", 60, 7)
    assert lines == ["the power_", "outlet of", "L_R -0.21"]
    assert lettering.wrap("unbreakable", 30, 7)[0] in "unbreakable"
    assert lettering.wrap("", 30, 7) == []
