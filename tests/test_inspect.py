"""`sketchrnn data inspect`: every figure against a count by hand, the sheet, the JSON."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sketchrnn.cli.verbs import data as verb
from sketchrnn.data.dataset import Dataset, Drawings
from sketchrnn.data.formats import read, sketches
from sketchrnn.data.inspect import preview, summarize
from sketchrnn.data.prepare import prepare
from sketchrnn.data.report import Change, Gallery
from sketchrnn.data.tables import counts_text, text_table
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures.changes import changes_sheet, in_order


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


def run(*arguments: object, word: str = "inspect") -> int:
    parser = argparse.ArgumentParser()
    verb.add_parser(parser.add_subparsers())
    return verb.run(parser.parse_args(["data", word, *map(str, arguments)]))


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


# --- what was done, and what would be done ------------------------------------------------------


def test_counts_are_told_in_words() -> None:
    counts = {"text": 2, "image": 1, "white shape without a line": 3, "reference to nothing": 2}
    assert counts_text(counts) == (
        "2 texts, 1 image, 3 white shapes without a line, 2 references to nothing"
    )
    assert counts_text({"reference to another file": 1, "file": 1_200}) == (
        "1 reference to another file, 1,200 files"
    )


def write_raw(path: Path) -> Path:
    """Five drawings of two pieces that nearly touch, and a speck."""
    lines = []
    for n in range(5):
        pieces = [[[0, 100 + n], [0, 9]], [[103 + n, 255], [9, 200]], [[0, 2], [200, 200]]]
        drawing = [[*piece, [0, 1]] for piece in pieces]
        lines.append(json.dumps({"word": "rod", "drawing": drawing}) + "\n")
    path.write_text("".join(lines))
    return path


def test_the_effects_of_a_file_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rods.sketches"
    effects = prepare([write_raw(tmp_path / "rod.ndjson")], path, join=4, min_stroke=5).effects
    assert run(path) == 0
    said = capsys.readouterr().out
    assert said == f"{summarize(read(path)).to_text()}\nwhat was done to them\n{effects.to_text()}"
    table = [line.split() for line in effects.to_text().splitlines()]
    assert table[0][:3] == ["step", "changed", "of"]
    assert table[1][:7] == ["join", "4", "px", "5", "5", "15", "10"]
    assert table[2][:7] == ["min-stroke", "5", "px", "5", "5", "10", "5"]
    assert run(path, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document == summarize(read(path)).to_json() | {"effects": [effects.to_json()]}


def test_options_are_tried_without_writing_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, sheet = write_raw(tmp_path / "rod.ndjson"), tmp_path / "sheet.svg"
    options = ["--join", 4, "--min-stroke", 5, "--copies", 2, "--turn", 20, "--valid", 1]
    assert run(source, *options, "--svg", sheet) == 0
    said = capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == [source, sheet]
    assert "join 4 px " in said
    assert "copies among the training drawings: 8 (copies=2, turn=20)" in said
    assert said.endswith(f"wrote {sheet}\n")
    document = sheet.read_text()
    for label in ("before", "after", "original", "copy 1", "copy 2"):
        assert f'aria-label="{label}"' in document
    assert document.count('aria-label="3 strokes,') + document.count('aria-label="1 stroke,') == 10
    # three strokes have two ways between them: one drawing of them each before, none after
    travels = re.findall(r'class="travel"[^>]* d="([^"]*)"', document)
    assert [data.count("M") for data in travels] == [2] * 5
    assert run(source, *options, "--json") == 0
    tried = json.loads(capsys.readouterr().out)
    assert tried["effects"][0]["copies"] == 8
    assert tried["counts"]["train"] == {"rod": 12}
    # as preparing does
    output = tmp_path / "rods.sketches"
    sheets = ["--sheet", tmp_path / "b.svg"]
    assert run(source, "-o", output, *sheets, *options, word="prepare") == 0
    assert (tmp_path / "b.svg").read_text() == document
    assert summarize(read(output)).counts == tried["counts"]


def test_the_sheet_shows_what_changed_most_and_what_was_left_out(tmp_path: Path) -> None:
    line = np.column_stack([np.arange(40.0), np.zeros(40)])
    gallery = Gallery()
    for amount in np.random.default_rng(0).permutation(60).tolist():
        gallery.offer(Change(float(amount), [line[: amount + 2]], [line[:2]]))
    assert [change.amount for change in gallery.changed] == list(range(59, 35, -1))
    gallery.left_out["longest"] = [[line]]
    sheet = changes_sheet(gallery.rows(), "x")
    assert sheet.row_labels == 3 * ["before", "after"] + ["left out: longest"]
    assert len(sheet.rows[0]) == 8
    assert sheet.colors[0][0] == ["#e8590c"]
    assert in_order(5)[-1] == "#1670d6"
    assert len(set(in_order(30))) == 30
    with pytest.raises(SketchRNNError, match="nothing to show"):
        changes_sheet(Gallery().rows(), "x")


def test_a_sheet_that_cannot_be_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = write_raw(tmp_path / "rod.ndjson"), tmp_path / "rods.sketches"
    for bad in ("sheet.txt", "-"):
        with pytest.raises(SketchRNNError):
            run(source, "-o", output, "--sheet", tmp_path / bad, word="prepare")
        assert not output.exists()
    # nothing to see is no mistake: the data file is what was asked for
    plain = tmp_path / "plain.ndjson"
    plain.write_text('{"word": "a", "drawing": [[[0, 255], [0, 3]]]}\n')
    sheet = tmp_path / "sheet.svg"
    options = ["--order", "--min-points", 1, "--sheet", sheet]
    assert run(plain, "-o", output, *options, word="prepare") == 0
    assert capsys.readouterr().out.endswith("no drawing was changed, left out or copied\n")
    assert output.exists()
    assert not sheet.exists()


def test_a_folder_is_inspected_as_it_would_be_prepared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pets"
    folder.mkdir()
    for n in range(4):
        drawing = {"strokes": [{"points": [[0, 0], [9, n], [30, 70]]}]}
        (folder / f"{n}.json").write_text(json.dumps(drawing))
    (folder / "bad.json").write_text("{")
    assert run(folder, "--svg", tmp_path / "sheet.svg") == 0
    captured = capsys.readouterr()
    assert captured.err.startswith(f"skipped {folder / 'bad.json'}")
    assert "\npets        4      0     0\n" in captured.out
    assert "files that could not be read, or not to their end: 1\n" in captured.out
    assert "before" not in (tmp_path / "sheet.svg").read_text()  # the set itself
