"""`score`: what it counts, against counts written out here; and what it says of good and bad."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prdc import compute_prdc

from sketchrnn.api import Model, load
from sketchrnn.cli import main
from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.data.formats import npz
from sketchrnn.errors import SketchRNNError
from sketchrnn.judge.drawn import EACH_PART, drawn_by, drawn_elsewhere, first_half
from sketchrnn.judge.judges import both
from sketchrnn.judge.people import mixed, people_of
from sketchrnn.judge.reading import prepared
from sketchrnn.judge.run import score
from sketchrnn.sketch import Sketch
from sketchrnn.training.evaluate import measure

COUNTS = {"train": 30, "valid": 12, "test": 14}
LISTS = (
    *("recognised", "recognised_ratio", "top5", "precision", "recall", "density", "coverage"),
    *("kid", "novelty_ratio", "nearness_ratio"),
)


def as_drawings(sketches: list[Sketch], labels: list[int] | None = None) -> Drawings:
    return Drawings.from_arrays([sketch.to_stroke3() for sketch in sketches], labels)


def people(*names: str, counts: dict[str, int] = COUNTS) -> Dataset:
    """Drawings of starters in the place of people's, which are not in the package."""
    splits = {}
    for seed, (split, count) in enumerate(counts.items()):
        drawn: list[Sketch] = []
        labels: list[int] = []
        for label, name in enumerate(names):
            drawn += load(name).generate(count, temperature=0.25, seed=seed)
            labels += [label] * count
        splits[split] = as_drawings(drawn, labels)
    return Dataset(**splits, classes=names, source="people")


@pytest.fixture(scope="module")
def suns() -> Dataset:
    return people("sun")


@pytest.fixture(scope="module")
def sun() -> Model:
    return load("sun")


def test_every_figure_is_there_and_is_a_number(suns: Dataset, sun: Model) -> None:
    (found,) = score(sun, suns, temperature=0.25, n=20, seed=3)
    figures = found.figures
    assert figures["protocol"] == "1"
    assert [one["name"] for one in figures["judges"]] == ["picture", "strokes"]
    assert {len(one["sha256"]) for one in figures["judges"]} == {64}
    assert (figures["temperature"], figures["n"], figures["from"]) == (0.25, 20, "prior")
    assert list(figures["classes"]) == ["sun"]
    for part in (figures["all"], figures["human"], figures["classes"]["sun"]):
        for name in LISTS:
            assert len(part[name]) == 2
            none = [value is None for value in part[name]]
            assert none == [name == "nearness_ratio"] * 2
    assert json.loads(json.dumps(figures)) == figures


def test_the_counts_are_those_of_the_judges(suns: Dataset, sun: Model) -> None:
    drawn = sun.generate(20, temperature=0.25, seed=3)
    figures = score(sun, suns, temperature=0.25, n=20, seed=3)[0].figures
    unseen = [suns.sketch(split, i) for split in ("test", "valid") for i in range(COUNTS[split])]
    for number, judge in enumerate(both()):
        rates = {}
        for who, sketches in {"all": list(drawn), "human": unseen}.items():
            seen = judge.look([prepared(sketch) for sketch in sketches])
            best = [judge.classes[i] for i in seen.log_p.argmax(axis=1)]
            rates[who] = np.mean([name == "sun" for name in best])
            assert figures[who]["recognised"][number] == pytest.approx(rates[who])
        ratio = figures["all"]["recognised_ratio"][number]
        assert ratio == pytest.approx(rates["all"] / rates["human"])
        assert figures["human"]["recognised_ratio"][number] == 1


def test_quality_is_of_equally_many_drawings(suns: Dataset, sun: Model) -> None:
    """20 are drawn, and people's are 14 and 12: 12 of each are compared."""
    drawn = sun.generate(20, temperature=0.25, seed=3)
    figures = score(sun, suns, temperature=0.25, n=20, seed=3)[0].figures
    sides = {
        "reference": [suns.sketch("test", i) for i in mixed(14).tolist()[:12]],
        "human": [suns.sketch("valid", i) for i in range(12)],
        "all": drawn[:12],
    }
    for number, judge in enumerate(both()):
        features = {
            side: judge.look([prepared(one) for one in sketches]).features
            for side, sketches in sides.items()
        }
        for side in ("human", "all"):
            expected = compute_prdc(features["reference"], features[side], nearest_k=5)
            for name, value in expected.items():
                assert figures[side][name][number] == pytest.approx(value, abs=1e-3)


