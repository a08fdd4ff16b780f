"""`sketchrnn interpolate`: drawings between two, three or four."""

from __future__ import annotations

import argparse

from sketchrnn.cli.options import (
    DRAWING_HELP,
    MODEL_HELP,
    add_drawing_options,
    add_input_options,
    check_temperatures,
    load_model,
    one_temperature,
)
from sketchrnn.cli.output import check_drawings, write_drawings
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
    parser.add_argument("model", metavar="MODEL", help=f"{MODEL_HELP}; a conditional one")
    parser.add_argument("drawings", nargs="+", metavar="DRAWING", help=DRAWING_HELP)
    parser.add_argument(
        "-n",
        type=int,
        metavar="N",
        help=f"drawings on the way, ends included (default {STEPS}), or on each side of the grid"
        f" (default {SIDE})",
    )
    parser.add_argument(
        "--linear", action="store_true", help="along straight lines, not on the sphere"
    )
    add_drawing_options(parser, [0.1], pages=True)
    add_input_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    from sketchrnn.cli.grids import write_grid
    from sketchrnn.cli.inputs import mixed, read_inputs
    from sketchrnn.drawing.sheets import interpolation_sheet
    from sketchrnn.seeds import choose_seed

    count = len(arguments.drawings)
    if not 2 <= count <= 4:
        raise SketchRNNError(
            f"an interpolation is between two drawings, or three or four for a grid; got {count}"
        )
    check_drawings(arguments)
    seed = choose_seed(arguments.seed)
    if count > 2:
        one_temperature(arguments)
    temperatures = check_temperatures(arguments)
    n = arguments.n if arguments.n is not None else STEPS if count == 2 else SIDE
    if n < 2:
        raise SketchRNNError(f"-n must be at least 2, for both ends are counted; got {n}")
    model = load_model(arguments)
    model.need_encoder("interpolation")
    inputs = read_inputs(model, arguments.drawings, as_is=arguments.as_is)
    if count > 2:
        return write_grid(arguments, model, inputs, n, temperatures[0], seed)
    first, last = inputs
    rows = []
    for temperature in temperatures:
        drawn = model.interpolate(
            first.sketch,
            last.sketch,
            n,
            spherical=not arguments.linear,
            temperature=temperature,
            sample=arguments.sample_z,
            seed=seed,
        )
        shares = [number / (n - 1) for number in range(n)]
        rows.append(
            [
                mixed(inputs, (1 - share, share), sketch)
                for share, sketch in zip(shares, drawn, strict=True)
            ]
        )
    sheet = interpolation_sheet(first.given.sketch, last.given.sketch, rows, temperatures)
    every = (new for row in rows for new in row)
    write_drawings(arguments, sheet, every, inputs=inputs, seed=seed)
    return 0
