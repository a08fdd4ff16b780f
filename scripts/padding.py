"""Train with each padding and compare the validation losses over all N_max steps.

    python scripts/padding.py OUT.jsonl power_outlet.npz kanji.rdp200.npz

One small model for each data set, seed and padding; each adds a line to OUT.jsonl (those there
already are not trained again), and the table of docs/results.md is printed in the end. One thread;
the times are the processor's, so other work on the machine matters little.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from typing import Any, get_args

import torch

from sketchrnn.data import Padding, batches
from sketchrnn.data.padding import LEARN_TO_END
from sketchrnn.data.sources import read_sources
from sketchrnn.devices import prepare_cpu
from sketchrnn.model.config import ModelConfig
from sketchrnn.training.config import Precision, TrainingConfig
from sketchrnn.training.trainer import Trainer

PADDINGS = get_args(Padding)
SIZES: dict[str, Any] = {"encoder_size": 64, "decoder_size": 128, "z_size": 32, "mixtures": 20}
LOSSES = ("L_R", "L_s", "L_p", "L_KL")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, metavar="OUT.jsonl")
    parser.add_argument("data", nargs="*")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--max-points", type=int, default=100)
    parser.add_argument(
        "--learn-to-end", type=int, default=LEARN_TO_END, help="first steps that are full"
    )
    parser.add_argument("--padding", nargs="+", choices=PADDINGS, default=PADDINGS)
    parser.add_argument("--precision", choices=get_args(Precision), default="float32")
    arguments = parser.parse_args()
    vars(batches)["LEARN_TO_END"] = arguments.learn_to_end
    prepare_cpu()
    torch.set_num_threads(1)
    arguments.output.touch()
    for seed, data, padding in product(arguments.seeds, arguments.data, arguments.padding):
        about = {"data": Path(data).name.partition(".")[0], "padding": padding, "seed": seed}
        if any(about.items() <= done.items() for done in results(arguments.output)):
            continue
        training = TrainingConfig(
            seed=seed,
            padding=padding,
            precision=arguments.precision,
            learning_rate_decay=0.998,
        )
        line = about | measured(data, training, arguments.steps, arguments.max_points)
        print(json.dumps(line), file=sys.stderr)
        with arguments.output.open("a") as file:
            file.write(json.dumps(line) + "\n")
    print_table(results(arguments.output))


def results(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def measured(data: str, training: TrainingConfig, steps: int, max_points: int) -> dict[str, Any]:
    """Train, and measure on the validation split as it is."""
    dataset, _ = read_sources([data]).limited(max_points)
    dataset, _ = dataset.limited(dataset.N_max)
    model = ModelConfig(
        N_max=dataset.N_max, encoder_cell="layer_norm", decoder_cell="layer_norm", **SIZES
    )
    trainer = Trainer(model, training, dataset.scale, torch.device("cpu"))
    coming = batches.training_batches(
        dataset.train,
        training.batch_size,
        dataset.N_max,
        dataset.scale,
        seed=training.seed,
        augment_scale=training.augment_scale,
        drop_probability=training.drop_probability,
        padding=training.padding,
    )
    before = trainer.validate(dataset.valid)
    started = time.process_time()
    for _ in range(steps):
        if trainer.step(next(coming)) is None:
            raise SystemExit(f"{data}, {training.padding}, seed {training.seed}: loss not finite")
    seconds = time.process_time() - started
    after = trainer.validate(dataset.valid)
    return {
        "steps": steps,
        "N_max": dataset.N_max,
        "mean_length": float(dataset.train.lengths.mean()),
        "L_R_before": before["L_R"],
        **{name: after[name] for name in LOSSES},
        "seconds": seconds,
    }


def print_table(lines: list[dict[str, Any]]) -> None:
    """Mean and standard deviation over the seeds, as Markdown."""
    print("| data | padding | seeds | L_R | L_s | L_p | L_KL | L_R less full | s a step |")
    print("|---|---|---|---|---|---|---|---|---|")
    for data, padding in product(dict.fromkeys(line["data"] for line in lines), PADDINGS):

        def of_seeds(padding: Padding, data: str = data) -> dict[int, dict[str, Any]]:
            wanted = {"data": data, "padding": padding}
            return {line["seed"]: line for line in lines if wanted.items() <= line.items()}

        runs, full = of_seeds(padding), of_seeds("full")
        if not runs:
            continue
        losses = [spread([run[name] for run in runs.values()]) for name in LOSSES]
        pairs = [run["L_R"] - full[seed]["L_R"] for seed, run in runs.items() if seed in full]
        seconds = mean(run["seconds"] / run["steps"] for run in runs.values())
        cells = [data, padding, str(len(runs)), *losses, spread(pairs), f"{seconds:.3f}"]
        print(f"| {' | '.join(cells)} |")


def spread(values: list[float]) -> str:
    """Mean ± standard deviation."""
    rounded = round(mean(values), 3) + 0.0  # no -0.000
    return f"{rounded:.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
