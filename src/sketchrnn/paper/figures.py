"""The paper's figures 3 and 5 to 8, and 3 to 9 of its supplement, laid out with given models.

Each is a function of a `Request`; `FIGURES` has them by name. `wishes` says which drawings a figure
would have of the classes that there are, for those who name none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sketchrnn.api import Model
from sketchrnn.drawing.sheets import (
    analogy_sheet,
    completion_sheet,
    grid_sheet,
    reconstruction_sheet,
)
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import PALETTE, blend
from sketchrnn.figures.sheet import INK, SketchSheet
from sketchrnn.paper.panels import Panels
from sketchrnn.sketch import Polyline, Sketch

COLD, WARM = "#1670d6", "#d3111f"  # low and high temperatures, as in the paper
PART = 0.4  # of the points of a drawing, that figure 7 leaves
GRID = 7  # rows and columns of the supplement's grids
APART = 5  # ranks between two typical drawings of a figure, at most: the most typical look alike


@dataclass(frozen=True)
class Request:
    """What a figure is drawn from.

    Attributes:
        models: at least one.
        labels: one a model.
        inputs: drawings in the training drawings' units.
        analogies: (A, B, C) each.
        n: drawings of a kind; what that is depends on the figure.
        temperatures: one, or a ladder.
        seed: of all that is drawn.
    """

    models: Sequence[Model]
    labels: Sequence[str]
    inputs: Sequence[Sketch]
    n: int
    temperatures: Sequence[float]
    seed: int
    analogies: Sequence[tuple[Sketch, Sketch, Sketch]] = ()

    def title(self, number: int) -> str | None:
        """Over the panel of a model, where there are several."""
        return self.labels[number] if len(self.models) > 1 else None


class Wish(NamedTuple):
    """A drawing that a figure would have: the `number`-th from 0 of the typical ones of a class."""

    class_name: str
    number: int


def wishes(figure: str, classes: Sequence[str], others: Sequence[str], n: int) -> list[Wish]:
    """The drawings that a figure would have.

    Args:
        figure: its name.
        classes: what the models have learnt.
        others: classes that are there beside these.
        n: how many inputs, for figures that have any number of them.

    Raises:
        SketchRNNError: not enough classes.
    """

    def typical(class_name: str, count: int) -> list[Wish]:
        return [Wish(class_name, number) for number in range(count)]

    def need(count: int) -> None:
        if len(classes) < count:
            raise SketchRNNError(
                f"{figure} needs drawings of {count} classes, and the model has learnt"
                f" {', '.join(classes)}: take another model, or name the drawings with --data"
            )

    if figure in ("fig3", "suppl3", "suppl4"):
        return []
    if figure == "fig5":
        own = [Wish(classes[i % len(classes)], i // len(classes)) for i in range(n)]
        return [*own, *(Wish(name, 0) for name in others[:1])]
    if figure == "fig6":
        return [Wish(name, 0) for name in classes[:2]] if classes[1:] else typical(classes[0], 2)
    if figure == "fig7":
        return [Wish(classes[i % len(classes)], i // len(classes)) for i in range(3)]
    if figure == "fig8":
        return typical(classes[0], 1)
    if figure in ("suppl5", "suppl6"):
        return typical(classes[0 if figure == "suppl5" else -1], 4)
    if figure == "suppl7":
        need(2)
        return [Wish(classes[i % 2], i // 2) for i in range(4)]
    if figure == "suppl8":
        need(4)
        return [Wish(name, 0) for name in classes[:4]]
    need(2)  # suppl9: pairs, which `hybrid` joins
    return [Wish(classes[i % 2], i // 2) for i in range(2 * n)]


# The figures -------------------------------------------------------------------------------------


def fig3(request: Request) -> Panels:
    """New drawings of each model at a ladder of temperatures, from cold blue to warm red."""
    shares = np.linspace(0, 1, len(request.temperatures)).tolist()
    colors = [[blend((COLD, WARM), (1 - share, share))] * request.n for share in shares]
    sheets = []
    for number, model in enumerate(request.models):
        rows = [
            model.generate(request.n, temperature=temperature, seed=request.seed)
            for temperature in request.temperatures
        ]
        labels = [f"τ = {t:g}" for t in request.temperatures]
        sheets.append(
            SketchSheet(rows, row_labels=labels, colors=colors, title=request.labels[number])
        )
    return Panels(sheets)


def fig5(request: Request) -> Panels:
    """Inputs, one of them of another class, and their reconstructions at several temperatures."""
    return Panels(
        [
            reconstruction_sheet(
                model, request.inputs, request.temperatures, request.seed, request.title(number)
            )
            for number, model in enumerate(request.models)
        ],
        columns=2,
    )


def fig6(request: Request) -> Panels:
    """Left: between two drawings, for models of several w_KL. Right: analogies as equations."""
    first, last = _exactly(request.inputs, 2, "figure 6 goes from one drawing to another")
    rows = [
        model.interpolate(
            first, last, request.n, temperature=request.temperatures[0], seed=request.seed
        )
        for model in request.models
    ]
    way = [
        blend(PALETTE[:2], (1 - share, share)) for share in np.linspace(0, 1, request.n).tolist()
    ]
    left = SketchSheet(
        [[first, *row, last] for row in rows],
        colors=[[INK, *way, INK]] * len(rows),
        framed=[[True, *[False] * request.n, True]] * len(rows),
        row_labels=request.labels if len(rows) > 1 else None,
    )
    model = request.models[0]
    sheets = [left]
    for a, b, c in request.analogies:
        drawn = model.analogy(a, b, c, temperature=request.temperatures[0], seed=request.seed)
        sheets.append(analogy_sheet(a, b, c, [drawn], request.temperatures[:1]))
    return Panels([left]) if len(sheets) == 1 else _left_and_stack(left, sheets[1:])


def fig7(request: Request) -> Panels:
    """Incomplete drawings, in frames, and how each model goes on with them.

    The paper's are decoder-only. A conditional one gets its z from the prior: mu of the part would
    say that the drawing ends where the part does.
    """
    return Panels(
        [
            completion_sheet(
                [
                    (
                        "",
                        part,
                        model.complete(
                            part,
                            request.n,
                            temperature=request.temperatures[0],
                            seed=request.seed,
                        ),
                    )
                    for part in request.inputs
                ],
                request.title(number),
            )
            for number, model in enumerate(request.models)
        ],
        columns=1,
    )


def fig8(request: Request) -> Panels:
    """One drawing in a frame amid many like it."""
    (given,) = _exactly(request.inputs, 1, "figure 8 varies one drawing")
    side = max(3, round((request.n + 1) ** 0.5))
    middle = (side // 2) * side + side // 2
    sheets = []
    for number, model in enumerate(request.models):
        like: list[Sketch] = list(
            model.vary(given, side**2 - 1, temperature=request.temperatures[0], seed=request.seed)
        )
        like.insert(middle, given)
        framed = [at == middle for at in range(side**2)]
        sheets.append(SketchSheet.grid(like, side, framed=framed, title=request.title(number)))
    return Panels(sheets, columns=2)


def many(request: Request) -> Panels:
    """Supplement 3 and 4: many new drawings, of a model of one class or of several."""
    return Panels(
        [
            SketchSheet.grid(
                model.generate(request.n, temperature=request.temperatures[0], seed=request.seed),
                10,
                cell=72,
                title=request.title(number),
            )
            for number, model in enumerate(request.models)
        ],
        columns=2,
    )


def many_of_several(request: Request) -> Panels:
    """Supplement 4: what a model of several classes draws when none is asked for."""
    for model in request.models:
        if len(model.facts.classes) < 2:
            raise SketchRNNError(
                f"{model.name} has learnt one class; suppl4 shows the limits of several in one"
                " model: take one of several, or draw suppl3"
            )
    return many(request)


def grid(request: Request) -> Panels:
    """Supplement 5 to 8: a grid between four drawings."""
    corners = _exactly(request.inputs, 4, "a grid has four corners")
    return Panels(
        [
            grid_sheet(
                corners,
                model.grid(
                    corners,
                    GRID,
                    GRID,
                    temperature=request.temperatures[0],
                    seed=request.seed,
                ),
                request.title(number),
            )
            for number, model in enumerate(request.models)
        ],
        columns=2,
    )


def coherence(request: Request) -> Panels:
    """Supplement 9: which loss controls coherence.

    Inputs with features of two classes, and what models of different w_KL make of each: under a
    strong w_KL a drawing of one class, under a weak one its parts as they are.
    """
    rows = [
        [
            model.reconstruct(one, temperature=t, seed=request.seed)[0]
            for model in request.models
            for t in request.temperatures
        ]
        for one in request.inputs
    ]
    several = len(request.temperatures) > 1
    labels = [
        label + (f", τ = {t:g}" if several else "")
        for label in request.labels
        for t in request.temperatures
    ]
    sheet = SketchSheet(
        [[one, *row] for one, row in zip(request.inputs, rows, strict=True)],
        column_labels=["input", *labels],
        framed=[[True, *[False] * len(row)] for row in rows],
    )
    return Panels([sheet])


FIGURES: dict[str, Callable[[Request], Panels]] = {
    "fig3": fig3,
    "fig5": fig5,
    "fig6": fig6,
    "fig7": fig7,
    "fig8": fig8,
    "suppl3": many,
    "suppl4": many_of_several,
    "suppl5": grid,
    "suppl6": grid,
    "suppl7": grid,
    "suppl8": grid,
    "suppl9": coherence,
}


# Inputs ------------------------------------------------------------------------------------------


def ranks(wished: Sequence[Wish], available: Mapping[str, int]) -> list[int]:
    """The rank among the typical drawings of its class that each wish gets, `APART` where it can.

    Args:
        wished: of `wishes`.
        available: how many drawings of each class there are.
    """
    count = {wish.class_name: 0 for wish in wished}
    for wish in wished:
        count[wish.class_name] = max(count[wish.class_name], wish.number + 1)
    return [number * max(1, min(APART, available[name] // count[name])) for name, number in wished]


def beginning(sketch: Sketch, share: float = PART) -> Sketch:
    """The first points of a drawing: that share of them, two at least."""
    left = max(2, round(share * sketch.point_count))
    lines: list[Polyline] = []
    for line in sketch.polylines:
        if left <= 0:
            break
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
    points = sum(map(len, lines))
    kept, count = [lines[0]], len(lines[0])
    for line in lines[1:]:
        if count + len(line) > points / 2:
            break
        kept.append(line)
        count += len(line)
    return kept


def _exactly(sketches: Sequence[Sketch], count: int, why: str) -> Sequence[Sketch]:
    if len(sketches) != count:
        raise SketchRNNError(f"{why}; it takes {count} drawings, got {len(sketches)}")
    return sketches


def _left_and_stack(left: SketchSheet, stack: Sequence[SketchSheet]) -> Panels:
    """One sheet on the left, the others one below the other on the right."""
    rows = [row for sheet in stack for row in sheet.rows]
    colors = [row for sheet in stack for row in sheet.colors]
    return Panels([left, SketchSheet(rows, operators=stack[0].operators, colors=colors)])
