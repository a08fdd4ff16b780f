"""TrainingConfig and the presets: every number of a training run, with its source."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

from sketchrnn.data.padding import Padding
from sketchrnn.errors import SketchRNNError

ClipBy = Literal["value", "norm"]
Precision = Literal["float32", "bf16"]


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained. Defaults are those of the `laptop` preset.

    Raises:
        SketchRNNError: a value out of its bounds, naming field, value and bound.
    """

    seed: int = field(default=0, metadata={"help": "of weights, batches, augmentation, dropout, z"})
    batch_size: int = field(default=100, metadata={"help": "drawings a step"})
    max_steps: int = field(default=20_000, metadata={"help": "stop after this many steps"})
    max_minutes: float = field(
        default=0.0, metadata={"help": "stop after this many minutes of training, 0: no limit"}
    )
    learning_rate: float = field(default=2e-3, metadata={"help": "Adam's rate at step 0"})
    learning_rate_decay: float = field(
        default=0.9995, metadata={"help": "the rate decays towards its minimum by this a step"}
    )
    min_learning_rate: float = field(default=1e-5, metadata={"help": "the rate's minimum"})
    w_KL: float = field(default=0.5, metadata={"help": "weight of L_KL (eq. 11)"})
    eta_min: float = field(
        default=0.01, metadata={"help": "annealing: part of w_KL at step 0 (suppl. eq. 3)"}
    )
    R: float = field(
        default=0.998,
        metadata={"help": "annealing: 1 - eta shrinks by this a step (suppl. eq. 3)"},
    )
    KL_min: float = field(
        default=0.20, metadata={"help": "floor of L_KL in the training loss (suppl. eq. 4)"}
    )
    recurrent_keep: float = field(
        default=0.90, metadata={"help": "recurrent dropout: part of the candidate that is kept"}
    )
    augment_scale: float = field(
        default=0.15, metadata={"help": "x and y of a drawing each times U(1 - this, 1 + this)"}
    )
    drop_probability: float = field(
        default=0.10, metadata={"help": "chance that an inner point of a stroke is dropped"}
    )
    gradient_clip: float = field(default=1.0, metadata={"help": "bound on the gradients"})
    clip_by: ClipBy = field(
        default="value", metadata={"help": "bound each number (value) or the whole (norm)"}
    )
    precision: Precision = field(
        default="float32",
        metadata={
            "help": "of the products over the state: bf16 rounds their factors to bfloat16 and sums"
            " in float32, where the processor can; all else is float32"
        },
    )
    padding: Padding = field(
        default="sampled",
        metadata={
            "help": "the steps between a drawing's end and N_max in training: full, all of them;"
            " sampled, of some drawings, which stand for all; similar, none, and batches of"
            " drawings of like length"
        },
    )
    evaluate_every: int = field(
        default=500, metadata={"help": "steps between validations, sheets and checkpoints"}
    )
    patience: int = field(
        default=20, metadata={"help": "stop after this many validations without gain, 0: never"}
    )

    def __post_init__(self) -> None:
        bounds: dict[str, tuple[float, float]] = {
            "seed": (0, 2**63 - 1),
            "batch_size": (1, 100_000),
            "max_steps": (1, 10**9),
            "max_minutes": (0, math.inf),
            "learning_rate": (0, 1),
            "learning_rate_decay": (0, 1),
            "min_learning_rate": (0, 1),
            "w_KL": (0, 1000),
            "eta_min": (0, 1),
            "R": (0, 1),
            "KL_min": (0, 1000),
            "recurrent_keep": (1e-3, 1),
            "augment_scale": (0, 0.999),
            "drop_probability": (0, 0.999),
            "gradient_clip": (1e-12, math.inf),
            "evaluate_every": (1, 10**9),
            "patience": (0, 10**9),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            whole = isinstance(getattr(type(self), name, None), int)
            good = isinstance(value, int) if whole else isinstance(value, int | float)
            if isinstance(value, bool) or not good or not low <= value <= high:
                kind = "a whole number" if whole else "a number"
                raise SketchRNNError(
                    f"{name} must be {kind} from {low:g} to {high:g}, got {value!r}"
                )
        if self.clip_by not in get_args(ClipBy):
            raise SketchRNNError(f"clip_by must be value or norm, got {self.clip_by!r}")
        if self.padding not in get_args(Padding):
            raise SketchRNNError(f"padding must be full, sampled or similar, got {self.padding!r}")
        if self.precision not in get_args(Precision):
            raise SketchRNNError(f"precision must be float32 or bf16, got {self.precision!r}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingConfig:
        """Read a stored config; an unknown field is an error."""
        unknown = sorted(set(values) - {item.name for item in fields(cls)})
        if unknown:
            raise SketchRNNError(f"the training config has an unknown field {unknown[0]!r}")
        return cls(**({"padding": "full"} | values))  # as it was before there was a choice

    @classmethod
    def of_run(cls, run: str | os.PathLike[str]) -> TrainingConfig:
        """The config that a run folder states. Raises SketchRNNError naming what is wrong."""
        from sketchrnn.runs import CONFIG, find_run, read_config

        folder = find_run(run)
        stored = read_config(folder)
        try:
            return cls.from_dict(dict(stored.training))
        except SketchRNNError as error:
            raise SketchRNNError(f"{folder / CONFIG}: {error}") from None


@dataclass(frozen=True)
class Preset:
    """A named choice of model sizes (fields of ModelConfig) and training numbers."""

    name: str
    summary: str
    model: dict[str, Any]
    training: TrainingConfig


# What the paper and its code have in common; nothing of it is tuned by us.
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

LAPTOP_MODEL: dict[str, Any] = {
    "encoder_cell": "layer_norm",
    "decoder_cell": "layer_norm",
    "encoder_size": 128,
    "decoder_size": 256,
    "z_size": 32,
    "mixtures": 20,
}

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "laptop",
            "small and quick: first drawings after minutes on two cores",
            LAPTOP_MODEL,
            TrainingConfig(),
        ),
        Preset(
            "few",
            "some dozens of drawings of your own, with --begin-with, whose default it is",
            LAPTOP_MODEL,
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
            {
                "encoder_cell": "lstm",
                "decoder_cell": "lstm",
                "encoder_size": 256,
                "decoder_size": 512,
                "z_size": 128,
                "mixtures": 20,
            },
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
            "the sizes and rates of the paper's section 4",
            {
                "encoder_cell": "lstm",
                "decoder_cell": "hyper",
                "encoder_size": 512,
                "decoder_size": 2048,
                "z_size": 128,
                "mixtures": 20,
            },
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
}
