"""Measure how soon light verbs are done: the least of ten runs each, as processes of their own.

python scripts/start_times.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPEATS = 10
VERBS = (
    "--version",
    "--help",
    "generate --help",
    "data prepare --help",
    "models face",
    "convert a.svg -o b.svg",
    "convert a.svg -o b.json",
    "data inspect doodles:20",
    "data prepare a.svg -o b.sketches",
    "generate face -n 1 --seed 1 -o b.svg",
    "generate nobody",
)
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0 L50 10 L20 50"/></svg>'


def seconds(verb: str, folder: str) -> float:
    command = [sys.executable, "-m", "sketchrnn", *verb.split()]
    best = float("inf")
    for _ in range(REPEATS):
        began = time.perf_counter()
        subprocess.run(command, cwd=folder, capture_output=True, check=False)
        best = min(best, time.perf_counter() - began)
    return best


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.svg").write_text(SVG, "utf-8")
        for verb in VERBS:
            print(f"{seconds(verb, folder):6.2f} s  sketchrnn {verb}", flush=True)


if __name__ == "__main__":
    main()
