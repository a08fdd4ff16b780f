"""A Model from the weights that the paper's authors published."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from sketchrnn.devices import choose_device
from sketchrnn.drawing.model import Model, network_with
from sketchrnn.interop.magenta import read_published
from sketchrnn.runs import DataFacts


def load_published(path: str | os.PathLike[str], *, device: str = "cpu") -> Model:
    """Load a published JSON file (see `interop.magenta`); SketchRNNError if it is not one."""
    published = read_published(path)
    weights = {name: torch.from_numpy(array) for name, array in published.weights.items()}
    network = network_with(published.config, weights, Path(path))
    facts = DataFacts(scale=published.scale, classes=(published.name,))
    return Model(network.to(choose_device(device)), facts, published.name)
