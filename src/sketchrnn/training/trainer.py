"""Trainer: a network, Adam and the place in the run; one step, one validation.

Every random number of step k is a function of (seed, k): which drawings, how they are augmented,
the dropout masks and z. So a resumed run has the losses of an uninterrupted one, and no random
state has to be saved.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from sketchrnn.data.batches import Batch
from sketchrnn.data.dataset import Drawings
from sketchrnn.model.config import BackendName, ModelConfig
from sketchrnn.model.losses import kl_loss, reconstruction_loss
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import Backend
from sketchrnn.training.checkpoint import (
    Place,
    checkpoint_tensors,
    load_checkpoint,
    save_checkpoint,
)
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.evaluate import measure
from sketchrnn.training.graph import DeviceStep
from sketchrnn.training.logs import Record

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
        step = self.place.steps_done
        rate = self.place.rate_factor * self.training.rate_at(step)
        weight = self.training.kl_weight_at(step)
        take_step = self._eager_step
        if self._is_for_graph(batch):
            if self._graph is None:
                shape_BT5 = batch.x_BT5.shape
                self._graph = DeviceStep(self._learn, self.adam, self.generator, shape_BT5)
            take_step = self._graph.take
        losses = take_step(batch, _mix(self.training.seed, step), rate, weight)
        if losses is None:
            return None
        self.place.steps_done += 1
        record: Record = {"kind": "train", "step": step + 1, "learning_rate": rate, **losses}
        if self.network.config.conditional:
            record["kl_weight"] = weight
        return record

    def _is_for_graph(self, batch: Batch) -> bool:
        """Whether a CUDA graph can take it: on a GPU, batches that all have the same shape."""
        whole = (self.training.batch_size, self.network.config.N_max + 1)
        return (
            self.graphs
            and self.device.type == "cuda"
            and self.backend.name == "triton"
            and batch.x_BT5.shape[:2] == whole
        )

    def _eager_step(
        self, batch: Batch, seed: int, rate: float, weight: float
    ) -> dict[str, float] | None:
        self.generator.manual_seed(seed)
        pen_weights_BT = None
        if batch.pen_weights_BT is not None and self.device.type == "cpu":  # a GPU runs all steps
            pen_weights_BT = torch.from_numpy(batch.pen_weights_BT)
        x_BT5 = torch.from_numpy(batch.x_BT5).to(self.device)
        lengths_B = torch.from_numpy(batch.lengths_B).to(self.device)
        losses, is_finite = self._learn(x_BT5, lengths_B, weight, pen_weights_BT)
        if not is_finite:
            return None
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        return {name: loss.item() for name, loss in losses.items()}

    def _learn(
        self,
        x_BT5: Tensor,
        lengths_B: Tensor,
        weight: Tensor | float,
        pen_weights_BT: Tensor | None = None,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Losses of a batch, whose clipped gradients are left with the weights; waits for nothing.

        Dropout and z are drawn, in this order. What is minimised is `loss`, that is L_R +
        weight max(L_KL, KL_min). The second result tells whether it and the gradients are finite.
        """
        network, config = self.network.train(), self.training
        keep, generator = config.recurrent_keep, self.generator
        points_BT5, steps = x_BT5[:, 1:], x_BT5.shape[1] - 1
        masks: Any = (None, None), None
        if keep < 1:
            masks = network.draw_dropout(len(x_BT5), steps, keep, generator)
        z_BZ = L_KL = None
        if network.config.conditional:
            mu, log_variance = network.encode(points_BT5, lengths_B, masks[0], backend=self.backend)
            noise = torch.randn(mu.shape, generator=generator, device=mu.device)
            z_BZ = mu + torch.exp(log_variance / 2) * noise
            L_KL = kl_loss(mu, log_variance).mean()
        steps_B = None if pen_weights_BT is None else (pen_weights_BT > 0).sum(dim=1)
        mixture, _ = network.decode(
            x_BT5[:, :-1], z_BZ, dropout=masks[1], lengths_B=steps_B, backend=self.backend
        )
        parts = reconstruction_loss(
            mixture, points_BT5, lengths_B, pen_weights_BT, N_max=network.config.N_max
        )
        loss = L_R = parts.L_R.mean()
        losses = {"L_R": L_R, "L_s": parts.L_s.mean(), "L_p": parts.L_p.mean()}
        if L_KL is not None:
            loss = L_R + weight * L_KL.clamp(min=config.KL_min)
            losses["L_KL"] = L_KL
        self.adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = self._clip_gradients()
        return {"loss": loss, **losses}, torch.isfinite(loss) & torch.isfinite(norm)

    def _clip_gradients(self) -> Tensor:
        """Bound the gradients in place; returns the norm that they had."""
        weights, bound = list(self.network.parameters()), self.training.gradient_clip
        norm = nn.utils.get_total_norm([p.grad for p in weights if p.grad is not None])
        if self.training.clip_by == "value":
            nn.utils.clip_grad_value_(weights, bound)
        else:
            nn.utils.clip_grads_with_norm_(weights, bound, norm)
        return norm

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
        place.evaluations_without_gain += 1
        if record["best"]:
            place.best_loss, place.best_step = loss, place.steps_done
            place.evaluations_without_gain = 0
        return record

    def is_finite(self) -> bool:
        """Whether all weights and Adam's moments are finite: the state is worth keeping."""
        values = checkpoint_tensors(self.network, self.adam).values()
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
