"""Networks of a run folder, and drawing point by point with one, of whatever cell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sketchrnn.drawing.base import Latent
from sketchrnn.model.config import ModelConfig
from sketchrnn.model.network import Network
from sketchrnn.model.prior import MARK
from sketchrnn.runs import load_tensors, load_weights, weights_place


def network_with(config: ModelConfig, weights: Mapping[str, torch.Tensor], where: Path) -> Network:
    """A network of just these weights: nothing is drawn at random, nor allocated, to be replaced.

    Raises SketchRNNError, naming `where` they are from, if they do not fit the config.
    """
    with torch.device("meta"):
        network = Network(config)
    load_weights(network, weights, where, assign=True)
    return network


def load_network(folder: Path, config: ModelConfig, which: str = "best") -> Network:
    """The network of a run folder. Raises SketchRNNError for weights missing or damaged."""
    path, prefix = weights_place(folder, which)
    tensors, _ = load_tensors(path)
    weights = {
        name.removeprefix(prefix): value.float()  # starters are stored in 16 bits
        for name, value in tensors.items()
        if name.startswith(prefix) and not name.startswith(MARK)
    }
    return network_with(config, weights, path)


class NetworkDecoder:
    """A network that draws one drawing at a time (`drawing.live.PointDecoder`)."""

    def __init__(self, network: Network) -> None:
        self.config = network.config
        self.size = sum(parameter.numel() for parameter in network.parameters())
        self._network = network.eval()
        head = network.head
        self._weight, self._bias = head.weight.numpy(force=True), head.bias.numpy(force=True)

    @torch.inference_mode()
    def begin(self, z: Latent | None = None) -> Any:
        """See `PointDecoder`."""
        device = self._network.head.weight.device
        return self._network.begin(None if z is None else torch.tensor(z[None], device=device))

    @torch.inference_mode()
    def step(self, row: Latent, memory: Any) -> tuple[Latent, Any]:
        """See `PointDecoder`."""
        x_15 = torch.from_numpy(row)[None].to(self._network.head.weight.device)
        h_1H, memory = self._network.decoding.step(x_15, memory)
        return self._weight @ h_1H[0].numpy(force=True) + self._bias, memory
