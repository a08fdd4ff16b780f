"""The drawn data set: what is claimed of each drawing is measured again from its strokes."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from sketchrnn import strokes
from sketchrnn.data.doodles import FACTORS, KINDS, Doodle, doodle, doodles, doodles_dataset, hand
from sketchrnn.errors import SketchRNNError
from sketchrnn.sketch import Sketch

HEADS = ("cat_head", "pig_head", "face")
BODIES = ("cat_body", "pig_body")
Line = npt.NDArray[np.float64]


def draw(kind: str, count: int, seed: int = 0, **fixed: float) -> list[Doodle]:
    rng = np.random.default_rng(seed)
    return [doodle(kind, rng, **fixed) for _ in range(count)]


# Measures from the strokes alone.


def extent(line: Line) -> Line:
    return np.ptp(line, axis=0)


def middle(line: Line) -> Line:
    return (line.min(axis=0) + line.max(axis=0)) / 2


def closed(line: Line, gap: float = 0.3) -> bool:
    """Whether the ends are nearer than `gap` of the size: small loops close worse than heads."""
    return bool(np.linalg.norm(line[0] - line[-1]) < gap * extent(line).max())


def head_of(sketch: Sketch) -> Line:
    """The largest closed stroke: in every kind with a head it is the head, the body is open."""
    return max(filter(closed, sketch.polylines), key=lambda line: float(extent(line).min()))


def within_head(sketch: Sketch, point: Line) -> float:
    """0 at the middle of the head, 1 on its outline, more outside; for heads without tilt."""
    head = head_of(sketch)
    return float(np.linalg.norm((point - middle(head)) / (extent(head) / 2)))


def correlation(measured: list[float], true: list[float]) -> float:
    return float(np.corrcoef(measured, true)[0, 1])


# The stream of drawings.


def test_a_seed_gives_the_same_drawings_again() -> None:
    first, again, other = (list(doodles(40, seed)) for seed in (5, 5, 6))
    assert [d.sketch for d in first] == [d.sketch for d in again]
    assert [d.factors for d in first] == [d.factors for d in again]
    assert all(a.sketch != b.sketch for a, b in zip(first, other, strict=True))


def test_a_drawing_depends_on_its_number_only() -> None:
    many = list(doodles(60, 3))
    few = list(doodles(20, 3))
    assert [d.sketch for d in many[:20]] == [d.sketch for d in few]


def test_any_number_balanced_over_the_kinds() -> None:
    assert list(doodles(0)) == []
    labels = [d.sketch.label for d in doodles(8 * 5 + 3)]
    counts = [labels.count(kind) for kind in KINDS]
    assert sum(counts) == 43
    assert max(counts) - min(counts) == 1
    chosen = [d.sketch.label for d in itertools.islice(doodles(10**12, 0, ("face", "fish")), 4)]
    assert chosen == ["face", "fish", "face", "fish"]


def test_lengths_and_sizes() -> None:
    sketches = [d.sketch for d in doodles(1600, 11)]
    lengths = np.array([len(s.to_stroke3()) for s in sketches])
    assert lengths.min() >= 10
    assert lengths.max() <= 100
    assert 35 <= lengths.mean() <= 58
    for sketch in sketches:
        points = np.concatenate(sketch.polylines)
        assert (points == np.round(points)).all()
        assert points.min() >= 0
        assert points.max() <= strokes.BOX_PX
        # Simplifying may cut an extreme point by up to epsilon at each end.
        assert max(sketch.size) >= strokes.BOX_PX - 2 * strokes.EPSILON_PX - 1
        assert all(len(line) >= 2 for line in sketch.polylines)


def test_prepared_as_quickdraw_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The public steps, one stroke after the other."""
    monkeypatch.setattr(hand, "_wobble", lambda along, rng: np.zeros((len(along), 2)))
    rng = np.random.default_rng(0)
    for _ in range(20):
        drawn = [np.cumsum(rng.normal(size=(n, 2)), axis=0) for n in (2, 9, 40)]
        low = np.concatenate(drawn).min(axis=0)
        side = np.ptp(np.concatenate(drawn), axis=0).max()
        expected = [
            np.round(strokes.simplify(strokes.resample((line - low) * 255 / side, 1.0), 2.0))
            for line in drawn
        ]
        finished = hand.finish(drawn, 0.0, rng)
        assert len(finished) == len(expected)
        assert all(map(np.array_equal, finished, expected))


