"""Time one training step: plain loop against fast unroll, each cell, side by side in one run.

python scripts/time_step.py [--device cpu cuda ...] [--preset magenta] [--repeats 5]
"""

from __future__ import annotations

import argparse
import statistics
import time
from itertools import product

import numpy as np
import torch

from sketchrnn.data.batches import training_batches
from sketchrnn.devices import choose_device, prepare_cpu
from sketchrnn.doodles import doodles_dataset
from sketchrnn.model import network as network_module
from sketchrnn.model.config import CELL_NAMES, ModelConfig
from sketchrnn.model.unroll import unroll
from sketchrnn.training.config import PRESETS
from sketchrnn.training.loop import Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", nargs="+", default=["cpu"])
    parser.add_argument("--preset", choices=tuple(PRESETS), default="magenta")
    parser.add_argument("--cell", nargs="+", choices=CELL_NAMES, default=list(CELL_NAMES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--N-max", dest="N_max", type=int, default=100)
    arguments = parser.parse_args()
    preset = PRESETS[arguments.preset]
    dataset, _ = doodles_dataset((500, 1, 1)).limited(arguments.N_max)
    print(f"preset {preset.name}, batch {preset.training.batch_size}, N_max {arguments.N_max},"
          f" {torch.get_num_threads()} threads")  # fmt: skip
    for name, cell in product(arguments.device, arguments.cell):
        device = choose_device(name)
        if device.type == "cpu":
            prepare_cpu()
        fields = preset.model | {"encoder_cell": cell, "decoder_cell": cell}
        model = ModelConfig(N_max=arguments.N_max, **fields)
        trainer = Trainer(model, preset.training, dataset.scale, device)
        batch = next(training_batches(dataset.train, 100, arguments.N_max, dataset.scale, seed=0))
        seconds: dict[str, list[float]] = {"plain": [], "fast": []}
        for _ in range(arguments.repeats + 1):
            for way in seconds:  # in turn, so that a noisy machine is noisy for both

                def chosen(*args: object, plain: bool = way == "plain", **rest: object) -> object:
                    return unroll(*args, **(rest | {"plain": plain}))

                network_module.unroll = chosen
                synchronize(device)
                started = time.perf_counter()
                trainer.step(batch)
                synchronize(device)
                seconds[way].append(time.perf_counter() - started)
        plain, fast = (statistics.median(seconds[way][1:]) for way in ("plain", "fast"))
        ratios = np.array(seconds["plain"][1:]) / np.array(seconds["fast"][1:])
        print(f"{name:5} {cell:11} plain {plain:.3f} s, fast {fast:.3f} s a step,"
              f" plain / fast {np.median(ratios):.2f}")  # fmt: skip


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
