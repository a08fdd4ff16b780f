"""Which drawings a figure begins with: those that are named, or typical ones of data files."""

from __future__ import annotations

import argparse
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from sketchrnn.api import Model
from sketchrnn.data.places import is_data
from sketchrnn.data.sources import doodles_source, read_source
from sketchrnn.drawing.inputs import TYPICAL_AMONG, fitted, fitted_part, read_given
from sketchrnn.errors import SketchRNNError
from sketchrnn.sketch import Polyline, Sketch
from sketchrnn.words import say

PART = 0.4  # of the points of a drawing, that figure 7 leaves
APART = 5  # ranks between two typical drawings of a figure, at most: the most typical look alike

# Of which classes of a model a figure would have drawings, in turn; how many, None: as many as are
# asked for; and how many classes that takes.
WISHES: dict[str, tuple[slice, int | None, int]] = {
    "fig5": (slice(None), None, 1),
    "fig6": (slice(2), 2, 1),
    "fig7": (slice(None), 3, 1),
    "fig8": (slice(1), 1, 1),
    "suppl5": (slice(1), 2, 1),
    "suppl6": (slice(2), 4, 2),
    "suppl7": (slice(4), 4, 4),
    "suppl8": (slice(-1, None), 4, 1),
    "suppl9": (slice(2), None, 2),
}


def wishes(
    figure: str, classes: Sequence[str], available: Mapping[str, int], n: int
) -> list[tuple[str, int]]:
    """The drawings that a figure would have: classes, and ranks among the typical ones of each.

    The ranks are `APART` where there are enough drawings of the class (`available`); n is the
    number of inputs, for figures that have any number of them.

    Raises:
        SketchRNNError: not enough classes.
    """
    of, count, needed = WISHES[figure]
    if len(classes) < needed:
        raise SketchRNNError(
            f"{figure} needs drawings of {needed} classes, and the model has learnt"
            f" {', '.join(classes)}: take another model, or name the drawings with --data"
        )
    if count is None:
        count = 2 * n if figure == "suppl9" else n  # pairs, which `hybrid` joins
    own = classes[of]
    in_turn = [own[number % len(own)] for number in range(count)]
    times = Counter(in_turn)
    return [
        (name, number // len(own) * max(1, min(APART, available[name] // times[name])))
        for number, name in enumerate(in_turn)
    ]


def figure_inputs(arguments: argparse.Namespace, model: Model, n: int) -> list[Sketch]:
    """The drawings that are named, or those that the figure would have of the data files."""
    figure, as_is = arguments.what, arguments.as_is
    named = [spec for spec in arguments.data if not is_data(spec)]
    if named and len(named) < len(arguments.data):
        whole = next(spec for spec in arguments.data if is_data(spec))
        raise SketchRNNError(
            f"{whole}: is a whole data file beside single drawings; name drawings, or data files"
        )
    if named:
        found = read_given(model, named)
    else:
        specs, foreign = _typical(arguments, model, n)
        found = read_given(model, specs)
        say(f"drawings: {' '.join(specs)}")
        if foreign:  # its units are not the model's
            found[-1] = replace(found[-1], outside=True)
    if figure == "fig7":
        parts = [fitted_part(model, given, as_is=as_is, share=None).sketch for given in found]
        return [
            beginning(part, round(PART * part.point_count)) if given.ended else part
            for part, given in zip(parts, found, strict=True)
        ]
    sketches = [fitted(model, given, as_is=bool(named) and as_is).sketch for given in found]
    if figure == "suppl9" and not named:
        pairs = zip(sketches[::2], sketches[1::2], strict=True)
        return [hybrid(first, second, model.N_max) for first, second in pairs]
    return sketches


def _typical(arguments: argparse.Namespace, model: Model, n: int) -> tuple[list[str], bool]:
    """DRAWING specs out of whole data files, and whether the last is not of the model's kind."""
    sources = list(arguments.data) or [
        source
        for source in model.facts.sources
        if doodles_source(source) is not None or Path(source).exists()
    ]
    if not sources:
        raise SketchRNNError(
            f"{model.name}: the drawings that it learnt from are not here; name some with --data"
        )
    places: dict[str, str] = {}
    available: dict[str, int] = {}
    for source in sources:
        dataset = read_source(source)
        drawings = dataset.test if len(dataset.test) else dataset.train  # as DRAWING has it
        labels = drawings.labels[drawings.lengths <= model.N_max]
        for label, name in enumerate(dataset.classes):
            places.setdefault(name, source)
            available.setdefault(name, min(int((labels == label).sum()), TYPICAL_AMONG // 2))
    learnt = model.facts.classes
    classes = [name for name in learnt if name in places] or list(places)
    wished = wishes(arguments.what, classes, available, n)
    specs = [f"{places[name]}#{name}/typical:{rank}" for name, rank in wished]
    if arguments.what != "fig5":
        return specs, False
    if other := next((name for name in places if name not in learnt), None):
        return [*specs, f"{places[other]}#{other}/typical:0"], False
    # The package can draw something else itself. It need not be typical.
    other = next(name for name in ("house", "fish", "flower") if name not in learnt)
    return [*specs, f"doodles:60#train/{other}/0"], True


def beginning(sketch: Sketch, points: int) -> Sketch:
    """The first points of a drawing, two at least."""
    left = max(2, points)
    lines: list[Polyline] = []
    for line in sketch.polylines:
        if left > 0:
            lines.append(line[:left])
        left -= len(line)
    return Sketch.from_polylines(lines, sketch.label)


def hybrid(first: Sketch, second: Sketch, N_max: int) -> Sketch:
    """A drawing with features of two: the early strokes of one, and the late ones of another.

    The first half of the points of the one (whole strokes, at least one) and the second half of
    those of the other, both drawn in the box of the first. Late strokes that would go over N_max
    points are left out.
    """
    width, height = (max(side, 1.0) for side in first.size)
    left, top, _, _ = first.bounds
    other = second.fitted(width, height).moved(left, top)
    lines = _half(first.polylines)
    late = _half(other.polylines[::-1])[::-1]
    room = N_max + 1 - sum(map(len, lines))
    while late and sum(map(len, late)) > room:
        late = late[1:]
    return Sketch.from_polylines([*lines, *late], f"{first.label} and {second.label}")


def _half(lines: Sequence[Polyline]) -> list[Polyline]:
    """Whole strokes from the first on, up to about half of the points; at least one."""
    totals = list(accumulate(map(len, lines)))
    return list(lines[: max(1, bisect_right(totals, totals[-1] / 2))])
