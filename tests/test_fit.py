"""Drawings from outside: of any size, anywhere, with any number of points.

What comes back is measured against what was given with shapely's Hausdorff distance, between the
lines themselves (every vertex of one is near the other line).
"""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
import shapely

from sketchrnn.drawing.fit import fit
from sketchrnn.errors import SketchRNNError
from sketchrnn.runs import DataFacts
from sketchrnn.sketch import Sketch
from sketchrnn.strokes import simplify
from test_model import make_model

SIZE, EPSILON, N_MAX = 200.0, 1.5, 100
FACTS = DataFacts(scale=10.0, size=SIZE, epsilon=EPSILON)
EPSILON_PX = EPSILON * SIZE / 255


def curve(n: int = 400, side: float = 1.0, at: tuple[float, float] = (0.0, 0.0)) -> Sketch:
    """A wound line of n points and a second, straight one, in a box of `side` from `at` on."""
    t = np.linspace(0, 1, n)
    wound = np.column_stack([0.5 + 0.5 * np.sin(9 * t), 0.4 * t + 0.3 * (1 + np.cos(14 * t)) / 2])
    lines = [wound, np.array([[0.1, 0.9], [0.6, 0.7]])]
    return Sketch.from_polylines([np.array(at) + side * line for line in lines], "curve")


def larger_side(sketch: Sketch) -> float:
    return max(sketch.size)


def line_of(points: np.ndarray) -> shapely.LineString:
    return shapely.LineString(points if len(points) > 1 else np.repeat(points, 2, axis=0))


def farthest(given: Sketch, back: Sketch) -> float:
    """The largest Hausdorff distance of two strokes, their vertices against the other's line."""
    assert len(given.polylines) == len(back.polylines)
    origin = np.array(given.start)
    distances = []
    for line, other in zip(given.polylines, back.polylines, strict=True):
        first, second = line_of(line - origin), line_of(other - origin)
        distances.append(
            max(
                shapely.distance(shapely.points(first.coords), second).max(),
                shapely.distance(shapely.points(second.coords), first).max(),
                shapely.hausdorff_distance(first, second, densify=0.05) if len(line) < 50 else 0,
            )
        )
    return max(distances)


def rounding(sketch: Sketch) -> float:
    """How well float64 holds the drawing's coordinates."""
    return 4 * float(np.spacing(np.abs(np.concatenate(sketch.polylines)).max()))


PLACES = {
    "as in the data": curve(side=255),
    "small": curve(side=0.01),
    "tiny": curve(side=1e-9),
    "huge": curve(side=1e9),
    "far away": curve(side=3.0, at=(1e6, -4e6)),
    "tiny and away": curve(side=1e-9, at=(5e-8, 1e-8)),
    "ten thousand points": curve(10_000, side=40.0),
    "one long straight line": Sketch.from_polylines([[[3, 4], [3e5 + 3, 4]]]),  # type: ignore[list-item]
    "a straight line of many points": Sketch.from_polylines(
        [np.column_stack([np.linspace(1, 9, 5000), np.linspace(2, -7, 5000)])]
    ),
    "a ring": Sketch.from_polylines(
        [[[np.cos(t), np.sin(t)] for t in np.linspace(0, 2 * np.pi, 300)]]
    ),
    "dots after a line": Sketch.from_polylines([[[0, 0], [9, 1]], [[2, 2]], [[5, 5], [5, 5]]]),
    "a dot first": Sketch.from_polylines([[[7, 7]], [[0, 0], [9, 1]]]),
}


@pytest.mark.parametrize("name", PLACES)
def test_there_and_back(name: str) -> None:
    given = PLACES[name]
    fitted = fit(given, FACTS, N_MAX)
    assert fitted.given is given
    assert fitted.note == ""
    assert fitted.epsilon == pytest.approx(EPSILON_PX)
    assert fitted.sketch.start == (0, 0)
    assert fitted.sketch.label == given.label
    assert len(fitted.sketch.to_stroke3()) <= N_MAX
    assert fitted.factor == pytest.approx(SIZE / larger_side(given))
    assert larger_side(fitted.sketch) == pytest.approx(SIZE, abs=2 * fitted.epsilon)
    back = fitted.back(fitted.sketch)
    assert back.start == given.start
    assert back.label == given.label
    assert farthest(given, back) <= fitted.epsilon / fitted.factor + rounding(given)


def test_a_dot() -> None:
    given = Sketch.from_polylines([[[1e9, -3.25]]])
    fitted = fit(given, FACTS, N_MAX)
    assert [line.tolist() for line in fitted.sketch.polylines] == [[[0, 0]]]
    assert fitted.back(fitted.sketch) == given
    assert np.isfinite(fitted.factor)
    still = Sketch.from_polylines([[[5.0, 5.0]] * 300])
    back = fit(still, FACTS, N_MAX).back(fit(still, FACTS, N_MAX).sketch)
    assert back.polylines[0].tolist() == [[5, 5], [5, 5]]


