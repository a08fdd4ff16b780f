"""`sketchrnn vary`: many drawings like one."""

from __future__ import annotations

import argparse

from sketchrnn.cli.options import (
    DRAWING_HELP,
    MODEL_HELP,
    add_drawing_options,
    add_input_options,
    check_temperatures,
    load_model,
    named,
    one_temperature,
)
from sketchrnn.cli.output import check_drawings, write_drawings
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
    parser.add_argument("model", metavar="MODEL", help=f"{MODEL_HELP}; a conditional one")
    parser.add_argument("drawings", nargs="+", metavar="DRAWING", help=DRAWING_HELP)
    parser.add_argument(
        "-n",
        type=int,
        metavar="N",
        help=f"how many (default {COUNT}), or how many on each side of the grid (default {SIDE})",
    )
    parser.add_argument(
        "--spread",
        type=float,
        metavar="X",
        help="how far z strays from mu, in sigmas of q(z | S): 0 is mu for all"
        f" (default {SPREAD:g})",
    )
    parser.add_argument(
        "--linear", action="store_true", help="a grid along straight lines, not on the sphere"
    )
    add_drawing_options(parser, [0.5], pages=True)
    add_input_options(parser, sample=False)


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    from sketchrnn.cli.grids import write_grid
    from sketchrnn.cli.inputs import read_inputs
    from sketchrnn.drawing.base import check_count
    from sketchrnn.drawing.blend import check_spread
    from sketchrnn.drawing.sheets import variation_sheet
    from sketchrnn.seeds import choose_seed

    count = len(arguments.drawings)
    if count not in (1, 3, 4):
        raise SketchRNNError(
            f"vary takes one drawing, or three or four for a grid; got {count}; for the way from"
            " one drawing to another there is interpolate"
        )
    check_drawings(arguments)
    seed = choose_seed(arguments.seed)
    spread = named(
        "--spread", check_spread, SPREAD if arguments.spread is None else arguments.spread
    )
    if count > 1:
        one_temperature(arguments)
        if arguments.spread is not None:
            raise SketchRNNError("a grid lies between its corners: leave out --spread")
    elif arguments.linear:
        raise SketchRNNError("one drawing has no grid: leave out --linear")
    temperatures = check_temperatures(arguments)
    n = check_count(arguments.n if arguments.n is not None else COUNT if count == 1 else SIDE)
    model = load_model(arguments)
    model.need_encoder("variation")
    inputs = read_inputs(model, arguments.drawings, as_is=arguments.as_is)
    if count > 1:
        return write_grid(arguments, model, inputs, n, temperatures[0], seed)
    (given,) = inputs
    rows = []
    for temperature in temperatures:
        drawn = model.vary(given.sketch, n, spread=spread, temperature=temperature, seed=seed)
        rows.append([given.back(sketch) for sketch in drawn])
    sheet = variation_sheet(given.given.sketch, rows, temperatures)
    every = (new for row in rows for new in row)
    write_drawings(arguments, sheet, every, inputs=inputs, seed=seed)
    return 0
