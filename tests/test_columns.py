"""How many drawings stand in a row: by default, on a page, and with --columns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sketchrnn.drawing.sheets import lines
from sketchrnn.figures.page import Paper
from sketchrnn.figures.sheet import SketchSheet, best_columns
from sketchrnn.sketch import Sketch
from tiny import Shell, write_ndjson

HAND = Sketch.from_polylines([[[7.0, 9.0], [7.2, 9.1], [7.5, 8.7]], [[7.1, 9.0], [7.1, 8.8]]])


def test_rows_are_full_and_drawings_large() -> None:
    of = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3, 7: 4, 8: 4, 9: 3, 10: 5, 12: 4, 13: 5, 16: 4, 17: 6}
    of |= {20: 5, 25: 5, 50: 10, 100: 10, 101: 13}
    assert {count: best_columns(count) for count in of} == of
    for count in range(3, 300):
        columns = best_columns(count)
        rows = -(-count // columns)
        assert count % columns == 0 or 2 * (count % columns) >= columns, count
        assert columns / 4 <= rows <= 2 * columns or count < 6, count
    assert best_columns(0) == 1


def test_a_page_has_its_own_shape() -> None:
    tall, wide = Paper("a4"), Paper("a4", landscape=True)
    assert [best_columns(10, paper.room_mm) for paper in (tall, wide)] == [2, 5]
    assert [best_columns(12, paper.room_mm) for paper in (tall, wide)] == [3, 4]
    assert best_columns(12, Paper("500x20mm", margin="1mm").room_mm) == 12
    # beside an input, and several rows of them
    assert best_columns(12, wide.room_mm, before=1) == 4
    assert best_columns(12, tall.room_mm, groups=2) == 4
    lefts = {round(lines[0].points[:, 0].min()) for lines in tall.place([HAND] * 10).drawings}
    assert len(lefts) == 2


def test_rows_that_stand_beside_something_are_broken_evenly() -> None:
    lengths = {n: [len(line) for line in lines(range(n), None)] for n in (0, 9, 10, 11, 25)}
    assert lengths == {0: [], 9: [9], 10: [10], 11: [6, 5], 25: [9, 9, 7]}
    assert [len(line) for line in lines(range(7), 3)] == [3, 3, 1]


@pytest.fixture
def shell(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.chdir(tmp_path)
    write_ndjson(tmp_path / "two.ndjson", 30)
    HAND.save("a.json")
    HAND.scaled(3).save("b.json")
    return Shell(capsys)


@pytest.mark.parametrize(
    ("line", "lengths"),
    [
        ("generate sun -n 5", [2, 2, 1]),
        ("generate sun -n 3 --temperature 0.1 0.5", [2, 1, 2, 1]),
        ("complete sun a.json --strokes 1 -n 3", [3, 2]),
        ("vary face a.json -n 3", [3, 2]),
        ("analogy face a.json b.json a.json -n 3", [5, 4]),
        ("interpolate face a.json b.json -n 3", [2, 2, 1]),
        ("reconstruct face a.json --temperature 0.1 0.2 0.3", [3, 2]),
        ("tidy face a.json", [3, 3, 2]),
        ("likelihood sun a.json b.json a.json", [2, 1]),
    ],
)
def test_columns_of_every_verb_with_a_sheet(shell: Shell, line: str, lengths: list[int]) -> None:
    assert shell(*line.split(), "--columns", "2", "-o", "sheet.json") == 0, shell.err
    document = json.loads(Path("sheet.json").read_text())
    assert [len(row) for row in document["rows"]] == lengths
    for columns in ("0", "-1"):
        assert shell(*line.split(), "--columns", columns, "-o", "other.svg") == 2
        assert shell.err == f"sketchrnn: error: --columns must be at least 1, got {columns}\n"
    assert shell(*line.split(), "--columns", "2", "-o", "other.ndjson") == 2
    assert "other.ndjson: is data, which has no columns: leave out --columns" in shell.err


def test_a_grid_has_its_own_columns(shell: Shell) -> None:
    for verb in ("vary", "interpolate"):
        line = f"{verb} face a.json b.json a.json --columns 3"
        assert shell(*line.split()) == 2
        assert "a grid between drawings has -n columns: leave out --columns" in shell.err


def test_temperatures_of_a_broken_row_are_below_the_drawings(shell: Shell) -> None:
    line = "reconstruct face a.json b.json --temperature 0.1 0.2 0.3 -o r.json --columns"
    assert shell(*line.split(), "2") == 0
    document = json.loads(Path("r.json").read_text())
    assert document["captions"] == [[None, "τ = 0.1", "τ = 0.2"], [None, "τ = 0.3"]] * 2
    assert document["column_labels"] == ["input", "", ""]
    assert shell(*line.split(), "3") == 0
    document = json.loads(Path("r.json").read_text())
    assert "captions" not in document
    assert document["column_labels"] == ["input", "τ = 0.1", "τ = 0.2", "τ = 0.3"]


def test_a_sheet_is_a_grid_by_default() -> None:
    assert [len(row) for row in SketchSheet.grid([HAND] * 10).rows] == [5, 5]
