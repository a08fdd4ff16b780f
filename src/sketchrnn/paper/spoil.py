"""Drawings spoilt on purpose: what a reader of drawings must refuse. No PyTorch here.

Each way takes two good drawings of different kinds and a generator, and gives one bad drawing in
the 255 px box's units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from sketchrnn.sketch import Sketch
from sketchrnn.strokes import BOX_PX

Way = Callable[[Sketch, Sketch, np.random.Generator], Sketch]


def loosened(sketch: Sketch, rng: np.random.Generator, strokes_px: float, px: float) -> Sketch:
    """The same drawing by a looser hand: each stroke moved, and each point beside its stroke.

    By how much: standard deviations in x and in y.
    """
    return Sketch.from_polylines(
        line + rng.normal(0, strokes_px, 2) + rng.normal(0, px, line.shape)
        for line in sketch.polylines
    )


def _half(sketch: Sketch, _: Sketch, rng: np.random.Generator) -> Sketch:
    # A head is over 70% of the points of an animal with a body, so no part is a whole drawing.
    rows = sketch.to_stroke3()
    count = max(1, round(len(rows) * rng.uniform(0.25, 0.6)))
    return Sketch.from_stroke3(rows[:count] if rng.random() < 0.5 else rows[-count:])


def _mixed(sketch: Sketch, other: Sketch, rng: np.random.Generator) -> Sketch:
    lines = []
    for one in (sketch, other):
        count = len(one.polylines)
        chosen = rng.permutation(count)[: max(2, count // 2)]
        lines += [one.polylines[index] for index in sorted(chosen)]
    return Sketch.from_polylines(lines)


def _drifted(sketch: Sketch, _: Sketch, rng: np.random.Generator) -> Sketch:
    rows = sketch.to_stroke3()
    rows[:, :2] += rng.normal(0, rng.uniform(5, 12), (len(rows), 2))
    return Sketch.from_stroke3(rows)


def _scribble(_: Sketch, __: Sketch, rng: np.random.Generator) -> Sketch:
    lines = []
    for _stroke in range(rng.integers(2, 13)):
        turns = np.cumsum(rng.normal(0, rng.uniform(0.2, 1.2), rng.integers(3, 20)))
        steps = rng.uniform(5, 40) * np.column_stack([np.cos(turns), np.sin(turns)])
        lines.append(rng.uniform(0, BOX_PX, 2) + np.cumsum(steps, axis=0))
    return Sketch.from_polylines(lines)


WAYS: dict[str, Way] = {
    "half drawings": _half,  # the first or the last 25 to 60% of the points
    "strokes of two kinds": _mixed,  # half of those of each of the two, in their places
    "scattered strokes": lambda one, _, rng: loosened(one, rng, rng.uniform(20, 60), 0.0),
    "shaken points": lambda one, _, rng: loosened(one, rng, 0.0, rng.uniform(9, 25)),
    "drifting hands": _drifted,  # an error of some 5 to 12 px at each point, carried on
    "scribbles": _scribble,  # two to twelve strokes that turn at random, nothing of the drawings
}


def spoilt(good: Iterable[tuple[Sketch, Sketch]], seed: int, ways: Sequence[str]) -> list[Sketch]:
    """One bad drawing a pair of good ones of different kinds, the ways taking turns."""
    return [
        WAYS[ways[number % len(ways)]](first, second, np.random.default_rng([seed, number]))
        for number, (first, second) in enumerate(good)
    ]
