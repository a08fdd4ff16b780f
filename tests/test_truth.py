"""Measured against the truth: the reader against the factors, the measures against known cases."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import shapely
import torch
from scipy.stats import spearmanr

from sketchrnn import cli
from sketchrnn.api import Model
from sketchrnn.data.doodles import doodle, doodles
from sketchrnn.drawing.complete import complete
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.config import ModelConfig
from sketchrnn.model.network import Network
from sketchrnn.paper import reader as reading
from sketchrnn.paper import truth
from sketchrnn.paper.reader import ANIMALS, NONE, Examined, Reader, Reading
from sketchrnn.paper.spoil import WAYS, loosened, spoilt
from sketchrnn.runs import DataFacts, load_tensors, save_tensors
from sketchrnn.sketch import Sketch

GOOD_READER = Examined(100, 0.99, {}, {}, dict.fromkeys(reading.FACTORS, 0.05))


@pytest.fixture(scope="module")
def quick() -> Reader:
    """A reader that learned from few drawings: a poorer one than the experiment's, in seconds."""
    return reading.train_reader(400, 3)


def animals(count: int, seed: int = 5) -> list[Sketch]:
    return [one.sketch for one in doodles(count, seed, ANIMALS)]


# The drawings of these say what they are: one stroke from (0, 0) to their own z, (pig, body, tilt).
def says(*z: float) -> Sketch:
    return Sketch.from_polylines([[(0, 0), z[:2], (*z[2:], 0)]])


def said(sketch: Sketch) -> npt.NDArray[np.float64]:
    return np.array([*sketch.polylines[0][1], sketch.polylines[0][2][0]])


class Told:
    """Reads what such drawings say, and a pig or body of just 1/2 as "none"."""

    def read(self, sketches: Sequence[Sketch]) -> Reading:
        z = np.array([said(sketch) for sketch in sketches])
        pig, body = np.clip(z[:, 0], 0, 1), np.clip(z[:, 1], 0, 1)
        kinds = [(1 - pig) * (1 - body), (1 - pig) * body, pig * (1 - body), pig * body]
        none = ((pig == 0.5) | (body == 0.5)).astype(float)
        values = np.zeros((len(z), len(reading.FACTORS)))
        values[:, reading.FACTORS.index("tilt")] = z[:, 2]
        probabilities = np.column_stack([*(kind * (1 - 0.9 * none) for kind in kinds), none])
        return Reading(probabilities / probabilities.sum(axis=1, keepdims=True), values)


class Perfect:
    """Encodes doodles by what they are, and draws what z says, a pig or not, with body or not."""

    def encode(self, sketches: list[Sketch], /) -> npt.NDArray[np.float32]:
        return np.array([self.z(sketch) for sketch in sketches], dtype=np.float32)

    def z(self, sketch: Sketch) -> tuple[float, ...]:
        if sketch.label is None:
            return tuple(said(sketch))
        return float("pig" in sketch.label), float("body" in sketch.label), 0.0

    def decode(self, z: npt.ArrayLike, /, *, temperature: float, seed: int) -> Sequence[Sketch]:
        return [self.draw(number, *one) for number, one in enumerate(np.asarray(z))]

    def draw(self, number: int, pig: float, body: float, tilt: float) -> Sketch:
        return says(float(pig > 0.5), float(body > 0.5), tilt)


# --- the measures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([0, 0.25, 0.5, 0.75, 1], True),
        ([0, 0, 0, 1, 1], True),  # all at once
        ([0.2, 0.1, 0.6, 0.5, 0.8], True),  # falls by no more than the tolerance
        ([0, 0.6, 0.45, 0.9, 1], False),  # falls by 0.15
        ([0, 0.6, 0.53, 0.46, 1], False),  # ... in two small steps
        ([0, 1, 1, 0, 1], False),  # there and back
        ([1, 0.75, 0.5, 0.25, 0], False),  # the wrong way
        ([0.5, 0.5, 0.5, 0.5, 0.5], False),  # does not change
        ([0, 0.1, 0.2, 0.3, 0.45], False),  # not half of the way
    ],
)
def test_a_sequence_is_monotone_or_not(readings: list[float], expected: bool) -> None:
    assert truth.monotone([readings], 0.11).tolist() == [expected]


