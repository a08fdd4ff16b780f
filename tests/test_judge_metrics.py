"""The figures of a score against SciPy, the `prdc` package, and sums written out in float64."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from prdc import compute_prdc
from scipy.spatial.distance import cdist

from sketchrnn.judge import metrics
from sketchrnn.judge.metrics import compare, kid, nearest, radii

CLOSE = 1e-9  # float64, whose squares are taken apart and put together


def features(count: int, seed: int, shift: float = 0.0, width: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, (count, width))


@pytest.mark.parametrize(("people", "drawn"), [(60, 60), (40, 90), (7, 7)])
@pytest.mark.parametrize("shift", [0.0, 0.8, 5.0])
def test_the_quality_is_that_of_the_package_of_its_authors(
    people: int, drawn: int, shift: float
) -> None:
    real, fake = features(people, 1), features(drawn, 2, shift)
    expected = compute_prdc(real, fake, nearest_k=metrics.K)
    found = asdict(compare(real, fake))
    for name in ("precision", "recall", "density", "coverage"):
        assert found[name] == pytest.approx(expected[name], abs=CLOSE)


def test_drawings_that_are_compared_in_parts_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = features(50, 3), features(41, 4, 0.3)
    whole = compare(real, fake)
    monkeypatch.setattr(metrics, "ROWS", 16)
    assert asdict(compare(real, fake)) == pytest.approx(asdict(whole), abs=CLOSE)


def test_kid_is_the_unbiased_estimate_written_out() -> None:
    real, fake = features(12, 5), features(9, 6, 0.5)

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / len(x) + 1) ** 3)

    def mean(left: np.ndarray, right: np.ndarray) -> float:
        pairs = [
            kernel(x, y)
            for i, x in enumerate(left)
            for j, y in enumerate(right)
            if left is not right or i != j
        ]
        return float(np.mean(pairs))

    expected = mean(real, real) + mean(fake, fake) - 2 * mean(real, fake)
    assert kid(real, fake) == pytest.approx(expected, rel=CLOSE)


def test_kid_of_two_halves_of_one_kind_is_as_often_under_0_as_over() -> None:
    found = [kid(features(30, seed), features(30, seed + 1000)) for seed in range(200)]
    standard_error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 4 * standard_error
    assert 0.2 < np.mean(np.array(found) < 0) < 0.9


def test_distances_are_those_of_scipy() -> None:
    left, right = features(30, 7), features(20, 8)
    np.testing.assert_allclose(nearest(left, right), cdist(left, right).min(axis=1), rtol=CLOSE)
    expected = np.sort(cdist(left, left), axis=1)[:, 4]
    np.testing.assert_allclose(radii(left, 4), expected, rtol=1e-7)


def test_a_drawing_is_as_far_from_itself_as_nothing() -> None:
    far = features(20, 9) + 1e6  # where squares lose their digits
    assert (radii(far, 1) > 0).all()
    assert np.diag(np.concatenate([rows for _, rows in metrics._chunks(far, far)])).max() == 0