def test_nats_are_those_of_evaluate(suns: Dataset, sun: Model) -> None:
    found = measure(sun.network, suns.test, sun.facts.scale)
    assert found.L_KL is not None
    nats = found.nats_per_drawing + sun.z_size * found.L_KL
    figures = score(sun, suns, n=2)[0].figures["all"]["nats"]
    assert figures["mean"] == pytest.approx(nats.mean(), rel=1e-5)
    assert figures["stderr"] == pytest.approx(nats.std(ddof=1) / np.sqrt(14), rel=1e-4)


def test_the_same_seed_gives_the_same_figures_to_the_last_bit(suns: Dataset, sun: Model) -> None:
    first, again, other = (score(sun, suns, n=8, seed=seed)[0].figures for seed in (1, 1, 2))
    assert first == again
    assert first["all"]["kid"] != other["all"]["kid"]


def test_memorising_shows(suns: Dataset) -> None:
    learned = [suns.sketch("train", index) for index in range(20)]
    figures = score(learned, suns)[0].figures
    assert max(figures["all"]["novelty_ratio"]) < 1e-6
    # half of people's are nearer than the median, but for what the two splits are apart
    assert all(0.7 < ratio < 1.4 for ratio in figures["human"]["novelty_ratio"])


def test_scribbles_are_known_for_such(suns: Dataset) -> None:
    rng = np.random.default_rng(1)
    scribbles = [Sketch.from_polylines([rng.uniform(size=(40, 2))]) for _ in range(20)]
    (found,) = score(scribbles, suns)
    every, floor = found.figures["all"], found.figures["human"]
    assert found.figures["temperature"] is None
    for number in range(2):
        assert every["recognised"][number] < 0.2 < floor["recognised"][number]
        assert every["density"][number] < floor["density"][number]
        assert every["coverage"][number] < floor["coverage"][number]
        assert every["kid"][number] > 3 * abs(floor["kid"][number])
        assert every["novelty_ratio"][number] > 1.5


def test_drawings_of_many_classes_are_counted_class_by_class() -> None:
    both_kinds = people("sun", "car", counts={"train": 8, "valid": 7, "test": 7})
    drawn = [both_kinds.sketch("train", index) for index in range(12)]  # 8 suns and 4 cars
    figures = score(drawn, both_kinds)[0].figures
    classes = figures["classes"]
    assert {name: found["n"] for name, found in classes.items()} == {"sun": 8, "car": 4}
    for number in range(2):
        for name in ("recognised", "top5"):
            rates = [classes[one][name][number] for one in ("sun", "car")]
            assert figures["all"][name][number] == pytest.approx(np.average(rates, weights=[8, 4]))
    assert classes["car"]["precision"] == [None, None]  # four have no fifth neighbour
    assert figures["all"]["precision"] != [None, None]


def test_fewer_drawings_of_several_classes_are_compared_with_people_s_of_all() -> None:
    """20 drawn beside 40 of people's, suns and then cars: the 20 compared are not all suns."""
    both_kinds = people("sun", "car", counts={"train": 1, "valid": 20, "test": 20})
    drawn = [*load("sun").generate(10, temperature=0.25, seed=9)]
    drawn += load("car").generate(10, temperature=0.25, seed=9)
    (found,) = score([replace(one, label=None) for one in drawn], both_kinds)
    assert list(found.figures["classes"]) == ["sun or car"]
    every, floor = found.figures["all"], found.figures["human"]
    assert min(every["precision"]) > 0.8
    assert min(every["coverage"]) > 0.8
    assert max(every["kid"]) < 1 + max(floor["kid"])


