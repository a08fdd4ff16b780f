"""What is drawn: the kinds, their factors, and how each is built from strokes.

A head is the ellipse of half-width `width` and half-height 1 around the origin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sketchrnn.data.doodles.hand import Hand, Part, Point

Factors = Mapping[str, float]


@dataclass(frozen=True)
class Range:
    """The values that a factor takes: low to high, in steps of `step` (0: any value between)."""

    low: float
    high: float
    step: float = 0.0

    def at(self, share: float) -> float:
        """The value at `share` of the way, 0 <= share < 1, all values equally often."""
        if self.step == 0:
            return self.low + (self.high - self.low) * share
        return self.low + self.step * int(share * ((self.high - self.low) // self.step + 1))

    def allows(self, value: float) -> bool:
        """Whether `value` is in the range and on a step."""
        on_step = self.step == 0 or (value - self.low) % self.step == 0
        return self.low <= value <= self.high and on_step

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.low:g}"
        steps = f" in steps of {self.step:g}" if self.step else ""
        return f"{self.low:g} to {self.high:g}{steps}"


FACTORS: tuple[str, ...] = (
    "body",  # 1 where the animal has a body, with legs and a tail
    "ears",  # 1 pointed, 2 floppy
    "ear_size",  # height of an ear, in half-heights of the head
    "whiskers",  # number of them, both sides together
    "eyes",  # number of them
    "eye_size",  # radius of an eye, in half-heights of the head (of the fish)
    "snout",  # half-width of the snout, in half-heights of the head
    "smile",  # -1 sad to 1 happy
    "width",  # width over height of the head (of the house's front, of the fish)
    "head_size",  # width of the head over the length of the body
    "tail",  # length of the tail, in half-heights of the head (of the fish)
    "hair",  # number of hairs
    "windows",  # number of them
    "chimney",  # 1 where there is one
    "petals",  # number of them
    "leaves",  # number of them
    "tilt",  # degrees, clockwise
)

NEVER = Range(0, 0)  # of a factor that does not apply to a kind
SMALLEST_CIRCLE = 0.11  # eyes of a smaller radius are short strokes

_ANIMAL = {
    "ear_size": Range(0.45, 0.8),
    "eyes": Range(2, 2),
    "smile": Range(0.2, 1),
    "width": Range(1.0, 1.3),
    "tilt": Range(-12, 12),
}
_CAT = _ANIMAL | {
    "ears": Range(1, 1),
    "whiskers": Range(4, 6, 2),
    "eye_size": Range(0.07, 0.16),
}
_PIG = _ANIMAL | {
    "ears": Range(2, 2),
    "eye_size": Range(0.07, 0.15),
    "snout": Range(0.34, 0.48),
}
_BODY = {
    "body": Range(1, 1),
    "head_size": Range(0.75, 1.0),
    "tail": Range(0.7, 1.2),
    "eye_size": Range(0.07, 0.1),
}

RANGES: dict[str, dict[str, Range]] = {
    "cat_head": _CAT,
    "cat_body": _CAT | _BODY,
    "pig_head": _PIG,
    "pig_body": _PIG | _BODY,
    "face": {
        "eyes": Range(2, 2),
        "eye_size": Range(0.07, 0.15),
        "smile": Range(-1, 1),
        "width": Range(0.75, 1.0),
        "hair": Range(0, 7, 1),
        "tilt": Range(-12, 12),
    },
    "house": {
        "width": Range(0.9, 1.5),
        "windows": Range(0, 2, 1),
        "chimney": Range(0, 1, 1),
        "tilt": Range(-5, 5),
    },
    "fish": {
        "eyes": Range(1, 1),
        "eye_size": Range(0.12, 0.22),
        "smile": Range(0.2, 1),
        "width": Range(1.5, 2.1),
        "tail": Range(0.7, 1.2),
        "tilt": Range(-15, 15),
    },
    "flower": {"petals": Range(5, 7, 1), "leaves": Range(0, 2, 1), "tilt": Range(-10, 10)},
}


def _on_ellipse(radii: Point, degrees: float) -> Point:
    angle = math.radians(degrees)
    return radii[0] * math.cos(angle), radii[1] * math.sin(angle)


def _on_side(side: int, points: Sequence[Point]) -> list[Point]:
    """The points, mirrored to the left for side -1."""
    return [(side * x, y) for x, y in points]


def _eyes(hand: Hand, f: Factors, height: float, apart: float) -> Part:
    """Two eyes at (+-apart, -height), level, so that their line shows the tilt.

    Small ones are short strokes, large ones circles.
    """
    level = hand.about(-height, 0.04)
    radius = f["eye_size"]
    eyes = []
    for side in (-apart, apart):
        x, y = hand.near((side, level), 0.015)
        if radius < SMALLEST_CIRCLE:
            eyes.append(hand.line((x, y - radius), (x, y + radius), slip=0.01))
        else:
            eyes.append(hand.loop((x, y), (radius, hand.about(radius, 0.15 * radius))))
    return hand.sides(eyes[:1], eyes[1:])


def _smile(hand: Hand, y: float, half_width: float, smile: float) -> Part:
    """A mouth: one arc, its middle lower than its corners by `smile` times half its width."""
    dip = 0.55 * half_width * smile
    x = half_width
    return [hand.curve((-x, y - dip / 2), (0.0, y + dip / 2), (x, y - dip / 2), slip=0.02)]


def _cat_head(hand: Hand, f: Factors) -> Part:
    w = f["width"]
    head = [hand.loop((0, 0), (w, 1))]

    def ear(side: int) -> Part:
        outer, inner = _on_ellipse((w, 1), -32), _on_ellipse((w, 1), -68)
        tip = (hand.about(0.74 * w, 0.05), -0.78 - f["ear_size"])
        return [hand.line(*_on_side(side, [outer, tip, inner]), either_way=0.4)]

    def whiskers(side: int) -> Part:
        count = int(f["whiskers"]) // 2
        spread = 0.42 if count == 3 else 0.26
        lines = []
        for index in range(count):
            slope = spread * (2 * index / (count - 1) - 1)
            start = (0.42 * w, 0.28 + 0.35 * slope)
            end = (hand.about(1.3 * w, 0.08), 0.22 + slope)
            lines.append(hand.line(*_on_side(side, [start, end])))
        return lines

    nose = [hand.line((-0.12, 0.12), (0.12, 0.12), (0, 0.27), (-0.12, 0.12), slip=0.015)]
    dip = 0.12 + 0.1 * f["smile"]
    left = [(-0.34, 0.5 - dip / 2), (-0.2, 0.5 + dip / 2), (-0.04, 0.41)]
    mouth = [hand.curve(*left, *_on_side(-1, left[::-1]), slip=0.015)]
    inner = hand.order(
        [_eyes(hand, f, 0.2, 0.4 * w), nose + mouth, hand.sides(whiskers(-1), whiskers(1))]
    )
    return hand.order([head, hand.sides(ear(-1), ear(1))], 0.2) + inner


def _pig_head(hand: Hand, f: Factors) -> Part:
    w = f["width"]
    head = [hand.loop((0, 0), (w, 1))]

    def ear(side: int) -> Part:
        size = f["ear_size"]
        inner, outer = _on_ellipse((w, 1), -68), _on_ellipse((w, 1), -25)
        crown = (0.62 * w, -0.82 - 0.55 * size)
        tip = (0.98 * w + 0.3 * size, -0.62 + 0.2 * size)
        return [hand.line(*_on_side(side, [inner, crown, tip, outer]), either_way=0.3)]

    width, y = f["snout"], hand.about(0.25, 0.04)
    height = hand.about(0.7 * width, 0.06)
    snout = [hand.loop((0, y), (width, height))]
    nostrils = [
        hand.line((x, y - 0.3 * height), (x, y + 0.3 * height), slip=0.02)
        for x in (-0.36 * width, 0.36 * width)
    ]
    snout += hand.sides(nostrils[:1], nostrils[1:])
    mouth = _smile(hand, 0.72, 0.3, f["smile"])
    inner = hand.order([_eyes(hand, f, 0.28, 0.42 * w), snout, mouth])
    return hand.order([head, hand.sides(ear(-1), ear(1))], 0.2) + inner


def _body(hand: Hand, f: Factors) -> Part:
    """A body seen from the side, to the right of the head, on four legs, with a tail."""
    w = f["width"]
    length = w / f["head_size"]  # half of it
    height = hand.about(0.66 * length, 0.05)
    center = (0.5 * w + 0.86 * length, hand.about(0.6, 0.06))

    # The body is seen where the head does not cover it.
    covered = [
        degrees
        for degrees in range(90, 271, 3)
        if ((center[0] + length * math.cos(math.radians(degrees))) / w) ** 2
        + (center[1] + height * math.sin(math.radians(degrees))) ** 2
        < 1
    ]
    first, last = hand.about(covered[-1], 5), hand.about(covered[0], 5) + 360
    back = hand.arc(center, (length, height), first, last - first)
    body = [back if hand.chance(0.8) else back[::-1]]

    ground = center[1] + height + hand.about(0.55, 0.08)
    legs = []
    for place in (-0.62, -0.3, 0.3, 0.62):
        x = center[0] + length * hand.about(place, 0.03)
        top = center[1] + height * math.sqrt(1 - place**2) - 0.02
        legs.append(hand.line((x, top), (x, ground), (x - 0.2, ground), either_way=0.0))
    if hand.chance(0.2):
        legs.reverse()

    t = f["tail"]
    x, y = center[0] + 0.93 * length, center[1] - 0.37 * height
    bend = [(0.36, 0.16), (0.42, 0.55), (0.72, 0.8)]  # to the right and up, in lengths of the tail
    tail = [hand.curve((x, y), *((x + right * t, y - up * t) for right, up in bend))]
    return body + hand.order([legs, tail])


def _face(hand: Hand, f: Factors) -> Part:
    w = f["width"]
    head = [hand.loop((0, 0), (w, 1))]
    if hand.chance(0.5):
        nose = [hand.line((0.0, -0.1), (-0.12, 0.2), (0.06, 0.22))]
    else:
        nose = [hand.curve((-0.1, 0.12), (0.0, 0.22), (0.1, 0.12), slip=0.02)]
    mouth = _smile(hand, 0.52, 0.42 * w, f["smile"])
    count = int(f["hair"])
    hair = []
    for index in range(count):
        degrees = -90 + 100 * ((index + 0.5) / count - 0.5)
        reach = hand.about(1.35, 0.08)
        root, end = _on_ellipse((0.97 * w, 0.97), degrees), _on_ellipse((reach * w, reach), degrees)
        hair.append(hand.line(root, end))
    return head + hand.order([_eyes(hand, f, 0.25, 0.4 * w), nose, mouth, hair])


def _house(hand: Hand, f: Factors) -> Part:
    w = f["width"]  # half of it; the front reaches from y = 0 to 2
    eaves, apex = w + 0.22, (hand.about(0.0, 0.08), hand.about(-1.15, 0.12))
    walls: list[Point] = [(-w, 0.0), (-w, 2.0), (w, 2.0), (w, 0.0)]
    open_top = hand.chance(0.4)
    front = [hand.line(*walls, *([] if open_top else walls[:1]))]
    slopes: list[Point] = [(-eaves, 0.03), apex, (eaves, 0.03)]
    closed = open_top or hand.chance(0.5)
    roof = [hand.line(*slopes, *(slopes[:1] if closed else []))]

    windows = int(f["windows"])
    x = -0.42 * w if windows == 1 else 0.0
    half, top = 0.22 * w, hand.about(0.95, 0.1)
    door = [hand.line((x - half, 2.0), (x - half, top), (x + half, top), (x + half, 2.0))]
    panes: Part = []
    for place in ((), (0.42,), (-0.6, 0.6))[windows]:
        cx, cy, r = place * w, hand.about(0.72, 0.08), hand.about(0.22, 0.03)
        corners = [(-1, -1), (-1, 1), (1, 1), (1, -1), (-1, -1)]
        panes.append(hand.line(*((cx + right * r, cy + down * r) for right, down in corners)))
        panes.append(hand.line((cx, cy - r), (cx, cy + r)))
        panes.append(hand.line((cx - r, cy), (cx + r, cy)))
    chimney: Part = []
    if f["chimney"]:
        run, rise = eaves - apex[0], 0.03 - apex[1]
        (x0, y0), (x1, y1) = (  # at shares of the way down the slope
            (apex[0] + share * run, apex[1] + share * rise) for share in (0.4, 0.64)
        )
        top = apex[1] - 0.05
        chimney = [hand.line((x0, y0), (x0, top), (x1, top), (x1, y1))]
    return hand.order([front, roof], 0.2) + hand.order([door, panes, chimney])


def _fish(hand: Hand, f: Factors) -> Part:
    w, t = f["width"], f["tail"]
    back, half = w + 0.85 * t, hand.about(0.62, 0.08) * t
    if hand.chance(0.5):  # one stroke, crossing itself at the root of the tail
        below = [(back, -half), (w + 0.05, 0.0), (0.35 * w, 0.85), (-0.35 * w, 0.95), (-w, 0.0)]
        above = [(x, -y) for x, y in below[-2::-1]]
        outline = [
            hand.curve(*below, *above),
            hand.curve((back, -half), (w + 0.65 * t, 0.0), (back, half)),
        ]
    else:
        outline = [
            hand.loop((0, 0), (w, 1), start=0.0),
            hand.line((w, 0.0), (back, -half), (back, half), (w, 0.0)),
        ]
    radius = f["eye_size"]
    eye = [hand.loop(hand.near((-0.58 * w, -0.25), 0.04), (radius, radius))]
    low, end = (-0.8 * w, 0.32 + 0.08 * f["smile"]), (-0.62 * w, 0.3 - 0.12 * f["smile"])
    mouth = [hand.curve((-0.95 * w, 0.3), low, end)]
    gill = [hand.curve((-0.3 * w, -0.45), (-0.18 * w, 0.0), (-0.3 * w, 0.45))]
    fin = [hand.line((0.08 * w, 0.1), (0.42 * w, 0.02), (0.12 * w, 0.34))]
    return outline + hand.order([eye, mouth, gill, fin])


def _flower(hand: Hand, f: Factors) -> Part:
    heart = 0.36
    center = [hand.loop((0, 0), (heart, heart))]
    step = 360 / int(f["petals"])
    turn = hand.about(-90, 25)
    petal = [(0.36, heart), (0.44, 0.82), (0.0, 1.06), (-0.44, 0.82), (-0.36, heart)]
    petals = []
    for index in range(int(f["petals"])):
        middle = turn - index * step
        around = [_on_ellipse((far, far), middle + share * step) for share, far in petal]
        petals.append(hand.line(*around, either_way=0.0))
    foot = (hand.about(0.0, 0.2), 3.0)
    stem = [hand.curve((0, 1.0), (hand.about(0.0, 0.12), 2.0), foot)]
    leaves: Part = []
    for side in ((1, -1) if hand.right_first else (-1, 1))[: int(f["leaves"])]:
        y = hand.about(2.4, 0.15)
        leaf = [(0.0, y), (0.4, y - 0.5), (0.95, y - 0.55), (0.6, y - 0.1), (0.0, y)]
        leaves.append(hand.curve(*_on_side(side, leaf)))
    return center + petals + stem + leaves


DRAW: dict[str, Callable[[Hand, Factors], Part]] = {
    "cat_head": _cat_head,
    "cat_body": lambda hand, f: _cat_head(hand, f) + _body(hand, f),
    "pig_head": _pig_head,
    "pig_body": lambda hand, f: _pig_head(hand, f) + _body(hand, f),
    "face": _face,
    "house": _house,
    "fish": _fish,
    "flower": _flower,
}
KINDS: tuple[str, ...] = tuple(DRAW)
