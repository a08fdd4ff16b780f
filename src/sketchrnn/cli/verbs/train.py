"""`sketchrnn train`: learn from drawings; `--resume` goes on."""

from __future__ import annotations

import argparse

from sketchrnn.cli.flags import add_fields, given_fields
from sketchrnn.cli.written import add_output, claims_of, folder_name
from sketchrnn.model.config import BACKEND_NAMES, ModelConfig
from sketchrnn.training.config import PRESETS, TrainingConfig

DERIVED = ("N_max", "conditional")  # of the drawings, and of --unconditional


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "train",
        help="learn from drawings",
        usage="%(prog)s DATA... -o RUN [options]\n       %(prog)s --resume -o RUN [options]",
        description="Learn from drawings. Ctrl-C saves and ends; --resume goes on where it ended,"
        " as if it had never stopped. A preset sets all numbers below; a flag changes one of them.",
    )
    add = parser.add_argument
    add(
        "data",
        nargs="*",
        metavar="DATA",
        help="data files of any known format, or doodles[:COUNT[:SEED[:KIND+KIND]]]; with --resume"
        " only where the files have moved",
    )
    add_output(parser, "the run folder", required=True, type=folder_name, metavar="RUN")
    add("--resume", action="store_true", help="go on from the last checkpoint")
    summaries = "; ".join(f"{preset.name}: {preset.summary}" for preset in PRESETS.values())
    default = "(default laptop; few with --begin-with)"
    add("--preset", choices=tuple(PRESETS), help=f"{summaries} {default}")
    add(
        "--begin-with",
        metavar="MODEL",
        help="begin with the weights of a run folder or a starter model (see sketchrnn models), and"
        " with its cells and sizes: for few drawings of your own",
    )
    add("--max-points", type=int, metavar="N", help="leave out drawings with more points")
    add(
        "--unconditional",
        action="store_true",
        help="no encoder: a decoder only, for new drawings and completions",
    )
    add("--device", default="auto", help="auto (default), cpu, cuda, ...: where to compute")
    add(
        "--backend",
        choices=BACKEND_NAMES,
        help="how the cells are run over time: native, compiled C on the CPU; triton, kernels on a"
        " GPU; plain, the loop that all others must equal; auto native where a C compiler is found,"
        " else plain (default auto; with --resume, as the run was begun)",
    )
    models = {name: preset.model for name, preset in PRESETS.items()}
    add_fields(parser.add_argument_group("model"), ModelConfig, models, skip=DERIVED)
    numbers = {name: vars(preset.training) for name, preset in PRESETS.items()}
    add_fields(parser.add_argument_group("training"), TrainingConfig, numbers)


def run(arguments: argparse.Namespace) -> int:
    """Train and show how it goes."""
    from sketchrnn.runs import CONFIG
    from sketchrnn.training.session import train

    if not arguments.resume and not (arguments.output / CONFIG).exists():
        claims_of(arguments).folder(arguments.output, resumes=True)
    numbers = given_fields(arguments, ModelConfig, skip=DERIVED)
    numbers |= given_fields(arguments, TrainingConfig)
    if arguments.unconditional:
        numbers["conditional"] = False
    train(
        arguments.data,
        arguments.output,
        preset=arguments.preset,
        begin_with=arguments.begin_with,
        max_points=arguments.max_points,
        resume=arguments.resume,
        device=arguments.device,
        backend=arguments.backend,
        **numbers,
    )
    return 0
