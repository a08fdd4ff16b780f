"""Measuring tasks in turn, so that a noisy machine is noisy for all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from sketchrnn.bench.progress import Progress

Task = Callable[[], object]

# Threads that have done their part of a product spin for a while and keep a core from the next task
# if its threads are others: PyTorch's, NumPy's and our own are.
PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class Times:
    """How long a task took: `samples` are seconds, one a round."""

    samples: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(self.samples)

    @property
    def best(self) -> float:
        """The least."""
        return min(self.samples)


def in_turn(
    tasks: Mapping[str, Task],
    *,
    rounds: int,
    seconds: float,
    device: torch.device,
    progress: Progress,
    warm: bool = True,
) -> dict[str, Times]:
    """Run all tasks, one after the other, again and again; first once unmeasured.

    Args:
        tasks: by name.
        rounds: how often, at least 1.
        seconds: no new round begins after these; the first is always done.
        device: waited for, so that its work is measured, not how it is queued.
        progress: told of each round.
        warm: whether to run all once before.
    """
    samples: dict[str, list[float]] = {name: [] for name in tasks}
    if warm:
        progress.round(0, rounds)
        for task in tasks.values():
            task()
    began = time.perf_counter()
    for number in range(1, rounds + 1):
        progress.round(number, rounds)
        for name, task in tasks.items():
            time.sleep(PAUSE_SECONDS)
            _wait(device)
            started = time.perf_counter()
            task()
            _wait(device)
            samples[name].append(time.perf_counter() - started)
        if time.perf_counter() - began >= seconds:
            break
    return {name: Times(tuple(values)) for name, values in samples.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