def test_sequences_are_judged_one_by_one() -> None:
    rows = [[0, 0.5, 1], [1, 0.5, 0], [0, 0.8, 0.6], [0, 0.5, 0.9]]
    assert truth.monotone(rows, 0.1).tolist() == [True, False, False, True]


def test_rank_correlation_is_scipys() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 10))
    rows[:5] = rows[:5].round()  # equal readings
    expected = [spearmanr(row, np.arange(10)).statistic for row in rows]
    np.testing.assert_allclose(truth.rank_correlation(rows), expected, atol=1e-12)
    assert truth.rank_correlation([[2, 2, 2], [1, 2, 3]]).tolist() == [0, 1]


@pytest.mark.parametrize("name", list(truth.ANALOGIES))
def test_analogies_of_a_model_that_draws_what_z_says_are_all_right(name: str) -> None:
    found = truth.analogies(Perfect(), Told(), name, cases=12, seed=0)
    assert [cell for _, cell in found.cells] == ["12 of 12"] * 3
    (row,) = found.rows
    wanted = "cat body" if name.startswith("cat") else "pig body"
    assert row.captions == [wanted] * truth.SHOWN
    assert row.wrong == [False] * truth.SHOWN


def test_analogies_that_fail_are_counted() -> None:
    class Faulty(Perfect):
        def draw(self, number: int, pig: float, body: float, tilt: float) -> Sketch:
            if number % 3 == 0:
                return says(pig, 0.0, tilt)  # forgets the body
            return says(0.5, 0.6, 0) if number == 4 else says(pig, body, tilt)  # no animal

    name = "cat head + (pig with body - pig head)"
    found = truth.analogies(Faulty(), Told(), name, cases=12, seed=0)
    assert found.cells == [
        (name, "7 of 12"),
        ("... by head and body alone", "8 of 12"),  # number 4 has the right head and body
        ("... of three animals", "7 of 12"),
    ]
    assert found.rows[0].wrong == [number % 3 == 0 or number == 4 for number in range(10)]


def test_in_an_analogy_a_and_b_are_the_same_animal_and_then_are_not() -> None:
    seen: list[list[Sketch]] = []

    class Watched(Perfect):
        def encode(self, sketches: list[Sketch], /) -> npt.NDArray[np.float32]:
            seen.append(sketches)
            return super().encode(sketches)

    truth.analogies(Watched(), Told(), "pig head + (cat with body - cat head)", cases=2, seed=3)
    A, B, C, A_apart, B_apart, C_apart = seen
    assert [one[0].label for one in seen[:3]] == ["cat_head", "cat_body", "pig_head"]
    assert (A_apart, C_apart) == (A, C)
    assert B_apart != B
    state = [3, 1, 0]  # of the generator: seed, hand, case
    assert A[0] == doodle("cat_head", np.random.default_rng(state)).sketch
    assert B[0] == doodle("cat_body", np.random.default_rng(state)).sketch
    assert C[0] != doodle("pig_head", np.random.default_rng(state)).sketch


def ways(model: Any, what: str, tolerance: float = 0.1) -> tuple[str, truth.ShownRow]:
    """What is read along six ways, as the table has it, and one of them."""
    firsts, lasts = truth.ends("cat to pig", 6, 0)
    if what == "tilt":
        firsts, lasts = [says(0, 0.1, 0)] * 6, [says(0, 0.1, 1)] * 6
    found = truth.interpolation(model, Told(), what, firsts, lasts, tolerance, seed=0)
    ((title, cell),), (row,) = found
    assert title == ("monotone in `tilt`" if what == "tilt" else "monotone from cat to pig")
    return cell, row


