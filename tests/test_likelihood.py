"""Likelihoods against SciPy's normal distributions over the oracles' cells, and their units.

Tolerance: what a float32 network gives against float64 arithmetic over up to nine steps, 2e-5 of a
drawing's nats.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Normal, kl_divergence

import oracles
from models import random_network
from sketchrnn.api import Model
from sketchrnn.data.dataset import Drawings
from sketchrnn.drawing import likelihood as likelihood_module
from sketchrnn.drawing.likelihood import (
    Likelihood,
    badness,
    likelihood,
    nats_per_point,
    typical,
)
from sketchrnn.errors import SketchRNNError
from sketchrnn.runs import DataFacts
from sketchrnn.sketch import Sketch
from sketchrnn.training.evaluate import measure

CLOSE = 2e-5
N_MAX, Z = 9, 4
SCALE = 7.3  # px

every_cell = pytest.mark.parametrize("cell", ["lstm", "layer_norm", "hyper"])


def make_model(cell: str = "lstm", scale: float = SCALE, **changes: Any) -> Model:
    """Random weights, large enough that everything matters."""
    sizes = {
        "N_max": N_MAX,
        "encoder_size": 6,
        "decoder_cell": cell,
        "decoder_size": 8,
        "z_size": Z,
        "mixtures": 3,
        "hyper_size": 5,
        "hyper_embedding": 2,
    }
    network = random_network(**(sizes | changes))
    return Model(network, DataFacts(scale=scale), "test model")


def make_sketches() -> list[Sketch]:
    """In px: one stroke, two, a dot at the start, dots behind, and one of N_max rows."""
    rng = np.random.default_rng(1)
    strokes = ([4], [3, 3], [1, 4], [2, 1, 1, 3], [4, 6])
    return [
        Sketch.from_polylines([rng.integers(-12, 13, (n, 2)) for n in lengths])
        for lengths in strokes
    ]


def by_hand(model: Model, sketch: Sketch, z: np.ndarray | None) -> tuple[list[float], float]:
    """Nats of each row and of the end, in px: eq. 3 to 7 and 9 in float64, one step at a time."""
    p = {name: value.detach().double().numpy() for name, value in model.network.named_parameters()}
    cell = {name.removeprefix("decoder."): value for name, value in p.items() if "decoder" in name}
    sizes = model.network.decoder.state_sizes
    z = np.zeros(0) if z is None else z.astype(np.float64)
    start = np.zeros((1, sum(sizes)))
    if len(z):
        start = np.tanh(z @ p["to_initial_state.weight"].T + p["to_initial_state.bias"])[None]
    state = tuple(np.split(start, np.cumsum(sizes)[:-1], axis=1))
    x = np.array([0, 0, 1, 0, 0], dtype=np.float64)
    nats = []  # type: ignore[var-annotated]
    for dx, dy, up in [*sketch.to_stroke3(), (0.0, 0.0, None)]:
        state = oracles.STEPS[model.config.decoder_cell](
            cell, np.concatenate([x, z])[None], state, None
        )
        y = (state[0] @ p["head.weight"].T + p["head.bias"])[0]
        pen, pi, mu, sigma, rho = oracles.head_parts(y)
        if up is None:
            return nats, -math.log(pen[2])
        density = sum(
            pi[m]
            * stats.multivariate_normal(
                [model.facts.scale * mu[0][m], model.facts.scale * mu[1][m]],
                model.facts.scale**2
                * np.array(
                    [
                        [sigma[0][m] ** 2, rho[m] * sigma[0][m] * sigma[1][m]],
                        [rho[m] * sigma[0][m] * sigma[1][m], sigma[1][m] ** 2],
                    ]
                ),
            ).pdf([dx, dy])
            for m in range(len(pi))
        )
        nats.append(-math.log(density) - math.log(pen[int(up)]))
        x = np.array([dx / model.facts.scale, dy / model.facts.scale, 1 - up, up, 0])
    raise AssertionError("not reached")


@every_cell
@pytest.mark.parametrize("conditional", [True, False])
def test_against_the_equations(cell: str, conditional: bool) -> None:
    model, sketches = make_model(cell, conditional=conditional), make_sketches()
    for sketch, ours in zip(sketches, likelihood(model, sketches), strict=True):
        point_nats, end_nats = by_hand(model, sketch, model.encode(sketch) if conditional else None)
        np.testing.assert_allclose(ours.point_nats, point_nats, rtol=CLOSE, atol=CLOSE)
        if len(point_nats) < N_MAX:
            assert ours.end_nats == pytest.approx(end_nats, rel=CLOSE)
        else:
            assert ours.end_nats == 0
        if conditional:
            x_BT5, lengths_B = model._to_batch([sketch], 0)
            with torch.no_grad():
                mu, s = (part.double() for part in model.network.encode(x_BT5, lengths_B))
            KL = kl_divergence(Normal(mu, torch.exp(s / 2)), Normal(0.0, 1.0)).sum()
            assert ours.KL_nats == pytest.approx(float(KL), rel=CLOSE)
        else:
            assert ours.KL_nats is None
        whole = sum(point_nats) + ours.end_nats + (ours.KL_nats or 0)
        assert ours.nats == pytest.approx(whole, rel=CLOSE)
        assert ours.nats_per_point == pytest.approx(whole / len(point_nats), rel=CLOSE)


@every_cell
def test_given_z(cell: str) -> None:
    """One for all or one each; z costs nothing then; at mu the points' nats are those of mu."""
    model, sketches = make_model(cell), make_sketches()
    z = np.random.default_rng(2).standard_normal((len(sketches), Z))
    for sketch, own, ours in zip(sketches, z, likelihood(model, sketches, z=z), strict=True):
        np.testing.assert_allclose(ours.point_nats, by_hand(model, sketch, own)[0], rtol=CLOSE)
        assert ours.KL_nats is None
        assert ours.nats == ours.point_nats.sum() + ours.end_nats
    for one in likelihood(model, [sketches[1]] * 2, z=z[1]):
        np.testing.assert_allclose(one.point_nats, by_hand(model, sketches[1], z[1])[0], rtol=CLOSE)
    at_mu = likelihood(model, sketches[0], z=model.encode(sketches[0]))
    np.testing.assert_allclose(
        at_mu.point_nats, likelihood(model, sketches[0]).point_nats, rtol=CLOSE
    )


