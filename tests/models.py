"""Tiny networks with random weights, for tests of what is drawn."""

from __future__ import annotations

from typing import Any

import torch

from sketchrnn.model.config import ModelConfig
from sketchrnn.model.network import Network


def random_network(*, end: float = 0.0, **config: Any) -> Network:
    """Random weights, large enough that everything matters, the same each time.

    Args:
        end: moves the logit of p3; under 0 the end comes late, so that drawings have some length.
        config: fields of ModelConfig.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(ModelConfig(**config))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.3 * torch.randn_like(parameter)
            network.head.bias[2] += end
    return network
