"""Drawings without extent, or beyond all measure: drawn, or refused in one line; never a warning.

A warning of NumPy is an error here, as in all tests.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sketchrnn import Sketch, strokes
from sketchrnn.data.clean import boxed
from sketchrnn.errors import SketchRNNError
from tiny import Shell

TINY = {"strokes": [{"points": [[0, 0], [1e-320, 0], [0, 1e-320]]}]}  # 255 / 1e-320 is infinite


@pytest.fixture
def shell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Shell:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.json").write_text(json.dumps(TINY), "utf-8")
    return Shell(capsys)


@pytest.mark.parametrize(
    ("room", "side", "factor"),
    [
        (255.0, 51.0, 5.0),
        (255.0, 0.0, 1.0),
        (255.0, 1e-320, 1.0),
        (1e300, 1e-300, 1.0),
        (255.0, np.float64(1e-320), 1.0),
    ],
)
def test_filling(room: float, side: float, factor: float) -> None:
    assert strokes.filling(room, side) == factor


@pytest.mark.parametrize(
    "command",
    [
        "convert tiny.json -o a.svg --page a4",
        "convert tiny.json tiny.json -o a.png",
        "convert tiny.json -o a.pdf",
        "convert tiny.json -o a.npz",
    ],
)
def test_a_drawing_of_no_size_is_drawn(shell: Shell, command: str) -> None:
    assert shell(*command.split()) == 0


@pytest.mark.parametrize("options", ["", "--simplify 1", "--box", "--copies 2 --mirror --turn 9"])
def test_a_drawing_of_no_size_is_refused_or_prepared(shell: Shell, options: str) -> None:
    assert shell("data", "inspect", "tiny.json", *options.split()) == 2
    assert len(shell.err.splitlines()) == 1


def test_a_drawing_of_no_size_in_a_box() -> None:
    line = np.array([[0, 0], [1e-320, 0]])
    assert np.isfinite(boxed([line])).all()
    assert np.isfinite(Sketch.from_polylines([line]).fitted(9, 9).polylines[0]).all()


@pytest.mark.parametrize("value", [1.1e12, -1.1e12, 3e38])
def test_offsets_beyond_all_measure_are_refused(value: float) -> None:
    rows = np.array([[0, 1, 0], [value, 1, 1]], np.float32)
    with pytest.raises(SketchRNNError, match=r"row 1 has an offset over 1e\+12"):
        strokes.check_stroke3(rows)
    assert strokes.valid_rows(rows).tolist() == [True, False]


def test_a_data_file_with_such_offsets_is_refused(shell: Shell) -> None:
    drawings = np.empty(20, dtype=object)
    for number in range(20):
        drawings[number] = np.array([[3e38, -3e38, 0], [3e38, 3e38, 1]], np.float32)
    np.savez("far.npz", train=drawings, valid=drawings, test=drawings)
    for more in ("", "--copies 2 --stretch 0.1", "--box"):
        assert shell("data", "inspect", "far.npz", *more.split()) == 2
        assert "far.npz, train, drawing 0: row 0 has an offset over 1e+12" in shell.err
