"""Schedules against closed values and the reference code's formulas; the training config."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from sketchrnn.errors import SketchRNNError
from sketchrnn.training.config import PRESETS, TrainingConfig

STEPS = [0, 1, 10, 1_000, 50_000, 1_000_000]


def rate(step: int, start: float, decay: float, minimum: float) -> float:
    config = TrainingConfig(
        learning_rate=start, learning_rate_decay=decay, min_learning_rate=minimum
    )
    return config.rate_at(step)


def kl_weight(step: int, w_KL: float, eta_min: float, R: float) -> float:
    return TrainingConfig(w_KL=w_KL, eta_min=eta_min, R=R).kl_weight_at(step)


def test_learning_rate_at_its_ends() -> None:
    assert rate(0, 1e-3, 0.9999, 1e-5) == pytest.approx(1e-3, rel=1e-12)
    assert rate(10**7, 1e-3, 0.9999, 1e-5) == 1e-5
    # half of the way down after log 2 / -log 0.5 = 1 step
    assert rate(1, 0.9, 0.5, 0.1) == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize("step", STEPS)
def test_learning_rate_is_the_reference_codes(step: int) -> None:
    lr, min_lr, decay = 1e-3, 1e-5, 0.9999
    theirs = (lr - min_lr) * decay**step + min_lr
    assert rate(step, lr, decay, min_lr) == theirs
    assert rate(step, 1e-4, 1.0, 1e-4) == pytest.approx(1e-4)  # the paper's: constant


def test_kl_weight_at_its_ends() -> None:
    """Supplement, eq. 4: eta_min w_KL at first, w_KL in the end."""
    assert kl_weight(0, 0.5, 0.01, 0.9995) == pytest.approx(0.005, rel=1e-12)
    assert kl_weight(10**6, 0.5, 0.01, 0.9995) == pytest.approx(0.5, rel=1e-12)
    assert kl_weight(2, 1.0, 0.2, 0.5) == pytest.approx(1 - 0.8 * 0.25, rel=1e-12)
    assert kl_weight(12345, 0.7, 1.0, 0.9) == pytest.approx(0.7)  # eta_min = 1: no annealing


@pytest.mark.parametrize("step", STEPS)
def test_kl_weight_of_the_magenta_preset_is_the_reference_codes(step: int) -> None:
    """There the weight itself starts at 0.01 of 0.5: eta_min is 0.02."""
    w_KL, start, R = 0.5, 0.01, 0.99995
    theirs = w_KL - (w_KL - start) * R**step
    ours = PRESETS["magenta"].training.kl_weight_at(step)
    assert ours == pytest.approx(theirs, rel=1e-12)


def test_presets_are_what_they_name() -> None:
    """The supplement's section 3; the reference code's defaults (docs/deviations.md, row 19)."""
    paper, magenta = PRESETS["paper"], PRESETS["magenta"]
    assert paper.model["encoder_size"] == 512
    assert paper.model["decoder_size"] == 2048
    assert paper.model["decoder_cell"] == "hyper"
    assert (paper.model["z_size"], paper.model["mixtures"]) == (128, 20)
    assert (paper.training.learning_rate, paper.training.R) == (1e-4, 0.99999)
    assert (paper.training.w_KL, paper.training.KL_min) == (1.0, 0.20)
    assert (paper.training.augment_scale, paper.training.recurrent_keep) == (0.10, 0.90)
    assert (magenta.model["encoder_size"], magenta.model["decoder_size"]) == (256, 512)
    assert magenta.training.learning_rate == 1e-3
    assert magenta.training.learning_rate_decay == 0.9999
    assert magenta.training.min_learning_rate == 1e-5
    assert (magenta.training.augment_scale, magenta.training.drop_probability) == (0.15, 0.10)
    for preset in (paper, magenta):
        assert (preset.training.batch_size, preset.training.gradient_clip) == (100, 1.0)
        assert preset.training.clip_by == "value"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("seed", -1, "seed must be a whole number from 0 to .*, got -1"),
        ("batch_size", 0, "batch_size must be a whole number from 1 to 100000, got 0"),
        ("batch_size", 2.5, "batch_size must be a whole number from 1 to 100000, got 2.5"),
        ("max_steps", True, "max_steps must be a whole number from 1 to .*, got True"),
        ("max_minutes", -1, "max_minutes must be a number from 0 to inf, got -1"),
        ("learning_rate", "fast", "learning_rate must be a number from 0 to 1, got 'fast'"),
        ("learning_rate", math.nan, "learning_rate must be a number from 0 to 1, got nan"),
        ("learning_rate_decay", 1.1, "learning_rate_decay must be a number from 0 to 1, got 1.1"),
        ("min_learning_rate", -1e-9, "min_learning_rate must be a number from 0 to 1, got -1e-09"),
        ("w_KL", -0.5, "w_KL must be a number from 0 to 1000, got -0.5"),
        ("eta_min", 2, "eta_min must be a number from 0 to 1, got 2"),
        ("R", 1.5, "R must be a number from 0 to 1, got 1.5"),
        ("KL_min", math.inf, "KL_min must be a number from 0 to 1000, got inf"),
        ("recurrent_keep", 0.0, "recurrent_keep must be a number from 0.001 to 1, got 0.0"),
        ("augment_scale", 1.0, "augment_scale must be a number from 0 to 0.999, got 1.0"),
        ("drop_probability", 1.0, "drop_probability must be a number from 0 to 0.999, got 1.0"),
        ("gradient_clip", 0.0, "gradient_clip must be a number from 1e-12 to inf, got 0.0"),
        ("evaluate_every", 0, "evaluate_every must be a whole number from 1 to .*, got 0"),
        ("patience", -1, "patience must be a whole number from 0 to .*, got -1"),
        ("clip_by", "size", "clip_by must be value or norm, got 'size'"),
    ],
)
def test_bad_training_config(field: str, value: Any, message: str) -> None:
    with pytest.raises(SketchRNNError, match=message) as caught:
        TrainingConfig(**{field: value})
    assert "\n" not in str(caught.value)


def test_every_field_of_the_training_config_is_checked() -> None:
    """A text where a number belongs is refused in each field, naming it."""
    for item in dataclasses.fields(TrainingConfig):
        with pytest.raises(SketchRNNError, match=f"^{item.name} must be"):
            TrainingConfig(**{item.name: "x"})


def test_stored_training_config() -> None:
    config = TrainingConfig(batch_size=7, w_KL=0.25)
    assert TrainingConfig.from_dict(dataclasses.asdict(config)) == config
    with pytest.raises(SketchRNNError, match="unknown field 'momentum'"):
        TrainingConfig.from_dict({"momentum": 0.9})
