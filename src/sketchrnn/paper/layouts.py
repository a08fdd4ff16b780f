"""The paper's figures 3 and 5 to 8, and 3 to 9 of its supplement, laid out with given models.

Each is a function of a `Request`; `LAYOUTS` has them by name.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sketchrnn import devices
from sketchrnn.api import Model, load
from sketchrnn.drawing.base import check_count
from sketchrnn.drawing.inputs import read_inputs
from sketchrnn.drawing.sheets import (
    analogy_sheet,
    beside_inputs,
    completion_sheet,
    grid_sheet,
    interpolation_sheet,
    taus,
)
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.colors import along
from sketchrnn.figures.sheet import SketchSheet
from sketchrnn.paper.drawings import WISHES, figure_inputs
from sketchrnn.paper.panels import Panels
from sketchrnn.seeds import choose_seed
from sketchrnn.sketch import Sketch
from sketchrnn.training.config import TrainingConfig
from sketchrnn.words import say

COLD, WARM = "#1670d6", "#d3111f"  # low and high temperatures, as in the paper
GRID = 7  # rows and columns of our grids; the paper does not say how many it has
ACROSS = 8  # drawings in a row of the supplement's figure 5


@dataclass(frozen=True)
class Request:
    """What a figure is drawn from.

    Attributes:
        models, labels: at least one, and a label for each.
        inputs: drawings in the training drawings' units.
        analogies: (A, B, C) each.
        n: drawings of a kind; what that is depends on the figure.
        temperatures, seed: of all that is drawn.
    """

    models: Sequence[Model]
    labels: Sequence[str]
    inputs: Sequence[Sketch]
    analogies: Sequence[Sequence[Sketch]]
    n: int
    temperatures: Sequence[float]
    seed: int

    @property
    def chance(self) -> dict[str, Any]:
        """The first temperature and the seed, as the methods of a model take them."""
        return {"temperature": self.temperatures[0], "seed": self.seed}

    def exactly(self, count: int, why: str) -> Sequence[Sketch]:
        """The inputs. Raises SketchRNNError if there are fewer or more."""
        if len(self.inputs) != count:
            raise SketchRNNError(f"{why}; it takes {count} drawings, got {len(self.inputs)}")
        return self.inputs

    def each_model(
        self, sheet: Callable[[Model, str | None], SketchSheet], columns: int = 2
    ) -> Panels:
        """A sheet for each model, with its label over it where there are several models."""
        titles = self.labels if len(self.models) > 1 else [None]
        return Panels([sheet(*one) for one in zip(self.models, titles, strict=True)], columns)


def run(arguments: argparse.Namespace) -> bool:
    """Draw the figure that is named."""
    figure = arguments.what
    draw, needs_encoder = LAYOUTS[figure]
    n = check_count(arguments.n)
    seed, device = choose_seed(arguments.seed), devices.prepared_device(arguments.device)
    models = [
        load(name, device=str(device), which=arguments.which, prior="normal")
        for name in arguments.model
    ]
    if needs_encoder:
        for model in models:
            model.need_encoder(figure)
    inputs = figure_inputs(arguments, models[0], n) if figure in WISHES else []
    analogies = [
        [one.sketch for one in read_inputs(models[0], specs, as_is=arguments.as_is)]
        for specs in arguments.analogy
    ]
    labels = labels_of(arguments.model, models, of_classes=not needs_encoder)
    panels = draw(Request(models, labels, inputs, analogies, n, arguments.temperature, seed))
    if arguments.output == "-":
        sys.stdout.write(panels.to_svg())
        say(f"seed {seed}")
    else:
        panels.save(arguments.output)
        say(f"wrote {arguments.output}, seed {seed}")
    return True


def labels_of(names: Sequence[str], models: Sequence[Model], *, of_classes: bool) -> list[str]:
    """What tells models apart: w_KL, or with `of_classes` their classes; else their names.

    Raises:
        SketchRNNError: a model is named twice.
    """
    for name in names:
        if names.count(name) > 1:
            raise SketchRNNError(f"{name} is named twice; models are compared with others")
    own = [model.name for model in models]
    if len(models) == 1:
        return own
    w_KL = []
    for name, model in zip(names, models, strict=True):
        weight = TrainingConfig.of_run(name).w_KL if model.conditional else 0.0
        short = f"{weight:.2f}" if round(weight, 2) == weight else f"{weight:g}"
        w_KL.append(f"w_KL {short}" if model.conditional else "decoder-only")
    classes = [", ".join(model.facts.classes) for model in models]
    for labels in (classes, w_KL, own) if of_classes else (w_KL, classes, own):
        if len(set(labels)) == len(models):
            return labels
    return list(names)


def ladder(request: Request) -> Panels:
    """Figure 3: drawings of each model at rising temperatures, from cold blue to warm red."""
    temperatures = request.temperatures
    shares = np.linspace(0, 1, len(temperatures)).tolist()
    sheets = [
        SketchSheet(
            [model.generate(request.n, temperature=t, seed=request.seed) for t in temperatures],
            row_labels=taus(request.temperatures),
            colors=[[along((COLD, WARM), share)] * request.n for share in shares],
            title=label,
        )
        for model, label in zip(request.models, request.labels, strict=True)
    ]
    return Panels(sheets)


def reconstructions(request: Request) -> Panels:
    """Figure 5: inputs, one of another class, and what comes of them at several temperatures."""

    def sheet(model: Model, title: str | None) -> SketchSheet:
        columns = [
            model.reconstruct(request.inputs, temperature=temperature, seed=request.seed)
            for temperature in request.temperatures
        ]
        return beside_inputs(request.inputs, columns, request.temperatures, title)

    return request.each_model(sheet)


def ways_and_analogies(request: Request) -> Panels:
    """Figure 6: left between two drawings, for models of several w_KL; right analogies."""
    first, last = request.exactly(2, "figure 6 goes from one drawing to another")
    rows = [model.interpolate(first, last, request.n, **request.chance) for model in request.models]
    sheets = [interpolation_sheet(first, last, rows, request.labels if len(rows) > 1 else None)]
    if request.analogies:
        model = request.models[0]
        drawn = [model.analogy(a, b, c, **request.chance) for a, b, c in request.analogies]
        sheets.append(analogy_sheet([(a, b, c) for a, b, c in request.analogies], drawn))
    return Panels(sheets)


def completions(request: Request) -> Panels:
    """Figure 7: incomplete drawings, in frames, and how each model goes on with them.

    The paper's models are decoder-only. A conditional one gets its z from the prior: mu of the part
    would say that the drawing ends where the part does.
    """

    def sheet(model: Model, title: str | None) -> SketchSheet:
        rows = [
            ("", part, model.complete(part, request.n, **request.chance)) for part in request.inputs
        ]
        return completion_sheet(rows, title)

    return request.each_model(sheet, columns=1)


def variations(request: Request) -> Panels:
    """Figure 8: one drawing in a frame amid many like it."""
    (given,) = request.exactly(1, "figure 8 varies one drawing")
    side = max(3, round((request.n + 1) ** 0.5))
    middle = (side // 2) * side + side // 2

    def sheet(model: Model, title: str | None) -> SketchSheet:
        like = model.vary(given, side**2 - 1, **request.chance)
        like.insert(middle, given)
        framed = [one is given for one in like]
        return SketchSheet.grid(like, side, framed=framed, title=title)

    return request.each_model(sheet)


def many(request: Request) -> Panels:
    """Supplement 3: many new drawings."""
    return request.each_model(
        lambda model, title: SketchSheet.grid(
            model.generate(request.n, **request.chance), 10, cell=72, title=title
        )
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


def way_in_rows(request: Request) -> Panels:
    """Supplement 5: the way between two drawings, from left to right, then from top to bottom."""
    first, last = request.exactly(2, "the supplement's figure 5 goes from one drawing to another")
    return request.each_model(
        lambda model, title: SketchSheet.grid(
            model.interpolate(first, last, request.n, **request.chance), ACROSS, title=title
        )
    )


def grid(request: Request) -> Panels:
    """Supplement 6 to 8: a grid between four drawings."""
    corners = request.exactly(4, "a grid has four corners")
    return request.each_model(
        lambda model, title: grid_sheet(
            corners, model.grid(corners, GRID, GRID, **request.chance), title
        )
    )


def coherence(request: Request) -> Panels:
    """Supplement 9: which loss controls coherence.

    Inputs with features of two classes, and what models of different w_KL make of each: under a
    strong w_KL a drawing of one class, under a weak one its parts as they are.
    """
    several = len(request.temperatures) > 1
    columns, labels = [list(request.inputs)], ["input"]
    for model, label in zip(request.models, request.labels, strict=True):
        for t in request.temperatures:
            columns.append(
                [
                    model.reconstruct(one, temperature=t, seed=request.seed)[0]
                    for one in request.inputs
                ]
            )
            labels.append(label + (f", τ = {t:g}" if several else ""))
    framed = [[True, *[False] * (len(labels) - 1)]] * len(request.inputs)
    rows = list(zip(*columns, strict=True))
    return Panels([SketchSheet(rows, column_labels=labels, framed=framed)])


# How a figure is drawn, and whether its models must have an encoder.
LAYOUTS: dict[str, tuple[Callable[[Request], Panels], bool]] = {
    "fig3": (ladder, False),
    "fig5": (reconstructions, True),
    "fig6": (ways_and_analogies, True),
    "fig7": (completions, False),
    "fig8": (variations, True),
    "suppl3": (many, False),
    "suppl4": (many_of_several, False),
    "suppl5": (way_in_rows, True),
    **dict.fromkeys(("suppl6", "suppl7", "suppl8"), (grid, True)),
    "suppl9": (coherence, True),
}
