"""Tiny drawings and runs for the tests of the command line: everything in a second or two."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from sketchrnn.cli import main

# A model and a training that take no time.
TINY = (
    *("--encoder-size", "6", "--decoder-size", "8", "--z-size", "4", "--mixtures", "2"),
    *("--batch-size", "8", "--max-steps", "4", "--evaluate-every", "2", "--device", "cpu"),
)


def write_ndjson(path: Path, count: int = 60, words: tuple[str, ...] = ("cat", "pig")) -> Path:
    """Random drawings of two strokes in QuickDraw's simplified format, 7 to 13 points long."""
    rng = np.random.default_rng(len(words))
    lines = []
    for number in range(count):
        drawing = [rng.integers(0, 256, (2, rng.integers(4, 8))).tolist() for _ in range(2)]
        record = {"word": words[number % len(words)], "recognized": True, "drawing": drawing}
        lines.append(json.dumps(record) + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def do(*arguments: str | Path) -> None:
    """Run a command that has to succeed."""
    assert main([str(argument) for argument in arguments]) == 0


class Shell:
    """Runs commands in this process; keeps what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments: str | Path) -> int:
        """Run one command; returns its exit code."""
        self._capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as leaving:  # argparse: --help, and what it cannot parse
            code = int(leaving.code or 0)
        self.out, self.err = self._capsys.readouterr()
        return code


def listing(folder: Path) -> dict[str, tuple[int, ...]]:
    """Every file and folder in `folder`; of files also what a write or a replacement changes."""
    result: dict[str, tuple[int, ...]] = {}
    for parent, folders, files in os.walk(folder):
        result |= dict.fromkeys((f"{parent}/{name}" for name in folders), ())
        for name in files:
            facts = os.lstat(f"{parent}/{name}")
            result[f"{parent}/{name}"] = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
    return result
