"""Measuring training steps: the plain loop, the fast ways, torch.nn.LSTM, and the floor.

One model after the other; within a model all ways and all that the floor is made of are measured in
turn, a round at a time. Ways are compared by their medians over the rounds; the floor is made of
the best rounds, and is compared with the best round of each way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from sketchrnn.bench.progress import Progress
from sketchrnn.bench.rates import Floor, Rates, gauges, product_task
from sketchrnn.bench.settings import Settings
from sketchrnn.bench.step import MEMORY_STEPS, StepData, Stepper, StepSpec, peak_memory
from sketchrnn.bench.timing import Task, Times, in_turn
from sketchrnn.bench.ways import NO_DROPOUT, PLAIN, MeasuredWay, TypeName, ways_here
from sketchrnn.bench.work import (
    decoder_bytes,
    decoder_products,
    flops_of,
    step_bytes,
    step_products,
)
from sketchrnn.model.config import GATES, POINT, ModelConfig
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import unroll

TORCH_LSTM, TORCH_LSTM_BF16 = "torch.nn.LSTM", "torch.nn.LSTM bf16"

# For an estimate: what a step takes of the time of its products, and starting a process (seconds).
PLAIN_PART, FAST_PART, BF16_PART, PROCESS = 2.2, 1.3, 0.7, 4.0


@dataclass(frozen=True)
class Row:
    """One way.

    Attributes:
        way, type: which, and what its products are formed of.
        seconds: a step, the median; `best_seconds` the least; `samples` all.
        to_plain: times as fast as the plain loop: the plain loop's seconds / these.
        to_floor: times the floor of its type: best_seconds / the floor's seconds.
        memory: of a process that takes such steps (see `step.Memory`), where measured.
    """

    way: str
    type: str
    seconds: float
    best_seconds: float
    samples: tuple[float, ...]
    to_plain: float | None
    to_floor: float | None
    memory: dict[str, float] | None = None


@dataclass(frozen=True)
class Table:
    """All ways of one model.

    Attributes:
        name: what was measured.
        model: its config.
        gflop: that the products of a step need.
        gflop_all_steps: with an encoder that runs all N_max steps of every drawing, to compare.
        floors: by type.
        product_rates: FLOP/s of each product that was measured, by type.
        rows: the ways.
    """

    name: str
    model: dict[str, Any]
    gflop: float
    gflop_all_steps: float | None
    floors: dict[str, Floor]
    product_rates: dict[str, dict[str, float]]
    rows: list[Row]


def bench_train(settings: Settings, device: torch.device, progress: Progress) -> dict[str, Any]:
    """Measure training steps of each cell, and an LSTM decoder beside torch.nn.LSTM.

    Returns:
        `tables`, one a model (see `Table`), and what their steps have in common; fit for JSON.
    """
    ways = ways_here(settings.ways, device)
    specs = [
        StepSpec(settings.model(cell), settings.batch_size, settings.data)
        for cell in settings.trained
    ]
    lengths = StepData(specs[0]).batch().lengths_B.tolist()
    progress.note(f"training: about {_estimate(specs, ways, settings, device):.0f} s")
    tables = [_steps(spec, lengths, ways, settings, device, progress) for spec in specs]
    if "lstm" in settings.trained:
        tables.append(_decoder_alone(settings.model("lstm"), ways, settings, device, progress))
    return {
        "batch_size": settings.batch_size,
        "N_max": settings.N_max,
        "data": settings.data or "random drawings with Omniglot's lengths",
        "shortest": min(lengths),
        "mean_length": sum(lengths) / len(lengths),
        "longest": max(lengths),
        "z_size": specs[0].model.z_size,
        "mixtures": specs[0].model.mixtures,
        "floor": "seconds = flops / product_rate + bytes / memory_rate",
        "tables": [asdict(table) for table in tables],
    }


def describe(model: ModelConfig) -> str:
    """A model in a few words."""
    return (
        f"encoder {model.encoder_cell} {model.encoder_size},"
        f" decoder {model.decoder_cell} {model.decoder_size}"
    )


def _estimate(
    specs: Sequence[StepSpec], ways: Sequence[MeasuredWay], settings: Settings, device: torch.device
) -> float:
    """Seconds that all of it may take, from a quick measurement of a product; roughly."""
    total = 0.0
    for spec in specs:
        H = spec.model.decoder_size
        task, flops = product_task(spec.batch_size, H, GATES * H, device)
        times = in_turn({"": task}, rounds=3, seconds=1, device=device, progress=Progress())
        products = flops_of(step_products(spec.model, [spec.model.N_max] * spec.batch_size))
        products_seconds = products / flops * times[""].best
        parts = [
            PLAIN_PART if way.name == PLAIN else BF16_PART if way.type == "bf16" else FAST_PART
            for way in ways
        ]
        one_round = products_seconds * sum(parts) + 1.0
        total += one_round + min(settings.repeats * one_round, settings.seconds + one_round)
        if settings.memory:
            steps = MEMORY_STEPS * products_seconds
            total += sum(PROCESS + steps * part for part in parts)
    return total


def _steps(
    spec: StepSpec,
    lengths: Sequence[int],
    ways: Sequence[MeasuredWay],
    settings: Settings,
    device: torch.device,
    progress: Progress,
) -> Table:
    name = describe(spec.model)
    needed = flops_of(step_products(spec.model, lengths))
    every = flops_of(step_products(spec.model, lengths, all_steps=True))
    progress.stage(f"training, {name}")
    ways = [way for way in ways if way.way.name != NO_DROPOUT]
    tasks: dict[str, Task] = {way.name: Stepper(spec, way, device) for way in ways}
    times, rates = _measure(tasks, spec.model, settings, device, progress)
    found = rates.floors(needed, step_bytes(spec.model, lengths))
    del tasks  # the other processes need the memory
    rows = []
    for way in ways:
        memory = None
        if settings.memory:
            progress.stage(f"memory, {name}, {way.name}")
            memory = asdict(peak_memory(spec, way, device))
        rows.append(_row(way.name, way.type, times, found, memory))
    return Table(name, asdict(spec.model), needed / 1e9, every / 1e9, found, rates.by_type, rows)


def _measure(
    tasks: dict[str, Task],
    model: ModelConfig,
    settings: Settings,
    device: torch.device,
    progress: Progress,
) -> tuple[dict[str, Times], Rates]:
    """The tasks, and the rates at the shapes of the model's decoder, in turn."""
    measures = gauges(settings.batch_size, model.decoder_size, model.N_max, device)
    times = in_turn(
        tasks | {name: gauge.task for name, gauge in measures.items()},
        rounds=settings.repeats,
        seconds=settings.seconds,
        device=device,
        progress=progress,
    )
    return times, Rates.of(measures, times)


