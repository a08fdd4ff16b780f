"""The lines of `sketchrnn generate --stream`: one point in JSON a line, as it is drawn.

`{"drawing": 0, "x": 3, "y": 4, "pen": "down"}`, in the units of the training drawings. The pen is
what it does after the point: "down" it stays on the paper, "up" it is lifted; "end" is the end of
the drawing, and no point. Lines that stop before are a drawing that has not ended.
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from sketchrnn.data.formats.records import MALFORMED, POINTS_LIMIT, Given, check_coordinates
from sketchrnn.errors import SketchRNNError
from sketchrnn.sketch import Sketch


def begins_as_such(text: str) -> bool:
    """Whether the first line is such a point."""
    try:
        first = json.loads(text.partition("\n")[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(first, dict) and "pen" in first


def parse(text: str, where: str) -> Given:
    """The drawing of the lines, up to where they stop."""
    strokes: list[list[tuple[float, float]]] = [[]]
    drawings: set[object] = set()
    pen: Any = None
    for number, line in enumerate(io.StringIO(text), start=1):
        if not line.strip():
            continue
        try:
            point = json.loads(line)
            x, y, next_pen = float(point["x"]), float(point["y"]), point["pen"]
            drawings.add(point.get("drawing", 0))
            if next_pen not in ("down", "up", "end"):
                raise ValueError
        except MALFORMED:
            raise SketchRNNError(
                f'line {number} is no point as generate --stream writes them: {{"x": 3, "y": 4,'
                ' "pen": "down"}, with pen "down", "up" or "end"'
            ) from None
        if len(drawings) > 1:
            raise SketchRNNError(
                f"line {number} begins another drawing; give the points of one (generate -n 1)"
            )
        if pen == "end":
            raise SketchRNNError(f"line {number} comes after the end of the drawing")
        pen = next_pen
        if pen != "end":
            strokes[-1].append((x, y))
        if pen == "up":
            strokes.append([])
    sketch = Sketch.from_polylines([stroke for stroke in strokes if stroke])
    if sketch.point_count > POINTS_LIMIT:
        raise SketchRNNError(
            f"has {sketch.point_count:,} points, more than {POINTS_LIMIT:,}; one drawing never has"
        )
    check_coordinates(np.array(sketch.bounds))
    ended = pen == "end"
    return Given(sketch, where, outside=False, pen=None if ended else pen, ended=ended)
