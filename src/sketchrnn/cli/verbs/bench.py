"""`sketchrnn bench`: how fast it is here, beside the plain loop and the machine's limits."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from typing import Any

from sketchrnn.bench.settings import SIZES, Settings
from sketchrnn.model.config import CELL_NAMES


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "bench",
        help="measure the speed of training and drawing",
        usage="%(prog)s {train,draw,all} [options]",
        description="Measure training steps and drawing in every way that there is on this"
        " machine, in turn, beside the plain loop, torch.nn.LSTM and the floor: the time of the"
        " products that are needed at the measured rate of products, and of the bytes at that of a"
        " copy. Nothing else should run.",
    )
    parser.add_argument("what", choices=("train", "draw", "all"), help="what to measure")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    parser.add_argument("--json", action="store_true", help="print JSON, with all parts")
    parser.add_argument(
        "--cell",
        nargs="+",
        choices=CELL_NAMES,
        help="the decoder's (default: all in training, lstm in drawing); the encoder's is the same,"
        " beside hyper and at the paper's size an lstm",
    )
    parser.add_argument(
        "--backend",
        nargs="+",
        metavar="WAY",
        help="of training steps: plain, native, ... (default: all that there are)",
    )
    sizes = ", ".join(f"{name} {small} and {large}" for name, (small, large) in SIZES.items())
    parser.add_argument(
        "--size",
        choices=tuple(SIZES),
        default="default",
        help=f"units of encoder and decoder: {sizes}",
    )
    whole: dict[str, Any] = {"type": int, "metavar": "N"}
    parser.add_argument("--encoder-size", **whole, help="in place of what --size says")
    parser.add_argument("--decoder-size", **whole, help="in place of what --size says")
    parser.add_argument(
        "--N-max", dest="N_max", **whole, help="points of the longest (default 100)"
    )
    parser.add_argument("--batch-size", **whole, help="drawings a step (default 100)")
    parser.add_argument("--drawings", **whole, help="drawn at once (default 1000)")
    parser.add_argument(
        "--data",
        metavar="FILE",
        help="a data file to train on (default: random drawings with Omniglot's lengths)",
    )
    parser.add_argument("--repeats", **whole, help="how often all is measured (default 5)")
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help="begin no new repeat of a model after these (default 60)",
    )
    parser.add_argument("--no-memory", action="store_true", help="leave out the peak memory")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    settings = _settings(arguments)  # before PyTorch is loaded, so that a wrong one fails at once
    from sketchrnn.bench.progress import Display
    from sketchrnn.bench.report import to_text
    from sketchrnn.bench.run import bench

    display = Display()
    try:
        result = bench(arguments.what, settings, display)
    finally:
        display.close()
    print(json.dumps(result, indent=2) + "\n" if arguments.json else to_text(result), end="")
    return 0


def _settings(arguments: argparse.Namespace) -> Settings:
    """The flags that were given, the defaults of Settings for the others."""
    given: dict[str, Any] = {
        item.name: getattr(arguments, item.name)
        for item in fields(Settings)
        if getattr(arguments, item.name, None) is not None
    }
    return Settings(
        **given,
        cells=arguments.cell and tuple(arguments.cell),
        ways=arguments.backend and tuple(arguments.backend),
        memory=not arguments.no_memory,
    )
