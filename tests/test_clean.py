"""The steps on one drawing, outliers and copies: each against SciPy, shapely, or brute force."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, euclidean

from sketchrnn import strokes
from sketchrnn.data.clean import (
    boxed,
    clean,
    copied,
    preprocess,
    random_matrix,
    without_short,
)
from sketchrnn.data.doodles import doodles
from sketchrnn.data.prepare_config import PrepareConfig
from sketchrnn.data.report import Effects, Step
from sketchrnn.data.simplify import farthest_first, fewest_rows
from sketchrnn.data.spool import worst
from sketchrnn.errors import SketchRNNError
from sketchrnn.travel import Polyline

POINT = st.tuples(*2 * [st.floats(-1e4, 1e4, allow_nan=False, width=32)])
LINE = st.lists(POINT, min_size=1, max_size=12).map(lambda points: np.array(points))
DRAWING = st.lists(LINE, min_size=1, max_size=6)
CLEANING = st.builds(
    PrepareConfig,
    join=st.none() | st.sampled_from([0.0, 3.0, 40.0]),
    min_stroke=st.sampled_from([0.0, 5.0, 60.0]),
    order=st.booleans(),
    at_most=st.none() | st.integers(2, 30),
)


ALL = {
    "join": 3,
    "min_stroke": 4,
    "order": True,
    "at_most": 20,
    "box": True,
    "simplify": 1.0,
}


def make(lines: list[Polyline], **options: object) -> tuple[list[Polyline], Effects]:
    effects = Effects()
    found = clean(lines, PrepareConfig(**options), effects).after
    return list(found), effects


def random_drawing(seed: int, count: int = 6, points: int = 30) -> list[Polyline]:
    rng = np.random.default_rng(seed)
    starts = rng.uniform(0, 200, (count, 1, 2))
    return list(starts + np.cumsum(rng.normal(0, 6, (count, points, 2)), axis=1))


def farthest_from(lines: list[Polyline], others: list[Polyline]) -> float:
    """How far a point of some lines is from all of the others at most, by GEOS."""
    shapes = shapely.MultiLineString([np.repeat(one, 2 // len(one) or 1, axis=0) for one in others])
    return max(float(shapely.distance(shapely.points(line), shapes).max()) for line in lines)


# --- any drawing, any options -------------------------------------------------------------------


@settings(deadline=None, max_examples=120)
@given(DRAWING, CLEANING, st.booleans(), st.sampled_from([0.0, 2.0, 30.0]))
def test_no_step_makes_nonsense(
    lines: list[Polyline], config: PrepareConfig, box: bool, epsilon: float
) -> None:
    given_lines = [line.copy() for line in lines]
    effects = Effects()
    found = clean(lines, replace(config, box=box, simplify=epsilon), effects).after
    assert found
    assert all(len(line) and np.isfinite(line).all() for line in found)
    strokes.check_stroke3(strokes.polylines_to_stroke3(found)[0])
    assert all(map(np.array_equal, lines, given_lines))  # nothing is changed in place
    if config.at_most is not None and sum(map(len, found)) - 1 > config.at_most:
        assert effects.steps[-1].changed == 0
        assert fewest_rows(found) > config.at_most or max(map(len, found)) > 2
    if box and epsilon:  # the public preprocessing
        assert all((line == np.rint(line)).all() for line in found)
        assert np.concatenate(found).max() <= strokes.BOX_PX
    for before, after in pairwise(effects.steps):
        assert before.strokes[1] == after.strokes[0]
        assert before.points[1] == after.points[0]
    if effects.steps:
        assert (effects.steps[-1].strokes[1], effects.steps[-1].points[1]) == (
            len(found),
            sum(map(len, found)),
        )


@settings(deadline=None, max_examples=60)
@given(DRAWING, CLEANING, st.sampled_from([0.0, 2.0, 30.0]))
def test_what_is_drawn_was_there_and_what_was_there_is_drawn(
    lines: list[Polyline], config: PrepareConfig, epsilon: float
) -> None:
    """But for gaps that were joined, short strokes, and what the epsilons allow."""
    effects = Effects()
    found = clean(lines, replace(config, simplify=epsilon), effects).after
    unit = np.ptp(np.concatenate(lines), axis=0).max() / 255 or 1.0
    largest = max((step.epsilon_px or 0.0) * unit for step in [*effects.steps, Step("")])
    tolerance = max(epsilon * unit, largest) + 1e-6 * (1 + np.abs(np.concatenate(lines)).max())
    joint = (config.join or 0.0) * unit / 2  # a point of a gap is nearer to one of its ends
    assert farthest_from(found, lines) <= tolerance + joint
    if not config.min_stroke:
        assert farthest_from(lines, found) <= tolerance


def test_no_options_change_nothing() -> None:
    lines = random_drawing(1)
    found, effects = make(lines)
    assert found == lines  # the very same arrays
    assert not effects
    assert not PrepareConfig().cleans
    assert str(PrepareConfig()) == PrepareConfig().copying == ""


# --- join, min-stroke, order --------------------------------------------------------------------


def test_distances_are_px_of_a_box_of_255() -> None:
    lines = [np.array([[0.0, 0], [100, 0]]), np.array([[104.0, 0], [255, 0]])]
    for factor in (1.0, 0.01, 1000.0):
        large = [line * factor for line in lines]
        assert len(make(large, join=4.01)[0]) == 1
        assert len(make(large, join=3.99)[0]) == 2
        assert len(make(large, min_stroke=100.01)[0]) == 1
        assert len(make(large, min_stroke=99.99)[0]) == 2


def test_short_strokes_and_dots_go_but_never_all() -> None:
    dot, dash = np.array([[200.0, 200]]), np.array([[0.0, 0], [3, 4]])
    line = np.array([[0.0, 0], [0, 100], [100, 100]])
    assert without_short([dot, line, dash], 5) == [line, dash]  # exactly 5 long stays
    assert without_short([dot, line, dash], 5.01) == [line]
    assert without_short([dot, dash], 20) == [dot, dash]
    for seed in range(20):
        lines = random_drawing(seed, points=4)
        lengths = [sum(euclidean(a, b) for a, b in pairwise(line)) for line in lines]
        kept = [n for n, length in enumerate(lengths) if length >= 18] or range(6)
        found = without_short(lines, 18)
        assert [one is lines[n] for one, n in zip(found, kept, strict=True)] == [True] * len(kept)


def test_pieces_are_joined_before_short_strokes_go() -> None:
    line = np.column_stack([np.arange(0, 256, 5.0), np.zeros(52)])
    pieces = [line[k : k + 2] for k in range(51)]
    lonely = np.array([[100.0, 50], [104, 50]])
    found, _ = make([*pieces, lonely], join=0, min_stroke=10)
    assert [one.tolist() for one in found] == [line.tolist()]


def test_what_is_left_fills_the_box_again() -> None:
    speck = np.array([[1000.0, 0], [1001, 0]])
    square = np.array([[0.0, 0], [100, 0], [100, 100], [0, 100], [0, 0]])
    found, _ = make([square, speck], min_stroke=5, box=True)
    assert np.allclose(found[0], square * 2.55)


def test_after_joining_no_open_ends_are_near_each_other() -> None:
    for seed in range(30):
        lines = random_drawing(seed, count=8, points=3)
        found, _ = make(lines, join=20)
        unit = np.ptp(np.concatenate(lines), axis=0).max() / 255
        still_open = [line for line in found if euclidean(line[0], line[-1]) > 20 * unit]
        for one, other in combinations(still_open, 2):
            assert cdist(one[[0, -1]], other[[0, -1]]).min() > 20 * unit


def test_order_shortens_the_way_of_the_lifted_pen() -> None:
    lines = random_drawing(3, count=9)
    found, effects = make(lines, order=True)
    way = sum(euclidean(a[-1], b[0]) for a, b in pairwise(found))
    given_way = sum(euclidean(a[-1], b[0]) for a, b in pairwise(lines))
    assert way < 0.8 * given_way
    unit = np.ptp(np.concatenate(lines), axis=0).max() / 255
    (step,) = effects.steps
    assert step.travel_px[0] == pytest.approx(given_way / unit)
    assert step.travel_px[1] == pytest.approx(way / unit)
    assert (step.drawings, step.changed) == (1, 1)


# --- simplify -----------------------------------------------------------------------------------


def test_preprocess_is_the_public_preprocessing() -> None:
    """Against the steps as the data set's authors list them, written out here."""
    for seed in range(10):
        lines = random_drawing(seed)
        points = np.concatenate(lines)
        expected = []
        for line in lines:
            scaled = (line - points.min(axis=0)) * (255 / np.ptp(points, axis=0).max())
            along = np.concatenate([[0], np.cumsum([euclidean(a, b) for a, b in pairwise(scaled)])])
            stations = np.append(np.arange(0, along[-1], 1.0), along[-1])
            dense = np.column_stack([np.interp(stations, along, scaled[:, k]) for k in (0, 1)])
            simple = shapely.LineString(dense).simplify(2.0, preserve_topology=False)
            expected.append(np.rint(shapely.get_coordinates(simple)).tolist())
        assert [line.tolist() for line in preprocess(lines)] == expected


