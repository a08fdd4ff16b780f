"""QuickDraw `.ndjson`, simplified and raw, also gzipped: one drawing in JSON a line.

simplified   `"drawing": [[xs, ys], ...]`: whole numbers in a box of 0-255, already simplified.
raw          `"drawing": [[xs, ys, ts], ...]`: screen pixels and milliseconds, as they were drawn.

Files are read line by line, a line of at most 16 MiB at a time, so a file of any size streams. A
drawing has at most 100,000 points.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Never, cast

import numpy as np

from sketchrnn.data.formats.records import MALFORMED, POINTS_LIMIT, Record, is_class_name, polyline
from sketchrnn.errors import SketchRNNError
from sketchrnn.travel import Polyline

LINE_LIMIT_BYTES = 1 << 24
EMPTY_LIMIT = 100_000  # lines in a row
UNPACKED_SLACK_BYTES = 64 << 20
UNPACKED_RATIO = 100  # of a .gz; drawings have under 10


def records(path: str | os.PathLike[str]) -> Iterator[Record]:
    """The drawings of a file as they stand there, one after the other; empty lines are skipped.

    Raises:
        SketchRNNError: a line that is not a drawing, or too long; a damaged gzip file.
    """
    target = Path(path)
    unpacked_limit = UNPACKED_SLACK_BYTES + UNPACKED_RATIO * target.stat().st_size
    empty = 0
    try:
        with _open(target) as file:
            for number, line in enumerate(_lines(file), start=1):
                if len(line) > LINE_LIMIT_BYTES:
                    raise SketchRNNError(
                        f"{target}, line {number}: is longer than {LINE_LIMIT_BYTES:,} bytes;"
                        " an .ndjson file has one drawing a line"
                    )
                empty = 0 if line.strip() else empty + 1
                if empty > EMPTY_LIMIT:
                    raise SketchRNNError(
                        f"{target}, line {number}: comes after {EMPTY_LIMIT:,} empty lines; there"
                        " seem to be no drawings any more"
                    )
                if file.tell() > unpacked_limit:
                    raise SketchRNNError(
                        f"{target}, line {number}: the file unpacks to more than"
                        f" {unpacked_limit:,} bytes (a gzip bomb?); unpack it yourself"
                    )
                if not empty:
                    yield _record(line, f"{target}, line {number}")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SketchRNNError(
            f"{target}: is not a whole gzip file ({error!s:.200}); download it again"
        ) from None


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path)) if gzipped else path.open("rb")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(LINE_LIMIT_BYTES + 1):
        yield line


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
        polylines = tuple(_polyline(*part[:2]) for part in parts)
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


def _polyline(xs: Any, ys: Any) -> Polyline:
    return polyline(np.array([xs, ys], dtype=np.float64).T)


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"a coordinate is {name}")
