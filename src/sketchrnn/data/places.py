"""What the command line calls DRAWING: a file, standard input, or a drawing of a data source.

FILE.svg, FILE.json, - (standard input: SVG, JSON, or the lines of `generate --stream`), or
DATA#WHERE with WHERE = [SPLIT/][CLASS/](INDEX | typical | typical:K).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sketchrnn import registry
from sketchrnn.data.dataset import SPLITS, Dataset
from sketchrnn.data.formats import kind_of
from sketchrnn.data.formats.json_drawings import parse
from sketchrnn.data.formats.records import Given
from sketchrnn.data.sources import doodles_source, read_source
from sketchrnn.data.tables import counts_text
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import need_file
from sketchrnn.sketch import Sketch
from sketchrnn.words import choices

STANDARD_INPUT = "-"
PIXELS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".pdf")
_WHICH = re.compile(r"(?P<index>[0-9]{1,9})|typical(:(?P<rank>[0-9]{1,9}))?")

Numbers = npt.NDArray[np.int64]
# Of drawings of a split, by their numbers, those that are looked at, the most typical first.
Rank = Callable[[Dataset, str, Numbers], Numbers]


def is_data(spec: str) -> bool:
    """Whether it names a whole data file, not one drawing."""
    if spec == STANDARD_INPUT or _is_drawing(spec):
        return False
    return "#" not in spec or Path(spec).exists()


def _is_drawing(spec: str) -> bool:
    """Whether its ending is that of a file of one drawing."""
    return Path(spec).suffix.lower() in registry.endings(reads="drawing")


def read_given(specs: Sequence[str], rank: Rank | None = None) -> list[Given]:
    """Read each DRAWING; without `rank` there is no `typical` one."""
    if sum(spec == STANDARD_INPUT for spec in specs) > 1:
        raise SketchRNNError("standard input (-) holds one drawing; name it once")
    places = _Places(rank)
    return [_read(spec, places) for spec in specs]


def _read(spec: str, places: _Places) -> Given:
    if spec == STANDARD_INPUT:
        return parse(sys.stdin.buffer.read(registry.DRAWING_LIMIT_BYTES + 1), "standard input")
    path = Path(spec)
    if is_data(spec):
        if doodles_source(spec) is None:
            need_file(path, f"name a drawing in it, or {spec}#0, the first of them")
        if path.suffix.lower() in PIXELS:
            raise SketchRNNError(
                f"{spec}: has pixels, or pages, and a drawing has strokes; give an .svg or a .json"
            )
        if doodles_source(spec) is None:
            kind_of(path)  # text, an empty file
        raise SketchRNNError(
            f"{spec}: is a data file; say which of its drawings, as {spec}#0 or {spec}#typical, or"
            " #[SPLIT/][CLASS/]INDEX"
        )
    if not _is_drawing(spec) or ("#" in spec and not path.exists()):
        return Given(places.find(spec), spec, outside=False, ended=True)
    given: Given = registry.read_drawing(spec)
    return given


class _Places:
    """Finds DATA#WHERE; each data source is read, and each ranking computed, once."""

    def __init__(self, rank: Rank | None) -> None:
        self._rank = rank
        self._dataset = cache(read_source)
        self._ranked: dict[tuple[str, str, str], Numbers] = {}

    def find(self, spec: str) -> Sketch:
        source, _, where = spec.rpartition("#")
        dataset = self._dataset(source)
        *before, which = where.split("/")
        if before and before[0] in SPLITS:
            split = before.pop(0)
        else:
            split = "test" if len(dataset.test) else "train"
        class_name = "/".join(before)
        if class_name and class_name not in dataset.classes:
            raise SketchRNNError(
                f"{spec}: there is no split and no class {class_name!r};"
                f" {choices(class_name, [*dataset.classes, *SPLITS])}"
            )
        match = _WHICH.fullmatch(which)
        if match is None:
            raise SketchRNNError(
                f"{spec}: after # comes [SPLIT/][CLASS/] and a number from 0, typical or"
                f" typical:K, got {where!r}"
            )
        members, of = np.arange(len(dataset.split(split))), ""
        if class_name:
            label = dataset.classes.index(class_name)
            members = np.flatnonzero(dataset.split(split).labels == label)
            of = f" of class {class_name}"
        if match["index"] is None:
            if self._rank is None:
                raise SketchRNNError(
                    f"{spec}: what is typical a model says, and there is none; give a number"
                )
            key = source, split, class_name
            if key not in self._ranked:
                self._ranked[key] = self._rank(dataset, split, members)
            members = self._ranked[key]
            of += " that the model can read and that were looked at"
        number = int(match["index"] or match["rank"] or 0)
        if number >= len(members):
            raise SketchRNNError(
                f"{spec}: {split} has {len(members)} drawings{of}; there is no number {number}"
            )
        return dataset.sketch(split, int(members[number]))


def first_part(given: Given, *, strokes: int | None, points: int | None) -> Given:
    """The first strokes, or points, of a drawing; all of it where neither is given.

    What the pen does at the end of the part is known: it is lifted after a stroke, and goes on
    within one. After all points of a drawing it does what it did there.
    """
    lines = given.sketch.polylines
    if strokes is not None:
        kind, count, total = "strokes", strokes, len(lines)
    elif points is not None:
        kind, count, total = "points", points, given.sketch.point_count
    elif given.ended:
        raise SketchRNNError(
            f"{given.name}: this drawing has ended, so there is nothing to complete; take its first"
            " part, with --strokes K or --points K"
        )
    else:
        return given
    if count < 1:
        raise SketchRNNError(f"{given.name}: --{kind} must be at least 1, got {count}")
    if count > total or (count == total and given.ended):
        ended = ", and has ended" if count == total else ""
        has = counts_text({kind.removesuffix("s"): total})
        raise SketchRNNError(
            f"{given.name}: the drawing has {has}{ended}: --{kind} {count} leaves nothing to"
            " complete; take fewer"
        )
    if points is not None and count == total:
        return given
    ends = np.cumsum([len(line) for line in lines])
    end = count if strokes is None else int(ends[count - 1])
    last = int(np.searchsorted(ends, end))  # the stroke that the last point is on
    part = [*lines[:last], lines[last][: end + len(lines[last]) - int(ends[last])]]
    sketch = Sketch.from_polylines(part, given.sketch.label)
    return replace(given, sketch=sketch, pen="up" if end == ends[last] else "down", ended=False)
