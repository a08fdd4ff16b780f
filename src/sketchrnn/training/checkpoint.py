"""The checkpoint of a training: weights, Adam's moments and the place in the run, as one file.

There is no random state to keep: all random numbers of a step are a function of (seed, step).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from torch import Tensor, nn

from sketchrnn.errors import SketchRNNError
from sketchrnn.runs import load_tensors, load_weights, save_tensors


@dataclass
class Place:
    """The place in a run.

    Attributes:
        steps_done: steps that changed the weights.
        seconds: all of the training so far, validations, sheets and checkpoints too.
        rate_factor: what fallbacks have left of the learning rate.
        fallbacks: how often the run went back to its last checkpoint.
        best_loss, best_step: the lowest validation loss (infinite before the first), and where.
        evaluations_without_gain: validations since then.
    """

    steps_done: int = 0
    seconds: float = 0.0
    rate_factor: float = 1.0
    fallbacks: int = 0
    best_loss: float = math.inf
    best_step: int = 0
    evaluations_without_gain: int = 0

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


def checkpoint_tensors(network: nn.Module, adam: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The weights, and Adam's moments of those that have some."""
    tensors = {f"weights/{name}": value for name, value in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        if state := adam.state.get(parameter):
            tensors[f"adam_m/{name}"] = state["exp_avg"]
            tensors[f"adam_v/{name}"] = state["exp_avg_sq"]
    return tensors


def save_checkpoint(
    path: Path, network: nn.Module, adam: torch.optim.Optimizer, place: Place
) -> None:
    """Write everything that `load_checkpoint` needs."""
    save_tensors(path, checkpoint_tensors(network, adam), asdict(place))


def load_checkpoint(path: Path, network: nn.Module, adam: torch.optim.Optimizer) -> Place:
    """Put a checkpoint into the network and Adam, and return its place in the run.

    Raises:
        SketchRNNError: the file is missing or unfit.
    """
    tensors, about = load_tensors(path)
    parts: dict[str, dict[str, Tensor]] = {"weights": {}, "adam_m": {}, "adam_v": {}}
    try:
        for name, value in tensors.items():
            part, _, parameter_name = name.partition("/")
            parts[part][parameter_name] = value
        place = Place(**{item.name: about[item.name] for item in fields(Place)})
    except KeyError as error:
        raise SketchRNNError(f"{path}: not a checkpoint of a training: no {error}") from None
    if wrong := place.wrong_field():
        value = getattr(place, wrong)
        raise SketchRNNError(f"{path}: damaged, {wrong} is {value!r:.60}; restore the file")
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise SketchRNNError(
            f"{path}: holds a weight that is not a finite number; restore it or train anew"
        )
    parameters = dict(network.named_parameters())
    first, second = parts["adam_m"], parts["adam_v"]
    shapes, m, v = (
        {name: value.shape for name, value in part.items()} for part in (parameters, first, second)
    )
    load_weights(network, parts["weights"], path)
    if m != v or not m.items() <= shapes.items():
        raise SketchRNNError(f"{path}: damaged, Adam's moments do not fit the weights")
    adam.state.clear()
    for name in first:
        parameter = parameters[name]
        adam.state[parameter] = {
            "step": torch.tensor(float(place.steps_done), device=parameter.device),
            "exp_avg": first[name].to(parameter.device),
            "exp_avg_sq": second[name].to(parameter.device),
        }
    return place
