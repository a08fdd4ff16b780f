"""Trainer: a network, Adam and the place in the run; one step, one validation.

Every random number of step k is a function of (seed, k): which drawings, how they are augmented,
the dropout masks and z. So a resumed run has the losses of an uninterrupted one, and no random
state has to be saved.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import cast

import torch
from torch import nn

from sketchrnn.data.batches import Batch
from sketchrnn.data.dataset import Drawings
from sketchrnn.model.config import BackendName, ModelConfig
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import Backend
from sketchrnn.training.checkpoint import Place, load_checkpoint, save_checkpoint
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.evaluate import measure
from sketchrnn.training.graph import DeviceStep
from sketchrnn.training.logs import Record
from sketchrnn.training.schedules import kl_weight, learning_rate
from sketchrnn.training.step import clip_gradients, step_losses

ADAM_BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-8


class Trainer:
    """Network, Adam and the place in the run; `step` takes one, `save` and `restore` keep it.

    Args:
        model: the shape of the network.
        training: every number of the training.
        scale: of the offsets, px.
        device: where to compute.
        backend: how the cells are run over time (`model.unroll.Backend`).
        network: one of your own in place of `Network(model)`: a module with `config` (`model`),
            `encode` and `decode` as Network's; `draw_dropout` too, unless `recurrent_keep` is 1.
    """

    def __init__(
        self,
        model: ModelConfig,
        training: TrainingConfig,
        scale: float,
        device: torch.device,
        backend: BackendName = "auto",
        *,
        network: nn.Module | None = None,
    ) -> None:
        self.training = training
        self.scale = scale
        self.device = device
        self.backend = Backend(backend, training.precision == "bf16")
        self.backend.chosen(torch.zeros(1, device=device))  # what cannot be had is told at once
        with torch.random.fork_rng():
            torch.manual_seed(training.seed)
            own = Network(model) if network is None else cast(Network, network)
            self.network = own.to(device)
        self.adam = torch.optim.Adam(
            self.network.parameters(), betas=ADAM_BETAS, eps=ADAM_EPSILON, fused=True
        )
        self.generator = torch.Generator(device)
        self.graphs = True  # whether steps on a GPU are taken as CUDA graphs
        self.place = Place()
        self._graph: DeviceStep | None = None

    def step(self, batch: Batch) -> Record | None:
        """Forward, backward, clip, Adam. None, and nothing done, if loss or gradient is not finite.

        The losses are eq. 9 and the supplement's eq. 2 to 4, the means over the batch.
        """
        step, config = self.place.steps_done, self.training
        rate = self.place.rate_factor * learning_rate(
            step, config.learning_rate, config.learning_rate_decay, config.min_learning_rate
        )
        weight = kl_weight(step, config.w_KL, config.eta_min, config.R)
        take_step = self._graph_step if self._is_for_graph(batch) else self._eager_step
        losses = take_step(batch, _mix(config.seed, step), rate, weight)
        if losses is None:
            return None
        self.place.steps_done += 1
        record: Record = {"kind": "train", "step": step + 1, "learning_rate": rate, **losses}
        if self.network.config.conditional:
            record["kl_weight"] = weight
        return record

    def _eager_step(
        self, batch: Batch, seed: int, rate: float, weight: float
    ) -> dict[str, float] | None:
        self.generator.manual_seed(seed)
        pen_weights_BT = None
        if batch.pen_weights_BT is not None and self.device.type == "cpu":  # a GPU runs all steps
            pen_weights_BT = torch.from_numpy(batch.pen_weights_BT)
        losses = step_losses(
            self.network.train(),
            torch.from_numpy(batch.x_BT5).to(self.device),
            torch.from_numpy(batch.lengths_B).to(self.device),
            weight,
            self.training,
            self.generator,
            pen_weights_BT=pen_weights_BT,
            backend=self.backend,
        )
        if not torch.isfinite(losses.loss):
            return None
        self.adam.zero_grad(set_to_none=True)
        losses.loss.backward()  # type: ignore[no-untyped-call]
        if not torch.isfinite(clip_gradients(self.network, self.training)):
            return None
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        return losses.numbers()

    def _is_for_graph(self, batch: Batch) -> bool:
        """Whether a CUDA graph can take it: on a GPU, batches that all have the same shape."""
        whole = (self.training.batch_size, self.network.config.N_max + 1)
        return (
            self.graphs
            and self.device.type == "cuda"
            and self.backend.name == "triton"
            and batch.x_BT5.shape[:2] == whole
        )

    def _graph_step(
        self, batch: Batch, seed: int, rate: float, weight: float
    ) -> dict[str, float] | None:
        if self._graph is None:
            self._graph = DeviceStep(
                self.network,
                self.adam,
                self.training,
                self.generator,
                self.backend,
                batch.x_BT5.shape,
            )
        self._graph.start(batch, seed=seed, rate=rate, weight=weight)
        return self._graph.finish()

    def validate(self, drawings: Drawings) -> Record:
        """Losses on all validation drawings, and whether they are the best so far (eq. 11)."""
        result = measure(self.network, drawings, self.scale, seed=self.training.seed)
        place, loss = self.place, result.loss(self.training.w_KL)
        record: Record = {"kind": "evaluate", "step": place.steps_done, "loss": loss}
        for name in ("L_R", "L_s", "L_p", "L_KL"):
            values = getattr(result, name)
            if values is not None:
                record[name] = float(values.mean())
        record["best"] = loss < place.best_loss
        if record["best"]:
            place.best_loss, place.best_step = loss, place.steps_done
            place.evaluations_without_gain = 0
        else:
            place.evaluations_without_gain += 1
        return record

    def is_finite(self) -> bool:
        """Whether all weights and Adam's moments are finite: the state is worth keeping."""
        values = list(self.network.parameters())
        for state in self.adam.state.values():
            values += [state["exp_avg"], state["exp_avg_sq"]]
        return all(bool(torch.isfinite(value).all()) for value in values)

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        save_checkpoint(path, self.network, self.adam, self.place)

    def restore(self, path: Path) -> None:
        """Go back to a checkpoint. Raises SketchRNNError where the file is missing or unfit."""
        self.place = load_checkpoint(path, self.network, self.adam)
        self._graph = None  # it holds the moments that were replaced


def _mix(seed: int, step: int) -> int:
    """One 63-bit seed for each (seed, step), unlike those near it."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{step}".encode()).digest()[:8], "little") >> 1
