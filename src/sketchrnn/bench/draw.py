"""Measuring drawing: one at a time, many at once, and the first drawing of a new process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from sketchrnn import strokes
from sketchrnn.bench.progress import Progress
from sketchrnn.bench.rates import Floor, Gauge, Rates, gauges, vector_gauges
from sketchrnn.bench.settings import Settings
from sketchrnn.bench.timing import Task, Times, in_turn
from sketchrnn.bench.ways import PLAIN
from sketchrnn.bench.work import flops_of, point_products
from sketchrnn.drawing.live import LiveDecoder
from sketchrnn.drawing.point import draw_rows
from sketchrnn.drawing.sample import sample_point, sample_strokes
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.backends.native.library import has_bf16
from sketchrnn.model.config import PEN_STATES, ModelConfig
from sketchrnn.model.mixture import Mixture
from sketchrnn.model.network import Network
from sketchrnn.runs import BEST, DataFacts, RunConfig, save_tensors, write_config
from sketchrnn.training.config import TrainingConfig

TEMPERATURE = 0.5
NEVER = -1e4  # the logit of p3, so that every drawing has N_max points
SCALE = 50.0  # px
LIVE, TOGETHER, TOGETHER_BF16 = "NumPy, live", "PyTorch", "PyTorch bf16"
COLD_STARTS = 3


@dataclass(frozen=True)
class Row:
    """One way to draw.

    Attributes:
        way, type: which, and what its products are formed of.
        seconds: of all that is drawn at once, the median; `best_seconds` the least; `samples` all.
        ms_a_point: of one drawing, 1000 seconds / N_max; of many at once None.
        drawings_per_s: the number of drawings / seconds.
        to_plain: times as fast as the plain loop: the plain loop's seconds / these.
        to_floor: times the floor of its type: best_seconds / the floor's seconds.
    """

    way: str
    type: str
    seconds: float
    best_seconds: float
    samples: tuple[float, ...]
    ms_a_point: float | None
    drawings_per_s: float
    to_plain: float
    to_floor: float | None


@dataclass(frozen=True)
class Table:
    """All ways to draw so many at once with one model.

    Attributes:
        name: what was measured.
        model: its config.
        drawings: how many at once.
        gflop: of all products that they need.
        floors: by type: of one drawing, its products with vectors; of many, as in training.
        product_rates: FLOP/s of each product that was measured, by type.
        rows: the ways.
    """

    name: str
    model: dict[str, Any]
    drawings: int
    gflop: float
    floors: dict[str, Floor]
    product_rates: dict[str, dict[str, float]]
    rows: list[Row]


def bench_draw(settings: Settings, device: torch.device, progress: Progress) -> dict[str, Any]:
    """Measure drawing with each cell's model.

    Returns:
        `tables`, two a model (see `Table`), and `first_drawing`, in seconds, by model; fit for
        JSON.
    """
    tables = []
    starts: dict[str, dict[str, Any]] = {}
    for cell in settings.drawn:
        model = settings.model(cell)
        name = f"{model.decoder_cell} {model.decoder_size}"
        network = endless_network(model, device)
        tables.append(_one_at_a_time(name, network, settings, device, progress))
        tables.append(_many_at_once(name, network, settings, device, progress))
        progress.stage(f"drawing, {name}, the first of a process")
        start = _first_drawing(network, settings, progress)
        starts[name] = {
            "seconds": start.seconds,
            "best_seconds": start.best,
            "samples": start.samples,
        }
    return {
        "N_max": settings.N_max,
        "temperature": TEMPERATURE,
        "tables": [asdict(table) for table in tables],
        "first_drawing": starts,
    }


def endless_network(model: ModelConfig, device: torch.device) -> Network:
    """A model with random weights, and a pen that never ends a drawing before N_max points."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(model)
    with torch.no_grad():
        network.head.bias[PEN_STATES - 1] = NEVER  # the pen's logits come first, p3 is their last
    return network.eval().to(device)


def _one_at_a_time(
    name: str, network: Network, settings: Settings, device: torch.device, progress: Progress
) -> Table:
    z_1Z = _latents(network, 1)
    tasks = _loops(network, z_1Z.to(device))
    if device.type == "cpu":
        weights = {key: value.numpy() for key, value in network.state_dict().items()}
        decoder = LiveDecoder(network.config, weights, name)

        def live() -> None:
            list(draw_rows(decoder, z_1Z[0].numpy(), temperature=TEMPERATURE, seed=0))

        tasks[LIVE] = live
    measures = vector_gauges(point_products(network.config, 1), device)
    progress.stage(f"drawing, {name}, one at a time")
    return _table(f"{name}, one at a time", 1, network, tasks, measures, settings, device, progress)


