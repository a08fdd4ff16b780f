"""Time training steps at the paper's size on a GPU, and write the table.

    python scripts/time_step.py [--out table.md] [--seconds 400]

Each row is measured in a process of its own, so that one which runs out of memory leaves the others
alone. The most wanted come first; when the seconds are over the rest is left out. The table is
written anew after each row.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch.utils.benchmark import Timer

from sketchrnn.bench.settings import BenchSettings
from sketchrnn.bench.steps import training_step
from sketchrnn.devices import choose_device

ENCODER, DECODER, N_MAX = 512, 2048, 250
TARGETS_MS = {"lstm": 6, "layer_norm": 10, "hyper": 15}  # of a step of 100 drawings, by cell
FASTEST = "triton-bf16-graph"
STEPS_SECONDS = 8.0  # of a row
ROW_SECONDS = 120

Row = tuple[str, int, str]  # cell of the decoder, the encoder's is an LSTM; drawings; backend


def rows() -> list[Row]:
    """All of them, the most wanted first."""
    small = [(cell, 100, backend) for backend in (FASTEST, "triton-graph") for cell in TARGETS_MS]
    large = [(cell, batch, FASTEST) for batch in (512, 2048) for cell in TARGETS_MS]
    others = [(cell, 100, backend) for cell in TARGETS_MS for backend in ("triton-bf16", "plain")]
    exact = [(cell, batch, "triton-graph") for cell, batch, _ in large]
    return small + large + others + exact


def measure(row: Row, settings: BenchSettings) -> dict[str, float]:
    """Seconds of a step (median, least), of the first one, and the GPU's peak memory in GB."""
    cell, _, backend = row
    step = training_step(settings, cell, backend)
    began = time.perf_counter()
    step()
    first = time.perf_counter() - began
    timer = Timer("step()", globals={"step": step}, num_threads=torch.get_num_threads())
    found = timer.blocked_autorange(min_run_time=STEPS_SECONDS)
    on_gpu = settings.device.startswith("cuda")
    return {
        "seconds": found.median,
        "least": min(found.times),
        "first": first,
        "peak_gb": torch.cuda.max_memory_allocated() / 1e9 if on_gpu else float("nan"),
    }


def in_own_process(row: Row, options: list[str]) -> dict[str, Any]:
    """What `measure` gives, or an `error`."""
    command = [sys.executable, __file__, "--row", json.dumps(row), *options]
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
    for (cell, batch_size, backend), found in results:
        target = f"{TARGETS_MS[cell]}" if batch_size == 100 and backend.endswith("graph") else ""
        if "error" in found:
            numbers = f"{found['error']} | | | |"
        else:
            numbers = (
                f"{1000 * found['seconds']:.2f} | {1000 * found['least']:.2f}"
                f" | {found['first']:.1f} | {found['peak_gb']:.1f} |"
            )
        lines.append(f"| {cell} | {batch_size} | {backend} | {numbers} {target} |")
    return "\n".join(lines) + "\n"


def machine() -> str:
    """What it ran on."""
    versions = []
    for package in ("torch", "triton"):
        try:
            versions.append(f"{package} {version(package)}")
        except ModuleNotFoundError:
            versions.append(f"no {package}")
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{gpu}; {', '.join(versions)}."


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="where to write the table")
    parser.add_argument("--seconds", type=float, default=400.0, help="begin no row after these")
    parser.add_argument("--batch-size", type=int, nargs="+", help="only these")
    parser.add_argument("--sizes", type=int, nargs=2, default=[ENCODER, DECODER])
    parser.add_argument("--N-max", type=int, default=N_MAX)
    parser.add_argument("--row", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    encoder_size, decoder_size = arguments.sizes
    if arguments.row:
        settings = BenchSettings(
            size="paper",
            device=str(choose_device("auto")),
            encoder_size=encoder_size,
            decoder_size=decoder_size,
            N_max=arguments.N_max,
            batch_size=arguments.row[1],
        )
        print(json.dumps(measure(arguments.row, settings)))
        return
    options = ["--N-max", f"{arguments.N_max}", "--sizes", f"{encoder_size}", f"{decoder_size}"]
    about = (
        f"Encoder LSTM {encoder_size}, decoder {decoder_size}, N_max {arguments.N_max}; random"
        f" drawings with Omniglot's lengths. {machine()}"
    )
    began = time.monotonic()
    results: list[tuple[Row, dict[str, Any]]] = []
    for row in rows():
        if arguments.batch_size and row[1] not in arguments.batch_size:
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
