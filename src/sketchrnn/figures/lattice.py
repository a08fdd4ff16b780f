"""Where the drawings of a seamless tile stand: lively, close, even, and never touching."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

Points = npt.NDArray[np.float64]

ROW_HEIGHT = {"brick": math.sqrt(3) / 2, "square": 1.0}  # of a kind of lattice, in columns
NEAR = 1.9  # so many steps of the lattice apart, two drawings cannot touch

# A drawing as large as its circle allows looks large where it is round, and small where it is long.
# So the convex hull of each is to have the area of a circle of this radius, as far as that goes.
EVEN_RADIUS = 0.9
LEAST_FACTOR, MOST_FACTOR = 0.9, 1.35
SWEEPS, GROWTH, STEP = 50, 1.03, 0.03  # of `settle`; STEP in steps of the lattice
CLEAR = 0.75  # of the gap between two circles is kept between hulls


class Lattice:
    """The places of a tile's drawings: columns * rows of them, on a torus.

    Of the kind "brick", every second of an even number of rows is moved by half a column. The
    height of the tile follows from its width, in whole px.

    Attributes:
        places: [columns * rows, 2], row by row.
        step: the least distance of two places.
        near: the neighbours of each place: the index of another one (or itself, round the torus)
            and how far to move it [2] to where it is a neighbour.
    """

    def __init__(self, kind: str, columns: int, rows: int, width: float) -> None:
        self.width = width
        self.height = float(max(round(width / columns * rows * ROW_HEIGHT[kind]), 1))
        row, column = np.divmod(np.arange(columns * rows), columns)
        shift = np.where(row % 2, 0.25, -0.25) if kind == "brick" else 0.0
        self.places: Points = np.stack(
            [(column + 0.5 + shift) / columns * width, (row + 0.5) / rows * self.height], axis=1
        )
        moves = np.array([(i, j) for i in (0, -1, 1) for j in (0, -1, 1)]) * (width, self.height)
        self.near: list[list[tuple[int, Points]]] = []
        for place in self.places:
            away = np.linalg.norm(self.places[:, None] + moves - place, axis=-1)  # [other, move]
            self.step = float(away[away > 0].min())  # the same for each place
            near = np.argwhere((away > 0) & (away < NEAR * self.step))
            self.near.append([(int(other), moves[move]) for other, move in near])


def settle(
    lattice: Lattice,
    drawings: Sequence[Points],
    gap: float,
    jitter: float,
    rng: np.random.Generator,
) -> tuple[Points, Points]:
    """Move each drawing a little, and let it grow, where its neighbours leave room.

    It begins with circles that are half a gap apart or more, and then takes no step that brings
    the convex hulls of two drawings nearer to each other than CLEAR gaps, or than they were. Gives
    the centres [places, 2], and the factors [places] to scale the drawings with.

    Args:
        lattice: the places.
        drawings: the points [n, 2] of each, in the circle of radius 1 around (0, 0).
        gap: the white space between two circles on their places, in steps of the lattice.
        jitter: how far a drawing may stand off its place: 0 to 1, in quarter steps of the lattice.
        rng: of the moves.
    """
    step, places = lattice.step, lattice.places
    radius, wanted, farthest = (1 - gap) / 2 * step, CLEAR * gap * step, jitter / 4 * step
    hulls = [shapely.convex_hull(shapely.multipoints(points)) for points in drawings]
    radii = np.sqrt(shapely.area(hulls) / np.pi)  # of circles as large
    targets = radius * np.clip(EVEN_RADIUS / np.maximum(radii, 1e-6), LEAST_FACTOR, MOST_FACTOR)

    # uniform in a circle
    angles, away = rng.uniform(0, 2 * np.pi, len(hulls)), np.sqrt(rng.random(len(hulls)))
    moves = np.stack([away * np.cos(angles), away * np.sin(angles)], axis=1)
    centers = places + jitter * gap / 4 * step * moves
    factors = np.minimum(targets, radius)
    drawn = [_moved(hull, f, c) for hull, f, c in zip(hulls, factors, centers, strict=True)]

    def room(index: int, hull: BaseGeometry) -> tuple[float, float]:
        """For drawing `index` with this hull: its nearest neighbour's distance, all's pressure."""
        others = [
            _moved(hull if other == index else drawn[other], 1, move)
            if move.any()
            else drawn[other]
            for other, move in lattice.near[index]
        ]
        distances = np.maximum(shapely.distance(hull, others), 1e-6 * step)
        return float(distances.min()), float(np.sum(distances**-2))

    for _ in range(SWEEPS):
        moves = STEP * step * rng.normal(size=(len(hulls), 2)) * (jitter > 0)
        for index, hull in enumerate(hulls):
            center = centers[index] + moves[index]
            if math.dist(center, places[index]) > farthest:
                center = centers[index]
            nearest, pressure = room(index, drawn[index])
            # A larger one here or there, where there is room; else a place with less pressure.
            grown = min(factors[index] * GROWTH, targets[index])
            tried = _moved(hull, grown, center)
            if grown == factors[index] or room(index, tried)[0] < wanted:
                grown = factors[index]
                tried = _moved(hull, grown, center)
                new_nearest, new_pressure = room(index, tried)
                if new_pressure >= pressure or new_nearest < min(nearest, wanted):
                    continue
            centers[index], factors[index], drawn[index] = center, grown, tried
    return centers, factors


def unit_circle(points: Points) -> tuple[Points, float]:
    """Centre [2] and radius of the smallest circle around points [n, 2]; radius 1 for one point."""
    radius = float(shapely.minimum_bounding_radius(shapely.multipoints(points)))
    if not radius:
        return points[0], 1.0
    circle = shapely.minimum_bounding_circle(shapely.multipoints(points))
    return shapely.get_coordinates(shapely.centroid(circle))[0], radius


def _moved(hull: BaseGeometry, factor: float, move: Points) -> BaseGeometry:
    return shapely.transform(hull, lambda points: points * factor + move)
