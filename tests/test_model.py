"""Model: drawings in and out in the user's units, seeds, and one clear line for what cannot be.

A small network with random weights. Tolerances: float32 over at most ten steps, 1e-4 relative to
offsets of a few scaled units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from models import random_network
from sketchrnn.api import Model
from sketchrnn.drawing import coder as model_module
from sketchrnn.drawing.sample import sample_strokes
from sketchrnn.errors import SketchRNNError
from sketchrnn.runs import DataFacts
from sketchrnn.seeds import PRIOR_STREAM, normal_vectors
from sketchrnn.sketch import Sketch
from unrolling import needs_bf16

N_MAX, Z = 10, 6
SCALE = 12.5
CLOSE = 1e-4


def make_model(scale: float = SCALE, classes: tuple[str, ...] = ("cat",), **changes: Any) -> Model:
    sizes = {
        "N_max": N_MAX,
        "encoder_cell": "layer_norm",
        "decoder_cell": "layer_norm",
        "encoder_size": 7,
        "decoder_size": 9,
        "z_size": Z,
        "mixtures": 3,
    }
    network = random_network(end=-2.0, **(sizes | changes))
    return Model(network, DataFacts(scale=scale, classes=classes), "test model")


def make_sketches(n: int = 5, start: tuple[float, float] = (30.0, -40.0)) -> list[Sketch]:
    """n drawings in px, of 2, 4, 6 ... points, the longer ones in two strokes."""
    rng = np.random.default_rng(1)
    result = []
    for number in range(n):
        points = np.cumsum(rng.integers(-20, 21, (2 + 2 * number, 2)), axis=0) + start
        lines = [points] if len(points) < 5 else [points[:3], points[3:]]
        result.append(Sketch.from_polylines(lines, label=f"drawing {number}"))
    return result


def assert_same_drawings(
    ours: list[Sketch], expected: list[Sketch], unit: float, factor: float = 1.0
) -> None:
    """Equal strokes, after scaling the expected ones, up to CLOSE of a scaled unit."""
    assert len(ours) == len(expected)
    for first, second in zip(ours, expected, strict=True):
        assert len(first.polylines) == len(second.polylines)
        for line, other in zip(first.polylines, second.scaled(factor).polylines, strict=True):
            np.testing.assert_allclose(line, other, rtol=CLOSE, atol=CLOSE * unit)


@pytest.mark.parametrize("factor", [4.0, 3.0, 0.01])
def test_units_are_the_users(factor: float) -> None:
    """The same network on drawings `factor` times as large: the same z, all else alike."""
    small, large = make_model(), make_model(SCALE * factor)
    sketches = make_sketches()
    grown = [sketch.scaled(factor) for sketch in sketches]
    np.testing.assert_allclose(large.encode(grown), small.encode(sketches), atol=CLOSE)
    unit = SCALE * factor
    for make in (
        lambda model, _: model.generate(4, temperature=0.7, seed=3),
        lambda model, inputs: model.reconstruct(inputs, temperature=0.7, seed=3),
        lambda model, inputs: model.reconstruct(inputs, temperature=0, sample=True, seed=3),
    ):
        assert_same_drawings(make(large, grown), make(small, sketches), unit, factor)


def test_encode_by_hand() -> None:
    """z is mu of q(z | S) of the offsets in scaled units; a drawing's place does not count."""
    model = make_model()
    sketch = Sketch.from_polylines([[[3, 4], [28, 4], [28, -21]], [[3, -21], [3, 4]]])
    S = SCALE
    rows = [
        [25 / S, 0, 1, 0, 0],
        [0, -25 / S, 0, 1, 0],  # the pen is lifted after it
        [-25 / S, 0, 1, 0, 0],
        [0, 25 / S, 0, 1, 0],
    ]
    with torch.no_grad():
        mu, _ = model.network.encode(torch.tensor([rows]), torch.tensor([4]))
    z = model.encode(sketch)
    np.testing.assert_allclose(z, mu[0].numpy(), atol=1e-6)
    assert np.array_equal(model.encode(sketch.moved(100, -7)), z)
    assert sketch.start == (3, 4)  # nothing was written into it


def test_offsets_are_clamped() -> None:
    """Row 17 of the deviations: an offset of 5000 px reads as one of 1000 px."""
    model = make_model(scale=500.0)
    far = Sketch.from_polylines([[[0, 0], [5000, 0], [5000, -3000]]])
    clamped = Sketch.from_polylines([[[0, 0], [1000, 0], [1000, -1000]]])
    assert np.array_equal(model.encode(far), model.encode(clamped))


