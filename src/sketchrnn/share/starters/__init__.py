"""The models that come with the package: trained by us, small, loaded by name.

A folder each: `config.json` and `best.safetensors` (in 16 bits) as in any run folder, so everything
that takes a run takes a starter's name; `about.json`, its facts; `card.md`, the same for people;
`sheet.svg`, drawings. `scripts/ship.py` makes the folder from a run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from sketchrnn.errors import SketchRNNError
from sketchrnn.runs import STARTERS, starter_names
from sketchrnn.words import choices

ABOUT, CARD, SHEET = "about.json", "card.md", "sheet.svg"


class Starter(NamedTuple):
    """One model that comes with the package.

    `about` has its facts: draws, conditional, data, licence, counts, weights, steps, minutes,
    command, test (as `sketchrnn evaluate --json` prints), weaknesses.
    """

    name: str
    path: Path
    about: dict[str, Any]

    @property
    def card(self) -> str:
        """Its model card, Markdown."""
        return (self.path / CARD).read_text("utf-8")

    @property
    def size_bytes(self) -> int:
        """Of its files together."""
        return sum(file.stat().st_size for file in self.path.iterdir())


def starter(name: str) -> Starter:
    """The starter of that name. Raises SketchRNNError, naming those that there are."""
    names = starter_names()
    if name not in names:
        raise SketchRNNError(f"{name}: no such starter model; {choices(name, names)}")
    path = STARTERS / name
    return Starter(name, path, json.loads((path / ABOUT).read_text("utf-8")))


def starters() -> list[Starter]:
    """All of them, by name."""
    return [starter(name) for name in starter_names()]