def test_interpolations_of_a_model_that_draws_what_z_says_are_monotone() -> None:
    (kinds, of_kinds), (tilts, of_tilts) = ways(Perfect(), "cat to pig"), ways(Perfect(), "tilt")
    assert kinds == "6 of 6"
    assert tilts == "6 of 6 (ρ 1.00)"
    assert [float(text) for text in of_kinds.captions] == [0.0] * 5 + [1.0] * 5
    assert len(of_tilts.sketches) == truth.STEPS


def test_each_drawing_of_an_interpolation_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read, counts = Told.read, []

    def counted(self: Told, sketches: Sequence[Sketch]) -> Any:
        counts.append(len(sketches))
        return read(self, sketches)

    monkeypatch.setattr(Told, "read", counted)
    _, row = ways(Perfect(), "cat to pig")
    assert counts == [6] * truth.STEPS
    assert row.wrong == [False] * truth.STEPS


def test_interpolations_that_turn_back_are_counted() -> None:
    class TurnsBack(Perfect):
        def draw(self, number: int, pig: float, body: float, tilt: float) -> Sketch:
            turned = number < 2 and 0.6 < tilt < 0.7  # one step of two of the ways
            return says(pig, body, tilt - 0.5 if turned else tilt)

    assert ways(TurnsBack(), "tilt")[0].startswith("4 of 6 ")
    assert ways(TurnsBack(), "tilt", tolerance=0.6)[0].startswith("6 of 6 ")

    class Stubborn(Perfect):
        def draw(self, number: int, pig: float, body: float, tilt: float) -> Sketch:
            return says(0, 0, 0)

    assert ways(Stubborn(), "cat to pig")[0] == "0 of 6"
    assert ways(Stubborn(), "tilt")[0] == "0 of 6 (ρ 0.00)"


def test_middles_are_half_way_and_only_good_ones_are_accepted() -> None:
    asked = []

    class HalfPigs(Perfect):
        def draw(self, number: int, pig: float, body: float, tilt: float) -> Sketch:
            asked.append((pig, body, tilt))
            return says(0.5 if number % 4 == 1 else 1.0, body, tilt)

    firsts, lasts = [says(0, 0.2, 1)] * 8, [says(1, 0.2, 0)] * 8
    assert truth.middles(HalfPigs(), Told(), firsts, lasts, seed=0) == "6 of 8"
    assert truth.middles(Perfect(), Told(), firsts, lasts, seed=0) == "8 of 8"
    between = np.array([1, 0.4, 1])  # the sum, made as long as both ends are
    between *= np.sqrt(1.04) / np.linalg.norm(between)
    np.testing.assert_allclose(asked, np.tile(between, (8, 1)), atol=1e-6)


def test_the_ends_of_a_crossing_and_twins_are_what_they_say() -> None:
    firsts, lasts = truth.ends("head to body", 4, 1)
    assert [one.label for one in firsts] == ["cat_head", "pig_head"] * 2
    assert [one.label for one in lasts] == ["cat_body", "pig_body"] * 2
    low, high = truth.twins("head_size", 2, 1)
    assert [one.label for one in low] == [one.label for one in high] == ["cat_body", "pig_body"]
    again = truth.twins("head_size", 2, 1)
    assert (low, high) == again
    assert low != high
    with_it = doodle("cat_body", np.random.default_rng([1, 6, 0]), head_size=0.75)
    assert low[0] == with_it.sketch


# --- completions ----------------------------------------------------------------------------------


def test_what_keeps_a_part_and_what_does_not() -> None:
    first, second, third = [(0, 0), (3, 4)], [(5, 5), (6, 7)], [(1, 1), (2, 2), (3, 9)]
    part = Sketch.from_polylines([first, second])
    joined = [first, [*second, (8, 8)], third]
    assert truth.keeps(part, Sketch.from_polylines([first, second, third]))
    assert truth.keeps(part, Sketch.from_polylines(joined))
    assert truth.keeps(part, part)
    moved = [first, [(5, 5), (6, np.nextafter(7, 8))], third]
    for other in (moved, [first], [second, first], [[*first, (1, 1)], second], [first, second[:1]]):
        assert not truth.keeps(part, Sketch.from_polylines(other))


