"""Single-stroke letters for labels: text as lines of a pen, so that no font is needed.

A label must be readable wherever a sheet is looked at or turned into a PNG, on a machine without
any font too, and the same bytes must come out everywhere. And a pen plotter can draw it.

How a glyph is written down: its width, then its strokes, each a row of points of two characters.
The first is x as one digit in base 36, the second is y as a letter: a = 0 is the top of capitals,
e = 4 the top of small letters, m = 12 the baseline, q = 16 the lowest descender. A capital letter
for y makes the point a control point of a quadratic curve; between two control points in a row lies
a point of the curve, in the middle (as in TrueType outlines).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

CAPITAL_HEIGHT = 12  # units; `size` below is what this becomes on paper
DESCENT = 4 / CAPITAL_HEIGHT  # below the baseline, as a part of `size`
LINE_HEIGHT = 1.9  # baseline to baseline, as a part of `size`
SPACING = 3  # units between two glyphs
CURVE_STEPS = 4  # straight pieces a quadratic curve

_GLYPHS_TEXT = r"""
! 0 0a0i 0l0m
" 3 0a0d 3a3d
# 8 3b1l 7b5l 1e8e 0i7i
$ 8 8c7A4a0A0d0F4g8H8j8M4m1M0k 4a4n
% 9 0d0A4A4G0G0d 5j5G9G9M5M5j 8a1m
& 8 8m2e0A6A6d6F0F0j0M6M8h
' 0 0a0d
( 3 3a0D0L3o
) 3 0a3D3L0o
* 6 3b3h 0c6g 6c0g
+ 6 0h6h 3e3k
, 1 1l1m0o
- 4 0h4h
. 0 0l0m
/ 5 0n5a
0 7 0g0A7A7M0M0g
1 7 1d4a4m
2 7 0d0A7A7d7G0m7m
3 7 0c1A6A6F3f7F7M0M0j
4 7 5m5a0i7i
5 7 6a1a0g2E7E7M0M0k
6 7 6a0D0i0E7E7M0M0i
7 7 0a7a2m
8 7 1d1A6A6G1G1d 0j0G7G7M0M0j
9 7 1m7J7e7I0I0A7A7e
: 0 0f0g 0l0m
; 1 1f1g 1l1m0o
< 6 6d0h6l
= 6 0f6f 0j6j
> 6 0d6h0l
? 6 0d0A6A6d6F3g3i 3l3m
@ 11 8h8E3E3K8K8h 8e8i8KbKbhbA0A0O7O9n
A 8 0m4a8m 1j7j
B 8 0g0a4a7A7G4g8G8M4m0m0g4g
C 8 8d7A0A0M7M8j
D 9 0m0a3a9A9M3m0m
E 7 7a0a0m7m 0g6g
F 7 7a0a0m 0g6g
G 9 9d8A0A0M9M9g5g
H 8 0a0m 8a8m 0g8g
I 0 0a0m
J 5 5a5i5M0M0j
K 7 0a0m 7a0h 2f7m
L 6 0a0m6m
M 10 0m0a5jaaam
N 8 0m0a8m8a
O 9 0g0A9A9M0M0g
P 7 0m0a4a7A7G4g0g
Q 9 0g0A9A9M0M0g 5i9m
R 7 0m0a4a7A7G4g0g 4g7m
S 8 8c7A4a0A0d0F4g8H8j8M4m1M0k
T 8 0a8a 4a4m
U 8 0a0h0M8M8h8a
V 8 0a4m8a
W 12 0a3m6c9mca
X 8 0a8m 8a0m
Y 8 0a4g8a 4g4m
Z 7 0a7a0m7m
[ 3 3a0a0o3o
\ 5 0a5n
] 3 0a3a3o0o
^ 6 0d3a6d
_ 7 0n7n
` 2 0a2c
a 7 7e7m 7i7E0E0M7M7i
b 7 0a0m 0i0E7E7M0M0i
c 6 6g5E0E0M5M6k
d 7 7a7m 7i7E0E0M7M7i
e 7 0i7i7E0E0M6M7k
f 4 4a2A2d2m 0e4e
g 7 7e7m7Q3q1Q0p 7i7E0E0M7M7i
h 6 0a0m 0i0E6E6i6m
i 0 0e0m 0a0b
j 2 2e2n2Q0q 2a2b
k 6 0a0m 6e0k 2i6m
l 2 0a0j0M2m
m 10 0e0m 0i0E5E5i5m 5i5EaEaiam
n 6 0e0m 0i0E6E6i6m
o 7 0i0E7E7M0M0i
p 7 0e0q 0i0E7E7M0M0i
q 7 7e7q 7i7E0E0M7M7i
r 4 0e0m 0i0E4e
s 6 6f5E3e0E0g0H3i6J6k6M3m1M0l
t 5 2b2j2M5m 0e5e
u 6 6e6m 0e0i0M6M6i
v 6 0e3m6e
w 10 0e3m5f7mae
x 6 0e6m 6e0m
y 6 0e3m 6e3m2Q0q
z 6 0e6e0m6m
{ 4 4a2A2d2f2H0h2H2j2l2O4o
| 0 0a0p
} 4 0a2A2d2f2H4h2H2j2l2O0o
~ 6 0i1F3h5J6g
° 4 0c0A4A4E0E0c
± 6 0h6h 3e3k 0m6m
· 0 0g0h
× 6 0e6k 6e0k
ε 6 6f5E1E1I3i0I0M5M6l
μ 6 0e0q 6e6m 0i0M6M6i
π 8 0e8e 2e2m 6e6m
σ 8 8e3e0E0M7M7i7F4e
τ 7 0e7e 3e3j3M6m
– 6 0h6h
— 9 0h9h
→ 9 0h9h 6e9h6k
"""
_MISSING = "6 0b6b6m0m0b"  # a box for what has no glyph
_SPACE = "3"
_ALIKE = str.maketrans("‘’“”−‐‑", "''\"\"–--")

_PIECE = re.compile(r"\s*\S+?(?:(?<=[a-z][_/-])|(?=\s|$))")  # what `wrap` keeps together

_GLYPHS = {line[0]: line[2:] for line in _GLYPHS_TEXT.strip().splitlines()} | {" ": _SPACE}

Points = npt.NDArray[np.float64]


def text_width(text: str, size: float) -> float:
    """The width of one line of text whose capitals are `size` high."""
    units = sum(_glyph(character)[0] + SPACING for character in _plain(text)) - SPACING
    return max(units, 0) * size / CAPITAL_HEIGHT


def wrap(text: str, width: float, size: float) -> list[str]:
    """Break text into lines no wider than `width`.

    At spaces and after the _ - / of a name where that is possible, else within a word.
    """
    lines: list[str] = []
    line = ""
    for piece in _PIECE.findall(text):
        if text_width((line + piece).strip(), size) <= width:
            line += piece
            continue
        lines.append(line)
        line = ""
        for character in piece.strip():
            if text_width(line + character, size) > width:
                lines.append(line)
                line = ""
            line += character
    return [kept for kept in (line.strip() for line in [*lines, line]) if kept]


def text_strokes(
    text: str, x: float, baseline: float, size: float, anchor: float = 0.0
) -> Iterator[Points]:
    """The strokes [n, 2] of one line of text.

    Args:
        text: what has no glyph is drawn as a box; accents are left out.
        x, baseline: where it stands.
        size: the height of capitals.
        anchor: the part of the width that lies left of `x`: 0 start, 0.5 middle, 1 end.
    """
    unit = size / CAPITAL_HEIGHT
    left = x - anchor * text_width(text, size)
    for character in _plain(text):
        width, strokes = _glyph(character)
        for stroke in strokes:
            yield (stroke - (0, CAPITAL_HEIGHT)) * unit + (left, baseline)
        left += (width + SPACING) * unit


def _plain(text: str) -> Iterator[str]:
    """The characters to draw: without accents, dashes and quotes reduced to those with a glyph."""
    for character in unicodedata.normalize("NFKD", text.translate(_ALIKE)):
        if not unicodedata.combining(character):
            yield " " if character.isspace() else character


@cache
def _glyph(character: str) -> tuple[int, tuple[Points, ...]]:
    """The width and the strokes [n, 2] of a glyph, in units."""
    width, *strokes = _GLYPHS.get(character, _MISSING).split()
    return int(width), tuple(_flatten(stroke) for stroke in strokes)


def _flatten(stroke: str) -> Points:
    """The polyline of one stroke of the table."""
    points = [
        (np.array([int(x, 36), ord(y.lower()) - ord("a")], dtype=np.float64), y.isupper())
        for x, y in zip(stroke[::2], stroke[1::2], strict=True)
    ]
    line = [points[0][0]]
    for index, (point, is_control) in enumerate(points[1:], start=1):
        if not is_control:
            if not points[index - 1][1]:
                line.append(point)
            continue
        following, following_is_control = points[index + 1]
        end = (point + following) / 2 if following_is_control else following
        start = line[-1]
        for t in np.linspace(0, 1, CURVE_STEPS + 1)[1:]:
            line.append((1 - t) ** 2 * start + 2 * t * (1 - t) * point + t**2 * end)
    return np.array(line)
