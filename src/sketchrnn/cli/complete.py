"""`sketchrnn complete`: ways to finish an unfinished drawing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from sketchrnn.cli.options import (
    DRAWING_HELP,
    MODEL_HELP,
    add_drawing_options,
    add_input_options,
    check_temperatures,
    load_model,
    named,
)
from sketchrnn.cli.output import check_drawings, write_drawings
from sketchrnn.errors import SketchRNNError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from sketchrnn.cli.inputs import Input
    from sketchrnn.data.formats.records import Given
    from sketchrnn.drawing.complete import Completion, PenChoice
    from sketchrnn.drawing.model import Model


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
    parser.add_argument("model", metavar="MODEL", help=f"{MODEL_HELP}; decoder-only ones, too")
    parser.add_argument("drawings", nargs="+", metavar="DRAWING", help=DRAWING_HELP)
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
    from sketchrnn.cli.inputs import read_given
    from sketchrnn.drawing.base import check_count
    from sketchrnn.drawing.complete import check_share
    from sketchrnn.drawing.sheets import completion_sheet, temperature_labels
    from sketchrnn.seeds import choose_seed

    check_drawings(arguments)
    temperatures, seed = check_temperatures(arguments), choose_seed(arguments.seed)
    n = check_count(arguments.n)
    if arguments.of_size is not None:
        named("--of-size", check_share, arguments.of_size)
    model = load_model(arguments)
    if arguments.z is not None or arguments.sample_z:
        model.need_encoder("--z" if arguments.z is not None else "--sample-z")
    if arguments.z == "prior" and arguments.sample_z:
        raise SketchRNNError("--z prior does not look at the part: leave out --sample-z")
    givens = read_given(model, arguments.drawings)
    parts = [_part(model, given, arguments) for given in givens]
    labels = temperature_labels(temperatures) or [""]
    rows = []
    for part, pen in parts:
        for label, temperature in zip(labels, temperatures, strict=True):
            completions = _completions(model, part, pen, n, temperature, seed, arguments)
            rows.append((label, part.given.sketch, completions))
    every = (one.sketch for _, _, completions in rows for one in completions)
    inputs = [part for part, _ in parts]
    write_drawings(arguments, completion_sheet(rows), every, inputs=inputs, seed=seed)
    return 0


def _part(model: Model, given: Given, arguments: argparse.Namespace) -> tuple[Input, PenChoice]:
    """The part that is asked for, made fit for the model, and what the pen does at its end."""
    from sketchrnn.cli.inputs import Input, first_part
    from sketchrnn.drawing.complete import fit_part

    try:
        part = first_part(given, strokes=arguments.strokes, points=arguments.points)
        pen = arguments.pen or part.pen or "auto"
        if arguments.as_is or not part.outside:
            if arguments.of_size is not None:
                raise SketchRNNError("its size is known, it is not scaled: leave out --of-size")
            return Input(part, part.sketch), pen
        fitted = fit_part(model, part.sketch, share=arguments.of_size)
    except SketchRNNError as error:
        raise SketchRNNError(f"{given.name}: {error}") from None
    return Input(part, fitted.sketch, fitted), pen


def _completions(
    model: Model,
    part: Input,
    pen: PenChoice,
    n: int,
    temperature: float,
    seed: int,
    arguments: argparse.Namespace,
) -> list[Completion]:
    z: npt.NDArray[np.float32] | str | None = "part" if arguments.z == "part" else None
    try:
        if arguments.sample_z:
            z = model.encode([part.sketch] * n, sample=True, seed=seed)
        drawn = model.complete(part.sketch, n, temperature=temperature, z=z, pen=pen, seed=seed)
    except SketchRNNError as error:
        raise SketchRNNError(f"{part.given.name}: {error}") from None
    if part.fitted is None:
        return list(drawn)
    return [one.placed(part.given.sketch, part.fitted) for one in drawn]
