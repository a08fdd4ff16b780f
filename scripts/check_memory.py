"""Measure the memory that a large data file takes: writing, preparing, reading, training.

Makes a file of random drawings in a temporary folder and prints, after each step, by how much the
peak of the process (VmHWM, so Linux only) has grown over what the imports took, PyTorch among them.
The network is tiny, so what training adds is that of the data, and of PyTorch at work.

    python scripts/check_memory.py --megabytes 2000
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from sketchrnn import strokes
from sketchrnn.data.dataset import CHUNK_ROWS, Dataset, Drawings, bounds_of
from sketchrnn.data.formats import read, sketches
from sketchrnn.data.prepare import prepare
from sketchrnn.model.config import ModelConfig
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.loop import train

STEPS = 20
HELD_OUT = 200  # drawings to validate with, and as many to test with


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert match
    return int(match[1]) / 1024


def random_dataset(folder: Path, row_count: int, length: int) -> Dataset:
    """Drawings of `length` rows each, on disk as float32; nearly all of them to train on."""
    path = folder / "rows.float32"
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        for first in range(0, row_count, CHUNK_ROWS):
            rows = rng.integers(-50, 50, (min(CHUNK_ROWS, row_count - first), 3))
            rows[:, strokes.PEN_UP] = rows[:, strokes.PEN_UP] > 40
            file.write(rows.astype(np.float32).tobytes())
    rows = np.memmap(path, np.float32, mode="r", shape=(row_count, 3))
    bounds = bounds_of(np.full(row_count // length, length))
    labels = np.zeros(len(bounds) - 1, np.int64)
    drawings = Drawings(rows, bounds[:-1], bounds[1:], labels)
    train, valid, test = np.split(
        np.arange(len(drawings)), [len(drawings) - 2 * HELD_OUT, len(drawings) - HELD_OUT]
    )
    return Dataset(
        drawings.select(train), drawings.select(valid), drawings.select(test), ("random",)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=2000, help="size of the data file")
    parser.add_argument("--length", type=int, default=50, help="rows of a drawing")
    parser.add_argument("--folder", type=Path, help="where to put the files, removed at the end")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    base = peak_mb()
    began = time.monotonic()

    def report(step: str) -> None:
        grown = peak_mb() - base
        print(f"{step}: peak +{grown:.0f} MB, {time.monotonic() - began:.0f} s", flush=True)

    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        row_count = arguments.megabytes * 1_000_000 // 6 // arguments.length * arguments.length
        dataset = random_dataset(folder, row_count, arguments.length)
        report("random drawings made")
        sketches.write(dataset, folder / "large.sketches")
        report(f"{(folder / 'large.sketches').stat().st_size / 1e6:,.0f} MB written")
        prepare([folder / "large.sketches"], folder / "again.sketches")
        report("prepared again")
        data = read(folder / "again.sketches")
        report(f"read, {len(data.train):,} training drawings")
        model = ModelConfig(N_max=data.N_max, encoder_size=8, decoder_size=16, z_size=4, mixtures=2)
        training = TrainingConfig(max_steps=STEPS, evaluate_every=STEPS)
        records = list(train(folder / "run", data, model, training))
        steps = sum(record["kind"] == "train" for record in records)
        report(f"trained {steps} steps and evaluated")


if __name__ == "__main__":
    main()
