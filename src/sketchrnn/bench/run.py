"""All of it, in one process, which is left as it was found."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from sketchrnn.bench.draw import bench_draw
from sketchrnn.bench.machine import machine, restored_settings
from sketchrnn.bench.progress import Progress
from sketchrnn.bench.settings import Settings
from sketchrnn.bench.train import bench_train
from sketchrnn.bench.ways import ways_here
from sketchrnn.devices import choose_device, prepare_cpu

What = Literal["train", "draw", "all"]


def bench(what: What, settings: Settings, progress: Progress) -> dict[str, Any]:
    """Measure training, drawing, or both.

    Returns:
        what can be written as JSON: `machine`, and `train` and `draw` (see there).

    Raises:
        SketchRNNError: a device or a way that cannot be had here, or data that cannot be used.
    """
    device = choose_device(settings.device)
    ways_here(settings.ways, device)  # a wrong one fails before anything is measured
    with restored_settings():
        if device.type == "cpu":
            prepare_cpu()
        result: dict[str, Any] = {"machine": asdict(machine(device))}
        if what in ("train", "all"):
            result["train"] = bench_train(settings, device, progress)
        if what in ("draw", "all"):
            result["draw"] = bench_draw(settings, device, progress)
    return result
