"""`sketchrnn reconstruct`: inputs beside how the model redraws them."""

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
)
from sketchrnn.cli.output import check_drawings, write_drawings
from sketchrnn.errors import SketchRNNError

if TYPE_CHECKING:
    from sketchrnn.cli.inputs import Input
    from sketchrnn.drawing.model import Model

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
    parser.add_argument("model", metavar="MODEL", help=f"{MODEL_HELP}; a conditional one")
    parser.add_argument(
        "drawings",
        nargs="+",
        metavar="DRAWING",
        help=f"{DRAWING_HELP}; DATA alone: -n drawings of its --split",
    )
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
    from sketchrnn.drawing.sheets import beside_inputs
    from sketchrnn.seeds import choose_seed

    check_drawings(arguments)
    temperatures, seed = check_temperatures(arguments), choose_seed(arguments.seed)
    _check_data(arguments)
    model = load_model(arguments)
    model.need_encoder("reconstruct")
    inputs = _inputs(model, arguments, seed)
    sketches = [one.sketch for one in inputs]
    columns = []
    for temperature in temperatures:
        drawn = model.reconstruct(
            sketches, temperature=temperature, sample=arguments.sample_z, seed=seed
        )
        columns.append([one.back(new) for one, new in zip(inputs, drawn, strict=True)])
    sheet = beside_inputs([one.given.sketch for one in inputs], columns, temperatures)
    every = (new for row in zip(*columns, strict=True) for new in row)
    write_drawings(arguments, sheet, every, inputs=inputs, seed=seed)
    return 0


def _check_data(arguments: argparse.Namespace) -> None:
    """Raises SketchRNNError for options that choose from a data file, where none is named."""
    from sketchrnn.cli.inputs import is_data

    given = {"--split": arguments.split, "-n": arguments.n, "--index": arguments.index}
    unused = [option for option, value in given.items() if value is not None]
    if unused and not any(map(is_data, arguments.drawings)):
        raise SketchRNNError(
            f"{unused[0]} chooses from a data file, and none is named alone: leave out {unused[0]}"
        )


def _inputs(model: Model, arguments: argparse.Namespace, seed: int) -> list[Input]:
    """The drawings that are named, then those that are chosen from whole data files."""
    from sketchrnn.cli.inputs import Input, is_data, read_inputs
    from sketchrnn.data.formats.drawing import Given
    from sketchrnn.data.sources import read_sources

    data = [spec for spec in arguments.drawings if is_data(spec)]
    named = [spec for spec in arguments.drawings if spec not in data]
    inputs = read_inputs(model, named, as_is=arguments.as_is)
    if data:
        split = SPLIT if arguments.split is None else arguments.split
        n = COUNT if arguments.n is None else arguments.n
        chosen = read_sources(data).choose(split, n, model.N_max, seed, arguments.index)
        name = " ".join(data)
        inputs += [Input(Given(sketch, name, outside=False), sketch) for sketch in chosen]
    return inputs