def test_what_a_model_draws_on_comes_back_in_place() -> None:
    """By hand: two px to a unit; a point 10 px right of the start is 5 units right of it."""
    given = Sketch.from_polylines([[[1000, 50], [1100, 50], [1100, 20]]])
    fitted = fit(given, FACTS, N_MAX)
    assert fitted.factor == 2
    assert [line.tolist() for line in fitted.sketch.polylines] == [[[0, 0], [200, 0], [200, -60]]]
    new = Sketch.from_polylines([[[0, 0], [10, 0]], [[-4, 6], [0, 1]]], "new")
    expected = [[[1000, 50], [1005, 50]], [[998, 53], [1000, 50.5]]]
    assert [line.tolist() for line in fitted.back(new).polylines] == expected
    assert fitted.back(new).label == "new"


def test_what_is_simplified_already_stays() -> None:
    """A drawing of the size and simplicity of the training's is not touched again."""
    wound, straight = curve(side=SIZE).polylines
    simple = Sketch.from_polylines([simplify(wound, EPSILON_PX), straight])
    shifted = simple.moved(-simple.start[0], -simple.start[1])
    fitted = fit(shifted, FACTS, N_MAX, factor=1.0)
    assert fitted.sketch == shifted
    again = fit(fitted.sketch, FACTS, N_MAX, factor=1.0)
    assert again.sketch == fitted.sketch


def test_corners_are_points_of_the_given_drawing() -> None:
    given = curve(side=77.0, at=(-3, 12))
    fitted = fit(given, FACTS, N_MAX)
    for line, kept in zip(given.polylines, fitted.sketch.polylines, strict=True):
        scaled = (line - np.array(given.start)) * fitted.factor
        distances = np.hypot(*(scaled[:, None] - kept[None]).transpose(2, 0, 1)).min(axis=0)
        assert distances.max() < 1e-9
        assert np.array_equal(scaled[[0, -1]], kept[[0, -1]])


@pytest.mark.parametrize("N_max", [20, 12, 5, 3])
def test_what_is_too_long_keeps_as_many_points_as_fit(N_max: int) -> None:
    given = curve(10_000, side=1e-3)
    usual = len(fit(given, FACTS, 10_000).sketch.to_stroke3())
    fitted = fit(given, FACTS, N_max)
    assert usual > N_max == len(fitted.sketch.to_stroke3())
    assert fitted.epsilon > EPSILON_PX
    assert fitted.note == (
        f"simplified to {N_max + 1} of its 10,002 points, up to {fitted.epsilon:.3g} px from its"
        f" line instead of {EPSILON_PX:.3g}; the model reads at most {N_max + 1}"
    )
    back = fitted.back(fitted.sketch)
    assert back.start == given.start
    assert farthest(given, back) <= fitted.epsilon / fitted.factor + rounding(given)


def significances(points: np.ndarray) -> np.ndarray:
    """The epsilon at which Ramer-Douglas-Peucker drops each point, by its definition."""
    found = np.full(len(points), np.inf)

    def split(first: int, last: int, most: float) -> None:
        if last - first > 1:
            chord = shapely.LineString(points[[first, last]])
            distances = shapely.distance(shapely.points(points[first + 1 : last]), chord)
            middle = first + 1 + int(distances.argmax())
            found[middle] = min(float(distances.max()), most)  # never more than its parent's
            split(first, middle, found[middle])
            split(middle, last, found[middle])

    split(0, len(points) - 1, np.inf)
    return found


@pytest.mark.parametrize("N_max", [60, 40, 7])
def test_the_points_that_matter_most_are_kept(N_max: int) -> None:
    """Those of the largest significance, of all strokes together; the rest is given up."""
    rng = np.random.default_rng(4)
    lines = [rng.uniform(0, 1, (n, 2)).cumsum(axis=0) * rng.normal(1, 0.1, 2) for n in (150, 60)]
    lines[1] += 40 * rng.uniform(0, 1, (60, 2))
    given = Sketch.from_polylines(lines)
    fitted = fit(given, FACTS, N_max)
    assert len(fitted.sketch.to_stroke3()) == N_max
    scaled = [(line - np.array(given.start)) * fitted.factor for line in given.polylines]
    ranks = [significances(line) for line in scaled]
    least = np.sort(np.concatenate(ranks))[-(N_max + 1)]
    distances = []
    for line, rank, kept in zip(scaled, ranks, fitted.sketch.polylines, strict=True):
        # where a point is significant only as its parent is, either may be the last that is kept
        indices = [int(np.flatnonzero((line == point).all(axis=1))[0]) for point in kept]
        assert set(np.flatnonzero(rank > least)) <= set(indices)
        assert (rank[indices] >= least).all()
        for first, last in itertools.pairwise(indices):
            chord = shapely.LineString(line[[first, last]])
            distances.append(shapely.distance(shapely.points(line[first : last + 1]), chord).max())
    assert fitted.epsilon == pytest.approx(max(distances), rel=1e-8)


