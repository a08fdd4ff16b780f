"""`sketchrnn import`: weights from elsewhere, as a run folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from sketchrnn.cli.written import add_output, claims_of, folder_name
from sketchrnn.words import show


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and what can be imported."""
    parser = subparsers.add_parser(
        "import",
        help="make a run folder of published weights",
        description="Make a run folder of weights that others trained.",
    )
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    magenta = kinds.add_parser(
        "magenta",
        help="the JSON files that sketch-rnn's authors published for their JavaScript demos",
        usage="%(prog)s FILE -o RUN",
        description="Make a run folder of a JSON file of published weights, decoder-only or VAE;"
        " every verb that takes a RUN takes it.",
    )
    add = magenta.add_argument
    add("file", metavar="FILE", type=Path, help="a .json of published weights")
    folder = "the run folder: a new or empty one, or one that an import made"
    add_output(magenta, folder, metavar="RUN", type=folder_name, required=True)
    add(
        "--scale",
        type=float,
        metavar="PX",
        help="of one scaled unit, instead of the file's: for drawings in other units than those"
        " that the model learned from; their standard deviation of offsets, which data inspect"
        " prints as their scale",
    )


def run(arguments: argparse.Namespace) -> int:
    """Read, check and write."""
    from sketchrnn.share.magenta import import_published

    claims_of(arguments).folder(arguments.output)
    file, run, anew = arguments.file, arguments.output, arguments.force
    model = import_published(file, run, scale=arguments.scale, anew=anew)
    kind = "a VAE" if model.conditional else "decoder only"
    size = "its drawings were too long to measure their size"
    if model.facts.size is not None:
        size = f"drawings of about {model.facts.size:.0f} px"
    show(
        f"{model.name}: {kind}, N_max {model.N_max}, {model.config.decoder_size} units,"
        f" scale {model.facts.scale:.4g} px, {size}"
    )
    show(f"wrote {arguments.output}")
    return 0
