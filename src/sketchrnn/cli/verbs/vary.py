"""`sketchrnn vary`: many drawings like one."""

from __future__ import annotations

import argparse

from sketchrnn.cli import options
from sketchrnn.cli.task import Task
from sketchrnn.errors import SketchRNNError

COUNT, SIDE = 20, 7  # drawings like one, and on the side of a grid
SPREAD = 1.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "vary",
        help="draw many like one, or a grid between four",
        usage="%(prog)s MODEL DRAWING [B C [D]] [options]",
        description="Draw many like the given drawing, each from a z of its own near its mu. Three"
        " or four drawings are the corners of a grid: chairs, to a model of cats, give cats like"
        " chairs and all between them.",
    )
    options.add_model_and_drawings(parser)
    add = parser.add_argument
    many = f"how many (default {COUNT}), or how many on each side of the grid (default {SIDE})"
    add("-n", type=int, metavar="N", help=many)
    far = f"how far z strays from mu, in sigmas of q(z | S): 0 is mu for all (default {SPREAD:g})"
    add("--spread", type=float, metavar="X", help=far)
    add("--linear", action="store_true", help="a grid along straight lines, not on the sphere")
    options.add_drawing_options(parser, [0.5], pages=True)
    options.add_input_options(parser, sample=False)


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    count = len(arguments.drawings)
    if count not in (1, 3, 4):
        raise SketchRNNError(
            f"vary takes one drawing, or three or four for a grid; got {count}; for the way from"
            " one drawing to another there is interpolate"
        )
    task = Task(arguments, ladder=count == 1)
    from sketchrnn.drawing.base import check_count
    from sketchrnn.drawing.blend import check_spread  # after what needs no PyTorch
    from sketchrnn.drawing.sheets import variation_sheet

    spread = SPREAD if arguments.spread is None else arguments.spread
    check_spread(spread)
    if count > 1 and arguments.spread is not None:
        raise SketchRNNError("a grid lies between its corners: leave out --spread")
    if count == 1 and arguments.linear:
        raise SketchRNNError("one drawing has no grid: leave out --linear")
    if count > 1:
        task.check_grid()
    n = check_count(arguments.n if arguments.n is not None else COUNT if count == 1 else SIDE)
    model, inputs = task.load("variation")
    if count > 1:
        return task.grid(model, inputs, n)
    (one,) = inputs
    with task.drawing(model, n):
        rows = [
            [one.back(new) for new in model.vary(one.sketch, n, spread=spread, **way)]
            for way in task.ways
        ]
    columns = task.columns(n, before=1)
    sheet = variation_sheet(one.given.sketch, rows, task.temperatures, columns)
    return task.write(sheet, rows, inputs)
