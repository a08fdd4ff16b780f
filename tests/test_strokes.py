"""Stroke formats: round trips, simplification against a plain implementation, errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sketchrnn import strokes
from sketchrnn.errors import SketchRNNError

coordinates = st.integers(-1000, 1000)
points = st.tuples(coordinates, coordinates)
polylines = st.lists(st.lists(points, min_size=1, max_size=8), min_size=1, max_size=6).filter(
    lambda lines: len(lines[0]) > 1
)


def same(ours: list[np.ndarray], expected: list) -> bool:
    return len(ours) == len(expected) and all(map(np.array_equal, ours, expected))


@given(polylines)
def test_polylines_survive_stroke3(lines: list) -> None:
    rows, start = strokes.polylines_to_stroke3(lines)
    assert len(rows) == sum(map(len, lines)) - 1
    assert same(strokes.stroke3_to_polylines(rows, start), lines)


@given(polylines, st.integers(0, 5))
def test_stroke3_survives_stroke5(lines: list, spare: int) -> None:
    rows, _ = strokes.polylines_to_stroke3(lines)
    padded = strokes.stroke3_to_stroke5(rows, len(rows) + spare)
    assert (padded[:, strokes.PEN].sum(axis=1) == 1).all()
    assert (padded[len(rows) :] == strokes.END_TOKEN).all()
    assert np.array_equal(strokes.stroke5_to_stroke3(padded), rows)


def test_stroke3_by_hand() -> None:
    rows, start = strokes.polylines_to_stroke3([[[1, 2], [4, 2]], [[4, 6], [0, 6]]])
    assert start.tolist() == [1, 2]
    assert rows.tolist() == [[3, 0, 1], [0, 4, 0], [-4, 0, 1]]


def test_a_first_dot_keeps_its_lift() -> None:
    rows, start = strokes.polylines_to_stroke3([[[5, 5]], [[9, 9], [9, 8]]])
    assert rows.tolist() == [[0, 0, 1], [4, 4, 0], [0, -1, 1]]
    assert same(strokes.stroke3_to_polylines(rows, start), [[[5, 5]] * 2, [[9, 9], [9, 8]]])


def test_stroke5_ends_at_the_first_p3_and_lifts_the_pen() -> None:
    drawn = [[1, 2, 1, 0, 0], [3, 4, 1, 0, 0], [0, 0, 0, 0, 1], [9, 9, 1, 0, 0]]
    assert strokes.stroke5_to_stroke3(drawn).tolist() == [[1, 2, 0], [3, 4, 1]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1, 2]], r"\[N, 3\]"),
        (np.empty((0, 3)), "no points"),
        ([[1, 2, 0], [1, np.nan, 0]], "row 1 has a value that is not a finite"),
        ([[1, 2, 0], [1, 2, 2]], "row 1 has pen 2"),
        ([["a", "b", "c"]], "numeric"),
        ([[1, 2, 0], [1, 2]], "numeric"),
        ([[1j, 2, 0]], "numeric"),
    ],
)
def test_what_is_not_stroke3(rows: object, message: str) -> None:
    with pytest.raises(SketchRNNError, match=message):
        strokes.check_stroke3(rows)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "at least one stroke"),
        ([[[1, 2]], []], "stroke 1 must be"),
        ([[[1, 2, 3]]], "stroke 0 must be"),
        ([[[1, np.inf]]], "stroke 0 has a coordinate"),
    ],
)
def test_what_is_no_polyline(lines: list, message: str) -> None:
    with pytest.raises(SketchRNNError, match=message):
        strokes.polylines_to_stroke3(lines)


def test_too_long_for_stroke5() -> None:
    with pytest.raises(SketchRNNError, match="3 points but N_max is 2"):
        strokes.stroke3_to_stroke5([[1, 1, 0]] * 3, 2)


def distance_to_segment(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    along = b - a
    length2 = along @ along
    share = 0.0 if length2 == 0 else min(1.0, max(0.0, (point - a) @ along / length2))
    return float(np.hypot(*(point - a - share * along)))


def plain_rdp(line: np.ndarray, epsilon: float) -> list[list[float]]:
    """Ramer-Douglas-Peucker as in the textbook, with the distance to the segment."""
    if len(line) < 3:
        return line.tolist()
    distances = [distance_to_segment(point, line[0], line[-1]) for point in line[1:-1]]
    farthest = int(np.argmax(distances)) + 1
    if distances[farthest - 1] <= epsilon:
        return [line[0].tolist(), line[-1].tolist()]
    head = plain_rdp(line[: farthest + 1], epsilon)
    return head[:-1] + plain_rdp(line[farthest:], epsilon)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("closed", [False, True])
def test_simplify_is_rdp_with_the_distance_to_the_segment(seed: int, closed: bool) -> None:
    rng = np.random.default_rng(seed)
    line = np.cumsum(rng.normal(0, 3, (80, 2)), axis=0)
    if closed:
        line[-1] = line[0]
    for epsilon in (0.5, 2.0, 8.0):
        assert strokes.simplify(line, epsilon).tolist() == plain_rdp(line, epsilon)


def test_simplify_measures_to_the_segment_not_to_the_infinite_line() -> None:
    beyond = [[0.0, 0.0], [20.0, 0.5], [10.0, 0.0]]  # near the line, but 10 past its end
    assert len(strokes.simplify(beyond, 2.0)) == 3


def test_simplify_keeps_what_it_must() -> None:
    assert strokes.simplify([[1, 1], [1, 1], [1, 1]], 2.0).tolist() == [[1, 1], [1, 1]]
    assert strokes.simplify([[3, 4]], 2.0).tolist() == [[3, 4]]
    assert len(strokes.simplify([[0, 0], [1, 0], [2, 0]], 0)) == 3


def test_resample_walks_along_the_line_in_equal_steps() -> None:
    corner = strokes.resample([[0, 0], [3, 0], [3, 2.5]], 1.0)
    assert corner.tolist() == [[0, 0], [1, 0], [2, 0], [3, 0], [3, 1], [3, 2], [3, 2.5]]
    assert strokes.resample([[7, 7]], 1.0).tolist() == [[7, 7]]
    assert strokes.resample([[7, 7], [7, 7], [7, 7]], 1.0).tolist() == [[7, 7], [7, 7]]


def test_clamp_offsets() -> None:
    clamped = strokes.clamp_offsets(np.array([[-32768, 5]], dtype=np.int16))
    assert clamped.dtype == np.float32
    assert clamped.tolist() == [[-1000, 5]]


def test_real_drawings_fill_the_box_when_the_start_counts(shared: Path) -> None:
    """The convention of stroke-3: N rows are N + 1 points, the first one at the origin."""
    from sketchrnn.data.formats import read

    data = read(shared / "data/quickdraw/sketchrnn/eye.npz")
    sketches = [data.sketch("test", index) for index in range(len(data.test))]
    with_start = np.mean([max(sketch.size) == 255 for sketch in sketches])
    points = [np.concatenate(sketch.polylines)[1:] for sketch in sketches]
    without = np.mean([np.ptp(drawing, axis=0).max() == 255 for drawing in points])
    assert with_start > 0.8 > without + 0.1


def test_a_very_long_line_is_simplified_in_pieces() -> None:
    """Of 100,000 zigzags GEOS alone would overflow the stack; within epsilon nothing changes."""
    n = 100_000
    zigzag = np.column_stack([np.arange(n), np.where(np.arange(n) % 2, 5.0, -5.0)])
    assert len(strokes.simplify(zigzag, 2.0)) > 0.99 * n
    flat = np.column_stack([np.arange(n), np.sin(np.arange(n))])
    kept = strokes.simplify(flat, 2.0)
    assert len(kept) == 2 + (n - 2) // (strokes.PIECE - 1)  # the ends, and where pieces meet
    assert kept[0].tolist() == flat[0].tolist()
    assert kept[-1].tolist() == flat[-1].tolist()
