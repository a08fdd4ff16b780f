"""Choosing where to compute, and how float32 products are formed there."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import torch

from sketchrnn.errors import SketchRNNError
from sketchrnn.words import choices


def choose_device(name: str) -> torch.device:
    """`auto` is the GPU where there is one, else the CPU; other names as PyTorch has them.

    SketchRNNError for one that is unknown, or not to be had on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()  # a device from which numbers come back
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0].split(". ")[0]
        if reason.startswith("Expected one of"):  # and then come twenty kinds that nobody has
            reason = choices(name, ("auto", "cpu", "cuda"))
        raise SketchRNNError(f"device {name!r} cannot be used here: {reason}") from None
    return device


def prepared_device(name: str) -> torch.device:
    """`choose_device` for a long computation."""
    device = choose_device(name)
    if device.type == "cpu":
        prepare_cpu()
    return device


def prepare_cpu() -> None:
    """What a long computation on the CPU gains from; results stay float32's."""
    _keep_freed_memory()
    _use_exact_onednn_products()


def _use_exact_onednn_products() -> None:
    """Let float32 products on the CPU go through oneDNN where that is still float32.

    On some processors oneDNN forms float32 products up to twice as fast as PyTorch's default
    library. The switch that allows it ("medium" precision) also lets newer processors round the
    factors to bfloat16, which is not float32 any more. So its error against float64 is measured
    here, in a few milliseconds, and the switch stays on only if that is float32's. Nothing is
    decided by a clock: the same machine decides the same each time, so a resumed run computes as
    it did before.
    """
    before = torch.get_float32_matmul_precision()
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(100, 512, generator=generator)
    b = torch.randn(512, 2048, generator=generator)
    exact = a.double() @ b.double()

    def error(precision: str) -> float:
        torch.set_float32_matmul_precision(precision)
        return float(((a @ b).double() - exact).abs().max())

    default = error("highest")
    if error("medium") > 4 * default:  # float32 sums in another order; bfloat16 is 1000 times off
        torch.set_float32_matmul_precision(before)


def _keep_freed_memory() -> None:
    """Let the process keep what it frees instead of handing it back to the system at once.

    A training step frees and takes the same few hundred megabytes again; without this each step
    pays for fresh pages (measured: a third more time a step). glibc only; elsewhere a no-op.
    """
    M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        if mallopt(M_MMAP_MAX, 0):
            mallopt(M_TRIM_THRESHOLD, -1)
