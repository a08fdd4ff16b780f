"""What ran: processor, threads, types, versions; and leaving the process as it was found."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from sketchrnn import __version__
from sketchrnn.model.backends.native.library import has_bf16, library


@dataclass(frozen=True)
class Machine:
    """What the numbers were measured on.

    Attributes:
        device: where it was computed.
        processor: its name; of a GPU, that one's, with the CPU's behind.
        cores: that this process may use.
        threads: that PyTorch uses.
        memory_gb: of the machine.
        load: processes that wanted to run in the minute before; over 0, the numbers are too high.
        compiler: whether the compiled way is to be had (see `model.native.library`).
        bf16: whether it has bfloat16 products.
        float32_products: PyTorch's switch for them; "medium" lets oneDNN form them.
        sketchrnn, torch, python, system: versions.
    """

    device: str
    processor: str
    cores: int
    threads: int
    memory_gb: float | None
    load: float | None
    compiler: bool
    bf16: bool
    float32_products: str
    sketchrnn: str
    torch: str
    python: str
    system: str


def machine(device: torch.device) -> Machine:
    """What is here."""
    processor = _processor()
    if device.type == "cuda":
        processor = f"{torch.cuda.get_device_name(device)} ({processor})"
    return Machine(
        device=str(device),
        processor=processor,
        cores=_cores(),
        threads=torch.get_num_threads(),
        memory_gb=_memory_gb(),
        load=_load(),
        compiler=library() is not None,
        bf16=has_bf16(),
        float32_products=torch.get_float32_matmul_precision(),
        sketchrnn=__version__,
        torch=torch.__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
    )


@contextmanager
def restored_settings() -> Iterator[None]:
    """After this, PyTorch's threads and precision are what they were before."""
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _memory_gb() -> float | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    except (AttributeError, ValueError, OSError):
        return None


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None
