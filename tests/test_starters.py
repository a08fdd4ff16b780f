"""The models that come with the package: whole, small, described, and loaded by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import sketchrnn
from sketchrnn.cli import main
from sketchrnn.data.doodles import doodles
from sketchrnn.errors import SketchRNNError
from sketchrnn.model.prior import MARK
from sketchrnn.paper.reader import ANIMALS, examine, train_reader
from sketchrnn.paper.truth import (
    CROSSINGS,
    LEAST_ACCURACY,
    PROBABILITY_TOLERANCE,
    analogies,
    completions,
    ends,
    interpolation,
)
from sketchrnn.runs import BEST, CONFIG, STARTERS, find_run, starter_names
from sketchrnn.share.starters import ABOUT, CARD, SHEET, starter, starters

LIMIT_BYTES = 8_000_000  # of all together
NAMES = starter_names()


def test_what_there_is() -> None:
    every = [sketchrnn.load(name) for name in NAMES]
    conditional = [model for model in every if model.conditional]
    assert any(len(model.facts.classes) == 1 for model in conditional)
    assert any(set(model.facts.classes) == {"pig", "face"} for model in conditional)
    assert any(not model.conditional for model in every)
    assert "face" in NAMES
    assert sum(one.size_bytes for one in starters()) <= LIMIT_BYTES
    assert len({(STARTERS / name / BEST).read_bytes() for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_starter_is_whole(name: str) -> None:
    folder = STARTERS / name
    assert {path.name for path in folder.iterdir()} == {CONFIG, BEST, ABOUT, CARD, SHEET}
    weights = load_file(folder / BEST)
    assert {str(value.dtype) for value in weights.values()} == {"float16"}
    assert all(np.isfinite(value).all() for value in weights.values())
    data = json.loads((folder / CONFIG).read_text("utf-8"))["data"]
    assert data["sources"] == []  # whose paths would be those of somebody's machine
    one = starter(name)
    own = {part: value for part, value in weights.items() if not part.startswith(MARK)}
    assert one.about["weights"] == sum(value.size for value in own.values())
    assert (own.keys() < weights.keys()) == one.about["conditional"]  # a fitted prior
    assert one.about["counts"] == data["counts"]
    assert one.about["test"]["n"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_people_must_know(name: str) -> None:
    one = starter(name)
    test = one.about["test"]
    assert one.card.startswith(f"# {name}: ")
    for text in (
        *(
            "**Data**",
            "**Licence**",
            "**Recognised**",
            "**Weaknesses**",
            "Apache-2.0",
            f"({SHEET})",
        ),
        f"{one.about['counts']['train']:,} to train",
        f"{test['L_R']['mean']:.3f}",
        one.about["command"],
        one.about["weaknesses"],
    ):
        assert " ".join(text.split()) in " ".join(one.card.split())


@pytest.mark.parametrize("name", NAMES)
def test_a_starter_draws_the_same_with_and_without_torch(name: str) -> None:
    model = sketchrnn.load(name)
    drawn = model.generate(3, temperature=0.3, seed=5)
    live = sketchrnn.load_live(name).generate(3, temperature=0.3, seed=5)
    for one, other in zip(drawn, live, strict=True):
        assert len(one.polylines) == len(other.polylines)
        for a, b in zip(one.polylines, other.polylines, strict=True):
            np.testing.assert_allclose(a, b, atol=0.5)  # px; float32 sums in another order
    assert model.name == name
    assert model.facts.size is None or 100 < model.facts.size < 300


def test_arithmetic_and_ways_of_the_doodles_against_the_truth() -> None:
    """What docs/results.md states of 100 cases, with a reader that is measured first."""
    reader = train_reader(1_500, 4)
    assert examine(reader).accuracy >= LEAST_ACCURACY
    model = sketchrnn.load("cat_pig")
    name = "cat head + (pig with body - pig head)"
    sums = dict(analogies(model, reader, name, cases=60, seed=3).cells)
    assert share(sums[name]) >= 0.8
    for what in CROSSINGS:
        pairs = ends(what, 40, 3)
        way = dict(interpolation(model, reader, what, *pairs, PROBABILITY_TOLERANCE, 3).cells)
        # 0.8 and more of 100; fewer cases scatter more
        assert share(way[f"monotone from {what}"]) >= 0.7
    drawn = [one.sketch for one in doodles(12, 7, ANIMALS)]
    assert share(completions(model, drawn, seed=3)) == 1


def share(cell: str) -> float:
    """Of "3 of 4", 3/4."""
    hits, cases = cell.split(" of ")
    return int(hits) / int(cases)


def test_names_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_run("face") == STARTERS / "face"
    (tmp_path / "face").mkdir()  # a folder that is there comes first
    assert find_run("face") == Path("face")
    assert find_run("runs/face") == Path("runs/face")
    with pytest.raises(SketchRNNError, match="nor a starter model of that name"):
        sketchrnn.load("nobody")
    with pytest.raises(SketchRNNError, match="its best weights only"):
        sketchrnn.load("car", which="last")
    with pytest.raises(SketchRNNError, match=r"choose one of .*face"):
        starter("../starters/face")


def test_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()] == ["name", *NAMES]
    svg = Path("models.svg").read_text("utf-8")
    assert svg.count('class="sketch"') == 8 * len(NAMES)
    assert main(["models", "face"]) == 0
    assert capsys.readouterr().out == starter("face").card
    assert main(["models", "nobody"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
