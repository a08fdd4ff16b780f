"""`sketchrnn likelihood`: how typical drawings are, and which strokes surprise the model."""

from __future__ import annotations

import argparse

from sketchrnn.cli import options
from sketchrnn.cli.output import STANDARD_OUTPUT, Output, say_notes
from sketchrnn.words import show_text


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "likelihood",
        help="measure how typical drawings are, stroke by stroke",
        usage="%(prog)s MODEL DRAWING... [options]",
        description="Print how likely the model finds each drawing: -log p in nats, all of it and"
        " a point, KL of q(z | S) included, and the mean of each stroke. They are densities over"
        " offsets in the training drawings' units, so they may be negative: less is more typical."
        " The sheet shows each stroke in the colour of its surprise, from grey to red. z is mu and"
        " nothing is drawn by chance, so there is neither a temperature nor a seed.",
    )
    options.add_model_and_drawings(parser, "")
    options.add_drawing_options(parser, None, each=False, pages=True)
    options.add_input_options(parser, sample=False)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print and draw."""
    from sketchrnn.data.tables import text_table
    from sketchrnn.drawing.inputs import read_inputs
    from sketchrnn.drawing.sheets import likelihood_sheet

    output = Output(arguments)
    model = options.load_model(arguments)
    inputs = read_inputs(model, arguments.drawings, as_is=arguments.as_is)
    found = model.likelihood([one.sketch for one in inputs])
    say_notes(inputs)
    if output.path != STANDARD_OUTPUT:
        header = ["drawing", "points", "nats", "nats a point", "KL", "end"]
        rows = [
            [
                given.given.name,
                len(one.point_nats),
                f"{one.nats:.2f}",
                f"{one.nats_per_point:.3f}",
                "-" if one.KL_nats is None else f"{one.KL_nats:.2f}",
                f"{one.end_nats:.2f}",
                " ".join(f"{nats:.2f}" for nats in one.stroke_nats),
            ]
            for given, one in zip(inputs, found, strict=True)
        ]
        show_text(text_table([*header, "strokes, nats a point"], rows))
    sketches = [one.given.sketch for one in inputs]
    output.write_sheet(likelihood_sheet(sketches, found, output.columns(len(sketches))))
    return 0
