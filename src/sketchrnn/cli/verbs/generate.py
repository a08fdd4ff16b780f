"""`sketchrnn generate`: new drawings."""

from __future__ import annotations

import argparse
import json
from itertools import chain
from typing import TYPE_CHECKING

from sketchrnn.cli import options
from sketchrnn.cli.output import STANDARD_OUTPUT, showing
from sketchrnn.cli.task import Task
from sketchrnn.errors import SketchRNNError
from sketchrnn.words import say, show

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
    add = parser.add_argument
    add("model", metavar="MODEL", help=options.MODEL_HELP)
    add("-n", type=int, default=25, metavar="N", help="drawings a temperature (default 25)")
    add(
        "--stream",
        action="store_true",
        help="write each point to standard output as it is drawn, one JSON object a line: drawing,"
        ' x, y, and pen: "down" or "up" after the point, or "end" of the drawing',
    )
    options.add_prior(parser)
    options.add_drawing_options(parser, [0.5], pages=True)
    # None: not given, which --stream has to know
    parser.set_defaults(output=None, usual_output=parser.get_default("output"))


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    options.use_one_thread()
    if arguments.stream:
        return _stream(arguments)
    from sketchrnn.drawing.base import check_count
    from sketchrnn.drawing.live import load_live
    from sketchrnn.drawing.sheets import temperature_sheet

    arguments.output = arguments.output or arguments.usual_output
    task = Task(arguments)
    model: Drawer | None = None
    if arguments.device == "cpu":  # the live model, if it is done before PyTorch is loaded
        live = load_live(arguments.model, which=arguments.which, prior=arguments.prior)
        model = live if live.draws_quickly(arguments.n * len(task.temperatures)) else None
    model = model or options.load_model(arguments)
    n, temperatures, seed = check_count(arguments.n), task.temperatures, task.seed
    if task.output.ending == ".ndjson":
        with showing(model, n * len(temperatures)):
            each = (model.generate_each(n, temperature=tau, seed=seed) for tau in temperatures)
            task.output.write_stream(chain.from_iterable(each), seed)
        return 0
    total, instead = n * len(temperatures), "give a smaller -n, or name it .ndjson: that has no end"
    task.output.check_room(total, model.N_max, instead=instead)
    with showing(model, total):
        sheet = temperature_sheet(model, n, temperatures, seed, columns=task.columns(n))
    return task.write(sheet, [filter(None, row) for row in sheet.rows])


def _stream(arguments: argparse.Namespace) -> int:
    from sketchrnn.drawing.base import check_count
    from sketchrnn.drawing.live import load_live
    from sketchrnn.seeds import choose_seed

    output, device, count = arguments.output, arguments.device, len(arguments.temperature)
    drawn = arguments.page is not None or arguments.seconds is not None
    for wrong, why in (
        (
            output not in (None, STANDARD_OUTPUT),
            f"writes to standard output: leave out -o {output}, and redirect it",
        ),
        (arguments.each is not None, "writes to standard output: leave out --each"),
        (drawn, "writes points, not a picture: leave out --page and --seconds"),
        (device not in ("cpu", "auto"), f"draws on the CPU: leave out --device {device}"),
        (count > 1, f"takes one --temperature, got {count}"),
    ):
        if wrong:
            raise SketchRNNError(f"--stream {why}")
    temperature = options.one_temperature(arguments)
    n, seed = check_count(arguments.n), choose_seed(arguments.seed)
    model = load_live(arguments.model, which=arguments.which, prior=arguments.prior)
    say(f"seed {seed}")
    for number in range(n):
        for x, y, pen in model.stream(temperature=temperature, seed=seed, number=number):
            place = {"x": round(x, DECIMALS), "y": round(y, DECIMALS)}
            show(json.dumps({"drawing": number, **place, "pen": pen}))
    return 0
