"""Sketch: the formats it goes to and comes from, its geometry, its pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sketchrnn import strokes
from sketchrnn.errors import SketchRNNError
from sketchrnn.sketch import Sketch
from sketchrnn.svgtext import number, path_data, xml_text

SVG = "{http://www.w3.org/2000/svg}"

relaxed = settings(deadline=None)  # a busy machine is no failure

# Whole numbers: sums and differences of them are exact, so round trips must be exact too.
points = st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000))
polylines = st.lists(st.lists(points, min_size=1, max_size=12), min_size=1, max_size=6)
labels = st.none() | st.text(max_size=20)

HOUSE = Sketch.from_polylines(
    [[[0, 40], [0, 100], [80, 100], [80, 40]], [[0, 40], [40, 0], [80, 40]], [[30, 70]]], "house"
)


def lines_of(sketch: Sketch) -> list[list[list[float]]]:
    return [line.tolist() for line in sketch.polylines]


def path_points(data: str) -> np.ndarray:
    """The points of absolute M/L path data, by a reader that shares nothing with the writer."""
    assert re.fullmatch(r"M[-\d. ]+(L[-\d. ]+)*", data)
    return np.array([[float(n) for n in pair.split()] for pair in re.split("[ML]", data)[1:]])


def svg_points(svg: str) -> list[np.ndarray]:
    return [
        path_points(path.attrib["d"]) for path in ElementTree.fromstring(svg).iter(f"{SVG}path")
    ]


def brightness(png: Path) -> np.ndarray:
    with Image.open(png) as image:
        return np.asarray(image.convert("L"))


@relaxed
@given(polylines, labels)
def test_polylines_come_back(lines: list, label: str | None) -> None:
    sketch = Sketch.from_polylines(lines, label)
    assert lines_of(sketch) == [[list(point) for point in line] for line in lines]
    assert sketch.label == label
    assert sketch.point_count == sum(map(len, lines))
    assert sketch.start == lines[0][0]


@relaxed
@given(polylines, labels)
def test_json_comes_back(lines: list, label: str | None) -> None:
    sketch = Sketch.from_polylines(lines, label)
    again = Sketch.from_json(json.loads(json.dumps(sketch.to_json())))
    assert again == sketch
    assert hash(again) == hash(sketch)


@relaxed
@given(polylines)
def test_stroke3_comes_back(lines: list) -> None:
    lines[0] = lines[0] * (2 if len(lines[0]) == 1 else 1)  # a dot first counts as two points
    sketch = Sketch.from_polylines(lines)
    assert Sketch.from_stroke3(sketch.to_stroke3(), sketch.start) == sketch


@relaxed
@given(polylines, st.integers(0, 5))
def test_stroke5_comes_back(lines: list, padding: int) -> None:
    lines[0] = lines[0] * (2 if len(lines[0]) == 1 else 1)
    sketch = Sketch.from_polylines(lines)
    N_max = sketch.point_count - 1 + padding
    array = sketch.to_stroke5(N_max)
    assert array.shape == (N_max, 5)
    assert Sketch.from_stroke5(array, sketch.start) == sketch


def test_stroke3_by_hand() -> None:
    sketch = Sketch.from_stroke3([[3, 0, 0], [0, 4, 1], [5, 5, 0], [1, 0, 1]], start=(10, 20))
    assert lines_of(sketch) == [[[10, 20], [13, 20], [13, 24]], [[18, 29], [19, 29]]]
    assert sketch.bounds == (10, 20, 19, 29)
    assert sketch.size == (9, 9)


def test_a_dot_first_counts_as_two_points() -> None:
    rows = Sketch.from_polylines([[[5, 5]], [[6, 6], [7, 7]]]).to_stroke3()
    assert rows.tolist() == [[0, 0, 1], [1, 1, 0], [1, 1, 1]]


def test_a_sketch_too_long_for_N_max_is_refused() -> None:
    with pytest.raises(SketchRNNError, match="7 points but N_max is 6"):
        HOUSE.to_stroke5(6)


def test_scaled_and_moved() -> None:
    assert HOUSE.scaled(0.5).bounds == (0, 0, 40, 50)
    assert HOUSE.moved(-10, 5).bounds == (-10, 5, 70, 105)
    assert HOUSE.bounds == (0, 0, 80, 100), "the original stays as it was"
    assert HOUSE.scaled(2).label == HOUSE.moved(1, 1).label == "house"


@relaxed
@given(polylines, st.floats(1, 1e4), st.floats(1, 1e4))
def test_fitted_touches_the_box_and_is_centred(lines: list, width: float, height: float) -> None:
    sketch = Sketch.from_polylines(lines)
    left, top, right, bottom = sketch.fitted(width, height).bounds
    near = 1e-9 * max(width, height) + 1e-6
    assert (left + right) / 2 == pytest.approx(width / 2, abs=near)
    assert (top + bottom) / 2 == pytest.approx(height / 2, abs=near)
    assert right - left <= width + near
    assert bottom - top <= height + near
    if max(sketch.size) > 0:
        assert right - left >= width - near or bottom - top >= height - near


def test_it_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        HOUSE.polylines[0][0] = 7
    source = np.zeros((2, 2))
    sketch = Sketch.from_polylines([source])
    source[0] = 9
    assert sketch.start == (0, 0), "it holds a copy"


def test_equality() -> None:
    same = Sketch.from_json(HOUSE.to_json())
    assert same == HOUSE
    assert same != HOUSE.moved(1, 0)
    assert same != Sketch(HOUSE.polylines, "hut")
    assert HOUSE != "house"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sketch.from_polylines([]), "at least one stroke"),
        (lambda: Sketch.from_polylines([[[0, 0]], []]), "stroke 1 must be points"),
        (lambda: Sketch.from_polylines([[[0, 0], [1]]]), "array of points"),
        (lambda: Sketch.from_polylines([[["a", "b"]]]), "array of points"),
        (lambda: Sketch.from_polylines([[[0, 0, 0]]]), "stroke 0 must be points"),
        (lambda: Sketch.from_polylines([[[0, np.nan]]]), "stroke 0 .* not a finite"),
        (lambda: Sketch.from_stroke3([[1, 1, 2]]), "row 0 has pen 2"),
        (lambda: Sketch.from_stroke3([[1, 1, 1]], start=(0, np.inf)), "start"),
        (lambda: Sketch.from_stroke3([[1, 1, 1]], start=(0, 0, 0)), "start"),
        (lambda: Sketch.from_stroke5([[0, 0, 0, 0, 1]]), "ends before its first point"),
        (lambda: Sketch.from_json({}), "a drawing in JSON is"),
        (lambda: Sketch.from_json([[[0, 0]]]), "a drawing in JSON is"),
        (lambda: Sketch.from_json({"strokes": [{"points": "ab"}]}), "a drawing in JSON is"),
        (lambda: HOUSE.scaled(np.inf), "cannot scale"),
        (lambda: HOUSE.moved(0, np.nan), "cannot move"),
        (lambda: HOUSE.fitted(0, 10), "cannot fit"),
        (lambda: HOUSE.save("house.bmp"), "house.bmp: unknown ending"),
    ],
)
def test_bad_input_gets_one_line(make: object, message: str) -> None:
    with pytest.raises(SketchRNNError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_svg_keeps_strokes_order_and_label() -> None:
    svg = Sketch(HOUSE.polylines, 'cat & <pig> "house"').to_svg()
    root = ElementTree.fromstring(svg)
    assert root.findtext(f"{SVG}title") == 'cat & <pig> "house"'
    drawn = svg_points(svg)
    assert len(drawn) == 3
    np.testing.assert_array_equal(drawn[0], HOUSE.polylines[0])
    np.testing.assert_array_equal(drawn[1], HOUSE.polylines[1])
    np.testing.assert_array_equal(drawn[2], [[30, 70], [30, 70]])  # a dot, drawn by its round caps


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1.0, 255.0, 1e6])
@pytest.mark.parametrize("place", [0.0, 1.0])
def test_svg_is_precise_for_tiny_and_huge_drawings(size: float, place: float) -> None:
    rng = np.random.default_rng(0)
    line = (rng.random((50, 2)) + place) * size
    svg = Sketch.from_polylines([line]).to_svg()
    assert not re.search(r"\de[-+]?\d", svg), "no number in exponent form"
    np.testing.assert_allclose(svg_points(svg)[0], line, rtol=0, atol=size / 10_000)
    left, top, width, height = map(float, ElementTree.fromstring(svg).attrib["viewBox"].split())
    assert left <= line[:, 0].min()
    assert top <= line[:, 1].min()
    assert line[:, 0].max() <= left + width <= line[:, 0].max() + 0.1 * size
    assert line[:, 1].max() <= top + height <= line[:, 1].max() + 0.1 * size


@relaxed
@given(polylines, labels)
def test_svg_is_always_well_formed(lines: list, label: str | None) -> None:
    svg = Sketch.from_polylines(lines, label).to_svg()
    assert len(svg_points(svg)) == len(lines)
    svg.encode("utf-8")


def test_text_that_xml_forbids_is_replaced() -> None:
    text = xml_text("a\x00b\x1f\ud800\uffff <")
    assert text == "a\ufffdb\ufffd\ufffd\ufffd &lt;"
    assert xml_text("ä 字 \U0001f437\n") == "ä 字 \U0001f437\n"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1.0, 2, "1"),
        (-0.001, 2, "0"),
        (1e-7, 9, "0.0000001"),
        (1e6, 0, "1000000"),
        (0.125, 2, "0.12"),
    ],
)
def test_number(value: float, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


def test_path_data_by_hand() -> None:
    assert path_data(np.array([[0.0, 1.5], [-2.25, 3.0]])) == "M0 1.5L-2.25 3"


def test_notebook_and_repr() -> None:
    assert HOUSE._repr_svg_() == HOUSE.to_svg()
    assert repr(HOUSE) == "<Sketch 'house': 3 strokes, 8 points, 80 x 100>"


def test_saved_by_ending(tmp_path: Path) -> None:
    HOUSE.save(tmp_path / "a.SVG")
    assert (tmp_path / "a.SVG").read_text() == HOUSE.to_svg()
    HOUSE.save(tmp_path / "a.json")
    assert Sketch.from_json(json.loads((tmp_path / "a.json").read_text())) == HOUSE


@pytest.mark.parametrize(
    "sketch",
    [HOUSE, HOUSE.scaled(1e-5), HOUSE.scaled(1e4), HOUSE.scaled(1e-3).moved(1e5, -1e5)],
    ids=["plain", "tiny", "huge", "far away"],
)
def test_png_is_the_same_picture_in_any_units(sketch: Sketch, tmp_path: Path) -> None:
    sketch.save(tmp_path / "a.png")
    HOUSE.save(tmp_path / "b.png")
    pixels, expected = brightness(tmp_path / "a.png"), brightness(tmp_path / "b.png")
    assert pixels.shape == expected.shape
    assert 508 <= max(pixels.shape) <= 516
    assert 0.01 < (pixels < 128).mean() < 0.2
    assert np.abs(pixels.astype(int) - expected).mean() < 1


@pytest.mark.parametrize("line", [[[0, 0], [0, 9]], [[0, 0], [9, 0]], [[4, 4]]])
def test_png_of_a_flat_drawing_stays_small(line: list, tmp_path: Path) -> None:
    Sketch.from_polylines([line]).save(tmp_path / "a.png")
    pixels = brightness(tmp_path / "a.png")
    assert 500 <= max(pixels.shape) <= 520
    assert pixels.min() < 100, "the line is there"


def test_real_drawings(shared: Path) -> None:
    lines = (shared / "data/quickdraw/simplified/monkey.ndjson").read_text().splitlines()
    for line in lines[:200]:
        drawing = json.loads(line)["drawing"]
        sketch = Sketch.from_polylines([np.transpose(stroke) for stroke in drawing])
        assert 200 < max(sketch.size) <= 255
        if len(sketch.polylines[0]) > 1:
            assert Sketch.from_stroke3(sketch.to_stroke3(), sketch.start) == sketch
        for drawn, stroke in zip(svg_points(sketch.to_svg()), sketch.polylines, strict=True):
            np.testing.assert_array_equal(drawn[: len(stroke)], stroke)


def test_stroke5_padding_is_the_end_token() -> None:
    array = HOUSE.to_stroke5(10)
    np.testing.assert_array_equal(array[7:], np.tile(strokes.END_TOKEN, (3, 1)))


def test_load_reads_what_save_writes(tmp_path: Path) -> None:
    for name in ("a.svg", "a.json"):
        HOUSE.save(tmp_path / name)
        again = Sketch.load(tmp_path / name)
        for ours, line in zip(again.polylines, HOUSE.polylines, strict=True):
            np.testing.assert_allclose(ours, line, atol=0.01)
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "a.png").write_bytes(b"")
    for name, message in (
        ("bad.json", "is damaged JSON"),
        ("list.json", r"drawing 1: a drawing is \{"),
        ("a.png", r"with the ending \.svg, \.svgz or \.json"),
    ):
        with pytest.raises(SketchRNNError, match=message):
            Sketch.load(tmp_path / name)