def test_labels_that_are_not_known() -> None:
    both_kinds = people("sun", "car", counts={"train": 1, "valid": 2, "test": 2})
    groups = people_of(both_kinds)
    suns = [both_kinds.sketch("test", 0)] * 3
    (of_sun,) = drawn_elsewhere(suns, groups, "suns.json")
    assert of_sun.group.name == "sun"
    for label in (None, "my file"):
        (of_any,) = drawn_elsewhere([replace(one, label=label) for one in suns], groups, "x")
        assert of_any.group.name == "sun or car"
    several = [suns[0], replace(suns[0], label="moon")]
    with pytest.raises(SketchRNNError, match=r"suns.json: drawing 1 is of 'moon'.*sun, car"):
        drawn_elsewhere(several, groups, "suns.json")
    with pytest.raises(SketchRNNError, match=r"suns.json: drawing 1 is of 'moon'.*sun"):
        drawn_elsewhere(several, groups[:1], "suns.json")


def test_a_class_that_no_judge_knows_is_not_recognised_and_all_else_is_measured(
    suns: Dataset, sun: Model
) -> None:
    renamed = Dataset(suns.train, suns.valid, suns.test, classes=("wheels of fire",))
    (found,) = found_list = score(sun, renamed, n=9)
    assert found.figures["all"]["recognised"] == [None, None]
    assert found.figures["all"]["recognised_ratio"] == [None, None]
    assert None not in found.figures["all"]["kid"]
    assert found_list.sheet(3).rows  # ordered by how near they are to people's


def test_reconstructions_are_near_what_they_are_of(suns: Dataset, sun: Model) -> None:
    near, far = (
        score(model, suns, temperature=0.01, way="z", n=12)[0].figures["all"]["nearness_ratio"]
        for model in (sun, load("face"))
    )
    assert all(mine < 1 < other for mine, other in zip(near, far, strict=True))


def test_nats_of_drawings_that_are_all_too_long_are_none(suns: Dataset, sun: Model) -> None:
    rng = np.random.default_rng(1)
    long = Drawings.from_arrays([np.insert(rng.normal(size=(120, 2)), 2, 0, axis=1)] * 2)
    (found,) = score(sun, Dataset(suns.train, long, long, suns.classes), n=1)
    assert found.figures["all"]["nats"] is None


def test_what_z_is_drawn_from_is_told(suns: Dataset, sun: Model) -> None:
    normal = Model.load("sun", prior="normal")
    told = [score(drawer, suns, n=1)[0].figures["prior"] for drawer in (sun, normal, load("car"))]
    assert told == ["fitted", "normal", None]


def test_a_model_of_classes_that_the_data_lack(suns: Dataset) -> None:
    """Its faces would count as bad pigs."""
    pigs = replace(suns, classes=("pig",))
    with pytest.raises(SketchRNNError, match="people: has no drawings of face, which pig_face"):
        score(load("pig_face"), pigs, n=2)
    assert score(load("pig_face"), pigs, n=2, way="z")[0].figures["n"] == 2
    with pytest.raises(SketchRNNError, match="no drawings of pig, face, which pig_face"):
        score(load("pig_face"), suns, n=2, way="z")


def test_z_of_a_decoder_only_model_is_refused_before_anything_is_read() -> None:
    for way in ("z", "posterior"):
        with pytest.raises(SketchRNNError, match="decoder-only"):
            score(load("car"), "not there.npz", way=way)


def test_names_that_are_plain_the_same_are_one_class(suns: Dataset) -> None:
    two = Dataset.merge([suns, replace(suns, classes=("_Sun",))])
    (group,) = people_of(two)
    assert group.names == ("sun",)
    assert [len(group.reference), len(group.others), len(group.train)] == [28, 24, 60]


def test_the_aggregate_posterior_is_of_training_drawings(suns: Dataset, sun: Model) -> None:
    (group,) = people_of(suns)
    (drawn,) = drawn_by(sun, [group], "posterior", 30, temperature=0.01, seed=1)
    assert drawn.inputs is None
    mu_nZ, sigma_nZ = sun.posterior(group.train)
    z_nZ = sun.encode(drawn.sketches)
    nearest = np.linalg.norm(z_nZ[:, None] - mu_nZ, axis=2).min(axis=1)
    assert np.median(nearest) < np.linalg.norm(sigma_nZ, axis=1).mean()
    again = drawn_by(sun, [group], "posterior", 30, temperature=0.01, seed=1)[0]
    assert list(again.sketches) == list(drawn.sketches)
    with pytest.raises(SketchRNNError, match="decoder-only"):
        drawn_by(load("car"), [group], "posterior", 3, temperature=0.3, seed=1)


