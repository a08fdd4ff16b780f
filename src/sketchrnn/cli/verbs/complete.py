"""`sketchrnn complete`: ways to finish an unfinished drawing."""

from __future__ import annotations

import argparse
from typing import Any

from sketchrnn.cli import options
from sketchrnn.cli.task import Task
from sketchrnn.errors import SketchRNNError, naming


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
    options.add_model_and_drawings(parser, "; decoder-only ones, too")
    each = "endings of each, a temperature (default 10)"
    parser.add_argument("-n", type=int, default=10, metavar="N", help=each)
    part = parser.add_mutually_exclusive_group()
    for kind in ("strokes", "points"):
        first = f"take only the first K {kind} of the drawing"
        part.add_argument(f"--{kind}", type=int, metavar="K", help=first)
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
    options.add_prior(parser)
    options.add_drawing_options(parser, [0.4], pages=True)
    options.add_input_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Complete and write."""
    task = Task(arguments)
    from sketchrnn.data.places import first_part
    from sketchrnn.drawing.base import check_count
    from sketchrnn.drawing.complete import check_share  # after what needs no PyTorch
    from sketchrnn.drawing.inputs import fitted_part, read_given
    from sketchrnn.drawing.sheets import completion_sheet, temperature_labels

    n, seed, z = check_count(arguments.n), task.seed, arguments.z
    if arguments.of_size is not None:
        options.named("--of-size", check_share, arguments.of_size)
    model = options.load_model(arguments)
    if z is not None or arguments.sample_z:
        model.need_encoder("--sample-z" if z is None else "--z")
    if z == "prior" and arguments.sample_z:
        raise SketchRNNError("--z prior does not look at the part: leave out --sample-z")
    parts = []
    for given in read_given(model, arguments.drawings):
        part = first_part(given, strokes=arguments.strokes, points=arguments.points)
        parts.append(fitted_part(model, part, as_is=arguments.as_is, share=arguments.of_size))
    labels = temperature_labels(task.temperatures) or [""]
    rows = []
    with task.drawing(model, n, groups=len(parts)):
        for one in parts:
            settings: dict[str, Any] = {
                "pen": arguments.pen or one.given.pen or "auto",
                "z": "part" if z == "part" else None,
                "seed": seed,
            }
            with naming(one.given.name):
                if arguments.sample_z:
                    settings["z"] = model.encode([one.sketch] * n, sample=True, seed=seed)
                for label, temperature in zip(labels, task.temperatures, strict=True):
                    drawn = list(model.complete(one.sketch, n, temperature=temperature, **settings))
                    if one.fitted is not None:
                        drawn = [each.placed(one.given.sketch, one.fitted) for each in drawn]
                    rows.append((label, one.given.sketch, drawn))
    every = ([each.sketch for each in drawn] for _, _, drawn in rows)
    columns = task.columns(n, before=1, groups=len(parts))
    return task.write(completion_sheet(rows, columns=columns), every, parts)
