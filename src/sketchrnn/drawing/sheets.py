"""How the drawings of each verb are laid out on a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sketchrnn.drawing.base import Drawer
from sketchrnn.drawing.blend import reconstruct
from sketchrnn.figures.colors import PALETTE, REST, blend, heat
from sketchrnn.figures.sheet import INK, SketchSheet
from sketchrnn.sketch import Sketch

if TYPE_CHECKING:
    from sketchrnn.drawing.coder import Coder
    from sketchrnn.drawing.complete import Completion
    from sketchrnn.drawing.likelihood import Likelihood
    from sketchrnn.drawing.tidy import Tidied

COLUMNS = 10
LEAST_SPREAD_NATS = 4.0  # a point: strokes nearer to each other than this are not all colours


def temperature_sheet(
    model: Drawer, n: int, temperatures: Sequence[float], seed: int, title: str | None = None
) -> SketchSheet:
    """n drawings at each temperature, row by row; the same z and random numbers at each."""
    columns = min(n, COLUMNS) if len(temperatures) > 1 else None
    if columns is None:
        drawn = model.generate(n, temperature=temperatures[0], seed=seed)
        return SketchSheet.grid(drawn, title=title)
    rows: list[list[Sketch]] = []
    labels: list[str] = []
    for temperature in temperatures:
        drawn = model.generate(n, temperature=temperature, seed=seed)
        for first in range(0, n, columns):
            rows.append(list(drawn[first : first + columns]))
            labels.append("" if first else f"τ = {temperature:g}")
    return SketchSheet(rows, row_labels=labels, title=title)


def reconstruction_sheet(
    model: Coder,
    inputs: Sequence[Sketch],
    temperatures: Sequence[float],
    seed: int,
    title: str | None = None,
) -> SketchSheet:
    """Each input in the first column, beside it its reconstruction at each temperature."""
    columns = [
        reconstruct(model, inputs, temperature=temperature, seed=seed)
        for temperature in temperatures
    ]
    return beside_inputs(inputs, columns, temperatures, title)


def beside_inputs(
    inputs: Sequence[Sketch],
    columns: Sequence[Sequence[Sketch]],
    temperatures: Sequence[float],
    title: str | None = None,
) -> SketchSheet:
    """Each input in the first column, beside it what was drawn for it at each temperature."""
    return SketchSheet(
        [list(row) for row in zip(inputs, *columns, strict=True)],
        column_labels=["input", *(f"τ = {temperature:g}" for temperature in temperatures)],
        input_columns=1,
        title=title,
    )


def interpolation_sheet(
    first: Sketch,
    last: Sketch,
    rows: Sequence[Sequence[Sketch]],
    temperatures: Sequence[float],
    title: str | None = None,
) -> SketchSheet:
    """The way from one drawing to another at each temperature; both in frames at its ends."""
    colors = [
        blend(PALETTE[:2], (1 - share, share)) for share in np.linspace(0, 1, len(rows[0])).tolist()
    ]
    return SketchSheet(
        [[first, *row, last] for row in rows],
        colors=[[INK, *colors, INK]] * len(rows),
        framed=[[True, *[False] * len(row), True] for row in rows],
        row_labels=temperature_labels(temperatures),
        title=title,
    )


def grid_sheet(
    corners: Sequence[Sketch], rows: Sequence[Sequence[Sketch]], title: str | None = None
) -> SketchSheet:
    """A grid between three or four drawings, which stand in frames beside its corners."""
    top_left, top_right, bottom_left = corners[:3]
    bottom_right = corners[3] if len(corners) > 3 else None
    height, width = len(rows), len(rows[0])
    sides: list[tuple[Sketch | None, Sketch | None]] = [(None, None)] * height
    sides[0], sides[-1] = (top_left, top_right), (bottom_left, bottom_right)
    cells = [[left, *row, right] for (left, right), row in zip(sides, rows, strict=True)]
    colors = [
        [INK, *(blend(PALETTE, corner_weights(x, y)) for x in np.linspace(0, 1, width)), INK]
        for y in np.linspace(0, 1, height)
    ]
    framed = [[left is not None, *[False] * width, right is not None] for left, right in sides]
    return SketchSheet(cells, colors=colors, framed=framed, title=title)


def corner_weights(x: float, y: float) -> tuple[float, float, float, float]:
    """The part of each corner (top left, top right, bottom left, bottom right) at (x, y) in 0-1."""
    return (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y


def analogy_sheet(
    a: Sketch,
    b: Sketch,
    c: Sketch,
    rows: Sequence[Sequence[Sketch]],
    temperatures: Sequence[float],
    title: str | None = None,
) -> SketchSheet:
    """C + (B - A) = D as an equation of pictures, the D of each temperature in a row of its own."""
    terms: list[list[Sketch | None]] = [[None] * 3 for _ in rows]
    terms[0] = [c, b, a]
    return SketchSheet(
        [[*term, *row] for term, row in zip(terms, rows, strict=True)],
        operators=["+ (", "-", ") =", *[""] * (len(rows[0]) - 1)],
        colors=[[INK] * 3 + [REST] * len(row) for row in rows],
        row_labels=temperature_labels(temperatures),
        title=title,
    )


def completion_sheet(
    rows: Sequence[tuple[str, Sketch, Sequence[Completion]]], title: str | None = None
) -> SketchSheet:
    """Each given part in a frame, then its completions: the part in ink and the rest in colour.

    Args:
        rows: for each part and temperature a label, the part, and its completions.
        title: a line over the sheet.
    """
    cells: list[list[Sketch | None]] = []
    colors: list[list[str | list[str] | None]] = []
    labels: list[str] = []
    for label, given, completions in rows:
        for first in range(0, len(completions), COLUMNS):
            some = completions[first : first + COLUMNS]
            cells.append([None if first else given, *(one.layers for one in some)])
            colors.append([INK, *(one.stroke_colors(INK, REST) for one in some)])
            labels.append("" if first else label)
    return SketchSheet(
        cells,
        colors=colors,
        framed=_first_framed(cells),
        row_labels=labels if any(labels) else None,
        title=title,
    )


def variation_sheet(
    given: Sketch,
    rows: Sequence[Sequence[Sketch]],
    temperatures: Sequence[float],
    title: str | None = None,
) -> SketchSheet:
    """A drawing in a frame, and beside it the drawings like it at each temperature."""
    cells: list[list[Sketch | None]] = []
    labels: list[str] = []
    for label, row in zip(temperature_labels(temperatures) or [""], rows, strict=True):
        for first in range(0, len(row), COLUMNS):
            cells.append([None if cells else given, *row[first : first + COLUMNS]])
            labels.append("" if first else label)
    return SketchSheet(
        cells,
        framed=_first_framed(cells),
        row_labels=labels if any(labels) else None,
        title=title,
    )


def tidy_sheet(
    rows: Sequence[tuple[Sketch, Tidied]], shown: int, title: str | None = None
) -> SketchSheet:
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
        title=title,
    )


def likelihood_sheet(
    sketches: Sequence[Sketch], found: Sequence[Likelihood], title: str | None = None
) -> SketchSheet:
    """Drawings with their strokes in the colour of surprise, one scale for all of them."""
    every = np.concatenate([one.stroke_nats for one in found])
    low, spread = float(every.min()), max(float(np.ptp(every)), LEAST_SPREAD_NATS)
    return SketchSheet.grid(
        sketches,
        captions=[f"{one.nats_per_point:.2f} nats a point" for one in found],
        colors=[[heat((nats - low) / spread) for nats in one.stroke_nats] for one in found],
        title=title,
    )


def temperature_labels(temperatures: Sequence[float]) -> list[str] | None:
    """A label for each row, where there are several."""
    if len(temperatures) == 1:
        return None
    return [f"τ = {temperature:g}" for temperature in temperatures]


def _first_framed(cells: Sequence[Sequence[Sketch | None]]) -> list[list[bool]]:
    """A frame around the first drawing of each row."""
    return [[row[0] is not None, *[False] * (len(row) - 1)] for row in cells]
