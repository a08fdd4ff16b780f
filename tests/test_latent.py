"""Ways through the latent space, against formulas and rotations written down independently."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sketchrnn.drawing.latent import analogy, corner_grid, path, slerp
from sketchrnn.errors import SketchRNNError

Z = 16
SHARES = (0.0, 0.1, 0.25, 0.5, 0.9, 1.0)


def vectors(n: int, size: int = Z, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, size))


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.arccos(np.clip(unit(a) @ unit(b), -1, 1)))


def white_2016(low: np.ndarray, high: np.ndarray, share: float) -> np.ndarray:
    """As the article prints it."""
    omega = np.arccos(np.clip(np.dot(unit(low), unit(high)), -1, 1))
    sine = np.sin(omega)
    return np.sin((1.0 - share) * omega) / sine * low + np.sin(share * omega) / sine * high


def turned(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """`start` times the matrix that turns, in the plane of the two, by a share of their angle."""
    a = unit(start)
    b = unit(end - (end @ a) * a)
    angle = share * angle_between(start, end)
    plane = np.outer(a, a) + np.outer(b, b)
    turn = (
        np.eye(len(start))
        + (np.cos(angle) - 1) * plane
        + np.sin(angle) * (np.outer(b, a) - np.outer(a, b))
    )
    np.testing.assert_allclose(turn @ turn.T, np.eye(len(start)), atol=1e-12)
    return np.asarray(turn @ start)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("seed", range(5))
def test_slerp_is_the_formula(seed: int, share: float) -> None:
    start, end = vectors(2, seed=seed)
    np.testing.assert_allclose(
        slerp(start, end, share), white_2016(start, end, share), rtol=1e-11, atol=1e-11
    )


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("size", [2, 3, Z, 128])
def test_slerp_of_equal_lengths_is_a_rotation(size: int, share: float) -> None:
    start, end = vectors(2, size)
    end *= np.linalg.norm(start) / np.linalg.norm(end)
    np.testing.assert_allclose(slerp(start, end, share), turned(start, end, share), atol=1e-12)


def test_slerp_by_hand() -> None:
    half = np.sqrt(0.5)
    np.testing.assert_allclose(slerp(np.array([1, 0]), np.array([0, 1]), 0.5), [half, half])
    np.testing.assert_allclose(
        slerp(np.array([2.0, 0]), np.array([0, 2.0]), 1 / 3), [np.sqrt(3), 1]
    )


def test_constant_angular_speed() -> None:
    start, end = vectors(2)
    end *= np.linalg.norm(start) / np.linalg.norm(end)
    way = path(start, end, 8)
    steps = [angle_between(a, b) for a, b in pairwise(way)]
    np.testing.assert_allclose(steps, angle_between(start, end) / 7, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), np.linalg.norm(start), rtol=1e-12)


@pytest.mark.parametrize("spherical", [True, False])
def test_ends_are_exact(spherical: bool) -> None:
    """Also of float32 vectors, which encode gives: float64 holds them to the last bit."""
    start, end = vectors(2).astype(np.float32)
    way = path(start, end, 5, spherical=spherical)
    assert way.shape == (5, Z)
    assert way.dtype == np.float64
    assert np.array_equal(way[0], start)
    assert np.array_equal(way[-1], end)
    assert np.array_equal(path(start, end, 2, spherical=spherical), [start, end])


def test_a_straight_path() -> None:
    start, end = vectors(2)
    way = path(start, end, 5, spherical=False)
    np.testing.assert_allclose(np.diff(way, axis=0), np.tile((end - start) / 4, (4, 1)))


@pytest.mark.parametrize("factor", [1.0, 3.0, 1 + 1e-9, 1e-30, 1e30])
def test_parallel_vectors(factor: float) -> None:
    """No arc: the straight line between the two, every point of it on the ray of both."""
    (start,) = vectors(1)
    for share in SHARES:
        length = (1 - share) + share * factor
        np.testing.assert_allclose(slerp(start, factor * start, share), length * start, rtol=1e-12)


@pytest.mark.parametrize("angle", [1e-3, 1e-5, 1e-7, 1e-9])
def test_nearly_parallel_vectors(angle: float) -> None:
    """Where arccos has lost the angle: on the arc to far less than its height."""
    start, end = np.array([1.0, 0]), np.array([np.cos(angle), np.sin(angle)])
    for share in SHARES:
        expected = [np.cos(share * angle), np.sin(share * angle)]
        np.testing.assert_allclose(slerp(start, end, share), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("angle", [1e-1, 1e-3, 1e-5])
def test_nearly_opposite_vectors(angle: float) -> None:
    turn = np.pi - angle
    start, end = np.array([1.0, 0]), np.array([np.cos(turn), np.sin(turn)])
    for share in SHARES:
        expected = [np.cos(share * turn), np.sin(share * turn)]
        # an end that is off by 1e-16 is off by 1e-16 / angle in what the two have beside each other
        np.testing.assert_allclose(slerp(start, end, share), expected, atol=1e-14 / angle)


@pytest.mark.parametrize("factor", [-1.0, -2.0, -1 - 1e-9])
def test_opposite_vectors(factor: float) -> None:
    """Every half circle is as short as another, so it is the straight line, through the prior."""
    (start,) = vectors(1)
    way = path(start, factor * start, 5)
    assert np.array_equal(way[0], start)
    assert np.array_equal(way[-1], factor * start)
    middle = (1 + factor) / 2 * start
    np.testing.assert_allclose(way[2], middle, atol=1e-12)


def test_zero_vectors() -> None:
    (some,) = vectors(1)
    zero = np.zeros(Z)
    np.testing.assert_allclose(path(zero, some, 3), [zero, some / 2, some])
    np.testing.assert_allclose(path(some, zero, 3), [some, some / 2, zero])
    assert not path(zero, zero, 3).any()


@pytest.mark.parametrize("spherical", [True, False])
def test_corners_and_edges_of_a_grid(spherical: bool) -> None:
    A, B, C, D = corners = vectors(4)
    rows, columns = 4, 6
    grid = corner_grid(corners, rows, columns, spherical=spherical)
    assert grid.shape == (rows, columns, Z)
    for (row, column), corner in {(0, 0): A, (0, -1): B, (-1, 0): C, (-1, -1): D}.items():
        assert np.array_equal(grid[row, column], corner)
    for edge, first, last in (
        (grid[0], A, B),
        (grid[-1], C, D),
        (grid[:, 0], A, C),
        (grid[:, -1], B, D),
    ):
        assert np.array_equal(edge, path(first, last, len(edge), spherical=spherical))


def test_a_straight_grid_is_bilinear() -> None:
    corners = vectors(4)
    grid = corner_grid(corners, 3, 5, spherical=False)
    for row, down in enumerate((0, 0.5, 1)):
        for column, right in enumerate((0, 0.25, 0.5, 0.75, 1)):
            weights = np.outer([1 - down, down], [1 - right, right]).ravel()
            np.testing.assert_allclose(grid[row, column], weights @ corners, atol=1e-14)


def test_the_inside_of_a_round_grid() -> None:
    A, B, C, D = corners = vectors(4)
    grid = corner_grid(corners, 5, 3)
    expected = white_2016(white_2016(A, C, 0.25), white_2016(B, D, 0.25), 0.5)
    np.testing.assert_allclose(grid[1, 1], expected, atol=1e-12)


@pytest.mark.parametrize("spherical", [True, False])
def test_the_fourth_of_three_corners_is_the_analogy(spherical: bool) -> None:
    A, B, C = corners = vectors(3)
    grid = corner_grid(corners, 3, 4, spherical=spherical)
    assert np.array_equal(grid[-1, -1], C + (B - A))
    completed = np.array([A, B, C, C + (B - A)])
    assert np.array_equal(grid, corner_grid(completed, 3, 4, spherical=spherical))


def test_analogy() -> None:
    assert analogy(np.array([1, 0.5]), np.array([4, 2.0]), np.array([10, -1])).tolist() == [13, 0.5]
    a, b, c = vectors(3)
    assert np.array_equal(analogy(a, b, c), c + (b - a))
    assert np.array_equal(analogy(a, b, a + 0.0), a + (b - a))
    assert np.array_equal(analogy(a, a, c), c)


@pytest.mark.parametrize(
    ("corners", "rows", "columns", "message"),
    [
        (2, 3, 3, "a grid has 3 or 4 corners, got 2"),
        (5, 3, 3, "a grid has 3 or 4 corners, got 5"),
        (4, 1, 3, "at least 2 rows and 2 columns, got 1 rows and 3 columns"),
        (4, 3, 0, "at least 2 rows and 2 columns, got 3 rows and 0 columns"),
    ],
)
def test_grids_that_are_none(corners: int, rows: int, columns: int, message: str) -> None:
    with pytest.raises(SketchRNNError, match=message):
        corner_grid(vectors(corners), rows, columns)


@pytest.mark.parametrize("steps", [1, 0, -3])
def test_a_path_has_two_ends(steps: int) -> None:
    with pytest.raises(SketchRNNError, match=f"at least 2 steps, got {steps}"):
        path(*vectors(2), steps)
