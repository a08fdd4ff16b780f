"""The best of several: which candidates, and the order against torch.distributions in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import distributions

from sketchrnn.api import Model
from sketchrnn.errors import SketchRNNError
from sketchrnn.sketch import Sketch
from test_model import (
    N_MAX,
    SCALE,
    TOO_LONG,
    assert_same_drawings,
    make_model,
    make_sketches,
)

SEED, COUNT = 4, 12


def nats_per_point(model: Model, sketch: Sketch, z: np.ndarray) -> float:
    """-log p(drawing | z) / N of eq. 9, end included, row by row."""
    rows = sketch.to_stroke5(N_MAX + 1).astype(np.float64)[: sketch.point_count]
    rows[:, :2] /= SCALE
    N = len(rows) - 1  # the last one says that the drawing ends
    network = model.network
    memory = None
    x = torch.tensor([[[0.0, 0, 1, 0, 0]]])
    z_1Z = torch.tensor(z)[None]
    nats = 0.0
    for step, row in enumerate(rows):
        if step == N_MAX:
            break  # no step is left to end in
        with torch.inference_mode():
            mixture, memory = network.decode(x, z_1Z, memory)
        pen = distributions.Categorical(logits=mixture.pen_logits[0, 0].double())
        nats -= pen.log_prob(torch.tensor(row[2:].argmax())).item()
        if step < N:
            means = torch.stack([mixture.mu_x, mixture.mu_y], dim=-1)[0, 0].double()
            sigma_x, sigma_y = (
                value[0, 0].double().exp() for value in (mixture.log_sigma_x, mixture.log_sigma_y)
            )
            across = mixture.rho[0, 0].double() * sigma_x * sigma_y
            covariance = torch.stack(
                [torch.stack([sigma_x**2, across], -1), torch.stack([across, sigma_y**2], -1)], -2
            )
            offsets = distributions.MixtureSameFamily(
                distributions.Categorical(logits=mixture.pi_logits[0, 0].double()),
                distributions.MultivariateNormal(means, covariance),
            )
            nats -= offsets.log_prob(torch.tensor(row[:2])).item() - 2 * math.log(SCALE)
        x = torch.tensor(row, dtype=torch.float32)[None, None]
    return nats / N


def test_the_candidates_are_drawn_from_mu_and_ordered_by_likelihood() -> None:
    model, sketch = make_model(), make_sketches(4)[-1]
    tidied = model.tidy(sketch, COUNT, temperature=0.6, seed=SEED)
    z = model.encode(sketch)
    drawn = model.decode([z] * COUNT, temperature=0.6, seed=SEED)
    nats = np.array([nats_per_point(model, candidate, z) for candidate in drawn])
    assert np.diff(np.sort(nats)).min() > 1e-3  # so that rounding cannot change the order
    order = np.argsort(nats)
    expected = [drawn[number].moved(*sketch.start) for number in order]
    assert_same_drawings(list(tidied.drawings), expected, SCALE)
    np.testing.assert_allclose(tidied.nats_per_point, nats[order], rtol=1e-4, atol=1e-4)
    assert tidied.best is tidied.drawings[0]
    assert tidied.best.start == sketch.start
    assert {candidate.label for candidate in tidied.drawings} == {sketch.label}
    assert tidied.drawings.seed == SEED


def test_the_seed_decides() -> None:
    model, sketch = make_model(), make_sketches(2)[-1]
    first = model.tidy(sketch, 3, seed=SEED)
    again = model.tidy(sketch, 3, seed=SEED)
    assert again.drawings == first.drawings
    assert again.nats_per_point == first.nats_per_point
    chosen = model.tidy(sketch, 3)
    assert model.tidy(sketch, 3, seed=chosen.drawings.seed).drawings == chosen.drawings


@pytest.mark.parametrize(
    ("conditional", "sketch", "n", "message"),
    [
        (False, make_sketches(1)[0], 3, "decoder-only model.* so tidying is not possible"),
        (True, TOO_LONG, 3, "drawing 0 has 12 points"),
        (True, make_sketches(1)[0], 0, "must be at least 1, got 0"),
    ],
)
def test_errors(conditional: bool, sketch: Sketch, n: int, message: str) -> None:
    with pytest.raises(SketchRNNError, match=message) as caught:
        make_model(conditional=conditional).tidy(sketch, n)
    assert "\n" not in str(caught.value)
