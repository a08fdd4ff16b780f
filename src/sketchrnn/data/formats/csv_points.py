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
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TextIO

import numpy as np

from sketchrnn.data.formats.records import COORDINATE_LIMIT, POINTS_LIMIT, Record
from sketchrnn.data.names import is_class_name
from sketchrnn.errors import SketchRNNError

LINE_LIMIT = 10_000  # characters
DRAWINGS_LIMIT = 1_000_000
COLUMNS = ("drawing", "stroke", "x", "y")
LABEL = "label"


def records(path: Path) -> Iterator[Record]:
    """The drawings of a file, one after the other; what is wrong names its line."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = _Lines(file)
        seen: set[int] = set()
        try:
            for name, rows in groupby(_rows(lines), key=itemgetter(0)):
                if hash(name) in seen:
                    raise _goes_on(f"drawing {name[:40]!r}", "others")
                if len(seen) == DRAWINGS_LIMIT:
                    raise ValueError(
                        f"has more than {DRAWINGS_LIMIT:,} drawings; make several files"
                    )
                seen.add(hash(name))
                yield _record(rows, f"{path}, line {lines.number}")
        except UnicodeDecodeError:
            raise SketchRNNError(f"{path}: is not text in UTF-8; save it as CSV in UTF-8") from None
        except (ValueError, csv.Error) as error:
            raise SketchRNNError(f"{path}, line {lines.number}: {error}") from None


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


def _rows(lines: _Lines) -> Iterator[list[str]]:
    """Of each point the texts of COLUMNS and the label."""
    text = iter(lines)
    header = next(text, "")
    delimiter = max(",;\t", key=header.count)
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
    missing = [name for name in COLUMNS if names.count(name) != 1]
    if missing or names.count(LABEL) > 1:
        raise ValueError(
            f"the columns must be {', '.join(COLUMNS)} and maybe {LABEL}, each once;"
            f" wrong: {', '.join(missing or [LABEL])}"
        )
    columns = [names.index(name) for name in (*COLUMNS, LABEL) if name in names]
    for row in csv.reader(text, delimiter=delimiter, strict=True):
        if not any(row):
            continue
        if len(row) != len(names):
            raise ValueError(f"has {len(row)} columns, and the first line has {len(names)}")
        texts = [row[column].strip() for column in columns]
        yield texts if LABEL in names else [*texts, ""]


def _goes_on(what: str, after: str) -> ValueError:
    return ValueError(
        f"the {what} goes on here, after {after}; sort the lines, so that its points stand together"
    )


def _record(rows: Iterator[list[str]], where: str) -> Record:
    """One drawing of its points."""
    strokes: dict[str, list[tuple[float, float]]] = {}
    label: str | None = None
    count = 0
    for stroke, points in groupby(rows, key=itemgetter(1)):
        if stroke in strokes:
            raise _goes_on(f"stroke {stroke[:40]!r}", "another")
        line = strokes[stroke] = []
        for _, _, x, y, said in points:
            if not is_class_name(said):
                raise ValueError(f"the label {said[:40]!r} cannot be printed, or is too long")
            if label not in (None, said):
                raise ValueError(f"the label of the drawing was {label!r}, and is {said[:40]!r}")
            label = said
            count += 1
            if count > POINTS_LIMIT:
                raise ValueError(f"the drawing has more than {POINTS_LIMIT:,} points")
            line.append((_coordinate(x), _coordinate(y)))
    return Record(tuple(map(np.array, strokes.values())), label or None, where, raw=True)


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