def test_generate_by_hand() -> None:
    """The network's offsets times the scale, summed from (0, 0), cut where the pen is lifted."""
    model = make_model()
    z = normal_vectors(8, PRIOR_STREAM, 3, Z)
    sketches = model.generate(3, temperature=0.8, seed=8)
    drawn = sample_strokes(model.network, torch.from_numpy(z), 3, temperature=0.8, seed=8)
    for sketch, rows in zip(sketches, drawn, strict=True):
        x = y = 0.0
        lines = [[(x, y)]]
        for number, (dx, dy, _, up, _) in enumerate(rows):
            x, y = x + float(dx) * SCALE, y + float(dy) * SCALE
            lines[-1].append((x, y))
            if up and number < len(rows) - 1:
                lines.append([])
        assert len(sketch.polylines) == len(lines)
        for line, expected in zip(sketch.polylines, lines, strict=True):
            np.testing.assert_allclose(line, expected, rtol=1e-9, atol=1e-9)


def test_encode_one_and_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """One drawing gives [Z]; many give [n, Z], in order, also when they take several batches."""
    model, sketches = make_model(), make_sketches()
    together = model.encode(sketches)
    assert together.shape == (5, Z)
    assert together.dtype == np.float32
    for sketch, z in zip(sketches, together, strict=True):
        alone = model.encode(sketch)
        assert alone.shape == (Z,)
        np.testing.assert_allclose(alone, z, atol=1e-6)
    monkeypatch.setattr(model_module, "ENCODE_BATCH", 2)
    np.testing.assert_allclose(model.encode(sketches), together, atol=1e-6)
    assert model.encode([]).shape == (0, Z)
    assert model.encode(sketches[:1]).shape == (1, Z)


def test_a_sample_of_the_posterior() -> None:
    """mu + sigma eps (eq. 2): over many seeds its mean is mu, its variance that of the encoder."""
    model = make_model()
    (sketch,) = make_sketches(1)
    count = 400
    z = np.array([model.encode(sketch, sample=True, seed=seed) for seed in range(count)])
    x_BT5, lengths = torch.from_numpy(sketch.to_stroke5(1))[None], torch.tensor([1])
    x_BT5[..., :2] /= SCALE
    with torch.no_grad():
        mu, log_variance = model.network.encode(x_BT5, lengths)
    variance = log_variance.exp()[0].numpy()
    deviations = np.abs(z.mean(axis=0) - mu[0].numpy()) / np.sqrt(variance / count)
    assert (deviations < 4.5).all()
    np.testing.assert_allclose(z.var(axis=0), variance, rtol=4.5 * math.sqrt(2 / count))
    same = model.encode(sketch, sample=True, seed=4)
    assert np.array_equal(same, z[4])


def test_decode_is_generate_of_z() -> None:
    model = make_model()
    z = model.encode(make_sketches(3))
    decoded = model.decode(z, temperature=0.6, seed=2)
    assert decoded == model.generate(3, z=z, temperature=0.6, seed=2)
    assert model.decode(z[0], temperature=0, seed=2) == model.decode(z[:1], temperature=0)
    assert model.decode(z[0].tolist(), temperature=0) == model.decode(z[:1], temperature=0)


def test_one_z_for_many_drawings() -> None:
    """The same idea drawn several times: different drawings, all of them of that z."""
    model = make_model()
    z = model.encode(make_sketches(2))
    many = model.generate(4, z=z[1], seed=5)
    assert len(set(many)) == 4
    assert_same_drawings(model.generate(1, z=z[1], seed=5), many[:1], SCALE)
    (only,) = model.decode(z[1], temperature=0)
    assert_same_drawings(model.generate(3, z=z[1], temperature=0), [only] * 3, SCALE)


def test_reconstructions_start_where_the_drawings_do() -> None:
    model, sketches = make_model(), make_sketches()
    drawn = model.reconstruct(sketches, temperature=0.3, seed=6)
    for old, new, decoded in zip(
        sketches, drawn, model.decode(model.encode(sketches), temperature=0.3, seed=6), strict=True
    ):
        assert new.start == old.start
        assert new.label == old.label
        moved = decoded.moved(*old.start)
        assert all(map(np.array_equal, new.polylines, moved.polylines))
    assert drawn.seed == 6
    (alone,) = model.reconstruct(sketches[2], temperature=0)
    assert_same_drawings([alone], [model.reconstruct(sketches, temperature=0)[2]], SCALE)


def test_seeds() -> None:
    """Given, it is kept; not given, one is chosen and told; either draws the same again."""
    model = make_model()
    first = model.generate(3, seed=11)
    assert first.seed == 11
    assert model.generate(3, seed=11) == first
    assert model.generate(3, seed=12) != first
    assert_same_drawings(model.generate(2, seed=11), first[:2], SCALE)  # more beside them or not
    chosen = model.generate(3)
    assert model.generate(3, seed=chosen.seed) == chosen
    assert model.generate(3) != chosen
    for make, inputs in ((model.decode, np.zeros(Z)), (model.reconstruct, make_sketches(2))):
        drawn = make(inputs)
        assert make(inputs, seed=drawn.seed) == drawn


def test_global_generators_stay_untouched() -> None:
    model, sketches = make_model(), make_sketches()
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    model.generate(2)
    model.reconstruct(sketches, sample=True)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert all(map(np.array_equal, np.random.get_state(), numpy_state))


