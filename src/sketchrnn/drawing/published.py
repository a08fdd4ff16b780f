"""A Model from the weights that the paper's authors published."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from sketchrnn.drawing.model import Model
from sketchrnn.interop.magenta import read_published
from sketchrnn.model.network import Network
from sketchrnn.runs import DataFacts, load_weights


def load_published(path: str | os.PathLike[str], *, device: str = "cpu") -> Model:
    """Load a published JSON file (see `interop.magenta`); SketchRNNError if it is not one."""
    published = read_published(path)
    network = Network(published.config)
    weights = {name: torch.from_numpy(array) for name, array in published.weights.items()}
    load_weights(network, weights, Path(path))
    facts = DataFacts(scale=published.scale, classes=(published.name,))
    return Model(network.to(device), facts, published.name)
