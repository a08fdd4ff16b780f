"""Tiles: what is drawn where, read from the pixels and from the SVG."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import shapely
from PIL import Image
from scipy.ndimage import distance_transform_edt
from shapely.geometry.base import BaseGeometry

from sketchrnn.data.doodles import doodles
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.lattice import unit_circle
from sketchrnn.figures.tile import MOST_PIXELS, Tile, check_repeat
from sketchrnn.sketch import Sketch

SVG = "{http://www.w3.org/2000/svg}"
DOODLES = [doodle.sketch for doodle in doodles(24, seed=3)]


def thin(seed: int) -> Sketch:
    """Few points in a row or a dot: what has a hull of no area, or nearly so."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 5))
    line = np.outer(rng.normal(size=count), rng.normal(size=2)) + rng.normal(size=(count, 2)) / 20
    return Sketch.from_polylines([100 * line])


def brightness(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L")).astype(int)


def ink(tile: Tile) -> list[shapely.MultiLineString]:
    """The lines of each drawing where it stands on the tile, from its JSON."""
    return [
        shapely.MultiLineString([2 * s["points"] if len(s["points"]) == 1 else s["points"]
                                 for s in drawing["strokes"]])
        for drawing in tile.to_json()["drawings"]
    ]  # fmt: skip


def along(line: shapely.LineString) -> np.ndarray:
    """Points [n, 2] less than 0.3 px apart."""
    if not line.length:  # a dot
        return np.array(line.coords)
    return shapely.get_coordinates(line.segmentize(0.3))


def around(tile: Tile) -> list[tuple[float, float]]:
    """The moves to a tile and the eight beside it."""
    return [(i * tile.width, j * tile.height) for i in (-1, 0, 1) for j in (-1, 0, 1)]


def least_distance(tile: Tile, lines: Sequence[BaseGeometry] | None = None) -> float:
    """Between the lines (or other shapes) of any two drawings of the endless pattern."""
    lines = ink(tile) if lines is None else lines
    everywhere = [
        (index, move, shapely.transform(line, lambda points, move=move: points + move))
        for index, line in enumerate(lines)
        for move in around(tile)
    ]
    return min(
        line.distance(other)
        for index, line in enumerate(lines)
        for other_index, move, other in everywhere
        if (index, (0.0, 0.0)) != (other_index, move)
    )


def nearest(tile: Tile, hulls: Sequence[BaseGeometry], index: int) -> float:
    """The distance of a drawing's hull to the nearest other one."""
    return min(
        hulls[index].distance(shapely.transform(hull, lambda points, move=move: points + move))
        for other, hull in enumerate(hulls)
        for move in around(tile)
        if other != index
    )


TILES = [
    Tile(DOODLES, 4, 6, side_px=320),
    Tile(DOODLES[:12], 3, 4, side_px=300, jitter=1, rotation=180, gap=0.05, seed=5),
    Tile(DOODLES[:6], 3, 2, side_px=301.3, lattice="square", seed=1),
    Tile(DOODLES[4:5], 1, 1, side_px=120, lattice="square", seed=8),
    Tile(DOODLES[2:4], 1, 2, side_px=150, jitter=1, seed=2),
    Tile([thin(seed) for seed in range(16)], 4, 4, side_px=400, seed=4),
]


@pytest.mark.parametrize("tile", TILES, ids=repr)
def test_tiles_side_by_side_show_no_edge(tile: Tile) -> None:
    # Where tiles meet, the preview has whole drawings, and the tile a part from either side.
    for width in (int(tile.width), 64, 257):
        one = brightness(tile.to_png(width))
        assert one.shape == (round(width * tile.height / tile.width), width)
        four = brightness(tile.to_png(2 * width, repeat=(2, 2)))
        difference = np.abs(np.tile(one, (2, 2)) - four)
        assert difference.max() <= 40, "no more than the rounding of a blurred pixel"
        assert (difference > 4).mean() < 0.002
        assert four.min() < 120


def test_drawings_do_cross_edges() -> None:
    # or else the test above would show nothing
    pictures = [brightness(tile.to_png()) for tile in TILES]
    assert sum(pixels[:, 0].min() < 200 for pixels in pictures) >= 3
    assert sum(pixels[0].min() < 200 for pixels in pictures) >= 2


@pytest.mark.parametrize("tile", TILES, ids=repr)
def test_every_drawing_is_seen_and_nothing_else(tile: Tile) -> None:
    pixels = brightness(tile.to_png(2 * int(tile.width)))
    height, width = pixels.shape
    drawn = np.ones(pixels.shape, bool)
    for line in ink(tile):
        points = 2 * np.concatenate([along(part) for part in line.geoms])
        columns, rows = np.floor(points).astype(int).T % [[width], [height]]
        assert (pixels[rows, columns] < 170).mean() > 0.97
        assert pixels[rows, columns].max() < 230
        drawn[rows, columns] = False
    away = distance_transform_edt(np.tile(drawn, (3, 3)))[height:-height, width:-width]
    assert (pixels[away > tile.pen_px + 2.5] == 255).all()


@pytest.mark.parametrize("tile", TILES, ids=repr)
def test_no_two_drawings_touch(tile: Tile) -> None:
    assert least_distance(tile) > 1.2 * tile.pen_px


@pytest.mark.parametrize("seed", range(8))
def test_no_two_drawings_touch_whatever_they_are(seed: int) -> None:
    sketches = [*map(thin, range(8 * seed, 8 * seed + 6)), *DOODLES[seed : seed + 6]]
    tile = Tile(sketches, 3, 4, seed=seed, jitter=1, rotation=90)
    assert least_distance(tile) > 2 * tile.pen_px


@pytest.mark.parametrize("seed", range(4))
def test_three_quarters_of_the_gap_stay_white(seed: int) -> None:
    # The circles that it begins with leave more at this jitter; no later step may take it.
    tile = Tile(DOODLES[seed : seed + 12], 3, 4, jitter=0.25, gap=0.2, seed=seed)
    hulls = list(shapely.convex_hull(ink(tile)))
    assert least_distance(tile, hulls) >= 0.75 * 0.2 * tile.width / 3 - 0.01


def test_the_pattern_is_even_and_leaves_no_holes() -> None:
    for seed in range(2):
        tile = Tile(DOODLES, 4, 6, side_px=160, seed=seed)
        hulls = shapely.convex_hull(ink(tile))
        sides = np.sqrt(shapely.area(hulls))
        assert sides.max() < 1.3 * sides.min(), "all about as large"
        assert np.mean([nearest(tile, hulls, index) for index in range(24)]) > 0.136 * 40
        covered = shapely.union_all(
            [
                shapely.transform(hull, lambda points, move=move: points + move)
                for hull in hulls
                for move in around(tile)
            ]
        )
        height, width = int(tile.height), int(tile.width)
        ys, xs = np.mgrid[:height, :width] + 0.5
        shapely.prepare(covered)
        white = ~shapely.contains_xy(covered, xs, ys)
        away = distance_transform_edt(np.tile(white, (3, 3)))[height:-height, width:-width]
        assert away.max() < 0.38 * tile.width / 4, "the largest circle between drawings is small"
        assert 0.45 < 1 - white.mean() < 0.65


def test_drawings_keep_their_form_and_stand_near_their_places() -> None:
    tile = Tile(DOODLES, 4, 6, rotation=20)
    for index, (drawn, given) in enumerate(zip(tile.sketches, DOODLES, strict=True)):
        a, b = (np.concatenate(sketch.polylines) for sketch in (drawn, given))
        # the similarity that maps one to the other, fitted as a complex number
        z, w = (complex_of(points) - complex_of(points).mean() for points in (a, b))
        factor = np.vdot(w, z) / np.vdot(w, w)
        np.testing.assert_allclose(z, factor * w, atol=1e-6)
        assert abs(np.degrees(np.angle(factor))) <= 20
        assert drawn.label == given.label
        row, column = divmod(index, 4)
        place = (column + (0.75 if row % 2 else 0.25)) / 4, (row + 0.5) / 6
        center, _ = unit_circle(a)
        apart = np.hypot(*(center - np.array(place) * (tile.width, tile.height)))
        assert apart <= 0.6 / 4 * tile.width / 4 + 1e-6
    still = Tile(DOODLES, 4, 6, rotation=0, jitter=0)
    for index, sketch in enumerate(still.sketches):
        row, column = divmod(index, 4)
        center, _ = unit_circle(np.concatenate(sketch.polylines))
        place = (column + (0.75 if row % 2 else 0.25)) / 4, (row + 0.5) / 6
        np.testing.assert_allclose(center, np.array(place) * (tile.width, tile.height), atol=0.01)


def complex_of(points: np.ndarray) -> np.ndarray:
    return points[:, 0] + 1j * points[:, 1]


def test_the_smallest_circle_by_hand() -> None:
    center, radius = unit_circle(np.array([[0.0, 0], [6, 0], [3, 1], [0, 8]]))  # a right angle
    np.testing.assert_allclose(center, [3, 4], atol=1e-3)
    assert radius == pytest.approx(5)
    center, radius = unit_circle(np.array([[2.0, 3], [2, 3]]))
    np.testing.assert_allclose(center, [2, 3])
    assert radius == 1


def test_every_drawing_is_there_once() -> None:
    tile = Tile(DOODLES, 4, 6)
    forms = {
        tuple(np.round(np.concatenate(sketch.polylines).ravel() - np.tile(sketch.start, n), 3))
        for sketch in tile.sketches
        for n in [sketch.point_count]
    }
    assert len(tile.sketches) == len(forms) == len(DOODLES)


def test_the_svg_is_plain() -> None:
    for repeat in ((1, 1), (2, 3)):
        root = ElementTree.fromstring(TILES[0].to_svg(repeat))
        size = [320 * repeat[0], TILES[0].height * repeat[1]]
        assert [float(n) for n in root.attrib["viewBox"].split()] == [0, 0, *size]
        tags = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert tags == {"svg", "rect", "g", "title", "path"}, "no pattern, no use, no clip"
        data = [path.attrib["d"] for path in root.iter(f"{SVG}path")]
        assert all(re.fullmatch(r"M[-\d.]+ [-\d.]+(?:L[-\d.]+ [-\d.]+)+", one) for one in data)
        groups = len([g for g in root.iter(f"{SVG}g") if g.get("class") == "sketch"])
        assert groups > 24 * repeat[0] * repeat[1], "and copies over edges"


def test_the_same_seed_gives_the_same_tile() -> None:
    def svg(seed: int) -> str:
        return Tile(DOODLES[:8], 4, 2, color=["#f00", "#00f"], seed=seed).to_svg()

    assert svg(7) == svg(7) != svg(8)
    assert TILES[0].to_png(300) == TILES[0].to_png(300)


def test_neighbours_get_different_colors() -> None:
    colors = ["#ff0000", "#00ff00", "#0000ff", "#ff00ff"]
    tile = Tile(DOODLES, 4, 6, color=colors, seed=1)
    counts = [tile.colors.count(color) for color in colors]
    assert sum(counts) == 24
    assert max(counts) - min(counts) <= 3
    beside = [
        tile.colors[4 * row + column] == tile.colors[4 * row + (column + 1) % 4]
        for row in range(6)
        for column in range(4)
    ]
    assert sum(beside) <= 1
    strokes = {
        group.attrib["stroke"]
        for group in ElementTree.fromstring(tile.to_svg()).iter(f"{SVG}g")
        if group.get("class") == "sketch"
    }
    assert strokes == set(colors)
    assert set(Tile(DOODLES[:4], 2, 2, color="teal").colors) == {"teal"}


def test_background() -> None:
    blue = Tile(DOODLES[:4], 2, 2, background="#204080")
    pixels = np.asarray(Image.open(io.BytesIO(blue.to_png(200))).convert("RGB"))
    assert tuple(np.median(pixels.reshape(-1, 3), axis=0)) == (0x20, 0x40, 0x80)
    assert "rect" not in Tile(DOODLES[:4], 2, 2, background=None).to_svg()


def test_files_and_notebook(tmp_path: Path) -> None:
    tile = TILES[2]
    for ending in ("svg", "png", "json"):
        tile.save(tmp_path / f"a.{ending}")
    assert (tmp_path / "a.svg").read_text() == tile.to_svg()
    assert brightness((tmp_path / "a.png").read_bytes()).shape == (2 * tile.height, 2 * tile.width)
    document = json.loads((tmp_path / "a.json").read_text())
    assert [Sketch.from_json(one) for one in document["drawings"]] == tile.sketches
    assert (document["width_px"], document["height_px"]) == (tile.width, tile.height)
    tile.save(tmp_path / "b.svg", repeat=(2, 2))
    assert (tmp_path / "b.svg").read_text() == tile.to_svg((2, 2)) == tile._repr_svg_()
    assert repr(tile) == f"<Tile: 3 x 2 drawings, 301 x {tile.height:g} px>"


@pytest.mark.parametrize("repeat", [(1, 1), (2, 2), (10, 10), (1, 10)])
def test_many_tiles_are_not_too_many_pixels(
    repeat: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two each px, or as many as there can be; the seam is as it is anywhere."""
    widths: list[int] = []
    monkeypatch.setattr(
        "sketchrnn.figures.tile.svg_to_png",
        lambda _, width: widths.append(width) or b"",  # type: ignore[func-returns-value]
    )
    tile = Tile(DOODLES[:2], 1, 2, side_px=1200)
    tile.to_png(repeat=repeat)
    width, height = tile.width * repeat[0], tile.height * repeat[1]
    expected = min(2 * width, width * (MOST_PIXELS / (width * height)) ** 0.5)
    assert widths == [pytest.approx(expected, abs=1)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tile(DOODLES, 4, 5), "rows is 5; a tile of bricks needs an even number"),
        (lambda: Tile(DOODLES, 4, 4), "24 drawings for 4 x 4 places; give 16"),
        (lambda: Tile([], 0, 2), "at least 1 x 1"),
        (lambda: Tile(DOODLES, 4, 6, lattice="hex"), "lattice is 'hex'; choose one of brick"),
        (lambda: Tile(DOODLES, 4, 6, jitter=1.5), "jitter is 1.5; give 0 to 1"),
        (lambda: Tile(DOODLES, 4, 6, jitter=float("nan")), "jitter is nan"),
        (lambda: Tile(DOODLES, 4, 6, rotation=-1), "rotation is -1"),
        (lambda: Tile(DOODLES, 4, 6, gap=1), "gap is 1"),
        (lambda: Tile(DOODLES, 4, 6, side_px=0), "side_px is 0"),
        (lambda: Tile(DOODLES, 4, 6, color=[]), "at least one colour"),
        (lambda: Tile(DOODLES, 4, 6, seed=-1), "seed is -1"),
        (lambda: Tile(DOODLES, 40, 40), "tile of 40 x 40 drawings; give at most 400 in all"),
        (lambda: TILES[0].to_svg((0, 1)), "repeat is 0 x 1"),
        (lambda: TILES[0].to_svg((11, 1)), "repeat is 11 x 1 tiles; give 1 to 10 each way"),
        (lambda: check_repeat((10, 10), 400), "10 x 10 tiles of 400 .* at most 10,000 drawings"),
        (lambda: TILES[0].to_png(100, (1, 99)), "repeat is 1 x 99"),
        (lambda: TILES[0].to_png(0), "px wide"),
        (lambda: TILES[0].save("tile.gif"), "tile.gif: unknown ending"),
    ],
)
def test_bad_input_gets_one_line(make: object, message: str) -> None:
    with pytest.raises(SketchRNNError, match=message):
        make()
