"""`sketchrnn models`: the models that come with the package."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from sketchrnn import registry
from sketchrnn.cli.options import OUTPUT_HELP
from sketchrnn.cli.output import check_output, write_sheet

if TYPE_CHECKING:
    from sketchrnn.share.starters import Starter

SHOWN = 8


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "models",
        help="list the models that come with the package",
        usage="%(prog)s [NAME] [options]",
        description="List the starter models, which every verb takes by name, and draw some"
        " drawings of each; or print the card of one of them.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="print this model's card")
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.2,
        metavar="TAU",
        help="0: the most likely; 1: the full variety (default 0.2)",
    )
    parser.add_argument("--seed", type=int, default=5, help="of the drawings (default 5)")
    parser.add_argument(
        "-o",
        "--output",
        default="models.svg",
        metavar="FILE",
        help=f"the sheet, {OUTPUT_HELP}; - for SVG on standard output (default models.svg)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print, and draw the sheet."""
    from sketchrnn.data.tables import text_table
    from sketchrnn.drawing.base import check_temperature
    from sketchrnn.drawing.live import load_live
    from sketchrnn.figures.sheet import SketchSheet
    from sketchrnn.seeds import choose_seed
    from sketchrnn.share.starters import starter, starters

    if arguments.name is not None:
        print(starter(arguments.name).card, end="")
        return 0
    check_output(arguments.output, endings=registry.endings(writes="drawing"))
    temperature, seed = check_temperature(arguments.temperature), choose_seed(arguments.seed)
    every = starters()
    rows = [
        load_live(one.name).generate(SHOWN, temperature=temperature, seed=seed) for one in every
    ]
    if arguments.output != "-":
        header = ["name", "draws", "z", "training drawings", "test L_R", "MB"]
        print(text_table(header, [_row(one) for one in every]), end="")
    write_sheet(SketchSheet(rows, row_labels=[one.name for one in every]), arguments.output, seed)
    return 0


def _row(one: Starter) -> list[object]:
    about = one.about
    return [
        one.name,
        about["draws"],
        f"{about['z_size']} numbers" if about["conditional"] else "none",
        about["counts"]["train"],
        f"{about['test']['L_R']['mean']:.2f}",
        f"{one.size_bytes / 1e6:.1f}",
    ]
