"""A training step that never waits for what it computes, and that step as one CUDA graph.

A paper-size step on a GPU is two thousand kernels of a few microseconds; starting each of them from
Python takes longer than running it. A CUDA graph starts all of them at once. What that asks for:

- The same memory every time: the batch is copied to where the graph reads it, and weights,
  gradients and Adam's moments stay where they were when the graph was made.
- No decision on the host: where the loss or a gradient is not finite Adam is told so on the device
  (`found_inf`, the switch that gradient scalers use) and leaves weights, moments and its count of
  steps alone. The host reads the losses and that switch once, after the step.
- Learning rate, KL weight and the random seed as numbers on the device. PyTorch writes a registered
  generator's seed there before each replay, so seeding it before the replay gives the step the same
  random numbers as seeding it before the same step without a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from sketchrnn.data.batches import Batch

WARM_UP = 2  # steps that change nothing, in which kernels are compiled and libraries wake up

# (x_BT5, lengths_B, KL weight) -> losses by name, and whether they and all gradients are finite
Learn = Callable[[Tensor, Tensor, Tensor], tuple[dict[str, Tensor], Tensor]]


class DeviceStep:
    """Training steps for batches of one shape: on a GPU a graph, elsewhere the same without one."""

    def __init__(
        self,
        learn: Learn,
        adam: torch.optim.Adam,
        generator: torch.Generator,
        shape_BT5: tuple[int, ...],
    ) -> None:
        self._learn = learn
        self._adam = adam
        self._generator = generator
        device = generator.device
        self._on_gpu = device.type == "cuda"
        self._x_BT5 = torch.zeros(shape_BT5, device=device)
        self._lengths_B = torch.ones(shape_BT5[0], dtype=torch.int64, device=device)
        self._sent = [
            torch.empty(part.shape, dtype=part.dtype, pin_memory=self._on_gpu)
            for part in (self._x_BT5, self._lengths_B)
        ]
        self._rate, self._weight, self._skip = (torch.zeros((), device=device) for _ in range(3))
        self._graph: torch.cuda.CUDAGraph | None = None
        self._names: list[str] = []
        self._results = self._skip  # numbers of those names: of the last step

    def take(self, batch: Batch, seed: int, rate: float, weight: float) -> dict[str, float] | None:
        """The losses of a step; None if they or a gradient are not finite, and nothing is done."""
        x_BT5, lengths_B = (torch.from_numpy(part) for part in (batch.x_BT5, batch.lengths_B))
        self._x_BT5.copy_(self._sent[0].copy_(x_BT5), non_blocking=True)
        self._lengths_B.copy_(self._sent[1].copy_(lengths_B), non_blocking=True)
        self._rate.fill_(rate)
        self._weight.fill_(weight)
        if self._on_gpu and self._graph is None:
            self._graph = self._capture()
        self._generator.manual_seed(seed)
        if self._graph is None:
            self._step()
        else:
            self._graph.replay()
        losses = dict(zip(self._names, self._results.tolist(), strict=True))
        return None if losses.pop("skipped") else losses

    def _capture(self) -> torch.cuda.CUDAGraph:
        self._skip.fill_(1)  # the weights must not change yet
        with torch.cuda.device(self._generator.device):
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP):
                    self._step()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            graph.register_generator_state(self._generator)
            with torch.cuda.graph(graph, stream=stream):
                self._step()
        self._skip.fill_(0)
        return graph

    def _step(self) -> None:
        """All of it; everything it reads and writes stands in memory that stays."""
        losses, is_finite = self._learn(self._x_BT5, self._lengths_B, self._weight)
        skipped = torch.maximum(self._skip, (~is_finite).float())
        with _on_device(self._adam, self._rate, skipped):
            self._adam.step()
        losses["skipped"] = skipped
        self._names = list(losses)
        self._results = torch.stack([value.detach() for value in losses.values()])


@contextmanager
def _on_device(adam: torch.optim.Adam, rate: Tensor, skipped: Tensor) -> Iterator[None]:
    """Let Adam take its rate, and whether to do anything (0) or not (1), from the device."""
    capturing = rate.is_cuda and torch.cuda.is_current_stream_capturing()
    changed = {"lr": rate, "capturable": capturing}
    before = [{key: group[key] for key in changed} for group in adam.param_groups]
    for group in adam.param_groups:
        group.update(changed)
    adam.found_inf = skipped  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del adam.found_inf  # type: ignore[attr-defined]
        for group, values in zip(adam.param_groups, before, strict=True):
            group.update(values)
