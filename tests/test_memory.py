"""What would take more memory than there is, is refused in one line, or written as it comes."""

from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import sketchrnn
from sketchrnn import memory
from sketchrnn.data.formats import records
from sketchrnn.drawing import base, coder
from sketchrnn.errors import SketchRNNError
from sketchrnn.figures import sheet
from sketchrnn.sketch import Sketch
from tiny import Shell, write_ndjson

HAND = Sketch.from_polylines([[[7.0, 9.0], [7.2, 9.1], [7.5, 8.7]], [[7.1, 9.0], [7.1, 8.8]]])


@pytest.fixture
def shell(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.chdir(tmp_path)
    HAND.save("a.json")
    HAND.scaled(3).save("b.json")
    return Shell(capsys)


def test_without_a_system_that_says_it_there_is_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sysconf")  # as on Windows
    monkeypatch.setattr(Path, "read_text", lambda *_: "")
    memory.check_room(10**9, 10**6, "drawings", "draw fewer")


def test_half_of_what_is_free() -> None:
    assert 1 << 24 < memory.room_bytes() < 1 << 44
    memory.check_room(1, 1, "drawings", "draw fewer")
    with pytest.raises(
        SketchRNNError,
        match=r"^10,000,000,000,000 drawings take about 10 TB of memory, and [0-9,]+ fit in what is"
        " free here; draw fewer$",
    ):
        memory.check_room(10**13, 1, "drawings", "draw fewer")


@pytest.mark.parametrize(
    "line",
    [
        "generate sun -n N",
        "generate sun -n N -o a.png",
        "generate sun -n N -o a.npz",
        "generate sun -n N --each each",
        "vary face a.json -n N",
        "vary face a.json b.json a.json -n M",
        "interpolate face a.json b.json -n N",
        "interpolate face a.json b.json a.json -n M",
        "analogy face a.json b.json a.json -n N",
        "complete sun a.json --strokes 1 -n N",
        "tidy face a.json -n N",
        "reproduce suppl3 --model sun -n N",
        "reproduce fig8 --model face --data a.json -n N",
        "evaluate face doodles:N",
        "train doodles:N -o run",
        "data inspect doodles:N",
        "data inspect doodles:20 --copies N --turn 5",
        "data prepare doodles:20 --copies N --turn 5 -o a.sketches",
        "reproduce truth cat_pig -o out --cases N",
    ],
)
def test_every_count_is_bounded(shell: Shell, line: str) -> None:
    begun = time.monotonic()
    typed = line.replace("N", "100000000000").replace("M", "1000000")
    assert shell(*typed.split()) == 2
    assert shell.err.count("\n") == 1
    assert re.search(r"take about [0-9,]+ TB of memory, and [0-9,]+ fit in what is free", shell.err)
    assert time.monotonic() - begun < 20
    assert sorted(path.name for path in Path().iterdir()) == ["a.json", "b.json"]


def test_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SketchRNNError, match="draw fewer at a time"):
        sketchrnn.load_live("sun").generate(10**11)


def test_a_picture_of_a_data_file_is_bounded(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ndjson(Path("many.ndjson"), 100)
    monkeypatch.setattr("sketchrnn.cli.output.room_bytes", lambda: 300_000)
    assert shell("convert", "many.ndjson", "-o", "a.svg") == 2
    found = re.search(r"a.svg: more than (\d+) drawings, and .* give -n (\d+), or write", shell.err)
    assert found is not None
    assert found[1] == found[2]
    assert shell("convert", "many.ndjson", "-o", "a.svg", "-n", found[1]) == 0
    assert shell("convert", "many.ndjson", "-o", "b.svg", "-n", str(int(found[1]) + 1)) == 2
    assert shell("convert", "many.ndjson", "-o", "all.ndjson") == 0  # streams


def test_generate_streams_data(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same drawings, in parts, without ever more than one part in memory."""
    line = "generate sun -n 7 --temperature 0.1 0.4 --seed 3"
    assert shell(*line.split(), "-o", "sheet.json") == 0
    rows = json.loads(Path("sheet.json").read_text())["rows"]
    every = [Sketch.from_json(one) for row in rows for one in row]
    monkeypatch.setattr(base, "PART", 3)
    monkeypatch.setattr(memory, "room_bytes", lambda: 0)
    assert shell(*line.split(), "-o", "a.ndjson", "--each", "each", "--as", "json") == 0
    assert shell.err.splitlines() == [
        "wrote 14 drawings to each", "14 drawings", "wrote a.ndjson, seed 3"
    ]  # fmt: skip
    assert len(list(records("a.ndjson"))) == 14
    files = sorted(Path("each").iterdir())
    assert [Sketch.load(file) for file in files] == every


def test_drawing_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model = sketchrnn.load("face")
    given = model.generate(1, seed=1)[0]
    part = Sketch(given.polylines[:1])
    drawn: list[int] = []

    def every() -> list[list[Sketch]]:
        return [
            model.generate(7, seed=3),
            model.vary(given, 7, seed=3),
            model.interpolate(given, given.scaled(1.2), 7, seed=3),
            [one.sketch for one in model.complete(part, 7, seed=3)],
        ]

    whole = every()
    monkeypatch.setattr(coder, "PART", 3)
    model.progress = drawn.append
    for ours, theirs in zip(every(), whole, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert one.point_count == other.point_count
            for a, b in zip(one.polylines, other.polylines, strict=True):
                np.testing.assert_allclose(a, b, atol=1e-2)
    assert drawn == [3, 3, 1] * 4


def test_a_large_sheet_as_a_png_has_fewer_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "MOST_PIXELS", 100_000)
    for columns in (1, 6, 36):
        png = sketchrnn.SketchSheet.grid([HAND] * 36, columns).to_png()
        width, height = Image.open(io.BytesIO(png)).size
        assert 50_000 < width * height < 110_000


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_on_a_terminal_above_some_size(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(
        "rich.console.Console",
        lambda **_: Console(file=screen, force_terminal=terminal, width=100, _environ={}),
    )
    assert shell(*["generate", "sun", "-n", "3", "-o", "few.svg"]) == 0
    assert screen.getvalue() == ""
    monkeypatch.setattr("sketchrnn.cli.output.SHOWN_FROM", 3)
    for line in ("generate sun -n 3 -o a.ndjson", "vary face a.json -n 3 -o b.svg"):
        assert shell(*line.split()) == 0
        assert ("3/3" in screen.getvalue()) == terminal
        assert bool(screen.getvalue()) == terminal
