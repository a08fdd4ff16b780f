"""CSV of points: a line a point, with the columns drawing, stroke, x, y and maybe label.

The first line names the columns, in any order; others are passed over. They are parted by commas,
semicolons or tabs. The points of a drawing stand together, in the order in which they are drawn,
and those of a stroke, too. `drawing` and `stroke` are any texts that tell one from the next;
`label` is the class, the same for all points of a drawing.

Files are read line by line, so a file of any size streams; what is kept is a number for each of at
most a million drawings, so that one that comes in two parts is noticed.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from sketchrnn.data.formats.records import (
    COORDINATE_LIMIT,
    POINTS_LIMIT,
    Record,
    is_class_name,
)
from sketchrnn.errors import SketchRNNError
from sketchrnn.travel import Polyline

LINE_LIMIT = 10_000  # characters
DRAWINGS_LIMIT = 1_000_000
COLUMNS = ("drawing", "stroke", "x", "y")
LABEL = "label"
DELIMITERS = ",;\t"


def records(path: str | os.PathLike[str]) -> Iterator[Record]:
    """The drawings of a file, one after the other.

    Raises:
        SketchRNNError: naming the line: columns that are missing, a coordinate that is no number up
            to 1e9, a drawing or stroke in two parts, another label within a drawing, more than
            100,000 points; or a file of more than a million drawings.
    """
    target = Path(path)
    with target.open(encoding="utf-8-sig", newline="") as file:
        lines = _Lines(file)
        try:
            yield from _records(lines, target)
        except UnicodeDecodeError:
            raise SketchRNNError(
                f"{target}: is not text in UTF-8; save it as CSV in UTF-8"
            ) from None
        except (ValueError, csv.Error) as error:
            raise SketchRNNError(f"{target}, line {lines.number}: {error}") from None


class _Lines:
    """The lines of a file, none of them too long; `number` counts them."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(LINE_LIMIT + 1):
            self.number += 1
            if len(line) > LINE_LIMIT:
                raise ValueError(f"is longer than {LINE_LIMIT:,} characters")
            yield line


def _records(lines: _Lines, path: Path) -> Iterator[Record]:
    text = iter(lines)
    header = next(text, "")
    delimiter = max(DELIMITERS, key=header.count)
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
    missing = [name for name in COLUMNS if names.count(name) != 1]
    if missing or names.count(LABEL) > 1:
        raise ValueError(
            f"the columns must be {', '.join(COLUMNS)} and maybe {LABEL}, each once;"
            f" wrong: {', '.join(missing or [LABEL])}"
        )
    columns = [names.index(name) for name in COLUMNS]
    label_column = names.index(LABEL) if LABEL in names else None
    drawing: _Drawing | None = None
    seen: set[int] = set()
    for row in csv.reader(text, delimiter=delimiter, strict=True):
        if not any(row):
            continue
        if len(row) != len(names):
            raise ValueError(f"has {len(row)} columns, and the first line has {len(names)}")
        key, stroke, x, y = (row[column].strip() for column in columns)
        label = "" if label_column is None else row[label_column].strip()
        if drawing is None or key != drawing.key:
            if drawing is not None:
                yield drawing.record()
            if hash(key) in seen:
                raise ValueError(
                    f"the drawing {key[:40]!r} goes on here, after others; sort the lines, so that"
                    " its points stand together"
                )
            if len(seen) == DRAWINGS_LIMIT:
                raise ValueError(f"has more than {DRAWINGS_LIMIT:,} drawings; make several files")
            seen.add(hash(key))
            drawing = _Drawing(key, label, f"{path}, line {lines.number}")
        drawing.add(stroke, x, y, label)
    if drawing is not None:
        yield drawing.record()


class _Drawing:
    """One drawing as its points come."""

    def __init__(self, key: str, label: str, where: str) -> None:
        if not is_class_name(label):
            raise ValueError(f"the label {label[:40]!r} cannot be printed, or is too long")
        self.key, self.label, self.where = key, label, where
        self._strokes: dict[str, list[tuple[float, float]]] = {}
        self._count = 0

    def add(self, stroke: str, x: str, y: str, label: str) -> None:
        """The next point, of a stroke of that name."""
        if label != self.label:
            raise ValueError(f"the label of the drawing was {self.label!r}, and is {label[:40]!r}")
        if stroke not in self._strokes:
            self._strokes[stroke] = []
        elif stroke != next(reversed(self._strokes)):
            raise ValueError(
                f"the stroke {stroke[:40]!r} goes on here, after another; sort the lines, so that"
                " its points stand together"
            )
        self._count += 1
        if self._count > POINTS_LIMIT:
            raise ValueError(f"the drawing has more than {POINTS_LIMIT:,} points")
        self._strokes[stroke].append((_coordinate(x), _coordinate(y)))

    def record(self) -> Record:
        """All of it."""
        lines: tuple[Polyline, ...] = tuple(map(np.array, self._strokes.values()))
        return Record(lines, self.label or None, self.where, raw=True)


def _coordinate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.inf
    if not abs(value) <= COORDINATE_LIMIT or "_" in text:
        raise ValueError(
            f"{text[:40]!r} is not a number up to {COORDINATE_LIMIT:g} with a decimal point"
        )
    return value
