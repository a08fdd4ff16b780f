"""The ways to run a cell that are measured, by the names that the command line has for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import BACKEND_NAMES
from sketchrnn.model.unroll import Backend

TypeName = Literal["float32", "bf16"]

PLAIN = "plain"
OF_GRAPHS = "triton"  # whose step can be one CUDA graph
NO_DROPOUT = "cudnn"  # has none, so it cannot take a whole training step


@dataclass(frozen=True)
class MeasuredWay:
    """A way, and whether the whole step is one CUDA graph."""

    way: Backend
    graph: bool = False

    @property
    def name(self) -> str:
        """As it is typed: native-bf16, triton-bf16-graph."""
        return self.way.name + "-bf16" * self.way.bf16 + "-graph" * self.graph

    @property
    def type(self) -> TypeName:
        """What its products are formed of."""
        return "bf16" if self.way.bf16 else "float32"

    def why_not(self, device: torch.device) -> SketchRNNError | None:
        """What is in the way of it on the device, if anything is."""
        if self.graph and (device.type != "cuda" or self.way.name != OF_GRAPHS):
            return SketchRNNError(f"only {OF_GRAPHS}, on a GPU, can be a CUDA graph")
        try:
            self.way.chosen(torch.zeros(1, device=device))
        except SketchRNNError as error:
            return error
        return None


WAYS = {
    measured.name: measured
    for name in BACKEND_NAMES
    if name != "auto"
    for bf16 in (False, True)
    for graph in (False, True)
    if (measured := MeasuredWay(Backend(name, bf16), graph))  # type: ignore[arg-type]
}


def ways_here(asked: Sequence[str] | None, device: torch.device) -> list[MeasuredWay]:
    """The ways to measure: those asked for, or all that can be had on the device.

    Raises:
        SketchRNNError: one that is asked for cannot be had, or there is none of that name.
    """
    found = [way for way in WAYS.values() if way.why_not(device) is None]
    if asked is None:
        return found
    for name in asked:
        if name not in WAYS:
            here = ", ".join(way.name for way in found)
            raise SketchRNNError(f"unknown way {name!r}: choose of {here}")
        problem = WAYS[name].why_not(device)
        if problem is not None:
            raise SketchRNNError(f"way {name}: {problem}")
    return [WAYS[name] for name in dict.fromkeys(asked)]
