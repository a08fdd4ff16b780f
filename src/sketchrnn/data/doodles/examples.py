"""Drawings to begin with, by this package's own hand: what the documents' commands take.

They are as a person's would be, finely drawn, and one or two unfinished or crude. None is from a
data set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from sketchrnn.data.doodles.hand import Hand, Part, Point, Stroke, finish
from sketchrnn.data.doodles.kinds import DRAW
from sketchrnn.sketch import Sketch
from sketchrnn.strokes import resample

_Draw = Callable[[Hand], Part]

FINENESS = 4  # of circles
SPACING = 0.02  # of points before they are wobbled, in half-heights of a head
EPSILON_PX, DECIMALS = 0.5, 1

BUTTERFLIES = 10  # in a folder of their own, as somebody's own drawings of one thing

# What the kinds of `kinds` are drawn from.
_PIG = {"width": 1.12, "ear_size": 0.62, "eye_size": 0.09, "snout": 0.4, "smile": 0.8}
_CAT = {"width": 1.1, "ear_size": 0.6, "eye_size": 0.09, "whiskers": 6, "smile": 0.6}
_BODY = {"head_size": 0.85, "tail": 0.9}
_FACE = {"width": 0.9, "eye_size": 0.13, "smile": 0.9, "hair": 0}
_HOUSE = {"width": 1.1, "windows": 2, "chimney": 1}


def examples() -> dict[str, Sketch]:
    """The drawings, by the name of their file; always the same."""
    return {name: make() for name, make in _EXAMPLES.items()}


def _drawn(label: str, seed: int, draw: _Draw, tilt: float = 0.0, slips: float = 0.7) -> Sketch:
    """A drawing by one hand, which slips more or less."""
    rng = np.random.default_rng(seed)
    hand = Hand(rng, FINENESS)
    hand.care = slips
    dense = [resample(stroke, SPACING) for stroke in draw(hand)]
    return Sketch.from_polylines(finish(dense, tilt, rng, EPSILON_PX, DECIMALS), label)


def _kind(kind: str, factors: Mapping[str, float], first: int | None = None) -> _Draw:
    """A doodle of a kind, or its first strokes."""
    return lambda hand: DRAW[kind](hand, factors)[:first]


def _mirrored(side: int, points: list[Point]) -> list[Point]:
    return [(side * x, y) for x, y in points]


def _butterfly(hand: Hand) -> Part:
    body = hand.loop((0.0, 0.05), (0.09, 0.55))
    wide, high = hand.about(1.1, 0.15), hand.about(0.95, 0.12)
    low, tail = hand.about(0.75, 0.12), hand.about(0.9, 0.12)
    spots = hand.chance(0.5)

    def wings(side: int) -> Part:
        upper = [(0.09, -0.15), (0.4 * wide, -0.9 * high), (0.9 * wide, -high), (wide, -0.45)]
        upper += [(0.75 * wide, -0.05), (0.1, 0.08)]
        lower = [(0.1, 0.12), (0.7 * low, 0.15), (low, 0.55 * tail), (0.65 * low, tail)]
        lower += [(0.3 * low, 0.7 * tail), (0.08, 0.3)]
        drawn = [
            hand.curve(*_mirrored(side, points), slip=0.04, either_way=0.0)
            for points in (upper, lower)
        ]
        if spots:
            drawn.append(hand.loop((side * 0.72 * wide, -0.58 * high), (0.13, 0.13)))
        return drawn

    def feeler(side: int) -> Part:
        points: list[Point] = [(0.03, -0.48), (0.12, -0.85), (0.34, -1.05)]
        return [hand.curve(*_mirrored(side, points), either_way=0.0)]

    return [body, *hand.sides(wings), *hand.sides(feeler)]


def _toothbrush(hand: Hand) -> Part:
    handle: Stroke = hand.curve(
        *((-2.0, 0.0), (-1.6, -0.14), (-0.6, -0.08), (0.2, -0.06), (0.9, -0.13), (1.5, -0.13)),
        *((1.62, 0.0), (1.5, 0.12), (0.9, 0.12), (0.2, 0.08), (-0.6, 0.12), (-1.6, 0.14)),
        (-2.0, 0.0),
        either_way=0.0,
    )
    bristles = [
        hand.line((x, -0.14), (x + 0.01, hand.about(-0.5, 0.05)), slip=0.01, either_way=0.0)
        for x in (0.78, 0.93, 1.08, 1.23, 1.38, 1.52)
    ]
    return [handle, *bristles]


def _car_begun(hand: Hand) -> Part:
    """From the bumper over the bonnet and the windscreen to the roof."""
    return [hand.line((0, 0.8), (0.16, 0.42), (0.9, 0.38), (1.2, 0), (2, 0), either_way=0.0)]


_EXAMPLES: dict[str, Callable[[], Sketch]] = {
    "cat.svg": partial(_drawn, "cat", 4, _kind("cat_head", _CAT), -4),
    "cat-body.svg": partial(_drawn, "cat", 3, _kind("cat_body", _CAT | _BODY)),
    "pig.svg": partial(_drawn, "pig", 1, _kind("pig_head", _PIG), 3),
    "pig-body.svg": partial(_drawn, "pig", 2, _kind("pig_body", _PIG | _BODY)),
    "face.svg": partial(_drawn, "face", 5, _kind("face", _FACE)),
    "face-unfinished.svg": partial(_drawn, "face", 6, _kind("face", _FACE, 2)),
    "car-unfinished.svg": lambda: _drawn("car", 7, _car_begun).fitted(70, 70).moved(60, 60),
    "house.svg": partial(_drawn, "house", 8, _kind("house", _HOUSE)),
    "toothbrush.svg": partial(_drawn, "toothbrush", 9, _toothbrush, -20),
    "rough.svg": partial(_drawn, "face", 12, _kind("face", _FACE), 10, 4.0),
    **{
        f"butterflies/{number:02}.svg": partial(
            _drawn, "butterfly", 20 + number, _butterfly, 5 * (number % 5 - 2)
        )
        for number in range(1, BUTTERFLIES + 1)
    },
}
