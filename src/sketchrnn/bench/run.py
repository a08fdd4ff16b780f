"""All of it, in one process, which is left as it was found."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch

from sketchrnn.bench.draw import bench_draw
from sketchrnn.bench.settings import BenchSettings
from sketchrnn.bench.steps import backend_named, backends_here, bench_train
from sketchrnn.devices import prepared_device
from sketchrnn.version import __version__


def bench(what: Literal["train", "draw", "all"], settings: BenchSettings) -> dict[str, Any]:
    """Measure training, drawing, or both; standard error says how far it is.

    `train` and `draw` get settings whose device and backends are those of this machine.
    """
    precision = torch.get_float32_matmul_precision()
    try:
        device = prepared_device(settings.device)
        here = backends_here(device)
        backends = list(dict.fromkeys(settings.backends or here))
        for name in backends:
            backend_named(name, device)  # a wrong one fails before anything is measured
        settings = replace(settings, device=str(device), backends=backends)
        result: dict[str, Any] = {"machine": machine(device, here)}
        if what in ("train", "all"):
            result["train"] = bench_train(settings)
        if what in ("draw", "all"):
            result["draw"] = bench_draw(settings)
    finally:
        torch.set_float32_matmul_precision(precision)
    return result


def machine(device: torch.device, backends: list[str]) -> dict[str, Any]:
    """What the numbers are measured on; with a `load` over 0 the numbers are too high.

    `float32_products` is PyTorch's switch for them; "medium" lets oneDNN form them.
    """
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    processor = found[1].strip() if found else platform.processor() or platform.machine()
    if device.type == "cuda":
        processor = f"{torch.cuda.get_device_name(device)} ({processor})"
    return {
        "device": str(device),
        "processor": processor,
        "backends": backends,
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "float32_products": torch.get_float32_matmul_precision(),
        "sketchrnn": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
