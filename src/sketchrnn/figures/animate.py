"""Drawings that draw themselves: an animated SVG, a GIF or a WebP.

The pen goes at an even pace, stroke after stroke, and takes its time to get to the next one. The
drawings of a sheet begin together, each with a pen of its own. Then the picture stands still for a
while, and all begins again.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np

from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.png import LARGEST_WIDTH_PX, svg_to_png
from sketchrnn.figures.scene import Drawings, Line, Scene, at_origin, scene_of
from sketchrnn.registry import ending_of
from sketchrnn.sketch import Sketch
from sketchrnn.strokes import lengths_along
from sketchrnn.svgtext import number, path_data, xml_text

PACE = 1.6  # sides of a drawing that its pen draws in a second ...
SHORTEST_S, LONGEST_S = 2.0, 8.0  # ... but never quicker than that in all, nor slower
MOST_S = 300.0  # that can be asked for
HOLD_S, BLANK_S = 2.0, 0.3  # the picture stands still; the paper is empty before the first stroke
AIR = 3.0  # the pen is so many times faster over the paper than on it ...
LIFT = 0.06  # ... and to lift it takes as long as that part of the drawing's side

FRAMES_A_SECOND = 20
MOST_FRAMES = 240  # a slower film has fewer a second
LEAST_PX, MOST_PX = 120_000, 640_000  # of a frame, in all
COLORS = 48  # a few, in shades

_CALM = (
    "<style>@media (prefers-reduced-motion:reduce)"
    "{.drawn{stroke-dasharray:none;stroke-opacity:1!important}}</style>\n"
)
_EARLY = 1e-3  # so much longer than the line is the way to hide it, in parts of the line


class Clock(NamedTuple):
    """When each stroke of each drawing begins and ends, the last of all, and the whole, in s."""

    strokes: list[list[tuple[float, float]]]
    drawn: float
    total: float


def check_seconds(seconds: float, name: str = "seconds") -> None:
    """Raises SketchRNNError for a time that no animation takes; `name` is what it calls it."""
    if not 0 < seconds <= MOST_S:
        raise SketchRNNError(f"{name} is {seconds}; give a number over 0, at most {MOST_S:g}")


def clock(drawings: Drawings, seconds: float | None = None) -> Clock:
    """The times of all strokes, with the same pace for all drawings.

    The slowest drawing takes `seconds`, by default what suits its length, 2 to 8 s.
    """
    if seconds is not None:
        check_seconds(seconds)
    points = [np.concatenate([line.points for line in lines]) for lines in drawings if lines]
    side = max((float(np.ptp(one, axis=0).max()) for one in points), default=0.0) or 1.0
    ways = [_ways(lines, LIFT * side) for lines in drawings]
    longest = max((way[-1][1] for way in ways if way), default=0.0)
    if longest <= 0:
        raise SketchRNNError("there is no stroke to draw")
    if seconds is None:
        seconds = min(max(longest / (PACE * side), SHORTEST_S), LONGEST_S)
    pace = seconds / longest
    strokes = [[(BLANK_S + a * pace, BLANK_S + b * pace) for a, b in way] for way in ways]
    return Clock(strokes, BLANK_S + seconds, BLANK_S + seconds + HOLD_S)


def _ways(lines: Sequence[Line], lift: float) -> list[tuple[float, float]]:
    """How far the pen has come at the beginning and end of each line: lifting counts, too."""
    ways, at = [], 0.0
    for index, line in enumerate(lines):
        if index:
            gap = line.points[0] - lines[index - 1].points[-1]
            at += float(np.hypot(*gap)) / AIR + lift
        length = line.length or lift  # a dot takes its time as well
        ways.append((at, at + length))
        at += length
    return ways


def animated_svg(scene: Scene, seconds: float | None = None) -> str:
    """The picture as an SVG that draws itself again and again, without a script.

    It works in browsers and as an image in a page (SMIL). What cannot show it, as an editor or a
    printer, shows the whole picture; so does a browser that was asked for less motion. One path a
    stroke, absolute M and L: it is read as a drawing as well.
    """
    times = clock(scene.drawings, seconds)
    lines = "".join(
        _moving(line, begin / times.total, end / times.total, times.total, scene.decimals)
        for lines, ways in zip(scene.drawings, times.strokes, strict=True)
        for line, (begin, end) in zip(lines, ways, strict=True)
    )
    return f"{scene.head}{_CALM}{lines}{scene.tail}"


def _moving(line: Line, begin: float, end: float, total: float, decimals: int) -> str:
    """A path that is drawn from `begin` to `end`, parts of the whole time."""
    a, b = f"{begin:.4f}", f"{max(end, begin + 1e-4):.4f}"
    dashes = ""
    if line.length:
        # A dash longer than the line, and a gap as long, are moved along it: first the gap hides
        # the line, in the end the dash covers it. Where nothing moves, it covers it always.
        dash, early = line.length * (1 + 2 * _EARLY), _EARLY * line.length
        length, hidden, whole = (
            number(value, decimals + 2) for value in (2 * dash, 2 * dash + early, dash + early)
        )
        dashes = f' stroke-dasharray="{length}"'
        name, mode = "stroke-dashoffset", ""
        values, times = f"{hidden};{hidden};{whole};{whole}", f"0;{a};{b};1"
    else:  # a dot has no length, so it appears
        name, mode = "stroke-opacity", ' calcMode="discrete"'
        values, times = "0;1", f"0;{a}"
    return (
        f'<path stroke="{xml_text(line.color)}" stroke-width="{number(line.width, decimals + 1)}"'
        f' class="drawn"{dashes} d="{path_data(line.points, decimals)}">'
        f'<animate attributeName="{name}" dur="{number(total, 2)}s" repeatCount="indefinite"'
        f'{mode} values="{values}" keyTimes="{times}"/></path>\n'
    )


def frames(scene: Scene, seconds: float | None = None) -> tuple[list[Drawings], list[int]]:
    """The lines of each frame of a film, and how many milliseconds it is shown.

    The last one is the whole picture.
    """
    times = clock(scene.drawings, seconds)
    step = max(1 / FRAMES_A_SECOND, times.drawn / MOST_FRAMES)
    count = math.ceil(times.drawn / step)
    shown = [_at(scene.drawings, times, index * step) for index in range(count)]
    durations = [round(1000 * step)] * count
    return [*shown, _at(scene.drawings, times, times.drawn)], [*durations, round(1000 * HOLD_S)]


def _at(drawings: Drawings, times: Clock, now: float) -> Drawings:
    """What is on the paper at a time, in seconds."""
    return [
        [
            line if now >= end else _part(line, (now - begin) / (end - begin))
            for line, (begin, end) in zip(lines, ways, strict=True)
            if now > begin
        ]
        for lines, ways in zip(drawings, times.strokes, strict=True)
    ]


def _part(line: Line, share: float) -> Line:
    """The first part of a line, up to a share of its length."""
    points = line.points
    gone = lengths_along(points)
    reach = share * gone[-1]
    inside = int(np.searchsorted(gone, reach, side="right"))
    last = [np.interp(reach, gone, points[:, axis]) for axis in (0, 1)]
    return replace(line, points=np.concatenate([points[:inside], [last]]))


def film(scene: Scene, form: Literal["GIF", "WEBP"], seconds: float | None = None) -> bytes:
    """The picture drawing itself, as an endless GIF or WebP. Needs Pillow."""
    try:
        from PIL import Image
    except ImportError:
        raise SketchRNNError(
            f"a {form} needs the package pillow: pip install 'sketchrnn[pictures]'"
        ) from None

    def picture(drawings: Drawings, width_px: int) -> Image.Image:
        png = svg_to_png(scene.to_svg(drawings), width_px)
        return Image.open(io.BytesIO(png)).convert("RGB")

    lines, durations = frames(scene, seconds)
    width_px = max(round(scene.width_px), 1)
    whole = picture(lines[-1], width_px)
    pixels = whole.width * whole.height
    if not LEAST_PX <= pixels <= MOST_PX:
        factor = math.sqrt(min(max(pixels, LEAST_PX), MOST_PX) / pixels)
        width_px = min(max(math.floor(width_px * factor), 1), LARGEST_WIDTH_PX)
        whole = picture(lines[-1], width_px)
    # One palette for all, of the whole picture: then what stays is not written again.
    palette, none = whole.quantize(COLORS), Image.Dither.NONE
    first, *rest = (
        picture(drawings, width_px).quantize(palette=palette, dither=none) for drawings in lines
    )
    options: dict[str, Any] = {"disposal": 1, "optimize": True}
    if form == "WEBP":
        options = {"lossless": True, "quality": 80, "method": 4}
    file = io.BytesIO()
    first.save(file, form, save_all=True, append_images=rest, duration=durations, loop=0, **options)
    return file.getvalue()


def content(
    thing: Any, path: str | os.PathLike[str], *, seconds: float | None = None
) -> str | bytes:
    """What is drawn as an .anim.svg, .gif or .webp, by the ending of `path`."""
    ending = ending_of(path)
    if ending == ".anim.svg":
        return animated_svg(scene_of(thing), seconds)
    near = at_origin(thing) if isinstance(thing, Sketch) else thing
    return film(scene_of(near), "GIF" if ending == ".gif" else "WEBP", seconds)
