"""Options that several verbs share; what they need is loaded when a verb runs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sketchrnn.cli.written import add_output, file_name
from sketchrnn.errors import SketchRNNError

if TYPE_CHECKING:
    from sketchrnn.api import Model

MODEL_HELP = "run folder, or the name of a starter model (see sketchrnn models)"
OUTPUT_HELP = (
    "by its ending a picture, .svg .png .pdf, one that draws itself, .anim.svg .gif .webp, or data,"
    " .json .npz .ndjson"
)
DRAWING_HELP = (
    "FILE.svg, FILE.json, - (standard input: SVG, JSON, or the lines of generate --stream), or"
    " DATA#WHERE, a drawing of a data file: WHERE is [SPLIT/][CLASS/]INDEX, with INDEX counted from"
    " 0, or typical (what the model finds likeliest) or typical:K (the K-th after it); SPLIT is"
    " test unless named"
)


def add_model_and_drawings(
    parser: argparse.ArgumentParser,
    note: str = "; a conditional one",
    *,
    nargs: str | int = "+",
    more: str = "",
) -> None:
    """Add MODEL and DRAWING; `note` is said of the model, `more` of the drawings."""
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP + note)
    parser.add_argument("drawings", nargs=nargs, metavar="DRAWING", help=DRAWING_HELP + more)


def add_drawing_options(
    parser: argparse.ArgumentParser,
    temperatures: list[float] | None,
    *,
    ladder: bool = True,
    output: str = "sheet.svg",
    each: bool = True,
    pages: bool = False,
) -> None:
    """Add what every verb that draws has: temperature, seed, output, device, which weights.

    `temperatures` and `output` are the defaults; None where nothing is drawn by chance. Several
    temperatures can be given with `ladder`. `each` adds --each, `pages` a page and all formats.
    """
    add = parser.add_argument
    if temperatures is not None:
        rows = "; several: one row or more each" if ladder else ""
        shown = " ".join(f"{value:g}" for value in temperatures)
        add(
            "--temperature",
            type=float,
            nargs="+",
            default=temperatures,
            metavar="TAU",
            help=f"0: the most likely; 1: the full variety{rows} (default {shown})",
        )
        add(
            "--seed",
            type=int,
            help="the same seed, the same drawings (default: one is chosen and said)",
        )
    endings = OUTPUT_HELP if pages else "an .svg, .png or .json"
    said = f"{endings}; - for SVG on standard output (default {output})"
    add_output(parser, said, default=output)
    if each:
        add(
            "--each",
            metavar="DIR",
            type=file_name,
            help="also write every drawing as a file of its own, in its own place and size, with"
            " the ending of -o: DIR/drawing-000.svg, ...",
        )
    if each and pages:
        add(
            "--as",
            dest="each_as",
            metavar="ENDING",
            help="of --each: svg, anim.svg, png, pdf, gif, webp, json, npz or ndjson (default: the"
            " ending of -o)",
        )
    if pages:
        add_columns(parser)
    add_which(parser)
    add("--device", default="cpu", help="cpu (default), auto, cuda, ...")
    if pages:
        add_page_options(parser)


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Add --columns, which each verb that writes a sheet has."""
    text = "drawings a row (default: what fits best)"
    parser.add_argument("--columns", type=int, metavar="N", help=text)