def _row(
    way: str,
    type_name: TypeName,
    times: dict[str, Times],
    floors_by_type: dict[str, Floor],
    memory: dict[str, float] | None = None,
) -> Row:
    own = times[way]
    floor = floors_by_type.get(type_name)
    return Row(
        way=way,
        type=type_name,
        seconds=own.seconds,
        best_seconds=own.best,
        samples=own.samples,
        to_plain=times[PLAIN].seconds / own.seconds if PLAIN in times else None,
        to_floor=None if floor is None else own.best / floor.seconds,
        memory=memory,
    )


def _decoder_alone(
    model: ModelConfig,
    ways: Sequence[MeasuredWay],
    settings: Settings,
    device: torch.device,
    progress: Progress,
) -> Table:
    """An LSTM decoder over N_max steps, forward and backward, without dropout, head and loss.

    torch.nn.LSTM takes [point; z] at every step; ours takes z once, for the same function.
    """
    name = f"decoder alone, lstm {model.decoder_size}"
    progress.stage(f"training, {name}")
    T, B, H = model.N_max, settings.batch_size, model.decoder_size
    generator = torch.Generator(device).manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    x_TB5, z_BZ, adjoint_TBH = normal(T, B, POINT), normal(B, model.z_size), normal(T, B, H)
    z_BZ.requires_grad_()
    network = Network(model).to(device)
    theirs = nn.LSTM(POINT + model.z_size, H, device=device)
    state = tuple(normal(B, H).requires_grad_() for _ in range(2))
    leaves = (z_BZ, *state, *network.decoder.parameters(), *theirs.parameters())

    def forget_gradients() -> None:
        for leaf in leaves:
            leaf.grad = None

    def ours(way: MeasuredWay) -> Task:
        def task() -> None:
            forget_gradients()
            weights, constant = network.input_product(z_BZ, B)
            h_TBH, _ = unroll(network.decoder, x_TB5, weights, constant, state, backend=way.way)
            h_TBH.backward(adjoint_TBH)  # type: ignore[no-untyped-call]

        return task

    def torch_lstm(bf16: bool) -> Task:
        def task() -> None:
            forget_gradients()
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                input_TBD = torch.cat([x_TB5, z_BZ.expand(T, -1, -1)], dim=2)
                h_TBH, _ = theirs(input_TBD, tuple(part[None] for part in state))
            h_TBH.backward(adjoint_TBH.to(h_TBH.dtype))

        return task

    ways = [way for way in ways if not way.graph]
    tasks = {way.name: ours(way) for way in ways} | {TORCH_LSTM: torch_lstm(False)}
    types: dict[str, TypeName] = {way.name: way.type for way in ways}
    types[TORCH_LSTM] = "float32"
    if "bf16" in types.values():
        tasks[TORCH_LSTM_BF16], types[TORCH_LSTM_BF16] = torch_lstm(True), "bf16"
    times, rates = _measure(tasks, model, settings, device, progress)
    needed = flops_of(decoder_products(model, B))
    found = rates.floors(needed, decoder_bytes(model, B))
    rows = [_row(way, types[way], times, found) for way in tasks]
    return Table(name, asdict(model), needed / 1e9, None, found, rates.by_type, rows)
