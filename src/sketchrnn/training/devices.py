"""Choosing where to compute, and how float32 products are formed there."""

from __future__ import annotations

import ctypes
import time

import torch

from sketchrnn.errors import SketchRNNError


def choose_device(name: str) -> torch.device:
    """`auto` is the GPU where there is one, else the CPU; other names as PyTorch has them.

    Raises:
        SketchRNNError: unknown, or not to be had on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SketchRNNError(f"device {name!r} cannot be used here: {reason}") from None
    return device


def use_fast_exact_products() -> bool:
    """Let float32 products on the CPU go through oneDNN where that is faster and still float32.

    On some processors oneDNN forms float32 products much faster than PyTorch's default library. The
    switch that allows it ("medium" precision) also lets newer processors round the factors to
    bfloat16, which is not float32 any more. So both are measured here, in about 20 ms: the switch
    stays on only if the error against float64 is float32's and the time is shorter.

    Returns:
        whether the switch was left on.
    """
    before = torch.get_float32_matmul_precision()
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(100, 512, generator=generator)
    b = torch.randn(512, 2048, generator=generator)
    exact = a.double() @ b.double()

    def measure(precision: str) -> tuple[float, float]:
        torch.set_float32_matmul_precision(precision)
        error = float(((a @ b).double() - exact).abs().max())
        times = []
        for _ in range(5):
            started = time.perf_counter()
            torch.mm(a, b)
            times.append(time.perf_counter() - started)
        return error, min(times)

    default_error, default_seconds = measure("highest")
    error, seconds = measure("medium")
    if error <= 4 * default_error and seconds < 0.9 * default_seconds:
        return True
    torch.set_float32_matmul_precision(before)
    return False


def keep_freed_memory() -> bool:
    """Let the process keep what it frees instead of handing it back to the system at once.

    A training step frees and takes the same few hundred megabytes again; without this each step
    pays for fresh pages (measured: a third more time a step). glibc only; elsewhere nothing happens.

    Returns:
        whether it was done.
    """
    M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))


def prepare_cpu() -> None:
    """What a long computation on the CPU gains from; results stay float32's."""
    keep_freed_memory()
    use_fast_exact_products()
