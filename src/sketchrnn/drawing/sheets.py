"""How the drawings of each verb are laid out on a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest
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

COLUMNS = 10  # at most, of what stands in rows of its own
LEAST_SPREAD_NATS = 4.0  # a point: strokes nearer to each other than this are not all colours

Rows = Sequence[Sequence[Sketch]]
T = TypeVar("T")


def temperature_sheet(
    model: Drawer,
    n: int,
    temperatures: Sequence[float],
    seed: int,
    title: str | None = None,
    columns: int | None = None,
) -> SketchSheet:
    """n drawings at each temperature, row by row; the same z and random numbers at each."""
    drawn = [model.generate(n, temperature=tau, seed=seed) for tau in temperatures]
    if len(drawn) == 1:
        return SketchSheet.grid(drawn[0], columns, title=title)
    return labelled_sheet(taus(temperatures), drawn, title, columns)


def beside_inputs(
    inputs: Sequence[Sketch],
    drawn: Rows,
    temperatures: Sequence[float],
    title: str | None = None,
    columns: int | None = None,
) -> SketchSheet:
    """Each input in the first column, beside it what was drawn for it at each temperature.

    The temperatures stand over the columns; where a row is broken, below the drawings.
    """
    groups = [lines(row, columns) for row in zip(*drawn, strict=True)]
    names = lines(taus(temperatures), columns)
    whole = len(names) == 1
    width = 1 + len(names[0])
    return SketchSheet(
        [line for one, group in zip(inputs, groups, strict=True) for line in _beside(one, group)],
        column_labels=["input", *(names[0] if whole else [""] * (width - 1))],
        captions=None if whole else [[None, *line] for _ in groups for line in names],
        input_columns=1,
        title=title,
    )


def interpolation_sheet(
    first: Sketch,
    last: Sketch,
    rows: Rows,
    row_labels: Sequence[str] | None = None,
    columns: int | None = None,
) -> SketchSheet:
    """Ways from one drawing to another; both in frames at their ends."""
    way = [along(PALETTE[:2], share) for share in np.linspace(0, 1, len(rows[0])).tolist()]
    groups = [lines([first, *row, last], columns, COLUMNS + 2) for row in rows]
    cells = list(chain(*groups))
    return SketchSheet(
        cells,
        colors=lines([INK, *way, INK], columns, COLUMNS + 2) * len(rows),
        framed=_framed(cells, (first, last)),
        row_labels=_first_lines(row_labels, groups),
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
    columns: int | None = None,
) -> SketchSheet:
    """C + (B - A) = D as equations of pictures, of each (A, B, C) the row of its D.

    Further rows are D of the last one, as at other temperatures.
    """
    groups = [lines(row, columns) for row in rows]
    cells: list[list[Sketch | None]] = []
    for term, group in zip_longest(terms, groups):
        before = [None] * 3 if term is None else [term[2], term[1], term[0]]
        cells += [[*(before if not number else [None] * 3), *d] for number, d in enumerate(group)]
    most = max(map(len, cells)) - 3
    return SketchSheet(
        cells,
        operators=["+ (", "-", ") =", *[""] * (most - 1)],
        colors=[[INK] * 3 + [REST] * (len(line) - 3) for line in cells],
        row_labels=_first_lines(row_labels, groups),
    )


def completion_sheet(
    rows: Sequence[tuple[str, Sketch, Sequence[Completion]]],
    title: str | None = None,
    columns: int | None = None,
) -> SketchSheet:
    """Each given part in a frame, then its completions: the part in ink and the rest in colour.

    `rows` are for each part and temperature a label, the part, and its completions.
    """
    cells: list[list[Sketch | None]] = []
    colors: list[list[str | list[str]]] = []
    groups = [lines(completions, columns) for _, _, completions in rows]
    for (_, given, _), group in zip(rows, groups, strict=True):
        cells += _beside(given, [[one.layers for one in line] for line in group])
        colors += [[INK, *(one.stroke_colors(INK, REST) for one in line)] for line in group]
    framed = _framed(cells, [given for _, given, _ in rows])
    labels = _first_lines([label for label, _, _ in rows], groups)
    return SketchSheet(cells, colors=colors, framed=framed, row_labels=labels, title=title)


def variation_sheet(
    given: Sequence[Sketch],
    rows: Sequence[Rows],
    temperatures: Sequence[float],
    columns: int | None = None,
) -> SketchSheet:
    """Each drawing in a frame, and beside it the drawings like it at each temperature."""
    groups = [[lines(row, columns) for row in drawn] for drawn in rows]
    cells = [
        line
        for one, group in zip(given, groups, strict=True)
        for line in _beside(one, list(chain(*group)))
    ]
    names = temperature_labels(temperatures)
    labels = None if names is None else names * len(given)
    labels = _first_lines(labels, list(chain(*groups)))
    return SketchSheet(cells, framed=_framed(cells, given), row_labels=labels)


def tidy_sheet(
    rows: Sequence[tuple[Sketch, Tidied]], shown: int, columns: int | None = None
) -> SketchSheet:
    """Each input, the likeliest drawing of it, and the next ones; below them what a point costs."""
    cells: list[list[Sketch | None]] = []
    captions: list[list[str | None]] = []
    for given, tidied in rows:
        cells += _beside(given, lines(tidied.drawings[:shown], columns))
        nats = [f"{nats:.2f} nats a point" for nats in tidied.nats_per_point[:shown]]
        captions += [[None, *line] for line in lines(nats, columns)]
    width = max(map(len, cells))
    return SketchSheet(
        cells,
        captions=captions,
        column_labels=["input", "best", *[""] * (width - 2)],
        input_columns=1,
    )


def likelihood_sheet(
    sketches: Sequence[Sketch], found: Sequence[Likelihood], columns: int | None = None
) -> SketchSheet:
    """Drawings with their strokes in the colour of surprise, one scale for all of them."""
    every = np.concatenate([one.stroke_nats for one in found])
    low, spread = float(every.min()), max(float(np.ptp(every)), LEAST_SPREAD_NATS)
    return SketchSheet.grid(
        sketches,
        columns,
        captions=[f"{one.nats_per_point:.2f} nats a point" for one in found],
        colors=[[heat((nats - low) / spread) for nats in one.stroke_nats] for one in found],
    )


def labelled_sheet(
    labels: Sequence[str], rows: Rows, title: str | None = None, columns: int | None = None
) -> SketchSheet:
    """Rows of drawings, each with a label."""
    groups = [lines(row, columns) for row in rows]
    labels = _first_lines(labels, groups) or []
    return SketchSheet(list(chain(*groups)), row_labels=labels, title=title)


def taus(temperatures: Sequence[float]) -> list[str]:
    """A label for each temperature."""
    return [f"τ = {temperature:g}" for temperature in temperatures]


def temperature_labels(temperatures: Sequence[float]) -> list[str] | None:
    """A label for each row, where there are several."""
    return taus(temperatures) if len(temperatures) > 1 else None


def lines(row: Sequence[T], columns: int | None, most: int = COLUMNS) -> list[Sequence[T]]:
    """A row as several of so many columns; by default of at most `most`, all about as long."""
    if columns is None:
        columns = -(-len(row) // -(-len(row) // most)) if row else 1
    return [row[first : first + columns] for first in range(0, len(row), columns)]


def _beside(given: Sketch, drawn: Sequence[Sequence[Sketch]]) -> list[list[Sketch | None]]:
    """What was given in front of the first line."""
    return [[None if number else given, *line] for number, line in enumerate(drawn)]


def _first_lines(labels: Sequence[str] | None, groups: Sequence[Sequence[T]]) -> list[str] | None:
    """A label for each line: what goes on below has none."""
    if labels is None:
        return None
    return [
        "" if number else label
        for label, group in zip(labels, groups, strict=True)
        for number in range(len(group))
    ]


def _framed(cells: Sequence[Sequence[Sketch | None]], given: Sequence[Sketch]) -> list[list[bool]]:
    """A frame around each of the given drawings."""
    return [[any(cell is one for one in given) for cell in row] for row in cells]
