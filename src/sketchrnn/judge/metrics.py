"""Comparing two sets of drawings by their features: precision to coverage, KID, novelty. NumPy.

Shapes: R features of people's drawings [R, D], F of drawn ones [F, D]. All is float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

K = 5  # neighbours
ROWS = 1024  # whose distances to all others are in memory at once

Features = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """How one set of drawings lies among people's.

    Attributes:
        precision: of the drawn ones, how many lie in the ball of one of people's (its radius is the
            distance to its K-th neighbour among people's); Kynkäänniemi et al. 2019.
        recall: of people's, how many lie in the ball of a drawn one, by its neighbours among drawn.
        density: how many balls of people's a drawn one lies in, over K; Naeem et al. 2020.
        coverage: of people's, in whose ball at least one drawn one lies.
        kid: squared maximum mean discrepancy of the kernel (x y / D + 1)^3, unbiased, so it may be
            under 0; Bińkowski et al. 2018.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    kid: float


def compare(people: Features, drawn: Features, k: int = K) -> Quality:
    """The quality of `drawn` beside `people`, each more than k drawings."""
    people_radius, drawn_radius = radii(people, k), radii(drawn, k)
    inside = np.zeros(len(drawn), dtype=np.int64)  # balls of people's that each drawn one lies in
    recalled = covered = 0
    for part, distances in _chunks(people, drawn):
        within = distances < people_radius[part, None]
        inside += within.sum(axis=0)
        covered += int(within.any(axis=1).sum())
        recalled += int((distances < drawn_radius).any(axis=1).sum())
    return Quality(
        precision=float((inside > 0).mean()),
        recall=recalled / len(people),
        density=float(inside.mean()) / k,
        coverage=covered / len(people),
        kid=kid(people, drawn),
    )


def radii(features: Features, k: int) -> Features:
    """The distance of each of n to its k-th nearest among the others [n]; n > k."""
    found = [np.partition(rows, k, axis=1)[:, k] for _, rows in _chunks(features, features)]
    return np.concatenate(found)  # number 0 is itself


def nearest(features: Features, among: Features) -> Features:
    """The distance of each to the nearest among others [n]."""
    return np.concatenate([rows.min(axis=1) for _, rows in _chunks(features, among)])


def kid(people: Features, drawn: Features) -> float:
    """The unbiased squared MMD of two sets, each of at least two."""
    within = [
        (_kernel_sum(one, one) - float(_kernel(np.square(one).sum(axis=1), one.shape[1]).sum()))
        / (len(one) * (len(one) - 1))
        for one in (people, drawn)
    ]
    across = _kernel_sum(people, drawn) / (len(people) * len(drawn))
    return within[0] + within[1] - 2 * across


def _kernel(products: Features, width: int) -> Features:
    kernel: Features = (products / width + 1) ** 3
    return kernel


def _kernel_sum(left: Features, right: Features) -> float:
    parts = (left[first : first + ROWS] for first in range(0, len(left), ROWS))
    return sum(float(_kernel(part @ right.T, left.shape[1]).sum()) for part in parts)


def _chunks(left: Features, right: Features) -> Iterator[tuple[slice, Features]]:
    """Distances [part of left, right], part by part; a drawing is at 0 from itself, exactly."""
    right_square = np.square(right).sum(axis=1)
    for first in range(0, len(left), ROWS):
        part = slice(first, first + ROWS)
        square = np.square(left[part]).sum(axis=1)[:, None] + right_square
        square -= 2 * (left[part] @ right.T)
        if left is right:
            own = np.arange(len(square))
            square[own, own + first] = 0
        yield part, np.sqrt(np.maximum(square, 0))
