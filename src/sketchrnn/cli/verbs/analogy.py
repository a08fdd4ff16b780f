"""`sketchrnn analogy`: C + (B - A), an equation of pictures."""

from __future__ import annotations

import argparse

from sketchrnn.cli import options
from sketchrnn.cli.task import Task


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "analogy",
        help="draw C + (B - A)",
        usage="%(prog)s MODEL A B C [options]",
        description="Draw what is to C as B is to A, from z = C + (B - A): for a cat's head, a"
        " whole cat and a pig's head, a whole pig. It gets the place and size of C.",
    )
    options.add_model_and_drawings(parser, nargs=3)
    same_z = "drawings of the same z (default 1)"
    parser.add_argument("-n", type=int, default=1, metavar="N", help=same_z)
    options.add_drawing_options(parser, [0.1], pages=True)
    options.add_input_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    from sketchrnn.drawing.base import check_count
    from sketchrnn.drawing.sheets import analogy_sheet, temperature_labels

    task = Task(arguments)
    n = check_count(arguments.n)
    model, inputs = task.load("an analogy")
    a, b, c = inputs
    with task.drawing(model, n):
        rows = [
            [c.back(new) for new in model.analogy(a.sketch, b.sketch, c.sketch, n, **way)]
            for way in task.ways
        ]
    terms = a.given.sketch, b.given.sketch, c.given.sketch
    columns = task.columns(n, before=3)
    sheet = analogy_sheet([terms], rows, temperature_labels(task.temperatures), columns)
    return task.write(sheet, rows, inputs)
