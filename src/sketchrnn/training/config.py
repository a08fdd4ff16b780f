"""TrainingConfig and the presets: every number of a training run, with its source."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from sketchrnn.data import Padding
from sketchrnn.errors import SketchRNNError

ClipBy = Literal["value", "norm"]
Precision = Literal["float32", "bf16"]

_PRECISION = (
    "of the products over the state: bf16 rounds their factors to bfloat16 and sums in float32,"
    " where the processor can; all else is float32"
)
_PADDING = (
    "the steps between a drawing's end and N_max in training: full, all of them; sampled, of some"
    " drawings, which stand for all; similar, none, and batches of drawings of like length"
)


def _number(default: float, low: float, high: float, text: str) -> Any:
    """A field from `low` to `high`; a whole number where its default is an int."""
    return field(default=default, metadata={"low": low, "high": high, "help": text})


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained. Defaults are those of the `laptop` preset.

    >>> import sketchrnn
    >>> sketchrnn.TrainingConfig(batch_size=50).w_KL
    0.5

    Raises:
        SketchRNNError: a value out of its bounds, naming field, value and bound.
    """

    seed: int = _number(0, 0, 2**63 - 1, "of weights, batches, augmentation, dropout, z")
    batch_size: int = _number(100, 1, 100_000, "drawings a step")
    max_steps: int = _number(20_000, 1, 10**9, "stop after this many steps")
    max_minutes: float = _number(
        0.0, 0, math.inf, "stop after this many minutes of training, 0: no limit"
    )
    learning_rate: float = _number(2e-3, 0, 1, "Adam's rate at step 0")
    learning_rate_decay: float = _number(
        0.9995, 0, 1, "the rate decays towards its minimum by this a step"
    )
    min_learning_rate: float = _number(1e-5, 0, 1, "the rate's minimum")
    w_KL: float = _number(0.5, 0, 1000, "weight of L_KL (eq. 11)")
    eta_min: float = _number(0.01, 0, 1, "annealing: part of w_KL at step 0 (suppl. eq. 4)")
    R: float = _number(0.998, 0, 1, "annealing: 1 - eta shrinks by this a step (suppl. eq. 4)")
    KL_min: float = _number(0.20, 0, 1000, "floor of L_KL in the training loss (suppl. eq. 4)")
    recurrent_keep: float = _number(
        0.90, 1e-3, 1, "recurrent dropout: part of the candidate that is kept"
    )
    augment_scale: float = _number(
        0.15, 0, 0.999, "x and y of a drawing each times U(1 - this, 1 + this)"
    )
    drop_probability: float = _number(
        0.10, 0, 0.999, "chance that an inner point of a stroke is dropped"
    )
    gradient_clip: float = _number(1.0, 1e-12, math.inf, "bound on the gradients")
    clip_by: ClipBy = field(
        default="value", metadata={"help": "bound each number (value) or the whole (norm)"}
    )
    precision: Precision = field(default="float32", metadata={"help": _PRECISION})
    padding: Padding = field(default="sampled", metadata={"help": _PADDING})
    evaluate_every: int = _number(
        500, 1, 10**9, "steps between validations, sheets and checkpoints"
    )
    patience: int = _number(20, 0, 10**9, "stop after this many validations without gain, 0: never")

    def __post_init__(self) -> None:
        types = get_type_hints(type(self))
        for item in fields(self):
            value = getattr(self, item.name)
            if "low" not in item.metadata:
                *names, last = get_args(types[item.name])
                good, bounds = value in (*names, last), f"{', '.join(names)} or {last}"
            else:
                low, high = item.metadata["low"], item.metadata["high"]
                whole = isinstance(item.default, int)
                is_number = isinstance(value, int if whole else int | float)
                good = is_number and not isinstance(value, bool) and low <= value <= high
                kind = "a whole number" if whole else "a number"
                bounds = f"{kind} from {low:g} to {high:g}"
            if not good:
                raise SketchRNNError(f"{item.name} must be {bounds}, got {value!r}")

    def rate_at(self, step: int) -> float:
        """Adam's rate: (start - minimum) decay^step + minimum, the reference code's decay."""
        minimum = self.min_learning_rate
        return (self.learning_rate - minimum) * self.learning_rate_decay**step + minimum

    def kl_weight_at(self, step: int) -> float:
        """w_KL eta, with eta = 1 - (1 - eta_min) R^step (supplement, eq. 4)."""
        return self.w_KL * (1 - (1 - self.eta_min) * self.R**step)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """Read a stored config; an unknown field is an error."""
        unknown = sorted(set(values) - {item.name for item in fields(cls)})
        if unknown:
            raise SketchRNNError(f"the training config has an unknown field {unknown[0]!r}")
        return cls(**{"padding": "full", **values})  # as it was before there was a choice

    @classmethod
    def of_run(cls, run: str | os.PathLike[str]) -> TrainingConfig:
        """The config that a run folder states. Raises SketchRNNError naming what is wrong."""
        from sketchrnn.runs import CONFIG, find_run, read_config  # which loads NumPy

        folder = find_run(run)
        stored = read_config(folder)
        try:
            return cls.from_dict(stored.training)
        except SketchRNNError as error:
            raise SketchRNNError(f"{folder / CONFIG}: {error}") from None