# Factors.


def test_every_drawing_has_every_factor() -> None:
    for one in doodles(80, 1):
        assert tuple(one.factors) == FACTORS
        assert np.isfinite(list(one.factors.values())).all()
        assert one.factors["body"] == (one.sketch.label in BODIES)
        assert (one.factors["snout"] > 0) == str(one.sketch.label).startswith("pig")


def test_fixed_factors_come_back_and_leave_the_others() -> None:
    fixed = {"tilt": 7.5, "whiskers": 6, "ear_size": 0.5}
    one = doodle("cat_head", np.random.default_rng(4), **fixed)
    free = doodle("cat_head", np.random.default_rng(4))
    for name in FACTORS:
        assert one.factors[name] == (fixed[name] if name in fixed else free.factors[name])
    assert one.sketch.label == "cat_head"


def test_same_factors_another_drawing() -> None:
    one = doodle("cat_body", np.random.default_rng(0))
    values = {name: value for name, value in one.factors.items() if value}
    again = draw("cat_body", 5, seed=1, **values)
    assert all(other.factors == one.factors for other in again)
    sketches = [one.sketch, *(other.sketch for other in again)]
    assert len(set(sketches)) == 6


def test_straight_lines_wobble() -> None:
    """The walls of houses are not straight: the pen leaves the chord by more than a pixel."""
    drawn = [np.column_stack([np.linspace(0, 2, 50), np.zeros(50)]), np.array([[0, 0], [0, 2.0]])]
    bends = []
    for seed in range(50):
        line = hand.finish(drawn, 0.0, np.random.default_rng(seed))[0]
        along, across = (line[-1] - line[0]) / np.linalg.norm(line[-1] - line[0]), line - line[0]
        bends.append(np.abs(across[:, 0] * along[1] - across[:, 1] * along[0]).max())
    assert np.median(bends) > 1.0
    assert max(bends) < 16


def test_habits_vary() -> None:
    """Circles go both ways round and start anywhere near the top; the order of strokes varies."""
    turns, starts, order = [], [], set()
    for one in draw("face", 200, hair=3):
        head = head_of(one.sketch)
        x, y = (head - middle(head)).T
        turns.append(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) > 0)
        starts.append(np.degrees(np.arctan2(y[0], x[0])))
        lows = [line[:, 1].mean() for line in one.sketch.polylines]
        order.add(tuple(np.argsort(lows)))
    assert 0.05 < np.mean(turns) < 0.5
    assert np.std(starts) > 10
    assert len(order) > 5


# Geometry agrees with the factors.


@pytest.mark.parametrize("kind", HEADS)
def test_tilt_is_the_angle_of_the_eyes(kind: str) -> None:
    drawn = draw(kind, 100, eye_size=0.14)
    measured = []
    for one in drawn:
        head = head_of(one.sketch)
        height = extent(head)[1]
        eyes = [
            middle(line)
            for line in one.sketch.polylines
            if closed(line, gap=0.6)
            and 0.08 * height < extent(line).min()
            and extent(line).max() < 0.22 * height
            and within_head(one.sketch, middle(line)) < 0.8
            # above the middle of the head, as the drawing is tilted; the nose of a cat is below
            and (middle(line) - middle(head))[1] < 0.02 * height
        ]
        assert len(eyes) == 2
        (x0, y0), (x1, y1) = sorted(eyes, key=lambda eye: float(eye[0]))
        measured.append(float(np.degrees(np.arctan2(y1 - y0, x1 - x0))))
    true = [one.factors["tilt"] for one in drawn]
    assert correlation(measured, true) > 0.95
    assert np.abs(np.subtract(measured, true)).mean() < 2.5


def test_a_body_is_beside_the_head_and_on_four_legs() -> None:
    for kind in ("cat", "pig"):
        for head, body in zip(draw(f"{kind}_head", 60), draw(f"{kind}_body", 60), strict=True):
            assert extent(head_of(head.sketch)).max() > 0.62 * strokes.BOX_PX
            assert extent(head_of(body.sketch)).max() < 0.58 * strokes.BOX_PX
        for one in draw(f"{kind}_body", 60, tilt=0):
            top, bottom = one.sketch.bounds[1], one.sketch.bounds[3]
            feet = [
                line
                for line in one.sketch.polylines
                if line[:, 1].max() > bottom - 0.1 * (bottom - top)
            ]
            assert len(feet) == 4
            assert len(one.sketch.polylines) >= 15


