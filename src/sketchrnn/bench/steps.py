"""Measuring training steps: the plain loop, the other backends, torch.nn.LSTM, and the floor.

A step is what it is in a training: batch made, forward, backward, clip, Adam. Its peak memory is
measured in a process of its own.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sketchrnn.bench.measure import PLAIN, Task, compare, flops_of
from sketchrnn.bench.settings import BenchSettings
from sketchrnn.data.batches import Batch, make_batch, training_batches
from sketchrnn.data.dataset import Drawings
from sketchrnn.data.sources import read_sources
from sketchrnn.devices import prepared_device
from sketchrnn.errors import SketchRNNError, naming
from sketchrnn.model.cells import EMBEDDINGS
from sketchrnn.model.config import BACKEND_NAMES, GATES, POINT, ModelConfig
from sketchrnn.model.mixture import head_size
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import Backend
from sketchrnn.training.config import PRESETS
from sketchrnn.training.trainer import Trainer
from sketchrnn.words import say

TRAINING = PRESETS["magenta"].training
MARKS: tuple[list[str], ...] = ([], ["bf16"], ["graph"], ["bf16", "graph"])  # after its name
OF_GRAPHS = "triton"  # the backend whose step can be one CUDA graph
NO_DROPOUT = "cudnn"  # has none, so it cannot take a whole training step
MOST_PRODUCT_ROWS = 10_000
FLOAT = 4  # bytes
ADAM_PASSES = 8  # over each weight: it, m and v read and written, the gradient written and read
MEMORY_STEPS = 3

# Of the 28,042 Omniglot drawings of 11 to 100 points: which share of them has at most how many?
LENGTHS = {0: 11, 0.05: 13, 0.25: 21, 0.5: 30, 0.75: 41, 0.85: 47, 0.95: 62, 0.99: 82, 1: 100}
PEN_UP = 0.08  # of all points
OFFSET = 50.0  # px, standard deviation


def bench_train(settings: BenchSettings) -> dict[str, Any]:
    """Measure training steps of each cell, and an LSTM decoder beside torch.nn.LSTM.

    A table for each (see `compare`), and what their steps have in common.
    """
    lengths = batch_maker(settings)[0]().lengths_B.tolist()
    tables = [_steps(cell, lengths, settings) for cell in settings.trained]
    if "lstm" in settings.trained:
        tables.append(_decoder_alone(settings))
    return {
        "batch_size": settings.batch_size,
        "N_max": settings.N_max,
        "data": settings.data or "random drawings with Omniglot's lengths",
        "shortest": min(lengths),
        "mean_length": sum(lengths) / len(lengths),
        "longest": max(lengths),
        "tables": tables,
    }


def _steps(cell: str, lengths: Sequence[int], settings: BenchSettings) -> dict[str, Any]:
    model = settings.model(cell)
    sizes = (
        f"encoder {model.encoder_cell} {model.encoder_size}, decoder {cell} {model.decoder_size}"
    )
    tasks = {
        backend: training_step(settings, cell, backend)
        for backend in settings.backends or ()
        if not backend.startswith(NO_DROPOUT)
    }
    table = compare(
        f"training, {sizes}",
        model,
        tasks,
        settings,
        flops=step_flops(model, lengths),
        moved_bytes=step_bytes(model, lengths),
        product_rows=min(settings.batch_size * model.N_max, MOST_PRODUCT_ROWS),
    )
    if settings.memory:
        say(f"memory, {sizes}")
        for row in table["rows"]:
            row["memory"] = peak_memory(settings, cell, row["backend"])
    return table


def _decoder_alone(settings: BenchSettings) -> dict[str, Any]:
    """An LSTM decoder and its head over N_max steps, forward and backward; no dropout, no loss.

    torch.nn.LSTM takes [point; z] at every step; ours takes z once, for the same function.
    """
    model, B, device = settings.model("lstm"), settings.batch_size, torch.device(settings.device)
    x_BT5 = torch.randn(B, model.N_max, POINT, device=device)
    z_BZ = torch.randn(B, model.z_size, device=device, requires_grad=True)
    network = Network(model).to(device)
    lstm = nn.LSTM(POINT + model.z_size, model.decoder_size, batch_first=True).to(device)
    head = nn.Linear(model.decoder_size, head_size(model.mixtures)).to(device)

    def both_ways(total: Callable[[], Tensor]) -> None:
        for leaf in (z_BZ, *network.parameters(), *lstm.parameters(), *head.parameters()):
            leaf.grad = None
        total().backward()  # type: ignore[no-untyped-call]

    def ours(backend: Backend) -> Tensor:
        mixture, _ = network.decode(x_BT5, z_BZ, backend=backend)
        return torch.stack([part.sum() for part in vars(mixture).values()]).sum()

    def torch_lstm(bf16: bool) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            input_BTD = torch.cat([x_BT5, z_BZ[:, None].expand(-1, model.N_max, -1)], dim=2)
            y: Tensor = head(lstm(input_BTD)[0])
            return y.sum()

    totals = {
        name: partial(ours, backend_named(name, device)[0])
        for name in settings.backends or ()
        if not name.endswith("-graph")
    }
    marks = ("", " bf16") if any("bf16" in name for name in totals) else ("",)
    totals |= {f"torch.nn.LSTM{mark}": partial(torch_lstm, bool(mark)) for mark in marks}
    return compare(
        f"decoder alone, lstm {model.decoder_size}",
        model,
        {name: partial(both_ways, total) for name, total in totals.items()},
        settings,
        flops=flops_of(partial(both_ways, partial(ours, Backend(PLAIN)))),
        product_rows=min(B * model.N_max, MOST_PRODUCT_ROWS),
    )


def step_flops(model: ModelConfig, lengths: Sequence[int]) -> int:
    """FLOPs of the products of a training step on drawings of these lengths.

    PyTorch counts them in the plain loop, for a drawing of one point and one of N_max: what lies
    between is on the line through both. The encoder reads the true points alone; the decoder runs
    all N_max steps, since the loss of the pen counts them (eq. 9).
    """
    trainer = Trainer(model, TRAINING, 1.0, torch.device("cpu"), PLAIN)

    def count(points: int) -> int:
        drawings = Drawings.from_arrays([np.ones((points, 3), np.int16)])
        batch = make_batch(drawings, [0], model.N_max, 1.0)
        return flops_of(lambda: trainer.step(batch))

    shortest, longest = count(1), count(model.N_max)
    a_point = (longest - shortest) // max(1, model.N_max - 1)
    return sum(shortest + (length - 1) * a_point for length in lengths)


def step_bytes(model: ModelConfig, lengths: Sequence[int]) -> int:
    """What a step must write once and read once, if nothing of it stays in a cache.

    Of each step of each drawing: the four gates, h and c (a HyperLSTM's products and embeddings,
    and its small LSTM's, as well) for the backward pass; the adjoints of what is before the gates,
    for the gradient of the weights; the dropout mask, a byte a unit, read in both passes. Of the
    decoder: the adjoint of h, the head's outputs and their adjoints. Of each weight: what Adam
    reads and writes.
    """

    def of_cell(cell: str, H: int) -> int:
        units = H + (model.hyper_size if cell == "hyper" else 0)
        values = (GATES + 2 + GATES) * units
        if cell == "hyper":
            values += 2 * (GATES * H + EMBEDDINGS * model.hyper_embedding)  # and their adjoints
        return 2 * FLOAT * values + 3 * units

    H = model.decoder_size
    of_head = 2 * FLOAT * (H + 2 * head_size(model.mixtures))
    total = len(lengths) * model.N_max * (of_cell(model.decoder_cell, H) + of_head)
    if model.conditional:
        total += 2 * sum(lengths) * of_cell(model.encoder_cell, model.encoder_size)
    with torch.device("meta"):
        weights = sum(parameter.numel() for parameter in Network(model).parameters())
    return total + ADAM_PASSES * FLOAT * weights


def backend_named(name: str, device: torch.device) -> tuple[Backend, bool]:
    """Of `triton-bf16-graph`, say: the backend, and whether the step is one CUDA graph."""
    first, *marks = name.split("-")
    backend = Backend(first, "bf16" in marks)  # type: ignore[arg-type]
    with naming(f"backend {name}"):
        if marks not in MARKS:
            raise SketchRNNError("what may follow the name is -bf16, -graph, or -bf16-graph")
        if "graph" in marks and (first != OF_GRAPHS or device.type != "cuda"):
            raise SketchRNNError(f"only {OF_GRAPHS}, on a GPU, can be a CUDA graph")
        return backend.chosen(torch.zeros(1, device=device)), "graph" in marks


def backends_here(device: torch.device) -> list[str]:
    """The names of all that can be had on the device."""
    found = []
    for first, marks in product(BACKEND_NAMES[1:], MARKS):  # `auto` is one of the others
        name = "-".join([first, *marks])
        with suppress(SketchRNNError):
            backend_named(name, device)
            found.append(name)
    return found


def drawings_like_omniglot(count: int, N_max: int) -> Drawings:
    """Random drawings with Omniglot's lengths, times N_max / 100: the same each time.

    Where the points lie makes no difference to a step.
    """
    shares = (np.arange(count) + 0.5) / count
    lengths = np.interp(shares, list(LENGTHS), list(LENGTHS.values())) * N_max / LENGTHS[1]
    rng = np.random.default_rng(0)
    return Drawings.from_arrays(
        [
            np.column_stack([rng.normal(0, OFFSET, (length, 2)), rng.random(length) < PEN_UP])
            for length in lengths.clip(min=1).round().astype(int)
        ]
    )


def batch_maker(settings: BenchSettings) -> tuple[Callable[[], Batch], float]:
    """What makes a training's first batch, anew each time; and the scale of the drawings."""
    N_max = settings.N_max
    if settings.data is None:
        drawings, scale = drawings_like_omniglot(settings.batch_size, N_max), OFFSET
    else:
        dataset, _ = read_sources([settings.data]).limited(N_max)
        drawings, scale = dataset.train, dataset.scale
        if not len(drawings):
            raise SketchRNNError(f"{settings.data}: no training drawing has at most {N_max} points")
    batches = partial(
        training_batches,
        drawings,
        settings.batch_size,
        N_max,
        scale,
        seed=0,
        augment_scale=TRAINING.augment_scale,
        drop_probability=TRAINING.drop_probability,
    )
    return lambda: next(batches()), scale


def training_step(settings: BenchSettings, cell: str, name: str) -> Task:
    """The step of a cell's model, with the backend of that name, on the settings' device."""
    device = torch.device(settings.device)
    make, scale = batch_maker(settings)
    training = replace(TRAINING, batch_size=settings.batch_size)
    trainer = Trainer(settings.model(cell), training, scale, device)
    trainer.backend, trainer.graphs = backend_named(name, device)

    def task() -> None:
        if trainer.step(make()) is None:
            raise SketchRNNError(f"a step ({name}) gave a loss that is not finite")

    return task


def peak_memory(settings: BenchSettings, cell: str, name: str) -> dict[str, float]:
    """Peak memory of a process that takes some training steps; on a GPU, of the GPU.

    `over_imports_mb` is without what the process takes before it makes the model, which is
    Python's and PyTorch's code.
    """
    spawned = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, spawned) as pool:
            return pool.submit(_own_peak_memory, settings, cell, name).result()
    except BrokenProcessPool as error:
        raise SketchRNNError(f"the process that measures memory failed: {error}") from None


def _own_peak_memory(settings: BenchSettings, cell: str, name: str) -> dict[str, float]:
    device = prepared_device(settings.device)
    base = _peak_mb(device)
    step = training_step(settings, cell, name)
    for _ in range(MEMORY_STEPS):
        step()
    return {"peak_mb": _peak_mb(device), "over_imports_mb": _peak_mb(device) - base}


def _peak_mb(device: torch.device) -> float:
    """The most that was held; on Linux of VmHWM: `ru_maxrss` begins with the parent process's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    try:
        status = Path("/proc/self/status").read_text("utf-8")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    except (OSError, IndexError):
        import resource  # not everywhere

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most * (1 if sys.platform == "darwin" else 1024) / 1e6
