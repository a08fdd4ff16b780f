"""One drawing from outside: the text of an SVG, of JSON, or the lines of `generate --stream`."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sketchrnn.data.formats.ndjson import LINE_LIMIT_BYTES
from sketchrnn.data.formats.records import COORDINATE_LIMIT, MALFORMED, POINTS_LIMIT
from sketchrnn.data.tables import counts_text
from sketchrnn.errors import SketchRNNError
from sketchrnn.sketch import Sketch

Pen = Literal["down", "up"]

ENDINGS = (".svg", ".json")


@dataclass(frozen=True)
class Given:
    """A drawing as it came.

    Attributes:
        sketch: in its own units.
        name: what was typed for it.
        outside: whether its units are not the training drawings'.
        pen: what the pen does after the last point, where that is known.
        ended: whether it is known to be finished.
        note: what was left out of it; "" for nothing.
    """

    sketch: Sketch
    name: str
    outside: bool = True
    pen: Pen | None = None
    ended: bool = False
    note: str = ""


def read(path: str | os.PathLike[str]) -> Given:
    """The drawing of a file, see `parse`.

    Raises:
        SketchRNNError: no such file; as `parse`.
    """
    source = Path(path)
    if source.is_dir():
        raise SketchRNNError(f"{path}: is a folder; name a file in it")
    if not source.is_file():
        raise SketchRNNError(f"{path}: there is no such file")
    with source.open("rb") as file:
        return parse(file.read(LINE_LIMIT_BYTES + 1), str(path))


def parse(content: bytes, where: str) -> Given:
    """A drawing of the text of an SVG, of JSON, or of the lines of `generate --stream`.

    Raises:
        SketchRNNError: naming `where`, if it is none of them, holds no drawing or several, or is
            too large: 16 MiB, 100,000 points, coordinates of 1e9.
    """
    if len(content) > LINE_LIMIT_BYTES:
        raise SketchRNNError(
            f"{where}: is larger than {LINE_LIMIT_BYTES >> 20} MiB; one drawing never is"
        )
    if _begins_as_xml(content):
        from sketchrnn.data.formats import svg

        drawing = svg.parse(content, where)
        left_out = counts_text(drawing.left_out)
        note = f"left out, as it is no line: {left_out}" if left_out else ""
        return Given(drawing.sketch, where, note=note)
    try:
        text = content.decode("utf-8-sig")
        if not text.strip():
            raise SketchRNNError("is empty; a drawing has at least one stroke")
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large is refused below
            given = _stream(text, where) or Given(_from_json(json.loads(text)), where)
    except SketchRNNError as error:
        raise SketchRNNError(f"{where}: {error}") from None
    except UnicodeDecodeError:
        raise SketchRNNError(f"{where}: is neither SVG nor JSON") from None
    except (ValueError, RecursionError) as error:
        raise SketchRNNError(
            f"{where}: is neither SVG nor JSON, so it is no drawing ({error!s:.200})"
        ) from None
    if given.sketch.point_count > POINTS_LIMIT:
        raise SketchRNNError(
            f"{where}: has {given.sketch.point_count:,} points, more than {POINTS_LIMIT:,}; one"
            " drawing never has"
        )
    if max(np.abs(line).max() for line in given.sketch.polylines) > COORDINATE_LIMIT:
        raise SketchRNNError(
            f"{where}: has a coordinate that is no number of at most {COORDINATE_LIMIT:g}"
        )
    return given


def _begins_as_xml(content: bytes) -> bool:
    """Whether the first sign is "<", after the marks and spaces that may stand before it."""
    return content[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<")


def _from_json(document: Any) -> Sketch:
    """A drawing of `Sketch.to_json`, or of the JSON of a sheet or a list with one drawing."""
    if isinstance(document, dict) and "strokes" not in document:
        rows = document.get("rows", [document.get("drawings")])
        if isinstance(rows, list) and all(isinstance(row, list) for row in rows):
            drawings = [drawing for row in rows for drawing in row if drawing is not None]
            if len(drawings) != 1:
                raise SketchRNNError(
                    f"is a sheet of {len(drawings)} drawings, and one is asked for: write each to"
                    " a file of its own, with --each DIR"
                )
            document = drawings[0]
    if not isinstance(document, dict):
        raise SketchRNNError('a drawing in JSON is {"strokes": [{"points": [[x, y], ...]}, ...]}')
    try:
        return Sketch.from_json(document)
    except ArithmeticError:
        raise SketchRNNError("a coordinate is too large a number") from None


def _stream(text: str, where: str) -> Given | None:
    """The drawing of the lines of `generate --stream`, up to where they stop; None: other text.

    Their units are those of the training drawings.
    """
    try:
        first = json.loads(text.lstrip().partition("\n")[0])
    except ValueError:
        return None
    if not isinstance(first, dict) or "pen" not in first:
        return None
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
    if pen == "end":
        return Given(sketch, where, outside=False, ended=True)
    return Given(sketch, where, outside=False, pen=pen)
