"""`sketchrnn reconstruct`: inputs beside how the model redraws them."""

from __future__ import annotations

import argparse

from sketchrnn.cli import options
from sketchrnn.cli.task import Task

SPLIT, COUNT = "test", 6


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "reconstruct",
        help="redraw drawings",
        usage="%(prog)s MODEL (DRAWING | DATA)... [options]",
        description="Encode drawings (z = mu) and draw them again, inputs on the left. They may be"
        " of another class than the model learned: it redraws them as its own.",
    )
    options.add_model_and_drawings(parser, more="; DATA alone: -n drawings of its --split")
    add = parser.add_argument
    add("--split", help=f"of DATA: train, valid or test (default {SPLIT})")
    add("-n", type=int, metavar="N", help=f"how many of DATA (default {COUNT})")
    which = "which drawings of the split (default: -n of them, chosen by the seed)"
    add("--index", type=int, nargs="+", metavar="I", help=which)
    temperatures = [0.01, 0.2, 0.4, 0.6, 0.8, 1.0]
    options.add_drawing_options(parser, temperatures, ladder=False, pages=True)
    options.add_input_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Reconstruct and write."""
    task = Task(arguments)
    from sketchrnn.data.formats.records import Given
    from sketchrnn.data.places import is_data
    from sketchrnn.data.sources import read_sources
    from sketchrnn.drawing.inputs import Input  # after what needs no PyTorch
    from sketchrnn.drawing.sheets import beside_inputs

    split, n, index = arguments.split, arguments.n, arguments.index
    data = [spec for spec in arguments.drawings if is_data(spec)]
    if not data:
        options.check_whole_data({"--split": split, "-n": n, "--index": index})
    drawings = [spec for spec in arguments.drawings if spec not in data]
    model, inputs = task.load("reconstruct", drawings)
    if data:
        split, n = SPLIT if split is None else split, COUNT if n is None else n
        chosen = read_sources(data).choose(split, n, model.N_max, task.seed, index)
        name = " ".join(data)
        inputs += [Input(Given(sketch, name, outside=False), sketch) for sketch in chosen]
    sketches = [one.sketch for one in inputs]
    with task.drawing(model, len(sketches)):
        found = [model.reconstruct(sketches, **way) for way in task.ways]
    drawn = [[one.back(new) for one, new in zip(inputs, row, strict=True)] for row in found]
    given = [one.given.sketch for one in inputs]
    sheet = beside_inputs(given, drawn, task.temperatures, columns=arguments.columns)
    return task.write(sheet, zip(*drawn, strict=True), inputs)
