"""`sketchrnn tile`: a seamless pattern of many similar drawings."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from sketchrnn.cli import options, output
from sketchrnn.errors import SketchRNNError

if TYPE_CHECKING:
    from sketchrnn.drawing.inputs import Input

BOUNDED = {"jitter": "--jitter", "rotation": "--rotation", "gap": "--gap", "side_px": "--size"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "tile",
        help="draw a seamless pattern",
        usage="%(prog)s MODEL [DRAWING] [options]",
        description="Draw a seamless tile, for cloth or wallpaper, of many unique drawings: like"
        " the given one, or new ones without it. Tiles side by side show no edge.",
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help=options.MODEL_HELP)
    add("drawing", nargs="?", metavar="DRAWING", help=options.DRAWING_HELP)

    def number(flag: str, default: float | None, metavar: str, text: str) -> None:
        kind = int if isinstance(default, int) else float
        add(flag, type=kind, default=default, metavar=metavar, help=text)

    number("--columns", 6, "N", "drawings side by side (default 6); a tile has at most 400")
    number("--rows", 6, "N", "rows; even on bricks (default 6)")
    stray = "how far z strays from the given drawing's mu, in sigmas (default 1)"
    number("--spread", None, "X", stray)
    brick = "brick: every second row moved by half a column (default); or square"
    add("--lattice", choices=("brick", "square"), default="brick", help=brick)
    number("--jitter", 0.6, "X", "how far a drawing may stand off its place, 0 to 1 (default 0.6)")
    number("--rotation", 14.0, "DEGREES", "the largest turn to either side (default 14)")
    white = "white space between drawings, as a part of their distance (default 0.14)"
    number("--gap", 0.14, "X", white)
    add("--color", nargs="+", metavar="CSS", help="of the lines, one or several (default black)")
    add("--background", metavar="CSS", help='a colour, or "none" (default white)')
    number("--size", 1200.0, "PX", "width (default 1200)")
    add(
        "--repeat",
        type=int,
        nargs=2,
        default=[1, 1],
        metavar=("ACROSS", "DOWN"),
        help="write so many tiles side by side, to see the pattern: at most 10 each way (default 1"
        " 1)",
    )
    options.add_prior(parser)
    options.add_drawing_options(parser, [0.4], ladder=False, output="tile.svg")
    options.add_input_options(parser, sample=False)


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    from sketchrnn.drawing.blend import check_spread
    from sketchrnn.drawing.inputs import read_inputs
    from sketchrnn.figures.colors import INK, PAPER
    from sketchrnn.figures.tile import Tile, check_pattern
    from sketchrnn.seeds import choose_seed

    output.check_output(arguments.output, arguments.each, (".svg", ".png", ".pdf", ".json"))
    output.claim(arguments, arguments.output, arguments.each)
    temperature, seed = options.one_temperature(arguments), choose_seed(arguments.seed)
    columns, rows, (across, down) = arguments.columns, arguments.rows, arguments.repeat
    numbers = {name: getattr(arguments, flag[2:]) for name, flag in BOUNDED.items()}
    check_pattern(columns, rows, arguments.lattice, (across, down), BOUNDED, **numbers)
    spread = 1.0 if arguments.spread is None else arguments.spread
    options.named("--spread", check_spread, spread)
    if arguments.drawing is None and arguments.spread is not None:
        raise SketchRNNError("there is no DRAWING to stray from: leave out --spread")
    if arguments.drawing is None and arguments.as_is:
        raise SketchRNNError("there is no DRAWING to take as it is: leave out --as-is")
    model = options.load_model(arguments)
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
    if arguments.output == output.STANDARD_OUTPUT:
        sys.stdout.write(tile.to_svg((across, down)))
    else:
        tile.save(arguments.output, (across, down))
    output.say_notes(inputs)
    if arguments.each is not None:
        each, ending = arguments.each, output.each_ending(arguments)
        for _ in output.each_written(each, drawn, ending, None, lambda sketch: sketch):
            pass
    output.say_written(arguments.output, seed)
    return 0
