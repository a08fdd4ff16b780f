"""`sketchrnn complete`: ways to finish an unfinished drawing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from sketchrnn.cli.options import (
    add_drawing_options,
    add_input_options,
    add_model_and_drawings,
    load_model,
    named,
)
from sketchrnn.cli.task import Task
from sketchrnn.errors import SketchRNNError, naming

if TYPE_CHECKING:
    from sketchrnn.api import Model
    from sketchrnn.drawing.complete import Completion
    from sketchrnn.drawing.inputs import Input


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "complete",
        help="finish unfinished drawings",
        usage="%(prog)s MODEL DRAWING... [options]",
        description="Go on with an unfinished drawing in several ways: the given part in black, and"
        " the rest in colour, exactly from where it stops. A drawing of a data file is finished;"
        " its first part is taken with --strokes or --points.",
    )
    add_model_and_drawings(parser, "; decoder-only ones, too")
    parser.add_argument(
        "-n", type=int, default=10, metavar="N", help="endings of each, a temperature (default 10)"
    )
    part = parser.add_mutually_exclusive_group()
    part.add_argument(
        "--strokes", type=int, metavar="K", help="take only the first K strokes of the drawing"
    )
    part.add_argument(
        "--points", type=int, metavar="K", help="take only the first K points of the drawing"
    )
    parser.add_argument(
        "--pen",
        choices=("auto", "down", "up"),
        help="at the last given point: down, the stroke goes on; up, a new one begins; auto, the"
        " model decides (default: what is known: up after --strokes, as in the drawing after"
        " --points, as a stream says; else auto)",
    )
    parser.add_argument(
        "--z",
        choices=("prior", "part"),
        help="of a conditional model: each from the prior (default), or mu of the part, which asks"
        " for a drawing like the part alone",
    )
    parser.add_argument(
        "--of-size",
        type=float,
        metavar="SHARE",
        help="how large a part from outside is beside the whole, 1 for as large (default: what the"
        " model finds likeliest)",
    )
    add_drawing_options(parser, [0.4], pages=True)
    add_input_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Complete and write."""
    from sketchrnn.data.places import first_part
    from sketchrnn.drawing.base import check_count
    from sketchrnn.drawing.complete import check_share
    from sketchrnn.drawing.inputs import fitted_part, read_given
    from sketchrnn.drawing.sheets import completion_sheet, temperature_labels

    task = Task(arguments)
    check_count(arguments.n)
    if arguments.of_size is not None:
        named("--of-size", check_share, arguments.of_size)
    model = load_model(arguments)
    if arguments.z is not None or arguments.sample_z:
        model.need_encoder("--z" if arguments.z is not None else "--sample-z")
    if arguments.z == "prior" and arguments.sample_z:
        raise SketchRNNError("--z prior does not look at the part: leave out --sample-z")
    parts = []
    for given in read_given(model, arguments.drawings):
        part = first_part(given, strokes=arguments.strokes, points=arguments.points)
        parts.append(fitted_part(model, part, as_is=arguments.as_is, share=arguments.of_size))
    labels = temperature_labels(task.temperatures) or [""]
    rows = [
        (label, part.given.sketch, _completions(model, part, arguments, temperature, task.seed))
        for part in parts
        for label, temperature in zip(labels, task.temperatures, strict=True)
    ]
    every = ([one.sketch for one in completions] for _, _, completions in rows)
    return task.write(completion_sheet(rows), every, parts)


def _completions(
    model: Model, part: Input, arguments: argparse.Namespace, temperature: float, seed: int
) -> list[Completion]:
    """The ways in which the model goes on with a part, in its own place and size."""
    n, pen = arguments.n, arguments.pen or part.given.pen or "auto"
    with naming(part.given.name):
        z: Any = "part" if arguments.z == "part" else None
        if arguments.sample_z:
            z = model.encode([part.sketch] * n, sample=True, seed=seed)
        drawn = model.complete(part.sketch, n, temperature=temperature, z=z, pen=pen, seed=seed)
    if part.fitted is None:
        return list(drawn)
    return [one.placed(part.given.sketch, part.fitted) for one in drawn]
