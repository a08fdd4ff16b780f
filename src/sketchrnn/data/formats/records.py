"""One drawing of a file: a Record among many, or Given by itself; and what all readers check.

What the readers would refuse the writers do not write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sketchrnn.data.names import CLASS_NAME_LIMIT, normal_name
from sketchrnn.data.tables import counts_text
from sketchrnn.errors import SketchRNNError
from sketchrnn.registry import DRAWING_LIMIT_BYTES
from sketchrnn.sketch import Sketch
from sketchrnn.travel import Polyline

# What taking a JSON document apart raises where it is of another shape than expected.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)

POINTS_LIMIT = 100_000  # of a drawing, as it stands in the file
COORDINATE_LIMIT = 1e9


@dataclass(frozen=True, eq=False)
class Record:
    """One drawing of a file.

    Attributes:
        polylines: arrays [n, 2] with n >= 1, in the file's units; none at all for an empty drawing.
        label: the class; None where nothing says it.
        where: what to call it in a message: "cats.ndjson, line 7", "pets/cat/7.svg".
        recognized: whether the game recognised the drawing; None where nothing says it.
        raw: it was never simplified, so it gets the public preprocessing unless asked otherwise.
        left_out: what was no line and how many of it, such as {"text": 2}.
    """

    polylines: tuple[Polyline, ...]
    label: str | None
    where: str
    recognized: bool | None = None
    raw: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)


Pen = Literal["down", "up"]


@dataclass(frozen=True)
class Given:
    """A drawing as it came, alone.

    Attributes:
        sketch: in its own units.
        name: what was typed for it.
        outside: whether its units are not the training drawings'.
        pen: what the pen does after the last point, where that is known.
        ended: whether it is known to be finished.
        left_out: what was no line and how many of it, such as {"text": 2}.
    """

    sketch: Sketch
    name: str
    outside: bool = True
    pen: Pen | None = None
    ended: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """What was left out of it, in words; "" for nothing."""
        if not self.left_out:
            return ""
        return f"left out: {counts_text(self.left_out)}"


@dataclass(frozen=True)
class Skipped:
    """A file that gave no drawing, or not all of them; as text one line that says so.

    Attributes:
        line: where, and why.
        drawings: those that came before the place where it could not be read.
        last: the `where` of the last of them.
        by_rule: it was not tried: files with other endings, links that leave the folder.
    """

    line: str
    drawings: int = 0
    last: str = ""
    by_rule: bool = False

    def __str__(self) -> str:
        text = self.line
        if self.drawings:
            count = counts_text({"drawing": self.drawings})
            text = f"read up to {self.last}: {count} kept, but {self.line}"
        elif not self.by_rule:
            text = f"skipped {self.line}"
        return str(SketchRNNError(text))  # its message is one line that can be printed


def check_size(content: bytes) -> None:
    """Raises SketchRNNError for more text than one drawing has."""
    if len(content) > DRAWING_LIMIT_BYTES:
        raise SketchRNNError(
            f"is larger than {DRAWING_LIMIT_BYTES >> 20} MiB; one drawing never is"
        )


def check_points(count: float) -> None:
    """Raises SketchRNNError for more points than one drawing has."""
    if count > POINTS_LIMIT:
        raise SketchRNNError(f"has more than {POINTS_LIMIT:,} points; one drawing never has")


def check_coordinates(numbers: npt.NDArray[np.float64]) -> None:
    """Raises SketchRNNError for coordinates that are not finite, or too large."""
    if not (np.abs(numbers) <= COORDINATE_LIMIT).all():
        raise SketchRNNError(f"has a coordinate that is no number of at most {COORDINATE_LIMIT:g}")


def polyline(points: npt.ArrayLike) -> Polyline:
    """A stroke [n, 2] of a file. Raises ValueError for what is none, or is too far away."""
    line = np.array(points, dtype=np.float64)
    if line.ndim != 2 or line.shape[1] != 2 or len(line) == 0:
        raise ValueError("a stroke needs as many x as y, and at least one")
    if not (np.abs(line) <= COORDINATE_LIMIT).all():
        raise ValueError(f"a coordinate is not a number up to {COORDINATE_LIMIT:g}")
    return line


def class_of(label: str | None) -> str | None:
    """A label as readers take it for the name of a class: one line of printable text, or None."""
    shown = "".join(c if c.isprintable() else " " * c.isspace() for c in normal_name(label or ""))
    return " ".join(shown.split())[:CLASS_NAME_LIMIT].rstrip() or None


def check_written(sketch: Sketch, number: int, *, place: bool = False) -> None:
    """Raises SketchRNNError for a drawing that our readers would refuse.

    Args:
        sketch: the drawing.
        number: its place among those that are written, for the message.
        place: whether it is written where it lies, so that this counts as well.
    """
    if sketch.point_count > POINTS_LIMIT:
        raise SketchRNNError(
            f"drawing {number} has {sketch.point_count:,} points, and data files hold at most"
            f" {POINTS_LIMIT:,} each; simplify it first"
        )
    largest = max(*sketch.size, *(map(abs, sketch.bounds) if place else ()))
    if largest > COORDINATE_LIMIT:
        raise SketchRNNError(
            f"drawing {number} reaches {largest:g}, and data files hold at most"
            f" {COORDINATE_LIMIT:g}; scale or move it first"
        )


def drawings_of(thing: Any) -> list[Sketch]:
    """The drawings of what is saved: a Sketch itself, or those in the rows of a sheet."""
    if isinstance(thing, Sketch):
        return [thing]
    return [sketch for row in thing.rows for sketch in row if sketch is not None]