def test_at_most_leaves_short_drawings_as_they_are() -> None:
    lines = random_drawing(2)
    simple, _ = make(lines, box=True, simplify=2.0)
    rows = sum(map(len, simple)) - 1
    same, effects = make(lines, at_most=rows, box=True, simplify=2.0)
    assert [one.tolist() for one in same] == [one.tolist() for one in simple]
    assert effects.steps[-1].changed == 0
    assert effects.steps[-1].epsilon_px is None
    fewer, effects = make(lines, at_most=rows - 1, box=True, simplify=2.0)
    assert sum(map(len, fewer)) - 1 == rows - 1
    assert effects.steps[-1].epsilon_px is not None
    assert effects.steps[-1].epsilon_px > 2.0


def test_at_most_keeps_the_points_that_matter_most() -> None:
    """As one epsilon does, but for the number at which it stops."""
    for seed in range(8):
        lines = random_drawing(seed, count=3, points=80)
        for most in (10, 25, 60):
            found, farthest = farthest_first(lines, 0.0, most)
            assert sum(map(len, found)) == 6 + most
            apart = max(
                shapely.distance(shapely.points(line), shapely.LineString(few)).max()
                for line, few in zip(lines, found, strict=True)
            )
            assert apart == pytest.approx(farthest) or apart < farthest
            plain = [strokes.simplify(line, farthest * (1 + 1e-9)) for line in lines]
            assert sum(map(len, plain)) <= 6 + most
        for epsilon in (0.5, 3.0, 20.0):
            found, farthest = farthest_first(lines, epsilon, 1000)
            assert farthest <= epsilon
            for few, line in zip(found, lines, strict=True):
                assert few.tolist() == strokes.simplify(line, epsilon).tolist()


