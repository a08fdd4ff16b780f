"""`sketchrnn bench`: how fast it is here, beside the plain loop and the machine's limits."""

from __future__ import annotations

import argparse
import json

from sketchrnn.bench.settings import BenchSettings
from sketchrnn.cli.flags import add_fields, given_fields
from sketchrnn.model.config import CELL_NAMES
from sketchrnn.words import show_text


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "bench",
        help="measure the speed of training and drawing",
        usage="%(prog)s {train,draw,all} [options]",
        description="Measure training steps and drawing with every backend that there is on this"
        " machine, in turn, beside the plain loop, torch.nn.LSTM and the floor: the time of the"
        " products that are needed at the measured rate of a product, and of the bytes at that of a"
        " copy. Nothing else should run.",
        argument_default=argparse.SUPPRESS,  # a flag that is not given sets nothing
    )
    add = parser.add_argument
    add("what", choices=("train", "draw", "all"), help="what to measure")
    add("--json", action="store_true", default=False, help="print JSON, with all parts")
    add(
        "--cell",
        dest="cells",
        nargs="+",
        choices=CELL_NAMES,
        help="the decoder's (default: all in training, lstm in drawing); the encoder's is the same,"
        " beside hyper and at the paper's size an lstm",
    )
    add(
        "--backend",
        dest="backends",
        nargs="+",
        metavar="BACKEND",
        help="of training steps: plain, native, ... (default: all that there are)",
    )
    add("--no-memory", dest="memory", action="store_false", help="leave out the peak memory")
    add_fields(parser, BenchSettings, skip=("cells", "backends", "memory"))


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    # before PyTorch is loaded, so that a wrong flag fails at once
    settings = BenchSettings(**given_fields(arguments, BenchSettings))
    from sketchrnn.bench.printing import to_text
    from sketchrnn.bench.run import bench

    result = bench(arguments.what, settings)
    show_text(json.dumps(result, indent=2) + "\n" if arguments.json else to_text(result))
    return 0
