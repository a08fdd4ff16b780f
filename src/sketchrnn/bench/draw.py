"""Measuring drawing: one at a time, many at once, and the first drawing of a new process."""

from __future__ import annotations

import statistics
import subprocess
import sys
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sketchrnn import strokes
from sketchrnn.bench.measure import PLAIN, Task, compare, flops_of, in_turn
from sketchrnn.bench.settings import BenchSettings
from sketchrnn.drawing.live import LiveDecoder
from sketchrnn.drawing.point import draw_rows
from sketchrnn.drawing.sample import sample_point, sample_strokes
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import PEN_STATES, POINT, ModelConfig
from sketchrnn.model.mixture import Mixture
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import Backend

TEMPERATURE = 0.5
NEVER = -1e4  # the logit of p3, so that every drawing has N_max points
COLD_START = "sketchrnn generate face -n 1 -o -"
COLD_STARTS = 3


def bench_draw(settings: BenchSettings) -> dict[str, Any]:
    """Measure drawing with each cell's model, and the command that draws with a starter model."""
    tables = []
    for cell in settings.cells or ("lstm",):
        network = endless_network(settings.model(cell), torch.device(settings.device))
        one = _drawing("one at a time", network, 1, settings)
        for row in one["rows"]:
            row["ms_a_point"] = 1000 * row["seconds"] / settings.N_max
        many = _drawing(f"{settings.drawings} at once", network, settings.drawings, settings)
        for row in many["rows"]:
            row["drawings_per_s"] = settings.drawings / row["seconds"]
        tables += [one, many]
    repeats = min(settings.repeats, COLD_STARTS)
    samples = in_turn("a new process", {"": _draw_cold}, repeats, settings.seconds)[""]
    seconds = statistics.median(samples)
    return {
        "N_max": settings.N_max,
        "temperature": TEMPERATURE,
        "tables": tables,
        "cold_start": {"command": COLD_START, "seconds": seconds, "samples": samples},
    }


def endless_network(model: ModelConfig, device: torch.device) -> Network:
    """A model with random weights, and a pen that never ends a drawing before N_max points."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(model)
    with torch.no_grad():
        network.head.bias[PEN_STATES - 1] = NEVER  # the pen's logits come first, p3 is their last
    return network.eval().to(device)


def _drawing(how: str, network: Network, count: int, settings: BenchSettings) -> dict[str, Any]:
    model = network.config
    generator = torch.Generator().manual_seed(0)
    z_nZ = torch.randn(count, model.z_size, generator=generator).to(settings.device)
    sample = partial(sample_strokes, network, z_nZ, count, temperature=TEMPERATURE, seed=0)
    tasks: dict[str, Task] = {PLAIN: lambda: draw_plainly(network, z_nZ), "PyTorch": sample}
    if count > 1:
        with suppress(SketchRNNError):  # not every machine has such products
            Backend(bf16=True).chosen(z_nZ)
            tasks["PyTorch bf16"] = partial(sample, bf16=True)
    elif z_nZ.device.type == "cpu":
        weights = {key: value.numpy() for key, value in network.state_dict().items()}
        live = partial(draw_rows, LiveDecoder(model, weights, "bench"), z_nZ[0].numpy())
        tasks["NumPy, live"] = lambda: list(live(temperature=TEMPERATURE, seed=0))
    return compare(
        f"drawing, {model.decoder_cell} {model.decoder_size}, {how}",
        model,
        tasks,
        settings,
        flops=count * drawing_flops(network, z_nZ[:1]),
        product_rows=count,
    )


@torch.inference_mode()
def draw_plainly(network: Network, z_nZ: Tensor) -> Tensor:
    """What sampling is, and no more: N_max rows of each of n drawings [n, N_max, 5]."""
    n, device = len(z_nZ), z_nZ.device
    generator = torch.Generator(device).manual_seed(0)
    x_n5, state = torch.from_numpy(strokes.START_TOKEN).to(device).repeat(n, 1), None
    rows = []
    for _ in range(network.config.N_max):
        mixture, state = network.decode(x_n5[:, None], z_nZ, state, backend=Backend(PLAIN))
        uniform = torch.rand(n, 2, generator=generator, device=device)
        normal = torch.randn(n, 2, generator=generator, device=device)
        of_one_step = Mixture(*(part[:, 0] for part in vars(mixture).values()))
        x_n5 = sample_point(of_one_step, uniform, normal, TEMPERATURE)
        rows.append(x_n5)
    return torch.stack(rows, dim=1)


@torch.no_grad()
def drawing_flops(network: Network, z_1Z: Tensor) -> int:
    """FLOPs of the products of a drawing of N_max points, where z's is formed once."""
    x_1T5 = torch.zeros(1, network.config.N_max, POINT, device=z_1Z.device)
    return flops_of(lambda: network.decode(x_1T5, z_1Z, backend=Backend(PLAIN)))


def _draw_cold() -> None:
    command = [sys.executable, "-m", *COLD_START.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SketchRNNError(f"`{COLD_START}` failed: {done.stderr.strip()}")
