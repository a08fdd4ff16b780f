"""`sketchrnn generate`: new drawings."""

from __future__ import annotations

import argparse

from sketchrnn.cli.output import add_drawing_options, check_output, write_sheet


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "generate",
        help="draw new drawings",
        usage="%(prog)s RUN [options]",
        description="Draw new drawings: a conditional model takes each z from the prior. With"
        " several temperatures each has its own rows.",
    )
    parser.add_argument("model", metavar="RUN", help="run folder")
    parser.add_argument(
        "-n", type=int, default=25, metavar="N", help="drawings a temperature (default 25)"
    )
    add_drawing_options(parser, [0.5])


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    from sketchrnn.devices import choose_device
    from sketchrnn.drawing.model import load
    from sketchrnn.drawing.seeds import choose_seed
    from sketchrnn.drawing.sheets import temperature_sheet

    check_output(arguments.output)
    seed = choose_seed(arguments.seed)
    device = str(choose_device(arguments.device))
    model = load(arguments.model, device=device, which=arguments.which)
    sheet = temperature_sheet(model, arguments.n, arguments.temperature, seed)
    write_sheet(sheet, arguments.output, seed)
    return 0
