"""QuickDraw `.ndjson`, simplified and raw, also gzipped: one drawing in JSON a line.

simplified   `"drawing": [[xs, ys], ...]`: whole numbers in a box of 0-255, already simplified.
raw          `"drawing": [[xs, ys, ts], ...]`: screen pixels and milliseconds, as they were drawn.

Files are read line by line, a line of at most 16 MiB at a time, so a file of any size streams. A
drawing has at most 100,000 points, and at most a million after it was resampled.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Never, cast

import numpy as np
import numpy.typing as npt

from sketchrnn import strokes
from sketchrnn.data import HELD_OUT_SHARE
from sketchrnn.data.dataset import Dataset, Drawings, split_numbers
from sketchrnn.errors import SketchRNNError
from sketchrnn.strokes import BOX_PX, EPSILON_PX, SPACING_PX

LINE_LIMIT_BYTES = 1 << 24
COORDINATE_LIMIT = 1e9
POINTS_LIMIT = 100_000  # of a drawing, as it stands in the file
STATIONS_LIMIT = 1_000_000  # of a drawing, when it is resampled
# `read` keeps a whole file in memory; what is larger goes through `sketchrnn data prepare`.
DRAWINGS_LIMIT = 1_000_000
ROWS_LIMIT = 30_000_000

SPLIT_SEED = 0  # of the split of `read`

Polyline = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Record:
    """One line of a file.

    Attributes:
        polylines: arrays [n, 2]; none at all for an empty drawing.
        label: the class ("word"); None where the line does not say.
        recognized: whether the game recognised the drawing; None where the line does not say.
        raw: whether the strokes came with times, which only the raw files have.
        line: its number in the file, from 1.
    """

    polylines: tuple[Polyline, ...]
    label: str | None
    recognized: bool | None
    raw: bool
    line: int


def records(path: str | os.PathLike[str]) -> Iterator[Record]:
    """The drawings of a file as they stand there, one after the other; empty lines are skipped.

    Raises:
        SketchRNNError: a line that is not a drawing, or too long; a damaged gzip file.
    """
    target = Path(path)
    try:
        with _open(target) as file:
            for number, line in enumerate(_lines(file), start=1):
                if len(line) > LINE_LIMIT_BYTES:
                    raise SketchRNNError(
                        f"{target}, line {number}: is longer than {LINE_LIMIT_BYTES:,} bytes;"
                        " an .ndjson file has one drawing a line"
                    )
                if line.strip():
                    yield _record(line, number, target)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SketchRNNError(
            f"{target}: is not a whole gzip file ({error}); download it again"
        ) from None


def preprocess(
    polylines: Sequence[Polyline], epsilon: float = EPSILON_PX, where: str = "drawing"
) -> list[Polyline]:
    """The public preprocessing, after which a raw drawing is like a simplified one.

    Aligned to the top left, scaled evenly so that the larger side is 255, resampled at 1 px,
    simplified (`strokes.simplify`), rounded to whole numbers.

    Raises:
        SketchRNNError: naming `where`: its strokes together are longer than a million px.
    """
    lines = boxed(polylines)
    length = sum(float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in lines)
    if length > STATIONS_LIMIT * SPACING_PX:
        raise SketchRNNError(
            f"{where}: is {length:,.0f} px long in a box of {BOX_PX:.0f} px, more than"
            f" {STATIONS_LIMIT * SPACING_PX:,.0f}; no drawing is, leave it out"
        )
    return [
        np.rint(strokes.simplify(strokes.resample(line, SPACING_PX), epsilon)) for line in lines
    ]


def boxed(polylines: Sequence[Polyline]) -> list[Polyline]:
    """Aligned to the top left and scaled evenly so that the larger side is 255."""
    points = np.concatenate(polylines)
    corner = points.min(axis=0)
    side = float((points.max(axis=0) - corner).max())
    factor = BOX_PX / side if side > 0 else 1.0
    return [(line - corner) * factor for line in polylines]


def class_name(path: Path) -> str:
    """The class of a file whose lines do not name it."""
    return path.name.removesuffix(".gz").removesuffix(".ndjson")


def read(path: str | os.PathLike[str]) -> Dataset:
    """Read a file into memory: raw drawings preprocessed, others as they are; split 90/5/5.

    Raises:
        SketchRNNError: as `records` and `preprocess`; no drawings; an empty one; more than a
            million drawings, or 30 million points.
    """
    target = Path(path)
    rows, names, raws = [], [], set()
    row_count = 0
    for record in islice(records(target), DRAWINGS_LIMIT + 1):
        if not record.polylines:
            raise SketchRNNError(
                f"{target}, line {record.line}: the drawing has no strokes; `sketchrnn data"
                " prepare` leaves such drawings out"
            )
        lines: Sequence[Polyline] = record.polylines
        if record.raw:
            lines = preprocess(lines, where=f"{target}, line {record.line}")
        rows.append(strokes.polylines_to_stroke3(lines)[0].astype(np.float32))
        row_count += len(rows[-1])
        if row_count > ROWS_LIMIT:
            raise _too_large(target, f"{ROWS_LIMIT:,} points")
        names.append(record.label or class_name(target))
        raws.add(record.raw)
    if not rows:
        raise SketchRNNError(f"{target}: has no drawings")
    if len(rows) > DRAWINGS_LIMIT:
        raise _too_large(target, f"{DRAWINGS_LIMIT:,} drawings")
    classes = tuple(dict.fromkeys(names))
    number_of = {name: number for number, name in enumerate(classes)}
    drawings = Drawings.from_arrays(rows, [number_of[name] for name in names], where=str(target))
    splits = split_numbers(drawings.labels, classes, HELD_OUT_SHARE, HELD_OUT_SHARE, SPLIT_SEED)
    train, valid, test = (drawings.select(np.flatnonzero(splits == part)) for part in range(3))
    return Dataset(
        train=train,
        valid=valid,
        test=test,
        classes=classes,
        epsilon=EPSILON_PX if raws == {True} else None,
        provenance=(target.name,),
        name=class_name(target),
    )


def _too_large(path: Path, limit: str) -> SketchRNNError:
    return SketchRNNError(
        f"{path}: has more than {limit}; make a data file of it first:"
        f" sketchrnn data prepare {path.name} -o {class_name(path)}.sketches"
    )


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path)) if gzipped else path.open("rb")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(LINE_LIMIT_BYTES + 1):
        yield line


def _record(line: bytes, number: int, path: Path) -> Record:
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
        if not isinstance(label, str | None) or not (label or "").isprintable():
            raise TypeError('"word" is the name of a class')
        if not isinstance(recognized, bool | None):
            raise TypeError('"recognized" is true or false')
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise SketchRNNError(
            f"{path}, line {number}: is not a QuickDraw drawing"
            f' ({{"drawing": [[xs, ys], ...], ...}}): {error}'
        ) from None
    return Record(polylines, label or None, recognized, widths == {3}, number)


def _polyline(xs: Any, ys: Any) -> Polyline:
    points = np.array([xs, ys], dtype=np.float64).T
    if points.ndim != 2 or len(points) == 0:
        raise ValueError("a stroke needs as many x as y, and at least one")
    if not (np.abs(points) <= COORDINATE_LIMIT).all():
        raise ValueError(f"a coordinate is not a number up to {COORDINATE_LIMIT:g}")
    return points


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"a coordinate is {name}")
