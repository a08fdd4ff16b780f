"""`sketchrnn prior`: fit the prior of a run that has none."""

from __future__ import annotations

import argparse

from sketchrnn.words import say, show


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "prior",
        help="fit what new drawings are drawn from",
        usage="%(prog)s RUN [DATA...] [options]",
        description="Fit a small density, Gaussians for each class, to what the training drawings"
        " encode to, and store it with the weights of a run: generate, complete and tile draw z"
        " from it. Every training ends so; this is for runs that were trained before.",
    )
    add = parser.add_argument
    add("model", metavar="RUN", help="run folder")
    add(
        "data",
        nargs="*",
        metavar="DATA",
        help="the drawings that it learned from, if they are not where they were then",
    )
    add("--device", default="auto", help="auto (default), cpu, cuda, ...")


def run(arguments: argparse.Namespace) -> int:
    """Fit, store, say what was done."""
    from sketchrnn.cli.output import counting
    from sketchrnn.training.session import fit_prior

    with counting("encoding") as progress:
        found = fit_prior(
            arguments.model, arguments.data, device=arguments.device, progress=progress, say=say
        )
    for which, fit in found.items():
        show(f"{which} weights: {fit.said}")
    return 0
