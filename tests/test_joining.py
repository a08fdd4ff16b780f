"""Strokes joined end to end, however many there are, against all gaps in one matrix."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from sketchrnn import travel as module
from sketchrnn.sketch import Sketch
from sketchrnn.travel import Polyline, joined

POINT = st.tuples(*2 * [st.integers(-9, 9).map(float)])
LINE = st.lists(POINT, min_size=1, max_size=3).map(np.array)  # type: ignore[var-annotated]


def is_closed(line: list[list[float]], distance: float) -> bool:
    away = np.hypot(*(np.array(line) - line[0]).T)
    return bool(away[-1] <= distance < away.max())


def joined_by_hand(polylines: list[Polyline], distance: float) -> list[list[list[float]]]:
    """The same, one pair after the other over the whole matrix of gaps."""
    lines: dict[int, list[list[float]]] = {k: line.tolist() for k, line in enumerate(polylines)}
    gaps = cdist(*2 * [np.concatenate([line[[0, -1]] for line in polylines])])
    pairs = [(a, b) for b in range(len(gaps)) for a in range(b) if gaps[a, b] <= distance]
    pairs.sort(key=lambda p: (gaps[p], p[1] // 2 - p[0] // 2, (p[0] % 2 == 0) + p[1] % 2, p))
    # what is left of each end: the stroke that it is of now, and whether that begins there
    place = {end: (end // 2, end % 2 == 0) for end in range(len(gaps))}
    for k, line in lines.items():
        if is_closed(line, distance):
            del place[2 * k], place[2 * k + 1]
    for a, b in pairs:
        if a // 2 == b // 2 or a not in place or b not in place:
            continue
        (first, begins), (second, other_begins) = place[a], place[b]
        if first == second:
            if is_closed(lines[first], distance):
                del place[a], place[b]
            continue
        one = lines[first][::-1] if begins else lines[first]
        other = lines[second] if other_begins else lines[second][::-1]
        line = one + other[one[-1] == other[0] :]
        earliest = min(first, second)
        turned = begins if earliest == first else not other_begins
        del place[a], place[b], lines[max(first, second)]
        lines[earliest] = line[::-1] if turned else line
        ends = {k: end for end, k in place.items() if k[0] in (first, second)}
        for (k, was_begin), end in ends.items():
            is_head = k == first  # of the line as it was put together; its tail is of `second`
            place[end] = (earliest, is_head != turned)
            assert was_begin is (is_head is not begins if is_head else not other_begins)
    return [lines[k] for k in sorted(lines)]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(LINE, min_size=1, max_size=12),
    st.sampled_from([0.0, 1.0, 2.5, 8.0, 100.0]),
    st.sampled_from([0, 16]),
)
def test_the_nearest_ends_are_joined_first(
    lines: list[Polyline], distance: float, near: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "NEAR", near)  # 0: what is looked for grows in many small portions
        found = [line.tolist() for line in joined(lines, distance)]
    assert found == joined_by_hand(lines, distance)


def test_thousands_of_pieces_of_one_line_become_it_again() -> None:
    line = np.cumsum(np.random.default_rng(3).normal(0, 9, (3001, 2)), axis=0)
    parts = [line[k : k + 2] for k in range(3000)]
    (found,) = joined(parts, 0)
    assert np.array_equal(found, line)
    shuffled = [parts[k] for k in np.random.default_rng(4).permutation(3000)]
    (found,) = joined(shuffled, 0)
    assert np.array_equal(found, line) or np.array_equal(found[::-1], line)


def star(count: int) -> list[Polyline]:
    return [
        np.array([[0.0, 0], point]) for point in np.random.default_rng(5).normal(0, 50, (count, 2))
    ]


def scattered(count: int) -> list[Polyline]:
    return list(np.random.default_rng(6).uniform(0, 100, (count, 2, 2)))


@pytest.mark.parametrize("make", [star, scattered])
@pytest.mark.parametrize("distance", [0.0, 1.0, 1e4])
def test_dense_strokes_are_joined_in_seconds(
    make: Callable[[int], list[Polyline]], distance: float
) -> None:
    lines = make(6000)
    begin = time.process_time()
    found = joined(lines, distance)
    assert time.process_time() - begin < 5  # of all pairs, 72 million, it would be a minute
    if distance > 100:  # farther than the strokes reach
        assert len(found) == 1
    elif make is star and distance == 0:
        assert len(found) == 3000  # two each at the centre


def test_a_spiral_in_2999_pieces(shared: Path) -> None:
    path = shared / "cases/spiral-2999-pieces.svg"
    if not path.exists():
        pytest.skip("not there")
    sketch = Sketch.load(path)
    assert len(sketch.polylines) == 2999
    assert len(joined(sketch.polylines, 0.01)) == 1
