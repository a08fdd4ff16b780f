"""Time training steps at the paper's size on a GPU, and write the table.

    python scripts/time_step.py [--out table.md] [--seconds 400]

Each row is measured in a process of its own, so that one which runs out of memory leaves the others
alone. The most wanted come first; when the seconds are over the rest is left out. The table is
written anew after each row.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

ENCODER, DECODER, N_MAX = 512, 2048, 250
CELLS = {
    "lstm": 6,
    "layer_norm": 10,
    "hyper": 15,
}  # and what a step of 100 drawings should take, ms
STEPS, STEPS_SECONDS = 20, 8.0  # of a row
ROW_SECONDS = 120


@dataclass(frozen=True)
class Row:
    """What is measured.

    Attributes:
        cell: of the decoder; the encoder is an LSTM.
        batch_size: drawings a step.
        backend: name of a `Backend`.
        bf16: its products' factors.
        graph: the step as a CUDA graph.
        keep: of recurrent dropout.
    """

    cell: str
    batch_size: int
    backend: str = "triton"
    bf16: bool = True
    graph: bool = True
    keep: float = 0.9

    @property
    def title(self) -> str:
        parts = [self.backend, "bf16" if self.bf16 else "float32"]
        parts += ["one graph"] * self.graph + ["no dropout"] * (self.keep == 1)
        return ", ".join(parts)


def rows() -> list[Row]:
    """All of them, the most wanted first."""
    main = [Row(cell, batch) for batch in (100, 512, 2048) for cell in CELLS]
    exact = [replace(row, bf16=False) for row in main]
    first, others = main[: len(CELLS)], []
    for row in first:
        others.append(replace(row, graph=False))
        others.append(replace(row, backend="plain", bf16=False, graph=False))
    no_dropout = replace(first[0], keep=1.0)
    others += [no_dropout, replace(no_dropout, backend="cudnn", bf16=False, graph=False)]
    return first + exact[: len(CELLS)] + main[len(CELLS) :] + others + exact[len(CELLS) :]


def measure(row: Row, N_max: int, sizes: tuple[int, int]) -> dict[str, float]:
    """Seconds of a step (median, least), of the first one, and the GPU's peak memory in GB."""
    import numpy as np
    import torch

    from sketchrnn.data.batches import Batch
    from sketchrnn.model.config import ModelConfig
    from sketchrnn.model.unroll import Backend
    from sketchrnn.training.config import PRESETS
    from sketchrnn.training.trainer import Trainer

    model = ModelConfig(
        N_max=N_max,
        encoder_cell="lstm",
        decoder_cell=row.cell,  # type: ignore[arg-type]
        encoder_size=sizes[0],
        decoder_size=sizes[1],
    )
    training = replace(
        PRESETS["paper"].training, batch_size=row.batch_size, recurrent_keep=row.keep
    )
    on_gpu = torch.cuda.is_available()
    trainer = Trainer(model, training, 1.0, torch.device("cuda" if on_gpu else "cpu"))
    trainer.backend = Backend(row.backend, row.bf16)  # type: ignore[arg-type]
    trainer.graphs = row.graph

    rng = np.random.default_rng(0)
    lengths_B = rng.integers(N_max // 10, N_max + 1, row.batch_size)
    x_BT5 = np.zeros((row.batch_size, N_max + 1, 5), np.float32)
    x_BT5[..., :2] = rng.normal(size=x_BT5[..., :2].shape)
    ended = np.arange(N_max + 1) > lengths_B[:, None]
    x_BT5[..., 2] = 1
    x_BT5[ended] = (0, 0, 0, 0, 1)
    x_BT5[:, 0, :2] = 0
    batch = Batch(x_BT5, lengths_B, np.arange(row.batch_size))

    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) <= STEPS and (len(taken) < 3 or time.perf_counter() - began < STEPS_SECONDS):
        started = time.perf_counter()
        assert trainer.step(batch) is not None, "the loss is not finite"
        if on_gpu:
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    return {
        "seconds": statistics.median(taken[1:]),
        "least": min(taken[1:]),
        "first": taken[0],
        "peak_gb": torch.cuda.max_memory_allocated() / 1e9 if on_gpu else float("nan"),
    }


def in_own_process(row: Row, options: list[str]) -> dict[str, Any]:
    """What `measure` gives, or an `error`."""
    command = [sys.executable, __file__, "--row", json.dumps(asdict(row)), *options]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=ROW_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"not done in {ROW_SECONDS} s"}
    if done.returncode == 0:
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result
    print(done.stderr, file=sys.stderr)
    if "out of memory" in done.stderr:
        return {"error": "out of memory"}
    return {"error": (done.stderr.strip().splitlines() or ["failed"])[-1][:100]}


def table(results: list[tuple[Row, dict[str, Any]]], facts: str) -> str:
    lines = [
        facts,
        "",
        "| decoder | batch | backend | ms a step | least | first, s | peak GB | target, ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row, found in results:
        target = f"{CELLS[row.cell]}" if row.batch_size == 100 and row.graph else ""
        if "error" in found:
            numbers = f"{found['error']} | | | |"
        else:
            numbers = (
                f"{1000 * found['seconds']:.2f} | {1000 * found['least']:.2f}"
                f" | {found['first']:.1f} | {found['peak_gb']:.1f} |"
            )
        lines.append(f"| {row.cell} | {row.batch_size} | {row.title} | {numbers} {target} |")
    return "\n".join(lines) + "\n"


def machine() -> str:
    """What it ran on."""
    script = (
        "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    versions = []
    for package in ("torch", "triton"):
        try:
            versions.append(f"{package} {version(package)}")
        except ModuleNotFoundError:
            versions.append(f"no {package}")
    return f"{done.stdout.strip() or 'no GPU'}; {', '.join(versions)}."


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="where to write the table")
    parser.add_argument("--seconds", type=float, default=400.0, help="begin no row after these")
    parser.add_argument("--batch-size", type=int, nargs="+", help="only these")
    parser.add_argument("--sizes", type=int, nargs=2, default=[ENCODER, DECODER])
    parser.add_argument("--N-max", dest="N_max", type=int, default=N_MAX)
    parser.add_argument("--row", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        row = Row(**json.loads(arguments.row))
        print(json.dumps(measure(row, arguments.N_max, tuple(arguments.sizes))))
        return
    sizes = [str(size) for size in arguments.sizes]
    options = ["--N-max", str(arguments.N_max), "--sizes", *sizes]
    about = (
        f"Encoder LSTM {sizes[0]}, decoder {sizes[1]}, N_max {arguments.N_max}; random"
        f" drawings of a tenth of it and more. {machine()}"
    )
    began = time.monotonic()
    results: list[tuple[Row, dict[str, Any]]] = []
    for row in rows():
        if arguments.batch_size and row.batch_size not in arguments.batch_size:
            continue
        if time.monotonic() - began > arguments.seconds:
            break
        results.append((row, in_own_process(row, options)))
        print(table(results, about).splitlines()[-1], flush=True)
        if arguments.out:
            arguments.out.write_text(table(results, about), encoding="utf-8")
    if not arguments.out:
        print(table(results, about))


if __name__ == "__main__":
    main()
