"""Trainer: a network, Adam and the place in the run; one step, one validation, the checkpoint.

Every random number of step k is a function of (seed, k): which drawings, how they are augmented,
the dropout masks and z. So a resumed run has the losses of an uninterrupted one, and no random
state has to be saved.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from sketchrnn.data.batches import Batch
from sketchrnn.data.dataset import Drawings
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import BackendName, ModelConfig
from sketchrnn.model.losses import kl_loss, reconstruction_loss
from sketchrnn.model.network import Network
from sketchrnn.model.prior import MARK
from sketchrnn.model.unroll import Backend
from sketchrnn.runs import load_tensors, load_weights, save_tensors
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.evaluate import measure
from sketchrnn.training.graph import DeviceStep
from sketchrnn.training.logs import Record


@dataclass
class Place:
    """The place in a run."""

    steps_done: int = 0  # that changed the weights
    seconds: float = 0.0  # of all of the training, validations, sheets and checkpoints too
    rate_factor: float = 1.0  # what fallbacks have left of the learning rate
    fallbacks: int = 0  # how often the run went back to its last checkpoint
    best_loss: float = math.inf  # in validation; infinite before the first
    best_step: int = 0
    evaluations_without_gain: int = 0  # since then

    def wrong_field(self) -> str:
        """The name of a field that no training can have written; empty where there is none."""
        for name, value in vars(self).items():
            if type(value) is not type(getattr(Place, name)):  # a bool is no count
                return name
            if isinstance(value, int):
                good = 0 <= value < 2**53  # Adam counts its steps as a float
            elif name == "best_loss":
                good = not math.isnan(value)
            else:
                good = math.isfinite(value) and value >= 0
            if not good:
                return name
        return ""


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
        self.adam = torch.optim.Adam(self.network.parameters(), fused=True)
        self.generator = torch.Generator(device)
        self.graphs = True  # whether steps on a GPU are taken as CUDA graphs
        self.place = Place()
        self._graph: DeviceStep | None = None

    def step(self, batch: Batch) -> Record | None:
        """Forward, backward, clip, Adam. None, and nothing done, if loss or gradient is not finite.

        The losses are eq. 9 and the supplement's eq. 2 and 4, the means over the batch.
        """
        step = self.place.steps_done
        digest = hashlib.sha256(f"{self.training.seed}/{step}".encode()).digest()
        seed = int.from_bytes(digest[:8], "little") >> 1  # 63 bits, unlike those of steps near it
        rate = self.place.rate_factor * self.training.rate_at(step)
        weight = self.training.kl_weight_at(step)
        take_step = self._eager_step
        if self._is_for_graph(batch):
            if self._graph is None:
                shape_BT5 = batch.x_BT5.shape
                self._graph = DeviceStep(self._learn, self.adam, self.generator, shape_BT5)
            take_step = self._graph.take
        losses = take_step(batch, seed, rate, weight)
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
        return _all_finite(self._tensors())

    def _tensors(self) -> dict[str, Tensor]:
        """The weights, and Adam's moments of those that have some."""
        tensors = {f"weights/{name}": value for name, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            if state := self.adam.state.get(parameter):
                tensors[f"adam_m/{name}"] = state["exp_avg"]
                tensors[f"adam_v/{name}"] = state["exp_avg_sq"]
        return tensors

    def save(self, path: Path) -> None:
        """Write a checkpoint, as one file: weights, Adam's moments and the place in the run."""
        save_tensors(path, self._tensors(), asdict(self.place))

    def restore(self, path: Path) -> None:
        """Go back to a checkpoint. Raises SketchRNNError where the file is missing or unfit."""
        tensors, about = load_tensors(path)
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "adam_m": {}, "adam_v": {}}
        try:
            for name, value in tensors.items():
                part, _, parameter_name = name.partition("/")
                if not name.startswith(MARK):  # the prior is fitted anew at the end
                    parts[part][parameter_name] = value
            place = Place(**{item.name: about[item.name] for item in fields(Place)})
        except KeyError as error:
            raise SketchRNNError(f"{path}: not a checkpoint of a training: no {error}") from None
        if wrong := place.wrong_field():
            value = getattr(place, wrong)
            raise SketchRNNError(f"{path}: damaged, {wrong} is {value!r:.60}; restore the file")
        if not _all_finite(tensors):
            raise SketchRNNError(
                f"{path}: holds a weight that is not a finite number; restore it or train anew"
            )
        parameters = dict(self.network.named_parameters())
        first, second = parts["adam_m"], parts["adam_v"]
        shapes, m, v = (
            {name: value.shape for name, value in part.items()}
            for part in (parameters, first, second)
        )
        load_weights(self.network, parts["weights"], path)
        if m != v or not m.items() <= shapes.items():
            raise SketchRNNError(f"{path}: damaged, Adam's moments do not fit the weights")
        self.adam.state.clear()
        for name in first:
            self.adam.state[parameters[name]] = {
                "step": torch.tensor(float(place.steps_done), device=self.device),
                "exp_avg": first[name].to(self.device),
                "exp_avg_sq": second[name].to(self.device),
            }
        self.place = place
        self._graph = None  # it holds the moments that were replaced


def _all_finite(tensors: Mapping[str, Tensor]) -> bool:
    return all(bool(torch.isfinite(value).all()) for value in tensors.values())