def add_page_options(parser: argparse.ArgumentParser) -> None:
    """Add what puts drawings on a page of paper; `cli.output` reads it."""
    group = parser.add_argument_group("a page of paper, for plotters and printers")
    group.add_argument(
        "--page",
        metavar="SIZE",
        help="a0 to a6, letter, legal, tabloid, or WIDTHxHEIGHT with a unit, as 200x100mm: the"
        " drawings alone, as large as fits, one path a stroke",
    )

    def add(name: str, text: str, **settings: Any) -> None:
        """What `figures.page.Paper` has under that name; None where it is not given."""
        dest = "paper_" + name.replace("-", "_")
        group.add_argument(f"--{name}", dest=dest, default=None, help=text, **settings)

    add("landscape", "turn it on its side", action="store_true")
    add("margin", "to the ink (default 10mm)", metavar="LENGTH")
    add("stroke-width", "of all lines (default 0.4mm)", metavar="LENGTH")
    units = "of the SVG, and of lengths without one (default mm)"
    add("units", units, choices=("mm", "in", "px"))
    add("color", "of all lines (default: their own)", metavar="CSS")
    by = "a colour for each stroke of a drawing, or each class; each colour is a layer"
    add("color-by", by, choices=("stroke", "class"))
    order = "order and turn the strokes, of all drawings together, for little pen-up travel"
    add("order", order, action="store_true")
    add("labels", "draw letters, frames and rules of a sheet as well", action="store_true")
    add(
        "in-place",
        "each drawing where its coordinates say, in --units from the top left of the page, and not"
        " fitted: to go on with what is on the paper already",
        action="store_true",
    )
    seconds = "that an animation takes to draw (default 2 to 8, by what there is to draw)"
    parser.add_argument("--seconds", type=float, metavar="S", help=seconds)


def add_input_options(parser: argparse.ArgumentParser, *, sample: bool = True) -> None:
    """Add what every verb that takes a DRAWING has."""
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="take files as being in the training drawings' units, as the lines of --stream always"
        " are; otherwise they are scaled and simplified as those were, and what is drawn comes"
        " back in their place and size",
    )
    if sample:
        parser.add_argument(
            "--sample-z",
            action="store_true",
            help="encode with a sample of q(z | S), by the seed; otherwise with its mean mu, in"
            " which there is no chance",
        )


def add_which(parser: argparse.ArgumentParser) -> None:
    """Add --which."""
    text = "which weights (default best)"
    parser.add_argument("--which", choices=("best", "last"), default="best", help=text)


def add_prior(parser: argparse.ArgumentParser) -> None:
    """Add --prior, which each verb has that draws new drawings."""
    text = (
        "of z: fitted to what the training drawings encode to, if the model has that (default); or"
        " normal, N(0, I), as in the paper"
    )
    parser.add_argument("--prior", choices=("fitted", "normal"), default="fitted", help=text)


def use_one_thread() -> None:
    """Let NumPy, where it is not loaded yet, compute in one thread.

    To start more takes longer than light work gains. Two draw at nearly the pace of one, as they
    wait for each other at every point, and for whatever else the machine does.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def check_temperatures(arguments: argparse.Namespace) -> list[float]:
    """All temperatures of a ladder. Raises SketchRNNError for one that is none."""
    from sketchrnn.drawing.base import check_temperature

    return [check_temperature(temperature) for temperature in arguments.temperature]


def one_temperature(arguments: argparse.Namespace) -> float:
    """The temperature of a verb that takes just one. Raises SketchRNNError for several."""
    if len(arguments.temperature) > 1:
        raise SketchRNNError(
            f"{arguments.verb} takes one --temperature here, got {len(arguments.temperature)}"
        )
    return check_temperatures(arguments)[0]


def check_whole_data(options: Mapping[str, object]) -> None:
    """Raise SketchRNNError for an option that chooses from a data file, where none is named."""
    for option, value in options.items():
        if value is not None:
            raise SketchRNNError(
                f"{option} chooses from a data file, and none is named alone: leave out {option}"
            )


def named(option: str, check: Callable[[float], None], value: float) -> float:
    """`value`, checked; the message begins with the option as it is typed, not as in Python."""
    try:
        check(value)
    except SketchRNNError as error:
        raise SketchRNNError(f"{option} {str(error).partition(' ')[2]}") from None
    return value


def load_model(arguments: argparse.Namespace) -> Model:
    """The model that is named, with the weights and on the device that are asked for."""
    from sketchrnn.api import load
    from sketchrnn.devices import prepared_device

    device = str(prepared_device(arguments.device))
    prior: Any = getattr(arguments, "prior", "fitted")
    return load(arguments.model, device=device, which=arguments.which, prior=prior)
