"""Colours of drawings: a few fixed choices, CSS, and blends in OKLab, where equal steps look equal.

OKLab: Björn Ottosson, "A perceptual color space for image processing" (2020),
https://bottosson.github.io/posts/oklab/.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sketchrnn.errors import SketchRNNError
from sketchrnn.svgtext import INK as INK  # of all lines that have no other

PAPER = "#ffffff"
QUIET = "#6b6b73"  # labels
RULE = "#c9c9cf"  # the line between inputs and the rest
FRAME = "#aeaeb6"
# The four corners of a grid: top left, top right, bottom left, bottom right. About equally light,
# dark enough for a thin line on white, and no two of them opposites, so that no blend is grey.
PALETTE = ("#e8590c", "#d6246e", "#7a3fe0", "#1670d6")
REST = "#1c7ed6"  # what a completion adds to the given part
HEAT = ("#9a9aa3", "#d98a2b", "#d3111f")  # an expected stroke, a surprising one, the worst

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")

# Linear sRGB to the responses of three cones, and their cube roots to L, a, b.
_RGB_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_ROOTS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def hex_color(color: str) -> str:
    """ "#rrggbb" of a CSS colour: navy, #abc, #d6246e, rgb(20, 90, 200), hsl(40, 90%, 50%).

    What lets the paper shine through is refused as any other text is.
    """
    word = "#000000" if color == "black" else color.strip().lower()
    if _HEX.fullmatch(word):
        return _six_digits(word)
    from tinycss2.color4 import parse_color  # slow to load

    found = parse_color(word)
    try:
        *parts, alpha = found.to("srgb")
        paints = alpha == 1 and all(part is not None and -1e-9 < part < 1 + 1e-9 for part in parts)
    except (AttributeError, NotImplementedError):  # no colour, or one of another space
        paints = False
    if not paints:
        raise SketchRNNError(f"color is {color!r}; give a CSS colour: navy, #d6246e")
    return "#" + "".join(f"{int(255 * part + 0.5 + 1e-9):02x}" for part in parts)


def _six_digits(color: str) -> str:
    """ "#aabbcc" of "#abc"."""
    return color if len(color) == 7 else "#" + "".join(2 * digit for digit in color[1:])


def to_oklab(color: str) -> npt.NDArray[np.float64]:
    """[3]: L (0 black, 1 white), a (green to red) and b (blue to yellow) of "#rrggbb" or "#rgb"."""
    if not _HEX.fullmatch(color):
        raise SketchRNNError(f"{color!r} is no colour to blend; write it as #rrggbb or #rgb")
    srgb = np.array(list(bytes.fromhex(_six_digits(color)[1:]))) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(_ROOTS_TO_LAB @ np.cbrt(_RGB_TO_CONES @ linear))


def from_oklab(lab: npt.ArrayLike) -> str:
    """ "#rrggbb" of L, a, b [3]; what no screen shows is cut to the nearest red, green and blue."""
    roots = np.linalg.solve(_ROOTS_TO_LAB, np.asarray(lab, dtype=np.float64))
    linear = np.clip(np.linalg.solve(_RGB_TO_CONES, roots**3), 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * value):02x}" for value in srgb.tolist())


def blend(colors: Sequence[str], weights: Sequence[float]) -> str:
    """The mean in OKLab of "#rrggbb" or "#rgb", one weight each; only their proportions count."""
    if len(colors) != len(weights):
        raise SketchRNNError(f"{len(weights)} weights for {len(colors)} colors; give one each")
    total = math.fsum(weights)
    if not (0 < total < math.inf) or min(weights) < 0:
        raise SketchRNNError(
            f"weights of colors are {list(weights)}; give none under 0, and not all 0"
        )
    return from_oklab(np.asarray(weights) / total @ np.array([to_oklab(c) for c in colors]))


def along(colors: Sequence[str], share: float) -> str:
    """The colour on the way along two colours or more, at a share from 0 to 1 of it."""
    at = share * (len(colors) - 1)
    first = min(int(at), len(colors) - 2)
    return blend(colors[first : first + 2], [first + 1 - at, at - first])


def heat(share: float) -> str:
    """The colour of surprise: quiet grey at 0, strong red at 1; outside of them as at the end."""
    if math.isnan(share):
        raise SketchRNNError("a share of heat is a number from 0 to 1, got nan")
    return along(HEAT, min(max(share, 0.0), 1.0))