def test_what_is_completed_is_the_first_half(monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[Sketch] = []

    def watched(model: Model, part: Sketch, *args: Any, **options: Any) -> Any:
        parts.append(part)
        return complete(model, part, *args, **options)

    monkeypatch.setattr(truth, "complete", watched)
    drawings = [sketch.moved(7, -3) for sketch in animals(4)]
    truth.completions(tiny_model(), drawings, seed=0)
    for half, sketch in zip(parts, drawings, strict=True):
        assert half.start == sketch.start
        assert len(half.to_stroke3()) == len(sketch.to_stroke3()) // 2
        assert truth.keeps(half, sketch)


def tiny_model(**changes: Any) -> Model:
    classes = changes.pop("classes", ANIMALS)
    sizes = {"N_max": 90, "encoder_size": 4, "decoder_size": 6, "z_size": 3, "mixtures": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(ModelConfig(**(sizes | changes)))
    return Model(network, DataFacts(scale=20.0, classes=classes), "tiny")


def test_completions_keep_the_given_points(monkeypatch: pytest.MonkeyPatch) -> None:
    model, drawings = tiny_model(), animals(4)
    assert truth.completions(model, drawings, seed=0) == "4 of 4"

    def careless(model: Model, part: Sketch, *args: Any, **options: Any) -> Any:
        (done,) = complete(model, part, *args, **options)
        return [replace(done, given=done.given.moved(0, 1e-9))]

    monkeypatch.setattr(truth, "complete", careless)
    assert truth.completions(model, drawings, seed=0) == "0 of 4"


# --- spoilt drawings ------------------------------------------------------------------------------


def test_spoilt_drawings_are_what_they_are_called() -> None:
    good = animals(4)
    pairs = list(itertools.pairwise(good))
    for way in WAYS:
        for (sketch, other), bad in zip(pairs, spoilt(pairs, 3, [way]), strict=True):
            points = len(sketch.to_stroke3())
            if way == "half drawings":
                assert 0.24 < len(bad.to_stroke3()) / points < 0.62
            elif way == "strokes of two kinds":
                origins = [
                    [
                        any(np.array_equal(line, of) for of in one.polylines)
                        for one in (sketch, other)
                    ]
                    for line in bad.polylines
                ]
                assert all(map(any, origins))
                assert all(np.any(origins, axis=0))
            elif way != "scribbles":
                assert bad.point_count == sketch.point_count
                assert bad != sketch
        assert spoilt(pairs, 3, [way]) == spoilt(pairs, 3, [way])
        assert spoilt(pairs, 3, [way]) != spoilt(pairs, 4, [way])


def test_a_looser_hand_moves_strokes_and_points_as_far_as_it_is_told() -> None:
    sketch = Sketch.from_polylines([np.zeros((400, 2))] * 400)
    moved = loosened(sketch, np.random.default_rng(0), 4.0, 2.0)
    strokes = np.array([line.mean(axis=0) for line in moved.polylines])
    assert strokes.std() == pytest.approx(4.0, rel=0.1)
    assert moved.polylines[0].std(axis=0).mean() == pytest.approx(2.0, rel=0.1)


def test_bad_drawings_mix_different_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str | None, str | None]] = []

    def look(pairs: Any, seed: int, ways: Any) -> list[Sketch]:
        seen.extend((first.label, second.label) for first, second in pairs)
        return []

    monkeypatch.setattr(reading, "spoilt", look)
    reading.bad_drawings(100, 0, list(WAYS))
    assert len(seen) == 100
    assert len(set(seen)) == 12  # all pairs of kinds
    assert all(first != second for first, second in seen)


# --- the reader -----------------------------------------------------------------------------------


