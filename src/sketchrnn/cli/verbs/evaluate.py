"""`sketchrnn evaluate`: the losses of a model on a split, exactly."""

from __future__ import annotations

import argparse
import json

from sketchrnn.cli.options import add_which
from sketchrnn.words import say, show, show_text

NAMES = {
    "L_R": "over all N_max steps (the paper's convention)",
    "L_s": "offsets",
    "L_p": "pen, over all N_max steps",
    "L_R_masked": "pen over the N_s true points only (the reference notebook's convention)",
    "L_KL": "raw",
    "L_KL_floored": "not under KL_min, as in the training loss",
    "nats_per_drawing": "a whole drawing, in the user's units: needs no N_max and no scale",
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model on drawings",
        usage="%(prog)s RUN DATA... [options]",
        description="The losses of a model on every drawing of a split, with their standard errors:"
        " no dropout, no annealing. Two L_R compare only on equally prepared drawings, so N_max,"
        " mean length, scale and epsilon are printed beside them.",
    )
    parser.add_argument("model", metavar="RUN", help="run folder")
    parser.add_argument("data", nargs="+", metavar="DATA", help="data files, or doodles:COUNT:SEED")
    parser.add_argument("--split", default="test", help="train, valid or test (default test)")
    add_which(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the sampled z (default 0)")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    from sketchrnn.api import load
    from sketchrnn.devices import prepared_device
    from sketchrnn.seeds import choose_seed
    from sketchrnn.training.config import TrainingConfig
    from sketchrnn.training.evaluate import evaluate

    seed = choose_seed(arguments.seed)
    device = str(prepared_device(arguments.device))
    model = load(arguments.model, device=device, which=arguments.which)
    KL_min = TrainingConfig.of_run(arguments.model).KL_min
    split = arguments.split
    found = evaluate(model, arguments.data, split, seed=seed, KL_min=KL_min)
    warnings = found.pop("warnings")
    if left_out := found["left_out"]:
        said = f"left out: {left_out} {split} drawings with more than N_max = {model.N_max} points"
        warnings = [said, *warnings]
    for warning in warnings:
        say(warning)
    if arguments.json:
        show_text(json.dumps(found, indent=2) + "\n")
        return 0
    epsilon = "unknown" if found["epsilon"] is None else f"{found['epsilon']:g} px"
    show(
        f"{found['n']} {split} drawings; N_max {found['N_max']}, mean length"
        f" {found['mean_length']:.1f}, scale {found['scale']:.4g}, epsilon {epsilon}"
    )
    for name, meaning in NAMES.items():
        if (value := found[name]) is not None:
            show(f"{name:17}{value['mean']:10.4f} ± {value['stderr']:.4f}   {meaning}")
    show("L_R is a negative log density: it may be negative, and lower is better.")
    return 0
