"""QuickDraw's `.bin`: simplified drawings as bytes, one after the other, all of one class.

A drawing is, little-endian and without gaps: key_id uint64, country code 2 bytes, recognized 1 byte
(0 or 1), timestamp uint32, number of strokes uint16; and for each stroke: number of points uint16,
all x, all y, a byte each. Nothing in the file says that it is one, nor what its drawings are of.

Source: "Binary files" in the description of googlecreativelab/quickdraw-dataset.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import BinaryIO

import numpy as np

from sketchrnn.data.formats.records import POINTS_LIMIT, Record
from sketchrnn.errors import SketchRNNError
from sketchrnn.travel import Polyline

_HEAD = Struct("<Q2sBIH")
_COUNT = Struct("<H")


def records(path: Path) -> Iterator[Record]:
    """The drawings of a file, without a class; a file of any size streams."""
    with path.open("rb") as file:
        number = 0
        while file.peek(1):
            number += 1
            yield _drawing(file, f"{path}, drawing {number}")


def _drawing(file: BinaryIO, where: str) -> Record:
    begin = file.tell()
    _, _, recognized, _, stroke_count = _HEAD.unpack(_take(file, _HEAD.size, where))
    if recognized not in (0, 1):
        what = f"says {recognized} for whether it was recognised, which is 0 or 1"
        raise _damaged(where, begin + 10, what)
    lines: list[Polyline] = []
    points = 0
    for _ in range(stroke_count):
        place = file.tell()
        (count,) = _COUNT.unpack(_take(file, _COUNT.size, where))
        points += count
        if count == 0:
            raise _damaged(where, place, "has a stroke without points")
        if points > POINTS_LIMIT:
            raise _damaged(where, place, f"has more than {POINTS_LIMIT:,} points")
        xy = np.frombuffer(_take(file, 2 * count, where), np.uint8).reshape(2, count)
        lines.append(xy.T.astype(np.float64))
    return Record(tuple(lines), None, where, recognized=bool(recognized))


def _damaged(where: str, place: int, what: str) -> SketchRNNError:
    return SketchRNNError(
        f"{where}, byte {place:,}: {what}; this is no QuickDraw .bin file, or it is damaged"
    )


def _take(file: BinaryIO, count: int, where: str) -> bytes:
    content = file.read(count)
    if len(content) < count:
        raise SketchRNNError(
            f"{where}, byte {file.tell():,}: the file ends within a drawing; download it again"
        )
    return content