def _many_at_once(
    name: str, network: Network, settings: Settings, device: torch.device, progress: Progress
) -> Table:
    count = settings.drawings
    z_nZ = _latents(network, count).to(device)
    tasks = _loops(network, z_nZ)
    if device.type != "cpu" or has_bf16():
        tasks[TOGETHER_BF16] = _sampling(network, z_nZ, bf16=True)
    measures = gauges(count, network.config.decoder_size, 1, device)
    title = f"{name}, {count} at once"
    progress.stage(f"drawing, {title}")
    return _table(title, count, network, tasks, measures, settings, device, progress)


def _table(
    name: str,
    count: int,
    network: Network,
    tasks: Mapping[str, Task],
    measures: Mapping[str, Gauge],
    settings: Settings,
    device: torch.device,
    progress: Progress,
) -> Table:
    times = in_turn(
        {**tasks, **{key: gauge.task for key, gauge in measures.items()}},
        rounds=settings.repeats,
        seconds=settings.seconds,
        device=device,
        progress=progress,
    )
    N_max = settings.N_max
    needed = N_max * flops_of(point_products(network.config, count))
    rates = Rates.of(measures, times)
    found = rates.floors(needed)
    rows = []
    for way in tasks:
        own, type_name = times[way], "bf16" if way == TOGETHER_BF16 else "float32"
        rows.append(
            Row(
                way=way,
                type=type_name,
                seconds=own.seconds,
                best_seconds=own.best,
                samples=own.samples,
                ms_a_point=1000 * own.seconds / N_max if count == 1 else None,
                drawings_per_s=count / own.seconds,
                to_plain=times[PLAIN].seconds / own.seconds,
                to_floor=own.best / found[type_name].seconds,
            )
        )
    return Table(name, asdict(network.config), count, needed / 1e9, found, rates.by_type, rows)


def _latents(network: Network, count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, network.config.z_size, generator=generator)


def _loops(network: Network, z_nZ: torch.Tensor) -> dict[str, Task]:
    return {PLAIN: lambda: draw_plainly(network, z_nZ), TOGETHER: _sampling(network, z_nZ)}


@torch.inference_mode()
def draw_plainly(network: Network, z_nZ: torch.Tensor) -> torch.Tensor:
    """What sampling is, and no more: N_max rows of each of n drawings [n, N_max, 5]."""
    n, device = len(z_nZ), z_nZ.device
    generator = torch.Generator(device).manual_seed(0)
    state = network.initial_state(z_nZ, n)
    x_n5 = torch.from_numpy(strokes.START_TOKEN).to(device).repeat(n, 1)
    rows = []
    for _ in range(network.config.N_max):
        state = network.decoder(torch.cat([x_n5, z_nZ], dim=1), state)
        uniform = torch.rand(n, 2, generator=generator, device=device)
        normal = torch.randn(n, 2, generator=generator, device=device)
        x_n5 = sample_point(Mixture.from_head(network.head(state[0])), uniform, normal, TEMPERATURE)
        rows.append(x_n5)
    return torch.stack(rows, dim=1)


def _sampling(network: Network, z_nZ: torch.Tensor, *, bf16: bool = False) -> Task:
    return lambda: sample_strokes(
        network, z_nZ, len(z_nZ), temperature=TEMPERATURE, seed=0, bf16=bf16
    )


def _first_drawing(network: Network, settings: Settings, progress: Progress) -> Times:
    """The command that draws one drawing of a run folder, from its start to its end."""
    facts = DataFacts(scale=SCALE)
    with tempfile.TemporaryDirectory(prefix="sketchrnn-bench-") as name:
        run, drawing = Path(name) / "run", Path(name) / "drawing.svg"
        run.mkdir()
        write_config(run, RunConfig(network.config, facts, asdict(TrainingConfig())))
        save_tensors(run / BEST, network.state_dict(), {})
        command = [sys.executable, "-m", "sketchrnn", "generate", str(run), "-n", "1"]
        command += ["--temperature", f"{TEMPERATURE:g}", "--seed", "0", "-o", str(drawing)]

        def draw() -> None:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SketchRNNError(f"`sketchrnn generate` failed: {done.stderr.strip()}")

        return in_turn(
            {"": draw},
            rounds=min(settings.repeats, COLD_STARTS),
            seconds=settings.seconds,
            device=torch.device("cpu"),
            progress=progress,
            warm=False,  # a second start finds the files in memory; the first is not left out
        )[""]
