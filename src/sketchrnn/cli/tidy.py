"""`sketchrnn tidy`: a crude drawing made more coherent."""

from __future__ import annotations

import argparse

from sketchrnn.cli.options import (
    DRAWING_HELP,
    MODEL_HELP,
    add_drawing_options,
    add_input_options,
    load_model,
    one_temperature,
)
from sketchrnn.cli.output import check_drawings, write_drawings

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
    parser.add_argument("model", metavar="MODEL", help=f"{MODEL_HELP}; a conditional one")
    parser.add_argument("drawings", nargs="+", metavar="DRAWING", help=DRAWING_HELP)
    parser.add_argument(
        "-n", type=int, default=16, metavar="N", help="how many to choose from (default 16)"
    )
    add_drawing_options(parser, [0.1], ladder=False, pages=True)
    add_input_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    from dataclasses import replace

    from sketchrnn.cli.inputs import read_inputs
    from sketchrnn.drawing.base import SketchList, check_count
    from sketchrnn.drawing.sheets import tidy_sheet
    from sketchrnn.seeds import choose_seed

    check_drawings(arguments)
    temperature, seed = one_temperature(arguments), choose_seed(arguments.seed)
    n = check_count(arguments.n)
    model = load_model(arguments)
    model.need_encoder("tidying")
    inputs = read_inputs(model, arguments.drawings, as_is=arguments.as_is)
    rows = []
    for one in inputs:
        tidied = model.tidy(
            one.sketch, n, temperature=temperature, sample=arguments.sample_z, seed=seed
        )
        back = SketchList((one.back(sketch) for sketch in tidied.drawings), seed)
        rows.append((one.given.sketch, replace(tidied, drawings=back)))
    every = (sketch for _, tidied in rows for sketch in tidied.drawings[:SHOWN])
    write_drawings(arguments, tidy_sheet(rows, SHOWN), every, inputs=inputs, seed=seed)
    return 0
