"""`sketchrnn tidy`: a crude drawing made more coherent."""

from __future__ import annotations

import argparse

from sketchrnn.cli import options
from sketchrnn.cli.task import Task

SHOWN = 5


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "tidy",
        help="make crude drawings more coherent",
        usage="%(prog)s MODEL DRAWING... [options]",
        description="Redraw each drawing several times at a low temperature, and order what comes"
        f" out by the model's own likelihood: the best and the next, {SHOWN} in all, are written.",
    )
    options.add_model_and_drawings(parser)
    many = "how many to choose from (default 16)"
    parser.add_argument("-n", type=int, default=16, metavar="N", help=many)
    options.add_drawing_options(parser, [0.1], ladder=False, pages=True)
    options.add_input_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    from dataclasses import replace

    from sketchrnn.drawing.base import SketchList, check_count
    from sketchrnn.drawing.sheets import tidy_sheet

    task = Task(arguments, ladder=False)
    n = check_count(arguments.n)
    model, inputs = task.load("tidying")
    rows = []
    with task.drawing(model, n, groups=len(inputs)):
        for one in inputs:
            tidied = model.tidy(one.sketch, n, **task.ways[0])
            back = SketchList(map(one.back, tidied.drawings), task.seed)
            rows.append((one.given.sketch, replace(tidied, drawings=back)))
    best = [tidied.drawings[:SHOWN] for _, tidied in rows]
    return task.write(tidy_sheet(rows, SHOWN, arguments.columns), best, inputs)
