"""`sketchrnn vary`: many drawings like one."""

from __future__ import annotations

import argparse
from itertools import chain

from sketchrnn.cli import options
from sketchrnn.cli.task import Task
from sketchrnn.errors import SketchRNNError
from sketchrnn.words import say

COUNT, FEW, SIDE = 20, 8, 7  # drawings like one, like each of several, on the side of a grid
SPREAD = 1.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "vary",
        help="draw many like one, or a grid between four",
        usage="%(prog)s MODEL DRAWING... [options]",
        description="Draw many like the given drawing, each from a z of its own near its mu; many"
        " like each of several, or of all in a folder. Just three or four drawings are corners of a"
        " grid, without --each-alone: chairs, to a model of cats, give cats like chairs and all"
        " between them.",
    )
    options.add_model_and_drawings(parser, more="; or a whole folder or data file")
    add = parser.add_argument
    many = (
        f"how many like one (default {COUNT}) or each of several (default {FEW}), or how many on"
        f" each side of the grid (default {SIDE})"
    )
    add("-n", type=int, metavar="N", help=many)
    far = f"how far z strays from mu, in sigmas of q(z | S): 0 is mu for all (default {SPREAD:g})"
    add("--spread", type=float, metavar="X", help=far)
    add("--each-alone", action="store_true", help="no grid: many like each of three or four")
    add("--linear", action="store_true", help="a grid along straight lines, not on the sphere")
    options.add_drawing_options(parser, [0.5], pages=True)
    options.add_input_options(parser, sample=False)


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    from sketchrnn.data.gather import holds_many

    specs = arguments.drawings
    corners = len(specs) in (3, 4) and not any(map(holds_many, specs))
    grid = corners and not arguments.each_alone
    task = Task(arguments, ladder=not grid)
    from sketchrnn.drawing.base import check_count
    from sketchrnn.drawing.blend import check_spread  # after what needs no PyTorch
    from sketchrnn.drawing.inputs import read_every
    from sketchrnn.drawing.sheets import variation_sheet

    spread = SPREAD if arguments.spread is None else arguments.spread
    check_spread(spread)
    if grid and arguments.spread is not None:
        raise SketchRNNError("a grid lies between its corners: leave out --spread")
    if not grid and arguments.linear:
        raise SketchRNNError("there is no grid: leave out --linear")
    if arguments.n is not None:
        check_count(arguments.n)
    if grid:
        task.check_grid()
        model, inputs = task.load("variation")
        return task.grid(model, inputs, SIDE if arguments.n is None else arguments.n)
    model = options.load_model(arguments)
    model.need_encoder("variation")
    inputs = read_every(model, specs, as_is=arguments.as_is, say=say)
    n = arguments.n or (COUNT if len(inputs) == 1 else FEW)
    sketches = [one.sketch for one in inputs]
    with task.drawing(model, n, groups=len(inputs)):
        ways = [model.vary(sketches, n, spread=spread, **way) for way in task.ways]
    rows = [
        [[one.back(new) for new in drawn[number]] for drawn in ways]
        for number, one in enumerate(inputs)
    ]
    columns = task.columns(n, before=1, groups=len(inputs))
    given = [one.given.sketch for one in inputs]
    sheet = variation_sheet(given, rows, task.temperatures, columns)
    return task.write(sheet, chain(*rows), inputs)
