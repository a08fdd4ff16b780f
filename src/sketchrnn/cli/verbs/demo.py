"""`sketchrnn demo`: the whole path in a few minutes, and a page of pictures."""

from __future__ import annotations

import argparse

from sketchrnn.cli.written import add_output, claims_of, folder_name
from sketchrnn.words import show


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "demo",
        help="the whole path in a few minutes, with a page of pictures",
        usage="%(prog)s [DATA...] [options]",
        description="Train a small model, draw with it and write a page of pictures.",
    )
    parser.add_argument(
        "data",
        nargs="*",
        metavar="DATA",
        help="data files, or doodles[:COUNT[:SEED[:KIND+KIND]]] (default: doodles, which the"
        " package draws)",
    )
    add_output(parser, "default: demo", type=folder_name, default="demo", metavar="DIR")
    parser.add_argument(
        "--minutes", type=float, default=2.8, metavar="M", help="of training (default 2.8)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of everything (default 1)")


def run(arguments: argparse.Namespace) -> int:
    """Run the demo and say where the page is."""
    # a demo makes its folder anew each time, whatever the data
    claims_of(arguments, by_inputs=False).folder(arguments.output, resumes=True)
    from sketchrnn.demo import demo

    page = demo(
        list(arguments.data), arguments.output, minutes=arguments.minutes, seed=arguments.seed
    )
    show(f"open {page}")
    return 0
