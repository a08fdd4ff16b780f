"""`sketchrnn export`: a trained model in the formats of other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from sketchrnn.cli.options import MODEL_HELP


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb and what can be exported to."""
    parser = subparsers.add_parser(
        "export",
        help="write a model in the format of another program",
        description="Write a trained model in the format of another program.",
    )
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    magenta = kinds.add_parser(
        "magenta",
        help="the JSON format of the JavaScript library by sketch-rnn's authors",
        usage="%(prog)s RUN -o FILE.json [options]",
        description="Write a model as the JSON that the JavaScript library of sketch-rnn's authors"
        " reads: weights of 16 bits up to 10. It holds LSTM cells only (train with --encoder-cell"
        " lstm --decoder-cell lstm).",
    )
    _add_common(magenta, "FILE.json", "the file")
    magenta.add_argument("--name", help="what it draws (default: the run's classes)")
    magenta.add_argument(
        "--clip",
        action="store_true",
        help="move weights beyond the format's 10 there, which changes the model, instead of"
        " refusing",
    )
    onnx = kinds.add_parser(
        "onnx",
        help="ONNX: the encoder, and one step of the decoder",
        usage="%(prog)s RUN -o FOLDER [options]",
        description="Write a model as ONNX files: the encoder, and one step of the decoder.",
    )
    _add_common(onnx, "FOLDER", "the folder of the files")


def _add_common(parser: argparse.ArgumentParser, metavar: str, output: str) -> None:
    parser.add_argument("model", metavar="RUN", help=MODEL_HELP)
    parser.add_argument(
        "-o", "--output", metavar=metavar, type=Path, required=True, help=f"{output} to write"
    )
    parser.add_argument(
        "--which", choices=("best", "last"), default="best", help="which weights (default best)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Load and write."""
    from sketchrnn.api import load

    model = load(arguments.model, which=arguments.which)
    if arguments.kind == "magenta":
        from sketchrnn.share.magenta import export_published

        output = arguments.output
        clipped = export_published(model, output, name=arguments.name, clip=arguments.clip)
        if clipped:
            print(f"moved to the format's bound of 10: {clipped}")
        written = [output]
    else:
        from sketchrnn.share.onnx_export import export_onnx

        written = export_onnx(model, arguments.output)
    for path in written:
        print(f"wrote {path}")
    return 0