def test_is_what_evaluate_measures() -> None:
    model, sketches = make_model(conditional=False), make_sketches()
    drawings = Drawings.from_arrays([sketch.to_stroke3() for sketch in sketches])
    expected = measure(model.network, drawings, SCALE).nats_per_drawing
    ours = [one.nats for one in likelihood(model, sketches)]
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_nats_of_strokes() -> None:
    """The move to a stroke is its own; a dot at the start is the row from it to itself."""
    sketches = make_sketches()
    lengths = [[3], [2, 3], [1, 4], [1, 1, 1, 3], [3, 6]]  # rows of each stroke
    results = likelihood(make_model(), sketches)
    for one, rows in zip(results, lengths, strict=True):
        assert sum(rows) == len(one.point_nats)
        split = np.split(one.point_nats, np.cumsum(rows)[:-1])
        np.testing.assert_allclose(one.stroke_nats, [part.mean() for part in split])


def test_a_wild_stroke_is_a_surprise() -> None:
    calm = np.array([[0.0, 0], [3, 1]])
    one = likelihood(make_model(), Sketch.from_polylines([calm, calm + 3, calm, 40 * calm]))
    assert one.stroke_nats.argmax() == 3


@pytest.mark.parametrize("factor", [5.0, 0.2])
def test_units(factor: float) -> None:
    """The same network on drawings `factor` times as large: 2 log factor more a point, no less."""
    small, sketches = make_model(), make_sketches()
    large = make_model(scale=SCALE * factor)
    grown = [sketch.scaled(factor).moved(100, -3) for sketch in sketches]
    for ours, other in zip(likelihood(large, grown), likelihood(small, sketches), strict=True):
        np.testing.assert_allclose(
            ours.point_nats, other.point_nats + 2 * math.log(factor), rtol=CLOSE, atol=CLOSE
        )
        assert (ours.end_nats, ours.KL_nats) == pytest.approx((other.end_nats, other.KL_nats))
        N = len(other.point_nats)
        assert ours.nats == pytest.approx(other.nats + 2 * N * math.log(factor), rel=CLOSE)


def test_one_or_several_in_any_company(monkeypatch: pytest.MonkeyPatch) -> None:
    model, sketches = make_model(), make_sketches()
    z = np.random.default_rng(3).standard_normal((len(sketches), Z))
    together = likelihood(model, sketches), likelihood(model, sketches, z=z)
    alone = model.likelihood(sketches[3])
    assert isinstance(alone, Likelihood)
    monkeypatch.setattr(likelihood_module, "BATCH", 2)
    apart = model.likelihood(sketches), model.likelihood(sketches, z=z)
    for many, few in zip(together, apart, strict=True):
        assert [one.nats for one in few] == pytest.approx([one.nats for one in many], rel=CLOSE)
    assert alone.nats == pytest.approx(together[0][3].nats, rel=CLOSE)
    means = nats_per_point(model, sketches)
    assert means.tolist() == [one.nats_per_point for one in apart[0]]
    assert nats_per_point(model, sketches, z).tolist() == [one.nats_per_point for one in apart[1]]
    assert likelihood(model, []) == []
    assert nats_per_point(model, []).shape == (0,)


def test_typical_is_the_likeliest_first() -> None:
    model, sketches = make_model(), make_sketches()
    nats = nats_per_point(model, sketches)
    assert nats[typical(model, sketches)].tolist() == sorted(nats)
    assert typical(model, [sketches[0]] * 3).tolist() == [0, 1, 2]
    assert typical(model, []).tolist() == []


def test_badness_is_of_the_drawing_as_the_model_reads_it() -> None:
    """So its units do not count; what the model cannot read is worst."""
    model, sketches = make_model(), make_sketches()[:3]
    many = Sketch.from_polylines([[[n, 0], [n, 99]] for n in range(N_MAX)])
    larger = [Sketch.from_polylines([30 * line for line in one.polylines]) for one in sketches]
    fitted = nats_per_point(model, [model.fit(one).sketch for one in sketches])
    assert np.isfinite(fitted).all()
    found = badness(model, [sketches[0], many, *sketches[1:], *larger])
    np.testing.assert_allclose(found, np.concatenate([np.insert(fitted, 1, np.inf), fitted]), CLOSE)
    assert badness(model, [many]).tolist() == [np.inf]
    assert badness(model, []).shape == (0,)


def test_errors_are_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood_module, "BATCH", 2)
    model, sketches = make_model(), make_sketches()
    long = Sketch.from_polylines([np.arange(2 * N_MAX + 4).reshape(-1, 2)])
    for call, message in (
        (lambda: likelihood(model, [*sketches[:3], long]), "drawing 3 has 11 points"),
        (lambda: likelihood(model, sketches, z=np.zeros((2, Z))), "2 vectors z for 5 drawings"),
        (lambda: likelihood(model, sketches, z=[0.0]), "z must have 4 numbers"),
        (lambda: likelihood(make_model(conditional=False), sketches, z=[0.0]), "no encoder"),
    ):
        with pytest.raises(SketchRNNError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
