"""What the verbs that draw with a model share: check, load, fit, draw, bring back, write."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sketchrnn.cli.options import check_temperatures, load_model, one_temperature
from sketchrnn.cli.output import Output, say_notes, showing
from sketchrnn.errors import SketchRNNError

if TYPE_CHECKING:
    from sketchrnn.api import Model
    from sketchrnn.drawing.base import Drawer
    from sketchrnn.drawing.inputs import Input
    from sketchrnn.figures.sheet import SketchSheet
    from sketchrnn.sketch import Sketch


class Task:
    """One run of such a verb; made first, it checks what needs no model.

    Attributes:
        arguments: as typed.
        temperatures: to draw at; only one without `ladder`.
        seed: as typed, or chosen.
        ways: for each temperature what the methods of a model take: temperature, seed and sample.
    """

    def __init__(self, arguments: argparse.Namespace, *, ladder: bool = True) -> None:
        from sketchrnn.seeds import choose_seed

        self.arguments = arguments
        self.output = Output(arguments)
        temperatures = check_temperatures(arguments) if ladder else [one_temperature(arguments)]
        self.temperatures = temperatures
        self.seed = choose_seed(arguments.seed)
        sample = {"sample": arguments.sample_z} if "sample_z" in arguments else {}
        self.ways: list[dict[str, Any]] = [
            {"temperature": temperature, "seed": self.seed, **sample}
            for temperature in temperatures
        ]

    def load(
        self, purpose: str, drawings: Sequence[str] | None = None
    ) -> tuple[Model, list[Input]]:
        """The model, and each DRAWING made fit for it: all of them, or only `drawings`.

        Raises SketchRNNError for a decoder-only model, which `purpose` is not possible with.
        """
        from sketchrnn.drawing.inputs import read_inputs

        model = load_model(self.arguments)
        model.need_encoder(purpose)
        specs = self.arguments.drawings if drawings is None else drawings
        return model, read_inputs(model, specs, as_is=self.arguments.as_is)

    @contextmanager
    def drawing(self, model: Drawer, count: int, groups: int = 1) -> Iterator[None]:
        """Draw so many of each group and temperature in the block, if there is memory for them."""
        total = count * groups * len(self.temperatures)
        self.output.check_room(total, model.N_max)
        with showing(model, total):
            yield

    def columns(self, count: int, *, before: int = 0, groups: int = 1) -> int | None:
        """How many of `count` drawings of each group and temperature stand in a row."""
        groups *= len(self.temperatures)
        return self.output.columns(count, before=before, groups=groups)

    def check_grid(self) -> None:
        """Raise SketchRNNError for what a grid between drawings does not have."""
        if self.arguments.columns is not None:
            raise SketchRNNError("a grid between drawings has -n columns: leave out --columns")

    def grid(self, model: Model, corners: Sequence[Input], side: int) -> int:
        """Draw a grid between three or four drawings and write it; returns the exit code."""
        from sketchrnn.drawing.inputs import back_in_grid
        from sketchrnn.drawing.sheets import grid_sheet

        sketches = [corner.sketch for corner in corners]
        spherical = not self.arguments.linear
        with self.drawing(model, side * side):
            drawn = model.grid(sketches, side, side, spherical=spherical, **self.ways[0])
        rows = back_in_grid(corners, drawn)
        sheet = grid_sheet([corner.given.sketch for corner in corners], rows)
        return self.write(sheet, rows, corners)

    def write(
        self, sheet: SketchSheet, rows: Iterable[Iterable[Sketch]], inputs: Iterable[Input] = ()
    ) -> int:
        """Write the sheet, and as files of their own the drawings of `rows`; the exit code."""
        say_notes(inputs)
        self.output.write(sheet, (sketch for row in rows for sketch in row), self.seed)
        return 0