def test_labels_and_sheet() -> None:
    """A model of one class labels what it draws; one of several does not know which it was."""
    assert [sketch.label for sketch in make_model().generate(2)] == ["cat", "cat"]
    several = make_model(classes=("cat", "pig"))
    assert [sketch.label for sketch in several.generate(2)] == [None, None]
    assert "cat, pig" in repr(several)
    assert several.generate(3)._repr_svg_().startswith("<svg")


def test_decoder_only() -> None:
    model = make_model(conditional=False)
    drawn = model.generate(3, seed=1)
    assert model.generate(3, seed=1) == drawn
    expected = sample_strokes(model.network, None, 3, temperature=0.5, seed=1)
    assert [sketch.point_count - 1 for sketch in drawn] == [len(rows) for rows in expected]
    assert "decoder only" in repr(model)


TOO_LONG = Sketch.from_polylines([[[i, i * i] for i in range(N_MAX + 2)]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.generate(0), "number of drawings must be at least 1, got 0"),
        (lambda m: m.generate(-2), "number of drawings must be at least 1, got -2"),
        (lambda m: m.generate(temperature=-1), "temperature must be a number from 0.* got -1"),
        (lambda m: m.generate(temperature=math.nan), "temperature must be a number .* got nan"),
        (lambda m: m.decode(np.zeros(Z), temperature=-1), "temperature .* got -1"),
        (lambda m: m.reconstruct(make_sketches(), temperature=-1), "temperature .* got -1"),
        (lambda m: m.generate(seed=-5), "seed .* got -5"),
        (lambda m: m.decode(np.full(Z, np.nan)), "z has a value that is not a finite number"),
        (lambda m: m.decode(np.full(Z, np.inf)), "z has a value that is not a finite number"),
        (lambda m: m.decode(np.zeros(Z + 1)), rf"z must have 6 numbers.* got shape \({Z + 1},\)"),
        (lambda m: m.decode(np.zeros((2, 3))), r"z must have 6 numbers.* got shape \(2, 3\)"),
        (lambda m: m.decode(np.zeros((1, 2, Z))), r"z must have 6 .* got shape \(1, 2, 6\)"),
        (lambda m: m.decode(np.zeros((0, Z))), r"z must have 6 numbers.* got shape \(0, 6\)"),
        (lambda m: m.decode("a cat"), "z must be an array of numbers, got 'a cat'"),
        (lambda m: m.generate(4, z=np.zeros((3, Z))), "3 vectors z for 4 drawings: give one or 4"),
        (lambda m: m.encode(TOO_LONG), "drawing 0 has 12 points; test model reads 2 to 11"),
        (lambda m: m.encode([*make_sketches(3), TOO_LONG]), "drawing 3 has 12 points"),
        (lambda m: m.reconstruct(TOO_LONG), "drawing 0 has 12 points"),
        (lambda m: m.reconstruct([]), "there is no drawing to reconstruct"),
    ],
)
def test_errors(call: Callable[[Model], Any], message: str) -> None:
    assert_one_line(make_model(), call, message)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda m: m.encode(make_sketches()), "encode"),
        (lambda m: m.decode(np.zeros(Z)), "decode"),
        (lambda m: m.reconstruct(make_sketches()), "(reconstruct|encode)"),
        (lambda m: m.generate(z=np.zeros(Z)), "z"),
        (lambda m: m.z_size, "z"),
    ],
)
def test_errors_of_a_decoder_only_model(call: Callable[[Model], Any], what: str) -> None:
    message = f"test model is a decoder-only model.* so {what} is not possible"
    assert_one_line(make_model(conditional=False), call, message)


def assert_one_line(model: Model, call: Callable[[Model], Any], message: str) -> None:
    with pytest.raises(SketchRNNError, match=message) as caught:
        call(model)
    assert "\n" not in str(caught.value)


def test_error_in_a_later_batch_names_the_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "ENCODE_BATCH", 2)
    with pytest.raises(SketchRNNError, match="drawing 3 has 12 points"):
        make_model().encode([*make_sketches(3), TOO_LONG])


def test_the_longest_drawing_that_fits() -> None:
    """N_max rows are N_max + 1 points: the start point has no row."""
    longest = Sketch.from_polylines([[[i, i * i] for i in range(N_MAX + 1)]])
    assert np.isfinite(make_model().encode(longest)).all()


@needs_bf16
def test_bf16_draws_other_drawings() -> None:
    """The flag reaches the sampling: nearly the same first point, not the same to the last bit."""
    exact = make_model(decoder_cell="lstm")
    rounded = Model(exact.network, exact.facts, "rounded", bf16=True)
    first, second = (
        model.generate(1, temperature=0, z=np.ones(Z), seed=1)[0] for model in (exact, rounded)
    )
    for point, other in zip(first.polylines[0][:3], second.polylines[0][:3], strict=False):
        np.testing.assert_allclose(point, other, rtol=0.05, atol=0.05 * SCALE)
    assert not np.array_equal(first.polylines[0], second.polylines[0])
