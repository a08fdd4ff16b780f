"""`sketchrnn data inspect`: every figure against a count by hand, the sheet, the JSON."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sketchrnn.cli import data as verb
from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.data.formats import read, sketches
from sketchrnn.data.inspect import preview, summarize
from sketchrnn.data.tables import text_table
from sketchrnn.errors import SketchRNNError


def line(length: int, dx: int = 3, lifts: tuple[int, ...] = ()) -> np.ndarray:
    """A drawing of `length` rows that lifts the pen after the rows `lifts` and at its end."""
    rows = np.tile([dx, 1, 0], (length, 1))
    rows[[*lifts, length - 1], 2] = 1
    return rows


@pytest.fixture
def data() -> Dataset:
    return Dataset(
        Drawings.from_arrays([line(4), line(7, lifts=(2, 4)), line(5, dx=-9)], [0, 1, 1]),
        Drawings.from_arrays([line(30, dx=2000)], [0]),
        Drawings.from_arrays([line(2), line(6)], [1, 0]),
        ("cat", "dog"),
        epsilon=2.0,
        provenance=("by hand",),
        name="pets",
    )


def run(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    verb.add_parser(parser.add_subparsers())
    return verb.run(parser.parse_args(["data", "inspect", *map(str, arguments)]))


def test_every_figure(data: Dataset) -> None:
    expected_scale = np.concatenate([rows[:, :2] for rows in data.train]).std()
    summary = summarize(data).to_json()
    assert summary.pop("scale") == pytest.approx(expected_scale, rel=1e-6)
    assert summary.pop("lengths") == pytest.approx(
        {"min": 2, "median": 5.5, "mean": 54 / 6, "max": 30}
    )
    assert summary.pop("strokes") == pytest.approx({"min": 1, "median": 1, "mean": 8 / 6, "max": 3})
    assert summary == {
        "name": "pets",
        "counts": {
            "train": {"cat": 1, "dog": 2},
            "valid": {"cat": 1, "dog": 0},
            "test": {"cat": 1, "dog": 1},
        },
        "points": {"train": 16, "valid": 30, "test": 8},
        "bar_rows": 2,
        "bars": [1, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        "shortest": {"split": "test", "index": 0, "label": "dog", "length": 2},
        "median": {"split": "test", "index": 1, "label": "cat", "length": 6},
        "longest": {"split": "valid", "index": 0, "label": "cat", "length": 30},
        "N_max": 7,
        "epsilon": 2.0,
        "longer_than_training": {"train": 0, "valid": 1, "test": 0},
        "clamped": 30,
        "factors": {},
        "provenance": ["by hand"],
    }


def test_a_drawing_that_ends_on_the_paper_has_its_last_stroke() -> None:
    open_ended = np.array([[1, 1, 1], [2, 2, 0]])
    empty = Drawings.from_arrays([])
    data = Dataset(Drawings.from_arrays([open_ended, line(3)]), empty, empty, ("a",))
    assert (summarize(data).strokes.max, summarize(data).strokes.min) == (2, 1)


def test_the_text(data: Dataset) -> None:
    text = summarize(data).to_text()
    table = [row.split() for row in text.splitlines()[2:7]]
    assert table == [
        ["class", "train", "valid", "test"],
        ["cat", "1", "1", "1"],
        ["dog", "2", "0", "1"],
        ["together", "3", "1", "2"],
        ["points", "16", "30", "8"],
    ]
    assert "longest          30 points: valid 0 (cat)" in text
    assert "N_max              7 (the longest training drawing)" in text
    assert "longer than N_max  1 of valid" in text
    assert "outliers           30 offsets over 1000 px" in text
    assert "epsilon            2 px" in text
    histogram = text.splitlines()[-15:]
    assert histogram[2] == "  5-6  " + "#" * 50 + " 2"
    assert histogram[0] == "  1-2  " + "#" * 25 + " 1"
    assert histogram[4] == " 9-10   0"
    assert histogram[-1] == "29-30  " + "#" * 25 + " 1"


def test_factors_have_their_ranges(data: Dataset) -> None:
    def with_factors(split: Drawings, values: list[float]) -> Drawings:
        return replace(split, factors=np.array(values, np.float32).reshape(-1, 1))

    data = replace(
        data,
        train=with_factors(data.train, [1, 2, 3]),
        valid=with_factors(data.valid, [4]),
        test=with_factors(data.test, [5, 9]),
        factor_names=("ears",),
    )
    assert summarize(data).to_json()["factors"] == {
        "ears": {"min": 1, "median": 3.5, "mean": 4, "max": 9}
    }
    assert "factor ears" in summarize(data).to_text()


def test_the_preview_goes_from_the_shortest_to_the_longest() -> None:
    rng = np.random.default_rng(0)
    arrays = [line(int(length)) for length in rng.integers(1, 90, 300)]
    empty = Drawings.from_arrays([])
    one = Dataset(Drawings.from_arrays(arrays), empty, empty, ("a",))
    rows, labels = preview(one)
    assert labels is None
    assert [len(row) for row in rows] == [10] * 5
    lengths = [sketch.point_count - 1 for row in rows for sketch in row]
    assert lengths == sorted(lengths)
    assert (lengths[0], lengths[-1]) == (one.train.lengths.min(), one.train.lengths.max())
    labelled = np.array([0] * 297 + [2] * 3)
    several = replace(one, train=replace(one.train, labels=labelled), classes=("a", "b", "c"))
    rows, labels = preview(several)
    assert labels == ["a", "c"]
    assert [len(row) for row in rows] == [10, 3]
    assert rows[1][0].label == "c"


def test_an_empty_set(data: Dataset) -> None:
    with pytest.raises(SketchRNNError, match="no training drawings"):
        summarize(replace(data, train=Drawings.from_arrays([])))
    with pytest.raises(SketchRNNError, match="no training drawings"):
        preview(replace(data, train=Drawings.from_arrays([])))


def test_the_command(tmp_path: Path, data: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pets.sketches"
    sketches.write(data, path)
    assert run(path) == 0
    assert capsys.readouterr().out == summarize(read(path)).to_text()
    svg = tmp_path / "sheet.svg"
    assert run(path, "--json", "--svg", svg) == 0
    assert json.loads(capsys.readouterr().out) == summarize(read(path)).to_json()
    assert svg.read_text().count("<g ") > 1
    assert 'aria-label="dog"' in svg.read_text()


def test_real_file(shared: Path) -> None:
    summary = summarize(read(shared / "data/quickdraw/sketchrnn/sun.npz"))
    assert (summary.N_max, summary.lengths.median) == (247, 38)
    assert sum(summary.bars) == 7_612


def test_text_table() -> None:
    table = text_table(["name", "count"], [["a", 1234567], ["long name", 1]])
    assert table == "name           count\na          1,234,567\nlong name          1\n"
