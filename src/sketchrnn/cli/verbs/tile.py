"""`sketchrnn tile`: a seamless pattern of many similar drawings."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from sketchrnn.cli.options import (
    DRAWING_HELP,
    MODEL_HELP,
    add_drawing_options,
    add_input_options,
    load_model,
    named,
    one_temperature,
)
from sketchrnn.cli.output import (
    STANDARD_OUTPUT,
    check_output,
    each_ending,
    say_notes,
    say_written,
    write_each,
)
from sketchrnn.errors import SketchRNNError

if TYPE_CHECKING:
    from sketchrnn.drawing.inputs import Input


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "tile",
        help="draw a seamless pattern",
        usage="%(prog)s MODEL [DRAWING] [options]",
        description="Draw a seamless tile, for cloth or wallpaper, of many unique drawings: like"
        " the given one, or new ones without it. Tiles side by side show no edge.",
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("drawing", nargs="?", metavar="DRAWING", help=DRAWING_HELP)

    def number(flag: str, default: float | None, metavar: str, text: str) -> None:
        kind = int if isinstance(default, int) else float
        parser.add_argument(flag, type=kind, default=default, metavar=metavar, help=text)

    number("--columns", 6, "N", "drawings side by side (default 6); a tile has at most 400")
    number("--rows", 6, "N", "rows; even on bricks (default 6)")
    number(
        "--spread", None, "X", "how far z strays from the given drawing's mu, in sigmas (default 1)"
    )
    parser.add_argument(
        "--lattice",
        choices=("brick", "square"),
        default="brick",
        help="brick: every second row moved by half a column (default); or square",
    )
    number("--jitter", 0.6, "X", "how far a drawing may stand off its place, 0 to 1 (default 0.6)")
    number("--rotation", 14.0, "DEGREES", "the largest turn to either side (default 14)")
    number(
        "--gap",
        0.14,
        "X",
        "white space between drawings, as a part of their distance (default 0.14)",
    )
    parser.add_argument(
        "--color", nargs="+", metavar="CSS", help="of the lines, one or several (default black)"
    )
    parser.add_argument("--background", metavar="CSS", help='a colour, or "none" (default white)')
    number("--size", 1200.0, "PX", "width (default 1200)")
    parser.add_argument(
        "--repeat",
        type=int,
        nargs=2,
        default=[1, 1],
        metavar=("ACROSS", "DOWN"),
        help="write so many tiles side by side, to see the pattern: at most 10 each way (default 1"
        " 1)",
    )
    add_drawing_options(parser, [0.4], ladder=False, output="tile.svg")
    add_input_options(parser, sample=False)


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    import sys

    from sketchrnn.drawing.blend import check_spread
    from sketchrnn.drawing.inputs import read_inputs
    from sketchrnn.figures.colors import INK, PAPER
    from sketchrnn.figures.tile import Tile, check_pattern
    from sketchrnn.seeds import choose_seed

    check_output(arguments.output, arguments.each, (".svg", ".png", ".pdf", ".json"))
    temperature, seed = one_temperature(arguments), choose_seed(arguments.seed)
    columns, rows, (across, down) = arguments.columns, arguments.rows, arguments.repeat
    numbers = {name: getattr(arguments, name) for name in ("jitter", "rotation", "gap")}
    flags = {"side_px": "--size", **{name: f"--{name}" for name in numbers}}
    numbers["side_px"] = arguments.size
    check_pattern(columns, rows, arguments.lattice, (across, down), flags, **numbers)
    spread = named("--spread", check_spread, 1.0 if arguments.spread is None else arguments.spread)
    if arguments.drawing is None and arguments.spread is not None:
        raise SketchRNNError("there is no DRAWING to stray from: leave out --spread")
    if arguments.drawing is None and arguments.as_is:
        raise SketchRNNError("there is no DRAWING to take as it is: leave out --as-is")
    model = load_model(arguments)
    inputs: list[Input] = []
    if arguments.drawing is None:
        drawn = model.generate(columns * rows, temperature=temperature, seed=seed)
    else:
        model.need_encoder("drawing many like one")
        inputs = read_inputs(model, [arguments.drawing], as_is=arguments.as_is)
        given = inputs[0].sketch
        drawn = model.vary(given, columns * rows, spread=spread, temperature=temperature, seed=seed)
    tile = Tile(
        drawn,
        columns,
        rows,
        lattice=arguments.lattice,
        color=arguments.color or INK,
        background={None: PAPER, "none": None}.get(arguments.background, arguments.background),
        seed=seed,
        **numbers,
    )
    if arguments.output == STANDARD_OUTPUT:
        sys.stdout.write(tile.to_svg((across, down)))
    else:
        tile.save(arguments.output, (across, down))
    say_notes(inputs)
    if arguments.each is not None:
        write_each(arguments.each, drawn, each_ending(arguments))
    say_written(arguments.output, seed)
    return 0