def test_whiskers_are_the_strokes_that_leave_the_sides_of_the_head() -> None:
    for kind, count in itertools.product(("cat_head", "cat_body"), (4, 6)):
        for one in draw(kind, 40, whiskers=count, tilt=0):
            left = head_of(one.sketch)[:, 0].min()
            outside = [line for line in one.sketch.polylines if line[:, 0].min() < left - 3]
            assert len(outside) == count / 2
    for one in draw("pig_head", 40, tilt=0):  # only the two ears may hang over the sides
        left, right = head_of(one.sketch)[:, 0].min(), head_of(one.sketch)[:, 0].max()
        outside = [
            line
            for line in one.sketch.polylines
            if line[:, 0].min() < left - 3 or line[:, 0].max() > right + 3
        ]
        assert len(outside) <= 2


def test_hairs_are_the_strokes_outside_the_head() -> None:
    for count in range(8):
        for one in draw("face", 15, seed=count, hair=count, tilt=0):
            outside = [
                line
                for line in one.sketch.polylines
                if max(within_head(one.sketch, point) for point in line[[0, -1]]) > 1.15
            ]
            assert len(outside) == count


def test_smile_is_the_bend_of_the_mouth() -> None:
    drawn = draw("face", 150, tilt=0, hair=0)
    bends = []
    for one in drawn:
        head = head_of(one.sketch)
        mouth = max(
            (line for line in one.sketch.polylines if line is not head),
            key=lambda line: float(line[:, 1].mean()),
        )
        chord = (mouth[0, 1] + mouth[-1, 1]) / 2
        bends.append(float(max(mouth[:, 1] - chord, key=abs) / extent(mouth)[0]))
    assert correlation(bends, [one.factors["smile"] for one in drawn]) > 0.9


@pytest.mark.parametrize("kind", [*HEADS, *BODIES])
def test_width_is_the_shape_of_the_head(kind: str) -> None:
    drawn = draw(kind, 100, tilt=0)
    measured = [float(np.divide(*extent(head_of(one.sketch)))) for one in drawn]
    true = [one.factors["width"] for one in drawn]
    assert correlation(measured, true) > 0.8
    assert np.abs(np.divide(measured, true) - 1).mean() < 0.06


def test_size_of_ears_snout_and_tail() -> None:
    cats = draw("cat_head", 100, tilt=0)
    ears = []
    for one in cats:
        head = head_of(one.sketch)
        ears.append(float((head[:, 1].min() - one.sketch.bounds[1]) / extent(head)[1]))
    assert correlation(ears, [one.factors["ear_size"] for one in cats]) > 0.9

    pigs = draw("pig_head", 100, tilt=0)
    snouts = []
    for one in pigs:
        head = head_of(one.sketch)
        inner = [line for line in one.sketch.polylines if closed(line) and line is not head]
        snouts.append(float(max(extent(line)[0] for line in inner) / extent(head)[1]))
    true = [one.factors["snout"] for one in pigs]
    assert correlation(snouts, true) > 0.8
    assert np.abs(np.divide(snouts, true) - 1).mean() < 0.1

    for kind in BODIES:
        animals = draw(kind, 100, tilt=0)
        tails = []
        for one in animals:
            tail = max(one.sketch.polylines, key=lambda line: float(line[:, 0].max()))
            tails.append(float(extent(tail)[0] / extent(head_of(one.sketch))[1]))
        assert correlation(tails, [one.factors["tail"] for one in animals]) > 0.8


def test_counted_parts_of_house_and_flower() -> None:
    for windows, chimney in itertools.product((0, 1, 2), (0, 1)):
        for one in draw("house", 10, windows=windows, chimney=chimney, tilt=0):
            width = one.sketch.size[0]
            panes = [
                line
                for line in one.sketch.polylines
                if closed(line) and extent(line).max() < 0.4 * width
            ]
            assert len(panes) == windows
            # the strokes: front, roof, door, three a window, chimney
            assert len(one.sketch.polylines) == 3 + 3 * windows + chimney
    for petals, leaves in itertools.product((5, 6, 7), (0, 1, 2)):
        for one in draw("flower", 10, petals=petals, leaves=leaves, tilt=0):
            heart = middle(one.sketch.polylines[0])
            ends = [float(line[:, 1].mean()) for line in one.sketch.polylines]
            below = [end for end in ends if end > 120]  # the stem and its leaves
            assert len(below) == 1 + leaves
            assert len(one.sketch.polylines) == 1 + petals + 1 + leaves
            assert heart[1] < 120