def test_a_picture_has_ink_just_where_the_lines_are() -> None:
    sketches = [*animals(2), Sketch.from_polylines([[(0, 0), (9, 0)], [(4, 4)]])]
    pixels = np.stack(np.meshgrid(*[np.arange(reading.SIDE)] * 2), axis=-1).reshape(-1, 2)
    for sketch, picture in zip(sketches, reading.pictures(sketches), strict=True):
        room = reading.SIDE - 1 - 2 * reading.MARGIN
        placed = sketch.fitted(room, room).moved(reading.MARGIN, reading.MARGIN)
        lines = [shapely.linestrings(np.repeat(line, 2, axis=0)) for line in placed.polylines]
        points = shapely.points(pixels)
        distance = np.min([shapely.distance(line, points) for line in lines], axis=0)
        ink = picture.numpy().ravel()
        assert ink.max() <= 1
        assert (ink[distance >= np.sqrt(2)] == 0).all()
        assert (ink[distance < 0.25] > 0.5).all()


def test_a_picture_does_not_depend_on_place_or_size() -> None:
    (sketch,) = animals(1)
    here, there = reading.pictures([sketch, sketch.scaled(0.01).moved(300, -20)])
    np.testing.assert_allclose(here, there, atol=1e-5)


def test_the_truth_is_in_shares_of_the_ranges() -> None:
    drawn = [
        doodle("cat_head", np.random.default_rng(0), tilt=-12, width=1.3),
        doodle("pig_body", np.random.default_rng(0), tilt=6, head_size=0.75),
    ]
    values = reading.values_of(drawn)
    column = {name: values[:, number] for number, name in enumerate(reading.FACTORS)}
    np.testing.assert_allclose(column["tilt"], [0, 0.75])
    assert column["width"][0] == pytest.approx(1)
    assert np.isnan(column["head_size"]).tolist() == [True, False]
    assert np.isnan(column["snout"]).tolist() == [True, False]


def test_a_reading_tells_head_and_body_apart_whatever_else_is_wrong() -> None:
    # cat_head, cat_body, pig_head, pig_body, none
    seen = Reading(np.array([[0.1, 0.2, 0.05, 0.05, 0.6], [0, 0.1, 0, 0.9, 0]]), np.zeros((2, 8)))
    np.testing.assert_allclose(seen.share(["pig_head", "pig_body"]), [0.25, 0.9])
    np.testing.assert_allclose(seen.share(["cat_body", "pig_body"]), [0.625, 1.0])
    assert seen.names == ["none", "pig_body"]
    assert seen.accepted.tolist() == [False, True]


def test_a_reader_learns_from_few_drawings(quick: Reader) -> None:
    found = reading.examine(quick, 200, 40)
    assert found.drawings == 200
    assert found.accuracy > 0.95
    assert found.correlations["tilt"] > 0.8
    assert found.accepts.keys() == {*WAYS, "other doodles"}
    assert found.accepts["other doodles"] < 0.2
    assert float(np.mean(list(found.accepts.values()))) < 0.3
    assert quick.read(animals(4)).probabilities.sum(axis=1) == pytest.approx(1)


def test_an_examined_reader_is_compared_with_the_truth() -> None:
    class Blind(Reader):
        def read(self, sketches: Sequence[Sketch]) -> Reading:
            probabilities = np.eye(NONE + 1)[[0] * len(sketches)]
            values = np.random.default_rng(0).random((len(sketches), len(reading.FACTORS)))
            return Reading(probabilities, values)

    found = reading.examine(Blind(), 80, 6)
    assert found.accuracy == 0.25
    assert set(found.accepts.values()) == {1.0}
    assert abs(found.correlations["tilt"]) < 0.4
    assert found.errors["tilt"] == pytest.approx(np.sqrt(1 / 6), rel=0.2)  # of two uniform numbers


def test_training_a_reader_leaves_the_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    first, second = reading.train_reader(64, 1), reading.train_reader(64, 1)
    assert torch.equal(before, torch.random.get_rng_state())
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])