@dataclass(frozen=True)
class Preset:
    """A named choice of model sizes (fields of ModelConfig) and training numbers."""

    name: str
    summary: str
    model: dict[str, Any]
    training: TrainingConfig


def _model(encoder: str, encoder_size: int, decoder: str, decoder_size: int, z_size: int) -> Any:
    """Fields of ModelConfig; M is the same in all published ones, and in ours."""
    return {
        "encoder_cell": encoder,
        "decoder_cell": decoder,
        "encoder_size": encoder_size,
        "decoder_size": decoder_size,
        "z_size": z_size,
        "mixtures": 20,
    }


_LAPTOP = _model("layer_norm", 128, "layer_norm", 256, 32)

# What the paper states, and where it is silent its code has; only the patience is ours.
_PUBLISHED = TrainingConfig(
    batch_size=100,
    w_KL=1.0,
    eta_min=0.01,
    KL_min=0.20,
    recurrent_keep=0.90,
    gradient_clip=1.0,
    clip_by="value",
    padding="full",
    patience=40,
)

_PRESETS = (
    Preset(
        "laptop",
        "small and quick: first drawings after minutes on two cores",
        _LAPTOP,
        TrainingConfig(),
    ),
    Preset(
        "few",
        "some dozens of drawings of your own, with --begin-with, whose default it is",
        _LAPTOP,
        TrainingConfig(
            batch_size=50,
            max_steps=1_000,
            evaluate_every=100,
            patience=0,
            learning_rate=5e-4,
            learning_rate_decay=0.998,
        ),
    ),
    Preset(
        "magenta",
        "the reference code's defaults",
        _model("lstm", 256, "lstm", 512, 128),
        replace(
            _PUBLISHED,
            learning_rate=1e-3,
            learning_rate_decay=0.9999,
            min_learning_rate=1e-5,
            w_KL=0.5,
            eta_min=0.02,  # the reference anneals its weight from 0.01 to 0.5
            R=0.99995,
            augment_scale=0.15,
            drop_probability=0.10,
            max_steps=100_000,
        ),
    ),
    Preset(
        "paper",
        "the sizes and rates of the paper (section 3 of its supplement)",
        _model("lstm", 512, "hyper", 2048, 128),
        replace(
            _PUBLISHED,
            learning_rate=1e-4,
            learning_rate_decay=1.0,
            min_learning_rate=1e-4,
            R=0.99999,
            augment_scale=0.10,
            drop_probability=0.0,
            max_steps=200_000,
        ),
    ),
)
PRESETS = {preset.name: preset for preset in _PRESETS}
