"""`sketchrnn reconstruct`: inputs beside how the model redraws them."""

from __future__ import annotations

import argparse

from sketchrnn.cli.output import add_drawing_options, check_output, write_sheet


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "reconstruct",
        help="redraw drawings",
        usage="%(prog)s RUN DATA... [options]",
        description="Encode drawings of a data file (z = mu) and draw them again, inputs on the"
        " left.",
    )
    parser.add_argument("model", metavar="RUN", help="run folder of a conditional model")
    parser.add_argument("data", nargs="+", metavar="DATA", help="data files, or doodles:COUNT:SEED")
    parser.add_argument("--split", default="test", help="train, valid or test (default test)")
    parser.add_argument("-n", type=int, default=6, metavar="N", help="how many (default 6)")
    parser.add_argument(
        "--index",
        type=int,
        nargs="+",
        metavar="I",
        help="which drawings of the split (default: -n of them, chosen by the seed)",
    )
    add_drawing_options(parser, [0.01, 0.2, 0.4, 0.6, 0.8, 1.0])


def run(arguments: argparse.Namespace) -> int:
    """Reconstruct and write."""
    from sketchrnn.data.sources import read_sources
    from sketchrnn.devices import choose_device
    from sketchrnn.drawing.model import load
    from sketchrnn.drawing.seeds import choose_seed
    from sketchrnn.drawing.sheets import choose_inputs, reconstruction_sheet

    check_output(arguments.output)
    seed = choose_seed(arguments.seed)
    device = str(choose_device(arguments.device))
    model = load(arguments.model, device=device, which=arguments.which)
    model.need_encoder("reconstruct")
    dataset = read_sources(arguments.data)
    inputs = choose_inputs(
        dataset, arguments.split, arguments.n, model.N_max, seed, arguments.index
    )
    sheet = reconstruction_sheet(model, inputs, arguments.temperature, seed)
    write_sheet(sheet, arguments.output, seed)
    return 0
