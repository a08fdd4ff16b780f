"""`sketchrnn export`: a trained model in the formats of other programs."""

from __future__ import annotations

import argparse

from sketchrnn.cli.options import MODEL_HELP, add_which
from sketchrnn.cli.written import add_output, claims_of, folder_name
from sketchrnn.words import show


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
    onnx = kinds.add_parser(
        "onnx",
        help="ONNX: the encoder, and one step of the decoder",
        usage="%(prog)s RUN -o FOLDER [options]",
        description="Write a model as ONNX files: the encoder, and one step of the decoder.",
    )
    outputs = (
        (magenta, "FILE.json", "the file to write"),
        (onnx, "FOLDER", "the folder of the files to write"),
    )
    for kind, metavar, written in outputs:
        add = kind.add_argument
        add("model", metavar="RUN", help=MODEL_HELP)
        add_output(kind, written, metavar=metavar, type=folder_name, required=True)
        add_which(kind)
    magenta.add_argument("--name", help="what it draws (default: the run's classes)")
    magenta.add_argument(
        "--clip",
        action="store_true",
        help="move weights beyond the format's 10 there, which changes the model, instead of"
        " refusing",
    )


def run(arguments: argparse.Namespace) -> int:
    """Load and write."""
    from sketchrnn.api import load

    claims, output = claims_of(arguments), arguments.output
    (claims.file if arguments.kind == "magenta" else claims.folder)(output)
    model = load(arguments.model, which=arguments.which)
    if arguments.kind == "magenta":
        from sketchrnn.share.magenta import export_published

        moved = export_published(model, output, name=arguments.name, clip=arguments.clip)
        if moved:
            show(f"moved to the format's bound of 10: {moved}")
        written = [output]
    else:
        from sketchrnn.share.onnx_export import export_onnx

        written = export_onnx(model, output)
    for path in written:
        show(f"wrote {path}")
    return 0
