"""`sketchrnn analogy`: C + (B - A), an equation of pictures."""

from __future__ import annotations

import argparse

from sketchrnn.cli.options import (
    DRAWING_HELP,
    MODEL_HELP,
    add_drawing_options,
    add_input_options,
    check_temperatures,
    load_model,
)
from sketchrnn.cli.output import check_drawings, write_drawings


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "analogy",
        help="draw C + (B - A)",
        usage="%(prog)s MODEL A B C [options]",
        description="Draw what is to C as B is to A, from z = C + (B - A): for a cat's head, a"
        " whole cat and a pig's head, a whole pig. It gets the place and size of C.",
    )
    parser.add_argument("model", metavar="MODEL", help=f"{MODEL_HELP}; a conditional one")
    parser.add_argument("drawings", nargs=3, metavar="DRAWING", help=DRAWING_HELP)
    parser.add_argument(
        "-n", type=int, default=1, metavar="N", help="drawings of the same z (default 1)"
    )
    add_drawing_options(parser, [0.1], pages=True)
    add_input_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    from sketchrnn.cli.inputs import read_inputs
    from sketchrnn.drawing.base import check_count
    from sketchrnn.drawing.sheets import analogy_sheet
    from sketchrnn.seeds import choose_seed

    check_drawings(arguments)
    temperatures, seed = check_temperatures(arguments), choose_seed(arguments.seed)
    n = check_count(arguments.n)
    model = load_model(arguments)
    model.need_encoder("an analogy")
    inputs = read_inputs(model, arguments.drawings, as_is=arguments.as_is)
    a, b, c = inputs
    rows = []
    for temperature in temperatures:
        drawn = model.analogy(
            a.sketch,
            b.sketch,
            c.sketch,
            n,
            temperature=temperature,
            sample=arguments.sample_z,
            seed=seed,
        )
        rows.append([c.back(sketch) for sketch in drawn])
    sheet = analogy_sheet(a.given.sketch, b.given.sketch, c.given.sketch, rows, temperatures)
    every = (new for row in rows for new in row)
    write_drawings(arguments, sheet, every, inputs=inputs, seed=seed)
    return 0
