"""Where drawings go: a file by its ending, or standard output."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sketchrnn.errors import SketchRNNError

if TYPE_CHECKING:
    from sketchrnn.figures.sheet import SketchSheet

ENDINGS = (".svg", ".png", ".json")
STANDARD_OUTPUT = "-"


def add_drawing_options(parser: argparse.ArgumentParser, temperatures: list[float]) -> None:
    """Add what every verb that draws has: temperature, seed, output, device, which weights."""
    shown = " ".join(f"{value:g}" for value in temperatures)
    parser.add_argument(
        "--temperature",
        type=float,
        nargs="+",
        default=temperatures,
        metavar="TAU",
        help=f"0: the most likely; 1: the full variety (default {shown})",
    )
    parser.add_argument(
        "--seed",
        type=int,
        help="the same seed, the same drawings (default: one is chosen and said)",
    )
    parser.add_argument(
        "-o",
        "--output",
        default="sheet.svg",
        metavar="FILE",
        help="an .svg, .png or .json; - for SVG on standard output (default sheet.svg)",
    )
    parser.add_argument(
        "--which", choices=("best", "last"), default="best", help="which weights (default best)"
    )
    parser.add_argument("--device", default="cpu", help="cpu (default), auto, cuda, ...")


def check_output(output: str) -> None:
    """Fail before the work is done if `output` has an ending that nothing is written as."""
    if output != STANDARD_OUTPUT and Path(output).suffix.lower() not in ENDINGS:
        raise SketchRNNError(
            f"{output}: unknown ending; name it {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
        )


def write_sheet(sheet: SketchSheet, output: str, seed: int) -> None:
    """Write the sheet and say its seed (on standard error, so that it can be piped)."""
    if output == STANDARD_OUTPUT:
        sys.stdout.write(sheet.to_svg())
        print(f"seed {seed}", file=sys.stderr)
    else:
        sheet.save(output)
        print(f"wrote {output}, seed {seed}", file=sys.stderr)
