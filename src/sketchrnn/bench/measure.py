"""Measuring tasks in turn, beside the floor: the least time that this machine could need.

    floor = FLOPs that are needed / measured rate of a product
          + bytes that must be written and read once / measured rate of a copy

The rates are those of their best repeats, since a floor is what cannot be beaten, and the floor is
compared with the best repeat of a task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import torch
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from sketchrnn.bench.settings import BenchSettings
from sketchrnn.model.config import GATES, BackendName, ModelConfig
from sketchrnn.words import say

Task = Callable[[], object]

PLAIN: BackendName = "plain"  # the task to which all others are compared
COPY = "copy"
LEAST_SECONDS = 0.05  # a short task is run again and again for so long, and the median is taken
COPIED_BYTES = {"cpu": 1 << 27, "cuda": 1 << 31}  # more than the caches hold


def compare(
    name: str,
    model: ModelConfig,
    tasks: Mapping[str, Task],
    settings: BenchSettings,
    *,
    flops: float,
    moved_bytes: float = 0,
    product_rows: int,
) -> dict[str, Any]:
    """A table: tasks that do the same, measured in turn with what their floor is made of.

    Args:
        name, model: what they do, and with which.
        tasks: by their backends; the floor of one with bf16 in its name is that of such products.
        settings: how often, and where.
        flops, moved_bytes: what a run needs.
        product_rows: of the product whose rate is measured, [rows, H] @ [H, 4 H] of the decoder.

    Returns:
        Beside these `copy_rate` (bytes/s); by type of the products `product_rates` (FLOP/s) and
        `floors` (s); and `rows`, one a task: `samples`, seconds of a run in each repeat; `seconds`,
        their median, which is 1 / `to_plain` of the plain loop's; `best_seconds`, the least, which
        is `to_floor` times the floor.
    """
    device = torch.device(settings.device)
    types = {task: "bf16" if "bf16" in task else "float32" for task in tasks}
    H = model.decoder_size
    gauges = {kind: _product(product_rows, H, kind, device) for kind in types.values()}
    source = torch.ones(COPIED_BYTES[device.type], dtype=torch.int8, device=device)
    target = torch.empty_like(source)
    gauges[COPY] = lambda: target.copy_(source)
    samples = in_turn(name, {**tasks, **gauges}, settings.repeats, settings.seconds)
    best = {task: min(seconds) for task, seconds in samples.items()}
    medians = {task: median(seconds) for task, seconds in samples.items()}

    product_flops = 2 * product_rows * H * GATES * H
    rates = {kind: product_flops / best[kind] for kind in types.values()}
    copy_rate = 2 * len(source) / best[COPY]  # what is read and written
    floors = {kind: flops / rate + moved_bytes / copy_rate for kind, rate in rates.items()}
    return {
        "name": name,
        "model": vars(model),
        "flops": flops,
        "bytes": moved_bytes,
        "product_rates": rates,
        "copy_rate": copy_rate,
        "floors": floors,
        "rows": [
            {
                "backend": task,
                "type": kind,
                "samples": samples[task],
                "seconds": medians[task],
                "best_seconds": best[task],
                "to_plain": medians[PLAIN] / medians[task] if PLAIN in tasks else None,
                "to_floor": best[task] / floors[kind],
            }
            for task, kind in types.items()
        ],
    }


def in_turn(
    name: str, tasks: Mapping[str, Task], repeats: int, seconds: float
) -> dict[str, list[float]]:
    """Seconds of each task in each repeat; after `seconds` no new repeat begins.

    Each is run once unmeasured before, so that no thread of another task, which may spin for a
    while after its work, keeps a core from it. Standard error says how far it is.
    """
    threads = torch.get_num_threads()
    timers = {
        task: Timer("run()", globals={"run": run}, num_threads=threads)
        for task, run in tasks.items()
    }
    samples: dict[str, list[float]] = {task: [] for task in tasks}
    began = time.perf_counter()
    say(f"{name}:", end="")
    try:
        for number in range(1, repeats + 1):
            for task, timer in timers.items():
                measured = timer.blocked_autorange(min_run_time=LEAST_SECONDS)
                samples[task].append(measured.median)
            say(f" {number}", end="")
            if time.perf_counter() - began >= seconds:
                break
    finally:
        say("")
    return samples


def flops_of(task: Task) -> int:
    """FLOPs of a task's products, which is run once; PyTorch does not see those in compiled C."""
    with FlopCounterMode(display=False) as counter:
        task()
    return int(counter.get_total_flops())


def _product(rows: int, H: int, kind: str, device: torch.device) -> Task:
    """[rows, H] @ [H, 4 H]; with one row on the CPU NumPy's, which is far faster there."""
    dtype = torch.bfloat16 if kind == "bf16" else torch.float32
    a, weights = (torch.randn(n, H, device=device).to(dtype) for n in (rows, GATES * H))
    if rows == 1 and device.type == "cpu":
        vector, matrix = a[0].numpy(), weights.numpy()
        return lambda: matrix @ vector
    return lambda: a @ weights.T
