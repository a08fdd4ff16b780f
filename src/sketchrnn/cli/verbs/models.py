"""`sketchrnn models`: the models that come with the package."""

from __future__ import annotations

import argparse

from sketchrnn.cli.options import OUTPUT_HELP, add_columns, use_one_thread
from sketchrnn.cli.output import STANDARD_OUTPUT, Output
from sketchrnn.cli.written import add_output
from sketchrnn.words import show_text

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
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="print this model's card")
    variety = "0: the most likely; 1: the full variety (default 0.2)"
    add("--temperature", type=float, default=0.2, metavar="TAU", help=variety)
    add("--seed", type=int, default=5, help="of the drawings (default 5)")
    written = f"the sheet, {OUTPUT_HELP}; - for SVG on standard output (default models.svg)"
    add_output(parser, written, default="models.svg")
    add_columns(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print, and draw the sheet."""
    use_one_thread()
    from sketchrnn.share.starters import starter, starters

    if arguments.name is not None:
        show_text(starter(arguments.name).card)
        return 0
    from sketchrnn.data.tables import text_table
    from sketchrnn.drawing.base import check_temperature
    from sketchrnn.drawing.live import load_live
    from sketchrnn.drawing.sheets import labelled_sheet
    from sketchrnn.seeds import choose_seed

    output = Output(arguments)
    temperature, seed = check_temperature(arguments.temperature), choose_seed(arguments.seed)
    every = starters()
    drawn = [
        load_live(one.name).generate(SHOWN, temperature=temperature, seed=seed) for one in every
    ]
    if output.path != STANDARD_OUTPUT:
        rows = [
            [
                one.name,
                one.about["draws"],
                f"{one.about['z_size']} numbers" if one.about["conditional"] else "none",
                one.about["counts"]["train"],
                f"{one.about['test']['L_R']['mean']:.2f}",
                f"{one.size_bytes / 1e6:.1f}",
            ]
            for one in every
        ]
        header = ["name", "draws", "z", "training drawings", "test L_R", "MB"]
        show_text(text_table(header, rows))
    names = [one.name for one in every]
    output.write_sheet(labelled_sheet(names, drawn, columns=arguments.columns), seed)
    return 0
