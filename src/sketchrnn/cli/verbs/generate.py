"""`sketchrnn generate`: new drawings."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from sketchrnn.cli.options import MODEL_HELP, add_drawing_options, load_model
from sketchrnn.cli.output import STANDARD_OUTPUT
from sketchrnn.cli.task import Task
from sketchrnn.errors import SketchRNNError

if TYPE_CHECKING:
    from sketchrnn.drawing.base import Drawer

DECIMALS = 3  # of streamed coordinates: drawings are some hundred units large


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "generate",
        help="draw new drawings",
        usage="%(prog)s MODEL [options]",
        description="Draw new drawings: a conditional model takes each z from the prior. With"
        " several temperatures each has its own rows.",
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument(
        "-n", type=int, default=25, metavar="N", help="drawings a temperature (default 25)"
    )
    parser.add_argument(
        "--stream",
        action="store_true",
        help="write each point to standard output as it is drawn, one JSON object a line: drawing,"
        ' x, y, and pen: "down" or "up" after the point, or "end" of the drawing',
    )
    add_drawing_options(parser, [0.5], pages=True)
    # None: not given, which --stream has to know
    parser.set_defaults(output=None, usual_output=parser.get_default("output"))


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    # Before NumPy is loaded: one thread of its BLAS draws at nearly the pace of two, which wait for
    # each other at every point, and for whatever else the machine does.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if arguments.stream:
        return _stream(arguments)
    from sketchrnn.drawing.sheets import temperature_sheet

    arguments.output = arguments.output or arguments.usual_output
    task = Task(arguments)
    sheet = temperature_sheet(_load(arguments), arguments.n, task.temperatures, task.seed)
    return task.write(sheet, [filter(None, row) for row in sheet.rows])


def _load(arguments: argparse.Namespace) -> Drawer:
    """The model: the live one, which waits for no PyTorch, if it is done before that is loaded."""
    if arguments.device == "cpu":
        from sketchrnn.drawing.live import load_live

        live = load_live(arguments.model, which=arguments.which)
        if live.draws_quickly(arguments.n * len(arguments.temperature)):
            return live
    return load_model(arguments)


def _stream(arguments: argparse.Namespace) -> int:
    from sketchrnn.drawing.base import check_count, check_temperature
    from sketchrnn.drawing.live import load_live
    from sketchrnn.seeds import choose_seed

    if arguments.output not in (None, STANDARD_OUTPUT):
        raise SketchRNNError(
            f"--stream writes to standard output: leave out -o {arguments.output}, and redirect it"
        )
    if arguments.each is not None:
        raise SketchRNNError("--stream writes to standard output: leave out --each")
    if arguments.page is not None or arguments.seconds is not None:
        raise SketchRNNError(
            "--stream writes points, not a picture: leave out --page and --seconds"
        )
    if arguments.device not in ("cpu", "auto"):
        raise SketchRNNError(f"--stream draws on the CPU: leave out --device {arguments.device}")
    if len(arguments.temperature) > 1:
        raise SketchRNNError(f"--stream takes one --temperature, got {len(arguments.temperature)}")
    temperature = check_temperature(arguments.temperature[0])
    n, seed = check_count(arguments.n), choose_seed(arguments.seed)
    model = load_live(arguments.model, which=arguments.which)
    print(f"seed {seed}", file=sys.stderr)
    for number in range(n):
        for x, y, pen in model.stream(temperature=temperature, seed=seed, number=number):
            place = {"x": round(x, DECIMALS), "y": round(y, DECIMALS)}
            print(json.dumps({"drawing": number, **place, "pen": pen}), flush=True)
    return 0
