"""The rates of this machine: matrix products of these shapes, and memory; and the floor they give.

    floor = FLOPs of the products that are needed / best measured rate of a product
          + bytes that must be written and read once / measured rate of a copy

The rate of each is that of its best round: a floor is what cannot be beaten. So it is compared with
the best round of a way, too.

Both parts come one after the other here, though a way that keeps its numbers in the caches can do
with less than the second part: it is a yardstick, and its parts are given, so that each may be
used.

Products are measured at the decoder's three shapes (forward, the adjoint of the state, the gradient
of the weights), by PyTorch as it is, by PyTorch through oneDNN where that is float32 there, and by
our own compiled product for the gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sketchrnn.bench.timing import Task, Times
from sketchrnn.bench.ways import TypeName
from sketchrnn.bench.work import Product, flops_of
from sketchrnn.devices import use_exact_onednn_products
from sketchrnn.model.backends.native.autograd import Gradients
from sketchrnn.model.backends.native.library import has_bf16, library
from sketchrnn.model.config import GATES

LEAST_FLOPS = 2e9  # a smaller product is repeated, so that it takes milliseconds
MOST_FLOPS = 10e9  # a gradient is formed over fewer rows than a step has, but never fewer than ...
LEAST_ROWS = 1000
COPIED_BYTES = 1 << 27
VECTOR_BYTES = 1 << 28  # weights that are read by products with vectors, again and again
GPU_FLOPS, GPU_BYTES = 1000, 16  # times as much, so that it takes a GPU milliseconds as well
COPY = "copy"


@dataclass(frozen=True)
class Gauge:
    """A task whose rate is wanted.

    Attributes:
        task: what to run.
        amount: the FLOPs, or the bytes, of one run.
        type: of a product; None for the copy.
    """

    task: Task
    amount: float
    type: TypeName | None = None


@dataclass(frozen=True)
class Rates:
    """What was measured, of each the best round.

    Attributes:
        by_type: FLOP/s by type and by who formed which product.
        memory: bytes/s, written and read bytes counted.
    """

    by_type: dict[str, dict[str, float]]
    memory: float

    @classmethod
    def of(cls, gauges: Mapping[str, Gauge], times: Mapping[str, Times]) -> Rates:
        """The rates of these tasks, whose times are among `times`."""
        by_type: dict[str, dict[str, float]] = {}
        for name, gauge in gauges.items():
            if gauge.type is not None:
                by_type.setdefault(gauge.type, {})[name] = gauge.amount / times[name].best
        return cls(by_type, gauges[COPY].amount / times[COPY].best)

    def floors(self, flops: float, moved_bytes: float = 0) -> dict[str, Floor]:
        """The floor for so many FLOPs and bytes, by type."""
        return {
            name: self._floor(rates, flops, moved_bytes) for name, rates in self.by_type.items()
        }

    def _floor(self, rates: Mapping[str, float], flops: float, moved_bytes: float) -> Floor:
        best = max(rates, key=lambda name: rates[name])
        product_seconds, memory_seconds = flops / rates[best], moved_bytes / self.memory
        return Floor(
            seconds=product_seconds + memory_seconds,
            product_seconds=product_seconds,
            flops=flops,
            product_rate=rates[best],
            product_rate_of=best,
            memory_seconds=memory_seconds,
            bytes=moved_bytes,
            memory_rate=self.memory,
        )


@dataclass(frozen=True)
class Floor:
    """The least time: `seconds` = flops / product_rate + bytes / memory_rate.

    Attributes:
        product_rate_of: who formed which product at this rate, the best.
        product_seconds, memory_seconds: the two parts.
    """

    seconds: float
    product_seconds: float
    flops: float
    product_rate: float
    product_rate_of: str
    memory_seconds: float
    bytes: float
    memory_rate: float


def gauges(rows: int, H: int, steps: int, device: torch.device) -> dict[str, Gauge]:
    """Tasks for the products of a decoder of H units, `rows` rows a step, and for the copy.

    Args:
        rows: of a batch.
        H: hidden units.
        steps: T; the gradient of the weights is formed over rows * T rows, or over fewer.
        device: where.
    """
    P = GATES * H
    most = MOST_FLOPS * (1 if device.type == "cpu" else GPU_FLOPS)
    many = min(rows * steps, max(LEAST_ROWS, int(most / (2 * H * P))))
    shapes = {
        "forward": (rows, H, P),
        "adjoint": (rows, P, H),
        "gradient": (H, many, P),
    }
    kinds: dict[str, tuple[TypeName, str, torch.dtype]] = {
        "PyTorch": ("float32", "highest", torch.float32)
    }
    on_cpu = device.type == "cpu"
    if on_cpu and _onednn_is_float32():
        kinds["oneDNN"] = ("float32", "medium", torch.float32)
    if not on_cpu or has_bf16():
        kinds["PyTorch bf16"] = ("bf16", "highest", torch.bfloat16)
    found = {}
    for kind, (type_name, precision, dtype) in kinds.items():
        for name, (M, K, N) in shapes.items():
            task, flops = product_task(M, K, N, device, precision=precision, dtype=dtype)
            found[f"{kind}, {name}"] = Gauge(task, flops, type_name)
    if on_cpu and library() is not None:
        a, d = _numbers(device, many, H), _numbers(device, many, P)
        halves: dict[TypeName, bool] = {"float32": False, "bf16": True}
        for type_name, half in halves.items():
            if has_bf16() or not half:
                task = native_product_task(a, d, torch.zeros(H, P), half=half)
                name = f"native{' bf16' * half}, gradient"
                found[name] = Gauge(task, 2.0 * many * H * P, type_name)
    return found | {COPY: copy_gauge(device)}


def vector_gauges(products: Sequence[Product], device: torch.device) -> dict[str, Gauge]:
    """The products of one row, which is a vector: PyTorch's and, on the CPU, NumPy's."""
    matrices = [_numbers(device, p.rows * p.N, p.K) for p in products]
    vectors = [_numbers(device, p.K) for p in products]
    repeats = max(1, VECTOR_BYTES // sum(matrix.nbytes for matrix in matrices))
    amount = repeats * flops_of(products)

    def by_torch() -> None:
        for _ in range(repeats):
            for matrix, vector in zip(matrices, vectors, strict=True):
                torch.mv(matrix, vector)

    found = {"PyTorch, vector": Gauge(by_torch, amount, "float32"), COPY: copy_gauge(device)}
    if device.type != "cpu":
        return found
    pairs = [(m.numpy(), v.numpy()) for m, v in zip(matrices, vectors, strict=True)]

    def by_numpy() -> None:
        for _ in range(repeats):
            for matrix, vector in pairs:
                np.dot(matrix, vector)

    return found | {"NumPy, vector": Gauge(by_numpy, amount, "float32")}


def copy_gauge(device: torch.device) -> Gauge:
    """A copy of more than the caches hold."""
    size = COPIED_BYTES * (1 if device.type == "cpu" else GPU_BYTES)
    source = torch.ones(size, dtype=torch.int8, device=device)
    target = torch.empty_like(source)
    return Gauge(lambda: target.copy_(source), 2 * size)


def with_precision(precision: str, task: Task) -> Task:
    """The task, with float32 products formed as `precision` says while it runs."""

    def run() -> None:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(precision)
        try:
            task()
        finally:
            torch.set_float32_matmul_precision(before)

    return run


def product_task(
    M: int,
    K: int,
    N: int,
    device: torch.device,
    *,
    precision: str = "highest",
    dtype: torch.dtype = torch.float32,
) -> tuple[Task, float]:
    """A task that forms [M, K] @ [K, N] often enough to be measured, and its FLOPs."""
    a, b = (_numbers(device, *shape).to(dtype) for shape in ((M, K), (K, N)))
    out = torch.empty(M, N, dtype=dtype, device=device)
    flops = 2.0 * M * K * N
    least = LEAST_FLOPS * (1 if device.type == "cpu" else GPU_FLOPS)
    repeats = max(1, round(least / flops))

    def task() -> None:
        for _ in range(repeats):
            torch.mm(a, b, out=out)

    return with_precision(precision, task), repeats * flops


def native_product_task(a: Tensor, d: Tensor, out: Tensor, *, half: bool) -> Task:
    """A task that adds a^T d to `out`, [K, M]^T [K, N] -> [M, N], by the compiled library.

    It is the one of a backward pass. `half` rounds the factors to bfloat16.
    """
    lengths = torch.tensor([len(a)])  # one row of a batch, of as many steps

    def task() -> None:
        product = Gradients(lengths, half=half)
        product.add(a[:1], a[:, None], d[:, None], before=False, total=out)
        product.run()

    return task


def _numbers(device: torch.device, *shape: int) -> Tensor:
    """Any numbers but ones, which a processor that saves power multiplies faster."""
    return torch.randn(*shape, generator=torch.Generator(device).manual_seed(0), device=device)


def _onednn_is_float32() -> bool:
    """Whether the switch to oneDNN's products keeps float32 here (see `devices`)."""
    before = torch.get_float32_matmul_precision()
    try:
        return use_exact_onednn_products()
    finally:
        torch.set_float32_matmul_precision(before)