def keep(reader: Reader, folder: Path, **changes: Any) -> Path:
    recipe = {
        "recipe": reading.RECIPE,
        "count": reading.COUNT,
        "epochs": reading.EPOCHS,
        "seed": reading.TRAIN_SEED,
    }
    weights = {name: value.float() for name, value in reader.state_dict().items()}
    save_tensors(folder / reading.READER, weights, recipe | changes)
    return folder / reading.READER


def test_a_reader_is_trained_once(
    quick: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "train_reader", lambda: quick)
    reading.get_reader(tmp_path)  # writes it
    monkeypatch.delattr(reading, "train_reader")
    again = reading.get_reader(tmp_path)
    sketches = animals(8)
    np.testing.assert_array_equal(
        again.read(sketches).probabilities, quick.read(sketches).probabilities
    )


def test_a_reader_that_is_not_this_versions_is_refused(quick: Reader, tmp_path: Path) -> None:
    file = keep(quick, tmp_path, recipe=0)
    with pytest.raises(SketchRNNError, match="not the reader of this version; remove it"):
        reading.get_reader(tmp_path)
    file.write_bytes(b"nothing")
    with pytest.raises(SketchRNNError, match="damaged"):
        reading.get_reader(tmp_path)
    keep(quick, tmp_path)
    save_tensors(file, {"kind.weight": torch.zeros(2)}, load_tensors(file)[1])
    with pytest.raises(SketchRNNError, match=r"reader\.safetensors: damaged; remove it"):
        reading.get_reader(tmp_path)


# --- the whole ------------------------------------------------------------------------------------


def test_the_whole_report(
    quick: Reader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    keep(quick, tmp_path)
    monkeypatch.setattr(truth, "examine", lambda reader: GOOD_READER)
    monkeypatch.setattr(truth, "STEPS", 3)
    monkeypatch.setattr(truth, "load", lambda name, prior: tiny_model())
    words = ["reproduce", "truth", "tiny", "-o", str(tmp_path), "--cases", "2", "--force"]
    assert cli.main(words) == 0
    printed = capsys.readouterr().out
    report = truth.truth({"tiny": tiny_model()}, out=tmp_path, seed=0, cases=2)
    text = report.to_markdown()
    assert text == printed
    measured = report.models["tiny"]
    assert dict(measured.cells)["completions that keep all points"] == "2 of 2"
    for name in truth.ANALOGIES:  # a network that never learned draws nothing
        assert f"| {name} | 0 of 2 |" in text
    assert "99.00% of 100 unseen doodles" in text
    assert (tmp_path / "truth.md").read_text("utf-8") == text
    assert (tmp_path / "truth.svg").read_text("utf-8") == report.sheet().to_svg()
    ways = [*truth.CROSSINGS, *truth.FACTORS]
    assert len(report.sheet().rows) == len(truth.ANALOGIES) + len(ways) == 7
    assert [row.label for row in measured.rows] == [*truth.ANALOGIES, *ways]


def test_what_cannot_be_measured_is_said_in_one_line(
    quick: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(models: dict[str, Model], match: str, **options: Any) -> None:
        with pytest.raises(SketchRNNError, match=match) as caught:
            truth.truth(models, out=tmp_path, seed=0, **{"cases": 100} | options)
        assert "\n" not in str(caught.value)

    refused({"a": tiny_model()}, "cases must be at least 2, got 1", cases=1)
    refused({"a": tiny_model(conditional=False)}, "decoder-only")
    refused(
        {"a": tiny_model(classes=("cat_head", "pig_head"))},
        r"a: did not learn from doodles of cat_body, pig_body; .* doodles:20000:0:cat_head\+",
    )
    assert not list(tmp_path.iterdir())  # before anything is trained
    keep(quick, tmp_path)
    monkeypatch.setattr(truth, "examine", lambda reader: replace(GOOD_READER, accuracy=0.9))
    refused({"a": tiny_model()}, "reads 90.0% of unseen drawings right, and it takes 97%")
