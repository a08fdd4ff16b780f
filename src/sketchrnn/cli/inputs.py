"""What the command line calls DRAWING: a file, standard input, or a drawing of a data file.

FILE.svg, FILE.json, - (standard input: SVG, JSON, or the lines of `generate --stream`), or
DATA#WHERE with WHERE = [SPLIT/][CLASS/](INDEX | typical | typical:K).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sketchrnn import registry
from sketchrnn.data.formats.json_drawings import parse
from sketchrnn.data.formats.records import Given, Pen
from sketchrnn.errors import SketchRNNError
from sketchrnn.sketch import Sketch

if TYPE_CHECKING:
    from sketchrnn.data.dataset import Dataset
    from sketchrnn.drawing.fit import Fitted
    from sketchrnn.drawing.model import Model

STANDARD_INPUT = "-"
PIXELS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".pdf")
_INDEX = re.compile(r"(?P<index>[0-9]{1,9})|typical(:(?P<rank>[0-9]{1,9}))?")
TYPICAL_AMONG = 500  # drawings of a split, evenly over it, that `typical` is looked for in


@dataclass(frozen=True)
class Input:
    """A drawing as the model reads it.

    Attributes:
        given: as it came.
        sketch: in the training drawings' units.
        fitted: how it was made fit; None where it is as it came.
    """

    given: Given
    sketch: Sketch
    fitted: Fitted | None = None

    def back(self, sketch: Sketch) -> Sketch:
        """What the model drew for it, in its own place and size."""
        return sketch if self.fitted is None else self.fitted.back(sketch)

    @property
    def notes(self) -> list[str]:
        """What was done to it, one line each."""
        notes = (self.given.note, self.fitted.note if self.fitted else "")
        return [f"{self.given.name}: {note}" for note in notes if note]


def read_inputs(model: Model, specs: Sequence[str], *, as_is: bool) -> list[Input]:
    """Read each DRAWING and make it fit for the model.

    Raises:
        SketchRNNError: naming the one that cannot be read, or cannot be made fit.
    """
    return [fitted(model, given, as_is=as_is) for given in read_given(model, specs)]


def fitted(model: Model, given: Given, *, as_is: bool) -> Input:
    """A drawing made fit for the model: scaled and simplified if it comes from outside.

    Raises:
        SketchRNNError: naming it, if it is as it is, with more points than the model reads; or if
            it cannot be made fit.
    """
    if as_is or not given.outside:
        rows = len(given.sketch.to_stroke3())
        if rows > model.N_max:
            raise SketchRNNError(
                f"{given.name}: has {rows + 1} points; {model.name} reads 2 to {model.N_max + 1}:"
                f" {'leave out --as-is' if given.outside else 'simplify it first'}"
            )
        return Input(given, given.sketch)
    try:
        result = model.fit(given.sketch)
    except SketchRNNError as error:
        raise SketchRNNError(f"{given.name}: {error}") from None
    return Input(given, result.sketch, result)


def mixed(inputs: Sequence[Input], weights: Sequence[float], sketch: Sketch) -> Sketch:
    """A drawing between several, in the place and size between theirs.

    Args:
        inputs: the drawings.
        weights: of their places and sizes; their sum is 1.
        sketch: in the training drawings' units.
    """
    if all(one.fitted is None for one in inputs):
        return sketch
    backs = [one.back(sketch).polylines for one in inputs]
    lines = [
        sum(weight * line for weight, line in zip(weights, same, strict=True))
        for same in zip(*backs, strict=True)
    ]
    return Sketch.from_polylines(lines, sketch.label)


def is_data(spec: str) -> bool:
    """Whether it names a whole data file, not one drawing."""
    if spec == STANDARD_INPUT or _is_drawing(Path(spec)):
        return False
    return "#" not in spec or Path(spec).exists()


def read_given(model: Model | None, specs: Sequence[str]) -> list[Given]:
    """Read each DRAWING. Raises SketchRNNError naming the one that cannot be read.

    Without a model there is no `typical` drawing.
    """
    if sum(spec == STANDARD_INPUT for spec in specs) > 1:
        raise SketchRNNError("standard input (-) holds one drawing; name it once")
    places = _Places(model)
    return [_read(spec, places) for spec in specs]


def _read(spec: str, places: _Places) -> Given:
    if spec == STANDARD_INPUT:
        return parse(sys.stdin.buffer.read(registry.DRAWING_LIMIT_BYTES + 1), "standard input")
    if is_data(spec):
        if not Path(spec).exists() and ":" not in spec and spec != "doodles":
            raise SketchRNNError(f"{spec}: there is no such file")
        if Path(spec).suffix.lower() in PIXELS:
            raise SketchRNNError(
                f"{spec}: has pixels, or pages, and a drawing has strokes; give an .svg or a .json"
            )
        raise SketchRNNError(
            f"{spec}: is a data file; say which of its drawings, as {spec}#0 or {spec}#typical, or"
            " #[SPLIT/][CLASS/]INDEX"
        )
    path = Path(spec)
    if not _is_drawing(path) or ("#" in spec and not path.exists()):
        data, _, where = spec.rpartition("#")
        return Given(places.find(data, where, spec), spec, outside=False, ended=True)
    given: Given = registry.read_drawing(spec)
    return given


def _is_drawing(path: Path) -> bool:
    """Whether its ending is that of a file of one drawing."""
    return path.suffix.lower() in registry.endings(reads="drawing")


class _Places:
    """Finds drawings in data files; each file is read, and each ranking computed, once."""

    def __init__(self, model: Model | None) -> None:
        self._model = model
        self._datasets: dict[str, Dataset] = {}
        self._rankings: dict[tuple[str, str, str], npt.NDArray[np.int64]] = {}

    def find(self, source: str, where: str, spec: str) -> Sketch:
        """The drawing at [SPLIT/][CLASS/](INDEX | typical | typical:K) of a data source."""
        from sketchrnn.data.dataset import SPLITS
        from sketchrnn.data.sources import read_source

        if source not in self._datasets:
            self._datasets[source] = read_source(source)
        dataset = self._datasets[source]
        *before, which = where.split("/")
        split = before.pop(0) if before and before[0] in SPLITS else ""
        class_name = "/".join(before)
        if not split:
            split = "test" if len(dataset.test) else "train"
        drawings = dataset.split(split)
        members = np.arange(len(drawings))
        if class_name:
            if class_name not in dataset.classes:
                raise SketchRNNError(
                    f"{spec}: there is no split and no class {class_name!r}; the classes are"
                    f" {', '.join(dataset.classes[:10])}"
                )
            members = np.flatnonzero(drawings.labels == dataset.classes.index(class_name))
        match = _INDEX.fullmatch(which)
        if match is None:
            raise SketchRNNError(
                f"{spec}: after # comes [SPLIT/][CLASS/] and a number from 0, typical or"
                f" typical:K, got {where!r}"
            )
        of = f" of class {class_name}" if class_name else ""
        number = int(match["index"] or match["rank"] or 0)
        if match["index"] is None:
            if self._model is None:
                raise SketchRNNError(
                    f"{spec}: what is typical a model says, and there is none; give a number"
                )
            key = (source, split, class_name)
            if key not in self._rankings:
                self._rankings[key] = self._ranked(dataset, split, members)
            members = self._rankings[key]
            of += " that the model can read and that were looked at"
        if number >= len(members):
            raise SketchRNNError(
                f"{spec}: {split} has {len(members)} drawings{of}; there is no number {number}"
            )
        return dataset.sketch(split, int(members[number]))

    def _ranked(
        self, dataset: Dataset, split: str, members: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Drawings by nats a point, the most likely first."""
        from sketchrnn.drawing.likelihood import nats_per_point

        assert self._model is not None
        fitting = members[dataset.split(split).lengths[members] <= self._model.N_max]
        some = fitting[:: -(-len(fitting) // TYPICAL_AMONG) or 1]
        if not len(some):
            return some
        nats_n = nats_per_point(self._model, [dataset.sketch(split, int(i)) for i in some])
        return some[np.argsort(nats_n, kind="stable")]


def first_part(given: Given, *, strokes: int | None, points: int | None) -> Given:
    """The first strokes, or points, of a drawing; all of it where neither is given.

    What the pen does at the end of the part is known: it is lifted after a stroke, and goes on
    within one. After all points of a drawing it does what it did there.

    Raises:
        SketchRNNError: fewer than 1, or more than it has; or all of a drawing that has ended.
    """
    if strokes is None and points is None:
        if given.ended:
            raise SketchRNNError(
                "this drawing has ended, so there is nothing to complete; take its first part, with"
                " --strokes K or --points K"
            )
        return given
    kind, count = ("strokes", strokes) if strokes is not None else ("points", points)
    lines = given.sketch.polylines
    total = len(lines) if strokes is not None else given.sketch.point_count
    assert count is not None
    if count < 1:
        raise SketchRNNError(f"--{kind} must be at least 1, got {count}")
    if count > total or (count == total and given.ended):
        raise SketchRNNError(
            f"the drawing has {total} {kind}"
            + (", and has ended" if count == total else "")
            + f": --{kind} {count} leaves nothing to complete; take fewer"
        )
    if points is not None and count == total:
        return given
    pen: Pen = "up"
    if strokes is not None:
        part = list(lines[:strokes])
    else:
        ends = np.cumsum([len(line) for line in lines])
        last = int(np.searchsorted(ends, count))  # the stroke that the last point is on
        begin = int(ends[last]) - len(lines[last])
        part = [*lines[:last], lines[last][: count - begin]]
        pen = "up" if count == ends[last] else "down"
    sketch = Sketch.from_polylines(part, given.sketch.label)
    return replace(given, sketch=sketch, pen=pen, ended=False)
