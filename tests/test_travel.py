"""Order, direction and joining of strokes, against brute force and SciPy's distances."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, euclidean

from sketchrnn import travel as module
from sketchrnn.errors import SketchRNNError
from sketchrnn.travel import Polyline, joined, ordered, travel

POINT = st.tuples(*2 * [st.integers(-40, 40).map(float)])
LINE = st.lists(POINT, min_size=1, max_size=4).map(np.array)  # type: ignore[var-annotated]
LINES = st.lists(LINE, max_size=9)


def random_lines(rng: np.random.Generator, count: int) -> list[Polyline]:
    starts = rng.uniform(0, 255, (count, 1, 2))
    return list(starts + np.cumsum(rng.normal(0, 20, (count, 3, 2)), axis=1))


def segments(lines: list[Polyline]) -> Counter[tuple[tuple[float, ...], ...]]:
    """Every segment, whichever way it is drawn; dots as a point twice."""
    return Counter(
        tuple(sorted((tuple(a), tuple(b))))
        for line in lines
        for a, b in (pairwise(line.tolist()) if len(line) > 1 else [2 * line.tolist()])
    )


def without_dots(all_of_them: Counter[tuple[tuple[float, ...], ...]]) -> Counter[Any]:
    return Counter({pair: count for pair, count in all_of_them.items() if pair[0] != pair[1]})


def shortest(lines: list[Polyline], first: Polyline | None = None) -> float:
    """The least travel over all orders and directions, with the pen at `first` before all."""
    ends = np.array([[line[0], line[-1]] for line in lines])
    dot = np.array([[first, first]]) if first is not None else np.empty((0, 2, 2))
    points = np.concatenate([dot, ends]).reshape(-1, 2)
    between = cdist(points, points)
    skip = len(dot)
    best = np.inf
    for order in permutations(range(skip, skip + len(lines))):
        way = [*range(skip), *order]
        for turned in product((0, 1), repeat=len(lines)):
            sides = [*([0] * skip), *turned]
            best = min(
                best,
                sum(
                    between[2 * a + 1 - s, 2 * b + t]
                    for (a, s), (b, t) in pairwise(zip(way, sides, strict=True))
                ),
            )
    return float(best)


def test_travel_is_the_sum_of_the_gaps() -> None:
    lines = random_lines(np.random.default_rng(1), 7)
    expected = sum(euclidean(a[-1], b[0]) for a, b in pairwise(lines))
    assert travel(lines) == pytest.approx(expected, rel=1e-12)
    assert travel(lines[:1]) == travel([]) == 0


def test_the_order_is_hardly_longer_than_the_shortest() -> None:
    rng = np.random.default_rng(5)
    ratios = []
    for _ in range(40):
        lines = random_lines(rng, int(rng.integers(2, 5)))
        start = np.concatenate(lines).min(axis=0) - rng.uniform(0, 50, 2)  # the top left
        found = ordered([start.reshape(1, 2), *lines])
        assert found[0].tolist() == [start.tolist()]
        best = shortest(lines, start)
        assert travel(found) >= best - 1e-9
        ratios.append(travel(found) / best)
    assert max(ratios) < 1.25
    assert np.mean(ratios) < 1.02


def test_six_strokes_in_any_order_and_direction() -> None:
    lines = random_lines(np.random.default_rng(11), 6)
    best = shortest(lines)
    found = travel(ordered(lines))
    # to begin at the top left costs something, too
    assert best - 1e-9 <= found <= min(travel(lines), 1.5 * best)


@settings(deadline=None, max_examples=150)
@given(LINES, st.sampled_from([2, 1000]))
def test_an_order_is_never_longer_and_changes_no_line(lines: list[Polyline], piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE", piece)
        found = ordered(lines)
    assert travel(found) <= travel(lines) + 1e-9
    assert len(found) == len(lines)
    assert segments(found) == segments(lines)


def test_the_first_stroke_begins_at_the_top_left() -> None:
    lines = [np.array([[50.0, 50], [60, 50]]), np.array([[40.0, 40], [3, 4]])]
    assert [line[0].tolist() for line in ordered(lines)] == [[3, 4], [50, 50]]
    assert ordered([]) == []


def test_many_strokes_are_ordered_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = random_lines(np.random.default_rng(2), 60)
    whole = travel(ordered(lines))
    monkeypatch.setattr(module, "PIECE", 20)
    pieces = ordered(lines)
    assert whole < travel(pieces) < travel(lines)
    assert segments(pieces) == segments(lines)
    monkeypatch.setattr(module, "MENDED", 59)
    unmended = ordered(lines)
    assert travel(pieces) < travel(unmended) < travel(lines)
    assert segments(unmended) == segments(lines)


def test_ends_that_nearly_touch_become_one_stroke() -> None:
    first = np.array([[0.0, 0], [10, 0]])
    turned = np.array([[20.0, 1], [11, 0]])  # its end is 1 from the first one's
    far = np.array([[24.0, 1], [30, 30]])
    assert [line.tolist() for line in joined([first, turned, far], 2)] == [
        [[0, 0], [10, 0], [11, 0], [20, 1]],
        far.tolist(),
    ]
    assert len(joined([first, turned, far], 0.9)) == 3
    assert len(joined([first, turned, far], 4)) == 1
    # ends that are the same point give no point twice
    further = np.array([[20.0, 0], [10, 0]])
    assert joined([first, further], 0)[0].tolist() == [[0, 0], [10, 0], [20, 0]]


def test_the_earliest_part_keeps_its_place_and_direction() -> None:
    lines = [
        np.array([[90.0, 90], [80, 80]]),
        np.array([[10.0, 0], [20, 0]]),
        np.array([[5.0, 5], [10, 0]]),
    ]
    assert [line.tolist() for line in joined(lines, 0)] == [
        lines[0].tolist(),
        [[5, 5], [10, 0], [20, 0]],
    ]


def test_a_closed_stroke_is_left_alone_a_short_one_is_not() -> None:
    ring = np.array([[0.0, 0], [20, 0], [20, 20], [1, 1]])
    line = np.array([[0.0, 1], [-30, 0]])
    assert len(joined([ring, line], 3)) == 2
    dash = np.array([[-31.0, 0], [-33, 0]])  # its own ends are as near as others', yet it is open
    assert [len(one) for one in joined([line, dash], 3)] == [4]
    dots = [np.array([[float(n), 0]]) for n in range(5)]
    assert [one.tolist() for one in joined(dots, 3)] == [[[n, 0] for n in range(5)]]
    square = np.array([[0.0, 0], [9, 0], [9, 9], [0, 9], [0, 0]])
    sides = [square[k : k + 2] for k in range(4)]
    assert [one.tolist() for one in joined(sides, 1)] == [square.tolist()]


@settings(deadline=None, max_examples=150)
@given(LINES, st.sampled_from([0.0, 1.0, 5.0, 30.0]))
def test_joining_keeps_every_line_and_adds_only_short_gaps(
    lines: list[Polyline], distance: float
) -> None:
    found = joined(lines, distance)
    assert len(found) <= len(lines)
    kept, added = without_dots(segments(lines)), without_dots(segments(found))
    assert not kept - added
    gaps = added - kept
    assert sum(gaps.values()) <= len(lines) - len(found)
    assert all(euclidean(*gap) <= distance for gap in gaps)


@pytest.mark.parametrize("call", [travel, ordered, lambda lines: joined(lines, 1)])
def test_what_is_no_stroke_is_refused(call: object) -> None:
    for bad in (np.zeros((0, 2)), np.zeros((2, 3)), np.array([[0.0, np.nan]])):
        with pytest.raises(SketchRNNError, match="stroke 1 must be finite points"):
            call([np.zeros((1, 2)), bad])


def test_a_distance_must_be_a_number_from_0_on() -> None:
    for bad in (-1.0, np.inf, np.nan):
        with pytest.raises(SketchRNNError, match="distance to join"):
            joined([], bad)