def test_completions_begin_with_the_first_half(suns: Dataset, sun: Model) -> None:
    (group,) = people_of(suns)
    (drawn,) = drawn_by(sun, [group], "parts", 23, temperature=0.3, seed=1)
    assert len(drawn.sketches) == 23
    assert drawn.inputs is not None
    assert len(set(drawn.inputs)) == -(-23 // EACH_PART)
    for sketch, index in zip(drawn.sketches, drawn.inputs, strict=True):
        part = first_half(group.others[index])
        points = np.concatenate(sketch.polylines)[: part.point_count]
        np.testing.assert_allclose(points, np.concatenate(part.polylines))
        assert part.point_count == max(-(-group.others[index].point_count // 2), 2)


def test_the_reference_is_of_the_split_and_the_others_are_not_among_it(suns: Dataset) -> None:
    (test,), (valid,) = people_of(suns), people_of(suns, "valid")
    assert list(test.reference) == list(valid.others)
    assert list(test.others) == list(valid.reference)
    assert [len(test.reference), len(test.others), len(test.train)] == [14, 12, 30]
    only_test = Dataset(suns.train, suns.valid.select([]), suns.test, suns.classes)
    (dealt,) = people_of(only_test)
    assert list(dealt.reference) == list(test.reference)[::2]
    assert list(dealt.others) == list(test.reference)[1::2]


@pytest.mark.parametrize(
    ("split", "classes", "message"),
    [
        ("train", None, "has not seen: 'train' is not valid or test"),
        ("test", ["moon"], "people: has no drawings of moon"),
    ],
)
def test_what_cannot_be_compared_with(
    suns: Dataset, split: str, classes: list[str] | None, message: str
) -> None:
    with pytest.raises(SketchRNNError, match=message):
        people_of(suns, split, classes)


def test_without_unseen_drawings_there_is_no_score(suns: Dataset, sun: Model) -> None:
    with pytest.raises(SketchRNNError, match="mine: has no drawings to score"):
        score([], suns, where="mine")
    empty = suns.test.select([])
    with pytest.raises(SketchRNNError, match="no class has two unseen drawings"):
        score([suns.sketch("train", 0)], Dataset(suns.train, empty, empty, suns.classes))
    with pytest.raises(SketchRNNError, match="fewer than two unseen drawings of sun"):
        score(sun, Dataset(suns.train, empty, empty, suns.classes))


def test_the_command(
    tmp_path: Path,
    suns: Dataset,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sun").mkdir()
    for number in range(9):
        suns.sketch("train", number).save(f"sun/{number}.svg")
    drawn = ((split, suns.sketch(split, i)) for split in COUNTS for i in range(COUNTS[split]))
    npz.write("sun.npz", drawn)
    command = ["score", "sun", "sun.npz", "-n", "12", "--temperature", "0.2", "0.4"]
    (tmp_path / "sun").rename(tmp_path / "drawn")
    assert main([*command, "-o", "score.svg"]) == 0
    table = capsys.readouterr().out
    assert table.count("prior, τ = 0.2") == table.count("prior, τ = 0.4") == 2
    assert "nats a drawing" in table
    assert (tmp_path / "score.svg").read_text(encoding="utf-8").count("<path") > 40
    assert main([*command, "--json", "--from", "prior", "z"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["from"], one["temperature"]) for one in found] == [
        ("prior", 0.2),
        ("prior", 0.4),
        ("z", 0.2),
        ("z", 0.4),
    ]
    assert main(["score", "drawn", "sun.npz", "--json", "-o", "drawn.json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["from"] == "file"
    assert "drawn is labelled drawn; its drawings are judged as sun" in said.err
    assert main(["score", "face", "sun.npz", "-n", "1"]) == 0
    assert "face learned face; its drawings are judged as sun" in capsys.readouterr().err
    assert main(["score", "moon", "sun.npz"]) == 2
    assert "no such run folder, nor a starter model" in capsys.readouterr().err
    assert main(["score", "sun", "sun.npz", "--json", "-o", "-"]) == 2
