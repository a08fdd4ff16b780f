"""QuickDraw `.ndjson`, simplified and raw, also gzipped: one drawing in JSON a line.

simplified   `"drawing": [[xs, ys], ...]`: whole numbers in a box of 0-255, already simplified.
raw          `"drawing": [[xs, ys, ts], ...]`: screen pixels and milliseconds, as they were drawn.

Files are read line by line, a line of at most 16 MiB at a time, so a file of any size streams. A
drawing has at most 100,000 points. What is written is simplified, for QuickDraw's own programs.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Never, cast

import numpy as np
import numpy.typing as npt

from sketchrnn.data.formats.records import (
    MALFORMED,
    POINTS_LIMIT,
    Record,
    check_written,
    class_of,
    drawings_of,
    polyline,
)
from sketchrnn.data.names import is_class_name
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import replacing
from sketchrnn.registry import DRAWING_LIMIT_BYTES
from sketchrnn.sketch import Sketch
from sketchrnn.strokes import BOX_PX
from sketchrnn.svgtext import decimals_for

LINE_LIMIT_BYTES = DRAWING_LIMIT_BYTES
LEAST_BOX_PX = 100.0  # a drawing smaller than that would be spoiled by whole numbers
EMPTY_LIMIT = 100_000  # lines in a row
UNPACKED_SLACK_BYTES = 64 << 20
UNPACKED_RATIO = 100  # of a .gz; drawings have under 10


def records(path: Path) -> Iterator[Record]:
    """The drawings of a file as they stand there, one after the other; empty lines are skipped."""
    unpacked_limit = UNPACKED_SLACK_BYTES + UNPACKED_RATIO * path.stat().st_size
    empty = number = 0
    try:
        with _open(path) as file:
            while line := file.readline(LINE_LIMIT_BYTES + 1):
                number += 1
                where = f"{path}, line {number}"
                empty = 0 if line.strip() else empty + 1
                if len(line) > LINE_LIMIT_BYTES:
                    raise SketchRNNError(
                        f"{where}: is longer than {LINE_LIMIT_BYTES:,} bytes; an .ndjson file has"
                        " one drawing a line"
                    )
                if empty > EMPTY_LIMIT:
                    raise SketchRNNError(
                        f"{where}: comes after {EMPTY_LIMIT:,} empty lines; there seem to be no"
                        " drawings any more"
                    )
                if file.tell() > unpacked_limit:
                    raise SketchRNNError(
                        f"{where}: the file unpacks to more than {unpacked_limit:,} bytes (a gzip"
                        " bomb?); unpack it yourself"
                    )
                if not empty:
                    yield _record(line, where)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SketchRNNError(
            f"{path}: is not a whole gzip file ({error!s:.200}); download it again"
        ) from None


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path)) if gzipped else path.open("rb")


def _record(line: bytes, where: str) -> Record:
    try:
        document = json.loads(line, parse_constant=_refuse_constant)
        parts = document["drawing"]
        widths = {len(part) for part in parts}
        if not isinstance(parts, list) or not widths <= {2, 3} or len(widths) > 1:
            raise TypeError("a stroke is [xs, ys] or [xs, ys, ts]")
        count = sum(len(part[0]) for part in parts)
        if count > POINTS_LIMIT:  # before they become arrays
            raise ValueError(f"it has {count:,} points, more than {POINTS_LIMIT:,}")
        polylines = tuple(polyline(np.array(part[:2], dtype=np.float64).T) for part in parts)
        label, recognized = document.get("word"), document.get("recognized")
        if not (label is None or is_class_name(label)):
            raise TypeError('"word" is the name of a class')
        if not isinstance(recognized, bool | None):
            raise TypeError('"recognized" is true or false')
    except MALFORMED as error:
        raise SketchRNNError(
            f'{where}: is not a QuickDraw drawing ({{"drawing": [[xs, ys], ...], ...}}): {error}'
        ) from None
    return Record(polylines, label or None, where, recognized, raw=widths == {3})


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"a coordinate is {name}")


def content(thing: Any, path: str | os.PathLike[str]) -> str:
    """The drawings of a sketch or sheet as the text of a file."""
    return "".join(_lines(drawings_of(thing), path))


def write(path: str | os.PathLike[str], drawings: Iterable[tuple[str, Sketch]]) -> int:
    """Write drawings in the simplified form, whole or not at all; returns how many there are."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        return sum(bool(file.write(line)) for line in _lines((one for _, one in drawings), path))


def _lines(sketches: Iterable[Sketch], path: str | os.PathLike[str]) -> Iterator[str]:
    """One line a drawing: `{"word": ..., "recognized": true, "drawing": [[xs, ys], ...]}`.

    The word of drawings without a label is the name of the file.
    """
    name = class_of(Path(path).name.partition(".")[0]) or "drawing"
    for number, sketch in enumerate(sketches, start=1):
        check_written(sketch, number)
        document = {
            "word": class_of(sketch.label) or name,
            "recognized": True,
            "drawing": [line.T.tolist() for line in _in_the_box(sketch)],
        }
        yield json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def _in_the_box(sketch: Sketch) -> list[npt.NDArray[Any]]:
    """The strokes [n, 2] as QuickDraw has them.

    Its drawings lie at the top left of a box of 0 to 255, in whole numbers. So a drawing that
    reaches beyond the box is moved to the top left; and one that then lies in it, and is at least
    100 large, is rounded. Others keep their size, with as many decimals as they need.
    """
    left, top, right, bottom = sketch.bounds
    if min(left, top) < 0 or max(right, bottom) > BOX_PX:
        sketch = sketch.moved(-left, -top)
    side = max(right - left, bottom - top)
    lines = sketch.polylines
    whole = [np.rint(line) for line in lines]
    as_whole = all(np.abs(a - b).max() < 1e-6 for a, b in zip(lines, whole, strict=True))
    if as_whole or LEAST_BOX_PX <= side < BOX_PX + 0.5:
        return [line.astype(np.int64) for line in whole]
    return [np.round(line, decimals_for(side)) for line in lines]
