"""`sketchrnn reconstruct`: inputs beside how the model redraws them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from sketchrnn.cli.options import (
    add_drawing_options,
    add_input_options,
    add_model_and_drawings,
    check_whole_data,
)
from sketchrnn.cli.task import Task

if TYPE_CHECKING:
    from sketchrnn.api import Model
    from sketchrnn.drawing.inputs import Input

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
    add_model_and_drawings(parser, more="; DATA alone: -n drawings of its --split")
    parser.add_argument("--split", help=f"of DATA: train, valid or test (default {SPLIT})")
    parser.add_argument("-n", type=int, metavar="N", help=f"how many of DATA (default {COUNT})")
    parser.add_argument(
        "--index",
        type=int,
        nargs="+",
        metavar="I",
        help="which drawings of the split (default: -n of them, chosen by the seed)",
    )
    add_drawing_options(parser, [0.01, 0.2, 0.4, 0.6, 0.8, 1.0], ladder=False, pages=True)
    add_input_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Reconstruct and write."""
    from sketchrnn.data.places import is_data
    from sketchrnn.drawing.sheets import beside_inputs

    task = Task(arguments)
    data = [spec for spec in arguments.drawings if is_data(spec)]
    options = {"--split": arguments.split, "-n": arguments.n, "--index": arguments.index}
    check_whole_data(options, named=bool(data))
    drawings = [spec for spec in arguments.drawings if spec not in data]
    model, inputs = task.load("reconstruct", drawings)
    if data:
        inputs += _chosen(arguments, model, data, task.seed)
    sketches = [one.sketch for one in inputs]
    columns = [
        [one.back(new) for one, new in zip(inputs, model.reconstruct(sketches, **way), strict=True)]
        for way in task.ways
    ]
    sheet = beside_inputs([one.given.sketch for one in inputs], columns, task.temperatures)
    return task.write(sheet, zip(*columns, strict=True), inputs)


def _chosen(arguments: argparse.Namespace, model: Model, data: list[str], seed: int) -> list[Input]:
    """The drawings that are chosen from whole data files."""
    from sketchrnn.data.formats.records import Given
    from sketchrnn.data.sources import read_sources
    from sketchrnn.drawing.inputs import Input

    split = SPLIT if arguments.split is None else arguments.split
    n = COUNT if arguments.n is None else arguments.n
    chosen = read_sources(data).choose(split, n, model.N_max, seed, arguments.index)
    name = " ".join(data)
    return [Input(Given(sketch, name, outside=False), sketch) for sketch in chosen]
