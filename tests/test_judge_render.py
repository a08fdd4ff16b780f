"""The picture that a judge sees: against distances in float64, and the same bytes everywhere."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketchrnn.judge.render import INSIDE, REACH, SIDE, render


def drawn(lines: list[np.ndarray]) -> np.ndarray:
    """Every pixel's distance to every line, in float64."""
    points = np.concatenate(lines)
    low, high = points.min(axis=0), points.max(axis=0)
    side = (high - low).max()
    centres = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1) + 0.5
    least = np.full((SIDE, SIDE), np.inf)
    for line in lines:
        placed = (line - (low + high) / 2) * (INSIDE / side if side else 1) + SIDE / 2
        for a, b in pairwise(placed) if len(placed) > 1 else [placed[[0, 0]]]:
            way = b - a
            along = np.clip((centres - a) @ way / max(way @ way, 1e-300), 0, 1)
            away = centres - a - along[..., None] * way
            least = np.minimum(least, np.linalg.norm(away, axis=-1))
    return 255 * np.clip(REACH - least, 0, 1)


def scrawls(count: int, seed: int) -> list[list[np.ndarray]]:
    """Drawings of whole numbers, which are the same on every machine."""
    rng = np.random.default_rng(seed)
    return [
        [rng.integers(0, 256, (rng.integers(1, 8), 2)).astype(np.float64) for _ in range(4)]
        for _ in range(count)
    ]


lines = st.lists(
    st.lists(st.tuples(*[st.integers(-300, 300)] * 2), min_size=1, max_size=6),
    min_size=1,
    max_size=5,
)


@given(lines)
@settings(max_examples=60, deadline=None)
def test_the_ink_of_a_pixel_is_by_its_distance(points: list[list[tuple[int, int]]]) -> None:
    strokes = [np.array(line, dtype=np.float64) for line in points]
    found = render([strokes])[0]
    # half a level for the rounding, and what float32 gives for a distance
    assert np.abs(found - drawn(strokes)).max() < 0.51


def test_drawings_of_a_batch_do_not_touch_each_other() -> None:
    three = scrawls(3, seed=1)
    together = render(three)
    for number, lines in enumerate(three):
        np.testing.assert_array_equal(together[number], render([lines])[0])


@pytest.mark.parametrize("factor", [1e-6, 0.5, 4.0, 1e9])
def test_place_and_size_do_not_matter(factor: float) -> None:
    lines = scrawls(1, seed=2)[0]
    moved = [line * factor + 16 * factor for line in lines]
    difference = render([moved])[0].astype(int) - render([lines])[0]
    assert np.abs(difference).max() <= 1


def test_no_drawing_is_white_and_a_dot_is_a_dot() -> None:
    assert render([]).shape == (0, SIDE, SIDE)
    white, dot = render([[], [np.array([[7.0, 7.0]])]])
    assert white.max() == 0
    assert dot[SIDE // 2 - 1 : SIDE // 2 + 1, SIDE // 2 - 1 : SIDE // 2 + 1].min() > 190
    assert (dot > 0).sum() == 4


def test_a_picture_is_the_same_bytes_everywhere() -> None:
    pictures = render(scrawls(40, seed=3))
    digest = hashlib.sha256(pictures.tobytes()).hexdigest()
    assert digest == "20bd8474a45b7923000cc8a1f1fb87dbca81866d271f3497150a1735612874d4"