def test_a_zigzag_does_not_collapse() -> None:
    zigzag = np.column_stack([np.arange(101.0), np.tile([0.0, 9.0], 51)[:101]])
    assert len(strokes.simplify(zigzag, 9.1)) == 2  # one epsilon for all: from all points to two
    found, _ = make([zigzag], at_most=50)
    assert len(found[0]) == 51


def test_with_too_many_strokes_a_drawing_stays_too_long() -> None:
    lines = random_drawing(1, count=9)
    found, _ = make(lines, at_most=10)
    assert [len(line) for line in found] == [len(line) for line in lines]


def test_what_would_be_ruined_stays_too_long() -> None:
    waves = np.column_stack([np.arange(0, 250, 5.0), np.tile([0.0, 120], 25)])
    lines = [waves, waves[:, ::-1]]
    found, effects = make(lines, at_most=50)
    assert found == lines
    assert effects.steps[-1].changed == 0
    flat = [line * 0.15 + 100 for line in lines]  # the same waves, small in the same box
    corners = [np.array([[0.0, 0]]), np.array([[249.0, 249]])]
    found, effects = make([*flat, *corners], at_most=50)
    assert sum(map(len, found)) == 51
    assert 0 < (effects.steps[-1].epsilon_px or 0) < 25


@pytest.mark.parametrize("size", [0.01, 1.0, 40.0])
def test_distances_are_of_the_box_whatever_the_units_are(size: float) -> None:
    """The same drawing in other units comes out the same, by epsilon and by its limit of 25 px."""
    lines = [line * 255 / 400 for line in random_drawing(7, count=2, points=60)]
    corners = [np.array([[-100.0, -100]]), np.array([[155.0, 155]])]
    lines = [np.clip(line, -100, 155) for line in lines] + corners
    in_units = [line * size for line in lines]
    for options in ({"simplify": 2.0}, {"simplify": 2.0, "at_most": 30}, {"at_most": 30}):
        found, effects = make(in_units, **options)
        in_px, expected = make(lines, **options)
        assert [len(line) for line in found] == [len(line) for line in in_px]
        assert effects.steps[-1].epsilon_px == pytest.approx(expected.steps[-1].epsilon_px)
        np.testing.assert_allclose(np.concatenate(found) / size, np.concatenate(in_px), atol=1e-6)
    boxed_ones, effects = make(in_units, at_most=30, box=True)
    assert effects.steps[-1].epsilon_px == pytest.approx(expected.steps[-1].epsilon_px)
    np.testing.assert_allclose(np.concatenate(boxed_ones) - 100, np.concatenate(in_px), atol=1e-6)
    for height, ruined in ((24.0, False), (26.0, True)):  # px of a peak, from its base
        peak = np.array([[0.0, 0], [127, height], [255, 0]])
        found, _ = make([peak * size, peak[::2] * size], at_most=3)
        assert (len(found[0]) == 3) == ruined


