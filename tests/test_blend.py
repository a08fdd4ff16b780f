"""Drawings between, beside and beyond given ones, with a small network of random weights.

Each is held against the same z, worked out here, drawn alone by `generate`; float32 sums come in
other orders there, so drawings are compared with test_model's tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sketchrnn.api import Model
from sketchrnn.drawing.blend import placed_as
from sketchrnn.errors import SketchRNNError
from sketchrnn.seeds import POSTERIOR_STREAM, normal_vectors
from sketchrnn.sketch import Sketch
from test_latent import white_2016
from test_model import SCALE, TOO_LONG, assert_same_drawings, make_model, make_sketches

SEED = 7


def alone(model: Model, z: np.ndarray, start: np.ndarray, temperature: float = 0.1) -> Sketch:
    """The drawing of one z, by itself, moved to its start."""
    (drawn,) = model.generate(1, z=z, temperature=temperature, seed=SEED)
    return drawn.moved(*start)


def far_apart() -> list[Sketch]:
    """Drawings that start in different places."""
    return [
        sketch.moved(100 * number, -7 * number**2)
        for number, sketch in enumerate(make_sketches(4), start=1)
    ]


def test_the_ends_of_an_interpolation_are_the_reconstructions() -> None:
    model, (first, last, *_) = make_model(), far_apart()
    for n in (2, 5):
        drawn = model.interpolate(first, last, n, temperature=0.3, seed=SEED)
        assert len(drawn) == n
        assert drawn.seed == SEED
        for end, sketch in ((drawn[0], first), (drawn[-1], last)):
            expected = model.reconstruct(sketch, temperature=0.3, seed=SEED)
            assert_same_drawings([end], expected, SCALE)
            assert end.start == sketch.start


@pytest.mark.parametrize("spherical", [True, False])
def test_between_the_ends(spherical: bool) -> None:
    """Drawing k of n is that of z a k-th of the way on; all with the same random numbers."""
    model, (first, last, *_) = make_model(), far_apart()
    drawn = model.interpolate(first, last, 4, spherical=spherical, temperature=0.2, seed=SEED)
    z_first, z_last = model.encode([first, last]).astype(np.float64)
    starts = np.array([first.start, last.start])
    for number in (1, 2):
        share = number / 3
        z = (1 - share) * z_first + share * z_last
        if spherical:
            z = white_2016(z_first, z_last, share)
        start = (1 - share) * starts[0] + share * starts[1]
        assert_same_drawings([drawn[number]], [alone(model, z, start, 0.2)], SCALE)


def test_an_interpolation_from_a_drawing_to_itself_stays() -> None:
    model, (sketch, *_) = make_model(), far_apart()
    drawn = model.interpolate(sketch, sketch, 4, temperature=0.8, seed=SEED)
    assert_same_drawings(drawn, [drawn[0]] * 4, SCALE)


@pytest.mark.parametrize("spherical", [True, False])
def test_the_corners_of_a_grid_are_the_reconstructions(spherical: bool) -> None:
    model, corners = make_model(), far_apart()
    rows = model.grid(corners, 3, 4, spherical=spherical, temperature=0.3, seed=SEED)
    assert [len(row) for row in rows] == [4, 4, 4]
    assert {row.seed for row in rows} == {SEED}
    ends = [rows[0][0], rows[0][-1], rows[-1][0], rows[-1][-1]]
    for end, corner in zip(ends, corners, strict=True):
        assert_same_drawings([end], model.reconstruct(corner, temperature=0.3, seed=SEED), SCALE)
        assert end.start == corner.start
    edge = model.interpolate(*corners[:2], 4, spherical=spherical, temperature=0.3, seed=SEED)
    assert_same_drawings(rows[0], edge, SCALE)
    edge = model.interpolate(
        corners[0], corners[2], 3, spherical=spherical, temperature=0.3, seed=SEED
    )
    assert_same_drawings([row[0] for row in rows], edge, SCALE)


def test_the_middle_of_a_grid() -> None:
    model, corners = make_model(), far_apart()
    rows = model.grid(corners, 3, 3, temperature=0.2, seed=SEED)
    A, B, C, D = model.encode(corners).astype(np.float64)
    z = white_2016(white_2016(A, C, 0.5), white_2016(B, D, 0.5), 0.5)
    start = np.mean([corner.start for corner in corners], axis=0)
    assert_same_drawings([rows[1][1]], [alone(model, z, start, 0.2)], SCALE)


def test_the_fourth_corner_of_three_is_the_analogy() -> None:
    model, (a, b, c, _) = make_model(), far_apart()
    rows = model.grid([a, b, c], 2, 3, temperature=0.3, seed=SEED)
    (expected,) = model.analogy(a, b, c, temperature=0.3, seed=SEED)
    start = np.array(c.start) + np.array(b.start) - np.array(a.start)
    moved = expected.moved(*(start - np.array(expected.start)))
    assert_same_drawings([rows[-1][-1]], [moved], SCALE)


def test_analogy() -> None:
    """c + (b - a), n times with other random numbers, where c starts."""
    model, (a, b, c, _) = make_model(), far_apart()
    drawn = model.analogy(a, b, c, 3, temperature=0.4, seed=SEED)
    z_a, z_b, z_c = model.encode([a, b, c]).astype(np.float64)
    expected = model.generate(3, z=z_c + z_b - z_a, temperature=0.4, seed=SEED)
    assert_same_drawings(drawn, [sketch.moved(*c.start) for sketch in expected], SCALE)
    assert len(set(drawn)) == 3
    assert drawn.seed == SEED
    # nothing put on c: c itself
    (same,) = model.analogy(a, a, c, temperature=0.4, seed=SEED)
    assert_same_drawings([same], model.reconstruct(c, temperature=0.4, seed=SEED), SCALE)


def test_no_spread_is_mu() -> None:
    model, (sketch, *_) = make_model(), far_apart()
    drawn = model.vary(sketch, 3, spread=0, temperature=0.6, seed=SEED)
    mu = model.encode(sketch)
    expected = model.decode([mu] * 3, temperature=0.6, seed=SEED)
    assert_same_drawings(drawn, [new.moved(*sketch.start) for new in expected], SCALE)
    assert len(set(drawn)) == 3  # points are drawn at random all the same


def test_a_spread_of_one_is_a_sample_of_the_posterior() -> None:
    model, (sketch, *_) = make_model(), far_apart()
    drawn = model.vary(sketch, 4, spread=1, temperature=0.6, seed=SEED)
    expected = model.reconstruct([sketch] * 4, sample=True, temperature=0.6, seed=SEED)
    assert_same_drawings(drawn, expected, SCALE)
    assert {new.label for new in drawn} == {sketch.label}
    assert {new.start for new in drawn} == {sketch.start}
    assert drawn.seed == SEED


def test_a_spread_of_three_strays_three_times_as_far(monkeypatch: pytest.MonkeyPatch) -> None:
    model, (sketch, *_) = make_model(), far_apart()
    seen = []
    decode = model.decode

    def spy(z: np.ndarray, **options: Any) -> Any:
        seen.append(z)
        return decode(z, **options)

    monkeypatch.setattr(model, "decode", spy)
    for spread in (1, 3):
        model.vary(sketch, 5, spread=spread, seed=SEED)
    mu = model.encode(sketch)
    assert np.ptp(seen[0], axis=0).min() > 0
    np.testing.assert_allclose(seen[1] - mu, 3 * (seen[0] - mu), rtol=1e-4, atol=1e-5)


def test_variations_of_several_are_those_of_each() -> None:
    """Numbers of z and of points go on from one to the next: two are not varied alike."""
    model, (first, second, *_) = make_model(), far_apart()
    rows = model.vary([first, second], 3, spread=0.7, temperature=0.6, seed=SEED)
    alone = model.vary(first, 3, spread=0.7, temperature=0.6, seed=SEED)
    assert_same_drawings(rows[0], alone, SCALE)
    mu, sigma = model.posterior([second])
    noise = normal_vectors(SEED, POSTERIOR_STREAM, 6, model.z_size)[3:]
    z_6Z = np.concatenate([np.zeros_like(noise), mu + 0.7 * sigma * noise])
    expected = model.generate(6, z=z_6Z, temperature=0.6, seed=SEED)[3:]
    assert_same_drawings(rows[1], [new.moved(*second.start) for new in expected], SCALE)
    with pytest.raises(SketchRNNError, match="no drawing to vary"):
        model.vary([], 3)


CALLS: dict[str, Callable[..., Any]] = {
    "interpolate": lambda m, s, **o: m.interpolate(s[0], s[1], 3, **o),
    "grid": lambda m, s, **o: m.grid(s[:4], 2, 2, **o),
    "analogy": lambda m, s, **o: m.analogy(*s[:3], 2, **o),
    "vary": lambda m, s, **o: m.vary(s[0], 2, **o),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_seed_decides(name: str) -> None:
    model, sketches = make_model(), far_apart()
    call = CALLS[name]
    drawn = call(model, sketches, temperature=0.7, seed=SEED)
    assert call(model, sketches, temperature=0.7, seed=SEED) == drawn
    assert call(model, sketches, temperature=0.7, seed=SEED + 1) != drawn
    chosen = call(model, sketches, temperature=0.7)
    seed = chosen[0].seed if name == "grid" else chosen.seed
    assert call(model, sketches, temperature=0.7, seed=seed) == chosen


def one_line(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(SketchRNNError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("interpolate", "interpolation"),
        ("grid", "a grid between drawings"),
        ("analogy", "an analogy"),
        ("vary", "variation"),
    ],
)
def test_a_decoder_only_model(name: str, what: str) -> None:
    model = make_model(conditional=False)
    message = f"test model is a decoder-only model.*, so {what} is not possible"
    one_line(lambda: CALLS[name](model, far_apart()), message)


@pytest.mark.parametrize("name", CALLS)
def test_drawings_that_are_too_long(name: str) -> None:
    one_line(lambda: CALLS[name](make_model(), [TOO_LONG] * 4), "drawing 0 has 12 points")


@pytest.mark.parametrize(("label", "expected"), [("chair", "chair"), (None, "cat"), ("", "cat")])
def test_what_is_drawn_for_a_drawing_has_its_start_and_label(
    label: str | None, expected: str
) -> None:
    given = Sketch.from_polylines([[[3, 4], [9, 9]]], label)
    placed = placed_as(given, Sketch.from_polylines([[[0, 0], [1, 0]], [[2, 2]]], "cat"))
    assert placed == Sketch.from_polylines([[[3, 4], [4, 4]], [[5, 6]]], expected)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("options", "message"),
    [({"temperature": -1}, "temperature .* got -1"), ({"seed": -5}, "seed .* got -5")],
)
def test_wrong_temperatures_and_seeds(name: str, options: dict[str, Any], message: str) -> None:
    one_line(lambda: CALLS[name](make_model(), far_apart(), **options), message)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, s: m.interpolate(s[0], s[1], 1), "at least 2 steps, got 1"),
        (lambda m, s: m.interpolate(s[0], s[1], 0), "must be at least 1, got 0"),
        (lambda m, s: m.interpolate(s[0], s[1], 2.5), "must be a whole number, got 2.5"),
        (lambda m, s: m.grid(s[:2]), "3 or 4 corners, got 2"),
        (lambda m, s: m.grid([*s, s[0]]), "3 or 4 corners, got 5"),
        (lambda m, s: m.grid([]), "3 or 4 corners, got 0"),
        (lambda m, s: m.grid(s, 1, 5), "at least 2 rows and 2 columns, got 1 rows"),
        (lambda m, s: m.grid(s, 3, 0), "must be at least 1, got 0"),
        (lambda m, s: m.analogy(*s[:3], 0), "must be at least 1, got 0"),
        (lambda m, s: m.vary(s[0], 0), "must be at least 1, got 0"),
        (lambda m, s: m.vary(s[0], spread=-0.5), "spread must be a number from 0.* got -0.5"),
        (lambda m, s: m.vary(s[0], spread=math.nan), "spread must be a number from 0.* got nan"),
        (lambda m, s: m.vary(s[0], spread=math.inf), "spread must be a number from 0.* got inf"),
        (lambda m, s: m.vary(s[0], spread=101), "usually to 1 and at most 100, got 101"),
    ],
)
def test_errors(call: Callable[[Model, list[Sketch]], Any], message: str) -> None:
    one_line(lambda: call(make_model(), far_apart()), message)
