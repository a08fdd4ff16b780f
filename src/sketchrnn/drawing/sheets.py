"""How the drawings of each verb are laid out on a sheet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from sketchrnn.drawing.base import Drawer
from sketchrnn.figures.colors import INK, PALETTE, REST, along, blend, heat
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.sketch import Sketch

if TYPE_CHECKING:
    from sketchrnn.drawing.complete import Completion
    from sketchrnn.drawing.likelihood import Likelihood
    from sketchrnn.drawing.tidy import Tidied

COLUMNS = 10
LEAST_SPREAD_NATS = 4.0  # a point: strokes nearer to each other than this are not all colours

Rows = Sequence[Sequence[Sketch]]
Cells = Sequence[Sequence[Sketch | None]]
T = TypeVar("T")


def temperature_sheet(
    model: Drawer, n: int, temperatures: Sequence[float], seed: int, title: str | None = None
) -> SketchSheet:
    """n drawings at each temperature, row by row; the same z and random numbers at each."""
    drawn = [model.generate(n, temperature=tau, seed=seed) for tau in temperatures]
    if len(drawn) == 1:
        return SketchSheet.grid(drawn[0], title=title)
    rows = list(_broken(zip(taus(temperatures), drawn, strict=True)))
    return SketchSheet(
        [row for _, row in rows], row_labels=[label for label, _ in rows], title=title
    )


def beside_inputs(
    inputs: Sequence[Sketch],
    columns: Rows,
    temperatures: Sequence[float],
    title: str | None = None,
) -> SketchSheet:
    """Each input in the first column, beside it what was drawn for it at each temperature."""
    return SketchSheet(
        list(zip(inputs, *columns, strict=True)),
        column_labels=["input", *taus(temperatures)],
        input_columns=1,
        title=title,
    )


def interpolation_sheet(
    first: Sketch, last: Sketch, rows: Rows, row_labels: Sequence[str] | None = None
) -> SketchSheet:
    """Ways from one drawing to another; both in frames at their ends."""
    cells = [[first, *row, last] for row in rows]
    colors = [along(PALETTE[:2], share) for share in np.linspace(0, 1, len(rows[0])).tolist()]
    return SketchSheet(
        cells,
        colors=[[INK, *colors, INK]] * len(rows),
        framed=_framed(cells, (first, last)),
        row_labels=row_labels,
    )


def grid_sheet(corners: Sequence[Sketch], rows: Rows, title: str | None = None) -> SketchSheet:
    """A grid between three or four drawings, which stand in frames beside its corners."""
    top_left, top_right, bottom_left, bottom_right = [*corners, None][:4]
    between: list[Sketch | None] = [None] * (len(rows) - 2)
    lefts, rights = [top_left, *between, bottom_left], [top_right, *between, bottom_right]
    cells = [[left, *row, right] for left, row, right in zip(lefts, rows, rights, strict=True)]
    colors = [
        [INK, *(blend(PALETTE, corner_weights(x, y)) for x in np.linspace(0, 1, len(row))), INK]
        for y, row in zip(np.linspace(0, 1, len(rows)), rows, strict=True)
    ]
    return SketchSheet(cells, colors=colors, framed=_framed(cells, corners), title=title)


def corner_weights(x: float, y: float) -> tuple[float, float, float, float]:
    """The part of each corner (top left, top right, bottom left, bottom right) at (x, y) in 0-1."""
    return (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y


def analogy_sheet(
    terms: Sequence[tuple[Sketch, Sketch, Sketch]],
    rows: Rows,
    row_labels: Sequence[str] | None = None,
) -> SketchSheet:
    """C + (B - A) = D as equations of pictures, of each (A, B, C) the row of its D.

    Further rows are D of the last one, as at other temperatures.
    """
    return SketchSheet(
        [
            [c, b, a, *row]
            for (a, b, c), row in zip_longest(terms, rows, fillvalue=(None, None, None))
        ],
        operators=["+ (", "-", ") =", *[""] * (len(rows[0]) - 1)],
        colors=[[INK] * 3 + [REST] * len(row) for row in rows],
        row_labels=row_labels,
    )


def completion_sheet(
    rows: Sequence[tuple[str, Sketch, Sequence[Completion]]], title: str | None = None
) -> SketchSheet:
    """Each given part in a frame, then its completions: the part in ink and the rest in colour.

    `rows` are for each part and temperature a label, the part, and its completions.
    """
    cells: list[list[Sketch | None]] = []
    colors: list[list[str | list[str] | None]] = []
    labels: list[str] = []
    for label, given, completions in rows:
        for number, (text, some) in enumerate(_broken([(label, completions)])):
            cells.append([None if number else given, *(one.layers for one in some)])
            colors.append([INK, *(one.stroke_colors(INK, REST) for one in some)])
            labels.append(text)
    framed = _framed(cells, [given for _, given, _ in rows])
    return SketchSheet(cells, colors=colors, framed=framed, row_labels=labels, title=title)


def variation_sheet(given: Sketch, rows: Rows, temperatures: Sequence[float]) -> SketchSheet:
    """A drawing in a frame, and beside it the drawings like it at each temperature."""
    labels = temperature_labels(temperatures) or [""]
    broken = list(_broken(zip(labels, rows, strict=True)))
    cells = [[None if number else given, *row] for number, (_, row) in enumerate(broken)]
    return SketchSheet(
        cells, framed=_framed(cells, [given]), row_labels=[label for label, _ in broken]
    )


def tidy_sheet(rows: Sequence[tuple[Sketch, Tidied]], shown: int) -> SketchSheet:
    """Each input, the likeliest drawing of it, and the next ones; below them what a point costs."""
    count = max(min(shown, len(tidied.drawings)) for _, tidied in rows)
    return SketchSheet(
        [[given, *tidied.drawings[:count]] for given, tidied in rows],
        captions=[
            [None, *(f"{nats:.2f} nats a point" for nats in tidied.nats_per_point[:count])]
            for _, tidied in rows
        ],
        column_labels=["input", "best", *[""] * (count - 1)],
        input_columns=1,
    )


def likelihood_sheet(sketches: Sequence[Sketch], found: Sequence[Likelihood]) -> SketchSheet:
    """Drawings with their strokes in the colour of surprise, one scale for all of them."""
    every = np.concatenate([one.stroke_nats for one in found])
    low, spread = float(every.min()), max(float(np.ptp(every)), LEAST_SPREAD_NATS)
    return SketchSheet.grid(
        sketches,
        captions=[f"{one.nats_per_point:.2f} nats a point" for one in found],
        colors=[[heat((nats - low) / spread) for nats in one.stroke_nats] for one in found],
    )


def taus(temperatures: Sequence[float]) -> list[str]:
    """A label for each temperature."""
    return [f"τ = {temperature:g}" for temperature in temperatures]


def temperature_labels(temperatures: Sequence[float]) -> list[str] | None:
    """A label for each row, where there are several."""
    return taus(temperatures) if len(temperatures) > 1 else None


def _broken(rows: Iterable[tuple[str, Sequence[T]]]) -> Iterable[tuple[str, Sequence[T]]]:
    """Rows with their labels as rows of at most `COLUMNS`; what goes on below has no label."""
    for label, row in rows:
        for first in range(0, len(row), COLUMNS):
            yield "" if first else label, row[first : first + COLUMNS]


def _framed(cells: Cells, given: Sequence[Sketch]) -> list[list[bool]]:
    """A frame around each of the given drawings."""
    return [[any(cell is one for one in given) for cell in row] for row in cells]