def test_the_epsilon_is_in_px_of_the_box() -> None:
    flat = np.array([[0.0, 0], [255, 3], [510, 0]])  # 2 units a px: the point is 1.5 px off
    assert len(make([flat], simplify=1.4)[0][0]) == 3
    assert len(make([flat], simplify=1.6)[0][0]) == 2


# --- outliers -----------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), max_size=40),
    st.sampled_from([0.0, 0.1, 0.34, 0.9]),
)
def test_the_worst_of_each_class(drawings: list[tuple[int, int]], share: float) -> None:
    labels = np.array([label for label, _ in drawings], dtype=int)
    badness = np.array([bad for _, bad in drawings], dtype=float)
    expected = []
    for label in sorted(set(labels.tolist())):
        members = [(-bad, -n) for n, (other, bad) in enumerate(drawings) if other == label]
        expected += [-n for _, n in sorted(members)[: int(share * len(members))]]
    assert worst(badness, labels, share).tolist() == expected


def test_infinitely_unlikely_is_worst() -> None:
    assert worst([1.0, np.inf, 2.0], np.zeros(3, int), 0.4).tolist() == [1]


# --- copies -------------------------------------------------------------------------------------


def test_copies_are_mirrored_turned_and_stretched() -> None:
    copies = PrepareConfig(copies=1, mirror=True, turn=30, stretch=0.2)
    rng = np.random.default_rng(4)
    matrices = np.array([random_matrix(copies, rng) for _ in range(4000)])
    # the singular values are the factors, the determinant's sign says whether it is mirrored
    factors = np.hypot(matrices[:, 0], matrices[:, 1])  # of the columns: x and y
    for axis in (0, 1):
        assert factors[:, axis].min() == pytest.approx(0.8, abs=0.003)
        assert factors[:, axis].max() == pytest.approx(1.2, abs=0.003)
        assert factors[:, axis].mean() == pytest.approx(1.0, abs=0.01)
    assert np.corrcoef(factors.T)[0, 1] == pytest.approx(0, abs=0.05)
    assert (np.linalg.det(matrices) < 0).mean() == pytest.approx(0.5, abs=0.03)
    angles = np.degrees(np.arctan2(-matrices[:, 0, 1], matrices[:, 1, 1]))  # of the y axis
    assert np.abs(angles).max() == pytest.approx(30, abs=0.1)
    assert angles.mean() == pytest.approx(0, abs=1)
    assert np.abs(angles).mean() == pytest.approx(15, abs=1)


def test_mirroring_alone_mirrors_every_copy() -> None:
    rng = np.random.default_rng(0)
    copies = PrepareConfig(copies=1, mirror=True)
    for _ in range(10):
        assert random_matrix(copies, rng).tolist() == [[-1, 0], [0, 1]]


def test_a_copy_is_the_drawing_times_the_matrix() -> None:
    copies = PrepareConfig(copies=1, turn=90, stretch=0.3)
    matrix = random_matrix(copies, np.random.default_rng(8))
    for doodle in doodles(20, 3):
        for rows, tolerance in (
            (doodle.sketch.to_stroke3() + np.array([0.25, 0.5, 0]), 1e-9),
            (np.rint(doodle.sketch.to_stroke3()).astype(np.int16), 0.5 * 2**0.5 + 1e-9),
        ):
            found = copied(rows, matrix)
            points = strokes.stroke3_to_polylines(rows)
            expected = [line @ matrix.T for line in points]
            for one, other in zip(strokes.stroke3_to_polylines(found), expected, strict=True):
                assert np.hypot(*(one - other).T).max() <= tolerance
            if tolerance > 0.1:
                assert (found == np.rint(found)).all()  # whole numbers stay whole