@pytest.mark.parametrize("n", [5000, 100_000])
def test_a_zigzag_stays_one(n: int) -> None:
    """Its points matter equally: of such, some are kept all along it, not the first, nor none."""
    i = np.arange(n)
    zigzag = Sketch.from_polylines([np.column_stack([i / (n - 1) * 300, (i % 2) * 60.0])])
    begun = time.perf_counter()
    (kept,) = fit(zigzag, FACTS, N_MAX).sketch.polylines
    assert time.perf_counter() - begun < 3  # 0.1 s
    assert len(kept) == N_MAX + 1
    turns = np.abs(np.diff(kept[:, 1])) > 39
    assert turns.sum() > N_MAX / 2
    assert np.diff(kept[:, 0]).max() < 5 * SIZE / N_MAX


def test_the_worst_of_long_drawings_takes_no_time() -> None:
    """A zigzag that grows is split at its end each time, as deep as it has points."""
    i = np.arange(100_000)
    given = Sketch.from_polylines([np.column_stack([i / 400, (i % 2 - 0.5) * i / 400])])
    begun = time.perf_counter()
    assert len(fit(given, FACTS, N_MAX).sketch.to_stroke3()) == N_MAX
    assert time.perf_counter() - begun < 6  # 0.5 s


@pytest.mark.parametrize("name", PLACES)
def test_what_fits_is_simplified_as_the_training_data_were(name: str) -> None:
    given = PLACES[name]
    fitted = fit(given, FACTS, N_MAX)
    for line, kept in zip(given.polylines, fitted.sketch.polylines, strict=True):
        expected = simplify((line - np.array(given.start)) * fitted.factor, fitted.epsilon)
        assert len(kept) == len(expected)
        if not np.array_equal(kept, expected):  # of equally far points another one may be kept
            assert name in ("a ring", "a straight line of many points")


def test_rings_become_few_points() -> None:
    """A closed stroke has its ends in one place; it must not keep the search from ending."""
    ring = [[np.cos(t), np.sin(t)] for t in np.linspace(0, 2 * np.pi, 300)]
    fitted = fit(Sketch.from_polylines([ring, ring]), FACTS, 5)
    assert len(fitted.sketch.to_stroke3()) <= 5
    assert len(fitted.sketch.polylines) == 2


def test_more_strokes_than_points() -> None:
    """Ten strokes of two points are 19 rows, however coarse."""
    strokes = [[[k, 0], [k + 0.5, 1], [k, 2]] for k in range(10)]
    given = Sketch.from_polylines(strokes)
    assert len(fit(given, FACTS, 19).sketch.to_stroke3()) == 19
    with pytest.raises(SketchRNNError, match=r"10 strokes.* 20 points.* at most 19") as caught:
        fit(given, FACTS, 18)
    assert "\n" not in str(caught.value)


def test_unknown_facts_are_the_public_data_s() -> None:
    """A box of 255 px, an epsilon of 2."""
    fitted = fit(curve(side=1.0), DataFacts(scale=10.0), N_MAX)
    assert fitted.factor == pytest.approx(255 / larger_side(fitted.given))
    assert fitted.epsilon == 2


def test_the_factor_may_be_given() -> None:
    """What is simplified then is as coarse on the paper as ever: epsilon is in px."""
    given = curve(side=10.0)
    fitted = fit(given, FACTS, N_MAX, factor=4.0)
    assert fitted.factor == 4
    assert fitted.epsilon == pytest.approx(EPSILON_PX)
    assert larger_side(fitted.sketch) == pytest.approx(4 * larger_side(given), abs=2 * EPSILON_PX)
    assert farthest(given, fitted.back(fitted.sketch)) <= EPSILON_PX / 4 + rounding(given)


@pytest.mark.parametrize(
    ("side", "factor"),
    [(1e308 * 1.5, None), (5e-324, None), (1.0, 0.0), (1.0, -2.0), (1.0, np.nan), (1e300, 1e300)],
)
def test_what_cannot_be_scaled(side: float, factor: float | None) -> None:
    given = Sketch.from_polylines([[[0, 0], [side, 0]]])  # type: ignore[list-item]
    if side > 1e308:
        given = Sketch.from_polylines([[[-side, 0], [0, 0], [side, 0]]])  # type: ignore[list-item]
    with pytest.raises(SketchRNNError, match="cannot be scaled by") as caught:
        fit(given, FACTS, N_MAX, factor=factor)
    assert "\n" not in str(caught.value)


def test_a_model_fits_and_reads_it() -> None:
    model = make_model()
    fitted = model.fit(curve(10_000, side=1e9, at=(1e9, 1e9)))
    assert len(fitted.sketch.to_stroke3()) <= model.N_max
    assert fitted.factor == pytest.approx(255 / larger_side(fitted.given))  # its size is not known
    (drawn,) = model.reconstruct(fitted.sketch, temperature=0)
    assert fitted.back(drawn).start == fitted.given.start
