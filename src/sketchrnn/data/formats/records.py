"""Record: one drawing as it stands in a file, before it is prepared; and what all readers check.

Skipped: what was passed over on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sketchrnn.data.names import CLASS_NAME_LIMIT as CLASS_NAME_LIMIT
from sketchrnn.data.names import is_class_name as is_class_name
from sketchrnn.data.names import normal_name as normal_name
from sketchrnn.data.tables import counts_text
from sketchrnn.errors import SketchRNNError
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


def polyline(points: npt.ArrayLike) -> Polyline:
    """A stroke [n, 2] of a file, checked.

    Raises:
        ValueError: another shape, no point, or a coordinate that is no number up to 1e9.
    """
    line = np.array(points, dtype=np.float64)
    if line.ndim != 2 or line.shape[1] != 2 or len(line) == 0:
        raise ValueError("a stroke needs as many x as y, and at least one")
    if not (np.abs(line) <= COORDINATE_LIMIT).all():
        raise ValueError(f"a coordinate is not a number up to {COORDINATE_LIMIT:g}")
    return line