# --- bad options --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"join": -1.0}, "distance to join"),
        ({"join": float("nan")}, "distance to join"),
        ({"min_stroke": 255.0}, "least length of a stroke"),
        ({"at_most": 1}, "at_most 1"),
    ],
)
def test_cleaning_that_makes_no_sense(options: dict, message: str) -> None:
    with pytest.raises(SketchRNNError, match=message):
        PrepareConfig(**options)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_shares_that_make_no_sense(share: float) -> None:
    with pytest.raises(SketchRNNError, match="longest to drop must be a share under 1"):
        PrepareConfig(drop_longest=share)
    with pytest.raises(SketchRNNError, match="unlikely to drop must be a share under 1"):
        PrepareConfig(drop_unlikely=share)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"copies": -1}, "0 or more"),
        ({"copies": 1}, "teach nothing"),
        ({"copies": 2, "mirror": True}, "all the same"),
        ({"mirror": True}, "say how many"),
        ({"turn": 5.0}, "say how many"),
        ({"copies": 1, "turn": 181.0}, "degrees"),
        ({"copies": 1, "stretch": 1.0}, "part to stretch"),
    ],
)
def test_copies_that_make_no_sense(options: dict, message: str) -> None:
    with pytest.raises(SketchRNNError, match=message):
        PrepareConfig(**options)


def test_a_line_too_long_to_be_resampled() -> None:
    zigzag = np.column_stack([np.tile([0.0, 255], 4000), np.linspace(0, 255, 8000)])
    with pytest.raises(SketchRNNError, match=r"here: is 2,0.* px long"):
        preprocess([zigzag], where="here")


# --- effects ------------------------------------------------------------------------------------


def test_effects_survive_json() -> None:
    _, effects = make(random_drawing(4), **ALL)
    effects.dropped["too long"] = 3
    effects.left_out["text"] = 2
    effects.copies, effects.copied, effects.unreadable = 7, "mirror", 1
    again = Effects.from_json(effects.to_json())
    assert again.to_json() == effects.to_json()
    assert again.to_text() == effects.to_text()
    assert [step.name for step in again.steps] == [
        "join 3 px",
        "min-stroke 4 px",
        "order",
        "simplify 1",
        "at-most 20",
    ]


def test_steps_stand_in_the_order_in_which_they_are_done() -> None:
    effects = Effects()
    lines = random_drawing(4)
    clean(lines, PrepareConfig(at_most=20), effects)
    clean(lines, PrepareConfig(**ALL), effects)
    together = [step.name for step in effects.steps]
    _, alone = make(lines, **ALL)
    assert together == [step.name for step in alone.steps]
    assert together[-2:] == ["simplify 1", "at-most 20"]


def test_how_much_a_drawing_was_changed() -> None:
    """The parts by which its strokes, points and travel became fewer, step by step."""
    lines = [np.array([[0.0, 0], [200, 0]]), np.array([[200.0, 5], [255, 255]])]
    assert clean(lines, PrepareConfig(), Effects()).amount == 0
    change = clean(lines, PrepareConfig(join=5), Effects())
    assert change.amount == 1 / 2 + 0 + 1  # the gap became a line of the same points
    assert change.before is lines
    assert change.amount == clean(lines, PrepareConfig(join=5, order=True), Effects()).amount
    dot = np.array([[9.0, 9]])
    change = clean([*lines, dot], PrepareConfig(min_stroke=1), Effects())
    way = np.hypot(255 - 9, 255 - 9)
    assert change.amount == pytest.approx(1 / 3 + 1 / 5 + way / (way + 5))


def test_the_box() -> None:
    found = boxed([np.array([[5.0, 7]]), np.array([[15.0, 27], [10, 7]])])
    assert np.allclose(np.concatenate(found), [[0, 0], [127.5, 255], [63.75, 0]])
    assert boxed([np.array([[5.0, 7]])])[0].tolist() == [[0, 0]]
