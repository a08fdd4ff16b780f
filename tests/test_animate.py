"""Drawings that draw themselves: their clock, the SVG's dashes as a browser reads them, films."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.animate import BLANK_S, HOLD_S, animated_svg, clock, film, frames
from sketchrnn.figures.page import Paper
from sketchrnn.figures.png import svg_to_png
from sketchrnn.figures.scene import Line, scene_of
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.sketch import Sketch

SVG = "{http://www.w3.org/2000/svg}"
HOUSE = Sketch.from_polylines(
    [[[10, 90], [10, 40], [50, 10], [90, 40], [90, 90], [10, 90]], [[40, 90], [40, 60], [60, 60]]],
    "house",
)
DOTTED = Sketch.from_polylines([[[0, 0], [30, 40]], [[60, 0]], [[60, 30], [60, 32], [0, 90]]])
SHEET = SketchSheet([[HOUSE, DOTTED], [DOTTED, None]], title="Both", row_labels=["a", "b"])


def line(*points: tuple[float, float]) -> Line:
    return Line(np.array(points, dtype=np.float64), "#000", 1.0)


def test_the_pen_keeps_its_pace_and_takes_its_time_in_the_air() -> None:
    near = [line((0, 0), (30, 40)), line((31, 40), (31, 90)), line((31, 0), (31, 20))]
    times = clock([near], seconds=4)
    (strokes,) = times.strokes
    assert strokes[0][0] == BLANK_S
    assert strokes[-1][1] == pytest.approx(times.drawn) == pytest.approx(BLANK_S + 4)
    assert times.total == pytest.approx(times.drawn + HOLD_S)
    paces = [one.length / (end - begin) for one, (begin, end) in zip(near, strokes, strict=True)]
    np.testing.assert_allclose(paces, paces[0])
    pauses = [after[0] - before[1] for before, after in pairwise(strokes)]
    # gaps of 1 and 90: one lift each, and the way in the air, quicker than on the paper
    assert 0 < pauses[0] < pauses[1]
    assert pauses[1] - pauses[0] == pytest.approx(89 / paces[0] / 3)


def test_drawings_of_a_sheet_begin_together_and_keep_one_pace() -> None:
    short, long = [line((0, 0), (0, 10))], [line((0, 0), (0, 80)), line((5, 5))]
    times = clock([short, long])
    (first,), (second, dot) = times.strokes
    assert first[0] == second[0] == BLANK_S
    assert (second[1] - second[0]) / (first[1] - first[0]) == pytest.approx(8)
    assert second[1] < dot[0] < dot[1]
    assert times.drawn == pytest.approx(BLANK_S + 2)  # never quicker


def test_time_grows_with_what_there_is_to_draw_up_to_a_bound() -> None:
    def drawn(strokes: int) -> float:
        return clock([[line((0, i), (100, i)) for i in range(strokes)]]).drawn - BLANK_S

    assert drawn(1) == pytest.approx(2)
    assert 2 < drawn(5) < drawn(7) < 8
    assert drawn(100) == pytest.approx(8)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 301])
def test_seconds_out_of_bounds(seconds: float) -> None:
    with pytest.raises(SketchRNNError, match="seconds is"):
        clock([[line((0, 0), (1, 1))]], seconds)


def visible(path: ElementTree.Element, length: float, now: float) -> float:
    """The part of a path that its dashes show at a time, as SVG 2 and SMIL describe them."""
    animate = path.find(f"{SVG}animate")
    assert animate is not None
    total = float(animate.attrib["dur"].removesuffix("s"))
    at = now % total / total
    keys = [float(key) for key in animate.attrib["keyTimes"].split(";")]
    values = [float(value) for value in animate.attrib["values"].split(";")]
    assert keys == sorted(keys)
    assert keys[0] == 0
    assert keys[-1] <= 1
    if animate.attrib["attributeName"] == "stroke-opacity":
        assert animate.attrib["calcMode"] == "discrete"
        return values[int(np.searchsorted(keys, at, side="right")) - 1]
    assert keys[-1] == 1
    offset = float(np.interp(at, keys, values))
    dash = float(path.attrib["stroke-dasharray"])  # an odd list is repeated: a gap as long
    places = (np.arange(4000) + 0.5) / 4000 * length
    return float(np.mean((places + offset) % (2 * dash) < dash))


@pytest.mark.parametrize("seconds", [None, 5.0])
def test_a_browser_shows_of_each_stroke_what_the_clock_says(seconds: float | None) -> None:
    scene = SHEET.scene()
    times = clock(scene.drawings, seconds)
    root = ElementTree.fromstring(animated_svg(scene, seconds))
    paths = [path for path in root.iter(f"{SVG}path") if path.get("class") == "drawn"]
    ways = [way for drawing in times.strokes for way in drawing]
    lines = [one for drawing in scene.drawings for one in drawing]
    assert len(paths) == len(ways) == len(lines) == 8
    for path, (begin, end), one in zip(paths, ways, lines, strict=True):
        assert path[0].get("repeatCount") == "indefinite"
        for now in np.linspace(0, times.total - 0.02, 23):
            share = float(np.clip((now - begin) / (end - begin), 0, 1))
            found = visible(path, one.length, now)
            if one.length:
                assert found == pytest.approx(share, abs=0.02)
                assert found == share or 0 < share < 1  # nothing before, all of it afterwards
            elif not begin < now < begin + 0.02:
                assert found == (now > begin)


def test_what_cannot_move_shows_the_whole_picture() -> None:
    svg = animated_svg(SHEET.scene())
    assert svg_to_png(svg, 500) == svg_to_png(SHEET.to_svg(), 500)
    assert "<script" not in svg
    assert "prefers-reduced-motion" in svg
    assert not re.search(r"\bid=|href|url\(", svg)


def test_less_motion_shows_the_whole_picture_at_once() -> None:
    svg = animated_svg(SHEET.scene())
    found = re.search(r"<style>@media ([^{]+)\{(.+?\})\}</style>", svg)
    assert found is not None
    query, rule = found.groups()
    assert query.strip() == "(prefers-reduced-motion:reduce)"
    # as a browser has it at the beginning: each attribute has the first value of its animation
    first = re.compile(
        r'(<path[^>]*)(>\s*<animate attributeName="([a-z-]+)"[^>]* values="([^;"]+);)'
    )
    begun, count = first.subn(r'\1 \3="\4"\2', svg)
    assert count == 8
    blank, whole = begun.replace(found[0], ""), begun.replace(found[0], f"<style>{rule}</style>")
    marks = re.sub(r'<path[^>]* class="drawn".*?</path>', "", svg)
    assert svg_to_png(blank, 500) == svg_to_png(marks, 500)
    assert svg_to_png(whole, 500) == svg_to_png(SHEET.to_svg(), 500)
    # SMIL outdoes a style sheet but for what is important there; an offset without dashes is none
    assert re.search(r"stroke-opacity:\s*1\s*!important", rule)


def test_an_animated_svg_is_read_as_the_drawing_that_it_is(tmp_path: Path) -> None:
    DOTTED.moved(-500.5, 20.25).save(tmp_path / "a.anim.svg")
    back = Sketch.load(tmp_path / "a.anim.svg")
    for ours, theirs in zip(back.polylines, DOTTED.moved(-500.5, 20.25).polylines, strict=True):
        if len(theirs) > 1:
            np.testing.assert_allclose(ours, theirs, atol=0.01)
    HOUSE.save(tmp_path / "b.anim.svg", seconds=7)
    assert 'dur="9.3s"' in (tmp_path / "b.anim.svg").read_text()


def test_frames_show_what_the_clock_says() -> None:
    scene = scene_of(HOUSE)
    times = clock(scene.drawings)
    shown, durations = frames(scene)
    assert len(shown) == len(durations)
    assert shown[0] == [[]]
    assert durations[-1] == 1000 * HOLD_S
    begins = np.concatenate([[0], np.cumsum(durations)])[:-1] / 1000
    whole = sum(one.length for one in scene.drawings[0])
    for lines, now in zip(shown[:-1], begins, strict=False):
        expected = sum(
            one.length * np.clip((now - begin) / (end - begin), 0, 1)
            for one, (begin, end) in zip(scene.drawings[0], times.strokes[0], strict=True)
        )
        assert sum(one.length for one in lines[0]) == pytest.approx(expected, abs=1e-6 * whole)
    assert [list(one.points.ravel()) for one in shown[-1][0]] == [
        list(stroke.ravel()) for stroke in HOUSE.polylines
    ]


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_films(form: str) -> None:
    image_module = pytest.importorskip("PIL.Image")
    scene = scene_of(HOUSE)
    content = film(scene, form, seconds=0.6)
    image = image_module.open(io.BytesIO(content))
    assert image.format == form
    assert image.info["loop"] == 0
    ink, lengths = [], []
    for number in range(image.n_frames):
        image.seek(number)
        image.load()
        ink.append(255 - float(np.asarray(image.convert("L")).mean()))
        lengths.append(image.info["duration"])
    assert ink[0] == pytest.approx(0, abs=0.01)
    assert all(after >= before - 0.01 for before, after in pairwise(ink))
    assert lengths[-1] == 1000 * HOLD_S
    # frames in which nothing changes may be joined into one
    assert sum(lengths[:-1]) == pytest.approx(1000 * (0.6 + BLANK_S), abs=51)
    whole = image_module.open(io.BytesIO(svg_to_png(scene.to_svg(), image.width))).convert("L")
    last = np.asarray(image.convert("L"), dtype=np.float64)
    assert np.abs(last - np.asarray(whole, dtype=np.float64)).max() < 24
    assert len(content) < 30_000


def test_films_are_neither_too_small_nor_too_large() -> None:
    image_module = pytest.importorskip("PIL.Image")
    content = film(SketchSheet([[HOUSE]]).scene(), "GIF", seconds=0.05)
    with image_module.open(io.BytesIO(content)) as image:
        assert 110_000 < image.width * image.height <= 120_000
    sheet = SketchSheet([[HOUSE] * 12] * 12)
    shown, _ = frames(sheet.scene(), seconds=300)
    assert len(shown) <= 242
    image = image_module.open(io.BytesIO(film(sheet.scene(), "GIF", seconds=0.05)))
    assert 600_000 < image.width * image.height <= 640_000


def test_a_page_draws_itself_with_one_pen() -> None:
    page = Paper(order=True).place([HOUSE, DOTTED])
    scene = page.scene()
    (strokes,) = clock(scene.drawings).strokes
    assert len(strokes) == 5
    assert all(before[1] < after[0] for before, after in pairwise(strokes))
    svg = animated_svg(scene)
    assert 'width="210mm"' in svg
    assert svg_to_png(svg, 300) == svg_to_png(page.to_svg(), 300)
