"""A page goes through vpype, the plotters' Swiss Army knife, and comes out as it went in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sketchrnn import travel
from sketchrnn.figures.page import Page, Paper
from sketchrnn.sketch import Sketch

vpype = pytest.importorskip("vpype")
vpype_cli = pytest.importorskip("vpype_cli")

# vpype leaves the files that it writes HPGL and G-code to for the garbage collector to close
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

MM = 96 / 25.4  # vpype counts in px


def scribble(seed: int) -> Sketch:
    """Strokes that nowhere end where another one begins, a closed one and a dot."""
    rng = np.random.default_rng(seed)
    lines = [rng.uniform(0, 255, (n, 2)) for n in (4, 9, 2, 6, 1)]
    ring = rng.uniform(0, 255, (5, 2))
    return Sketch.from_polylines([*lines, np.concatenate([ring, ring[:1]])], f"class {seed % 2}")


SCRIBBLES = [scribble(seed) for seed in range(8)]


def layers(document: Any) -> dict[int, list[np.ndarray]]:
    """The lines [n, 2] of each layer, in mm."""
    return {
        number: [np.stack([line.real, line.imag], axis=1) / MM for line in lines]
        for number, lines in document.layers.items()
    }


@pytest.fixture
def page(tmp_path: Path) -> Page:
    made = Paper("a4", margin="15mm", order=True).place(SCRIBBLES)
    made.save(tmp_path / "page.svg")
    return made


def pipeline(tmp_path: Path, commands: str) -> Any:
    return vpype_cli.execute(f"read {tmp_path / 'page.svg'} {commands}")


@pytest.mark.parametrize("units", ["mm", "in", "px"])
@pytest.mark.parametrize("color_by", [None, "class"])
def test_vpype_reads_what_we_drew(tmp_path: Path, units: str, color_by: str | None) -> None:
    paper = Paper("a5", landscape=True, units=units, color_by=color_by, stroke_width="0.7mm")
    page = paper.place(SCRIBBLES)
    page.save(tmp_path / "page.svg")
    document = pipeline(tmp_path, "")
    assert [side / MM for side in document.page_size] == pytest.approx([210, 148], abs=0.01)
    found = layers(document)
    assert list(found) == [1, 2][: len(page.layers)]
    for number, (color, strokes) in enumerate(page.layers, start=1):
        properties = document.layers[number].metadata
        assert properties["vp_color"].as_hex() == color
        assert properties["vp_pen_width"] / MM == pytest.approx(0.7, abs=0.001)
        assert len(found[number]) == len(strokes)  # one line a stroke, dots as well, in our order
        for theirs, ours in zip(found[number], strokes, strict=True):
            np.testing.assert_allclose(theirs, ours, atol=0.01)
    assert sum(map(len, found.values())) == sum(len(one.polylines) for one in SCRIBBLES)


def test_linemerge_finds_nothing_to_merge(tmp_path: Path, page: Page) -> None:
    (strokes,) = layers(pipeline(tmp_path, "linemerge")).values()
    assert len(strokes) == page.counts[0]


def test_linemerge_joins_what_touches(tmp_path: Path) -> None:
    # so that the test above does not pass because vpype merges nothing
    two = Sketch.from_polylines([[[0, 0], [50, 50]], [[50, 50], [100, 0]], [[0, 70], [9, 9]]])
    Paper().place([two]).save(tmp_path / "page.svg")
    (strokes,) = layers(pipeline(tmp_path, "linemerge")).values()
    assert len(strokes) == 2


def test_linesort_finds_no_better_order(tmp_path: Path, page: Page) -> None:
    (plain,) = layers(pipeline(tmp_path, "")).values()
    (theirs,) = layers(pipeline(tmp_path, "linesort")).values()
    assert travel.travel(plain) == pytest.approx(page.travel_mm, abs=0.5)
    unordered = Paper("a4", margin="15mm").place(SCRIBBLES).travel_mm
    assert page.travel_mm < 0.6 * unordered
    assert page.travel_mm <= 1.02 * travel.travel(theirs)

    # and it has every stroke still, some of them turned
    def key(stroke: np.ndarray) -> tuple[float, ...]:
        return min(tuple(stroke.round(4).ravel()), tuple(stroke[::-1].round(4).ravel()))

    assert sorted(map(key, plain)) == sorted(map(key, theirs))


def test_the_pipeline_of_the_guide_writes_the_same_svg(tmp_path: Path, page: Page) -> None:
    out = tmp_path / "out.svg"
    pipeline(tmp_path, f"linemerge linesort write {out}")
    again = vpype_cli.execute(f"read {out}")
    assert [side / MM for side in again.page_size] == pytest.approx([210, 297], abs=0.01)
    (strokes,) = layers(again).values()
    ours = page.layers[0][1]
    assert len(strokes) == len(ours)
    for stroke in ours:  # each is there, if turned, or, when it is closed, begun elsewhere
        assert min(_apart(stroke, one) for one in strokes) < 0.01


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """The Hausdorff distance of their points."""
    away = np.linalg.norm(one[:, None] - other[None], axis=-1)
    return float(max(away.min(axis=0).max(), away.min(axis=1).max()))


def test_hpgl(tmp_path: Path, page: Page) -> None:
    out = tmp_path / "out.hpgl"
    pipeline(tmp_path, f"write --device hp7475a --page-size a4 --absolute {out}")
    text = out.read_text()
    assert text.startswith("IN;")
    # a pen-down for each stroke, one pen
    assert len(re.findall(r"PD[-\d,]+;", text)) == page.counts[0]
    assert text.count("SP1;") == 1
    numbers = [int(n) for n in re.findall(r"-?\d+", "".join(re.findall(r"PD([-\d,]+);", text)))]
    assert len(numbers) > 2 * page.counts[0]


def test_two_colours_are_two_pens_of_a_plotter(tmp_path: Path) -> None:
    Paper("a4", margin="15mm", color_by="class").place(SCRIBBLES).save(tmp_path / "page.svg")
    out = tmp_path / "out.hpgl"
    pipeline(tmp_path, f"write --device hp7475a --page-size a4 {out}")
    assert re.findall(r"SP(\d);", out.read_text())[:2] == ["1", "2"]


def test_gcode(tmp_path: Path, page: Page) -> None:
    pytest.importorskip("vpype_gcode", reason="needs the plug-in vpype-gcode")
    out = tmp_path / "out.gcode"
    pipeline(tmp_path, f"gwrite --profile gcodemm {out}")
    found: list[list[list[float]]] = []
    for kind, x, y in re.findall(r"^G0([01]) X(\S+) Y(\S+)$", out.read_text(), re.MULTILINE):
        if kind == "0":  # with the pen up, to where a stroke begins
            found.append([])
        found[-1].append([float(x), 297 - float(y)])  # y of a machine points up
    strokes = page.layers[0][1]
    assert len(found) == len(strokes)
    for theirs, ours in zip(found, strokes, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=0.01)
