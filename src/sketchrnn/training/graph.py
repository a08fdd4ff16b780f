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

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from sketchrnn.data.batches import Batch
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import Backend
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.step import clip_gradients, step_losses

WARM_UP = 2  # steps that change nothing, in which kernels are compiled and libraries wake up


class DeviceStep:
    """Training steps for batches of one shape: on a GPU a graph, elsewhere the same without one.

    `start` begins a step and returns while the GPU is at it; `finish` waits for it.
    """

    def __init__(
        self,
        network: Network,
        adam: torch.optim.Adam,
        config: TrainingConfig,
        generator: torch.Generator,
        backend: Backend,
        shape_BT5: tuple[int, ...],
    ) -> None:
        self.shape_BT5 = shape_BT5
        self._network = network
        self._adam = adam
        self._config = config
        self._generator = generator
        self._backend = backend
        device = generator.device
        self._on_gpu = device.type == "cuda"
        self._x_BT5 = torch.zeros(shape_BT5, device=device)
        self._lengths_B = torch.ones(shape_BT5[0], dtype=torch.int64, device=device)
        self._sent = [
            torch.empty(part.shape, dtype=part.dtype, pin_memory=self._on_gpu)
            for part in (self._x_BT5, self._lengths_B)
        ]
        self._rate, self._weight, self._skip = (torch.zeros((), device=device) for _ in range(3))
        self._results = torch.zeros(len(_RESULTS), device=device)
        self._graph: torch.cuda.CUDAGraph | None = None

    def start(self, batch: Batch, *, seed: int, rate: float, weight: float) -> None:
        """Begin a step: forward, backward, clip, Adam."""
        parts = (batch.x_BT5, batch.lengths_B)
        for values, sent, here in zip(
            parts, self._sent, (self._x_BT5, self._lengths_B), strict=True
        ):
            sent.copy_(torch.from_numpy(values))
            here.copy_(sent, non_blocking=True)
        self._rate.fill_(rate)
        self._weight.fill_(weight)
        if self._on_gpu and self._graph is None:
            self._graph = self._capture()
        self._generator.manual_seed(seed)
        if self._graph is None:
            self._step()
        else:
            self._graph.replay()

    def finish(self) -> dict[str, float] | None:
        """The losses of the step that was begun; None if it was not finite and changed nothing."""
        values = dict(zip(_RESULTS, self._results.tolist(), strict=True))
        if values.pop("skipped"):
            return None
        if not self._network.config.conditional:
            del values["L_KL"]
        return values

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
        network = self._network.train()
        self._adam.zero_grad(set_to_none=True)
        losses = step_losses(
            network,
            self._x_BT5,
            self._lengths_B,
            self._weight,
            self._config,
            self._generator,
            backend=self._backend,
        )
        losses.loss.backward()  # type: ignore[no-untyped-call]
        norm = clip_gradients(network, self._config)
        finite = torch.isfinite(losses.loss) & torch.isfinite(norm)
        skipped = torch.maximum(self._skip, (~finite).float())
        with _on_device(self._adam, self._rate, skipped):
            self._adam.step()
        values = [losses.loss, losses.L_R, losses.L_s, losses.L_p]
        values += [torch.zeros_like(skipped) if losses.L_KL is None else losses.L_KL, skipped]
        self._results.copy_(torch.stack([value.detach() for value in values]))


_RESULTS = ("loss", "L_R", "L_s", "L_p", "L_KL", "skipped")


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
