"""`sketchrnn examples`: drawings to begin with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sketchrnn.api import load
from sketchrnn.data.doodles.examples import BUTTERFLIES, examples
from sketchrnn.data.formats import records
from sketchrnn.sketch import Sketch
from tiny import Shell, listing


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def test_the_drawings_are_always_the_same_and_all_different() -> None:
    drawn = examples()
    assert drawn == examples()
    assert len(set(drawn.values())) == len(drawn) == 20
    for name, sketch in drawn.items():
        assert name.endswith(".svg")
        assert max(sketch.size) == pytest.approx(70 if name.startswith("car-") else 255, abs=1)
        assert 5 < sketch.point_count < 250


def test_they_are_drawn_finely() -> None:
    """As with a pen, whose points lie close; what is unfinished may be short."""
    for name, sketch in examples().items():
        if "unfinished" not in name:
            assert max(map(len, sketch.polylines)) > 15, name


def test_they_are_written_as_they_are(tmp_path: Path, shell: Shell) -> None:
    assert shell("examples", tmp_path / "new" / "drawings") == 0
    folder = tmp_path / "new" / "drawings"
    assert f"wrote 20 of 20 drawings to {folder}: cat.svg, " in shell.out
    for name, sketch in examples().items():
        read = Sketch.load(folder / name)
        for line, expected in zip(read.polylines, sketch.polylines, strict=True):
            np.testing.assert_allclose(line, expected, rtol=0, atol=1e-3)
    own = list(records(folder / "butterflies"))
    assert {one.label for one in own} == {"butterflies"}
    assert len(own) == BUTTERFLIES


def test_what_is_there_stays(tmp_path: Path, shell: Shell) -> None:
    assert shell("examples", tmp_path) == 0
    (tmp_path / "mine.svg").write_text("mine", "utf-8")
    (tmp_path / "house.svg").unlink()
    before = listing(tmp_path)
    assert shell("examples", tmp_path) == 0
    assert "wrote 1 of 20 drawings" in shell.out
    after = listing(tmp_path)
    assert set(after) - set(before) == {str(tmp_path / "house.svg")}
    assert {name: after[name] for name in before} == before


def test_another_drawing_is_replaced_only_by_force(tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "pig.svg").write_text("my own pig", "utf-8")
    before = listing(tmp_path)
    assert shell("examples", tmp_path) == 2
    assert shell.err == (
        f"sketchrnn: error: {tmp_path}/pig.svg: is there, and is another drawing; name another"
        " folder, or replace it with --force\n"
    )
    assert listing(tmp_path) == before
    assert shell("examples", tmp_path, "--force") == 0
    assert Sketch.load(tmp_path / "pig.svg").point_count == examples()["pig.svg"].point_count


@pytest.mark.parametrize("place", ["file", "file/deeper", "taken"])
def test_where_it_cannot_be_written(place: str, tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "butterflies").write_text("", "utf-8")  # where a folder should be
    before = listing(tmp_path)
    assert shell("examples", tmp_path / place) == 2
    assert shell.err.count("\n") == 1
    assert shell.err.startswith(f"sketchrnn: error: {tmp_path / place}")
    assert set(listing(tmp_path)) == set(before)


def test_models_take_them() -> None:
    """The analogy of the documents: cat + (pig with body - pig) is a cat with a body."""
    drawn = examples()
    model = load("cat_pig")
    a, b, c = (model.fit(drawn[name]).sketch for name in ("pig.svg", "pig-body.svg", "cat.svg"))
    for sketch in (a, b, c):
        assert sketch.point_count - 1 <= model.N_max
    legs_and_tail = 5
    for one in model.analogy(a, b, c, n=3, temperature=0.1, seed=1):
        assert len(one.polylines) > len(c.polylines) + legs_and_tail - 3
        assert one.size[0] > one.size[1]  # it lies, where a head alone stands