# Kinds.


def features(sketch: Sketch) -> Line:
    """Ink in a 4 x 4 grid over the bounds, shape of the bounds, number of strokes."""
    dense = np.concatenate([strokes.resample(line, 3.0) for line in sketch.polylines])
    left, top, right, bottom = sketch.bounds
    ink, _, _ = np.histogram2d(*dense.T, bins=4, range=[[left, right], [top, bottom]])  # type: ignore[call-overload]
    width, height = sketch.size
    shape = [np.log(width / height), 0.03 * len(sketch.polylines)]
    return np.concatenate([ink.ravel() / ink.sum() * 4, shape])


def test_the_kinds_are_easily_told_apart() -> None:
    known, unknown = list(doodles(800, 20)), list(doodles(400, 21))
    known_F, unknown_F = (np.array([features(d.sketch) for d in ds]) for ds in (known, unknown))
    distance = np.linalg.norm(unknown_F[:, None] - known_F[None], axis=2)
    guesses = [known[index].sketch.label for index in distance.argmin(axis=1)]
    right = [a == b.sketch.label for a, b in zip(guesses, unknown, strict=True)]
    assert np.mean(right) >= 0.97


# The data set.


def test_dataset() -> None:
    data = doodles_dataset((80, 24, 16), seed=2)
    assert [len(split) for split in data.splits.values()] == [80, 24, 16]
    assert data.classes == KINDS
    assert data.factor_names == FACTORS
    assert data.epsilon == 2.0
    assert data.train.rows.dtype == np.int16
    for index, one in enumerate(doodles(80, 2)):
        assert np.array_equal(data.train[index], one.sketch.to_stroke3())
        assert data.classes[data.train.labels[index]] == one.sketch.label
        assert data.train.factors is not None
        np.testing.assert_allclose(data.train.factors[index], list(one.factors.values()), rtol=1e-6)
    drawings = [row.tobytes() for split in data.splits.values() for row in split]
    assert len(set(drawings)) == 120


def test_dataset_of_chosen_kinds_and_empty_splits() -> None:
    data = doodles_dataset((6, 0, 3), kinds=("pig_head", "cat_head"))
    assert data.classes == ("pig_head", "cat_head")
    assert [len(split) for split in data.splits.values()] == [6, 0, 3]
    assert data.sketch("test", 1).label == "cat_head"


# Bad input.


@pytest.mark.parametrize(
    ("kind", "fixed", "says"),
    [
        ("dog", {}, "unknown kind 'dog'; choose one of cat_head, "),
        ("face", {"nose": 1}, "unknown factor 'nose'; the factors are body, "),
        ("face", {"hair": 8}, "face: hair must be 0 to 7 in steps of 1, got 8"),
        ("face", {"hair": 2.5}, "face: hair must be 0 to 7 in steps of 1, got 2.5"),
        ("face", {"tilt": float("nan")}, "face: tilt must be -12 to 12, got nan"),
        ("cat_head", {"body": 1}, "cat_head: body must be 0, got 1"),
        ("pig_head", {"whiskers": 4}, "pig_head: whiskers must be 0, got 4"),
    ],
)
def test_bad_kind_or_factor(kind: str, fixed: dict[str, float], says: str) -> None:
    with pytest.raises(SketchRNNError) as error:
        doodle(kind, np.random.default_rng(0), **fixed)
    assert str(error.value).startswith(says)


@pytest.mark.parametrize(
    ("count", "seed", "kinds", "says"),
    [
        (-1, 0, KINDS, "count and seed must be 0 or more"),
        (1, -1, KINDS, "count and seed must be 0 or more"),
        (1, 0, (), "name each kind once"),
        (1, 0, ("face", "face"), "name each kind once"),
        (1, 0, ("face", "dog"), "unknown kind 'dog'"),
    ],
)
def test_bad_stream(count: int, seed: int, kinds: tuple[str, ...], says: str) -> None:
    with pytest.raises(SketchRNNError, match=says):
        doodles(count, seed, kinds)
    with pytest.raises(SketchRNNError, match=says):
        doodles_dataset((2, 2, count), seed, kinds)
