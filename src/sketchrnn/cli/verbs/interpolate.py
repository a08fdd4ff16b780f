"""`sketchrnn interpolate`: drawings between two, three or four."""

from __future__ import annotations

import argparse

from sketchrnn.cli import options
from sketchrnn.cli.task import Task
from sketchrnn.errors import SketchRNNError

STEPS, SIDE = 10, 7  # drawings on a way, and on the side of a grid


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "interpolate",
        help="draw what lies between drawings",
        usage="%(prog)s MODEL A B [C [D]] [options]",
        description="Draw the way from A to B, on the sphere of their z; the reconstructions of"
        " both are its ends, the drawings themselves stand beside them. Three or four drawings"
        " (top left, top right, bottom left, bottom right) fill a grid; of three, the fourth"
        " corner is C + (B - A). All are drawn with the same random numbers: only z changes.",
    )
    options.add_model_and_drawings(parser)
    parser.add_argument(
        "-n",
        type=int,
        metavar="N",
        help=f"drawings on the way, ends included (default {STEPS}), or on each side of the grid"
        f" (default {SIDE})",
    )
    straight = "along straight lines, not on the sphere"
    parser.add_argument("--linear", action="store_true", help=straight)
    options.add_drawing_options(parser, [0.1], pages=True)
    options.add_input_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    count = len(arguments.drawings)
    if not 2 <= count <= 4:
        raise SketchRNNError(
            f"an interpolation is between two drawings, or three or four for a grid; got {count}"
        )
    task = Task(arguments, ladder=count == 2)
    if count > 2:
        task.check_grid()
    n = arguments.n if arguments.n is not None else STEPS if count == 2 else SIDE
    if n < 2:
        raise SketchRNNError(f"-n must be at least 2, for both ends are counted; got {n}")
    from sketchrnn.drawing.inputs import back_along  # after what needs no PyTorch
    from sketchrnn.drawing.sheets import interpolation_sheet, temperature_labels

    model, inputs = task.load("interpolation")
    if count > 2:
        return task.grid(model, inputs, n)
    first, last = inputs
    between = first.sketch, last.sketch, n
    with task.drawing(model, n):
        rows = [
            back_along(inputs, model.interpolate(*between, spherical=not arguments.linear, **way))
            for way in task.ways
        ]
    labels, columns = temperature_labels(task.temperatures), task.columns(n + 2)
    sheet = interpolation_sheet(first.given.sketch, last.given.sketch, rows, labels, columns)
    return task.write(sheet, rows, inputs)
